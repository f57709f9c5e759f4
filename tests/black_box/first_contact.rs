//! What somebody types who has used other load tools and has read none of this one's pages.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::text;

fn tidings(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Asserts that each command line is bad usage, with `said` in what it says and `unsaid` not.
fn refused(rows: &[(&[&str], &str)], unsaid: &str) {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in rows {
        let output = tidings(folder.path(), arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
        assert!(unsaid.is_empty() || !told.contains(unsaid), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{arguments:?} wrote something"
        );
    }
}

#[test]
fn an_address_in_place_of_a_file_is_answered_with_what_works() {
    let works = "is an address, not a scenario. To measure it without one: tidings probe ";
    refused(
        &[
            (&["run", "http://localhost:8080/"], works),
            (&["run", "https://example.org/events"], works),
            (&["run", "ws://localhost:1"], works),
            (
                &["run", "localhost:8080"],
                "write url = \"http://localhost:8080\" and its requests in [target]",
            ),
            (&["run", "127.0.0.1:9"], works),
            (&["plan", "http://localhost:8080/"], works),
            (&["http://localhost:8080"], works),
            (&["run", "quickstart", "http://localhost:8080"], works),
        ],
        "file not found",
    );
}

#[test]
fn a_scenario_key_as_a_flag_or_in_short_is_answered_with_its_right_spelling() {
    refused(
        &[
            (&["run", "quickstart", "--clients", "5"], "--set workload.clients=5"),
            (&["run", "quickstart", "--clients=5"], "--set workload.clients=5"),
            (&["run", "--clients", "5", "quickstart"], "--set workload.clients=5"),
            (
                &["plan", "quickstart", "--payload-kind", "noise"],
                "--set workload.payload_kind=noise",
            ),
            (&["plan", "quickstart", "--rate", "5/s"], "--set workload.rate=5/s"),
            (&["plan", "quickstart", "--duration", "30s"], "--set phases.measure=30s"),
            (&["plan", "quickstart", "--vus", "100"], "--set workload.clients=100"),
            (&["plan", "quickstart", "--measure", "30s"], "--set phases.measure=30s"),
            (&["plan", "quickstart", "--seed", "7"], "--set seed=7"),
            (&["plan", "quickstart", "--workload.clients", "7"], "--set workload.clients=7"),
            (&["plan", "quickstart", "--patterns", "sse,ws"], "--set 'patterns=[\"sse\", \"ws\"]'"),
            (&["plan", "quickstart", "--interval"], "--set short-poll.interval=VALUE"),
            (&["plan", "quickstart", "--set", "clients=5"], "did you mean workload.clients?"),
            (&["plan", "quickstart", "--set", "Clients=5"], "did you mean workload.clients?"),
            (&["plan", "quickstart", "--set", "client=5"], "did you mean workload.clients?"),
            (&["plan", "quickstart", "--set", "measure=5s"], "did you mean phases.measure?"),
            (
                &["plan", "quickstart", "--set", "workload.measure=5s"],
                "did you mean phases.measure?",
            ),
            (&["plan", "quickstart", "--set", "workload.trials=5"], "did you mean trials?"),
            (&["plan", "quickstart", "--set", "duration=5s"], "did you mean phases.measure?"),
            (&["plan", "quickstart", "--set", "interval=5s"], "did you mean short-poll.interval?"),
            (
                &["plan", "quickstart", "--set", "workload.payload-kind=noise"],
                "did you mean 'payload_kind'?",
            ),
            (&["plan", "quickstart", "--set", "workload.cleints=5"], "did you mean 'clients'?"),
            (&["plan", "quickstart", "--set", "patterns=[\"carrier\"]"], "is not one of request"),
            (
                &["plan", "quickstart", "--set", "workload.arrivals=Poisson"],
                "did you mean 'poisson'?",
            ),
            (&["plan", "quikstart"], "did you mean the shipped scenario quickstart?"),
            (&["plan", "quickstart", "clients=5"], "to set a key: --set workload.clients=5"),
            (&["run", "scenarios/quikstart.toml"], "did you mean the shipped scenario quickstart?"),
            (&["plan", "quickstart", "--trails", "3"], "a similar argument exists: '--trials'"),
            (
                &["plan", "quickstart", "--set", "sweep.workload.clients=[1,2]"],
                "did you mean clients?",
            ),
            (
                &["plan", "quickstart", "--set", "sweep.interval=[1,2]"],
                "did you mean short-poll.interval?",
            ),
            (
                &["plan", "quickstart", "--set", "sweep.measure=[1,2]"],
                "phases.measure cannot be swept",
            ),
            (&["scenarios", "quikstart"], "did you mean quickstart?"),
            (&["quickstart"], "tidings run quickstart"),
            (&["my.toml"], "tidings run my.toml"),
        ],
        "",
    );
}

#[test]
fn every_flag_is_blamed_by_its_own_name() {
    refused(
        &[
            (
                &["run", "quickstart", "--trials", "0"],
                "--trials 0: trials = 0: must be between 1 and 1000",
            ),
            (&["plan", "quickstart", "--trials", "0"], "--trials 0: trials = 0"),
            (&["plan", "quickstart", "--trials", "2k"], "--trials 2000: trials = 2000"),
            (&["plan", "quickstart", "--trials", "x"], "'x' for '--trials <N>'"),
            (&["serve", "--fault", "drop=2"], "--fault drop=2: faults.drop = 2"),
            (
                &["serve", "--fault", "drop"],
                "--fault drop: no '='; write key=value, such as --fault service=20ms",
            ),
            (&["serve", "--fault", "a b=1"], "write it as in --fault service=20ms"),
        ],
        "--set",
    );
    let both = [(&["plan", "quickstart", "--trials", "3", "--set", "trials=0"][..], "")];
    // The flag is the last word; a wrong `--set` that it overrules is none of its business.
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(tidings(folder.path(), both[0].0).status.code(), Some(0));
}

#[test]
fn patterns_may_be_called_as_people_call_them() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |scenario: &str| {
        fs::write(folder.path().join("s.toml"), scenario).unwrap();
        let output = tidings(folder.path(), &["plan", "s.toml"]);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let of = |patterns: &str, more: &str| {
        format!(
            "question = \"q\"\npatterns = {patterns}\n{more}\n[workload]\nclients = 5\nrate = \"1/s\"\n"
        )
    };
    let canonical = of(
        "[\"sse\", \"websocket\", \"long-poll\"]",
        "objectives = [\"websocket: freshness_p99 < 5s\"]\n[websocket]\nping = \"9s\"\n[sweep]\nlong-poll.wait = [\"7s\", \"8s\"]",
    );
    let spoken = of(
        "[\"SSE\", \"ws\", \"LongPolling\"]",
        "objectives = [\"ws: freshness_p99 < 5s\"]\n[WS]\nping = \"9s\"\n[sweep]\nlongpoll.wait = [\"7s\", \"8s\"]",
    );
    let (expected, told) = (plan(&canonical), plan(&spoken));
    assert_eq!(expected.0, Some(0), "{}", expected.2);
    assert_eq!(told, expected);
    let twice = plan(&of("[\"ws\"]", "[ws]\nping = \"9s\"\n[websocket]\nping = \"8s\""));
    assert!(twice.2.contains("[ws] and [websocket] are the same table"), "{}", twice.2);
    let twice = plan(&of("[\"ws\", \"websocket\"]", ""));
    assert!(twice.2.contains("'websocket' is listed twice"), "{}", twice.2);
    fs::write(folder.path().join("s.toml"), &canonical).unwrap();
    for (set, says) in
        [("ws.ping=7s", true), ("WebSockets.ping=7s", true), ("sweep.ws.ping=[\"1s\"]", true)]
    {
        let output = tidings(folder.path(), &["plan", "s.toml", "--set", set]);
        assert_eq!(output.status.success(), says, "{set}: {}", text(&output.stderr));
    }
}

#[test]
fn an_objective_in_other_words_is_answered_with_its_right_spelling() {
    let objective = |text: &str| format!("objectives=[{text:?}]");
    for (written, right) in [
        ("p99 < 50ms", "freshness_p99 < 50ms"),
        ("sse.freshness_p99 < 5ms", "sse: freshness_p99 < 5ms"),
        ("ws.p99 < 5ms", "websocket: freshness_p99 < 5ms"),
        ("latency < 50 ms", "freshness_p99 < 50ms"),
        ("lost = 0", "lost == 0"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = tidings(folder.path(), &["plan", "quickstart", "--set", &objective(written)]);
        let told = text(&output.stderr);
        if output.status.success() {
            continue; // It can be read as it is.
        }
        assert_eq!(output.status.code(), Some(2), "{written}: {told}");
        assert!(told.contains(&format!("Write \"{right}\"")), "{written}: {told}");
        let again = tidings(folder.path(), &["plan", "quickstart", "--set", &objective(right)]);
        assert_eq!(again.status.code(), Some(0), "{right}: {}", text(&again.stderr));
    }
}
