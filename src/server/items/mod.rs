//! `/items`: create, read, replace, patch, delete, list (`request`).
//!
//! An item is a name and any data. The model ([`Item`]) is independent of its encodings, [`json`] and [`xml`]; `Accept` and
//! `Content-Type` choose one ([`mod@format`]).

mod cost;
mod cursor;
mod draft;
pub(super) mod format;
pub(super) mod json;
mod routes;
mod store;
pub(super) mod xml;
mod xml_reader;

use std::sync::Arc;

use serde_json::Value;

pub(super) use routes::{collection, item, read_json};
pub(super) use store::{Store, Stored};

/// An item as its owner sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Item {
    /// A name for people; may be empty.
    pub name: String,
    /// Anything.
    pub data: Value,
}

/// An item in its encodings, for those who measure these.
#[derive(Debug)]
pub struct EncodedItem(Arc<Stored>);

impl EncodedItem {
    /// The item that `json` describes; `None` if that is none.
    pub fn of(json: &[u8]) -> Option<Self> {
        let item = json::decode(json).ok()?.created().ok()?;
        Store::new(1).insert(item, 0).map(Self)
    }

    /// As JSON.
    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&json::View::from(&*self.0)).unwrap_or_default()
    }

    /// As XML.
    pub fn xml(&self) -> String {
        xml::encode(&self.0)
    }

    /// Whether `bytes` are an item as JSON.
    pub fn is_json(bytes: &[u8]) -> bool {
        json::decode(bytes).is_ok()
    }

    /// Whether `bytes` are an item as XML.
    pub fn is_xml(bytes: &[u8]) -> bool {
        xml_reader::decode(bytes).is_ok()
    }
}

/// About how many bytes of memory an item takes: a list of nothings is many times as large as its text.
fn weight(item: &Item) -> usize {
    fn of(value: &Value) -> usize {
        size_of::<Value>()
            + match value {
                Value::Null | Value::Bool(_) | Value::Number(_) => 0,
                Value::String(text) => text.len(),
                Value::Array(items) => items.iter().map(of).sum(),
                // A member has a name, its hash, and a slot of the index.
                Value::Object(members) => {
                    members.iter().map(|(name, value)| name.len() + 40 + of(value)).sum()
                }
            }
    }
    size_of::<Item>() + item.name.len() + of(&item.data)
}
