//! What a run came to, as data: `result` in `run.json`, made again from the other files with every report.

use schemars::JsonSchema;
use serde::Serialize;

use super::View;
use crate::judge::{Conclusion, Judgement, Outcome, Tally};
use crate::record::{Figure, Verdict};

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RunResult {
    /// The exit status that it calls for; null for a run that is under way, or was killed.
    pub exit_status: Option<u8>,
    /// `success`, `missed`, `inconclusive`, `stopped` by a signal, `aborted` by the scenario, or `unfinished`.
    #[schemars(extend("enum" = CONCLUSIONS))]
    pub conclusion: &'static str,
    /// Why it is inconclusive, a sentence each.
    pub reasons: Vec<String>,
    /// Trials of the plan by what became of them.
    pub trials: TrialCounts,
    /// The verdict on each case.
    pub cases: Vec<CaseVerdict>,
    /// Every objective at every case that it applies to.
    pub objectives: Vec<ObjectiveOutcome>,
}

const CONCLUSIONS: [&str; 6] =
    ["success", "missed", "inconclusive", "stopped", "aborted", "unfinished"];

/// Trials of a plan by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TrialCounts {
    /// Trials of the plan.
    pub planned: usize,
    /// Trials whose checks all passed.
    pub valid: usize,
    /// Trials whose figures count, with reasons to be careful.
    pub degraded: usize,
    /// Trials that the generator or the machine spoilt.
    pub invalid: usize,
    /// Trials that did not come to their end by themselves.
    pub failed: usize,
    /// Trials that the run's end cut short.
    pub cut_short: usize,
    /// Trials that were not begun.
    pub not_started: usize,
}

/// The verdict on a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CaseVerdict {
    /// Id of the case.
    pub case: String,
    /// The worst verdict of its trials; null where none was run.
    pub verdict: Option<Verdict>,
    /// Its trials whose checks all passed.
    pub valid: usize,
    /// Its trials whose figures count, with reasons to be careful.
    pub degraded: usize,
    /// Its trials that the generator or the machine spoilt.
    pub invalid: usize,
    /// Its trials that did not come to their end by themselves.
    pub failed: usize,
    /// Its trials that the run's end cut short.
    pub cut_short: usize,
}

/// An objective at a case.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ObjectiveOutcome {
    /// The objective as written.
    pub objective: String,
    /// Id of the case; null where it could not be judged at any.
    pub case: Option<String>,
    /// `met`, `missed` or `unknown`.
    #[schemars(extend("enum" = ["met", "missed", "unknown"]))]
    pub outcome: &'static str,
    /// What was measured, in the unit of the metric's column.
    pub measured: Option<Figure>,
    /// The same for people, or why it is unknown.
    pub printed: String,
}

impl RunResult {
    /// What the run of `view` came to.
    pub fn of(view: &View) -> Self {
        let info = &view.run.info;
        let (status, conclusion, reasons) = match (info.signal(), view.findings.conclusion()) {
            (Some(signal), _) => (Some(128 + signal), "stopped", Vec::new()),
            (None, _) if !info.complete => match &info.stopped_by {
                Some(condition) => {
                    (Some(Conclusion::Missed.exit_status()), "aborted", vec![condition.clone()])
                }
                None => (None, "unfinished", Vec::new()),
            },
            (None, conclusion) => {
                let (word, reasons) = match &conclusion {
                    Conclusion::Holds => ("success", Vec::new()),
                    Conclusion::Missed => ("missed", Vec::new()),
                    Conclusion::Inconclusive(reasons) => ("inconclusive", reasons.clone()),
                };
                (Some(conclusion.exit_status()), word, reasons)
            }
        };
        Self {
            exit_status: status,
            conclusion,
            reasons,
            trials: trials(view),
            cases: cases(view),
            objectives: objectives(view),
        }
    }
}

fn trials(view: &View) -> TrialCounts {
    let (planned, trials) = (view.run.info.plan.len(), &view.run.trials);
    let of = |verdict: Verdict| trials.iter().filter(|trial| trial.verdict == verdict).count();
    let cut_short = trials.iter().filter(|trial| trial.is_cut_short()).count();
    TrialCounts {
        planned,
        valid: of(Verdict::Valid),
        degraded: of(Verdict::Degraded),
        invalid: of(Verdict::Invalid),
        failed: of(Verdict::Failed) - cut_short,
        cut_short,
        not_started: planned.saturating_sub(trials.len()),
    }
}

fn cases(view: &View) -> Vec<CaseVerdict> {
    let verdict = |case: &crate::judge::CaseSummary| {
        let Tally { valid, degraded, invalid, failed, cut_short } = case.trials;
        CaseVerdict {
            case: case.case.clone(),
            verdict: case.verdict,
            valid,
            degraded,
            invalid,
            failed: failed - cut_short,
            cut_short,
        }
    };
    view.findings.cases.iter().map(verdict).collect()
}

fn objectives(view: &View) -> Vec<ObjectiveOutcome> {
    let judged = view.findings.judgements.iter().map(|judgement| {
        let Judgement { objective, case, measured, printed, outcome, .. } = judgement;
        ObjectiveOutcome {
            objective: objective.clone(),
            case: Some(case.clone()),
            outcome: outcome.name(),
            measured: *measured,
            printed: printed.clone(),
        }
    });
    // An objective that cannot be judged has an error, which quotes it.
    let refused = view.findings.refused.iter().map(|error| ObjectiveOutcome {
        objective: error.to_string(),
        case: None,
        outcome: Outcome::Unknown.name(),
        measured: None,
        printed: error.to_string(),
    });
    judged.chain(refused).collect()
}
