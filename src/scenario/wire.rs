//! The form in which scenarios travel to workers and stand in `run.json`: it must not change with how files are read.

use serde_json::{Value as Json, json};

use super::*;

fn reference() -> Json {
    let run = include_str!("../../results/reference/quickstart/run.json");
    serde_json::from_str::<Json>(run).unwrap()["scenario"].take()
}

#[test]
fn the_reference_run_is_read_and_written_as_it_is() {
    let written = reference();
    let scenario: Scenario = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(scenario.cases.len(), 6, "one of each pattern");
    // Names, units, and the order of members, but for those that came after the run.
    let mut now = serde_json::to_value(&scenario).unwrap();
    for (table, key) in [("phases", "idle"), ("", "abort_when"), ("", "prices")] {
        let at = |json: &Json| if table.is_empty() { json.clone() } else { json[table].clone() };
        if at(&written).get(key).is_none() {
            let of = if table.is_empty() { &mut now } else { &mut now[table] };
            of.as_object_mut().unwrap().shift_remove(key);
        }
    }
    assert_eq!(now.to_string(), written.to_string());
}

/// What earlier versions did not write yet, they did not do.
#[test]
fn an_older_run_is_read_with_what_held_then() {
    let mut old = reference();
    let lacks = |at: &mut Json, keys: &[&str]| {
        let members = at.as_object_mut().unwrap();
        for key in keys {
            assert!(members.shift_remove(*key).is_some(), "{key}");
        }
    };
    lacks(&mut old, &["floor"]);
    lacks(
        &mut old["target"],
        &["max_concurrent_streams", "limits", "send_buffer", "write_timeout"],
    );
    lacks(&mut old["worker"], &["spin", "samples"]);
    for case in old["cases"].as_array_mut().unwrap() {
        lacks(case, &["transport", "conditions"]);
        lacks(&mut case["workload"], &["payload_kind", "churn", "publish"]);
        let pattern = &mut case["pattern"];
        for (name, keys) in [
            ("request", &["loop", "think", "format", "conditional", "connection"][..]),
            ("short-poll", &["pace", "jitter", "conditional"]),
            ("long-poll", &["gap", "coalesce"]),
            ("sse", &["retry", "slow_consumer", "queue"]),
            ("websocket", &["slow_consumer", "queue"]),
            ("webhook", &["outbox", "disable_after", "receiver"]),
        ] {
            if let Some(options) = pattern.get_mut(name) {
                lacks(options, keys);
            }
        }
    }
    old["cases"][0]["pattern"]["request"]["mix"] = json!({ "create": 1, "read": 8 });
    let old: Scenario = serde_json::from_value(old).unwrap();
    let now: Scenario = serde_json::from_value(reference()).unwrap();
    assert!(!old.floor, "there was no floor to measure");
    let Pattern::Request(options) = &old.cases[0].pattern else { panic!("{:?}", old.cases[0]) };
    assert_eq!(
        options.mix,
        Mix { create: 1, read: 8, head: 0, replace: 0, patch: 0, delete: 0, list: 0 }
    );
    for (old, now) in old.cases.iter().zip(&now.cases).skip(1) {
        assert_eq!(old, now);
    }
    assert_eq!((old.target, old.worker, old.phases), (now.target, now.worker, now.phases));
}
