//! Do the libraries of Python read the files of a run without options, and find in them what was written?

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Map, Value, json};
use tidings::measure::Counter;
use tidings::record::{
    Column, FLOOR_COLUMNS, Kind, PERCENTILE_COLUMNS, SPECS, SUMMARY_COLUMNS, Summary,
    TIMELINE_COLUMNS, TRIAL_COLUMNS,
};
use tidings::report::write_all;
use tidings::scenario::PatternKind;

use crate::support::{NO_MODULE, left_out, python, python_has, text};
use crate::synthetic::{case, info, losing, scenario, write_run};

const OPENMETRICS: &str = "prometheus_client.openmetrics.parser";

/// Runs a script of Python with these arguments. `None`, and a notice, if it lacks one of the `packages`.
fn run_python(what: &str, packages: &[&str], script: &str, arguments: &[&Path]) -> Option<Output> {
    if !python_has(packages) {
        left_out(what, NO_MODULE);
        return None;
    }
    let output =
        Command::new(python()).args(["-W", "error", "-c", script]).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    Some(output)
}

/// A scenario's name that a spreadsheet would evaluate.
const NAME: &str = "=HYPERLINK(\"http://a/\",\"b\")";

/// A noise floor, as runs write it.
const FLOOR: &str = "\
schema_version,metric,cases,after_trials,measure_s,verdict,verdict_reasons,expected,delivered,lost,duplicate,reordered,late,\
superseded,n_eff,floor_ns_p50,floor_ns_p90,floor_ns_p99,verdict_codes,bounds
1,freshness,sse | websocket,1,10.0,valid,,400,400,0,0,0,0,0,399.5,101000.0,150000.0,inf,,floor_ns_p99>260000
";

/// A run with losses, a noise floor and every report.
fn reported(out: &Path) -> std::path::PathBuf {
    let objectives = ["reach >= 1", "freshness_p99 < 1s"];
    let cases = PatternKind::ALL.map(|kind| case(kind, 20, "")).into();
    let mut info = info(scenario(cases, 3, &objectives));
    NAME.clone_into(&mut info.scenario.name);
    let folder = write_run(out, &info, |facts| {
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
    run_python("summary.json against its schema", &["jsonschema"], VALIDATES, &[&schema, &summary]);
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
    run_python("metrics.prom as Prometheus' parser reads it", &[OPENMETRICS], SCRAPES, &[&metrics]);
}

const READS: &str = r"
import csv, json, math, sys
import pandas, polars
folder, kinds = sys.argv[1], json.loads(sys.argv[2])
for name, columns in kinds.items():
    path = f'{folder}/{name}'
    with open(path, encoding='utf-8', newline='') as file:
        head, *rows = csv.reader(file)
    assert rows and len(set(head)) == len(head), name
    assert all(len(row) == len(head) for row in rows), name
    ours, theirs = pandas.read_csv(path), polars.read_csv(path)
    assert ours.shape == theirs.shape == (len(rows), len(head)), name
    assert set(head) == set(columns), (name, set(head) ^ set(columns))
    numbers = 0
    for at, column in enumerate(head):
        cells = [row[at] for row in rows]
        missing = [cell == '' for cell in cells]
        found = list(ours[column].isna()), list(theirs[column].is_null())
        assert found == (missing, missing), (name, column, cells[:3], ours[column].dtype, theirs[column].dtype, [sum(all) for all in (missing, *found)])
        if columns[column] == 'number':
            assert pandas.api.types.is_numeric_dtype(ours[column]), (name, column, ours[column].dtype)
            # A column without a value has no type in polars.
            assert theirs[column].dtype.is_numeric() or all(missing), (name, column)
            for cell, one, other in zip(cells, ours[column], theirs[column]):
                assert cell == '' or float(cell) == one == other, (name, column, cell)
            numbers += not all(missing)
        else:
            for cell in cells:
                assert not cell.lstrip().startswith(('=', '+', '-', '@')), (name, column, cell)
    assert numbers > 2, (name, numbers)
summary = pandas.read_csv(f'{folder}/summary.csv')
assert summary['freshness_ns_max'].max() == math.inf
name = summary['scenario'][0]
assert name[0] == chr(39) and name[1:] == sys.argv[3], name
";

/// The columns of each CSV file of a run, and whether they hold numbers.
fn kinds() -> Value {
    let kind = |kind: Kind| match kind {
        Kind::Text | Kind::List => "text",
        Kind::Whole | Kind::Number | Kind::Figure => "number",
    };
    let of = |columns: &[Column]| -> Map<String, Value> {
        columns.iter().map(|column| (column.name.to_owned(), kind(column.kind).into())).collect()
    };
    let mut summary = of(SUMMARY_COLUMNS);
    for spec in SPECS {
        let column = spec.column;
        let identity = ["schema_version", "scenario", "case", "pattern", "clients", "topics"];
        let offered = ["events_per_s", "requests_per_s", "payload_bytes"];
        if identity.contains(&column.name)
            || offered.contains(&column.name)
            || spec.summary == Summary::Sum
        {
            summary.insert(column.name.to_owned(), kind(column.kind).into());
        } else if matches!(spec.summary, Summary::Median | Summary::Worst) {
            for end in ["", "_low", "_high"] {
                summary.insert(format!("{}{end}", column.name), "number".into());
            }
        }
    }
    json!({
        "trials.csv": of(TRIAL_COLUMNS),
        "floor.csv": of(FLOOR_COLUMNS),
        "summary.csv": summary,
        "percentiles.csv": of(PERCENTILE_COLUMNS),
        "timeline.csv": of(TIMELINE_COLUMNS),
    })
}

#[test]
fn pandas_and_polars_find_numbers_in_every_column_of_numbers() {
    let out = tempfile::tempdir().unwrap();
    let (folder, kinds) = (reported(out.path()), kinds().to_string());
    let arguments = [&folder, Path::new(&kinds), Path::new(NAME)];
    run_python(
        "CSV files as pandas and polars read them",
        &["pandas", "polars"],
        READS,
        &arguments,
    );
}
