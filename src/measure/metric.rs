//! The closed set of things whose distribution is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a sample waits for. If it never comes, the sample is censored: it lies above all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// Nothing: every sample ends by itself.
    Nothing,
    /// The arrival of an event.
    Deliveries,
    /// The answer to a request of `request`.
    Answers,
    /// The acknowledgement of an event that a client published.
    Acknowledgements,
}

/// Makes the enum and its names from one list, in the order of reports.
macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $awaits:ident;)*) => {
        /// A measured quantity with a distribution, in nanoseconds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Metric { $($(#[$doc])* $variant,)* }

        impl Metric {
            /// Every metric, in the order of reports.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            /// The name in columns and tags.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns what a sample of this metric waits for.
            pub const fn awaits(self) -> Awaits {
                match self { $(Self::$variant => Awaits::$awaits,)* }
            }
        }
    };
}

metrics! {
    /// received − due of a delivery: how old the event is on arrival.
    Freshness = "freshness", Deliveries;
    /// received − published of a delivery: the pattern's own share of freshness.
    Transit = "transit", Deliveries;
    /// done − due of a request.
    Response = "response", Answers;
    /// done − sent of a request.
    Service = "service", Answers;
    /// sent − due of a request: the generator's own delay.
    Slip = "slip", Nothing;
    /// Dial to ready of a link.
    Connect = "connect", Nothing;
    /// acknowledged − due of an event that a client published.
    Send = "send", Acknowledgements;
    /// sent − due of such an event: the generator's own delay.
    SendSlip = "send_slip", Nothing;
    /// How long a long poll was held before its answer.
    Hold = "hold", Nothing;
    /// published − due of an event at the target: the publisher's own lateness.
    PublishSlip = "publish_slip", Nothing;
    /// fired − due of a request: waiting for its link and for the timer.
    Fired = "fired", Nothing;
    /// sent − fired of a request: waiting for the shard, and encoding.
    Dispatch = "dispatch", Nothing;
    /// first byte of the answer − sent: the way there and back, and the target.
    FirstByte = "first_byte", Nothing;
    /// done − first byte of the answer.
    Reading = "reading", Nothing;
    /// written − published of a delivery, at the target: until the kernel has taken the event's last byte.
    Written = "written", Nothing;
    /// Writing an item, or a page of items, in its encoding, at the target.
    Encode = "encode", Nothing;
    /// Reading an item, or a patch, from its encoding, at the target.
    Decode = "decode", Nothing;
    /// Freshness at the links that a scenario leaves healthy, if it makes a share of them read slowly or fail.
    FreshnessHealthy = "freshness_healthy", Nothing;
    /// Freshness at the links that it troubles.
    FreshnessAffected = "freshness_affected", Nothing;
    /// From noticing its end to reopening, of a link that ended unexpectedly.
    Reconnect = "reconnect", Nothing;
    /// From the target's end to a link's reconnection, of every link, in a trial with a restart.
    Recovery = "recovery", Nothing;
    /// How late a tick woke a thread of a worker that only sleeps, 100 per second: the delay that machine and scheduler add to anything timed there.
    Hiccup = "hiccup", Nothing;
    /// The same in the target's process.
    TargetHiccup = "target_hiccup", Nothing;
    /// acknowledged − written of a webhook attempt, at the target: the way there and back, and the receiver.
    Acknowledge = "acknowledge", Nothing;
    /// done − received of a webhook receiver's work on an event, acknowledged before it.
    Work = "work", Nothing;
    /// From the end of a receiver's outage until everything due before it has arrived.
    CatchUp = "catch_up", Nothing;
    /// From one message to the next of a client that only listens.
    MessageGap = "message_gap", Nothing;
    /// received − stamp of a message, by the wall clocks of whoever made it and of this host.
    StampAge = "stamp_age", Nothing;
    /// A TLS handshake of a link, over the trial's whole life, without TCP's own.
    TlsHandshake = "tls_handshake", Nothing;
}

impl Metric {
    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}
