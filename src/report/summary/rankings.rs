//! How the cases of a workload compare.

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::{CaseSummary, Claim, Findings, Ranking, paired_shift};
use crate::record::Figure;
use crate::stats::Shift;

/// The cases of a workload by one quality, best first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct RankedCases<'a> {
    /// The column of `trials.csv` that they are ranked by; less is better.
    by: &'static str,
    /// The workload, as far as the run has several.
    workload: &'a str,
    /// At least two cases, best first.
    order: Vec<Place<'a>>,
    /// How surely the first beats the second: at 95 % confidence over all claims of the run (`shown`), at the highest that so
    /// few trials allow (`indicated`), by more than repetitions differ (`repeatable`), or not at all.
    #[schemars(extend("enum" = CLAIMS))]
    claim: &'static str,
    /// The second ÷ the first; null without pairs of trials to take it from.
    ratio: Option<Ratio>,
    /// Signed-rank p value of no difference between the first two, adjusted for all claims of the run (Holm).
    p: Option<f64>,
}

const CLAIMS: [&str; 6] = ["shown", "indicated", "not_shown", "repeatable", "once", "no_pairs"];

/// A case at its place.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Place<'a> {
    /// Id of the case.
    case: &'a str,
    /// Its figure, in the unit of the column.
    value: Figure,
    /// This case ÷ the first, paired within blocks, with its own interval, which is not adjusted for other comparisons; null for
    /// the first, and without pairs of trials to take it from.
    ratio_to_best: Option<Ratio>,
}

/// A ratio of two cases with its interval.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Ratio {
    /// The Hodges-Lehmann estimate.
    estimate: f64,
    /// Lower end of the interval.
    low: f64,
    /// Upper end of the interval.
    high: f64,
    /// Confidence of the interval.
    confidence: f64,
}

impl From<&Shift> for Ratio {
    fn from(shift: &Shift) -> Self {
        Self {
            estimate: shift.estimate.exp(),
            low: shift.low.exp(),
            high: shift.high.exp(),
            confidence: shift.confidence,
        }
    }
}

pub(super) fn of(findings: &Findings) -> Vec<RankedCases<'_>> {
    findings.rankings.iter().map(|ranking| ranked(ranking, &findings.cases)).collect()
}

fn ranked<'a>(ranking: &'a Ranking, cases: &[CaseSummary]) -> RankedCases<'a> {
    let (claim, shift) = match &ranking.claim {
        Claim::Shown(shift) => ("shown", Some(shift)),
        Claim::Indicated(shift, _) => ("indicated", Some(shift)),
        Claim::NotShown(shift, _) => ("not_shown", Some(shift)),
        Claim::Repeatable(..) => ("repeatable", None),
        Claim::Once => ("once", None),
        Claim::NoPairs => ("no_pairs", None),
    };
    let column = ranking.axis.column();
    let summary = |id: &str| cases.iter().find(|case| case.case == id);
    let best = ranking.order.first().and_then(|first| summary(&first.case));
    let place = |(at, ranked): (usize, &'a crate::judge::Ranked)| Place {
        case: &ranked.case,
        value: ranked.value,
        ratio_to_best: (at > 0)
            .then(|| paired_shift(column, best?, summary(&ranked.case)?))
            .flatten()
            .as_ref()
            .map(Ratio::from),
    };
    RankedCases {
        by: column,
        workload: &ranking.workload,
        order: ranking.order.iter().enumerate().map(place).collect(),
        claim,
        ratio: shift.map(Ratio::from),
        p: ranking.p,
    }
}
