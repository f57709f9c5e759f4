//! Where the best case changes along one axis.

use std::cmp::Ordering;

use super::super::{Axis, CaseSummary};
use super::SweptAxis;
use super::closed::{Reference, at};
use super::map::{Decided, Map, counterpart};
use crate::record::Figure;
use crate::scenario::Case;
use crate::stats::{CONFIDENCE, median_interval};

/// Places that are tried between two values of the axis.
const STEPS: u32 = 64;

/// A place between two neighbouring values of an axis at which the best case changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Id of the best case below.
    pub below: String,
    /// Id of the best case above.
    pub above: String,
    /// Where both take the same, between lines through the measured figures.
    pub at: f64,
    /// The interval over blocks; `None` for fewer than two.
    pub interval: Option<CrossingInterval>,
    /// Where both take the same by closed forms, from the figures below; `None` where these are not about them.
    pub expected: Option<f64>,
}

/// The interval of a crossing: that of the median over the blocks' own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossingInterval {
    /// Its lower end.
    pub low: CrossingEnd,
    /// Its upper end.
    pub high: CrossingEnd,
    /// The confidence that so many blocks give.
    pub confidence: f64,
}

/// An end of a crossing's interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossingEnd {
    /// Where it is, between the two values or at one of them.
    pub at: f64,
    /// Whether it is only known to lie at `at` or below (`Less`), or at `at` or above (`Greater`): the block does not cross
    /// between the two values.
    pub side: Ordering,
}

impl CrossingEnd {
    /// The end at `share` of the way between two values.
    fn new(ends: (f64, f64), share: f64) -> Self {
        let side = if share <= 0.0 {
            Ordering::Less
        } else if share >= 1.0 {
            Ordering::Greater
        } else {
            Ordering::Equal
        };
        Self { at: between(ends, share), side }
    }
}

/// The crossings of a map along its one axis: where noise cannot tell the two cases apart on either side, there is none.
pub fn crossings(
    map: &Map,
    axis: &SweptAxis,
    cases: &[CaseSummary],
    planned: &[Case],
) -> Vec<Crossing> {
    let all: Vec<&CaseSummary> = cases.iter().collect();
    let best = |cell: &super::Cell| Some(cell.ranking.as_ref()?.order.first()?.case.clone());
    let of = |pair: &[super::Cell]| {
        let undecided = |cell: &super::Cell, other: &super::Cell| {
            cell.decided() == Decided::No
                && (other.decided() == Decided::No
                    || other.contenders().iter().any(|id| same_kind(axis, id, &cell.contenders())))
        };
        if undecided(&pair[0], &pair[1]) || undecided(&pair[1], &pair[0]) {
            return None;
        }
        let (below, above) = (best(&pair[0])?, best(&pair[1])?);
        let ends = (pair[0].at[0], pair[1].at[0]);
        let find = |id: &str, value: f64| {
            let case = all.iter().find(|case| case.case == id)?;
            counterpart(&[axis], &[value], &all, case)
        };
        let a = (find(&below, ends.0)?, find(&below, ends.1)?);
        let b = (find(&above, ends.0)?, find(&above, ends.1)?);
        // The same kind of case at both ends.
        if a.0.case == b.0.case || a.1.case == b.1.case {
            return None;
        }
        let share = share(map.by, a, b)?;
        let (below, above) = (a.0.case.clone(), b.1.case.clone());
        let expected = expected(map.by, axis, planned, (a.0, b.0), ends);
        let interval = interval(map.by, a, b).map(|(low, high, confidence)| {
            let [low, high] = [low, high].map(|share| CrossingEnd::new(ends, share));
            CrossingInterval { low, high, confidence }
        });
        Some(Crossing { below, above, at: between(ends, share), interval, expected })
    };
    map.cells.windows(2).filter_map(of).collect()
}

