//! The tables of the patterns, but for `[webhook]`.

use super::Kind::{Boolean, Count, Rate, Share, Span, Table, Words};
use super::{ANY, Form, Key, Of, SOME, Section, key};
use crate::pace::{ArrivalProcess, PollPace};
use crate::scenario::check::{LONGEST, MOST_SHARE};
use crate::scenario::read::words_of;
use crate::scenario::{
    Connection, Format, LongPollOptions, LoopKind, PatternKind, RequestOptions, ShortPollOptions,
    SlowConsumer, SseOptions, WebSocketOptions,
};

/// Why another server has no such option.
pub(super) const SERVER: &str =
    "it configures the built-in server; configure your own server itself, and remove it";
/// Why another server has no items.
const ITEMS: &str =
    "it is of the built-in server's items; describe your server's calls in [[target.request]]";

/// `[request]`
#[rustfmt::skip]
pub(super) static REQUEST: Section = Section {
    name: "request",
    about: "Create, read, change, delete and list items.",
    of: Of::Pattern(PatternKind::Request),
    swept: true,
    form: Form::of::<RequestOptions>(),
    keys: &[
        key("loop", Words(words_of::<LoopKind>))
            .says("Open: requests follow a schedule, independent of responses. Closed: a client sends its next request \
                   after a response, so a stalled server also stalls the load, and percentiles miss the stall (coordinated \
                   omission): see *Closed loops* in [METHODOLOGY.md](../METHODOLOGY.md)."),
        key("think", Span(0..=LONGEST.ns())).usually("none").checked_later()
            .says("In a closed loop: time from a response to the client's next request; exponential with this mean if \
                   `arrivals` is `\"poisson\"`, else fixed."),
        key("rate", Rate).usually("one a second for each client")
            .says("Requests per second **over all clients**. Not in a closed loop, where responses set the rate."),
        key("arrivals", Words(words_of::<ArrivalProcess>))
            .says("Arrival process of each client's requests; no bursts in a closed loop."),
        key("mix", Table(MIX)).literally("{ read = 1 }").envelope(ITEMS)
            .says("Shares of the operations; only their proportions count. Operations not named have no share."),
        key("format", Words(words_of::<Format>)).envelope(ITEMS)
            .says("The encoding of items in both directions."),
        key("conditional", Boolean).envelope(ITEMS)
            .says("Reads and heads send `If-None-Match` with the item's last entity tag, and accept 304 as a response \
                   (column `not_modified`)."),
        key("timeout", Span(SOME))
            .says("Time-out of a request."),
        key("connection", Words(words_of::<Connection>))
            .says("`\"per-request\"`: a new TCP connection and TLS handshake per request; both count in its response time. \
                   `\"websocket\"`: one WebSocket per client (`GET /calls`), with a text message per request and per \
                   response."),
        key("retry_after", Boolean)
            .says("Whether a client that gets 429 or 503 waits for as long as `Retry-After` asks, and up to half of it more, \
                   before its next request. `false` keeps the schedule, as load generators do: refusals are counted, and the \
                   next request leaves when it is due."),
        key("requests", Count(SOME)).usually("none: the window has its length")
            .says("Requests of the window **over all clients**: it ends when all have been answered, or failed, and after \
                   `phases.measure` at the latest. In an open loop each client sends its share; in a closed loop, whoever is free \
                   sends the next."),
    ],
};

#[rustfmt::skip]
static MIX: &[Key] = &[
        key("create", Count(0..=MOST_SHARE)).literally("0").checked_later()
            .says("`POST /items`."),
        key("read", Count(0..=MOST_SHARE)).literally("0").checked_later()
            .says("`GET /items/{id}`."),
        key("head", Count(0..=MOST_SHARE)).literally("0").checked_later()
            .says("`HEAD /items/{id}`."),
        key("replace", Count(0..=MOST_SHARE)).literally("0").checked_later()
            .says("`PUT /items/{id}`."),
        key("patch", Count(0..=MOST_SHARE)).literally("0").checked_later()
            .says("`PATCH /items/{id}`, a JSON merge patch (also with XML, which has no merge patch)."),
        key("delete", Count(0..=MOST_SHARE)).literally("0").checked_later()
            .says("`DELETE /items/{id}`, of an item created for it."),
        key("list", Count(0..=MOST_SHARE)).literally("0").checked_later()
            .says("`GET /items?limit=20`."),
    ];

