//! What changed between two sides: the runs of one version against the runs of another, case by case.
//!
//! Nothing is paired here: the sides were measured at different times, and whatever the machine did meanwhile is in every
//! difference. [`Drift`] says how much of that their noise floors saw.

mod comparable;
mod drift;

use std::collections::BTreeMap;

pub(super) use comparable::offered;
pub use comparable::{Comparability, comparability};
pub use drift::Drift;
use drift::drifts;

use super::comparison::{Needs, claim, strictest};
use super::{CaseSummary, Claim, summary};
use crate::measure::Ledger;
use crate::record::{Better, Figure, Run, Summary, column_of, spec};
use crate::scenario::PatternKind;
use crate::stats::{
    CONFIDENCE, Shift, holm, median, samples_for_confidence, samples_needed, two_sample_shift,
};

/// What was sampled: trials of one run have the machine's state of one hour in common, so where both sides have several runs,
/// each run counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Every usable trial.
    Trials,
    /// The median of each run's usable trials.
    Runs,
}

/// Which way a metric changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It became better.
    Better,
    /// It became worse.
    Worse,
    /// It changed, and neither way is better.
    Different,
}

/// A metric of a case on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The column of `trials.csv`.
    pub column: &'static str,
    /// Median of the base's samples.
    pub base: Figure,
    /// Median of the new side's samples.
    pub new: Figure,
    /// Samples of both sides.
    pub samples: [usize; 2],
    /// How certain the change is, on the logarithm of new ÷ base; `None` where a side has a zero or a mere bound.
    pub claim: Option<Claim>,
    /// p value of "no change", adjusted for all changes of the comparison (Holm).
    pub p: Option<f64>,
}

impl Change {
    /// The logarithm of new ÷ base with its interval, if there is one.
    pub const fn shift(&self) -> Option<Shift> {
        match self.claim {
            Some(Claim::Shown(shift) | Claim::Indicated(shift, _) | Claim::NotShown(shift, _)) => {
                Some(shift)
            }
            _ => None,
        }
    }

    /// New ÷ base: of the estimate, or of the two samples that there are.
    pub fn ratio(&self) -> Option<f64> {
        match (self.shift(), self.base, self.new) {
            (Some(shift), ..) => Some(shift.estimate.exp()),
            (None, Figure::Value(base), Figure::Value(new)) if base > 0.0 => Some(new / base),
            _ => None,
        }
    }

    /// Whether a change is shown, or indicated as far as so few samples can.
    pub const fn is_claimed(&self) -> bool {
        matches!(self.claim, Some(Claim::Shown(_) | Claim::Indicated(..) | Claim::Repeatable(..)))
    }

    /// Which way it changed; `None` where no change is claimed.
    pub fn direction(&self) -> Option<Direction> {
        let ratio = self.ratio().filter(|_| self.is_claimed())?;
        Some(match spec(self.column).map_or(Better::Neither, |spec| spec.better) {
            Better::Neither => Direction::Different,
            Better::Less if ratio < 1.0 => Direction::Better,
            Better::More if ratio > 1.0 => Direction::Better,
            Better::Less | Better::More => Direction::Worse,
        })
    }
}

/// A case on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseChange {
    /// Its id.
    pub case: String,
    /// Its pattern.
    pub pattern: PatternKind,
    /// Usable trials, base and new.
    pub usable: [usize; 2],
    /// Trials that were not usable, base and new.
    pub unusable: [usize; 2],
    /// Deliveries, base and new, over all trials that were finished.
    pub ledgers: [Ledger; 2],
    /// Its metrics, in the order asked for; those that neither side has are missing.
    pub changes: Vec<Change>,
}

/// All that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// What was sampled.
    pub sample: Sample,
    /// Cases of both sides, in the base's order.
    pub cases: Vec<CaseChange>,
    /// Cases of the base alone, and of the new side alone.
    pub alone: [Vec<String>; 2],
    /// What the machine did between the sides.
    pub drifts: Vec<Drift>,
}

impl Changes {
    /// Whether any metric could be compared.
    pub fn has_any(&self) -> bool {
        self.cases.iter().any(|case| !case.changes.is_empty())
    }
}

/// Metrics that are compared unless others are asked for, besides the median and the 99th percentile of the headline metric.
const USUAL: [&str; 3] =
    ["target_cpu_ns_per_delivery", "wire_bytes_per_delivery", "target_memory_bytes_per_link"];

/// The columns that a case is compared by: those asked for, or the usual ones of its pattern.
pub(super) fn columns(asked: &[&'static str], pattern: PatternKind) -> Vec<&'static str> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let headline = pattern.traits().headline;
    ["p50", "p99"].iter().filter_map(|q| column_of(headline, q)).chain(USUAL).collect()
}

/// The columns that a case of a pattern is compared by, where nobody asked for others.
pub fn usual_columns(pattern: PatternKind) -> Vec<&'static str> {
    columns(&[], pattern)
}

/// Returns the column of a metric to compare by, from its name with or without unit; `None` if there is none.
pub fn comparable_metric(name: &str) -> Option<&'static str> {
    let spec = super::metrics::metric(name)?;
    matches!(spec.summary, Summary::Median | Summary::Worst).then_some(spec.column.name)
}

/// How a mistyped metric may be spelled, as the end of a sentence.
pub fn metric_hint(name: &str) -> String {
    super::metrics::near(name)
}

