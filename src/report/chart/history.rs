//! A history as a chart: a panel per series, the level of each segment, and where it changed.

use super::panel::{PAGE, PANELS, Panel, Scale, layout, plain, title};
use super::picture::{Anchor, Picture, Point, Stroke};
use super::render::width_of;
use super::style::{Colour, GREY, INK, colour, marker};
use crate::judge::{Direction, Series, SeriesChange};
use crate::record::Figure;
use crate::report::glance::{figure, known};
use crate::unit::significant;

/// Height of labels of changes, and of a row of them.
const LABEL: f64 = 13.0;
const ROW: f64 = 17.0;
/// Most rows of labels in a panel.
const ROWS: usize = 3;
const WHITE: Colour = (255, 255, 255);
const WORSE: Colour = (213, 94, 0);
const BETTER: Colour = (0, 130, 95);

/// A series with its heading, as a page shows it.
pub(in crate::report) struct Shown<'a> {
    /// What the panel is called.
    pub heading: String,
    /// The series.
    pub series: &'a Series,
    /// What each change is called: its revision.
    pub labels: Vec<String>,
}

/// Draws the first of `all`, as many as a page has panels for.
pub(super) fn draw(all: &[Shown<'_>], subtitle: &str) -> Picture {
    let panels = &all[..all.len().min(PANELS)];
    let mut picture = Picture::new(PAGE, 0.0);
    title(&mut picture, "History: each run's figure, and where its level changed", subtitle);
    let (places, height) = layout(panels.len(), 74.0);
    for (shown, (from, to)) in panels.iter().zip(places) {
        draw_series(&mut picture, shown, from, to);
    }
    picture.height = height + 14.0;
    if all.len() > panels.len() {
        let more = format!("{} more series in the table", all.len() - panels.len());
        picture.text((24.0, height), &more, 14.0, GREY, Anchor::Left);
    }
    picture
}

/// A label over a panel: which row it is in, and which end of it is at its line.
struct Label {
    text: String,
    row: usize,
    anchor: Anchor,
}

fn draw_series(picture: &mut Picture, shown: &Shown<'_>, from: Point, to: Point) {
    let series = shown.series;
    let values = series.values();
    let count = values.len();
    let mut x = Scale::around(1.0, count.max(2) as f64, plain);
    x.ticks.retain(|(at, _)| at.fract() == 0.0 && *at >= 1.0 && *at <= count as f64);
    (x.min, x.max) = (0.5, count.max(1) as f64 + 0.5);
    let at_x = |place: f64| from.0 + (to.0 - from.0) * (place + 0.5) / count.max(1) as f64;
    let labels = labels(shown, from.0, to.0, at_x);
    let rows = labels.iter().flatten().map(|label| label.row + 1).max().unwrap_or(0);
    let (low, high) = extent(&values);
    // Room for the labels above the figures.
    let share = (rows as f64).mul_add(ROW, 4.0) / (to.1 - from.1);
    let high = (high - low).mul_add(share / (1.0 - share), high);
    let y = Scale::around(low, high, |value| figure(series.column, Figure::Value(value)));
    let panel = Panel { from, to, x, y };
    panel.frame(picture, &shown.heading, "run, oldest first", unit_title(series));
    if values.is_empty() {
        panel.no_data(picture);
    }
    draw_changes(picture, &panel, series, &labels);
    for (place, value) in values.iter().enumerate() {
        let at = panel.at(place as f64 + 1.0, *value);
        picture.mark(at, 3.0, marker(series.pattern), colour(series.pattern));
    }
    for (from, to, level) in levels(series) {
        let ends = [(from as f64 + 0.5, level), (to as f64 + 0.5, level)];
        picture.line(&ends.map(|(x, y)| panel.at(x, y)), Stroke::solid(INK, 1.5));
    }
}

/// What the vertical axis counts.
fn unit_title(series: &Series) -> &'static str {
    known(series.column).title
}

fn extent(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return (0.0, 1.0);
    }
    // A change of a few percent is not to fill the panel.
    let middle = f64::midpoint(low, high);
    let half = (0.55 * (high - low)).max(0.05 * middle.abs()).max(f64::MIN_POSITIVE);
    let floor = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    ((middle - half).max(floor), middle + half)
}

/// Each segment with its mean: from the place of its first figure to that after its last.
fn levels(series: &Series) -> Vec<(usize, usize, f64)> {
    let values = series.values();
    let starts = std::iter::once(0).chain(series.changes.iter().map(|change| change.point.at));
    let ends = series.changes.iter().map(|change| change.point.at);
    starts
        .zip(ends.chain(std::iter::once(values.len())))
        .filter(|(from, to)| from < to)
        .map(|(from, to)| (from, to, values[from..to].iter().sum::<f64>() / (to - from) as f64))
        .collect()
}

/// The labels of the changes, none where there is no room for one.
fn labels(
    shown: &Shown<'_>,
    left: f64,
    right: f64,
    at_x: impl Fn(f64) -> f64,
) -> Vec<Option<Label>> {
    let mut free = [left; ROWS];
    let label = |(change, name): (&SeriesChange, &String)| {
        let text = format!("{} {name}", percent(change.point.change()));
        let (x, width) = (at_x(change.point.at as f64 - 0.5), width_of(&text, LABEL) + 10.0);
        let (anchor, from) =
            if x + width <= right { (Anchor::Left, x) } else { (Anchor::Right, x - width) };
        let row = free.iter().position(|free| from >= *free)?;
        free[row] = from + width + 4.0;
        Some(Label { text, row, anchor })
    };
    shown.series.changes.iter().zip(&shown.labels).map(label).collect()
}

