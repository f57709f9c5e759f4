//! A chart's picture as SVG inside a page: its colours follow the page's light or dark dress.

use super::html::Html;
use crate::report::chart::{
    Anchor, Colour, Entry, Marker, Panel, Part, Picture, Point, Shape, Stroke, class_of, width_of,
};

/// Writes the picture; its head is left to the caption around it.
pub(super) fn draw(html: &mut Html, picture: &Picture, label: &str) {
    let top = picture.head.as_ref().map_or(0.0, |head| head.height);
    let view =
        format!("0 {} {} {}", number(top), number(picture.width), number(picture.height - top));
    let attributes = [("viewBox", view.as_str()), ("role", "img"), ("aria-label", label)];
    html.element("svg", &attributes, |html| {
        let mut at = 0;
        for (range, part) in &picture.parts {
            // Parts do not overlap, and stand in the order of their shapes.
            shapes(html, &picture.shapes[at..range.start]);
            at = range.end;
            let inner = &picture.shapes[range.clone()];
            match part {
                Part::Head => {}
                Part::Panel(panel) => {
                    let attributes = panel_attributes(panel);
                    let attributes: Vec<_> =
                        attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    html.element("g", &attributes, |html| shapes(html, inner));
                }
                Part::Series { label, case, key } => {
                    let attributes = [
                        ("class", "series"),
                        ("data-series", label.as_str()),
                        ("data-case", case),
                        ("data-key", key),
                    ];
                    html.element("g", &attributes, |html| shapes(html, inner));
                }
                Part::Level(ns) => {
                    let ns = ns.to_string();
                    let attributes = [("class", "level"), ("data-ns", ns.as_str())];
                    html.element("g", &attributes, |html| shapes(html, inner));
                }
                Part::Key(label) => {
                    let attributes = [("class", "key"), ("data-series", label.as_str())];
                    html.element("g", &attributes, |html| shapes(html, inner));
                }
            }
        }
        shapes(html, &picture.shapes[at..]);
    });
}

/// Where a panel is, and what its ends stand for: a script draws its series again by them.
fn panel_attributes(panel: &Panel) -> [(&'static str, String); 4] {
    let pair = |a: f64, b: f64| format!("{a} {b}");
    let ((left, top), (right, bottom)) = (panel.from, panel.to);
    [
        ("class", "panel".to_owned()),
        ("data-box", format!("{} {}", pair(left, top), pair(right, bottom))),
        ("data-x", pair(panel.x.min, panel.x.max)),
        ("data-y", pair(panel.y.min, panel.y.max)),
    ]
}

fn shapes(html: &mut Html, shapes: &[Shape]) {
    for shape in shapes {
        draw_shape(html, shape);
    }
}

fn draw_shape(html: &mut Html, shape: &Shape) {
    match shape {
        Shape::Line(points, stroke) => line(html, points, *stroke),
        Shape::Bar(from, to, colour) => {
            let (x, y) = (from.0.min(to.0), from.1.min(to.1));
            let (width, height) = ((from.0 - to.0).abs(), (from.1 - to.1).abs());
            let [x, y, width, height] = [x, y, width, height].map(number);
            let place = [("x", x.as_str()), ("y", &y), ("width", &width), ("height", &height)];
            painted(html, "rect", &place, *colour, Paint::Fill, |_| ());
        }
        Shape::Mark(at, size, marker, colour) => mark(html, *at, *size, *marker, *colour),
        Shape::Text(at, text, size, colour, anchor) => {
            write_text(html, *at, text, (*size, *colour, *anchor));
        }
    }
}

fn line(html: &mut Html, points: &[Point], stroke: Stroke) {
    let (path, width) = (path(points), number(stroke.width));
    let dash = stroke.dash.map(|(dash, gap)| format!("{} {}", number(dash), number(gap)));
    let mut attributes = vec![("d", path.as_str()), ("stroke-width", width.as_str())];
    attributes.extend(dash.as_ref().map(|dash| ("stroke-dasharray", dash.as_str())));
    painted(html, "path", &attributes, stroke.colour, Paint::Stroke, |_| ());
}

fn path(points: &[Point]) -> String {
    let mut path = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        path.push_str(if at == 0 { "M" } else { "L" });
        path.push_str(&number(*x));
        path.push(' ');
        path.push_str(&number(*y));
    }
    path
}

