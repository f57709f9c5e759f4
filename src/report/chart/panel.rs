//! A panel: a frame with two scales, their ticks and titles; and how panels share a page.

use super::picture::{Anchor, Head, Part, Picture, Point, Stroke};
use super::render::width_of;
use super::style::{Colour, FRAME, GREY, GRID, INK};
use crate::unit::significant;

/// Height of tick labels.
pub(super) const SMALL: f64 = 14.0;
/// Height of axis titles and legends.
pub(super) const NORMAL: f64 = 15.5;
/// Height of the page's title.
const TITLE: f64 = 22.0;
/// Width of every page.
pub(super) const PAGE: f64 = 980.0;
/// Most panels on a page.
pub(super) const PANELS: usize = 9;

/// One axis: its range in its own (perhaps logarithmic) numbers, and its labelled ticks.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Scale {
    /// Lower end.
    pub min: f64,
    /// Upper end.
    pub max: f64,
    /// Places and labels.
    pub ticks: Vec<(f64, String)>,
}

impl Scale {
    /// From 0 to a little above `max`, in steps of 1, 2 or 5, labelled by `print`.
    pub(super) fn linear(max: f64, print: impl Fn(f64) -> String) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        let rough = max / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|s| *s >= rough);
        let step = step.unwrap_or(rough);
        let count = (max * 1.02 / step).ceil();
        let ticks = (0..=count as u32).map(|i| step * f64::from(i)).map(|v| (v, print(v)));
        Self { min: 0.0, max: step * count, ticks: ticks.collect() }
    }

    /// From `min` to `max`, with ticks in steps of 1, 2 or 5, labelled by `print`.
    pub(super) fn around(min: f64, max: f64, print: impl Fn(f64) -> String) -> Self {
        let max = if max > min { max } else { min + 1.0 };
        let rough = (max - min) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|s| *s >= rough);
        let step = step.unwrap_or(rough);
        let (first, last) = ((min / step).ceil() as i64, (max / step).floor() as i64);
        let ticks = (first..=last).map(|i| step * i as f64).map(|v| (v, print(v)));
        Self { min, max, ticks: ticks.collect() }
    }

    /// From 0 to 100 in steps of 10, labelled by `print`.
    pub(super) fn up_to_100(print: impl Fn(f64) -> String) -> Self {
        let ticks = (0..=10).map(|i| 10.0 * f64::from(i)).map(|v| (v, print(v)));
        Self { min: 0.0, max: 100.0, ticks: ticks.collect() }
    }

    /// Around `min..max` in log10, with a tick a decade, or 1-2-5 where there are few; `None` where nothing is positive.
    pub(super) fn log(min: f64, max: f64, print: impl Fn(f64) -> String) -> Option<Self> {
        if !(min > 0.0 && max >= min && max.is_finite()) {
            return None;
        }
        let decades = (min.log10().floor() as i32 - 1)..=(max.log10().ceil() as i32 + 1);
        let steps: Vec<(f64, bool)> = decades
            .flat_map(|d| {
                [(1.0, true), (2.0, false), (5.0, false)].map(|(s, d1)| (s * 10f64.powi(d), d1))
            })
            .collect();
        let low = steps.iter().map(|(v, _)| *v).rfind(|v| *v <= min * 0.93)?;
        let high = steps.iter().map(|(v, _)| *v).find(|v| *v >= max * 1.07)?;
        // All steps where they can be read, or the decades alone.
        let wide = steps.iter().filter(|(v, _)| (low..=high).contains(v)).count() > 10;
        let shown = |(v, decade): &&(f64, bool)| (low..=high).contains(v) && (*decade || !wide);
        let ticks = steps.iter().filter(shown).map(|(v, _)| (v.log10(), print(*v)));
        Some(Self { min: low.log10(), max: high.log10(), ticks: ticks.collect() })
    }

    /// The same for bytes, with ticks at powers of two: those of decimal thousands would not be round in people's units.
    pub(super) fn log_bytes(min: f64, max: f64, print: impl Fn(f64) -> String) -> Option<Self> {
        if !(min > 0.0 && max >= min && max.is_finite()) {
            return None;
        }
        let (low, high) = ((min * 0.93).log2().floor() as i32, (max * 1.07).log2().ceil() as i32);
        let every = ((high - low) / 8 + 1).max(1);
        let ticks = (low..=high).filter(|power| (power - low) % every == 0).map(|power| {
            let value = f64::from(power).exp2();
            (value.log10(), print(value))
        });
        let place = |power: i32| f64::from(power).exp2().log10();
        Some(Self { min: place(low), max: place(high), ticks: ticks.collect() })
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.min) / (self.max - self.min)
    }
}

