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
