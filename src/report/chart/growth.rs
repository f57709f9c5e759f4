//! What cost grows by: target CPU, target memory and bytes along the axis that load grows by, with the exponents.

use std::fmt::Write as _;

use super::legend::head;
use super::lines::{
    Line, Sheet, draw, exponent, law, lines, name_of, notes, percent, spots, whiskers,
};
use super::panel::PAGE;
use super::picture::Picture;
use crate::judge::{Sweep, SweptAxis};
use crate::report::View;
use crate::stats::{CONFIDENCE, PowerLaw};
use crate::unit::{bytes, counted, significant};

/// A column, its title, what is up, and how its ticks are printed.
type Cost = (&'static str, &'static str, &'static str, fn(f64) -> String);

/// The column of target CPU.
const CPU: &str = "target_cpu_cores";

/// The columns that are drawn, with how their ticks are printed.
const COSTS: [Cost; 3] = [
    (CPU, "Target CPU: seconds of CPU per second", "CPU, cores", significant),
    ("target_memory_bytes", "Target memory", "memory", bytes),
    ("wire_bytes_per_delivery", "Bytes on the wire per delivery", "bytes", bytes),
];

/// Whether there is an axis to draw along, and something to draw.
pub(super) fn applies(view: &View) -> bool {
    let sweep = Sweep::of(&view.findings.cases);
    sweep.load().is_some_and(|axis| !sheets(view, &sweep, axis).0.is_empty())
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
    let mut laws = sheets.iter().flat_map(|sheet| &sheet.lines).filter_map(|(.., law)| *law);
    let mut text = vec![
        format!("Mark: median of the trials. {}", whiskers(&sheets)),
        "Pale line and exponent: least squares of logarithms, all trials.".to_owned(),
    ];
    if laws.any(|law| law.interval.is_some()) {
        text.push(format!("In parentheses: its {} interval.", percent(CONFIDENCE)));
    }
    if more > 0 {
        text.push(format!("{} in the tables.", counted(more as u64, "more line")));
    }
    notes(&mut picture, &text, y + 4.0);
    picture
}

/// The panels that have something to draw, and how many lines are left out.
fn sheets(view: &View, sweep: &Sweep, axis: &SweptAxis) -> (Vec<Sheet>, usize) {
    let (lines, more) = all_lines(view, sweep, axis);
    let sheet = |(column, title, up, print): &Cost| {
        let of = |line: &Line<'_>| {
            let spots = spots(axis, line, |_| column, |_| None);
            (line.entry.clone(), spots, law(axis, line, column))
        };
        Sheet {
            title: (*title).to_owned(),
            up,
            print: *print,
            is_bytes: *column != CPU,
            lines: lines.iter().map(of).collect(),
        }
    };
    (COSTS.iter().map(sheet).filter(Sheet::is_drawn).collect(), more)
}

fn all_lines<'a>(view: &'a View, sweep: &Sweep, axis: &SweptAxis) -> (Vec<Line<'a>>, usize) {
    lines(sweep, axis, &view.findings.cases.iter().collect::<Vec<_>>())
}

/// What it shows, in a sentence: how fast CPU grows.
pub(super) fn says(view: &View) -> String {
    let sweep = Sweep::of(&view.findings.cases);
    let Some(axis) = sweep.load() else { return String::new() };
    let (lines, _) = all_lines(view, &sweep, axis);
    let of = |line: &Line<'_>| Some((law(axis, line, CPU)?, line.entry.label.clone()));
    let mut laws: Vec<(PowerLaw, String)> = lines.iter().filter_map(of).collect();
    laws.sort_by(|(a, _), (b, _)| a.exponent.total_cmp(&b.exponent));
    let named = |(law, label): &(PowerLaw, String)| format!("{label} with {}", exponent(axis, law));
    let what = format!("What each pattern costs as the {} grows.", name_of(axis));
    let exponents = match laws.as_slice() {
        [] => return what,
        [only] => format!("CPU exponent: {}.", named(only)),
        [least, .., most] => {
            format!("CPU exponents, smallest {}, largest {}.", named(least), named(most))
        }
    };
    let mut text = format!("{what} {exponents}");
    if laws.iter().any(|(law, _)| law.interval.is_some()) {
        let _ = write!(text, " Intervals: {} confidence.", percent(CONFIDENCE));
    }
    text
}
