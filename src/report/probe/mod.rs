//! What one trial of one case showed, at first sight: the table that `tidings probe` prints, and the same as data.
//!
//! It is made from a trial's facts, not from a results folder: a probe need not keep one.

mod account;
mod failures;
mod table;

use serde_json::{Map, Value, json};

use crate::measure::{Counter, Counters, Distribution, Metric, Snapshot};
use crate::prose::wrap;
use crate::record::{Figure, TrialFacts, TrialRecord, Verdict};
use crate::scenario::{LoopKind, Pattern};
use crate::unit::thousands as grouped;

pub use failures::Remedies;

/// Columns of a terminal that does not say how many it has, or has more than a table needs.
const WIDTH: usize = 80;
/// Quantiles of the data, beside the largest value.
const QUANTILES: [f64; 9] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999, 1.0];

/// What a trial showed.
#[derive(Debug)]
pub struct Probe {
    /// What was asked, in one line.
    title: String,
    record: TrialRecord,
    counters: Counters,
    spreads: Vec<Spread>,
    failures: Vec<failures::Failure>,
    /// How long was measured, in seconds: the window, unless the trial ended early.
    measured_s: f64,
    /// Cores that the workers used on average, and the server, where they are known.
    cores: Option<(f64, Option<f64>)>,
    /// Whether a client waited for its answer before its next request.
    closed: bool,
    /// Whether a refused client waited as the server asked.
    retries_after: bool,
    /// Whether it was the only trial.
    single: bool,
}

/// The samples of a metric.
#[derive(Debug)]
struct Spread {
    metric: Metric,
    samples: Distribution,
    /// Further samples that are only known to lie above all of these.
    censored: u64,
}

impl Spread {
    fn at(&self, quantile: f64) -> Option<Figure> {
        self.samples.quantile_censored(quantile, self.censored).map(Figure::from)
    }
}

impl Probe {
    /// What the trial `record`, made from `facts`, showed; `title` says in a line what was asked, and errors are advised
    /// upon in terms of `remedies`.
    pub fn new(title: &str, facts: &TrialFacts, record: &TrialRecord, remedies: Remedies) -> Self {
        let options = match &facts.case.pattern {
            Pattern::Request(options) => Some(options),
            _ => None,
        };
        let closed = options.is_some_and(|options| options.loop_kind == LoopKind::Closed);
        Self {
            title: title.to_owned(),
            record: record.clone(),
            counters: facts.workers.counters.clone(),
            spreads: spreads(facts, record),
            failures: failures::of(&facts.workers, remedies),
            measured_s: facts.measured_ns() as f64 / 1e9,
            cores: cores(facts),
            closed,
            retries_after: options.is_some_and(|options| options.retry_after),
            single: false,
        }
    }

    /// The same with what was said about errors in the words of `word`; those of the record are its own.
    #[must_use]
    pub fn worded(mut self, word: impl Fn(&str) -> String) -> Self {
        for failure in &mut self.failures {
            failure.word(&word);
        }
        self
    }

