//! Freshness against load: the median and the 99th percentile along the axis that load grows by.

use super::legend::head;
use super::lines::{Line, Sheet, draw, lines, name_of, notes, spots, unplaced, whiskers};
use super::panel::PAGE;
use super::picture::Picture;
use crate::judge::{CaseSummary, Sweep, SweptAxis, expected_p50_ns};
use crate::report::View;
use crate::unit::{counted, nanoseconds};

/// The cases that are drawn: those that deliver, or else the requests; and what they are read by.
fn read(view: &View) -> (Vec<&CaseSummary>, &'static str) {
    let cases = &view.findings.cases;
    if cases.iter().any(|case| case.pattern.delivers()) {
        (cases.iter().filter(|case| case.pattern.delivers()).collect(), "Freshness")
    } else {
        (cases.iter().collect(), "Response")
    }
}

/// The panels that have something to draw, and what they leave out.
struct Content {
    sheets: Vec<Sheet>,
    /// Lines that only the tables have.
    more: usize,
    /// Points whose quantile falls among what never arrived.
    unplaced: usize,
}

fn content(view: &View, sweep: &Sweep, axis: &SweptAxis) -> Content {
    let (cases, name) = read(view);
    let (lines, more) = lines(sweep, axis, &cases);
    let quantiles = [("p50", "median"), ("p99", "99th percentile")];
    let sheet = |(quantile, words): (&'static str, &str)| {
        let of = |line: &Line<'_>| {
            let expected = |case: &CaseSummary| {
                let planned =
                    view.run.info.scenario.cases.iter().find(|own| own.id == case.case)?;
                // Uniform between two polls.
                let share = if quantile == "p50" { 1.0 } else { 1.98 };
                expected_p50_ns(planned).map(|ns| ns * share)
            };
            (line.entry.clone(), spots(axis, line, |case| case.headline(quantile), expected), None)
        };
        Sheet {
            title: format!("{name}, {words}"),
            up: if name == "Freshness" { "freshness" } else { "response" },
            print: nanoseconds,
            is_bytes: false,
            lines: lines.iter().map(of).collect(),
        }
    };
    let bounds = |(quantile, _): (&'static str, &str)| {
        lines.iter().map(|line| unplaced(line, |case| case.headline(quantile))).sum::<usize>()
    };
    Content {
        sheets: quantiles.into_iter().map(sheet).filter(Sheet::is_drawn).collect(),
        more,
        unplaced: quantiles.into_iter().map(bounds).sum(),
    }
}

/// Whether there is an axis to draw along, and something to draw.
pub(super) fn applies(view: &View) -> bool {
    let sweep = Sweep::of(&view.findings.cases);
    sweep.load().is_some_and(|axis| !content(view, &sweep, axis).sheets.is_empty())
}

/// Draws the chart: a panel a quantile, a line a pattern.
pub(super) fn draw_load(view: &View) -> Picture {
    let sweep = Sweep::of(&view.findings.cases);
    let mut picture = Picture::new(PAGE, 0.0);
    let Some(axis) = sweep.load() else { return picture };
    let (_, name) = read(view);
    let title = format!("{name} against {} (lower is better)", name_of(axis));
    let top = head(&mut picture, view, &title);
    let Content { sheets, more, unplaced } = content(view, &sweep, axis);
    let y = draw(&mut picture, axis, &sheets, top);
    // Medians of trials stay where a run holds no samples by trial.
    let mark = if view.run.log.is_empty() { "median of the trials" } else { "of all samples" };
    let mut text = vec![format!("Mark: {mark}. {}", whiskers(&sheets))];
    let polls = sheets.iter().flat_map(|sheet| &sheet.lines);
    if polls.flat_map(|(_, spots, _)| spots).any(|spot| spot.expected.is_some()) {
        let dots = "Dots: closed form of polls by the clock, interval ÷ 2 and 0.99 × interval.";
        text.push(dots.to_owned());
    }
    if unplaced > 0 {
        let lost = if name == "Freshness" { "lost deliveries" } else { "unanswered requests" };
        let (are, their) = if unplaced == 1 { ("is", "its") } else { ("are", "their") };
        let points = counted(unplaced as u64, "point");
        text.push(format!("{points} {are} not drawn: {their} quantile falls among {lost}."));
    }
    if more > 0 {
        text.push(format!("{} in the tables.", counted(more as u64, "more line")));
    }
    notes(&mut picture, &text, y + 4.0);
    picture
}

/// The change of a line's median from its first load to its last, as a logarithm, and in words; `None` where an end has none.
fn change(axis: &SweptAxis, line: &Line<'_>) -> Option<(f64, String)> {
    let mut spots = spots(axis, line, |case| case.headline("p50"), |_| None);
    spots.retain(|spot| spot.x.is_some());
    let loads = || line.cases.iter().filter_map(|case| axis.value(&case.case));
    let (low, high) = (loads().reduce(f64::min)?, loads().reduce(f64::max)?);
    let (first, last) = (spots.first()?, spots.last()?);
    let is_whole = low < high && first.x? <= low && last.x? >= high;
    let ends = format!("from {} to {}", nanoseconds(first.y), nanoseconds(last.y));
    is_whole.then(|| ((last.y / first.y).ln(), format!("{} {ends}", line.entry.label)))
}

/// What it shows, in a sentence: whose median changes most.
pub(super) fn says(view: &View) -> String {
    let sweep = Sweep::of(&view.findings.cases);
    let Some(axis) = sweep.load() else { return String::new() };
    let (cases, name) = read(view);
    let (lines, _) = lines(&sweep, axis, &cases);
    let mut changes: Vec<(f64, String)> =
        lines.iter().filter_map(|line| change(axis, line)).collect();
    changes.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    let what = format!("{name} as the {} grows.", name_of(axis));
    match changes.as_slice() {
        [] => what,
        [(_, only)] => format!("{what} Median: {only}."),
        [(_, least), .., (_, most)] => {
            format!("{what} Median, largest change: {most}; smallest: {least}.")
        }
    }
}
