//! Whether what was written has the keys and kinds of its table: the first that has not is refused at its own line.
//!
//! Tables that serde reads into a struct without flattened parts need no such walk; those of `[target]` do, and they are read
//! from several files.

use super::{Key, Kind, Usual};
use crate::scenario::error::ScenarioError;
use crate::scenario::read::{known, refused, value, word};
use crate::scenario::tree::{Node, Table, Value};
use crate::unit::{Bandwidth, ByteSize, Rate, Span};

/// Checks `table`, which is written at `path` of `file`, by `keys`.
pub(in crate::scenario) fn shape(
    file: &str,
    path: &str,
    keys: &[Key],
    table: &Table,
) -> Result<(), ScenarioError> {
    let names: Vec<&'static str> = keys.iter().map(|key| key.name).collect();
    known(file, path, &names, table)?;
    for (name, node) in &table.0 {
        let Some(key) = keys.iter().find(|key| key.name == name) else { continue };
        of_kind(file, &format!("{path}.{name}"), &key.kind, node)?;
    }
    Ok(())
}

/// Checks that everything is there that must be, once all that was written is together.
pub(in crate::scenario) fn whole(
    file: &str,
    path: &str,
    keys: &[Key],
    table: &Table,
    at: &Node,
) -> Result<(), ScenarioError> {
    for key in keys {
        let inner = format!("{path}.{}", key.name);
        match (table.get(key.name), key.usual) {
            (None, Usual::Required { write, .. }) => {
                return Err(refused(file, &inner, at, &format!("missing; write {write}")));
            }
            (None, _) => {}
            (Some(node), _) => whole_of(file, &inner, &key.kind, node)?,
        }
    }
    Ok(())
}

fn whole_of(file: &str, path: &str, kind: &Kind, node: &Node) -> Result<(), ScenarioError> {
    match (kind, &node.value) {
        (Kind::Table(keys) | Kind::Call(keys), Value::Table(table)) => {
            whole(file, path, keys, table, node)
        }
        (Kind::List(kind) | Kind::Listed(kind), Value::List(items)) => {
            each(path, items, |path, item| whole_of(file, path, kind, item))
        }
        (Kind::Map(kind), Value::Table(table)) => table
            .0
            .iter()
            .try_for_each(|(name, node)| whole_of(file, &format!("{path}.{name}"), kind, node)),
        (Kind::Either(kinds), _) => {
            kinds.iter().try_for_each(|kind| whole_of(file, path, kind, node))
        }
        _ => Ok(()),
    }
}

fn each(
    path: &str,
    items: &[Node],
    mut check: impl FnMut(&str, &Node) -> Result<(), ScenarioError>,
) -> Result<(), ScenarioError> {
    items.iter().enumerate().try_for_each(|(n, item)| check(&format!("{path}[{n}]"), item))
}

fn of_kind(file: &str, path: &str, kind: &Kind, node: &Node) -> Result<(), ScenarioError> {
    match kind {
        Kind::Text => value::<String>(file, path, node).map(drop),
        Kind::Boolean => value::<bool>(file, path, node).map(drop),
        Kind::Count(_) => value::<u64>(file, path, node).map(drop),
        Kind::Number(_) | Kind::Share(_) => value::<f64>(file, path, node).map(drop),
        Kind::Span(_) => value::<Span>(file, path, node).map(drop),
        Kind::Rate => value::<Rate>(file, path, node).map(drop),
        Kind::Size(_) => value::<ByteSize>(file, path, node).map(drop),
        Kind::Bandwidth(_) => value::<Bandwidth>(file, path, node).map(drop),
        Kind::Words(words) => word(file, path, words(), node),
        Kind::Word(only) => word(file, path, &[*only], node),
        Kind::Either(kinds) => either(file, path, kinds, node),
        Kind::List(kind) | Kind::Set(kind) => match &node.value {
            Value::List(items) => each(path, items, |path, item| of_kind(file, path, kind, item)),
            Value::Table(_) if matches!(kind, Kind::Table(_)) => {
                let fault = format!("is a list of tables; write [[{path}]] above its keys");
                Err(refused(file, path, node, &fault))
            }
            _ => value::<Vec<serde::de::IgnoredAny>>(file, path, node).map(drop),
        },
        Kind::Listed(kind) => match &node.value {
            Value::List(items) => each(path, items, |path, item| of_kind(file, path, kind, item)),
            _ => of_kind(file, path, kind, node),
        },
        Kind::Table(keys) => match &node.value {
            Value::Table(table) => shape(file, path, keys, table),
            _ => Err(refused(
                file,
                path,
                node,
                &format!("is a table; its keys are {}", listed(keys)),
            )),
        },
        Kind::Map(kind) => match &node.value {
            Value::Table(table) => table
                .0
                .iter()
                .try_for_each(|(name, node)| of_kind(file, &format!("{path}.{name}"), kind, node)),
            _ => Err(refused(
                file,
                path,
                node,
                "is a table with names of your own; write { name = \"…\" }",
            )),
        },
        Kind::Call(keys) => match &node.value {
            Value::Table(table) => shape(file, path, keys, table),
            Value::Text(_) => (super::LINE.check)(file, path, node),
            _ => {
                let fault =
                    format!("is \"METHOD PATH\", or a table; its keys are {}", listed(keys));
                Err(refused(file, path, node, &fault))
            }
        },
        Kind::Grammar(grammar) => (grammar.check)(file, path, node),
    }
}

fn listed(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

/// One of several kinds: what is wrong is said of the one that it was most likely meant to be.
fn either(file: &str, path: &str, kinds: &[Kind], node: &Node) -> Result<(), ScenarioError> {
    let mut faults = Vec::new();
    for kind in kinds {
        match of_kind(file, path, kind, node) {
            Ok(()) => return Ok(()),
            Err(fault) => faults.push((alike(kind, &node.value), fault)),
        }
    }
    let likest = faults.into_iter().max_by_key(|(alike, _)| *alike);
    likest.map_or(Ok(()), |(_, fault)| Err(fault))
}

/// Whether a value was perhaps meant to be of a kind.
const fn alike(kind: &Kind, value: &Value) -> bool {
    matches!(
        (kind, value),
        (Kind::Table(_) | Kind::Map(_) | Kind::Call(_), Value::Table(_))
            | (Kind::List(_) | Kind::Set(_) | Kind::Listed(_), Value::List(_))
            | (Kind::Text | Kind::Grammar(_) | Kind::Call(_) | Kind::Words(_), Value::Text(_))
            | (Kind::Count(_), Value::Integer(_))
            | (Kind::Boolean, Value::Boolean(_))
    )
}
