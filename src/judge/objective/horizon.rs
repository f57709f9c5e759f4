//! How long a run must be for its objectives to be decided: asked of a plan, before anything is measured.

use crate::measure::Metric;
use crate::plan::Plan;
use crate::scenario::{Case, LoopKind, Pattern, ShortIds};
use crate::stats::{CONFIDENCE, binomial_bounds};
use crate::unit::Span;

use super::parse::Operator;
use super::quantity::Quantity;
use super::text::thousands;
use super::{FLOOR, Limit, Objective};

/// How far from its limit a value is that a run should decide.
const AWAY: f64 = 0.2;
/// The standard normal deviate that four runs of five stay below.
const FOUR_OF_FIVE: f64 = 0.841_621;
/// More independent samples than that are not searched for.
const MOST: f64 = 1e12;

/// What an objective needs at one case.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Need {
    /// So many independent samples.
    Samples(f64),
    /// Nothing: it is counted, whatever the length.
    Counted,
    /// Figures of trials, which decide where they agree.
    Trials,
    /// No length decides it, or none can be told before it is measured.
    Unforeseen,
}

/// How quickly a case gives independent samples.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Supply {
    /// Per second of measuring: where all samples are independent, and where those of one event or poll are alike.
    PerSecond(f64, f64),
    /// Per trial.
    PerTrial(f64),
    /// As quickly as the target answers.
    Unforeseen,
}

/// Independent samples from which four runs of five decide that a quantity 20 % off its limit is.
fn need(objective: &Objective) -> Need {
    let quantity = &objective.quantity;
    if quantity.is_account() || matches!(quantity, Quantity::Largest(_)) {
        return Need::Counted;
    }
    let of_floor = matches!(&objective.limit, Limit::Of { selector: Some(s), .. } if s == FLOOR);
    match (quantity, &objective.limit) {
        (Quantity::Quantile(_, q), limit) if of_floor || matches!(limit, Limit::Value(_)) => {
            // Of a distribution whose tail is exponential: P(X > x) = (1−q)^(x ÷ quantile).
            let left = 1.0 - q;
            let shares = [left.powf(1.0 / (1.0 - AWAY)), left.powf(1.0 / (1.0 + AWAY))];
            samples(left, shares, 1.0 - CONFIDENCE)
        }
        // Both sides are known no better than needed, so that each takes the gap's half.
        (Quantity::Quantile(_, q), Limit::Of { .. }) => {
            let left = 1.0 - q;
            let half = AWAY / 2.0;
            let shares = [left.powf(1.0 / (1.0 - half)), left.powf(1.0 / (1.0 + half))];
            samples(left, shares, (1.0 - CONFIDENCE) / 2.0)
        }
        (Quantity::Share(_, which, _), Limit::Value(limit)) => {
            let below = matches!(which, Operator::Less | Operator::LessOrEqual);
            let limit = if below { 1.0 - limit } else { *limit };
            if !(0.0..1.0).contains(&limit) || limit <= 0.0 || objective.operator == Operator::Equal
            {
                return Need::Counted;
            }
            samples(
                limit,
                [limit * (1.0 - AWAY), (limit * (1.0 + AWAY)).min(1.0)],
                1.0 - CONFIDENCE,
            )
        }
        // A mean of exponential times has a standard deviation like itself.
        (Quantity::Mean(_), Limit::Value(_)) => {
            Need::Samples(((1.645 + FOUR_OF_FIVE) / AWAY).powi(2))
        }
        (Quantity::Column(_), _) => Need::Trials,
        (Quantity::FloorRatio(_), Limit::Value(_)) => Need::Counted,
        _ => Need::Unforeseen,
    }
}

