//! The tables against the reader, `scenarios/README.md` and each other. The JSON Schema is held against files in
//! `tests/black_box/scenario_schema.rs`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::*;
use crate::dialect::model;
use crate::scenario::{Limits, Mix, ReceiverOptions, Scenario, TargetOptions, TlsOptions, parse};

/// A scenario of all patterns, with a line in each table that has keys without which the others mean nothing.
const ALL: &str = r#"question = "Which?"
patterns = ["request", "short-poll", "long-poll", "sse", "websocket", "webhook"]
[workload]
clients = 10
rate = "5/s"
[faults]
service = "1ms"
[restart]
at = "1s"
"#;

/// A scenario of a server of the user's own, with every table that a server may have.
const OTHER: &str = r#"question = "Which?"
patterns = ["request", "short-poll", "long-poll", "sse", "websocket", "webhook"]
[workload]
clients = 10
rate = "5/s"
[target]
url.default = "http://127.0.0.1:8080"
publish.request = "POST /"
short-poll.request = "GET /?limit={{limit}}"
long-poll.request = "GET /?limit={{limit}}&hold={{hold_ms}}"
sse.request = "GET /sse"
websocket.path = "/ws"
webhook.register = "POST /hooks"
webhook.verify = { preset = "github", secret = "x" }
publish.sign = { preset = "github", secret = "x" }
[[target.request]]
request = "GET /"
"#;

/// Whether a key describes a server of the user's own.
fn is_of_another(path: &str) -> bool {
    path.starts_with("target.") && !path.starts_with("target.builtin")
}

fn base(path: &str) -> &'static str {
    if is_of_another(path) { OTHER } else { ALL }
}

fn with(path: &str, toml: &str) -> Result<Scenario, String> {
    let set = format!("{path}={toml}");
    parse(base(path), "x.toml", &[set], &|_| None).map_err(|error| error.to_string())
}

/// Every key with its dotted name, those of nested tables included, and the defaults of its table.
fn each(mut visit: impl FnMut(&str, &Key, &Json)) {
    fn walk(prefix: &str, keys: &[Key], defaults: &Json, visit: &mut dyn FnMut(&str, &Key, &Json)) {
        for key in keys {
            let path = if prefix.is_empty() {
                key.name.to_owned()
            } else {
                format!("{prefix}.{}", key.name)
            };
            visit(&path, key, defaults);
            if let Kind::Table(inner) = key.kind {
                walk(&path, inner, &defaults[key.name], visit);
            }
        }
    }
    for section in std::iter::once(&ROOT).chain(sections()) {
        walk(section.name, section.keys, &(section.form.defaults)(), &mut visit);
    }
}

/// A value that can be read as `kind`, as TOML.
fn example(kind: &Kind) -> String {
    match kind {
        Kind::Text => "\"x\"".to_owned(),
        Kind::Boolean => "true".to_owned(),
        Kind::Count(range) => range.start().to_string(),
        Kind::Number(range) | Kind::Share(range) => range.end().to_string(),
        Kind::Span(_) => "\"1s\"".to_owned(),
        Kind::Rate => "\"1/s\"".to_owned(),
        Kind::Size(range) => range.end().to_string(),
        Kind::Bandwidth(_) => "\"1Mbit/s\"".to_owned(),
        Kind::Words(words) => format!("\"{}\"", words()[0]),
        Kind::Word(word) => format!("\"{word}\""),
        Kind::Either(kinds) => example(&kinds[0]),
        Kind::List(kind) | Kind::Set(kind) => format!("[{}]", example(kind)),
        Kind::Table(_) => "{}".to_owned(),
        Kind::Map(kind) => format!("{{ a = {} }}", example(kind)),
        Kind::Listed(kind) => example(kind),
        Kind::Call(_) => "\"GET /\"".to_owned(),
        Kind::Grammar(grammar) => grammar.example.to_owned(),
    }
}

#[test]
fn the_tables_have_the_keys_that_the_structs_are_read_from() {
    for section in std::iter::once(&ROOT).chain(sections()) {
        // `[target]` is read into several structs: the next test holds its parts against them.
        if section.name == TARGET.name {
            continue;
        }
        let read: BTreeSet<&str> = (section.form.fields)().iter().copied().collect();
        let listed: BTreeSet<&str> = section.keys.iter().map(|key| key.name).collect();
        assert_eq!(read, listed, "[{}]", section.name);
        assert_eq!(listed.len(), section.keys.len(), "[{}]: one is listed twice", section.name);
    }
    for (path, inner, read) in [
        ("request.mix", patterns::REQUEST.key("mix"), keys_of::<Mix>()),
        ("webhook.receiver", webhook::WEBHOOK.key("receiver"), keys_of::<ReceiverOptions>()),
    ] {
        let Kind::Table(keys) = inner.unwrap().kind else { panic!("{path} is no table") };
        let listed: Vec<&str> = keys.iter().map(|key| key.name).collect();
        assert_eq!(listed, read, "{path}");
    }
}

