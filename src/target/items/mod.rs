//! `/items`: create, read, replace, patch, delete, list (`request`).
//!
//! An item is a name and any data. The model ([`Item`]) knows nothing of its encoding, which is [`json`] now
//! and may be another beside it.

pub mod json;
mod routes;
mod store;

use serde_json::Value;

pub use routes::{collection, item};
pub use store::{Store, Stored};

/// An item as its owner sees it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Item {
    /// A name for people; may be empty.
    pub name: String,
    /// Anything.
    pub data: Value,
}
