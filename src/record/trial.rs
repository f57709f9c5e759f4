//! The row of one trial: every figure that is kept of it beside its distributions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::precision::Headline;
use super::requests::offered_requests;
use super::table::{fields, sentence};
use super::{
    ConnectionFigures, Encoding, Figure, HealthFigures, Precision, RequestFigures, SCHEMA_VERSION,
    SendFigures, TransportFigures, TrialFacts, Verdict, WebhookFigures,
};
use crate::measure::{Counter, Distribution, Ledger, Metric, Snapshot};
use crate::pace::Pacing;
use crate::scenario::PatternKind;

/// One row of `trials.csv`: what was offered, what came of it, and what it is worth. Columns have the fields'
/// names; FORMAT.md describes each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Which trial it is, and what was offered.
    #[serde(flatten)]
    pub identity: Identity,
    /// What it is worth.
    pub verdict: Verdict,
    /// Why, a sentence each; none for a valid trial.
    #[serde(default)]
    pub verdict_reasons: Vec<String>,
    /// Length of the measure window in seconds, as planned.
    pub measure_s: f64,
    /// The account of deliveries (of requests, for `request`); `None` where the trial ended without one.
    #[serde(flatten)]
    pub ledger: Option<Ledger>,
    /// delivered ÷ expected.
    pub reach: Option<f64>,
    /// Rates and totals.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Quantiles.
    #[serde(flatten)]
    pub latency: Latency,
    /// What a delivery and a link cost.
    #[serde(flatten)]
    pub cost: Cost,
    /// What else experts ask for.
    #[serde(flatten)]
    pub detail: Detail,
}

/// Which trial a row is of, and what was offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
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

/// Rates and totals of a trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// delivered ÷ length of the window.
    pub deliveries_per_s: Option<f64>,
    /// Requests or polls that were sent; `None` where links do not ask.
    pub requests: Option<u64>,
    /// Failures of every kind.
    pub errors: Option<u64>,
}

/// Quantiles of a trial, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "metric, unit, quantile: the names say it all, FORMAT.md the rest")]
pub struct Latency {
    pub freshness_ns_p50: Option<Figure>,
    pub freshness_ns_p90: Option<Figure>,
    pub freshness_ns_p99: Option<Figure>,
    pub freshness_ns_p999: Option<Figure>,
    pub freshness_ns_max: Option<Figure>,
    pub response_ns_p50: Option<Figure>,
    pub response_ns_p99: Option<Figure>,
    pub slip_ns_p99: Option<Figure>,
    pub connect_ns_p50: Option<Figure>,
    pub connect_ns_p99: Option<Figure>,
}

/// What a delivery and a link cost; for `request`, a delivery is an answered request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes at IP level, both ways, over the links' whole life ÷ deliveries over it.
    pub wire_bytes_per_delivery: Option<f64>,
    /// The target's CPU time in the window ÷ delivered.
    pub target_cpu_ns_per_delivery: Option<f64>,
    /// The workers' CPU time in the window ÷ delivered.
    pub worker_cpu_ns_per_delivery: Option<f64>,
    /// Slope of the target's anonymous memory over its link count.
    pub target_memory_bytes_per_link: Option<f64>,
}

/// What else experts ask for of a trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// Topics.
    pub topics: Option<u64>,
    /// How the links asked.
    #[serde(flatten)]
    pub asking: RequestFigures,
    /// Requests a second that were offered over all clients, of `request` in an open loop.
    pub requests_per_s: Option<f64>,
    /// Further quantiles.
    #[serde(flatten)]
    pub stages: Stages,
    /// Where the time went.
    #[serde(flatten)]
    pub breakdown: Breakdown,
    /// How well the headline metric's quantiles are known.
    #[serde(flatten)]
    pub precision: Precision,
    /// TCP segments, both ways, over the links' whole life ÷ deliveries over it.
    pub wire_segments_per_delivery: Option<f64>,
    /// CPU of the processes.
    #[serde(flatten)]
    pub cpu: CpuShares,
    /// Polls of the window that brought nothing ÷ those answered.
    pub empty_poll_share: Option<f64>,
    /// What the machine took from it.
    #[serde(flatten)]
    pub health: HealthFigures,
    /// How its bytes travelled.
    #[serde(flatten)]
    pub transport: TransportFigures,
    /// What encoding cost.
    #[serde(flatten)]
    pub encoding: Encoding,
    /// Raw counts; `None` where the trial ended without any.
    #[serde(flatten)]
    pub counts: Counts,
    /// Links that came and went, and consumers that lagged.
    #[serde(flatten)]
    pub held: ConnectionFigures,
    /// What is kept of webhooks alone.
    #[serde(flatten)]
    pub webhook: WebhookFigures,
    /// What clients published.
    #[serde(flatten)]
    pub sends: SendFigures,
}

