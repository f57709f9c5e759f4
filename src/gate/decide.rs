//! From the rows of a gate to its decision: rows become blocks, which are judged metric by metric.

use serde_json::{Value, json};

use super::broken::Broken;
use super::document::{Document, GatedMetric, Terms};
use super::table::{CONFIRMS, Row};
use super::{Arm, Block, Design, Finding, Metric, Order, Outcome, Worse, find, smallest_visible};
use crate::stats::{binomial_bounds, median};

/// The level at which more losses of the head than of the base withhold a pass.
const EXCESS: f64 = 0.01;

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

/// Lost and repeated deliveries of a case.
#[expect(clippy::struct_excessive_bools, reason = "what may be said of losses, each by itself")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Id of the case.
    pub case: String,
    /// Usable trials of each side with lost or repeated deliveries.
    pub trials: [usize; 2],
    /// Deliveries that were lost, by side.
    pub lost: [u64; 2],
    /// Deliveries that came again, by side.
    pub duplicate: [u64; 2],
    /// Whether a loss of the head awaits its confirmation.
    pub unconfirmed: bool,
    /// Whether the head alone lost deliveries more than once, in trials that the machine disturbed or that others refuted.
    pub doubtful: bool,
    /// Whether the head lost or repeated far more deliveries than the base, and has not failed by them.
    pub excess: bool,
    /// Whether the head alone lost or repeated deliveries, twice.
    pub failed: bool,
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
    let broken = Broken::of(rows);
    let outcome = outcome(document, &claims, &losses, broken);
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

