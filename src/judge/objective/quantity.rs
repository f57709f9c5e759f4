//! What an objective is about: a quantity by its name.

use crate::measure::Metric;
use crate::record::{Kind, Of, SPECS, Source, Spec, Summary, Unit};
use crate::scenario::PatternKind;
use crate::unit::{ByteSize, Count, Rate, Share, Span};

use super::super::metrics::{metric, near};
use super::parse::{Operator, split_at_operator};

/// Something that can be compared with a limit.
#[derive(Debug, Clone)]
pub(super) enum Quantity {
    /// A quantile of samples, above 0 and below 1.
    Quantile(Metric, f64),
    /// The largest sample.
    Largest(Metric),
    /// The mean of samples.
    Mean(Metric),
    /// The share of samples that lie so to a bound, in nanoseconds.
    Share(Metric, Operator, f64),
    /// A column of `trials.csv`.
    Column(&'static Spec),
    /// A count per attempt at what it counts.
    Rate(&'static Spec),
    /// The headline metric's quantile ÷ that of the noise floor: `"p50"` or `"p99"`.
    FloorRatio(&'static str),
}

/// What a limit is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    /// A time, in nanoseconds.
    Time,
    /// A share of a whole, or a ratio.
    Share,
    /// As the column.
    Column(Kind, Unit),
}

impl Quantity {
    /// Reads the name of a quantity, as `freshness_p99.95` or `share(freshness > 1s)`.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some(inner) = name.strip_prefix("share(").and_then(|rest| rest.strip_suffix(')')) {
            return share(inner);
        }
        // A column whose value is computed by a rule of its own keeps it.
        if let Some(spec) = metric(name) {
            let of_samples = spec.quantile.filter(|_| !is_special(spec));
            let of = |(metric, q): (Metric, crate::record::Q)| match q {
                crate::record::Q::Max => Self::Largest(metric),
                q => Self::Quantile(metric, q.share()),
            };
            return Ok(of_samples.map_or(Self::Column(spec), of));
        }
        if let Some(quantity) = of_samples(name)? {
            return Ok(quantity);
        }
        if let Some(spec) = name.strip_suffix("_rate").and_then(metric) {
            return rate(name, spec);
        }
        match name {
            "floor_ratio_p50" => Ok(Self::FloorRatio("p50")),
            "floor_ratio_p99" => Ok(Self::FloorRatio("p99")),
            _ => Err(format!("there is no metric '{name}'{}", hint(name))),
        }
    }

    /// Whether a pattern can have it.
    pub(super) fn is_of(&self, pattern: PatternKind) -> bool {
        self.patterns().0.has(pattern)
    }

    /// Whether it is a gap where a usable trial of the pattern lacks it.
    pub(super) fn is_expected_of(&self, pattern: PatternKind) -> bool {
        self.patterns().1.has(pattern)
    }

    fn patterns(&self) -> (Of, Of) {
        match self {
            Self::Column(spec) | Self::Rate(spec) => (spec.of, spec.expected_of),
            Self::FloorRatio(_) => (Of::Every, Of::Every),
            Self::Quantile(metric, _)
            | Self::Largest(metric)
            | Self::Mean(metric)
            | Self::Share(metric, ..) => {
                let of = |spec: &&Spec| spec.quantile.is_some_and(|(own, _)| own == *metric);
                SPECS
                    .iter()
                    .find(of)
                    .map_or((Of::Every, Of::Nothing), |spec| (spec.of, spec.expected_of))
            }
        }
    }

    pub(super) const fn dimension(&self) -> Dimension {
        match self {
            Self::Quantile(..) | Self::Largest(_) | Self::Mean(_) => Dimension::Time,
            Self::Share(..) | Self::Rate(_) | Self::FloorRatio(_) => Dimension::Share,
            Self::Column(Spec { column, .. }) => match column.unit {
                Unit::Nanoseconds => Dimension::Time,
                Unit::Share => Dimension::Share,
                unit => Dimension::Column(column.kind, unit),
            },
        }
    }

    /// Whether it is an account of what happened, which is counted and not estimated.
    pub(super) fn is_account(&self) -> bool {
        match self {
            Self::Rate(_) => true,
            Self::Column(spec) => matches!(spec.summary, Summary::Sum | Summary::Worst),
            _ => false,
        }
    }
}

const fn is_special(spec: &Spec) -> bool {
    // Of what clients send, what was never acknowledged lies above all: as of what is delivered.
    matches!(spec.source, Source::Figure(_)) && !matches!(spec.quantile, Some((Metric::Send, _)))
}

