//! Whether runs can be compared: what they were asked to do, where, and by what.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::record::{Run, RunInfo};

/// What differs between runs besides what they measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparability {
    /// What makes a comparison worthless: another load, host, target, judgement or file version. A phrase each, with both sides.
    pub refused: Vec<String>,
    /// What a reader must know. A phrase each.
    pub noted: Vec<String>,
}

/// Settings of a scenario that change neither the load nor how it is judged.
const FREE: [&str; 7] =
    ["question", "seed", "trials", "objectives", "abort_when", "prices", "gate"];

/// Compares every run with the first of the base: the runs of one side are a sample only if they are alike.
pub fn comparability(base: &[Run], new: &[Run]) -> Comparability {
    let mut found = Comparability::default();
    let Some(first) = base.first() else { return found };
    let others =
        base[1..].iter().map(|run| (run, "another base")).chain(new.iter().map(|run| (run, "new")));
    for (run, side) in others {
        compare(&first.info, &run.info, side, &mut found);
    }
    let sides = base.iter().map(|run| (run, "base")).chain(new.iter().map(|run| (run, "new")));
    for (run, side) in sides.filter(|(run, _)| !run.info.complete) {
        let (done, planned) = (run.trials.len(), run.info.plan.len());
        let why = run.info.stopped_by.as_deref().unwrap_or("not finished");
        let started = &run.info.started_utc;
        found
            .noted
            .push(format!("the {side} run of {started} has {done} of {planned} trials ({why})"));
    }
    missing(base, new, &mut found);
    for list in [&mut found.refused, &mut found.noted] {
        let mut seen = BTreeSet::new();
        list.retain(|phrase| seen.insert(phrase.clone()));
    }
    found
}

/// What one side lacks: a case that the other has, and trials that a run marked complete carried out.
fn missing(base: &[Run], new: &[Run], found: &mut Comparability) {
    let cases = |runs: &[Run]| -> BTreeSet<String> {
        runs.iter().flat_map(Run::cases).map(str::to_owned).collect()
    };
    let [in_base, in_new] = [base, new].map(cases);
    for (of, other, side) in [(&in_base, &in_new, "base"), (&in_new, &in_base, "new")] {
        let alone = of.difference(other);
        found.refused.extend(alone.map(|case| format!("case {case}: in {side} only")));
    }
    let sides = base.iter().map(|run| (run, "base")).chain(new.iter().map(|run| (run, "new")));
    for (run, side) in sides {
        if let Some((rows, carried_out)) = run.info.miscounted(run.trials.len()) {
            let started = &run.info.started_utc;
            found.refused.push(format!(
                "trials.csv of the {side} run of {started} has {rows} rows, and the run carried out {carried_out} trials"
            ));
        }
    }
}

fn compare(base: &RunInfo, new: &RunInfo, side: &str, found: &mut Comparability) {
    let refused = &mut found.refused;
    let mut differ = |what: &str, a: String, b: String| {
        if a != b {
            refused.push(format!("{what}: {} in base, {} in {side}", shown(&a), shown(&b)));
        }
    };
    differ("schema_version", base.schema_version.to_string(), new.schema_version.to_string());
    differ("host name", base.host.name.clone(), new.host.name.clone());
    differ("kernel", base.host.kernel.clone(), new.host.kernel.clone());
    differ("processor", base.host.cpu.clone(), new.host.cpu.clone());
    differ("cores", base.host.cores.to_string(), new.host.cores.to_string());
    differ("clock source", base.host.clock_source.clone(), new.host.clock_source.clone());
    let profiles = |info: &RunInfo| {
        info.profiles.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(" and ")
    };
    differ("profile", profiles(base), profiles(new));
    let optimised = |info: &RunInfo| {
        if info.build.is_optimised() { "optimised" } else { "not optimised" }.to_owned()
    };
    differ("build of tidings", optimised(base), optimised(new));
    scenario(base, new, side, found);
    let build =
        |info: &RunInfo| format!("{} ({})", info.build.tidings_version, info.build.build_revision);
    if build(base) != build(new) {
        let (a, b) = (build(base), build(new));
        found.noted.push(format!("tidings: {a} in base, {b} in {side}"));
    }
}

/// What was offered: every setting of the resolved scenario but the free ones and its cases; and the cases.
pub(in crate::judge) fn offered(info: &RunInfo) -> (Value, Vec<Value>) {
    let mut settings = serde_json::to_value(&info.scenario).unwrap_or_default();
    let Some(map) = settings.as_object_mut() else { return (settings, Vec::new()) };
    let cases = match map.remove("cases") {
        Some(Value::Array(cases)) => cases,
        _ => Vec::new(),
    };
    map.retain(|key, _| !FREE.contains(&key.as_str()));
    (settings, cases)
}

/// What was offered on both sides, cases by their ids.
fn scenario(base: &RunInfo, new: &RunInfo, side: &str, found: &mut Comparability) {
    let ((a, base_cases), (b, new_cases)) = (offered(base), offered(new));
    let mut paths = Vec::new();
    differences("", &a, &b, &mut paths);
    for case in &base_cases {
        let id = case.get("id").and_then(Value::as_str).unwrap_or_default();
        let other = new_cases.iter().find(|other| other.get("id") == case.get("id"));
        if let Some(other) = other {
            differences(id, case, other, &mut paths);
        }
    }
    let phrase = |(path, a, b)| format!("{path}: {a} in base, {b} in {side}");
    found.refused.extend(paths.into_iter().map(phrase));
    for key in ["seed", "trials"] {
        let of = |info: &RunInfo| {
            if key == "seed" { info.scenario.seed } else { info.scenario.trials.into() }
        };
        if of(base) != of(new) {
            found.noted.push(format!("{key}: {} in base, {} in {side}", of(base), of(new)));
        }
    }
}

/// Every leaf that differs, with its path and both values.
fn differences(path: &str, a: &Value, b: &Value, found: &mut Vec<(String, String, String)>) {
    if a == b {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let of = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or_default()
                };
                differences(&below(key), &of(a), &of(b), found);
            }
        }
        _ => found.push((path.to_owned(), leaf(a), leaf(b))),
    }
}

/// A value as a phrase has it.
fn leaf(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => shown(text).to_owned(),
        other => {
            let text = other.to_string();
            if text.chars().count() > 60 {
                format!("{}...", text.chars().take(57).collect::<String>())
            } else {
                text
            }
        }
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}
