//! A run's comparison as one JSON value: what `--format json` prints of each run.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::View;
use super::result::RunResult;
use crate::judge::{CaseSummary, Claim, Estimate, Ranking};
use crate::stats::Shift;

/// Everything that the text report says of a run in `folder`, as data: fields as in FORMAT.md.
pub fn json(view: &View, folder: &Path) -> Value {
    let info = &view.run.info;
    json!({
        "folder": folder.to_string_lossy(),
        "scenario": info.scenario.name,
        "question": info.scenario.question,
        "started_utc": info.started_utc,
        "finished_utc": info.finished_utc,
        "complete": info.complete,
        "stopped_by": info.stopped_by,
        "result": RunResult::of(view),
        "cases": view.findings.cases.iter().map(case).collect::<Vec<_>>(),
        "rankings": view.findings.rankings.iter().map(ranking).collect::<Vec<_>>(),
        "warnings": info.warnings.iter().chain(&view.run.warnings).collect::<Vec<_>>(),
    })
}

fn case(case: &CaseSummary) -> Value {
    let figures: Map<String, Value> =
        case.figures.iter().map(|(column, of)| ((*column).to_owned(), estimate(of))).collect();
    json!({
        "case": case.case,
        "pattern": case.pattern.name(),
        "clients": case.offered.clients,
        "topics": case.offered.topics,
        "events_per_s": case.offered.events_per_s,
        "requests_per_s": case.offered.requests_per_s,
        "payload_bytes": case.offered.payload_bytes,
        "verdict": case.verdict,
        "usable_trials": case.trials.usable(),
        "reach_worst": case.reach_worst,
        "counts": case.counts,
        "figures": figures,
    })
}

fn estimate(estimate: &Estimate) -> Value {
    // An interval of one trial is no interval.
    let interval = estimate.confidence > 0.0;
    json!({
        "value": estimate.value,
        "low": interval.then_some(estimate.low),
        "high": interval.then_some(estimate.high),
        "confidence": interval.then_some(estimate.confidence),
        "trials": estimate.trials,
    })
}

fn ranking(ranking: &Ranking) -> Value {
    let place = |ranked: &crate::judge::Ranked| json!({"case": ranked.case, "value": ranked.value});
    let (claim, shift) = match &ranking.claim {
        Claim::Shown(shift) => ("shown", Some(shift)),
        Claim::Indicated(shift, _) => ("indicated", Some(shift)),
        Claim::NotShown(shift, _) => ("not_shown", Some(shift)),
        Claim::Repeatable(..) => ("repeatable", None),
        Claim::Once => ("once", None),
        Claim::NoPairs => ("no_pairs", None),
    };
    json!({
        "by": ranking.axis.column(),
        "workload": ranking.workload,
        "order": ranking.order.iter().map(place).collect::<Vec<_>>(),
        "claim": claim,
        "ratio": shift.map(ratio),
        "p": ranking.p,
    })
}

/// The second ÷ the first, with its interval.
fn ratio(shift: &Shift) -> Value {
    json!({
        "estimate": shift.estimate.exp(),
        "low": shift.low.exp(),
        "high": shift.high.exp(),
        "confidence": shift.confidence,
    })
}
