//! Parses a server's own times in `Server-Timing` headers (W3C Server Timing, 2023).
//!
//! Own code: `headers` has no `Server-Timing`.

use hyper::header::HeaderName;

use super::fields::{Lines, text};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Longest duration that is believed, in milliseconds: a day.
const MOST_MS: f64 = 86_400_000.0;

/// Durations that a server reported with one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerTiming {
    /// Metric `q`: the request's wait in the server's queue, in nanoseconds.
    pub queue_ns: Option<u64>,
    /// Metric `s`: the server's work on it, in nanoseconds.
    pub service_ns: Option<u64>,
}

impl ServerTiming {
    /// Reads the metrics named `q` and `s`; others, and malformed ones, are ignored. Of several the first counts.
    pub fn of(headers: &impl Lines) -> Self {
        let mut timing = Self::default();
        let values = headers.values(SERVER_TIMING).filter_map(text);
        for metric in values.flat_map(|value| split(value, b',')) {
            let mut parts = split(metric, b';');
            let slot = match parts.next().map(str::trim) {
                Some("q") => &mut timing.queue_ns,
                Some("s") => &mut timing.service_ns,
                _ => continue,
            };
            if slot.is_none() {
                *slot = parts.find_map(duration);
            }
        }
        timing
    }
}

/// The duration of a parameter `dur=1.25`, in nanoseconds.
fn duration(parameter: &str) -> Option<u64> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("dur") {
        return None;
    }
    let ms: f64 = value.trim().trim_matches('"').parse().ok()?;
    (0.0..=MOST_MS).contains(&ms).then(|| (ms * 1e6).round() as u64)
}

/// Splits `text` at separators outside of quotes.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            let here = byte == separator && !quoted;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => {}
            }
            here
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> (Option<u64>, Option<u64>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SERVER_TIMING, HeaderValue::from_str(line).unwrap());
        }
        let ServerTiming { queue_ns, service_ns } = ServerTiming::of(&headers);
        (queue_ns, service_ns)
    }

    #[test]
    fn queue_and_service_are_read_and_nothing_else() {
        for (lines, expected, why) in [
            (&[][..], (None, None), "no header"),
            (
                &["q;dur=1.234567, s;dur=1.000000"],
                (Some(1_234_567), Some(1_000_000)),
                "milliseconds to the nanosecond",
            ),
            (&["q;dur=0", "s; dur = 2"], (Some(0), Some(2_000_000)), "two lines, and spaces"),
            (&["db;dur=53, app;dur=47.2, total"], (None, None), "names of others"),
            (&["s;desc=\"a, q;dur=9; \\\", b\";DUR=3"], (None, Some(3_000_000)), "quoted text"),
            (&["q;dur=1,q;dur=2"], (Some(1_000_000), None), "the first counts"),
            (&["q;dur=\"1.5\""], (Some(1_500_000), None), "a quoted number"),
            (&["q;dur=-1, s;dur=NaN"], (None, None), "no durations"),
            (&["q;dur=inf, s;dur=1e99"], (None, None), "nor these"),
            (&["q, s;dur"], (None, None), "no values"),
            (&[",;,=,q=1;"], (None, None), "nonsense"),
        ] {
            assert_eq!(read(lines), expected, "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(text in "[ -~]{0,60}", ns in 0..10_000_000_000u64) {
            let _ = read(&[&text]);
            let told = format!("x;desc=\"{}\", q;dur={}.{:06}", text.replace(['"', '\\'], ""), ns / 1_000_000, ns % 1_000_000);
            prop_assert_eq!(read(&[&told]).0, Some(ns));
        }
    }
}
