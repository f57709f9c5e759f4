//! Do the libraries of Python read the files of a run without options, and find in them what was written?

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tidings::measure::Counter;
use tidings::report::write_all;
use tidings::scenario::PatternKind;

use crate::support::{left_out, text};
use crate::synthetic::{case, info, losing, scenario, write_run};

const OPENMETRICS: &str = "prometheus_client.openmetrics.parser";

/// Runs a script of Python with these arguments: the interpreter is `TIDINGS_PYTHON`, or `python3`. `None`, and a notice, if it
/// lacks one of the `packages`.
fn python(what: &str, packages: &[&str], script: &str, arguments: &[&Path]) -> Option<Output> {
    let python = std::env::var("TIDINGS_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let imports = format!("import {}", packages.join(", "));
    let there = Command::new(&python).args(["-c", &imports]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        let names =
            packages.join(" ").replace("prometheus_client.openmetrics.parser", "prometheus_client");
        left_out(
            what,
            &format!("no python3 with it here: pip install {names}, or set TIDINGS_PYTHON"),
        );
        return None;
    }
    let output = Command::new(python).args(["-W", "error", "-c", script]).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    Some(output)
}

/// A noise floor, as runs write it.
const FLOOR: &str = "\
schema_version,metric,cases,after_trials,measure_s,verdict,verdict_reasons,expected,delivered,lost,duplicate,reordered,late,\
superseded,n_eff,floor_ns_p50,floor_ns_p90,floor_ns_p99,verdict_codes
1,freshness,sse | websocket,1,10.0,valid,,400,400,0,0,0,0,0,399.5,101000,150000,260000,
";

/// A run with losses, a noise floor and every report.
fn reported(out: &Path) -> std::path::PathBuf {
    let objectives = ["reach >= 1", "freshness_p99 < 1s"];
    let cases = PatternKind::ALL.map(|kind| case(kind, 20, "")).into();
    let folder = write_run(out, &info(scenario(cases, 3, &objectives)), |facts| {
        if facts.case.pattern.kind() == PatternKind::Sse && facts.trial == 2 {
            *facts = losing(&facts.case.clone(), 2, 20);
            facts.target.counters.add(Counter::Published, 1);
        }
    });
    fs::write(folder.join("floor.csv"), FLOOR).unwrap();
    write_all(&folder).unwrap();
    folder
}

const VALIDATES: &str = r"
import json, sys
from jsonschema import Draft202012Validator
def read(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)
schema, summary = read(sys.argv[1]), read(sys.argv[2])
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
errors = [f'{list(error.absolute_path)}: {error.message}' for error in validator.iter_errors(summary)]
assert not errors, errors
# A validator that finds nothing wrong anywhere would have passed, too.
case = summary['cases'][0]
for change in [
    lambda: case.update(more=1),
    lambda: case['figures'].update(nonsense=case['figures']['reach']),
    lambda: case['figures']['reach'].update(unit='ns'),
    lambda: case.update(pattern='carrier-pigeon'),
    lambda: summary['result'].pop('conclusion'),
    lambda: summary.update(schema_version=2),
    lambda: summary['rankings'][0]['order'][1].update(value='many'),
]:
    before = sum(1 for _ in validator.iter_errors(summary))
    change()
    assert sum(1 for _ in validator.iter_errors(summary)) > before, before
";

#[test]
fn another_validator_finds_that_summary_json_follows_its_schema() {
    let out = tempfile::tempdir().unwrap();
    let folder = reported(out.path());
    let schema = out.path().join("schema.json");
    let generate = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["generate", "schema", "summary"])
        .output()
        .unwrap();
    let published = include_bytes!("../../docs/schema/summary-1.json");
    assert!(generate.stdout == published, "the committed schema is the one that is printed");
    fs::write(&schema, published).unwrap();
    let summary = folder.join("summary.json");
    python("summary.json against its schema", &["jsonschema"], VALIDATES, &[&schema, &summary]);
}

const SCRAPES: &str = r"
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
with open(sys.argv[1], encoding='utf-8', newline='') as file:
    text = file.read()
families = {family.name: family for family in openmetrics(text)}
assert all(family.type == 'gauge' for family in families.values())
freshness = families['tidings_freshness_seconds']
assert freshness.unit == 'seconds' and freshness.documentation
found = {(sample.labels['case'], sample.labels['quantile']): sample.value for sample in freshness.samples}
assert found['sse', '0.5'] < 1 and found['sse', '1'] == float('inf'), found
older = {(s.name, tuple(sorted(s.labels.items()))): s.value for f in prometheus(text) for s in f.samples}
newer = {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families.values() for s in f.samples}
assert len(newer) > 100 and repr(older) == repr(newer), 'both formats say the same'
";

#[test]
fn the_parsers_of_prometheus_read_the_metrics() {
    let out = tempfile::tempdir().unwrap();
    let metrics = reported(out.path()).join("metrics.prom");
    python("metrics.prom as Prometheus' parser reads it", &[OPENMETRICS], SCRAPES, &[&metrics]);
}
