//! Conditions on entity tags: `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1).
//!
//! Own code: `headers` skips what is no tag and trusts the tags after it, and reads no list that has a byte above ASCII.

use hyper::header::{HeaderMap, HeaderName, IF_NONE_MATCH};

/// Whether one of the entity tags in a condition is `etag`, or it is `*`; `None` without the header.
///
/// `If-None-Match` compares weakly, `If-Match` strongly, as in the RFC: a weak tag does not permit overwriting.
pub(super) fn condition(headers: &HeaderMap, name: &HeaderName, etag: &str) -> Option<bool> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let weakly = name == IF_NONE_MATCH;
    Some(values.any(|value| lists(value.as_bytes(), etag.as_bytes(), weakly)))
}

/// Whether `If-None-Match` of one line names `etag`.
pub(super) fn names(line: &[u8], etag: &[u8]) -> bool {
    lists(line, etag, true)
}

/// Whether a list of entity tags contains `etag`. An invalid tag ends the list, because nothing after it can be trusted.
fn lists(mut list: &[u8], etag: &[u8], weakly: bool) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    loop {
        list = list.trim_ascii_start();
        let Some(rest) = list.strip_prefix(b",") else { break };
        list = rest;
    }
    while !list.is_empty() {
        let (weak, opaque) = match list.strip_prefix(b"W/") {
            Some(opaque) => (true, opaque),
            None => (false, list),
        };
        let Some(length) = tag_length(opaque) else { return false };
        let (tag, rest) = opaque.split_at(length);
        if tag == etag && (weakly || !weak) {
            return true;
        }
        list = rest.trim_ascii_start();
        if !list.is_empty() && !list.starts_with(b",") {
            return false;
        }
        while let Some(rest) = list.strip_prefix(b",") {
            list = rest.trim_ascii_start();
        }
    }
    false
}

/// Returns the length of the quoted tag at the start of `text`. A tag may contain commas, but no quotes.
fn tag_length(text: &[u8]) -> Option<usize> {
    let inner = text.strip_prefix(b"\"")?;
    let end = inner.iter().position(|&byte| byte == b'"')?;
    let plain = |&byte: &u8| byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80;
    inner[..end].iter().all(plain).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderValue, IF_MATCH};
    use proptest::prelude::*;

    use super::*;

    fn holds(name: &HeaderName, value: &str) -> Option<bool> {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        condition(&[(name.clone(), value)].into_iter().collect(), name, "\"a\"")
    }

    #[test]
    fn conditions_compare_entity_tags() {
        assert_eq!(condition(&HeaderMap::new(), &IF_NONE_MATCH, "\"a\""), None);
        for (value, none_match, matches, why) in [
            ("\"a\"", true, true, "that tag"),
            ("*", true, true, "any tag"),
            (" * ", true, true, "any tag, with space around it"),
            ("\"b\", \"a\"", true, true, "one of several"),
            ("\"b\",,\"a\",", true, true, "empty elements of a list"),
            ("\"b,c\", \"a\"", true, true, "a comma in a tag"),
            ("W/\"a\"", true, false, "a weak tag"),
            ("\"b\", *", false, false, "an asterisk among tags"),
            ("\"b\"", false, false, "another tag"),
            ("a", false, false, "no quotes"),
            ("\"b,\"a\"", false, false, "quotes that do not pair"),
            ("\"b\" \"a\"", false, false, "no comma between"),
            ("", false, false, "nothing"),
        ] {
            assert_eq!(holds(&IF_NONE_MATCH, value), Some(none_match), "{why}: {value}");
            assert_eq!(holds(&IF_MATCH, value), Some(matches), "{why}: {value}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let tags = ["\"b\"", "\"a\""].map(|tag| (IF_MATCH, HeaderValue::from_static(tag)));
        assert_eq!(condition(&tags.into_iter().collect(), &IF_MATCH, "\"a\""), Some(true));
    }

    proptest! {
        #[test]
        fn any_list_is_read_without_a_panic(value in "[ -~é]{0,40}") {
            let _ = holds(&IF_MATCH, &value);
        }

        #[test]
        fn a_tag_is_found_at_any_position(
            before in proptest::collection::vec("(W/)?\"[!#-~]{0,6}\"", 0..4),
            gap in " {0,2},[ ,]{0,3}",
        ) {
            let mut tags = before;
            tags.push("\"a\"".to_owned());
            prop_assert_eq!(holds(&IF_MATCH, &tags.join(&gap)), Some(true));
        }
    }
}
