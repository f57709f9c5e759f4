//! Objectives: what must hold for a run to succeed, written `"freshness_p99 < 50ms"`.
//!
//! `[selector:] metric operator value`. The selector is a pattern or the id of a case; without one the objective
//! is for every case that has the metric. The metric is a column of `trials.csv`, its unit may be left out. The
//! operator is `<`, `<=`, `>`, `>=` or `==`. The value has the metric's unit.
//!
//! Latencies, costs, rates and shares are judged by the median over the usable trials; `reach` by the worst, and
//! counts (`lost`, `duplicate`, `errors`…) by their sum, over all trials that were finished. A quantile among
//! what never arrived is above every bound. A case without such a trial is unknown, never met; so is a quantile of
//! freshness (response, for `request`) of which too few independent samples tell.

use std::fmt;

use crate::record::{Figure, Spec, Summary};
use crate::scenario::PatternKind;

use super::CaseSummary;
use super::metrics::{metric, near, parse_value, print_value};
use super::precision::{decided, too_few};

/// Why an objective cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectiveError {
    /// It is not of the form.
    #[error(
        "objective '{0}' is not of the form \"[pattern or case:] metric < value\", such as \"freshness_p99 < 50ms\" (operators: <, <=, >, >=, ==)"
    )]
    Form(String),
    /// There is no such metric.
    #[error("objective '{text}': there is no metric '{metric}'{near}")]
    Metric {
        /// The objective.
        text: String,
        /// The metric.
        metric: String,
        /// What was perhaps meant.
        near: String,
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
        "objective '{0}' matches no case of the scenario; name one of its patterns or cases, and a metric that this pattern has"
    )]
    NoCase(String),
}

/// Whether an objective was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was.
    Met,
    /// It cannot be told: no usable trial, or the metric was not measured.
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
    /// `measured` for people.
    pub printed: String,
    /// Whether it was met.
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    LessOrEqual,
    GreaterOrEqual,
    Equal,
    Less,
    Greater,
}

