//! From the rows of a gate to its decision: rows become blocks, which are judged metric by metric.

use serde_json::{Value, json};

use super::broken::Broken;
use super::document::{Document, GatedMetric, Terms};
use super::losses::{Losses, losses};
use super::table::{CONFIRMS, Row};
use super::{Arm, Block, Design, Finding, Metric, Order, Outcome, Worse, find, smallest_visible};
use crate::stats::median;

/// A metric of a case, with what was found.
#[derive(Debug)]
pub struct Claim {
    /// Id of the case.
    pub case: String,
    /// The metric, and what is tolerated of it.
    pub metric: GatedMetric,
    /// Medians over the usable trials of base and head.
    pub medians: [Option<f64>; 2],
    /// What its blocks show; `None` before the first.
    pub finding: Option<Finding>,
    /// The smallest change that the gate would have failed, as a logarithm; of metrics that decide, once it has ended.
    pub visible: Option<f64>,
}

/// All that a gate found.
#[derive(Debug)]
pub struct Decision {
    /// What it comes to.
    pub outcome: Outcome,
    /// Every metric of every case.
    pub claims: Vec<Claim>,
    /// Lost and repeated deliveries, case by case.
    pub losses: Vec<Losses>,
    /// Whole blocks, of the case that has the fewest.
    blocks: u32,
    /// Blocks that were begun and are not whole.
    pub broken_blocks: usize,
    /// Trials, by side.
    pub trials: [usize; 2],
    /// Those of no use, by side.
    pub unusable: [usize; 2],
    /// What ended the blocks that are not whole.
    pub broken: Broken,
    /// Whether something ended the gate before its decision.
    pub stopped: Option<String>,
}

impl Decision {
    /// Whole blocks, of the case that has the fewest.
    pub const fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Whether more blocks would change nothing.
    pub fn is_final(&self) -> bool {
        matches!(self.outcome, Outcome::Fail | Outcome::Pass)
    }

    /// Whether every metric passes, and the gate does not, by what its trials lost, repeated or broke.
    pub fn pass_is_withheld(&self) -> bool {
        self.outcome == Outcome::Inconclusive && self.stopped.is_none() && all_pass(&self.claims)
    }

    /// The exit status: 0 for a pass, 1 for a fail, 3 where nothing can be concluded.
    pub const fn status(&self) -> u8 {
        match self.outcome {
            Outcome::Pass => 0,
            Outcome::Fail => 1,
            Outcome::Inconclusive | Outcome::MachineMoved => 3,
        }
    }

    fn deliveries(&self) -> Value {
        let cases = self.losses.iter().map(|of| {
            json!({
                "case": of.case,
                "lost": {"base": of.lost[0], "head": of.lost[1]},
                "duplicate": {"base": of.duplicate[0], "head": of.duplicate[1]},
                "trials": {"base": of.trials[0], "head": of.trials[1]},
                "unconfirmed": of.unconfirmed,
                "doubtful": of.doubtful,
                "excess": of.excess,
            })
        });
        let total = |of: &dyn Fn(&Losses) -> [u64; 2]| {
            let sum = |side: usize| self.losses.iter().map(|losses| of(losses)[side]).sum::<u64>();
            json!({"base": sum(0), "head": sum(1)})
        };
        let failed = self.losses.iter().filter(|of| of.failed).map(|of| &of.case);
        json!({
            "lost": total(&|of| of.lost),
            "duplicate": total(&|of| of.duplicate),
            "trials": total(&|of| of.trials.map(|trials| trials as u64)),
            "failed_cases": failed.collect::<Vec<_>>(),
            "cases": cases.collect::<Vec<_>>(),
        })
    }

    /// The decision as data.
    pub fn json(&self) -> Value {
        let claims = self.claims.iter().map(|claim| {
            let [base, head] = claim.medians;
            json!({
                "case": claim.case,
                "metric": claim.metric.column,
                "gated": claim.metric.gated,
                "tolerance": claim.metric.tolerance,
                "worse": claim.metric.worse,
                "base": base,
                "head": head,
                "finding": claim.finding.as_ref().map(|found| finding(found, claim)),
            })
        });
        json!({
            "outcome": name(self.outcome),
            "exit_status": self.status(),
            "stopped_by": self.stopped,
            "blocks": self.blocks,
            "broken_blocks": self.broken_blocks,
            "trials": {"base": self.trials[0], "head": self.trials[1]},
            "unusable": {"base": self.unusable[0], "head": self.unusable[1]},
            "pass_withheld": self.broken.told(),
            "claims": claims.collect::<Vec<_>>(),
            "deliveries": self.deliveries(),
        })
    }
}

