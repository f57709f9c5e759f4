//! Freshness by percentile and pattern, on a nines axis.

use super::legend::{Entry, drawable, drawn, entries, head, legend, series_of, shown};
use super::panel::{PAGE, Panel, SMALL, Scale, layout};
use super::picture::{Anchor, Part, Picture, Stroke};
use super::style::GREY;
use crate::judge::floor_of;
use crate::measure::Metric;
use crate::record::Figure;
use crate::report::View;
use crate::report::group::Group;
use crate::report::quantiles::Quantiles;
use crate::scenario::PatternKind;
use crate::unit::nanoseconds;

/// Quantile → place on the nines axis: log10 of 1 ÷ (1 − q).
fn nines(q: f64) -> f64 {
    -(1.0 - q).log10()
}

/// Percentiles that are labelled and marked.
const TICKS: [(f64, &str); 6] = [
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.999_99, "99.999 %"),
];

/// The label of the axis's beginning: the least value.
const LEAST: &str = "0 %";

/// The line of a floor: thin, and in the colour of no pattern.
const FLOOR: Stroke = Stroke { colour: GREY, width: 1.0, dash: Some((6.0, 4.0)) };

struct Series {
    entry: Entry,
    case: String,
    /// Place on the nines axis, and nanoseconds.
    points: Vec<(f64, f64)>,
}

impl Series {
    /// Whether it is a line: a point alone is not drawn.
    const fn is_line(&self) -> bool {
        self.points.len() > 1
    }
}

/// The workloads of a page, what is said of those left out, and what is drawn of them.
struct Content<'a> {
    groups: Vec<Group<'a>>,
    more: Option<String>,
    keys: Vec<Entry>,
    metric: Metric,
}

impl<'a> Content<'a> {
    /// Of responses where no case delivers news.
    fn of(view: &'a View) -> Self {
        let delivers = view.findings.cases.iter().any(|case| case.pattern.delivers());
        let metric = if delivers { Metric::Freshness } else { Metric::Response };
        let wanted = |pattern: PatternKind| pattern.delivers() == delivers;
        let (groups, more) = shown(view, |group| group.rows.iter().any(|(_, c)| wanted(c.pattern)));
        let keys = entries(&groups, wanted);
        Self { groups, more, keys, metric }
    }

    fn series(&self, view: &View, group: &Group<'_>) -> Vec<Series> {
        series(view, group, &self.keys, self.metric)
    }
}

/// Whether any case has samples enough for a line.
pub(super) fn applies(view: &View) -> bool {
    let content = Content::of(view);
    let mut panels = content.groups.iter().map(|group| content.series(view, group));
    panels.any(|lines| lines.iter().any(Series::is_line))
}

/// Draws the chart: a panel a workload, a line a pattern.
pub(super) fn draw(view: &View) -> Picture {
    let content = Content::of(view);
    let panels: Vec<Vec<Series>> =
        content.groups.iter().map(|group| content.series(view, group)).collect();
    let Content { groups, more, keys, metric } = content;
    let (name, goods) = match metric {
        Metric::Freshness => ("Freshness", "deliveries"),
        _ => ("Response", "requests"),
    };
    let says = |lines: &Vec<Series>| lines.iter().any(Series::is_line);
    let (groups, panels) = drawable(groups, panels, says);
    let lines = || panels.iter().flatten().filter(|line| line.is_line());
    let keys = drawn(keys, lines().map(|line| line.entry.label.as_str()));

    let mut picture = Picture::new(PAGE, 0.0);
    let top = head(&mut picture, view, &format!("{name} by percentile and pattern"));
    let top = legend(&mut picture, &keys, top);
    let (places, height) = layout(panels.len(), top);
    let floors: Vec<Option<f64>> = groups.iter().map(|group| floor(view, group, metric)).collect();
    let (x, y) = scales(&panels, &floors);
    for (i, (from, to)) in places.into_iter().enumerate() {
        let panel = Panel { from, to, x: x.clone(), y: y.clone() };
        let heading = groups.get(i).map_or("", |group| group.heading.as_str());
        panel.frame(
            &mut picture,
            heading,
            &format!("percentile of {goods}"),
            &format!("{} (log scale)", name.to_lowercase()),
        );
        match panels.get(i) {
            Some(lines) if says(lines) => {
                plot(&mut picture, &panel, lines);
                if let Some(ns) = floors.get(i).copied().flatten() {
                    draw_floor(&mut picture, &panel, ns);
                }
            }
            _ => panel.no_data(&mut picture),
        }
    }
    let note = format!("A line ends where fewer than ten {goods} lie above it.");
    let note = more.into_iter().fold(note, |note, more| format!("{note} {more}."));
    picture.text((24.0, height), &note, SMALL, GREY, Anchor::Left);
    picture.height = height + 18.0;
    picture
}

