//! Objectives: what must hold for a run to succeed, written `"freshness_p99 < 50ms"`.
//!
//! `[selector:] quantity operator limit`. The selector is a pattern or the id of a case; without one the objective
//! is for every case that has the quantity. A quantity is a column of `trials.csv` (its unit may be left out), any
//! percentile, the mean or the largest of a metric's samples, the share of them beyond a time, a count per attempt
//! (`errors_rate`), or a ratio to the noise floor. The operator is `<`, `<=`, `>`, `>=` or `==`. The limit is a value in
//! the quantity's unit, or another quantity with a factor: `0.5 * sse: freshness_p99`.
//!
//! A bound on a quantile is judged by the share of samples beyond it: met where the upper bound on that share lies
//! below what the quantile leaves, missed where the lower one lies above. Accounts (`reach`, counts, rates of them) are
//! counted over all trials that were finished; figures of which a trial has one are decided where all trials agree, or
//! their mean surely does. Nothing is met without a usable trial.

mod abort;
mod evidence;
mod figures;
mod horizon;
mod need;
mod parse;
mod quantity;
mod relation;
mod samples;
mod selection;
mod text;

use std::fmt;

use crate::record::{Figure, Run};

use super::precision::by_medians;
use super::{CaseSummary, Tally};
pub use abort::{AbortWatch, AbortWhen};
pub(super) use evidence::Evidence;
pub use horizon::horizon;
use parse::Operator;
use quantity::{Dimension, Quantity};
use samples::Length;
use selection::selects;

/// The selector of a limit that is the noise floor of the case itself.
const FLOOR: &str = "floor";
/// Why nothing is compared with it.
const NO_FLOOR: &str = "no usable noise floor was measured (floor = true measures one)";

/// The name of a quantile that is kept of a noise floor.
fn floor_quantile(q: f64) -> Option<&'static str> {
    let kept = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
    kept.into_iter().find(|(_, share)| q.total_cmp(share).is_eq()).map(|(name, _)| name)
}

/// Why an objective cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectiveError {
    /// It is not of the form.
    #[error(
        "objective '{0}' is not of the form \"[pattern or case:] metric < value\", such as \"freshness_p99 < 50ms\" (operators: <, <=, >, >=, ==)"
    )]
    Form(String),
    /// There is no such metric.
    #[error("objective '{text}': {problem}")]
    Metric {
        /// The objective.
        text: String,
        /// What is wrong, and what was perhaps meant.
        problem: String,
    },
    /// The value is not of the metric's unit.
    #[error("objective '{text}': {problem}")]
    Value {
        /// The objective.
        text: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// No case has the metric, or the selector names none.
    #[error(
        "objective '{text}' matches no case of the scenario{near}; name one of its patterns or cases, and a metric that this pattern has"
    )]
    NoCase {
        /// The objective.
        text: String,
        /// What was perhaps meant.
        near: String,
    },
    /// It is a condition to end a run by, and not of its form.
    #[error("abort_when = \"{text}\": {problem}")]
    Abort {
        /// The condition.
        text: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Its limit is a quantity of no case, or of several.
    #[error("objective '{text}': {problem}")]
    Other {
        /// The objective.
        text: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// Whether an objective was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was.
    Met,
    /// It cannot be told: no usable trial, the metric was not measured, or too little of it.
    Unknown,
    /// It was not.
    Missed,
}

impl Outcome {
    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Unknown => "unknown",
            Self::Missed => "missed",
        }
    }
}

/// One objective at one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The objective as written.
    pub objective: String,
    /// Id of the case.
    pub case: String,
    /// What was measured.
    pub measured: Option<Figure>,
    /// What was judged, for people.
    pub printed: String,
    /// Whether it was met.
    pub outcome: Outcome,
    /// How far a bound on samples was used up: 0 at none of it, 1 at the limit, above it beyond; `None` for what is
    /// counted.
    pub used: Option<f64>,
}

/// What came of judging.
#[derive(Debug)]
struct Finding {
    outcome: Outcome,
    measured: Option<Figure>,
    printed: String,
    used: Option<f64>,
}

impl Finding {
    const fn new(outcome: Outcome, measured: Option<Figure>, printed: String) -> Self {
        Self { outcome, measured, printed, used: None }
    }

    fn unknown(why: &str) -> Self {
        Self::new(Outcome::Unknown, None, why.to_owned())
    }

    fn not_measured() -> Self {
        Self::unknown("not measured")
    }
}

/// What a quantity is compared with.
#[derive(Debug, Clone)]
enum Limit {
    /// A value, in the quantity's unit.
    Value(f64),
    /// So many times another quantity.
    Of { factor: f64, selector: Option<String>, quantity: Quantity },
}

