//! What is refused, with its place and the remedy.

use super::*;

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
        "dir/x.toml:3: unknown key 'zzz'; known are question, name, patterns, trials, seed, objectives, abort_when, profile, floor, phases, target, worker, prices, gate, reconnect, restart, consumers, network, workload, transport, request, short-poll, long-poll, sse, websocket, webhook, faults, sweep",
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
        "patterns = [\"web-sockit\"]",
        "patterns = [\"request\", \"short-poll\", \"webhook\"]",
        "dir/x.toml:2: patterns: 'web-sockit' is not one of request, short-poll, long-poll, sse, websocket, webhook; did you mean 'websocket'?",
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
        "dir/x.toml:10: short-poll.interval = 1us: 1000M polls per second by 1000 clients are over the 50M polls per trial that can be offered; raise it",
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
        "dir/x.toml:12: target.builtin.ring = 10: a poller can miss 29 events of a topic at 5/s between polls 500ms apart; raise target.builtin.ring to at least 29",
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
        (
            "rates = [\"1/s\"]",
            ":12: unknown axis 'rates' in [sweep]; did you mean rate, request.rate or webhook.rate?",
        ),
        (
            "\"short-poll.intervall\" = [\"1s\"]",
            ":12: unknown axis 'short-poll.intervall' in [sweep]; did you mean short-poll.interval?",
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
            "workload: is a table; its keys are clients, topics, rate, arrivals, payload, payload_kind, late_after, churn, publish, unconnected",
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
        ("websocket.queue=1M", "the log keeps target.builtin.ring = 4096 events"),
        ("websocket.slow_consumer=shout", "not one of disconnect, drop-oldest, conflate"),
        ("long-poll.coalesce=1h", "a response cannot wait longer than long-poll.wait"),
        (
            "target.send_buffer=1KiB",
            "target.builtin.send_buffer = 1KiB is not between 4KiB and 64MiB",
        ),
    ] {
        let message = read(GOOD, &[held, set]).unwrap_err();
        assert!(message.contains(part), "{set}: {message}");
    }
}
