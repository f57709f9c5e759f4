//! Scenarios as their users meet them: files in, scenarios or messages out.

mod refused;

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
fn operations_that_are_not_named_have_no_share() {
    let mix = |set: &str| {
        let Pattern::Request(options) = read(GOOD, &[set]).unwrap().cases[0].pattern.clone() else {
            panic!("the first case is of requests")
        };
        options.mix
    };
    let none = Mix { create: 0, read: 0, head: 0, replace: 0, patch: 0, delete: 0, list: 0 };
    assert_eq!(mix("request.mix={ create = 2 }"), Mix { create: 2, ..none });
    assert_eq!(mix("request.mix.list=3"), Mix { list: 3, ..none });
    assert_eq!(mix("trials=2"), Mix { read: 1, ..none }, "the default");
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
            "raise target.builtin.max_concurrent_streams",
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