fn share(inner: &str) -> Result<Quantity, String> {
    let wanted = || {
        format!(
            "share({inner}) is not of the form share(metric > time), such as share(freshness > 1s)"
        )
    };
    let (name, operator, bound) = split_at_operator(inner).ok_or_else(wanted)?;
    let name = name.strip_suffix("_ns").unwrap_or(name);
    let metric = Metric::from_name(name).ok_or_else(|| {
        let near = near_names(name, Metric::ALL.iter().map(|metric| metric.name()));
        format!("share({inner}): there are no samples of '{name}'{near}")
    })?;
    if operator == Operator::Equal {
        return Err(wanted());
    }
    let bound: Span = bound.parse().map_err(|error| format!("share({inner}): {error}"))?;
    Ok(Quantity::Share(metric, operator, bound.ns() as f64))
}

/// A quantile, the mean or the largest of samples, by a name that no column has.
fn of_samples(name: &str) -> Result<Option<Quantity>, String> {
    let mut metrics: Vec<Metric> = Metric::ALL.to_vec();
    // `send_slip` before `send`.
    metrics.sort_by_key(|metric| std::cmp::Reverse(metric.name().len()));
    let found = metrics.into_iter().find_map(|metric| {
        let rest = name.strip_prefix(metric.name())?.strip_prefix('_')?;
        Some((metric, rest.strip_prefix("ns_").unwrap_or(rest)))
    });
    let Some((metric, rest)) = found else { return Ok(None) };
    match rest {
        "max" => Ok(Some(Quantity::Largest(metric))),
        "mean" => Ok(Some(Quantity::Mean(metric))),
        rest => match rest.strip_prefix('p').filter(|p| p.starts_with(|c: char| c.is_ascii_digit()))
        {
            Some(digits) => percentile(digits)
                .map(|q| Some(Quantity::Quantile(metric, q)))
                .ok_or_else(|| {
                    format!(
                        "'{name}' is not a percentile: write {0}_p50 or {0}_p99.95, above 0 and below 100, or {0}_max",
                        metric.name()
                    )
                }),
            None => Ok(None),
        },
    }
}

/// `99` and `99.95` as they are read; `999` and `9995`, as columns have them, are 99.9 and 99.95.
fn percentile(digits: &str) -> Option<f64> {
    let dotted = match digits.split_at_checked(2) {
        Some((whole, rest)) if !rest.is_empty() && !digits.contains('.') => {
            if whole == "10" && rest.chars().all(|c| c == '0') {
                return None;
            }
            format!("{whole}.{rest}")
        }
        _ => digits.to_owned(),
    };
    // Exactly: 99.9 divided as a double is more than 0.999.
    let share = format!("{dotted}%").parse::<Share>().ok()?.get();
    (share > 0.0 && share < 1.0).then_some(share)
}

fn rate(name: &str, spec: &'static Spec) -> Result<Quantity, String> {
    if attempts_of(spec).is_none() {
        return Err(format!("'{name}': {} is not counted per attempt", spec.column.name));
    }
    Ok(Quantity::Rate(spec))
}

/// What a count is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempts {
    /// Failures and successes of the whole trial.
    Operations,
    /// The deliveries that were expected.
    Deliveries,
    /// The requests that were scheduled.
    Requests,
    /// The attempts of webhooks.
    Webhook,
}

/// What a count is a part of; `None` where it is a part of nothing.
pub(super) fn attempts_of(spec: &Spec) -> Option<Attempts> {
    if spec.summary != Summary::Sum {
        return None;
    }
    match spec.column.unit {
        Unit::Of("errors") => Some(Attempts::Operations),
        Unit::Of("deliveries") => Some(Attempts::Deliveries),
        Unit::Of("requests") => Some(Attempts::Requests),
        Unit::Of("attempts") if spec.of == Of::CalledBack => Some(Attempts::Webhook),
        _ => None,
    }
}

/// What was perhaps meant by a name that is none.
fn hint(name: &str) -> String {
    if name == "mean" || name == "max" || percentile(name.trim_start_matches('p')).is_some() {
        return format!("; did you mean freshness_{name} or response_{name}?");
    }
    if let Some((selector, rest)) = name.split_once(['.', '/'])
        && Quantity::parse(rest).is_ok()
    {
        return format!("; did you mean {selector}: {rest}?");
    }
    near(name)
}

/// `; did you mean a, b?`, or nothing.
pub(super) fn near_names<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let wanted = name.to_lowercase();
    let mut near: Vec<(f64, &str)> = known
        .map(|known| {
            let abbreviates = known.chars().next() == wanted.chars().next()
                && !known.contains(':')
                && is_abbreviation(&wanted, known);
            let likeness = strsim::jaro_winkler(&known.to_lowercase(), &wanted);
            (if abbreviates { likeness.max(0.8) } else { likeness }, known)
        })
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.dedup();
    let names: Vec<&str> = near.into_iter().map(|(_, name)| name).take(3).collect();
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(", ")) }
}

