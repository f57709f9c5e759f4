//! From the tree to typed values, with errors that know the place and the key.

use std::fmt;

use serde::de::{self, DeserializeOwned, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserialize as _, forward_to_deserialize_any};

use super::error::{ScenarioError, suggestion};
use super::keys;
use super::overrides::FAULT;
use super::spelling::key_hint;
use super::tree::{Node, Place, Table, Value};
use crate::unit::{Count, Share};

/// Reads `table`, which stands at `prefix` of `file` (empty for the root), and refuses keys that are not in the schema.
pub(super) fn read<T: DeserializeOwned>(
    file: &str,
    prefix: &str,
    table: &Table,
) -> Result<T, ScenarioError> {
    if let Some(section) = keys::section(prefix) {
        known(file, prefix, &section.names(), table)?;
    }
    T::deserialize(Reader::Table(table)).map_err(|fault| fault.located(file, prefix))
}

/// Refuses the first key of `table` that is none of `names`.
pub(super) fn known(
    file: &str,
    prefix: &str,
    names: &[&'static str],
    table: &Table,
) -> Result<(), ScenarioError> {
    match table.0.iter().find(|(key, _)| !names.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, node)) => {
            let unknown = Kind::UnknownKey { key: key.clone(), known: names.to_vec() };
            Err(Fault::new(unknown).at(&node.place).located(file, prefix))
        }
    }
}

/// Reads the value at `path` of `file`.
pub(super) fn value<T: DeserializeOwned>(
    file: &str,
    path: &str,
    node: &Node,
) -> Result<T, ScenarioError> {
    let value = T::deserialize(Reader::Value(&node.value));
    value.map_err(|fault| fault.at(&node.place).located(file, path))
}

/// Refuses what is written at `path` of `file`: `fault` says what is wrong, and the remedy.
pub(super) fn refused(file: &str, path: &str, node: &Node, fault: &str) -> ScenarioError {
    ScenarioError::refused(file, &node.place, format!("{path}: {fault}"))
}

/// Refuses what is none of `words`.
pub(super) fn word(
    file: &str,
    path: &str,
    words: &[&str],
    node: &Node,
) -> Result<(), ScenarioError> {
    match not_one_of(words, Reader::Value(&node.value)) {
        None => Ok(()),
        Some(fault) => Err(fault.at(&node.place).located(file, path)),
    }
}

/// What is wrong with a value that should be one of `words`.
fn not_one_of(words: &[&str], value: Reader<'_>) -> Option<Fault> {
    match value {
        Reader::Value(Value::Text(text)) if words.contains(&text.as_str()) => None,
        Reader::Value(Value::Text(text)) => Some(de::Error::custom(format!(
            "'{text}' is not one of {}{}",
            words.join(", "),
            super::error::nearest(text, words.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
        ))),
        _ => Some(de::Error::custom(format!("write one of \"{}\"", words.join("\", \"")))),
    }
}

/// The value, if it can be read as a `T`.
pub(super) fn value_of<T: DeserializeOwned>(node: &Node) -> Option<T> {
    T::deserialize(Reader::Value(&node.value)).ok()
}

/// The keys that `T` knows, in their order.
#[cfg(test)]
pub(super) fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // It always fails: the deserializer answers with the keys that it was asked for, and no value.
    let _ = T::deserialize(NameLister(&mut keys));
    keys
}

/// The words that the enumeration `T` knows, in their order.
pub(super) fn words_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut words: &'static [&'static str] = &[];
    // As for the keys of a struct.
    let _ = T::deserialize(NameLister(&mut words));
    words
}

/// What is wrong with a value, gathering its place and key on the way up.
#[derive(Debug)]
struct Fault {
    place: Option<Place>,
    path: Vec<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    UnknownKey { key: String, known: Vec<&'static str> },
    Other(String),
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self { place: None, path: Vec::new(), kind }
    }

    fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    fn located(mut self, file: &str, prefix: &str) -> ScenarioError {
        if !prefix.is_empty() {
            self.path.insert(0, prefix.to_owned());
        }
        let path = self.path.join(".");
        let message = match self.kind {
            Kind::UnknownKey { key, known } => {
                let section = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
                let hint = if file == FAULT {
                    suggestion(&key, &known)
                } else {
                    key_hint(&path, &key, &known)
                };
                format!("unknown key '{key}'{section}{hint}")
            }
            Kind::Other(message) => format!("{path}: {message}"),
        };
        ScenarioError::refused(file, &self.place.unwrap_or(Place::File), message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::UnknownKey { key, .. } => write!(f, "unknown key '{key}'"),
            Kind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        let wanted = match wanted.to_string().as_str() {
            "f64" => "a number, such as 0.01".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "a sequence" => "a list: write [\"…\", …]".to_owned(),
            other => other.to_owned(),
        };
        Self::custom(format!("{found} is not {wanted}"))
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Self::invalid_type(found, wanted)
    }
}

/// A part of the tree that is being read.
#[derive(Clone, Copy)]
enum Reader<'a> {
    Table(&'a Table),
    Value(&'a Value),
}

impl Reader<'_> {
    /// The whole number that it is.
    fn count(self) -> Result<u64, Fault> {
        let whole = match self {
            Self::Value(Value::Integer(n)) => u64::try_from(*n).ok(),
            _ => None,
        };
        whole.map_or_else(|| Count::deserialize(self).map(Count::get), Ok)
    }
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Table(table) | Self::Value(Value::Table(table)) => {
                visitor.visit_map(Entries { left: table.0.iter(), node: None })
            }
            Self::Value(value) => match value {
                Value::Text(text) => visitor.visit_borrowed_str(text),
                Value::Integer(n) => match (i64::try_from(*n), u64::try_from(*n)) {
                    (Ok(n), _) => visitor.visit_i64(n),
                    (_, Ok(n)) => visitor.visit_u64(n),
                    _ => Err(de::Error::custom("the number is out of range")),
                },
                Value::Float(n) => visitor.visit_f64(*n),
                Value::Boolean(truth) => visitor.visit_bool(*truth),
                Value::Date => Err(de::Error::custom("a date or time is not allowed here")),
                Value::List(items) => visitor.visit_seq(Items(items.iter())),
                Value::Table(_) => Err(de::Error::custom("a table is not allowed here")),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (Self::Table(table) | Self::Value(Value::Table(table))) = self else {
            return Err(de::Error::custom(format!(
                "is a table; its keys are {}",
                fields.join(", ")
            )));
        };
        if let Some((key, node)) = table.0.iter().find(|(key, _)| !fields.contains(&key.as_str())) {
            let unknown = Kind::UnknownKey { key: key.clone(), known: fields.to_vec() };
            return Err(Fault::new(unknown).at(&node.place));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match (not_one_of(variants, self), self) {
            (Some(fault), _) => Err(fault),
            (None, Self::Value(Value::Text(text))) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            (None, other) => other.deserialize_any(visitor),
        }
    }

    /// A share may be a percentage.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Value(Value::Text(text)) => {
                visitor.visit_f64(text.parse::<Share>().map_err(de::Error::custom)?.get())
            }
            other => other.deserialize_any(visitor),
        }
    }

    /// A count may have a suffix, and be a whole number that TOML takes for a float, such as 1e3.
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u64(self.count()?)
    }

    /// What is too large for the type is out of bounds, which [`keys::check`] says of the number as written.
    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u32(self.count()?.try_into().unwrap_or(u32::MAX))
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u16(self.count()?.try_into().unwrap_or(u16::MAX))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u128 f32 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Entries<'a> {
    left: std::slice::Iter<'a, (String, Node)>,
    node: Option<(&'a str, &'a Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.node = self.left.next().map(|(key, node)| (key.as_str(), node));
        self.node.map(|(key, _)| seed.deserialize(key.into_deserializer())).transpose()
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, node)) = self.node else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader::Value(&node.value)).map_err(|mut fault| {
            fault.path.insert(0, key.to_owned());
            fault.at(&node.place)
        })
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        self.0
            .next()
            .map(|node| {
                seed.deserialize(Reader::Value(&node.value)).map_err(|fault| fault.at(&node.place))
            })
            .transpose()
    }
}

/// Answers every question with an error, a struct's with its keys, an enumeration's with its words.
struct NameLister<'a>(&'a mut &'static [&'static str]);

impl<'de> de::Deserializer<'de> for NameLister<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(de::Error::custom("only the names are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        *self.0 = variants;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}
