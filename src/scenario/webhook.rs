//! The options of `webhook` beyond the plain ones: how its outbox is kept, how its receivers behave.

use serde::{Deserialize, Serialize};

use super::WebhookOptions;
use super::error::{InvalidKey, require};
use crate::unit::Span;

/// Where the target keeps events until their endpoints have acknowledged them.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outbox {
    /// In the topics' logs: it ends with the process.
    #[default]
    Memory,
    /// On disk, synced before an event is visible or acknowledged: it survives a killed target.
    Durable,
}

impl Outbox {
    /// The name in scenarios, columns and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Durable => "durable",
        }
    }
}

/// How the target connects to an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallbackConnection {
    /// Connections are kept and used again.
    #[default]
    KeepAlive,
    /// Every attempt opens a connection of its own.
    PerAttempt,
}

/// How a receiver is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Down {
    /// Nothing listens: connecting fails, and what was connected is cut.
    #[default]
    Refuse,
    /// Connections are taken, and nothing is answered.
    Hang,
}

/// The attempts that a receiver's share of failures is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailOf {
    /// All of them, each by a draw of its own.
    #[default]
    Attempts,
    /// Those that are the first of their delivery, as evenly spread as the share allows; what is tried again is taken.
    FirstAttempts,
}

/// What the status of a failure may be.
pub(super) const FAILURES: &str =
    "a failure is between 300 and 599, and not the 410 that ends deliveries; write 500, 503 or 429";

/// How receivers behave. The default is good behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReceiverOptions {
    /// Time that a receiver works on each event, one after the other, after it has acknowledged it.
    #[serde(skip_serializing_if = "is_default")]
    pub work: Span,
    /// Time that an affected receiver takes to answer …
    #[serde(skip_serializing_if = "is_default")]
    pub slow: Span,
    /// … this share of its attempts.
    #[serde(skip_serializing_if = "is_one")]
    pub slow_share: f64,
    /// The longest such time, up to which it is uniform from `slow`; `slow` itself if it is less.
    #[serde(skip_serializing_if = "is_default")]
    pub slow_max: Span,
    /// Share of its attempts that an affected receiver answers with `fail_status`.
    #[serde(skip_serializing_if = "is_default")]
    pub fail: f64,
    /// Which attempts that is a share of.
    #[serde(skip_serializing_if = "is_default")]
    pub fail_of: FailOf,
    /// The status of failure.
    #[serde(skip_serializing_if = "is_500")]
    pub fail_status: u16,
    /// What it then says in `Retry-After`, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// When affected receivers go down, from the window's start …
    #[serde(skip_serializing_if = "is_default")]
    pub down_at: Span,
    /// … and for how long; 0 for never.
    #[serde(skip_serializing_if = "is_default")]
    pub down_for: Span,
    /// How they are down.
    #[serde(skip_serializing_if = "is_default")]
    pub down: Down,
    /// Share of the receivers that `slow`, `fail` and `down` apply to.
    #[serde(skip_serializing_if = "is_one")]
    pub affected: f64,
}

impl Default for ReceiverOptions {
    fn default() -> Self {
        Self {
            work: Span::default(),
            slow: Span::default(),
            slow_share: 1.0,
            slow_max: Span::default(),
            fail: 0.0,
            fail_of: FailOf::Attempts,
            fail_status: 500,
            retry_after: None,
            down_at: Span::default(),
            down_for: Span::default(),
            down: Down::Refuse,
            affected: 1.0,
        }
    }
}

impl ReceiverOptions {
    /// Whether link number `index` is one of the affected: they are spread evenly.
    pub fn affects(&self, index: u64) -> bool {
        let upto = |n: u64| (n as f64 * self.affected).floor();
        upto(index + 1) > upto(index)
    }

