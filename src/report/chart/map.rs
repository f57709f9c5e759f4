//! Crossover maps: which pattern is best at each point of a sweep, and where that changes.

use std::fmt::Write as _;

use super::legend::{Entry, head, legend};
use super::lines::{name_of, note};
use super::map_shapes::{grids, strips};
use super::panel::{PAGE, SMALL};
use super::picture::{Anchor, Picture, Point, Stroke};
use super::render::width_of;
use super::style::{INK, UNDECIDED, ground};
use crate::judge::{Axis, Crossing, Decided, Map, MapCell, Sweep, SweptAxis, crossings, maps};
use crate::report::View;
use crate::scenario::PatternKind;
use crate::unit::{nanoseconds, significant};

/// Height of a line of text in a cell.
const LINE: f64 = 18.0;
/// Height of the strip that shows who a cell is between.
const STRIP: f64 = 5.0;
/// Height of a cell: the best, by how much, and the closed form.
pub(super) const CELL: f64 = 3.0 * LINE + 10.0;

/// What is drawn: the axes, the maps over them, and the crossings of each.
pub(super) struct Content {
    pub axes: Vec<SweptAxis>,
    pub maps: Vec<(Map, Vec<Crossing>)>,
}

fn content(view: &View) -> Content {
    let cases = &view.findings.cases;
    let planned = &view.run.info.scenario.cases;
    let sweep = Sweep::of(cases);
    let axes: Vec<SweptAxis> = sweep.axes.iter().take(2).cloned().collect();
    let with = |map: Map| {
        let found = match axes.as_slice() {
            [only] => crossings(&map, only, cases, planned),
            _ => Vec::new(),
        };
        (map, found)
    };
    let maps = maps(&sweep, cases, planned).into_iter().map(with).collect();
    Content { axes, maps }
}

/// Whether anything is swept between patterns that can be compared.
pub(super) fn applies(view: &View) -> bool {
    !content(view).maps.is_empty()
}

/// What is best by an axis, in words.
pub(super) const fn best(by: Axis) -> &'static str {
    match by {
        Axis::Freshness => "freshest (median)",
        Axis::Response => "quickest (median)",
        Axis::Cpu => "least target CPU",
        Axis::Wire => "fewest bytes on the wire",
        Axis::Memory => "least target memory",
        Axis::Cost => "least money",
    }
}

/// Draws the chart: a cell a point, in the colour of the pattern that is best there.
pub(super) fn draw(view: &View) -> Picture {
    let content = content(view);
    let mut picture = Picture::new(PAGE, 0.0);
    let title = match content.axes.as_slice() {
        [] => return picture,
        [axis] => format!("Which pattern is best, by {}", name_of(axis)),
        [first, second, ..] => {
            format!("Which pattern is best, by {} and {}", name_of(first), name_of(second))
        }
    };
    let top = head(&mut picture, view, &title);
    let y = legend(&mut picture, &keys(view, &content), top) + 4.0;
    let y = match content.axes.as_slice() {
        [axis] => strips(&mut picture, view, axis, &content.maps, y),
        _ => grids(&mut picture, view, &content, y),
    };
    let first = "Full colour: shown at 95 %. Pale: ahead, in too few trials to show it. Grey: not shown, within the noise. By 2x: the next takes twice as much.";
    note(&mut picture, first, y);
    let forecast = content.maps.iter().flat_map(|(map, _)| &map.cells);
    if forecast.clone().any(|cell| cell.forecast.is_some()) {
        let second = "Theory: closed forms, which follow from the figures of one cell (start); polls are interval ÷ 2 old. Dashed frame: they disagree.";
        note(&mut picture, second, y + 20.0);
    }
    picture
}

/// The patterns that some cell names.
fn keys(view: &View, content: &Content) -> Vec<Entry> {
    let cells = || content.maps.iter().flat_map(|(map, _)| &map.cells);
    let named = |pattern: &PatternKind| {
        cells()
            .any(|cell| cell.contenders().iter().any(|id| pattern_of(view, id) == Some(*pattern)))
    };
    let entry =
        |pattern: PatternKind| Entry { label: pattern.name().to_owned(), pattern, variant: 0 };
    PatternKind::ALL.into_iter().filter(named).map(entry).collect()
}

pub(super) fn pattern_of(view: &View, id: &str) -> Option<PatternKind> {
    view.findings.cases.iter().find(|case| case.case == id).map(|case| case.pattern)
}

