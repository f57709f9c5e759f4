//! Summaries of a case over its trials.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pooled::pool;
use super::{FloorRatio, Tally};
use crate::measure::Ledger;
use crate::record::{
    Cell, Figure, Run, SPECS, Source, Spec, Summary, TrialRecord, Verdict, column_of,
    offered_requests,
};
use crate::scenario::{Case, PatternKind};
use crate::stats::{CONFIDENCE, median_interval};

/// A figure of a case with its interval: a quantile of all samples of its usable trials, or a median over these trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The quantile, or the median.
    pub value: Figure,
    /// Lower end of its interval.
    pub low: Figure,
    /// Upper end of its interval.
    pub high: Figure,
    /// Probability that the interval holds the median that endless trials would have; 0.95 or a little more,
    /// or all that so few trials allow (0.75 for three).
    pub confidence: f64,
    /// Trials that it was measured in.
    pub trials: usize,
}

/// What was offered to a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offered {
    /// Links.
    pub clients: u64,
    /// Topics.
    pub topics: u64,
    /// Events a second in each topic; `None` for `request`.
    pub events_per_s: Option<f64>,
    /// Requests a second over all clients; `None` but for `request` in an open loop.
    pub requests_per_s: Option<f64>,
    /// Size of an event's payload.
    pub payload_bytes: u64,
}

impl Offered {
    fn to(case: &Case) -> Self {
        let workload = &case.workload;
        let delivers = case.pattern.kind().delivers();
        Self {
            clients: workload.clients,
            topics: workload.topics,
            events_per_s: delivers.then(|| workload.rate.per_s()),
            requests_per_s: offered_requests(&case.pattern),
            payload_bytes: workload.payload.bytes(),
        }
    }

    fn of(trial: &TrialRecord) -> Self {
        let identity = &trial.identity;
        Self {
            clients: identity.clients,
            topics: trial.given.topics.unwrap_or(1),
            events_per_s: identity.events_per_s,
            requests_per_s: trial.given.requests_per_s,
            payload_bytes: identity.payload_bytes,
        }
    }
}

/// The summary of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseSummary {
    /// Id of the case.
    pub case: String,
    /// Its pattern.
    pub pattern: PatternKind,
    /// The offered load.
    pub offered: Offered,
    /// The worst verdict of its trials; `None` where none was run.
    pub verdict: Option<Verdict>,
    /// Trials by verdict.
    pub trials: Tally,
    /// The account of deliveries, summed over every trial that was finished, also the invalid ones.
    pub ledger: Ledger,
    /// Counts, summed like the ledger, by column.
    pub counts: BTreeMap<&'static str, u64>,
    /// Least reach of any trial that was finished.
    pub reach_worst: Option<f64>,
    /// Figures over the usable trials, by column of `trials.csv`; a column that was never measured is missing.
    pub figures: BTreeMap<&'static str, Estimate>,
    /// The figures of each usable trial, by column and block, for comparisons of cases.
    pub by_block: BTreeMap<&'static str, BTreeMap<u32, Figure>>,
    /// The bounds of each usable trial's quantile intervals, by column and block.
    pub bounds: BTreeMap<&'static str, BTreeMap<u32, Figure>>,
    /// Quantiles of its headline metric ÷ those of its noise floor.
    pub floor: FloorRatio,
    /// What the machine did to it.
    pub disturbed: Disturbed,
}

/// What the machine did to the trials of a case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Disturbed {
    /// Figures over the invalid trials, by column, where no trial is usable: to be looked at, and not to be relied on.
    pub figures: BTreeMap<&'static str, Estimate>,
    /// Share of the 99th percentile that pauses of the machine may be, in the worst usable trial.
    pub p99_effect: f64,
}

impl CaseSummary {
    /// The estimate of a column.
    pub fn figure(&self, column: &str) -> Option<&Estimate> {
        self.figures.get(column)
    }

    /// The estimate of a column to be shown, and whether it can be relied on: of the usable trials, else of invalid ones.
    pub fn shown(&self, column: &str) -> Option<(&Estimate, bool)> {
        let reliable = self.figure(column).map(|estimate| (estimate, true));
        reliable.or_else(|| self.disturbed.figures.get(column).map(|estimate| (estimate, false)))
    }

    /// The column of a quantile of the metric that the pattern is read by: `"p50"`, `"p99"`.
    pub fn headline(&self, quantile: &str) -> &'static str {
        column_of(self.pattern.traits().headline, quantile)
            .unwrap_or_else(|| unreachable!("headline metrics have columns"))
    }
}

