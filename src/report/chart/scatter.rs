//! Freshness against cost: which patterns nobody beats in both.

use super::legend::{Entry, drawable, drawn, entries, head, legend, shown};
use super::lines::{note, whisker};
use super::panel::{PAGE, Panel, SMALL, Scale, layout};
use super::picture::{Anchor, Picture, Point, Stroke};
use super::render::width_of;
use super::room::{Area, Room};
use super::style::{GREY, INK};
use crate::judge::Estimate;
use crate::record::Figure;
use crate::report::View;
use crate::report::group::Group;
use crate::scenario::PatternKind;
use crate::unit::nanoseconds;

/// What is across: equal deliveries make it a total, too.
const COST: &str = "target_cpu_ns_per_delivery";
/// What is up.
const FRESHNESS: &str = "freshness_ns_p50";

/// A number with the ends of its interval.
#[derive(Debug, Clone, Copy)]
struct Measured {
    value: f64,
    low: f64,
    high: f64,
}

struct Spot {
    entry: Entry,
    /// What is written beside it.
    name: String,
    cpu_ns: Measured,
    p50_ns: Measured,
    /// Whether no other of its workload is both fresher and cheaper.
    is_front: bool,
}

/// Draws the chart: a panel a workload, a point a case with its intervals, and the front of those that nobody beats in both.
pub(super) fn draw(view: &View) -> Picture {
    let (groups, more) = shown(view, has_news);
    let keys = entries(&groups, PatternKind::delivers);
    let panels: Vec<Vec<Spot>> = groups.iter().map(|group| spots(group, &keys)).collect();
    let (groups, mut panels) = drawable(groups, panels, |spots| !spots.is_empty());
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
        let across = "target CPU per delivery (log scale)";
        panel.frame(&mut picture, heading, across, "freshness, median (log scale)");
        match panels.get(i) {
            Some(spots) if !spots.is_empty() => plot(&mut picture, &panel, spots),
            _ => panel.no_data(&mut picture),
        }
    }
    let text = "Whiskers: intervals. Line: the front, whose cases no other beats in both.";
    let text = more.into_iter().fold(text.to_owned(), |text, more| format!("{text} {more}."));
    note(&mut picture, &text, height);
    picture
}

fn has_news(group: &Group<'_>) -> bool {
    group.rows.iter().any(|(_, case)| case.pattern.delivers())
}

/// Whether a case has both figures.
pub(super) fn applies(view: &View) -> bool {
    let (groups, _) = shown(view, has_news);
    let keys = entries(&groups, PatternKind::delivers);
    groups.iter().any(|group| !spots(group, &keys).is_empty())
}

/// What it shows, in a sentence: the front of each workload.
pub(super) fn says(view: &View) -> String {
    let (groups, _) = shown(view, has_news);
    let keys = entries(&groups, PatternKind::delivers);
    let mut fronts: Vec<String> = Vec::new();
    for group in &groups {
        let mut spots = spots(group, &keys);
        spots.retain(|spot| spot.is_front);
        spots.sort_by(|a, b| a.cpu_ns.value.total_cmp(&b.cpu_ns.value));
        let names: Vec<&str> = spots.iter().map(|spot| spot.entry.label.as_str()).collect();
        if !names.is_empty() {
            let place = if group.heading.is_empty() {
                String::new()
            } else {
                format!(" at {}", group.heading)
            };
            fronts.push(format!("{}{place}", names.join(", ")));
        }
    }
    let what = "Which cases no other beats in both freshness and CPU, the cheapest first";
    match fronts.len() {
        0 => "Freshness against the CPU that a delivery takes of the target.".to_owned(),
        1..=3 => format!("{what}: {}.", fronts.join("; ")),
        n => format!("{what}: {}; and {} more workloads.", fronts[..3].join("; "), n - 3),
    }
}

fn spots(group: &Group<'_>, keys: &[Entry]) -> Vec<Spot> {
    let of = |(label, case): &(String, &crate::judge::CaseSummary)| {
        let entry = keys.iter().find(|entry| entry.label == *label)?.clone();
        Some(Spot {
            name: entry.label.clone(),
            entry,
            cpu_ns: measured(case.figure(COST)?)?,
            p50_ns: measured(case.figure(FRESHNESS)?)?,
            is_front: false,
        })
    };
    let mut spots: Vec<Spot> = group.rows.iter().filter_map(of).collect();
    let places: Vec<Point> =
        spots.iter().map(|spot| (spot.cpu_ns.value, spot.p50_ns.value)).collect();
    for (spot, (cpu, p50)) in spots.iter_mut().zip(&places) {
        let beats = |(x, y): &Point| x <= cpu && y <= p50 && (x < cpu || y < p50);
        spot.is_front = !places.iter().any(beats);
    }
    spots
}