/// An objective, understood.
#[derive(Debug, Clone)]
pub struct Objective {
    text: String,
    selector: Option<String>,
    quantity: Quantity,
    operator: Operator,
    limit: Limit,
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Objective {
    /// Reads an objective as a scenario has it.
    pub fn parse(text: &str) -> Result<Self, ObjectiveError> {
        parse::objective(text)
    }

    /// A measured value of its quantity, for people.
    pub fn print(&self, value: f64) -> String {
        match self.quantity.dimension() {
            Dimension::Time => crate::unit::nanoseconds(value),
            Dimension::Share => crate::unit::significant(value),
            Dimension::Column(_, unit) => unit.print(value),
        }
    }

    /// The objective at one case; `None` where it is not for this case.
    fn judge(&self, case: &CaseSummary, cases: &[CaseSummary], run: &Run) -> Option<Judgement> {
        if !self.applies_to(&case.case, case.pattern) {
            return None;
        }
        // What spoils latencies does not spoil an account of deliveries.
        let trials = if self.quantity.is_account() { Tally::finished } else { Tally::usable };
        let usable = trials(&case.trials);
        let finding = if usable == 0 {
            Finding::unknown("no usable trial")
        } else {
            match &self.limit {
                Limit::Value(limit) => self.against(*limit, case, run),
                Limit::Of { factor, quantity, .. } => {
                    self.against_other((*factor, quantity), case, cases, run)?
                }
            }
        };
        let gap = finding.measured.is_none() && finding.outcome == Outcome::Unknown && usable > 0;
        if gap && !self.quantity.is_expected_of(case.pattern) {
            return None;
        }
        let Finding { outcome, measured, printed, used } = finding;
        let (objective, case) = (self.text.clone(), case.case.clone());
        Some(Judgement { objective, case, measured, printed, outcome, used })
    }

    /// Judges the quantity of a case against so many times another; `None` where there is no other.
    fn against_other(
        &self,
        (factor, quantity): (f64, &Quantity),
        case: &CaseSummary,
        cases: &[CaseSummary],
        run: &Run,
    ) -> Option<Finding> {
        let known: Vec<_> = cases.iter().map(|case| (case.case.as_str(), case.pattern)).collect();
        if let Some(id) = self.other(&case.case, &known).ok()? {
            let other = cases.iter().find(|case| case.case == id)?;
            let left = (&self.quantity, case);
            return Some(relation::relation(left, self.operator, (factor, quantity, other), run));
        }
        let Some(ns) = relation::floor_ns(quantity, case, run) else {
            return Some(Finding::unknown(NO_FLOOR));
        };
        let finding = self.against(factor * ns, case, run);
        let floor = crate::unit::nanoseconds(ns);
        let printed = format!("{}; noise floor {floor}", finding.printed);
        Some(Finding { printed, ..finding })
    }

    /// Judges the quantity of a case against a value.
    fn against(&self, limit: f64, case: &CaseSummary, run: &Run) -> Finding {
        let operator = self.operator;
        match &self.quantity {
            Quantity::Column(spec) => figures::column(spec, case, run, operator, limit),
            Quantity::Rate(spec) => figures::rate(spec, case, run, operator, limit),
            Quantity::FloorRatio(quantile) => figures::floor_ratio(quantile, case, operator, limit),
            Quantity::Quantile(metric, _)
            | Quantity::Largest(metric)
            | Quantity::Mean(metric)
            | Quantity::Share(metric, ..) => {
                let Some(evidence) = Evidence::of(run, case, *metric) else {
                    return self.by_columns(limit, case, run);
                };
                let measure = run.info.scenario.phases.measure;
                let length = Length { trials: evidence.trials(), measure };
                match &self.quantity {
                    Quantity::Quantile(_, q) => {
                        samples::quantile(&evidence, *q, operator, limit, length)
                    }
                    Quantity::Share(_, which, value) => {
                        samples::share(&evidence, (*which, *value), operator, limit, length)
                    }
                    Quantity::Mean(_) => samples::mean(&evidence, operator, limit),
                    _ => samples::largest(&evidence, operator, limit),
                }
            }
        }
    }

    /// Judges by the quantiles in `trials.csv`, where no samples are there: a folder of tables alone.
    fn by_columns(&self, limit: f64, case: &CaseSummary, run: &Run) -> Finding {
        if !run.log.is_empty() {
            return Finding::not_measured();
        }
        let from = "histograms.hlog is missing";
        let (metric, q) = match self.quantity {
            Quantity::Quantile(metric, q) => (metric, q),
            Quantity::Largest(metric) => (metric, 1.0),
            _ => return Finding::unknown(from),
        };
        match by_medians(case, metric, q, |number| self.operator.holds(number, limit)) {
            None => Finding::unknown(from),
            Some((median, held)) => {
                let outcome = match held {
                    None => Outcome::Unknown,
                    Some(true) => Outcome::Met,
                    Some(false) => Outcome::Missed,
                };
                let printed = median.print(crate::unit::nanoseconds);
                let printed = format!("median of trials {printed}, by trials.csv alone: {from}");
                Finding::new(outcome, Some(median), printed)
            }
        }
    }
}

/// Judges every objective at every case that it applies to.
pub fn objectives(
    texts: &[String],
    cases: &[CaseSummary],
    run: &Run,
) -> Result<Vec<Judgement>, ObjectiveError> {
    let mut judgements = Vec::new();
    for text in texts {
        let objective = Objective::parse(text)?;
        let known: Vec<_> = cases.iter().map(|case| (case.case.as_str(), case.pattern)).collect();
        objective.check(known.iter().copied())?;
        let judged: Vec<_> =
            cases.iter().filter_map(|case| objective.judge(case, cases, run)).collect();
        if judged.is_empty() {
            return Err(objective.no_case(&known));
        }
        judgements.extend(judged);
    }
    Ok(judgements)
}

/// The outcome of a run's objectives together: missed where one is, else unknown where one is.
pub fn overall(judgements: &[Judgement]) -> Outcome {
    judgements.iter().map(|judgement| judgement.outcome).max().unwrap_or(Outcome::Met)
}

#[cfg(test)]
mod tests;
