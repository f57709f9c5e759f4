//! The run second by second, trial after trial: how fresh deliveries were, and which spans do not count.

use std::collections::BTreeMap;

use super::legend::{Entry, drawn, entries, head, legend};
use super::panel::{PAGE, Panel, SMALL, Scale, fit, layout};
use super::picture::{Anchor, Part, Picture, Stroke};
use super::render::width_of;
use super::style::{FRAME, GREY, REJECTED, STRAINED};
use crate::record::{Figure, Verdict};
use crate::report::View;
use crate::report::group::groups;
use crate::unit::nanoseconds;

/// Seconds between two trials, on the axis.
const GAP: usize = 1;

/// A trial on the axis, which has a place for each row of the timeline.
struct Span {
    from: f64,
    to: f64,
    verdict: Verdict,
    block: u32,
}

/// A quantile of a trial by seconds.
struct Line {
    entry: Entry,
    case: String,
    key: String,
    points: Vec<(f64, f64)>,
}

/// A quantile that has a place on the axis.
fn placed(figure: Option<Figure>) -> Option<f64> {
    match figure? {
        Figure::Value(ns) if ns > 0.0 => Some(ns),
        _ => None,
    }
}

/// Whether any second has a quantile to draw.
pub(super) fn applies(view: &View) -> bool {
    let cases = &view.findings.cases;
    view.run.timeline.iter().any(|row| {
        let known = placed(row.freshness_ns_p50).or(placed(row.freshness_ns_p99));
        known.is_some() && cases.iter().any(|case| case.case == row.case)
    })
}

/// Draws the chart: one panel, the trials side by side in the order of the run.
pub(super) fn draw(view: &View) -> Picture {
    let all = groups(&view.findings.cases);
    let keys = entries(&all, |_| true);
    let by_case: BTreeMap<&str, &Entry> = all
        .iter()
        .flat_map(|group| &group.rows)
        .filter_map(|(label, case)| {
            let entry = keys.iter().find(|entry| entry.label == *label)?;
            Some((case.case.as_str(), entry))
        })
        .collect();
    let (spans, lines, seconds) = read(view, &by_case);
    let mut picture = Picture::new(PAGE, 0.0);
    let title = "Freshness over the run, second by second: p50, and p99 as a thin line";
    let top = head(&mut picture, view, title);
    let keys = drawn(keys.clone(), lines.iter().map(|line| line.entry.label.as_str()));
    let top = legend(&mut picture, &keys, top);
    let (places, height) = layout(1, top);
    let (from, to) = places[0];
    let values = || lines.iter().flat_map(|line| &line.points).map(|(_, ns)| *ns);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let y = Scale::log(low, high, nanoseconds);
    let y = y.unwrap_or_else(|| Scale { min: 3.0, max: 6.0, ticks: Vec::new() });
    let panel = Panel { from, to, x: blocks(&spans, seconds), y };
    shade(&mut picture, &panel, &spans);
    let across = "trials in the order of the run, a step per second";
    panel.frame(&mut picture, "", across, "freshness (log scale)");
    if lines.is_empty() {
        panel.no_data(&mut picture);
    }
    for line in &lines {
        let part = Part::Series {
            label: line.entry.label.clone(),
            case: line.case.clone(),
            key: line.key.clone(),
        };
        let points: Vec<_> = line.points.iter().map(|(x, ns)| panel.at(*x, ns.log10())).collect();
        let stroke = line.entry.stroke();
        let is_median = line.key.ends_with("p50");
        picture.part(part, |picture| {
            let width = if is_median { 2.5 } else { 1.0 };
            picture.line(&points, Stroke { width, ..stroke });
            if let Some(first) = points.first().filter(|_| is_median) {
                picture.mark(*first, 3.5, line.entry.marker(), stroke.colour);
            }
        });
    }
    let note = "Orange: degraded trials, counted with care. Red, crossed out: invalid or failed trials, rejected. No shade: valid trials.";
    picture.text((24.0, height), &fit(note, SMALL, PAGE - 48.0), SMALL, GREY, Anchor::Left);
    picture.height = height + 18.0;
    picture
}

/// The trials, their lines and the length of the axis.
fn read(view: &View, by_case: &BTreeMap<&str, &Entry>) -> (Vec<Span>, Vec<Line>, f64) {
    let verdicts: BTreeMap<(&str, u32), (Verdict, u32)> = view
        .run
        .trials
        .iter()
        .map(|t| ((t.identity.case.as_str(), t.identity.trial), (t.verdict, t.identity.block)))
        .collect();
    let (mut spans, mut lines, mut at) = (Vec::new(), Vec::new(), 0usize);
    let same = |a: &crate::record::TimelineRow, b: &crate::record::TimelineRow| {
        a.case == b.case && a.trial == b.trial
    };
    for rows in view.run.timeline.chunk_by(same) {
        let key = (rows[0].case.as_str(), rows[0].trial);
        let (verdict, block) = verdicts.get(&key).copied().unwrap_or((Verdict::Failed, 0));
        let to = at + rows.len();
        spans.push(Span { from: at as f64, to: to as f64, verdict, block });
        for (name, of) in [
            (
                "p50",
                (|row| row.freshness_ns_p50) as fn(&crate::record::TimelineRow) -> Option<Figure>,
            ),
            ("p99", |row| row.freshness_ns_p99),
        ] {
            let points = rows
                .iter()
                .enumerate()
                .filter_map(|(second, row)| Some(((at + second) as f64 + 0.5, placed(of(row))?)));
            let points: Vec<_> = points.collect();
            if let (Some(entry), false) = (by_case.get(key.0), points.is_empty()) {
                let (entry, case) = ((*entry).clone(), key.0.to_owned());
                lines.push(Line { entry, case, key: format!("{} {name}", key.1), points });
            }
        }
        at = to + GAP;
    }
    (spans, lines, at.saturating_sub(GAP).max(1) as f64)
}

/// The axis, with a tick where each block begins.
fn blocks(spans: &[Span], seconds: f64) -> Scale {
    let mut ticks: Vec<(f64, String)> = Vec::new();
    let mut last = None;
    for span in spans {
        if last != Some(span.block) {
            ticks.push((span.from, format!("block {}", span.block)));
            last = Some(span.block);
        }
    }
    Scale { min: 0.0, max: seconds, ticks }
}

/// Spans that do not count, or only with care.
fn shade(picture: &mut Picture, panel: &Panel, spans: &[Span]) {
    for span in spans {
        let colour = match span.verdict {
            Verdict::Valid => continue,
            Verdict::Degraded => STRAINED,
            Verdict::Invalid | Verdict::Failed => REJECTED,
        };
        let left = panel.at(span.from, panel.y.min).0;
        let right = panel.at(span.to, panel.y.min).0.max(left + 1.0);
        let (top, bottom) = (panel.from.1, panel.to.1);
        picture.bar((left, top), (right, bottom), colour);
        let word = span.verdict.name();
        if !span.verdict.usable() {
            picture.line(&[(left, bottom), (right, top)], Stroke::solid(FRAME, 1.0));
            picture.line(&[(left, top), (right, bottom)], Stroke::solid(FRAME, 1.0));
        }
        if width_of(word, SMALL) < right - left {
            let middle = (f64::midpoint(left, right), top + 10.0);
            picture.text(middle, word, SMALL, GREY, Anchor::Middle);
        }
    }
}

/// What it shows, in a sentence.
pub(super) fn says(_: &View) -> String {
    "Freshness in each second of each trial, in the order of the run: what drifts, and what was spoilt.".to_owned()
}
