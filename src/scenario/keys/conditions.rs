//! The tables of what clients meet beside load: `[reconnect]`, `[restart]`, `[consumers]`, `[network]`.

use super::Kind::{Bandwidth, Boolean, Count, Share, Size, Span, Words};
use super::{ANY, Form, Of, SOME, Section, key};
use crate::pace::Network;
use crate::scenario::read::words_of;
use crate::scenario::{Consumers, Reconnect, Restart, RestartLog};

/// `[reconnect]`
#[rustfmt::skip]
pub(super) static RECONNECT: Section = Section {
    name: "reconnect",
    about: "How clients come back.",
    of: Of::Traits(|t| t.subscribes),
    swept: true,
    form: Form::of::<Reconnect>(),
    keys: &[
        key("backoff", Span(SOME))
            .says("Upper bound of the first wait before a reconnect; doubles with each further one."),
        key("max", Span(ANY))
            .says("Largest bound."),
        key("jitter", Boolean)
            .says("Whether a wait is uniform between 0 and its bound (full jitter), or equal to it (the control)."),
        key("silence", Count(1..=1_000)).rule("must be between 1 and 1000 heartbeats")
            .says("A stream or WebSocket that receives nothing for this many heartbeats or pings is closed and reopened."),
        key("timeout", Span(SOME)).literally("\"30s\"")
            .says("Longest wait for a stream or a WebSocket to open, handshake and steps included."),
    ],
};

/// `[restart]`
#[rustfmt::skip]
pub(super) static RESTART: Section = Section {
    name: "restart",
    about: "The target is stopped, and a new one starts.",
    of: Of::Traits(|t| t.delivers),
    swept: true,
    form: Form::of::<Restart>(),
    keys: &[
        key("at", Span(ANY)).required("required in `[restart]`", "at = \"3s\" in [restart], from the start of the window")
            .says("When the target is stopped, from the start of the window. Without the table, it is not stopped."),
        key("down", Span(ANY))
            .says("Time until the new target starts, on the same port."),
        key("log", Words(words_of::<RestartLog>)).built_in("your server keeps its events as it does; remove it")
            .says("Whether the new target has the earlier events, as if from a disk, or only their sequence numbers. Events \
                   due during the outage are published late in both cases. With `webhook.outbox = \"durable\"` the new \
                   target reads the outbox from disk, and `\"lost\"` is an error."),
        key("graceful", Boolean)
            .says("Whether it shuts down gracefully: close code 1001, streams ended, polls answered."),
    ],
};

/// `[consumers]`
#[rustfmt::skip]
pub(super) static CONSUMERS: Section = Section {
    name: "consumers",
    about: "Clients that read slowly.",
    of: Of::Traits(|t| t.streams),
    swept: true,
    form: Form::of::<Consumers>(),
    keys: &[
        key("slow_share", Share(0.0..=1.0))
            .says("Share of the clients that read slowly."),
        key("pause", Span(ANY))
            .says("Their pause after each read."),
        key("receive_buffer", Size(1 << 10..=64 << 20))
            .says("Their receive buffer in the kernel, small enough not to hide the lag."),
    ],
};

/// `[network]`
#[rustfmt::skip]
pub(super) static NETWORK: Section = Section {
    name: "network",
    about: "An emulated network between the clients and the target.",
    of: Of::Traits(|_| true),
    swept: true,
    form: Form::of::<Network>(),
    keys: &[
        key("latency", Span(ANY))
            .says("One-way delay of each packet; a round trip is twice that. At most `\"1s\"` including jitter; two round \
                   trips must fit into `phases.drain`, and one into every time-out."),
        key("jitter", Span(ANY))
            .says("Largest random addition, uniform; packets do not overtake each other."),
        key("bandwidth", Bandwidth(1_000..=100_000_000_000)).usually("no limit")
            .says("Rate in each direction: `\"64kbit/s\"`, `\"10Mbit/s\"`. Beyond the data in flight, 64 KiB and the \
                   kernel's buffers, data waits at the sender."),
        key("loss", Share(0.0..=0.2)).rule("must be between 0 and 0.2, such as 0.01 for one packet in 100")
            .says("Share of packets that are lost and retransmitted after a time-out (a round trip plus 200 ms, doubled for \
                   each further loss; one second when opening a connection). Packets behind them wait, because TCP delivers \
                   in order. Fast retransmit is not emulated: it needs three more packets in flight, which events rarely \
                   have. Wire bytes exclude retransmissions."),
    ],
};
