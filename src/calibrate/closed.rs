//! Closed forms of queues, freezes and polls, from theory. Times in nanoseconds.

use crate::clock::SECOND_NS;

/// Returns the `q`-quantile of the waiting time if a server of utilisation `rho` freezes once for `freeze_ns` in a window
/// of `window_ns`: `max(base, S − (1−ρ)(1−q)D)`.
///
/// A request that arrives x after the freeze began waits S − (1−ρ)x: the rest of the freeze, and the work that arrived
/// before. Of the arrivals of D, the share (S−w)÷((1−ρ)D) waits longer than w.
pub(super) fn frozen(freeze_ns: f64, window_ns: f64, rho: f64, q: f64, base_ns: f64) -> f64 {
    base_ns.max(freeze_ns - (1.0 - rho) * (1.0 - q) * window_ns)
}

/// Poisson arrivals at one server, first come, first served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Queue {
    /// Arrivals per second.
    pub per_s: f64,
    /// Mean service time.
    pub service_ns: f64,
    /// Whether service times are exponential (M/M/1), and not all the same (M/D/1).
    pub exponential: bool,
}

impl Queue {
    /// Utilisation.
    pub(super) fn rho(&self) -> f64 {
        self.per_s * self.service_ns / SECOND_NS as f64
    }

    /// Mean time from arrival to completion: Pollaczek and Khinchine, S·(1 + ρ(1+c²)÷(2(1−ρ))), c the service time's
    /// coefficient of variation.
    pub(super) fn mean_ns(&self) -> f64 {
        let (rho, c2) = (self.rho(), f64::from(u8::from(self.exponential)));
        self.service_ns * (1.0 + rho * (1.0 + c2) / (2.0 * (1.0 - rho)))
    }

    /// The `q`-quantile of the time from arrival to completion.
    ///
    /// M/M/1: exponential with mean S÷(1−ρ). M/D/1: Erlang's series for the waiting time (A. K. Erlang, 1909),
    /// P(W ≤ t) = (1−ρ) Σ (λ(kS−t))^k÷k! · e^(−λ(kS−t)) over k ≤ t÷S, inverted by bisection.
    pub(super) fn quantile_ns(&self, q: f64) -> f64 {
        if self.exponential {
            return -(1.0 - q).ln() * self.mean_ns();
        }
        let (mut low, mut high) = (0.0, 20.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.waits_at_most(middle) < q { low = middle } else { high = middle }
        }
        (1.0 + high) * self.service_ns
    }

    /// M/D/1: the probability to wait for at most `t` service times. Loses precision to cancellation beyond 20 of them.
    fn waits_at_most(&self, t: f64) -> f64 {
        let rho = self.rho();
        let term = |k: u32| {
            let x = rho * (f64::from(k) - t);
            let power: f64 = (1..=k).map(|i| x / f64::from(i)).product();
            power * (-x).exp()
        };
        (1.0 - rho) * (0..=t.floor() as u32).map(term).sum::<f64>()
    }
}

/// The share of polls that bring nothing where events of rate `per_s` meet polls every `interval_ns`: e^(−λT).
pub(super) fn empty_share(per_s: f64, interval_ns: f64) -> f64 {
    (-per_s * interval_ns / SECOND_NS as f64).exp()
}

/// Returns the share of events that fall into a gap of a long poll that pauses after every answer, and the standard
/// deviation of that share among `n` events.
///
/// With a = λg a cycle has a events in its gap, and one more if the gap had none, which happens in e^(−a) of the cycles:
/// a÷(a+e^(−a)). The deviation is that of a ratio of two sums over independent cycles (delta method).
pub(super) fn delayed_share(per_s: f64, gap_ns: f64, n: u64) -> (f64, f64) {
    let a = per_s * gap_ns / SECOND_NS as f64;
    let alone = (-a).exp();
    let (events, share) = (a + alone, a / (a + alone));
    let square = (1.0 - share).powi(2) * (a + a * a) + share.powi(2) * alone;
    let cycles = n as f64 / events;
    (share, (square / cycles).sqrt() / events)
}

