//! `Accept` (RFC 9110, section 12.5.1): which of the representations that there are the asker likes best.
//!
//! Own code: `headers` has no `Accept`.

use hyper::header::{ACCEPT, HeaderMap};

use crate::net::fields::{self, MediaType};

/// The best of `offered` (type and subtype, best first) by the request's `Accept`; of equals the first.
///
/// Without the header, or with an empty one, everything is welcome. `None` where nothing offered is.
pub(super) fn best<T: Copy>(headers: &HeaderMap, offered: &[(T, &str)]) -> Option<T> {
    let ranges = || fields::list(headers, &ACCEPT);
    if ranges().next().is_none() {
        return offered.first().map(|(representation, _)| *representation);
    }
    let mut best = None;
    for (representation, media) in offered {
        let quality = quality(ranges(), media);
        if quality > 0 && best.is_none_or(|(_, so_far)| quality > so_far) {
            best = Some((*representation, quality));
        }
    }
    best.map(|(representation, _)| representation)
}

/// Whether the request accepts `media` by name, not only through a range such as `*/*`.
pub(super) fn names(headers: &HeaderMap, media: &str) -> bool {
    let ranges = fields::list(headers, &ACCEPT).filter_map(Range::parse);
    let named = ranges.filter(|range| range.covers(media) == Some(2));
    named.map(|range| range.quality).max().is_some_and(|quality| quality > 0)
}

/// Returns the quality of `media` in thousandths, as the most specific matching range gives it.
fn quality<'a>(ranges: impl Iterator<Item = &'a str>, media: &str) -> u16 {
    let covering = ranges.filter_map(Range::parse).filter_map(|range| {
        let specificity = range.covers(media)?;
        Some((specificity, range.quality))
    });
    covering.max().map_or(0, |(_, quality)| quality)
}

struct Range<'a> {
    media: MediaType<'a>,
    /// Whether it has a parameter that no representation here has.
    particular: bool,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    /// A range as written; `None` where it is none, which leaves the others valid.
    fn parse(text: &'a str) -> Option<Self> {
        // Old Java clients send a lone asterisk for any type.
        let media = match text.strip_prefix('*') {
            Some(rest) if !rest.starts_with('/') => MediaType::any(rest),
            _ => MediaType::parse(text)?,
        };
        let (mut particular, mut quality) = (false, 1000);
        for (name, value) in &media.parameters {
            match *name {
                q if q.eq_ignore_ascii_case("q") => {
                    quality = thousandths(value)?;
                    // What follows the weight once extended the range, and never narrowed it (RFC 7231, section 5.3.2).
                    break;
                }
                // Everything here is UTF-8.
                charset if charset.eq_ignore_ascii_case("charset") => {
                    particular |= !(value.is_empty() || fields::is_utf8(value));
                }
                _ => particular = true,
            }
        }
        Some(Self { media, particular, quality })
    }

    /// Returns how specifically this range covers `media`, or `None` if it does not.
    fn covers(&self, media: &str) -> Option<u8> {
        if self.particular {
            return None;
        }
        if self.media.is(media) {
            return Some(2);
        }
        match self.media.essence().split_once('/')? {
            ("*", "*") => Some(0),
            (kind, "*") if media.split('/').next()?.eq_ignore_ascii_case(kind) => Some(1),
            _ => None,
        }
    }
}

/// A quality from 0 to 1. The grammar has at most three decimals and a digit before the point; a client that writes more, or
/// leaves the zero out, is understood all the same.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let known = matches!(whole, "0" | "1") || (whole.is_empty() && !decimals.is_empty());
    if !known || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let three = decimals.get(..3).unwrap_or(decimals);
    let part: u16 = format!("{three:0<3}").parse().ok()?;
    let quality = u16::from(whole == "1") * 1000 + part;
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const OFFERED: [(&str, &str); 2] = [("json", "application/json"), ("xml", "application/xml")];

    fn chosen(accept: &str) -> Option<&'static str> {
        let value = HeaderValue::from_str(accept).unwrap();
        best(&[(ACCEPT, value)].into_iter().collect(), &OFFERED)
    }

    #[test]
    fn the_representation_with_the_highest_quality_is_chosen() {
        assert_eq!(best(&HeaderMap::new(), &OFFERED), Some("json"), "no header");
        for (accept, expected, why) in [
            ("", Some("json"), "an empty header"),
            ("*/*", Some("json"), "anything"),
            ("application/*", Some("json"), "any application"),
            ("application/xml", Some("xml"), "that one"),
            ("APPLICATION/XML", Some("xml"), "types are of any case"),
            ("application/xml;q=0.5, application/json;q=0.4", Some("xml"), "by quality"),
            (
                "application/xml;q=0.5, */*;q=0.6",
                Some("json"),
                "a specific range decides for its type",
            ),
            ("application/json;q=0, */*", Some("xml"), "not that one"),
            (
                "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
                Some("xml"),
                "a browser",
            ),
            ("application/json; charset=utf-8", Some("json"), "the charset that everything has"),
            ("application/json; charset=latin1", None, "another charset"),
            ("application/json;version=2", None, "a parameter that nothing has"),
            ("text/plain;a=\"x,application/json\"", None, "a comma in a quoted string"),
            ("text/html", None, "nothing that there is"),
            ("application/json;q=1.5", None, "no quality"),
            ("application/json;q=0.000", None, "a quality of nothing"),
            ("garbage", None, "no range"),
            (" , ,", Some("json"), "a list of nothing"),
            ("*", Some("json"), "a lone asterisk"),
            ("text/html, *; q=.2, application/xml;q=.3", Some("xml"), "an old client of Java"),
            ("application/xml;q=0.4999, application/json;q=.4", Some("xml"), "four decimals"),
            ("application/xml;q=0.5;level=1", Some("xml"), "an extension behind the weight"),
            ("application/xml; charset=\"utf8\"", Some("xml"), "another label of UTF-8"),
            ("application/xml;q=-1", None, "a negative quality"),
            ("garbage, application/xml", Some("xml"), "garbage beside a range"),
        ] {
            assert_eq!(chosen(accept), expected, "{why}: {accept}");
        }
    }

    #[test]
    fn an_explicit_media_type_is_distinguished_from_a_wildcard() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("text/event-stream, */*;q=0.1", true),
            ("*/*, Text/Event-Stream; charset=utf8", true),
            ("text/event-stream, application/json", true),
            ("text/event-stream;q=0, */*", false),
            ("text/event-stream; charset=latin1", false),
            ("text/*", false),
            ("*/*", false),
            ("*", false),
            ("text/event-streams", false),
            ("", false),
        ] {
            let value = HeaderValue::from_str(accept).unwrap();
            let headers = [(ACCEPT, value)].into_iter().collect();
            assert_eq!(names(&headers, "text/event-stream"), expected, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(accept in "[ -~]{0,60}") {
            let _ = chosen(&accept);
        }

        #[test]
        fn a_range_is_found_among_any_others(
            before in "([a-z]{1,5}/[a-z]{1,5}(;q=0\\.[0-9]{1,3})?, ){0,4}",
            quality in 1..1000u16,
        ) {
            let accept = format!("{before}application/xml;q=0.{quality:03}");
            prop_assert_eq!(chosen(&accept), Some("xml"));
        }

        #[test]
        fn qualities_are_thousandths(quality in 0..=1000u16) {
            let text = format!("{}.{:03}", quality / 1000, quality % 1000);
            prop_assert_eq!(thousandths(&text), Some(quality));
        }
    }
}
