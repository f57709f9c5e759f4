//! What became of the events that clients published: the columns of cases in which both sides send.

use serde::{Deserialize, Serialize};

use super::{Figure, TrialFacts};
use crate::measure::{Counter, Distribution, Metric};
use crate::scenario::Publish;

/// Figures of clients that publish; all but the first are `None` where the target publishes by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SendFigures {
    /// Who published; `None` for `request`, which has no events.
    pub publish: Option<Publish>,
    /// Events of the window that clients were to publish.
    pub sends_due: Option<u64>,
    /// Those of them that were sent at least once.
    pub sends_sent: Option<u64>,
    /// Those of them that were acknowledged.
    pub sends_acknowledged: Option<u64>,
    /// Times that one was sent again.
    pub sends_repeated: Option<u64>,
    /// acknowledged − due, in nanoseconds; what was never acknowledged lies above every value.
    pub send_ns_p50: Option<Figure>,
    /// The same, 99th percentile.
    pub send_ns_p99: Option<Figure>,
    /// sent − due, or − when its link was free, in nanoseconds.
    pub send_slip_ns_p99: Option<Figure>,
}

impl SendFigures {
    /// Of a trial; `reported` says whether its workers told anything.
    pub(super) fn of(facts: &TrialFacts, reported: bool) -> Self {
        let publish = facts.case.workload.publish;
        let publish = facts.case.pattern.kind().delivers().then_some(publish);
        if publish != Some(Publish::Clients) || !reported {
            return Self { publish, ..Self::default() };
        }
        let count = |counter| facts.workers.counters.get(counter);
        let (due, acknowledged) = (count(Counter::SendsDue), count(Counter::SendsAcknowledged));
        let samples = facts.workers.distribution(Metric::Send).cloned().unwrap_or_default();
        // What a trial that was cut short did not send was not lost.
        let censored = if facts.failure.is_none() { due.saturating_sub(acknowledged) } else { 0 };
        let send = |q| samples.quantile_censored(q, censored).map(Figure::from);
        let slip = facts.workers.distribution(Metric::SendSlip);
        Self {
            publish,
            sends_due: Some(due),
            sends_sent: Some(count(Counter::SendsSent)),
            sends_acknowledged: Some(acknowledged),
            sends_repeated: Some(count(Counter::SendsRepeated)),
            send_ns_p50: send(0.5),
            send_ns_p99: send(0.99),
            send_slip_ns_p99: slip
                .and_then(|d: &Distribution| d.quantile_censored(0.99, 0))
                .map(Figure::from),
        }
    }
}
