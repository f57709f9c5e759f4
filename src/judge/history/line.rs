//! A run's line of a history.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::judge::change::offered;
use crate::judge::{CaseSummary, summary};
use crate::record::{
    Better, HistoryCase, HistoryHost, HistoryLine, Run, RunInfo, SCHEMA_VERSION, Summary, spec,
};

/// Hexadecimal digits of a hash, an even number.
const HASH_DIGITS: usize = 12;

/// What the user knows better than the results folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// What the host is called, for machines whose name changes from run to run.
    pub host: Option<String>,
    /// The revision of the server under test.
    pub revision: Option<String>,
}

/// Returns the line of `run`.
pub fn history_line(run: &Run, overrides: &Overrides) -> HistoryLine {
    let info = &run.info;
    let (settings, planned) = offered(info);
    let judged = judged(info);
    let load = |case: &CaseSummary| {
        let own =
            planned.iter().find(|own| own.get("id").and_then(Value::as_str) == Some(&case.case));
        hash([&settings, own.unwrap_or(&Value::Null), &judged])
    };
    let cases = summary(run).iter().map(|case| history_case(case, load(case))).collect();
    let build = &info.build;
    HistoryLine {
        schema_version: SCHEMA_VERSION,
        run: run_id(info),
        started_utc: info.started_utc.clone(),
        revision: overrides.revision.clone().or_else(|| info.working_directory_revision.clone()),
        scenario: info.scenario.name.clone(),
        scenario_hash: hash(std::iter::once(&settings).chain(&planned)),
        host: host(info, overrides.host.as_deref()),
        tidings: format!("{} ({})", build.tidings_version, build.build_revision),
        complete: info.complete,
        cases,
    }
}

/// How the trials were judged, and whether an optimised build measured them.
fn judged(info: &RunInfo) -> Value {
    let profiles: Vec<&str> = info.profiles.iter().map(|profile| profile.name()).collect();
    serde_json::json!([profiles, info.build.is_optimised()])
}

fn host(info: &RunInfo, label: Option<&str>) -> HistoryHost {
    let host = &info.host;
    let name = label.unwrap_or(&host.name).to_owned();
    let identity = serde_json::json!([name, host.cpu, host.cores, host.clock_source]);
    HistoryHost {
        fingerprint: hash([&identity]),
        name,
        kernel: host.kernel.clone(),
        cpu: host.cpu.clone(),
        cores: host.cores,
    }
}

/// What a run is known by, wherever its folder lies.
pub fn run_id(info: &RunInfo) -> String {
    let identity = serde_json::json!([
        info.started_utc,
        info.finished_utc,
        info.host.name,
        info.scenario.name,
        info.scenario.seed,
        info.command,
    ]);
    let started: String = info.started_utc.chars().filter(|c| !"-:".contains(*c)).collect();
    format!("{started}-{}", hash([&identity]))
}

fn history_case(case: &CaseSummary, load: String) -> HistoryCase {
    let kept = |column: &&'static str| {
        spec(column).is_some_and(|spec| {
            spec.better != Better::Neither
                && matches!(spec.summary, Summary::Median | Summary::Worst)
        })
    };
    let figures: Map<String, Value> = case
        .figures
        .iter()
        .filter(|(column, _)| kept(column))
        .filter_map(|(column, of)| {
            Some(((*column).to_owned(), serde_json::to_value(of.value).ok()?))
        })
        .collect();
    HistoryCase {
        case: case.case.clone(),
        pattern: case.pattern,
        load,
        usable_trials: case.trials.usable(),
        unusable_trials: case.trials.invalid + case.trials.failed,
        expected: case.ledger.expected,
        lost: case.ledger.lost,
        duplicate: case.ledger.duplicate,
        figures,
    }
}

/// A hash of values that a later version, which knows more settings, does not change where these are not used.
fn hash<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut hasher = Sha256::new();
    for value in values {
        hasher.update(canonical(value).map_or_else(String::new, |value| value.to_string()));
        hasher.update("\n");
    }
    let digest = hasher.finalize();
    let mut text = String::new();
    for byte in digest.iter().take(HASH_DIGITS / 2) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The value with its keys in order, and without what is unset: null, false, or empty.
fn canonical(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            Some(items.iter().map(|item| canonical(item).unwrap_or_default()).collect())
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, Value)> =
                map.iter().filter_map(|(key, value)| Some((key, canonical(value)?))).collect();
            entries.sort_by_key(|(key, _)| *key);
            let map: Map<String, Value> =
                entries.into_iter().map(|(key, value)| (key.clone(), value)).collect();
            (!map.is_empty()).then_some(Value::Object(map))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hash_is_of_what_is_set() {
        let one = json!({"b": [1, 2], "a": {"x": "y"}});
        for same in [
            json!({"a": {"x": "y"}, "b": [1, 2]}),
            json!({"b": [1, 2], "a": {"x": "y"}, "later": null, "flag": false, "more": {"z": []}}),
        ] {
            assert_eq!(hash([&one]), hash([&same]), "{same}");
        }
        for other in [
            json!({"b": [2, 1], "a": {"x": "y"}}),
            json!({"b": [1, 2], "a": {"x": "y"}, "flag": true}),
            json!({"b": [1, 2, null], "a": {"x": "y"}}),
            json!({"b": [1, 2], "x": "y"}),
        ] {
            assert_ne!(hash([&one]), hash([&other]), "{other}");
        }
    }
}
