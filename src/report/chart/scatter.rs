//! Freshness against cost: which patterns nobody beats in both.

use super::legend::{Entry, drawn, entries, head, legend, shown};
use super::panel::{PAGE, Panel, SMALL, Scale, layout, pale};
use super::picture::{Anchor, Picture, Point, Stroke};
use super::render::width_of;
use super::style::{GREY, INK};
use crate::record::Figure;
use crate::report::View;
use crate::report::group::Group;
use crate::scenario::PatternKind;
use crate::unit::{nanoseconds, significant};

struct Spot {
    entry: Entry,
    /// What is written beside it.
    name: String,
    cpu_cores: f64,
    p50_ns: f64,
    p99_ns: Option<f64>,
}

/// Draws the chart: a panel a workload, a point a case, with a whisker up to its 99th percentile.
pub(super) fn draw(view: &View) -> Picture {
    let wanted = PatternKind::delivers;
    let (groups, more) = shown(view, |group| group.rows.iter().any(|(_, c)| wanted(c.pattern)));
    let keys = entries(&groups, wanted);
    let mut panels: Vec<Vec<Spot>> = groups.iter().map(|group| spots(group, &keys)).collect();
    let keys = drawn(keys, panels.iter().flatten().map(|spot| spot.entry.label.as_str()));
    let keys = numbered(keys, &mut panels);

    let mut picture = Picture::new(PAGE, 0.0);
    let title = "Freshness against target CPU (lower left is better)";
    let top = head(&mut picture, view, title);
    let top = legend(&mut picture, &keys, top);
    let (places, height) = layout(panels.len(), top);
    let (x, y) = scales(&panels);
    for (i, (from, to)) in places.into_iter().enumerate() {
        let panel = Panel { from, to, x: x.clone(), y: y.clone() };
        let heading = groups.get(i).map_or("", |group| group.heading.as_str());
        let across = "target CPU, cores (log scale)";
        let up = "freshness: p50, whisker to p99 (log scale)";
        panel.frame(&mut picture, heading, across, up);
        match panels.get(i) {
            Some(spots) if !spots.is_empty() => plot(&mut picture, &panel, spots),
            _ => panel.no_data(&mut picture),
        }
    }
    picture.height = height + 14.0;
    if let Some(more) = more {
        picture.text((24.0, height), &more, SMALL, GREY, Anchor::Left);
    }
    picture
}

fn spots(group: &Group<'_>, keys: &[Entry]) -> Vec<Spot> {
    let of = |(label, case): &(String, &crate::judge::CaseSummary)| {
        let entry = keys.iter().find(|entry| entry.label == *label)?.clone();
        let known = |column: &str| match case.figure(column)?.value {
            Figure::Value(ns) if ns > 0.0 => Some(ns),
            _ => None,
        };
        Some(Spot {
            name: entry.label.clone(),
            entry,
            cpu_cores: known("target_cpu_cores")?,
            p50_ns: known("freshness_ns_p50")?,
            p99_ns: known("freshness_ns_p99"),
        })
    };
    group.rows.iter().filter_map(of).collect()
}

/// Widest label that is written beside a point.
const LABEL: f64 = 190.0;

/// The legend's entries, which tell by a number what points are where their names would find no room.
fn numbered(mut keys: Vec<Entry>, panels: &mut [Vec<Spot>]) -> Vec<Entry> {
    if keys.iter().all(|key| width_of(&key.label, SMALL) <= LABEL) {
        return keys;
    }
    for (number, key) in (1..).zip(&mut keys) {
        let own = panels.iter_mut().flatten().filter(|spot| spot.entry.label == key.label);
        own.for_each(|spot| spot.name = format!("{number}"));
        key.label = format!("{number}  {}", key.label);
    }
    keys
}

