//! Things that are counted, and the kinds of failure.

use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A thing that is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Counter { $($(#[$doc])* $variant,)* }

        impl Counter {
            /// Every counter.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name in files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

counters! {
    /// Requests whose due stamp lies in the measure window.
    Scheduled => "scheduled",
    /// Requests of those that were sent.
    Sent => "sent",
    /// Requests of those that were answered well.
    Answered => "answered",
    /// Polls of those that brought nothing.
    EmptyPolls => "empty_polls",
    /// Deliveries by polls whose event was published before the poll that brought it was sent: it had waited for
    /// the consumer to ask again.
    DelayedDeliveries => "delayed",
    /// Answers of those that said that nothing had changed (304).
    NotModified => "not_modified",
    /// Deliveries received in the whole life of the links, warm-up and drain too.
    Received => "received",
    /// Those of them that were received in the measure window.
    WindowReceived => "window_received",
    /// Attempts to open a connection, failed ones too, by links that stand or stood: the first of each, and whatever
    /// followed.
    Dials => "dials",
    /// Links that stood again after they had ended without being asked to.
    Reconnects => "reconnects",
    /// Links that left on purpose and were followed by a new connection.
    Churned => "churned",
    /// Events that links were told they had missed.
    Skipped => "skipped",
    /// Of the lost: those of links that read slowly on purpose.
    LostSlow => "lost_slow",
    /// Times that the target acted upon a link that lagged too far behind.
    SlowActions => "slow_actions",
    /// Connections opened over the whole trial.
    Connections => "connections",
    /// TLS handshakes of links over the whole trial.
    TlsHandshakes => "tls_handshakes",
    /// Those of them that resumed a session.
    TlsResumed => "tls_resumed",
    /// Requests that were refused before their link stood, each of which was tried again.
    RefusedSetUps => "refused_set_ups",
    /// Bytes at IP level that open connections carried in the measure window, both ways.
    WindowWireBytes => "window_wire_bytes",
    /// TCP segments of those bytes.
    WindowWireSegments => "window_wire_segments",
    /// Of those: bytes that the target sent.
    WindowWireSent => "window_wire_sent",
    /// Bytes at IP level that open connections carried in the idle phase, both ways.
    IdleWireBytes => "idle_wire_bytes",
    /// Bytes at IP level that opened the links, both ways: dial, handshakes, subscription or first poll.
    OpeningWireBytes => "opening_wire_bytes",
    /// Exchanges of the window that keep a link or look for news whether there is any or not: heartbeats, pings, holds that
    /// ran out, polls by the clock.
    Upkeeps => "upkeeps",
    /// Those of the idle phase.
    IdleUpkeeps => "idle_upkeeps",
    /// Events whose due stamp lies in the measure window that were published, by the target or by clients.
    Published => "published",
    /// Events of those that clients were to send.
    SendsDue => "sends_due",
    /// Those of them that were sent at least once.
    SendsSent => "sends_sent",
    /// Those of them whose client was told that they are published.
    SendsAcknowledged => "sends_acknowledged",
    /// Times that a client sent one again, as no answer to it had come.
    SendsRepeated => "sends_repeated",
    /// Samples above the histogram's highest value, recorded as that value.
    Saturated => "saturated",
    /// Deliveries whose received stamp is before their due stamp: the clocks or the stamps lie.
    NegativeFreshness => "negative_freshness",
    /// CPU time of the window in nanoseconds that shards spun away before deadlines, with nothing else to do.
    SpunNs => "spun_ns",
    /// Webhook attempts that were not acknowledged and were tried again.
    Retries => "retries",
    /// Events given up by the target after the last retry, or fallen out of its log.
    DeadLetters => "dead_letters",
    /// Webhook attempts that the target made, first and repeated ones, whatever came of them.
    Attempts => "attempts",
    /// Webhook attempts that brought what their receiver had taken before, by their `webhook-id`.
    DuplicateAttempts => "duplicate_attempts",
    /// Webhook attempts that a receiver failed because its scenario told it to.
    RefusedAttempts => "refused_attempts",
    /// Webhook endpoints that the target disabled: answered 410, or failing for too long.
    EndpointsDisabled => "endpoints_disabled",
    /// Failures to connect.
    ErrorConnect => "error_connect",
    /// Time-outs.
    ErrorTimeout => "error_timeout",
    /// Links closed by the peer before their time.
    ErrorClosed => "error_closed",
    /// Answers with an unexpected status.
    ErrorStatus => "error_status",
    /// Answers, frames or events that could not be understood.
    ErrorProtocol => "error_protocol",
    /// Webhook deliveries with a wrong or stale signature.
    ErrorSignature => "error_signature",
    /// Requests that were refused with 429, or 503: come again later.
    ErrorRefused => "error_refused",
    /// CPU time of the threads that watch the machine's health, in nanoseconds: no part of any cost.
    MeterCpu => "meter_cpu_ns",
    /// Time that the hypervisor took from this host's cores while it was watched, in nanoseconds.
    Steal => "steal_ns",
    /// Time over which [`Counter::Steal`] was watched, times cores, in nanoseconds; 0 where nobody could tell.
    StealWatched => "steal_watched_ns",
    /// Time that a CPU quota held this process back, summed over cores, in nanoseconds.
    Throttled => "throttled_ns",
    /// Time over which [`Counter::Throttled`] was watched, in nanoseconds; 0 where nobody could tell.
    ThrottledWatched => "throttled_watched_ns",
    /// Time that the process's tasks were runnable and waited for a core, in nanoseconds.
    RunDelay => "run_delay_ns",
    /// Time over which [`Counter::RunDelay`] was watched, times shards, in nanoseconds; 0 where nobody could tell.
    RunDelayWatched => "run_delay_watched_ns",
}

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// Connecting failed.
    Connect,
    /// No answer in time.
    Timeout,
    /// The peer closed the link.
    Closed,
    /// An unexpected status.
    Status,
    /// The answer could not be understood.
    Protocol,
    /// A wrong or stale signature.
    Signature,
    /// Refused with 429, or 503: come again later.
    Refused,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Timeout,
        Self::Closed,
        Self::Status,
        Self::Protocol,
        Self::Signature,
        Self::Refused,
    ];

    /// The counter of this kind.
    pub const fn counter(self) -> Counter {
        match self {
            Self::Connect => Counter::ErrorConnect,
            Self::Timeout => Counter::ErrorTimeout,
            Self::Closed => Counter::ErrorClosed,
            Self::Status => Counter::ErrorStatus,
            Self::Protocol => Counter::ErrorProtocol,
            Self::Signature => Counter::ErrorSignature,
            Self::Refused => Counter::ErrorRefused,
        }
    }
}

/// One count for each [`Counter`]; adding is merging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "std::collections::BTreeMap<String, u64>",
    into = "std::collections::BTreeMap<String, u64>"
)]
pub struct Counters([u64; Counter::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; Counter::ALL.len()])
    }
}

