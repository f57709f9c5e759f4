//! Items as JSON, and the JSON merge patch (RFC 7396).

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::draft::{Draft, wrong};
use super::{Item, Stored};
use crate::server::problem::Problem;

/// An item as written by a client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an item: an object with \"name\" and \"data\"")]
struct Written {
    id: Option<u64>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    data: Value,
}

impl From<Written> for Draft {
    fn from(written: Written) -> Self {
        Self { id: written.id, name: written.name, data: written.data }
    }
}

/// The JSON form of an item.
#[derive(Debug, Serialize)]
pub(crate) struct View<'a> {
    id: u64,
    name: &'a str,
    data: &'a Value,
}

impl<'a> From<&'a Stored> for View<'a> {
    fn from(stored: &'a Stored) -> Self {
        Self { id: stored.id, name: &stored.item.name, data: &stored.item.data }
    }
}

/// The JSON form of a page of items.
#[derive(Debug, Serialize)]
pub(crate) struct Page<'a> {
    /// The items.
    pub items: Vec<View<'a>>,
    /// The cursor of the next page; `null` on the last.
    pub next: Option<&'a str>,
}

/// Reads an item: 400 if it is not JSON, 422 with the member if it is not an item.
pub(crate) fn decode(bytes: &[u8]) -> Result<Draft, Problem> {
    // serde would also read an array as an item's members in order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(wrong("", "an item is an object, not an array"));
    }
    match serde_json::from_slice::<Written>(bytes) {
        Ok(written) => Ok(written.into()),
        Err(error) if error.classify() == Category::Data => {
            // Parses again, more slowly, to find the member.
            let pointer = serde_json::from_slice(bytes).map(|value| fault(&value));
            Err(wrong(&pointer.unwrap_or_default(), error.to_string()))
        }
        Err(error) => Err(no_json(&error)),
    }
}

/// Reads a patch.
pub(crate) fn patch(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|error| no_json(&error))
}

fn no_json(error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("the body is not valid JSON: {error}"))
        .member("line", error.line())
        .member("column", error.column())
}

/// Which member makes of `value` no item.
fn fault(value: &Value) -> String {
    let Value::Object(members) = value else { return String::new() };
    let sound = |(name, value): &(&String, &Value)| match name.as_str() {
        "id" => value.is_u64() || value.is_null(),
        "name" => value.is_string(),
        name => name == "data",
    };
    let pointer = |name: &str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    members.iter().find(|member| !sound(member)).map(|(name, _)| pointer(name)).unwrap_or_default()
}

/// Applies a merge patch to an item.
pub(crate) fn patched(stored: &Stored, patch: Value) -> Result<Item, Problem> {
    let mut document = Map::new();
    document.insert("name".to_owned(), stored.item.name.clone().into());
    document.insert("data".to_owned(), stored.item.data.clone());
    let mut document = Value::Object(document);
    merge(&mut document, patch);
    if !document.is_object() {
        return Err(wrong("", "the patch makes of the item what is none"));
    }
    let pointer = fault(&document);
    let written =
        Written::deserialize(document).map_err(|error| wrong(&pointer, error.to_string()))?;
    Draft::from(written).replacing(stored.id)
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::server::answer::{Body, Reply};

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
        let draft = || decode(br#"{"id":7,"name":"n","data":[1]}"#).unwrap();
        assert_eq!(draft().replacing(7).unwrap(), Item { name: "n".into(), data: json!([1]) });
        let status =
            |refused: Result<Item, Problem>| Reply::from(refused.unwrap_err()).status().as_u16();
        assert_eq!((status(draft().replacing(8)), status(draft().created())), (409, 422));
        assert_eq!(decode(b"{}").unwrap().created().unwrap(), Item::default());
    }

    #[test]
    fn a_refusal_names_the_member() {
        for (text, pointer) in [
            (r#"{"nmae":"x"}"#, "/nmae"),
            (r#"{"data":1,"name":2}"#, "/name"),
            (r#"{"id":"7"}"#, "/id"),
            (r#"{"a/b":1}"#, "/a~1b"),
            ("[]", ""),
            ("7", ""),
        ] {
            let reply = Reply::from(decode(text.as_bytes()).unwrap_err());
            let Body::Whole(body) = reply.body() else { panic!("a whole body") };
            let document: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(
                (reply.status().as_u16(), &document["errors"][0]["pointer"]),
                (422, &pointer.into()),
                "{text}"
            );
        }
        assert_eq!(Reply::from(decode(b"{\"name\":").unwrap_err()).status(), 400);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
            let _ = patch(&bytes);
        }
    }
}
