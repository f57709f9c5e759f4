//! An item as a client sends it, in any encoding.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::Item;
use crate::server::problem::Problem;

/// An item as sent: not yet anybody's.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Draft {
    /// Sent by clients that edit what they have read; must be the item's own.
    pub id: Option<u64>,
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

impl Draft {
    /// Validates a new item.
    pub(crate) fn created(self) -> Result<Item, Problem> {
        match self.id {
            Some(_) => Err(wrong("/id", "an item's id is given by the target: leave it out")),
            None => Ok(Item { name: self.name, data: self.data }),
        }
    }

    /// Validates a replacement of number `id`: 409 if the item has another id.
    pub(crate) fn replacing(self, id: u64) -> Result<Item, Problem> {
        match self.id {
            Some(given) if given != id => {
                let detail = format!("this is item {id}, and what was sent is item {given}");
                Err(Problem::new(StatusCode::CONFLICT, detail)
                    .member("errors", errors("/id", "another item's")))
            }
            _ => Ok(Item { name: self.name, data: self.data }),
        }
    }
}

/// 422: it was read, and the member at `pointer` (RFC 6901) makes no sense.
pub(super) fn wrong(pointer: &str, detail: impl Into<String>) -> Problem {
    let detail = detail.into();
    let errors = errors(pointer, &detail);
    Problem::unprocessable(detail).member("errors", errors)
}

/// The error details, as in the example of RFC 9457, section 3.
fn errors(pointer: &str, detail: &str) -> Value {
    json!([{ "pointer": pointer, "detail": detail }])
}
