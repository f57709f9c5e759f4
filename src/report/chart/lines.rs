//! Figures along a swept axis: a panel a figure, a line a pattern, its name beside its end.

use std::fmt::Write as _;

use super::direct::{Label, spread, width_of_labels};
use super::legend::{Entry, series_of};
use super::panel::{PAGE, Panel, SMALL, Scale, fit, pale};
use super::picture::{Picture, Stroke};
use super::style::{GREY, INK};
use crate::judge::{CaseSummary, Meaning, Quantity, Sweep, SweptAxis};
use crate::record::Figure;
use crate::stats::{CONFIDENCE, PowerLaw, power_law};
use crate::unit::{bytes, count, nanoseconds, significant};

/// Most lines of a panel.
const LINES: usize = 12;
/// Height of a panel, and of a label in it.
const PANEL: f64 = 220.0;
const ROW: f64 = 18.0;
/// Room for the labels, at most.
const LABELS: f64 = 400.0;
/// Where plots begin.
const LEFT: f64 = 104.0;

/// A measured point of a line.
pub(super) struct Spot {
    /// Place on the axis; `None` where the axis makes no difference: a level.
    pub x: Option<f64>,
    /// Figure, and the ends of its interval.
    pub y: f64,
    low: f64,
    high: f64,
    /// Confidence of the interval; 0 where one trial gives none.
    confidence: f64,
    /// What theory says.
    pub expected: Option<f64>,
}

/// Cases that differ along the axis alone.
pub(super) struct Line<'a> {
    pub entry: Entry,
    pub cases: Vec<&'a CaseSummary>,
}

/// A panel before it has a place.
pub(super) struct Sheet {
    pub title: String,
    /// What is up, in few words, with its unit unless ticks have it.
    pub up: &'static str,
    pub print: fn(f64) -> String,
    /// Whether these are bytes.
    pub is_bytes: bool,
    /// The lines' points, each with what stands behind its name, and its power law.
    pub lines: Vec<(Entry, Vec<Spot>, Option<PowerLaw>)>,
}

impl Sheet {
    /// Whether anything has a place along the axis: the panel would be empty without it.
    pub(super) fn is_drawn(&self) -> bool {
        self.spots().any(|spot| spot.x.is_some())
    }

    fn spots(&self) -> impl Iterator<Item = &Spot> {
        self.lines.iter().flat_map(|(_, spots, _)| spots)
    }
}

