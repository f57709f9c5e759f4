//! The tables of the full report: objectives, intervals, trials, files.

use super::View;
use super::chart::charts;
use super::document::{Cell, Table, left, right};
use super::glance::{known, verdict, with_interval};
use crate::judge::CaseSummary;
use crate::record::COST;
use crate::stats::{CONFIDENCE, median_interval};
use crate::unit::significant;

/// Files of the folder, with the content of each.
const FILES: [(&str, &str); 15] = [
    ("run.json", "scenario as resolved, plan, host, versions"),
    ("trials.csv", "one row per trial"),
    ("floor.csv", "one row per noise-floor trial"),
    ("summary.csv", "one row per case: medians over trials, with intervals"),
    ("summary.json", "the outcome, figures with intervals, and comparisons, for programs"),
    ("metrics.prom", "the same for Prometheus, as OpenMetrics text"),
    ("percentiles.csv", "quantiles of each case and metric"),
    ("timeline.csv", "one row per second of each trial"),
    ("samples.csv", "individual requests and polls, the first ones of each shard"),
    ("deliveries.csv", "individual deliveries, the first ones of each shard"),
    ("histograms.hlog", "all samples: HdrHistogram interval log, tags case.metric"),
    ("histograms/", "percentile distributions of each case and metric (.hgrm, microseconds)"),
    ("charts/", "the charts above, as SVG and PNG"),
    ("report.md", "this report"),
    ("report.html", "this report as one page to send, with charts and the data"),
];

/// The files that this run has.
pub(super) fn files(view: &View) -> Vec<(&'static str, &'static str)> {
    let has = |name: &str| match name {
        "floor.csv" => !view.run.floors.is_empty(),
        "samples.csv" | "deliveries.csv" => view.run.info.scenario.worker.samples > 0,
        "charts/" => charts(view).next().is_some(),
        _ => true,
    };
    FILES.into_iter().filter(|(name, _)| has(name)).collect()
}

/// The objectives at each case, with what was measured.
pub(super) fn objectives(view: &View) -> Table {
    let head = vec![left("objective"), left("case"), right("measured"), left("outcome")];
    let judged = view.findings.judgements.iter().map(|judgement| {
        let (case, outcome) = (view.name(&judgement.case), judgement.outcome.name());
        [&judgement.objective, &case, &judgement.printed, outcome].map(Cell::from).into()
    });
    let refused = view
        .findings
        .refused
        .iter()
        .map(|error| [error.to_string().as_str(), "-", "-", "unknown"].map(Cell::from).into());
    Table::new(head, judged.chain(refused).collect())
}

/// How to read the table of intervals.
pub(super) const INTERVALS: &str = "Quantiles are of all samples of a case's usable trials, with a 95 % interval that allows for dependence within trials and \
     for the spread between them. Other figures are medians over the usable trials, with the order-statistic interval of the \
     median at the confidence of the row: three trials give 75 %; 95 % takes at least six.";

/// What a column of the table of intervals holds.
#[derive(Clone, Copy)]
enum Compared {
    /// A quantile of the headline metric.
    News(&'static str),
    /// The metric of that column of `trials.csv`.
    Metric(&'static str),
}

/// The figures that cases are compared by.
const COMPARED: [Compared; 6] = [
    Compared::News("p50"),
    Compared::News("p99"),
    Compared::Metric("target_cpu_cores"),
    Compared::Metric("wire_bytes_per_s"),
    Compared::Metric("target_memory_bytes"),
    Compared::Metric(COST),
];

impl Compared {
    fn title(self) -> &'static str {
        match self {
            Self::News(quantile) => known(&format!("freshness_ns_{quantile}")).title,
            Self::Metric(column) => known(column).title,
        }
    }

    fn column(self, case: &CaseSummary) -> &'static str {
        match self {
            Self::News(quantile) => case.headline(quantile),
            Self::Metric(column) => column,
        }
    }
}

/// The figures that cases are compared by, with their intervals.
pub(super) fn intervals(view: &View) -> Table {
    let heads = ["case", "trials", "confidence"].into_iter().chain(COMPARED.map(Compared::title));
    let row = |case: &CaseSummary| {
        let own = [view.name(&case.case), case.trials.usable().to_string(), confidence(case)];
        let figures = COMPARED.map(|compared| with_interval(case, compared.column(case)));
        own.into_iter().chain(figures).collect()
    };
    Table::of_cases(heads, view.findings.cases.iter().map(row))
}

fn confidence(case: &CaseSummary) -> String {
    match median_interval(case.trials.usable(), CONFIDENCE) {
        Some(interval) if interval.confidence > 0.0 => {
            format!("{} %", significant(interval.confidence * 100.0))
        }
        _ => "-".to_owned(),
    }
}

/// Every trial with its verdict, then the cases that were not run.
pub(super) fn trials(view: &View) -> Table {
    let head = vec![right("block"), left("case"), right("trial"), left("verdict"), left("reasons")];
    let trials = view.run.trials.iter().map(|trial| {
        let identity = &trial.identity;
        let cells = [
            identity.block.to_string(),
            view.name(&identity.case),
            identity.trial.to_string(),
            if trial.is_cut_short() { "cut short" } else { trial.verdict.name() }.to_owned(),
            trial.verdict_reasons.join("; "),
        ];
        cells.map(Cell::from).into()
    });
    let not_run = view.findings.cases.iter().filter(|case| case.verdict.is_none()).map(|case| {
        let cells = ["-".to_owned(), view.name(&case.case), "-".to_owned(), verdict(case)];
        cells.map(Cell::from).into_iter().chain([Cell::default()]).collect()
    });
    Table::new(head, trials.chain(not_run).collect())
}
