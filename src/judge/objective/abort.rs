//! `abort_when`: what ends a run early, as no later second could make up for it.

use std::collections::BTreeMap;

use crate::measure::{Counter, Counters, Distribution, Interval, Metric};
use crate::record::{Source, Spec, Unit};
use crate::scenario::PatternKind;
use crate::unit::{Span, nanoseconds};

use super::parse::{Operator, selected, split_at_operator};
use super::quantity::{Attempts, Quantity, attempts_of};
use super::{ObjectiveError, selects, text};

const SECOND_NS: u64 = 1_000_000_000;

/// A condition that ends the run once it has held for so long: `errors_rate > 20% for 5s`.
#[derive(Debug, Clone)]
pub struct AbortWhen {
    text: String,
    selector: Option<String>,
    quantity: Live,
    operator: Operator,
    value: f64,
    lasting: Span,
    patterns: Quantity,
}

/// What can be read off every second while a trial runs.
#[derive(Debug, Clone, Copy)]
enum Live {
    /// Failures of one kind, or of all, ÷ failures and successes.
    Errors(Option<Counter>),
    /// Deliveries, or answers, per second.
    Deliveries,
    /// A quantile of the second's samples.
    Quantile(Metric, f64),
    /// Their mean.
    Mean(Metric),
    /// The share of them that lie so to a bound.
    Share(Metric, Operator, f64),
}

impl AbortWhen {
    /// Reads the condition as a scenario has it.
    pub fn parse(text: &str) -> Result<Self, ObjectiveError> {
        let refuse = |problem: String| ObjectiveError::Abort { text: text.to_owned(), problem };
        let form = || {
            refuse(
                "it is not of the form \"[pattern or case:] metric > value for time\", such as \"errors_rate > 20% for 5s\""
                    .to_owned(),
            )
        };
        let (condition, lasting) = text.rsplit_once(" for ").ok_or_else(form)?;
        let lasting: Span = lasting.trim().parse().map_err(|error| refuse(format!("{error}")))?;
        if lasting.ns() == 0 {
            return Err(refuse("the time must be greater than 0; write for 5s".to_owned()));
        }
        let (left, operator, right) = split_at_operator(condition).ok_or_else(form)?;
        let (selector, name) = selected(left);
        if name.is_empty() || selector == Some("") || operator == Operator::Equal {
            return Err(form());
        }
        let patterns = Quantity::parse(name).map_err(refuse)?;
        let quantity = live(&patterns).ok_or_else(|| {
            refuse(format!(
                "'{name}' is not known while a trial runs; errors_rate, deliveries_per_s, and percentiles, means and shares of samples are"
            ))
        })?;
        let value = patterns.dimension().value(right).map_err(refuse)?;
        let selector = selector.map(str::to_owned);
        Ok(Self { text: text.to_owned(), selector, quantity, operator, value, lasting, patterns })
    }

    /// Whether it watches the trials of a case.
    pub fn applies_to(&self, case: &str, pattern: PatternKind) -> bool {
        selects(self.selector.as_deref(), case, pattern) && self.patterns.is_of(pattern)
    }

    /// Refuses a condition that watches none of `cases`.
    pub fn check<'a>(
        &self,
        cases: impl IntoIterator<Item = (&'a str, PatternKind)>,
    ) -> Result<(), ObjectiveError> {
        if cases.into_iter().any(|(case, pattern)| self.applies_to(case, pattern)) {
            return Ok(());
        }
        let problem =
            "it matches no case of the scenario; name one of its patterns or cases".to_owned();
        Err(ObjectiveError::Abort { text: self.text.clone(), problem })
    }

    /// What a second has of the quantity; `None` where nothing happened in it.
    fn of(&self, second: &Second) -> Option<f64> {
        let count = |counter| second.counters.get(counter);
        let samples = second.samples.as_ref().filter(|samples| !samples.is_empty());
        match self.quantity {
            Live::Errors(kind) => {
                let errors = second.counters.errors();
                let all = errors + count(Counter::Received);
                (all > 0).then(|| kind.map_or(errors, count) as f64 / all as f64)
            }
            Live::Deliveries => {
                Some(count(Counter::Received) as f64 * SECOND_NS as f64 / second.length_ns as f64)
            }
            Live::Quantile(_, q) => samples?.quantile(q).map(|ns| ns as f64),
            Live::Mean(_) => samples?.mean(),
            Live::Share(_, which, bound) => {
                let histogram = samples?.histogram();
                let own = histogram
                    .iter_recorded()
                    .filter(|step| which.holds(step.value_iterated_to() as f64, bound))
                    .map(|step| step.count_at_value())
                    .sum::<u64>();
                Some(own as f64 / histogram.len() as f64)
            }
        }
    }