/// The lines of a chart along `axis`, as many as can be told apart, and how many are left out.
pub(super) fn lines<'a>(
    sweep: &Sweep,
    axis: &SweptAxis,
    cases: &[&'a CaseSummary],
) -> (Vec<Line<'a>>, usize) {
    let mut lines: Vec<(String, Line<'a>)> = Vec::new();
    for case in cases {
        let rest = sweep.rest(&case.case, &[axis]);
        let label = format!("{} {rest}", case.pattern.name()).trim().to_owned();
        if let Some((_, line)) = lines.iter_mut().find(|(_, line)| line.entry.label == label) {
            line.cases.push(case);
            continue;
        }
        let pattern = case.pattern;
        let variant = lines.iter().filter(|(_, line)| line.entry.pattern == pattern).count();
        let entry = Entry { label, pattern, variant };
        let sheet = sweep.shared(&case.case, &[axis]);
        lines.push((sheet, Line { entry, cases: vec![case] }));
    }
    let all = lines.len();
    if all > LINES {
        // Whole workloads, in their order, and no part of one unless the first alone is too many.
        let mut sheets: Vec<String> = Vec::new();
        for (sheet, _) in &lines {
            if !sheets.contains(sheet) {
                sheets.push(sheet.clone());
            }
        }
        let mut kept: Vec<(String, Line<'a>)> = Vec::new();
        for sheet in sheets {
            let (own, others) = lines.into_iter().partition(|(other, _)| *other == sheet);
            lines = others;
            let own: Vec<(String, Line<'a>)> = own;
            if kept.is_empty() || kept.len() + own.len() <= LINES {
                kept.extend(own);
            }
        }
        kept.truncate(LINES);
        lines = kept;
    }
    let more = all - lines.len();
    (lines.into_iter().map(|(_, line)| line).collect(), more)
}

/// The points of a line in a column, in the order of the axis.
pub(super) fn spots(
    axis: &SweptAxis,
    line: &Line<'_>,
    column: impl Fn(&CaseSummary) -> &'static str,
    expected: impl Fn(&CaseSummary) -> Option<f64>,
) -> Vec<Spot> {
    let of = |case: &&CaseSummary| {
        let estimate = case.figure(column(case))?;
        let Figure::Value(y) = estimate.value else { return None };
        let (low, high) = (estimate.low.number().min(y), estimate.high.number().max(y));
        let (x, confidence) = (axis.value(&case.case), estimate.confidence);
        (y > 0.0).then(|| Spot { x, y, low, high, confidence, expected: expected(case) })
    };
    let mut spots: Vec<Spot> = line.cases.iter().filter_map(of).collect();
    spots.sort_by(|a, b| a.x.partial_cmp(&b.x).unwrap_or(std::cmp::Ordering::Equal));
    spots
}

/// Counts the cases of a line that have no point, because their quantile falls among what never arrived.
pub(super) fn unplaced(line: &Line<'_>, column: impl Fn(&CaseSummary) -> &'static str) -> usize {
    let is_bound = |case: &&&CaseSummary| {
        let figure = case.figure(column(case)).map(|estimate| estimate.value);
        matches!(figure, Some(Figure::MoreThan(_)))
    };
    line.cases.iter().filter(is_bound).count()
}

/// The power law of a line, over all of its trials.
pub(super) fn law(axis: &SweptAxis, line: &Line<'_>, column: &str) -> Option<PowerLaw> {
    let of = |case: &&CaseSummary| {
        let x = axis.value(&case.case)?;
        let blocks = case.by_block.get(column)?;
        Some(blocks.values().map(move |figure| (x, figure.number())).collect::<Vec<_>>())
    };
    let points: Vec<(f64, f64)> = line.cases.iter().filter_map(of).flatten().collect();
    power_law(&points, CONFIDENCE)
}

/// `clients^1.02 (0.97 to 1.06)`.
pub(super) fn exponent(axis: &SweptAxis, law: &PowerLaw) -> String {
    let two = |value: f64| format!("{value:.2}").replace("-0.00", "0.00");
    let mut text = format!("{}^{}", axis.name, two(law.exponent));
    if let Some((low, high)) = law.interval {
        let _ = write!(text, " ({} to {})", two(low), two(high));
    }
    if law.is_bent() {
        let _ = write!(text, ", ^{} at the end", two(law.at_the_end));
    }
    text
}

/// What is across, in words.
pub(super) fn title_of(axis: &SweptAxis) -> String {
    let words = match axis.meaning {
        Meaning::Clients => "number of clients",
        Meaning::Topics => "number of topics",
        Meaning::Events => "events per second and topic",
        Meaning::Requests => "requests per second",
        Meaning::PollInterval => "poll interval",
        Meaning::Payload => "payload of an event",
        Meaning::Other => &axis.name,
    };
    words.to_owned()
}

/// An axis in a sentence.
pub(super) fn name_of(axis: &SweptAxis) -> String {
    match axis.meaning {
        Meaning::Events => "event rate".to_owned(),
        Meaning::Requests => "request rate".to_owned(),
        Meaning::Payload => "payload".to_owned(),
        _ => title_of(axis),
    }
}

/// A value of an axis, with its unit.
pub(super) fn print(quantity: Quantity) -> fn(f64) -> String {
    match quantity {
        Quantity::Number => count,
        Quantity::Rate => |value| format!("{}/s", significant(value)),
        Quantity::Time => nanoseconds,
        Quantity::Bytes => bytes,
    }
}

/// Whether the axis is drawn by logarithms.
fn is_log(axis: &SweptAxis) -> bool {
    axis.values.first().is_some_and(|least| *least > 0.0)
}

/// The axis, with a tick at each of its values, and some room beside the first and the last.
fn across(axis: &SweptAxis) -> Scale {
    let place = |value: f64| if is_log(axis) { value.log10() } else { value };
    let values = &axis.values;
    let (low, high) = (place(values[0]), place(values[values.len() - 1]));
    let room = 0.04 * (high - low).max(1e-9);
    let ticks = values.iter().map(|value| (place(*value), print(axis.quantity)(*value)));
    Scale { min: low - room, max: high + room, ticks: ticks.collect() }
}

/// Draws the panels below one another from `top` on; returns where they end.
pub(super) fn draw(picture: &mut Picture, axis: &SweptAxis, sheets: &[Sheet], top: f64) -> f64 {
    let label = |entry: &Entry, law: &Option<PowerLaw>| named(entry, law.as_ref(), axis);
    let texts =
        || sheets.iter().flat_map(|sheet| &sheet.lines).map(|(entry, _, law)| label(entry, law));
    let room = width_of_labels(texts()).min(LABELS);
    let right = PAGE - 20.0 - room;
    let mut y = top;
    for sheet in sheets {
        let drawn: Vec<_> = sheet.lines.iter().filter(|(_, spots, _)| !spots.is_empty()).collect();
        let height = PANEL.max(ROW * drawn.len() as f64 + 20.0);
        let (from, to) = ((LEFT, y + 30.0), (right - 16.0, y + 30.0 + height));
        let panel = Panel { from, to, x: across(axis), y: upright(sheet) };
        let scale = if is_log(axis) { " (log scale)" } else { "" };
        let x_title = format!("{}{scale}", title_of(axis));
        panel.frame(picture, &sheet.title, &x_title, &format!("{} (log scale)", sheet.up));
        let mut labels = Vec::new();
        for (place, (entry, spots, law)) in drawn.into_iter().enumerate() {
            let end = draw_line(picture, &panel, axis, (entry, spots, law.as_ref(), place));
            labels.push(Label { at: end, text: label(entry, law), entry: entry.clone() });
        }
        spread(picture, labels, (right, PAGE - 12.0), (from.1 + 4.0, to.1 - 4.0));
        y = to.1 + 50.0;
    }
    y
}

/// The name of a line with its exponent, the name cut where both are too long.
fn named(entry: &Entry, law: Option<&PowerLaw>, axis: &SweptAxis) -> String {
    let Some(law) = law else { return fit(&entry.label, SMALL, LABELS) };
    let exponent = exponent(axis, law);
    let room = LABELS - super::render::width_of(&exponent, SMALL) - 12.0;
    format!("{}  {exponent}", fit(&entry.label, SMALL, room))
}

fn upright(sheet: &Sheet) -> Scale {
    // An interval that reaches 0 has no lower end on a logarithmic scale.
    let end = |spot: &Spot| if spot.low > 0.0 { spot.low } else { spot.y };
    let low = sheet.spots().flat_map(|spot| [Some(end(spot)), spot.expected]).flatten();
    let high = sheet.spots().flat_map(|spot| [Some(spot.high), spot.expected]).flatten();
    let (low, high) = (low.fold(f64::INFINITY, f64::min), high.fold(0.0, f64::max));
    let empty = Scale { min: 0.0, max: 1.0, ticks: Vec::new() };
    let of = if sheet.is_bytes { Scale::log_bytes } else { Scale::log };
    of(low, high, sheet.print).unwrap_or(empty)
}

/// Draws a line with its intervals; returns its right end.
fn draw_line(
    picture: &mut Picture,
    panel: &Panel,
    axis: &SweptAxis,
    (entry, spots, law, place): (&Entry, &[Spot], Option<&PowerLaw>, usize),
) -> (f64, f64) {
    let own = |value: f64| if is_log(axis) { value.log10() } else { value };
    // Marks of levels stand beside one another.
    let aside = panel.from.0 + 12.0 + 14.0 * place as f64;
    let stroke = entry.stroke();
    // An interval that reaches 0 ends at the panel's edge.
    let up = |y: f64| y.log10().max(panel.y.min);
    let at = |x: f64, y: f64| panel.at(own(x), up(y));
    let placed: Vec<(f64, &Spot)> = spots.iter().filter_map(|spot| Some((spot.x?, spot))).collect();
    let mut end = (panel.to.0, panel.to.1);
    picture.part(series_of(entry, ""), |picture| {
        if let Some(law) = law {
            let ends = [axis.values[0], axis.values[axis.values.len() - 1]];
            let inside = |y: f64| y.log10() >= panel.y.min && y.log10() <= panel.y.max;
            if ends.iter().all(|x| inside(law.at(*x))) {
                let line = ends.map(|x| at(x, law.at(x)));
                picture.line(&line, Stroke::solid(pale(stroke.colour, 0.3), 5.0));
            }
        }
        let points: Vec<_> = placed.iter().map(|(x, spot)| at(*x, spot.y)).collect();
        picture.line(&points, stroke);
        for (x, spot) in &placed {
            if spot.confidence > 0.0 {
                whisker(picture, at(*x, spot.low), at(*x, spot.high), stroke);
            }
            picture.mark(at(*x, spot.y), 4.5, entry.marker(), stroke.colour);
        }
        let theory: Vec<_> =
            placed.iter().filter_map(|(x, spot)| Some(at(*x, spot.expected?))).collect();
        if theory.len() > 1 {
            picture.line(&theory, Stroke { colour: INK, width: 1.0, dash: Some((3.0, 4.0)) });
        }
        if let Some(last) = points.last() {
            end = *last;
        }
        // A case that the axis makes no difference to is a level.
        if let Some(level) = spots.iter().find(|spot| spot.x.is_none()) {
            let height = |y: f64| panel.at(panel.x.min, up(y)).1;
            let y = height(level.y);
            picture.line(&[(panel.from.0, y), (panel.to.0, y)], stroke);
            picture.mark((aside, y), 4.5, entry.marker(), stroke.colour);
            if level.confidence > 0.0 {
                let ends = [level.low, level.high].map(|y| (aside, height(y)));
                whisker(picture, ends[0], ends[1], stroke);
            }
            end = (panel.to.0, y);
        }
    });
    end
}

/// An interval, with its ends.
pub(super) fn whisker(picture: &mut Picture, low: (f64, f64), high: (f64, f64), stroke: Stroke) {
    let stroke = Stroke::solid(stroke.colour, 1.5);
    picture.line(&[low, high], stroke);
    let (dx, dy) = if (low.0 - high.0).abs() < 0.01 { (4.0, 0.0) } else { (0.0, 4.0) };
    for (x, y) in [low, high] {
        picture.line(&[(x - dx, y - dy), (x + dx, y + dy)], stroke);
    }
}

/// What the whiskers are, with the least confidence of any that is drawn.
pub(super) fn whiskers(sheets: &[Sheet]) -> String {
    let all = || sheets.iter().flat_map(Sheet::spots).map(|spot| spot.confidence);
    let some = || all().filter(|confidence| *confidence > 0.0);
    let (Some(least), Some(most)) = (some().reduce(f64::min), some().reduce(f64::max)) else {
        return "No whisker: one trial gives no interval.".to_owned();
    };
    let mut text = if least < most {
        format!("Whisker: its interval, {} confidence or more.", percent(least))
    } else {
        format!("Whisker: its {} interval.", percent(least))
    };
    if some().count() < all().count() {
        text += " No whisker: one trial gives no interval.";
    }
    text
}

/// A confidence for people: `75 %`.
pub(super) fn percent(confidence: f64) -> String {
    format!("{} %", significant(100.0 * confidence))
}

/// Sentences below the panels, in as many rows as they need.
pub(super) fn notes(picture: &mut Picture, sentences: &[String], y: f64) {
    let mut rows: Vec<String> = Vec::new();
    for sentence in sentences {
        let row = match rows.pop() {
            None => sentence.clone(),
            Some(last) => {
                let longer = format!("{last} {sentence}");
                if super::render::width_of(&longer, SMALL) <= PAGE - 48.0 {
                    longer
                } else {
                    rows.push(last);
                    sentence.clone()
                }
            }
        };
        rows.push(row);
    }
    for (at, row) in rows.iter().enumerate() {
        note(picture, row, y + 20.0 * at as f64);
    }
}

/// A sentence below the panels.
pub(super) fn note(picture: &mut Picture, text: &str, y: f64) {
    let text = fit(text, SMALL, PAGE - 48.0);
    picture.text((24.0, y), &text, SMALL, GREY, super::picture::Anchor::Left);
    picture.height = y + 20.0;
}
