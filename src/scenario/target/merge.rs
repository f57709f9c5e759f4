//! A scenario's `[target]` over that of the page that it starts from.

use super::super::keys::{Key, Kind};
use super::super::tree::{Node, Table, Value};

/// Writes `own` over `page`, both of the table with `keys`: tables are merged key by key, anything else is replaced.
///
/// Lists are replaced whole, arrays of tables among them: the order of steps matters, and a step has no name to be found by.
/// Conditions on messages are replaced too, as theirs are alternatives.
pub(super) fn over(keys: &[Key], page: Table, own: Table) -> Table {
    let mut merged = page;
    for (name, node) in own.0 {
        let kind = keys.iter().find(|key| key.name == name).map(|key| &key.kind);
        let node = match (kind, merged.remove(&name)) {
            (Some(kind), Some(former)) if !is_another(&name, &former, &node) => {
                node_over(kind, former, node)
            }
            _ => node,
        };
        merged.set(&name, node);
    }
    merged
}

fn node_over(kind: &Kind, page: Node, own: Node) -> Node {
    let place = own.place.clone();
    let value = match (kind, page.value, own.value) {
        (Kind::Table(keys) | Kind::Call(keys), Value::Table(page), Value::Table(own)) => {
            Value::Table(over(keys, page, own))
        }
        (Kind::Map(kind), Value::Table(mut page), Value::Table(own)) => {
            for (name, node) in own.0 {
                let node = match page.remove(&name) {
                    Some(former) => node_over(kind, former, node),
                    None => node,
                };
                page.set(&name, node);
            }
            Value::Table(page)
        }
        (Kind::Either(kinds), Value::Table(page), Value::Table(own)) => {
            let table = kinds.iter().find_map(|kind| match kind {
                Kind::Table(keys) => Some(*keys),
                _ => None,
            });
            Value::Table(over(table.unwrap_or_default(), page, own))
        }
        (_, _, own) => own,
    };
    Node { place, value }
}

/// Whether a table describes another thing than the page's, of which nothing can hold.
fn is_another(name: &str, page: &Node, own: &Node) -> bool {
    let over = |node: &Node| match &node.value {
        Value::Table(table) => table.get("over").map(|node| node.value.clone()),
        _ => None,
    };
    let http = || Value::Text("http".to_owned());
    name == "publish" && over(own).is_some_and(|own| own != over(page).unwrap_or_else(http))
}
