//! How crossover maps lie on a page: rows of cells along one axis with their crossings, or a grid a map over two.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::lines::{note, print, title_of};
use super::map::{CELL, Content, best, draw_cell, pattern_of};
use super::panel::{NORMAL, PAGE, Panel, SMALL, Scale, fit};
use super::picture::{Anchor, Part, Picture, Stroke};
use super::render::width_of;
use super::style::{GREY, INK, Marker};
use crate::judge::{Crossing, CrossingEnd, CrossingInterval, Map, SweptAxis};
use crate::report::View;
use crate::scenario::PatternKind;
use crate::unit::{counted, significant};

/// Height of a crossing below its row.
const LANE: f64 = 22.0;
/// Most crossings of a row that are drawn, and most maps over two axes.
const CROSSINGS: usize = 3;
const MAPS: usize = 8;
/// Most rows of maps along one axis, and the width of their names.
const ROWS: usize = 12;
const NAMES: f64 = 260.0;

/// Draws a row a map along one axis, with the crossings below it; returns where they end.
pub(super) fn strips(
    picture: &mut Picture,
    view: &View,
    axis: &SweptAxis,
    maps: &[(Map, Vec<Crossing>)],
    top: f64,
) -> f64 {
    let shown = &maps[..maps.len().min(ROWS)];
    // What tells rows of one quality apart has a line of its own.
    let name = |map: &Map| {
        let lines = [(best(map.by), NORMAL), (map.sheet.as_str(), SMALL)];
        lines.map(|(line, size)| (fit(line, size, NAMES), size))
    };
    let widths = shown.iter().flat_map(|(map, _)| name(map));
    let widest = widths.map(|(line, size)| width_of(&line, size)).fold(0.0, f64::max);
    let left = 24.0 + widest + 14.0;
    let columns = axis.values.len() as f64;
    let width = (PAGE - 24.0 - left) / columns;
    let mut y = top;
    for (map, found) in shown {
        let middle = y + CELL / 2.0;
        let [quality, sheet] = name(map);
        let up = if map.sheet.is_empty() { 0.0 } else { 10.0 };
        for ((line, size), at) in [(quality, middle - up), (sheet, middle + up)] {
            if !line.is_empty() {
                picture.text((left - 14.0, at), &line, size, INK, Anchor::Right);
            }
        }
        for (at, cell) in map.cells.iter().enumerate() {
            let x = left + width * at as f64;
            draw_cell(picture, view, cell, (x, y), (x + width, y + CELL));
        }
        y += CELL;
        let place = |value: f64| left + width * (along(axis, value) + 0.5);
        for crossing in found.iter().take(CROSSINGS) {
            draw_crossing(picture, view, axis, crossing, (&place, y + LANE / 2.0, left));
            y += LANE;
        }
        if let Some(more) = beyond(found.len(), CROSSINGS, "more crossing") {
            picture.text((left, y + LANE / 2.0), &more, SMALL, GREY, Anchor::Left);
            y += LANE;
        }
        y += 12.0;
    }
    let centre = |at: usize| left + width * (at as f64 + 0.5);
    let labels = axis.values.iter().enumerate();
    ticks(picture, labels.map(|(at, value)| (centre(at), print(axis.quantity)(*value))), y + 2.0);
    let middle = f64::midpoint(left, PAGE - 24.0);
    picture.text((middle, y + 24.0), &title_of(axis), NORMAL, GREY, Anchor::Middle);
    if let Some(more) = beyond(maps.len(), ROWS, "more row") {
        picture.text((24.0, y + 24.0), &fit(&more, SMALL, NAMES), SMALL, GREY, Anchor::Left);
    }
    y + 52.0
}

/// What is left out of `all`, of which `most` are drawn; `None` where nothing is.
fn beyond(all: usize, most: usize, noun: &str) -> Option<String> {
    let more = all.checked_sub(most).filter(|more| *more > 0)?;
    Some(format!("{} would not fit", counted(more as u64, noun)))
}

