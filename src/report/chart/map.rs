//! Crossover maps: which pattern is best at each point of a sweep, and where that changes.

use std::fmt::Write as _;

use super::legend::{Entry, head, legend};
use super::lines::{name_of, note};
use super::map_shapes::{grids, strips};
use super::panel::{PAGE, SMALL};
use super::picture::{Anchor, Picture, Point, Stroke};
use super::render::width_of;
use super::style::{INK, UNDECIDED, ground};
use crate::judge::{
    Axis, Claim, Crossing, Decided, Map, MapCell, Sweep, SweptAxis, crossings, maps,
};
use crate::report::View;
use crate::scenario::PatternKind;
use crate::unit::{counted, nanoseconds, significant};

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

impl Content {
    fn cells(&self) -> impl Iterator<Item = &MapCell> {
        self.maps.iter().flat_map(|(map, _)| &map.cells)
    }
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
    let first = "Full colour: shown at 95 %. Pale: ahead, in too few trials to show it. By 2x: the next takes twice as much.";
    let theory = content.cells().any(|cell| cell.forecast.is_some()).then(|| {
        "Theory: closed forms, which follow from the figures of one cell (start); polls are interval ÷ 2 old. Dashed frame: they disagree.".to_owned()
    });
    let notes = [Some(first.to_owned()), grey(&content), theory];
    for (at, text) in notes.into_iter().flatten().enumerate() {
        note(&mut picture, &text, y + 20.0 * at as f64);
    }
    picture
}

/// Why a cell is grey.
const NOISE: &str = "within the noise";
const ONCE: &str = "measured in one trial only";
const APART: &str = "never measured in the same block";
const NOTHING: &str = "not measured";

/// What the grey cells are, in a sentence; `None` where there are none.
fn grey(content: &Content) -> Option<String> {
    let why = |cell: &MapCell| match cell.ranking.as_ref().map(|ranking| ranking.claim) {
        Some(Claim::NotShown(..)) => Some(NOISE),
        Some(Claim::Once) => Some(ONCE),
        Some(Claim::NoPairs) => Some(APART),
        None if cell.only.is_none() => Some(NOTHING),
        Some(Claim::Shown(_) | Claim::Indicated(..) | Claim::Repeatable(..)) | None => None,
    };
    let found: Vec<&str> = content.cells().filter_map(why).collect();
    let mut reasons = [NOISE, ONCE, APART, NOTHING].to_vec();
    reasons.retain(|reason| found.contains(reason));
    let (last, others) = reasons.split_last()?;
    let others: String = others.iter().flat_map(|other| [*other, ", "]).collect();
    let or = if others.is_empty() { "" } else { "or " };
    Some(format!("Grey: no winner ({others}{or}{last})."))
}