    /// The same of a trial that stays alone, which the table says.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { single: self.record.verdict != Verdict::Failed, ..self }
    }

    /// The table for people, at most 80 columns wide, and less where there are only so many `columns`.
    pub fn text(&self, columns: usize) -> String {
        let mut page = Page { out: String::new(), columns: columns.min(WIDTH) };
        page.sentence("", &self.title, 2);
        page.out.push('\n');
        account::write(self, &mut page);
        table::write(self, &mut page);
        account::write_rest(self, &mut page);
        let asks = self.record.identity.pattern.traits().asks;
        failures::write(&self.failures, asks.then(|| self.count(Counter::Failed)), &mut page);
        self.write_verdict(&mut page);
        page.out
    }

    fn write_verdict(&self, page: &mut Page) {
        let mut reasons = self.record.verdict_reasons.iter();
        let first = reasons.next().map(|reason| format!("{}.", reason.trim_end_matches('.')));
        let text = match (self.record.verdict.name(), first) {
            // Its reason says that it was stopped.
            (_, Some(first)) if self.record.is_cut_short() => first,
            (verdict, Some(first)) => format!("{verdict}: {first}"),
            (verdict, None) => verdict.to_owned(),
        };
        page.field("verdict", &text);
        for reason in reasons {
            page.field("", &format!("{}.", reason.trim_end_matches('.')));
        }
        if self.single {
            page.field("", "One trial does not show how trials differ: --trials 5 does.");
        }
    }

    /// The same as data; names and units are those of FORMAT.md.
    pub fn json(&self) -> Value {
        let percentiles: Vec<Value> = self.spreads.iter().flat_map(percentiles).collect();
        let errors: Vec<Value> = self.failures.iter().map(failures::json).collect();
        let mut fields = Map::new();
        fields.insert("question".to_owned(), self.title.clone().into());
        fields.insert("measured_s".to_owned(), self.measured_s.into());
        fields.insert("trial".to_owned(), self.record.json().into());
        fields.insert("percentiles".to_owned(), percentiles.into());
        fields.insert("errors".to_owned(), errors.into());
        fields.into()
    }

    fn count(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }

    fn per_s(&self, count: u64) -> Option<f64> {
        (self.measured_s > 0.0).then(|| count as f64 / self.measured_s)
    }

    fn spread(&self, metric: Metric) -> Option<&Spread> {
        self.spreads.iter().find(|spread| spread.metric == metric)
    }
}

/// Cores that the workers used on average, and the server.
fn cores(facts: &TrialFacts) -> Option<(f64, Option<f64>)> {
    let used = facts.cpu_used().filter(|used| used.elapsed_ns > 0)?;
    let cores = |ns: u64| ns as f64 / used.elapsed_ns as f64;
    Some((cores(used.workers_ns), used.target_ns.map(cores)))
}

/// The samples of every metric, with how many never came.
fn spreads(facts: &TrialFacts, record: &TrialRecord) -> Vec<Spread> {
    let Snapshot { distributions, counters, .. } = &facts.workers;
    let of = |(metric, samples): (&Metric, &Distribution)| {
        // Of a trial that was cut short only what failed is known to be late: the rest was under way.
        let response = *metric == Metric::Response && facts.failure.is_some();
        let failed = counters.get(Counter::Failed);
        let censored = if response { failed } else { record.never_arrived(*metric) };
        Spread { metric: *metric, samples: samples.clone(), censored }
    };
    distributions.iter().map(of).collect()
}

/// Rows as in `percentiles.csv`.
fn percentiles(spread: &Spread) -> Vec<Value> {
    let row = |quantile: &f64| {
        json!({
            "metric": spread.metric.name(),
            "quantile": quantile,
            "value_ns": spread.at(*quantile),
            "count": spread.samples.count(),
            "censored": spread.censored,
        })
    };
    // Beyond the last sample they would only repeat it.
    let last = spread.samples.count() + spread.censored;
    let reached = |quantile: &&f64| **quantile >= 1.0 || last as f64 * (1.0 - **quantile) >= 1.0;
    QUANTILES.iter().filter(reached).map(row).collect()
}

/// Width of the names before fields.
const NAMES: usize = 13;

/// The text in the making.
struct Page {
    out: String,
    columns: usize,
}

impl Page {
    fn sentence(&mut self, lead: &str, text: &str, indent: usize) {
        wrap(&mut self.out, lead, text, indent, self.columns);
    }

    /// A name, and behind it what is said; without one it continues the field above.
    fn field(&mut self, name: &str, text: &str) {
        let lead = format!("{name:NAMES$}");
        if name.is_empty() {
            self.sentence(&lead, text, NAMES);
        } else {
            // Wrapping strips spaces at the start alone, and keeps those between.
            wrap(&mut self.out, &lead, text, NAMES, self.columns);
        }
    }
}

/// A rate as a whole number where it is one of many, and to three digits where it is small.
fn rate(per_s: f64) -> String {
    if per_s < 1_000.0 {
        return format!("{}/s", crate::unit::significant(per_s));
    }
    format!("{}/s", grouped(per_s.round() as u64))
}
