//! What the machine did in each trial, and what the phases of a trial are.

use super::View;
use super::document::{Cell, Head, Table, left, right};
use super::glance::print;
use crate::judge::CaseSummary;
use crate::record::TrialRecord;
use crate::unit::{nanoseconds, significant};

/// A column: its head, the column of `trials.csv`, and how it is printed.
type Column = (&'static str, &'static str, fn(f64) -> String);

/// The columns of the machine's table.
const COLUMNS: [Column; 7] = [
    ("worker woke late, p99.9", "hiccup_ns_p999", nanoseconds),
    ("target woke late, p99.9", "target_hiccup_ns_p999", nanoseconds),
    ("CPU steal", "steal_share", percent),
    ("throttled", "throttled_share", percent),
    ("waiting for a core", "run_delay_share", percent),
    ("worker CPU", "worker_cpu_share", percent),
    ("target CPU", "target_cpu_share", percent),
];

/// How to read the table.
pub(super) const READING: &str = "A thread that only sleeps measures how late the machine wakes it. Steal is time that the host gave to other guests, throttling \
     time that a limit of the control group took. CPU is a share of the cores that worker and target had.";

fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// A row per trial, in the order of the run.
pub(super) fn table(view: &View) -> Table {
    let row = |trial: &TrialRecord| {
        let identity = &trial.identity;
        let figures = COLUMNS.iter().map(|(_, column, print)| {
            trial.figures.number(column).map_or_else(|| "-".to_owned(), print)
        });
        let name = [view.name(&identity.case), identity.trial.to_string()];
        name.into_iter().chain(figures).map(Cell::from).collect()
    };
    let head = [left("case"), right("trial")].into_iter();
    let head: Vec<Head> = head.chain(COLUMNS.map(|(title, ..)| right(title))).collect();
    Table::new(head, view.run.trials.iter().map(row).collect())
}

/// The phases of a trial, in order.
pub(super) fn phases(view: &View) -> Table {
    let phases = &view.run.info.scenario.phases;
    let rows = [
        (
            "connect",
            phases.connect.to_string(),
            "Every client opens its link, spread over this time.",
            "Connect times, CPU and bytes per connect.",
        ),
        (
            "idle",
            phases.idle.to_string(),
            "Links stand, and nothing is published.",
            "What a client costs without events.",
        ),
        (
            "warmup",
            phases.warmup.to_string(),
            "Events and requests begin.",
            "Nothing: caches and buffers fill.",
        ),
        (
            "measure",
            phases.measure.to_string(),
            "The same load goes on.",
            "Everything else: each event or request that is due in this window.",
        ),
        (
            "drain",
            format!("up to {}", phases.drain),
            "No event is due any more. Clients wait for what is under way.",
            "Deliveries of the window that come late; what does not come is lost.",
        ),
    ];
    let head = ["phase", "length", "what happens", "what is measured"].map(left);
    let rows = rows.map(|(name, length, what, measured)| {
        [Cell::from(name), length.into(), what.into(), measured.into()].into()
    });
    Table { caption: "a trial", ..Table::new(head.into(), rows.into()) }
}

/// What the cases took in the phases around the window.
pub(super) fn phases_of_cases(view: &View) -> Table {
    let columns = [
        ("connect p50", "connect_ns_p50"),
        ("connect p99", "connect_ns_p99"),
        ("CPU per connect", "connect_cpu_ns_per_link"),
        ("idle CPU per client and second", "idle_cpu_ns_per_client_s"),
        ("deliveries per second, measure", "deliveries_per_s"),
    ];
    let heads = std::iter::once("case").chain(columns.map(|(head, _)| head));
    let row = |case: &CaseSummary| {
        let cells = columns.map(|(_, column)| print(case, column));
        std::iter::once(view.name(&case.case)).chain(cells).collect()
    };
    let table = Table::of_cases(heads, view.findings.cases.iter().map(row));
    Table { caption: "each case", ..table }
}
