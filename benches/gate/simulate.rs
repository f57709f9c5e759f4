//! Simulated gates: a machine's trials in the gate's own blocks, judged by the gate's own course.

use tidings::gate::{
    Arm, Bets, Block, Contrast, Course, Design, Evidence, Metric, Order, Outcome, Worse, find,
};
use tidings::stats::{median, two_sample_shift};

use crate::machine::{METRICS, Machine};

pub(crate) const TOLERANCE: f64 = 0.05;
/// False failures that all tests are held to.
pub(crate) const ALPHA: f64 = 0.01;
/// One gate of so many is judged by `tidings::gate::find` as well.
const CHECKED: u64 = 20;

/// The whole blocks of a gate whose budget buys `budget` of them: those with an unusable trial took time, and do not count.
pub(crate) struct Gate {
    pub(crate) blocks: Vec<[Contrast; 2]>,
    /// Blocks that were begun and do not count.
    pub(crate) broken: usize,
    /// The same with their values, which are needed to judge it otherwise.
    values: Vec<(Order, [[f64; 4]; 2])>,
}

impl Gate {
    /// A gate whose head is worse by these logarithms.
    pub(crate) fn new(machine: &Machine, seed: u64, budget: u32, effect: [f64; 2]) -> Self {
        let trials = machine.trials(seed, 4 * budget);
        let (mut at, mut broken, mut values) = (0, 0, Vec::new());
        for block in 1.. {
            let Some(four) = trials.get(at..at + 4) else { break };
            if let Some(last) = four.iter().position(|trial| !trial.usable) {
                at += last + 1;
                broken += 1;
                continue;
            }
            at += 4;
            let order = Order::draw(seed, 0, block);
            let of_metric = [0, 1].map(|metric| {
                let mut logs = [0.0; 4];
                for (slot, arm) in order.arms().into_iter().enumerate() {
                    let of_arm = if arm == Arm::Head { effect[metric] } else { 0.0 };
                    logs[slot] = four[slot].logs[metric] + of_arm;
                }
                logs
            });
            values.push((order, of_metric));
        }
        let contrast = |(order, values): &(Order, [[f64; 4]; 2])| {
            values.map(|logs| Contrast::of_logarithms(order.arms(), logs))
        };
        Self { blocks: values.iter().map(contrast).collect(), broken, values }
    }

    /// The blocks of one metric as the gate takes them.
    pub(crate) fn of_metric(&self, metric: usize) -> Vec<Block> {
        let block = |(order, values): &(Order, [[f64; 4]; 2])| Block {
            order: *order,
            values: values[metric].map(f64::exp),
        };
        self.values.iter().map(block).collect()
    }

    /// What it comes to, and after how many blocks.
    pub(crate) fn judge<E: Bets>(&self, design: &Design) -> (Outcome, usize) {
        let mut courses = METRICS.map(|metric| Course::<E>::new(design, &judged(metric)));
        let mut outcome = Outcome::Inconclusive;
        for (at, block) in self.blocks.iter().enumerate() {
            for (course, contrast) in courses.iter_mut().zip(block) {
                course.push(*contrast);
            }
            outcome = whole(courses.each_ref().map(Course::outcome));
            if matches!(outcome, Outcome::Fail | Outcome::Pass) {
                return (outcome, at + 1);
            }
        }
        (outcome, self.blocks.len())
    }

    /// The same, and panics for one gate of some unless `find` says so, too: it looks for bounds by bisection, and is slow.
    pub(crate) fn judge_checked(&self, design: &Design, seed: u64) -> (Outcome, usize) {
        let (outcome, blocks) = self.judge::<Evidence>(design);
        if seed.is_multiple_of(CHECKED) {
            let found = [0, 1].map(|metric| {
                let of_metric = &self.of_metric(metric)[..blocks];
                find(design, &judged(METRICS[metric]), of_metric).outcome
            });
            assert_eq!(whole(found), outcome, "gate {seed}: {found:?}");
        }
        (outcome, blocks)
    }

    /// Whether the medians of head and base differ by more than the tolerance, at the end.
    pub(crate) fn exceeds_threshold(&self) -> bool {
        self.sides().iter().any(|[base, head]| {
            median(head).unwrap_or(0.0) - median(base).unwrap_or(0.0) > TOLERANCE.ln_1p()
        })
    }

    /// Whether Mann and Whitney's test says that the head is worse, at the end.
    pub(crate) fn differs_by_ranks(&self) -> bool {
        self.sides().iter().any(|[base, head]| {
            two_sample_shift(base, head, 1.0 - ALPHA)
                .is_some_and(|shift| shift.p < ALPHA && shift.estimate > 0.0)
        })
    }

    fn sides(&self) -> [[Vec<f64>; 2]; 2] {
        let mut sides: [[Vec<f64>; 2]; 2] = Default::default();
        for (order, values) in &self.values {
            for (side, logs) in sides.iter_mut().zip(values) {
                for (arm, value) in order.arms().into_iter().zip(logs) {
                    side[usize::from(arm == Arm::Head)].push(*value);
                }
            }
        }
        sides
    }
}

/// The metric as it is judged.
pub(crate) const fn judged(column: &'static str) -> Metric {
    Metric { column, tolerance: TOLERANCE, worse: Worse::More, gated: true }
}

/// What a gate of two metrics comes to.
fn whole(outcomes: [Outcome; 2]) -> Outcome {
    let first = [Outcome::MachineMoved, Outcome::Fail].into_iter().find(|of| outcomes.contains(of));
    first.unwrap_or(if outcomes == [Outcome::Pass; 2] {
        Outcome::Pass
    } else {
        Outcome::Inconclusive
    })
}