fn series(view: &View, group: &Group<'_>, keys: &[Entry], metric: Metric) -> Vec<Series> {
    let of = |(label, case): &(String, &crate::judge::CaseSummary)| {
        let entry = keys.iter().find(|entry| entry.label == *label)?.clone();
        let quantiles = Quantiles::of(view, &case.case, metric)?;
        // What never arrived has no place on the chart: the line ends where the known values do.
        let known = quantiles.shown().filter_map(|(q, figure)| match figure {
            Figure::Value(ns) if ns > 0.0 => Some((nines(q), ns)),
            _ => None,
        });
        Some(Series { entry, case: case.case.clone(), points: known.collect() })
    };
    group.rows.iter().filter_map(of).collect()
}

/// The median of a group's noise floor, in nanoseconds.
fn floor(view: &View, group: &Group<'_>, metric: Metric) -> Option<f64> {
    let floors = group.rows.iter().filter_map(|(_, case)| floor_of(&view.run, case));
    floors.filter(|floor| floor.metric == metric).find_map(|floor| floor.at("p50"))
}

/// A line across the panel; what lies near to it is no measurement of the target.
fn draw_floor(picture: &mut Picture, panel: &Panel, ns: f64) {
    let (from, to) = (panel.at(panel.x.min, ns.log10()), panel.at(panel.x.max, ns.log10()));
    picture.part(Part::Level(ns), |picture| {
        picture.line(&[from, to], FLOOR);
        // Below the line, where fewer others are, if there is room above the axis.
        let step = if panel.to.1 - to.1 > 2.0 * SMALL { 10.0 } else { -10.0 };
        picture.text((to.0 - 6.0, to.1 + step), "floor p50", SMALL, GREY, Anchor::Right);
    });
}

/// One pair of scales for all panels, so that they can be compared.
fn scales(panels: &[Vec<Series>], floors: &[Option<f64>]) -> (Scale, Scale) {
    let points = || panels.iter().flatten().flat_map(|series| &series.points);
    let far = points().map(|(x, _)| *x).fold(nines(0.9), f64::max);
    let ticks = [(0.0, LEAST)].into_iter().chain(TICKS);
    let ticks = ticks.map(|(q, label)| (nines(q), label.to_owned()));
    let x = Scale { min: 0.0, max: far, ticks: ticks.filter(|(x, _)| *x <= far + 1e-9).collect() };
    let low = points().map(|(_, ns)| *ns).chain(floors.iter().copied().flatten());
    let low = low.fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, ns)| *ns).fold(0.0, f64::max);
    let y = Scale::log(low, high, nanoseconds).unwrap_or_else(|| Scale {
        min: 6.0,
        max: 9.0,
        ticks: Vec::new(),
    });
    (x, y)
}

fn plot(picture: &mut Picture, panel: &Panel, lines: &[Series]) {
    for series in lines {
        let at = |(x, ns): &(f64, f64)| panel.at(*x, ns.log10());
        let points: Vec<_> = series.points.iter().map(at).collect();
        picture.part(series_of(&series.entry, &series.case), |picture| {
            picture.line(&points, series.entry.stroke());
            for (q, _) in TICKS {
                let here = series.points.iter().find(|(x, _)| (x - nines(q)).abs() < 1e-6);
                if let Some(point) = here {
                    let colour = series.entry.stroke().colour;
                    picture.mark(at(point), 4.0, series.entry.marker(), colour);
                }
            }
        });
    }
}

/// What it shows, in a sentence.
pub(super) fn says(view: &View) -> String {
    let delivers = view.findings.cases.iter().any(|case| case.pattern.delivers());
    let (what, floor) =
        if delivers { ("deliveries", "freshness") } else { ("requests", "response") };
    format!(
        "How the {floor} of {what} is distributed: each step to the right leaves a tenth of the {what}. Lower is better."
    )
}