/// Keys of a request that may stand beside it.
const BESIDE: &[&str] = &["headers", "body", "expect"];
/// Ways to write what the struct has under other names.
const LINE: &[&str] = &["request"];

#[test]
#[expect(clippy::too_many_lines, reason = "one table: a row a table")]
fn the_tables_of_a_target_have_the_keys_that_its_structs_are_read_from() {
    let messages = keys_of::<model::Messages>();
    let call = keys_of::<model::Call>();
    let limits = keys_of::<Limits>();
    // What is flattened into a struct is listed here, as serde does not name it.
    for (table, read, more) in [
        ("target.tls", keys_of::<TlsOptions>(), vec![]),
        ("call", call, vec![LINE]),
        ("step", keys_of::<model::Step>(), vec![BESIDE]),
        ("messages", messages, vec![]),
        ("signature", keys_of::<model::Signature>(), vec![]),
        ("target.setup", &["each"], vec![call, LINE]),
        ("target.request", &["weight", "name"], vec![call, LINE]),
        ("target.publish", keys_of::<model::Publishing>(), vec![BESIDE, &["capture"]]),
        ("target.short-poll", keys_of::<model::Polling>(), vec![BESIDE]),
        ("target.long-poll", keys_of::<model::Polling>(), vec![BESIDE]),
        (
            "target.sse",
            &["request", "resume", "cursor", "heartbeat", "steps"],
            vec![messages, BESIDE],
        ),
        (
            "target.websocket",
            &[
                "path",
                "headers",
                "subprotocol",
                "binary",
                "split",
                "stream",
                "cursor",
                "heartbeat",
                "steps",
                "reply",
                "every",
            ],
            vec![messages],
        ),
        ("target.webhook", keys_of::<model::Callback>(), vec![]),
        ("target.builtin", keys_of::<TargetOptions>(), vec![limits]),
    ] {
        // Which kind of poll the server holds, and which is drained, is no option of the other.
        let other = match table {
            "target.short-poll" => "hold",
            "target.long-poll" => "drain",
            "target.builtin" => "limits",
            _ => "",
        };
        let read = read.iter().chain(more.into_iter().flatten()).copied();
        let read: BTreeSet<&str> = read.filter(|key| *key != other).collect();
        let section = inner().find(|section| section.name == table).expect(table);
        let listed: BTreeSet<&str> = section.keys.iter().map(|key| key.name).collect();
        assert_eq!(read, listed, "[{table}]");
        assert_eq!(listed.len(), section.keys.len(), "[{table}]: one is listed twice");
    }
    // Everything of `[target]` itself is either where the server is, how it is spoken to, or the built-in one.
    let dialect = [
        "headers",
        "match",
        "events",
        "semantics",
        "decode",
        "each",
        "published_id",
        "delivered_id",
        "stamp",
        "stamp_unit",
    ];
    let tables = [
        "setup",
        "teardown",
        "publish",
        "request",
        "short-poll",
        "long-poll",
        "sse",
        "websocket",
        "webhook",
    ];
    let read = WHERE.into_iter().chain(dialect).chain(tables).chain(["builtin"]);
    let listed: BTreeSet<&str> = TARGET.keys.iter().map(|key| key.name).collect();
    assert_eq!(read.collect::<BTreeSet<_>>(), listed);
}

#[test]
fn every_key_of_the_tables_is_accepted_and_explained() {
    let mut count = 0;
    each(|path, key, _| {
        count += 1;
        assert!(key.meaning.ends_with('.'), "{path}: {}", key.meaning);
        let value = example(&key.kind);
        // Values may contradict each other, and a pattern may be the wrong one; the key itself is known, and its kind right.
        if let Err(message) = with(path, &value) {
            for refusal in
                ["unknown key", "is not a", "write one of", "is a table", "is not one of"]
            {
                assert!(!message.contains(refusal), "{path} = {value}: {message}");
            }
        }
        let unknown = with(&format!("{path}x"), &value).unwrap_err();
        let last = path.rsplit('.').next().unwrap();
        assert!(unknown.contains(&format!("unknown key '{last}x'")), "{path}: {unknown}");
    });
    assert!(count > 110, "only {count} keys");
}