/// The name of an outcome in files.
pub const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Inconclusive => "inconclusive",
        Outcome::MachineMoved => "machine moved",
    }
}

/// Head ÷ base as a change: 0.05 is 5 % more.
pub fn change(log_ratio: f64, worse: Worse) -> f64 {
    match worse {
        Worse::More => log_ratio.exp_m1(),
        Worse::Less => (-log_ratio).exp_m1(),
    }
}

fn finding(found: &Finding, claim: &Claim) -> Value {
    let worse = claim.metric.worse;
    let change =
        |log_ratio: f64| Some(change(log_ratio, worse)).filter(|change| change.is_finite());
    // Of a metric that grows worse as it shrinks, the worst change is the smallest number.
    let (low, high) = match worse {
        Worse::More => (found.lower, found.upper),
        Worse::Less => (found.upper, found.lower),
    };
    let controls = found.controls.iter().map(|control| {
        json!({
            "change": change(control.estimate),
            "low": change(control.lower),
            "high": change(control.upper),
            "moved": control.moved,
        })
    });
    json!({
        "outcome": name(found.outcome),
        "change": change(found.estimate),
        "low": change(low),
        "high": change(high),
        "bound_of_fail": change(found.lower_of_all),
        "smallest_visible_change": claim.visible.and_then(change),
        "blocks": found.blocks,
        "controls": controls.collect::<Vec<_>>(),
        "slots": found.slots.map(change),
    })
}

/// Decides about the rows of a gate.
pub fn decide(document: &Document, rows: &[Row]) -> Decision {
    let terms = &document.terms;
    let design = Design { claims: terms.claims(), blocks: terms.blocks, seed: terms.seed };
    let mut claims = Vec::new();
    let mut fewest = u32::MAX;
    let mut broken_blocks = 0;
    for (at, case) in terms.cases.iter().enumerate() {
        let of_case: Vec<&Row> = rows.iter().filter(|row| row.case == case.id).collect();
        let (whole, broken) = quads(&of_case);
        fewest = fewest.min(whole.len() as u32);
        broken_blocks += broken;
        // A further gate on this machine would lose as many blocks.
        let whole_design = design.of_whole_blocks(whole.len(), broken);
        for (place, metric) in terms.metrics.iter().enumerate() {
            if !case.columns.contains(&metric.column) {
                continue;
            }
            let blocks: Vec<Block> =
                whole.iter().filter_map(|quad| block(terms, at, quad, place)).collect();
            let medians = [Arm::Base, Arm::Head].map(|arm| {
                let of_arm = of_case.iter().filter(|row| row.arm == arm && row.slot < CONFIRMS);
                median(&of_arm.filter_map(|row| row.value(place)).collect::<Vec<_>>())
            });
            let judged = judged(metric);
            let finding = (!blocks.is_empty()).then(|| find(&design, &judged, &blocks));
            let visible = metric.gated && document.finished_utc.is_some();
            let visible =
                visible.then(|| smallest_visible(&whole_design, &judged, &blocks)).flatten();
            claims.push(Claim {
                case: case.id.clone(),
                metric: metric.clone(),
                medians,
                finding,
                visible,
            });
        }
    }
    let losses: Vec<Losses> =
        terms.cases.iter().map(|case| losses(terms, rows, &case.id)).collect();
    let broken = Broken::of(&terms.cases, rows);
    let outcome = outcome(document, &claims, &losses, &broken);
    let count = |keep: &dyn Fn(&Row) -> bool| {
        [Arm::Base, Arm::Head]
            .map(|arm| rows.iter().filter(|row| row.arm == arm && keep(row)).count())
    };
    Decision {
        outcome,
        claims,
        losses,
        blocks: if fewest == u32::MAX { 0 } else { fewest },
        broken_blocks,
        trials: count(&|_| true),
        unusable: count(&|row| !row.verdict.usable()),
        broken,
        stopped: document.stopped_by.clone(),
    }
}

