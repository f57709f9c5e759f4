use super::*;
use crate::record::synthetic::{case, info, losing, scenario, write_run};
use crate::scenario::PatternKind::{Sse, WebSocket};
use std::slice::from_ref as one;

const CPU: &str = "target_cpu_ns_per_delivery";

/// A run of `sse` and `websocket` whose trials took so much CPU per delivery.
fn run(cpu: &[f64]) -> Run {
    let out = tempfile::tempdir().unwrap();
    let cases = vec![case(Sse, 60, ""), case(WebSocket, 60, "")];
    let info = info(scenario(cases, cpu.len() as u32, &[]));
    let mut run = Run::read(&write_run(out.path(), &info, |_| ())).unwrap();
    for trial in &mut run.trials {
        let at = trial.identity.trial as usize - 1;
        trial.figures.set(CPU, Figure::Value(cpu[at]));
    }
    run
}

fn cpu<'a>(changes: &'a Changes, case: &str) -> &'a Change {
    let case = changes.cases.iter().find(|change| change.case == case).unwrap();
    case.changes.iter().find(|change| change.column == CPU).unwrap()
}

#[test]
fn what_is_better_by_enough_trials_is_shown_and_by_few_indicated() {
    let base = [10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.6, 10.7];
    let half: Vec<f64> = base.iter().map(|cpu| cpu / 2.0).collect();
    let shown = changes(&[run(&base)], &[run(&half)], &[]);
    let change = cpu(&shown, "sse");
    assert!(matches!(change.claim, Some(Claim::Shown(_))), "{change:?}");
    assert_eq!(change.direction(), Some(Direction::Better));
    assert!((change.ratio().unwrap() - 0.5).abs() < 1e-9, "{change:?}");
    let turned = changes(&[run(&half)], &[run(&base)], &[]);
    assert_eq!(cpu(&turned, "sse").direction(), Some(Direction::Worse));
    let few = changes(&[run(&base[..3])], &[run(&half[..3])], &[]);
    let change = cpu(&few, "websocket");
    let Some(Claim::Indicated(shift, needed)) = change.claim else { panic!("{change:?}") };
    assert!((shift.confidence - 0.9).abs() < 1e-9 && needed > 4, "{change:?}");
    assert_eq!(change.direction(), Some(Direction::Better));
}

#[test]
fn what_is_within_the_noise_is_not_claimed() {
    let found = changes(
        &[run(&[10.0, 11.0, 12.0, 13.0, 14.0])],
        &[run(&[10.5, 11.5, 12.5, 13.5, 12.0])],
        &[],
    );
    let change = cpu(&found, "sse");
    assert!(matches!(change.claim, Some(Claim::NotShown(..))), "{change:?}");
    assert_eq!((change.direction(), change.samples), (None, [5, 5]));
    assert!(found.cases.iter().all(|case| case.changes.len() == 5), "the usual five metrics");
}

#[test]
fn of_several_runs_per_side_each_counts_once() {
    let runs = |factor: f64| -> Vec<Run> {
        (0..4)
            .map(|at| run(&[0.9, 1.0, 1.1].map(|cpu| (cpu + 0.01 * f64::from(at)) * factor)))
            .collect()
    };
    let found = changes(&runs(10.0), &runs(20.0), &[CPU]);
    assert_eq!(found.sample, Sample::Runs);
    let change = cpu(&found, "sse");
    assert_eq!(change.samples, [4, 4], "not twelve trials");
    assert_eq!(found.cases[0].changes.len(), 1, "only what was asked for");
    let one = changes(&runs(10.0), &runs(20.0)[..1], &[CPU]);
    assert_eq!((one.sample, cpu(&one, "sse").samples), (Sample::Trials, [12, 3]));
}

#[test]
fn a_bound_or_a_zero_has_no_ratio_and_is_no_change() {
    let mut base = run(&[10.0, 10.1, 10.2]);
    let new = run(&[20.0, 20.1, 20.2]);
    base.trials[0].figures.set(CPU, Figure::MoreThan(9.0));
    let found = changes(one(&base), one(&new), &[CPU]);
    let bound =
        found.cases.iter().map(|case| &case.changes[0]).find(|change| change.claim.is_none());
    assert_eq!(bound.map(Change::direction), Some(None));
    base.trials[0].figures.set(CPU, Figure::Value(0.0));
    let found = changes(&[base], &[new], &[CPU]);
    assert!(found.cases.iter().any(|case| case.changes[0].claim.is_none()));
}

#[test]
fn one_trial_tells_apart_what_repeats_and_nothing_else() {
    let wire = "wire_bytes_per_delivery";
    let (mut base, mut new) = (run(&[10.0]), run(&[20.0]));
    for (run, bytes) in [(&mut base, 100.0), (&mut new, 150.0)] {
        for trial in &mut run.trials {
            trial.figures.set(wire, Figure::Value(bytes));
        }
    }
    let found = changes(&[base], &[new], &[wire, CPU]);
    let [bytes, cpu] = &found.cases[0].changes[..] else { panic!() };
    assert!(matches!(bytes.claim, Some(Claim::Repeatable(..))), "{bytes:?}");
    assert_eq!((bytes.direction(), cpu.direction()), (Some(Direction::Worse), None));
    assert_eq!(cpu.claim, Some(Claim::Once));
}

