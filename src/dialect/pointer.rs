//! JSON pointers (RFC 6901), followed in a text that is not parsed as a whole.
//!
//! Beyond the RFC, `-1` is the last element of an array, `-2` the one before, and `*` every one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;

use serde::Deserialize as _;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

/// A place in a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(Box<[Token]>);

/// One step into an object or an array.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    key: Box<str>,
    index: Option<Index>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    At(usize),
    /// 1 is the last.
    FromEnd(usize),
    Each,
}

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    /// What is wrong with it, and the remedy.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return if text.is_empty() {
                Ok(Self(Box::new([])))
            } else {
                Err(format!(
                    "'{text}' is not a JSON pointer, which begins with '/'; write {}",
                    meant(text)
                ))
            };
        };
        let token = |part: &str| {
            let bytes = part.as_bytes();
            let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'~');
            for (at, _) in escapes {
                if !matches!(bytes.get(at + 1), Some(b'0' | b'1')) {
                    return Err(format!("'~' in '{text}' is written ~0, and '/' in a name ~1"));
                }
            }
            let key = part.replace("~1", "/").replace("~0", "~");
            Ok(Token { index: Index::parse(&key), key: key.into() })
        };
        Ok(Self(rest.split('/').map(token).collect::<Result<_, _>>()?))
    }

    /// Calls `each` with what the pointer leads to in `json`, in the order of the text, until it breaks. What is behind that
    /// place is not read.
    pub(super) fn find<'de>(
        &self,
        json: &'de [u8],
        each: &mut dyn FnMut(&'de RawValue) -> ControlFlow<()>,
    ) {
        // An error is a text that is not JSON, or the end of the search.
        let seed = Search { tokens: &self.0, each };
        let _ = seed.deserialize(&mut serde_json::Deserializer::from_slice(json));
    }

    /// What the pointer leads to first.
    pub(super) fn first<'de>(&self, json: &'de [u8]) -> Option<&'de RawValue> {
        let mut found = None;
        self.find(json, &mut |value| {
            found = Some(value);
            ControlFlow::Break(())
        });
        found
    }
}

/// The pointer that was perhaps meant by a path of another notation, such as `$.data.id`.
fn meant(text: &str) -> String {
    let path = text.trim_start_matches('$').trim_start_matches('.');
    let path = path.replace(['[', ']'], ".").replace("..", ".");
    format!("/{}", path.trim_matches('.').replace('.', "/"))
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.0 {
            write!(f, "/{}", token.key.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl Index {
    fn parse(key: &str) -> Option<Self> {
        let number = |digits: &str| -> Option<usize> {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let leads_zero = digits.len() > 1 && digits.starts_with('0');
            (is_number && !leads_zero).then(|| digits.parse().ok())?
        };
        match key.strip_prefix('-') {
            _ if key == "*" => Some(Self::Each),
            Some(digits) => number(digits).filter(|n| *n > 0).map(Self::FromEnd),
            None => number(key).map(Self::At),
        }
    }
}

/// The text of a value: a string without its quotes, anything else as it is written. `null` is no value.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    match json.as_bytes() {
        b"null" => None,
        [b'"', inner @ .., b'"'] if memchr::memchr(b'\\', inner).is_none() => {
            Some(Cow::Borrowed(&json[1..json.len() - 1]))
        }
        [b'"', ..] => serde_json::from_str(json).ok().map(Cow::Owned),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Follows the rest of a pointer.
struct Search<'p, 'f, 'de> {
    tokens: &'p [Token],
    each: &'f mut dyn FnMut(&'de RawValue) -> ControlFlow<()>,
}

/// Ends the search.
fn done<E: de::Error>() -> E {
    E::custom("found")
}

impl<'de> DeserializeSeed<'de> for Search<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.tokens.split_first() {
            None => match (self.each)(<&'de RawValue>::deserialize(deserializer)?) {
                ControlFlow::Break(()) => Err(done()),
                ControlFlow::Continue(()) => Ok(()),
            },
            Some((token, tokens)) => {
                deserializer.deserialize_any(Step { token, tokens, each: self.each })
            }
        }
    }
}

/// Enters an object or an array by one token.
struct Step<'p, 'f, 'de> {
    token: &'p Token,
    tokens: &'p [Token],
    each: &'f mut dyn FnMut(&'de RawValue) -> ControlFlow<()>,
}

