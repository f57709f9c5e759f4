//! How the links of a trial asked: the columns of requests and polls alone.

use serde::{Deserialize, Serialize};

use super::TrialFacts;
use crate::measure::Counter;
use crate::scenario::{LoopKind, Pattern, PatternKind};

/// What is told of links that ask, by column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFigures {
    /// What a client's next request waited for; `None` but for `request`.
    #[serde(rename = "loop")]
    pub loop_kind: Option<LoopKind>,
    /// Deliveries whose event had waited for the poll that brought it; `None` but for polls.
    pub delayed: Option<u64>,
}

impl RequestFigures {
    /// Of a trial; `reported` says whether its workers told anything.
    pub(super) fn of(facts: &TrialFacts, reported: bool) -> Self {
        let loop_kind = match &facts.case.pattern {
            Pattern::Request(options) => Some(options.loop_kind),
            _ => None,
        };
        let polls =
            matches!(facts.case.pattern.kind(), PatternKind::ShortPoll | PatternKind::LongPoll);
        let delayed = facts.workers.counters.get(Counter::DelayedDeliveries);
        Self { loop_kind, delayed: (polls && reported).then_some(delayed) }
    }
}

/// Requests a second that were offered to a case; `None` but for an open loop.
pub(crate) fn offered_requests(pattern: &Pattern) -> Option<f64> {
    match pattern {
        Pattern::Request(options) if options.loop_kind == LoopKind::Open => {
            Some(options.rate.per_s())
        }
        _ => None,
    }
}
