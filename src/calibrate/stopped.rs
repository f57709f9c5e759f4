//! A worker that is stopped by a signal (14): its trial must be thrown out, and it must be named.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Experiment;
use super::finding::{Finding, Quantity};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::conductor::Phase;
use crate::judge::Reason;
use crate::record::Verdict;
use crate::scenario::PatternKind;

/// Experiment 14.
pub(super) const WORKER: Experiment = Experiment {
    id: 14,
    name: "a worker is stopped for a second",
    proves: "A paused generator is not mistaken for a slow target: its trial is invalid, and the worker is named.",
    quick: true,
    seconds: [5.0, 7.0],
    run,
};

/// When the worker is stopped after the window's start.
const AFTER: Duration = Duration::from_millis(500);
const STOP: Duration = Duration::from_secs(1);

/// A process that is stopped for a while; dropping this resumes it at the latest.
struct Stopped {
    call_off: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Stopped {
    /// Stops `process` after [`AFTER`], for [`STOP`], without making the caller wait.
    fn after_a_while(process: Pid) -> Self {
        let (call_off, called_off) = channel::<()>();
        let thread = std::thread::spawn(move || {
            if called_off.recv_timeout(AFTER) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                && kill_process(process, Signal::STOP).is_ok()
            {
                let _ = called_off.recv_timeout(STOP);
                let _ = kill_process(process, Signal::CONT);
            }
        });
        Self { call_off, thread: Some(thread) }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.call_off.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let window = lab.either(3.0, 5.0);
    let tables = "connect = \"50ms\"\nwarmup = \"300ms\"\n[workload]\nclients = 20\nrate = \"20/s\"\n\
                  [worker]\nprocesses = 2\nshards = 1\n";
    let plan = lab.plan(&scenario_text("stopped", PatternKind::Sse, window, tables))?;
    let mut stopped = None;
    let measured = lab.run(&plan, &plan.trials[0], |phase, processes| {
        // The target comes first, then the workers.
        let worker = processes.get(1).and_then(|id| Pid::from_raw(*id as i32));
        if let (Phase::Measure, Some(worker)) = (phase, worker) {
            stopped = Some(Stopped::after_a_while(worker));
        }
    });
    drop(stopped);
    // The experiment itself causes the strains, so they excuse nothing.
    Ok(judge(&measured?))
}

fn judge(trial: &Measured) -> Finding {
    let stalled = trial.reasons.iter().filter_map(|reason| match reason {
        Reason::WorkerStalled { workers, .. } => Some(workers),
        _ => None,
    });
    let stalled: Vec<&str> = stalled.flatten().map(|of| of.worker.as_str()).collect();
    let names = |worker: &str| stalled.contains(&worker);
    let (first, second) = (names("worker 1"), names("worker 2"));
    let blamed = match (first, second) {
        (true, true) => "both",
        (true, false) => "worker 1",
        (false, true) => "worker 2",
        (false, false) => "nobody",
    };
    let ledger = &trial.facts.workers.ledger;
    Finding::of(vec![
        Quantity::must(
            "verdict",
            "invalid",
            trial.verdict.name(),
            trial.verdict == Verdict::Invalid,
        ),
        Quantity::must("named", "worker 1", blamed, first && !second),
        Quantity::exactly("deliveries accounted for", ledger.expected, ledger.delivered),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::lab::tests::measured;
    use crate::judge::OfWorker;
    use crate::scenario::Profile;

    #[test]
    fn the_right_worker_must_be_named_in_an_invalid_trial() {
        use Verdict::{Degraded, Invalid};
        let stalled = |workers: &[&str]| Reason::WorkerStalled {
            workers: workers
                .iter()
                .map(|worker| OfWorker { worker: (*worker).to_owned(), figure: 1.02e9 })
                .collect(),
            limit_ns: 500e6,
            target_ns: None,
            profile: Profile::Shared,
        };
        let one = || stalled(&["worker 1"]);
        for (verdict, reason, holds) in [
            (Invalid, one(), true),
            (Degraded, one(), false),
            (Invalid, stalled(&["worker 2"]), false),
            (Invalid, stalled(&["worker 1", "worker 2"]), false),
            (Invalid, Reason::NothingDue, false),
        ] {
            let mut trial = measured(PatternKind::Sse);
            (trial.verdict, trial.reasons) = (verdict, vec![reason]);
            assert_eq!(judge(&trial).holds(), holds, "{verdict} {:?}", trial.reasons);
        }
        let mut trial = measured(PatternKind::Sse);
        (trial.verdict, trial.reasons) = (Invalid, vec![one()]);
        trial.facts.workers.ledger.expected += 1;
        assert!(!judge(&trial).holds(), "a delivery was forgotten");
    }
}
