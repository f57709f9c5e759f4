//! A metric of a case as its blocks come in: evidence, estimate and controls so far, and what they decide.

use super::{
    Arm, Block, CONTROL_CONFIDENCE, Design, Evidence, FALSE_PASSES, Metric, Outcome, Worse, centre,
};

/// Evidence that grows by one difference per block.
pub trait Bets: Default {
    /// Takes the difference of a block less the effect that is disputed.
    fn push(&mut self, x: f64);

    /// The capital: 1 ÷ it bounds the probability of so much if the effect is not larger than disputed.
    fn value(&self) -> f64;
}

/// What one block says of a metric; logarithms, worse positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// The mean of its two head trials minus that of its two base trials.
    pub difference: f64,
    /// The later trial minus the earlier one, of base and of head.
    pub controls: [f64; 2],
}

impl Contrast {
    /// The contrast of a block.
    pub fn of(block: &Block, worse: Worse) -> Self {
        Self::of_logarithms(block.order.arms(), block.values.map(|value| worse.sign() * value.ln()))
    }

    /// The same from logarithms in the order of the slots, worse positive.
    pub fn of_logarithms(arms: [Arm; 4], values: [f64; 4]) -> Self {
        let [base, head] = [Arm::Base, Arm::Head].map(|wanted| {
            let mut of_arm = arms.iter().zip(values).filter(|(arm, _)| **arm == wanted);
            let mut next = || of_arm.next().map_or(0.0, |(_, value)| value);
            [next(), next()]
        });
        Self {
            difference: f64::midpoint(head[0], head[1]) - f64::midpoint(base[0], base[1]),
            controls: [base[1] - base[0], head[1] - head[0]],
        }
    }
}

/// A metric of a case, block by block.
#[derive(Debug, Clone)]
pub struct Course<E = Evidence> {
    /// Evidence that decides a fail.
    enough: f64,
    /// The tolerated change, as a logarithm.
    tolerated: f64,
    worse: Reached<E>,
    harmless: Reached<E>,
    differences: Vec<f64>,
    controls: [Control<E>; 2],
}

/// Evidence, and the most that it ever was.
#[derive(Debug, Clone, Default)]
struct Reached<E> {
    evidence: E,
    most: f64,
}

#[derive(Debug, Clone, Default)]
struct Control<E> {
    up: Reached<E>,
    down: Reached<E>,
    moves: Vec<f64>,
}

impl<E: Bets> Reached<E> {
    fn push(&mut self, x: f64) {
        self.evidence.push(x);
        self.most = self.most.max(self.evidence.value());
    }
}

impl<E: Bets> Course<E> {
    /// A course without a block.
    pub fn new(design: &Design, metric: &Metric) -> Self {
        Self {
            enough: 1.0 / design.alpha(),
            tolerated: metric.tolerance.ln_1p(),
            worse: Reached::default(),
            harmless: Reached::default(),
            differences: Vec::new(),
            controls: Default::default(),
        }
    }

    /// Takes a block.
    pub fn push(&mut self, block: Contrast) {
        self.worse.push(block.difference);
        self.harmless.push(self.tolerated - block.difference);
        self.differences.push(block.difference);
        for (control, change) in self.controls.iter_mut().zip(block.controls) {
            control.up.push(change);
            control.down.push(-change);
            control.moves.push(change);
        }
    }

    /// What follows so far.
    pub fn outcome(&self) -> Outcome {
        if self.moved().contains(&true) {
            Outcome::MachineMoved
        } else if self.worse.most >= self.enough && centre(&self.differences) > self.tolerated {
            Outcome::Fail
        } else if self.harmless.most >= 1.0 / FALSE_PASSES {
            Outcome::Pass
        } else {
            Outcome::Inconclusive
        }
    }

    /// Which of the controls, base and head, moved: the confidence sequence leaves out 0 and the estimate exceeds half the tolerance.
    pub(super) fn moved(&self) -> [bool; 2] {
        let enough = 2.0 / (1.0 - CONTROL_CONFIDENCE);
        self.controls.each_ref().map(|control| {
            control.up.most.max(control.down.most) >= enough
                && centre(&control.moves).abs() > self.tolerated / 2.0
        })
    }
}
