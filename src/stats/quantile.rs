//! The precision of a quantile of dependent samples.

use super::distribution::student_deviate;

/// The normal deviate of a two-sided 95 % interval.
pub(super) const Z: f64 = 1.959_964;
/// The probability of a value above it.
const TAIL: f64 = 0.025;
/// Least number of groups of batches for estimating a variance; of single batches there may be fewer.
pub(super) const GROUPS: usize = 20;

/// Count and sum of the samples of one stretch of time; stretches have equal length and are in order.
pub type Stretch = (u64, f64);

/// Returns how many independent samples carry as much information about the mean as `stretches` of dependent ones with
/// variance `variance`; `None` if there are none.
///
/// `n_eff` = σ² ÷ Var(mean) = n ÷ τ. Var(mean) is that of batch means, for batches of random size (the ratio estimator of
/// cluster samples: Cochran, *Sampling Techniques*, 3rd ed., section 11.2; τ is the design effect of Kish, *Survey
/// Sampling*, section 8.2): k ÷ (k−1) · Σ(sᵢ − nᵢ·mean)² ÷ n². A thousand deliveries of one event therefore count as one if
/// they are alike, and as a thousand if they differ as much as those of different events.
///
/// Batch means miss dependence longer than a batch (Flegal and Jones, *Annals of Statistics* 38 (2010), 1034-1070), so
/// batches are doubled while 20 are left, and the smallest `n_eff` is taken. Few batches estimate their own variance badly:
/// `n_eff` is lowered by (z ÷ t)², t Student's quantile of k−1, which makes an interval with z as wide as one with t. The
/// result is never more than n.
pub fn effective_samples(stretches: &[Stretch], variance: f64) -> Option<f64> {
    let count: u64 = stretches.iter().map(|(count, _)| count).sum();
    if count == 0 {
        return None;
    }
    let n = count as f64;
    let mean = stretches.iter().map(|(_, sum)| sum).sum::<f64>() / n;
    let mut least = n;
    let mut size = 1;
    loop {
        let groups: Vec<Stretch> = stretches
            .chunks(size)
            .map(|group| group.iter().fold((0, 0.0), |(n, s), (count, sum)| (n + count, s + sum)))
            .filter(|(count, _)| *count > 0)
            .collect();
        if size > 1 && groups.len() < GROUPS {
            return Some(least);
        }
        if groups.len() < 2 {
            return Some(1.0);
        }
        let k = groups.len() as f64;
        let squares: f64 = groups.iter().map(|(n, s)| (s - *n as f64 * mean).powi(2)).sum();
        let of_mean = k / (k - 1.0) * squares / (n * n);
        let t = student_deviate(TAIL, groups.len() - 1);
        let known = (Z / t).powi(2).min(1.0);
        // Samples that are all the same have no variance, and their mean neither.
        let effective = if of_mean > 0.0 { variance / of_mean } else { n };
        least = least.min(effective.min(n) * known);
        size *= 2;
    }
}

/// The 97.5 % quantile of Student's t with `freedom` degrees, at least one.
pub(super) fn student(freedom: usize) -> f64 {
    student_deviate(TAIL, freedom)
}

/// Independent samples above the quantile that must at least be there for it to be shown.
pub const TAIL_SHOWN: f64 = 10.0;
/// Independent samples above a quantile from which it decides, whatever its interval.
pub const TAIL_DECIDES: f64 = 100.0;

/// The number of independent samples above (for a low quantile: below) the `q`-quantile of `n`.
pub fn tail(n: f64, q: f64) -> f64 {
    // Rounded, as 1 − 0.99 is a little less than 0.01.
    (n * q.min(1.0 - q) * 1e6).round() / 1e6
}