#[test]
fn a_default_that_is_written_changes_nothing() {
    let mut written = 0;
    each(|path, key, defaults| {
        let Some(value) = key.default(defaults) else {
            assert!(!matches!(key.usual, Usual::Struct), "{path}: its struct has no such default");
            return;
        };
        // A table that names a part of the operations leaves out the others, so only the whole is the default; a WebSocket that
        // is named is one.
        if path.starts_with("request.mix.") || path.starts_with("target.publish.websocket.") {
            return;
        }
        let toml = match key.usual {
            Usual::Literal(toml) => toml.to_owned(),
            _ => value.to_string(),
        };
        let usual = parse(base(path), "x.toml", &[], &|_| None).unwrap();
        assert_eq!(with(path, &toml), Ok(usual), "{path} = {toml}");
        written += 1;
    });
    assert!(written > 60, "only {written} defaults");
}

#[test]
fn values_at_the_bounds_are_read_and_those_beyond_are_refused() {
    let mut refused = 0;
    each(|path, key, _| {
        let (within, beyond): (Vec<String>, Vec<String>) = match &key.kind {
            Kind::Count(range) => {
                let below = range.start().checked_sub(1);
                let above = range.end().checked_add(1);
                (ends(range), [below, above].into_iter().flatten().map(|n| n.to_string()).collect())
            }
            Kind::Size(range) | Kind::Span(range) | Kind::Bandwidth(range) => {
                let unit = match key.kind {
                    Kind::Size(_) => "B",
                    Kind::Span(_) => "ns",
                    _ => "bit/s",
                };
                let text = |n: u64| format!("\"{n}{unit}\"");
                let (below, above) = (range.start().checked_sub(1), range.end().checked_add(1));
                let within = [range.start(), range.end()].into_iter().filter(|n| **n < u64::MAX);
                (
                    within.map(|n| text(*n)).collect(),
                    [below, above].into_iter().flatten().map(text).collect(),
                )
            }
            Kind::Number(range) | Kind::Share(range) => (
                [range.start(), range.end()].map(ToString::to_string).to_vec(),
                vec![(range.start() - 0.01).to_string(), (range.end() + 0.01).to_string()],
            ),
            _ => return,
        };
        let out_of_bounds = |message: &str| {
            [
                "must be",
                "is not between",
                "exceeds",
                "a failure is between",
                "at most",
                "admit nothing",
                "have a share",
            ]
            .iter()
            .any(|words| message.contains(words))
                && message.contains(path.trim_end_matches(".list"))
        };
        for value in beyond {
            // What is left to the resolved scenario may have no meaning beside the other keys, and is refused for that.
            let message = with(path, &value).expect_err(&format!("{path} = {value}"));
            assert!(key.checked_later || out_of_bounds(&message), "{path} = {value}: {message}");
            refused += 1;
        }
        for value in within {
            let bounds = format!("{path} = {value}: must be ");
            assert!(!with(path, &value).is_err_and(|m| m.contains(&bounds)), "{path} = {value}");
        }
    });
    assert!(refused > 60, "only {refused} values");
}

fn ends(range: &RangeInclusive<u64>) -> Vec<String> {
    [range.start(), range.end()].map(ToString::to_string).to_vec()
}

#[test]
fn scenarios_readme_is_that_of_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/README.md");
    let written = std::fs::read_to_string(path).unwrap();
    let (made, mut named) = readme::documented(&written);
    named.sort();
    let known = sections().chain(inner()).map(|section| section.name.to_owned());
    let mut known: Vec<String> = known.collect();
    known.push("file".to_owned());
    known.sort();
    assert_eq!(named, known, "scenarios/README.md has a table for each table, once");
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        std::fs::write(path, &made).unwrap();
        return;
    }
    assert!(
        made == written,
        "scenarios/README.md is out of date; write it anew with UPDATE_SCENARIOS=1 cargo nextest run scenarios_readme"
    );
}

#[test]
fn the_smallest_scenario_of_the_readme_is_one() {
    let readme = include_str!("../../../scenarios/README.md");
    let mut examples = readme.split("```toml\n").skip(1);
    let smallest = examples.next().unwrap().split("```").next().unwrap();
    parse(smallest, "x.toml", &[], &|_| None).unwrap();
    // The others are tables that one of all patterns could have as well.
    let (head, _) = ALL.split_once("[faults]").unwrap();
    let load = "clients = 10\nrate = \"5/s\"\n";
    for example in examples {
        let tables = example.split("```").next().unwrap();
        if tables.contains("question =") {
            continue;
        }
        let swept = tables.contains("\nclients = [");
        let head = if swept { head.replace(load, "") } else { head.to_owned() };
        let read = parse(&format!("{head}{tables}"), "x.toml", &[], &|_| None);
        assert!(read.is_ok(), "{tables}: {}", read.unwrap_err());
    }
}

#[test]
fn links_are_left_out_of_what_an_editor_shows() {
    let described = json_schema().to_string();
    assert!(
        !described.contains("](../") && described.contains("the verdict table of METHODOLOGY.md.")
    );
}
