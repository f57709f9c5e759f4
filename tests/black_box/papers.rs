//! The scenarios of published tables (`scenarios/papers/`): what must hold by arithmetic, in runs that are cut down in time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidings::scenario::{self, PAPERS, Pattern, PatternKind, Scenario};

use crate::external_support::{Program, are_here, assert_whole, count};
use crate::support::{Bench, UNSTEADY, only_noise_and, text};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/papers");

fn file(name: &str) -> PathBuf {
    PathBuf::from(format!("{FOLDER}/{name}.toml"))
}

/// A run of a paper's scenario with these settings: it succeeds, but for the machine's noise.
fn run(name: &str, settings: &[&str]) -> Vec<BTreeMap<String, String>> {
    let bench = Bench::new(&fs::read_to_string(file(name)).unwrap());
    let settings: Vec<&str> = settings.iter().flat_map(|set| ["--set", set]).collect();
    let output = bench.run(&settings);
    only_noise_and(&bench.results(), &output, &UNSTEADY);
    bench.trials()
}

/// The cases of a paper's scenario, resolved.
fn planned(name: &str) -> Scenario {
    scenario::load(&file(name), &[]).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_paper_is_planned_and_has_a_claim_a_figure_and_a_verdict() {
    let readme = fs::read_to_string(format!("{FOLDER}/README.md")).unwrap();
    for paper in PAPERS {
        let mut plan = Command::new(env!("CARGO_BIN_EXE_tidings"));
        let output = plan.args(["plan", paper.name]).current_dir(std::env::temp_dir()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}: {}", paper.name, text(&output.stderr));
        let link = format!("]({}.toml)", paper.name);
        assert!(readme.contains(&link), "scenarios/papers/README.md does not name {}", paper.name);
    }
    // Every row of a table of claims ends with one of the three verdicts.
    let heads = readme.matches("| their claim | theirs | ours | verdict |").count();
    assert_eq!(heads, 4, "one table for each paper");
    let verdicts = ["agrees", "disagrees", "cannot tell"];
    let mut rows = 0;
    for table in readme.split("| their claim | theirs | ours | verdict |\n").skip(1) {
        for row in table.lines().skip(1).take_while(|line| line.starts_with('|')) {
            let verdict = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
            assert!(verdicts.contains(&verdict), "'{verdict}': {row}");
            rows += 1;
        }
    }
    assert!(rows >= 8, "{rows} claims");
}

#[test]
fn shopwares_calls_are_its_events_and_a_fifth_more() {
    // A fifth of the window: 501 events for each of 8 applications, of which every fifth is refused once.
    let trials = run(
        "webhooks-shopware",
        &[
            "trials=1",
            "phases.measure=1s",
            "webhook.timeout=1m",
            "webhook.backoff=10ms",
            "webhook.receiver.slow=5ms",
            "webhook.receiver.slow_max=10ms",
        ],
    );
    assert_eq!(trials.len(), 2);
    for row in &trials {
        for (column, expected) in [
            ("expected", 4_008),
            ("delivered", 4_008),
            ("refused_attempts", 800),
            ("retries", 800),
            ("attempts", 4_808),
            ("lost", 0),
            ("duplicate", 0),
            ("duplicate_attempts", 0),
            ("dead_letters", 0),
        ] {
            assert_eq!(count(row, column), expected, "{column}: {row:?}");
        }
    }
    // The whole of it, by the same arithmetic: 8 × 2,505 events, and 8 × 501 of them twice.
    let scenario = planned("webhooks-shopware");
    for case in &scenario.cases {
        let events = case.workload.rate.per_s() * scenario.phases.measure.secs();
        assert!((events - 2_505.0).abs() < 1e-6, "{events}");
        assert_eq!(case.workload.clients * (2_505 + 2_505 / 5), 24_048);
    }
}

#[test]
fn long_polls_fall_behind_once_a_round_trip_is_longer_than_the_interval() {
    let of = |latency: &str, patterns: &str| {
        let (latency, patterns) =
            (format!("network.latency={latency}"), format!("patterns={patterns}"));
        let shorter = ["trials=1", "floor=false", "workload.clients=5", "phases.measure=3s"];
        let drain = ["phases.warmup=500ms", "phases.drain=20s"];
        run("latency-websocket", &[&shorter[..], &drain, &[&latency, &patterns]].concat())
    };
    // Polls at intervals cannot be sent in time where a round trip is longer, which makes their trials invalid.
    let (all, without) =
        (r#"["short-poll", "long-poll", "websocket"]"#, r#"["long-poll", "websocket"]"#);
    for (latency, patterns, count_of) in [("1ms", all, 3), ("250ms", without, 2)] {
        let trials = of(latency, patterns);
        assert_eq!(trials.len(), count_of);
        for row in &trials {
            assert_whole(row);
            assert_eq!(count(row, "expected"), 5 * 12, "4 per second for 3 s: {row:?}");
            // No more than one answer per round trip of 500 ms, which brings two updates: a pause makes them fewer still.
            if row["pattern"] == "long-poll" && latency == "250ms" {
                let answers = count(row, "requests");
                assert!(answers <= 5 * 7, "{answers}: {row:?}");
            }
        }
    }
    // The swept latencies lie on both sides of half the interval, and none at it.
    let planned = planned("latency-websocket");
    let half = planned.cases[0].workload.rate.per_s().recip() / 2.0;
    let latencies = planned.cases.iter().map(|case| case.conditions.network.latency.secs());
    let below = latencies.clone().filter(|latency| *latency < half).count();
    assert_eq!((below, latencies.filter(|latency| *latency > half).count()), (6, 6));
}

#[test]
fn the_limit_of_users_lies_between_those_that_are_swept() {
    let scenario = planned("open-data-users");
    let limits = scenario.cases.iter().map(|case| {
        let Pattern::ShortPoll(options) = &case.pattern else { panic!() };
        options.interval.ns() / case.faults.service.unwrap().time.ns()
    });
    assert!(limits.eq([800; 3]), "requests/s × age");
    let clients: Vec<u64> = scenario.cases.iter().map(|case| case.workload.clients).collect();
    assert!(clients[0] < 800 && clients[1] < 800 && clients[2] > 800, "{clients:?}");
    // Of fewer users than it can serve, each has every update.
    let trials = run(
        "open-data-users",
        &[
            "trials=1",
            "workload.clients=10",
            "phases.measure=2s",
            "phases.drain=20s",
            "short-poll.interval=1s",
            "faults.service=25ms",
        ],
    );
    assert_whole(&trials[0]);
    assert_eq!(count(&trials[0], "expected"), 10 * 2, "{:?}", trials[0]);
}

#[test]
fn the_readers_of_a_document_get_its_newest_state_by_node_nginx_and_stream() {
    const NEEDED: [Program; 2] =
        [Program { variable: "NGINX", name: "nginx" }, Program { variable: "NODE", name: "node" }];
    if !are_here("polls of a document through nginx", &NEEDED) {
        return;
    }
    let trials = run(
        "open-data",
        &["trials=1", "workload.clients=5", "phases.connect=200ms", "phases.drain=30s"],
    );
    let patterns: Vec<&str> = trials.iter().map(|row| row["pattern"].as_str()).collect();
    assert_eq!(trials.len(), 2, "{patterns:?}");
    for row in &trials {
        // Two updates in 10 s; who misses one has the next.
        assert_eq!(count(row, "expected"), 5 * 2, "{row:?}");
        let superseded = count(row, "superseded");
        assert_eq!(count(row, "delivered") + superseded, 10, "{row:?}");
        for none in ["lost", "duplicate", "errors"] {
            assert_eq!(count(row, none), 0, "{none}: {row:?}");
        }
    }
}

#[test]
fn a_named_port_is_shown_where_a_url_names_it() {
    let mut plan = Command::new(env!("CARGO_BIN_EXE_tidings"));
    let output = plan.args(["plan", "--explain"]).arg(file("open-data")).output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for host in ["host: 127.0.0.1:<port:nginx>", "host: 127.0.0.1:<port:node>"] {
        assert!(said.contains(host), "{host}: {said}");
    }
}

#[test]
fn the_stream_of_durable_streams_reaches_all_of_its_readers() {
    const SHORT: [&str; 6] = [
        "trials=1",
        "floor=false",
        "workload.clients=10",
        "phases.warmup=0s",
        "phases.measure=1s",
        "phases.drain=20s",
    ];
    let built_in = run("durable-streams-builtin", &SHORT);
    let mut trials = vec![built_in];
    let server = Program { variable: "DURABLE_STREAMS_SERVER", name: "durable-streams-server" };
    if are_here("durable-streams, of its authors", &[server]) {
        trials.push(run("durable-streams", &SHORT));
    }
    for row in trials.iter().flatten() {
        assert_whole(row);
        assert_eq!(count(row, "expected"), 10 * 50, "{row:?}");
        assert_eq!(row["pattern"], PatternKind::Sse.name());
    }
}

/// A server whose document says how long it may be kept, and which counts how often it is asked for it.
fn document(cache_control: &'static str) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&asked);
    // The threads end with their connections, and the last with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || answer(stream, cache_control, &counted));
        }
    });
    (address, asked)
}

