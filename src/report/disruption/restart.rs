//! A target that was taken down and came back.

use super::super::table::print;
use super::{Section, Told, known, table};
use crate::unit::count;

const HEADS: [&str; 11] = [
    "case",
    "lost",
    "late",
    "twice",
    "told as missed",
    "all back after",
    "away p50",
    "away p99",
    "came back",
    "dials",
    "dials in 10 ms, most",
];

/// The section; `None` where no target was taken down.
pub(super) fn section(cases: &[Told<'_>]) -> Option<Section> {
    let restarted = |told: &&Told<'_>| told.planned.conditions.restart.is_some();
    let cases: Vec<&Told<'_>> = cases.iter().filter(restarted).collect();
    (!cases.is_empty()).then(|| Section {
        title: "Restart",
        what: "Counts are sums over the trials that were finished, times medians over the usable ones. *All back after* is \
               from the target's end until the last link stood again, *away* from a link's own end until it stood again. \
               *Dials in 10 ms, most* is the peak of the storm of reconnects, from when the successor was started: the \
               most attempts, failed ones too, within any 10 ms in a row."
            .to_owned(),
        table: table(&HEADS, cases.iter().map(|told| row(told)).collect()),
        told: cases.iter().map(|told| sentence(told)).collect(),
    })
}

fn peak(told: &Told<'_>) -> String {
    print(told.measured, "dials_per_10ms_max", count)
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
            "no usable trial tells when all were back".to_owned()
        }
        "-" => format!("not all of its {} links came back", workload.clients),
        after => {
            let (usable, back) = (told.measured.trials.usable(), told.trials("recovery_ns"));
            let some = if back < usable {
                format!(" in {back} of {usable} trials")
            } else {
                String::new()
            };
            format!("all {} links were back {after} after the target's end{some}", workload.clients)
        }
    };
    format!(
        "{}: {back}; lost {}, late {} (over {}), twice {}, told as missed {}; most dials within 10 ms once its \
         successor was started: {}.",
        told.name,
        ledger.lost,
        ledger.late,
        workload.late_after,
        ledger.duplicate,
        told.count("skipped"),
        known(peak(told))
    )
}