/// Returns the quantiles between which the true `q`-quantile is with 95 % confidence, for `n` independent samples; `None`
/// if the samples do not reach that far.
///
/// Order statistics with ranks ⌊nq − z√(nq(1−q))⌋ and ⌈nq + z√(nq(1−q))⌉ + 1: Le Boudec, *Performance Evaluation of
/// Computer and Communication Systems*, theorem 2.1.
pub fn quantile_interval(n: f64, q: f64) -> Option<(f64, f64)> {
    let half = Z * (n * q * (1.0 - q)).sqrt();
    let (low, high) = ((n * q - half).floor(), (n * q + half).ceil() + 1.0);
    (low >= 1.0 && high <= n).then(|| (low / n, high / n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::noise::Noise;

    fn variance(samples: &[f64]) -> f64 {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n
    }

    fn stretched(samples: &[f64], size: usize) -> Vec<Stretch> {
        samples.chunks(size).map(|part| (part.len() as u64, part.iter().sum())).collect()
    }

    /// Median τ = n ÷ `n_eff` over 50 series of 300 stretches of 20.
    fn tau(mut series: impl FnMut(&mut Noise) -> Vec<f64>) -> f64 {
        let mut taus: Vec<f64> = (0..50)
            .map(|seed| {
                let samples = series(&mut Noise::new(seed));
                let stretches = stretched(&samples, 20);
                samples.len() as f64 / effective_samples(&stretches, variance(&samples)).unwrap()
            })
            .collect();
        taus.sort_by(f64::total_cmp);
        taus[25]
    }

    #[test]
    fn tau_is_that_of_the_process() {
        // An AR(1) process has τ = (1+φ) ÷ (1−φ); the fewest of several estimates errs on the side of caution.
        for (phi, expected) in [(0.0, 1.0), (0.5, 3.0), (0.9, 19.0), (0.98, 99.0)] {
            let tau = tau(|noise| noise.autoregressive(6000, phi));
            assert!(
                (expected * 0.7..expected * 1.8).contains(&tau),
                "φ = {phi}: {tau} for {expected}"
            );
        }
    }

    #[test]
    fn deliveries_of_one_event_are_one_sample_as_far_as_they_are_alike() {
        let fan_out = |noise: &mut Noise, own: f64| -> Vec<f64> {
            (0..300)
                .flat_map(|_| {
                    let event = noise.normal();
                    (0..20).map(|_| event + own * noise.normal()).collect::<Vec<_>>()
                })
                .collect()
        };
        // τ = 1 + (20−1)·ρ, ρ the share of the variance that lies between events.
        for (own, expected) in [(0.0, 20.0), (1.0, 10.5), (3.0, 2.9)] {
            let tau = tau(|noise| fan_out(noise, own));
            assert!(
                (expected * 0.8..expected * 1.8).contains(&tau),
                "own {own}: {tau} for {expected}"
            );
        }
    }

    #[test]
    fn few_samples_give_few_effective_samples() {
        assert_eq!(effective_samples(&[], 1.0), None);
        assert_eq!(effective_samples(&[(0, 0.0), (0, 0.0)], 1.0), None);
        assert_eq!(effective_samples(&[(0, 0.0), (1000, 5e6)], 1.0), Some(1.0), "one event");
        let alike = effective_samples(&[(10, 50.0); 400], 0.0).unwrap();
        assert!((3500.0..=4000.0).contains(&alike), "no variance at all: {alike}");
        let two = effective_samples(&[(1000, 5e3), (1000, 5e3)], 1.0).unwrap();
        assert!(two < 60.0, "two stretches say little of how much they could differ: {two}");
    }

    #[test]
    fn ranks_are_those_of_the_formula() {
        // n = 1000, q = 0.99: 990 ∓ 6.17, so ranks 983 and 998. n = 20, q = 0.5: 10 ∓ 4.38, so 5 and 16.
        assert_eq!(quantile_interval(1000.0, 0.99), Some((0.983, 0.998)));
        assert_eq!(quantile_interval(20.0, 0.5), Some((0.25, 0.8)));
        assert_eq!(quantile_interval(300.0, 0.99), None, "three samples above are no bound");
        assert!((tail(1000.0, 0.99) - 10.0).abs() < 1e-12, "not a little less");
        for q in [0.5, 0.9, 0.99, 0.999] {
            let n = TAIL_SHOWN / (1.0 - q);
            assert!(quantile_interval(n, q).is_some(), "what is shown has an interval: {q}");
        }
    }

    #[test]
    fn intervals_hold_the_true_quantile_as_often_as_they_say() {
        // Lognormal AR(1) with φ = 0.8 (τ = 9): the naive interval would hold it far less often.
        let (mut held, mut naive, rounds) = (0, 0, 400);
        for seed in 0..rounds {
            let mut noise = Noise::new(1000 + seed);
            let samples: Vec<f64> =
                noise.autoregressive(6000, 0.8).iter().map(|x| (0.5 * x).exp()).collect();
            let n = effective_samples(&stretched(&samples, 20), variance(&samples)).unwrap();
            let mut sorted = samples.clone();
            sorted.sort_by(f64::total_cmp);
            let at = |q: f64| sorted[((q * 6000.0).ceil() as usize).clamp(1, 6000) - 1];
            let holds = |n: f64| {
                let (low, high) = quantile_interval(n, 0.5).unwrap();
                u32::from(at(low) <= 1.0 && 1.0 <= at(high))
            };
            held += holds(n);
            naive += holds(6000.0);
        }
        assert!(held >= 364, "{held} of {rounds} at 95 %");
        assert!(naive < 280, "samples taken for independent: {naive} of {rounds}");
    }
}
