//! Which case is best at each point of a sweep, how surely, and what the closed forms say of it.

use super::super::comparison::{judged, rank};
use super::super::{Axis, CaseSummary, Claim, Ranking};
use super::closed::{Reference, at, expected_p50_ns};
use super::{Sweep, SweptAxis};
use crate::record::Figure;
use crate::scenario::Case;

/// What maps rank by: the freshest, and the cheapest in what can be had at any load.
const RANKED: [Axis; 4] = [Axis::Freshness, Axis::Cpu, Axis::Wire, Axis::Memory];
/// Least ratio by which closed forms must tell two cases apart to name a best.
const CLEAR: f64 = 1.1;

/// The best case by one quality at each point of one axis, or of two.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// What is ranked.
    pub by: Axis,
    /// The values of other axes that all of its cells share; empty where there are none.
    pub sheet: String,
    /// A cell for each point, the first axis changing slowest.
    pub cells: Vec<Cell>,
}

/// A point of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The point: a value for each axis of the map.
    pub at: Vec<f64>,
    /// The cases there, best first, and how the first compares with the second; `None` for fewer than two.
    pub ranking: Option<Ranking>,
    /// The only case there.
    pub only: Option<String>,
    /// What the closed forms say; `None` where they are not about all that is here.
    pub forecast: Option<Forecast>,
}

/// The best case of a point by closed forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Id of the case.
    pub case: String,
    /// The second's figure ÷ its own.
    pub times: f64,
    /// Whether what is forecast here was itself measured here: the operating point that the forms start from.
    pub is_reference: bool,
    /// The median age of what polls by the clock find here, where freshness is forecast.
    pub polls: Option<Polls>,
}

/// What theory says of polls by the clock, and whether they were measured elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Polls {
    /// Half of the interval, in nanoseconds.
    pub p50_ns: f64,
    /// Whether the measured median is off by over 10 %, and its interval leaves theory out.
    pub is_missed: bool,
}

/// How certain a cell's best case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// At 95 % confidence, all cells together; or nothing else is there.
    Shown,
    /// Ahead in every block, or by more than trials of a case differ.
    Ahead,
    /// Nobody can tell who is first: noise hides it, or too little was measured, or nothing.
    No,
}

impl Cell {
    /// How certain the best case is.
    pub fn decided(&self) -> Decided {
        match self.ranking.as_ref().map(|ranking| ranking.claim) {
            None if self.only.is_none() => Decided::No,
            Some(Claim::Shown(_)) | None => Decided::Shown,
            Some(Claim::Indicated(..) | Claim::Repeatable(..)) => Decided::Ahead,
            Some(Claim::NotShown(..) | Claim::Once | Claim::NoPairs) => Decided::No,
        }
    }

    /// Ids of the best case, and of the second where it cannot be told from it.
    pub fn contenders(&self) -> Vec<&str> {
        let Some(ranking) = &self.ranking else {
            return self.only.as_deref().into_iter().collect();
        };
        let many = if self.decided() == Decided::No { 2 } else { 1 };
        ranking.order.iter().take(many).map(|ranked| ranked.case.as_str()).collect()
    }

    /// The second's figure ÷ the first's; `None` where either is a bound.
    pub fn times(&self) -> Option<f64> {
        let [first, second, ..] = self.ranking.as_ref()?.order.as_slice() else { return None };
        match (first.value, second.value) {
            (Figure::Value(first), Figure::Value(second)) => Some(second / first),
            _ => None,
        }
    }

    /// What the closed forms say here, unless they start from here.
    fn independent(&self) -> Option<&Forecast> {
        self.forecast.as_ref().filter(|forecast| !forecast.is_reference)
    }

    /// Whether the closed forms name a best clearly where one was clearly measured, other than where they start.
    pub fn is_tested(&self) -> bool {
        self.independent().is_some_and(Forecast::is_clear)
            && self.decided() != Decided::No
            && self.times().is_some_and(|times| times >= CLEAR)
    }

