//! Scenarios as their users meet them: files in, scenarios or messages out.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A good file; the tables of bad ones change one thing of it.
const GOOD: &str = r#"question = "Which?"
patterns = ["request", "short-poll", "webhook"]
trials = 2

[workload]
clients = "1k"
rate = "5/s"

[short-poll]
interval = "500ms"
"#;

fn read(text: &str, sets: &[&str]) -> Result<Scenario, String> {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    parse(text, "dir/x.toml", &sets, &|name| (name == "CLIENTS").then(|| "70".to_owned()))
        .map_err(|error| error.to_string())
}

fn ids(scenario: &Scenario) -> Vec<&str> {
    scenario.cases.iter().map(|case| case.id.as_str()).collect()
}

#[test]
fn a_good_file_becomes_a_scenario() {
    let scenario = read(GOOD, &[]).unwrap();
    assert_eq!((scenario.name.as_str(), scenario.trials, scenario.seed), ("x", 2, 1));
    assert_eq!(scenario.profile, None, "left to the run");
    assert_eq!(read(GOOD, &["profile=dedicated"]).unwrap().profile, Some(Profile::Dedicated));
    assert!(scenario.floor && !read(GOOD, &["floor=false"]).unwrap().floor);
    assert_eq!(ids(&scenario), ["request", "short-poll", "webhook"]);
    let poll = &scenario.cases[1];
    assert_eq!((poll.workload.clients, poll.workload.topics), (1_000, 1));
    let Pattern::ShortPoll(options) = &poll.pattern else { panic!("{poll:?}") };
    assert_eq!((options.interval.ns(), options.limit), (500_000_000, 100));
    let Pattern::Request(options) = &scenario.cases[0].pattern else { panic!() };
    assert!((options.rate.per_s() - 1_000.0).abs() < 1e-9, "one request a second a client");
    assert!(scenario.cases[0].workload.rate.per_s() == 0.0, "no events beside requests");
}

#[test]
fn a_scenario_survives_its_way_through_a_file() {
    let text = GOOD.replace("\"500ms\"", "\"1.234567s\"").replace("\"5/s\"", "\"7/m\"");
    let scenario = read(&text, &["request.rate=12345.5/s"]).unwrap();
    let json = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario);
}

