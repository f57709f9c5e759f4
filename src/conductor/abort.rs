//! Ending a run early, where its scenario says so.

use super::trial::Trial;
use crate::judge::{AbortWatch, AbortWhen};

/// Watches a trial whose window begins at `window_ns`; `None` where no condition is for its case.
pub(super) fn watch(trial: &Trial<'_>, window_ns: u64) -> Option<AbortWatch> {
    let condition = trial.conductor.plan.scenario.abort_when.as_deref()?;
    let (case, pattern) = (&trial.facts.case.id, trial.facts.case.pattern.kind());
    let when = AbortWhen::parse(condition).ok().filter(|when| when.applies_to(case, pattern))?;
    let shards = trial.conductor.plan.layouts[trial.planned.case].worker_shards.max(1) as usize;
    Some(AbortWatch::new(when, trial.workers().len() * shards, window_ns))
}
