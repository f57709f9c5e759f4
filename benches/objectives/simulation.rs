//! How often a bound on a share is judged wrongly, by simulated runs whose true share is known.
//!
//! Shared by the bench beside it and by the tests of `src/stats`, so that what is published is what is tested.

use super::noise::Noise;
use super::{FEW, Stretch, TrialShare, indicator_effect, share_bounds};

/// The share that the limit leaves: that of a p99.
const LIMIT: f64 = 0.01;
/// Seconds of a simulated trial.
const SECONDS: u64 = 20;

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
        let (shares, seconds): (Vec<TrialShare>, Vec<Vec<Stretch>>) =
            (0..cell.trials).map(|_| trial(cell, &mut noise)).unzip();
        if let Some(bounds) = share_bounds(&effective(shares, &seconds), 0.95) {
            met += u64::from(bounds.high < LIMIT);
            missed += u64::from(bounds.low > LIMIT);
        }
    }
    let share = |n: u64| n as f64 / rounds as f64;
    Verdicts { met: share(met), missed: share(missed) }
}

/// A trial whose samples come in groups of τ that lie beyond together or not at all.
fn trial(cell: &Cell, noise: &mut Noise) -> (TrialShare, Vec<Stretch>) {
    let spread = cell.variation * cell.variation;
    let times = if spread > 0.0 { gamma(noise, 1.0 / spread) * spread } else { 1.0 };
    let share = (LIMIT * cell.ratio * times).min(1.0);
    let groups = (cell.expected / LIMIT).round() as u64;
    let mut stretches = Vec::new();
    for second in 0..SECONDS {
        let own = groups * (second + 1) / SECONDS - groups * second / SECONDS;
        let beyond = poisson(noise, own as f64 * share).min(own);
        stretches.push((own * cell.tau, (beyond * cell.tau) as f64));
    }
    let beyond = stretches.iter().map(|(_, sum)| *sum as u64).sum();
    (TrialShare { count: groups * cell.tau, beyond, effective: groups as f64 }, stretches)
}

/// Effective sizes as objectives take them: by the indicator where it tells, else by the metric's dependence.
fn effective(mut shares: Vec<TrialShare>, seconds: &[Vec<Stretch>]) -> Vec<TrialShare> {
    let beyond: u64 = shares.iter().map(|trial| trial.beyond).sum();
    let count: u64 = shares.iter().map(|trial| trial.count).sum();
    let tells = beyond >= FEW && count - beyond >= FEW;
    if let Some(effect) = tells.then(|| indicator_effect(seconds)).flatten() {
        for trial in &mut shares {
            trial.effective = trial.count as f64 / effect;
        }
    }
    shares
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
