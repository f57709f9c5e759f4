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
mod text;

use std::fmt;

use crate::record::{Figure, Run};
use crate::scenario::PatternKind;

use super::precision::by_medians;
use super::{CaseSummary, Tally};
pub use abort::{AbortWatch, AbortWhen};
pub(super) use evidence::Evidence;
pub use horizon::horizon;
use parse::Operator;
use quantity::{Quantity, near_names};
use samples::Length;

/// The selector of a limit that is the noise floor of the case itself.
const FLOOR: &str = "floor";
/// Why nothing is compared with it.
const NO_FLOOR: &str = "no noise floor was measured: floor = true measures one";

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

    /// Whether it is for a case of that id and pattern.
    pub fn applies_to(&self, case: &str, pattern: PatternKind) -> bool {
        let selected = selects(self.selector.as_deref(), case, pattern);
        let is_other = match &self.limit {
            // A case is not compared with itself, where another is named.
            Limit::Of { selector: Some(other), .. } if self.selector.is_none() => {
                selects(Some(other), case, pattern)
            }
            _ => false,
        };
        selected && !is_other && self.quantity.is_of(pattern)
    }

    /// Refuses an objective that applies to none of `cases`, or whose limit does, as scenarios are loaded.
    pub fn check<'a>(
        &self,
        cases: impl IntoIterator<Item = (&'a str, PatternKind)>,
    ) -> Result<(), ObjectiveError> {
        let cases: Vec<(&str, PatternKind)> = cases.into_iter().collect();
        let own: Vec<_> =
            cases.iter().filter(|(case, pattern)| self.applies_to(case, *pattern)).collect();
        if own.is_empty() {
            return Err(self.no_case(&cases));
        }
        for (case, _) in own {
            self.other(case, &cases)?;
        }
        Ok(())
    }

    fn no_case(&self, cases: &[(&str, PatternKind)]) -> ObjectiveError {
        let known = cases.iter().flat_map(|(case, pattern)| [*case, pattern.name()]);
        let known: std::collections::BTreeSet<&str> = known.collect();
        let near = match &self.selector {
            Some(selector) if !known.contains(selector.as_str()) => {
                near_names(selector, known.into_iter())
            }
            _ => String::new(),
        };
        ObjectiveError::NoCase { text: self.text.clone(), near }
    }

    /// The id of the case that the limit is of, for the case `own`: itself, its floor (`None`), or the one that is selected
    /// and, of several, has the same axes.
    fn other<'a>(
        &self,
        own: &'a str,
        cases: &[(&'a str, PatternKind)],
    ) -> Result<Option<&'a str>, ObjectiveError> {
        let Limit::Of { selector, quantity, .. } = &self.limit else { return Ok(Some(own)) };
        let refuse = |problem| Err(ObjectiveError::Other { text: self.text.clone(), problem });
        let Some(selector) = selector.as_deref() else { return Ok(Some(own)) };
        if selector == FLOOR {
            return match quantity {
                Quantity::Quantile(_, q) if floor_quantile(*q).is_some() => Ok(None),
                _ => refuse("of the noise floor the p50, p90 and p99 are known".to_owned()),
            };
        }
        let found: Vec<&str> = cases
            .iter()
            .filter(|(case, pattern)| {
                selects(Some(selector), case, *pattern) && quantity.is_of(*pattern)
            })
            .map(|(case, _)| *case)
            .collect();
        let axes = |case: &str| case.split_once(':').map(|(_, axes)| axes.to_owned());
        let alike: Vec<&str> =
            found.iter().copied().filter(|case| axes(case) == axes(own)).collect();
        match (found.as_slice(), alike.as_slice()) {
            ([one], _) | (_, [one]) => Ok(Some(one)),
            ([], _) => {
                let known = cases.iter().map(|(_, pattern)| pattern.name());
                let near = near_names(selector, known);
                refuse(format!("'{selector}' is no case that has what it is compared with{near}"))
            }
            _ => refuse(format!(
                "'{selector}' names several cases, and none has the axes of {own}; name one by its id"
            )),
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
                    let known: Vec<_> =
                        cases.iter().map(|case| (case.case.as_str(), case.pattern)).collect();
                    let other = match self.other(&case.case, &known).ok()? {
                        Some(id) => Some(cases.iter().find(|case| case.case == id)?),
                        None => None,
                    };
                    let left = (&self.quantity, case);
                    relation::relation(left, self.operator, (*factor, quantity, other), run)
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

fn selects(selector: Option<&str>, case: &str, pattern: PatternKind) -> bool {
    selector.is_none_or(|selector| selector == case || selector == pattern.name())
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
