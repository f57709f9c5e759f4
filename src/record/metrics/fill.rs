//! Computes the values of a trial from its facts.

use super::spec::{End, Q, Side, Source, Spec};
use super::{Cell, Figures};
use crate::measure::{Counter, Counters, Distribution, Metric, Snapshot};
use crate::record::precision::Headline;
use crate::record::{CpuUsed, Figure, TrialFacts};
use crate::scenario::Publish;

/// Length of the stretches that the thickest of a storm or herd is looked for among, in milliseconds: as the columns are
/// named.
const STORM_MS: u64 = 10;

/// Whether the workers reported anything.
pub(super) fn reported(facts: &TrialFacts) -> bool {
    facts.failure.is_none() || facts.workers != Snapshot::default()
}

/// Computes the values of one trial.
pub(super) struct Filler<'a> {
    facts: &'a TrialFacts,
    headline: Headline<'a>,
    reported: bool,
}

impl<'a> Filler<'a> {
    pub(super) fn new(facts: &'a TrialFacts) -> Self {
        Self { facts, headline: Headline::of(facts), reported: reported(facts) }
    }

    pub(super) fn figures(&self, specs: &'static [Spec]) -> Figures {
        let cells = specs.iter().filter_map(|spec| Some((spec.column.name, self.cell(spec)?)));
        Figures(cells.collect())
    }

    fn cell(&self, spec: &Spec) -> Option<Cell> {
        let facts = self.facts;
        let kind = facts.case.pattern.kind();
        match spec.source {
            Source::Record | Source::Priced => None,
            Source::Quantile(side) => {
                let (metric, q) = spec.quantile?;
                self.quantile(side, metric, q).map(Cell::Figure)
            }
            Source::Headline => {
                let (metric, q) = spec.quantile?;
                if kind.traits().headline == metric {
                    return self.headline.at(q.share()).map(Cell::Figure);
                }
                // A poll's responses are none of its headline's samples.
                let other = || self.quantile(Side::Workers, metric, q).map(Cell::Figure);
                spec.of.has(kind).then(other).flatten()
            }
            Source::Interval(end) => {
                let (metric, q) = spec.quantile?;
                let own = kind.traits().headline == metric;
                let (low, high) = own.then(|| self.headline.interval(q.share())).flatten()?;
                Some(Cell::Figure(if end == End::Low { low } else { high }))
            }
            Source::Count(side, counter, condition) => {
                let told = self.reported && spec.of.has(kind) && condition(facts);
                told.then(|| Cell::Count(count(facts, side, counter)))
            }
            Source::Total(of) => of(facts).map(Cell::Count),
            Source::Number(of) => of(facts).map(Cell::Number),
            Source::Figure(of) => of(facts).map(Cell::Figure),
        }
    }

    fn quantile(&self, side: Side, metric: Metric, q: Q) -> Option<Figure> {
        let told = if side == Side::Target { &self.facts.target } else { &self.facts.workers };
        let samples = told.distribution(metric)?;
        // The maximum is the end of the histogram; other quantiles look up a rank.
        samples.quantile_censored(q.share(), 0).map(Figure::from)
    }
}

