// Synthetic trials with the typical figures of each pattern, for tests of files and reports. Included by the crate's own
// tests and by those of this folder, both of which call the crate `tidings`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tidings::clock::SECOND_NS;
use tidings::judge::verdict;
use tidings::measure::{Counter, Host, Interval, Ledger, Metric, RawSamples, Recorder, Snapshot};
use tidings::pace::{ArrivalProcess, Pacing, PollPace, Rng};
use tidings::record::{
    Build, CpuReading, Intervals, MemoryReading, PlannedTrial, Resources, RunFolder, RunInfo,
    SCHEMA_VERSION, TrialFacts, TrialRecord, WorkerHealth, utc,
};
use tidings::scenario::{
    Case, Conditions, Connection, Faults, Format, GateOptions, LongPollOptions, LoopKind, Mix, Pattern, PatternKind, Phases, Prices, Profile, Publish, RequestOptions, Scenario,
    ShortPollOptions, SseOptions, TargetOptions, Transport, WebSocketOptions, WebhookOptions, WorkerOptions,
    Workload,
};
use tidings::unit::{ByteSize, Rate, Span};

/// Length of the made-up measure windows, in seconds.
pub(crate) const WINDOW_S: u64 = 10;
/// CPU time that the meters take in each process per second.
const METER_NS: u64 = SECOND_NS / 200;

/// A pattern with plausible options.
pub(crate) fn pattern(kind: PatternKind) -> Pattern {
    let second = Span::from_secs(1);
    match kind {
        PatternKind::Request => Pattern::Request(RequestOptions {
            loop_kind: LoopKind::Open,
            think: Span::default(),
            rate: Rate::per_second(500.0),
            arrivals: ArrivalProcess::Poisson,
            mix: Mix::default(),
            format: Format::Json,
            conditional: false,
            timeout: second,
            connection: Connection::KeepAlive,
            retry_after: true,
            requests: None,
        }),
        PatternKind::ShortPoll => Pattern::ShortPoll(ShortPollOptions {
            interval: second,
            limit: 100,
            synchronised: false,
            pace: PollPace::FixedRate,
            jitter: 0.0,
            conditional: false,
            cache: false,
            timeout: second,
        }),
        PatternKind::LongPoll => Pattern::LongPoll(LongPollOptions {
            wait: second,
            gap: Span::default(),
            limit: 100,
            coalesce: Span::default(),
        }),
        PatternKind::Sse => Pattern::Sse(SseOptions { heartbeat: second, ..SseOptions::default() }),
        PatternKind::WebSocket => {
            Pattern::WebSocket(WebSocketOptions {
                ping: second,
                pong_timeout: second,
                ..WebSocketOptions::default()
            })
        }
        PatternKind::Webhook => Pattern::Webhook(WebhookOptions {
            timeout: second,
            attempts: 3,
            backoff: second,
            concurrency: 1,
            ..WebhookOptions::default()
        }),
    }
}

/// A case of `clients` links and one topic, its id with `axes` after the pattern.
pub(crate) fn case(kind: PatternKind, clients: u64, axes: &str) -> Case {
    Case {
        id: format!("{}{axes}", kind.name()),
        pattern: pattern(kind),
        workload: Workload {
            clients,
            topics: 1,
            rate: Rate::per_second(2.0),
            arrivals: ArrivalProcess::Poisson,
            payload: ByteSize::new(100),
            payload_kind: tidings::event::PayloadKind::default(),
            late_after: Span::from_secs(2),
            churn: Rate::per_second(0.0),
            publish: Publish::Target,
            unconnected: tidings::scenario::Unconnected::Fail,
        },
        faults: Faults::default(),
        transport: Transport::default(),
        conditions: Conditions::default(),
    }
}

/// The six patterns at 1,000 clients.
pub(crate) fn six() -> Vec<Case> {
    PatternKind::ALL.into_iter().map(|kind| case(kind, 1000, "")).collect()
}