fn scales(panels: &[Vec<Spot>]) -> (Scale, Scale) {
    let scale = |values: Vec<f64>, unit: fn(f64) -> String| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        // Room for the labels.
        Scale::log(low * 0.7, high * 1.4, unit).unwrap_or_else(|| Scale {
            min: 3.0,
            max: 6.0,
            ticks: Vec::new(),
        })
    };
    let spots = || panels.iter().flatten();
    let heights = spots().flat_map(|spot| [spot.p50_ns, spot.p99_ns.unwrap_or(spot.p50_ns)]);
    (
        scale(spots().map(|spot| spot.cpu_cores).collect(), significant),
        scale(heights.collect(), nanoseconds),
    )
}

fn plot(picture: &mut Picture, panel: &Panel, spots: &[Spot]) {
    let mut taken: Vec<(Point, Point)> = Vec::new();
    for spot in spots {
        let at = panel.at(spot.cpu_cores.log10(), spot.p50_ns.log10());
        let colour = spot.entry.stroke().colour;
        if let Some(p99) = spot.p99_ns {
            let top = panel.at(spot.cpu_cores.log10(), p99.log10());
            picture.line(&[at, top], Stroke::solid(pale(colour, 0.7), 1.5));
            taken.push(((at.0 - 3.0, top.1 - 2.0), (at.0 + 3.0, at.1)));
            picture.line(&[(top.0 - 4.0, top.1), (top.0 + 4.0, top.1)], Stroke::solid(colour, 1.5));
        }
        picture.mark(at, 5.5, spot.entry.marker(), colour);
        // With room around it: a label that touches another's mark would seem to be its own.
        taken.push(((at.0 - 9.0, at.1 - 9.0), (at.0 + 9.0, at.1 + 9.0)));
    }
    for spot in spots {
        let at = panel.at(spot.cpu_cores.log10(), spot.p50_ns.log10());
        let size = (width_of(&spot.name, SMALL), SMALL);
        // The legend names those that find no room beside their point.
        if let Some(corner) = free_place(panel, at, top_of(panel, spot), size, &taken) {
            let (right, bottom) = (corner.0 + size.0, corner.1 + size.1);
            taken.push((corner, (right, bottom)));
            let middle = (corner.0, f64::midpoint(corner.1, bottom));
            picture.text(middle, &spot.name, SMALL, INK, Anchor::Left);
        }
    }
}

/// The upper end of a spot's whisker.
fn top_of(panel: &Panel, spot: &Spot) -> f64 {
    panel.at(spot.cpu_cores.log10(), spot.p99_ns.unwrap_or(spot.p50_ns).log10()).1
}

/// The upper left corner of a label beside a point, where it covers nothing and stays in the panel.
fn free_place(
    panel: &Panel,
    (x, y): Point,
    top: f64,
    (width, height): Point,
    taken: &[(Point, Point)],
) -> Option<Point> {
    let corners = [
        (x + 11.0, y - height / 2.0),
        (x - 11.0 - width, y - height / 2.0),
        (x - width / 2.0, y + 10.0),
        (x - width / 2.0, top - height - 6.0),
        (x - width + 8.0, y + 10.0),
        (x - 8.0, y + 10.0),
        (x - width + 6.0, top - height - 6.0),
        (x - 6.0, top - height - 6.0),
        (x + 11.0, y + 6.0),
        (x - 11.0 - width, y + 6.0),
        (x + 11.0, y - height - 6.0),
        (x - 11.0 - width, y - height - 6.0),
    ];
    corners.into_iter().find(|(left, top)| {
        let (right, bottom) = (left + width, top + height);
        let inside = *left > panel.from.0 + 2.0
            && right < panel.to.0 - 2.0
            && *top > panel.from.1 + 2.0
            && bottom < panel.to.1 - 2.0;
        let clear = taken
            .iter()
            .all(|((x0, y0), (x1, y1))| right < *x0 || *left > *x1 || bottom < *y0 || *top > *y1);
        inside && clear
    })
}