fn outcome(document: &Document, claims: &[Claim], losses: &[Losses], broken: &Broken) -> Outcome {
    let gated = || claims.iter().filter(|claim| claim.metric.gated);
    let any = |outcome: Outcome| {
        gated().any(|claim| claim.finding.as_ref().is_some_and(|found| found.outcome == outcome))
    };
    // What was cut short did not see all that it was to see.
    if document.stopped_by.is_some() {
        return Outcome::Inconclusive;
    }
    if losses.iter().any(|of| of.failed) {
        return Outcome::Fail;
    }
    if any(Outcome::MachineMoved) {
        return Outcome::MachineMoved;
    }
    if any(Outcome::Fail) {
        return Outcome::Fail;
    }
    let explained = !losses.iter().any(|of| of.unconfirmed || of.doubtful || of.excess);
    if all_pass(claims) && explained && !broken.blames_head() {
        Outcome::Pass
    } else {
        Outcome::Inconclusive
    }
}

/// Whether every metric that decides passes in every case.
fn all_pass(claims: &[Claim]) -> bool {
    let passes =
        |claim: &Claim| claim.finding.as_ref().is_some_and(|found| found.outcome == Outcome::Pass);
    claims.iter().filter(|claim| claim.metric.gated).all(passes)
}

/// The metric as `gate` judges it. Its column is one of the table, as the terms were checked for.
fn judged(metric: &GatedMetric) -> Metric {
    Metric {
        column: crate::record::spec(&metric.column).map_or("", |spec| spec.column.name),
        tolerance: metric.tolerance,
        worse: metric.worse,
        gated: metric.gated,
    }
}

