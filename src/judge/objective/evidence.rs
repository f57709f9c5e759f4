//! What the usable trials of a case know of a metric's samples: by trial and second, with what was lost.

use crate::measure::{Awaits, Metric};
use crate::record::{Bin, Figure, Run};
use crate::scenario::{Case, Pattern};
use crate::stats::{FEW, ShareBounds, Stretch, TrialShare, indicator_effect, share_bounds};

use super::super::CaseSummary;

/// Fewer seconds with samples than that, over all trials, tell nothing of how an indicator depends on itself.
const FEW_SECONDS: usize = 5;
/// Other bounds that are looked at for what they tell of the one that is judged.
const PLACES: usize = 32;
/// A histogram's last bin holds everything above it.
const SATURATED_NS: u64 = 60_000_000_000;

/// The samples of a metric at a case, over its usable trials.
pub(in crate::judge) struct Evidence {
    /// The metric.
    pub metric: Metric,
    trials: Vec<Trial>,
    /// Whether the case is of requests.
    requests: bool,
}

struct Trial {
    seconds: Vec<Vec<Bin>>,
    /// Samples that arrived.
    arrived: u64,
    /// Those that never did.
    lost: u64,
    /// Independent samples by the dependence of the headline metric.
    effective: f64,
    /// The most that the clients of the trial can give, whatever the samples say.
    most: f64,
}

/// Which samples are meant: those whose bin does or does not lie so to a bound.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beyond {
    /// At the bound or above it.
    AtLeast(f64),
    /// Above it.
    MoreThan(f64),
}

/// The values of at most [`PLACES`] of these bins, evenly spread.
fn thinned<'a>(bins: impl Iterator<Item = (&'a Bin, f64)>) -> Vec<f64> {
    let values: Vec<f64> = bins.map(|(bin, _)| bin.high_ns as f64).collect();
    let step = values.len().div_ceil(PLACES).max(1);
    values.into_iter().step_by(step).collect()
}

impl Beyond {
    const fn bound(self) -> f64 {
        match self {
            Self::AtLeast(bound) | Self::MoreThan(bound) => bound,
        }
    }

    fn has(self, bin: &Bin) -> bool {
        let saturated = bin.high_ns >= SATURATED_NS;
        match self {
            Self::AtLeast(bound) => saturated || bin.high_ns as f64 >= bound,
            Self::MoreThan(bound) => saturated || bin.low_ns as f64 > bound,
        }
    }
}

impl Evidence {
    /// The samples of `metric` at `case` in `run`; `None` where the run holds none by trial.
    pub(in crate::judge) fn of(run: &Run, case: &CaseSummary, metric: Metric) -> Option<Self> {
        let planned = run.info.scenario.cases.iter().find(|planned| planned.id == case.case);
        let mut logged = run.log.trials(&case.case, metric);
        let records = run.trials.iter().filter(|trial| trial.identity.case == case.case);
        let mut trials = Vec::new();
        for record in records.filter(|trial| trial.verdict.usable()) {
            let at = logged.iter().position(|trial| trial.trial == record.identity.trial);
            let seconds = at.map(|at| logged.swap_remove(at).seconds).unwrap_or_default();
            let arrived = seconds.iter().flatten().map(|bin| bin.count).sum::<u64>();
            let lost = record.never_arrived(metric);
            let all = (arrived + lost) as f64;
            // Samples of the headline metric and its independent ones tell by how much samples of the trial count for
            // less; older files do not tell.
            let headline = record.ledger.map_or(0, |ledger| ledger.expected);
            let told = record.figures.number("n_eff").filter(|_| depends(metric) && headline > 0);
            let effective = told.map_or(all, |n| all * (n / headline as f64).min(1.0));
            let once = planned.filter(|case| polls_once(case, record.measure_s));
            let most = if once.is_some() { effective } else { all };
            trials.push(Trial { seconds, arrived, lost, effective, most });
        }
        let all: u64 = trials.iter().map(|trial| trial.arrived + trial.lost).sum();
        let arrived: u64 = trials.iter().map(|trial| trial.arrived).sum();
        // What was lost tells by itself, where all of it was.
        let known = arrived > 0 || (all > 0 && !run.log.is_empty());
        let requests = !case.pattern.delivers();
        known.then_some(Self { metric, trials, requests })
    }

