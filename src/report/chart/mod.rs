//! Charts: a view becomes a picture (shapes in logical pixels), and one renderer makes SVG and PNG of it.
//!
//! Every chart function is pure; only `render` knows the drawing library.

mod cost;
mod direct;
mod expected;
mod growth;
pub(super) mod history;
mod legend;
mod lines;
mod load;
mod map;
mod map_shapes;
mod panel;
mod percentiles;
mod picture;
mod render;
mod room;
mod scatter;
mod style;
mod throughput;
mod timeline;

pub use expected::{Plot, PlotPoint, Unit};
pub(super) use legend::{Entry, entries};
pub(super) use panel::Panel;
pub(super) use picture::{Anchor, Part, Picture, Point, Shape, Stroke};
pub(super) use render::width_of;
pub(super) use style::{Colour, Marker, class_of};

use super::View;

/// A chart: its file's name, what it shows, and how it is drawn.
#[derive(Debug)]
pub(super) struct Chart {
    /// Name of its files, without an extension.
    pub name: &'static str,
    /// What it shows.
    pub what: &'static str,
    /// Whether it says something of a run.
    pub applies: fn(&View) -> bool,
    says: fn(&View) -> String,
    draw: fn(&View) -> Picture,
}

impl Chart {
    /// The chart as shapes.
    pub(super) fn picture(&self, view: &View) -> Picture {
        (self.draw)(view)
    }

    /// What it shows of this run, in a sentence or two.
    pub(super) fn says(&self, view: &View) -> String {
        (self.says)(view)
    }

    /// The chart as SVG and as PNG.
    pub(super) fn draw(&self, view: &View) -> Result<(Vec<u8>, Vec<u8>), String> {
        let picture = (self.draw)(view);
        Ok((render::svg(&picture)?, render::png(&picture)?))
    }
}

/// A history's chart as SVG and as PNG.
pub(super) fn draw_history(
    shown: &[history::Shown<'_>],
    subtitle: &str,
) -> Result<(Vec<u8>, Vec<u8>), String> {
    let picture = history::draw(shown, subtitle);
    Ok((render::svg(&picture)?, render::png(&picture)?))
}

/// Every chart, in the order of reports.
static CHARTS: [Chart; 7] = [
    Chart {
        name: "freshness-percentiles",
        what: "Freshness by percentile and pattern",
        applies: percentiles::applies,
        says: percentiles::says,
        draw: percentiles::draw,
    },
    Chart {
        name: "crossover",
        what: "Which pattern is best, over what is swept",
        applies: map::applies,
        says: map::says,
        draw: map::draw,
    },
    Chart {
        name: "freshness-load",
        what: "Freshness against load",
        applies: load::applies,
        says: load::says,
        draw: load::draw_load,
    },
    Chart {
        name: "cost-growth",
        what: "Cost against load, with the exponents of its growth",
        applies: growth::applies,
        says: growth::says,
        draw: growth::draw_growth,
    },
    Chart {
        name: "cost",
        what: "Cost by pattern: CPU, bytes, memory, money",
        applies: cost::applies,
        says: cost::says,
        draw: cost::draw,
    },
    Chart {
        name: "freshness-cost",
        what: "Freshness against target CPU",
        applies: scatter::applies,
        says: scatter::says,
        draw: scatter::draw,
    },
    Chart {
        name: "deliveries-per-second",
        what: "Deliveries per second over time",
        applies: throughput::applies,
        says: throughput::says,
        draw: throughput::draw,
    },
];

/// Charts that only a page has.
static OF_PAGES: [Chart; 1] = [Chart {
    name: "timeline",
    what: "Freshness over the run",
    applies: timeline::applies,
    says: timeline::says,
    draw: timeline::draw,
}];

/// The charts that say something of a run, in the order of reports.
pub(super) fn charts(view: &View) -> impl Iterator<Item = &'static Chart> {
    CHARTS.iter().filter(|chart| (chart.applies)(view))
}

/// Names of the charts that a run may have, whether it has them or not.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    CHARTS.iter().map(|chart| chart.name)
}

/// The chart with this name.
pub(super) fn chart(name: &str) -> &'static Chart {
    CHARTS.iter().chain(&OF_PAGES).find(|chart| chart.name == name).unwrap_or(&CHARTS[0])
}

#[cfg(test)]
mod layout_tests;
#[cfg(test)]
mod tests;
