//! `summary.csv` and `percentiles.csv`.

use super::View;
use super::quantiles::Quantiles;
use crate::judge::{CaseSummary, counted, summarised};
use crate::measure::Metric;
use crate::record::{
    BOUNDS, Bounds, Figure, PERCENTILE_COLUMNS, SCHEMA_VERSION, SUMMARY_COLUMNS, to_csv,
};

/// What `summary.csv` has of each case as `trials.csv` has it.
const IDENTITY: [&str; 9] = [
    "schema_version",
    "scenario",
    "case",
    "pattern",
    "clients",
    "topics",
    "events_per_s",
    "requests_per_s",
    "payload_bytes",
];

/// The last count that stands before the figures: readers by place find those of earlier versions where they were.
const LAST_EARLY_COUNT: &str = "sends_repeated";

/// The counts that stand before the figures, and those behind them.
fn counts() -> (Vec<&'static str>, Vec<&'static str>) {
    let all: Vec<_> = counted().collect();
    let early = all.iter().position(|column| *column == LAST_EARLY_COUNT).map_or(0, |at| at + 1);
    (all[..early].to_vec(), all[early..].to_vec())
}

/// Columns of `summary.csv`: the case, totals of its counts, and each figure with its interval.
pub(super) fn summary_header() -> Vec<String> {
    let with_interval =
        |name: &str| [name.to_owned(), format!("{name}_low"), format!("{name}_high")];
    let own = SUMMARY_COLUMNS.iter().map(|column| column.name).filter(|name| *name != BOUNDS);
    let head = IDENTITY.into_iter().chain(own).map(str::to_owned);
    let (early, late) = counts();
    let names = |counts: Vec<&'static str>| counts.into_iter().map(str::to_owned);
    let figures = summarised().flat_map(with_interval);
    let bounds = std::iter::once(BOUNDS.to_owned());
    head.chain(names(early)).chain(figures).chain(names(late)).chain(bounds).collect()
}

/// `summary.csv`: one row a case.
pub(super) fn summary(view: &View) -> Vec<u8> {
    let scenario = view.run.info.scenario.name.as_str();
    let rows = view.findings.cases.iter().map(|case| summary_row(scenario, case));
    to_csv(std::iter::once(summary_header()).chain(rows))
}

fn summary_row(scenario: &str, case: &CaseSummary) -> Vec<String> {
    // With its fraction: the type of a column must not depend on which row comes first.
    let or_empty = |number: Option<f64>| number.map(|n| format!("{n:?}")).unwrap_or_default();
    let (offered, trials) = (&case.offered, &case.trials);
    let confidence = crate::stats::median_interval(trials.usable(), crate::stats::CONFIDENCE);
    let mut row = vec![
        SCHEMA_VERSION.to_string(),
        scenario.to_owned(),
        case.case.clone(),
        case.pattern.name().to_owned(),
        offered.clients.to_string(),
        offered.topics.to_string(),
        or_empty(offered.events_per_s),
        or_empty(offered.requests_per_s),
        offered.payload_bytes.to_string(),
        case.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
        trials.valid.to_string(),
        trials.degraded.to_string(),
        trials.invalid.to_string(),
        trials.failed.to_string(),
        or_empty(confidence.map(|interval| interval.confidence)),
        or_empty(case.reach_worst),
        or_empty(case.floor.p50),
        or_empty(case.floor.p99),
    ];
    let count = |column: &&str| case.counts.get(*column).map(u64::to_string).unwrap_or_default();
    let (early, late) = counts();
    row.extend(early.iter().map(count));
    let mut bounds = Bounds::default();
    for column in summarised() {
        let estimate = case.figure(column);
        let mut cell = |column: &str, figure: Option<Figure>| {
            let text = figure.map(|figure| figure.to_string()).unwrap_or_default();
            row.push(bounds.cell(column, text));
        };
        cell(column, estimate.map(|estimate| estimate.value));
        // The row's confidence is that of all usable trials; of fewer figures it would not be true.
        let whole = estimate.filter(|e| e.trials == trials.usable() && e.confidence > 0.0);
        cell(&format!("{column}_low"), whole.map(|estimate| estimate.low));
        cell(&format!("{column}_high"), whole.map(|estimate| estimate.high));
    }
    row.extend(late.iter().map(count));
    row.push(bounds.list());
    row
}

