//! Which metrics decide a gate, and how much change of each is tolerated.

use crate::judge::{comparable_metric, metric_hint};
use crate::record::{Better, SPECS, Spec, column_of, spec};
use crate::scenario::PatternKind;
use crate::unit::Share;
use anyhow::{anyhow, bail};

use super::Worse;
use super::document::GatedMetric;

/// What is tolerated of a metric that decides by default.
const USUAL: f64 = 0.05;
/// The largest tolerance: ten times as much.
const MOST: f64 = 9.0;
/// What decides by default, beside the median of the headline metric.
const CPU: &str = "target_cpu_ns_per_delivery";
/// What informs, beside the 99th percentile of the headline metric.
const INFORM: [&str; 3] =
    ["target_sent_bytes_per_delivery", "wire_bytes_per_delivery", "target_memory_bytes_per_link"];

/// The metrics of a gate, those that decide first.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// All of them, each once.
    pub all: Vec<GatedMetric>,
    /// Whether the user named those that decide.
    pub named: bool,
}

/// The metrics by the scenario's `tolerances` and those of the command line, for cases of these patterns.
pub fn metrics(
    scenario: &[String],
    flags: &[String],
    patterns: &[PatternKind],
) -> anyhow::Result<Metrics> {
    let mut all: Vec<GatedMetric> = Vec::new();
    if scenario.is_empty() {
        let usual = headlines(patterns, "p50").chain([CPU]);
        for column in usual {
            put(&mut all, plain(column, USUAL, true));
        }
    }
    let places = scenario
        .iter()
        .map(|text| ("gate.tolerances", text))
        .chain(flags.iter().map(|text| ("--tolerance", text)));
    for (place, text) in places {
        match parse(text).map_err(|why| anyhow!("{place} {text}: {why}"))? {
            Tolerance::Of(metric) => put(&mut all, metric),
            Tolerance::None(column) => match all.iter_mut().find(|held| held.column == column) {
                Some(held) => held.gated = false,
                None => put(&mut all, plain(column, USUAL, false)),
            },
        }
    }
    if let Some(strange) = all.iter().find(|metric| !patterns.iter().any(|p| has(metric, *p))) {
        let names: Vec<&str> = patterns.iter().map(|pattern| pattern.name()).collect();
        bail!("the metric {} is not measured of {}", strange.column, names.join(", "));
    }
    if !all.iter().any(|metric| metric.gated) {
        bail!("no metric decides: give one a tolerance, such as --tolerance freshness_p50=5%");
    }
    all.sort_by_key(|metric| !metric.gated);
    for column in headlines(patterns, "p99").chain(INFORM) {
        if !all.iter().any(|held| held.column == column) {
            all.push(plain(column, USUAL, false));
        }
    }
    let named = !scenario.is_empty() || !flags.is_empty();
    Ok(Metrics { all, named })
}

/// Whether cases of `pattern` have the metric.
pub fn has(metric: &GatedMetric, pattern: PatternKind) -> bool {
    spec(&metric.column).is_some_and(|spec| spec.of.has(pattern))
}

fn headlines(patterns: &[PatternKind], quantile: &str) -> impl Iterator<Item = &'static str> {
    let mut columns: Vec<&'static str> = patterns
        .iter()
        .filter_map(|pattern| column_of(pattern.traits().headline, quantile))
        .collect();
    columns.dedup();
    columns.into_iter()
}

fn put(all: &mut Vec<GatedMetric>, metric: GatedMetric) {
    match all.iter_mut().find(|held| held.column == metric.column) {
        Some(held) => *held = metric,
        None => all.push(metric),
    }
}

fn plain(column: &'static str, tolerance: f64, gated: bool) -> GatedMetric {
    let worse = match spec(column).map(|spec| spec.better) {
        Some(Better::More) => Worse::Less,
        _ => Worse::More,
    };
    GatedMetric { column: column.to_owned(), tolerance, worse, gated }
}

