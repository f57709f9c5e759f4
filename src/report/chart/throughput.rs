//! Deliveries per second over time.

use std::collections::BTreeMap;

use super::legend::{Entry, drawable, drawn, entries, head, legend, series_of, shown};
use super::panel::{PAGE, Panel, Scale, layout, plain};
use super::picture::{Anchor, Picture, Point};
use super::style::GREY;
use crate::report::View;
use crate::report::group::Group;
use crate::stats::median;
use crate::unit::count;

struct Series {
    entry: Entry,
    case: String,
    /// Second of the window, and the median over the usable trials of what came in it.
    points: Vec<(f64, f64)>,
}

/// Draws the chart: a panel a workload, a line a pattern.
pub(super) fn draw(view: &View) -> Picture {
    let (groups, more) = shown(view, |_| true);
    let keys = entries(&groups, |_| true);
    let by_case = seconds(view);
    let panels: Vec<Vec<Series>> =
        groups.iter().map(|group| series(group, &keys, &by_case)).collect();
    let says = |lines: &Vec<Series>| lines.iter().any(|line| !line.points.is_empty());
    let (groups, panels) = drawable(groups, panels, says);
    let lines = || panels.iter().flatten().filter(|line| !line.points.is_empty());
    let keys = drawn(keys, lines().map(|line| line.entry.label.as_str()));

    let mut picture = Picture::new(PAGE, 0.0);
    let title = "Deliveries per second over time (median of the trials; responses for request)";
    let top = head(&mut picture, view, title);
    let top = legend(&mut picture, &keys, top);
    let (places, height) = layout(panels.len(), top);
    let window = whole_seconds(view);
    for (i, (from, to)) in places.into_iter().enumerate() {
        let lines = panels.get(i).map_or(&[][..], Vec::as_slice);
        let points = || lines.iter().flat_map(|series| &series.points);
        let high = points().map(|(_, n)| *n).fold(0.0, f64::max);
        let mut x = Scale::linear(window, plain);
        x.ticks.retain(|(second, _)| *second <= window);
        x.max = window;
        let panel = Panel { from, to, x, y: Scale::linear(high, count) };
        let heading = groups.get(i).map_or("", |group| group.heading.as_str());
        panel.frame(
            &mut picture,
            heading,
            "seconds since the window started",
            "deliveries per second",
        );
        if points().next().is_none() {
            panel.no_data(&mut picture);
        }
        for series in lines {
            picture.part(series_of(&series.entry, &series.case), |picture| {
                picture.line(&places_of(&panel, series), series.entry.stroke());
            });
        }
        for (place, series) in lines.iter().enumerate() {
            picture.part(series_of(&series.entry, &series.case), |picture| {
                marks(picture, &panel, series, (place, lines.len()));
            });
        }
    }
    picture.height = height + 14.0;
    if let Some(more) = more {
        picture.text((24.0, height), &more, 14.0, GREY, Anchor::Left);
    }
    picture
}

/// The window's whole seconds, at least one: a part of a second would look like a drop.
fn whole_seconds(view: &View) -> f64 {
    view.run.info.scenario.phases.measure.secs().floor().max(1.0)
}

/// Deliveries of each second of the window, by case, a value a usable trial.
fn seconds(view: &View) -> BTreeMap<&str, BTreeMap<i64, Vec<f64>>> {
    let window = whole_seconds(view);
    let usable = |case: &str, trial: u32| {
        let mut trials = view.run.trials.iter();
        trials.any(|t| t.identity.case == case && t.identity.trial == trial && t.verdict.usable())
    };
    let mut speaks: BTreeMap<(&str, u32), bool> = BTreeMap::new();
    let mut by_case: BTreeMap<&str, BTreeMap<i64, Vec<f64>>> = BTreeMap::new();
    for row in &view.run.timeline {
        let key = (row.case.as_str(), row.trial);
        let inside = row.second >= 0 && (row.second as f64) < window;
        if inside && *speaks.entry(key).or_insert_with(|| usable(key.0, key.1)) {
            let seconds = by_case.entry(key.0).or_default();
            seconds.entry(row.second).or_default().push(row.deliveries as f64);
        }
    }
    by_case
}

fn series(
    group: &Group<'_>,
    keys: &[Entry],
    by_case: &BTreeMap<&str, BTreeMap<i64, Vec<f64>>>,
) -> Vec<Series> {
    let of = |(label, case): &(String, &crate::judge::CaseSummary)| {
        let entry = keys.iter().find(|entry| entry.label == *label)?.clone();
        let seconds = by_case.get(case.case.as_str())?;
        let middle = |(second, all): (&i64, &Vec<f64>)| Some((*second as f64 + 0.5, median(all)?));
        let points = seconds.iter().filter_map(middle).collect();
        Some(Series { entry, case: case.case.clone(), points })
    };
    group.rows.iter().filter_map(of).collect()
}

fn places_of(panel: &Panel, series: &Series) -> Vec<Point> {
    series.points.iter().map(|(second, n)| panel.at(*second, *n)).collect()
}

/// Marks each line in other seconds, so that lines that lie on one another are all seen.
fn marks(picture: &mut Picture, panel: &Panel, series: &Series, (place, of): (usize, usize)) {
    for point in places_of(panel, series).into_iter().skip(place).step_by(of) {
        picture.mark(point, 4.5, series.entry.marker(), series.entry.stroke().colour);
    }
}

/// Whether any second of a usable trial is known.
fn has_seconds(view: &View) -> bool {
    let (groups, _) = shown(view, |_| true);
    let by_case = seconds(view);
    let mut rows = groups.iter().flat_map(|group| &group.rows);
    rows.any(|(_, case)| by_case.contains_key(case.case.as_str()))
}

/// Whether the course of deliveries says more than their sum: something was lost, came twice, out of order or late, or was
/// disturbed on purpose.
pub(super) fn applies(view: &View) -> bool {
    let uneven = |case: &crate::judge::CaseSummary| {
        let ledger = &case.ledger;
        let lacks = case.reach_worst.is_some_and(|reach| reach < 1.0);
        lacks || ledger.lost + ledger.duplicate + ledger.reordered + ledger.late > 0
    };
    let failed =
        |trial: &crate::record::TrialRecord| trial.verdict == crate::record::Verdict::Failed;
    let is_uneven = view.findings.cases.iter().any(uneven)
        || view.run.trials.iter().any(failed)
        || !crate::report::disruption::sections(view).is_empty();
    is_uneven && has_seconds(view)
}

/// What it shows, in a sentence.
pub(super) fn says(_: &View) -> String {
    "What arrived in each second of the window: dips are losses or a backlog, peaks are what was caught up.".to_owned()
}