/// The patterns that some cell names.
fn keys(view: &View, content: &Content) -> Vec<Entry> {
    let named = |pattern: &PatternKind| {
        content
            .cells()
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
        (Decided::No, _) if both.is_empty() => vec![NOTHING.to_owned()],
        (Decided::No, _) => vec!["no winner:".to_owned(), both.join(", ")],
        (_, Some(times)) => vec![both.join(", "), format!("by {}x", significant(times))],
        (_, None) if cell.only.is_some() => vec![both.join(", "), "alone".to_owned()],
        // Of the next only a bound is known.
        (_, None) => vec![both.join(", ")],
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
    let is_high = LINE * lines.len() as f64 <= to.1 - from.1;
    if is_high && lines.iter().all(|line| width_of(line, SMALL) <= room) {
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

/// What it shows, in a sentence: how many cells are decided, of those with several cases, and whether closed forms hold there.
pub(super) fn says(view: &View) -> String {
    let content = content(view);
    let axes: Vec<String> = content.axes.iter().map(name_of).collect();
    let ranked = || content.cells().filter(|cell| cell.ranking.is_some());
    let decided = ranked().filter(|cell| cell.decided() != Decided::No).count();
    let mut text = format!(
        "Which pattern is freshest and which is cheapest, by {}: {decided} of {} {} decided.",
        axes.join(" and "),
        counted(ranked().count() as u64, "cell"),
        if decided == 1 { "is" } else { "are" },
    );
    let tested = content.cells().filter(|cell| cell.is_tested()).count();
    match content.cells().filter(|cell| cell.is_contradicted()).count() {
        0 if tested == 0 => {}
        0 => {
            let cells = counted(tested as u64, "cell");
            let _ =
                write!(text, " No closed form contradicts what was clearly measured ({cells}).");
        }
        1 => text.push_str(" One cell contradicts the closed forms."),
        n => {
            let _ = write!(text, " {n} cells contradict the closed forms.");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::picture::Shape;
    use super::*;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::record::{Figure, Run};
    use crate::scenario::PatternKind::{Sse, WebSocket};

    /// A run of two patterns at 20 and at 40 clients, of which `fails` says which do not finish.
    fn view(trials: u32, fails: impl Fn(PatternKind, u64) -> bool) -> View {
        let of = |clients: u64| {
            [Sse, WebSocket].map(|kind| case(kind, clients, &format!(":clients={clients}")))
        };
        let cases = [20, 40].map(of).concat();
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(cases, trials, &[])), |facts| {
            if fails(facts.case.pattern.kind(), facts.case.workload.clients) {
                facts.failure = Some("the target died".to_owned());
            }
        });
        View::new(Run::read(&folder).unwrap())
    }

    fn texts(view: &View) -> Vec<String> {
        let text = |shape: &Shape| match shape {
            Shape::Text(_, text, ..) => Some(text.clone()),
            _ => None,
        };
        draw(view).shapes.iter().filter_map(text).collect()
    }

    #[test]
    fn the_note_says_why_cells_of_this_map_are_grey() {
        let grey = |view: &View| texts(view).into_iter().find(|text| text.starts_with("Grey: "));
        let once = grey(&view(1, |_, _| false));
        assert_eq!(once.as_deref(), Some("Grey: no winner (measured in one trial only)."));
        let stopped = grey(&view(1, |_, clients| clients == 40));
        let both = "Grey: no winner (measured in one trial only, or not measured).";
        assert_eq!(stopped.as_deref(), Some(both));
    }

    #[test]
    fn cells_without_rivals_are_neither_decided_nor_counted() {
        let nothing = view(1, |_, clients| clients == 40);
        assert_eq!(texts(&nothing).iter().filter(|text| *text == NOTHING).count(), 4);
        assert!(!texts(&nothing).contains(&"alone".to_owned()));
        let alone = view(1, |kind, clients| kind == Sse && clients == 40);
        assert_eq!(texts(&alone).iter().filter(|text| *text == "alone").count(), 4);
        for view in [nothing, alone] {
            assert!(says(&view).contains(" of 4 cells "), "{}", says(&view));
        }
    }

    #[test]
    fn a_single_cell_is_decided_and_none_that_was_tested_is_not_mentioned() {
        let mut view = view(1, |_, _| false);
        for case in &mut view.findings.cases {
            let value = if case.case == "sse:clients=40" { 1.0 } else { 2.0 };
            case.figures.retain(|column, _| *column == "wire_bytes_per_s");
            let wire = case.figures.get_mut("wire_bytes_per_s").unwrap();
            wire.value = Figure::Value(value);
            for figure in case.by_block.get_mut("wire_bytes_per_s").unwrap().values_mut() {
                *figure = Figure::Value(value);
            }
        }
        let all = "Which pattern is freshest and which is cheapest, by number of clients: 1 of 2 cells is decided.";
        assert_eq!(says(&view), all);
    }

    #[test]
    fn a_lead_over_a_bound_has_no_factor() {
        let mut view = view(1, |_, _| false);
        let of = |value| crate::judge::Ranked { case: "sse:clients=20".to_owned(), value };
        let order = vec![of(Figure::Value(1.0)), of(Figure::MoreThan(3.0))];
        let ranking = view.findings.rankings.swap_remove(0);
        let claim = Claim::Repeatable(1.0, 0.1);
        let ranking = Some(crate::judge::Ranking { order, claim, ..ranking });
        let cell = MapCell { at: vec![20.0], ranking, only: None, forecast: None };
        assert_eq!(words(&view, &cell), ["sse"]);
    }
}