/// A value's place among those of the axis: 1.5 lies in the middle of the second and the third.
fn along(axis: &SweptAxis, value: f64) -> f64 {
    let values = &axis.values;
    let last = values.len() - 1;
    let above = values.iter().position(|other| *other >= value).unwrap_or(last).max(1).min(last);
    let (low, high) = (values[above - 1], values[above]);
    let share = if low > 0.0 {
        (value / low).ln() / (high / low).ln()
    } else {
        (value - low) / (high - low)
    };
    (above - 1) as f64 + share.clamp(0.0, 1.0)
}

/// Labels below a row, without those that would touch the one before.
fn ticks(picture: &mut Picture, labels: impl Iterator<Item = (f64, String)>, y: f64) {
    let mut free = f64::NEG_INFINITY;
    for (x, label) in labels {
        let half = width_of(&label, SMALL) / 2.0;
        if x - half > free + 5.0 {
            picture.text((x, y), &label, SMALL, INK, Anchor::Middle);
            free = x + half;
        }
    }
}

/// Draws where the best changes: measured with its interval, and by closed forms; its words on the side with more room.
fn draw_crossing(
    picture: &mut Picture,
    view: &View,
    axis: &SweptAxis,
    crossing: &Crossing,
    (place, y, left): (&dyn Fn(f64) -> f64, f64, f64),
) {
    let print = print(axis.quantity);
    let x = place(crossing.at);
    let ink = Stroke::solid(INK, 2.0);
    picture.line(&[(x, y - 9.0), (x, y + 9.0)], ink);
    let (mut first, mut last) = (x, x);
    let name = |id: &str| pattern_of(view, id).map_or("", PatternKind::name);
    let mut text =
        format!("{} to {} at {}", name(&crossing.below), name(&crossing.above), print(crossing.at));
    if let Some(CrossingInterval { low, high, confidence }) = crossing.interval {
        let ends = [low, high].map(|end| (place(end.at), y));
        picture.line(&ends, Stroke::solid(INK, 1.5));
        for (end, (x, y)) in [low, high].into_iter().zip(ends) {
            // Where it ends is not known where a block crosses elsewhere.
            if end.side.is_eq() {
                picture.line(&[(x, y - 4.0), (x, y + 4.0)], Stroke::solid(INK, 1.5));
            }
        }
        let confidence = significant((100.0 * confidence).floor());
        let _ =
            write!(text, " ({} to {}, {confidence} %)", written(low, print), written(high, print));
        (first, last) = (first.min(ends[0].0), last.max(ends[1].0));
    }
    if let Some(expected) = crossing.expected {
        let x = place(expected);
        picture.mark((x, y), 4.5, Marker::Diamond, GREY);
        let _ = write!(text, ", theory {}", print(expected));
        (first, last) = (first.min(x), last.max(x));
    }
    let (before, after) = (first - left, PAGE - 24.0 - last);
    if after >= before {
        let text = fit(&text, SMALL, after - 14.0);
        picture.text((last + 10.0, y), &text, SMALL, INK, Anchor::Left);
    } else {
        let text = fit(&text, SMALL, before - 14.0);
        picture.text((first - 10.0, y), &text, SMALL, INK, Anchor::Right);
    }
}

/// An end of an interval: `4 s`, or `≥ 4 s` where no block crosses below.
fn written(end: CrossingEnd, print: fn(f64) -> String) -> String {
    let sign = match end.side {
        Ordering::Less => "≤ ",
        Ordering::Equal => "",
        Ordering::Greater => "≥ ",
    };
    format!("{sign}{}", print(end.at))
}

