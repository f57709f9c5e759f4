//! The JSON Schema of `summary.json`.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::RunSummary;

/// Identifies the schema. No address serves it: `tidings generate schema summary` prints it, and `docs/schema/` has it.
const ID: &str = "urn:tidings:schema:summary:1";

/// The JSON Schema (2020-12) of `summary.json`, made from the types that are written.
pub fn summary_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<RunSummary<'static>>();
    schema.insert("title".into(), "tidings summary.json".into());
    let mut schema = Value::from(schema);
    join_lines(&mut schema);
    let Value::Object(found) = schema else { return Value::Null };
    let id = ("$id".to_owned(), Value::from(ID));
    let (head, body): (Vec<_>, Vec<_>) = found.into_iter().partition(|(key, _)| key == "$schema");
    Value::Object(head.into_iter().chain([id]).chain(body).collect())
}

/// Makes each description one line: a comment of the source is wrapped.
fn join_lines(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if key == "description" => *text = text.replace('\n', " "),
                    other => join_lines(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// A meaning of FORMAT.md without what only its tables need.
pub(in crate::report) fn plain(meaning: &str) -> String {
    meaning.replace("\\|", "|")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::measure::Metric;
    use crate::record::synthetic::{case, info, losing, scenario, write_run};
    use crate::record::{FloorRecord, Run, Verdict};
    use crate::report::View;
    use crate::scenario::PatternKind::{Request, Sse, WebSocket};

    /// A run whose summary has every field: several trials, losses, a floor, objectives, ratios.
    fn full() -> Value {
        let out = tempfile::tempdir().unwrap();
        let cases = vec![case(Sse, 20, ""), case(WebSocket, 20, ""), case(Request, 20, "")];
        let objectives = ["reach >= 1", "sse: nonsense < 1"];
        let folder = write_run(out.path(), &info(scenario(cases, 3, &objectives)), |facts| {
            if facts.case.pattern.kind() == Sse && facts.trial == 2 {
                *facts = losing(&facts.case.clone(), 2, 20);
            }
        });
        let mut run = Run::read(&folder).unwrap();
        let facts = crate::record::synthetic::facts(&case(WebSocket, 60, ""), 1);
        let floor = FloorRecord::new(&facts, vec!["sse".into()], 1, Verdict::Degraded, ["late"]);
        assert_eq!(floor.metric, Metric::Freshness);
        run.floors.push(floor);
        serde_json::to_value(RunSummary::of(&View::new(run))).unwrap()
    }

    /// Visits every object of `value` that `schema` describes with properties: where, the schema's properties, and the keys.
    fn objects(root: &Value, schema: &Value, value: &Value, at: &str, seen: &mut Seen) {
        let mut schema = schema;
        while let Some(reference) = schema["$ref"].as_str() {
            schema = root.pointer(reference.trim_start_matches('#')).expect(reference);
        }
        if let (Some(properties), Some(members)) =
            (schema["properties"].as_object(), value.as_object())
        {
            assert_eq!(schema["additionalProperties"], false, "{at}: other keys are allowed");
            let known = properties.keys().cloned().collect();
            let found: BTreeSet<String> = members.keys().cloned().collect();
            let entry = seen.entry(at.to_owned()).or_insert((known, BTreeSet::new()));
            entry.1.extend(found);
            for (key, value) in members {
                objects(root, &properties[key], value, &format!("{at}/{key}"), seen);
            }
        }
        for (at, value) in
            value.as_array().into_iter().flatten().map(|value| (format!("{at}/*"), value))
        {
            objects(root, &schema["items"], value, &at, seen);
        }
        for alternative in schema["anyOf"].as_array().into_iter().flatten() {
            objects(root, alternative, value, at, seen);
        }
    }

    type Seen = std::collections::BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

    #[test]
    fn every_key_that_is_written_is_described_and_every_described_key_is_written() {
        let (schema, summary, mut seen) = (summary_schema(), full(), Seen::new());
        objects(&schema, &schema, &summary, "", &mut seen);
        for place in [
            "",
            "/result",
            "/result/objectives/*",
            "/cases/*",
            "/cases/*/floor_ratio",
            "/rankings/*",
        ] {
            assert!(seen.contains_key(place), "{place}: {:?}", seen.keys());
        }
        for place in [
            "/rankings/*/order/*/ratio_to_best",
            "/noise_floors/*",
            "/environment/host",
            "/environment/tidings",
        ] {
            assert!(seen.contains_key(place), "{place}: {:?}", seen.keys());
        }
        for (at, (known, found)) in &seen {
            // Which columns a case has depends on its pattern and on what the machine tells.
            if at == "/cases/*/figures" || at == "/cases/*/counts" {
                assert!(found.is_subset(known) && found.len() > 10, "{at}: {found:?}");
            } else {
                assert_eq!(known, found, "{at}");
            }
        }
    }

    #[test]
    fn the_published_schema_is_the_one_of_the_types() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema/summary-1.json");
        let made = format!("{:#}\n", summary_schema());
        if std::env::var_os("UPDATE_FORMAT").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == made,
            "{path} is out of date; write it anew with UPDATE_FORMAT=1 cargo nextest run schema"
        );
        assert!(made.contains("2020-12") && made.contains(ID), "{made}");
        assert!(ID.ends_with(&format!(":{}", crate::record::SCHEMA_VERSION)));
    }
}
