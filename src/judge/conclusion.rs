//! The conclusion of a run, which decides its exit status.

use super::{CaseSummary, Judgement, Outcome};
use crate::record::Verdict;

/// What a run shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// Every case was measured and every objective met.
    Holds,
    /// An objective was missed.
    Missed,
    /// The run is inconclusive, for these reasons, a sentence each.
    Inconclusive(Vec<String>),
}

impl Conclusion {
    /// The exit status of a run that came to it, as documented in the README.
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Holds => 0,
            Self::Missed => 1,
            Self::Inconclusive(_) => 3,
        }
    }
}

/// The conclusion of a run: a missed objective, else what keeps it from being conclusive.
///
/// A case needs half of its trials valid or degraded: a single spoilt trial is left out, many never pass. A failed trial
/// always counts.
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
        let (usable, unfinished) = (trials.usable(), trials.of(Verdict::Failed));
        let all = trials.finished() + unfinished;
        let failed = unfinished - trials.cut_short;
        if failed > 0 {
            doubts.push(format!("{case}: {failed} of {all} trials failed"));
        } else if trials.cut_short > 0 {
            doubts.push(format!("{case}: {} of {all} trials were cut short", trials.cut_short));
        } else if 2 * usable < all || usable == 0 {
            doubts.push(format!("{case}: only {trials}"));
        }
    }
    doubts
}