/// The fewest independent samples from which four runs of five tell either share from `limit`.
fn samples(limit: f64, shares: [f64; 2], level: f64) -> Need {
    let enough = |n: f64| {
        shares.into_iter().all(|share| {
            let spread = FOUR_OF_FIVE * (n * share * (1.0 - share)).sqrt();
            let beyond = if share < limit { n * share + spread } else { n * share - spread };
            let (low, high) = binomial_bounds(beyond.clamp(0.0, n), n, 1.0 - level);
            if share < limit { high < limit } else { low > limit }
        })
    };
    let sizes = std::iter::successors(Some(1.0), |n: &f64| Some((n * 1.05).max(n + 1.0)));
    let found = sizes.take_while(|n| *n < MOST).find(|n| enough(*n));
    found.map_or(Need::Unforeseen, Need::Samples)
}

/// How quickly `case` gives samples of `metric`.
fn supply(metric: Metric, case: &Case) -> Supply {
    let workload = &case.workload;
    let events = workload.rate.per_s() * workload.topics.min(workload.clients) as f64;
    let deliveries = workload.rate.per_s() * workload.clients as f64;
    match metric {
        Metric::Connect | Metric::TlsHandshake | Metric::Reconnect | Metric::Recovery => {
            Supply::PerTrial(workload.clients as f64)
        }
        Metric::Hiccup | Metric::TargetHiccup => Supply::PerSecond(100.0, 100.0),
        _ => match &case.pattern {
            Pattern::Request(options) if options.loop_kind == LoopKind::Open => {
                Supply::PerSecond(options.rate.per_s(), options.rate.per_s())
            }
            Pattern::Request(_) => Supply::Unforeseen,
            Pattern::ShortPoll(options) => {
                let polls = workload.clients as f64 / options.interval.secs();
                Supply::PerSecond(deliveries.min(polls), events.min(polls))
            }
            _ => Supply::PerSecond(deliveries, events),
        },
    }
}

/// What an objective needs of `plan`, a sentence each: how much measuring decides a value 20 % off its limit, and a warning
/// where the planned run cannot.
pub fn horizon(text: &str, plan: &Plan) -> Vec<String> {
    let Ok(objective) = Objective::parse(text) else { return Vec::new() };
    let cases = || plan.scenario.cases.iter();
    let own = cases().filter(|case| objective.applies_to(&case.id, case.pattern.kind()));
    match need(&objective) {
        Need::Counted => vec!["counted: any length decides".to_owned()],
        Need::Trials => match plan.scenario.trials {
            1 => vec!["decided by 1 trial as measured; several also show its spread".to_owned()],
            n => vec![format!("decided where all {n} trials agree, or their mean clearly does")],
        },
        Need::Unforeseen => Vec::new(),
        Need::Samples(n) => {
            let Some(metric) = metric(&objective.quantity) else { return Vec::new() };
            let short = ShortIds::of(cases().map(|case| case.id.as_str()));
            let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
            for case in own {
                let line = line(n, supply(metric, case), plan);
                match lines.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, ids)) => ids.push(short.short(&case.id)),
                    None => lines.push((line, vec![short.short(&case.id)])),
                }
            }
            match lines.as_slice() {
                [(line, _)] => vec![line.clone()],
                lines => lines.iter().map(|(line, ids)| format!("{}: {line}", few(ids))).collect(),
            }
        }
    }
}

const fn metric(quantity: &Quantity) -> Option<Metric> {
    match quantity {
        Quantity::Quantile(metric, _) | Quantity::Mean(metric) | Quantity::Share(metric, ..) => {
            Some(*metric)
        }
        _ => None,
    }
}

/// At most three names.
fn few(ids: &[&str]) -> String {
    let more = match ids.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", ids[..ids.len().min(3)].join(", "))
}

