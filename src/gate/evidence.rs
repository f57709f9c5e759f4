//! Evidence against "the head is worse by at most so much", valid at any time.

use super::Bets;

/// How many λ share the capital.
const BETS: usize = 12;
/// The smallest λ, as 1 ÷ the size of differences; each other one is twice the one before: from changes of a factor to a tenth of
/// a thousandth.
const SMALLEST: f64 = 4.0;
/// The largest shares that are ever put on a sign, and what of the capital begins with each.
const LARGEST: [(f64, f64); 4] = [(1.0, 0.9), (0.9, RESERVE), (0.75, RESERVE), (0.5, RESERVE)];
const RESERVE: f64 = 0.1 / 3.0;
/// Bounds are looked for up to a factor of e⁵.
const WIDEST: f64 = 5.0;
/// Steps of the search for a bound.
const STEPS: u32 = 48;

/// Evidence that grows block by block.
///
/// Given |x|, the sign of x = D − δ is + or − with probability ½ if the effect is δ, and + is less likely if the effect is smaller.
/// A bet of the share c tanh(λ|x|) of the capital on + multiplies it by 1 ± c tanh(λ|x|), whose mean is at most 1: capital is a
/// nonnegative supermartingale, which by Ville's inequality (1939) reaches 1 ÷ α with probability at most α, at whatever block one
/// looks or stops. With c = 1 it is exp(λx) ÷ cosh(λx), the sharper form of de la Peña's (1999) exp(λx − λ²x²/2); bets that know the size
/// but not the sign, and e-processes of symmetry, are in Ramdas, Ruf, Larsson and Koolen (2020).
///
/// The capital is divided over twelve λ at the start, so that no scale needs to be known, and over four c: nine tenths may put all on a
/// sign, which decides soonest, and is ruined by one block in which the machine stumbled under the wrong side; the rest never is.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// What each bet's capital has been multiplied by, by the largest share and λ.
    capital: [[f64; BETS]; LARGEST.len()],
}

impl Default for Evidence {
    fn default() -> Self {
        Self { capital: [[1.0; BETS]; LARGEST.len()] }
    }
}

impl Bets for Evidence {
    fn push(&mut self, x: f64) {
        // exp(−2λx) of the next bet, which is twice this one, is its square. Infinite, it ruins the bet, as it should.
        let mut odds = (-2.0 * SMALLEST * x).exp();
        for bet in 0..BETS {
            let whole = 2.0 / (1.0 + odds);
            for (capital, (most, _)) in self.capital.iter_mut().zip(LARGEST) {
                capital[bet] *= most * whole + (1.0 - most);
            }
            odds *= odds;
        }
    }

    fn value(&self) -> f64 {
        let of =
            |(capital, (_, part)): (&[f64; BETS], (f64, f64))| part * capital.iter().sum::<f64>();
        self.capital.iter().zip(LARGEST).map(of).sum::<f64>() / BETS as f64
    }
}

/// The lower bound of the effect, with confidence 1 − `alpha` at every block at once: every smaller effect was rejected at some
/// block. −∞ where none is.
pub fn lower_bound(differences: &[f64], alpha: f64) -> f64 {
    let rejected = |effect: f64| {
        let mut evidence = Evidence::default();
        differences.iter().any(|difference| {
            evidence.push(difference - effect);
            evidence.value() >= 1.0 / alpha
        })
    };
    // Evidence falls as the effect grows.
    if !rejected(-WIDEST) {
        return f64::NEG_INFINITY;
    }
    let (mut low, mut high) = (-WIDEST, WIDEST);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if rejected(middle) { low = middle } else { high = middle }
    }
    low
}

/// The same from above.
pub(super) fn upper_bound(differences: &[f64], alpha: f64) -> f64 {
    let mirrored: Vec<f64> = differences.iter().map(|difference| -difference).collect();
    -lower_bound(&mirrored, alpha)
}
