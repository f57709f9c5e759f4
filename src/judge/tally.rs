//! How many trials of a case, or of a run, had which verdict.

use std::fmt;

use crate::record::{TrialRecord, Verdict};

/// The number of trials by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Trials whose checks all passed.
    pub valid: usize,
    /// Trials with a strained generator.
    pub degraded: usize,
    /// Trials that were spoilt.
    pub invalid: usize,
    /// Trials that were not finished.
    pub failed: usize,
    /// Of these, trials that only the run's end cut short.
    pub cut_short: usize,
}

impl Tally {
    /// The number of trials that `verdict` was given to.
    pub fn of(&self, verdict: Verdict) -> usize {
        match verdict {
            Verdict::Valid => self.valid,
            Verdict::Degraded => self.degraded,
            Verdict::Invalid => self.invalid,
            Verdict::Failed => self.failed,
        }
    }

    /// Counts the trials of a run.
    pub fn of_all(trials: &[TrialRecord]) -> Self {
        let mut tally = Self::default();
        for trial in trials {
            tally.add(trial);
        }
        tally
    }

    /// Trials that came to their end: their accounts of deliveries count.
    pub const fn finished(&self) -> usize {
        self.usable() + self.invalid
    }

    /// Trials whose figures count.
    pub const fn usable(&self) -> usize {
        self.valid + self.degraded
    }

    pub(super) fn add(&mut self, trial: &TrialRecord) {
        self.cut_short += usize::from(trial.is_cut_short());
        match trial.verdict {
            Verdict::Valid => self.valid += 1,
            Verdict::Degraded => self.degraded += 1,
            Verdict::Invalid => self.invalid += 1,
            Verdict::Failed => self.failed += 1,
        }
    }
}

impl fmt::Display for Tally {
    /// `18 of 18 trials usable (14 valid, 4 degraded)`: the form in which every output has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.finished() + self.failed;
        let parts = [
            (self.valid, Verdict::Valid.name()),
            (self.degraded, Verdict::Degraded.name()),
            (self.invalid, Verdict::Invalid.name()),
            (self.failed - self.cut_short, Verdict::Failed.name()),
            (self.cut_short, "cut short"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let trials = if all == 1 { "trial" } else { "trials" };
        write!(f, "{} of {all} {trials} usable ({})", self.usable(), parts.join(", "))
    }
}
