//! Objectives on samples: quantiles, shares, means and largest values.

use crate::record::Figure;
use crate::stats::{CONFIDENCE, ShareBounds, mean_bounds};
use crate::unit::{Span, nanoseconds};

use super::evidence::{Beyond, Evidence};
use super::need;
use super::parse::Operator;
use super::text;
use super::{Finding, Outcome};

/// How long the trials were: what more of them, or longer ones, are made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    /// Trials that tell.
    pub trials: usize,
    /// The measure window of each.
    pub measure: Span,
}

/// Judges a bound on the `q`-quantile by the share of samples beyond the bound.
pub(super) fn quantile(
    evidence: &Evidence,
    q: f64,
    operator: Operator,
    value_ns: f64,
    length: Length,
) -> Finding {
    let limit = 1.0 - q;
    let beyond = match operator {
        Operator::Less | Operator::GreaterOrEqual | Operator::Equal => Beyond::AtLeast(value_ns),
        Operator::LessOrEqual | Operator::Greater => Beyond::MoreThan(value_ns),
    };
    let measured = evidence.quantile(q);
    let Some(share) = evidence.judged(beyond, limit, CONFIDENCE) else {
        return Finding::not_measured();
    };
    let outcome = if operator == Operator::Equal {
        // No share shows that a quantile equals a value; a share on either side shows that it does not.
        let above = evidence.share(Beyond::MoreThan(value_ns), CONFIDENCE);
        let differs = share.high < limit || above.is_some_and(|above| above.low > limit);
        if differs { Outcome::Missed } else { Outcome::Unknown }
    } else {
        side(&share, limit, operator.bounds_above())
    };
    let mut printed = told(evidence, &share, beyond, limit);
    if let Some(figure) = measured {
        let name = percentile(q);
        printed = format!("{printed}; {name} {}", figure.print(nanoseconds));
    }
    if outcome == Outcome::Unknown {
        printed = format!("{printed}; {}", need::more(evidence, &share, limit, length));
    }
    let used = Some(used(&share, limit, operator.bounds_above()));
    Finding { used, ..Finding::new(outcome, measured, printed) }
}

/// How far a limit is used up by the bound that would miss it.
fn used(share: &ShareBounds, limit: f64, above: bool) -> f64 {
    if above { share.high / limit } else { limit / share.low }
}