fn answer(stream: TcpStream, cache_control: &str, asked: &AtomicU64) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap_or(0) > 2 {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            head.push_str(&std::mem::take(&mut line));
        }
        if head.is_empty() {
            return;
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        asked.fetch_add(u64::from(head.starts_with("GET ")), Ordering::Relaxed);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncache-control: {cache_control}\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn a_poller_with_a_cache_asks_again_only_when_its_answer_has_expired() {
    for (cache, cache_control, once) in [
        ("true", "max-age=3600", true),
        ("true", "no-store", false),
        ("false", "max-age=3600", false),
    ] {
        let (address, asked) = document(cache_control);
        let bench = Bench::new(&format!(
            r#"question = "Is it asked for again?"
patterns = ["short-poll"]
trials = 1
floor = false
[workload]
clients = 3
rate = "2/s"
[phases]
connect = "50ms"
idle = "0s"
warmup = "500ms"
measure = "1s"
drain = "1s"
[short-poll]
interval = "50ms"
cache = {cache}
[target]
url = "http://{address}"
semantics = "latest"
[target.publish]
request = "POST /"
body = "{{{{event}}}}"
[target.short-poll]
request = "GET /"
"#
        ));
        bench.run(&[]);
        let asked = asked.load(Ordering::Relaxed);
        // To stand, and once more when the polls begin.
        let what = format!("{asked} times with cache = {cache} and {cache_control}");
        if once {
            assert_eq!(asked, 3 * 2, "{what}");
        } else {
            assert!(asked > 3 * 2, "{what}");
        }
    }
}
