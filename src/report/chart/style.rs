//! Colours, marks and dashes: one colour a pattern, the same in every chart.

use super::picture::Stroke;
use crate::scenario::PatternKind;

/// Red, green, blue.
pub(in crate::report) type Colour = (u8, u8, u8);

/// Text and axes.
pub(super) const INK: Colour = (34, 34, 34);
/// Secondary text.
pub(super) const GREY: Colour = (102, 102, 102);
/// Grid lines.
pub(super) const GRID: Colour = (225, 225, 225);
/// The ground of what was measured under strain.
pub(super) const STRAINED: Colour = (253, 241, 216);
/// The ground of what does not count.
pub(super) const REJECTED: Colour = (251, 223, 220);
/// The ground of what is not decided.
pub(super) const UNDECIDED: Colour = (238, 238, 238);
/// Panel frames.
pub(super) const FRAME: Colour = (170, 170, 170);

/// A mark on a line or in a scatter, so that no pattern is told by its colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ▼
    Wedge,
    /// ◆
    Diamond,
    /// ✕
    Cross,
}

/// The colour of a pattern: from Okabe and Ito's palette, told apart by colour-blind readers, too.
pub(super) const fn colour(pattern: PatternKind) -> Colour {
    match pattern {
        PatternKind::Request => (85, 85, 85),
        PatternKind::ShortPoll => (230, 159, 0),
        PatternKind::LongPoll => (213, 94, 0),
        PatternKind::Sse => (0, 158, 115),
        PatternKind::WebSocket => (0, 114, 178),
        PatternKind::Webhook => (204, 121, 167),
    }
}

/// The mark of a pattern.
pub(super) const fn marker(pattern: PatternKind) -> Marker {
    match pattern {
        PatternKind::Request => Marker::Cross,
        PatternKind::ShortPoll => Marker::Square,
        PatternKind::LongPoll => Marker::Triangle,
        PatternKind::Sse => Marker::Diamond,
        PatternKind::WebSocket => Marker::Circle,
        PatternKind::Webhook => Marker::Wedge,
    }
}

/// The class that a page gives a colour, by which it can have another on a dark ground; `None` for mixtures.
pub(in crate::report) fn class_of(colour: Colour) -> Option<String> {
    let plain = [
        (INK, "ink"),
        (GREY, "grey"),
        (GRID, "grid"),
        (FRAME, "frame"),
        (STRAINED, "strained"),
        (REJECTED, "rejected"),
        (UNDECIDED, "undecided"),
    ];
    if let Some((_, class)) = plain.iter().find(|(own, _)| *own == colour) {
        return Some(format!("c-{class}"));
    }
    let mut grounds = PatternKind::ALL
        .into_iter()
        .flat_map(|pattern| (0..GROUNDS.len()).map(move |level| (pattern, level)));
    if let Some((pattern, level)) =
        grounds.find(|(pattern, level)| ground(*pattern, *level) == colour)
    {
        return Some(format!("c-ground-{}-{level}", pattern.name()));
    }
    let shades = PatternKind::ALL.into_iter().flat_map(|pattern| {
        (0..SHADES).map(move |variant| (stroke(pattern, variant).colour, pattern, variant))
    });
    let mut shades = shades.filter(|(own, ..)| *own == colour);
    shades.next().map(|(_, pattern, variant)| format!("c-{}-{variant}", pattern.name()))
}

/// Shares of a pattern's colour in the grounds that text stands on.
const GROUNDS: [f64; 2] = [0.45, 0.18];

/// A ground in the colour of a pattern: of what is shown (0), and of what is not sure (1).
pub(super) fn ground(pattern: PatternKind, level: usize) -> Colour {
    super::panel::pale(colour(pattern), GROUNDS[level.min(GROUNDS.len() - 1)])
}

/// Shades that the variants of a pattern have in turns.
const SHADES: usize = 3;

/// The line of a pattern's `variant` (from 0): variants of one pattern differ in shade and dashes.
pub(super) fn stroke(pattern: PatternKind, variant: usize) -> Stroke {
    let dash = match variant % 4 {
        0 => None,
        1 => Some((8.0, 4.0)),
        2 => Some((2.5, 3.5)),
        _ => Some((13.0, 4.0)),
    };
    let (r, g, b) = colour(pattern);
    let shade = |c: u8| match variant % SHADES {
        0 => c,
        1 => (f64::from(c) * 0.6) as u8,
        _ => (255.0 - (255.0 - f64::from(c)) * 0.6) as u8,
    };
    Stroke { colour: (shade(r), shade(g), shade(b)), width: 2.0, dash }
}