fn measured(estimate: &Estimate) -> Option<Measured> {
    let Figure::Value(value) = estimate.value else { return None };
    let (low, high) = (estimate.low.number().min(value), estimate.high.number().max(value));
    (value > 0.0).then_some(Measured { value, low, high })
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

/// Share of an axis that is left free at each end, for the labels.
const MARGIN: f64 = 0.07;

fn scales(panels: &[Vec<Spot>]) -> (Scale, Scale) {
    let scale = |all: Vec<Measured>| {
        let low = all.iter().map(|of| if of.low > 0.0 { of.low } else { of.value });
        let low = low.fold(f64::INFINITY, f64::min);
        let high = all.iter().map(|of| of.high).fold(0.0, f64::max);
        let margin = (high / low).powf(MARGIN).max(1.4);
        Scale::log(low / margin, high * margin, nanoseconds).unwrap_or_else(|| Scale {
            min: 3.0,
            max: 6.0,
            ticks: Vec::new(),
        })
    };
    let spots = || panels.iter().flatten();
    (
        scale(spots().map(|spot| spot.cpu_ns).collect()),
        scale(spots().map(|spot| spot.p50_ns).collect()),
    )
}

fn plot(picture: &mut Picture, panel: &Panel, spots: &[Spot]) {
    let steps = front(picture, panel, spots);
    let mut room = Room::of(panel);
    for pair in steps.windows(2) {
        room.take_line(pair[0], pair[1]);
    }
    // An interval that reaches 0 ends at the panel's edge.
    let place = |x: f64, y: f64| panel.at(x.log10().max(panel.x.min), y.log10().max(panel.y.min));
    let at = |spot: &Spot| place(spot.cpu_ns.value, spot.p50_ns.value);
    for spot in spots {
        let (cpu, p50) = (spot.cpu_ns, spot.p50_ns);
        let stroke = spot.entry.stroke();
        for (low, high) in [
            (place(cpu.low, p50.value), place(cpu.high, p50.value)),
            (place(cpu.value, p50.low), place(cpu.value, p50.high)),
        ] {
            // An interval that hides behind its mark is not drawn.
            if (low.0 - high.0).hypot(low.1 - high.1) > 11.0 {
                whisker(picture, low, high, stroke);
                room.take_line(low, high);
            }
        }
        picture.mark(at(spot), 5.5, spot.entry.marker(), stroke.colour);
        room.take_mark(at(spot));
    }
    // Those that find room beside their point come first: a label at the end of a line must not take another's only place.
    let size = |spot: &Spot| (width_of(&spot.name, SMALL), SMALL);
    let mut crowded: Vec<&Spot> = Vec::new();
    for spot in spots {
        let ends = [spot.p50_ns.high, spot.p50_ns.low].map(|ns| place(1.0, ns).1);
        match room.beside(at(spot), (ends[0], ends[1]), size(spot)) {
            Some(label) => {
                room.take_label(label);
                name(picture, spot, label);
            }
            None => crowded.push(spot),
        }
    }
    for spot in crowded {
        // The legend names those that find no room at all.
        if let Some(label) = room.away(at(spot), size(spot)) {
            let leader = room.take_leader(at(spot), label);
            picture.line(&leader, Stroke::solid(GREY, 1.0));
            name(picture, spot, label);
        }
    }
}

/// Writes a point's name where it found room.
fn name(picture: &mut Picture, spot: &Spot, label: Area) {
    let middle = (label.from.0, f64::midpoint(label.from.1, label.to.1));
    picture.text(middle, &spot.name, SMALL, INK, Anchor::Left);
}

/// The line below and to the left of which nobody is: steps from one case of the front to the next.
fn front(picture: &mut Picture, panel: &Panel, spots: &[Spot]) -> Vec<Point> {
    let place = |spot: &Spot| panel.at(spot.cpu_ns.value.log10(), spot.p50_ns.value.log10());
    let mut places: Vec<Point> = spots.iter().filter(|spot| spot.is_front).map(place).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(first), Some(last)) = (places.first().copied(), places.last().copied()) else {
        return Vec::new();
    };
    let mut steps = vec![(first.0, panel.from.1), first];
    for pair in places.windows(2) {
        steps.extend([(pair[1].0, pair[0].1), pair[1]]);
    }
    steps.push((panel.to.0, last.1));
    picture.line(&steps, Stroke { colour: GREY, width: 1.5, dash: Some((7.0, 4.0)) });
    steps
}
