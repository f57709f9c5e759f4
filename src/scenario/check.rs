//! What can be carried out: what the keys of a scenario mean for each other, with reason and remedy. Bounds of single keys are in
//! [`super::keys`].

use super::conditions;
use super::error::{InvalidKey, require};
use super::{
    Case, LongPollOptions, LoopKind, Pattern, Phases, Publish, RequestOptions, Restart, RestartLog,
    ShortPollOptions, Spin, WorkerOptions, Workload, faults, network, publish, webhook,
};
use crate::pace::ArrivalProcess;
use crate::unit::{ByteSize, Span, count};

/// Most events, or requests, of one trial: their schedule is expanded by target and workers.
const MOST_EVENTS: f64 = 50e6;
/// Most requests and polls that are kept raw, over all shards: about 100 MB.
pub const MOST_SAMPLES: u64 = 1_000_000;
/// Largest payload in bytes.
pub(super) const MOST_PAYLOAD: u64 = 256 * 1024;
/// Most clients: the loopback network's addresses, times the links that one of them carries, are more.
pub(super) const MOST_CLIENTS: u64 = 10_000_000;
/// Largest share of an operation of `request`.
pub(super) const MOST_SHARE: u64 = 1_000_000;
/// Longest phase.
pub(super) const LONGEST: Span = Span::from_secs(86_400);
/// Longest `worker.gather`.
pub(super) const MOST_GATHERED: Span = Span::from_ms(10);
/// Longest time that a long poll's client is taken to be without a held request.
const REPOLL: Span = Span::from_secs(1);

/// Checks the phases by themselves.
pub(super) fn phases(phases: &Phases) -> Result<(), InvalidKey> {
    let Phases { connect, idle, warmup, measure, drain } = *phases;
    for (key, span) in [
        ("phases.connect", connect),
        ("phases.idle", idle),
        ("phases.warmup", warmup),
        ("phases.measure", measure),
        ("phases.drain", drain),
    ] {
        require(span <= LONGEST, key, || format!("{key} = {span} exceeds one day; shorten it"))?;
    }
    positive("phases.measure", measure)
}

/// Checks the workers by themselves.
pub(super) fn worker(worker: &WorkerOptions) -> Result<(), InvalidKey> {
    let gathers = worker.gather > Span::default();
    require(!(gathers && worker.spin == Spin::Always), "worker.gather", || {
        "worker.gather saves the wake-ups that worker.spin = true spends; remove one of them"
            .to_owned()
    })
}

/// Checks one case, whose workload was checked, with the phases and the ring that it will meet; another server than the built-in
/// one has none that is known.
pub(super) fn case(case: &Case, phases: &Phases, ring: Option<u64>) -> Result<(), InvalidKey> {
    if case.pattern.kind().delivers() && case.workload.publish != Publish::Nobody {
        events(&case.workload, phases)?;
    }
    faults::check(case, phases)?;
    conditions::check(&case.conditions, &case.workload, phases)?;
    network::check(case, phases)?;
    publish::check(case, ring.is_none())?;
    let ring = ring.unwrap_or(u64::MAX);
    outbox_survives(case)?;
    match &case.pattern {
        Pattern::Request(options) => request(options, phases),
        Pattern::ShortPoll(options) => {
            short_poll(options, &case.workload, phases)?;
            ring_holds(ring, options.longest_wait(), &case.workload)
        }
        Pattern::LongPoll(options) => {
            long_poll(options, &case.workload, phases)?;
            ring_holds(ring, options.gap.max(REPOLL), &case.workload)
        }
        Pattern::Sse(options) => queue("sse.queue", options.queue, ring),
        Pattern::WebSocket(options) => queue("websocket.queue", options.queue, ring),
        Pattern::Webhook(options) => webhook::check(options),
    }
}