    /// Whether figures of affected and other endpoints are to be told apart.
    pub fn splits(&self) -> bool {
        self.affected < 1.0
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(share: &f64) -> bool {
    (share - 1.0).abs() < f64::EPSILON
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_500(status: &u16) -> bool {
    *status == 500
}

impl Default for WebhookOptions {
    /// Those of a scenario that says nothing.
    fn default() -> Self {
        Self {
            timeout: Span::from_secs(15),
            attempts: 4,
            backoff: Span::from_ms(500),
            backoff_max: Span::from_secs(3600),
            concurrency: 1,
            rate: None,
            connection: CallbackConnection::KeepAlive,
            batch: 1,
            linger: Span::default(),
            outbox: Outbox::Memory,
            disable_after: None,
            receiver: ReceiverOptions::default(),
        }
    }
}

/// Checks what can be carried out.
pub(super) fn check(options: &WebhookOptions) -> Result<(), InvalidKey> {
    let WebhookOptions { attempts, backoff, backoff_max, .. } = *options;
    if attempts > 1 {
        positive("webhook.backoff", backoff)?;
        require(backoff <= backoff_max, "webhook.backoff_max", || {
            format!(
                "webhook.backoff_max = {backoff_max}: it bounds webhook.backoff = {backoff}, which doubles; \
                 raise it"
            )
        })?;
    }
    if let Some(rate) = options.rate {
        require(rate.per_s() > 0.0, "webhook.rate", || {
            format!("webhook.rate = {rate}: would never call an endpoint; raise it, or remove it")
        })?;
    }
    require(options.batch > 1 || options.linger.ns() == 0, "webhook.linger", || {
        "webhook.linger: has no effect without webhook.batch; write batch = 10, or remove linger"
            .to_owned()
    })?;
    check_receiver(&options.receiver)
}

fn check_receiver(options: &ReceiverOptions) -> Result<(), InvalidKey> {
    require(options.fail_status != 410, "webhook.receiver.fail_status", || {
        format!("webhook.receiver.fail_status = {}: {FAILURES}", options.fail_status)
    })?;
    let ReceiverOptions { slow, slow_max, fail, fail_of, .. } = *options;
    require(slow_max.ns() == 0 || slow_max >= slow, "webhook.receiver.slow_max", || {
        format!("webhook.receiver.slow_max = {slow_max}: is less than slow = {slow}; raise it")
    })?;
    require(slow_max.ns() == 0 || slow.ns() > 0, "webhook.receiver.slow_max", || {
        "webhook.receiver.slow_max: requires slow, the shortest such response time; write slow = \"1ms\", or \
             remove slow_max"
                .to_owned()
    })?;
    require(fail_of == FailOf::Attempts || fail > 0.0, "webhook.receiver.fail_of", || {
        "webhook.receiver.fail_of: has no effect without fail; write fail = 0.1, or remove fail_of"
            .to_owned()
    })?;
    require(
        options.down_at.ns() == 0 || options.down_for.ns() > 0,
        "webhook.receiver.down_at",
        || {
            "webhook.receiver.down_at: requires down_for; write down_for = \"5s\", or remove down_at"
                .to_owned()
        },
    )
}

fn positive(key: &str, span: Span) -> Result<(), InvalidKey> {
    require(span.ns() > 0, key, || format!("{key} = {span}: must be greater than 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_affected_are_as_many_as_the_share_says_and_spread() {
        for (share, clients, expected) in
            [(0.1, 100, 10), (1.0, 7, 7), (0.0, 50, 0), (0.25, 8, 2), (0.5, 3, 1)]
        {
            let options = ReceiverOptions { affected: share, ..ReceiverOptions::default() };
            let affected: Vec<u64> = (0..clients).filter(|i| options.affects(*i)).collect();
            assert_eq!(affected.len(), expected, "{share} of {clients}");
            assert!(affected.windows(2).all(|pair| pair[1] - pair[0] >= (1.0 / share) as u64));
        }
    }

    fn parse(options: &str) -> Result<crate::scenario::Scenario, String> {
        let text = format!(
            "question = \"?\"\npatterns = [\"webhook\"]\n[workload]\nclients = 4\nrate = \"5/s\"\n[webhook]\n\
             {options}\n"
        );
        crate::scenario::parse(&text, "x.toml", &[], &|_| None).map_err(|error| error.to_string())
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_with_its_key() {
        for (options, words) in [
            ("backoff = \"2s\"\nbackoff_max = \"1s\"", "webhook.backoff_max"),
            ("rate = \"0/s\"", "webhook.rate"),
            ("batch = 0", "webhook.batch"),
            ("linger = \"5ms\"", "batch = 10"),
            ("outbox = \"disk\"", "durable"),
            ("connection = \"new\"", "per-attempt"),
            ("disable_after = \"0s\"", "webhook.disable_after"),
            ("receiver = { fail = 1.5 }", "webhook.receiver.fail"),
            ("receiver = { affected = -0.1 }", "webhook.receiver.affected"),
            ("receiver = { fail_status = 204 }", "webhook.receiver.fail_status"),
            ("receiver = { fail_status = 410 }", "410"),
            ("receiver = { down_at = \"1s\" }", "down_for"),
            ("receiver = { fail = 0.1, fail_of = \"events\" }", "first-attempts"),
            ("receiver = { fail_of = \"first-attempts\" }", "fail = 0.1"),
            ("receiver = { slow = \"9ms\", slow_max = \"8ms\" }", "webhook.receiver.slow_max"),
            ("receiver = { slow_max = \"8ms\" }", "requires slow"),
            ("receiver = { sleepy = true }", "sleepy"),
        ] {
            let error = parse(options).unwrap_err();
            assert!(error.contains(words) && error.starts_with("x.toml"), "{options}: {error}");
        }
    }

    #[test]
    fn cases_name_their_receivers_and_always_the_durable_outbox() {
        let ids = |options: &str| -> Vec<String> {
            parse(options).unwrap().cases.into_iter().map(|case| case.id).collect()
        };
        assert_eq!(ids("attempts = 2"), ["webhook"]);
        assert_eq!(ids("outbox = \"durable\""), ["webhook:outbox=durable"]);
        assert_eq!(
            ids("[sweep]\nwebhook.outbox = [\"memory\", \"durable\"]"),
            ["webhook:outbox=memory", "webhook:outbox=durable"]
        );
        assert_eq!(
            ids(
                "[sweep]\nwebhook.receiver = [{}, { fail = 0.1 }, { down_at = \"2s\", down_for = \"5s\" }]"
            ),
            [
                "webhook:receiver=none",
                "webhook:receiver=fail0.1",
                "webhook:receiver=down_at2s-down_for5s"
            ]
        );
    }
}
