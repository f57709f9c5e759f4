//! Measured against expected: what theory says as a line, what was measured as points.

use super::panel::{PAGE, Panel, SMALL, Scale, layout, plain, title};
use super::picture::{Anchor, Picture, Stroke};
use super::render;
use super::style::{GREY, INK, Marker};
use crate::unit::nanoseconds;

/// Colour of what theory says.
const THEORY: (u8, u8, u8) = (230, 159, 0);
/// Colour of what was measured.
const MEASURED: (u8, u8, u8) = (0, 114, 178);

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Bare numbers.
    Number,
    /// Percentiles: the axis ends at 100.
    Percentile,
}

/// A point of a plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlotPoint {
    /// Where.
    pub x: f64,
    /// What theory says.
    pub expected: f64,
    /// What was measured.
    pub measured: f64,
}

/// Measured against expected, on linear axes from zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// What is across, and in what.
    pub x: (String, Unit),
    /// What is up, and in what.
    pub y: (String, Unit),
    /// The points, ascending in x.
    pub points: Vec<PlotPoint>,
}

impl Plot {
    /// The plot as SVG and as PNG.
    ///
    /// # Errors
    /// What the drawing library says.
    pub fn draw(&self, subtitle: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
        let picture = self.picture(subtitle);
        Ok((render::svg(&picture)?, render::png(&picture)?))
    }

    fn picture(&self, subtitle: &str) -> Picture {
        let mut picture = Picture::new(PAGE, 0.0);
        title(&mut picture, &self.title, subtitle);
        let (places, height) = layout(1, 70.0);
        let (from, to) = places[0];
        let most = |of: &dyn Fn(&PlotPoint) -> f64| self.points.iter().map(of).fold(0.0, f64::max);
        let x = scale(most(&|p| p.x), self.x.1);
        let y = scale(most(&|p| p.expected.max(p.measured)), self.y.1);
        let panel = Panel { from, to, x, y };
        panel.frame(&mut picture, "", &self.x.0, &self.y.0);
        if self.points.is_empty() {
            panel.no_data(&mut picture);
        }
        let line: Vec<_> = self.points.iter().map(|p| panel.at(p.x, p.expected)).collect();
        picture.line(&line, Stroke::solid(THEORY, 2.5));
        for point in &self.points {
            picture.mark(panel.at(point.x, point.measured), 3.5, Marker::Circle, MEASURED);
        }
        key(&mut picture, from.0 + 14.0, from.1 + 16.0);
        picture.text((24.0, height), "Both axes start at zero.", SMALL, GREY, Anchor::Left);
        picture.height = height + 18.0;
        picture
    }
}

fn scale(most: f64, unit: Unit) -> Scale {
    match unit {
        Unit::Time => Scale::linear(most, nanoseconds),
        Unit::Number => Scale::linear(most, plain),
        Unit::Percentile => Scale::up_to_100(plain),
    }
}

fn key(picture: &mut Picture, x: f64, y: f64) {
    picture.line(&[(x, y), (x + 22.0, y)], Stroke::solid(THEORY, 2.5));
    picture.text((x + 30.0, y), "expected", SMALL, INK, Anchor::Left);
    picture.mark((x + 11.0, y + 20.0), 3.5, Marker::Circle, MEASURED);
    picture.text((x + 30.0, y + 20.0), "measured", SMALL, INK, Anchor::Left);
}

#[cfg(test)]
mod tests {
    use super::super::picture::Shape;
    use super::*;

    #[test]
    fn points_on_the_line_are_drawn_on_it_and_both_formats_come_out() {
        let points = [0.0, 1.0, 2.0].map(|x| PlotPoint { x, expected: 3.0 * x, measured: 3.0 * x });
        let plot = Plot {
            title: "Freezes".to_owned(),
            x: ("delay".to_owned(), Unit::Time),
            y: ("response".to_owned(), Unit::Number),
            points: points.to_vec(),
        };
        let picture = plot.picture("a host");
        let marks: Vec<_> = picture
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Mark(at, ..) => Some(*at),
                _ => None,
            })
            .collect();
        let line = picture.shapes.iter().find_map(|shape| match shape {
            Shape::Line(points, stroke) if stroke.colour == THEORY => Some(points.clone()),
            _ => None,
        });
        assert_eq!(marks[..3], line.unwrap());
        let (svg, png) = plot.draw("a host").unwrap();
        assert!(svg.starts_with(b"<svg") && png.starts_with(b"\x89PNG"));
        let quantiles = Plot { x: ("percentile".to_owned(), Unit::Percentile), ..plot.clone() };
        let texts = |plot: &Plot| -> Vec<String> {
            let shapes = plot.picture("a host").shapes.into_iter();
            shapes
                .filter_map(|shape| match shape {
                    Shape::Text(_, text, ..) => Some(text),
                    _ => None,
                })
                .collect()
        };
        assert!(texts(&quantiles).contains(&"100".to_owned()));
        assert!(!texts(&quantiles).contains(&"120".to_owned()), "nothing lies beyond 100");
        let empty = Plot { points: Vec::new(), ..plot };
        assert!(empty.draw("a host").is_ok());
    }
}
