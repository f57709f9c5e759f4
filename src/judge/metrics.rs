//! The metrics that objectives may name: columns, their short forms, units, and which pattern has which.

use crate::record::{Kind, TRIAL_COLUMNS};
use crate::scenario::PatternKind;
use crate::unit::{ByteSize, Count, Rate, Span, bytes, count, nanoseconds, significant};

use super::summary::{counted, summarised};

fn metrics() -> impl Iterator<Item = &'static str> {
    summarised().chain(counted())
}

/// The column of that name, or the one of that name but for its unit.
pub(super) fn metric(name: &str) -> Option<&'static str> {
    metrics()
        .find(|column| *column == name)
        .or_else(|| metrics().find(|column| short(column) == name))
}

/// `freshness_p99` of `freshness_ns_p99`.
fn short(column: &str) -> String {
    let words: Vec<&str> =
        column.split('_').filter(|word| !matches!(*word, "ns" | "bytes")).collect();
    words.join("_")
}

/// What was perhaps meant by a name, for a message.
pub(super) fn near(name: &str) -> String {
    let mut names: Vec<(f64, String)> = metrics()
        .map(|column| (strsim::jaro_winkler(&short(column), name), short(column)))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    names.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    match names.iter().map(|(_, name)| name.as_str()).take(3).collect::<Vec<_>>().as_slice() {
        [] => {
            "; every column of trials.csv is one, such as freshness_p99, reach or lost".to_owned()
        }
        near => format!("; did you mean {}?", near.join(", ")),
    }
}

/// Whether cases of a pattern can have a metric.
pub(super) fn has(pattern: PatternKind, metric: &str) -> bool {
    if of_troubled(metric) {
        return matches!(pattern, PatternKind::Sse | PatternKind::WebSocket | PatternKind::Webhook);
    }
    if of_webhooks(metric) {
        return pattern == PatternKind::Webhook;
    }
    match metric.split('_').next() {
        Some("freshness" | "transit" | "publish" | "published" | "negative" | "written") => {
            pattern.delivers()
        }
        Some("hold" | "polls") => pattern == PatternKind::LongPoll,
        Some("send" | "sends") => pattern.delivers(),
        Some("empty") => matches!(pattern, PatternKind::ShortPoll | PatternKind::LongPoll),
        Some("retries") => pattern == PatternKind::Webhook,
        Some("fired" | "dispatch" | "first" | "reading") => {
            matches!(pattern, PatternKind::Request | PatternKind::ShortPoll)
        }
        Some("requests" | "scheduled" | "sent" | "answered" | "response" | "service" | "slip") => {
            !matches!(pattern, PatternKind::Sse | PatternKind::WebSocket | PatternKind::Webhook)
        }
        _ => true,
    }
}

/// Counts that only webhooks have.
const WEBHOOK_COUNTS: [&str; 4] =
    ["attempts", "duplicate_attempts", "refused_attempts", "endpoints_disabled"];

/// Whether a metric is of webhooks alone.
fn of_webhooks(metric: &str) -> bool {
    let heads = ["acknowledge_", "work_", "catch_up_"];
    heads.iter().any(|head| metric.starts_with(head)) || WEBHOOK_COUNTS.contains(&metric)
}

/// Whether a metric is of links that the scenario troubles, or lets be beside them: slow consumers, webhook receivers.
fn of_troubled(metric: &str) -> bool {
    ["freshness_healthy_", "freshness_affected_"].iter().any(|head| metric.starts_with(head))
}

/// Whether a metric that is missing from a usable trial is a gap; some patterns may or may not have others.
pub(super) fn always_has(pattern: PatternKind, metric: &str) -> bool {
    if of_troubled(metric) {
        return false;
    }
    if of_webhooks(metric) {
        // Only scenarios that trouble their receivers have the rest.
        return metric.starts_with("acknowledge_") || WEBHOOK_COUNTS.contains(&metric);
    }
    match metric.split('_').next() {
        Some("response" | "service") => pattern == PatternKind::Request,
        Some("slip") => matches!(pattern, PatternKind::Request | PatternKind::ShortPoll),
        // Only where clients publish.
        Some("send" | "sends") => false,
        _ => true,
    }
}

fn unit_of(metric: &str) -> &'static str {
    let has = |word: &str| metric.split('_').any(|part| part == word);
    let counts = TRIAL_COLUMNS.iter().any(|c| c.name == metric && c.kind == Kind::Whole);
    match metric {
        _ if counts => "count",
        _ if has("ns") => "ns",
        _ if has("bytes") => "bytes",
        _ if metric.ends_with("_per_s") => "rate",
        _ => "number",
    }
}

/// A value in the metric's unit, or what would be right.
pub(super) fn parse_value(metric: &str, text: &str) -> Result<f64, String> {
    let number = || text.parse::<f64>().ok().filter(|n| n.is_finite());
    match unit_of(metric) {
        "count" => text.parse::<Count>().map(|n| n.get() as f64).map_err(|e| e.to_string()),
        "ns" => text.parse::<Span>().map(|span| span.ns() as f64).map_err(|e| e.to_string()),
        "bytes" => match number() {
            Some(n) => Ok(n),
            None => text.parse::<ByteSize>().map(|b| b.bytes() as f64).map_err(|e| e.to_string()),
        },
        "rate" => match number() {
            Some(n) => Ok(n),
            None => text.parse::<Rate>().map(Rate::per_s).map_err(|e| e.to_string()),
        },
        _ => match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().ok().map(|n| n / 100.0),
            None => number(),
        }
        .filter(|n| n.is_finite())
        .ok_or_else(|| format!("'{text}' is not a number, such as 0.99 or 99%")),
    }
}

/// A value of a metric, for people.
pub(super) fn print_value(metric: &str, value: f64) -> String {
    match unit_of(metric) {
        "count" => format!("{value}"),
        "ns" => nanoseconds(value),
        "bytes" => bytes(value),
        "rate" => format!("{}/s", count(value)),
        // 0.99996 must not be read as the 1 that it missed.
        _ if (0.99..1.0).contains(&value) => format!("{value:.7}").trim_end_matches('0').to_owned(),
        _ => significant(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PatternKind::{LongPoll, Request, ShortPoll, Sse, WebSocket, Webhook};

    #[test]
    fn metrics_of_troubled_links_are_of_patterns_whose_links_can_be_troubled() {
        for (metric, patterns) in [
            ("freshness_healthy_ns_p99", &[Sse, WebSocket, Webhook][..]),
            ("freshness_affected_ns_p50", &[Sse, WebSocket, Webhook]),
            ("catch_up_ns_max", &[Webhook]),
            ("polls_per_10ms_max", &[LongPoll]),
            ("freshness_ns_p99", &[ShortPoll, LongPoll, Sse, WebSocket, Webhook]),
            ("dials_per_10ms_max", &[Request, ShortPoll, LongPoll, Sse, WebSocket, Webhook]),
        ] {
            let having: Vec<_> =
                PatternKind::ALL.into_iter().filter(|kind| has(*kind, metric)).collect();
            assert_eq!(having, patterns, "{metric}");
        }
        assert!(
            !always_has(Sse, "freshness_healthy_ns_p99") && always_has(Sse, "freshness_ns_p99")
        );
    }
}
