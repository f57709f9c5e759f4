//! The comparison at a glance, as cells: what text and Markdown both print.

use super::floor;
use crate::judge::{CaseSummary, Estimate, is_well_known};
use crate::record::{Figure, Verdict};
use crate::unit::{bytes, count, nanoseconds, significant};

/// A column: a header of two lines, and the cell of a case.
pub(super) struct TableColumn {
    /// Header lines.
    pub header: [&'static str; 2],
    /// The cell.
    pub cell: fn(&CaseSummary) -> String,
}

const fn column(header: [&'static str; 2], cell: fn(&CaseSummary) -> String) -> TableColumn {
    TableColumn { header, cell }
}

/// The columns after the case's name; the account of what went wrong only where something did.
pub(super) fn columns(cases: &[CaseSummary]) -> Vec<TableColumn> {
    let faultless =
        |case: &CaseSummary| case.ledger.lost + case.ledger.duplicate + case.ledger.reordered == 0;
    let mut columns = vec![
        column(["", "reach"], |case| case.reach_worst.map_or_else(absent, reach)),
        column(["fresh", "p50"], |case| news(case, "p50")),
        column(["fresh", "p99"], |case| news(case, "p99")),
        column(["deliv.", "per s"], |case| print(case, "deliveries_per_s", count)),
        column(["CPU per", "deliv."], |case| {
            print(case, "target_cpu_ns_per_delivery", nanoseconds)
        }),
        column(["wire per", "deliv."], |case| print(case, "wire_bytes_per_delivery", bytes)),
        column(["memory", "per link"], |case| print(case, "target_memory_bytes_per_link", bytes)),
        column(["connect", "p50"], |case| print(case, "connect_ns_p50", nanoseconds)),
    ];
    if !cases.iter().all(faultless) {
        columns.push(column(["lost/", "dup/re"], |case| {
            let ledger = &case.ledger;
            format!("{}/{}/{}", ledger.lost, ledger.duplicate, ledger.reordered)
        }));
    }
    columns.push(column(["", "verdict"], verdict));
    columns
}

fn absent() -> String {
    "-".to_owned()
}

/// The median of a column, or `-` where it was not measured.
pub(super) fn print(case: &CaseSummary, column: &str, unit: fn(f64) -> String) -> String {
    case.figure(column).map_or_else(absent, |estimate| estimate.median.print(unit))
}

/// Freshness, or the response of `request`, which is marked; so is what too few independent samples tell, and what
/// lies near to the noise floor.
fn news(case: &CaseSummary, quantile: &str) -> String {
    let column = case.headline(quantile);
    let figure = print(case, column, nanoseconds);
    if figure == "-" {
        return figure;
    }
    let response = if case.pattern.delivers() { "" } else { "*" };
    let doubtful = if is_well_known(case, column) { "" } else { "?" };
    format!("{figure}{response}{doubtful}{}", floor::mark(case, quantile))
}

/// A reach; what is short of 1 is never rounded to 1.
pub(super) fn reach(reach: f64) -> String {
    let cut = (reach * 1e6).floor() / 1e6;
    if reach >= 1.0 { "1".to_owned() } else { format!("{cut}") }
}

/// The worst verdict, with the share of trials that have it where not all do.
pub(super) fn verdict(case: &CaseSummary) -> String {
    let Some(worst) = case.verdict else { return "not run".to_owned() };
    let all: usize = Verdict::ALL.iter().map(|verdict| case.trials.of(*verdict)).sum();
    let (word, some) = match case.trials.of(worst) {
        // The run's end is no failure of a trial.
        some if worst == Verdict::Failed && some == case.trials.cut_short => ("cut short", some),
        some if worst == Verdict::Failed => (worst.name(), some - case.trials.cut_short),
        some => (worst.name(), some),
    };
    if some < all { format!("{word} {some}/{all}") } else { word.to_owned() }
}

/// An estimate with its interval: `2.9 ms (2.8 ms to 3.1 ms)`.
pub(super) fn with_interval(estimate: &Estimate, unit: fn(f64) -> String) -> String {
    let figure = |figure: Figure| figure.print(unit);
    if estimate.trials < 2 {
        return figure(estimate.median);
    }
    format!("{} ({} to {})", figure(estimate.median), figure(estimate.low), figure(estimate.high))
}

/// A count's share of a whole, in percent.
pub(super) fn percent_of(part: u64, whole: u64) -> String {
    format!("{} %", significant(part as f64 / whole as f64 * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_of_everything_never_reads_as_everything() {
        for (share, text) in [(1.0, "1"), (0.999_999_9, "0.999999"), (0.5, "0.5"), (0.0, "0")] {
            assert_eq!(reach(share), text);
        }
    }
}
