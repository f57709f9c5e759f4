//! Plans of real and synthetic scenarios for synthetic hosts.

use std::path::{Path, PathBuf};

use super::*;
use crate::pace::Pacing;
use crate::scenario::{self, Connection, Pattern, PatternKind, Transport};

fn host(cores: u32, descriptors: u64) -> Host {
    Host {
        name: "test".to_owned(),
        kernel: String::new(),
        cpu: String::new(),
        cores,
        memory_bytes: 4 << 30,
        descriptors,
        ports: 28_232,
        clock_source: String::new(),
    }
}

fn scenario(sets: &[&str]) -> Scenario {
    let text = "floor = false\nquestion = \"Which?\"\npatterns = [\"request\", \"short-poll\", \"sse\", \"webhook\"]\n\
        [workload]\nclients = 1000\nrate = \"5/s\"\n";
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    scenario::parse(text, "x.toml", &sets, &|_| None).unwrap()
}

fn plan(sets: &[&str]) -> Plan {
    Plan::new(scenario(sets), &host(8, 20_000)).unwrap()
}

#[test]
fn a_layout_counts_descriptors_and_shares_cores() {
    let plan = plan(&[]);
    let sse = &plan.layouts[2];
    assert_eq!((sse.workers, sse.worker_shards, sse.target_shards), (1, 4, 4));
    assert_eq!((sse.worker_descriptors, sse.target_descriptors, sse.ports), (1_064, 1_064, 1_000));
    let webhook = &plan.layouts[3];
    assert_eq!((webhook.worker_descriptors, webhook.target_descriptors), (2_064, 2_064));
    let publishing = self::plan(&["workload.publish=clients"]);
    let sse = &publishing.layouts[2];
    assert_eq!((sse.worker_descriptors, sse.target_descriptors, sse.ports), (2_064, 2_064, 2_000));
    assert_eq!(publishing.layouts[0], plan.layouts[0], "a request has no events");
    let one_core = Plan::new(scenario(&[]), &host(1, 20_000)).unwrap();
    assert_eq!((one_core.layouts[0].worker_shards, one_core.layouts[0].target_shards), (1, 1));
}

#[test]
fn the_scenarios_processes_and_shards_are_used() {
    let plan = plan(&["worker.processes=3", "worker.shards=2", "target.shards=5"]);
    let layout = &plan.layouts[0];
    assert_eq!((layout.workers, layout.worker_shards, layout.target_shards), (3, 2, 5));
    assert_eq!(layout.worker_descriptors, 334 + 64);
    assert_eq!(plan.segments(0), [0..333, 333..666, 666..1000]);
    assert_eq!(plan.plateaus(0)[2], [66, 133, 200, 267, 334]);
}

#[test]
fn workers_spin_where_cores_are_spare_or_the_scenario_says_so() {
    for (cores, sets, pacing) in [
        (8, &["worker.shards=3"][..], Pacing::Spin),
        (8, &[], Pacing::Timerfd),
        (3, &[], Pacing::Spin),
        (2, &[], Pacing::Timerfd),
        (2, &["worker.spin=true"], Pacing::Spin),
        (3, &["worker.spin=false"], Pacing::Timerfd),
        (3, &["worker.spin=\"auto\"", "worker.processes=2"], Pacing::Timerfd),
        (3, &["worker.gather=1ms"], Pacing::Timerfd),
    ] {
        let plan = Plan::new(scenario(sets), &host(cores, 20_000)).unwrap();
        assert_eq!(plan.layouts[0].pacing, pacing, "{cores} cores, {sets:?}");
    }
}

#[test]
fn cores_are_shared_by_several_workers() {
    assert_eq!(plan(&["worker.processes=2"]).layouts[0].worker_shards, 2);
    assert_eq!(plan(&["worker.processes=9"]).layouts[0].worker_shards, 1);
}

#[test]
fn a_layout_too_large_is_refused_with_figures_and_remedy() {
    for (sentence, sets, descriptors, expected) in [
        (
            "too many links for the target",
            &["workload.clients=9000"][..],
            4_096,
            "case request needs 9,064 file descriptors in the target; the limit is 4,096: lower workload.clients to at \
             most 4032, or raise `ulimit -n`",
        ),
        (
            "a webhook takes two each",
            &["workload.clients=3000"],
            4_096,
            "case webhook needs 6,064 file descriptors in the target; the limit is 4,096: lower workload.clients to at \
             most 2016, or raise `ulimit -n`",
        ),
        (
            "not even one link fits",
            &["workload.clients=10"],
            64,
            "case request needs 74 file descriptors in the target; the limit is 64: raise `ulimit -n`",
        ),
        (
            "more workers than links",
            &["workload.clients=2", "worker.processes=3"],
            4_096,
            "case request has 2 clients for 3 worker processes: lower worker.processes to at most 2, or raise workload.clients",
        ),
        (
            "more memory than there is",
            &["workload.clients=10k", "workload.topics=per-client", "workload.payload=256KiB"],
            1_000_000,
            "case short-poll needs about 159 GiB of memory; the host has 4 GiB: lower workload.clients, workload.topics, \
             workload.payload or target.ring",
        ),
    ] {
        let error = Plan::new(scenario(sets), &host(2, descriptors)).unwrap_err();
        assert_eq!(error.to_string(), expected, "{sentence}");
    }
    let narrow = Host { ports: 500, ..host(2, 20_000) };
    let error = Plan::new(scenario(&[]), &narrow).unwrap_err().to_string();
    assert!(error.contains("needs 1,000 client ports per address; the host has 500"), "{error}");
}

