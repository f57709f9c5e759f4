//! A restart of the target.

use super::super::document::Table;
use super::super::glance::print;
use super::{Disruption, Told, known};

const HEADS: [&str; 11] = [
    "case",
    "lost",
    "late",
    "duplicate",
    "skipped",
    "recovery",
    "reconnect p50",
    "reconnect p99",
    "reconnects",
    "dials",
    "peak dials in 10 ms",
];

/// The section; `None` without a restart.
pub(super) fn section(cases: &[Told<'_>]) -> Option<Disruption> {
    let restarted = |told: &&Told<'_>| told.planned.conditions.restart.is_some();
    let cases: Vec<&Told<'_>> = cases.iter().filter(restarted).collect();
    (!cases.is_empty()).then(|| Disruption {
        title: "Restart",
        terms: vec![
            ("Recovery", "from the end of the old target until the last client is connected again."),
            ("Reconnect", "from the end of a client's connection until its next one."),
            ("Skipped", "events that the target reported as missed."),
            ("Peak dials in 10 ms", "the peak of the reconnect storm, failed attempts included, from the start of the new target."),
        ],
        table: Table::of_cases(HEADS, cases.iter().map(|told| row(told))),
        effects: cases.iter().map(|told| sentence(told)).collect(),
    })
}

fn peak(told: &Told<'_>) -> String {
    print(told.measured, "dials_per_10ms_max")
}

fn row(told: &Told<'_>) -> Vec<String> {
    let ledger = &told.measured.ledger;
    vec![
        told.name.clone(),
        ledger.lost.to_string(),
        ledger.late.to_string(),
        ledger.duplicate.to_string(),
        told.cell("skipped"),
        told.time("recovery_ns"),
        told.time("reconnect_ns_p50"),
        told.time("reconnect_ns_p99"),
        told.cell("reconnects"),
        told.cell("dials"),
        peak(told),
    ]
}

fn sentence(told: &Told<'_>) -> String {
    let (ledger, workload) = (&told.measured.ledger, &told.planned.workload);
    let back = match told.time("recovery_ns").as_str() {
        "-" if told.measured.trials.usable() == 0 => {
            "recovery time unknown (no usable trial)".to_owned()
        }
        "-" => format!("not all of {} clients reconnected", workload.clients),
        after => {
            let (usable, back) = (told.measured.trials.usable(), told.trials("recovery_ns"));
            let some = if back < usable {
                format!(" in {back} of {usable} trials")
            } else {
                String::new()
            };
            format!(
                "all {} clients reconnected {after} after the target ended{some}",
                workload.clients
            )
        }
    };
    format!(
        "{}: {back}; lost {}, late {} (over {}), duplicate {}, skipped {}. Reconnect storm: peak of {} dials in 10 ms.",
        told.name,
        ledger.lost,
        ledger.late,
        workload.late_after,
        ledger.duplicate,
        told.count("skipped"),
        known(peak(told))
    )
}
