//! How long a client may keep an answer without asking again (RFC 9111, section 4.2).

use std::time::Duration;

use hyper::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};

use super::fields::{Lines, text};

/// Longest time that an answer is kept: longer than any trial.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Returns how long the answer with these headers stays fresh from its arrival on: zero where they do not say, or forbid it.
///
/// `max-age` comes before `Expires`, which counts from the answer's own `Date`, so that the two clocks need not agree. `Age`,
/// the time that the answer has spent in other caches, is subtracted. `no-store` and `no-cache` leave nothing. Nothing is
/// guessed: an answer without either field is asked for again.
pub fn fresh_for(headers: &impl Lines) -> Duration {
    let mut max_age = None;
    for directive in headers.values(CACHE_CONTROL).filter_map(text).flat_map(|line| line.split(','))
    {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if ["no-store", "no-cache"].iter().any(|none| name.eq_ignore_ascii_case(none)) {
            return Duration::ZERO;
        }
        if name.eq_ignore_ascii_case("max-age") && max_age.is_none() {
            // What is malformed is stale.
            max_age = Some(seconds(value.trim().trim_matches('"')).unwrap_or_default());
        }
    }
    let date = |value: &[u8]| httpdate::parse_http_date(text(value)?.trim()).ok();
    let until_expiry = || {
        let expires = headers.values(EXPIRES).next().and_then(date)?;
        let from = headers.values(DATE).next().and_then(date)?;
        expires.duration_since(from).ok()
    };
    let lifetime = max_age.or_else(until_expiry).unwrap_or_default();
    let age = headers.values(AGE).next().and_then(text).and_then(|age| seconds(age.trim()));
    lifetime.saturating_sub(age.unwrap_or_default()).min(LONGEST)
}

/// Whole seconds; more than a number holds are as good as for ever.
fn seconds(digits: &str) -> Option<Duration> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().map_or(LONGEST, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn fresh(fields: &[(&str, &str)]) -> u64 {
        let field = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        fresh_for(&fields.iter().map(field).collect::<HeaderMap>()).as_secs()
    }

    #[test]
    fn an_answer_is_kept_for_as_long_as_its_fields_say() {
        const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        const EXPIRES: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:49:41 GMT");
        for (fields, seconds, why) in [
            (&[][..], 0, "nothing is guessed"),
            (&[("cache-control", "max-age=5")][..], 5, "max-age"),
            (&[("cache-control", "public, Max-Age=\"5\", immutable")], 5, "among others"),
            (&[("cache-control", "public"), ("cache-control", "max-age=5")], 5, "a second line"),
            (&[("cache-control", "max-age=5"), ("age", "3")], 2, "less what it is old already"),
            (&[("cache-control", "max-age=5"), ("age", "9")], 0, "stale on arrival"),
            (&[("cache-control", "max-age=5"), DATE, EXPIRES], 5, "max-age comes first"),
            (&[DATE, EXPIRES], 4, "Expires less Date"),
            (&[DATE, EXPIRES, ("age", "1")], 3, "less the age"),
            (&[EXPIRES], 0, "nothing to count from"),
            (&[EXPIRES, ("date", EXPIRES.1)], 0, "expires at once"),
            (&[("date", EXPIRES.1), ("expires", DATE.1)], 0, "expired already"),
            (&[DATE, ("expires", "0")], 0, "no date is the past (RFC 9111, section 5.3)"),
            (&[("cache-control", "s-maxage=5")], 0, "for shared caches only"),
            (&[("cache-control", "max-age=5, no-store")], 0, "not to be kept"),
            (&[("cache-control", "No-Cache, max-age=5")], 0, "not without asking"),
            (&[("cache-control", "max-age=soon"), DATE, EXPIRES], 0, "malformed is stale"),
            (
                &[("cache-control", "max-age=99999999999999999999")],
                LONGEST.as_secs(),
                "beyond a number",
            ),
        ] {
            assert_eq!(fresh(fields), seconds, "{why}: {fields:?}");
        }
    }
}