/// The six patterns at 200 and at 1,000 clients.
pub(crate) fn twelve() -> Vec<Case> {
    let at = |clients: u64| {
        PatternKind::ALL
            .into_iter()
            .map(move |kind| case(kind, clients, &format!(":clients={clients}")))
    };
    at(200).chain(at(1000)).collect()
}

/// A pattern's typical figures: freshness or response in ns, target CPU in ns, wire bytes, memory in bytes per link.
const fn shape(kind: PatternKind) -> (f64, f64, f64, f64) {
    match kind {
        PatternKind::Request => (350e3, 21e3, 640.0, 9_000.0),
        PatternKind::ShortPoll => (500e6, 33e3, 910.0, 8_800.0),
        PatternKind::LongPoll => (6.2e6, 31e3, 780.0, 10_400.0),
        PatternKind::Sse => (3.1e6, 8.4e3, 330.0, 9_900.0),
        PatternKind::WebSocket => (2.9e6, 7.9e3, 310.0, 11_200.0),
        PatternKind::Webhook => (12.5e6, 41e3, 1_020.0, 14_800.0),
    }
}

/// A sound trial of `case` without losses; the same every time.
pub(crate) fn facts(case: &Case, trial: u32) -> TrialFacts {
    let kind = case.pattern.kind();
    let (typical, cpu, bytes, memory) = shape(kind);
    let mut rng = Rng::new(u64::from(trial), kind as u64 * 7919 + case.workload.clients);
    let noise = 1.0 + 0.06 * (rng.unit() - 0.5);
    let clients = case.workload.clients;
    let expected = if kind.delivers() { clients * 2 * WINDOW_S } else { 500 * WINDOW_S };
    let start = 1_000 * SECOND_NS + u64::from(trial) * 100 * SECOND_NS;
    let (mut intervals, mut workers) = (Intervals::default(), Snapshot::default());
    for second in 0..WINDOW_S {
        let mut recorder = Recorder::new();
        let share = expected / WINDOW_S;
        for at in 0..share {
            let u = rng.unit();
            let tail = if u > 0.97 { 4.0 * (u - 0.97) / 0.03 } else { 0.0 };
            let ns = match kind {
                PatternKind::ShortPoll => 2.0 * typical * u,
                _ => typical * noise * (0.4 + 1.2 * u + tail * rng.unit()),
            };
            sample(&mut recorder, kind, ns, &mut rng);
            let due = start + second * SECOND_NS + at * SECOND_NS / share;
            recorder.record_due(due, ns as u64);
        }
        recorder.count(Counter::Received, share);
        recorder.count(Counter::WindowReceived, share);
        let from = start + second * SECOND_NS;
        let snapshot = recorder.snapshot();
        workers.merge(&snapshot);
        let second = Interval { start_ns: from, end_ns: from + SECOND_NS, snapshot };
        intervals.push(&second.pack().unwrap()).unwrap();
    }
    workers.merge(&at_the_end(case, expected, (bytes * expected as f64) as u64, &mut rng));
    let healthy = healthy(Metric::Hiccup);
    workers.merge(&healthy);
    let mut target = published(kind);
    target.merge(&self::healthy(Metric::TargetHiccup));
    TrialFacts {
        scenario: "made-up".to_owned(),
        case: case.clone(),
        trial,
        block: trial,
        profile: Profile::Shared,
        phases: phases(),
        window_start_ns: start,
        workers,
        health: vec![WorkerHealth::new("worker 1".to_owned(), &healthy)],
        target,
        intervals,
        samples: RawSamples::default(),
        resources: resources(start, cpu * noise * expected as f64, memory, clients),
        failure: None,
    }
}

fn phases() -> Phases {
    let (second, window) = (Span::from_secs(1), Span::from_secs(WINDOW_S));
    Phases { connect: second, idle: second, warmup: second, measure: window, drain: second }
}

