//! What a gate decides and what its budget buys, fixed before its first block.

use anyhow::bail;

use super::document::{GateCase, Terms};
use super::fewest_blocks;
use super::tolerance::{Metrics, has};
use crate::clock::SECOND_NS;
use crate::plan::Plan;
use crate::unit::{Span, counted};

/// The most blocks of a gate.
const MOST: u64 = 10_000;

impl Terms {
    /// What is decided by `metrics`; what the budget buys is not known yet.
    pub fn new(plan: &Plan, metrics: &Metrics, seed: u64, budget: Span) -> Self {
        let cases = plan.scenario.cases.iter().map(|case| {
            let of = |metric: &&_| has(metric, case.pattern.kind());
            let columns = metrics.all.iter().filter(of).map(|metric| metric.column.clone());
            GateCase { id: case.id.clone(), columns: columns.collect() }
        });
        Self {
            cases: cases.collect(),
            metrics: metrics.all.clone(),
            seed,
            blocks: 0,
            fewest_blocks: 0,
            budget_s: budget.secs(),
            drain_s: plan.scenario.phases.drain.secs(),
        }
    }

    /// Computes what the budget buys, after `spent_ns` of it, at `block_ns` per block.
    ///
    /// # Errors
    ///
    /// Where it buys fewer blocks than a fail needs.
    pub fn buy(&mut self, spent_ns: u64, block_ns: u64) -> anyhow::Result<()> {
        let budget_ns = (self.budget_s * SECOND_NS as f64) as u64;
        self.fewest_blocks = fewest_blocks(self.claims());
        self.blocks = (budget_ns.saturating_sub(spent_ns) / block_ns.max(1)).min(MOST) as u32;
        if self.blocks < self.fewest_blocks {
            let needed = spent_ns + u64::from(self.fewest_blocks) * block_ns;
            let needed = Span::from_secs(needed.div_ceil(SECOND_NS) + 1);
            bail!(
                "a budget of {} buys {} ({} of each side), and a fail is possible from {} on: raise it to --budget {needed}, or \
                 shorten the trials ([phases])",
                Span::from_ns(budget_ns),
                counted(self.blocks.into(), "block"),
                counted(u64::from(self.blocks) * 2, "trial"),
                self.fewest_blocks,
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Worse;
    use super::super::document::GatedMetric;
    use super::*;

    #[test]
    fn a_budget_buys_whole_blocks_and_too_few_are_refused_with_what_would_do() {
        let metric = |column: &str| GatedMetric {
            column: column.to_owned(),
            tolerance: 0.05,
            worse: Worse::More,
            gated: true,
        };
        let columns = ["freshness_ns_p50", "target_cpu_ns_per_delivery"];
        let of = |budget_s: f64| Terms {
            cases: vec![GateCase {
                id: "sse".to_owned(),
                columns: columns.map(str::to_owned).to_vec(),
            }],
            metrics: columns.map(metric).to_vec(),
            seed: 1,
            blocks: 0,
            fewest_blocks: 0,
            budget_s,
            drain_s: 1.0,
        };
        // Warm-up of 6 s, and 12 s per block.
        for (budget_s, blocks) in [
            (102.0, Some(8)),
            (101.9, None),
            (180.0, Some(14)),
            (600.0, Some(49)),
            (1e9, Some(10_000)),
        ] {
            let mut terms = of(budget_s);
            let bought = terms.buy(6 * SECOND_NS, 12 * SECOND_NS);
            assert_eq!(terms.fewest_blocks, 8);
            if let Some(blocks) = blocks {
                assert_eq!((bought.is_ok(), terms.blocks), (true, blocks), "{budget_s}");
                continue;
            }
            let refused = bought.unwrap_err().to_string();
            for said in [
                "buys 7 blocks (14 trials of each side)",
                "possible from 8 on: raise it to --budget 103s",
            ] {
                assert!(refused.contains(said), "{refused}");
            }
        }
    }
}