/// `(line to write in place of …, … this one, the message)`; an empty second part appends the first.
const BAD_LINES: [(&str, &str, &str); 56] = [
    (
        "clinets = 5",
        "clients = \"1k\"",
        "dir/x.toml:6: unknown key 'clinets' in [workload]; did you mean 'clients'?",
    ),
    ("[worklaod]", "[workload]", "dir/x.toml:5: unknown key 'worklaod'; did you mean 'workload'?"),
    (
        "zzz = 1",
        "trials = 2",
        "dir/x.toml:3: unknown key 'zzz'; known are question, name, patterns, trials, seed, objectives, profile, floor, phases, target, worker, reconnect, restart, consumers, network, workload, transport, request, short-poll, long-poll, sse, websocket, webhook, faults, sweep",
    ),
    (
        "intervall = \"1s\"",
        "interval = \"500ms\"",
        "dir/x.toml:10: unknown key 'intervall' in [short-poll]; did you mean 'interval'?",
    ),
    ("clients = 0", "clients = \"1k\"", "dir/x.toml:6: workload.clients = 0: must be at least 1"),
    (
        "clients = -5",
        "clients = \"1k\"",
        "dir/x.toml:6: workload.clients: '-5' is not a whole number, such as 1000, \"10k\" or \"2.5M\"",
    ),
    (
        "clients = 1.5",
        "clients = \"1k\"",
        "dir/x.toml:6: workload.clients: '1.5' is not a whole number, such as 1000, \"10k\" or \"2.5M\"",
    ),
    (
        "clients = \"10q\"",
        "clients = \"1k\"",
        "dir/x.toml:6: workload.clients: '10q' is not a whole number, such as 1000, \"10k\" or \"2.5M\"",
    ),
    (
        "clients = \"11M\"",
        "clients = \"1k\"",
        "dir/x.toml:6: workload.clients = 11000000 exceeds the limit of 10000000; lower it",
    ),
    (
        "",
        "clients = \"1k\"",
        "dir/x.toml:5: workload.clients is missing; write clients = 1000 in [workload], or sweep it",
    ),
    (
        "",
        "rate = \"5/s\"",
        "dir/x.toml:5: workload.rate is missing; write rate = \"5/s\" in [workload], or sweep it",
    ),
    (
        "rate = 5",
        "rate = \"5/s\"",
        "dir/x.toml:7: workload.rate: '5' is not a rate: write a number with /s, /m or /h, such as \"50/s\", \"10k/s\" or \"1/10s\"",
    ),
    (
        "rate = \"0/s\"",
        "rate = \"5/s\"",
        "dir/x.toml:7: workload.rate = 0/s: without events there is nothing to deliver; raise it",
    ),
    (
        "rate = \"1/h\"",
        "rate = \"5/s\"",
        "dir/x.toml:7: workload.rate: 0.00278 events are due in a measure phase of 10s; raise the rate, or phases.measure",
    ),
    (
        "rate = \"100M/s\"",
        "rate = \"5/s\"",
        "dir/x.toml:7: workload.rate: 1300M events per trial exceed the limit of 50M; lower the rate, or phases.measure",
    ),
    (
        "rate = \"5/s\"\ntopics = 1001",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.topics = 1001, but only 1000 clients: topics without a subscriber deliver nothing; lower topics to at most 1000, or write \"per-client\"",
    ),
    (
        "rate = \"5/s\"\ntopics = 0",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.topics = 0: must be at least 1",
    ),
    (
        "rate = \"5/s\"\ntopics = \"per-clint\"",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.topics: string \"per-clint\" is not a whole number, such as 1, or \"per-client\"",
    ),
    (
        "rate = \"5/s\"\npayload = \"1B\"",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.payload = 1B is not between 2B and 256KiB",
    ),
    (
        "rate = \"5/s\"\npayload = \"257KiB\"",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.payload = 257KiB is not between 2B and 256KiB",
    ),
    (
        "rate = \"5/s\"\npayload_kind = \"record\"",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.payload_kind: 'record' is not one of text, records, unicode; did you mean 'records'?",
    ),
    (
        "rate = \"5/s\"\npayload = \"16B\"\npayload_kind = \"records\"",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.payload = 16B: with payload_kind = \"records\" the least is 22B",
    ),
    (
        "rate = \"5/s\"\n[network]\nlatency = \"1s\"\njitter = \"1ms\"",
        "rate = \"5/s\"",
        "dir/x.toml:9: network.latency = 1s with network.jitter = 1ms exceeds 1s one way; shorten it",
    ),
    (
        "rate = \"5/s\"\n[phases]\ndrain = \"3s\"\n[network]\nlatency = \"500ms\"\njitter = \"500ms\"",
        "rate = \"5/s\"",
        "dir/x.toml:11: network.latency = 500ms with network.jitter = 500ms: two round trips take up to 4s, longer than phases.drain = 3s, so what is due last would count as lost; lengthen the drain",
    ),
    (
        "rate = \"5/s\"\n[network]\nlatency = \"500ms\"\n[webhook]\ntimeout = \"900ms\"",
        "rate = \"5/s\"",
        "dir/x.toml:11: webhook.timeout = 900ms: with network.latency = 500ms and network.jitter = 0ns the response takes up to 1s; lengthen it",
    ),
    (
        "rate = \"5/s\"\n[network]\nloss = 1",
        "rate = \"5/s\"",
        "dir/x.toml:9: network.loss = 1: must be between 0 and 0.2, such as 0.01 for one packet in 100",
    ),
    (
        "rate = \"5/s\"\n[network]\nbandwidth = \"1Tbit/s\"",
        "rate = \"5/s\"",
        "dir/x.toml:9: network.bandwidth: '1Tbit/s' is not a bandwidth: write a number with bit/s, kbit/s, Mbit/s or Gbit/s, such as \"10Mbit/s\"",
    ),
    (
        "rate = \"5/s\"\n[network]\nbandwidth = \"100bit/s\"",
        "rate = \"5/s\"",
        "dir/x.toml:9: network.bandwidth = 100bit/s is not between 1kbit/s and 100Gbit/s",
    ),
    (
        "rate = \"5/s\"\n[network]\nbandwidth = \"5kbit/s\"",
        "rate = \"5/s\"",
        "dir/x.toml:9: network.bandwidth = 5kbit/s: the payloads of one connection alone need 5120bit/s; raise it, or lower the rate or workload.payload",
    ),
    (
        "rate = \"5/s\"\nlate_after = \"0s\"",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.late_after = 0ns: must be greater than 0",
    ),
    (
        "rate = \"5/s\"\narrivals = \"poison\"",
        "rate = \"5/s\"",
        "dir/x.toml:8: workload.arrivals: 'poison' is not one of poisson, constant, burst; did you mean 'poisson'?",
    ),
    ("trials = 0", "trials = 2", "dir/x.toml:3: trials = 0: must be between 1 and 1000"),
    (
        "seed = \"a\"",
        "trials = 2",
        "dir/x.toml:3: seed: 'a' is not a whole number, such as 1000, \"10k\" or \"2.5M\"",
    ),
    ("workload = 5", "trials = 2", "dir/x.toml:5: invalid TOML: duplicate key"),
    (
        "name = \" \"",
        "trials = 2",
        "dir/x.toml:3: name: must be one non-empty line; write name = \"…\", or remove it to use the file's name",
    ),
    (
        "objectives = [\" \"]",
        "trials = 2",
        "dir/x.toml:3: objectives: one is empty; write \"reach >= 1\", or remove it",
    ),
    (
        "question = \" \"",
        "question = \"Which?\"",
        "dir/x.toml:1: question: missing; state what the scenario answers: question = \"…\"",
    ),
    (
        "",
        "question = \"Which?\"",
        "dir/x.toml: question: missing; state what the scenario answers: question = \"…\"",
    ),
    (
        "patterns = []",
        "patterns = [\"request\", \"short-poll\", \"webhook\"]",
        "dir/x.toml:2: patterns: the list is empty; write patterns = [\"request\", \"short-poll\", \"long-poll\", \"sse\", \"websocket\", \"webhook\"], or some of them",
    ),
    (
        "patterns = [\"sse\", \"sse\"]",
        "patterns = [\"request\", \"short-poll\", \"webhook\"]",
        "dir/x.toml:2: patterns: 'sse' is listed twice; remove one",
    ),
    (
        "patterns = [\"web-socket\"]",
        "patterns = [\"request\", \"short-poll\", \"webhook\"]",
        "dir/x.toml:2: patterns: 'web-socket' is not one of request, short-poll, long-poll, sse, websocket, webhook; did you mean 'websocket'?",
    ),
    (
        "patterns = \"sse\"",
        "patterns = [\"request\", \"short-poll\", \"webhook\"]",
        "dir/x.toml:2: patterns: string \"sse\" is not a list: write [\"…\", …]",
    ),
    (
        "trials = ",
        "trials = 2",
        "dir/x.toml:3: invalid TOML: string values must be quoted, expected literal string",
    ),
    (
        "trials = ${TRIALS}",
        "trials = 2",
        "dir/x.toml:3: environment variable 'TRIALS' is not set; set it, or give a default: ${TRIALS:-…}",
    ),
    (
        "interval = \"0ms\"",
        "interval = \"500ms\"",
        "dir/x.toml:10: short-poll.interval = 0ns: must be greater than 0",
    ),
    (
        "interval = 500",
        "interval = \"500ms\"",
        "dir/x.toml:10: short-poll.interval: '500' is not a duration: write a number with ns, us, ms, s, m, h or d, such as \"500ms\" or \"1m30s\"",
    ),
    (
        "interval = \"1us\"",
        "interval = \"500ms\"",
        "dir/x.toml:10: short-poll.interval = 1us: 1000M polls a second by 1000 clients are over the 50M polls a trial that can be offered; raise it",
    ),
    (
        "interval = \"30s\"",
        "interval = \"500ms\"",
        "dir/x.toml:9: short-poll.limit = 100: 150 events become due between two polls, so a client would fall ever further behind; raise limit, or shorten interval",
    ),
    (
        "synchronised = 1",
        "interval = \"500ms\"",
        "dir/x.toml:10: short-poll.synchronised: integer `1` is not true or false",
    ),
    (
        "patterns = [\"sse\"]\nprofile = \"quiet\"",
        "patterns = [\"request\", \"short-poll\", \"webhook\"]",
        "dir/x.toml:3: profile: 'quiet' is not one of dedicated, shared",
    ),
    (
        "[phases]\nmeasure = \"0s\"",
        "",
        "dir/x.toml:12: phases.measure = 0ns: must be greater than 0",
    ),
    (
        "[phases]\ndrain = \"100ms\"",
        "",
        "dir/x.toml:12: phases.drain = 100ms: a client polls every 500ms, so its last poll would be cut off and its events counted as lost; raise drain to at least 500ms",
    ),
    (
        "[phases]\nwarmup = \"25h\"",
        "",
        "dir/x.toml:12: phases.warmup = 25h exceeds one day; shorten it",
    ),
    (
        "[target]\nring = 10",
        "",
        "dir/x.toml:12: target.ring = 10: a poller can miss 29 events of a topic at 5/s between polls 500ms apart; raise target.ring to at least 29",
    ),
    (
        "[request]\nmix = { read = 0 }",
        "",
        "dir/x.toml:12: request.mix: no operation has a share; write { read = 8, create = 1 }",
    ),
    (
        "[webhook]\nattempts = 0",
        "",
        "dir/x.toml:12: webhook.attempts = 0: must be between 1 and 100",
    ),
];