    /// Whether the closed forms clearly say other than what was clearly measured.
    pub fn is_contradicted(&self) -> bool {
        let Some(forecast) = self.independent() else { return false };
        let other = !self.contenders().contains(&forecast.case.as_str());
        self.is_tested() && other || forecast.polls.is_some_and(|polls| polls.is_missed)
    }
}

impl Forecast {
    /// Whether it tells the best from the second at all.
    pub fn is_clear(&self) -> bool {
        self.times >= CLEAR
    }
}

/// The maps of a sweep over its first axis, or its first two, for each sheet of its other axes; none where nothing is swept.
///
/// All claims are made together, those that several cells repeat once.
pub fn maps(sweep: &Sweep, cases: &[CaseSummary], planned: &[Case]) -> Vec<Map> {
    let axes: Vec<&SweptAxis> = sweep.axes.iter().take(2).collect();
    if axes.is_empty() {
        return Vec::new();
    }
    let news: Vec<&CaseSummary> = cases.iter().filter(|case| case.pattern.delivers()).collect();
    let mut sheets: Vec<String> = Vec::new();
    for case in &news {
        let sheet = sweep.shared(&case.case, &axes);
        if !sheets.contains(&sheet) {
            sheets.push(sheet);
        }
    }
    let mut claims = Claims::default();
    let mut drafts = Vec::new();
    for by in RANKED {
        for sheet in &sheets {
            let own = |case: &&&CaseSummary| sweep.shared(&case.case, &axes) == *sheet;
            let own: Vec<&CaseSummary> = news.iter().filter(own).copied().collect();
            let middle = middle(&axes, &own);
            for point in points(&axes) {
                let here = here(&axes, &point, &own, by);
                let forecast = forecast(&axes, &point, (&own, planned), by, &middle);
                let only = (here.len() == 1).then(|| here[0].case.clone());
                let claim = (here.len() > 1).then(|| claims.place(by, &here));
                drafts.push((by, sheet, claim, Cell { at: point, ranking: None, only, forecast }));
            }
        }
    }
    let judged = claims.judged();
    let mut maps: Vec<Map> = Vec::new();
    for (by, sheet, claim, mut cell) in drafts {
        cell.ranking = claim.map(|place| judged[place].clone());
        match maps.last_mut().filter(|map| map.by == by && map.sheet == *sheet) {
            Some(map) => map.cells.push(cell),
            None => maps.push(Map { by, sheet: sheet.clone(), cells: vec![cell] }),
        }
    }
    let is_empty = |map: &Map| map.cells.iter().all(|cell| cell.ranking.is_none());
    maps.retain(|map| !is_empty(map));
    maps
}

/// Claims to be judged together, each once.
#[derive(Default)]
struct Claims(Vec<(Ranking, Vec<f64>)>);

impl Claims {
    fn place(&mut self, by: Axis, group: &[&CaseSummary]) -> usize {
        let claim = rank(by, String::new(), group);
        let same = |(known, _): &(Ranking, Vec<f64>)| known.by_same(&claim.0);
        self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push(claim);
            self.0.len() - 1
        })
    }

    fn judged(self) -> Vec<Ranking> {
        judged(self.0)
    }
}

impl Ranking {
    /// Whether it has the same cases in the same order by the same quality.
    fn by_same(&self, other: &Self) -> bool {
        self.axis == other.axis && self.order == other.order
    }
}

/// The points that the axes span, the first changing slowest.
fn points(axes: &[&SweptAxis]) -> Vec<Vec<f64>> {
    axes.iter().fold(vec![Vec::new()], |points, axis| {
        let longer = |point: Vec<f64>| {
            axis.values.iter().map(move |value| [point.clone(), vec![*value]].concat())
        };
        points.into_iter().flat_map(longer).collect()
    })
}

fn meets(axes: &[&SweptAxis], point: &[f64], case: &str) -> bool {
    axes.iter().zip(point).all(|(axis, value)| axis.meets(case, *value))
}

