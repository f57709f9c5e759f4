//! A case against itself (18): no difference may be claimed, and a true one must be found.
//!
//! Trials of a base, of the base once more and of a case that is slower by a tenth are interleaved in blocks of random
//! order. A hundred comparisons are drawn from the blocks at random, regardless of earlier results, so they share trials.
//! That shows whether the judge claims differences that do not exist, and finds one that does, on this machine's noise; it
//! is not an independent repetition of the experiment.

use super::Experiment;
use super::finding::{Finding, Quantity};
use super::lab::{Halt, Lab, Measured, scenario_text};
use crate::judge::{Axis, Claim, comparison};
use crate::pace::Rng;
use crate::plan::Plan;
use crate::record::TrialRecord;
use crate::scenario::PatternKind;

/// Experiment 18.
pub(super) const ALIKE: Experiment = Experiment {
    id: 18,
    name: "a case against itself, and against one slower by 10 %",
    proves: "The comparison claims no difference between equals, and finds a difference of 10 %.",
    quick: false,
    seconds: [130.0, 170.0],
    run,
};

/// Comparisons that are drawn.
const COMPARISONS: usize = 100;
/// Blocks of a comparison.
const BLOCKS_EACH: usize = 16;
/// Level at which a claim of the base against itself is false.
const LEVEL: f64 = 0.01;
/// The delay of the base, which determines its response.
const DELAY_NS: f64 = 2e6;

/// A block: base, base again, slower.
type Block = [TrialRecord; 3];

fn text(delay_ns: f64) -> String {
    let tables = format!(
        "connect = \"20ms\"\nwarmup = \"200ms\"\n[workload]\nclients = 20\n[request]\nrate = \"300/s\"\n\
         [target]\nshards = 1\n[faults]\ndelay = \"{}us\"\n",
        (delay_ns / 1e3).round()
    );
    scenario_text("alike", PatternKind::Request, 1.0, &tables)
}

fn run(lab: &Lab<'_>) -> Result<Finding, Halt> {
    let blocks = lab.either(20, 26);
    let base = lab.plan(&text(DELAY_NS))?;
    let first = measure(lab, &base)?;
    let Some(median) = first.headline_ns(0.5) else { return Ok(Finding::default()) };
    let slower = lab.plan(&text(DELAY_NS + 0.1 * median))?;
    let mut rng = Rng::new(18, 0);
    let mut found: Vec<Block> = Vec::new();
    for block in 1..=blocks {
        let mut order = [0, 1, 2];
        rng.shuffle(&mut order);
        let mut records = [None, None, None];
        for place in order {
            let plan = if place == 2 { &slower } else { &base };
            let trial = measure(lab, plan)?;
            lab.strained(&trial.strains);
            let mut record = trial.record();
            (record.identity.block, record.identity.trial) = (block, block);
            records[place] = Some(record);
        }
        if let [Some(a), Some(b), Some(c)] = records {
            found.push([a, b, c]);
        }
    }
    Ok(judge(&found))
}

fn measure(lab: &Lab<'_>, plan: &Plan) -> Result<Measured, Halt> {
    lab.run(plan, &plan.trials[0], |_, _| ())
}

/// Returns the judge's claim about two cases from the same blocks: whether it shows a difference, and p.
fn compared(pairs: &[(&TrialRecord, &TrialRecord)]) -> Option<(bool, f64)> {
    let named = |record: &TrialRecord, case: &str| {
        let mut record = record.clone();
        case.clone_into(&mut record.identity.case);
        record
    };
    let records: Vec<TrialRecord> =
        pairs.iter().flat_map(|(a, b)| [named(a, "one"), named(b, "other")]).collect();
    let rankings = comparison(&crate::judge::summary_of(&records));
    // Of all that cases are ranked by, the one that was changed.
    let ranking = rankings.into_iter().find(|ranking| ranking.axis == Axis::Response)?;
    Some((matches!(ranking.claim, Claim::Shown(_)), ranking.p?))
}

fn judge(blocks: &[Block]) -> Finding {
    let mut rng = Rng::new(18, 1);
    let (mut claimed, mut found, mut judged) = (0, 0, 0);
    for _ in 0..COMPARISONS {
        let mut order: Vec<&Block> = blocks.iter().collect();
        rng.shuffle(&mut order);
        order.truncate(BLOCKS_EACH);
        let alike: Vec<_> =
            order.iter().map(|[a, b, _]| if rng.below(2) == 0 { (a, b) } else { (b, a) }).collect();
        let apart: Vec<_> = order.iter().map(|[a, _, c]| (a, c)).collect();
        if let (Some((_, p)), Some((shown, _))) = (compared(&alike), compared(&apart)) {
            judged += 1;
            claimed += u32::from(p <= LEVEL);
            found += u32::from(shown);
        }
    }
    let all: Vec<_> = blocks.iter().map(|[a, b, _]| (a, b)).collect();
    let whole = compared(&all).map(|(_, p)| p);
    Finding::of(vec![
        Quantity::exactly("comparisons", COMPARISONS as u64, judged),
        // Of 100 fair comparisons more than 5 are below 1 % once in 1,900 times.
        Quantity::at_most("differences claimed at 1 %", 5.0, Some(f64::from(claimed)), |n| {
            n.to_string()
        })
        .inexcusable_if(true),
        Quantity::at_least("p of all blocks, as they were run", 0.001, whole, |p| {
            format!("{p:.3}")
        }),
        Quantity::at_least("+10 % found, of 100", 90.0, Some(f64::from(found)), |n| n.to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Figure;
    use crate::record::synthetic::{case, facts, judged};

    /// Blocks of trials whose responses are off by noise, by a drift that a block shares, and by what is said of the second
    /// and of the third.
    fn blocks(noise: f64, second: f64, third: f64) -> Vec<Block> {
        let mut rng = Rng::new(9, 0);
        let sound = judged(&facts(&case(PatternKind::Request, 60, ""), 1));
        let mut record = |block: u32, ns: f64| {
            let mut record = sound.clone();
            record.identity.block = block;
            let off = 1.0 + noise * (rng.unit() + rng.unit() - 1.0);
            record.figures.set("response_ns_p50", Figure::Value(ns * off));
            record
        };
        let mut drift = Rng::new(9, 1);
        (1..=20)
            .map(|block| {
                let base = 2.2e6 * (1.0 + 0.2 * drift.unit());
                [record(block, base), record(block, base * second), record(block, base * third)]
            })
            .collect()
    }

    #[test]
    fn no_difference_is_claimed_and_a_tenth_is_found() {
        let finding = judge(&blocks(0.03, 1.0, 1.1));
        assert!(finding.holds(), "{finding:?}");
        for (second, third, why) in
            [(1.05, 1.1, "the base is not itself"), (1.0, 1.0, "nothing was injected")]
        {
            let finding = judge(&blocks(0.02, second, third));
            assert!(!finding.holds(), "{why}: {finding:?}");
        }
        assert!(!judge(&[]).holds());
    }
}