impl<'de> de::Visitor<'de> for Step<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(is_it) = map.next_key_seed(KeyIs(&self.token.key))? {
            if is_it {
                map.next_value_seed(Search { tokens: self.tokens, each: &mut *self.each })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match self.token.index {
            None => while seq.next_element::<IgnoredAny>()?.is_some() {},
            Some(Index::FromEnd(n)) => {
                let mut last: VecDeque<&'de RawValue> = VecDeque::new();
                while let Some(element) = seq.next_element()? {
                    if last.len() == n {
                        last.pop_front();
                    }
                    last.push_back(element);
                }
                if let Some(element) = last.front().filter(|_| last.len() == n) {
                    let mut json = serde_json::Deserializer::from_str(element.get());
                    let search = Search { tokens: self.tokens, each: self.each };
                    search.deserialize(&mut json).map_err(de::Error::custom)?;
                }
            }
            Some(Index::At(index)) => {
                for _ in 0..index {
                    if seq.next_element::<IgnoredAny>()?.is_none() {
                        return Ok(());
                    }
                }
                seq.next_element_seed(Search { tokens: self.tokens, each: self.each })?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
            }
            Some(Index::Each) => {
                let tokens = self.tokens;
                while seq.next_element_seed(Search { tokens, each: &mut *self.each })?.is_some() {}
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Compares a key of an object without keeping it.
struct KeyIs<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for KeyIs<'_> {
    type Value = bool;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl de::Visitor<'_> for KeyIs<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn first(json: &str, pointer: &str) -> Option<String> {
        let found = Pointer::parse(pointer).unwrap().first(json.as_bytes());
        found.and_then(text).map(Cow::into_owned)
    }

    #[test]
    fn the_examples_of_rfc_6901_are_found() {
        let json = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        for (pointer, expected) in [
            ("", json),
            ("/foo", r#"["bar","baz"]"#),
            ("/foo/0", "bar"),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            assert_eq!(first(json, pointer).as_deref(), Some(expected), "{pointer}");
            assert_eq!(Pointer::parse(pointer).unwrap().to_string(), pointer);
        }
    }

    #[test]
    fn values_are_text_and_what_is_missing_is_none() {
        let json = r#"{"s":"a\"\u00e9","n":-1.50e3,"t":true,"z":null,"o":{"a":[ 1, 2 ]},"list":[{"i":1},{"i":2},{"i":3}],"*":9}"#;
        for (pointer, expected) in [
            ("/s", Some("a\"é")),
            ("/n", Some("-1.50e3")),
            ("/t", Some("true")),
            ("/z", None),
            ("/o", Some(r#"{"a":[ 1, 2 ]}"#)),
            ("/o/a/1", Some("2")),
            ("/o/a/2", None),
            ("/o/a/01", None),
            ("/o/a/-", None),
            ("/o/a/-0", None),
            ("/o/a/x", None),
            ("/list/-1/i", Some("3")),
            ("/list/-3/i", Some("1")),
            ("/list/-4/i", None),
            ("/list/*/i", Some("1")),
            ("/*", Some("9")),
            ("/s/x", None),
            ("/n/0", None),
            ("/nothing", None),
        ] {
            assert_eq!(first(json, pointer).as_deref(), expected, "{pointer}");
        }
        let mut all = Vec::new();
        Pointer::parse("/list/*/i").unwrap().find(json.as_bytes(), &mut |value| {
            all.push(value.get());
            ControlFlow::Continue(())
        });
        assert_eq!(all, ["1", "2", "3"]);
    }

    #[test]
    fn what_is_behind_the_value_is_not_read() {
        assert_eq!(first(r#"{"a":{"id":7},"b":[1,2"#, "/a/id").as_deref(), Some("7"));
        assert_eq!(first("{\"id\":7}\n{\"id\":8}\n", "/id").as_deref(), Some("7"));
        assert_eq!(first("not json", "/id"), None);
        assert_eq!(first("", "/id"), None);
    }

    #[test]
    fn another_notation_is_refused_with_the_pointer_that_was_meant() {
        for (text, expected) in [
            ("id", "'id' is not a JSON pointer, which begins with '/'; write /id"),
            ("$.data.id", "write /data/id"),
            ("data[0].id", "write /data/0/id"),
            ("/a~b", "'~' in '/a~b' is written ~0, and '/' in a name ~1"),
            ("/a~", "is written ~0"),
        ] {
            let message = Pointer::parse(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-c~/\"\\\\é]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[a-c~/0-2]{0,2}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_place_is_found_that_serde_json_finds(value in json(), pointer in "(/([a-c0-2]|~0|~1){0,2}){0,4}") {
            let whole = value.to_string();
            let found = Pointer::parse(&pointer).unwrap().first(whole.as_bytes()).map(RawValue::get);
            let expected = value.pointer(&pointer).map(Value::to_string);
            prop_assert_eq!(found, expected.as_deref());
        }

        #[test]
        fn any_text_is_a_pointer_or_none(text in "\\PC{0,20}", json in "[\\[\\]{}\":,0-9a-c ]{0,40}") {
            if let Ok(pointer) = Pointer::parse(&text) {
                prop_assert_eq!(pointer.to_string(), text);
                let _ = pointer.first(json.as_bytes());
            }
        }
    }
}
