//! From attempts to an outcome, and from outcomes to a statement about the harness: pure rules.
//!
//! A failed experiment is repeated only if the machine disturbed it, and never silently: the result includes the number of
//! attempts.

use serde::Serialize;

/// Most attempts at an experiment.
pub const ATTEMPTS: usize = 3;

/// The outcome of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExperimentOutcome {
    /// The result matches theory.
    Pass,
    /// Wrong on an undisturbed machine: the harness does not tell the truth.
    Fail,
    /// Wrong, but the machine disturbed every attempt: inconclusive.
    Noisy,
}

impl ExperimentOutcome {
    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Noisy => "noisy",
        }
    }
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Whether the answer was right.
    pub holds: bool,
    /// Whether it was wrong in a way that the machine cannot be the reason of.
    pub inexcusable: bool,
    /// Disturbances of its trials, a sentence each.
    pub strains: Vec<String>,
}

impl Attempt {
    /// Whether the machine may be the reason why it missed.
    const fn excused(&self) -> bool {
        !self.inexcusable && !self.strains.is_empty()
    }
}

/// Whether to try again: only after an attempt that missed and was disturbed, and not endlessly.
pub(super) fn again(attempts: &[Attempt]) -> bool {
    attempts.len() < ATTEMPTS && attempts.last().is_some_and(|last| !last.holds && last.excused())
}

/// The outcome of all attempts at one experiment.
pub(super) fn outcome(attempts: &[Attempt]) -> ExperimentOutcome {
    if attempts.last().is_some_and(|last| last.holds) {
        return ExperimentOutcome::Pass;
    }
    if !attempts.is_empty() && attempts.iter().all(Attempt::excused) {
        ExperimentOutcome::Noisy
    } else {
        ExperimentOutcome::Fail
    }
}

/// Returns the outcome of all experiments together: the worst of them.
///
/// A failure outweighs noise, because it was found on a quiet machine.
pub fn overall(outcomes: impl IntoIterator<Item = ExperimentOutcome>) -> ExperimentOutcome {
    outcomes.into_iter().fold(ExperimentOutcome::Pass, |worst, outcome| match (worst, outcome) {
        (ExperimentOutcome::Fail, _) | (_, ExperimentOutcome::Fail) => ExperimentOutcome::Fail,
        (ExperimentOutcome::Noisy, _) | (_, ExperimentOutcome::Noisy) => ExperimentOutcome::Noisy,
        _ => ExperimentOutcome::Pass,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(of: &[(bool, bool)]) -> Vec<Attempt> {
        let strains = |disturbed: bool| {
            if disturbed { vec!["the hypervisor took 9 %".to_owned()] } else { Vec::new() }
        };
        let attempt = |&(holds, disturbed): &(bool, bool)| Attempt {
            holds,
            inexcusable: false,
            strains: strains(disturbed),
        };
        of.iter().map(attempt).collect()
    }

    #[test]
    fn only_a_disturbed_miss_is_repeated_and_all_attempts_are_counted() {
        const RIGHT: (bool, bool) = (true, false);
        const LUCKY: (bool, bool) = (true, true);
        const WRONG: (bool, bool) = (false, false);
        const UNCLEAR: (bool, bool) = (false, true);
        for (tried, more, expected, why) in [
            (vec![RIGHT], false, ExperimentOutcome::Pass, "right at once"),
            (vec![LUCKY], false, ExperimentOutcome::Pass, "right in spite of the machine"),
            (
                vec![WRONG],
                false,
                ExperimentOutcome::Fail,
                "wrong on a quiet machine is not tried again",
            ),
            (vec![UNCLEAR], true, ExperimentOutcome::Noisy, "wrong on a noisy machine is"),
            (vec![UNCLEAR, RIGHT], false, ExperimentOutcome::Pass, "right at the second attempt"),
            (vec![UNCLEAR, UNCLEAR], true, ExperimentOutcome::Noisy, "a third attempt is left"),
            (vec![UNCLEAR, UNCLEAR, UNCLEAR], false, ExperimentOutcome::Noisy, "and no fourth"),
            (vec![UNCLEAR, WRONG], false, ExperimentOutcome::Fail, "the quiet attempt counts"),
            (vec![], false, ExperimentOutcome::Fail, "nothing was tried"),
        ] {
            let tried = attempts(&tried);
            assert_eq!((again(&tried), outcome(&tried)), (more, expected), "{why}");
        }
    }

    #[test]
    fn no_noise_excuses_a_wrong_account() {
        let tried = [Attempt {
            holds: false,
            inexcusable: true,
            strains: vec!["the hypervisor took 9 %".to_owned()],
        }];
        assert_eq!((again(&tried), outcome(&tried)), (false, ExperimentOutcome::Fail));
    }

    #[test]
    fn a_failure_outweighs_noise_and_noise_outweighs_success() {
        use ExperimentOutcome::{Fail, Noisy, Pass};
        for (all, expected) in [
            (vec![], Pass),
            (vec![Pass, Pass], Pass),
            (vec![Pass, Noisy], Noisy),
            (vec![Noisy, Fail, Pass], Fail),
            (vec![Fail, Noisy], Fail),
        ] {
            assert_eq!(overall(all.clone()), expected, "{all:?}");
        }
    }
}
