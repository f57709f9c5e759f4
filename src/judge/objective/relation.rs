//! Objectives between two quantities: of patterns, of cases, or of one case.

use crate::record::{Figure, Run};
use crate::stats::CONFIDENCE;
use crate::unit::{nanoseconds, significant};

use super::super::CaseSummary;
use super::super::floor::floor_of;
use super::evidence::Evidence;
use super::figures::print;
use super::parse::Operator;
use super::quantity::Quantity;
use super::text;
use super::{Finding, Outcome, floor_quantile};

/// What is known of one side.
struct Side {
    measured: f64,
    low: f64,
    high: f64,
    printed: String,
}

/// Judges `left` of `case` against `factor` times `right` of `other`.
///
/// Each side has bounds of its own, at 97.5 % each, so that both hold together with 95 % (Bonferroni). Where they leave a
/// gap, the order is known. Figures of which a trial has one are compared trial by trial where both cases have them.
pub(super) fn relation(
    (left, case): (&Quantity, &CaseSummary),
    operator: Operator,
    (factor, right, other): (f64, &Quantity, &CaseSummary),
    run: &Run,
) -> Finding {
    let (Some(own), Some(against)) = (side(left, case, run), side(right, other, run)) else {
        return Finding::not_measured();
    };
    let (low, high) = (against.low * factor, against.high * factor);
    let above = operator.bounds_above();
    let outcome = match operator {
        Operator::Equal if own.low <= high && low <= own.high => {
            let exact = own.low.total_cmp(&own.high).is_eq() && low.total_cmp(&high).is_eq();
            if exact { Outcome::Met } else { Outcome::Unknown }
        }
        Operator::Equal => Outcome::Missed,
        _ if own.high < low => {
            if above {
                Outcome::Met
            } else {
                Outcome::Missed
            }
        }
        _ if own.low > high => {
            if above {
                Outcome::Missed
            } else {
                Outcome::Met
            }
        }
        // Two accounts, or figures of one trial each, are what they are.
        _ if own.low.total_cmp(&own.high).is_eq() && low.total_cmp(&high).is_eq() => {
            if operator.holds(own.low, low) { Outcome::Met } else { Outcome::Missed }
        }
        _ => Outcome::Unknown,
    };
    let name = &other.case;
    let ratio = own.measured / against.measured;
    let mut printed = format!(
        "{}; {name}: {}; ratio {}, limit {}",
        own.printed,
        against.printed,
        significant(ratio),
        significant(factor)
    );
    if outcome == Outcome::Unknown {
        printed = format!(
            "{printed}; undecided: the intervals overlap ({}); add trials, or lengthen measure",
            text::confidence()
        );
    }
    Finding::new(outcome, Some(Figure::Value(own.measured)), printed)
}

/// Half of what may go wrong is left to each side.
const EACH: f64 = 1.0 - (1.0 - CONFIDENCE) / 2.0;

fn side(quantity: &Quantity, case: &CaseSummary, run: &Run) -> Option<Side> {
    let evidence = |metric| Evidence::of(run, case, metric);
    match quantity {
        Quantity::Quantile(metric, q) => {
            let evidence = evidence(*metric)?;
            let measured = evidence.quantile(*q)?;
            let (low, high) = evidence.quantile_bounds(*q, EACH);
            let most = if high.is_finite() { nanoseconds(high) } else { "unbounded".to_owned() };
            let printed =
                format!("{} ({} to {most})", measured.print(nanoseconds), nanoseconds(low));
            Some(Side { measured: measured.number(), low, high, printed })
        }
        Quantity::Largest(metric) => {
            let evidence = evidence(*metric)?;
            let largest = evidence.largest()? as f64;
            let value = if evidence.lost() > 0 { f64::INFINITY } else { largest };
            Some(exactly(value, nanoseconds(largest)))
        }
        Quantity::Mean(metric) => {
            let evidence = evidence(*metric)?;
            let bounds = crate::stats::mean_bounds(&evidence.means(), EACH)?;
            let high = if evidence.lost() > 0 { f64::INFINITY } else { bounds.high };
            let printed = nanoseconds(bounds.mean);
            Some(Side { measured: bounds.mean, low: bounds.low, high, printed })
        }
        Quantity::Share(metric, which, value) => {
            let evidence = evidence(*metric)?;
            let (bounds, below) = super::samples::bounds(&evidence, (*which, *value), EACH)?;
            let turn = |share: f64| if below { 1.0 - share } else { share };
            let (low, high) = (turn(bounds.low), turn(bounds.high));
            let measured = turn(bounds.share);
            let printed = text::percent(measured);
            Some(Side { measured, low: low.min(high), high: low.max(high), printed })
        }
        Quantity::Column(spec) => {
            let column = spec.column.name;
            if quantity.is_account() {
                let count = case.counts.get(column).map(|count| *count as f64);
                let value = count.or(case.reach_worst)?;
                return Some(exactly(value, print(spec, value)));
            }
            let numbers: Vec<f64> = case
                .by_block
                .get(column)?
                .values()
                .map(|figure| match figure {
                    Figure::Value(number) => *number,
                    Figure::MoreThan(_) => f64::INFINITY,
                })
                .collect();
            let bounds = crate::stats::figure_bounds(&numbers, EACH)?;
            let measured = case.figure(column)?.value.number();
            let printed = print(spec, measured);
            Some(Side { measured, low: bounds.low, high: bounds.high, printed })
        }
        Quantity::Rate(spec) => {
            let rate = super::figures::rate(spec, case, run, Operator::Less, 0.0);
            rate.measured.map(|share| exactly(share.number(), rate.printed))
        }
        Quantity::FloorRatio(quantile) => {
            case.floor.at(quantile).map(|ratio| exactly(ratio, significant(ratio)))
        }
    }
}

/// The noise floor of a case, in nanoseconds: what was measured of it is taken for what it is.
pub(super) fn floor_ns(quantity: &Quantity, case: &CaseSummary, run: &Run) -> Option<f64> {
    let Quantity::Quantile(metric, q) = quantity else { return None };
    let floor = floor_of(run, case).filter(|floor| floor.metric == *metric)?;
    floor.at(floor_quantile(*q)?)
}

fn exactly(value: f64, printed: String) -> Side {
    Side { measured: value, low: value, high: value, printed }
}
