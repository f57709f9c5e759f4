//! Other bets on the signs of blocks than the gate's own. Each share that is put on + is fixed before the sign is known, by |x| and what
//! came before, so each capital is an e-process of the same hypothesis.

use tidings::gate::Bets;

/// A plug-in bet (after Waudby-Smith and Ramdas's aGRAPA, 2024): the share that earlier blocks call for, on tanh(x ÷ their size).
#[derive(Default)]
pub(crate) struct PlugIn {
    capital: Option<f64>,
    count: f64,
    sum: f64,
    squares: f64,
    /// Sum of x².
    sizes: f64,
}

impl Bets for PlugIn {
    fn push(&mut self, x: f64) {
        let size = if self.count == 0.0 { x.abs() } else { (self.sizes / self.count).sqrt() };
        let payoff = if size > 0.0 { (x / size).tanh() } else { 0.0 };
        // One block that gained a half is assumed before the first.
        let mean = (self.sum + 0.5) / (self.count + 1.0);
        let square = (self.squares + 0.25) / (self.count + 1.0);
        let share = (mean / square.max(1e-9)).clamp(0.0, 0.95);
        *self.capital.get_or_insert(1.0) *= 1.0 + share * payoff;
        self.count += 1.0;
        self.sum += payoff;
        self.squares += payoff * payoff;
        self.sizes += x * x;
    }

    fn value(&self) -> f64 {
        self.capital.unwrap_or(1.0)
    }
}

/// Wilcoxon's signed ranks, block by block: a share of the rank of |x| among the blocks so far; capital is divided over four shares.
#[derive(Default)]
pub(crate) struct SignedRanks {
    sizes: Vec<f64>,
    capital: Option<[f64; 4]>,
}

impl Bets for SignedRanks {
    fn push(&mut self, x: f64) {
        self.sizes.push(x.abs());
        let rank = self.sizes.iter().filter(|size| **size <= x.abs()).count();
        let payoff =
            rank as f64 / self.sizes.len() as f64 * if x == 0.0 { 0.0 } else { x.signum() };
        for (capital, share) in
            self.capital.get_or_insert([1.0; 4]).iter_mut().zip([0.4, 0.7, 0.9, 1.0])
        {
            *capital *= 1.0 + share * payoff;
        }
    }

    fn value(&self) -> f64 {
        self.capital.map_or(1.0, |all| all.iter().sum::<f64>() / 4.0)
    }
}

/// Studentised: as the gate's own, with bets per root mean square of the earlier blocks in place of a grid.
#[derive(Default)]
pub(crate) struct Studentised {
    count: f64,
    sizes: f64,
    capital: Option<[f64; 4]>,
}

impl Bets for Studentised {
    fn push(&mut self, x: f64) {
        let size = if self.count == 0.0 { x.abs() } else { (self.sizes / self.count).sqrt() };
        let x_of = if size > 0.0 { x / size } else { 0.0 };
        for (capital, bet) in
            self.capital.get_or_insert([1.0; 4]).iter_mut().zip([0.5, 1.0, 2.0, 4.0])
        {
            *capital *= 1.0 + (bet * x_of).tanh();
        }
        self.count += 1.0;
        self.sizes += x * x;
    }

    fn value(&self) -> f64 {
        self.capital.map_or(1.0, |all| all.iter().sum::<f64>() / 4.0)
    }
}

/// The gate's own without its reserve: each block may double a bet's capital, and ruin it.
pub(crate) struct AllOrNothing {
    capital: [f64; 12],
}

impl Default for AllOrNothing {
    fn default() -> Self {
        Self { capital: [1.0; 12] }
    }
}

impl Bets for AllOrNothing {
    fn push(&mut self, x: f64) {
        let mut odds = (-8.0 * x).exp();
        for capital in &mut self.capital {
            *capital *= 2.0 / (1.0 + odds);
            odds *= odds;
        }
    }

    fn value(&self) -> f64 {
        self.capital.iter().sum::<f64>() / 12.0
    }
}