/// What a text says of a metric.
#[derive(Debug)]
enum Tolerance {
    Of(GatedMetric),
    /// It informs only.
    None(&'static str),
}

fn parse(text: &str) -> Result<Tolerance, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("write METRIC=TOLERANCE, such as freshness_p50=5%".to_owned())?;
    let (name, value) = (name.trim(), value.trim());
    let column = comparable_metric(name).ok_or_else(|| {
        if SPECS.iter().any(|spec| spec.alias == name || spec.column.name == name) {
            return format!(
                "'{name}' is a setting or a count; name a percentile, a rate or a cost"
            );
        }
        format!("'{name}' is not a metric{}", metric_hint(name))
    })?;
    if value.eq_ignore_ascii_case("none") {
        return Ok(Tolerance::None(column));
    }
    let (sign, number) = match value.split_at_checked(1) {
        Some(("+", rest)) => (Some(Worse::More), rest),
        Some(("-" | "\u{2212}", rest)) => (Some(Worse::Less), rest),
        _ => (
            value.strip_prefix('\u{2212}').map(|_| Worse::Less),
            value.trim_start_matches('\u{2212}'),
        ),
    };
    let tolerance = share(number).ok_or_else(|| {
        format!("'{value}' is not a tolerance: write a percentage from 0.01% to 900%, such as 5%, or none")
    })?;
    let better = spec(column).map_or(Better::Neither, better);
    let worse = match (sign, better) {
        (Some(worse), _) => worse,
        (None, Better::Less) => Worse::More,
        (None, Better::More) => Worse::Less,
        (None, Better::Neither) => {
            return Err(format!(
                "neither way is better for {column}; write +{number} if more is worse, or -{number} if less is"
            ));
        }
    };
    Ok(Tolerance::Of(GatedMetric { column: column.to_owned(), tolerance, worse, gated: true }))
}

const fn better(spec: &Spec) -> Better {
    spec.better
}

/// A percentage, or a share; `unit::Share` ends at 100 %.
fn share(text: &str) -> Option<f64> {
    let value = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
        None => text.parse::<Share>().ok()?.get(),
    };
    (value.is_finite() && (1e-4..=MOST).contains(&value)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PatternKind::{LongPoll, Request, Sse, WebSocket};

    fn gated(
        scenario: &[&str],
        flags: &[&str],
        patterns: &[PatternKind],
    ) -> Result<String, String> {
        let [scenario, flags] =
            [scenario, flags].map(|list| list.iter().map(|&t| t.to_owned()).collect::<Vec<_>>());
        let all = metrics(&scenario, &flags, patterns).map_err(|error| error.to_string())?;
        let decide = all.all.iter().filter(|metric| metric.gated);
        let told = decide.map(|m| format!("{} {:?} {}", m.column, m.worse, m.tolerance));
        Ok(told.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn tolerances_are_those_of_the_scenario_under_those_of_the_flags() {
        let usual = "freshness_ns_p50 More 0.05, target_cpu_ns_per_delivery More 0.05";
        assert_eq!(gated(&[], &[], &[Sse, WebSocket]).unwrap(), usual);
        assert_eq!(
            gated(&["freshness_p50 = 5%", "target_cpu_per_delivery=0.05"], &[], &[Sse]).unwrap(),
            usual
        );
        let of_requests = "response_ns_p50 More 0.05, target_cpu_ns_per_delivery More 0.05";
        assert_eq!(gated(&[], &[], &[Request]).unwrap(), of_requests);
        for (flags, expected) in [
            (&["freshness_p50=none"][..], "target_cpu_ns_per_delivery More 0.05"),
            (&["target_cpu_per_delivery=none", "freshness_p50=150%"], "freshness_ns_p50 More 1.5"),
            (
                &["freshness_p50=none", "target_cpu_per_delivery=none", "deliveries_per_s=1%"],
                "deliveries_per_s Less 0.01",
            ),
            (
                &["freshness_p50=none", "target_cpu_per_delivery=none", "hold_p50=+2%"],
                "hold_ns_p50 More 0.02",
            ),
        ] {
            assert_eq!(gated(&[], flags, &[LongPoll]).unwrap(), expected, "{flags:?}");
        }
    }

    #[test]
    fn what_cannot_decide_is_refused_with_the_remedy() {
        for (flags, pattern, expected) in [
            (&["freshness_p50"][..], Sse, "--tolerance freshness_p50: write METRIC=TOLERANCE"),
            (&["freshness_p5=5%"], Sse, "'freshness_p5' is not a metric; did you mean"),
            (&["freshness_p50=0%"], Sse, "'0%' is not a tolerance: write a percentage from"),
            (&["freshness_p50=nan%"], Sse, "'nan%' is not a tolerance"),
            (&["freshness_p50=much"], Sse, "'much' is not a tolerance"),
            (&["connections=5%"], Sse, "'connections' is a setting or a count"),
            (&["hold_p50=5%"], LongPoll, "neither way is better for hold_ns_p50; write +5%"),
            (&["freshness_p50=5%"], Request, "freshness_ns_p50 is not measured of request"),
            (&["freshness_p50=none", "target_cpu_per_delivery=none"], Sse, "no metric decides"),
        ] {
            let message = gated(&[], flags, &[pattern]).unwrap_err();
            assert!(message.contains(expected), "{flags:?}: {message}");
        }
    }
}
