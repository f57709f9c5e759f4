//! The row of one trial: every figure except its distributions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::metrics::{complete, price};
use super::table::{cells, fields, header, sentence, to_csv};
use super::{
    BOUNDS, Cell, Code, Coded, Column, Figures, SCHEMA_VERSION, TRIAL_COLUMNS, TrialFacts, Verdict,
};
use crate::measure::{Awaits, Ledger, Metric};
use crate::pace::Pacing;
use crate::scenario::{LoopKind, Outbox, Pattern, PatternKind, Prices, Profile, Publish};

/// What samples of messages are called in which no event was recognised.
pub const UNRECOGNISED: &str = "unrecognised";

/// How the reason of a trial begins that the run's end cut short; the signal's name follows.
pub const STOPPED_BY: &str = "stopped by ";

/// One row of `trials.csv`: the offered load, the result, and the verdict. The columns are those of the table of metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// The trial's identity, and the offered load.
    #[serde(flatten)]
    pub identity: TrialIdentity,
    /// The verdict on the trial.
    pub verdict: Verdict,
    /// Why, a sentence each; none for a valid trial.
    #[serde(default)]
    pub verdict_reasons: Vec<String>,
    /// The code of each reason with its figures; none in files written before there were codes.
    #[serde(default)]
    pub verdict_codes: Vec<Code>,
    /// What one failure of each kind said, after the kind's name and a colon; none in files written before it.
    #[serde(default)]
    pub error_samples: Vec<String>,
    /// Answers by status, `200: 17`; none in files written before it.
    #[serde(default)]
    pub statuses: Vec<String>,
    /// Length of the measure window in seconds, as planned.
    pub measure_s: f64,
    /// The account of deliveries (of requests, for `request`); `None` where the trial ended without one.
    #[serde(flatten)]
    pub ledger: Option<Ledger>,
    /// delivered ÷ expected.
    pub reach: Option<f64>,
    /// Further settings of the scenario or the run.
    #[serde(flatten)]
    pub given: Given,
    /// The measured values.
    #[serde(flatten)]
    pub figures: Figures,
}

/// A row's trial, and the offered load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialIdentity {
    /// Version of the file's meaning.
    pub schema_version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Id of the case.
    pub case: String,
    /// Which trial of its case, from 1.
    pub trial: u32,
    /// Which randomised block, from 1.
    pub block: u32,
    /// The pattern.
    pub pattern: PatternKind,
    /// Links.
    pub clients: u64,
    /// Events a second in each topic; `None` for `request`.
    pub events_per_s: Option<f64>,
    /// Size of an event's payload.
    pub payload_bytes: u64,
}

/// The settings of a trial besides its identity; not measured, and not summarised.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Topics.
    pub topics: Option<u64>,
    /// Requests per second that were offered over all clients, of `request` in an open loop.
    pub requests_per_s: Option<f64>,
    /// Threads that offered load.
    pub worker_shards: Option<u32>,
    /// Threads that served.
    pub target_shards: Option<u32>,
    /// The kind of host that the trial was judged as.
    pub profile: Option<Profile>,
    /// How the workers waited for their deadlines.
    pub pacing: Option<Pacing>,
    /// Where the target kept unacknowledged events of webhooks.
    pub outbox: Option<Outbox>,
    /// Whether a client's next request waited for the previous answer; only for `request`.
    #[serde(rename = "loop")]
    pub loop_kind: Option<LoopKind>,
    /// Who published; `None` for `request`, which has no events.
    pub publish: Option<Publish>,
}

impl Given {
    fn of(facts: &TrialFacts) -> Self {
        let (pattern, resources) = (&facts.case.pattern, &facts.resources);
        Self {
            topics: Some(facts.case.workload.topics),
            requests_per_s: offered_requests(pattern),
            worker_shards: Some(resources.worker_shards).filter(|n| *n > 0),
            target_shards: Some(resources.target_shards).filter(|n| *n > 0),
            profile: Some(facts.profile),
            pacing: Some(resources.pacing),
            outbox: match pattern {
                Pattern::Webhook(options) => Some(options.outbox),
                _ => None,
            },
            loop_kind: match pattern {
                Pattern::Request(options) => Some(options.loop_kind),
                _ => None,
            },
            publish: pattern.kind().delivers().then_some(facts.case.workload.publish),
        }
    }
}

/// Requests per second offered to a case; `None` except for an open loop.
pub(crate) fn offered_requests(pattern: &Pattern) -> Option<f64> {
    match pattern {
        Pattern::Request(options) if options.loop_kind == LoopKind::Open => {
            Some(options.rate.per_s())
        }
        _ => None,
    }
}

impl TrialRecord {
    /// The row of a trial with its verdict and the reasons for it.
    pub fn new(
        facts: &TrialFacts,
        verdict: Verdict,
        reasons: impl IntoIterator<Item: Into<Coded>>,
    ) -> Self {
        let (verdict_reasons, verdict_codes) = told(reasons);
        // What a trial that was cut short did not deliver was not lost: most of it was not yet due.
        let ledger = facts.failure.is_none().then_some(facts.workers.ledger);
        Self {
            identity: identity(facts),
            verdict,
            verdict_reasons,
            verdict_codes,
            error_samples: error_samples(facts),
            statuses: statuses(facts),
            measure_s: facts.phases.measure.secs(),
            ledger,
            reach: ledger.and_then(|ledger| ledger.reach()),
            given: Given::of(facts),
            figures: Figures::of(facts),
        }
    }