/// Checks a workload by itself, before anything is computed from its figures.
pub(super) fn workload(workload: &Workload) -> Result<(), InvalidKey> {
    let Workload { clients, topics, payload, payload_kind, .. } = *workload;
    require(clients > 0, "workload.clients", || {
        format!("workload.clients = {clients}: must be at least 1")
    })?;
    require(clients <= MOST_CLIENTS, "workload.clients", || {
        format!("workload.clients = {clients} exceeds the limit of {MOST_CLIENTS}; lower it")
    })?;
    require(topics <= clients, "workload.topics", || {
        format!(
            "workload.topics = {topics}, but only {clients} clients: topics without a subscriber deliver \
             nothing; lower topics to at most {clients}, or write \"per-client\""
        )
    })?;
    let least = ByteSize::new(payload_kind.least() as u64);
    require(payload >= least, "workload.payload", || {
        let kind = payload_kind.name();
        format!("workload.payload = {payload}: with payload_kind = \"{kind}\" the least is {least}")
    })
}

fn events(workload: &Workload, phases: &Phases) -> Result<(), InvalidKey> {
    let key = "workload.rate";
    let per_s = workload.rate.per_s() * workload.topics as f64;
    require(per_s > 0.0, key, || {
        format!("{key} = {}: without events there is nothing to deliver; raise it", workload.rate)
    })?;
    schedule_is_sane(key, "events", per_s, phases)
}

fn schedule_is_sane(key: &str, what: &str, per_s: f64, phases: &Phases) -> Result<(), InvalidKey> {
    let measured = per_s * phases.measure.secs();
    require(measured >= 1.0, key, || {
        format!(
            "{key}: {} {what} are due in a measure phase of {}; raise the rate, or phases.measure",
            crate::unit::significant(measured),
            phases.measure
        )
    })?;
    let whole = per_s * (phases.warmup.secs() + phases.measure.secs());
    require(whole <= MOST_EVENTS, key, || {
        format!(
            "{key}: {} {what} per trial exceed the limit of {}; lower the rate, or \
             phases.measure",
            count(whole),
            count(MOST_EVENTS)
        )
    })
}

fn request(options: &RequestOptions, phases: &Phases) -> Result<(), InvalidKey> {
    match options.loop_kind {
        LoopKind::Open => open_loop(options, phases)?,
        LoopKind::Closed => closed_loop(options)?,
    }
    let mix = options.mix;
    let shares = [mix.create, mix.read, mix.head, mix.replace, mix.patch, mix.delete, mix.list];
    require(!options.conditional || mix.read + mix.head > 0, "request.conditional", || {
        "request.conditional = true: the mix has no reads; give read a share in request.mix"
            .to_owned()
    })?;
    require(shares.iter().any(|share| *share > 0), "request.mix", || {
        "request.mix: no operation has a share; write { read = 8, create = 1 }".to_owned()
    })?;
    require(shares.iter().all(|share| u64::from(*share) <= MOST_SHARE), "request.mix", || {
        "request.mix: a share exceeds 1000000; use smaller numbers in the same proportion"
            .to_owned()
    })
}

fn open_loop(options: &RequestOptions, phases: &Phases) -> Result<(), InvalidKey> {
    let key = "request.rate";
    require(options.rate.per_s() > 0.0, key, || {
        format!("{key} = {}: without requests there is nothing to measure; raise it", options.rate)
    })?;
    let per_s = options.rate.per_s();
    let most = options.requests.unwrap_or(u64::MAX) as f64;
    // No more are sent than there are to be, however long the window might be.
    let seconds = (most / per_s).min(phases.measure.secs());
    let measure = if seconds < phases.measure.secs() {
        Span::from_ns((seconds * 1e9) as u64)
    } else {
        phases.measure
    };
    schedule_is_sane(key, "requests", per_s, &Phases { measure, ..*phases })
}

fn closed_loop(options: &RequestOptions) -> Result<(), InvalidKey> {
    require(options.arrivals != ArrivalProcess::Burst, "request.arrivals", || {
        "request.arrivals = burst: a closed loop sends one request per response; write \"poisson\" for exponential times \
         to think, or \"constant\""
            .to_owned()
    })?;
    require(options.think <= LONGEST, "request.think", || {
        format!("request.think = {} exceeds one day; shorten it", options.think)
    })
}

