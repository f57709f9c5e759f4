//! Checks that the system had settled when the window began, and stayed so.
//!
//! Whole-window histograms cannot be cut afterwards, so a transient in the window is reported with the warm-up that would
//! have covered it.

use super::Reason;
use super::checks::Finding;
use crate::measure::{BATCH_NS, Batch, Metric};
use crate::record::{TrialFacts, Verdict};
use crate::stats::{differs, median, mser, trend};

/// Batches that one value of MSER-5 is the mean of.
const OF: i64 = 5;
/// p below which the part cut off differs from the rest: small, because the best of many cuts was chosen.
const CUT_P: f64 = 0.001;
/// Parts of the window that a trend is looked for in.
const PARTS: i64 = 30;
/// p below which a trend is there.
const TREND_P: f64 = 0.01;
/// Change, as a share, below which neither matters.
const SHARE: f64 = 0.1;

/// Checks whether part of the window is still warming up, or else whether it drifts.
pub(super) fn steady(facts: &TrialFacts) -> Option<Finding> {
    // A target that is taken down in the window is meant to disturb it.
    if facts.window_start_ns == 0 || facts.case.conditions.restart.is_some() {
        return None;
    }
    warming_up(facts).or_else(|| drifting(facts))
}

const fn headline(facts: &TrialFacts) -> Metric {
    facts.case.pattern.kind().traits().headline
}

/// Place and logarithm of the mean of every part that holds samples; the logarithm, for transients multiply.
fn means(batches: &[Batch], part: impl Fn(&Batch) -> i64) -> (Vec<i64>, Vec<f64>) {
    batches
        .chunk_by(|a, b| part(a) == part(b))
        .map(|group| {
            let (count, sum) = group.iter().fold((0.0, 0.0), |(count, sum), batch| {
                (count + batch.count as f64, sum + batch.sum_ns as f64)
            });
            (part(&group[0]), (sum / count).max(1.0).ln())
        })
        .unzip()
}

fn warming_up(facts: &TrialFacts) -> Option<Finding> {
    let (warmup, measure) = (facts.phases.warmup.ns(), facts.phases.measure.ns());
    let from_ns = facts.window_start_ns.saturating_sub(warmup);
    let batches = facts.workers.series.within(from_ns, facts.window_start_ns + measure);
    let window = facts.window_start_ns.div_ceil(BATCH_NS) as i64;
    let (places, values) = means(batches, |batch| (batch.index as i64 - window).div_euclid(OF));
    let cut = mser(&values);
    let reaches = u64::try_from(*places.get(cut)?).unwrap_or(0) * OF as u64 * BATCH_NS;
    let (head, rest) = values.split_at(cut);
    let by = (median(head)? - median(rest)?).exp() - 1.0;
    if reaches == 0 || by.abs() < SHARE || differs(&values, cut) > CUT_P {
        return None;
    }
    let over_half = 2 * reaches > measure;
    // If the rest still drifts, the part cut off is not a transient that ended.
    if !over_half && trend(rest).is_some_and(|trend| trend.p <= TREND_P) {
        return None;
    }
    let verdict = if over_half { Verdict::Invalid } else { Verdict::Degraded };
    let reason = Reason::WarmingUp {
        metric: headline(facts),
        warm_ns: reaches as f64,
        warmup_ns: (!over_half).then_some((warmup + reaches) as f64),
    };
    Some((verdict, reason))
}

fn drifting(facts: &TrialFacts) -> Option<Finding> {
    let (begin, measure) = (facts.window_start_ns, facts.phases.measure.ns());
    let batches = facts.workers.series.within(begin, begin + measure);
    let (first, all) = (begin.div_ceil(BATCH_NS), (measure / BATCH_NS).max(1) as i64);
    let part = |batch: &Batch| (batch.index - first) as i64 * PARTS.min(all) / all;
    let (places, values) = means(batches, part);
    let found = trend(&values)?;
    let steps = (places.last()? - places.first()?) as f64 * values.len() as f64
        / (places.last()? - places.first()? + 1) as f64;
    let change = (found.slope * steps).exp() - 1.0;
    if found.p > TREND_P || change.abs() < SHARE {
        return None;
    }
    let reason = Reason::Drifting { metric: headline(facts), change, p: found.p };
    Some((Verdict::Degraded, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND_NS;
    use crate::measure::Series;
    use crate::pace::Rng;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::PatternKind;
    use crate::unit::Span;

    /// A trial of 2 s warm-up and 20 s, whose freshness at a second since the start is `level` ± a half.
    fn trial(level: impl Fn(f64) -> f64) -> TrialFacts {
        let mut facts = facts(&case(PatternKind::Sse, 20, ""), 1);
        (facts.phases.warmup, facts.phases.measure) = (Span::from_secs(2), Span::from_secs(20));
        let start = facts.window_start_ns - 2 * SECOND_NS;
        let (mut series, mut rng) = (Series::default(), Rng::new(7, 7));
        for at in 0..2200 {
            let due = start + at * SECOND_NS / 100;
            let seconds = at as f64 / 100.0;
            series.record(due, (1e6 * level(seconds) * (0.5 + rng.unit())) as u64);
        }
        facts.workers.series = series;
        facts
    }

    #[test]
    #[expect(clippy::large_stack_arrays, reason = "a test's thread has room for it")]
    fn an_unsteady_window_is_reported_with_its_remedy() {
        let decay = |over: f64| move |s: f64| 1.0 + 9.0 * (-s / over).exp();
        for (what, facts, expected) in [
            ("steady", trial(|_| 1.0), None),
            ("settled within the warm-up", trial(decay(0.3)), None),
            (
                "still warming up",
                trial(decay(1.0)),
                Some((Verdict::Degraded, "Lengthen warmup to ")),
            ),
            (
                "ever older news",
                trial(|s| 1.0 + s * s),
                Some((Verdict::Invalid, "over half of it")),
            ),
            (
                "a slow drift",
                trial(|s| 1.0 + 0.02 * s),
                Some((Verdict::Degraded, " over the window")),
            ),
            (
                "a second's freeze",
                trial(|s| if (8.0..9.0).contains(&s) { 500.0 * (9.0 - s) } else { 1.0 }),
                None,
            ),
            (
                "a freeze at the begin",
                trial(|s| if (2.0..3.0).contains(&s) { 500.0 } else { 1.0 }),
                None,
            ),
        ] {
            let found = steady(&facts);
            let as_expected = match (&found, expected) {
                (None, None) => true,
                (Some((verdict, reason)), Some((wanted, words))) => {
                    *verdict == wanted && reason.to_string().contains(words)
                }
                _ => false,
            };
            assert!(as_expected, "{what}: {found:?}");
        }
    }

    #[test]
    fn an_empty_series_is_steady() {
        let mut facts = trial(|_| 1.0);
        facts.workers.series = Series::default();
        assert_eq!(steady(&facts), None);
        facts.window_start_ns = 0;
        assert_eq!(steady(&facts), None);
    }
}