#[test]
fn time_is_every_phase_of_every_trial() {
    let phases = [
        "phases.connect=1s",
        "phases.idle=600ms",
        "phases.warmup=2s",
        "phases.measure=4s",
        "phases.drain=3s",
    ];
    let plan = plan(&[&phases[..], &["trials=2", "short-poll.interval=500ms"]].concat());
    assert_eq!(plan.trial_ns(2), 8_200_000_000);
    assert_eq!(plan.trial_ns(1), 8_500_000_000, "a short poll waits for its last interval");
    assert_eq!(plan.duration_ns(), 2 * (3 * 8_200_000_000 + 8_500_000_000));
    assert_eq!(plan.duration_ns_max(), 8 * 11_000_000_000);
    assert_eq!(plan.window(), 2_000_000_000..6_000_000_000);
}

#[test]
fn the_cases_of_a_block_get_the_same_events_and_requests_none() {
    let plan = plan(&[]);
    let events = |trial: &PlannedTrial| -> Vec<u64> { plan.schedule(trial).topic(0).collect() };
    let of = |block, case| plan.trials.iter().find(|t| t.block == block && t.case == case).unwrap();
    assert!(!events(of(1, 1)).is_empty());
    assert_eq!(events(of(1, 1)), events(of(1, 3)));
    assert_ne!(events(of(1, 1)), events(of(2, 1)));
    assert!(events(of(1, 0)).is_empty());
    assert!(events(of(1, 1)).iter().all(|at| *at < plan.window().end));
}

#[test]
fn an_id_too_long_for_its_column_has_its_own_line() {
    let plan = plan(&["sweep.request.mix=[{create=1,read=2,replace=3,delete=4,list=5}]"]);
    let text = plan.text(usize::MAX);
    let row = "   1  request:mix=create1-read2-replace3-delete4-list5\n                     1000        -   1000/s";
    assert!(text.contains(row), "{text}");
}