    /// What the samples are called: `"10,027 deliveries"`.
    pub(super) const fn noun(&self) -> &'static str {
        match self.metric.awaits() {
            Awaits::Deliveries => "deliveries",
            Awaits::Answers if self.requests => "requests",
            Awaits::Acknowledgements => "events",
            Awaits::Answers | Awaits::Nothing => "samples",
        }
    }

    /// Trials that have samples, or lost some.
    pub(in crate::judge) fn trials(&self) -> usize {
        self.trials.iter().filter(|trial| trial.arrived + trial.lost > 0).count()
    }

    /// All samples, with those that never arrived.
    pub(super) fn count(&self) -> u64 {
        self.trials.iter().map(|trial| trial.arrived + trial.lost).sum()
    }

    /// Samples that never arrived.
    pub(in crate::judge) fn lost(&self) -> u64 {
        self.trials.iter().map(|trial| trial.lost).sum()
    }

    /// What each trial knows of the share of samples beyond a bound; what was lost lies beyond.
    pub(super) fn shares(&self, beyond: Beyond) -> Vec<TrialShare> {
        let sum = |second: &Vec<Bin>| -> Stretch {
            let all: u64 = second.iter().map(|bin| bin.count).sum();
            let own: u64 = second.iter().filter(|bin| beyond.has(bin)).map(|bin| bin.count).sum();
            (all, own as f64)
        };
        let stretches: Vec<Vec<Stretch>> =
            self.trials.iter().map(|trial| trial.seconds.iter().map(sum).collect()).collect();
        let own = |stretches: &Vec<Stretch>| -> u64 {
            stretches.iter().map(|(_, sum)| *sum as u64).sum()
        };
        let arrived: u64 = self.trials.iter().map(|trial| trial.arrived).sum();
        let late: u64 = stretches.iter().map(own).sum();
        let seconds = stretches.iter().flatten().filter(|(count, _)| *count > 0).count();
        let tells = late >= FEW && arrived - late >= FEW && seconds >= FEW_SECONDS;
        let effect = tells.then(|| indicator_effect(&stretches)).flatten();
        let shares = self.trials.iter().zip(&stretches).map(|(trial, stretches)| {
            let count = trial.arrived + trial.lost;
            let effective = effect.map_or(trial.effective, |effect| count as f64 / effect);
            let effective = effective.min(trial.most);
            TrialShare { count, beyond: own(stretches) + trial.lost, effective }
        });
        shares.filter(|share| share.count > 0).collect()
    }

    /// The share beyond a bound; `None` where there are no samples.
    pub(super) fn share(&self, beyond: Beyond, confidence: f64) -> Option<ShareBounds> {
        share_bounds(&self.shares(beyond), confidence)
    }

    /// The same for a verdict at `limit`. A share beyond a bound is at most that beyond any lower bound, and at least that
    /// beyond any higher one; what is known there is known here, so that a wider bound is never met less surely.
    pub(super) fn judged(
        &self,
        beyond: Beyond,
        limit: f64,
        confidence: f64,
    ) -> Option<ShareBounds> {
        let mut own = self.share(beyond, confidence)?;
        let decides = |share: &ShareBounds| share.high < limit || share.low > limit;
        if decides(&own) {
            return Some(own);
        }
        let (bins, all) = (self.bins(), self.count() as f64);
        // Beyond the value of a bin lie those of the later ones, and what was lost.
        let mut left = self.count();
        let mut shares = Vec::with_capacity(bins.len());
        for bin in &bins {
            left -= bin.count;
            shares.push((bin, left as f64 / all));
        }
        let at = beyond.bound();
        let (lower, higher): (Vec<_>, Vec<_>) =
            shares.into_iter().partition(|(bin, _)| (bin.high_ns as f64) < at);
        let lower = thinned(lower.into_iter().filter(|(_, share)| *share < limit));
        let higher = thinned(higher.into_iter().filter(|(_, share)| *share > limit));
        let there = |value: f64| self.share(Beyond::MoreThan(value), confidence);
        if let Some(known) = lower.into_iter().filter_map(there).find(|known| known.high < limit) {
            (own.high, own.effective) = (known.high, known.effective);
        } else if let Some(known) =
            higher.into_iter().filter_map(there).find(|known| known.low > limit)
        {
            (own.low, own.effective) = (known.low, known.effective);
        }
        Some(own)
    }

    /// The `q`-quantile of all samples, what was lost lying above the others.
    pub(in crate::judge) fn quantile(&self, q: f64) -> Option<Figure> {
        let bins = self.bins();
        let all = self.count();
        if all == 0 {
            return None;
        }
        let rank = ((q * all as f64).ceil() as u64).clamp(1, all);
        let mut seen = 0;
        for bin in &bins {
            seen += bin.count;
            if seen >= rank {
                return Some(Figure::Value(bin.high_ns as f64));
            }
        }
        Some(Figure::MoreThan(bins.last().map_or(0.0, |bin| bin.high_ns as f64)))
    }

    /// Between which values the `q`-quantile lies, each with that one-sided confidence: where the bounds on the share
    /// beyond a value leave 1 − `q`. Infinite where no value that was measured is high enough.
    pub(in crate::judge) fn quantile_bounds(&self, q: f64, confidence: f64) -> (f64, f64) {
        let bins = self.bins();
        let limit = 1.0 - q;
        let at = |bin: &Bin| self.share(Beyond::MoreThan(bin.high_ns as f64), confidence);
        // Both bounds fall as the value rises.
        let high = bins.partition_point(|bin| at(bin).is_some_and(|share| share.high >= limit));
        let low = bins.partition_point(|bin| at(bin).is_some_and(|share| share.low > limit));
        let value = |at: usize| bins.get(at).map_or(f64::INFINITY, |bin| bin.high_ns as f64);
        (value(low), value(high))
    }

    /// Mean and variance of what arrived, in nanoseconds, of each trial, with its independent samples.
    pub(super) fn means(&self) -> Vec<(f64, f64, f64)> {
        let middle = |bin: &Bin| bin.low_ns.midpoint(bin.high_ns) as f64;
        let told = self.trials.iter().filter(|trial| trial.arrived > 0);
        told.map(|trial| {
            let n = trial.arrived as f64;
            let bins = || trial.seconds.iter().flatten();
            let mean = bins().map(|bin| middle(bin) * bin.count as f64).sum::<f64>() / n;
            let squares = bins().map(|bin| (middle(bin) - mean).powi(2) * bin.count as f64);
            (mean, squares.sum::<f64>() / n, trial.effective.min(n))
        })
        .collect()
    }

    /// The largest sample, in nanoseconds.
    pub(in crate::judge) fn largest(&self) -> Option<u64> {
        self.trials.iter().flat_map(|t| t.seconds.iter().flatten()).map(|bin| bin.high_ns).max()
    }

    /// All samples by value, ascending.
    fn bins(&self) -> Vec<Bin> {
        let mut bins: Vec<Bin> =
            self.trials.iter().flat_map(|t| t.seconds.iter().flatten()).copied().collect();
        bins.sort_by_key(|bin| bin.high_ns);
        bins.dedup_by(|next, kept| {
            let same = next.high_ns == kept.high_ns;
            kept.count += if same { next.count } else { 0 };
            same
        });
        bins
    }
}

/// Whether samples depend on one another as those of the headline metric do: there is one per delivery or request.
const fn depends(metric: Metric) -> bool {
    !matches!(
        metric,
        Metric::Connect
            | Metric::Encode
            | Metric::Decode
            | Metric::Reconnect
            | Metric::Recovery
            | Metric::Hiccup
            | Metric::TargetHiccup
            | Metric::CatchUp
            | Metric::TlsHandshake
    )
}

/// Whether clients poll at most once in the window: what one poll brings is of one phase of the interval, and no series
/// that is shorter than the interval shows it.
fn polls_once(case: &Case, measure_s: f64) -> bool {
    matches!(&case.pattern, Pattern::ShortPoll(options) if measure_s < options.interval.secs())
}
