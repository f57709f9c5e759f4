//! Freshness against load: the median and the 99th percentile along the axis that load grows by.

use std::fmt::Write as _;

use super::legend::head;
use super::lines::{Line, Sheet, draw, lines, name_of, note, spots};
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

/// Whether there is an axis to draw along, and something to draw.
pub(super) fn applies(view: &View) -> bool {
    let sweep = Sweep::of(&view.findings.cases);
    let (cases, _) = read(view);
    let has = |axis: &SweptAxis| {
        cases.iter().any(|case| {
            axis.value(&case.case).is_some() && case.figure(case.headline("p50")).is_some()
        })
    };
    sweep.load().is_some_and(has)
}

/// Draws the chart: a panel a quantile, a line a pattern.
pub(super) fn draw_load(view: &View) -> Picture {
    let sweep = Sweep::of(&view.findings.cases);
    let mut picture = Picture::new(PAGE, 0.0);
    let Some(axis) = sweep.load() else { return picture };
    let (cases, name) = read(view);
    let title = format!("{name} against {} (lower is better)", name_of(axis));
    let top = head(&mut picture, view, &title);
    let (lines, more) = lines(&sweep, axis, &cases);
    let sheets = [("p50", "median"), ("p99", "99th percentile")].map(|(quantile, words)| {
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
    });
    let y = draw(&mut picture, axis, &sheets, top);
    let polls = sheets.iter().flat_map(|sheet| &sheet.lines);
    let theory = polls.flat_map(|(_, spots, _)| spots).any(|spot| spot.expected.is_some());
    let mut text = "Mark: of all samples. Whisker: its 95 % interval.".to_owned();
    if theory {
        text += " Dots: closed form of polls by the clock, interval ÷ 2 and 0.99 × interval.";
    }
    if more > 0 {
        let _ = write!(text, " {} in the tables.", counted(more as u64, "more line"));
    }
    note(&mut picture, &text, y + 4.0);
    picture
}

/// What it shows, in a sentence: whose median changes most.
pub(super) fn says(view: &View) -> String {
    let sweep = Sweep::of(&view.findings.cases);
    let Some(axis) = sweep.load() else { return String::new() };
    let (cases, name) = read(view);
    let (lines, _) = lines(&sweep, axis, &cases);
    let mut grown: Vec<(f64, String)> = lines
        .iter()
        .filter_map(|line| {
            let spots = spots(axis, line, |case| case.headline("p50"), |_| None);
            let (first, last) = (spots.iter().find(|spot| spot.x.is_some())?, spots.last()?);
            let text = format!(
                "{} from {} to {}",
                line.entry.label,
                nanoseconds(first.y),
                nanoseconds(last.y)
            );
            (spots.len() > 1).then(|| (last.y / first.y, text))
        })
        .collect();
    grown.sort_by(|a, b| a.0.total_cmp(&b.0));
    let what = format!("{name} as the {} grows.", name_of(axis));
    match grown.as_slice() {
        [] => what,
        [(_, only)] => format!("{what} Median: {only}."),
        [(_, least), .., (_, most)] => {
            format!("{what} The median grows most of {most}, and least of {least}.")
        }
    }
}