impl Operator {
    /// The longer ones first: `<` is the beginning of `<=`.
    const ALL: [(&'static str, Self); 5] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("==", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    fn holds(self, measured: f64, value: f64) -> bool {
        match self {
            Self::LessOrEqual => measured <= value,
            Self::GreaterOrEqual => measured >= value,
            Self::Equal => measured.total_cmp(&value).is_eq(),
            Self::Less => measured < value,
            Self::Greater => measured > value,
        }
    }
}

/// An objective, understood.
#[derive(Debug, Clone)]
pub struct Objective {
    text: String,
    selector: Option<String>,
    metric: &'static Spec,
    operator: Operator,
    value: f64,
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Objective {
    /// Reads an objective as a scenario has it.
    pub fn parse(text: &str) -> Result<Self, ObjectiveError> {
        let form = || ObjectiveError::Form(text.to_owned());
        let (at, symbol, operator) = first_operator(text).ok_or_else(form)?;
        let (left, value) = (text[..at].trim(), text[at + symbol.len()..].trim());
        let (selector, name) = match left.rsplit_once(':') {
            Some((selector, name)) => (Some(selector.trim().to_owned()), name.trim()),
            None => (None, left),
        };
        if name.is_empty() || value.is_empty() || selector.as_deref() == Some("") {
            return Err(form());
        }
        let metric = metric(name).ok_or_else(|| ObjectiveError::Metric {
            text: text.to_owned(),
            metric: name.to_owned(),
            near: near(name),
        })?;
        let value = parse_value(metric, value)
            .map_err(|problem| ObjectiveError::Value { text: text.to_owned(), problem })?;
        Ok(Self { text: text.to_owned(), selector, metric, operator, value })
    }

    /// Whether it is for a case of that id and pattern.
    pub fn applies_to(&self, case: &str, pattern: PatternKind) -> bool {
        let selected = match self.selector.as_deref() {
            Some(selector) => selector == case || selector == pattern.name(),
            None => true,
        };
        selected && self.metric.of.has(pattern)
    }

    /// Refuses an objective that applies to none of `cases`, as scenarios are loaded.
    pub fn check<'a>(
        &self,
        cases: impl IntoIterator<Item = (&'a str, PatternKind)>,
    ) -> Result<(), ObjectiveError> {
        if cases.into_iter().any(|(case, pattern)| self.applies_to(case, pattern)) {
            Ok(())
        } else {
            Err(ObjectiveError::NoCase(self.text.clone()))
        }
    }

    /// The objective at one case; `None` where it is not for this case.
    fn judge(&self, case: &CaseSummary) -> Option<Judgement> {
        if !self.applies_to(&case.case, case.pattern) {
            return None;
        }
        let column = self.metric.column.name;
        let counted = case.counts.contains_key(column);
        let account = counted || self.metric.summary == Summary::Worst;
        // What spoils latencies does not spoil an account of deliveries.
        let trials = if account { case.trials.finished() } else { case.trials.usable() };
        let usable = trials > 0;
        let measured = if usable { self.measure(case) } else { None };
        if usable && measured.is_none() && !self.metric.expected_of.has(case.pattern) {
            return None;
        }
        let holds = |figure| match figure {
            // What never arrived is later than any bound.
            Figure::MoreThan(_) => self.operator.holds(f64::INFINITY, self.value),
            Figure::Value(measured) => self.operator.holds(measured, self.value),
        };
        let held = measured.map(|figure| decided(case, column, holds, figure));
        let outcome = match held.flatten() {
            None => Outcome::Unknown,
            Some(true) => Outcome::Met,
            Some(false) => Outcome::Missed,
        };
        let why = || too_few(case, column);
        let printed = match measured.map(|f| f.print(|number| print_value(self.metric, number))) {
            Some(printed) if outcome == Outcome::Unknown => {
                why().map_or_else(|| printed.clone(), |why| format!("{printed}, {why}"))
            }
            Some(printed) => printed,
            None if usable => why().unwrap_or_else(|| "not measured".to_owned()),
            None => "no usable trial".to_owned(),
        };
        let (objective, case) = (self.text.clone(), case.case.clone());
        Some(Judgement { objective, case, measured, printed, outcome })
    }

    fn measure(&self, case: &CaseSummary) -> Option<Figure> {
        let column = self.metric.column.name;
        match self.metric.summary {
            Summary::Worst => case.reach_worst.map(Figure::Value),
            Summary::Sum => case.counts.get(column).map(|total| Figure::Value(*total as f64)),
            Summary::Nothing | Summary::Median => {
                case.figure(column).map(|estimate| estimate.median)
            }
        }
    }
}

/// Judges every objective at every case that it applies to.
pub fn objectives(
    texts: &[String],
    cases: &[CaseSummary],
) -> Result<Vec<Judgement>, ObjectiveError> {
    let mut judgements = Vec::new();
    for text in texts {
        let objective = Objective::parse(text)?;
        objective.check(cases.iter().map(|case| (case.case.as_str(), case.pattern)))?;
        let judged: Vec<_> = cases.iter().filter_map(|case| objective.judge(case)).collect();
        if judged.is_empty() {
            return Err(ObjectiveError::NoCase(text.clone()));
        }
        judgements.extend(judged);
    }
    Ok(judgements)
}

/// The outcome of a run's objectives together: missed where one is, else unknown where one is.
pub fn overall(judgements: &[Judgement]) -> Outcome {
    judgements.iter().map(|judgement| judgement.outcome).max().unwrap_or(Outcome::Met)
}

fn first_operator(text: &str) -> Option<(usize, &'static str, Operator)> {
    let found = |&(symbol, operator)| text.find(symbol).map(|at| (at, symbol, operator));
    let places = Operator::ALL.iter().filter_map(found);
    places.min_by_key(|(at, symbol, _)| (*at, std::cmp::Reverse(symbol.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judge::summary;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, losing, scenario, write_run};

    fn cases() -> Vec<CaseSummary> {
        let out = tempfile::tempdir().unwrap();
        let kinds = [PatternKind::Request, PatternKind::WebSocket, PatternKind::Webhook];
        let cases: Vec<_> = kinds.iter().map(|kind| case(*kind, 50, ":clients=50")).collect();
        let info = info(scenario(cases, 2, &[]));
        let folder = write_run(out.path(), &info, |facts| match facts.case.pattern.kind() {
            PatternKind::Webhook => facts.failure = Some("the target died".to_owned()),
            PatternKind::WebSocket if facts.trial == 2 => {
                *facts = losing(&facts.case, 2, 50);
                facts.target.counters.add(crate::measure::Counter::Published, 1);
            }
            _ => {}
        });
        summary(&Run::read(&folder).unwrap())
    }

    fn outcomes(text: &str, cases: &[CaseSummary]) -> Vec<(String, Outcome)> {
        let judged = objectives(&[text.to_owned()], cases).unwrap();
        judged
            .into_iter()
            .map(|j| (j.case.split(':').next().unwrap().to_owned(), j.outcome))
            .collect()
    }

    #[test]
    fn objectives_are_judged_case_by_case() {
        use Outcome::{Met, Missed, Unknown};
        let cases = cases();
        let (request, websocket, webhook) = ("request", "websocket", "webhook");
        for (what, text, expected) in [
            (
                "no freshness for request, no pass for a failed case",
                "freshness_p50 < 50ms",
                vec![(websocket, Met), (webhook, Unknown)],
            ),
            ("a selected pattern", "websocket: freshness_p50 < 1us", vec![(websocket, Missed)]),
            (
                "a selected case",
                "websocket:clients=50: freshness_ns_p50 < 1s",
                vec![(websocket, Met)],
            ),
            (
                "reach by the worst trial",
                "reach >= 1",
                vec![(request, Met), (websocket, Missed), (webhook, Unknown)],
            ),
            (
                "in percent",
                "reach > 90%",
                vec![(request, Met), (websocket, Met), (webhook, Unknown)],
            ),
            ("counts by their sum", "websocket: lost == 50", vec![(websocket, Met)]),
            (
                "what never came is above every bound",
                "websocket: freshness_max < 1h",
                vec![(websocket, Missed)],
            ),
            (
                "costs without their unit",
                "websocket: target_cpu_per_delivery < 20us",
                vec![(websocket, Met)],
            ),
            (
                "bytes",
                "wire_bytes_per_delivery <= 1KiB",
                vec![(request, Met), (websocket, Met), (webhook, Unknown)],
            ),
            ("cores in all", "websocket: target_cpu < 0.5", vec![(websocket, Met)]),
            ("bytes per second", "websocket: wire_per_s < 1MiB/s", vec![(websocket, Met)]),
            ("or without the stroke", "websocket: wire_bytes_per_s > 1KiB", vec![(websocket, Met)]),
            ("memory in all", "websocket: target_memory <= 1MiB", vec![(websocket, Missed)]),
            ("money", "websocket: cost_per_1k_clients_month < 500", vec![(websocket, Met)]),
            ("rates", "request: deliveries_per_s >= 400/s", vec![(request, Met)]),
            ("response where there is one", "response_p99 < 1s", vec![(request, Met)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(c, o)| (c.to_owned(), o)).collect();
            assert_eq!(outcomes(text, &cases), expected, "{what}: {text}");
        }
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_a_hint() {
        for (text, words) in [
            ("freshness_p99", "is not of the form"),
            ("< 5ms", "is not of the form"),
            ("freshnes_p99 < 50ms", "did you mean freshness_p99"),
            ("xyz < 1", "every column of trials.csv"),
            ("freshness_p99 < 50", "500ms"),
            ("lost == 0.5", "whole number"),
            ("reach >= much", "such as 0.99"),
        ] {
            let refusal = Objective::parse(text).unwrap_err().to_string();
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
        let cases = cases();
        for text in ["request: freshness_p99 < 1s", "carrier-pigeon: reach >= 1", "hold_p50 < 1s"] {
            let refusal = objectives(&[text.to_owned()], &cases).unwrap_err().to_string();
            assert!(refusal.contains("matches no case"), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_run_without_objectives_misses_none() {
        assert_eq!(overall(&[]), Outcome::Met);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,40}") {
            let _ = Objective::parse(&text);
        }
    }
}
