//! Things that are counted.

use serde::{Deserialize, Serialize};

use super::ErrorKind;

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
    /// Requests due in the measure window.
    Scheduled => "scheduled",
    /// Requests of those that were sent.
    Sent => "sent",
    /// Requests of those that were answered well.
    Answered => "answered",
    /// Requests of those that failed.
    Failed => "failed",
    /// Requests of those that were under way when the trial ended: neither answered nor failed.
    Unfinished => "unfinished",
    /// Polls of the window beside those: each at once after a page that was full.
    FollowingPolls => "following_polls",
    /// Polls of those that brought nothing.
    EmptyPolls => "empty_polls",
    /// Deliveries by polls of events that were published before the poll was sent: they waited for the next poll.
    DelayedDeliveries => "delayed",
    /// Answers without changes (304).
    NotModified => "not_modified",
    /// Deliveries received in the whole life of the links, warm-up and drain too.
    Received => "received",
    /// Those of them that were received in the measure window.
    WindowReceived => "window_received",
    /// Messages that clients received in the measure window, where they only listen.
    Messages => "messages",
    /// Bytes of those messages, without framing.
    MessageBytes => "message_bytes",
    /// Messages without a stamp where the dialect expects one, or with one that is no number.
    StampsMissing => "stamps_missing",
    /// Messages whose stamp lay ahead of this host's wall clock.
    StampsAhead => "stamps_ahead",
    /// Attempts to open a connection by links of the trial, including failed ones and reconnections.
    Dials => "dials",
    /// Links that reconnected after an unplanned end.
    Reconnects => "reconnects",
    /// Links that left on purpose and were followed by a new connection.
    Churned => "churned",
    /// Events that links were notified of as missed.
    Skipped => "skipped",
    /// Lost deliveries of links that read slowly on purpose.
    LostSlow => "lost_slow",
    /// Times that the target acted upon a link that lagged too far behind.
    SlowActions => "slow_actions",
    /// Connections opened over the whole trial.
    Connections => "connections",
    /// Connections of those that carried a single request of a dialect's steps, beside those that links keep.
    StepConnections => "step_connections",
    /// TLS handshakes of links over the whole trial.
    TlsHandshakes => "tls_handshakes",
    /// Handshakes that resumed a session.
    TlsResumed => "tls_resumed",
    /// Requests refused before their link was open; each was tried again.
    RefusedSetUps => "refused_set_ups",
    /// Bytes at IP level that open connections carried in the measure window, both ways.
    WindowWireBytes => "window_wire_bytes",
    /// TCP segments of those bytes.
    WindowWireSegments => "window_wire_segments",
    /// Of those: bytes that the target sent.
    WindowWireSent => "window_wire_sent",
    /// Of those: payload of TCP, without headers and repetitions.
    WindowPayloadSent => "window_payload_sent",
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
    /// Events that clients were due to send.
    SendsDue => "sends_due",
    /// Due events that were sent at least once.
    SendsSent => "sends_sent",
    /// Due events whose publication was acknowledged to the client.
    SendsAcknowledged => "sends_acknowledged",
    /// Events that a client sent again without an answer.
    SendsRepeated => "sends_repeated",
    /// Arrivals of events of an earlier trial, or of another run against the same server.
    Foreign => "foreign_events",
    /// Tokens of events that arrived with a wrong check, or cut short.
    Damaged => "damaged_tokens",
    /// Messages in which no event was recognised although one was expected.
    Unrecognised => "unrecognised_messages",
    /// Arrivals of events that were due before their client's subscription was confirmed.
    Replayed => "replayed",
    /// Further arrivals of events in pages that repeat: no duplicates.
    Repeated => "repeated",
    /// Events due in the measure window that the server refused to publish.
    PublishesRefused => "publishes_refused",
    /// Events due in the measure window whose publishing was not answered, and that nobody received.
    PublishesUnknown => "publishes_unknown",
    /// Messages and webhook deliveries that the dialect ignores: they carry no event.
    Ignored => "ignored",
    /// Samples above the histogram's highest value, recorded as that value.
    Saturated => "saturated",
    /// Deliveries received before they were due: clocks or stamps are wrong.
    NegativeFreshness => "negative_freshness",
    /// CPU time of the window in nanoseconds that shards spun away before deadlines, with nothing else to do.
    SpunNs => "spun_ns",
    /// Webhook attempts that were not acknowledged and were tried again.
    Retries => "retries",
    /// Events given up by the target after the last retry, or fallen out of its log.
    DeadLetters => "dead_letters",
    /// Webhook attempts by the target, first and repeated, successful or not.
    Attempts => "attempts",
    /// Webhook attempts with a `webhook-id` that their receiver already had.
    DuplicateAttempts => "duplicate_attempts",
    /// Webhook attempts that a receiver failed because its scenario says so.
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
    /// Requests refused with 429 or 503.
    ErrorRefused => "error_refused",
    /// Of the failures to connect: no route to the address, or no answer from it.
    ErrorUnreachable => "error_unreachable",
    /// Of the failures to connect: no TLS between client and server.
    ErrorTls => "error_tls",
    /// Of the failures to connect: the server's certificate was not accepted.
    ErrorCertificate => "error_certificate",
    /// Of the time-outs: answers that had begun and did not end.
    ErrorEndless => "error_endless",
    /// Of the closed links: those that ended in the middle of an answer.
    ErrorTruncated => "error_truncated",
    /// Of the closed links: connections and streams that the peer reset.
    ErrorReset => "error_reset",
    /// Of the closed links: WebSockets that the server closed with the code of an error.
    ErrorCloseCode => "error_close_code",
    /// Of the unexpected statuses: redirects, which are not followed.
    ErrorRedirect => "error_redirect",
    /// Of the unexpected statuses: 401, 403 and 407.
    ErrorDenied => "error_denied",
    /// Of the unexpected statuses: 404 and 410.
    ErrorNotFound => "error_not_found",
    /// Of the unexpected statuses: 405.
    ErrorNotAllowed => "error_not_allowed",
    /// Of the unexpected statuses: 413, 414 and 431.
    ErrorTooLarge => "error_too_large",
    /// Of the unexpected statuses: 5xx, other than 503.
    ErrorServer => "error_server_error",
    /// Of what could not be understood: heads, bodies and messages beyond what is taken.
    ErrorOversized => "error_oversized",
    /// Of what could not be understood: content codings that were not asked for, or are damaged.
    ErrorEncoding => "error_encoding",
    /// Of what could not be understood: frames that break the protocol.
    ErrorFrame => "error_frame",
    /// CPU time of the threads that watch the machine's health, in nanoseconds: no part of any cost.
    MeterCpu => "meter_cpu_ns",
    /// How often the main thread of a worker woke from the start of the load to its end.
    CoordinatorWakeUps => "coordinator_wake_ups",
    /// Time that the hypervisor took from this host's cores while it was watched, in nanoseconds.
    Steal => "steal_ns",
    /// Time over which [`Counter::Steal`] was watched, times cores, in nanoseconds; 0 if unknown.
    StealWatched => "steal_watched_ns",
    /// Time that a CPU quota held this process back, summed over cores, in nanoseconds.
    Throttled => "throttled_ns",
    /// Time over which [`Counter::Throttled`] was watched, in nanoseconds; 0 if unknown.
    ThrottledWatched => "throttled_watched_ns",
    /// Time that the process's tasks were runnable and waited for a core, in nanoseconds.
    RunDelay => "run_delay_ns",
    /// Time over which [`Counter::RunDelay`] was watched, times shards, in nanoseconds; 0 if unknown.
    RunDelayWatched => "run_delay_watched_ns",
}

/// One count per [`Counter`]; merging adds.
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
        // An absurd value from a peer, such as a gap up to 2^64, saturates.
        self.0[counter as usize] = self.0[counter as usize].saturating_add(n);
    }

    /// Returns `part` ÷ `watched`, two counters of nanoseconds; `None` (not 0) if it was not watched.
    pub fn share(&self, part: Counter, watched: Counter) -> Option<f64> {
        let watched_ns = self.get(watched);
        (watched_ns > 0).then(|| self.get(part) as f64 / watched_ns as f64)
    }

    /// Failures of every kind, each once.
    pub fn errors(&self) -> u64 {
        let whole = ErrorKind::ALL.iter().filter(|kind| kind.whole().is_none());
        whole.map(|kind| self.get(kind.counter())).sum()
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