    /// The same with what it costs at `prices`.
    #[must_use]
    pub fn priced(mut self, prices: &Prices) -> Self {
        price(&mut self.figures, self.identity.clients, prices);
        self
    }

    /// Adds what follows from the columns of a row of an earlier version, on a host of so many cores, and what it costs.
    pub(super) fn complete(&mut self, cores: u32, prices: &Prices) {
        let clients = self.identity.clients;
        let shards = self.given.target_shards;
        let cores = shards.map(|shards| if cores == 0 { shards } else { shards.min(cores) });
        // A trial that was cut short has no totals: it did not have the whole window.
        if self.verdict != Verdict::Failed {
            complete(&mut self.figures, clients, cores);
        }
        price(&mut self.figures, clients, prices);
    }

    /// Rows of `trials.csv`, with its header.
    pub fn csv<'a>(records: impl IntoIterator<Item = &'a Self>) -> Vec<u8> {
        let rows = records.into_iter().map(|record| cells(TRIAL_COLUMNS, record));
        to_csv(std::iter::once(header(TRIAL_COLUMNS)).chain(rows))
    }

    /// The row as data: every column of `trials.csv`, `null` where its cell would be empty.
    pub fn json(&self) -> Map<String, Value> {
        let mut fields = fields(self);
        let column = |column: &Column| {
            (column.name.to_owned(), fields.remove(column.name).unwrap_or_default())
        };
        // A figure that is a bound says so itself where it need not be a number.
        TRIAL_COLUMNS.iter().filter(|column| column.name != BOUNDS).map(column).collect()
    }

    /// Whether it failed only because the run was stopped in its middle.
    pub fn is_cut_short(&self) -> bool {
        let stopped = |reason: &String| reason.starts_with(STOPPED_BY);
        self.verdict == Verdict::Failed && self.verdict_reasons.iter().any(stopped)
    }

    /// The value of a metric, by its column; `None` where it was not measured.
    pub fn cell(&self, column: &str) -> Option<Cell> {
        let account = |of: fn(&Ledger) -> u64| self.ledger.as_ref().map(of).map(Cell::Count);
        match column {
            "expected" => account(|ledger| ledger.expected),
            "delivered" => account(|ledger| ledger.delivered),
            "lost" => account(|ledger| ledger.lost),
            "duplicate" => account(|ledger| ledger.duplicate),
            "reordered" => account(|ledger| ledger.reordered),
            "late" => account(|ledger| ledger.late),
            "superseded" => account(|ledger| ledger.superseded),
            "reach" => self.reach.map(Cell::Number),
            _ => self.figures.cell(column),
        }
    }

    /// Samples of `metric` that never came, and lie above all that did: what ends with an arrival is lost.
    pub fn never_arrived(&self, metric: Metric) -> u64 {
        let delivers = self.identity.pattern.delivers();
        let lost = self.ledger.map_or(0, |ledger| ledger.lost);
        match metric.awaits() {
            Awaits::Deliveries if delivers => lost,
            Awaits::Answers if !delivers => lost,
            Awaits::Acknowledgements => {
                let count = |column| self.figures.count(column).unwrap_or_default();
                count("sends_due").saturating_sub(count("sends_acknowledged"))
            }
            Awaits::Nothing | Awaits::Deliveries | Awaits::Answers => 0,
        }
    }
}

/// What one failure of each kind said, fit for a list cell.
fn error_samples(facts: &TrialFacts) -> Vec<String> {
    let described = facts.workers.described.iter();
    let described = described.map(|(kind, text)| (kind.name(), text));
    let unrecognised = &facts.workers.unrecognised.kept;
    let unrecognised = unrecognised.iter().map(|message| (UNRECOGNISED, &message.text));
    described.chain(unrecognised).map(|(kind, text)| sentence(&format!("{kind}: {text}"))).collect()
}

/// How many answers had each status.
fn statuses(facts: &TrialFacts) -> Vec<String> {
    let counts = facts.workers.statuses.counts();
    counts.iter().map(|(status, answers)| format!("{status}: {answers}")).collect()
}

/// The texts of reasons, fit for a list cell, and their codes.
pub(super) fn told(reasons: impl IntoIterator<Item: Into<Coded>>) -> (Vec<String>, Vec<Code>) {
    reasons.into_iter().map(Into::into).map(|Coded { code, text }| (sentence(&text), code)).unzip()
}

fn identity(facts: &TrialFacts) -> TrialIdentity {
    let (kind, workload) = (facts.case.pattern.kind(), &facts.case.workload);
    TrialIdentity {
        schema_version: SCHEMA_VERSION,
        scenario: facts.scenario.clone(),
        case: facts.case.id.clone(),
        trial: facts.trial,
        block: facts.block,
        pattern: kind,
        clients: workload.clients,
        events_per_s: kind.delivers().then(|| workload.rate.per_s()),
        payload_bytes: workload.payload.bytes(),
    }
}