/// What a cell says, line by line.
fn words(view: &View, cell: &MapCell) -> Vec<String> {
    let name = |id: &str| pattern_of(view, id).map_or("", PatternKind::name).to_owned();
    let both: Vec<String> = cell.contenders().into_iter().map(name).collect();
    let mut lines = match (cell.decided(), cell.times()) {
        (Decided::No, _) => vec!["not shown:".to_owned(), both.join(", ")],
        (_, Some(times)) => vec![both.join(", "), format!("by {}x", significant(times))],
        (_, None) => vec![both.join(", "), "alone".to_owned()],
    };
    if let Some(forecast) = &cell.forecast {
        lines.push(match (forecast.polls, forecast.is_reference, forecast.is_clear()) {
            (Some(polls), ..) => format!("theory: poll {}", nanoseconds(polls.p50_ns)),
            (_, true, _) => "theory: start".to_owned(),
            (_, false, true) => format!("theory: {}", name(&forecast.case)),
            (_, false, false) => "theory: even".to_owned(),
        });
    }
    lines
}

/// Draws a cell between two corners.
pub(super) fn draw_cell(
    picture: &mut Picture,
    view: &View,
    cell: &MapCell,
    from: Point,
    to: Point,
) {
    let (from, to) = ((from.0 + 1.5, from.1 + 1.5), (to.0 - 1.5, to.1 - 1.5));
    let ids = cell.contenders();
    let patterns: Vec<PatternKind> = ids.iter().filter_map(|id| pattern_of(view, id)).collect();
    let ground = match (cell.decided(), patterns.first()) {
        (Decided::Shown, Some(pattern)) => ground(*pattern, 0),
        (Decided::Ahead, Some(pattern)) => ground(*pattern, 1),
        _ => UNDECIDED,
    };
    picture.bar(from, to, ground);
    if cell.decided() == Decided::No {
        // Who it is between, also for those who look at the colours alone.
        let part = (to.0 - from.0) / patterns.len().max(1) as f64;
        for (at, pattern) in patterns.iter().enumerate() {
            let left = from.0 + part * at as f64;
            picture.bar(
                (left, to.1 - STRIP),
                (left + part, to.1),
                super::style::ground(*pattern, 0),
            );
        }
    }
    let (lines, contradicts) = (words(view, cell), cell.is_contradicted());
    let middle = f64::midpoint(from.0, to.0);
    let room = to.0 - from.0 - 8.0;
    if contradicts {
        let (a, b) = ((from.0 + 2.0, from.1 + 2.0), (to.0 - 2.0, to.1 - 2.0));
        let frame = [a, (b.0, a.1), b, (a.0, b.1), a];
        picture.line(&frame, Stroke { colour: INK, width: 2.0, dash: Some((6.0, 4.0)) });
    }
    if lines.iter().all(|line| width_of(line, SMALL) <= room) {
        let mut y = f64::midpoint(from.1, to.1) - LINE * (lines.len() as f64 - 1.0) / 2.0;
        for line in &lines {
            picture.text((middle, y), line, SMALL, INK, Anchor::Middle);
            y += LINE;
        }
        return;
    }
    // No room for words: the marks of the legend.
    let gap = (room / patterns.len().max(1) as f64).min(16.0);
    let first = middle - gap * (patterns.len() as f64 - 1.0) / 2.0;
    for (at, pattern) in patterns.iter().enumerate() {
        let entry = Entry { label: String::new(), pattern: *pattern, variant: 0 };
        let place = (first + gap * at as f64, f64::midpoint(from.1, to.1));
        picture.mark(place, 5.0_f64.min(room / 2.0), entry.marker(), entry.stroke().colour);
    }
}

/// What it shows, in a sentence: how many cells are decided, and where the best changes.
pub(super) fn says(view: &View) -> String {
    let content = content(view);
    let axes: Vec<String> = content.axes.iter().map(name_of).collect();
    let cells = || content.maps.iter().flat_map(|(map, _)| &map.cells);
    let decided = cells().filter(|cell| cell.decided() != Decided::No).count();
    let mut text = format!(
        "Which pattern is freshest and which is cheapest, by {}: {decided} of {} cells are decided.",
        axes.join(" and "),
        cells().count()
    );
    let forecast =
        || cells().filter(|cell| cell.forecast.as_ref().is_some_and(|own| !own.is_reference));
    if forecast().next().is_some() {
        let wrong = forecast().filter(|cell| cell.is_contradicted()).count();
        match wrong {
            0 => text.push_str(" No closed form contradicts what was clearly measured."),
            1 => text.push_str(" One cell contradicts the closed forms."),
            n => {
                let _ = write!(text, " {n} cells contradict the closed forms.");
            }
        }
    }
    text
}