fn specs(of: fn(&Spec) -> bool) -> impl Iterator<Item = &'static str> {
    SPECS.iter().filter(move |spec| of(spec)).map(|spec| spec.column.name)
}

/// Columns with a median over trials: measured numbers, not identities or counts.
pub(crate) fn summarised() -> impl Iterator<Item = &'static str> {
    specs(|spec| matches!(spec.summary, Summary::Median | Summary::Worst))
}

/// Columns that are summed over the trials of a case.
pub(crate) fn counted() -> impl Iterator<Item = &'static str> {
    specs(|spec| spec.summary == Summary::Sum)
}

/// Columns that are bounds of a trial's quantile intervals.
fn bounds() -> impl Iterator<Item = &'static str> {
    specs(|spec| matches!(spec.source, Source::Interval(_)))
}

/// Returns the median of `figures` with its interval; `None` if there are none.
///
/// Figures that are only bounds rank above all numbers, so a median may be a bound.
pub fn estimate(figures: &[Figure]) -> Option<Estimate> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(Figure::order);
    let interval = median_interval(sorted.len(), CONFIDENCE)?;
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let middle = f64::midpoint(low.number(), high.number());
    let median = match (low, high) {
        (Figure::Value(_), Figure::Value(_)) => Figure::Value(middle),
        // One number and one bound: the mean of both is more than the number's share of it.
        (Figure::Value(least), _) => Figure::MoreThan(least.max(middle)),
        _ => Figure::MoreThan(middle),
    };
    Some(Estimate {
        value: median,
        low: sorted[interval.low],
        high: sorted[interval.high],
        confidence: interval.confidence,
        trials: sorted.len(),
    })
}

/// The summary of every case, in the order of the scenario.
pub fn summary(run: &Run) -> Vec<CaseSummary> {
    let of = |id: &str| {
        let planned = run.info.scenario.cases.iter().find(|case| case.id == id);
        let mut summary = summarise(planned, &run.trials, id)?;
        pool(run, &mut summary);
        summary.floor = FloorRatio::of(run, &summary);
        Some(summary)
    };
    run.cases().into_iter().filter_map(of).collect()
}

/// The summary of every case that trials name, in the order of their first rows: for trials that no run holds.
pub fn summary_of(trials: &[TrialRecord]) -> Vec<CaseSummary> {
    let mut ids: Vec<&str> = Vec::new();
    for trial in trials {
        if !ids.contains(&trial.identity.case.as_str()) {
            ids.push(&trial.identity.case);
        }
    }
    ids.into_iter().filter_map(|id| summarise(None, trials, id)).collect()
}

fn summarise(planned: Option<&Case>, all: &[TrialRecord], id: &str) -> Option<CaseSummary> {
    let trials: Vec<&TrialRecord> = all.iter().filter(|trial| trial.identity.case == id).collect();
    let mut summary = empty(planned, trials.first().copied(), id)?;
    for trial in &trials {
        summary.trials.add(trial);
        summary.verdict = summary.verdict.max(Some(trial.verdict));
        if trial.verdict != Verdict::Failed {
            summary.ledger.merge(&trial.ledger.unwrap_or_default());
            add_counts(&mut summary, trial);
            summary.reach_worst = match (summary.reach_worst, trial.reach) {
                (Some(worst), Some(reach)) => Some(worst.min(reach)),
                (worst, reach) => worst.or(reach),
            };
        }
        if trial.verdict.usable() {
            add_figures(&mut summary, trial);
            summary.disturbed.p99_effect = summary.disturbed.p99_effect.max(p99_effect(trial));
        }
    }
    summary.figures = estimates(&summary.by_block);
    if summary.trials.usable() == 0 {
        let mut invalid = empty(planned, trials.first().copied(), id)?;
        let spoilt = trials.iter().filter(|trial| trial.verdict == Verdict::Invalid);
        spoilt.for_each(|trial| add_figures(&mut invalid, trial));
        summary.disturbed.figures = estimates(&invalid.by_block);
    }
    Some(summary)
}

fn estimates(
    by_block: &BTreeMap<&'static str, BTreeMap<u32, Figure>>,
) -> BTreeMap<&'static str, Estimate> {
    let of = |figures: &BTreeMap<u32, Figure>| {
        estimate(&figures.values().copied().collect::<Vec<Figure>>())
    };
    by_block.iter().filter_map(|(column, figures)| Some((*column, of(figures)?))).collect()
}

