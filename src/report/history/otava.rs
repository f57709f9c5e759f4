//! The files of Apache Otava: a CSV file per series, and the configuration that names them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::judge::{Series, SeriesKey, Trends};
use crate::record::{Better, file_names, spec, to_csv};

/// Most bytes of a file's name before its extension.
const NAME: usize = 96;

/// Files for Apache Otava.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtavaFiles {
    /// Each file's name and content; `otava.yaml` is the configuration.
    pub files: Vec<(String, Vec<u8>)>,
    /// The tests that the configuration names.
    pub tests: Vec<String>,
    /// Arguments of `otava analyze` that search as the report does.
    pub arguments: String,
}

/// A test of Otava: metrics that the same runs have.
struct Test<'a> {
    name: String,
    series: Vec<&'a Series>,
}

/// The files of all series, for the folder `dir`.
pub(super) fn files(trends: &Trends, dir: &str) -> OtavaFiles {
    let tests = tests(trends);
    let names = file_names(tests.iter().map(|test| test.name.as_str()), NAME);
    let mut yaml = String::from(
        "# Series of a history of tidings, for Apache Otava. Analyse them with:\n#   otava analyze",
    );
    let search = &trends.search;
    // Otava leaves out what is older than a year unless it is asked for.
    let since = trends.history.lines.first().map_or("", |line| &line.started_utc);
    let arguments =
        format!("--since {since} --window {} --magnitude {}", search.window, search.magnitude);
    let _ = writeln!(yaml, " --config-file {dir}/otava.yaml {arguments} TEST...\ntests:");
    let mut files = Vec::new();
    for test in &tests {
        let name = &names[test.name.as_str()];
        files.push((format!("{name}.csv"), table(trends, test)));
        let _ = writeln!(yaml, "  {}:\n    type: csv", quoted(name));
        let _ = writeln!(yaml, "    file: {}", quoted(&format!("{dir}/{name}.csv")));
        let _ =
            writeln!(yaml, "    time_column: time\n    attributes: [revision, run]\n    metrics:");
        for series in &test.series {
            let better = spec(series.column).map_or(Better::Neither, |spec| spec.better);
            let direction = if better == Better::Less { -1 } else { 1 };
            let _ = writeln!(yaml, "      {}:\n        direction: {direction}", series.column);
        }
    }
    files.push(("otava.yaml".to_owned(), yaml.into_bytes()));
    let tests = tests.iter().map(|test| names[test.name.as_str()].clone()).collect();
    OtavaFiles { files, tests, arguments }
}

/// Otava takes no empty cell, so metrics that some runs lack are in a file of their own.
fn tests(trends: &Trends) -> Vec<Test<'_>> {
    let mut by_runs: BTreeMap<(&SeriesKey, Vec<usize>), Vec<&Series>> = BTreeMap::new();
    for series in trends.series.iter().filter(|series| !series.points.is_empty()) {
        let runs = series.points.iter().map(|(run, _)| *run).collect();
        by_runs.entry((&series.key, runs)).or_default().push(series);
    }
    let keys: Vec<&SeriesKey> = by_runs.keys().map(|(key, _)| *key).collect();
    let several = |of: &dyn Fn(&SeriesKey) -> &str| keys.iter().any(|key| of(key) != of(keys[0]));
    let has_hosts = several(&|key| &key.host_fingerprint);
    let test = |((key, _), series): (&(&SeriesKey, Vec<usize>), &Vec<_>)| Test {
        name: name(key, series, &keys, has_hosts),
        series: series.clone(),
    };
    by_runs.iter().map(test).collect()
}

/// What a test is called: no more than tells it apart from the others.
fn name(key: &SeriesKey, series: &[&Series], keys: &[&SeriesKey], has_hosts: bool) -> String {
    let mut name = format!("{}.{}", key.scenario, key.case);
    if has_hosts {
        let _ = write!(name, ".{}.{}", key.host, key.host_fingerprint);
    }
    let of_case = |other: &&&SeriesKey| {
        (&other.scenario, &other.case, &other.host_fingerprint)
            == (&key.scenario, &key.case, &key.host_fingerprint)
    };
    if keys.iter().filter(of_case).any(|other| other.load != key.load) {
        let _ = write!(name, ".{}", key.load);
    }
    if keys.iter().filter(|other| **other == key).count() > 1 {
        let _ = write!(name, ".{}", series[0].column);
    }
    name
}

fn table(trends: &Trends, test: &Test<'_>) -> Vec<u8> {
    let columns = test.series.iter().map(|series| series.column.to_owned());
    let head: Vec<String> =
        ["time", "revision", "run"].map(str::to_owned).into_iter().chain(columns).collect();
    let runs = test.series[0].points.iter().enumerate();
    let rows = runs.map(|(at, (run, _))| {
        let line = &trends.history.lines[*run];
        let cells = test.series.iter().map(|series| series.points[at].1.to_string());
        [line.started_utc.clone(), line.revision.clone().unwrap_or_default(), line.run.clone()]
            .into_iter()
            .chain(cells)
            .collect()
    });
    to_csv(std::iter::once(head).chain(rows.collect::<Vec<Vec<String>>>()))
}

/// A text as YAML takes it whatever is in it: a JSON string is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