#[test]
fn the_text_fits_a_screen_and_has_the_essentials() {
    let long = "sweep.\"short-poll.interval\"=[\"1234567us\",\"100ms\"]";
    let plan = plan(&[long, "trials=40", "objectives=[\"reach >= 1\"]"]);
    let text = plan.text(usize::MAX);
    assert!(
        text.lines().all(|line| line.chars().count() <= 100 && line.trim_end() == line),
        "{text}"
    );
    for part in [
        "x: 5 cases × 40 trials = 200 trials, about ",
        "Which?",
        "   2  short-poll:interval=1.234567s     1000        1      5/s    128B         5000     810\n",
        "   1  request                           1000        -   1000/s    128B            -    1000\n",
        "  block 40  ",
        "1 target of 4 shards, 1 worker of 4 shards",
        "2064 in the target, 2064 in a worker",
        "reach >= 1",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

#[test]
fn every_shipped_scenario_fits_two_cores_and_its_time() {
    let bounds_s = [
        ("ci-latency", 50),
        ("ci-smoke", 20),
        ("connections", 180),
        ("delivery", 320),
        ("duplex", 160),
        ("fanout", 180),
        ("gate", 12),
        ("network", 318),
        ("per-client", 180),
        ("poll-intervals", 250),
        ("quickstart", 117),
        ("quiet", 170),
        ("reconnect", 180),
        ("request-response", 180),
        ("slow-consumers", 180),
        ("thousands", 150),
        ("tls", 240),
        ("webhook-isolation", 150),
        ("webhook-outage", 240),
    ];
    let files = shipped();
    assert_eq!(files.len(), bounds_s.len(), "every scenario has a bound: {files:?}");
    for (path, (name, bound_s)) in files.iter().zip(bounds_s) {
        let scenario = scenario::load(path, &[]).unwrap();
        assert_eq!(scenario.name, name);
        let plan = Plan::new(scenario, &host(2, 20_000)).unwrap();
        let expected = Span::from_ns(plan.duration_ns());
        assert!(expected <= Span::from_secs(bound_s), "{name} takes {expected}");
        for trial in &plan.trials {
            let case = &plan.scenario.cases[trial.case];
            assert_eq!(plan.layouts[trial.case].workers, 1, "{}", case.id);
            let (schedule, window) = (plan.schedule(trial), plan.window());
            let mut topics = 0..case.workload.topics;
            let due = topics.any(|topic| !schedule.sequences(topic, &window).is_empty());
            let any = case.pattern.kind() == PatternKind::Request || due;
            assert!(any, "{} has no event in its window in block {}", case.id, trial.block);
        }
        for PlannedFloor { plan, .. } in &plan.floors {
            let (case, trial) = (&plan.scenario.cases[0], &plan.trials[0]);
            let (schedule, window) = (plan.schedule(trial), plan.window());
            let mut topics = 0..case.workload.topics;
            let due = topics.any(|topic| !schedule.sequences(topic, &window).is_empty());
            let any = case.pattern.kind() == PatternKind::Request || due;
            assert!(any, "{} has no event in its window", case.id);
        }
    }
}

#[test]
fn quickstart_and_thousands_hold_what_they_promise() {
    let load = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
        scenario::load(&path, &[]).unwrap()
    };
    for (name, clients, trials) in [("quickstart.toml", 1_000, 3), ("thousands.toml", 5_000, 1)] {
        let scenario = load(name);
        let kinds: Vec<_> = scenario.cases.iter().map(|case| case.pattern.kind()).collect();
        assert_eq!(kinds, PatternKind::ALL, "{name}");
        assert!(scenario.cases.iter().all(|case| case.workload.clients == clients), "{name}");
        assert_eq!(scenario.trials, trials, "{name}");
    }
}

#[test]
fn each_workload_has_a_floor_for_its_responses_and_one_for_its_deliveries() {
    let of = |sets: &[&str]| -> Vec<(Vec<usize>, &'static str)> {
        let floors = plan(sets).floors;
        let mut floors: Vec<_> =
            floors.iter().map(|floor| (floor.cases.clone(), floor.metric().name())).collect();
        floors.sort();
        floors
    };
    let (response, freshness) = ("response", "freshness");
    assert_eq!(of(&["floor=true"]), [(vec![0], response), (vec![1, 2, 3], freshness)]);
    assert_eq!(of(&["floor=false"]), []);
    assert_eq!(
        of(&["floor=true", "sweep.clients=[10, 20]", "patterns=[\"request\", \"sse\"]"]),
        [(vec![0], response), (vec![1], response), (vec![2], freshness), (vec![3], freshness)]
    );
    assert_eq!(
        of(&["floor=true", "sweep.\"short-poll.interval\"=[\"1s\", \"2s\"]"]),
        [(vec![0], response), (vec![1, 2, 3, 4], freshness)],
        "a pattern's own option is nothing to the null target"
    );
    assert_eq!(
        of(&["floor=true", "sweep.request.rate=[\"1/s\", \"2/s\"]", "patterns=[\"request\"]"]),
        [(vec![0], response), (vec![1], response)]
    );
}

#[test]
fn cases_that_differ_in_their_transport_share_a_plain_floor() {
    let plan = plan(&[
        "floor=true",
        "patterns=[\"request\", \"sse\"]",
        "sweep.transport.tls=[true, false]",
        "sweep.request.connection=[\"per-request\", \"websocket\", \"keep-alive\"]",
    ]);
    assert_eq!(plan.scenario.cases.len(), 8);
    assert_eq!(plan.floors.iter().map(|floor| floor.cases.len()).sum::<usize>(), 8);
    assert_eq!(plan.floors.len(), 2, "one of responses, one of deliveries");
    for floor in &plan.floors {
        let case = &floor.plan.scenario.cases[0];
        assert_eq!(case.transport, Transport::default(), "{}", case.id);
        if let Pattern::Request(options) = &case.pattern {
            assert_eq!(options.connection, Connection::KeepAlive);
        }
    }
}

#[test]
fn floors_are_short_trials_of_the_same_load_within_the_first_block() {
    for seed in 1..20 {
        let plan = plan(&["floor=true", "trials=3", &format!("seed={seed}")]);
        assert_eq!(plan.trials.len(), 12, "floors are none of the trials");
        assert!(plan.trials.iter().all(|trial| !trial.null));
        assert!(plan.floors.is_sorted_by_key(|floor| floor.after_trials));
        for floor in &plan.floors {
            assert!(floor.after_trials <= 4, "after {}", floor.after_trials);
            let own = &floor.plan;
            assert!(own.trials.len() == 1 && own.trials[0].null && own.floors.is_empty());
            assert_eq!(own.trials[0].seed, plan.trials[0].seed, "the events of the first block");
            let workload = plan.scenario.cases[floor.cases[0]].workload;
            assert_eq!(own.scenario.cases[0].workload, workload);
            assert_eq!(own.layouts[0].worker_shards, plan.layouts[floor.cases[0]].worker_shards);
        }
    }
    let places = |seed: &str| {
        let plan = plan(&["floor=true", seed]);
        plan.floors.iter().map(|floor| floor.after_trials).collect::<Vec<_>>()
    };
    let seeds: Vec<String> = (1..20).map(|seed| format!("seed={seed}")).collect();
    assert!(seeds.iter().any(|seed| places(seed) != places("seed=1")), "random places");
}

#[test]
fn a_floor_is_as_short_as_its_events_allow_and_never_longer_than_a_trial() {
    let window = |sets: &[&str]| {
        let plan = plan(&[&["floor=true", "patterns=[\"sse\"]"], sets].concat());
        let phases = plan.floors[0].plan.scenario.phases;
        (phases.warmup.ns() / 1_000_000, phases.measure.ns() / 1_000_000)
    };
    for (sentence, sets, expected) in [
        ("two seconds after half a one", &[][..], (500, 2_000)),
        ("five events in the mean", &["workload.rate=1/s"], (500, 5_000)),
        ("over all topics", &["workload.rate=1/s", "workload.topics=10"], (500, 2_000)),
        (
            "as the trials, where they are short",
            &["workload.rate=2/s", "phases.measure=1s"],
            (500, 1_000),
        ),
        ("and their warm-up", &["phases.warmup=100ms"], (100, 2_000)),
    ] {
        assert_eq!(window(sets), expected, "{sentence}");
    }
}

#[test]
fn the_text_and_the_time_include_the_floors() {
    let (without, with) = (plan(&[]), plan(&["floor=true"]));
    assert!(!without.text(usize::MAX).contains("floor"), "{}", without.text(usize::MAX));
    let floors: u64 = with.floors.iter().map(|floor| floor.plan.duration_ns()).sum();
    assert!(floors > 2 * 2_500_000_000);
    assert_eq!(with.duration_ns(), without.duration_ns() + floors);
    assert!(with.duration_ns_max() > without.duration_ns_max() + floors);
    let text = with.text(usize::MAX);
    for part in [
        "Noise floor: the same load against a null target, run within block 1\n",
        "response   measure 2s, for cases 1\n",
        "freshness  measure 2s, for cases 2 3 4\n",
        "= 12 trials",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let block: Vec<&str> = text.lines().filter(|line| line.starts_with("  block")).collect();
    assert!(block[0].contains("F1") && block[0].contains("F2"), "{text}");
    assert!(!block[1].contains('F') && !block[2].contains('F'), "{text}");
}

#[test]
fn what_comes_less_often_than_the_window_is_long_is_named() {
    let told = |sets: &[&str]| -> String {
        let text = plan(sets).text(usize::MAX);
        let after = text.split_once("Intervals longer than the window\n");
        let lines = after.map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
        lines.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let all = "patterns=[\"short-poll\", \"long-poll\", \"sse\", \"websocket\", \"webhook\"]";
    let quiet = [
        "workload.rate=1/m",
        "workload.topics=per-client",
        "workload.clients=2000",
        "short-poll.interval=20s",
    ];
    for (what, sets, lines) in [
        (
            "a window that holds all of them",
            vec!["phases.measure=31s", "short-poll.interval=1s"],
            vec![],
        ),
        (
            "each by its rate",
            [&quiet[..], &["phases.measure=5s"]].concat(),
            vec![
                "long-poll holds that run out, every 30s per client: about 257 in a window of 5s, spread evenly: costs",
                "short-poll polls, every 20s per client: about 500 in a window of 5s, spread evenly",
                "sse heartbeats, every 15s per client: about 587 in a window of 5s, spread evenly",
                "websocket pings, every 25s per client: about 400 in a window of 5s, spread evenly",
            ],
        ),
        (
            "a busy stream, on which heartbeats never come due",
            vec!["workload.rate=20/s", "phases.measure=5s", "short-poll.interval=1s"],
            vec!["websocket pings, every 25s per client"],
        ),
        (
            "few clients",
            vec![
                "workload.rate=6/m",
                "workload.topics=per-client",
                "workload.clients=3",
                "phases.measure=5s",
                "short-poll.interval=1s",
            ],
            vec![
                "sse heartbeats, every 15s per client: only about 0.431 in a window of 5s, so CPU",
                "websocket pings, every 25s per client: only about 0.6 in a window of 5s, so CPU and bytes depend on \
                 chance. Lengthen phases.measure to 25s, or add clients",
            ],
        ),
    ] {
        let text = told(&[&[all][..], &sets].concat());
        assert_eq!(text.is_empty(), lines.is_empty(), "{what}: {text}");
        assert!(!text.contains("0.0000"), "{what}: what never comes is not told: {text}");
        for line in lines {
            assert!(text.contains(line), "{what}: '{line}' is missing in\n{text}");
        }
    }
}