    fn print(&self, value: f64) -> String {
        match self.quantity {
            Live::Errors(_) | Live::Share(..) => text::percent(value),
            Live::Deliveries => Unit::PerSecond.print(value),
            Live::Quantile(..) | Live::Mean(_) => nanoseconds(value),
        }
    }

    const fn metric(&self) -> Option<Metric> {
        match self.quantity {
            Live::Errors(_) | Live::Deliveries => None,
            Live::Quantile(metric, _) | Live::Mean(metric) | Live::Share(metric, ..) => {
                Some(metric)
            }
        }
    }
}

fn live(quantity: &Quantity) -> Option<Live> {
    match quantity {
        Quantity::Rate(spec) if attempts_of(spec) == Some(Attempts::Operations) => {
            match spec.source {
                Source::Count(_, counter, _) => Some(Live::Errors(Some(counter))),
                _ => Some(Live::Errors(None)),
            }
        }
        Quantity::Column(Spec { column, .. }) if column.name == "deliveries_per_s" => {
            Some(Live::Deliveries)
        }
        Quantity::Quantile(metric, q) => Some(Live::Quantile(*metric, *q)),
        Quantity::Largest(metric) => Some(Live::Quantile(*metric, 1.0)),
        Quantity::Mean(metric) => Some(Live::Mean(*metric)),
        Quantity::Share(metric, which, bound) => Some(Live::Share(*metric, *which, *bound)),
        Quantity::Column(_) | Quantity::Rate(_) | Quantity::FloorRatio(_) => None,
    }
}

/// What all workers measured in one second, as far as the condition needs it.
#[derive(Debug, Default)]
struct Second {
    length_ns: u64,
    counters: Counters,
    samples: Option<Distribution>,
}

/// Watches one trial for the condition.
#[derive(Debug)]
pub struct AbortWatch {
    condition: AbortWhen,
    /// Where seconds are counted from.
    window_ns: u64,
    /// Seconds that some worker has still to report.
    seconds: BTreeMap<i64, Second>,
    /// The last second that each worker reported.
    reported: Vec<Option<i64>>,
    /// For how long the condition has held, and the second that it was last seen in.
    held_ns: u64,
    last: Option<i64>,
}

impl AbortWatch {
    /// Watches a trial with so many workers, whose measure window begins at `window_ns`.
    pub fn new(condition: AbortWhen, workers: usize, window_ns: u64) -> Self {
        let (seconds, reported) = (BTreeMap::new(), vec![None; workers]);
        Self { condition, window_ns, seconds, reported, held_ns: 0, last: None }
    }

    /// Adds what a worker measured in a second; returns why the run must end, once the condition has held for long enough.
    pub fn add(&mut self, worker: usize, interval: &Interval) -> Option<String> {
        let middle = interval.start_ns.midpoint(interval.end_ns);
        let at = (middle as i64 - self.window_ns as i64).div_euclid(SECOND_NS as i64);
        let second = self.seconds.entry(at).or_default();
        second.length_ns = second.length_ns.max(interval.end_ns.saturating_sub(interval.start_ns));
        second.counters.merge(&interval.snapshot.counters);
        let own = self.condition.metric();
        if let Some(samples) = own.and_then(|metric| interval.snapshot.distribution(metric)) {
            second.samples.get_or_insert_default().merge(samples);
        }
        if let Some(last) = self.reported.get_mut(worker) {
            *last = (*last).max(Some(at));
        }
        // Of a second that a worker has still to report nothing is known.
        let whole = self.reported.iter().min().copied().flatten()?;
        while let Some(entry) = self.seconds.first_entry().filter(|entry| *entry.key() <= whole) {
            let (at, second) = entry.remove_entry();
            if let Some(why) = self.judge(at, &second) {
                return Some(why);
            }
        }
        None
    }

