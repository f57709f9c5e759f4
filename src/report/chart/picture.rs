//! A picture as data: shapes in logical pixels from the upper left.

use std::ops::Range;

use super::panel::Panel;
use super::style::{Colour, Marker};
use crate::prose::harmless;
use crate::unit::typographic;

/// A point in logical pixels.
pub(in crate::report) type Point = (f64, f64);

/// Which part of a text stands at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Anchor {
    /// Its left end.
    Left,
    /// Its middle.
    Middle,
    /// Its right end.
    Right,
    /// Its middle, written upwards.
    Upwards,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::report) struct Stroke {
    /// Its colour.
    pub colour: Colour,
    /// Its width.
    pub width: f64,
    /// Lengths of dash and gap; `None` draws through.
    pub dash: Option<(f64, f64)>,
}

impl Stroke {
    /// An undashed line.
    pub(in crate::report) const fn solid(colour: Colour, width: f64) -> Self {
        Self { colour, width, dash: None }
    }
}

/// One thing in a picture.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum Shape {
    /// A line through points.
    Line(Vec<Point>, Stroke),
    /// A filled rectangle between two corners.
    Bar(Point, Point, Colour),
    /// A mark of a kind, its half width, at a point.
    Mark(Point, f64, Marker, Colour),
    /// A text, its height, its colour; centred vertically on its point.
    Text(Point, String, f64, Colour, Anchor),
}

/// What some shapes are together: a page shows and hides them, or draws them at another scale.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) enum Part {
    /// The title, and what was offered.
    Head,
    /// The sample of a series in the legend, with its label.
    Key(String),
    /// Frame, grid and labels of a panel; the series that follow are its own.
    Panel(Panel),
    /// A line across a panel, at so many nanoseconds.
    Level(f64),
    /// A line, a bar or a point.
    Series {
        /// Its label in the legend.
        label: String,
        /// Id of its case.
        case: String,
        /// Which of the case's series, `"2 p99"`: a trial and a quantile; empty where it has one.
        key: String,
    },
}

/// The words above a picture.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Head {
    /// What it shows.
    pub title: String,
    /// Of what.
    pub subtitle: String,
    /// How much of the picture they take, from the top.
    pub height: f64,
}

/// Shapes on a white ground, painted in their order.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Picture {
    /// Width in logical pixels.
    pub width: f64,
    /// Height in logical pixels.
    pub height: f64,
    /// What is in it.
    pub shapes: Vec<Shape>,
    /// What they are together, in their order, without overlap; other shapes stand for themselves.
    pub parts: Vec<(Range<usize>, Part)>,
    /// What is written above it.
    pub head: Option<Head>,
}

impl Picture {
    /// An empty picture.
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new(), parts: Vec::new(), head: None }
    }

    /// Calls what `draw` adds a part.
    pub(super) fn part(&mut self, part: Part, draw: impl FnOnce(&mut Self)) {
        let from = self.shapes.len();
        draw(self);
        self.parts.push((from..self.shapes.len(), part));
    }

    /// Adds a line, dashed where its stroke says so.
    pub(super) fn line(&mut self, points: &[Point], stroke: Stroke) {
        self.shapes.push(Shape::Line(points.to_vec(), stroke));
    }

    /// Adds a filled rectangle.
    pub(super) fn bar(&mut self, from: Point, to: Point, colour: Colour) {
        self.shapes.push(Shape::Bar(from, to, colour));
    }

    /// Adds a mark.
    pub(super) fn mark(&mut self, at: Point, size: f64, marker: Marker, colour: Colour) {
        self.shapes.push(Shape::Mark(at, size, marker, colour));
    }

    /// Adds a text.
    pub(super) fn text(
        &mut self,
        at: Point,
        text: &str,
        size: f64,
        colour: Colour,
        anchor: Anchor,
    ) {
        self.shapes.push(Shape::Text(at, typographic(&harmless(text)), size, colour, anchor));
    }
}

/// Cuts a line through `points` into dashes.
pub(super) fn dashes(points: &[Point], dash: f64, gap: f64) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let (mut drawing, mut left) = (true, dash);
    let mut current: Vec<Point> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let ((mut x, mut y), (x1, y1)) = (pair[0], pair[1]);
        let mut length = (x1 - x).hypot(y1 - y);
        while length > left {
            let share = left / length;
            (x, y) = (x + (x1 - x) * share, y + (y1 - y) * share);
            length -= left;
            if drawing {
                current.push((x, y));
                pieces.push(std::mem::take(&mut current));
            }
            drawing = !drawing;
            left = if drawing { dash } else { gap };
            if drawing {
                current = vec![(x, y)];
            }
        }
        left -= length;
        if drawing {
            current.push((x1, y1));
        }
    }
    if drawing && current.len() > 1 {
        pieces.push(current);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_dashes_around_its_corners() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], 6.0, 2.0);
        assert_eq!(
            pieces,
            [
                vec![(0.0, 0.0), (6.0, 0.0)],
                vec![(8.0, 0.0), (10.0, 0.0), (10.0, 4.0)],
                vec![(10.0, 6.0), (10.0, 10.0)],
            ]
        );
        assert!(dashes(&[], 6.0, 2.0).is_empty());
    }
}