fn draw_changes(picture: &mut Picture, panel: &Panel, series: &Series, labels: &[Option<Label>]) {
    let lines = series.changes.iter().map(|change| {
        let (x, _) = panel.at(change.point.at as f64 + 0.5, panel.y.min);
        (x, colour_of(change.direction))
    });
    let lines: Vec<(f64, Colour)> = lines.collect();
    for (x, colour) in &lines {
        let stroke = Stroke { colour: *colour, width: 1.5, dash: Some((6.0, 4.0)) };
        picture.line(&[(*x, panel.from.1), (*x, panel.to.1)], stroke);
    }
    for ((x, colour), label) in lines.iter().zip(labels) {
        let Some(label) = label else { continue };
        let y = panel.from.1 + ROW * (label.row as f64 + 0.5) + 2.0;
        let width = width_of(&label.text, LABEL) + 6.0;
        let aside = if label.anchor == Anchor::Left { 4.0 } else { -4.0 };
        let far = x + aside + width.copysign(aside);
        picture.bar(
            ((x + aside).min(far), y - ROW / 2.0 + 1.0),
            ((x + aside).max(far), y + ROW / 2.0 - 1.0),
            WHITE,
        );
        picture.text((x + 1.5 * aside, y), &label.text, LABEL, *colour, label.anchor);
    }
}

const fn colour_of(direction: Direction) -> Colour {
    match direction {
        Direction::Worse => WORSE,
        Direction::Better => BETTER,
        Direction::Different => GREY,
    }
}

/// A change with its sign: `+12.3 %`.
pub(in crate::report) fn percent(change: f64) -> String {
    if !change.is_finite() {
        return "from 0".to_owned();
    }
    let sign = if change < 0.0 { '-' } else { '+' };
    format!("{sign}{} %", significant(100.0 * change.abs()))
}

#[cfg(test)]
mod tests {
    use super::super::picture::Shape;
    use super::*;
    use crate::judge::SeriesKey;
    use crate::scenario::PatternKind;
    use crate::stats::ChangePoint;

    /// A series whose level doubles and halves at `places`.
    fn series(count: usize, places: &[usize]) -> Series {
        let change = |at: &usize| SeriesChange {
            point: ChangePoint {
                at: *at,
                means: [1e5, 2e5],
                sizes: [3, 3],
                p: 0.0,
                chance: 0.001,
                location: *at..at + 1,
            },
            direction: Direction::Worse,
            blame: [at - 1, *at],
            run: *at,
        };
        let level = |at: usize| {
            let steps = places.iter().filter(|place| **place <= at).count();
            if steps.is_multiple_of(2) { 1e5 } else { 2e5 }
        };
        Series {
            key: SeriesKey {
                scenario: "s".to_owned(),
                case: "sse".to_owned(),
                host: "h".to_owned(),
                host_fingerprint: "f".to_owned(),
                load: "l".to_owned(),
            },
            pattern: PatternKind::Sse,
            column: "freshness_ns_p50",
            points: (0..count).map(|at| (at, level(at))).collect(),
            bounds: 0,
            changes: places.iter().map(change).collect(),
        }
    }

    /// The boxes of the labels of changes in a picture.
    fn boxes(picture: &Picture) -> Vec<[f64; 4]> {
        let text = |shape: &Shape| match shape {
            Shape::Text((x, y), text, size, _, anchor) if text.contains("0123456789") => {
                let width = width_of(text, *size);
                let left = if *anchor == Anchor::Left { *x } else { x - width };
                Some([left, left + width, y - size / 2.0, y + size / 2.0])
            }
            _ => None,
        };
        picture.shapes.iter().filter_map(text).collect()
    }

    #[test]
    fn labels_lie_within_their_panel_and_never_on_one_another() {
        for (panels, count, places) in [
            (1, 40, vec![20]),
            (1, 40, vec![3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 37]),
            (2, 60, vec![3, 6, 57]),
            (9, 12, vec![3, 6, 9]),
            (9, 200, vec![100, 103, 106, 197]),
        ] {
            let series = series(count, &places);
            let shown: Vec<Shown<'_>> = (0..panels)
                .map(|_| Shown {
                    heading: "sse, freshness p50".to_owned(),
                    series: &series,
                    labels: vec!["0123456789".to_owned(); places.len()],
                })
                .collect();
            let picture = draw(&shown, "made up");
            let boxes = boxes(&picture);
            assert!(boxes.len() >= panels, "{panels} panels, {places:?}: {} labels", boxes.len());
            for (at, one) in boxes.iter().enumerate() {
                assert!(one[0] > 0.0 && one[1] < PAGE, "{panels} panels: {one:?}");
                for other in &boxes[..at] {
                    let apart = one[0] >= other[1]
                        || other[0] >= one[1]
                        || one[2] >= other[3]
                        || other[2] >= one[3];
                    assert!(apart, "{panels} panels, {places:?}: {one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_series_without_figures_or_spread_is_drawn() {
        for series in [series(0, &[]), series(1, &[]), series(8, &[])] {
            let shown = [Shown { heading: "sse".to_owned(), series: &series, labels: Vec::new() }];
            let picture = draw(&shown, "made up");
            let finite =
                |points: &[Point]| points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
            for shape in &picture.shapes {
                assert!(!matches!(shape, Shape::Line(points, _) if !finite(points)), "{shape:?}");
                assert!(
                    !matches!(shape, Shape::Mark(point, ..) if !finite(&[*point])),
                    "{shape:?}"
                );
            }
        }
    }
}
