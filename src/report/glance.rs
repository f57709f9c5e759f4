//! The comparison at a glance: the table that every report begins with.

use super::View;
use super::caveats::caveats;
use super::chart::entries;
use super::document::{Align, Cell, Group, Head, Lead, Note, Table};
use super::floor;
use super::group::groups;
use super::{prose, trust};
use crate::judge::{CaseSummary, Claim, Estimate, is_well_known};
use crate::record::{COST, Figure, Spec, Unit, Verdict, spec};
use crate::unit::{bytes, count, significant};

/// What a column holds.
#[derive(Debug, Clone, Copy)]
enum Column {
    /// The least reach of any trial.
    Reach,
    /// A quantile of freshness, or of the response where nothing is delivered.
    News(&'static str),
    /// The metric of that column of `trials.csv`.
    Metric(&'static str),
    /// Deliveries that were lost, duplicated and reordered.
    Account,
    /// The verdict on the trials.
    Verdict,
}

/// The columns, in order; [`Column::Account`] only where something went wrong. Names and units come from the table of metrics.
const COLUMNS: &[Column] = &[
    Column::Reach,
    Column::News("p50"),
    Column::News("p99"),
    Column::Metric("target_cpu_cores"),
    Column::Metric("wire_bytes_per_s"),
    Column::Metric("target_memory_bytes"),
    Column::Metric(COST),
    Column::Metric("target_cpu_ns_per_delivery"),
    Column::Metric("wire_bytes_per_delivery"),
    Column::Account,
    Column::Verdict,
];

/// The column that makes room for [`Column::Account`].
const LEAST: &str = "wire_bytes_per_delivery";

/// Marks a response time where the others have freshness.
const RESPONSE: &str = "*";
/// Marks a quantile that too few independent samples support.
const DOUBTFUL: &str = "?";
/// Marks a 99th percentile that pauses of the machine may have raised.
const PAUSES: &str = "+";
/// Least share of it that is marked.
const PAUSES_SHARE: f64 = 0.05;
/// Marks a figure of invalid trials.
const SPOILT: &str = "!";

/// The table, with a group per workload.
pub(super) fn table(view: &View) -> Table {
    let cases = &view.findings.cases;
    let faultless =
        |case: &CaseSummary| case.ledger.lost + case.ledger.duplicate + case.ledger.reordered == 0;
    let all_well = cases.iter().all(faultless);
    let shown = |column: &&Column| match column {
        Column::Account => !all_well,
        Column::Metric(column) => {
            let measured = cases.iter().any(|case| case.shown(column).is_some());
            measured && (all_well || *column != LEAST)
        }
        _ => true,
    };
    let columns: Vec<Column> = COLUMNS.iter().filter(shown).copied().collect();
    let case = Head { lines: ["", "case"], align: Align::Left };
    let head = std::iter::once(case).chain(columns.iter().map(|column| column.head())).collect();
    let groups = groups(cases);
    let series = entries(&groups, |_| true);
    let row = |(label, case): (String, &CaseSummary)| {
        let own = series.iter().find(|entry| entry.label == label).cloned();
        let name = Cell { text: label, series: own, ..Cell::default() };
        let cells = columns.iter().map(|column| column.cell(case).led_by(view, case, *column));
        std::iter::once(name).chain(cells).collect()
    };
    let group = |group: super::group::Group<'_>| Group {
        heading: group.heading,
        rows: group.rows.into_iter().map(row).collect(),
    };
    let groups = groups.into_iter().map(group).collect();
    Table { head, groups, notes: notes(view), ..Table::default() }
}

impl Cell {
    /// The cell with its interval, and with how certain it is that it is the best.
    fn led_by(mut self, view: &View, case: &CaseSummary, column: Column) -> Self {
        let column = match column {
            Column::News(quantile) => case.headline(quantile),
            Column::Metric(column) => column,
            Column::Reach | Column::Account | Column::Verdict => return self,
        };
        if let Some((estimate, true)) = case.shown(column)
            && estimate.confidence > 0.0
        {
            let [low, high] = [estimate.low, estimate.high].map(|end| figure(column, end));
            self.interval = format!("{low} to {high}");
        }
        let mut first = view.findings.rankings.iter().filter(|ranking| {
            ranking.axis.column() == column && ranking.order[0].case == case.case
        });
        self.lead = first.find_map(|ranking| match ranking.claim {
            Claim::Shown(_) => Some(Lead::Shown),
            Claim::Indicated(..) => Some(Lead::Indicated),
            _ => None,
        });
        self
    }
}

/// What the marks stand for, what the labels leave out, and what the reader must know of a case.
fn notes(view: &View) -> Vec<Note> {
    let calls = view.findings.cases.iter().any(|case| !case.pattern.delivers());
    let response = calls.then(|| {
        let text = "response time: nothing is delivered to request, so it has no freshness.";
        Note::of(RESPONSE, text)
    });
    let labels = view.labels.legend().into_iter().map(Note::plain);
    let doubtful = trust::too_few_legend(view).map(|text| Note::of(DOUBTFUL, text));
    let near_floor = floor::legend(view).map(|text| Note::of(floor::MARK, text));
    let cases = &view.findings.cases;
    let worst = cases.iter().map(|case| case.disturbed.p99_effect).fold(0.0, f64::max);
    let pauses = (worst > PAUSES_SHARE).then(|| {
        let percent = significant(worst * 100.0);
        Note::of(PAUSES, format!("pauses of this machine may be up to {percent} % of this p99."))
    });
    let spoilt = cases.iter().any(|case| !case.disturbed.figures.is_empty()).then(|| {
        let text = "from invalid trials, since no other was finished: not to be relied on.";
        Note::of(SPOILT, text)
    });
    let prices = prose::prices(view).map(Note::plain);
    let near_floor = near_floor.into_iter().chain(pauses).chain(spoilt).chain(prices);
    let caveats = caveats(view).into_iter().map(|text| Note::of(RESPONSE, text));
    response.into_iter().chain(labels).chain(doubtful).chain(near_floor).chain(caveats).collect()
}

impl Column {
    fn head(self) -> Head {
        let (lines, align) = match self {
            Self::Reach => (known("reach").head, Align::Right),
            Self::News(quantile) => (known(&format!("freshness_ns_{quantile}")).head, Align::Right),
            Self::Metric(column) => (known(column).head, Align::Right),
            Self::Account => (["lost/", "dup/re"], Align::Right),
            Self::Verdict => (["", "verdict"], Align::Left),
        };
        Head { lines, align }
    }

