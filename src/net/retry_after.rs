//! `Retry-After` (RFC 9110, section 10.2.3): when a refused client may return.

use std::time::{Duration, SystemTime};

use hyper::header::{DATE, RETRY_AFTER};

use super::fields::{Lines, text};

/// Longest accepted wait: longer than any trial.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Returns how long the answer with these headers asks to wait, as seconds or a date; `None` if it does not say, or is
/// malformed.
///
/// A date counts from the answer's own `Date`, so that the two clocks need not agree, or else from `now`.
pub fn retry_after(headers: &impl Lines, now: SystemTime) -> Option<Duration> {
    let asked = text(headers.values(RETRY_AFTER).next()?)?.trim();
    if !asked.is_empty() && asked.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = asked.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let date = |value: &[u8]| httpdate::parse_http_date(text(value)?).ok();
    let until = httpdate::parse_http_date(asked).ok()?;
    let from = headers.values(DATE).next().and_then(date).unwrap_or(now);
    Some(until.duration_since(from).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the date of the RFC's examples.
    const NOW_S: u64 = 784_111_777;

    fn asked(value: &str, date: Option<&str>) -> Option<u64> {
        let header = |value: &str| HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let mut headers: HeaderMap = [(RETRY_AFTER, header(value))].into_iter().collect();
        if let Some(date) = date {
            headers.insert(DATE, header(date));
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
        let later = "Sun, 06 Nov 1994 08:49:47 GMT";
        for (value, date, expected, why) in [
            ("120", None, Some(120), "seconds"),
            ("0", None, Some(0), "at once"),
            (later, None, Some(10), "a date"),
            (
                later,
                Some("Sun, 06 Nov 1994 08:49:40 GMT"),
                Some(7),
                "a date after the answer's own",
            ),
            (later, Some("yesterday"), Some(10), "the answer's date is none"),
            ("Sunday, 06-Nov-94 08:49:47 GMT", None, Some(10), "the form of RFC 850"),
            ("Sun Nov  6 08:49:47 1994", None, Some(10), "the form of asctime"),
            ("Sun, 06 Nov 1994 08:00:00 GMT", None, Some(0), "a date that has passed"),
            ("99999999999999999999999", None, Some(7 * 86_400), "for ever"),
            ("-1", None, None, "less than nothing"),
            ("1.5", None, None, "a fraction"),
            ("soon", None, None, "a word"),
            ("", None, None, "nothing"),
        ] {
            assert_eq!(asked(value, date), expected, "{why}: {value}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_left(value in "[ -~é]{0,40}", date in "[ -~]{0,40}") {
            let _ = asked(&value, Some(&date));
        }
    }
}