#[test]
fn losses_of_every_finished_trial_are_accounted_for() {
    let sse = case(Sse, 60, "");
    let out = tempfile::tempdir().unwrap();
    let info = info(scenario(vec![sse.clone()], 2, &[]));
    let read = |change: &dyn Fn(&mut crate::record::TrialFacts)| {
        Run::read(&write_run(out.path(), &info, |facts| change(facts))).unwrap()
    };
    let whole = read(&|_| ());
    let losing = read(&|facts| *facts = losing(&sse, facts.trial, 240));
    let found = changes(&[whole], &[losing], &[]);
    let case = &found.cases[0];
    assert_eq!((case.ledgers[0].lost, case.ledgers[1].lost), (0, 480));
    assert_eq!((case.usable, case.unusable), ([2, 0], [0, 2]));
    assert!(case.changes.is_empty() && !found.has_any(), "no usable trial, no figure");
}

fn optimised(run: &mut Run) {
    run.info.build.build_profile = "release".to_owned();
    run.info.build.build_opt_level = Some("3".to_owned());
}

type Edit = fn(&mut Run);

#[test]
fn runs_of_another_load_host_target_or_judgement_are_refused() {
    let base = run(&[1.0, 2.0]);
    assert_eq!(comparability(one(&base), one(&base)), Comparability::default());
    let edits: [(Edit, &str); 9] = [
        (|run| run.info.host.cores += 1, "cores: "),
        (|run| run.info.host.name = "other".to_owned(), "host name: "),
        (|run| run.info.host.cpu = String::new(), "in base, nothing in new"),
        (|run| run.info.host.kernel.push('x'), "kernel: "),
        (|run| run.info.schema_version += 1, "schema_version: "),
        (optimised, "build of tidings: "),
        (|run| run.info.scenario.name = "other".to_owned(), "name: "),
        (|run| run.info.scenario.cases[0].workload.clients += 1, "sse.workload.clients: "),
        (|run| run.info.scenario.target.ring += 1, "target.ring: "),
    ];
    for (edit, phrase) in edits {
        let mut new = base.clone();
        edit(&mut new);
        let found = comparability(one(&base), &[new]);
        assert!(found.refused.iter().any(|text| text.contains(phrase)), "{phrase}: {found:?}");
    }
    let mut noted = base.clone();
    noted.info.build.build_revision = "abc".to_owned();
    noted.info.scenario.seed += 1;
    noted.info.complete = false;
    noted.info.stopped_by = Some("SIGINT".to_owned());
    let found = comparability(one(&base), &[noted]);
    assert_eq!((found.refused.len(), found.noted.len()), (0, 3), "{found:?}");
    assert!(found.noted[2].contains("4 of 4 trials (SIGINT)"), "{found:?}");
    let mut odd = base.clone();
    odd.info.host.cores += 1;
    let found = comparability(&[base.clone(), odd], &[base]);
    assert!(found.refused[0].contains("in another base"), "a side must be alike in itself");
}

#[test]
fn cases_of_one_side_alone_are_named() {
    let base = run(&[1.0, 2.0]);
    let mut new = base.clone();
    new.info.scenario.cases.truncate(1);
    new.trials.retain(|trial| trial.identity.case == "sse");
    let found = changes(one(&base), one(&new), &[]);
    assert_eq!((found.cases.len(), found.alone[0].len(), found.alone[1].len()), (1, 1, 0));
    let told = |base: &Run, new: &Run| comparability(one(base), one(new)).refused;
    new.info.plan.retain(|trial| trial.case == "sse");
    assert_eq!(told(&base, &new), ["case websocket: in base only"]);
    assert_eq!(told(&new, &base), ["case websocket: in new only"]);
    let turned = changes(&[new], &[base], &[]);
    assert_eq!(turned.alone, [Vec::<String>::new(), vec!["websocket".to_owned()]]);
}

#[test]
fn rows_missing_from_a_complete_run_are_refused_and_from_a_stopped_one_noted() {
    let base = run(&[1.0, 2.0]);
    let mut new = base.clone();
    new.trials.pop();
    let refused = comparability(one(&base), one(&new)).refused;
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("has 3 rows, and the run carried out 4 trials"), "{refused:?}");
    new.info.complete = false;
    let found = comparability(one(&base), one(&new));
    assert_eq!((found.refused.len(), found.noted.len()), (0, 1), "{found:?}");
}

#[test]
fn the_floors_of_both_sides_say_how_far_the_machine_moved() {
    use crate::record::synthetic::facts;
    use crate::record::{FloorRecord, Verdict};
    let with_floor = |p50: f64| {
        let mut run = run(&[1.0, 2.0]);
        let facts = facts(&case(WebSocket, 60, ""), 1);
        let cases = vec!["sse".to_owned(), "websocket".to_owned()];
        let mut floor = FloorRecord::new(&facts, cases, 0, Verdict::Valid, [""; 0]);
        floor.quantiles.floor_ns_p50 = Some(Figure::Value(p50));
        run.floors.push(floor);
        run
    };
    let found = changes(&[with_floor(100.0)], &[with_floor(120.0)], &[]);
    let [drift] = &found.drifts[..] else { panic!("{found:?}") };
    assert!((drift.ratio() - 1.2).abs() < 1e-9);
    for (ratio, covered) in [(1.19, true), (0.85, true), (1.21, false), (0.82, false), (0.0, false)]
    {
        assert_eq!(drift.covers(ratio), covered, "{ratio}");
    }
    assert_eq!(changes(&[run(&[1.0])], &[with_floor(1.0)], &[]).drifts, []);
}
