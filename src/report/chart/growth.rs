//! What cost grows by: target CPU, target memory and bytes along the axis that load grows by, with the exponents.

use super::legend::head;
use super::lines::{Sheet, draw, exponent, law, lines, name_of, note, spots};
use super::panel::{PAGE, SMALL, fit};
use super::picture::Picture;
use crate::judge::{CaseSummary, Sweep, SweptAxis};
use crate::report::View;
use crate::report::glance::known;
use crate::unit::{bytes, counted, significant};

/// A column, its title, what is up, and how its ticks are printed.
type Cost = (&'static str, &'static str, &'static str, fn(f64) -> String);

/// The columns that are drawn, with how their ticks are printed.
const COSTS: [Cost; 3] = [
    ("target_cpu_cores", "Target CPU: seconds of CPU per second", "CPU, cores", significant),
    ("target_memory_bytes", "Target memory", "memory", bytes),
    ("wire_bytes_per_delivery", "Bytes on the wire per delivery", "bytes", bytes),
];

/// Whether there is an axis to draw along, and something to draw.
pub(super) fn applies(view: &View) -> bool {
    let sweep = Sweep::of(&view.findings.cases);
    sweep.load().is_some() && COSTS.iter().any(|(column, ..)| measured(view, column))
}

fn measured(view: &View, column: &str) -> bool {
    view.findings.cases.iter().any(|case| case.figure(column).is_some())
}

/// Draws the chart: a panel a cost, a line a pattern.
pub(super) fn draw_growth(view: &View) -> Picture {
    let sweep = Sweep::of(&view.findings.cases);
    let mut picture = Picture::new(PAGE, 0.0);
    let Some(axis) = sweep.load() else { return picture };
    let title = format!("Cost against {} (lower is better)", name_of(axis));
    let top = head(&mut picture, view, &title);
    let (sheets, more) = sheets(view, &sweep, axis);
    let y = draw(&mut picture, axis, &sheets, top);
    let text = "Mark: median of the trials. Whisker: its interval. Pale line and exponent: least squares of logarithms, all trials.";
    note(&mut picture, text, y + 4.0);
    if more > 0 {
        let text =
            fit(&format!("{} in the tables", counted(more as u64, "more line")), SMALL, 400.0);
        note(&mut picture, &text, y + 24.0);
    }
    picture
}

fn sheets(view: &View, sweep: &Sweep, axis: &SweptAxis) -> (Vec<Sheet>, usize) {
    let cases: Vec<&CaseSummary> = view.findings.cases.iter().collect();
    let (lines, more) = lines(sweep, axis, &cases);
    let sheet = |(column, title, up, print): &Cost| {
        let of = |line: &super::lines::Line<'_>| {
            let spots = spots(axis, line, |_| column, |_| None);
            (line.entry.clone(), spots, law(axis, line, column))
        };
        Sheet {
            title: (*title).to_owned(),
            up,
            print: *print,
            is_bytes: *column != "target_cpu_cores",
            lines: lines.iter().map(of).collect(),
        }
    };
    let shown = COSTS.iter().filter(|(column, ..)| measured(view, column));
    (shown.map(sheet).collect(), more)
}

/// What it shows, in a sentence: how fast CPU grows.
pub(super) fn says(view: &View) -> String {
    let sweep = Sweep::of(&view.findings.cases);
    let Some(axis) = sweep.load() else { return String::new() };
    let (sheets, _) = sheets(view, &sweep, axis);
    let mut grown: Vec<(f64, String)> = sheets
        .first()
        .into_iter()
        .flat_map(|sheet| &sheet.lines)
        .filter_map(|(entry, _, law)| {
            let law = law.as_ref()?;
            Some((law.exponent, format!("{} by {}", entry.label, exponent(axis, law))))
        })
        .collect();
    grown.sort_by(|a, b| a.0.total_cmp(&b.0));
    let what = format!("What each pattern costs as the {} grows.", name_of(axis));
    match grown.as_slice() {
        [] => what,
        [(_, only)] => format!("{what} CPU: {only}."),
        [(_, least), .., (_, most)] => {
            format!(
                "{what} {} grows slowest: {least}; fastest: {most}.",
                known("target_cpu_cores").title
            )
        }
    }
}
