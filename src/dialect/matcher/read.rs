//! Matchers in files: a string, or a table with one condition.

use std::collections::BTreeMap;
use std::fmt;

use memchr::memmem;
use serde::de::{self, MapAccess};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CONDITIONS, Condition, Is, Matcher, Member};
use crate::dialect::capture::regex_of;
use crate::dialect::encoding;
use crate::dialect::pointer::Pointer;
use crate::prose::suggestion;

/// A scalar, or a demand for presence, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Presence(Presence),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Presence {
    present: bool,
}

pub(super) fn hex_text(bytes: &[u8]) -> String {
    let mut digits = Vec::new();
    encoding::hex(bytes, &mut digits);
    String::from_utf8_lossy(&digits).into_owned()
}

/// The bytes of a text that must not be empty, as every message contains nothing.
fn some(key: &str, text: &str) -> Result<Box<[u8]>, String> {
    if text.is_empty() {
        return Err(format!("{key} is empty, and would match every message"));
    }
    Ok(text.as_bytes().into())
}

fn condition(key: &str, text: &str) -> Result<Condition, String> {
    Ok(match key {
        "exact" => Condition::Exact(text.as_bytes().into()),
        "prefix" => Condition::Prefix(some(key, text)?),
        "contains" => {
            Condition::Contains(Box::new(memmem::Finder::new(&some(key, text)?).into_owned()))
        }
        "regex" => Condition::Regex(regex_of(text)?),
        _ => {
            let mut bytes = Vec::new();
            let decoded = encoding::hex_decode(some(key, text)?.as_ref(), &mut bytes);
            decoded.ok_or_else(|| {
                format!("'{text}' is not hexadecimal; write two digits per byte, such as \"d0 00\"")
            })?;
            if bytes.is_empty() {
                return Err(format!("{key} is empty, and would match every message"));
            }
            Condition::Hex(bytes.into())
        }
    })
}

fn members(written: BTreeMap<String, Written>) -> Result<Condition, String> {
    if written.is_empty() {
        return Err("json is empty; write { json = { \"/type\" = \"ping\" } }".to_owned());
    }
    let member = |(pointer, is): (String, Written)| {
        let is = match is {
            Written::Bool(value) => Is::Bool(value),
            Written::Integer(value) => Is::Integer(value),
            Written::Float(value) => Is::Float(value),
            Written::Text(value) => Is::Text(value.into()),
            Written::Presence(Presence { present }) => Is::Present(present),
        };
        Ok(Member { pointer: Pointer::parse(&pointer)?, is })
    };
    Ok(Condition::Json(written.into_iter().map(member).collect::<Result<_, String>>()?))
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Matcher;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a table with one of exact, prefix, contains, regex, hex, json")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Matcher, E> {
        Ok(Matcher::exact(text.as_bytes()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Matcher, A::Error> {
        let custom = de::Error::custom::<String>;
        let mut event = None;
        let mut found: Option<(String, Condition)> = None;
        while let Some(key) = map.next_key::<String>()? {
            let read = match key.as_str() {
                "event" => {
                    event = Some(map.next_value::<String>()?.into());
                    continue;
                }
                "json" => members(map.next_value()?).map_err(custom)?,
                "exact" | "prefix" | "contains" | "regex" | "hex" => {
                    condition(&key, &map.next_value::<String>()?).map_err(custom)?
                }
                _ => {
                    let known: Vec<&str> = CONDITIONS.iter().map(|word| word.name).collect();
                    let hint = suggestion(&key, &known);
                    return Err(custom(format!("'{key}' is not a condition for messages{hint}")));
                }
            };
            if let Some((other, _)) = found {
                let message =
                    format!("{other} and {key} stand together; write one, or two matches");
                return Err(custom(message));
            }
            found = Some((key, read));
        }
        let condition = match (found, &event) {
            (Some((_, condition)), _) => condition,
            (None, Some(_)) => Condition::Any,
            (None, None) => {
                let message = "an empty table matches nothing; write one of exact, prefix, contains, regex, hex, json";
                return Err(custom(message.to_owned()));
            }
        };
        Ok(Matcher { condition, event })
    }
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let (Condition::Exact(bytes), None) = (&self.condition, &self.event) {
            return serializer.serialize_str(&text(bytes));
        }
        let mut map = serializer.serialize_map(None)?;
        match &self.condition {
            Condition::Any => {}
            Condition::Exact(bytes) => map.serialize_entry("exact", &text(bytes))?,
            Condition::Prefix(bytes) => map.serialize_entry("prefix", &text(bytes))?,
            Condition::Contains(finder) => {
                map.serialize_entry("contains", &text(finder.needle()))?;
            }
            Condition::Regex(regex) => map.serialize_entry("regex", regex.as_str())?,
            Condition::Hex(bytes) => map.serialize_entry("hex", &hex_text(bytes))?,
            Condition::Json(members) => {
                let written = members.iter().map(|Member { pointer, is }| {
                    let is = match is {
                        Is::Present(present) => Written::Presence(Presence { present: *present }),
                        Is::Bool(value) => Written::Bool(*value),
                        Is::Integer(value) => Written::Integer(*value),
                        Is::Float(value) => Written::Float(*value),
                        Is::Text(value) => Written::Text(value.to_string()),
                    };
                    (pointer.to_string(), is)
                });
                map.serialize_entry("json", &written.collect::<BTreeMap<_, _>>())?;
            }
        }
        if let Some(event) = &self.event {
            map.serialize_entry("event", &**event)?;
        }
        map.end()
    }
}