fn sample(recorder: &mut Recorder, kind: PatternKind, ns: f64, rng: &mut Rng) {
    if kind.delivers() {
        recorder.record(Metric::Freshness, ns as u64);
        recorder.record(Metric::Transit, (ns * 0.97) as u64);
    } else {
        recorder.record(Metric::Response, ns as u64);
        recorder.record(Metric::Service, (ns * 0.9) as u64);
    }
    if matches!(kind, PatternKind::Request | PatternKind::ShortPoll) {
        let most = if kind.delivers() { 60e3 } else { 8e3 };
        let slip = 1e3 + most * rng.unit();
        recorder.record(Metric::Slip, slip as u64);
        recorder.record(Metric::Fired, (slip * 0.8) as u64);
        recorder.record(Metric::Dispatch, (slip * 0.2) as u64);
        recorder.record(Metric::FirstByte, (ns * 0.85) as u64);
        recorder.record(Metric::Reading, (ns * 0.05) as u64);
        recorder.count(Counter::Scheduled, 1);
        recorder.count(Counter::Sent, 1);
        recorder.count(Counter::Answered, 1);
    }
}

/// Measurements that workers report only with their last frame.
fn at_the_end(case: &Case, expected: u64, wire: u64, rng: &mut Rng) -> Snapshot {
    let mut recorder = Recorder::new();
    for _ in 0..case.workload.clients {
        recorder.record(Metric::Connect, (180e3 + 90e3 * rng.unit()) as u64);
    }
    recorder.count(Counter::Connections, case.workload.clients);
    recorder.count(Counter::WindowWireBytes, wire);
    recorder.count(Counter::WindowWireSegments, 2 * expected);
    recorder.count(Counter::WindowWireSent, wire / 2);
    recorder.count(Counter::OpeningWireBytes, 900 * case.workload.clients);
    let mut snapshot = recorder.snapshot();
    snapshot.ledger = Ledger { expected, delivered: expected, ..Ledger::default() };
    snapshot
}

fn published(kind: PatternKind) -> Snapshot {
    let mut recorder = Recorder::new();
    if kind.delivers() {
        recorder.count(Counter::Published, 2 * WINDOW_S);
        for _ in 0..2 * WINDOW_S {
            recorder.record(Metric::PublishSlip, 41_000);
            recorder.record(Metric::Written, 70_000);
        }
    }
    recorder.snapshot()
}

/// The health report of an undisturbed process.
fn healthy(metric: Metric) -> Snapshot {
    let mut recorder = Recorder::new();
    for tick in 0..1_000 * WINDOW_S {
        recorder.record(metric, 40_000 + 97 * (tick % 1_000));
    }
    let window_ns = WINDOW_S * SECOND_NS;
    for (counter, ns) in [
        (Counter::MeterCpu, METER_NS * WINDOW_S),
        (Counter::StealWatched, 2 * window_ns),
        (Counter::ThrottledWatched, window_ns),
        (Counter::RunDelay, window_ns / 1_000),
        (Counter::RunDelayWatched, window_ns),
    ] {
        recorder.count(counter, ns);
    }
    recorder.snapshot()
}

fn resources(start: u64, target_cpu: f64, memory: f64, clients: u64) -> Resources {
    let reading = |second: u64| CpuReading {
        at_ns: start + second * SECOND_NS,
        target_ns: Some(400_000_000 + ((target_cpu / WINDOW_S as f64) as u64 + METER_NS) * second),
        workers_ns: 300_000_000 + (320_000_000 + METER_NS) * second,
    };
    let plateau = |fifth: u64| MemoryReading {
        links: clients * fifth / 5,
        bytes: 4_000_000 + (memory * (clients * fifth / 5) as f64) as u64,
    };
    Resources {
        publish_cpu_ns: None,
        cpu: (0..=WINDOW_S).map(reading).collect(),
        connect_cpu: None,
        idle_cpu: None,
        worker_shards: 1,
        target_shards: 1,
        cores: 2,
        pacing: Pacing::Timerfd,
        gather_ns: 0,
        spun_ns: 0,
        target_memory: (0..=5).map(plateau).collect(),
    }
}