/// The whole blocks of a case, four usable trials each, and how many others there are.
fn quads<'a>(rows: &[&'a Row]) -> (Vec<[&'a Row; 4]>, usize) {
    let mut numbers: Vec<u32> = rows.iter().map(|row| row.block).collect();
    numbers.dedup();
    let mut whole = Vec::new();
    let mut broken = 0;
    for number in numbers {
        let slot = |slot: u32| {
            rows.iter()
                .find(|row| row.block == number && row.slot == slot && row.verdict.usable())
                .copied()
        };
        match [slot(1), slot(2), slot(3), slot(4)] {
            [Some(a), Some(b), Some(c), Some(d)] => whole.push([a, b, c, d]),
            _ => broken += 1,
        }
    }
    (whole, broken)
}

fn block(terms: &Terms, case: usize, quad: &[&Row; 4], place: usize) -> Option<Block> {
    let [a, b, c, d] = quad.map(|row| row.value(place));
    let order = Order::draw(terms.seed, case, quad[0].block);
    Some(Block { order, values: [a?, b?, c?, d?] })
}

#[cfg(test)]
mod tests {
    use crate::record::Figure;
    use crate::record::Verdict::{self, Degraded, Failed, Invalid, Valid};

    use super::super::samples::{document, losing, metric, row, terms};
    use super::*;

    /// Twelve whole blocks of equal trials of a case.
    fn whole(case: &str, place: usize) -> Vec<Row> {
        let block = |block| {
            let slots = Order::draw(1, place, block).arms().into_iter().zip(1..);
            slots.map(move |(arm, slot)| Row {
                case: case.to_owned(),
                block,
                values: vec![Some(Figure::Value(5e6))],
                ..row(arm, slot, Valid)
            })
        };
        (100..112).flat_map(block).collect()
    }

    /// A gate of `sse` and, where it has rows, `websocket`.
    fn decided(rows: &[Row]) -> Decision {
        let cases = if rows.iter().any(|row| row.case == "websocket") { 2 } else { 1 };
        let terms = terms(&["sse", "websocket"][..cases], vec![metric("freshness_ns_p50", true)]);
        decide(&document(terms), rows)
    }

    /// Blocks that end at their first trial.
    fn broken(case: &str, ends: &[(Arm, Verdict)]) -> Vec<Row> {
        let row = |((arm, verdict), block): (&(Arm, Verdict), u32)| Row {
            case: case.to_owned(),
            block,
            ..row(*arm, 1, *verdict)
        };
        ends.iter().zip(1..).map(row).collect()
    }

    #[test]
    fn a_head_that_breaks_its_trials_does_not_pass_by_those_it_survives() {
        let (base, head) = (Arm::Base, Arm::Head);
        let even = [(base, Failed), (head, Failed), (base, Invalid), (head, Invalid)];
        let other = [broken("websocket", &even), whole("websocket", 1)].concat();
        // The outcome of a gate of one case, and beside another that breaks evenly.
        for (ends, outcome, beside) in [
            (&[][..], Outcome::Pass, Outcome::Pass),
            (&[(head, Failed)], Outcome::Pass, Outcome::Pass),
            (&[(head, Failed); 2], Outcome::Inconclusive, Outcome::Inconclusive),
            (&[(head, Failed), (base, Failed), (head, Failed)], Outcome::Pass, Outcome::Pass),
            (&[(head, Invalid); 4], Outcome::Pass, Outcome::Pass),
            (&[(head, Invalid); 5], Outcome::Inconclusive, Outcome::Pass),
            (&[(head, Invalid); 6], Outcome::Inconclusive, Outcome::Inconclusive),
            (&[(base, Invalid); 6], Outcome::Pass, Outcome::Pass),
        ] {
            let rows = [broken("sse", ends), whole("sse", 0)].concat();
            let decision = decided(&rows);
            assert_eq!(decision.outcome, outcome, "{ends:?}");
            assert_eq!(decision.json()["pass_withheld"].is_null(), outcome == Outcome::Pass);
            assert_eq!(decision.pass_is_withheld(), outcome != Outcome::Pass, "{ends:?}");
            let found = decided(&[rows, other.clone()].concat()).outcome;
            assert_eq!(found, beside, "beside another case: {ends:?}");
        }
    }

    #[test]
    fn a_pass_needs_losses_to_be_explained() {
        let spoil = |row: &mut Row, lost: u64, verdict: Verdict, slowest_ns: f64| {
            *row = Row { verdict, slowest_ns: Some(slowest_ns), ..losing(lost, row.clone()) };
        };
        let confirming = |row| Row { block: 111, values: vec![None], ..row };
        // What a base trial lost, what two head trials lost, their verdict, their slowest arrival, and a trial that confirms or not.
        // Then the outcome, and the flags that explain it.
        for (of_base, of_head, verdict, slowest_ns, confirms, outcome, withheld) in [
            (0, [0, 0], Valid, 9e6, None, Outcome::Pass, &[][..]),
            (0, [1, 0], Valid, 9e6, None, Outcome::Inconclusive, &["unconfirmed"]),
            (0, [1, 0], Valid, 9e6, Some(0), Outcome::Pass, &[]),
            (0, [1, 0], Valid, 9e6, Some(1), Outcome::Fail, &[]),
            (0, [1, 1], Valid, 9e6, None, Outcome::Fail, &[]),
            (0, [1, 1], Degraded, 9e8, None, Outcome::Inconclusive, &["doubtful"]),
            (1, [1, 1], Valid, 9e6, None, Outcome::Pass, &[]),
            (1, [20, 20], Valid, 9e6, None, Outcome::Inconclusive, &["excess"]),
        ] {
            let mut rows = whole("sse", 0);
            let mut of_arm: [Vec<&mut Row>; 2] = [Vec::new(), Vec::new()];
            for row in &mut rows {
                of_arm[usize::from(row.arm == Arm::Head)].push(row);
            }
            spoil(of_arm[0][0], of_base, Valid, 9e6);
            for (row, lost) in of_arm[1].iter_mut().zip(of_head).filter(|(_, lost)| *lost > 0) {
                spoil(row, lost, verdict, slowest_ns);
            }
            rows.extend(
                confirms.map(|lost| confirming(losing(lost, row(Arm::Head, CONFIRMS, Valid)))),
            );
            let decision = decided(&rows);
            let told = format!("{of_base} {of_head:?} {verdict} {confirms:?}");
            assert_eq!(decision.outcome, outcome, "{told}");
            let case = &decision.json()["deliveries"]["cases"][0];
            let why = ["unconfirmed", "doubtful", "excess"];
            let why: Vec<&str> = why.into_iter().filter(|flag| case[flag] == true).collect();
            assert_eq!(why, withheld, "{told}");
            assert_eq!(decision.pass_is_withheld(), outcome == Outcome::Inconclusive, "{told}");
        }
        assert!(!decided(&whole("sse", 0)[..4]).pass_is_withheld(), "no metric passes yet");
    }
}
