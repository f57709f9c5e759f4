//! Objectives on figures that each trial has one of, and on accounts of what happened.

use crate::record::{Figure, Kind, Run, Spec, Summary};
use crate::scenario::{Case, Pattern};
use crate::stats::{CONFIDENCE, figure_bounds};

use super::super::CaseSummary;
use super::parse::Operator;
use super::quantity::{Attempts, attempts_of};
use super::{Finding, NO_FLOOR, Outcome, need, text};

/// A value of a column, for people.
pub(super) fn print(spec: &Spec, value: f64) -> String {
    match (spec.column.kind, spec.column.unit) {
        (Kind::Whole, _) => value.to_string(),
        (_, unit) => unit.print(value),
    }
}

/// Judges a column: an account by its sum or its worst trial, a figure by its trials.
pub(super) fn column(
    spec: &'static Spec,
    case: &CaseSummary,
    run: &Run,
    operator: Operator,
    limit: f64,
) -> Finding {
    let column = spec.column.name;
    let account = match spec.summary {
        Summary::Worst => Some(case.reach_worst),
        Summary::Sum => Some(case.counts.get(column).map(|total| *total as f64)),
        Summary::Nothing | Summary::Median => None,
    };
    if let Some(account) = account {
        return match account {
            Some(value) => counted(value, operator, limit, print(spec, value)),
            None => Finding::not_measured(),
        };
    }
    if let Some(why) = never_ended(column, case, run) {
        let holds = operator.holds(f64::INFINITY, limit);
        let outcome = if holds { Outcome::Met } else { Outcome::Missed };
        return Finding::new(outcome, None, why.to_owned());
    }
    let Some(estimate) = case.figure(column) else { return Finding::not_measured() };
    let figures: Vec<Figure> = case
        .by_block
        .get(column)
        .map(|by_block| by_block.values().copied().collect())
        .unwrap_or_default();
    let number = |figure: &Figure| match figure {
        // What never arrived is later than any bound.
        Figure::MoreThan(_) => f64::INFINITY,
        Figure::Value(number) => *number,
    };
    let numbers: Vec<f64> = figures.iter().map(number).collect();
    let outcome = match operator {
        Operator::Equal => decided(operator.holds(number(&estimate.value), limit)),
        operator => by_trials(&numbers, operator, limit),
    };
    let unit = |number| print(spec, number);
    let mut printed = estimate.value.print(unit);
    if figures.len() > 1 {
        let mut sorted = figures.clone();
        sorted.sort_by(Figure::order);
        let (least, most) = (sorted[0].print(unit), sorted[sorted.len() - 1].print(unit));
        printed = format!("median {printed} of {} trials, {least} to {most}", figures.len());
    }
    if outcome == Outcome::Unknown {
        let needed = needed(&numbers, limit);
        printed = format!("{printed}; {}", need::times(needed, figures.len()));
    }
    Finding::new(outcome, Some(estimate.value), printed)
}

const fn decided(holds: bool) -> Outcome {
    if holds { Outcome::Met } else { Outcome::Missed }
}

/// Trials that all lie on one side of the limit decide; so do those whose mean surely does.
pub(super) fn by_trials(numbers: &[f64], operator: Operator, limit: f64) -> Outcome {
    let held = numbers.iter().filter(|number| operator.holds(**number, limit)).count();
    match held {
        0 => return Outcome::Missed,
        all if all == numbers.len() => return Outcome::Met,
        _ => {}
    }
    match figure_bounds(numbers, CONFIDENCE) {
        Some(bounds) if bounds.high < limit => decided(operator.bounds_above()),
        Some(bounds) if bounds.low > limit => decided(!operator.bounds_above()),
        _ => Outcome::Unknown,
    }
}

/// By how many times as many trials the mean would surely lie on its side of the limit.
fn needed(numbers: &[f64], limit: f64) -> f64 {
    figure_bounds(numbers, CONFIDENCE).map_or(f64::INFINITY, |bounds| {
        ((bounds.high - bounds.mean) / (bounds.mean - limit)).powi(2)
    })
}

/// Judges an account: what happened is counted, and not estimated.
fn counted(value: f64, operator: Operator, limit: f64, printed: String) -> Finding {
    let outcome = decided(operator.holds(value, limit));
    Finding::new(outcome, Some(Figure::Value(value)), printed)
}

/// Judges a count per attempt, over all trials that were finished.
pub(super) fn rate(
    spec: &'static Spec,
    case: &CaseSummary,
    run: &Run,
    operator: Operator,
    limit: f64,
) -> Finding {
    let Some(part) = case.counts.get(spec.column.name).copied() else {
        return Finding::not_measured();
    };
    let Some((whole, noun)) = attempts(spec, case, run).filter(|(whole, _)| *whole > 0) else {
        let printed = "nothing was attempted".to_owned();
        return Finding::new(Outcome::Unknown, None, printed);
    };
    let share = part as f64 / whole as f64;
    let printed = format!(
        "{} of {} {noun}, {}",
        text::thousands(part),
        text::thousands(whole),
        text::percent(share)
    );
    counted(share, operator, limit, printed)
}

fn attempts(spec: &Spec, case: &CaseSummary, run: &Run) -> Option<(u64, &'static str)> {
    let count = |column: &str| case.counts.get(column).copied();
    match attempts_of(spec)? {
        Attempts::Operations => {
            let finished = |trial: u32| {
                run.trials.iter().any(|record| {
                    let own = record.identity.case == case.case && record.identity.trial == trial;
                    own && record.ledger.is_some()
                })
            };
            // Errors are those of the whole trial, and so must be what went well.
            let rows = run.timeline.iter().filter(|row| row.case == case.case);
            let well: u64 = rows.filter(|row| finished(row.trial)).map(|row| row.deliveries).sum();
            let well = well.max(case.ledger.delivered);
            Some((well + count("errors")?, "operations"))
        }
        Attempts::Deliveries => Some((count("expected")?, "deliveries")),
        Attempts::Requests => Some((count("scheduled")?, "requests")),
        Attempts::Webhook => Some((count("attempts")?, "attempts")),
    }
}

/// Judges the ratio to the noise floor.
pub(super) fn floor_ratio(
    quantile: &str,
    case: &CaseSummary,
    operator: Operator,
    limit: f64,
) -> Finding {
    let Some(ratio) = case.floor.at(quantile) else {
        return Finding::unknown(NO_FLOOR);
    };
    let printed = format!("{}x the noise floor", crate::unit::significant(ratio));
    counted(ratio, operator, limit, printed)
}

/// Why a time has no end in some usable trial: what it waits for did not happen.
fn never_ended(column: &str, case: &CaseSummary, run: &Run) -> Option<&'static str> {
    let planned = run.info.scenario.cases.iter().find(|planned| planned.id == case.case)?;
    let measured = case.by_block.get(column).map_or(0, std::collections::BTreeMap::len);
    match column {
        "recovery_ns" => (planned.conditions.restart.is_some() && measured < case.trials.usable())
            .then_some("not all clients came back"),
        "catch_up_ns_max" => (goes_down(planned) && case.ledger.lost > 0)
            .then_some("deliveries were lost: not every receiver caught up"),
        _ => None,
    }
}

const fn goes_down(case: &Case) -> bool {
    matches!(&case.pattern, Pattern::Webhook(options) if options.receiver.down_for.ns() > 0)
}