fn long_poll(
    options: &LongPollOptions,
    workload: &Workload,
    phases: &Phases,
) -> Result<(), InvalidKey> {
    let LongPollOptions { wait, gap, limit, coalesce } = *options;
    require(coalesce < wait, "long-poll.coalesce", || {
        format!(
            "long-poll.coalesce = {coalesce}: a response cannot wait longer than long-poll.wait = {wait}; shorten \
             it",
        )
    })?;
    let due = workload.rate.per_s() * gap.secs();
    require(due < limit as f64, "long-poll.gap", || {
        format!(
            "long-poll.gap = {gap}: {} events become due in it but a response carries at most {limit}, so a client would fall \
             ever further behind; shorten gap, or raise limit",
            count(due)
        )
    })?;
    require(phases.drain >= gap, "phases.drain", || {
        format!(
            "phases.drain = {}: a client polls again {gap} after a response, so its last poll would be cut off and its \
             events counted as lost; raise drain to at least {gap}",
            phases.drain
        )
    })
}

fn short_poll(
    options: &ShortPollOptions,
    workload: &Workload,
    phases: &Phases,
) -> Result<(), InvalidKey> {
    let ShortPollOptions { interval, limit, .. } = *options;
    let polls = workload.clients as f64 / interval.secs();
    let whole = polls * (phases.warmup.secs() + phases.measure.secs());
    require(whole <= MOST_EVENTS, "short-poll.interval", || {
        format!(
            "short-poll.interval = {interval}: {} polls per second by {} clients are over the {} polls per trial \
             that can be offered; raise it",
            count(polls),
            workload.clients,
            count(MOST_EVENTS)
        )
    })?;
    let longest = options.longest_wait();
    let due = workload.rate.per_s() * interval.secs();
    require(due < limit as f64, "short-poll.limit", || {
        format!(
            "short-poll.limit = {limit}: {} events become due between two polls, so a client would fall \
             ever further behind; raise limit, or shorten interval",
            count(due)
        )
    })?;
    require(phases.drain >= longest, "phases.drain", || {
        format!(
            "phases.drain = {}: a client polls every {longest}, so its last poll would be cut off and its \
             events counted as lost; raise drain to at least {longest}",
            phases.drain
        )
    })
}

/// The ring must keep what a poller misses in two of its periods, with room for a Poisson crowd.
fn ring_holds(ring: u64, period: Span, workload: &Workload) -> Result<(), InvalidKey> {
    let mean = 2.0 * workload.rate.per_s() * period.secs();
    let need = (mean + 6.0 * mean.sqrt() + 10.0).ceil() as u64;
    require(ring >= need, "target.builtin.ring", || {
        format!(
            "target.builtin.ring = {ring}: a poller can miss {need} events of a topic at {} between polls {period} \
             apart; raise target.builtin.ring to at least {need}",
            workload.rate
        )
    })
}

fn queue(key: &str, queue: Option<u64>, ring: u64) -> Result<(), InvalidKey> {
    let Some(queue) = queue else { return Ok(()) };
    require(queue <= ring, key, || {
        format!(
            "{key} = {queue}: the log keeps target.builtin.ring = {ring} events, and a link that lags further falls off \
             it; raise target.builtin.ring, or lower {key}"
        )
    })
}

fn positive(key: &str, span: Span) -> Result<(), InvalidKey> {
    require(span.ns() > 0, key, || format!("{key} = {span}: must be greater than 0"))
}

/// What is on disk cannot be lost with the process.
fn outbox_survives(case: &Case) -> Result<(), InvalidKey> {
    let lost = |restart: Restart| restart.log == RestartLog::Lost;
    let contradicts = case.keeps_outbox() && case.conditions.restart.is_some_and(lost);
    require(!contradicts, "restart.log", || {
        "restart.log = \"lost\" contradicts webhook.outbox = \"durable\": the successor of the target reads the outbox \
         that is on disk; remove restart.log, or write webhook.outbox = \"memory\""
            .to_owned()
    })
}
