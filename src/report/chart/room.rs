//! Where a point's label finds room: beside the point, or away from it at the end of a line.

use super::panel::Panel;
use super::picture::Point;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    /// Its upper left corner.
    pub from: Point,
    /// Its lower right corner.
    pub to: Point,
}

impl Area {
    /// The rectangle of which `a` and `b` are opposite corners, and `by` more on each side.
    fn around(a: Point, b: Point, by: f64) -> Self {
        Self {
            from: (a.0.min(b.0) - by, a.1.min(b.1) - by),
            to: (a.0.max(b.0) + by, a.1.max(b.1) + by),
        }
    }

    fn of_size((left, top): Point, (width, height): Point) -> Self {
        Self { from: (left, top), to: (left + width, top + height) }
    }

    fn meets(self, other: Self) -> bool {
        self.to.0 >= other.from.0
            && self.from.0 <= other.to.0
            && self.to.1 >= other.from.1
            && self.from.1 <= other.to.1
    }

    fn is_within(self, other: Self) -> bool {
        self.from.0 > other.from.0
            && self.to.0 < other.to.0
            && self.from.1 > other.from.1
            && self.to.1 < other.to.1
    }

    /// The point of its edge, two pixels off, that is nearest to a point outside.
    fn nearest(self, (x, y): Point) -> Point {
        let Self { from, to } = Self::around(self.from, self.to, 2.0);
        (x.clamp(from.0, to.0), y.clamp(from.1, to.1))
    }

    /// Whether a line from `a` to `b` passes through.
    fn is_crossed(self, a: Point, b: Point) -> bool {
        // The part of the line that lies between the two sides, and then between top and bottom (Liang and Barsky).
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        for (start, way, low, high) in
            [(a.0, b.0 - a.0, self.from.0, self.to.0), (a.1, b.1 - a.1, self.from.1, self.to.1)]
        {
            if way == 0.0 {
                if start < low || start > high {
                    return false;
                }
                continue;
            }
            let (one, other) = ((low - start) / way, (high - start) / way);
            first = first.max(one.min(other));
            last = last.min(one.max(other));
        }
        first <= last
    }
}

/// Distances from its point at which a label is tried that finds no room beside it.
const AWAY: [f64; 9] = [20.0, 30.0, 42.0, 56.0, 72.0, 90.0, 120.0, 160.0, 210.0];
/// How many directions are tried at each distance.
const DIRECTIONS: u32 = 16;

/// Half the width of a mark.
const MARK: f64 = 5.5;
/// Room around the middle of a mark that no label enters: one that touches another's mark would seem to be its own.
const AROUND: f64 = 9.0;
/// Room beside a line that no label enters.
const BESIDE: f64 = 5.0;

/// A panel's room, and what is taken of it.
#[derive(Debug)]
pub(super) struct Room {
    within: Area,
    /// Lines: no label lies on them.
    lines: Vec<(Point, Point)>,
    /// Lines from marks to their labels: no label lies on them, and they do not cross.
    leaders: Vec<(Point, Point)>,
    /// Middles of marks: neither a label nor another's leader lies on one.
    marks: Vec<Point>,
    /// Labels, likewise.
    labels: Vec<Area>,
}

impl Room {
    /// The empty room of a panel.
    pub(super) fn of(panel: &Panel) -> Self {
        Self::within(Area::around(panel.from, panel.to, -2.0))
    }