fn mark(html: &mut Html, (x, y): Point, s: f64, marker: Marker, colour: Colour) {
    let corners: &[Point] = match marker {
        Marker::Circle => {
            let [x, y, s] = [x, y, s].map(number);
            let place = [("cx", x.as_str()), ("cy", &y), ("r", &s)];
            return painted(html, "circle", &place, colour, Paint::Fill, |_| ());
        }
        Marker::Cross => {
            for slope in [1.0, -1.0] {
                let ends = [(x - s, y - s * slope), (x + s, y + s * slope)];
                line(html, &ends, Stroke::solid(colour, (s / 2.0).max(1.0)));
            }
            return;
        }
        Marker::Square => &[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)],
        Marker::Triangle => &[(-1.0, 1.0), (0.0, -1.0), (1.0, 1.0)],
        Marker::Wedge => &[(-1.0, -1.0), (1.0, -1.0), (0.0, 1.0)],
        Marker::Diamond => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
    };
    let corners: Vec<Point> = corners.iter().map(|(dx, dy)| (x + dx * s, y + dy * s)).collect();
    let path = path(&corners) + "Z";
    painted(html, "path", &[("d", path.as_str())], colour, Paint::Fill, |_| ());
}

fn write_text(
    html: &mut Html,
    (x, y): Point,
    text: &str,
    (size, colour, anchor): (f64, Colour, Anchor),
) {
    let anchored = match anchor {
        Anchor::Left => "start",
        Anchor::Middle | Anchor::Upwards => "middle",
        Anchor::Right => "end",
    };
    // Centred on its point without dominant-baseline, which printers read differently.
    let down = 0.35 * size;
    let size_of = size;
    let [x_at, y_at, size] = [x, y, size].map(number);
    let turn = format!("rotate(-90 {x_at} {y_at})");
    let lower = number(y + down);
    let mut attributes =
        vec![("x", x_at.as_str()), ("y", lower.as_str()), ("font-size", size.as_str())];
    if anchored != "start" {
        attributes.push(("text-anchor", anchored));
    }
    if matches!(anchor, Anchor::Upwards) {
        attributes.push(("transform", turn.as_str()));
    }
    // As wide in any font as in the one that the chart was laid out with.
    let wide = number(width_of(text, size_of));
    if text.chars().count() > 2 {
        attributes.extend([("textLength", wide.as_str()), ("lengthAdjust", "spacingAndGlyphs")]);
    }
    painted(html, "text", &attributes, colour, Paint::Fill, |html| html.text(text));
}

/// What of a shape has its colour.
#[derive(Clone, Copy, PartialEq)]
enum Paint {
    Fill,
    Stroke,
}

/// An element in a colour: by its name where the page has one, so that a dark page can have another.
fn painted(
    html: &mut Html,
    name: &'static str,
    attributes: &[(&'static str, &str)],
    colour: Colour,
    paint: Paint,
    content: impl FnOnce(&mut Html),
) {
    let named = class_of(colour);
    let (red, green, blue) = colour;
    let own = format!("#{red:02x}{green:02x}{blue:02x}");
    let colour = if named.is_some() { "currentColor" } else { own.as_str() };
    let mut all = attributes.to_vec();
    all.push((if paint == Paint::Fill { "fill" } else { "stroke" }, colour));
    if paint == Paint::Stroke {
        all.push(("fill", "none"));
    }
    all.extend(named.as_ref().map(|class| ("class", class.as_str())));
    html.element(name, &all, content);
}

/// A number with at most one decimal: a tenth of a pixel is not seen.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The line and the mark of a series, in a box of 32 by 16.
pub(super) fn sample(html: &mut Html, series: &Entry) {
    let stroke = series.stroke();
    line(html, &[(0.0, 8.0), (32.0, 8.0)], stroke);
    mark(html, (16.0, 8.0), 5.0, series.marker(), stroke.colour);
}
