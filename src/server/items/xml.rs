//! Items as XML, without loss.
//!
//! `<item id="1"><name>n</name><data>…</data></item>`. The data is any JSON value, written in the elements of `XPath` 3.1's
//! `fn:json-to-xml` (without their namespace): `<map>`, `<array>`, `<string>`, `<number>`, `<boolean>`, `<null/>`; a member
//! of a map has its name in the attribute `key`. Characters that XML cannot hold are escaped as in JSON, marked by
//! `escaped="true"` (`escaped-key="true"`).

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use super::Stored;

/// The start of every document.
const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// An item as a document.
pub(crate) fn encode(stored: &Stored) -> String {
    let mut out = String::with_capacity(256);
    out.push_str(PROLOG);
    item(&mut out, stored);
    out
}

/// A page of items as a document; `next` is the cursor of the next one.
pub(crate) fn encode_page<'a>(
    items: impl Iterator<Item = &'a Stored>,
    next: Option<&str>,
) -> String {
    let mut out = String::with_capacity(4096);
    out.push_str(PROLOG);
    out.push_str("<items");
    if let Some(next) = next {
        attribute(&mut out, "next", next);
    }
    out.push('>');
    for stored in items {
        item(&mut out, stored);
    }
    out.push_str("</items>");
    out
}

fn item(out: &mut String, stored: &Stored) {
    out.push_str("<item id=\"");
    out.push_str(itoa::Buffer::new().format(stored.id));
    out.push_str("\">");
    out.push_str("<name");
    content(out, &stored.item.name);
    out.push_str("</name><data>");
    value(out, None, &stored.item.data);
    out.push_str("</data></item>");
}

fn value(out: &mut String, key: Option<&str>, value_: &Value) {
    let name = match value_ {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "map",
    };
    out.push('<');
    out.push_str(name);
    if let Some(key) = key {
        let escaped = escaped(key);
        if matches!(escaped, Cow::Owned(_)) {
            out.push_str(" escaped-key=\"true\"");
        }
        attribute(out, "key", &escaped);
    }
    match value_ {
        Value::Null => return out.push_str("/>"),
        Value::Bool(truth) => out.push_str(if *truth { ">true" } else { ">false" }),
        Value::Number(number) => {
            out.push('>');
            if let Some(whole) = number.as_i64() {
                out.push_str(itoa::Buffer::new().format(whole));
            } else {
                let _ = write!(out, "{number}");
            }
        }
        Value::String(text) => content(out, text),
        Value::Array(items) => {
            out.push('>');
            for item in items {
                value(out, None, item);
            }
        }
        Value::Object(members) => {
            out.push('>');
            for (key, member) in members {
                value(out, Some(key), member);
            }
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// The rest of a start tag, and a text.
fn content(out: &mut String, text: &str) {
    let escaped = escaped(text);
    out.push_str(if matches!(escaped, Cow::Owned(_)) { " escaped=\"true\">" } else { ">" });
    push(out, &escaped, false);
}

fn attribute(out: &mut String, name: &str, text: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push(out, text, true);
    out.push('"');
}

/// A text with the references that it needs. Readers make spaces of white space in attributes, and one line feed
/// of a return with it.
fn push(out: &mut String, text: &str, in_attribute: bool) {
    // Most texts need none, which is seen faster than by looking at each byte in turn.
    let special = |byte: u8| {
        byte < 0x20 || matches!(byte, b'&' | b'<' | b'>') || (in_attribute && byte == b'"')
    };
    if !text.bytes().fold(false, |any, byte| any | special(byte)) {
        return out.push_str(text);
    }
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let reference = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'\r' => "&#13;",
            b'"' if in_attribute => "&quot;",
            b'\t' if in_attribute => "&#9;",
            b'\n' if in_attribute => "&#10;",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(reference);
        from = at + 1;
    }
    out.push_str(&text[from..]);
}

/// Whether XML 1.0 can hold a character at all.
pub(crate) fn is_char(c: char) -> bool {
    !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// Whether XML can hold every character of a text.
pub(crate) fn is_text(text: &str) -> bool {
    // Both that are not among the first 32 begin with the same byte. Without a way out, many bytes are seen at once.
    let doubtful =
        |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0xef;
    !text.bytes().fold(false, |any, byte| any | doubtful(byte)) || text.chars().all(is_char)
}

/// Borrowed where XML can hold the text; escaped as in JSON where it cannot.
fn escaped(text: &str) -> Cow<'_, str> {
    if is_text(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            c if is_char(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::server::items::xml_reader::decode;
    use crate::server::items::{Item, Store};

    fn shown(item: Item) -> String {
        encode(&Store::new(1).insert(item, 0).unwrap())
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z<>&'\" \t\r\n\\\\\u{0}-\u{1f}]{0,10}",
            ".{0,6}",
            "[\u{fff0}-\u{ffff}]{0,3}"
        ]
    }

    fn any_data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(Value::from),
            any_text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((any_text(), inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_item_survives_the_round_trip(name in any_text(), data in any_data()) {
            let item = Item { name, data };
            let text = shown(item.clone());
            prop_assert!(text.chars().all(is_char), "{}", text);
            let draft = decode(text.as_bytes()).unwrap();
            prop_assert_eq!(draft.id, Some(1));
            prop_assert_eq!(draft.replacing(1).unwrap(), item);
        }
    }

    #[test]
    fn an_item_is_written_as_documented() {
        let data = json!({ "a": [1, -2.5, true, null], "<b>": "x\u{0}\\" });
        let text = shown(Item { name: "n & m".to_owned(), data });
        let expected = concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<item id=\"1\"><name>n &amp; m</name><data><map>",
            "<array key=\"a\"><number>1</number><number>-2.5</number><boolean>true</boolean><null/></array>",
            "<string key=\"&lt;b&gt;\" escaped=\"true\">x\\u0000\\\\</string>",
            "</map></data></item>",
        );
        assert_eq!(text, expected);
        assert_eq!(
            encode_page(std::iter::empty(), Some("a\"b")),
            format!("{PROLOG}<items next=\"a&quot;b\"></items>")
        );
    }
}
