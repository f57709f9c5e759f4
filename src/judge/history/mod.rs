//! How figures of the same load on the same host went over many runs, and where they changed for good.

mod line;

use std::collections::BTreeMap;

pub use line::{Overrides, history_line, run_id};

use super::Direction;
use super::change::columns;
use crate::pace::Rng;
use crate::record::{Better, Figure, History, HistoryLine, spec};
use crate::scenario::PatternKind;
use crate::stats::{ChangePoint, ChangeSearch, change_points};

/// What is looked for in a history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryQuery {
    /// Columns; empty for the usual ones of each pattern.
    pub columns: Vec<&'static str>,
    /// Parts of case ids; empty for every case.
    pub cases: Vec<String>,
    /// Scenarios by name; empty for every one.
    pub scenarios: Vec<String>,
    /// Hosts by name; empty for every one.
    pub hosts: Vec<String>,
    /// How change points are searched for.
    pub search: ChangeSearch,
}

/// What figures have in common that are set against one another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesKey {
    /// Name of the scenario.
    pub scenario: String,
    /// Id of the case.
    pub case: String,
    /// Name of the host.
    pub host: String,
    /// The host's fingerprint.
    pub host_fingerprint: String,
    /// Hash of the load.
    pub load: String,
}

/// A metric of one case of one load on one host, run by run.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What its figures have in common.
    pub key: SeriesKey,
    /// The pattern of the case.
    pub pattern: PatternKind,
    /// The column of `trials.csv`.
    pub column: &'static str,
    /// The figures, oldest first, each with the place of its run in the history.
    pub points: Vec<(usize, f64)>,
    /// Runs whose figure is a mere bound, because deliveries were lost.
    pub bounds: usize,
    /// Where the level changed.
    pub changes: Vec<SeriesChange>,
}

impl Series {
    /// The figures.
    pub fn values(&self) -> Vec<f64> {
        self.points.iter().map(|(_, value)| *value).collect()
    }
}

/// A change of a series' level.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesChange {
    /// The change point, by places in the series.
    pub point: ChangePoint,
    /// Which way.
    pub direction: Direction,
    /// Places in the history of the last run of the old level and the first of the new one, as far apart as the noise asks for: what
    /// came between them is to blame.
    pub blame: [usize; 2],
    /// Place in the history of the first run of the new level.
    pub run: usize,
}

/// The series of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Trends {
    /// The runs, oldest first.
    pub history: History,
    /// Every series, by key and then in the order of metrics.
    pub series: Vec<Series>,
    /// How change points were searched for.
    pub search: ChangeSearch,
}

/// Finds the series of `history` that `query` asks for, and their change points.
pub fn trends(history: History, query: &HistoryQuery) -> Trends {
    let mut by_key: BTreeMap<(SeriesKey, usize), Series> = BTreeMap::new();
    let is_in =
        |wanted: &[String], name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    for (run, line) in history.lines.iter().enumerate() {
        if !is_in(&query.scenarios, &line.scenario) || !is_in(&query.hosts, &line.host.name) {
            continue;
        }
        let wanted =
            |id: &str| query.cases.is_empty() || query.cases.iter().any(|part| id.contains(part));
        for case in line.cases.iter().filter(|case| wanted(&case.case)) {
            for (at, column) in columns(&query.columns, case.pattern).into_iter().enumerate() {
                let Some(figure) = case.figure(column) else { continue };
                let key = key(line, &case.case, &case.load);
                let series = by_key.entry((key.clone(), at)).or_insert_with(|| Series {
                    key,
                    pattern: case.pattern,
                    column,
                    points: Vec::new(),
                    bounds: 0,
                    changes: Vec::new(),
                });
                match figure {
                    Figure::Value(value) => series.points.push((run, value)),
                    Figure::MoreThan(_) => series.bounds += 1,
                }
            }
        }
    }
    let mut series: Vec<Series> = by_key.into_values().collect();
    for one in &mut series {
        one.changes = changes_of(one, &query.search);
    }
    Trends { history, series, search: query.search }
}

fn key(line: &HistoryLine, case: &str, load: &str) -> SeriesKey {
    SeriesKey {
        scenario: line.scenario.clone(),
        case: case.to_owned(),
        host: line.host.name.clone(),
        host_fingerprint: line.host.fingerprint.clone(),
        load: load.to_owned(),
    }
}

fn changes_of(series: &Series, search: &ChangeSearch) -> Vec<SeriesChange> {
    // The same history gives the same answer.
    let mut rng = Rng::new(0, 0);
    let points = change_points(&series.values(), search, |n| rng.below(n as u64) as usize);
    let better = spec(series.column).map_or(Better::Neither, |spec| spec.better);
    let change = |point: ChangePoint| {
        let rises = point.means[1] > point.means[0];
        let direction = match better {
            Better::Neither => Direction::Different,
            Better::More if rises => Direction::Better,
            Better::Less if !rises => Direction::Better,
            Better::More | Better::Less => Direction::Worse,
        };
        let run_at = |place: usize| series.points[place].0;
        let blame = [run_at(point.location.start - 1), run_at(point.location.end - 1)];
        SeriesChange { run: run_at(point.at), direction, blame, point }
    };
    points.into_iter().map(change).collect()
}