/// `percentiles.csv`: the merged samples of every case and metric, on a grid for a nines axis.
pub(super) fn percentiles(view: &View) -> Vec<u8> {
    percentiles_of(view, &Metric::ALL)
}

/// The same of some metrics.
pub(super) fn percentiles_of(view: &View, metrics: &[Metric]) -> Vec<u8> {
    let header = PERCENTILE_COLUMNS.iter().map(|column| column.name.to_owned());
    let mut rows: Vec<Vec<String>> = vec![header.collect()];
    for case in &view.findings.cases {
        for metric in metrics {
            let Some(quantiles) = Quantiles::of(view, &case.case, *metric) else { continue };
            rows.extend(quantiles.points.iter().map(|(q, figure)| {
                let value = match figure {
                    Figure::Value(ns) => format!("{ns:?}"),
                    Figure::MoreThan(_) => f64::INFINITY.to_string(),
                };
                vec![
                    case.case.clone(),
                    metric.name().to_owned(),
                    format!("{q:?}"),
                    value,
                    quantiles.count.to_string(),
                    quantiles.censored.to_string(),
                ]
            }));
        }
    }
    to_csv(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, losing, scenario, write_run};
    use crate::scenario::PatternKind;

    fn rows(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_reader(bytes).deserialize().map(Result::unwrap).collect()
    }

    #[test]
    fn headers_are_those_of_the_committed_results() {
        let kept = include_str!("../../tests/black_box/data/summary-header-1.csv");
        let now = summary_header();
        let kept: Vec<&str> = kept.trim_end().split(',').collect();
        assert_eq!(now[..kept.len()], kept, "new columns come last");
        let format = include_str!("../../FORMAT.md");
        assert!(format.contains(&format!("`schema_version` is {SCHEMA_VERSION}")));
    }

    #[test]
    fn a_case_has_its_medians_intervals_and_totals() {
        let out = tempfile::tempdir().unwrap();
        let sse = case(PatternKind::Sse, 20, "");
        let info = info(scenario(vec![sse.clone(), case(PatternKind::WebSocket, 20, "")], 3, &[]));
        let folder = write_run(out.path(), &info, |facts| {
            if facts.case.pattern.kind() == PatternKind::Sse && facts.trial == 3 {
                *facts = losing(&sse, 3, 20);
                facts.target.counters.add(crate::measure::Counter::Published, 1);
            }
        });
        let view = View::new(Run::read(&folder).unwrap());
        let rows = rows(&summary(&view));
        assert_eq!(rows.len(), 2);
        let cell = |name: &str| rows[0][name].as_str();
        assert_eq!((cell("trials_valid"), cell("confidence"), cell("lost")), ("3", "0.75", "20"));
        let trials: Vec<f64> = view.run.trials[..]
            .iter()
            .filter(|t| t.identity.case == "sse")
            .map(|t| t.figures.number("target_cpu_ns_per_delivery").unwrap())
            .collect();
        let low = trials.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(cell("target_cpu_ns_per_delivery_low"), low.to_string());
        assert_eq!(cell("freshness_ns_p99_high"), "inf", "a number to every reader");
        let high = view.findings.cases[0].figure("freshness_ns_p99").unwrap().high;
        let Figure::MoreThan(_) = high else { panic!("{high}") };
        let bounds: Vec<&str> = cell("bounds").split(" | ").collect();
        assert!(bounds.contains(&format!("freshness_ns_p99_high{high}").as_str()), "{bounds:?}");
        assert_eq!(cell("response_ns_p50"), "", "not measured, not 0");
    }

    #[test]
    fn percentiles_are_those_of_the_merged_samples() {
        let out = tempfile::tempdir().unwrap();
        let sse = case(PatternKind::Sse, 20, "");
        let folder = write_run(out.path(), &info(scenario(vec![sse.clone()], 2, &[])), |facts| {
            *facts = losing(&sse, facts.trial, 20);
            facts.target.counters.add(crate::measure::Counter::Published, 1);
        });
        let view = View::new(Run::read(&folder).unwrap());
        let rows = rows(&percentiles(&view));
        let freshness: Vec<_> = rows.iter().filter(|row| row["metric"] == "freshness").collect();
        assert!(freshness.iter().all(|row| row["count"] == "800" && row["censored"] == "40"));
        let at = |q: &str, column: &str| {
            freshness.iter().find(|row| row["quantile"] == q).unwrap()[column].clone()
        };
        assert_eq!((at("0.99", "value_ns"), at("1.0", "value_ns")), ("inf".into(), "inf".into()));
        let median: f64 = at("0.5", "value_ns").parse().unwrap();
        let samples = &view.run.distributions[&("sse".to_owned(), Metric::Freshness)];
        assert_eq!(
            samples.quantile_censored(0.5, 40).map(Figure::from),
            Some(Figure::Value(median))
        );
    }

    /// The p50 and p99 of one run, wherever it says them.
    #[test]
    fn a_quantile_is_the_same_figure_in_table_chart_files_and_objectives() {
        let out = tempfile::tempdir().unwrap();
        let cases = vec![case(PatternKind::Sse, 60, ""), case(PatternKind::WebSocket, 60, "")];
        let objectives = ["freshness_p50 < 1h", "freshness_p99 < 1h"];
        let folder = write_run(out.path(), &info(scenario(cases, 3, &objectives)), |_| ());
        let view = View::new(Run::read(&folder).unwrap());
        let (summary, percentiles) = (rows(&summary(&view)), rows(&percentiles(&view)));
        let table = crate::report::glance::table(&view);
        let page = crate::report::markdown::markdown(&view);
        for (at, id) in ["sse", "websocket"].into_iter().enumerate() {
            for (column, q, share, objective) in [
                ("freshness_ns_p50", "0.5", 0.5, objectives[0]),
                ("freshness_ns_p99", "0.99", 0.99, objectives[1]),
            ] {
                let of_case = view.findings.cases[at].figure(column).unwrap();
                let Figure::Value(ns) = of_case.value else { panic!("{id} {column}") };
                assert_eq!(summary[at][column].parse(), Ok(ns), "summary.csv");
                let row = |row: &&BTreeMap<String, String>| {
                    row["case"] == id && row["metric"] == "freshness" && row["quantile"] == q
                };
                assert_eq!(percentiles.iter().find(row).unwrap()["value_ns"].parse(), Ok(ns));
                let points = Quantiles::of(&view, id, Metric::Freshness).unwrap().points;
                let point = points.iter().find(|(own, _)| (own - share).abs() < 1e-12).unwrap();
                assert_eq!(point.1, of_case.value, "the chart");
                let judged =
                    |j: &&crate::judge::Judgement| j.case == id && j.objective == objective;
                let judged = view.findings.judgements.iter().find(judged).unwrap();
                assert_eq!(judged.measured, Some(of_case.value), "the objective");
                let printed = crate::unit::nanoseconds(ns);
                let cells = &table.groups[0].rows[at];
                assert!(cells.iter().any(|cell| cell.text == printed), "{printed}: {cells:?}");
                assert!(page.contains(&crate::unit::typographic(&printed)), "report.md");
                assert!(of_case.low.number() <= ns && ns <= of_case.high.number());
                // Each trial has its own, and none of them need be it.
                assert_eq!(of_case.trials, 3);
            }
        }
    }
}
