//! A plan as data.

use serde_json::{Value, json};

use super::{Plan, PlannedFloor, PlannedTrial};

/// The plan: cases with their layouts, the order of the trials, and how long they take.
pub(super) fn json(plan: &Plan) -> Value {
    let scenario = &plan.scenario;
    let id = |case: usize| scenario.cases[case].id.as_str();
    let cases = scenario.cases.iter().zip(&plan.layouts).enumerate();
    let cases = cases.map(|(at, (case, layout))| {
        json!({"case": case.id, "trial_ns": plan.trial_ns(at), "layout": layout})
    });
    let trial = |planned: &PlannedTrial| {
        let PlannedTrial { case, trial, block, seed, .. } = *planned;
        json!({"case": id(case), "trial": trial, "block": block, "seed": seed})
    };
    let floor = |floor: &PlannedFloor| {
        let cases: Vec<&str> = floor.cases.iter().map(|case| id(*case)).collect();
        json!({
            "metric": floor.metric().name(),
            "cases": cases,
            "after_trials": floor.after_trials,
            "expected_ns": floor.plan.duration_ns(),
        })
    };
    json!({
        "scenario": scenario,
        "expected_ns": plan.duration_ns(),
        "at_most_ns": plan.duration_ns_max(),
        "cases": cases.collect::<Vec<_>>(),
        "trials": plan.trials.iter().map(trial).collect::<Vec<_>>(),
        "floors": plan.floors.iter().map(floor).collect::<Vec<_>>(),
    })
}
