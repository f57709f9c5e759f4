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

pub use expected::{Plot, PlotPoint, Unit};
use picture::Picture;

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

#[cfg(test)]
mod tests;
