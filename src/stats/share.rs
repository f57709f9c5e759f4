//! How well the share of samples beyond a bound is known, over dependent samples and differing trials.

use super::beta::beta_quantile;
use super::quantile::{GROUPS, Stretch, Z, student};

/// Samples beyond a bound, and samples within it, from which on their own dependence is measured.
pub const FEW: u64 = 5;

/// What one trial knows of a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrialShare {
    /// Samples, with those that never arrived.
    pub count: u64,
    /// Those of them beyond the bound.
    pub beyond: u64,
    /// How many independent samples say as much; at most `count`.
    pub effective: f64,
}

/// A share, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareBounds {
    /// Samples beyond ÷ samples.
    pub share: f64,
    /// Independent samples that say as much of it, over all trials.
    pub effective: f64,
    /// The share is at least this, with the one-sided confidence asked for.
    pub low: f64,
    /// The share is at most this, with the same one-sided confidence.
    pub high: f64,
}

/// The share of success that `beyond` of `n` independent samples leave possible: the one-sided lower and upper bounds
/// at `confidence`, each on its own.
///
/// Clopper and Pearson, *Biometrika* 26 (1934), 404-413, by the quantiles of the beta distribution, which also take
/// counts that are not whole.
pub fn binomial_bounds(beyond: f64, n: f64, confidence: f64) -> (f64, f64) {
    let beyond = beyond.clamp(0.0, n);
    let within = n - beyond;
    let low =
        if beyond > 0.0 { beta_quantile(1.0 - confidence, beyond, within + 1.0) } else { 0.0 };
    let high = if within > 0.0 { beta_quantile(confidence, beyond + 1.0, within) } else { 1.0 };
    (low, high)
}

/// The one-sided bounds on the share over `trials`, each at `confidence`; `None` where there is no sample.
///
/// The exact binomial bounds at the effective sample size, as for surveys of clusters (Korn and Graubard, *Survey
/// Methodology* 24 (1998), 193-201). Trials are clusters of clusters: where their shares differ by more than their own
/// samples explain (Pearson's X² ÷ (T−1) above 1), the excess widens the bounds, by Student's t of T−1 degrees, as so
/// few trials tell their own spread badly. They are never wider than where the true shares of trials vary by all of
/// their mean (gamma with a coefficient of variation of 1): counts are then negative binomial with T successes, and
/// bounded exactly.
pub fn share_bounds(trials: &[TrialShare], confidence: f64) -> Option<ShareBounds> {
    let count: u64 = trials.iter().map(|trial| trial.count).sum();
    if count == 0 {
        return None;
    }
    let beyond: u64 = trials.iter().map(|trial| trial.beyond).sum();
    let share = beyond as f64 / count as f64;
    let within: f64 = trials.iter().map(|trial| trial.effective).sum();
    let effective = within / spread(trials, share);
    let (mut low, mut high) = binomial_bounds(share * effective, effective, confidence);
    let told = trials.iter().filter(|trial| trial.count > 0).count();
    if told > 1 {
        let (least, most) = varying_bounds(share * within, within, told, confidence);
        (low, high) = (low.max(least), high.min(most));
    }
    Some(ShareBounds { share, effective, low, high })
}

/// The bounds on the mean share of `trials` whose shares vary by all of their mean, from `beyond` of `n` samples.
///
/// P(X ≤ x) of a negative binomial count X with T successes of probability s is the beta distribution's P(B ≤ s) with T
/// and x+1 (Johnson, Kemp and Kotz, *Univariate Discrete Distributions*, 3rd ed., section 5.6); its mean is T(1−s) ÷ s.
fn varying_bounds(beyond: f64, n: f64, trials: usize, confidence: f64) -> (f64, f64) {
    let trials = trials as f64;
    let mean = |s: f64| trials * (1.0 - s) / s / n;
    let high = mean(beta_quantile(1.0 - confidence, trials, beyond + 1.0));
    let low = if beyond > 0.0 { mean(beta_quantile(confidence, trials, beyond)) } else { 0.0 };
    (low, high)
}

