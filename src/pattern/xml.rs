//! JSON values as the elements of XML that items carry their data in.

use std::borrow::Cow;

use serde_json::Value;

/// Writes a JSON value in the elements of `XPath` 3.1's `fn:json-to-xml` (without their namespace), the XML form of an
/// item's data; a member of a map has its name in the attribute `key`.
pub(super) fn write(out: &mut String, key: Option<&str>, value: &Value) {
    let (name, text) = match value {
        Value::Null => ("null", Cow::Borrowed("")),
        Value::Bool(true) => ("boolean", "true".into()),
        Value::Bool(false) => ("boolean", "false".into()),
        Value::Number(number) => ("number", number.to_string().into()),
        Value::String(text) => ("string", quick_xml::escape::escape(text.as_str())),
        Value::Array(_) => ("array", "".into()),
        Value::Object(_) => ("map", "".into()),
    };
    match key {
        None => out.extend(["<", name, ">"]),
        Some(key) => {
            out.extend(["<", name, " key=\"", &quick_xml::escape::escape(key), "\">"]);
        }
    }
    out.push_str(&text);
    match value {
        Value::Array(values) => values.iter().for_each(|value| write(out, None, value)),
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| write(out, Some(key), value));
        }
        _ => {}
    }
    out.extend(["</", name, ">"]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PayloadKind;

    #[test]
    fn records_are_the_same_in_xml() {
        let payload = PayloadKind::Records.payload(150);
        let mut out = String::new();
        write(&mut out, None, &serde_json::from_slice(&payload).unwrap());
        let (head, tail) = out.split_once("<string key=\"note\">").unwrap();
        assert_eq!(
            head,
            "<map><array key=\"items\"><map><number key=\"id\">1000</number>\
             <string key=\"name\">item 0</string><number key=\"price\">0.0</number>\
             <boolean key=\"in_stock\">true</boolean><array key=\"tags\"><string>new</string><string>t0</string>\
             </array><null key=\"supplier\"></null></map></array>"
        );
        assert!(tail.ends_with("</string></map>"), "{tail}");
    }

    #[test]
    fn xml_metacharacters_are_escaped() {
        let mut out = String::new();
        write(&mut out, None, &serde_json::json!({ "a<\"": ["<&>", false] }));
        assert_eq!(
            out,
            "<map><array key=\"a&lt;&quot;\"><string>&lt;&amp;&gt;</string><boolean>false</boolean></array></map>"
        );
    }
}
