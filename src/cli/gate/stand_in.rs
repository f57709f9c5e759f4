//! The statistics of a gate, until they are a room of their own.

use tidings::pace::Rng;
use tidings::stats::median;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arm {
    Base,
    Head,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Abba,
    Baab,
}
impl Order {
    pub(super) const fn arms(self) -> [Arm; 4] {
        match self {
            Self::Abba => [Arm::Base, Arm::Head, Arm::Head, Arm::Base],
            Self::Baab => [Arm::Head, Arm::Base, Arm::Base, Arm::Head],
        }
    }
    pub(super) fn draw(seed: u64, case: usize, block: u32) -> Self {
        let bits = Rng::new(seed ^ (case as u64).rotate_left(32), u64::from(block)).next_u64();
        if bits >> 63 == 0 { Self::Abba } else { Self::Baab }
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worse {
    More,
    Less,
}
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    pub column: &'static str,
    pub tolerance: f64,
    pub worse: Worse,
    pub gated: bool,
}
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub order: Order,
    pub values: [f64; 4],
}
#[derive(Debug, Clone, Copy)]
pub(super) struct Design {
    pub claims: usize,
    pub blocks: u32,
    pub seed: u64,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Fail,
    Pass,
    Inconclusive,
    MachineMoved,
}
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    pub estimate: f64,
    pub lower: f64,
    pub upper: f64,
    pub moved: bool,
}
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub estimate: f64,
    pub lower: f64,
    pub upper: f64,
    pub outcome: Outcome,
    pub visible: Option<f64>,
    pub controls: [Control; 2],
    pub slots: [f64; 4],
    pub blocks: usize,
}
pub(super) fn fewest_blocks(claims: usize) -> u32 {
    ((claims as f64 / 0.01).log2().ceil() as u32).max(1) + 1
}
const GRID: [f64; 12] =
    [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0];
fn evidence(ds: &[f64], delta: f64) -> f64 {
    let of = |lambda: f64| {
        ds.iter()
            .map(|d| {
                let z = 2.0 * lambda * (d - delta);
                2.0 / (1.0 + (-z).exp())
            })
            .product::<f64>()
    };
    GRID.iter().map(|l| of(*l)).sum::<f64>() / GRID.len() as f64
}
/// The largest delta such that "the effect is at most delta" is rejected at every stage.
fn lower(ds: &[f64], alpha: f64) -> f64 {
    let mut best = f64::NEG_INFINITY;
    for n in 1..=ds.len() {
        let (mut a, mut b) = (-2.0, 2.0);
        if evidence(&ds[..n], a) < 1.0 / alpha {
            continue;
        }
        for _ in 0..50 {
            let m = f64::midpoint(a, b);
            if evidence(&ds[..n], m) >= 1.0 / alpha { a = m } else { b = m }
        }
        best = f64::max(best, a);
    }
    best
}
fn upper(ds: &[f64], alpha: f64) -> f64 {
    -lower(&ds.iter().map(|d| -d).collect::<Vec<_>>(), alpha)
}
pub(super) fn find(design: &Design, metric: &Metric, blocks: &[Block]) -> Finding {
    let sign = if metric.worse == Worse::More { 1.0 } else { -1.0 };
    let logs: Vec<[f64; 4]> = blocks.iter().map(|b| b.values.map(|v| sign * v.ln())).collect();
    let side = |b: usize, arm: Arm| -> [f64; 2] {
        let arms = blocks[b].order.arms();
        let mut of = (0..4).filter(|i| arms[*i] == arm).map(|i| logs[b][i]);
        [of.next().unwrap_or(0.0), of.next().unwrap_or(0.0)]
    };
    let ds: Vec<f64> = (0..blocks.len())
        .map(|b| {
            let ([h1, h2], [b1, b2]) = (side(b, Arm::Head), side(b, Arm::Base));
            (h1 + h2 - b1 - b2) / 2.0
        })
        .collect();
    let estimate = median(&ds).unwrap_or(0.0);
    let fail_bound = lower(&ds, 0.01 / design.claims.max(1) as f64);
    let (low, high) = (lower(&ds, 0.025), upper(&ds, 0.025));
    let tolerance = metric.tolerance.ln_1p();
    let controls = [Arm::Base, Arm::Head].map(|arm| {
        let cs: Vec<f64> = (0..blocks.len())
            .map(|b| {
                let [x, y] = side(b, arm);
                y - x
            })
            .collect();
        let (estimate, lower, upper) =
            (median(&cs).unwrap_or(0.0), lower(&cs, 0.005), upper(&cs, 0.005));
        let moved = (lower > 0.0 || upper < 0.0) && estimate.abs() > tolerance / 2.0;
        Control { estimate, lower, upper, moved }
    });
    let outcome = if controls.iter().any(|c| c.moved) {
        Outcome::MachineMoved
    } else if fail_bound > 0.0 && estimate > tolerance {
        Outcome::Fail
    } else if upper(&ds, 0.05) < tolerance {
        Outcome::Pass
    } else {
        Outcome::Inconclusive
    };
    let mean = |i: usize| {
        logs.iter().map(|l| l[i] - l.iter().sum::<f64>() / 4.0).sum::<f64>() / logs.len() as f64
    };
    Finding {
        estimate,
        lower: low,
        upper: high,
        outcome,
        visible: None,
        controls,
        slots: [0, 1, 2, 3].map(mean),
        blocks: blocks.len(),
    }
}