    fn within(within: Area) -> Self {
        let (lines, leaders, marks, labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { within, lines, leaders, marks, labels }
    }

    /// Takes the room of a line.
    pub(super) fn take_line(&mut self, a: Point, b: Point) {
        self.lines.push((a, b));
    }

    /// Takes the room of a mark.
    pub(super) fn take_mark(&mut self, at: Point) {
        self.marks.push(at);
    }

    /// Takes the room of a label.
    pub(super) fn take_label(&mut self, label: Area) {
        self.labels.push(label);
    }

    /// Takes the room of a label away from its point; returns the line from its mark to it.
    pub(super) fn take_leader(&mut self, at: Point, label: Area) -> [Point; 2] {
        let end = label.nearest(at);
        self.leaders.push((at, end));
        self.labels.push(label);
        [at_edge(at, end), end]
    }

    fn is_free(&self, label: Area) -> bool {
        let beside = Area::around(label.from, label.to, BESIDE);
        let on_line = |(a, b): &(Point, Point)| beside.is_crossed(*a, *b);
        let on_mark = |at: &Point| label.meets(Area::around(*at, *at, AROUND));
        label.is_within(self.within)
            && !self.lines.iter().chain(&self.leaders).any(on_line)
            && !self.marks.iter().any(on_mark)
            && !self.labels.iter().any(|other| label.meets(*other))
    }

    /// Where a label covers nothing beside its point, whose whisker ends at heights `top` and `low`.
    pub(super) fn beside(
        &self,
        (x, y): Point,
        (top, low): (f64, f64),
        (width, height): Point,
    ) -> Option<Area> {
        let (above, below) = (top.min(y - 6.0) - height - 6.0, low.max(y + 4.0) + 6.0);
        let corners = [
            (x + 11.0, y - height / 2.0),
            (x - 11.0 - width, y - height / 2.0),
            (x - width / 2.0, below),
            (x - width / 2.0, above),
            (x - width + 8.0, below),
            (x - 8.0, below),
            (x - width + 6.0, above),
            (x - 6.0, above),
            (x + 11.0, y + 6.0),
            (x - 11.0 - width, y + 6.0),
            (x + 11.0, y - height - 6.0),
            (x - 11.0 - width, y - height - 6.0),
        ];
        let places = corners.into_iter().map(|corner| Area::of_size(corner, (width, height)));
        places.into_iter().find(|label| self.is_free(*label))
    }

    /// Where a label covers nothing near to its point, and a line from there to it crosses neither mark nor label.
    pub(super) fn away(&self, at: Point, (width, height): Point) -> Option<Area> {
        let directions = (0..DIRECTIONS).map(|n| f64::from(n) / f64::from(DIRECTIONS));
        let places = AWAY.into_iter().flat_map(|distance| {
            directions.clone().map(move |turn| {
                let (sine, cosine) = (turn * std::f64::consts::TAU).sin_cos();
                let (x, y) = (at.0 + distance * cosine, at.1 + distance * sine);
                // The label lies on the far side of where the line ends.
                let left = x - width / 2.0 + cosine * width / 2.0;
                let top = y - height / 2.0 + sine * height / 2.0;
                Area::of_size((left, top), (width, height))
            })
        });
        places
            .into_iter()
            .find(|label| self.is_free(*label) && self.is_clear(at, label.nearest(at)))
    }

    /// Whether a line from the mark at `at` to `end` crosses no other mark, no label and no other such line.
    fn is_clear(&self, at: Point, end: Point) -> bool {
        // One that covers this mark cannot be avoided.
        let on_mark = |mark: &Point| {
            let area = Area::around(*mark, *mark, MARK);
            !area.is_crossed(at, at) && area.is_crossed(at, end)
        };
        !self.marks.iter().any(on_mark)
            && !self.labels.iter().any(|label| label.is_crossed(at, end))
            && !self.leaders.iter().any(|(a, b)| do_cross((at, end), (*a, *b)))
    }
}

/// Whether two lines cross.
fn do_cross((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    // On which side of the line from `from` to `to` a point lies.
    let side = |from: Point, to: Point, at: Point| {
        (to.0 - from.0) * (at.1 - from.1) - (to.1 - from.1) * (at.0 - from.0)
    };
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}

/// Where a line from a mark to `end` leaves the mark.
fn at_edge(at: Point, end: Point) -> Point {
    let (x, y) = (end.0 - at.0, end.1 - at.1);
    let share = (7.0 / x.hypot(y)).min(1.0);
    (at.0 + share * x, at.1 + share * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room::within(Area { from: (0.0, 0.0), to: (200.0, 200.0) })
    }

    #[test]
    fn a_line_crosses_what_it_passes_through() {
        let area = Area { from: (10.0, 10.0), to: (20.0, 20.0) };
        for (a, b, expected) in [
            ((0.0, 0.0), (30.0, 30.0), true),
            ((0.0, 15.0), (30.0, 15.0), true),
            ((15.0, 0.0), (15.0, 30.0), true),
            ((0.0, 0.0), (9.0, 9.0), false),
            ((0.0, 15.0), (9.0, 15.0), false),
            ((5.0, 0.0), (5.0, 30.0), false),
            ((0.0, 18.0), (18.0, 36.0), false),
            ((12.0, 12.0), (13.0, 13.0), true),
        ] {
            assert_eq!(area.is_crossed(a, b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_label_goes_beside_its_point_and_away_from_it_where_that_is_taken() {
        let (at, size) = ((100.0, 100.0), (40.0, 10.0));
        let mut room = room();
        room.take_mark(at);
        let beside = room.beside(at, (100.0, 100.0), size).unwrap();
        assert_eq!(beside, Area { from: (111.0, 95.0), to: (151.0, 105.0) });

        // Lines around it take every place beside it.
        for x in [60.0, 140.0] {
            room.take_line((x, 70.0), (x, 130.0));
        }
        for y in [82.0, 100.0, 118.0] {
            room.take_line((60.0, y), (140.0, y));
        }
        assert_eq!(room.beside(at, (100.0, 100.0), size), None);
        let away = room.away(at, size).unwrap();
        assert!(room.is_free(away), "{away:?}");
        let [from, to] = room.take_leader(at, away);
        assert_eq!(from, at_edge(at, to));

        // Nor does a line to another label pass through that one, or cross its line.
        let near = (104.0, 96.0);
        room.take_mark(near);
        let next = room.away(near, size).unwrap();
        assert!(room.is_free(next) && !away.is_crossed(near, next.nearest(near)), "{next:?}");
        assert!(!do_cross((at, to), (near, next.nearest(near))), "{next:?}");

        // A full panel has no room.
        room.take_label(room.within);
        assert_eq!(room.away(at, size), None);
    }

    #[test]
    fn lines_cross_where_each_passes_between_the_ends_of_the_other() {
        let line = ((0.0, 0.0), (10.0, 10.0));
        assert!(do_cross(line, ((0.0, 10.0), (10.0, 0.0))));
        assert!(!do_cross(line, ((6.0, 4.0), (10.0, 0.0))));
        assert!(!do_cross(line, ((20.0, 0.0), (0.0, 30.0))));
        assert!(!do_cross(line, ((0.0, 1.0), (9.0, 10.0))));
    }

    #[test]
    fn a_line_to_a_label_begins_at_the_edge_of_its_mark() {
        assert_eq!(at_edge((0.0, 0.0), (14.0, 0.0)), (7.0, 0.0));
        assert_eq!(at_edge((0.0, 0.0), (3.0, 0.0)), (3.0, 0.0));
        assert_eq!(at_edge((2.0, 2.0), (2.0, 2.0)), (2.0, 2.0));
    }
}