fn count(facts: &TrialFacts, side: Side, counter: Counter) -> u64 {
    let (workers, target) =
        (facts.workers.counters.get(counter), facts.target.counters.get(counter));
    match side {
        Side::Workers => workers,
        Side::Target => target,
        Side::Both => workers + target,
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

const fn counters(facts: &TrialFacts) -> &Counters {
    &facts.workers.counters
}

// Conditions of counts.

/// A target that was killed took its count along.
pub(super) const fn target_lived(facts: &TrialFacts) -> bool {
    facts.case.conditions.restart.is_none()
}

pub(super) fn churns(facts: &TrialFacts) -> bool {
    facts.case.workload.churn.per_s() > 0.0
}

pub(super) fn some_are_slow(facts: &TrialFacts) -> bool {
    facts.case.conditions.consumers.slow_share > 0.0
}

pub(super) fn has_tls(facts: &TrialFacts) -> bool {
    facts.case.transport.tls && counters(facts).get(Counter::Connections) > 0
}

pub(super) fn harness_publishes(facts: &TrialFacts) -> bool {
    facts.case.pattern.kind().delivers() && facts.case.workload.publish.is_of_harness()
}

/// Whether clients only listen.
pub(super) fn listens(facts: &TrialFacts) -> bool {
    facts.case.workload.publish == Publish::Nobody
}

/// Whether any message was looked at for its stamp.
pub(super) fn stamped(facts: &TrialFacts) -> bool {
    let counted = |counter| counters(facts).get(counter) > 0;
    facts.workers.distribution(Metric::StampAge).is_some()
        || counted(Counter::StampsMissing)
        || counted(Counter::StampsAhead)
}

pub(super) fn messages_per_s(facts: &TrialFacts) -> Option<f64> {
    let seconds = facts.phases.measure.secs();
    let finished = facts.failure.is_none() && seconds > 0.0 && listens(facts);
    finished.then(|| counters(facts).get(Counter::Messages) as f64 / seconds)
}

/// Whether a process of the harness publishes.
pub(super) fn publisher_publishes(facts: &TrialFacts) -> bool {
    facts.case.pattern.kind().delivers() && facts.case.workload.publish == Publish::Publisher
}

/// CPU time of the target per event where nobody has subscribed, in nanoseconds.
pub(super) fn publish_cpu_per_event(facts: &TrialFacts) -> Option<f64> {
    facts.resources.publish_cpu_ns.filter(|_| facts.failure.is_none())
}

/// The share of the target's CPU time in the window that publishing took.
pub(super) fn publish_cpu_share(facts: &TrialFacts) -> Option<f64> {
    let published = facts.target.counters.get(Counter::Published) as f64;
    let used = facts.cpu_used()?.target_ns.filter(|ns| *ns > 0)?;
    Some(publish_cpu_per_event(facts)? * published / used as f64)
}

// Totals, rates and costs.

pub(super) fn errors(facts: &TrialFacts) -> Option<u64> {
    reported(facts).then(|| counters(facts).errors())
}

pub(super) fn deliveries_per_s(facts: &TrialFacts) -> Option<f64> {
    let seconds = facts.phases.measure.secs();
    // An unfinished trial did not have the whole window to deliver in.
    let finished = facts.failure.is_none() && seconds > 0.0;
    finished.then(|| facts.workers.ledger.delivered as f64 / seconds)
}

fn cpu_per_delivery(facts: &TrialFacts, of: fn(CpuUsed) -> Option<u64>) -> Option<f64> {
    let used = facts.cpu_used().filter(|_| facts.failure.is_none())?;
    ratio(of(used)?, facts.workers.ledger.delivered)
}

pub(super) fn target_cpu_per_delivery(facts: &TrialFacts) -> Option<f64> {
    cpu_per_delivery(facts, |used| used.target_ns)
}

pub(super) fn worker_cpu_per_delivery(facts: &TrialFacts) -> Option<f64> {
    cpu_per_delivery(facts, |used| Some(used.workers_ns))
}

pub(super) fn target_memory_per_link(facts: &TrialFacts) -> Option<f64> {
    facts.resources.target_memory_bytes_per_link()
}

pub(super) fn worker_cpu_share(facts: &TrialFacts) -> Option<f64> {
    facts.resources.worker_share(facts.cpu_used()?)
}

pub(super) fn target_cpu_share(facts: &TrialFacts) -> Option<f64> {
    facts.resources.target_share(facts.cpu_used()?)
}

pub(super) fn empty_poll_share(facts: &TrialFacts) -> Option<f64> {
    let polls = facts.case.pattern.kind().traits().polls;
    let counted = |counter| counters(facts).get(counter);
    ratio(counted(Counter::EmptyPolls), counted(Counter::Answered)).filter(|_| polls)
}

// What the machine took.

pub(super) fn steal_share(facts: &TrialFacts) -> Option<f64> {
    counters(facts).share(Counter::Steal, Counter::StealWatched)
}

pub(super) fn throttled_share(facts: &TrialFacts) -> Option<f64> {
    counters(facts).share(Counter::Throttled, Counter::ThrottledWatched)
}

pub(super) fn run_delay_share(facts: &TrialFacts) -> Option<f64> {
    counters(facts).share(Counter::RunDelay, Counter::RunDelayWatched)
}

pub(super) fn slip_share_of_response(facts: &TrialFacts) -> Option<f64> {
    facts.slip_share_of_response()
}

pub(super) fn n_eff(facts: &TrialFacts) -> Option<f64> {
    Headline::of(facts).n_eff()
}

// Connections.

/// A webhook receiver is registered over a connection and called over others: there is nothing to share.
pub(super) fn links_per_connection(facts: &TrialFacts) -> Option<f64> {
    let called_back = facts.case.pattern.kind().traits().called_back;
    let opened = counters(facts).get(Counter::Connections);
    ratio(facts.case.workload.clients, opened).filter(|_| !called_back)
}

pub(super) fn tls_resumed_share(facts: &TrialFacts) -> Option<f64> {
    let counted = |counter| counters(facts).get(counter);
    ratio(counted(Counter::TlsResumed), counted(Counter::TlsHandshakes))
        .filter(|_| facts.case.transport.tls)
}

pub(super) fn dials_per_10ms(facts: &TrialFacts) -> Option<f64> {
    let restart = facts.case.conditions.restart.filter(|_| reported(facts))?;
    let up_ns = facts.window_start_ns + restart.at.ns() + restart.down.ns();
    Some(facts.workers.storm.peak(up_ns, STORM_MS) as f64)
}

pub(super) fn polls_per_10ms(facts: &TrialFacts) -> Option<f64> {
    let held = facts.case.pattern.kind().traits().held && reported(facts);
    held.then(|| facts.workers.herd.peak(0, STORM_MS) as f64)
}

/// Undefined until the last link is back.
pub(super) fn recovery(facts: &TrialFacts) -> Option<Figure> {
    let samples = facts.workers.distribution(Metric::Recovery)?;
    let all = samples.count() >= facts.case.workload.clients;
    samples.quantile(1.0).filter(|_| all).map(|ns| Figure::Value(ns as f64))
}

/// Undefined until every receiver has caught up.
pub(super) fn catch_up_max(facts: &TrialFacts) -> Option<Figure> {
    let samples = facts.workers.distribution(Metric::CatchUp)?;
    let all = facts.workers.ledger.lost == 0;
    samples.quantile_censored(1.0, 0).filter(|_| all).map(Figure::from)
}

/// Unacknowledged events rank above every value.
fn send(facts: &TrialFacts, q: Q) -> Option<Figure> {
    if !harness_publishes(facts) || !reported(facts) {
        return None;
    }
    let counted = |counter| counters(facts).get(counter);
    let open = counted(Counter::SendsDue).saturating_sub(counted(Counter::SendsAcknowledged));
    // What a trial that was cut short did not send was not lost.
    let censored = if facts.failure.is_none() { open } else { 0 };
    let none = Distribution::default();
    let samples = facts.workers.distribution(Metric::Send).unwrap_or(&none);
    samples.quantile_censored(q.share(), censored).map(Figure::from)
}

pub(super) fn send_p50(facts: &TrialFacts) -> Option<Figure> {
    send(facts, Q::P50)
}

pub(super) fn send_p99(facts: &TrialFacts) -> Option<Figure> {
    send(facts, Q::P99)
}
