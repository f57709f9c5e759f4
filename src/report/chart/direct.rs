//! Names beside the ends of lines, instead of a legend.

use super::legend::{Entry, series_of};
use super::panel::{SMALL, fit};
use super::picture::{Anchor, Picture, Point, Stroke};
use super::render::width_of;
use super::style::INK;
use crate::unit::typographic;

/// Least distance between the middles of two labels.
const ROW: f64 = 17.0;

/// A name, and the end of the line that it belongs to.
pub(super) struct Label {
    pub at: Point,
    pub text: String,
    pub entry: Entry,
}

/// The width of the widest of `texts`.
pub(super) fn width_of_labels(texts: impl Iterator<Item = String>) -> f64 {
    texts.map(|text| width_of(&typographic(&text), SMALL)).fold(0.0, f64::max)
}

/// Draws the labels between `left` and `right`, each as near to its line's height as the others allow.
pub(super) fn spread(
    picture: &mut Picture,
    mut labels: Vec<Label>,
    (left, right): (f64, f64),
    (top, bottom): (f64, f64),
) {
    labels.sort_by(|a, b| a.at.1.total_cmp(&b.at.1));
    let wanted: Vec<f64> = labels.iter().map(|label| label.at.1).collect();
    for (label, y) in labels.iter().zip(apart(&wanted, (top, bottom), ROW)) {
        let stroke = label.entry.stroke();
        picture.part(series_of(&label.entry, ""), |picture| {
            let ends = [label.at, (left - 12.0, y), (left - 4.0, y)];
            picture.line(&ends, Stroke { width: 1.0, dash: None, ..stroke });
            let text = fit(&label.text, SMALL, right - left);
            picture.text((left, y), &text, SMALL, INK, Anchor::Left);
        });
    }
}

/// Places near to the wanted ones, ascending, `gap` apart or as far as there is room.
pub(super) fn apart(wanted: &[f64], (top, bottom): (f64, f64), gap: f64) -> Vec<f64> {
    let n = wanted.len();
    if n == 0 {
        return Vec::new();
    }
    let gap = if n > 1 { gap.min((bottom - top) / (n - 1) as f64) } else { gap };
    let mut places = wanted.to_vec();
    for at in 0..n {
        let least = if at == 0 { top } else { places[at - 1] + gap };
        places[at] = places[at].max(least);
    }
    for at in (0..n).rev() {
        let most = if at + 1 == n { bottom } else { places[at + 1] - gap };
        places[at] = places[at].min(most);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_and_their_order() {
        for (wanted, expected) in [
            (vec![50.0], vec![50.0]),
            (vec![50.0, 50.0], vec![50.0, 67.0]),
            (vec![99.0, 99.0, 99.0], vec![66.0, 83.0, 100.0]),
            (vec![-5.0, 40.0, 45.0], vec![0.0, 40.0, 57.0]),
        ] {
            assert_eq!(apart(&wanted, (0.0, 100.0), ROW), expected, "{wanted:?}");
        }
        let many = apart(&[10.0; 21], (0.0, 100.0), ROW);
        assert!((many[0], many[20]) == (0.0, 100.0), "{many:?}");
        assert!(apart(&[], (0.0, 1.0), ROW).is_empty());
    }
}
