//! Parses header fields: lists, single-valued fields, media types and their parameters (RFC 9110, sections 5.3, 5.6 and
//! 8.3). Both ends of the wire use it, so a spelling is understood everywhere or nowhere.
//!
//! Crates do not fit: `mime` refuses parameters that the grammar allows (an empty one, as in `text/html;`), and `headers`
//! reads only the first line of a repeated field, where security checks must see all.

use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// Whitespace allowed around elements.
const SPACE: [char; 2] = [' ', '\t'];

/// Fields that are looked up by name.
pub trait Lines {
    /// The values of a field, one per line, in order.
    fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]>;
}

impl Lines for HeaderMap {
    fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

/// A value as text, if it is nothing but visible characters and space.
pub fn text(value: &[u8]) -> Option<&str> {
    let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    let value = value.iter().all(visible).then_some(value)?;
    std::str::from_utf8(value).ok()
}

/// Several lines of a field that may have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// The elements of a list over all of its lines. Empty elements are skipped, and a line that is not text has none.
pub fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let elements = lines.flat_map(|line| split(line, b','));
    elements.map(|element| element.trim_matches(SPACE)).filter(|element| !element.is_empty())
}

/// Whether a list has a token, in any case of its letters.
pub fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    list(headers, name).any(|element| element.eq_ignore_ascii_case(token))
}

/// Returns the only line of a single-valued field.
pub fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.next().is_some() { Err(Repeated) } else { Ok(first) }
}

/// The same, but equal lines count as one, because a proxy may have copied it.
pub fn agreed<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    if lines.all(|line| Some(line) == first) { Ok(first) } else { Err(Repeated) }
}

/// A media type, or a range of them, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType<'a> {
    essence: &'a str,
    /// Names as written, values without their quotes.
    pub parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> MediaType<'a> {
    /// Reads a type; `None` where it is none. Empty parameters are none, and a parameter without a value has an empty one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = split(text, b';');
        let essence = parts.next()?.trim_matches(SPACE);
        let (kind, sub) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(sub) {
            return None;
        }
        Some(Self { essence, parameters: parameters(parts) })
    }

    /// Parses types with their parameters; `text` begins with a semicolon.
    pub fn any(text: &'a str) -> Self {
        Self { essence: "*/*", parameters: parameters(split(text, b';')) }
    }

    /// The type in a field, if it has one.
    pub fn of(headers: &'a impl Lines, name: &HeaderName) -> Option<Self> {
        let mut lines = headers.values(name.clone());
        let first = lines.next()?;
        // Equal lines count as one, because a proxy may have copied it.
        Self::parse(text(first).filter(|_| lines.all(|line| line == first))?)
    }

    /// Type and subtype as written.
    pub const fn essence(&self) -> &'a str {
        self.essence
    }

    /// Whether it is `media`. `application/*+json` includes types that its structured suffix (RFC 6839) makes readable as
    /// JSON, except problems and patches, which do not represent the thing itself.
    pub fn is(&self, media: &str) -> bool {
        let Some((kind, suffix)) = media.split_once("/*") else {
            return self.essence.eq_ignore_ascii_case(media);
        };
        let Some((given, sub)) = self.essence.split_once('/') else { return false };
        let sub = sub.to_ascii_lowercase();
        let Some(name) = sub.strip_suffix(suffix) else { return false };
        let represents = !name.is_empty() && name != "problem" && !name.ends_with("patch");
        given.eq_ignore_ascii_case(kind) && represents
    }

    /// Whether it is JSON, by its name or its suffix.
    pub fn is_json(&self) -> bool {
        let essence = self.essence.to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    }

    /// The values of a parameter.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.parameters.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value)
    }
}

fn parameters<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<(&'a str, Cow<'a, str>)> {
    let parts = parts.map(|part| part.trim_matches(SPACE)).filter(|part| !part.is_empty());
    let parameters = parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.trim_matches(SPACE), unquoted(value.trim_matches(SPACE)))
    });
    parameters.collect()
}

/// The labels of UTF-8 (WHATWG Encoding, section 4.2).
const UTF8_LABELS: [&str; 6] =
    ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"];