/// Share of a trial's 99th percentile that pauses of the machine may be.
fn p99_effect(trial: &TrialRecord) -> f64 {
    let effect = trial.verdict_codes.iter().find(|code| code.name == "disturbance_effect");
    // Where no bound is known, it may be all of it.
    effect.map_or(0.0, |code| code.figures.get("p99_effect").and_then(Value::as_f64).unwrap_or(1.0))
}

fn add_counts(summary: &mut CaseSummary, trial: &TrialRecord) {
    for column in counted() {
        if let Some(Cell::Count(count)) = trial.cell(column) {
            *summary.counts.entry(column).or_default() += count;
        }
    }
}

fn add_figures(summary: &mut CaseSummary, trial: &TrialRecord) {
    let block = trial.identity.block;
    let figure = |column| trial.cell(column).map(Cell::figure);
    for (column, figure) in summarised().filter_map(|column| Some((column, figure(column)?))) {
        summary.by_block.entry(column).or_default().insert(block, figure);
    }
    for (column, figure) in bounds().filter_map(|column| Some((column, figure(column)?))) {
        summary.bounds.entry(column).or_default().insert(block, figure);
    }
}

/// The case without any trial, from the scenario, or from a row where the scenario does not name it.
fn empty(planned: Option<&Case>, measured: Option<&TrialRecord>, id: &str) -> Option<CaseSummary> {
    let (pattern, offered) = planned
        .map(|case| (case.pattern.kind(), Offered::to(case)))
        .or_else(|| measured.map(|trial| (trial.identity.pattern, Offered::of(trial))))?;
    Some(CaseSummary {
        case: id.to_owned(),
        pattern,
        offered,
        verdict: None,
        trials: Tally::default(),
        ledger: Ledger::default(),
        counts: BTreeMap::new(),
        reach_worst: None,
        figures: BTreeMap::new(),
        by_block: BTreeMap::new(),
        bounds: BTreeMap::new(),
        floor: FloorRatio::default(),
        disturbed: Disturbed::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::synthetic::{case, info, losing, scenario, write_run};

    #[test]
    fn a_median_may_be_a_bound() {
        let (low, mid, more) = (Figure::Value(1.0), Figure::Value(3.0), Figure::MoreThan(2.0));
        for (figures, median, high) in [
            (vec![mid, low], Figure::Value(2.0), mid),
            (vec![more, low, mid], mid, more),
            (vec![more, low, more], more, more),
            (vec![mid, more], Figure::MoreThan(3.0), more),
        ] {
            let estimate = estimate(&figures).unwrap();
            assert_eq!((estimate.value, estimate.high), (median, high), "{figures:?}");
        }
        assert_eq!(estimate(&[]), None);
    }

    #[test]
    fn spoilt_trials_are_counted_but_not_summarised() {
        let out = tempfile::tempdir().unwrap();
        let sse = case(PatternKind::Sse, 60, "");
        let info = info(scenario(vec![sse.clone()], 4, &[]));
        let folder = write_run(out.path(), &info, |facts| match facts.trial {
            2 => facts.failure = Some("the worker died".to_owned()),
            3 => *facts = losing(&sse, 3, 240),
            _ => {}
        });
        let run = Run::read(&folder).unwrap();
        let summary = &summary(&run)[0];
        let tally = Tally { valid: 2, degraded: 0, invalid: 1, failed: 1, cut_short: 0 };
        assert_eq!((summary.trials, summary.verdict), (tally, Some(Verdict::Failed)));
        assert_eq!(summary.ledger.lost, 240, "an invalid trial's losses are not hidden");
        let p50 = summary.figure("freshness_ns_p50").unwrap();
        assert_eq!((p50.trials, p50.confidence), (2, 0.95));
        let reach = summary.reach_worst.unwrap();
        assert!(reach < 1.0, "an invalid trial's losses are not hidden: {reach}");
        assert!(summary.disturbed.figures.is_empty(), "usable trials speak alone");
    }

    #[test]
    fn invalid_trials_are_shown_where_there_are_no_others() {
        let out = tempfile::tempdir().unwrap();
        let sse = case(PatternKind::Sse, 60, "");
        let info = info(scenario(vec![sse.clone()], 2, &[]));
        let folder = write_run(out.path(), &info, |facts| *facts = losing(&sse, facts.trial, 240));
        let summary = &summary(&Run::read(&folder).unwrap())[0];
        assert_eq!((summary.trials.invalid, summary.figure("freshness_ns_p50")), (2, None));
        let (estimate, reliable) = summary.shown("freshness_ns_p50").unwrap();
        assert!(estimate.trials == 2 && !reliable);
    }
}
