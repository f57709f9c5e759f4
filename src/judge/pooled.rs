//! Quantiles of all samples of a case's usable trials together: what tables, charts, files and objectives mean by them.

use super::objective::Evidence;
use super::{CaseSummary, Estimate};
use crate::measure::Metric;
use crate::record::{Figure, Q, Run, SPECS, Source, Spec, Summary};
use crate::stats::CONFIDENCE;

/// Puts pooled quantiles, with intervals that respect the dependence within trials and the spread between them, in the place of
/// medians over trials; those stay where the run holds no samples by trial.
pub(super) fn pool(run: &Run, summary: &mut CaseSummary) {
    for metric in Metric::ALL {
        let specs = SPECS.iter().filter_map(|spec| Some((spec, quantile(spec, metric)?)));
        let measured = |(spec, _): &(&Spec, Q)| summary.figures.contains_key(spec.column.name);
        let specs: Vec<_> = specs.filter(measured).collect();
        if specs.is_empty() {
            continue;
        }
        let Some(evidence) = Evidence::of(run, summary, metric) else { continue };
        for (spec, q) in specs {
            let column = spec.column.name;
            let pooled = match q {
                Q::Max => largest(&evidence, summary, column),
                q => estimate(&evidence, q.share()),
            };
            if let Some(pooled) = pooled {
                summary.figures.insert(column, pooled);
            }
        }
    }
}

/// The quantile of `metric` that a column holds, where it is one of plain samples.
fn quantile(spec: &Spec, metric: Metric) -> Option<Q> {
    let plain = matches!(spec.source, Source::Headline | Source::Quantile(_));
    let (own, q) = spec.quantile?;
    (plain && own == metric && spec.summary == Summary::Median).then_some(q)
}

fn estimate(evidence: &Evidence, q: f64) -> Option<Estimate> {
    let value = evidence.quantile(q)?;
    let beyond_all = || Figure::MoreThan(evidence.largest().map_or(0.0, |ns| ns as f64));
    // Each side misses in half of the remaining cases.
    let (low, high) = evidence.quantile_bounds(q, f64::midpoint(CONFIDENCE, 1.0));
    let [low, high] =
        [low, high].map(|ns| if ns.is_finite() { Figure::Value(ns) } else { beyond_all() });
    Some(Estimate { value, low, high, confidence: CONFIDENCE, trials: evidence.trials() })
}

/// The largest sample of all, from the least of the trials' largest: no confidence belongs to it.
fn largest(evidence: &Evidence, summary: &CaseSummary, column: &str) -> Option<Estimate> {
    let by_block = summary.by_block.get(column)?;
    let low = by_block.values().copied().min_by(Figure::order)?;
    let ns = evidence.largest()? as f64;
    let value = if evidence.lost() > 0 { Figure::MoreThan(ns) } else { Figure::Value(ns) };
    let trials = evidence.trials();
    Some(Estimate { value, low, high: value, confidence: 0.0, trials })
}
