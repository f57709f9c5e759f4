//! The right spelling of an objective that cannot be read: other tools' words, other orders, other signs.

use super::{Objective, ObjectiveError};
use crate::scenario::{PatternKind, pattern_called};

/// Why an objective cannot be judged, and how it is perhaps spelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{hint}", guessed(error, hint))]
pub struct Misspelt {
    /// Why it cannot be judged.
    pub error: ObjectiveError,
    /// The right spelling, as the end of a sentence; empty where it cannot be guessed.
    pub hint: String,
}

/// The error, without names that look alike where the right spelling is known.
fn guessed(error: &ObjectiveError, hint: &str) -> String {
    let text = error.to_string();
    match text.split_once("; did you mean ") {
        Some((what, _)) if !hint.is_empty() => what.to_owned(),
        _ => text,
    }
}

/// Reads an objective as a scenario has it; the error says how it is perhaps spelled.
pub fn parse_objective(text: &str) -> Result<Objective, Misspelt> {
    Objective::parse(text).map_err(|error| Misspelt { error, hint: hint(text) })
}

/// Signs that are written for an operator, the longer ones first, with the operator.
const SIGNS: [(&str, &str); 12] = [
    ("<=", "<="),
    (">=", ">="),
    ("==", "=="),
    ("=<", "<="),
    ("=>", ">="),
    ("≤", "<="),
    ("≥", ">="),
    (" below ", "<"),
    (" above ", ">"),
    ("<", "<"),
    (">", ">"),
    ("=", "=="),
];

/// Words for what is measured, with the metric that they mean; those of a latency mean the pattern's headline.
const WORDS: [(&str, &str); 17] = [
    ("response", "response"),
    ("connect", "connect"),
    ("service", "service"),
    ("transit", "transit"),
    ("loss", "lost"),
    ("losses", "lost"),
    ("dropped", "lost"),
    ("missing", "lost"),
    ("duplicates", "duplicate"),
    ("dups", "duplicate"),
    ("error", "errors"),
    ("failures", "errors"),
    ("throughput", "deliveries_per_s"),
    ("cpu", "target_cpu_per_delivery"),
    ("memory", "target_memory_per_link"),
    ("bandwidth", "wire_bytes_per_delivery"),
    ("delivered_share", "reach"),
];

/// Words for how long something takes, without saying what.
const LATENCY: [&str; 11] = [
    "freshness",
    "fresh",
    "latency",
    "lag",
    "delay",
    "age",
    "duration",
    "time",
    "req",
    "http",
    "ms",
];

/// The right spelling of `text`, as the end of a sentence; empty where it cannot be guessed.
fn hint(text: &str) -> String {
    let Some((left, operator, value)) = split(text) else { return String::new() };
    let words = words(left);
    let pattern = words.iter().find_map(|word| pattern_called(word));
    let metrics = metrics(&words, pattern);
    let spelled = metrics.iter().filter_map(|metric| {
        let selector = pattern.map(|kind| format!("{}: ", kind.name())).unwrap_or_default();
        // A time without its unit is meant in milliseconds, as other tools have it.
        let joined: String = value.split_whitespace().collect();
        let values = [joined.clone(), value.to_owned(), format!("{joined}ms")];
        let written = values.iter().map(|value| format!("{selector}{metric} {operator} {value}"));
        written.into_iter().find(|written| Objective::parse(written).is_ok())
    });
    match spelled.collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [one] if one == text => String::new(),
        [one, other, ..] if other.contains("response_") => {
            format!(". Write \"{one}\", or \"{other}\" for request")
        }
        [one, ..] => format!(". Write \"{one}\""),
    }
}

/// What is measured, the operator, and the limit.
fn split(text: &str) -> Option<(&str, &'static str, &str)> {
    let found =
        SIGNS.iter().filter_map(|(sign, operator)| Some((text.find(sign)?, *sign, *operator)));
    let (at, sign, operator) =
        found.min_by_key(|(at, sign, _)| (*at, std::cmp::Reverse(sign.len())))?;
    let (left, value) = (text[..at].trim(), text[at + sign.len()..].trim());
    (!left.is_empty() && !value.is_empty()).then_some((left, operator, value))
}

/// The words of the left side. A hyphen joins a pattern's name, a dot between digits a percentile's.
fn words(left: &str) -> Vec<String> {
    let letters: Vec<char> = left.to_lowercase().chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let digit =
            |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(char::is_ascii_digit);
        let joins = letter.is_alphanumeric()
            || *letter == '-'
            || (*letter == '.' && digit(at.checked_sub(1)) && digit(Some(at + 1)));
        match (joins, words.last_mut()) {
            (true, Some(word)) => word.push(*letter),
            _ => words.push(String::new()),
        }
    }
    // A hyphen outside a pattern's name is read as an underscore.
    let parts = words.iter().flat_map(|word| match pattern_called(word) {
        Some(_) => vec![word.clone()],
        None => word.split('-').map(str::to_owned).collect(),
    });
    parts.filter(|word| !word.is_empty()).collect()
}

