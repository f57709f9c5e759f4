//! A history and its changes as data.

use serde_json::{Value, json};

use crate::judge::{Direction, Series, SeriesChange, Trends};
use crate::record::HistoryLine;

pub(super) fn trends(trends: &Trends) -> Value {
    let lines = &trends.history.lines;
    let search = &trends.search;
    json!({
        "search": {
            "window": search.window,
            "p": search.p,
            "magnitude": search.magnitude,
            "least_runs": search.least,
        },
        "runs": lines.iter().map(run).collect::<Vec<_>>(),
        "series": trends.series.iter().map(|one| series(one, lines)).collect::<Vec<_>>(),
        "warnings": trends.history.warnings,
    })
}

fn run(line: &HistoryLine) -> Value {
    json!({
        "run": line.run,
        "started_utc": line.started_utc,
        "revision": line.revision,
        "scenario": line.scenario,
        "host": line.host.name,
        "tidings": line.tidings,
        "complete": line.complete,
    })
}

fn series(series: &Series, lines: &[HistoryLine]) -> Value {
    let points: Vec<Value> = series
        .points
        .iter()
        .map(|(run, value)| json!({"run": lines[*run].run, "value": value}))
        .collect();
    json!({
        "scenario": series.key.scenario,
        "case": series.key.case,
        "metric": series.column,
        "host": series.key.host,
        "host_fingerprint": series.key.host_fingerprint,
        "load": series.key.load,
        "points": points,
        "bounds_left_out": series.bounds,
        "changes": series.changes.iter().map(|one| change(one, lines)).collect::<Vec<_>>(),
    })
}

fn change(change: &SeriesChange, lines: &[HistoryLine]) -> Value {
    let point = &change.point;
    let first = &lines[change.run];
    let [last_before, first_after] = change.blame.map(|run| &lines[run]);
    let side = |line: &HistoryLine| json!({"run": line.run, "revision": line.revision});
    json!({
        "index": point.at,
        "run": first.run,
        "started_utc": first.started_utc,
        "revision": first.revision,
        "before": point.means[0],
        "after": point.means[1],
        "change": Some(point.change()).filter(|change| change.is_finite()),
        "direction": match change.direction {
            Direction::Worse => "regression",
            Direction::Better => "improvement",
            Direction::Different => "different",
        },
        "runs_before": point.sizes[0],
        "runs_after": point.sizes[1],
        "p": point.p,
        "chance": point.chance,
        "blame": {"last_before": side(last_before), "first_after": side(first_after)},
    })
}