/// `"p99.95"`.
fn percentile(q: f64) -> String {
    let digits = format!("{:.6}", q * 100.0);
    format!("p{}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Judges a bound on the share of samples that lie so to a value.
pub(super) fn share(
    evidence: &Evidence,
    (which, value_ns): (Operator, f64),
    operator: Operator,
    limit: f64,
    length: Length,
) -> Finding {
    let (beyond, below) = meant(which, value_ns);
    let rest = if below { 1.0 - limit } else { limit };
    let Some(share) = evidence.judged(beyond, rest, CONFIDENCE) else {
        return Finding::not_measured();
    };
    let bounds_above = operator.bounds_above() != below;
    let own = if below { 1.0 - share.share } else { share.share };
    let measured = Some(Figure::Value(own));
    // No sample proves that there is never one: a limit of none or all is counted.
    if operator == Operator::Equal || rest <= 0.0 || rest >= 1.0 {
        let outcome = if operator.holds(own, limit) { Outcome::Met } else { Outcome::Missed };
        let printed = format!("{}, as counted", tally(evidence, &share, beyond));
        return Finding::new(outcome, measured, printed);
    }
    let outcome = side(&share, rest, bounds_above);
    let mut printed = told(evidence, &share, beyond, rest);
    if outcome == Outcome::Unknown {
        printed = format!("{printed}; {}", need::more(evidence, &share, rest, length));
    }
    let used = Some(used(&share, rest, bounds_above));
    Finding { used, ..Finding::new(outcome, measured, printed) }
}

/// The samples beyond a value, and whether those below it are meant: the rest lies at or above it, and what was lost
/// does.
const fn meant(which: Operator, value_ns: f64) -> (Beyond, bool) {
    match which {
        Operator::Less => (Beyond::AtLeast(value_ns), true),
        Operator::LessOrEqual => (Beyond::MoreThan(value_ns), true),
        Operator::GreaterOrEqual | Operator::Equal => (Beyond::AtLeast(value_ns), false),
        Operator::Greater => (Beyond::MoreThan(value_ns), false),
    }
}

/// The bounds on the share beyond a value, and whether the share below it is meant.
pub(super) fn bounds(
    evidence: &Evidence,
    (which, value_ns): (Operator, f64),
    confidence: f64,
) -> Option<(ShareBounds, bool)> {
    let (beyond, below) = meant(which, value_ns);
    evidence.share(beyond, confidence).map(|share| (share, below))
}

/// Judges the largest sample, as counted: the next one may always be larger.
pub(super) fn largest(evidence: &Evidence, operator: Operator, value_ns: f64) -> Finding {
    let (lost, largest) = (evidence.lost(), evidence.largest());
    let figure = match largest {
        Some(ns) if lost == 0 => Figure::Value(ns as f64),
        ns => Figure::MoreThan(ns.unwrap_or_default() as f64),
    };
    let number = if lost == 0 { figure.number() } else { f64::INFINITY };
    let outcome = if operator.holds(number, value_ns) { Outcome::Met } else { Outcome::Missed };
    let all = format!("of {} {}", text::thousands(evidence.count()), evidence.noun());
    let printed = match lost {
        0 => format!("{} at most, {all}", nanoseconds(figure.number())),
        lost => format!("{} {all} never arrived", text::thousands(lost)),
    };
    Finding::new(outcome, Some(figure), printed)
}

/// Judges the mean of what arrived; with losses it is only known from below.
pub(super) fn mean(evidence: &Evidence, operator: Operator, value_ns: f64) -> Finding {
    let means = evidence.means();
    let Some(bounds) = mean_bounds(&means, CONFIDENCE) else { return Finding::not_measured() };
    let lost = evidence.lost();
    let high = if lost > 0 { f64::INFINITY } else { bounds.high };
    let above = match operator {
        Operator::Less | Operator::LessOrEqual => true,
        Operator::Greater | Operator::GreaterOrEqual => false,
        Operator::Equal => {
            let differs = bounds.low > value_ns || high < value_ns;
            let outcome = if differs { Outcome::Missed } else { Outcome::Unknown };
            let printed = format!("mean {}", nanoseconds(bounds.mean));
            return Finding::new(outcome, Some(Figure::Value(bounds.mean)), printed);
        }
    };
    let outcome = match (high < value_ns, bounds.low > value_ns) {
        (true, _) if above => Outcome::Met,
        (true, _) => Outcome::Missed,
        (_, true) if above => Outcome::Missed,
        (_, true) => Outcome::Met,
        _ => Outcome::Unknown,
    };
    let (low_text, high_text) = (nanoseconds(bounds.low), nanoseconds(bounds.high));
    let known = if lost > 0 {
        format!(
            ">= {low_text}; no upper bound: {} {} never arrived",
            text::thousands(lost),
            evidence.noun()
        )
    } else if high < value_ns {
        format!("<= {high_text}")
    } else if bounds.low > value_ns {
        format!(">= {low_text}")
    } else {
        format!("{low_text} to {high_text}")
    };
    let mut printed =
        format!("mean {}; {known} with {}", nanoseconds(bounds.mean), text::confidence());
    if outcome == Outcome::Unknown && lost == 0 {
        let factor = ((bounds.high - bounds.low) / 2.0 / (bounds.mean - value_ns)).powi(2) * 1.2;
        printed = format!("{printed}; {}", need::times(factor, evidence.trials()));
    }
    Finding::new(outcome, Some(Figure::Value(bounds.mean)), printed)
}

/// Which side of the limit the share lies on: `above` where little is wanted.
fn side(share: &ShareBounds, limit: f64, above: bool) -> Outcome {
    match (share.high < limit, share.low > limit) {
        (true, _) if above => Outcome::Met,
        (true, _) => Outcome::Missed,
        (_, true) if above => Outcome::Missed,
        (_, true) => Outcome::Met,
        _ => Outcome::Unknown,
    }
}

fn tally(evidence: &Evidence, share: &ShareBounds, beyond: Beyond) -> String {
    let own: u64 = evidence.shares(beyond).iter().map(|trial| trial.beyond).sum();
    text::counted(own, evidence.count(), evidence.noun(), share.effective)
}

fn told(evidence: &Evidence, share: &ShareBounds, beyond: Beyond, limit: f64) -> String {
    let lost = match evidence.lost() {
        0 => String::new(),
        lost => format!(" ({} never arrived)", text::thousands(lost)),
    };
    format!("{}{lost}; {}", tally(evidence, share, beyond), text::share(share, limit))
}