/// Three standard deviations of a share `p` among `n` independent trials.
pub(super) fn three_sigma(p: f64, n: u64) -> f64 {
    3.0 * (p * (1.0 - p) / n.max(1) as f64).sqrt()
}

/// The Kolmogorov-Smirnov distance that samples of the expected distribution exceed once in a hundred times: 1.63 ÷ √n.
pub(super) fn ks_limit(n: u64) -> f64 {
    1.63 / (n.max(1) as f64).sqrt()
}

/// The straight line through points by least squares: its slope, where it meets x = 0, and R². `None` below three points,
/// or where they do not differ in x or y.
pub(super) fn line(points: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    if points.len() < 3 {
        return None;
    }
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (mx, my) = (mean(|p| p.0), mean(|p| p.1));
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(x - mx, y - my)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    (xx > 0.0 && yy > 0.0).then(|| (xy / xx, my - mx * xy / xx, xy * xy / (xx * yy)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Rng;

    fn close(found: f64, expected: f64, share: f64, what: &str) {
        assert!((found / expected - 1.0).abs() <= share, "{what}: {found}, not {expected}");
    }

    #[test]
    fn a_freeze_of_a_second_in_a_minute() {
        for (q, expected) in [(0.99, 0.4e9), (0.999, 0.94e9), (0.9, 1e6)] {
            close(frozen(1e9, 60e9, 0.0, q, 1e6), expected, 1e-9, "published");
        }
    }

    #[test]
    fn queues_have_their_published_quantiles() {
        let queue = |exponential| Queue { per_s: 700.0, service_ns: 1e6, exponential };
        for (exponential, mean, quantiles) in [
            (true, 3.333, [(0.5, 2.310), (0.9, 7.675), (0.99, 15.351)]),
            (false, 2.167, [(0.5, 1.730), (0.9, 4.077), (0.99, 7.485)]),
        ] {
            close(queue(exponential).mean_ns(), mean * 1e6, 2e-4, "mean");
            for (q, ms) in quantiles {
                close(queue(exponential).quantile_ns(q), ms * 1e6, 4e-4, "quantile");
            }
        }
    }

    #[test]
    fn the_delayed_share_and_its_spread_are_those_of_a_simulation() {
        let (per_s, gap_ns, runs, n) = (4.0, 100e6, 200, 1_000_u64);
        let (share, deviation) = delayed_share(per_s, gap_ns, n);
        let mut rng = Rng::new(5, 0);
        let mut run = || {
            let (mut delayed, mut gap_end) = (0, 0.0);
            let mut at = 0.0;
            let mut gap_hit = false;
            for _ in 0..n {
                at += rng.exponential() * 1e9 / per_s;
                // Polls that found something are answered at once, and pause again.
                while at >= gap_end && gap_hit {
                    (gap_end, gap_hit) = (gap_end + gap_ns, false);
                }
                if at < gap_end {
                    (delayed, gap_hit) = (delayed + 1, true);
                } else {
                    gap_end = at + gap_ns;
                }
            }
            f64::from(delayed) / n as f64
        };
        let shares: Vec<f64> = (0..runs).map(|_| run()).collect();
        let mean = shares.iter().sum::<f64>() / f64::from(runs);
        let square = shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / f64::from(runs - 1);
        close(mean, share, 4.0 * deviation / share / f64::from(runs).sqrt(), "share");
        // The relative standard error of a deviation from 200 runs is 5 %.
        close(square.sqrt(), deviation, 0.2, "deviation");
    }

    #[test]
    fn a_line_is_found_with_its_fit() {
        let (slope, start, r2) = line(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap();
        close(slope, 2.0, 1e-12, "slope");
        close(start, 1.0, 1e-12, "start");
        close(r2, 1.0, 1e-12, "fit");
        assert!(line(&[(0.0, 0.0), (1.0, 5.0), (2.0, 0.1), (3.0, 4.0)]).unwrap().2 < 0.5);
        assert_eq!(line(&[(0.0, 1.0), (1.0, 3.0)]), None);
    }
}