    fn cell(self, case: &CaseSummary) -> Cell {
        match self {
            Self::Reach => case.reach_worst.map_or_else(absent, reach).into(),
            Self::News(quantile) => news(case, quantile),
            Self::Metric(column) => shown(case, column),
            Self::Account => {
                let ledger = &case.ledger;
                format!("{}/{}/{}", ledger.lost, ledger.duplicate, ledger.reordered).into()
            }
            Self::Verdict => verdict(case).into(),
        }
    }
}

/// The metric of a column that the table of metrics has.
pub(super) fn known(column: &str) -> &'static Spec {
    spec(column).unwrap_or_else(|| unreachable!("{column} is a column"))
}

/// What stands where nothing was measured.
fn absent() -> String {
    "-".to_owned()
}

/// The figure of a column, or `-` where it was not measured; rates and cores without their unit, which the head has.
pub(super) fn print(case: &CaseSummary, column: &str) -> String {
    case.figure(column).map_or_else(absent, |estimate| figure(column, estimate.value))
}

pub(super) fn figure(column: &str, figure: Figure) -> String {
    let unit = known(column).column.unit;
    figure.print(|number| match unit {
        Unit::PerSecond | Unit::Of(_) | Unit::None => count(number),
        Unit::Cores => significant(number),
        Unit::BytesPerSecond => bytes(number),
        unit => unit.print(number),
    })
}

/// The cell of a column: of the usable trials, else of invalid ones, marked.
fn shown(case: &CaseSummary, column: &str) -> Cell {
    match case.shown(column) {
        None => absent().into(),
        Some((estimate, true)) => figure(column, estimate.value).into(),
        Some((estimate, false)) => {
            let text = figure(column, estimate.value);
            Cell { text, marks: vec![SPOILT], is_faint: true, ..Cell::default() }
        }
    }
}

/// Freshness, or the response of `request`, which is marked; so is what too few independent samples support, what pauses of
/// the machine may have raised, and what lies near to the noise floor.
fn news(case: &CaseSummary, quantile: &str) -> Cell {
    let column = case.headline(quantile);
    let mut cell = shown(case, column);
    if cell.text == absent() {
        return cell;
    }
    let response = (!case.pattern.delivers()).then_some(RESPONSE);
    cell.marks.extend(response);
    if !cell.is_faint {
        let doubtful = (!is_well_known(case, column)).then_some(DOUBTFUL);
        let pauses = quantile == "p99" && case.disturbed.p99_effect > PAUSES_SHARE;
        let marks = [doubtful, pauses.then_some(PAUSES), floor::mark(case, quantile)];
        cell.marks.extend(marks.into_iter().flatten());
    }
    cell
}

/// A reach; what is short of 1 is never rounded up.
pub(super) fn reach(reach: f64) -> String {
    // A millionth counts near to 1, and near to 0 where a thousandth would be nothing.
    let steps = if (0.001..0.99).contains(&reach) { 1e3 } else { 1e6 };
    let cut = (reach * steps).floor() / steps;
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

/// The estimate of a column with its interval, `2.9 ms (2.8 ms to 3.1 ms)`; `-` where it was not measured.
pub(super) fn with_interval(case: &CaseSummary, column: &str) -> String {
    let Some(Estimate { value, low, high, confidence, .. }) = case.figure(column) else {
        return absent();
    };
    let [value, low, high] = [value, low, high].map(|end| figure(column, *end));
    // An interval that is as narrow as the digits says nothing more than they do.
    let is_wide = *confidence > 0.0 && (low != value || high != value);
    if is_wide { format!("{value} ({low} to {high})") } else { value }
}

/// A count's share of a whole, in percent; what is short of all is never rounded to 100 %.
pub(super) fn percent_of(part: u64, whole: u64) -> String {
    let percent = part as f64 / whole as f64 * 100.0;
    let cut = if part < whole { percent.min((percent * 1e3).floor() / 1e3) } else { percent };
    let printed = significant(cut);
    if part < whole && printed == "100" { format!("{cut} %") } else { format!("{printed} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_of_everything_never_reads_as_everything() {
        for (share, text) in
            [(1.0, "1"), (0.999_999_9, "0.999999"), (0.5, "0.5"), (0.0004, "0.0004"), (0.0, "0")]
        {
            assert_eq!(reach(share), text);
        }
        for (part, whole, text) in
            [(43_047, 43_050, "99.993 %"), (7, 7, "100 %"), (59, 43_050, "0.137 %"), (0, 9, "0 %")]
        {
            assert_eq!(percent_of(part, whole), text);
        }
    }
}