/// Draws a grid a map over two axes; returns where they end.
pub(super) fn grids(picture: &mut Picture, view: &View, content: &Content, top: f64) -> f64 {
    let (across, up) = (&content.axes[0], &content.axes[1]);
    let shown = &content.maps[..content.maps.len().min(MAPS)];
    let columns = if across.values.len() > 4 || shown.len() == 1 { 1 } else { 2 };
    let labels = || up.values.iter().map(|value| print(up.quantity)(*value));
    let widest = labels().map(|label| width_of(&label, SMALL)).fold(0.0, f64::max);
    let left = 48.0 + widest;
    let panel = (PAGE - 16.0) / columns as f64;
    let rows = up.values.len();
    let cell = if rows > 6 { (6.0 * CELL / rows as f64).max(20.0) } else { CELL };
    let height = 34.0 + cell * rows as f64 + 60.0;
    for (at, (map, _)) in shown.iter().enumerate() {
        let (column, row) = (at % columns, at / columns);
        let x0 = 8.0 + panel * column as f64 + left;
        let y0 = top + height * row as f64 + 34.0;
        let width = (panel - left - 16.0) / across.values.len() as f64;
        let sheet = if map.sheet.is_empty() { String::new() } else { format!(", {}", map.sheet) };
        let heading = fit(&format!("{}{sheet}", best(map.by)), NORMAL, panel - left - 16.0);
        picture.text((x0, y0 - 13.0), &heading, NORMAL, INK, Anchor::Left);
        for (n, cell_of) in map.cells.iter().enumerate() {
            let (i, j) = (n / rows, rows - 1 - n % rows);
            let from = (x0 + width * i as f64, y0 + cell * j as f64);
            draw_cell(picture, view, cell_of, from, (from.0 + width, from.1 + cell));
        }
        let to = (x0 + width * across.values.len() as f64, y0 + cell * rows as f64);
        frame(picture, (across, up), &Panel { from: (x0, y0), to, x: steps(across), y: steps(up) });
    }
    let rows_of = shown.len().div_ceil(columns) as f64;
    let end = top + height * rows_of + 8.0;
    let Some(more) = beyond(content.maps.len(), MAPS, "more map") else { return end };
    note(picture, &more, end);
    end + 20.0
}

/// An axis of cells: a step a value.
fn steps(axis: &SweptAxis) -> Scale {
    let labels = axis.values.iter().map(|value| print(axis.quantity)(*value));
    let ticks = labels.enumerate().map(|(at, label)| (at as f64 + 0.5, label)).collect();
    Scale { min: 0.0, max: axis.values.len() as f64, ticks }
}

/// The labels and the titles of a grid.
fn frame(picture: &mut Picture, (across, up): (&SweptAxis, &SweptAxis), panel: &Panel) {
    picture.part(Part::Panel(panel.clone()), |picture| {
        let ((x0, y0), (x1, y1)) = (panel.from, panel.to);
        let mut widest = 0.0;
        let mut free = f64::INFINITY;
        for (place, label) in &panel.y.ticks {
            let (_, y) = panel.at(0.0, *place);
            if y + SMALL / 2.0 < free {
                picture.text((x0 - 7.0, y), label, SMALL, INK, Anchor::Right);
                free = y - SMALL / 2.0;
            }
            widest = width_of(label, SMALL).max(widest);
        }
        let middle = (x0 - widest - 22.0, f64::midpoint(y0, y1));
        let title = fit(&title_of(up), NORMAL, y1 - y0 + 20.0);
        picture.text(middle, &title, NORMAL, GREY, Anchor::Upwards);
        let labels = panel.x.ticks.iter().map(|(at, label)| (panel.at(*at, 0.0).0, label.clone()));
        ticks(picture, labels, y1 + 13.0);
        let title = fit(&title_of(across), NORMAL, x1 - x0 + 40.0);
        picture.text((f64::midpoint(x0, x1), y1 + 34.0), &title, NORMAL, GREY, Anchor::Middle);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::nanoseconds;

    #[test]
    fn an_end_beyond_the_two_values_is_written_as_one() {
        for (side, expected) in
            [(Ordering::Less, "≤ 4 s"), (Ordering::Equal, "4 s"), (Ordering::Greater, "≥ 4 s")]
        {
            assert_eq!(written(CrossingEnd { at: 4e9, side }, nanoseconds), expected);
        }
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let of = |all| beyond(all, 12, "more row");
        assert_eq!(of(12), None);
        assert_eq!(of(13).as_deref(), Some("1 more row would not fit"));
        assert_eq!(of(14).as_deref(), Some("2 more rows would not fit"));
    }
}
