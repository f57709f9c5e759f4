//! How often a bound on a share is judged wrongly, by simulated runs whose true share is known.
//!
//! Shared by the bench beside it and by the tests of `src/stats`, so that what is published is what is tested.

use super::noise::Noise;
use super::{FEW, Stretch, TrialShare, indicator_effect, share_bounds};

/// The share that the limit leaves: that of a p99.
const LIMIT: f64 = 0.01;
/// Seconds of a simulated trial.
const SECONDS: usize = 20;
/// Bounds lower and higher than the one that is judged, by what the share beyond them is of its own, ascending: what is
/// known there is known of it, too.
const SHARES: [f64; 7] = [0.55, 0.8, OWN, 1.25, 1.6, 2.2, 3.0];
const OWN: f64 = 1.0;

/// What a simulated run is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    /// Trials.
    pub trials: u64,
    /// Coefficient of variation of the true share between trials.
    pub variation: f64,
    /// Samples that are alike: the autocorrelation time τ.
    pub tau: u64,
    /// Independent samples of a trial × the share that the limit leaves.
    pub expected: f64,
    /// True share ÷ the share that the limit leaves.
    pub ratio: f64,
}

/// What came of simulated runs, as shares of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Verdicts {
    /// Judged as met.
    pub met: f64,
    /// Judged as missed.
    pub missed: f64,
}

impl Verdicts {
    /// Those that are wrong: at the limit itself, the likelier of the two.
    pub(crate) fn wrong(&self, ratio: f64) -> f64 {
        match ratio {
            ratio if ratio > 1.0 => self.met,
            ratio if ratio < 1.0 => self.missed,
            _ => self.met.max(self.missed),
        }
    }
}

/// Judges `rounds` simulated runs of `cell`; the same every time.
pub(crate) fn simulate(cell: &Cell, rounds: u64) -> Verdicts {
    let (mut met, mut missed) = (0, 0);
    for round in 0..rounds {
        let place = cell.trials * 31 + cell.tau * 17 + (cell.variation * 100.0) as u64;
        let sizes = (cell.expected * 1_009.0) as u64 + (cell.ratio * 100.0) as u64;
        let mut noise = Noise::new(round * 7_919 + place * 104_729 + sizes);
        let trials: Vec<Trial> = (0..cell.trials).map(|_| trial(cell, &mut noise)).collect();
        let at = |share: f64| bounds(cell, &trials, share);
        let own = at(OWN);
        met += u64::from(SHARES.into_iter().filter(|share| *share >= OWN).any(|share| {
            let there = if share > OWN { at(share) } else { own };
            there.1 < LIMIT
        }));
        missed += u64::from(SHARES.into_iter().filter(|share| *share <= OWN).any(|share| {
            let there = if share < OWN { at(share) } else { own };
            there.0 > LIMIT
        }));
    }
    let share = |n: u64| n as f64 / rounds as f64;
    Verdicts { met: share(met), missed: share(missed) }
}

/// Groups of each second that lie beyond each of [`SHARES`]' bounds, but not beyond the next higher one.
type Trial = Vec<[u64; SHARES.len()]>;

/// A trial whose samples come in groups of τ that lie beyond a bound together or not at all.
fn trial(cell: &Cell, noise: &mut Noise) -> Trial {
    let spread = cell.variation * cell.variation;
    let times = if spread > 0.0 { gamma(noise, 1.0 / spread) * spread } else { 1.0 };
    let groups = cell.expected / LIMIT / SECONDS as f64;
    let mut below = 0.0;
    let widths = SHARES.map(|share| {
        let width = (LIMIT * cell.ratio * times * share).min(1.0) - below;
        below += width;
        width
    });
    (0..SECONDS).map(|_| widths.map(|width| poisson(noise, groups * width))).collect()
}

/// The bounds on the share beyond the bound that `share` belongs to; effective sizes as objectives take them: by the
/// indicator where it tells, else by the metric's dependence.
fn bounds(cell: &Cell, trials: &[Trial], share: f64) -> (f64, f64) {
    let own = cell.expected / LIMIT / SECONDS as f64;
    let stretch = |second: &[u64; SHARES.len()]| -> Stretch {
        let within = SHARES.into_iter().zip(second).filter(|(of, _)| *of <= share);
        let beyond: u64 = within.map(|(_, groups)| groups).sum();
        let all = (own.round() as u64).max(1).max(beyond);
        (all * cell.tau, (beyond * cell.tau) as f64)
    };
    let seconds: Vec<Vec<Stretch>> =
        trials.iter().map(|trial| trial.iter().map(stretch).collect()).collect();
    let count = |stretches: &[Stretch]| stretches.iter().map(|(n, _)| n).sum::<u64>();
    let sum = |stretches: &[Stretch]| stretches.iter().map(|(_, s)| *s as u64).sum::<u64>();
    let (all, beyond): (u64, u64) =
        (seconds.iter().map(|s| count(s)).sum(), seconds.iter().map(|s| sum(s)).sum());
    let tells = beyond >= FEW && all - beyond >= FEW;
    let effect = tells.then(|| indicator_effect(&seconds)).flatten().unwrap_or(cell.tau as f64);
    let shares: Vec<TrialShare> = seconds
        .iter()
        .map(|stretches| {
            let count = count(stretches);
            TrialShare { count, beyond: sum(stretches), effective: count as f64 / effect }
        })
        .collect();
    share_bounds(&shares, 0.95).map_or((0.0, 1.0), |bounds| (bounds.low, bounds.high))
}

/// A gamma deviate with mean `shape`: Marsaglia and Tsang, *ACM Transactions on Mathematical Software* 26 (2000).
fn gamma(noise: &mut Noise, shape: f64) -> f64 {
    if shape < 1.0 {
        let u = noise.unit();
        return gamma(noise, shape + 1.0) * u.powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = noise.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && noise.unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// A Poisson deviate: by inversion, or by the normal distribution where it is as good.
fn poisson(noise: &mut Noise, mean: f64) -> u64 {
    if mean > 50.0 {
        return (mean + mean.sqrt() * noise.normal()).round().max(0.0) as u64;
    }
    let (mut p, mut u, mut k) = ((-mean).exp(), noise.unit(), 0);
    while u > p && k < 1_000 {
        u -= p;
        k += 1;
        p *= mean / k as f64;
    }
    k
}
