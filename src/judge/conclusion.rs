//! What a run as a whole allows one to conclude: the reason for its exit status.

use super::{CaseSummary, Judgement, Outcome};
use crate::record::Verdict;

/// What a run allows one to conclude.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Every case was measured and every objective met.
    Holds,
    /// An objective was missed.
    Missed,
    /// The run is inconclusive, for these reasons, a sentence each.
    Inconclusive(Vec<String>),
}

/// The conclusion of a run: a missed objective, else what keeps it from being conclusive.
///
/// A case needs half of its trials valid or degraded: one trial that the machine spoilt is left out, many are
/// never a pass. A trial that failed is never passed over.
pub fn conclude(cases: &[CaseSummary], judgements: &[Judgement]) -> Conclusion {
    if judgements.iter().any(|judgement| judgement.outcome == Outcome::Missed) {
        return Conclusion::Missed;
    }
    let mut doubts = doubts(cases);
    let unknown = judgements.iter().filter(|judgement| judgement.outcome == Outcome::Unknown);
    doubts.extend(unknown.map(|judgement| {
        format!("{}: '{}': {}", judgement.case, judgement.objective, judgement.printed)
    }));
    if doubts.is_empty() { Conclusion::Holds } else { Conclusion::Inconclusive(doubts) }
}

/// The cases whose figures cannot be relied on, a sentence each.
pub fn doubts(cases: &[CaseSummary]) -> Vec<String> {
    let mut doubts = Vec::new();
    for CaseSummary { case, trials, .. } in cases {
        let (usable, failed) = (trials.usable(), trials.of(Verdict::Failed));
        let all = trials.finished() + failed;
        if failed > 0 {
            doubts.push(format!("{case}: {failed} of {all} trials failed"));
        } else if 2 * usable < all || usable == 0 {
            doubts.push(format!("{case}: only {usable} of {all} trials are usable"));
        }
    }
    doubts
}