/// A trial that loses the share `lost` of its deliveries.
pub(crate) fn losing(case: &Case, trial: u32, lost: u64) -> TrialFacts {
    let mut facts = facts(case, trial);
    let ledger = &mut facts.workers.ledger;
    ledger.expected += lost;
    ledger.lost += lost;
    facts
}

/// The scenario of `cases`.
pub(crate) fn scenario(cases: Vec<Case>, trials: u32, objectives: &[&str]) -> Scenario {
    Scenario {
        name: "made-up".to_owned(),
        question: "How should 1,000 consumers learn of two events a second?".to_owned(),
        seed: 7,
        trials,
        phases: phases(),
        profile: None,
        floor: false,
        worker: WorkerOptions::default(),
        target: TargetOptions { ring: 1024, ..TargetOptions::default() },
        external: None,
        cases,
        objectives: objectives.iter().map(|&text| text.to_owned()).collect(),
        abort_when: None,
        prices: Prices::default(),
        gate: GateOptions::default(),
    }
}

/// The `run.json` of a complete run of `scenario`.
pub(crate) fn info(scenario: Scenario) -> RunInfo {
    let mut plan = Vec::new();
    for block in 1..=scenario.trials {
        for case in &scenario.cases {
            let case = case.id.clone();
            plan.push(PlannedTrial {
                case,
                trial: block,
                block,
                seed: u64::from(block),
                pacing: Pacing::Timerfd,
            });
        }
    }
    let host = Host {
        name: "host".to_owned(),
        kernel: "Linux 6.1.0 x86_64".to_owned(),
        cpu: "A processor".to_owned(),
        cores: 2,
        memory_bytes: 8 << 30,
        descriptors: 20_000,
        ports: 28_232,
        clock_source: "tsc".to_owned(),
    };
    RunInfo {
        schema_version: SCHEMA_VERSION,
        build: Build {
            build_revision: "0123456789ab".to_owned(),
            build_modified: Some(false),
            build_profile: "release".to_owned(),
            ..Build::this()
        },
        working_directory_revision: Some("fedcba9".to_owned()),
        started_utc: utc(time::OffsetDateTime::UNIX_EPOCH),
        finished_utc: Some(utc(time::OffsetDateTime::UNIX_EPOCH)),
        complete: true,
        stopped_by: None,
        scenario,
        profiles: [Profile::Shared].into(),
        plan,
        host,
        warnings: Vec::new(),
        command: vec!["tidings".to_owned(), "run".to_owned(), "made-up.toml".to_owned()],
    }
}

/// Writes a whole run into `out`: every trial of `info`'s plan, as `change` leaves it.
pub(crate) fn write_run(out: &Path, info: &RunInfo, change: impl Fn(&mut TrialFacts)) -> PathBuf {
    let start = time::OffsetDateTime::UNIX_EPOCH;
    let mut folder = RunFolder::create(out, &info.scenario.name, start, "host").unwrap();
    folder.write_info(info).unwrap();
    let cases: BTreeMap<_, _> = info.scenario.cases.iter().map(|case| (&case.id, case)).collect();
    for planned in &info.plan {
        let mut facts = facts(cases[&planned.case], planned.trial);
        change(&mut facts);
        folder.append(&facts, &judged(&facts)).unwrap();
    }
    folder.path().to_owned()
}

/// The row of a trial with the verdict that it deserves.
pub(crate) fn judged(facts: &TrialFacts) -> TrialRecord {
    let (verdict, reasons) = verdict(facts);
    TrialRecord::new(facts, verdict, reasons).priced(&Prices::default())
}
