//! The names that people use for patterns, made the one name that files and reports use.

use super::PatternKind;
use super::error::ScenarioError;
use super::tree::{Node, Table, Value};

/// Further names of a pattern, without case, hyphens, underscores and spaces.
const ALIASES: [(PatternKind, &[&str]); 6] = [
    (PatternKind::Request, &["request", "requests", "requestresponse", "rest"]),
    (PatternKind::ShortPoll, &["shortpoll", "shortpolls", "shortpolling", "poll", "polling"]),
    (PatternKind::LongPoll, &["longpoll", "longpolls", "longpolling"]),
    (PatternKind::Sse, &["sse", "serversentevents", "serversentevent", "eventsource"]),
    (PatternKind::WebSocket, &["websocket", "websockets", "ws", "wss"]),
    (PatternKind::Webhook, &["webhook", "webhooks", "callback", "callbacks"]),
];

/// The pattern that people call `name`: `ws`, `SSE`, `Long-Polling`.
pub fn pattern_called(name: &str) -> Option<PatternKind> {
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    ALIASES.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(kind, _)| *kind)
}

/// The name in files of what `name` calls a pattern's table; `None` where it is that name, or no pattern's.
fn other_name(name: &str) -> Option<&'static str> {
    let canonical = pattern_called(name)?.name();
    (canonical != name).then_some(canonical)
}

/// Calls every pattern in `root` by its own name: in `patterns`, as a table, as an axis, and before an objective.
pub(super) fn canonical(file: &str, root: &mut Table) -> Result<(), ScenarioError> {
    rename(file, root)?;
    for (key, node) in &mut root.0 {
        match (key.as_str(), &mut node.value) {
            ("patterns", Value::List(names)) => {
                texts(names, |text| other_name(text).map(str::to_owned));
            }
            ("objectives", Value::List(objectives)) => {
                texts(objectives, |text| Some(selectors(text)));
            }
            ("sweep", Value::Table(axes)) => rename(file, axes)?,
            ("target", Value::Table(target)) => {
                rename(file, target)?;
                if let Some(Node { value: Value::Table(urls), .. }) = target.get_mut("url") {
                    rename(file, urls)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The parts of a `--set`'s key, with a pattern's table by its own name.
pub(super) fn canonical_path(path: &mut [String]) {
    let at = match path {
        [target, url, _, ..] if target == "target" && url == "url" => 2,
        [table, _, ..] if table == "sweep" || table == "target" => 1,
        _ => 0,
    };
    if let Some(part) = path.get_mut(at)
        && let Some(name) = axis(part)
    {
        *part = name;
    }
}

fn texts(nodes: &mut [Node], change: impl Fn(&str) -> Option<String>) {
    for node in nodes {
        if let Value::Text(text) = &mut node.value
            && let Some(changed) = change(text)
        {
            *text = changed;
        }
    }
}

/// A table's or an axis's name, `ws` or `ws.ping`, with the pattern by its own name.
fn axis(name: &str) -> Option<String> {
    match name.split_once('.') {
        Some((table, key)) => other_name(table).map(|table| format!("{table}.{key}")),
        None => other_name(name).map(str::to_owned),
    }
}

fn rename(file: &str, table: &mut Table) -> Result<(), ScenarioError> {
    for at in 0..table.0.len() {
        let Some(name) = axis(&table.0[at].0) else { continue };
        if table.get(&name).is_some() {
            let written = &table.0[at];
            let message =
                format!("[{}] and [{name}] are the same table; keep one of them", written.0);
            return Err(ScenarioError::refused(file, &written.1.place, message));
        }
        table.0[at].0 = name;
    }
    Ok(())
}

/// An objective with the patterns before its colons by their own names: `ws: lost == 0`.
fn selectors(objective: &str) -> String {
    let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '=' | '.');
    let mut changed = String::with_capacity(objective.len());
    let mut rest = objective;
    while let Some(at) = rest.find(':') {
        let name_at = rest[..at]
            .char_indices()
            .rev()
            .find(|(_, c)| !of_name(*c))
            .map_or(0, |(at, c)| at + c.len_utf8());
        let (before, name) = rest[..at].split_at(name_at);
        // What follows another colon is a case's axis, and no pattern.
        let begins = !(before.is_empty() && changed.ends_with(':'));
        changed.push_str(before);
        changed.push_str(other_name(name).filter(|_| begins).unwrap_or(name));
        changed.push(':');
        rest = &rest[at + 1..];
    }
    changed + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_is_of_one_pattern_and_every_name_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for (kind, names) in ALIASES {
            assert_eq!(pattern_called(kind.name()), Some(kind));
            assert_eq!(pattern_called(&kind.name().to_uppercase()), Some(kind));
            for name in names {
                assert!(seen.insert(*name), "{name}");
                assert_eq!(pattern_called(name), Some(kind), "{name}");
            }
        }
        for name in ["", "carrier-pigeon", "http", "grpc", "s"] {
            assert_eq!(pattern_called(name), None, "{name}");
        }
    }

    #[test]
    fn an_objective_names_its_patterns_by_their_own_names() {
        for (written, meant) in [
            ("ws: freshness_p99 < 5ms", "websocket: freshness_p99 < 5ms"),
            ("SSE: lost == 0", "sse: lost == 0"),
            ("WS:clients=50: lost == 0", "websocket:clients=50: lost == 0"),
            ("ws: p99 < 0.5 * Long-Polling: p99", "websocket: p99 < 0.5 * long-poll: p99"),
            ("sse: reach >= 1", "sse: reach >= 1"),
            ("reach >= 1", "reach >= 1"),
            ("sse:ws: reach >= 1", "sse:ws: reach >= 1"),
            ("é:ws: x", "é:ws: x"),
        ] {
            assert_eq!(selectors(written), meant, "{written}");
        }
    }
}
