//! Where the level of a series changed for good.

use std::ops::Range;

use super::distribution::student_tail;
use super::e_divisive::best_split;

/// How change points are searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeSearch {
    /// Values that are looked at together.
    pub window: usize,
    /// Greatest p value of Student's t test between the segments on both sides.
    pub p: f64,
    /// Smallest change that counts, as a share of the smaller level.
    pub magnitude: f64,
    /// Fewest values of a segment.
    pub least: usize,
    /// Greatest share of shuffled series that split as far apart.
    pub chance: f64,
    /// How often a series is shuffled; 0 leaves that test out.
    pub shuffles: u32,
}

impl Default for ChangeSearch {
    fn default() -> Self {
        Self { window: 50, p: 0.001, magnitude: 0.05, least: 3, chance: 0.05, shuffles: 999 }
    }
}

/// A change of level.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangePoint {
    /// The first value of the new level.
    pub at: usize,
    /// Mean of the segment before, and of the one from it on.
    pub means: [f64; 2],
    /// Values of these segments.
    pub sizes: [usize; 2],
    /// p value of Student's t test between them.
    pub p: f64,
    /// Share of shuffles of both that split as far apart, itself counted; 1 if it was not tested.
    pub chance: f64,
    /// Where the first value of the new level lies with 95 % probability: from the first to the last of these.
    pub location: Range<usize>,
}

impl ChangePoint {
    /// The change as a share of the level before; infinite from a level of 0.
    pub fn change(&self) -> f64 {
        if self.means[0] == 0.0 { f64::INFINITY } else { self.means[1] / self.means[0] - 1.0 }
    }

    /// The change as a share of the smaller level, never negative.
    fn magnitude(&self) -> f64 {
        let of = |from: f64, to: f64| if from == 0.0 { 0.0 } else { (to / from - 1.0).abs() };
        let [before, after] = self.means;
        of(before, after).max(of(after, before))
    }
}

/// Returns the change points of `values`, in order. `below(n)` draws a number of `0..n`.
///
/// The algorithm of Fleming et al., *Hunter: Using Change Point Detection to Hunt for Performance Regressions*, ICPE 2023, which
/// Apache Otava carries on: E-divisive means splits each window of the series as long as a t test between the sides stays under
/// ten times `p`; of all these splits, the weakest by p and then the smallest by magnitude is merged away until each that is left
/// is at most `p` and over `magnitude`. Beyond Otava, a segment has `least` values, and a split that is the best of many must
/// also be better than the best of `shuffles`, because a t test knows nothing of the choice.
pub fn change_points(
    values: &[f64],
    search: &ChangeSearch,
    mut below: impl FnMut(usize) -> usize,
) -> Vec<ChangePoint> {
    let mut places = split(values, search);
    loop {
        merge(values, &mut places, search);
        if search.shuffles == 0 {
            break;
        }
        let parts = parts(&places, values.len());
        let chances: Vec<f64> = parts
            .windows(2)
            .map(|pair| chance(values, [&pair[0], &pair[1]], search, &mut below))
            .collect();
        let weakest = (0..chances.len()).max_by(|a, b| chances[*a].total_cmp(&chances[*b]));
        match weakest {
            Some(weakest) if chances[weakest] > search.chance => {
                places.remove(weakest);
            }
            _ => {
                let found = pairs(values, &places).into_iter().zip(chances);
                return found.map(|(point, chance)| ChangePoint { chance, ..point }).collect();
            }
        }
    }
    pairs(values, &places)
}

/// The segments between `places`.
fn parts(places: &[usize], count: usize) -> Vec<Range<usize>> {
    let starts = std::iter::once(0).chain(places.iter().copied());
    let ends = places.iter().copied().chain(std::iter::once(count));
    starts.zip(ends).map(|(from, to)| from..to).collect()
}

/// The change points at `places`, each between the segments on its sides.
fn pairs(values: &[f64], places: &[usize]) -> Vec<ChangePoint> {
    let parts = parts(places, values.len());
    parts.windows(2).map(|pair| between(values, [pair[0].clone(), pair[1].clone()])).collect()
}

fn between(values: &[f64], [left, right]: [Range<usize>; 2]) -> ChangePoint {
    let (from, at) = (left.start, right.start);
    let location = location(&values[from..right.end], at - from);
    let [before, after] = [left, right].map(|side| Moments::of(&values[side]));
    ChangePoint {
        at,
        means: [before.mean, after.mean],
        sizes: [before.count as usize, after.count as usize],
        p: before.p_against(&after),
        chance: 1.0,
        location: from + location.start..from + location.end,
    }
}

/// The weak change points: those of every window, windows overlapping by half.
fn split(values: &[f64], search: &ChangeSearch) -> Vec<usize> {
    let window = search.window.max(2 * search.least);
    let (mut places, mut start) = (Vec::new(), 0);
    while start < values.len() {
        let end = (start + window).min(values.len());
        let found: Vec<usize> =
            split_window(&values[start..end], search).into_iter().map(|at| start + at).collect();
        start = found.last().copied().unwrap_or(0).max(start + window / 2);
        places.extend(found);
    }
    places.sort_unstable();
    places.dedup();
    places
}

