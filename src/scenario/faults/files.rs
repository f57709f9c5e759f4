//! `[faults]` as its users meet it: files in, cases or messages out.

use crate::scenario::{Scenario, parse};

const HEAD: &str = r#"question = "Which?"
patterns = ["request", "short-poll", "sse"]
[workload]
clients = 10
rate = "5/s"
"#;

fn read(tables: &str) -> Result<Scenario, String> {
    parse(&format!("{HEAD}{tables}"), "dir/x.toml", &[], &|_| None)
        .map_err(|error| error.to_string())
}

#[test]
fn a_case_has_the_faults_that_its_pattern_shows() {
    let scenario = read("[faults]\nservice = \"1ms\"\ndrop = 0.01\ndelay = \"5ms\"\n").unwrap();
    let told: Vec<String> = scenario.cases.iter().map(|case| case.faults.to_string()).collect();
    let request = "service=1ms distribution=fixed delay=5ms";
    assert_eq!(told, [request, &format!("{request} drop=0.01"), "delay=5ms drop=0.01"]);
    let json = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario);
    let off = read("").unwrap();
    assert!(off.cases.iter().all(|case| case.faults.is_off()));
    assert!(!serde_json::to_string(&off).unwrap().contains("faults"), "as before there were any");
}

#[test]
fn every_fault_can_be_swept() {
    let sweep = "[faults]\nservice = \"1ms\"\nslow = \"9ms\"\nslow_share = 0.5\n\
                 distribution = \"bimodal\"\n[sweep]\nfaults.delay = [\"0ms\", \"5000us\"]\n\
                 \"faults.servers\" = [1, \"unlimited\"]\nfaults.drop = [0, 0.25]";
    let scenario = read(sweep).unwrap();
    let ids: Vec<&str> = scenario.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids.len(), 4 + 8 + 4);
    for id in [
        "request:delay=0ns:servers=1",
        "request:delay=5ms:servers=unlimited",
        "short-poll:delay=5ms:drop=0.25:servers=unlimited",
        "sse:delay=0ns:drop=0",
    ] {
        assert!(ids.contains(&id), "{id} is none of {ids:?}");
    }
}

#[test]
fn what_cannot_be_carried_out_is_refused_where_it_stands() {
    for (tables, expected) in [
        ("[faults]\ndorp = 1", "7: unknown key 'dorp' in [faults]; did you mean 'drop'?"),
        (
            "[faults]\ndrop = 2",
            "7: faults.drop = 2: must be a share of the deliveries between 0 and 1, such as 0.01",
        ),
        (
            "[faults]\ndelay = \"1ms\"\nslow = \"1ms\"",
            "8: faults.slow without a service time; write faults.service = \"1ms\", or remove faults.slow",
        ),
        (
            "[faults]\nstall_at = \"10s\"\nstall_for = \"1s\"",
            "7: faults.stall_at = 10s: the window has ended by then; lower it below phases.measure = 10s",
        ),
        (
            "[faults]\nfreeze_for = \"1s\"\nfreeze_at = \"10s\"",
            "8: faults.freeze_at = 10s: the window has ended by then; lower it below phases.measure = 10s",
        ),
        (
            "[faults]\nfreeze_at = \"9s\"\nfreeze_for = \"12s\"",
            "8: faults.freeze_for = 12s: the target would be frozen long after the trial's end; shorten it, or raise phases.drain",
        ),
        (
            "[faults]\ndelay = \"5s\"",
            "7: faults.delay = 5s: the last deliveries would be cut off; lower it below phases.drain = 5s, or raise that",
        ),
        (
            "[faults]\ndelay = \"2s\"\n[request]\ntimeout = \"1s\"",
            "7: faults.delay = 2s: nothing would be answered within request.timeout = 1s; lower it",
        ),
        (
            "[faults]\nservice = \"10s\"",
            "7: faults.service = 10s: nothing would be answered within request.timeout = 10s; lower it",
        ),
        (
            "[sweep]\nfaults.delays = [1]",
            "7: unknown axis 'faults.delays' in [sweep]; did you mean faults.delay?",
        ),
        (
            "[sweep]\nfaults.delay = [\n\"1ms\",\n\"9s\"]",
            "9: faults.delay = 9s: the last deliveries would be cut off; lower it below phases.drain = 5s, or raise that",
        ),
        (
            "[faults]\ndelay = \"1ms\"\n[sweep]\nfaults.delay = [\"1ms\"]",
            "7: faults.delay: sweep.faults.delay sweeps the same key; remove one of the two",
        ),
    ] {
        assert_eq!(read(tables).unwrap_err(), format!("dir/x.toml:{expected}"));
    }
    for (patterns, key, to) in [
        ("\"request\"", "drop", "short-poll, long-poll, sse, websocket, webhook"),
        ("\"sse\"", "service", "request, short-poll"),
        ("\"request\", \"long-poll\"", "write_cost", "sse, websocket, webhook"),
    ] {
        let head = HEAD.replace("\"request\", \"short-poll\", \"sse\"", patterns);
        let value = if key == "drop" { "0.5" } else { "\"1ms\"" };
        for (table, line) in [
            (format!("[faults]\n{key} = {value}"), 7),
            (format!("[sweep]\nfaults.{key} = [{value}]"), 7),
        ] {
            let message = parse(&format!("{head}{table}"), "x.toml", &[], &|_| None).unwrap_err();
            assert_eq!(
                message.to_string(),
                format!(
                    "x.toml:{line}: faults.{key} makes a difference to {to} only; remove it, or compare one of them"
                )
            );
        }
    }
}