fn outcome(document: &Document, claims: &[Claim], losses: &[Losses], broken: Broken) -> Outcome {
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
    let all_pass = gated()
        .all(|claim| claim.finding.as_ref().is_some_and(|found| found.outcome == Outcome::Pass));
    let explained = !losses.iter().any(|of| of.unconfirmed || of.doubtful || of.excess);
    if all_pass && explained && !broken.blames_head() {
        Outcome::Pass
    } else {
        Outcome::Inconclusive
    }
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

/// Whether a case needs one more head trial: one of the head's lost or repeated deliveries, and none of the base's did.
pub fn needs_confirmation(document: &Document, rows: &[Row], case: usize) -> bool {
    let terms = &document.terms;
    is_unconfirmed(terms, rows, &terms.cases[case].id)
}

/// Whether the head, and not the base, lost or repeated deliveries, and that is neither confirmed nor refuted: once, or with too few
/// trials of the base beside it.
fn is_unconfirmed(terms: &Terms, rows: &[Row], case: &str) -> bool {
    let certain = certain(terms, rows, case);
    !base_is_spoilt(rows, case) && certain > 0 && !(certain > 1 && base_is_known(rows, case))
}

/// Whether any trial of the base lost or repeated deliveries, for whatever reason, usable or not.
fn base_is_spoilt(rows: &[Row], case: &str) -> bool {
    let of = |row: &&Row| row.case == case && row.arm == Arm::Base;
    rows.iter().filter(of).any(Row::is_spoilt)
}

/// Whether as many trials of the base can be used as must confirm a loss of the head: of a base that was never measured, "none" says
/// nothing.
fn base_is_known(rows: &[Row], case: &str) -> bool {
    let of = |row: &&Row| row.case == case && row.arm == Arm::Base && row.verdict.usable();
    rows.iter().filter(of).count() >= 2
}

/// Usable trials of the head that lost or repeated deliveries, and not because the machine stood still, since a further trial that
/// lost none last refuted them.
fn certain(terms: &Terms, rows: &[Row], case: &str) -> usize {
    let of = |row: &&Row| row.case == case && row.arm == Arm::Head && row.verdict.usable();
    let head: Vec<&Row> = rows.iter().filter(of).collect();
    let refutes = |row: &&Row| row.slot == CONFIRMS && !row.is_spoilt();
    let from = head.iter().rposition(refutes).map_or(0, |at| at + 1);
    head[from..].iter().filter(|row| row.is_spoilt_for_certain(terms.drain_s)).count()
}

fn losses(terms: &Terms, rows: &[Row], case: &str) -> Losses {
    let mut losses = Losses { case: case.to_owned(), ..Losses::default() };
    let of_case = rows.iter().filter(|row| row.case == case);
    for row in of_case.filter(|row| row.verdict.usable() && row.is_spoilt()) {
        let side = usize::from(row.arm == Arm::Head);
        losses.trials[side] += 1;
        let Some(account) = row.account else { continue };
        losses.lost[side] += account.lost;
        losses.duplicate[side] += account.duplicate;
    }
    losses.unconfirmed = is_unconfirmed(terms, rows, case);
    if !base_is_spoilt(rows, case) {
        losses.failed = certain(terms, rows, case) >= 2 && base_is_known(rows, case);
        losses.doubtful = !losses.failed && !losses.unconfirmed && losses.trials[1] >= 2;
    }
    losses.excess = !losses.failed && is_excess(terms, rows, case);
    losses
}

/// Whether the head, in two trials or more, lost or repeated more deliveries than the base in all of its own, where chance at ½
/// explains its share in at most 1 % (exact binomial test). Losses come in clusters, so this withholds a pass and fails nothing.
fn is_excess(terms: &Terms, rows: &[Row], case: &str) -> bool {
    let of = |arm: Arm| rows.iter().filter(move |row| row.case == case && row.arm == arm);
    let certain = || {
        of(Arm::Head).filter(|row| row.verdict.usable() && row.is_spoilt_for_certain(terms.drain_s))
    };
    let spoilt = |row: &Row| row.account.map_or(0.0, |of| of.lost as f64 + of.duplicate as f64);
    let base: f64 = of(Arm::Base).map(spoilt).sum();
    let head: f64 = certain().map(spoilt).sum();
    certain().count() >= 2 && binomial_bounds(head, head + base, 1.0 - EXCESS).0 > 0.5
}

#[cfg(test)]
mod tests {
    use crate::record::Figure;
    use crate::record::Verdict::{self, Degraded, Failed, Invalid, Valid};

    use super::super::document::{GateCase, GateSide};
    use super::super::table::Account;
    use super::*;

    fn row(arm: Arm, slot: u32, verdict: Verdict, lost: u64, slowest_ms: f64) -> Row {
        let account =
            Account { expected: 100, delivered: 100 - lost, lost, duplicate: 0, superseded: 0 };
        Row {
            case: "sse".to_owned(),
            block: 1,
            slot,
            arm,
            trial: slot,
            verdict,
            account: Some(account),
            slowest_ns: Some(slowest_ms * 1e6),
            values: Vec::new(),
        }
    }

    #[test]
    fn a_head_that_breaks_its_trials_does_not_pass_by_those_it_survives() {
        let metric = GatedMetric {
            column: "freshness_ns_p50".to_owned(),
            tolerance: 0.05,
            worse: Worse::More,
            gated: true,
        };
        let columns = vec![metric.column.clone()];
        let document = Document {
            schema_version: 1,
            build: crate::record::Build::this(),
            scenario: "gate".to_owned(),
            base: GateSide { what: "a".to_owned(), revision: None },
            head: GateSide { what: "b".to_owned(), revision: None },
            terms: Terms {
                cases: vec![GateCase { id: "sse".to_owned(), columns }],
                metrics: vec![metric],
                seed: 1,
                blocks: 12,
                fewest_blocks: 7,
                budget_s: 60.0,
                drain_s: 1.0,
            },
            started_utc: String::new(),
            finished_utc: None,
            stopped_by: None,
            trials: None,
            notes: Vec::new(),
            host: crate::measure::Host::read(),
            command: Vec::new(),
            result: Value::Null,
        };
        // Twelve whole blocks of equal trials, and before them blocks that end at their first trial.
        let decided = |broken: &[(Arm, Verdict)]| {
            let mut rows: Vec<Row> = broken
                .iter()
                .zip(1..)
                .map(|((arm, verdict), block)| Row { block, ..row(*arm, 1, *verdict, 0, 9.0) })
                .collect();
            for block in 100..112 {
                let slots = Order::draw(1, 0, block).arms().into_iter().zip(1..);
                rows.extend(slots.map(|(arm, slot)| Row {
                    block,
                    values: vec![Some(Figure::Value(5e6))],
                    ..row(arm, slot, Valid, 0, 9.0)
                }));
            }
            decide(&document, &rows)
        };
        let (base, head) = (Arm::Base, Arm::Head);
        for (broken, outcome) in [
            (&[][..], Outcome::Pass),
            (&[(head, Failed)], Outcome::Pass),
            (&[(head, Failed), (head, Failed)], Outcome::Inconclusive),
            (&[(head, Failed), (base, Failed), (head, Failed)], Outcome::Pass),
            (&[(head, Invalid); 4], Outcome::Pass),
            (&[(head, Invalid); 5], Outcome::Inconclusive),
            (&[(base, Invalid); 5], Outcome::Pass),
        ] {
            let decision = decided(broken);
            assert_eq!(decision.outcome, outcome, "{broken:?}");
            assert_eq!(decision.json()["pass_withheld"].is_null(), outcome == Outcome::Pass);
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table: a row per sequence of trials")]
    fn a_loss_counts_once_it_is_repeated_is_the_heads_alone_and_not_the_machines() {
        let terms = Terms {
            cases: vec![GateCase { id: "sse".to_owned(), columns: Vec::new() }],
            metrics: Vec::new(),
            seed: 1,
            blocks: 10,
            fewest_blocks: 8,
            budget_s: 60.0,
            drain_s: 1.0,
        };
        let (base, head) = (Arm::Base, Arm::Head);
        // Each trial: side, verdict, lost, the slowest arrival. Then: failed, to be confirmed, doubtful.
        for (trials, expected) in [
            (&[(head, Valid, 0, 9.0), (base, Valid, 0, 9.0)][..], [false; 3]),
            (&[(head, Valid, 1, 9.0)], [false, true, false]),
            (
                &[
                    (base, Valid, 0, 9.0),
                    (head, Valid, 1, 9.0),
                    (head, Valid, 3, 900.0),
                    (base, Degraded, 0, 9.0),
                ],
                [true, false, false],
            ),
            (
                &[
                    (base, Valid, 0, 9.0),
                    (base, Valid, 0, 9.0),
                    (head, Degraded, 1, 9.0),
                    (head, Degraded, 3, 9.0),
                ],
                [true, false, false],
            ),
            // "None in the base" says nothing of a base that could not be measured.
            (
                &[(head, Valid, 1, 9.0), (base, Invalid, 0, 9.0), (head, Valid, 3, 9.0)],
                [false, true, false],
            ),
            // Nor does an invalid trial hide what the base lost.
            (
                &[
                    (base, Valid, 0, 9.0),
                    (base, Valid, 0, 9.0),
                    (base, Invalid, 1, 9.0),
                    (head, Valid, 1, 9.0),
                    (head, Valid, 3, 9.0),
                ],
                [false; 3],
            ),
            // The machine stood still for longer than half of the drain.
            (&[(head, Degraded, 9, 900.0), (head, Degraded, 9, 700.0)], [false, false, true]),
            (&[(head, Degraded, 9, 900.0)], [false; 3]),
            (&[(head, Invalid, 1, 9.0), (head, Invalid, 1, 9.0)], [false; 3]),
            // The base loses, too, whatever the reason.
            (
                &[(head, Valid, 1, 9.0), (head, Valid, 3, 9.0), (base, Degraded, 1, 900.0)],
                [false; 3],
            ),
            (&[(base, Valid, 1, 9.0), (base, Valid, 1, 9.0)], [false; 3]),
        ] {
            let rows: Vec<Row> = trials
                .iter()
                .zip(1..)
                .map(|(&(arm, verdict, lost, slowest), slot)| {
                    row(arm, slot, verdict, lost, slowest)
                })
                .collect();
            let found = losses(&terms, &rows, "sse");
            let told = [found.failed, found.unconfirmed, found.doubtful];
            assert_eq!(told, expected, "{trials:?}");
        }
        let refuted = [row(head, 1, Valid, 1, 9.0), row(head, CONFIRMS, Valid, 0, 9.0)];
        assert!(!losses(&terms, &refuted, "sse").unconfirmed, "once is chance");
        let clean = [row(base, 1, Valid, 0, 9.0), row(base, 4, Valid, 0, 9.0)];
        let again = [refuted.as_slice(), &clean, &[row(head, 2, Valid, 1, 9.0)]].concat();
        let found = losses(&terms, &again, "sse");
        assert_eq!(
            (found.failed, found.unconfirmed),
            (false, true),
            "what was refuted counts no more"
        );
        // One loss of the base keeps the head from failing, but not every loss of the head can pass beside it.
        for (of_base, of_head, excess) in
            [(1, [20, 20], true), (1, [40, 0], false), (3, [5, 5], false), (20, [20, 20], true)]
        {
            let lost = [
                row(base, 1, Valid, of_base, 9.0),
                row(head, 2, Valid, of_head[0], 9.0),
                row(head, 3, Valid, of_head[1], 9.0),
            ];
            let found = losses(&terms, &lost, "sse");
            assert_eq!((found.failed, found.excess), (false, excess), "{of_base} {of_head:?}");
        }
        // What one case loses is not said of another.
        let lost = [clean.as_slice(), &[row(head, 2, Valid, 2, 9.0), row(head, 3, Valid, 5, 9.0)]]
            .concat();
        let [of, other] = ["sse", "websocket"].map(|case| losses(&terms, &lost, case));
        assert_eq!((of.failed, of.lost, of.trials), (true, [0, 7], [0, 2]));
        assert_eq!((other.failed, other.lost, other.trials), (false, [0, 0], [0, 0]));
    }
}
