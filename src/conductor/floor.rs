//! The trials of the noise floor: like any other, against the null target, and recorded apart.

use super::{Conductor, Progress, trial};
use crate::judge;
use crate::record::{FloorRecord, FolderError, RunFolder};

/// Runs the floors planned after `index` trials; returns the signal that stopped the run, if any.
pub(super) fn run(
    conductor: &Conductor<'_>,
    index: usize,
    folder: &mut RunFolder,
    progress: &mut impl FnMut(Progress<'_>),
) -> Result<Option<i32>, FolderError> {
    let plan = conductor.plan;
    for floor in plan.floors.iter().filter(|floor| floor.after_trials == index) {
        progress(Progress::Floor { index, floor });
        let (executable, signals) = (conductor.executable.clone(), conductor.signals);
        let own = Conductor {
            plan: &floor.plan,
            executable,
            signals,
            results: None,
            trace: None,
            yes_i_may: false,
            finds_process: false,
            observers: conductor.observers,
        };
        for planned in &floor.plan.trials {
            let (facts, _) = trial::run(&own, planned, |_, _| ());
            let cases = floor.cases.iter().map(|case| plan.scenario.cases[*case].id.clone());
            let (verdict, reasons) = judge::floor_verdict(&facts);
            let reasons = judge::advised(&facts, reasons);
            let record = FloorRecord::new(&facts, cases.collect(), index, verdict, reasons);
            folder.append_floor(&record)?;
            progress(Progress::FloorRecorded { record: &record });
            if let Some(signal) = conductor.signals.received() {
                let complete = index == plan.trials.len() && facts.failure.is_none();
                return Ok((!complete).then_some(signal));
            }
        }
    }
    Ok(None)
}