fn line(n: f64, supply: Supply, plan: &Plan) -> String {
    let wanted = format!("a value 20 % off the limit takes about {} samples", about(n));
    let (trials, measure) = (plan.scenario.trials, plan.scenario.phases.measure);
    let (least, most) = match supply {
        Supply::Unforeseen => {
            return format!("{wanted} (closed loop: as fast as the target answers)");
        }
        Supply::PerTrial(each) => {
            let needed = (n / each).ceil();
            let warning = if needed > f64::from(trials) {
                "; WARNING: not enough, only a clearer difference is decided"
            } else {
                ""
            };
            return format!("{wanted}: --trials {needed}; planned {trials}{warning}");
        }
        Supply::PerSecond(alone, alike) => (n / alone, n / alike),
    };
    let planned = measure.secs() * f64::from(trials);
    let span = if most > 1.5 * least {
        let (least, most) = (time(least), time(most));
        format!("{least} of measuring, or {most} if deliveries of one event are alike")
    } else {
        format!("{} of measuring", time(most))
    };
    let warning = if planned < least {
        let times = least / planned;
        let trials = (f64::from(trials) * times).ceil();
        let longer = Span::from_secs((measure.secs() * times).ceil().min(1e9) as u64);
        format!(
            "; WARNING: too short, only a clearer difference is decided (--trials {trials}, or measure = \"{longer}\")"
        )
    } else if planned < most {
        "; WARNING: perhaps too short".to_owned()
    } else {
        String::new()
    };
    format!("{wanted}: {span}; planned {}{warning}", time(planned))
}

/// Two digits, upwards.
fn about(n: f64) -> String {
    let unit = 10_f64.powf((n.max(1.0).log10().floor() - 1.0).max(0.0));
    thousands(((n / unit - 1e-9).ceil() * unit) as u64)
}

/// Tenths of a second below ten of them, minutes from two on, hours from two on.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{} s", (s * 10.0).ceil() / 10.0),
        s if s < 120.0 => format!("{} s", s.ceil()),
        s if s < 7_200.0 => format!("{} min", (s / 60.0).ceil()),
        s => format!("{} h", thousands((s / 3_600.0).ceil() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(text: &str) -> Need {
        need(&Objective::parse(text).unwrap())
    }

    #[test]
    fn rarer_things_take_more_samples() {
        let samples = |text: &str| match needed(text) {
            Need::Samples(n) => n,
            other => panic!("{text}: {other:?}"),
        };
        let [p50, p99, p999] =
            ["freshness_p50 < 1s", "freshness_p99 < 1s", "freshness_p99.9 < 1s"].map(samples);
        assert!((50.0..500.0).contains(&p50), "{p50}");
        assert!((800.0..1_500.0).contains(&p99), "{p99}");
        assert!((4_000.0..12_000.0).contains(&p999), "{p999}");
        assert!(samples("share(freshness > 1s) < 1%") > 5.0 * p99, "20 % of a share is little");
        assert!(samples("share(freshness <= 1s) > 99%") > 5.0 * p99);
        assert!(samples("sse: freshness_p99 < 2 * websocket: freshness_p99") > 2.0 * p99);
        assert!((100.0..200.0).contains(&samples("freshness_mean < 1s")));
        for text in
            ["reach >= 1", "errors_rate < 1%", "freshness_max < 1s", "share(freshness > 1s) == 0"]
        {
            assert_eq!(needed(text), Need::Counted, "{text}");
        }
        assert_eq!(needed("target_cpu_per_delivery < 9us"), Need::Trials);
    }

    #[test]
    fn what_is_needed_is_decided_four_times_of_five() {
        use crate::stats::noise::Noise;
        let Need::Samples(n) = needed("freshness_p90 < 1s") else { panic!() };
        let right = |ratio: f64, below: bool| {
            let decided = (0..400).filter(|seed| {
                let mut noise = Noise::new(*seed);
                // Exponential times whose p90 is `ratio` times the limit.
                let scale = ratio / -(0.1_f64).ln();
                let beyond = (0..n as u64).filter(|_| -scale * noise.unit().ln() > 1.0).count();
                let (low, high) = binomial_bounds(beyond as f64, n, CONFIDENCE);
                if below { high < 0.1 } else { low > 0.1 }
            });
            decided.count()
        };
        assert!(right(0.8, true) > 290 && right(1.2, false) > 290);
    }
}
