//! Evidence against "the head is worse by at most so much", valid at any time.

/// The bets, as a geometric grid of 1 ÷ the size of differences: from changes of a factor to a tenth of a thousandth.
const BETS: [f64; 12] =
    [4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];
/// Bounds are looked for up to a factor of e⁵.
const WIDEST: f64 = 5.0;
/// Steps of the search for a bound.
const STEPS: u32 = 48;

/// Evidence that grows block by block.
///
/// Given |x|, the sign of x = D − δ is + or − with probability ½ if the effect is δ, and + is less likely if the effect is smaller.
/// A bet of the share tanh(λ|x|) of the capital on + multiplies it by 1 ± tanh(λ|x|) = 2 ÷ (1 + exp(∓2λ|x|)), whose mean is at most
/// 1: capital is a nonnegative supermartingale, which by Ville's inequality (1939) reaches 1 ÷ α with probability at most α, at
/// whatever block one looks or stops. It is exp(λx) ÷ cosh(λx), the sharper form of de la Peña's (1999) exp(λx − λ²x²/2); bets that know the size but not the sign,
/// and e-processes of symmetry, are in Ramdas, Ruf, Larsson and Koolen (2020). The capital is divided over `BETS` at the start,
/// so that no scale needs to be known.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// The logarithm of each bet's capital.
    capital: [f64; BETS.len()],
}

impl Default for Evidence {
    fn default() -> Self {
        Self { capital: [0.0; BETS.len()] }
    }
}

impl Evidence {
    /// Takes the difference of a block less the effect that is disputed.
    pub fn push(&mut self, x: f64) {
        for (capital, bet) in self.capital.iter_mut().zip(BETS) {
            *capital += std::f64::consts::LN_2 - softplus(-2.0 * bet * x);
        }
    }

    /// The capital: 1 ÷ it bounds the probability of so much if the effect is not larger than disputed.
    pub fn value(&self) -> f64 {
        self.capital.iter().map(|capital| capital.exp()).sum::<f64>() / BETS.len() as f64
    }
}

/// ln(1 + exp(x)), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
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
