//! The texts of a `[target]` with placeholders, each with its place, and what may stand in them there.

use super::super::keys::{Key, Kind};
use super::super::read::value_of;
use super::super::tree::{Node, Place, Table, Value};
use crate::dialect::template::Template;

/// A text with placeholders.
#[derive(Debug)]
pub(super) struct Text {
    /// Its key, dotted: `target.setup[0].body`.
    pub path: String,
    /// Where it is written.
    pub place: Place,
    /// The text.
    pub template: Template,
}

/// Every text with placeholders in `table`, which is written at `path` by `keys`.
pub(super) fn texts(path: &str, keys: &[Key], table: &Table) -> Vec<Text> {
    let mut found = Vec::new();
    of_table(path, keys, table, &mut found);
    found
}

fn of_table(path: &str, keys: &[Key], table: &Table, found: &mut Vec<Text>) {
    for (name, node) in &table.0 {
        let path = format!("{path}.{name}");
        match keys.iter().find(|key| key.name == name) {
            // The parts of a cursor have rules of their own.
            Some(key) if key.name == "cursor" => of_cursor(&path, node, found),
            Some(key) => of_kind(&path, &key.kind, node, found),
            None => {}
        }
    }
}

fn of_kind(path: &str, kind: &Kind, node: &Node, found: &mut Vec<Text>) {
    match (kind, &node.value) {
        (Kind::Grammar(grammar), Value::Text(_)) if grammar.has_placeholders => {
            add(path, node, found);
        }
        (Kind::Table(keys) | Kind::Call(keys), Value::Table(table)) => {
            of_table(path, keys, table, found);
        }
        (Kind::List(kind) | Kind::Listed(kind), Value::List(items)) => {
            for (n, item) in items.iter().enumerate() {
                of_kind(&format!("{path}[{n}]"), kind, item, found);
            }
        }
        (Kind::Map(kind), Value::Table(table)) => {
            for (name, node) in &table.0 {
                of_kind(&format!("{path}.{name}"), kind, node, found);
            }
        }
        (Kind::Either(kinds), Value::Table(_)) => {
            for kind in kinds.iter().filter(|kind| matches!(kind, Kind::Table(_))) {
                of_kind(path, kind, node, found);
            }
        }
        (Kind::Either(kinds), _) => {
            for kind in kinds.iter().filter(|kind| !matches!(kind, Kind::Table(_))) {
                of_kind(path, kind, node, found);
            }
        }
        _ => {}
    }
}

fn of_cursor(path: &str, node: &Node, found: &mut Vec<Text>) {
    let Value::Table(parts) = &node.value else { return };
    for (name, part) in &parts.0 {
        let Value::Table(part) = &part.value else { continue };
        if let Some(first) = part.get("first") {
            add(&format!("{path}.{name}.first"), first, found);
        }
    }
}

fn add(path: &str, node: &Node, found: &mut Vec<Text>) {
    // What cannot be read was refused before.
    if let Some(template) = value_of(node) {
        found.push(Text { path: path.to_owned(), place: node.place.clone(), template });
    }
}
