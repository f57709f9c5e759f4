//! Calibration: experiments with results known in closed form, run through the whole harness.
//!
//! Every experiment sets up a situation that theory describes, runs it like any trial (real target, real workers, the
//! conductor's loop), and compares measurement and theory. The judging functions are pure and know nothing of processes;
//! `tests/mutations.rs` shows what an experiment reports when the harness lies.
//!
//! It does not measure how good a machine is (verdicts do), nor how good the target is.

mod bimodal;
mod closed;
mod compare;
mod constant;
mod delay;
mod drop;
mod fan_out;
mod finding;
mod format;
mod freeze;
mod lab;
mod long_poll;
mod observer;
mod outcome;
mod poll;
mod queue;
mod replay;
mod stall;
mod stopped;
mod wire;

use crate::clock::{self, SECOND_NS};
use crate::report::Plot;

pub use finding::{Finding, Quantity};
pub use format::{json, markdown, text};
pub use lab::{Halt, Keeper, Lab, Measured};
pub use outcome::{ATTEMPTS, Attempt, ExperimentOutcome, overall};

/// A quick calibration begins no further attempt that could end after this, in seconds.
const QUICK_S: f64 = 115.0;

/// An experiment whose answer is known.
#[derive(Debug)]
pub struct Experiment {
    /// Its number, as in the documentation.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// What a passed experiment shows about the harness.
    pub proves: &'static str,
    /// Whether it belongs to the quick calibration.
    pub quick: bool,
    /// About how long the quick and the full form take, in seconds.
    pub seconds: [f64; 2],
    /// Runs one attempt.
    run: fn(&Lab<'_>) -> Result<Finding, Halt>,
}

/// Every experiment, by number.
pub const EXPERIMENTS: &[Experiment] = &[
    freeze::OPEN,
    freeze::CLOSED,
    queue::EXPONENTIAL,
    queue::FIXED,
    replay::LINDLEY,
    constant::CONSTANT,
    poll::UNIFORM,
    poll::EMPTY,
    long_poll::GAP,
    fan_out::LINEAR,
    delay::SHIFT,
    bimodal::SIDES,
    drop::BINOMIAL,
    stopped::WORKER,
    stall::PUBLISHER,
    wire::BYTES,
    freeze::AT_THE_END,
    compare::ALIKE,
    observer::BESIDE,
];

/// The result of one experiment over all attempts.
#[derive(Debug)]
pub struct ExperimentResult {
    /// The experiment.
    pub experiment: &'static Experiment,
    /// The result of all attempts.
    pub outcome: ExperimentOutcome,
    /// The number of attempts.
    pub attempts: usize,
    /// The machine's disturbances, or why there is no result, a sentence each.
    pub reasons: Vec<String>,
    /// The findings of the last attempt.
    pub finding: Finding,
}

/// Everything that a calibration found.
#[derive(Debug, Default)]
pub struct Calibration {
    /// The answers, in the order of the experiments.
    pub answers: Vec<ExperimentResult>,
    /// The signal that stopped it, if one did.
    pub stopped: Option<i32>,
}

impl Calibration {
    /// The worst outcome.
    pub fn overall(&self) -> ExperimentOutcome {
        overall(self.answers.iter().map(|answer| answer.outcome))
    }

    /// The plots, each with the name of its file.
    pub fn plots(&self) -> impl Iterator<Item = (String, &Plot)> {
        self.answers.iter().filter_map(|answer| {
            let name = format!("experiment-{:02}", answer.experiment.id);
            answer.finding.plot.as_ref().map(|plot| (name, plot))
        })
    }
}

/// Progress of a calibration.
#[derive(Debug)]
pub enum News<'a> {
    /// An attempt begins; the first is number 1.
    Begun(&'static Experiment, usize),
    /// An experiment is over.
    Answered(&'a ExperimentResult),
}

/// Runs `wanted`, one after the other.
///
/// # Errors
///
/// The experiments cannot be run at all; a failed trial is a result.
pub fn calibrate(
    lab: &Lab<'_>,
    wanted: &[&'static Experiment],
    mut tell: impl FnMut(News<'_>),
) -> Result<Calibration, Halt> {
    let started_ns = clock::now();
    let mut calibration = Calibration::default();
    for (n, experiment) in wanted.iter().enumerate() {
        let ahead: f64 =
            wanted[n..].iter().map(|other| lab.either(other.seconds[0], other.seconds[1])).sum();
        let time_left = || {
            let elapsed = (clock::now() - started_ns) as f64 / SECOND_NS as f64;
            !lab.quick || elapsed + ahead <= QUICK_S
        };
        match answer(lab, experiment, time_left, &mut tell) {
            Ok(answer) => {
                tell(News::Answered(&answer));
                calibration.answers.push(answer);
            }
            Err(Halt::Signal(signal)) => {
                calibration.stopped = Some(signal);
                break;
            }
            Err(halt) => return Err(halt),
        }
    }
    Ok(calibration)
}

/// Attempts at one experiment until it is decided; another only while there is `time_left`.
fn answer(
    lab: &Lab<'_>,
    experiment: &'static Experiment,
    time_left: impl Fn() -> bool,
    tell: &mut impl FnMut(News<'_>),
) -> Result<ExperimentResult, Halt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    loop {
        tell(News::Begun(experiment, attempts.len() + 1));
        lab.begin(attempts.len());
        let finding = match (experiment.run)(lab) {
            Ok(finding) => finding,
            Err(Halt::Unfinished(reason)) => {
                reasons.push(format!("a trial did not finish: {reason}"));
                Finding::default()
            }
            Err(halt) => return Err(halt),
        };
        let mut strains: Vec<String> = lab.strains().iter().map(ToString::to_string).collect();
        strains.extend(finding.undecided.clone());
        let holds = finding.holds();
        if !holds {
            reasons.extend(
                strains.iter().filter(|s| !reasons.contains(s)).cloned().collect::<Vec<_>>(),
            );
        }
        attempts.push(Attempt { holds, inexcusable: finding.inexcusable(), strains });
        if outcome::again(&attempts) && time_left() {
            continue;
        }
        let outcome = outcome::outcome(&attempts);
        return Ok(ExperimentResult {
            experiment,
            outcome,
            attempts: attempts.len(),
            reasons,
            finding,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experiments_are_numbered_without_a_gap_and_fit_their_times() {
        let ids: Vec<u32> = EXPERIMENTS.iter().map(|experiment| experiment.id).collect();
        assert_eq!(ids, (1..=19).collect::<Vec<_>>());
        let quick: Vec<_> = EXPERIMENTS.iter().filter(|experiment| experiment.quick).collect();
        assert!(quick.len() >= 12, "{}", quick.len());
        let seconds = quick.iter().map(|experiment| experiment.seconds[0]).sum::<f64>();
        assert!(seconds <= 110.0, "quick: {seconds} s of 120");
        let seconds = EXPERIMENTS.iter().map(|experiment| experiment.seconds[1]).sum::<f64>();
        assert!(seconds <= 900.0, "full: {seconds} s of 1,500");
    }
}