#[test]
fn bad_files_are_refused_with_line_key_and_remedy() {
    let mut wrong = Vec::new();
    for (line, former, expected) in BAD_LINES {
        let text = if former.is_empty() {
            format!("{GOOD}{line}\n")
        } else {
            assert!(GOOD.contains(former), "{former}");
            GOOD.replace(former, line)
        };
        let message = read(&text, &[]).unwrap_err();
        if message != expected {
            wrong.push(format!("{line}\n  expected {expected}\n  found    {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bad_axes_are_refused_where_they_stand() {
    for (axes, expected) in [
        (
            "clients = []",
            ":12: sweep.clients: an axis must be a list of at least one value, such as [100, \"1k\"]",
        ),
        (
            "rate = \"1/s\"",
            ":12: sweep.rate: an axis must be a list of at least one value, such as [100, \"1k\"]",
        ),
        ("rates = [\"1/s\"]", ":12: unknown axis 'rates' in [sweep]; did you mean 'rate'?"),
        (
            "\"short-poll.intervall\" = [\"1s\"]",
            ":12: unknown axis 'short-poll.intervall' in [sweep]; did you mean 'short-poll.interval'?",
        ),
        ("clients = [\n 1,\n 0]", ":14: workload.clients = 0: must be at least 1"),
        (
            "clients = [\n 1,\n \"x\"]",
            ":14: workload.clients: 'x' is not a whole number, such as 1000, \"10k\" or \"2.5M\"",
        ),
        (
            "payload = [\"10kB\",\n 10000]",
            ":13: sweep: case 'request:payload=10kB' is listed twice; remove one of its values",
        ),
        (
            "\"short-poll.interval\" = [\"1s\"]",
            ":10: short-poll.interval: sweep.short-poll.interval sweeps the same key; remove one of the two",
        ),
    ] {
        // What the axis sweeps must not be fixed as well; the last row is about that.
        let key = axes.split(' ').next().unwrap();
        let fixed = |line: &&str| !line.starts_with(&format!("{key} ="));
        let base: Vec<&str> =
            GOOD.lines().map(|line| if fixed(&line) { line } else { "" }).collect();
        let text = format!("{}\n[sweep]\n{axes}\n", base.join("\n"));
        assert_eq!(read(&text, &[]).unwrap_err(), format!("dir/x.toml{expected}"), "{axes}");
    }
    let message =
        read(&format!("{GOOD}[sweep]\npayload = [4, 5, 6, 7]"), &["trials=1000"]).unwrap_err();
    assert_eq!(
        message,
        "--set trials=1000: trials = 1000: 12000 over all cases exceed the limit of 10000; lower it"
    );
    let axis: Vec<String> = (2..1_003).map(|n| n.to_string()).collect();
    let text = format!("{GOOD}[sweep]\npayload = [{}]", axis.join(","));
    let message = read(&text, &[]).unwrap_err();
    assert_eq!(
        message,
        "dir/x.toml:11: sweep: 3003 cases exceed the limit of 1000; shorten or remove an axis"
    );
}

#[test]
fn axes_multiply_the_cases_they_make_a_difference_to() {
    let text = r#"
question = "Which?"
patterns = ["request", "short-poll", "sse"]
[workload]
clients = 10
[sweep]
rate = ["1/s", "600/m"]
topics = [1, "per-client"]
request.mix = [{ read = 1 }, { create = 1, read = 8 }]
"short-poll.interval" = ["100ms", "1s"]
payload = ["128B"]
"#;
    let scenario = read(text, &[]).unwrap();
    assert_eq!(scenario.cases.len(), 2 + 8 + 4);
    assert_eq!(
        ids(&scenario)[..4],
        [
            "request:mix=read1:payload=128B",
            "request:mix=create1-read8:payload=128B",
            "short-poll:rate=1/s:topics=1:interval=100ms:payload=128B",
            "short-poll:rate=1/s:topics=1:interval=1s:payload=128B",
        ]
    );
    assert_eq!(ids(&scenario)[13], "sse:rate=10/s:topics=per-client:payload=128B");
    assert_eq!(scenario.cases[13].workload.topics, 10);
    assert!(ids(&scenario).iter().all(|id| !id.contains([' ', ','])), "ids are histogram tags");
    let distinct: BTreeSet<_> = ids(&scenario).into_iter().collect();
    assert_eq!(distinct.len(), scenario.cases.len());
}

#[test]
fn a_set_stands_over_the_file() {
    let scenario = read(GOOD, &["workload.clients=10k", "trials=7", "phases.measure=1m"]).unwrap();
    assert_eq!((scenario.cases[0].workload.clients, scenario.trials), (10_000, 7));
    assert_eq!(scenario.phases.measure.ns(), 60_000_000_000);
    let twice = read(GOOD, &["trials=7", "trials=8"]).unwrap();
    assert_eq!(twice.trials, 8, "the last one wins");
}

#[test]
fn a_set_fixes_what_is_swept_and_sweeps_what_is_fixed() {
    let swept = GOOD.replace("clients = \"1k\"\n", "") + "[sweep]\nclients = [1, 2]\n";
    assert_eq!(read(&swept, &[]).unwrap().cases.len(), 6);
    assert_eq!(read(&swept, &["workload.clients=5"]).unwrap().cases.len(), 3);
    assert_eq!(read(GOOD, &["sweep.clients=[1, 2]"]).unwrap().cases.len(), 6);
    let both = read(GOOD, &["sweep.clients=[1, 2]", "workload.clients=5"]).unwrap_err();
    assert!(
        both.starts_with("--set workload.clients=5: workload.clients: sweep.clients"),
        "{both}"
    );
}

#[test]
fn an_axis_has_one_list_however_its_name_is_written() {
    let text =
        GOOD.replace("interval = \"500ms\"", "") + "[sweep]\n\"short-poll.interval\" = [\"1s\"]\n";
    let twice = read(&format!("{text}short-poll.interval = [\"2s\"]\n"), &[]).unwrap_err();
    assert_eq!(
        twice,
        "dir/x.toml:13: sweep.short-poll.interval is listed twice; remove one of the two"
    );
    let scenario = read(&text, &["sweep.short-poll.interval=[\"2s\"]"]).unwrap();
    assert_eq!(ids(&scenario), ["request", "short-poll:interval=2s", "webhook"]);
}

#[test]
fn a_bad_set_is_named() {
    for (set, expected) in [
        ("workload.clinets=5", "unknown key 'clinets' in [workload]; did you mean 'clients'?"),
        ("workload.clients=0", "workload.clients = 0: must be at least 1"),
        (
            "workload.clients=",
            "workload.clients: '' is not a whole number, such as 1000, \"10k\" or \"2.5M\"",
        ),
        ("trials=x", "trials: 'x' is not a whole number, such as 1000, \"10k\" or \"2.5M\""),
        (
            "workload=5",
            "workload: is a table; its keys are clients, topics, rate, arrivals, payload, payload_kind, late_after, churn, publish",
        ),
        ("clients", "no '='; write key=value, such as --set workload.clients=10k"),
        (
            "sweep.clients=5",
            "sweep.clients: an axis must be a list of at least one value, such as [100, \"1k\"]",
        ),
        ("sweep=5", "sweep: must be a table; write [sweep] with a list for each axis"),
    ] {
        let text = GOOD.replace("clients = \"1k\"\n", "");
        let text = if set.contains("sweep.") { text.as_str() } else { GOOD };
        assert_eq!(read(text, &[set]).unwrap_err(), format!("--set {set}: {expected}"));
    }
}

#[test]
fn what_links_cannot_meet_is_refused_with_key_and_remedy() {
    let held = "patterns=[\"long-poll\", \"websocket\"]";
    read(GOOD, &[held, "restart.at=3s", "sweep.reconnect.jitter=[true, false]"]).unwrap();
    for (set, part) in [
        ("reconnect.backoff=0s", "reconnect.backoff = 0ns: must be greater than 0"),
        (
            "reconnect.max=1ms",
            "reconnect.max = 1ms is less than reconnect.backoff = 50ms; raise it",
        ),
        ("reconnect.silence=0", "reconnect.silence = 0: must be between 1 and 1000"),
        ("restart.down=1s", "restart.at is missing;"),
        ("restart.at=1h", "the target comes back after a measure phase of 10s"),
        ("restart.log=gone", "'gone' is not one of survives, lost"),
        ("consumers.slow_share=2", "consumers.slow_share = 2: must be between 0 and 1"),
        ("consumers.receive_buffer=1B", "is not between 1KiB and 64MiB"),
        ("workload.churn=100k/s", "would leave more than ten times per second; lower it"),
        ("websocket.queue=0", "websocket.queue = 0: must be at least 1"),
        ("websocket.queue=1M", "the log keeps target.ring = 4096 events"),
        ("websocket.slow_consumer=shout", "not one of disconnect, drop-oldest, conflate"),
        ("long-poll.coalesce=1h", "a response cannot wait longer than long-poll.wait"),
        ("target.send_buffer=1KiB", "target.send_buffer = 1KiB is not between 4KiB and 64MiB"),
    ] {
        let message = read(GOOD, &[held, set]).unwrap_err();
        assert!(message.contains(part), "{set}: {message}");
    }
}

#[test]
fn an_axis_of_what_links_meet_multiplies_the_patterns_it_bears_on() {
    let all = "patterns=[\"short-poll\", \"websocket\", \"webhook\"]";
    let sets = ["sweep.consumers.slow_share=[0.1, 0.5]", "sweep.restart.at=[\"1s\", \"2s\"]"];
    let scenario = read(GOOD, &[all, sets[0], sets[1], "sweep.reconnect.jitter=[false]"]).unwrap();
    let ids = ids(&scenario);
    let of = |name: &str| ids.iter().filter(|id| id.starts_with(name)).count();
    assert_eq!((of("short-poll"), of("websocket"), of("webhook")), (2, 4, 2), "{ids:?}");
    assert!(ids.contains(&"short-poll:at=1s"), "{ids:?}");
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let clients = |text: &str, sets: &[&str]| read(text, sets).unwrap().cases[0].workload.clients;
    let text = GOOD.replace("\"1k\"", "${CLIENTS:-5}");
    assert_eq!(clients(&text, &["workload.clients=9"]), 9);
    assert_eq!(clients(&text, &[]), 70);
    assert_eq!(clients(&GOOD.replace("\"1k\"", "${OTHERS:-5}"), &[]), 5);
}

#[test]
fn defaults_grow_with_the_scenario() {
    let phases = |sets: &[&str]| read(GOOD, sets).unwrap().phases;
    assert_eq!(phases(&[]).connect.ns(), 500_000_000);
    assert_eq!(phases(&["workload.clients=10k"]).connect.ns(), 5_000_000_000);
    assert_eq!(phases(&["short-poll.interval=10s"]).drain.ns(), 20_000_000_000);
}

#[test]
fn a_missing_or_foreign_file_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("binary.toml");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    for (path, expected) in [
        (folder.path().join("no.toml"), "file not found; give the path of a scenario"),
        (folder.path().to_owned(), "is a folder"),
        (binary, "is UTF-16; save the scenario as UTF-8"),
    ] {
        let message = load(&path, &[]).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: {expected}", path.display())), "{message}");
    }
}

#[test]
fn axes_of_the_transport_multiply_what_they_make_a_difference_to() {
    let text = r#"question = "Which?"
patterns = ["request", "sse", "websocket", "webhook"]
[workload]
clients = 10
rate = "5/s"
[sweep]
request.connection = ["keep-alive", "per-request", "websocket"]
transport.tls = [false, true]
transport.resume = [true, false]
transport.http = ["1.1", "2"]
"#;
    let cases = read(text, &[]).unwrap().cases;
    let of = |kind: PatternKind| -> Vec<&Case> {
        cases.iter().filter(|case| case.pattern.kind() == kind).collect()
    };
    // No TLS, resumed, full; times HTTP/1.1 and 2; and per request, and over WebSockets, HTTP/1.1 alone.
    assert_eq!(of(PatternKind::Request).len(), 12);
    assert_eq!(of(PatternKind::Sse).len(), 6);
    for kind in [PatternKind::WebSocket, PatternKind::Webhook] {
        assert_eq!(of(kind).len(), 3);
        assert!(of(kind).iter().all(|case| case.transport.http == Http::One));
    }
    assert!(cases.iter().any(|case| case.id == "sse:tls=true:resume=false:http=2"));
    assert!(cases.iter().any(|case| case.id == "request:connection=per-request:tls=false"));
    assert!(
        cases.iter().any(|case| case.id == "request:connection=websocket:tls=true:resume=true")
    );
}

#[test]
fn a_transport_that_cannot_be_is_refused_with_the_remedy() {
    for (sets, words) in [
        (vec!["patterns=[\"websocket\"]", "transport.http=\"2\""], "RFC 8441"),
        (vec!["patterns=[\"webhook\"]", "transport.http=\"2\""], "has its own address"),
        (
            vec![
                "patterns=[\"request\"]",
                "transport.http=\"2\"",
                "request.connection=per-request",
            ],
            "request.connection = \"keep-alive\"",
        ),
        (
            vec!["patterns=[\"request\"]", "transport.http=\"2\"", "request.connection=websocket"],
            "RFC 8441",
        ),
        (
            vec!["patterns=[\"sse\"]", "transport.http=\"2\"", "target.max_concurrent_streams=99"],
            "raise target.max_concurrent_streams",
        ),
        (vec!["transport.streams=0"], "between 1 and 10000"),
        (vec!["transport.http=\"3\""], "transport.http"),
        (vec!["request.connection=never"], "request.connection"),
    ] {
        let message = read(GOOD, &sets).unwrap_err();
        assert!(message.contains(words), "{sets:?}: {message}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "[ -~\n]{0,80}") {
        let _ = read(&text, &[]);
        let _ = read(GOOD, &[&text]);
    }

    #[test]
    fn any_value_of_any_key_is_read_or_refused(
        key in "(workload|phases|request|short-poll|webhook|sweep)\\.(clients|topics|rate|measure|drain|interval|limit|mix|attempts)",
        value in "(-?[0-9]{1,20}(\\.[0-9])?|\"[0-9]{1,12}(k|/s|ms|h|KiB)\"|\\[[0-9],\"[0-9]k\"\\]|[a-z]{0,4})",
    ) {
        if let Ok(scenario) = read(GOOD, &[&format!("{key}={value}")]) {
            prop_assert!(!scenario.cases.is_empty());
        }
    }

    #[test]
    fn an_error_names_the_line_whatever_stands_before_it(blank in 0..30usize, lines in 1..5usize) {
        let text = format!(
            "{}#c\nname = \"\"\"${{CLIENTS}}{}\"\"\"\nzzz = 1\n", "\n".repeat(blank), "\n".repeat(lines),
        );
        let message = read(&text, &[]).unwrap_err();
        prop_assert!(message.starts_with(&format!("dir/x.toml:{}: unknown key", blank + lines + 3)), "{}", message);
    }
}
