//! The precision of a trial's headline quantiles: of freshness, or of response for `request`.

use super::{Figure, TrialFacts};
use crate::measure::{Distribution, Quantile};
use crate::scenario::Pattern;
use crate::stats::{TAIL_SHOWN, effective_samples, quantile_interval, tail};

impl TrialFacts {
    /// The `q`-quantile of the headline metric (freshness; response, for `request`), with lost samples above all others, as
    /// in files and reports. `None` without samples.
    pub fn headline_at(&self, q: f64) -> Option<Figure> {
        Headline::of(self).at(q)
    }
}

/// The samples of the headline metric, and how many of them are independent.
pub(super) struct Headline<'a> {
    samples: Option<&'a Distribution>,
    censored: u64,
    n_eff: Option<f64>,
}

impl<'a> Headline<'a> {
    pub(super) fn of(facts: &'a TrialFacts) -> Self {
        let metric = facts.case.pattern.kind().traits().headline;
        let samples = facts.workers.distribution(metric);
        let censored = if facts.failure.is_none() { facts.workers.ledger.lost } else { 0 };
        let end_ns = facts.window_start_ns + facts.phases.measure.ns();
        let stretches = facts.workers.series.stretches(facts.window_start_ns, end_ns);
        let n_eff = samples.and_then(|samples| {
            let seen = effective_samples(&stretches, samples.variance()?)?;
            // Lost deliveries are only known to lie above, and count like the others.
            Some(seen * (1.0 + censored as f64 / samples.count() as f64))
        });
        let n_eff = n_eff.map(|n| most(facts).map_or(n, |most| n.min(most)));
        Self { samples, censored, n_eff }
    }

    /// The number of independent samples, to a tenth: more than it is known to.
    pub(super) fn n_eff(&self) -> Option<f64> {
        self.n_eff.map(|n| (n * 10.0).round() / 10.0)
    }

    /// The `q`-quantile of the samples, whatever its precision: measured values are never left out.
    pub(super) fn at(&self, q: f64) -> Option<Figure> {
        let quantile = match self.samples {
            Some(samples) => samples.quantile_censored(q, self.censored),
            None => (self.censored > 0).then_some(Quantile::MoreThan(0)),
        };
        quantile.map(Figure::from)
    }

    pub(super) fn interval(&self, q: f64) -> Option<(Figure, Figure)> {
        let n = self.n_eff.filter(|n| tail(*n, q) >= TAIL_SHOWN)?;
        let (low, high) = quantile_interval(n, q)?;
        Some((self.at(low)?, self.at(high)?))
    }
}

/// The largest number of independent samples, if the number of clients bounds it.
///
/// In a window shorter than their interval clients poll at most once. All events of one poll share one phase of the
/// interval, and no series of batches shorter than the interval shows that.
fn most(facts: &TrialFacts) -> Option<f64> {
    let Pattern::ShortPoll(options) = &facts.case.pattern else { return None };
    let phases = if options.synchronised { 1 } else { facts.case.workload.clients };
    (facts.phases.measure < options.interval).then_some(phases as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Series;
    use crate::record::Figures;
    use crate::record::synthetic::{WINDOW_S, case, facts, losing};
    use crate::scenario::PatternKind;
    use crate::unit::Span;

    #[test]
    fn a_quantile_has_an_interval_as_far_as_ten_independent_samples_lie_beyond() {
        let facts = facts(&case(PatternKind::Sse, 200, ""), 1);
        let headline = Headline::of(&facts);
        let n = headline.n_eff.unwrap();
        assert!((2000.0..=4000.0).contains(&n), "4,000 independent deliveries: {n}");
        assert!(headline.interval(0.5).is_some() && headline.interval(0.99).is_some());
        assert_eq!(headline.interval(0.999), None);
        let figures = Figures::of(&facts);
        let ends = ["freshness_ns_p99_low", "freshness_ns_p99_high"];
        let [low, high] = ends.map(|end| figures.number(end).unwrap());
        let p99 = headline.at(0.99).unwrap().number();
        assert!(low < p99 && p99 < high, "{low} {p99} {high}");
        assert_eq!(figures.get("response_ns_p50_low"), None);
    }

    #[test]
    fn deliveries_of_few_events_are_few_samples() {
        let mut facts = facts(&case(PatternKind::Sse, 200, ""), 1);
        let mut series = Series::default();
        // Two thousand deliveries of each of two events, one slow, one quick.
        for (due, ns) in [(100_000_000, 1_000_000), (900_000_000, 5_000_000)] {
            for _ in 0..2000 {
                series.record(facts.window_start_ns + due, ns);
            }
        }
        facts.workers.series = series;
        let headline = Headline::of(&facts);
        assert!(headline.n_eff.unwrap() < 3.0, "{:?}", headline.n_eff);
        assert_eq!((headline.interval(0.5), headline.interval(0.99)), (None, None));
    }

    #[test]
    fn clients_that_poll_once_are_a_sample_each() {
        for (interval_s, synchronised, at_most) in
            [(WINDOW_S, false, 4000.0), (WINDOW_S + 1, false, 200.0), (WINDOW_S + 1, true, 1.0)]
        {
            let mut case = case(PatternKind::ShortPoll, 200, "");
            if let Pattern::ShortPoll(options) = &mut case.pattern {
                options.interval = Span::from_secs(interval_s);
                options.synchronised = synchronised;
            }
            let n = Headline::of(&facts(&case, 1)).n_eff.unwrap();
            assert!((at_most / 2.0..=at_most).contains(&n), "{interval_s} {synchronised}: {n}");
        }
    }

    #[test]
    fn losses_are_shown_however_few() {
        let mut facts = losing(&case(PatternKind::Sse, 200, ""), 1, 200);
        facts.workers.series = Series::default();
        let headline = Headline::of(&facts);
        assert_eq!(headline.interval(0.5), None);
        assert!(matches!(headline.at(0.99), Some(Figure::MoreThan(_))));
        facts.workers.distributions.clear();
        assert_eq!(Headline::of(&facts).at(0.5), Some(Figure::MoreThan(0.0)));
    }
}