/// Quantiles of the stages of a delivery or request, in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "metric, unit, quantile: the names say it all, FORMAT.md the rest")]
pub struct Stages {
    pub transit_ns_p50: Option<Figure>,
    pub transit_ns_p99: Option<Figure>,
    pub service_ns_p50: Option<Figure>,
    pub service_ns_p99: Option<Figure>,
    pub hold_ns_p50: Option<Figure>,
    pub slip_ns_p50: Option<Figure>,
    pub publish_slip_ns_p99: Option<Figure>,
}

/// Where the time of a request or delivery went, stage after stage, in nanoseconds.
///
/// A request: due → fired → sent → first byte → done. A delivery: due → published → written → received.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "stage, unit, quantile: the names say it all, FORMAT.md the rest")]
pub struct Breakdown {
    pub fired_ns_p50: Option<Figure>,
    pub fired_ns_p99: Option<Figure>,
    pub dispatch_ns_p50: Option<Figure>,
    pub dispatch_ns_p99: Option<Figure>,
    pub first_byte_ns_p50: Option<Figure>,
    pub first_byte_ns_p99: Option<Figure>,
    pub reading_ns_p50: Option<Figure>,
    pub reading_ns_p99: Option<Figure>,
    pub publish_slip_ns_p50: Option<Figure>,
    pub written_ns_p50: Option<Figure>,
    pub written_ns_p99: Option<Figure>,
}

/// CPU time in the window, as a share of the cores that the shards could use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CpuShares {
    /// Of the workers' shards.
    pub worker_cpu_share: Option<f64>,
    /// Of the target's shards.
    pub target_cpu_share: Option<f64>,
    /// Threads that offered load.
    pub worker_shards: Option<u32>,
    /// Threads that served.
    pub target_shards: Option<u32>,
    /// How the workers waited for their deadlines.
    pub pacing: Option<Pacing>,
}

/// Counts by the name of their counter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each is the counter of its name, described there and in FORMAT.md"
)]
pub struct Counts {
    pub connections: Option<u64>,
    pub published: Option<u64>,
    pub scheduled: Option<u64>,
    pub sent: Option<u64>,
    pub answered: Option<u64>,
    pub retries: Option<u64>,
    pub dead_letters: Option<u64>,
    pub saturated: Option<u64>,
    pub negative_freshness: Option<u64>,
    pub error_connect: Option<u64>,
    pub error_timeout: Option<u64>,
    pub error_closed: Option<u64>,
    pub error_status: Option<u64>,
    pub error_protocol: Option<u64>,
    pub error_signature: Option<u64>,
    pub error_refused: Option<u64>,
    pub not_modified: Option<u64>,
}

impl TrialRecord {
    /// The row of a trial with its verdict and the reasons for it, a sentence each.
    pub fn new(facts: &TrialFacts, verdict: Verdict, reasons: Vec<String>) -> Self {
        // What a trial that was cut short did not deliver was not lost: most of it was not yet due.
        let ledger = facts.failure.is_none().then_some(facts.workers.ledger);
        Self {
            identity: identity(facts),
            verdict,
            verdict_reasons: reasons.into_iter().map(|reason| sentence(&reason)).collect(),
            measure_s: facts.phases.measure.secs(),
            ledger,
            reach: ledger.and_then(|ledger| ledger.reach()),
            traffic: traffic(facts),
            latency: latency(facts),
            cost: cost(facts),
            detail: detail(facts),
        }
    }

    /// Every column's value by name.
    pub fn fields(&self) -> Map<String, Value> {
        fields(self)
    }
}

