//! A model of a machine, fitted to recorded series: trials have noise, their level wanders, and now and then a spell of several
//! trials is slow.

use tidings::pace::Rng;
use tidings::stats::median;

use crate::machine::{METRICS, Series, Trial};

/// A trial belongs to a spell if its freshness is longer than the median of the trials around it by this factor.
const SLOW: f64 = 1.5;
/// So many trials before and after are those around.
const AROUND: usize = 8;
/// The lag at which wandering is told from noise.
const LAG: usize = 8;

/// What was fitted.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    /// Distances of ordinary trials from the median of those around, both metrics of a trial together.
    noise: Vec<[f64; 2]>,
    /// Standard deviation of a step of the level, per metric.
    pub(crate) step: [f64; 2],
    /// Distances of the trials of spells, with whether they were usable.
    spell: Vec<([f64; 2], bool)>,
    /// The share of ordinary trials after which a spell begins.
    pub(crate) rate: f64,
    /// The share of a spell's trials that are its last.
    pub(crate) end: f64,
    /// The share of ordinary trials that are unusable.
    pub(crate) unusable: f64,
}

impl Fit {
    /// Fits the model.
    pub(crate) fn of(all: &[Series]) -> Self {
        let mut fit = Self {
            noise: Vec::new(),
            step: [0.0; 2],
            spell: Vec::new(),
            rate: 0.0,
            end: 0.0,
            unusable: 0.0,
        };
        let (mut begun, mut ordinary, mut ended, mut unusable) = (0_u32, 0_u32, 0_u32, 0_u32);
        // Sums of squares at lags 1 and LAG, per metric, and their counts.
        let mut squares = [[(0.0, 0_u32); 2]; 2];
        for series in all {
            let distances: Vec<[f64; 2]> =
                (0..series.len()).map(|at| distance(series, at)).collect();
            let slow: Vec<bool> = distances.iter().map(|of| of[0] > SLOW.ln()).collect();
            for (at, of) in distances.iter().enumerate() {
                let next = slow.get(at + 1);
                if slow[at] {
                    fit.spell.push((*of, series[at].usable));
                    ended += u32::from(next == Some(&false));
                } else {
                    fit.noise.push(*of);
                    ordinary += 1;
                    unusable += u32::from(!series[at].usable);
                    begun += u32::from(next == Some(&true));
                }
            }
            for (lag, squares) in [1, LAG].into_iter().zip(&mut squares) {
                let pairs = (lag..series.len()).filter(|at| !slow[*at] && !slow[at - lag]);
                for at in pairs {
                    for (metric, (sum, count)) in squares.iter_mut().enumerate() {
                        let apart = series[at].logs[metric] - series[at - lag].logs[metric];
                        *sum += apart * apart;
                        *count += 1;
                    }
                }
            }
        }
        // Two trials k apart differ by two noises and k steps: the mean square grows by a step's per trial.
        for metric in 0..METRICS.len() {
            let [near, far] = squares.map(|of| of[metric].0 / f64::from(of[metric].1.max(1)));
            fit.step[metric] = ((far - near) / (LAG as f64 - 1.0)).max(0.0).sqrt();
            // Distances from a median have some of the steps in them: what neighbours differ by is what noise and one step explain.
            let own = ((near - fit.step[metric].powi(2)) / 2.0).max(0.0).sqrt();
            let longer = own / fit.spread(metric);
            fit.noise.iter_mut().for_each(|of| of[metric] *= longer);
        }
        let slow = fit.spell.len().max(1) as f64;
        fit.rate = f64::from(begun) / f64::from(ordinary.max(1));
        fit.end = (f64::from(ended) / slow).clamp(0.05, 1.0);
        fit.unusable = f64::from(unusable) / f64::from(ordinary.max(1));
        fit
    }

    /// The same machine wandering so many times as far, with spells of one to eight trials at half speed in place of the fitted ones.
    pub(crate) fn stressed(&self, times: f64) -> Self {
        Self {
            step: self.step.map(|step| step * times),
            spell: vec![([std::f64::consts::LN_2; 2], true)],
            rate: 1.0 / 60.0,
            end: 1.0 / 4.5,
            ..self.clone()
        }
    }

    /// The same noise, without drift, spells and unusable trials.
    pub(crate) fn steady(&self) -> Self {
        Self { step: [0.0; 2], rate: 0.0, unusable: 0.0, ..self.clone() }
    }

    /// So many trials of this machine.
    pub(crate) fn trials(&self, rng: &mut Rng, count: u32) -> Series {
        let (mut level, mut is_slow) = ([0.0; 2], false);
        let trial = |_| {
            is_slow = if is_slow { rng.unit() >= self.end } else { rng.unit() < self.rate };
            let (distance, usable) = if is_slow && !self.spell.is_empty() {
                self.spell[rng.below(self.spell.len() as u64) as usize]
            } else {
                let noise = self.noise[rng.below(self.noise.len() as u64) as usize];
                (noise, rng.unit() >= self.unusable)
            };
            let mut logs = [0.0; 2];
            for metric in 0..METRICS.len() {
                level[metric] += self.step[metric] * normal(rng);
                logs[metric] = level[metric] + distance[metric];
            }
            Trial { logs, usable }
        };
        (0..count).map(trial).collect()
    }

    /// The root mean square of the noise.
    fn spread(&self, metric: usize) -> f64 {
        let sum: f64 = self.noise.iter().map(|of| of[metric] * of[metric]).sum();
        (sum / self.noise.len().max(1) as f64).sqrt().max(f64::MIN_POSITIVE)
    }

    /// What was fitted, in a line.
    pub(crate) fn told(&self) -> String {
        let depths: Vec<f64> = self.spell.iter().map(|(of, _)| of[0].exp()).collect();
        let spoilt = self.spell.iter().filter(|(_, usable)| !usable).count();
        format!(
            "{} trials; noise {:.2} and {:.2} %; steps {:.2} and {:.2} % per trial; a spell begins after one trial of {:.0}, lasts \
             {:.1} trials, is {:.1} times as slow (median); {:.0} % of its trials and {:.1} % of the others are unusable",
            self.noise.len() + self.spell.len(),
            100.0 * self.spread(0),
            100.0 * self.spread(1),
            100.0 * self.step[0],
            100.0 * self.step[1],
            1.0 / self.rate.max(1e-9),
            1.0 / self.end,
            median(&depths).unwrap_or(1.0),
            100.0 * spoilt as f64 / self.spell.len().max(1) as f64,
            100.0 * self.unusable,
        )
    }
}

/// How far a trial is from the median of those around it.
fn distance(series: &Series, at: usize) -> [f64; 2] {
    let around = &series[at.saturating_sub(AROUND)..(at + AROUND + 1).min(series.len())];
    [0, 1].map(|metric| {
        let logs: Vec<f64> = around.iter().map(|trial| trial.logs[metric]).collect();
        series[at].logs[metric] - median(&logs).unwrap_or(0.0)
    })
}

/// A normal value (Box and Muller 1958).
fn normal(rng: &mut Rng) -> f64 {
    (2.0 * rng.exponential()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}
