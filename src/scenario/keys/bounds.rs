//! Whether values lie within the bounds of their keys, and whether those are there that must be.

use super::{Key, Kind, Section, Usual};
use crate::scenario::error::InvalidKey;
use crate::scenario::read::value_of;
use crate::scenario::tree::{Node, Table, Value};
use crate::scenario::{PatternKind, Publish};
use crate::unit::{Bandwidth, ByteSize, Span};

/// Checks every value of `table`, which was read as that of `section`.
pub(in crate::scenario) fn check(section: &Section, table: &Table) -> Result<(), InvalidKey> {
    within(section.name, section.keys, table)
}

/// Checks that `table`, of `section`, has every key that `kind` cannot do without.
pub(in crate::scenario) fn complete(
    section: &Section,
    kind: PatternKind,
    table: &Table,
) -> Result<(), InvalidKey> {
    for key in section.keys.iter().filter(|key| section.bears_on(key.name, kind)) {
        if let Usual::Required { write, .. } = key.usual
            && table.get(key.name).is_none()
            && !(key.name == "rate" && listens(table))
        {
            let path = path(section.name, key.name);
            let message = format!("{path} is missing; write {write}");
            return Err(InvalidKey { key: path, message });
        }
    }
    Ok(())
}

/// Whether a `[workload]` says that nobody publishes, so that there is no rate.
pub(in crate::scenario) fn listens(table: &Table) -> bool {
    let nobody =
        |node: &Node| matches!(&node.value, Value::Text(text) if text == Publish::Nobody.name());
    table.get("publish").is_some_and(nobody)
}

fn path(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn within(prefix: &str, keys: &[Key], table: &Table) -> Result<(), InvalidKey> {
    for (name, node) in &table.0 {
        let Some(key) = keys.iter().find(|key| key.name == name) else { continue };
        of(&path(prefix, name), key, &key.kind, node)?;
    }
    Ok(())
}

/// Checks the value of `key` at `path`, or a part of it that is of `kind`.
fn of(path: &str, key: &Key, kind: &Kind, node: &Node) -> Result<(), InvalidKey> {
    match (kind, &node.value) {
        (Kind::Table(keys) | Kind::Call(keys), Value::Table(inner)) => within(path, keys, inner),
        (Kind::Map(kind), Value::Table(inner)) => {
            inner.0.iter().try_for_each(|(name, node)| of(&self::path(path, name), key, kind, node))
        }
        (Kind::List(inner) | Kind::Listed(inner), Value::List(items)) => {
            items.iter().enumerate().try_for_each(|(n, item)| match inner {
                Kind::Table(keys) => match &item.value {
                    Value::Table(table) => within(&format!("{path}[{n}]"), keys, table),
                    _ => Ok(()),
                },
                kind => of(path, key, kind, item),
            })
        }
        (Kind::Listed(inner), _) => of(path, key, inner, node),
        (Kind::Either(kinds), Value::Table(_) | Value::List(_)) => {
            kinds.iter().try_for_each(|kind| of(path, key, kind, node))
        }
        _ => match beyond(kind, node, key.rule).filter(|_| !key.checked_later) {
            None => Ok(()),
            Some(beyond) => {
                let message = format!("{path} = {beyond}");
                Err(InvalidKey { key: path.to_owned(), message })
            }
        },
    }
}

/// The value and why it is out of bounds; `None` where it is not, or cannot be read.
fn beyond(kind: &Kind, node: &Node, rule: Option<&str>) -> Option<String> {
    let told = |value: String, bounds: String| format!("{value}: {}", rule.unwrap_or(&bounds));
    match kind {
        Kind::Count(range) => {
            let n: u64 = value_of(node).filter(|n| !range.contains(n))?;
            let (least, most) = (range.start(), range.end());
            Some(told(
                n.to_string(),
                match *most {
                    u64::MAX => format!("must be at least {least}"),
                    most => format!("must be between {least} and {most}"),
                },
            ))
        }
        Kind::Number(range) | Kind::Share(range) => {
            let share: f64 = value_of(node).filter(|share| !range.contains(share))?;
            let bounds = format!("must be between {} and {}", range.start(), range.end());
            Some(told(share.to_string(), bounds))
        }
        Kind::Span(range) => {
            let span: Span = value_of(node).filter(|span: &Span| !range.contains(&span.ns()))?;
            Some(match span.ns() {
                0 => told(span.to_string(), "must be greater than 0".to_owned()),
                _ => format!("{span} exceeds {}; shorten it", Span::from_ns(*range.end())),
            })
        }
        Kind::Size(range) => {
            let size = value_of(node).filter(|size: &ByteSize| !range.contains(&size.bytes()))?;
            let (least, most) = (ByteSize::new(*range.start()), ByteSize::new(*range.end()));
            Some(format!("{size} is not between {least} and {most}"))
        }
        Kind::Bandwidth(range) => {
            let rate = value_of(node).filter(|b: &Bandwidth| !range.contains(&b.bits_per_s()))?;
            let [least, most] =
                [range.start(), range.end()].map(|n| Bandwidth::from_bits_per_second(*n));
            Some(format!("{rate} is not between {least} and {most}"))
        }
        Kind::Either(kinds) => kinds.iter().find_map(|kind| beyond(kind, node, rule)),
        Kind::List(kind) | Kind::Listed(kind) | Kind::Set(kind) => match &node.value {
            Value::List(items) => items.iter().find_map(|item| beyond(kind, item, rule)),
            _ => None,
        },
        Kind::Text
        | Kind::Boolean
        | Kind::Rate
        | Kind::Words(_)
        | Kind::Word(_)
        | Kind::Table(_)
        | Kind::Map(_)
        | Kind::Call(_)
        | Kind::Grammar(_) => None,
    }
}
