//! Arrival processes as endless iterators of due offsets: pure arithmetic, no clock.

use serde::{Deserialize, Serialize};

use super::Rng;
use crate::clock::SECOND_NS;

/// The distribution of arrivals at a given mean rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivalProcess {
    /// Independent arrivals: exponential gaps of mean 1/λ.
    #[default]
    Poisson,
    /// One every 1/λ, from a random phase in `[0, 1/λ)`.
    Constant,
    /// Ten at once every 10/λ, from a random phase.
    Burst,
}

impl ArrivalProcess {
    /// All, in the order in which texts list them.
    pub const ALL: [Self; 3] = [Self::Poisson, Self::Constant, Self::Burst];

    /// Its name in scenarios and options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Constant => "constant",
            Self::Burst => "burst",
        }
    }
}

/// Arrivals in one burst of [`ArrivalProcess::Burst`].
const BURST: u64 = 10;

/// Due offsets of one arrival process, in nanoseconds from its start, never decreasing, without end.
///
/// With rate λ and random phase φ, the k-th offset is the sum of k+1 gaps −ln(U)/λ (Poisson), φ/λ + k/λ
/// (constant), or 10·(φ + ⌊k/10⌋)/λ (burst). Regular offsets are products, not sums: they do not drift.
/// A rate of 0 has no arrivals.
#[derive(Debug, Clone)]
pub struct Arrivals {
    process: ArrivalProcess,
    gap_ns: f64,
    phase: f64,
    drawn: u64,
    elapsed_ns: f64,
    rng: Rng,
}

impl Arrivals {
    /// Arrivals at `per_s` per second, drawn from `rng`.
    pub fn new(process: ArrivalProcess, per_s: f64, mut rng: Rng) -> Self {
        let gap_ns = SECOND_NS as f64 / per_s;
        Self { process, gap_ns, phase: rng.unit(), drawn: 0, elapsed_ns: 0.0, rng }
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if !self.gap_ns.is_finite() {
            return None;
        }
        let k = self.drawn;
        self.drawn += 1;
        let offset = match self.process {
            ArrivalProcess::Poisson => {
                self.elapsed_ns += self.rng.exponential() * self.gap_ns;
                self.elapsed_ns
            }
            ArrivalProcess::Constant => (self.phase + k as f64) * self.gap_ns,
            ArrivalProcess::Burst => (self.phase + (k / BURST) as f64) * BURST as f64 * self.gap_ns,
        };
        Some(offset as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(process: ArrivalProcess, per_s: f64, seed: u64) -> impl Iterator<Item = u64> {
        Arrivals::new(process, per_s, Rng::new(seed, 0))
    }

    #[test]
    fn a_process_has_one_name() {
        for process in ArrivalProcess::ALL {
            let read: ArrivalProcess = serde_json::from_value(process.name().into()).unwrap();
            assert_eq!(read, process);
        }
    }

    #[test]
    fn every_process_keeps_its_mean_rate_and_never_runs_back() {
        for process in ArrivalProcess::ALL {
            let within: Vec<u64> =
                offsets(process, 1000.0, 5).take_while(|&at| at < 100 * SECOND_NS).collect();
            assert!(within.is_sorted(), "{process:?}");
            // 100,000 expected; five standard deviations of the Poisson count are 1,581.
            assert!(within.len().abs_diff(100_000) < 1_581, "{process:?}: {}", within.len());
        }
    }

    #[test]
    fn constant_gaps_are_equal_and_do_not_drift() {
        let offsets: Vec<u64> = offsets(ArrivalProcess::Constant, 3.0, 1).take(3_000_001).collect();
        let whole = offsets[3_000_000] - offsets[0];
        assert!(whole.abs_diff(1_000_000 * SECOND_NS) <= 1, "{whole}");
    }

    #[test]
    fn bursts_come_together() {
        let offsets: Vec<u64> = offsets(ArrivalProcess::Burst, 100.0, 1).take(30).collect();
        for burst in offsets.chunks(10) {
            assert!(burst.iter().all(|at| *at == burst[0]));
        }
        assert!(offsets[10].abs_diff(offsets[0] + SECOND_NS / 10) <= 1);
    }

    #[test]
    fn a_rate_of_zero_has_no_arrivals() {
        assert_eq!(offsets(ArrivalProcess::Poisson, 0.0, 1).next(), None);
    }

    #[test]
    fn poisson_gaps_have_the_spread_of_an_exponential() {
        let offsets: Vec<u64> = offsets(ArrivalProcess::Poisson, 1e3, 9).take(50_001).collect();
        let longer = offsets.windows(2).filter(|w| w[1] - w[0] > 1_000_000).count() as f64;
        // P(gap > mean) = 1/e; five standard errors of a share over 50,000.
        assert!((longer / 50_000.0 - (-1.0f64).exp()).abs() < 0.0108, "{longer}");
    }
}
