//! Whether the quantiles of a case's headline metric are known, and precise enough to decide an objective.

use crate::measure::Metric;
use crate::record::{Figure, Q, SPECS, Source, Spec, Summary, ends_of, spec};
use crate::stats::{TAIL_DECIDES, TAIL_SHOWN, tail};

use super::CaseSummary;

/// The quantile that a column of the case's headline metric holds; `None` for every other column.
pub(crate) fn headline_quantile(case: &CaseSummary, column: &str) -> Option<f64> {
    let Spec { quantile, source, .. } = spec(column)?;
    let (metric, q) = (*quantile)?;
    let headline = matches!(source, Source::Headline) && metric == case.pattern.traits().headline;
    // No sample lies beyond the largest value.
    (headline && q != Q::Max).then(|| q.share())
}

/// Independent samples of all usable trials together; `None` if no trial has the number (older files).
pub(crate) fn independent_samples(case: &CaseSummary) -> Option<f64> {
    let by_block = case.by_block.get("n_eff")?;
    Some(by_block.values().map(|n| n.number()).sum())
}

/// Whether a column is worth its digits: no quantile of the headline metric, or one with at least ten independent
/// samples beyond it, over all usable trials.
pub(crate) fn is_well_known(case: &CaseSummary, column: &str) -> bool {
    let needs = headline_quantile(case, column).zip(independent_samples(case));
    needs.is_none_or(|(q, n)| tail(n, q) >= TAIL_SHOWN)
}

/// The median over trials of a quantile (1 for the largest sample) as `trials.csv` has it, and whether `holds` of it,
/// where that can be told; `None` where no column has it. For folders without samples.
///
/// A hundred independent samples beyond a quantile of the headline metric, over all usable trials, let its median decide.
/// With fewer it decides only where chance cannot turn it: the intervals of all trials lie on one side of the limit.
pub(super) fn by_medians(
    case: &CaseSummary,
    metric: Metric,
    q: f64,
    holds: impl Fn(f64) -> bool,
) -> Option<(Figure, Option<bool>)> {
    let own = |spec: &&Spec| {
        let same = |share: Q| share.share().total_cmp(&q).is_eq();
        let of = spec.quantile.is_some_and(|(of, share)| of == metric && same(share));
        of && spec.summary != Summary::Nothing
    };
    let spec = SPECS.iter().find(own)?;
    let median = case.figure(spec.column.name)?.value;
    // What never arrived is later than any bound.
    let holds = |figure: &Figure| match figure {
        Figure::MoreThan(_) => holds(f64::INFINITY),
        Figure::Value(number) => holds(*number),
    };
    let needs = headline_quantile(case, spec.column.name).zip(independent_samples(case));
    let Some((q, n)) = needs else { return Some((median, Some(holds(&median)))) };
    // What was lost was counted, not estimated.
    if tail(n, q) >= TAIL_DECIDES || matches!(median, Figure::MoreThan(_)) {
        return Some((median, Some(holds(&median))));
    }
    let ends: Vec<Figure> = spec
        .quantile
        .into_iter()
        .flat_map(ends_of)
        .filter_map(|end| case.bounds.get(end))
        .flat_map(|by_block| by_block.values().copied())
        .collect();
    let whole = !ends.is_empty() && ends.len() == 2 * case.trials.usable();
    let held = ends.iter().filter(|end| holds(end)).count();
    let decided = match held {
        _ if !whole => None,
        0 => Some(false),
        all if all == ends.len() => Some(true),
        _ => None,
    };
    Some((median, decided))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::summary;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::scenario::PatternKind;

    #[test]
    fn a_quantile_decides_by_enough_samples_or_by_its_interval() {
        let out = tempfile::tempdir().unwrap();
        let sse = case(PatternKind::Sse, 100, "");
        let folder = write_run(out.path(), &info(scenario(vec![sse], 2, &[])), |_| ());
        let mut case = summary(&Run::read(&folder).unwrap()).remove(0);
        let column = "freshness_ns_p99";
        let p99 = case.figure(column).unwrap().value;
        assert!(is_well_known(&case, column) && is_well_known(&case, "wire_bytes_per_delivery"));
        assert!(!is_well_known(&case, "freshness_ns_p999"), "under ten in the tail");
        let decided = |case: &CaseSummary, limit: f64| {
            by_medians(case, Metric::Freshness, 0.99, |ns| ns < limit).unwrap().1
        };
        let near = p99.number() * 1.0001;
        assert!(independent_samples(&case).unwrap() < 10_000.0, "under a hundred in the tail");
        assert_eq!(decided(&case, near), None, "within the interval");
        assert_eq!(decided(&case, 1e9), Some(true), "far above all intervals");
        assert_eq!(decided(&case, 1e3), Some(false), "far below");
        for n in case.by_block.get_mut("n_eff").unwrap().values_mut() {
            *n = Figure::Value(5_000.0);
        }
        assert_eq!(decided(&case, near), Some(true), "enough samples");
        case.by_block.remove("n_eff");
        assert_eq!(decided(&case, near), Some(true), "older files do not tell");
        assert_eq!(headline_quantile(&case, "freshness_ns_p999"), Some(0.999));
        for other in
            ["freshness_ns_max", "response_ns_p50", "connect_ns_p99", "freshness_ns_p50_low"]
        {
            assert_eq!(headline_quantile(&case, other), None, "{other}");
        }
    }
}