/// A panel's place and scales.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Panel {
    /// Upper left corner of the plot.
    pub from: Point,
    /// Lower right corner of the plot.
    pub to: Point,
    /// Horizontal scale.
    pub x: Scale,
    /// Vertical scale.
    pub y: Scale,
}

impl Panel {
    /// The place of a value.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        let ((x0, y0), (x1, y1)) = (self.from, self.to);
        (x0 + (x1 - x0) * self.x.share(x), y1 - (y1 - y0) * self.y.share(y))
    }

    /// Draws frame, grid, tick labels and titles.
    pub(super) fn frame(&self, picture: &mut Picture, heading: &str, x_title: &str, y_title: &str) {
        picture.part(Part::Panel(self.clone()), |picture| {
            self.draw_frame(picture, heading, x_title, y_title);
        });
    }

    fn draw_frame(&self, picture: &mut Picture, heading: &str, x_title: &str, y_title: &str) {
        let ((x0, y0), (x1, y1)) = (self.from, self.to);
        let grid = Stroke::solid(GRID, 1.0);
        for (place, label) in &self.y.ticks {
            let (_, y) = self.at(self.x.min, *place);
            picture.line(&[(x0, y), (x1, y)], grid);
            picture.text((x0 - 7.0, y), label, SMALL, INK, Anchor::Right);
        }
        let mut free = f64::NEG_INFINITY;
        for (place, label) in &self.x.ticks {
            let (x, _) = self.at(*place, self.y.min);
            picture.line(&[(x, y0), (x, y1)], grid);
            let half = width_of(label, SMALL) / 2.0;
            // A label that would touch the one before it is left out; its grid line stays.
            if x - half > free + 5.0 {
                picture.text((x, y1 + 13.0), label, SMALL, INK, Anchor::Middle);
                free = x + half;
            }
        }
        let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)];
        picture.line(&corners, Stroke::solid(FRAME, 1.0));
        let middle = f64::midpoint(x0, x1);
        let x_title = fit(x_title, NORMAL, x1 - x0 + 60.0);
        picture.text((middle, y1 + 34.0), &x_title, NORMAL, GREY, Anchor::Middle);
        let widest = self.y.ticks.iter().map(|(_, l)| width_of(l, SMALL)).fold(0.0, f64::max);
        let left = (x0 - widest - 20.0, f64::midpoint(y0, y1));
        let y_title = fit(y_title, NORMAL, y1 - y0 + 40.0);
        picture.text(left, &y_title, NORMAL, GREY, Anchor::Upwards);
        let lines = lines(heading, x1 - x0);
        for (line, up) in lines.iter().rev().zip([13.0, 31.0]) {
            picture.text((x0, y0 - up), &fit(line, NORMAL, x1 - x0), NORMAL, INK, Anchor::Left);
        }
    }

    /// Says in the middle of the plot that there is nothing to show.
    pub(super) fn no_data(&self, picture: &mut Picture) {
        let middle = (f64::midpoint(self.from.0, self.to.0), f64::midpoint(self.from.1, self.to.1));
        picture.text(middle, "no data", 20.0, GREY, Anchor::Middle);
    }
}

/// Cuts a text to a width.
pub(super) fn fit(text: &str, size: f64, width: f64) -> String {
    let mut cut = text.to_owned();
    while width_of(&cut, size) > width && cut.chars().count() > 2 {
        cut = cut.chars().take(cut.chars().count() - 2).collect::<String>() + "…";
    }
    cut
}

/// A heading in as few lines as it needs, two at most, cut between its axes.
fn lines(heading: &str, width: f64) -> Vec<String> {
    let fits = |text: &str| width_of(text, NORMAL) <= width;
    if fits(heading) {
        return vec![heading.to_owned()];
    }
    let cuts: Vec<usize> = heading.match_indices(", ").map(|(at, _)| at).collect();
    let cut = cuts.iter().rfind(|at| fits(&heading[..**at])).or(cuts.first());
    match cut {
        Some(at) => vec![heading[..*at].to_owned(), heading[at + 2..].to_owned()],
        None => vec![heading.to_owned()],
    }
}