impl Counters {
    /// The count of `counter`.
    #[inline]
    pub const fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    /// Adds `n` to `counter`.
    #[inline]
    pub const fn add(&mut self, counter: Counter, n: u64) {
        // A stranger's nonsense, such as a gap up to 2^64, is to stay at the end of the range.
        self.0[counter as usize] = self.0[counter as usize].saturating_add(n);
    }

    /// `part` ÷ `watched`, two counters of nanoseconds; `None` where nobody watched, which is not 0.
    pub fn share(&self, part: Counter, watched: Counter) -> Option<f64> {
        let watched_ns = self.get(watched);
        (watched_ns > 0).then(|| self.get(part) as f64 / watched_ns as f64)
    }

    /// Failures of every kind.
    pub fn errors(&self) -> u64 {
        ErrorKind::ALL.iter().map(|kind| self.get(kind.counter())).sum()
    }

    /// Adds every count of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

impl From<std::collections::BTreeMap<String, u64>> for Counters {
    /// Names that this version does not know are left out.
    fn from(map: std::collections::BTreeMap<String, u64>) -> Self {
        let mut counters = Self::default();
        for counter in Counter::ALL {
            counters.add(counter, map.get(counter.name()).copied().unwrap_or(0));
        }
        counters
    }
}

impl From<Counters> for std::collections::BTreeMap<String, u64> {
    fn from(counters: Counters) -> Self {
        let named = Counter::ALL.iter().map(|c| (c.name().to_owned(), counters.get(*c)));
        named.filter(|(_, count)| *count > 0).collect()
    }
}