    fn judge(&mut self, at: i64, second: &Second) -> Option<String> {
        let condition = &self.condition;
        let value = condition.of(second).filter(|v| condition.operator.holds(*v, condition.value));
        let follows = self.last.is_none_or(|last| at - last <= 1);
        self.last = Some(at);
        let Some(value) = value else {
            self.held_ns = 0;
            return None;
        };
        self.held_ns = if follows { self.held_ns } else { 0 } + second.length_ns;
        (self.held_ns >= condition.lasting.ns()).then(|| {
            format!(
                "abort_when = \"{}\" held: {} in the last second",
                condition.text,
                condition.print(value)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Recorder;

    fn interval(second: u64, change: impl Fn(&mut Recorder)) -> Interval {
        let mut recorder = Recorder::new();
        change(&mut recorder);
        let start_ns = (100 + second) * SECOND_NS;
        Interval { start_ns, end_ns: start_ns + SECOND_NS, snapshot: recorder.snapshot() }
    }

    fn errors(second: u64, wrong: u64, well: u64) -> Interval {
        interval(second, |recorder| {
            recorder.count(Counter::ErrorStatus, wrong);
            recorder.count(Counter::Received, well);
        })
    }

    fn watch(text: &str, workers: usize) -> AbortWatch {
        AbortWatch::new(AbortWhen::parse(text).unwrap(), workers, 102 * SECOND_NS)
    }

    /// The second in which one worker's intervals end the run.
    fn ends(text: &str, intervals: &[Interval]) -> Option<usize> {
        let mut watch = watch(text, 1);
        intervals.iter().position(|interval| watch.add(0, interval).is_some())
    }

    #[test]
    fn a_condition_must_hold_for_as_long_as_it_says() {
        let text = "errors_rate > 20% for 3s";
        let of = |wrong: &[u64]| -> Vec<Interval> {
            (0..).zip(wrong).map(|(second, wrong)| errors(second, *wrong, 100 - wrong)).collect()
        };
        for (what, wrong, expected) in [
            ("three seconds in a row", &[0, 30, 30, 30, 30][..], Some(3)),
            ("from the first on", &[30, 30, 30], Some(2)),
            ("at the limit is not above it", &[20, 20, 20, 20], None),
            ("a good second begins anew", &[30, 30, 0, 30, 30], None),
            ("nothing wrong", &[0; 9], None),
        ] {
            assert_eq!(ends(text, &of(wrong)), expected, "{what}");
        }
        let silent: Vec<Interval> = [0, 1, 4, 5].map(|second| errors(second, 50, 50)).into();
        assert_eq!(ends(text, &silent), None, "seconds that nobody reported are not in a row");
        let idle: Vec<Interval> = (0..9).map(|second| errors(second, 0, 0)).collect();
        assert_eq!(ends(text, &idle), None, "no attempt, no rate");
        assert_eq!(ends("deliveries_per_s < 10 for 2s", &idle), Some(1));
    }

    #[test]
    fn a_second_counts_when_every_worker_has_reported_it() {
        let mut watch = watch("errors_rate > 20% for 2s", 2);
        assert_eq!(watch.add(0, &errors(0, 90, 10)), None);
        assert_eq!(watch.add(0, &errors(1, 90, 10)), None);
        assert_eq!(watch.add(1, &errors(0, 0, 10)), None, "90 of 110");
        let why = watch.add(1, &errors(1, 0, 100)).unwrap();
        assert_eq!(why, "abort_when = \"errors_rate > 20% for 2s\" held: 45 % in the last second");
    }

    #[test]
    fn samples_of_a_second_are_conditions_too() {
        let slow: Vec<Interval> = (0..4)
            .map(|second| {
                interval(second, |recorder| {
                    for n in 0..100 {
                        recorder.record(Metric::Freshness, if n < 40 { 2 } else { 1 } * SECOND_NS);
                    }
                })
            })
            .collect();
        for (text, expected) in [
            ("freshness_p99 > 1500ms for 2s", Some(1)),
            ("freshness_p50 > 1500ms for 2s", None),
            ("freshness_mean >= 1300ms for 1s", Some(0)),
            ("freshness_max > 3s for 1s", None),
            ("share(freshness > 1500ms) > 30% for 4s", Some(3)),
            ("response_p99 > 1ms for 1s", None),
        ] {
            assert_eq!(ends(text, &slow), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_would_be() {
        for (text, words) in [
            ("errors_rate > 20%", "errors_rate > 20% for 5s"),
            ("errors_rate for 5s", "not of the form"),
            ("errors_rate > 20% for ever", "'ever' is not"),
            ("errors_rate > 20% for 0s", "greater than 0"),
            ("errors_rate == 20% for 5s", "not of the form"),
            ("errors_rate > much for 5s", "such as 0.99"),
            ("error_rate > 20% for 5s", "errors_rate"),
            ("reach < 1 for 5s", "not known while a trial runs"),
            ("lost_rate > 1% for 5s", "not known while a trial runs"),
        ] {
            let refusal = AbortWhen::parse(text).unwrap_err().to_string();
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
        let watched = AbortWhen::parse("sse: freshness_p99 > 5s for 2s").unwrap();
        assert!(watched.applies_to("sse:clients=5", PatternKind::Sse));
        assert!(!watched.applies_to("websocket", PatternKind::WebSocket));
        assert!(watched.check([("websocket", PatternKind::WebSocket)]).is_err());
        let timeouts = AbortWhen::parse("error_timeout_rate >= 1% for 500ms").unwrap();
        assert!(matches!(timeouts.quantity, Live::Errors(Some(Counter::ErrorTimeout))));
    }
}
