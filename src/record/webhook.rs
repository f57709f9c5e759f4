//! What is kept of a webhook trial alone: its outbox, its attempts, and how its receivers fared.

use serde::{Deserialize, Serialize};

use super::{Figure, TrialFacts};
use crate::measure::{Counter, Metric, Snapshot};
use crate::scenario::{Outbox, Pattern};

/// Figures of `webhook`; all are `None` for other patterns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WebhookFigures {
    /// Where the target kept events until they were acknowledged.
    pub outbox: Option<Outbox>,
    /// Stages, and freshness by endpoint.
    #[serde(flatten)]
    pub quantiles: WebhookQuantiles,
    /// Counts of attempts.
    #[serde(flatten)]
    pub counts: WebhookCounts,
}

/// Quantiles of `webhook`, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "metric, unit, quantile: the names say it all, FORMAT.md the rest")]
pub struct WebhookQuantiles {
    pub acknowledge_ns_p50: Option<Figure>,
    pub acknowledge_ns_p99: Option<Figure>,
    pub work_ns_p50: Option<Figure>,
    pub work_ns_p99: Option<Figure>,
    pub catch_up_ns_p50: Option<Figure>,
    pub catch_up_ns_max: Option<Figure>,
}

/// Counts of `webhook`, by the name of their counter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each is the counter of its name, described there and in FORMAT.md"
)]
pub struct WebhookCounts {
    pub attempts: Option<u64>,
    pub duplicate_attempts: Option<u64>,
    pub refused_attempts: Option<u64>,
    pub endpoints_disabled: Option<u64>,
}

impl WebhookFigures {
    /// Those of a trial.
    pub fn of(facts: &TrialFacts) -> Self {
        let Pattern::Webhook(options) = &facts.case.pattern else { return Self::default() };
        let told = facts.failure.is_none() || facts.workers != Snapshot::default();
        let outbox = Some(options.outbox);
        let quantiles = quantiles(facts);
        let count = |snapshot: &Snapshot, counter| told.then(|| snapshot.counters.get(counter));
        let counts = WebhookCounts {
            attempts: count(&facts.target, Counter::Attempts),
            duplicate_attempts: count(&facts.workers, Counter::DuplicateAttempts),
            refused_attempts: count(&facts.workers, Counter::RefusedAttempts),
            endpoints_disabled: count(&facts.target, Counter::EndpointsDisabled),
        };
        Self { outbox, quantiles, counts }
    }
}

fn quantiles(facts: &TrialFacts) -> WebhookQuantiles {
    let at = |snapshot: &Snapshot, metric, q| {
        let samples = snapshot.distribution(metric)?;
        samples.quantile_censored(q, 0).map(Figure::from)
    };
    let worker = |metric, q| at(&facts.workers, metric, q);
    WebhookQuantiles {
        acknowledge_ns_p50: at(&facts.target, Metric::Acknowledge, 0.5),
        acknowledge_ns_p99: at(&facts.target, Metric::Acknowledge, 0.99),
        work_ns_p50: worker(Metric::Work, 0.5),
        work_ns_p99: worker(Metric::Work, 0.99),
        catch_up_ns_p50: worker(Metric::CatchUp, 0.5),
        // Until everything has come, not all have caught up.
        catch_up_ns_max: worker(Metric::CatchUp, 1.0).filter(|_| facts.workers.ledger.lost == 0),
    }
}