/// The cases at a point that were measured by that quality.
fn here<'a>(
    axes: &[&SweptAxis],
    point: &[f64],
    cases: &[&'a CaseSummary],
    by: Axis,
) -> Vec<&'a CaseSummary> {
    let measured = |case: &&&CaseSummary| case.figure(by.column()).is_some();
    let here = cases.iter().filter(|case| meets(axes, point, &case.case));
    here.filter(measured).copied().collect()
}

/// The value in the middle of each axis, of those that some case has.
fn middle(axes: &[&SweptAxis], cases: &[&CaseSummary]) -> Vec<f64> {
    let of = |axis: &&SweptAxis| {
        let measured = |value: &&f64| {
            cases
                .iter()
                .any(|case| axis.value(&case.case).is_some_and(|own| own.total_cmp(value).is_eq()))
        };
        let values: Vec<f64> = axis.values.iter().filter(measured).copied().collect();
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    axes.iter().map(of).collect()
}

/// The best case at a point as it follows from the case of the same kind at the middle.
fn forecast(
    axes: &[&SweptAxis],
    point: &[f64],
    (cases, planned): (&[&CaseSummary], &[Case]),
    by: Axis,
    middle: &[f64],
) -> Option<Forecast> {
    let mut expected: Vec<(f64, String)> = Vec::new();
    let of = |case: &CaseSummary| planned.iter().find(|planned| planned.id == case.case);
    let all = here(axes, point, cases, by);
    if by == Axis::Freshness {
        return ages(&all, &of);
    }
    for here in all {
        let reference = counterpart(axes, middle, cases, here)?;
        let reference = Reference { summary: reference, planned: of(reference)? };
        let there =
            axes.iter().zip(point).try_fold(reference.planned.clone(), |case, (axis, value)| {
                at(&case, axis.meaning, *value)
            })?;
        expected.push((reference.expected(by, &there)?, here.case.clone()));
    }
    expected.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let [(best, case), (second, _), ..] = expected.as_slice() else { return None };
    let is_reference = point.iter().zip(middle).all(|(here, there)| here.total_cmp(there).is_eq());
    Some(Forecast { case: case.clone(), times: second / best, is_reference, polls: None })
}

/// The freshest case where polls are as old as theory says, and pushes as they were measured; `None` without polls.
fn ages<'a>(
    here: &[&CaseSummary],
    planned: &impl Fn(&CaseSummary) -> Option<&'a Case>,
) -> Option<Forecast> {
    let mut expected: Vec<(f64, String)> = Vec::new();
    let mut polls: Option<Polls> = None;
    for case in here {
        let measured = case.figure(Axis::Freshness.column())?;
        let theory = planned(case).and_then(expected_p50_ns);
        if let Some(p50_ns) = theory {
            let off = (measured.value.number() / p50_ns - 1.0).abs() > CLEAR - 1.0;
            let is_below = match measured.high {
                Figure::Value(high) => high < p50_ns,
                Figure::MoreThan(_) => false,
            };
            let is_missed = off && (p50_ns < measured.low.number() || is_below);
            if polls.is_none_or(|other| p50_ns < other.p50_ns) {
                polls = Some(Polls { p50_ns, is_missed });
            }
        }
        expected.push((theory.unwrap_or(measured.value.number()), case.case.clone()));
    }
    expected.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let [(best, case), (second, _), ..] = expected.as_slice() else { return None };
    polls?;
    Some(Forecast { case: case.clone(), times: second / best, is_reference: false, polls })
}

/// The case at `point` that agrees with `case` in everything but the axes.
pub(super) fn counterpart<'a>(
    axes: &[&SweptAxis],
    point: &[f64],
    cases: &[&'a CaseSummary],
    case: &CaseSummary,
) -> Option<&'a CaseSummary> {
    let key = |id: &str| {
        let named =
            |part: &&str| !axes.iter().any(|axis| part.split('=').next() == Some(&axis.name));
        id.split(':').filter(named).map(str::to_owned).collect::<Vec<String>>()
    };
    let own = key(&case.case);
    let mut found = cases.iter().filter(|other| key(&other.case) == own);
    found.find(|other| meets(axes, point, &other.case)).copied()
}
