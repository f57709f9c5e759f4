//! What is taken of the target, by pattern: small multiples of bars with their intervals.

use super::legend::{Entry, drawn, entries, head, legend, shown};
use super::panel::{NORMAL, PAGE, SMALL, Scale, fit};
use super::picture::{Anchor, Picture, Point, Stroke};
use super::render::width_of;
use super::style::{GREY, GRID, INK};
use crate::judge::{CaseSummary, Estimate};
use crate::record::{COST, Unit};
use crate::report::View;
use crate::report::glance::known;

/// Height of one bar with its gap.
const BAR: f64 = 24.0;

/// Height of a name that stands above its bars.
const NAME: f64 = 18.0;
/// Room for the names, to the left of the bars.
const NAMES: f64 = 170.0;
/// Width of a column.
const COLUMN: f64 = (PAGE - NAMES - 24.0) / COSTS.len() as f64;

/// The columns of `trials.csv` that are drawn; titles and units come from the table of metrics.
const COSTS: [&str; 4] = ["target_cpu_cores", "wire_bytes_per_s", "target_memory_bytes", COST];

/// Whether a bar stands for the case.
fn has_bar(case: &CaseSummary) -> bool {
    COSTS.iter().any(|column| case.shown(column).is_some())
}

/// Whether anything was measured.
pub(super) fn applies(view: &View) -> bool {
    let (groups, _) = shown(view, |_| true);
    groups.iter().flat_map(|group| &group.rows).any(|(_, case)| has_bar(case))
}

/// Draws the chart: a column a cost, a block of bars a workload, a bar a pattern.
pub(super) fn draw(view: &View) -> Picture {
    let (groups, more) = shown(view, |_| true);
    let keys = entries(&groups, |_| true);
    let mut picture = Picture::new(PAGE, 0.0);
    let title = "Cost by pattern, at the load that was offered (lower is better)";
    let mut y = head(&mut picture, view, title);
    // Bars stand beside their names; only patterns with many variants need a key to the colours.
    if keys.len() > 12 {
        let measured = groups.iter().flat_map(|group| &group.rows);
        let measured = measured.filter(|(_, case)| has_bar(case));
        let keys = drawn(keys.clone(), measured.map(|(label, _)| label.as_str()));
        y = legend(&mut picture, &keys, y);
    }
    for (i, column) in COSTS.iter().enumerate() {
        let title = match *column {
            // Its unit is the scenario's.
            COST => format!("{}, {}", known(column).title, view.run.info.scenario.prices.currency),
            column => known(column).title.to_owned(),
        };
        let text = fit(&title, NORMAL, COLUMN - 8.0);
        picture.text((left(i), y + 12.0), &text, NORMAL, GREY, Anchor::Left);
    }
    y += 32.0;
    let cases = || groups.iter().flat_map(|group| group.rows.iter().map(|(_, case)| *case));
    let scales: Vec<f64> = COSTS.iter().map(|column| highest(cases(), column)).collect();
    // A name that is cut short tells nothing: where one does not fit, all stand above their bars.
    let above = keys.iter().any(|key| width_of(&key.label, SMALL) > NAMES - 30.0);
    for group in &groups {
        if !group.heading.is_empty() {
            let heading = fit(&group.heading, NORMAL, PAGE - 48.0);
            picture.text((24.0, y + 8.0), &heading, NORMAL, INK, Anchor::Left);
            y += 24.0;
        }
        for (label, case) in &group.rows {
            let Some(entry) = keys.iter().find(|entry| entry.label == *label) else { continue };
            if above {
                let label = fit(label, SMALL, PAGE - NAMES - 24.0);
                picture.text((NAMES, y + 10.0), &label, SMALL, INK, Anchor::Left);
                y += NAME;
            } else {
                let place = (NAMES - 8.0, y + BAR / 2.0);
                picture.text(place, label, SMALL, INK, Anchor::Right);
            }
            for (i, column) in COSTS.iter().enumerate() {
                let place = (left(i), y + BAR / 2.0);
                let unit = known(column).column.unit;
                bar(&mut picture, place, scales[i], entry, case.shown(column), unit);
            }
            y += BAR;
        }
        y += 14.0;
    }
    let note = "Bar: median of the trials. Whisker: its confidence interval.";
    picture.text((24.0, y + 8.0), note, SMALL, GREY, Anchor::Left);
    if let Some(more) = more {
        picture.text((PAGE - 24.0, y + 8.0), &more, SMALL, GREY, Anchor::Right);
    }
    picture.height = y + 28.0;
    picture
}

/// Where the bars of a column begin.
fn left(column: usize) -> f64 {
    NAMES + COLUMN * column as f64
}

/// The right end of a column's scale.
fn highest<'a>(cases: impl Iterator<Item = &'a CaseSummary>, column: &str) -> f64 {
    let ends =
        cases.filter_map(|case| case.shown(column)).map(|(estimate, _)| estimate.high.number());
    Scale::linear(ends.fold(0.0, f64::max), |_| String::new()).max
}

fn bar(
    picture: &mut Picture,
    (x, y): Point,
    scale: f64,
    entry: &Entry,
    estimate: Option<(&Estimate, bool)>,
    unit: Unit,
) {
    picture.line(&[(x, y - BAR / 2.0), (x, y + BAR / 2.0)], Stroke::solid(GRID, 1.0));
    let Some((estimate, reliable)) = estimate else {
        picture.text((x + 5.0, y), "not measured", SMALL, GREY, Anchor::Left);
        return;
    };
    // The widest bar leaves room for its figure.
    let room = COLUMN - 98.0;
    let at = |value: f64| x + (value / scale).clamp(0.0, 1.0) * room;
    let (median, low, high) =
        (estimate.value.number(), estimate.low.number(), estimate.high.number());
    let colour = if reliable { entry.stroke().colour } else { GRID };
    picture.bar((x, y - 7.0), (at(median).max(x + 1.0), y + 7.0), colour);
    if estimate.confidence > 0.0 {
        let ink = Stroke::solid(INK, 1.0);
        picture.line(&[(at(low), y), (at(high), y)], ink);
        for end in [at(low), at(high)] {
            picture.line(&[(end, y - 4.0), (end, y + 4.0)], ink);
        }
    }
    let text = (at(high.max(median)) + 6.0, y);
    let figure = estimate.value.print(|value| unit.print(value));
    let (figure, ink) =
        if reliable { (figure, INK) } else { (format!("{figure} (invalid)"), GREY) };
    picture.text(text, &figure, SMALL, ink, Anchor::Left);
}

/// What it shows, in a sentence.
pub(super) fn says(_: &View) -> String {
    "What each pattern takes of the target at the same load, with intervals. Shorter bars are better.".to_owned()
}
