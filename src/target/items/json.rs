//! Items as JSON, and the JSON merge patch (RFC 7396).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Item, Stored};
use crate::target::problem::Problem;
use crate::target::request;

/// An item as written by a client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an item: an object with \"name\" and \"data\"")]
struct Draft {
    /// Sent back by clients that edit what they read; must not differ.
    id: Option<u64>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    data: Value,
}

/// An item as it is shown.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    id: u64,
    name: &'a str,
    data: &'a Value,
}

impl<'a> From<&'a Stored> for View<'a> {
    fn from(stored: &'a Stored) -> Self {
        Self { id: stored.id, name: &stored.item.name, data: &stored.item.data }
    }
}

/// Reads an item; `id` is the one that it must have if it says one.
pub fn decode(bytes: &[u8], id: Option<u64>) -> Result<Item, Problem> {
    item(request::object(bytes)?, id)
}

fn item(draft: Draft, id: Option<u64>) -> Result<Item, Problem> {
    match draft.id {
        Some(given) if Some(given) != id => {
            Err(Problem::unprocessable("an item's id is given by the target: leave it out"))
        }
        _ => Ok(Item { name: draft.name, data: draft.data }),
    }
}

/// Applies a merge patch to an item.
pub fn patched(stored: &Stored, patch: Value) -> Result<Item, Problem> {
    let mut document = Map::new();
    document.insert("name".to_owned(), stored.item.name.clone().into());
    document.insert("data".to_owned(), stored.item.data.clone());
    let mut document = Value::Object(document);
    merge(&mut document, patch);
    if !document.is_object() {
        return Err(Problem::unprocessable("the patch makes of the item what is none"));
    }
    let draft = Draft::deserialize(document);
    item(draft.map_err(|error| Problem::unprocessable(error.to_string()))?, Some(stored.id))
}

/// `MergePatch` of RFC 7396, section 2.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(&name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_merge_as_in_the_table_of_the_rfc() {
        for (mut original, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let shown = format!("{original} + {patch}");
            merge(&mut original, patch);
            assert_eq!(original, result, "{shown}");
        }
    }

    #[test]
    fn an_item_may_repeat_its_own_id_only() {
        let text = br#"{"id":7,"name":"n","data":[1]}"#;
        assert_eq!(decode(text, Some(7)).unwrap(), Item { name: "n".into(), data: json!([1]) });
        assert!(decode(text, None).is_err() && decode(text, Some(8)).is_err());
        assert!(decode(br#"{"nmae":"x"}"#, None).is_err());
        assert_eq!(decode(b"{}", None).unwrap(), Item::default());
    }
}