/// The page's title and what it was measured on.
pub(super) fn title(picture: &mut Picture, title: &str, subtitle: &str) {
    let width = picture.width - 48.0;
    picture.part(Part::Head, |picture| {
        picture.text((24.0, 26.0), &fit(title, TITLE, width), TITLE, INK, Anchor::Left);
        picture.text((24.0, 50.0), &fit(subtitle, NORMAL, width), NORMAL, GREY, Anchor::Left);
    });
    let (title, subtitle) = (title.to_owned(), subtitle.to_owned());
    picture.head = Some(Head { title, subtitle, height: 60.0 });
}

/// Places of `count` panels in rows below `top`: plot corners, and the page's height.
pub(super) fn layout(count: usize, top: f64) -> (Vec<(Point, Point)>, f64) {
    let columns = match count {
        0 | 1 => 1,
        2..=4 => 2,
        _ => 3,
    };
    // Narrow panels have room for a second line of their heading.
    let above = if columns == 3 { 44.0 } else { 28.0 };
    let (left, right, below) = (88.0, 16.0, 50.0);
    let cell = (PAGE - 16.0) / f64::from(columns as u32);
    let height = if columns == 1 { 400.0 } else { 250.0 };
    let place = |i: usize| {
        let (column, row) = ((i % columns) as f64, (i / columns) as f64);
        let from = (8.0 + column * cell + left, top + row * (height + above + below) + above);
        (from, (from.0 + cell - left - right, from.1 + height))
    };
    let rows = count.max(1).div_ceil(columns) as f64;
    ((0..count.max(1)).map(place).collect(), top + rows * (height + above + below) + 10.0)
}

/// A colour mixed with white.
pub(super) fn pale((r, g, b): Colour, share: f64) -> Colour {
    let mix = |c: u8| (255.0 - (255.0 - f64::from(c)) * share) as u8;
    (mix(r), mix(g), mix(b))
}

/// A plain number for an axis.
pub(super) fn plain(value: f64) -> String {
    significant(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_cut_between_its_axes() {
        let room = |text: &str| width_of(text, NORMAL) + 1.0;
        let heading = "slow_share=0.1, slow_consumer=disconnect";
        assert_eq!(lines(heading, room(heading)), [heading]);
        assert_eq!(
            lines(heading, room(heading) - 3.0),
            ["slow_share=0.1", "slow_consumer=disconnect"]
        );
        let heading = "clients=1000, rate=4/s, x=1";
        assert_eq!(lines(heading, room(heading) - 3.0), ["clients=1000, rate=4/s", "x=1"]);
        assert_eq!(lines("receiver=of-one-axis-alone", 20.0).len(), 1);
    }

    #[test]
    fn scales_hold_what_they_show() {
        for max in [0.0, 0.3, 1.0, 7.0, 99.0, 12_345.0] {
            let scale = Scale::linear(max, plain);
            assert!(
                scale.max >= max && scale.ticks.len() >= 3 && scale.ticks.len() <= 8,
                "{max}: {scale:?}"
            );
        }
        for (min, max) in [(1.0, 1.0), (3.0, 8.0), (1e3, 9e9), (0.2, 0.9)] {
            let scale = Scale::log(min, max, plain).unwrap();
            assert!(scale.min <= min.log10() && scale.max >= max.log10(), "{min} {max}: {scale:?}");
            assert!(scale.ticks.len() >= 2, "{min} {max}: {scale:?}");
        }
        assert_eq!(Scale::log(0.0, 1.0, plain), None);
        for (min, max) in [(100.0, 130.0), (900e3, 1.2e6), (1.0, 1e12)] {
            let scale = Scale::log_bytes(min, max, crate::unit::bytes).unwrap();
            assert!(scale.min <= min.log10() && scale.max >= max.log10(), "{scale:?}");
            assert!(scale.ticks.len() >= 2 && scale.ticks.len() <= 9, "{scale:?}");
            let whole = |(_, label): &(f64, String)| !label.contains('.');
            assert!(scale.ticks.iter().all(whole), "{scale:?}");
        }
        assert_eq!(Scale::log_bytes(0.0, 1.0, plain), None);
    }

    #[test]
    fn panels_do_not_overlap() {
        for count in 1..=9 {
            let (places, height) = layout(count, 80.0);
            assert_eq!(places.len(), count);
            for (i, (from, to)) in places.iter().enumerate() {
                assert!(from.0 < to.0 && from.1 < to.1 && to.0 < PAGE && to.1 + 45.0 < height);
                for (other, _) in &places[..i] {
                    assert!(other.1 + 70.0 < from.1 || (other.0 - from.0).abs() > 200.0, "{count}");
                }
            }
        }
    }
}