/// `[short-poll]`
#[rustfmt::skip]
pub(super) static SHORT_POLL: Section = Section {
    name: "short-poll",
    about: "Polling at intervals.",
    of: Of::Pattern(PatternKind::ShortPoll),
    swept: true,
    form: Form::of::<ShortPollOptions>(),
    keys: &[
        key("interval", Span(SOME))
            .says("Time between polls of a client."),
        key("limit", Count(SOME)).sent_as("limit")
            .says("Most events in one response. The events due per interval must not exceed it."),
        key("synchronised", Boolean)
            .says("All clients poll at the same time, instead of at random phases."),
        key("pace", Words(words_of::<PollPace>))
            .says("Start of the interval: the due time of the previous poll, or the end of its response."),
        key("jitter", Share(0.0..=1.0)).rule("must be a share of the interval between 0 and 1")
            .says("Each wait is interval × (1 + U), with U uniform from −jitter to +jitter."),
        key("conditional", Boolean).envelope("the dialect says whether polls are conditional; write etag = true in [target.short-poll]")
            .says("Polls send the entity tag of the last response (`If-None-Match`); without new events the response is 304 \
                   without a body."),
        key("cache", Boolean).literally("false")
            .says("Clients keep a response for as long as its header fields say (`Cache-Control: max-age`, else `Expires` \
                   less `Date`; less `Age`), like a browser: a poll in that time is answered by what was kept, and nothing \
                   is sent."),
        key("timeout", Span(SOME))
            .says("Time-out of a poll."),
    ],
};

/// `[long-poll]`
#[rustfmt::skip]
pub(super) static LONG_POLL: Section = Section {
    name: "long-poll",
    about: "Polls that wait for an event.",
    of: Of::Pattern(PatternKind::LongPoll),
    swept: true,
    form: Form::of::<LongPollOptions>(),
    keys: &[
        key("wait", Span(SOME)).sent_as("hold_ms")
            .says("Longest wait of a poll."),
        key("gap", Span(ANY))
            .says("Time from a response to the next poll, for a consumer that processes events first. The events due in it \
                   must be fewer than `limit`."),
        key("limit", Count(SOME)).sent_as("limit")
            .says("Most events in one response."),
        key("coalesce", Span(ANY)).built_in(SERVER)
            .says("How long a response waits for more events after the first."),
    ],
};

/// `[sse]`
#[rustfmt::skip]
pub(super) static SSE: Section = Section {
    name: "sse",
    about: "Server-sent events.",
    of: Of::Pattern(PatternKind::Sse),
    swept: true,
    form: Form::of::<SseOptions>(),
    keys: &[
        key("heartbeat", Span(SOME)).built_in("your server decides how often it sends a heartbeat; say so in target.sse.heartbeat")
            .says("Time between comment lines on a quiet stream."),
        key("retry", Span(ANY)).built_in("your server sends `retry:` itself; remove it")
            .says("Shortest wait before a reconnect that the stream asks for (`retry:`), in addition to the back-off."),
        key("slow_consumer", Words(words_of::<SlowConsumer>)).built_in(SERVER)
            .says("Policy for a client that lags by more than its queue: end the stream, which the client resumes from its \
                   cursor; drop the oldest events beyond the queue; drop all but the newest. Dropped events are reported \
                   (`event: gap`) and lost."),
        key("queue", Count(SOME)).usually("the ring").built_in(SERVER)
            .says("Events that a client may lag behind its topic. At most `target.builtin.ring`."),
    ],
};

/// `[websocket]`
#[rustfmt::skip]
pub(super) static WEBSOCKET: Section = Section {
    name: "websocket",
    about: "A WebSocket for each client.",
    of: Of::Pattern(PatternKind::WebSocket),
    swept: true,
    form: Form::of::<WebSocketOptions>(),
    keys: &[
        key("ping", Span(SOME)).built_in("your server decides how often it pings; say so in target.websocket.heartbeat")
            .says("Time between pings of the target."),
        key("pong_timeout", Span(SOME)).built_in(SERVER)
            .says("A client that neither answers a ping nor reads for this long is disconnected; one with a full buffer, \
                   after `target.builtin.write_timeout`."),
        key("slow_consumer", Words(words_of::<SlowConsumer>)).built_in(SERVER)
            .says("As `sse.slow_consumer`: a close with 1013 and the cursor to resume from, or a text message \
                   `{\"gap\":{\"from\":18,\"to\":40}}`."),
        key("queue", Count(SOME)).usually("the ring").built_in(SERVER)
            .says("Events that a client may lag behind its topic. At most `target.builtin.ring`."),
    ],
};