/// The quantile that a word names: `p99`, `99th`, `99.9`, `median`, `max`.
fn quantile(word: &str) -> Option<String> {
    match word {
        "median" | "med" => return Some("p50".to_owned()),
        "max" | "maximum" | "worst" => return Some("max".to_owned()),
        "mean" | "avg" | "average" => return Some("mean".to_owned()),
        _ => {}
    }
    let digits = word.strip_prefix('p').unwrap_or(word);
    let digits =
        ["th", "%", "pct"].iter().find_map(|end| digits.strip_suffix(end)).unwrap_or(digits);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_number.then(|| format!("p{}", digits.replace('.', "")))
}

/// The metrics that the words may mean, most likely first.
fn metrics(words: &[String], pattern: Option<PatternKind>) -> Vec<String> {
    // Without a quantile a latency is judged by the one that promises are made of.
    let said = words.iter().find_map(|word| quantile(word));
    let latency = words.iter().any(|word| LATENCY.contains(&word.as_str()));
    let known = WORDS.iter().filter(|(word, _)| words.iter().any(|w| w == word));
    let stems: Vec<&str> = known.map(|(_, metric)| *metric).collect();
    if let Some(stem) = stems.first() {
        return match &said {
            Some(q) => vec![format!("{stem}_{q}")],
            None => vec![(*stem).to_owned(), format!("{stem}_p99")],
        };
    }
    // The words themselves, joined as a column's name is.
    let own: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| pattern_called(word).is_none()).collect();
    let own = own.join("_");
    if Objective::parse(&format!("{own} < 1")).is_ok()
        || Objective::parse(&format!("{own} < 1s")).is_ok()
    {
        return vec![own];
    }
    let q = said.clone().unwrap_or_else(|| "p99".to_owned());
    match (said.is_some() || latency, pattern) {
        (false, _) => Vec::new(),
        (true, Some(PatternKind::Request)) => vec![format!("response_{q}")],
        (true, Some(_)) => vec![format!("freshness_{q}")],
        (true, None) => vec![format!("freshness_{q}"), format!("response_{q}")],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_newcomers_write_is_answered_with_the_right_spelling() {
        for (written, right) in [
            ("p99 < 50ms", "freshness_p99 < 50ms"),
            ("P99 < 50 ms", "freshness_p99 < 50ms"),
            ("p99 < 50", "freshness_p99 < 50ms"),
            ("p99.9 < 50ms", "freshness_p999 < 50ms"),
            ("p50<=50ms", "freshness_p50 <= 50ms"),
            ("max < 1s", "freshness_max < 1s"),
            ("median < 1s", "freshness_p50 < 1s"),
            ("99th percentile < 50ms", "freshness_p99 < 50ms"),
            ("p(99) < 50", "freshness_p99 < 50ms"),
            ("sse.freshness_p99 < 5ms", "sse: freshness_p99 < 5ms"),
            ("sse freshness_p99 < 5ms", "sse: freshness_p99 < 5ms"),
            ("sse/freshness_p99 < 5ms", "sse: freshness_p99 < 5ms"),
            ("freshness_p99(sse) < 5ms", "sse: freshness_p99 < 5ms"),
            ("ws.p99 < 5ms", "websocket: freshness_p99 < 5ms"),
            ("long-poll.lost == 0", "long-poll: lost == 0"),
            ("request.p99 < 5ms", "request: response_p99 < 5ms"),
            ("latency_p99 < 50ms", "freshness_p99 < 50ms"),
            ("latency < 50ms", "freshness_p99 < 50ms"),
            ("http_req_duration < 500", "freshness_p99 < 500ms"),
            ("freshness < 50ms", "freshness_p99 < 50ms"),
            ("freshness.p99 < 50ms", "freshness_p99 < 50ms"),
            ("freshness p99 < 50ms", "freshness_p99 < 50ms"),
            ("freshness-p99 < 50ms", "freshness_p99 < 50ms"),
            ("freshness_p99 ≤ 50ms", "freshness_p99 <= 50ms"),
            ("freshness_p99 =< 50ms", "freshness_p99 <= 50ms"),
            ("lost = 0", "lost == 0"),
            ("loss == 0", "lost == 0"),
            ("sse.loss = 0", "sse: lost == 0"),
            ("response < 1s", "response_p99 < 1s"),
            ("throughput > 100/s", "deliveries_per_s > 100/s"),
        ] {
            let Err(refused) = parse_objective(written) else { continue };
            let told = refused.to_string();
            assert!(told.contains(&format!("Write \"{right}\"")), "{written}: {told}");
        }
        for lost in ["what", "< 5ms", "p99 <", "zzz < 1", "sse.zzz < 1"] {
            assert_eq!(hint(lost), "", "{lost}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_proposed_can_be_read(
            left in "(sse|ws|Long-Poll|request)?[. :/(]?(p[0-9]{1,4}|latency|freshness|loss|max|reach|errors)?[)_ .]?(p99|max)?",
            sign in "(<|<=|=<|≤|=|>| below )",
            value in "[0-9]{1,3} ?(ms|s|%|)",
        ) {
            let told = hint(&format!("{left}{sign}{value}"));
            for spelled in told.split('"').skip(1).step_by(2) {
                prop_assert!(Objective::parse(spelled).is_ok(), "{}", spelled);
            }
        }

        #[test]
        fn any_text_is_answered_without_a_panic(text in ".{0,40}") {
            let _ = hint(&text);
        }
    }
}