/// Whether one of `others` differs from the case `id` in the axis alone.
fn same_kind(axis: &SweptAxis, id: &str, others: &[&str]) -> bool {
    let key = |id: &str| {
        let named = |part: &&str| part.split('=').next() != Some(&axis.name);
        id.split(':').filter(named).collect::<Vec<&str>>().join(":")
    };
    others.iter().any(|other| key(other) == key(id))
}

type Ends<'a> = (&'a CaseSummary, &'a CaseSummary);

/// The place at `share` of the way between two values: of their logarithms, where they have any.
fn between((low, high): (f64, f64), share: f64) -> f64 {
    if low > 0.0 { low * (high / low).powf(share) } else { low + (high - low) * share }
}

/// Which share of the way lies below the crossing, from the logarithms of ratios at both ends.
fn share(by: Axis, a: Ends<'_>, b: Ends<'_>) -> Option<f64> {
    let figure = |case: &CaseSummary| match case.figure(by.column())?.value {
        Figure::Value(number) if number > 0.0 => Some(number),
        _ => None,
    };
    let low = (figure(a.0)? / figure(b.0)?).ln();
    let high = (figure(a.1)? / figure(b.1)?).ln();
    let share = low / (low - high);
    (share.is_finite() && (0.0..=1.0).contains(&share)).then_some(share)
}

/// The interval of the median over blocks, as shares of the way, with its confidence; a block that does not cross here counts as
/// 0 where it crosses below, and as 1 where it crosses above.
fn interval(by: Axis, a: Ends<'_>, b: Ends<'_>) -> Option<(f64, f64, f64)> {
    let column = by.column();
    let blocks = |case: &CaseSummary| case.by_block.get(column).cloned();
    let (a0, a1, b0, b1) = (blocks(a.0)?, blocks(a.1)?, blocks(b.0)?, blocks(b.1)?);
    let mut shares: Vec<f64> = Vec::new();
    for (block, first) in &a0 {
        let others = [b0.get(block), a1.get(block), b1.get(block)];
        let [Some(Figure::Value(b0)), Some(Figure::Value(a1)), Some(Figure::Value(b1))] = others
        else {
            continue;
        };
        let low = (first.number() / b0).ln();
        let high = (a1 / b1).ln();
        // What was too little to be measured has no ratio.
        if !low.is_finite() || !high.is_finite() {
            continue;
        }
        let share = match (low < 0.0, high < 0.0) {
            (true, false) => low / (low - high),
            (true, true) => 1.0,
            (false, _) => 0.0,
        };
        shares.push(share);
    }
    shares.sort_by(f64::total_cmp);
    let ranks = median_interval(shares.len(), CONFIDENCE).filter(|_| shares.len() > 1)?;
    Some((shares[ranks.low], shares[ranks.high], ranks.confidence))
}

/// Where two cases take the same by closed forms, from their figures at the lower end.
fn expected(
    by: Axis,
    axis: &SweptAxis,
    planned: &[Case],
    (a, b): Ends<'_>,
    ends: (f64, f64),
) -> Option<f64> {
    let of = |case: &CaseSummary| planned.iter().find(|planned| planned.id == case.case);
    let a = Reference { summary: a, planned: of(a)? };
    let b = Reference { summary: b, planned: of(b)? };
    let ratio = |value: f64| {
        let [there_a, there_b] = [a, b].map(|case| at(case.planned, axis.meaning, value));
        Some(a.expected(by, &there_a?)? / b.expected(by, &there_b?)?)
    };
    let whole = (ends.0, ends.1);
    let mut last = ratio(ends.0)?;
    for step in 1..=STEPS {
        let place = |step: f64| between(whole, step / f64::from(STEPS));
        let next = ratio(place(f64::from(step)))?;
        if last < 1.0 && next >= 1.0 {
            let share = last.ln() / (last.ln() - next.ln());
            return Some(place(f64::from(step - 1) + share));
        }
        last = next;
    }
    None
}