/// By how much more the share varies than the samples within the trials explain; at least 1.
fn spread(trials: &[TrialShare], share: f64) -> f64 {
    let told: Vec<&TrialShare> = trials.iter().filter(|trial| trial.count > 0).collect();
    let variance = share * (1.0 - share);
    if told.len() < 2 || variance <= 0.0 {
        return 1.0;
    }
    let freedom = told.len() - 1;
    let own = |trial: &TrialShare| trial.beyond as f64 / trial.count as f64;
    let squares: f64 = told.iter().map(|t| t.effective * (own(t) - share).powi(2)).sum();
    let excess = (squares / variance / freedom as f64 - 1.0).max(0.0);
    1.0 + excess * (student(freedom) / Z).powi(2)
}

/// The design effect of an indicator: by how much more its sum varies than that of independent samples, from its own
/// sums over the stretches of each trial; `None` where it tells nothing of its own dependence.
///
/// As [`super::effective_samples`], with each trial about its own share, and all trials' stretches together.
pub fn indicator_effect(trials: &[Vec<Stretch>]) -> Option<f64> {
    let mut worst: Option<f64> = None;
    let mut size = 1;
    loop {
        let (mut squares, mut independent, mut groups_all, mut freedom) = (0.0, 0.0, 0, 0);
        for stretches in trials {
            let groups: Vec<Stretch> = stretches
                .chunks(size)
                .map(|group| {
                    group.iter().fold((0, 0.0), |(n, s), (count, sum)| (n + count, s + sum))
                })
                .filter(|(count, _)| *count > 0)
                .collect();
            groups_all += groups.len();
            if groups.len() < 2 {
                continue;
            }
            let n = groups.iter().map(|(n, _)| *n).sum::<u64>() as f64;
            let share = groups.iter().map(|(_, s)| s).sum::<f64>() / n;
            let k = groups.len() as f64;
            let own: f64 = groups.iter().map(|(n, s)| (s - *n as f64 * share).powi(2)).sum();
            squares += own * k / (k - 1.0);
            independent += n * share * (1.0 - share);
            freedom += groups.len() - 1;
        }
        if size > 1 && groups_all < GROUPS {
            return worst;
        }
        if freedom == 0 || independent <= 0.0 {
            return worst;
        }
        let effect = (squares / independent).max(1.0) * (student(freedom) / Z).powi(2);
        worst = Some(worst.map_or(effect, |known| known.max(effect)));
        size *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::simulation::{Cell, simulate};

    /// P(X ≤ `x`) of `n` draws with probability `p`, term by term.
    fn at_most(x: u64, n: u64, p: f64) -> f64 {
        let mut ln = n as f64 * (-p).ln_1p();
        let mut sum = ln.exp();
        for k in 1..=x {
            ln += ((n - k + 1) as f64 / k as f64).ln() + p.ln() - (-p).ln_1p();
            sum += ln.exp();
        }
        sum
    }

    #[test]
    fn bounds_are_those_of_the_binomial_distribution() {
        for (x, n) in [(0, 3), (0, 500), (6, 500), (1, 2), (300, 300), (50, 5_000), (990, 1_000)] {
            let (low, high) = binomial_bounds(x as f64, n as f64, 0.95);
            if x < n {
                assert!((at_most(x, n, high) - 0.05).abs() < 1e-9, "{x} of {n}: {high}");
            }
            if x > 0 {
                assert!((1.0 - at_most(x - 1, n, low) - 0.05).abs() < 1e-9, "{x} of {n}: {low}");
            }
        }
        let percent = |x: f64| (binomial_bounds(x, 500.0, 0.95).1 * 1000.0).round() / 10.0;
        assert_eq!((percent(0.0), percent(6.0)), (0.6, 2.4), "met below 1 %, and not");
        let (low, high) = binomial_bounds(1e4, 1e6, 0.95);
        assert!((low - 0.009_837).abs() < 1e-6 && (high - 0.010_166).abs() < 1e-6, "{low} {high}");
        assert_eq!(binomial_bounds(0.0, 0.0, 0.95), (0.0, 1.0), "nothing is known of nothing");
    }

    const fn trial(beyond: u64, count: u64) -> TrialShare {
        TrialShare { count, beyond, effective: count as f64 }
    }

    #[test]
    fn trials_that_agree_are_one_and_those_that_differ_are_few() {
        let bounds = |trials: &[TrialShare]| share_bounds(trials, 0.95).unwrap();
        let (one, three) = (bounds(&[trial(12, 3_000)]), bounds(&[trial(4, 1_000); 3]));
        assert!((one.high - three.high).abs() < 1e-12 && (one.low - three.low).abs() < 1e-12);
        let apart = bounds(&[trial(0, 1_000), trial(0, 1_000), trial(12, 1_000)]);
        assert!(apart.high > 1.3 * one.high && apart.effective < 1_500.0, "{apart:?}");
        // Two trials that differ by all they can still tell that a share is far from a half.
        let two = bounds(&[trial(0, 1_000), trial(50, 1_000)]);
        assert!(two.high < 0.2, "{two:?}");
        assert_eq!(share_bounds(&[], 0.95), None);
        assert_eq!(share_bounds(&[trial(0, 0)], 0.95), None);
    }

    #[test]
    fn groups_of_samples_that_are_alike_count_as_one() {
        let series = |tau: u64| -> Vec<Stretch> {
            (0..60).map(|second| (100 * tau, (tau * u64::from(second % 4 == 0)) as f64)).collect()
        };
        let [one, ten] = [1, 10].map(|tau| indicator_effect(&[series(tau)]).unwrap());
        assert!((0.9..1.5).contains(&one), "{one}");
        // Each about its own share: trials do not make one another's samples dependent.
        let both = indicator_effect(&[series(10), vec![(1_000, 900.0); 60]]).unwrap();
        assert!(ten > 5.0 * one && both < ten, "{one} {ten} {both}");
        assert_eq!(indicator_effect(&[vec![(100, 5.0)]]), None, "one second tells nothing");
        assert_eq!(indicator_effect(&[vec![(100, 0.0); 9]]), None, "nor does what never happened");
    }

    #[test]
    fn verdicts_are_as_seldom_wrong_as_they_say() {
        // The whole grid is `cargo bench --bench objectives`; METHODOLOGY has its cells above 5 %.
        for (trials, variation, ratio, allowed) in [
            (1, 0.0, 1.0, 0.06),
            (3, 0.0, 1.0, 0.06),
            (10, 0.0, 1.0, 0.06),
            (3, 0.25, 1.25, 0.05),
            (5, 0.5, 1.25, 0.05),
            (5, 0.5, 0.8, 0.05),
            (10, 1.0, 1.25, 0.06),
            (10, 1.0, 1.0, 0.14),
            // One trial tells nothing of others.
            (1, 1.0, 1.0, 0.70),
        ] {
            for tau in [1, 20] {
                for expected in [3.0, 30.0] {
                    let cell = Cell { trials, variation, tau, expected, ratio };
                    let wrong = simulate(&cell, 300).wrong(ratio);
                    // Three standard errors of so few rounds.
                    let error = 3.0 * (allowed * (1.0 - allowed) / 300.0_f64).sqrt();
                    assert!(wrong <= allowed + error, "{cell:?}: {wrong}");
                }
            }
        }
    }

    #[test]
    fn what_is_far_from_its_limit_is_decided() {
        for (trials, expected, ratio) in
            [(1, 10.0, 0.1), (1, 10.0, 5.0), (3, 3.0, 0.1), (3, 3.0, 5.0), (3, 30.0, 0.5)]
        {
            let cell = Cell { trials, variation: 0.0, tau: 1, expected, ratio };
            let verdicts = simulate(&cell, 200);
            let right = if ratio < 1.0 { verdicts.met } else { verdicts.missed };
            assert!(right > 0.85, "{cell:?}: {verdicts:?}");
        }
    }
}