/// Whether a charset is UTF-8 by any of its labels.
pub fn is_utf8(charset: &str) -> bool {
    // People write these quotes, too; they quote nothing in HTTP and can mean nothing else.
    let charset = charset.trim_matches('\'').trim();
    UTF8_LABELS.iter().any(|label| charset.eq_ignore_ascii_case(label))
}

/// Whether a text is a token (RFC 9110, section 5.6.2).
pub fn is_token(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(plain)
}

/// Returns a value without its quotes; an unterminated quote stays as it is.
fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(next) = chars.next() {
        out.extend(if next == '\\' { chars.next() } else { Some(next) });
    }
    Cow::Owned(out)
}

/// Splits a text at `separator` outside of quoted strings.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left?;
        let (mut quoted, mut escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            let quote = byte == b'"' && !escaped;
            escaped = quoted && byte == b'\\' && !escaped;
            quoted ^= quote;
            byte == separator && !quoted
        });
        left = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

#[cfg(test)]
mod tests {
    use hyper::header::ACCEPT;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_all_of_its_lines() {
        let lines = [" a , ,\tb", "", "\"c,d\", e"];
        let headers: HeaderMap =
            lines.iter().map(|line| (ACCEPT, HeaderValue::from_static(line))).collect();
        assert_eq!(list(&headers, &ACCEPT).collect::<Vec<_>>(), ["a", "b", "\"c,d\"", "e"]);
        assert!(lists(&headers, &ACCEPT, "E") && !lists(&headers, &ACCEPT, "d"));
    }

    #[test]
    fn a_single_valued_field_is_checked_for_repetition() {
        let headers = |lines: &[&'static str]| -> HeaderMap {
            lines.iter().map(|line| (ACCEPT, HeaderValue::from_static(line))).collect()
        };
        let value = HeaderValue::from_static("a");
        assert_eq!(one(&headers(&[]), &ACCEPT), Ok(None));
        assert_eq!(one(&headers(&["a"]), &ACCEPT), Ok(Some(&value)));
        assert_eq!(one(&headers(&["a", "a"]), &ACCEPT), Err(Repeated));
        assert_eq!(agreed(&headers(&["a", "a"]), &ACCEPT), Ok(Some(&value)));
        assert_eq!(agreed(&headers(&["a", "b"]), &ACCEPT), Err(Repeated));
    }

    #[test]
    fn media_types_are_read_with_their_parameters() {
        let media = MediaType::parse("Text/HTML ;\tCharset=\"utf-\\8\"; ;level=1;odd").unwrap();
        assert!(media.is("text/html"));
        assert_eq!(media.values("charset").collect::<Vec<_>>(), ["utf-8"]);
        assert_eq!(media.values("LEVEL").chain(media.values("odd")).collect::<Vec<_>>(), ["1", ""]);
        for none in ["", "json", "/", "a/", "/b", "a b/c", "a/b c", "a/b, c/d", "é/b"] {
            assert_eq!(MediaType::parse(none), None, "{none}");
        }
        for (text, json, suffixed) in [
            ("application/json", true, false),
            ("application/vnd.api+JSON", true, true),
            ("application/merge-patch+json", true, false),
            ("application/problem+json", true, false),
            ("application/+json", true, false),
            ("text/json", false, false),
            ("image/x+json", false, false),
        ] {
            let media = MediaType::parse(text).unwrap();
            assert_eq!(
                (media.is_json(), media.is("application/*+json")),
                (json, suffixed),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_type_or_none_without_a_panic(text in ".{0,40}") {
            if let Some(media) = MediaType::parse(&text) {
                let _ = (media.is_json(), media.is("application/*+json"));
                prop_assert!(media.essence().contains('/'));
            }
        }

        #[test]
        fn a_quoted_value_is_what_was_quoted(value in "[ -~]{0,20}") {
            let quoted: String = value.chars().flat_map(|c| ['\\', c]).collect();
            let text = format!("a/b; x=\"{quoted}\"; y=1");
            let media = MediaType::parse(&text).unwrap();
            prop_assert_eq!(media.values("x").collect::<Vec<_>>(), [value.as_str()]);
            prop_assert_eq!(media.values("y").collect::<Vec<_>>(), ["1"]);
        }
    }
}