/// Compares the runs of two sides, case by case, by the metrics `asked` for or the usual ones.
pub fn changes(base: &[Run], new: &[Run], asked: &[&'static str]) -> Changes {
    let sample = if base.len() > 1 && new.len() > 1 { Sample::Runs } else { Sample::Trials };
    let sides = [base, new].map(|runs| runs.iter().map(summary).collect::<Vec<_>>());
    let [base_ids, new_ids] = [&sides[0], &sides[1]].map(|side| ids(side));
    let lacks = |ids: &[String], other: &[String]| {
        ids.iter().filter(|id| !other.contains(id)).cloned().collect::<Vec<_>>()
    };
    let alone = [lacks(&base_ids, &new_ids), lacks(&new_ids, &base_ids)];
    let both = base_ids.iter().filter(|id| new_ids.contains(id));
    let mut cases: Vec<CaseChange> =
        both.filter_map(|id| case_change(id, &sides, sample, asked)).collect();
    judge(&mut cases);
    Changes { sample, cases, alone, drifts: drifts(base, new) }
}

fn ids(side: &[Vec<CaseSummary>]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for case in side.iter().flatten() {
        if !ids.contains(&case.case) {
            ids.push(case.case.clone());
        }
    }
    ids
}

/// The case with its samples, not judged yet.
fn case_change(
    id: &str,
    sides: &[Vec<Vec<CaseSummary>>; 2],
    sample: Sample,
    asked: &[&'static str],
) -> Option<CaseChange> {
    let of = |side: &Vec<Vec<CaseSummary>>| -> Vec<CaseSummary> {
        side.iter().flatten().filter(|case| case.case == id).cloned().collect()
    };
    let sides = [of(&sides[0]), of(&sides[1])];
    let pattern = sides[0].first()?.pattern;
    let sum = |count: fn(&CaseSummary) -> usize| {
        [&sides[0], &sides[1]].map(|side| side.iter().map(count).sum())
    };
    let ledgers = [&sides[0], &sides[1]].map(|side| {
        let mut all = Ledger::default();
        for case in side {
            all.merge(&case.ledger);
        }
        all
    });
    let change = |column| change(column, [0, 1].map(|at| samples(&sides[at], column, sample)));
    Some(CaseChange {
        case: id.to_owned(),
        pattern,
        usable: sum(|case| case.trials.usable()),
        unusable: sum(|case| case.trials.invalid + case.trials.failed),
        ledgers,
        changes: columns(asked, pattern).into_iter().filter_map(change).collect(),
    })
}

/// What a side has of a column.
fn samples(runs: &[CaseSummary], column: &str, sample: Sample) -> Vec<Figure> {
    let of_run = |case: &CaseSummary| -> Vec<Figure> {
        let trials = case.by_block.get(column).map(BTreeMap::values).into_iter().flatten();
        match sample {
            Sample::Trials => trials.copied().collect(),
            Sample::Runs => super::estimate(&trials.copied().collect::<Vec<_>>())
                .map(|estimate| estimate.value)
                .into_iter()
                .collect(),
        }
    };
    runs.iter().flat_map(of_run).collect()
}

/// The samples' medians, and the shift as a claim that is not judged yet; `None` if a side has no samples.
fn change(column: &'static str, [base, new]: [Vec<Figure>; 2]) -> Option<Change> {
    let samples = [base.len(), new.len()];
    let medians = [super::estimate(&base)?.value, super::estimate(&new)?.value];
    let claim = match [logarithms(&base), logarithms(&new)] {
        [Some(base), Some(new)] => Some(raw_claim(column, &base, &new)),
        _ => None,
    };
    Some(Change { column, base: medians[0], new: medians[1], samples, claim, p: None })
}

/// The logarithms of samples that are all numbers above 0.
fn logarithms(figures: &[Figure]) -> Option<Vec<f64>> {
    let logarithm = |figure: &Figure| match figure {
        Figure::Value(value) if *value > 0.0 => Some(value.ln()),
        _ => None,
    };
    figures.iter().map(logarithm).collect()
}

/// The shift of one change by itself, with what would be needed for it alone.
fn raw_claim(column: &'static str, base: &[f64], new: &[f64]) -> Claim {
    if base.len() + new.len() > 2
        && let Some(shift) = two_sample_shift(base, new, CONFIDENCE)
    {
        return Claim::NotShown(shift, samples_needed(base, new, CONFIDENCE));
    }
    let ratio = median(new).unwrap_or(0.0) - median(base).unwrap_or(0.0);
    match spec(column).and_then(|spec| spec.repeats_within) {
        Some(within) if ratio.abs() > (1.0 + within).ln() => Claim::Repeatable(ratio, within),
        _ => Claim::Once,
    }
}

/// Makes the claims of all changes together: of many comparisons some look different by chance.
fn judge(cases: &mut [CaseChange]) {
    let all = || cases.iter().flat_map(|case| &case.changes);
    let p: Vec<f64> = all().filter_map(Change::shift).map(|shift| shift.p).collect();
    let (claims, mut adjusted) = (p.len(), holm(&p).into_iter());
    let fewest = samples_for_confidence(strictest(claims));
    for change in cases.iter_mut().flat_map(|case| &mut case.changes) {
        let Some(Claim::NotShown(shift, this)) = change.claim else { continue };
        change.p = adjusted.next();
        let needs = Needs { fewest, this: this.map(|needed| needed.max(fewest)) };
        change.claim = Some(claim(shift, change.p.unwrap_or(1.0), claims, needs));
    }
}

#[cfg(test)]
mod tests;
