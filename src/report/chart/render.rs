//! The only place that knows the drawing library: a picture onto any of its backends.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::picture::{Anchor, Picture, Point, Shape, Stroke, dashes};
use super::style::{Colour, Marker};

/// First the embedded font's name, then what stands in for it where an SVG is viewed without it.
const FONT: &str = "Roboto, Helvetica, Arial, sans-serif";
const FONT_BYTES: &[u8] = include_bytes!("../font/roboto-subset.ttf");

/// The library writes bitmap text too high by this share of its height.
const BITMAP_DROP: f64 = 0.1;
/// Pixels of the PNG for each logical pixel.
const PNG_SCALE: f64 = 2.0;

fn with_font() {
    static ONCE: Once = Once::new();
    // A font that is refused would show as an error of every text.
    ONCE.call_once(|| {
        let _ = register_font(FONT, FontStyle::Normal, FONT_BYTES);
    });
}

/// Width of `text` at `size`, in logical pixels.
pub(in crate::report) fn width_of(text: &str, size: f64) -> f64 {
    with_font();
    // Measured large, because the library rounds to whole pixels.
    let at_100 = (FONT, 100).into_font().box_size(text).map_or(0, |(width, _)| width);
    f64::from(at_100) * size / 100.0
}

/// The picture as SVG.
pub(super) fn svg(picture: &Picture) -> Result<Vec<u8>, String> {
    let mut text = String::new();
    {
        let size = (picture.width.ceil() as u32, picture.height.ceil() as u32);
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        render(picture, &area, 1.0, 0.0).map_err(|error| error.to_string())?;
    }
    Ok(text.into_bytes())
}

/// The picture as PNG.
pub(super) fn png(picture: &Picture) -> Result<Vec<u8>, String> {
    let width = (picture.width * PNG_SCALE).ceil() as u32;
    let height = (picture.height * PNG_SCALE).ceil() as u32;
    let mut pixels = vec![0; width as usize * height as usize * 3];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        let area = backend.into_drawing_area();
        render(picture, &area, PNG_SCALE, BITMAP_DROP).map_err(|error| error.to_string())?;
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer.write_image_data(&pixels).map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(bytes)
}

type Area<B> = DrawingArea<B, Shift>;
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Draws onto any backend, `scale` pixels a logical one, text lower by the share `drop` of its height.
fn render<B: DrawingBackend>(picture: &Picture, area: &Area<B>, scale: f64, drop: f64) -> Drawn<B> {
    with_font();
    area.fill(&WHITE)?;
    for shape in &picture.shapes {
        draw(shape, area, scale, drop)?;
    }
    area.present()
}

fn draw<B: DrawingBackend>(shape: &Shape, area: &Area<B>, scale: f64, drop: f64) -> Drawn<B> {
    let at = |(x, y): Point| ((x * scale).round() as i32, (y * scale).round() as i32);
    match shape {
        Shape::Line(points, stroke) => {
            let Stroke { colour, width, dash } = *stroke;
            let style = rgb(colour).stroke_width((width * scale).round().max(1.0) as u32);
            let piece = |points: &[Point]| {
                let points: Vec<_> = points.iter().copied().map(at).collect();
                area.draw(&PathElement::new(points, style))
            };
            match dash {
                None => piece(points),
                Some((dash, gap)) => {
                    dashes(points, dash, gap).iter().try_for_each(|points| piece(points))
                }
            }
        }
        Shape::Bar(from, to, colour) => {
            area.draw(&Rectangle::new([at(*from), at(*to)], rgb(*colour).filled()))
        }
        Shape::Mark(place, size, marker, colour) => {
            mark(area, at(*place), size * scale, *marker, *colour)
        }
        Shape::Text(place, text, size, colour, anchor) => {
            let h_pos = match anchor {
                Anchor::Left => HPos::Left,
                Anchor::Right => HPos::Right,
                Anchor::Middle | Anchor::Upwards => HPos::Center,
            };
            let transform = match anchor {
                Anchor::Upwards => FontTransform::Rotate270,
                _ => FontTransform::None,
            };
            let font = (FONT, size * scale).into_font().transform(transform);
            let colour = rgb(*colour);
            let style = TextStyle::from(font).color(&colour).pos(Pos::new(h_pos, VPos::Center));
            let place = match anchor {
                Anchor::Upwards => (place.0 + drop * size, place.1),
                _ => (place.0, place.1 + drop * size),
            };
            area.draw(&Text::new(text.clone(), at(place), style))
        }
    }
}

fn mark<B: DrawingBackend>(
    area: &Area<B>,
    (x, y): (i32, i32),
    size: f64,
    marker: Marker,
    colour: Colour,
) -> Drawn<B> {
    let colour = rgb(colour);
    let s = size.round() as i32;
    let polygon = |points: &[(i32, i32)]| {
        let points: Vec<_> = points.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        area.draw(&Polygon::new(points, colour.filled()))
    };
    match marker {
        Marker::Circle => area.draw(&Circle::new((x, y), s, colour.filled())),
        Marker::Square => polygon(&[(-s, -s), (s, -s), (s, s), (-s, s)]),
        Marker::Triangle => polygon(&[(-s, s), (0, -s), (s, s)]),
        Marker::Wedge => polygon(&[(-s, -s), (s, -s), (0, s)]),
        Marker::Diamond => polygon(&[(0, -s - 1), (s + 1, 0), (0, s + 1), (-s - 1, 0)]),
        Marker::Cross => {
            let style = colour.stroke_width((s / 2).max(1) as u32);
            area.draw(&PathElement::new([(x - s, y - s), (x + s, y + s)], style))?;
            area.draw(&PathElement::new([(x - s, y + s), (x + s, y - s)], style))
        }
    }
}

const fn rgb((r, g, b): Colour) -> RGBColor {
    RGBColor(r, g, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_letter_that_charts_use() {
        for letter in (' '..='~').skip(1).chain("µ×÷±–—…≤≥".chars()) {
            assert!(width_of(&letter.to_string(), 12.0) > 1.0, "{letter}");
        }
        let double = width_of("freshness", 24.0) / width_of("freshness", 12.0);
        assert!((double - 2.0).abs() < 1e-9);
    }
}
