//! The closed set of things whose distribution is kept.

use serde::{Deserialize, Serialize};

/// A measured quantity with a distribution, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// received − due of a delivery: how old the news is on arrival.
    Freshness,
    /// received − published of a delivery: the pattern's own share of freshness.
    Transit,
    /// done − due of a request.
    Response,
    /// done − sent of a request.
    Service,
    /// sent − due of a request: what the generator itself added.
    Slip,
    /// Dial to ready of a link.
    Connect,
    /// acknowledged − due of an event that a client published.
    Send,
    /// sent − due of such an event: what the generator itself added.
    SendSlip,
    /// How long a long poll was held before its answer.
    Hold,
    /// published − due of an event at the target: the publisher's own lateness.
    PublishSlip,
    /// fired − due of a request: waiting for its link to be free, and for the timer to wake.
    Fired,
    /// sent − fired of a request: waiting for the shard, and writing it down.
    Dispatch,
    /// first byte of the answer − sent: the way there and back, and the target.
    FirstByte,
    /// done − first byte of the answer.
    Reading,
    /// written − published of a delivery, at the target: until the kernel has taken the event's last byte.
    Written,
    /// Writing an item, or a page of items, in its encoding, at the target.
    Encode,
    /// Reading an item, or a patch, from its encoding, at the target.
    Decode,
    /// Freshness at the links that a scenario lets be, where it makes a share of them read slowly or fail.
    FreshnessHealthy,
    /// Freshness at the links that it troubles.
    FreshnessAffected,
    /// Stands again − noticed its end, of a link that ended without being asked to.
    Reconnect,
    /// First stands again − the target was taken down, of every link, in a trial with a restart.
    Recovery,
    /// How late a 1 ms tick woke a thread of a worker: what machine and scheduler added to anything timed there.
    Hiccup,
    /// The same in the target's process.
    TargetHiccup,
    /// acknowledged − written of a webhook attempt, at the target: the way there and back, and the receiver.
    Acknowledge,
    /// done − received of a webhook receiver's work on an event, acknowledged before it.
    Work,
    /// From the end of a receiver's outage until everything due before it had arrived there.
    CatchUp,
    /// A TLS handshake of a link, over the trial's whole life; TCP's own is not in it.
    TlsHandshake,
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Self; 27] = [
        Self::Freshness,
        Self::Transit,
        Self::Response,
        Self::Service,
        Self::Slip,
        Self::Connect,
        Self::Send,
        Self::SendSlip,
        Self::Hold,
        Self::PublishSlip,
        Self::Fired,
        Self::Dispatch,
        Self::FirstByte,
        Self::Reading,
        Self::Written,
        Self::Encode,
        Self::Decode,
        Self::FreshnessHealthy,
        Self::FreshnessAffected,
        Self::Reconnect,
        Self::Recovery,
        Self::Hiccup,
        Self::TargetHiccup,
        Self::Acknowledge,
        Self::Work,
        Self::CatchUp,
        Self::TlsHandshake,
    ];

    /// The name in columns and tags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Freshness => "freshness",
            Self::Transit => "transit",
            Self::Response => "response",
            Self::Service => "service",
            Self::Slip => "slip",
            Self::Connect => "connect",
            Self::Send => "send",
            Self::SendSlip => "send_slip",
            Self::Hold => "hold",
            Self::PublishSlip => "publish_slip",
            Self::Fired => "fired",
            Self::Dispatch => "dispatch",
            Self::FirstByte => "first_byte",
            Self::Reading => "reading",
            Self::Written => "written",
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::FreshnessHealthy => "freshness_healthy",
            Self::FreshnessAffected => "freshness_affected",
            Self::Reconnect => "reconnect",
            Self::Recovery => "recovery",
            Self::Hiccup => "hiccup",
            Self::TargetHiccup => "target_hiccup",
            Self::Acknowledge => "acknowledge",
            Self::Work => "work",
            Self::CatchUp => "catch_up",
            Self::TlsHandshake => "tls_handshake",
        }
    }

    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}
