//! Charts: a view becomes a picture (shapes in logical pixels), and one renderer makes SVG and PNG of it.
//!
//! Every chart function is pure; only `render` knows the drawing library.

mod cost;
mod expected;
pub(super) mod history;
mod legend;
mod panel;
mod percentiles;
mod picture;
mod render;
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
    draw: fn(&View) -> Picture,
}

impl Chart {
    /// The chart as shapes.
    pub(super) fn picture(&self, view: &View) -> Picture {
        (self.draw)(view)
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
pub(super) static CHARTS: [Chart; 4] = [
    Chart {
        name: "freshness-percentiles",
        what: "Freshness by percentile and pattern",
        draw: percentiles::draw,
    },
    Chart {
        name: "deliveries-per-second",
        what: "Deliveries per second over time",
        draw: throughput::draw,
    },
    Chart { name: "cost", what: "Cost by pattern: CPU, bytes, memory, money", draw: cost::draw },
    Chart { name: "freshness-cost", what: "Freshness against target CPU", draw: scatter::draw },
];

/// Charts that only a page has.
static OF_PAGES: [Chart; 1] =
    [Chart { name: "timeline", what: "Freshness over the run", draw: timeline::draw }];

/// The chart with this name.
pub(super) fn chart(name: &str) -> &'static Chart {
    CHARTS.iter().chain(&OF_PAGES).find(|chart| chart.name == name).unwrap_or(&CHARTS[0])
}

#[cfg(test)]
mod tests;