/// The splits of one window, best first, until the next one is not significant.
fn split_window(values: &[f64], search: &ChangeSearch) -> Vec<usize> {
    let mut places: Vec<usize> = Vec::new();
    loop {
        let of_part = |part: Range<usize>| {
            let split = best_split(&values[part.clone()], search.least)?;
            Some((part.start + split.at, split.q, part))
        };
        let candidates = parts(&places, values.len()).into_iter().filter_map(of_part);
        let best = candidates.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((at, _, part)) = best else { return places };
        let sides = [&values[part.start..at], &values[at..part.end]].map(Moments::of);
        if sides[0].p_against(&sides[1]) > first_pass(search.p) {
            return places;
        }
        places.push(at);
        places.sort_unstable();
    }
}

/// The p value at which a split is kept for the merge.
fn first_pass(p: f64) -> f64 {
    match p {
        p if p < 0.05 => 10.0 * p,
        p if p < 0.5 => 2.0 * p,
        p => p,
    }
}

/// Merges away the weakest places until each that is left is a change.
fn merge(values: &[f64], places: &mut Vec<usize>, search: &ChangeSearch) {
    loop {
        let points = pairs(values, places);
        let is_short = |point: &ChangePoint| point.sizes.iter().any(|size| *size < search.least);
        let by_p = |&a: &usize, &b: &usize| points[a].p.total_cmp(&points[b].p);
        let all = || 0..points.len();
        // Windows that overlap may leave places closer together than a segment is long.
        let short = all().filter(|at| is_short(&points[*at])).max_by(by_p);
        let weakest =
            short.or_else(|| all().rev().max_by(by_p).filter(|at| points[*at].p >= search.p));
        let smallest = || {
            let by_size =
                |&a: &usize, &b: &usize| points[a].magnitude().total_cmp(&points[b].magnitude());
            all().min_by(by_size).filter(|at| points[*at].magnitude() <= search.magnitude)
        };
        match weakest.or_else(smallest) {
            Some(at) => places.remove(at),
            None => return,
        };
    }
}

/// Count, mean and variance of a segment.
struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        // Of the segment itself, as Otava has it: divided by n.
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Self { count, mean, variance }
    }

    /// The two-sided p value of Student's t test of equal variances.
    fn p_against(&self, other: &Self) -> f64 {
        let freedom = self.count + other.count - 2.0;
        let difference = (self.mean - other.mean).abs();
        if freedom < 1.0 || difference == 0.0 {
            return 1.0;
        }
        let squares = (self.count - 1.0) * self.variance + (other.count - 1.0) * other.variance;
        let error = (squares / freedom * (1.0 / self.count + 1.0 / other.count)).sqrt();
        // Without any spread it is certain.
        if error == 0.0 { 0.0 } else { 2.0 * student_tail(difference / error, freedom) }
    }
}

/// The share of shuffles of both segments that split at least as far apart as they do, themselves counted.
///
/// Of long segments, the half window next to the split. Ends early where the share is over the limit in any case.
fn chance(
    values: &[f64],
    [left, right]: [&Range<usize>; 2],
    search: &ChangeSearch,
    below: &mut impl FnMut(usize) -> usize,
) -> f64 {
    let half = search.window.max(2 * search.least);
    let from = left.start.max(right.start.saturating_sub(half));
    let to = right.end.min(right.start + half);
    let mut shuffled = values[from..to].to_vec();
    let split = |values: &[f64]| best_split(values, search.least).map_or(0.0, |split| split.q);
    // Sums in another order differ in their last digits.
    let own = split(&shuffled) * (1.0 - 1e-9);
    let all = f64::from(search.shuffles + 1);
    let mut as_far = 1.0;
    for _ in 0..search.shuffles {
        for last in (1..shuffled.len()).rev() {
            shuffled.swap(last, below(last + 1));
        }
        as_far += f64::from(u8::from(split(&shuffled) >= own));
        if as_far / all > search.chance {
            break;
        }
    }
    as_far / all
}

/// Where in `values` the one change of level lies that was found at `at`: from the first to the last place of the smallest set
/// that holds it with 95 % probability.
///
/// The posterior of a change of mean in normal noise with flat priors on place, levels and the logarithm of the spread
/// (Smith, *A Bayesian approach to inference about a change-point in a sequence of random variables*, Biometrika 62, 1975):
/// p(k) ∝ (k(n−k))^−½ · S(k)^−(n−2)/2, S the sum of squares about both means.
fn location(values: &[f64], at: usize) -> Range<usize> {
    let count = values.len();
    let squares = |part: &[f64]| {
        let moments = Moments::of(part);
        moments.count * moments.variance
    };
    let all = squares(values);
    let weight = |k: usize| {
        let rest = squares(&values[..k]) + squares(&values[k..]);
        let sides = (k * (count - k)) as f64;
        -0.5 * sides.ln() - 0.5 * (count as f64 - 2.0) * (rest / all).max(1e-15).ln()
    };
    let weights: Vec<(usize, f64)> = (1..count).map(|k| (k, weight(k))).collect();
    let most = weights.iter().map(|(_, weight)| *weight).fold(f64::NEG_INFINITY, f64::max);
    let mut shares: Vec<(usize, f64)> =
        weights.iter().map(|(k, weight)| (*k, (weight - most).exp())).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let whole: f64 = shares.iter().map(|(_, share)| share).sum();
    let (mut held, mut range) = (0.0, at..at + 1);
    for (k, share) in shares {
        range = range.start.min(k)..range.end.max(k + 1);
        held += share;
        if held >= 0.95 * whole {
            break;
        }
    }
    range
}

#[cfg(test)]
mod tests;