fn identity(facts: &TrialFacts) -> Identity {
    let (kind, workload) = (facts.case.pattern.kind(), &facts.case.workload);
    Identity {
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

/// Whether the workers told anything at all.
fn reported(facts: &TrialFacts) -> bool {
    facts.failure.is_none() || facts.workers != Snapshot::default()
}

const fn polls(kind: PatternKind) -> bool {
    matches!(kind, PatternKind::ShortPoll | PatternKind::LongPoll)
}

fn traffic(facts: &TrialFacts) -> Traffic {
    let (kind, ledger) = (facts.case.pattern.kind(), &facts.workers.ledger);
    let asks = polls(kind) || kind == PatternKind::Request;
    let seconds = facts.phases.measure.secs();
    // An unfinished trial did not have the whole window to deliver in.
    let finished = facts.failure.is_none() && seconds > 0.0;
    Traffic {
        deliveries_per_s: finished.then(|| ledger.delivered as f64 / seconds),
        requests: (asks && reported(facts)).then(|| facts.workers.counters.get(Counter::Sent)),
        errors: reported(facts).then(|| facts.workers.counters.errors()),
    }
}

/// Quantiles of one distribution.
struct Quantiles<'a>(Option<&'a Distribution>);

impl<'a> Quantiles<'a> {
    fn of(snapshot: &'a Snapshot, metric: Metric) -> Self {
        Self(snapshot.distribution(metric))
    }

    fn at(&self, q: f64) -> Option<Figure> {
        self.0.and_then(|samples| samples.quantile_censored(q, 0)).map(Figure::from)
    }
}

fn latency(facts: &TrialFacts) -> Latency {
    let workers = &facts.workers;
    let headline = Headline::of(facts);
    let delivers = facts.case.pattern.kind().delivers();
    let freshness = |q| if delivers { headline.at(q) } else { None };
    let connect = Quantiles::of(workers, Metric::Connect);
    let response = |q| {
        if delivers {
            // A poll's responses are none of its headline's samples.
            Quantiles::of(workers, Metric::Response).at(q)
        } else {
            headline.at(q)
        }
    };
    Latency {
        freshness_ns_p50: freshness(0.5),
        freshness_ns_p90: freshness(0.9),
        freshness_ns_p99: freshness(0.99),
        freshness_ns_p999: freshness(0.999),
        freshness_ns_max: if delivers { headline.at(1.0) } else { None },
        response_ns_p50: response(0.5),
        response_ns_p99: response(0.99),
        slip_ns_p99: Quantiles::of(workers, Metric::Slip).at(0.99),
        connect_ns_p50: connect.at(0.5),
        connect_ns_p99: connect.at(0.99),
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn cost(facts: &TrialFacts) -> Cost {
    let counters = &facts.workers.counters;
    let used = facts.cpu_used().filter(|_| facts.failure.is_none());
    let a_delivery = |ns: u64| ratio(ns, facts.workers.ledger.delivered);
    // No bytes at all means that the kernel did not tell, not that the wire was free.
    let wire = Some(counters.get(Counter::WireBytes)).filter(|bytes| *bytes > 0);
    Cost {
        wire_bytes_per_delivery: wire.and_then(|b| ratio(b, counters.get(Counter::Received))),
        target_cpu_ns_per_delivery: used.and_then(|used| a_delivery(used.target_ns)),
        worker_cpu_ns_per_delivery: used.and_then(|used| a_delivery(used.workers_ns)),
        target_memory_bytes_per_link: facts.resources.target_memory_bytes_per_link(),
    }
}

fn detail(facts: &TrialFacts) -> Detail {
    let (counters, kind) = (&facts.workers.counters, facts.case.pattern.kind());
    let (resources, used) = (&facts.resources, facts.cpu_used());
    let segments = Some(counters.get(Counter::WireSegments)).filter(|segments| *segments > 0);
    let empty = ratio(counters.get(Counter::EmptyPolls), counters.get(Counter::Answered));
    let transit = Quantiles::of(&facts.workers, Metric::Transit);
    let service = Quantiles::of(&facts.workers, Metric::Service);
    Detail {
        topics: Some(facts.case.workload.topics),
        asking: RequestFigures::of(facts, reported(facts)),
        requests_per_s: offered_requests(&facts.case.pattern),
        stages: Stages {
            transit_ns_p50: transit.at(0.5),
            transit_ns_p99: transit.at(0.99),
            service_ns_p50: service.at(0.5),
            service_ns_p99: service.at(0.99),
            hold_ns_p50: Quantiles::of(&facts.workers, Metric::Hold).at(0.5),
            slip_ns_p50: Quantiles::of(&facts.workers, Metric::Slip).at(0.5),
            publish_slip_ns_p99: Quantiles::of(&facts.target, Metric::PublishSlip).at(0.99),
        },
        breakdown: breakdown(facts),
        precision: Precision::of(facts),
        encoding: Encoding::of(facts),
        wire_segments_per_delivery: segments
            .and_then(|n| ratio(n, counters.get(Counter::Received))),
        cpu: CpuShares {
            worker_cpu_share: used.and_then(|used| resources.worker_share(used)),
            target_cpu_share: used.and_then(|used| resources.target_share(used)),
            worker_shards: Some(resources.worker_shards).filter(|n| *n > 0),
            target_shards: Some(resources.target_shards).filter(|n| *n > 0),
            pacing: Some(resources.pacing),
        },
        empty_poll_share: empty.filter(|_| polls(kind)),
        health: HealthFigures::of(facts),
        transport: TransportFigures::of(facts),
        counts: counts(facts),
        held: if reported(facts) {
            ConnectionFigures::of(facts)
        } else {
            ConnectionFigures::default()
        },
        webhook: WebhookFigures::of(facts),
        sends: SendFigures::of(facts, reported(facts)),
    }
}

fn breakdown(facts: &TrialFacts) -> Breakdown {
    let worker = |metric, q| Quantiles::of(&facts.workers, metric).at(q);
    let target = |metric, q| Quantiles::of(&facts.target, metric).at(q);
    Breakdown {
        fired_ns_p50: worker(Metric::Fired, 0.5),
        fired_ns_p99: worker(Metric::Fired, 0.99),
        dispatch_ns_p50: worker(Metric::Dispatch, 0.5),
        dispatch_ns_p99: worker(Metric::Dispatch, 0.99),
        first_byte_ns_p50: worker(Metric::FirstByte, 0.5),
        first_byte_ns_p99: worker(Metric::FirstByte, 0.99),
        reading_ns_p50: worker(Metric::Reading, 0.5),
        reading_ns_p99: worker(Metric::Reading, 0.99),
        publish_slip_ns_p50: target(Metric::PublishSlip, 0.5),
        written_ns_p50: target(Metric::Written, 0.5),
        written_ns_p99: target(Metric::Written, 0.99),
    }
}

fn counts(facts: &TrialFacts) -> Counts {
    if !reported(facts) {
        return Counts::default();
    }
    let kind = facts.case.pattern.kind();
    let count = |counter| Some(facts.workers.counters.get(counter));
    let target = |counter| Some(facts.target.counters.get(counter));
    let either =
        |counter| Some(facts.workers.counters.get(counter) + facts.target.counters.get(counter));
    let asks = polls(kind) || kind == PatternKind::Request;
    let (webhook, delivers) = (kind == PatternKind::Webhook, kind.delivers());
    Counts {
        connections: count(Counter::Connections),
        // A target that was killed took its count along.
        published: target(Counter::Published)
            .filter(|_| delivers && facts.case.conditions.restart.is_none()),
        scheduled: count(Counter::Scheduled).filter(|_| asks),
        sent: count(Counter::Sent).filter(|_| asks),
        answered: count(Counter::Answered).filter(|_| asks),
        retries: either(Counter::Retries).filter(|_| webhook),
        dead_letters: either(Counter::DeadLetters).filter(|_| delivers),
        saturated: either(Counter::Saturated),
        negative_freshness: count(Counter::NegativeFreshness).filter(|_| delivers),
        error_connect: count(Counter::ErrorConnect),
        error_timeout: count(Counter::ErrorTimeout),
        error_closed: count(Counter::ErrorClosed),
        error_status: count(Counter::ErrorStatus),
        error_protocol: count(Counter::ErrorProtocol),
        error_signature: count(Counter::ErrorSignature),
        error_refused: count(Counter::ErrorRefused),
        not_modified: count(Counter::NotModified).filter(|_| kind == PatternKind::Request),
    }
}
