//! Is the smallest visible change found in four gates of five? Some gates with equal sides each print one, and further gates of the same
//! machine have a head that is worse by it. The gates that print are the sample: what they find is not independent of each other.

use tidings::gate::{Contrast, Design, Evidence, found, smallest_visible};
use tidings::stats::median;

use crate::machine::{METRICS, Machine};
use crate::simulate::{Gate, judged};

/// What came of it.
pub(crate) struct Honesty {
    /// Gates that printed one, of those that were tried.
    pub(crate) printed: usize,
    /// The median of what they printed, a share.
    pub(crate) change: f64,
    /// The share of further gates that failed, and half its 95 % interval, over the gates that printed.
    pub(crate) found: f64,
    pub(crate) half: f64,
}

/// Has `bases` gates print a smallest visible change of `metric`, and `fresh` further gates for each look for it. With `stops`, they print what they know when they end, which may be after
/// a few blocks; otherwise after their whole budget.
pub(crate) fn honesty(
    machine: &Machine,
    metric: usize,
    budget: u32,
    stops: bool,
    [bases, fresh]: [u64; 2],
) -> Honesty {
    let design = Design { claims: METRICS.len(), blocks: budget, seed: 1 };
    let judged = judged(METRICS[metric]);
    let (mut changes, mut shares) = (Vec::new(), Vec::new());
    for base in 0..bases {
        let gate = Gate::new(machine, 1_000_000 + base, budget, [0.0; 2]);
        let mut blocks = gate.of_metric(metric);
        if stops {
            blocks.truncate(gate.judge::<Evidence>(&design).1);
        }
        let design = Design { seed: base + 1, ..design };
        let Some(change) = smallest_visible(&design, &judged, &blocks) else { continue };
        changes.push(change);
        let of_fresh = |number: &u64| {
            let seed = 2_000_000 + base * fresh + number;
            let gate = Gate::new(machine, seed, budget, [0.0; 2]);
            let blocks: Vec<Contrast> = gate.blocks.iter().map(|block| block[metric]).collect();
            found(&design, &judged, &blocks, change)
        };
        shares.push((0..fresh).filter(of_fresh).count() as f64 / fresh as f64);
    }
    let count = shares.len().max(1) as f64;
    let mean = shares.iter().sum::<f64>() / count;
    let variance =
        shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    Honesty {
        printed: shares.len(),
        change: median(&changes).unwrap_or(f64::NAN).exp_m1(),
        found: mean,
        half: 1.96 * (variance / count).sqrt(),
    }
}