/// Whether the letters of `short` are among those of `long`, in order: `ws` of `websocket`.
fn is_abbreviation(short: &str, long: &str) -> bool {
    let mut letters = long.chars();
    short.len() >= 2 && short.chars().all(|c| letters.any(|other| other == c))
}

impl Dimension {
    /// A limit, or what would be right.
    pub(super) fn value(self, text: &str) -> Result<f64, String> {
        let number = || text.parse::<f64>().ok().filter(|n| n.is_finite());
        let own = match self {
            Self::Time => {
                return text
                    .parse::<Span>()
                    .map(|span| span.ns() as f64)
                    .map_err(|e| e.to_string());
            }
            Self::Column(Kind::Whole, _) => {
                return text.parse::<Count>().map(|n| n.get() as f64).map_err(|e| e.to_string());
            }
            Self::Column(_, Unit::Bytes) if number().is_none() => {
                return text
                    .parse::<ByteSize>()
                    .map(|size| size.bytes() as f64)
                    .map_err(|e| e.to_string());
            }
            Self::Column(_, Unit::BytesPerSecond) if number().is_none() => {
                let size = text.strip_suffix("/s").unwrap_or(text).parse::<ByteSize>();
                return size.map(|size| size.bytes() as f64).map_err(|e| e.to_string());
            }
            Self::Column(_, Unit::PerSecond) if number().is_none() => {
                return text.parse::<Rate>().map(Rate::per_s).map_err(|e| e.to_string());
            }
            // Exactly: 99.9 % divided as a double is more than 0.999.
            Self::Share | Self::Column(..) => match text.strip_suffix('%') {
                Some(_) => text.parse::<Share>().ok().map(Share::get),
                None => number(),
            },
        };
        own.filter(|n| n.is_finite())
            .ok_or_else(|| format!("'{text}' is not a number, such as 0.99 or 99%"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_percentile_can_be_named() {
        for (name, metric, q) in [
            ("freshness_p95", Metric::Freshness, 0.95),
            ("freshness_p99.95", Metric::Freshness, 0.9995),
            ("freshness_ns_p99", Metric::Freshness, 0.99),
            ("freshness_p999", Metric::Freshness, 0.999),
            ("response_p9999", Metric::Response, 0.9999),
            ("send_slip_p99", Metric::SendSlip, 0.99),
            ("send_p99", Metric::Send, 0.99),
            ("recovery_p5", Metric::Recovery, 0.05),
            ("freshness_healthy_p75", Metric::FreshnessHealthy, 0.75),
        ] {
            match Quantity::parse(name) {
                Ok(Quantity::Quantile(own, share)) => {
                    assert_eq!((own, share), (metric, q), "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_percentile_is_refused_with_what_would_be() {
        for (name, words) in [
            ("freshness_p100", "freshness_max"),
            ("freshness_p0", "below 100"),
            ("freshness_p99.9.9", "not a percentile"),
            ("p99", "did you mean freshness_p99 or response_p99"),
            ("sse.freshness_p99", "did you mean sse: freshness_p99"),
            ("share(freshness)", "share(freshness > 1s)"),
            ("share(freshnes > 1s)", "did you mean freshness"),
            ("share(freshness > 1)", "is not"),
            ("share(freshness == 1s)", "not of the form"),
            ("clients_rate", "no metric"),
            ("published_rate", "not counted per attempt"),
        ] {
            let refusal = Quantity::parse(name).unwrap_err();
            assert!(refusal.contains(words), "{name}: {refusal}");
        }
    }

    #[test]
    fn columns_with_a_rule_of_their_own_keep_it() {
        for name in ["catch_up_max", "recovery", "reach", "errors", "target_cpu_per_delivery"] {
            assert!(matches!(Quantity::parse(name), Ok(Quantity::Column(_))), "{name}");
        }
        assert!(matches!(Quantity::parse("freshness_max"), Ok(Quantity::Largest(_))));
        for name in ["errors_rate", "lost_rate", "error_timeout_rate", "retries_rate"] {
            assert!(matches!(Quantity::parse(name), Ok(Quantity::Rate(_))), "{name}");
        }
    }

    #[test]
    fn abbreviations_and_other_letters_are_understood_as_hints() {
        let kinds = || PatternKind::ALL.into_iter().map(PatternKind::name);
        for (name, meant) in
            [("ws", "websocket"), ("SSE", "sse"), ("WebSocket", "websocket"), ("webhok", "webhook")]
        {
            assert!(
                near_names(name, kinds()).contains(meant),
                "{name}: {}",
                near_names(name, kinds())
            );
        }
        assert_eq!(near_names("carrier-pigeon", kinds()), "");
    }
}
