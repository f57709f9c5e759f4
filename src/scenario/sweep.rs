//! `[sweep]`: axes, and the points of the grid that they span.
//!
//! An axis is a key of `[workload]`, or a key of `[transport]`, a pattern's option or a fault by its dotted name, with a
//! list of values. It
//! multiplies the cases that it can make a difference to, and no others.

use super::error::ScenarioError;
use super::keys::{self, Section};
use super::spelling::axis_hint;
use super::tree::{Node, Place, Table, Value};
use super::workload::WORKLOAD;
use super::{Connection, PatternKind};

/// One axis of the sweep.
#[derive(Debug)]
pub(super) struct Axis {
    /// The table that it replaces a key of.
    pub of: &'static Section,
    /// That key.
    pub key: String,
    /// Its values, in the file's order.
    pub values: Vec<Node>,
}

impl Axis {
    /// Whether it makes a difference to `kind`.
    pub(super) fn applies(&self, kind: PatternKind) -> bool {
        self.of.bears_on(&self.key, kind)
    }
}

/// One value of each axis that applies.
pub(super) type Point<'a> = Vec<(&'a Axis, &'a Node)>;

/// The axes of the file. A `--set` overrules: setting a swept key ends its sweep, and sweeping a fixed key is
/// no contradiction.
pub(super) fn axes(file: &str, root: &Table) -> Result<Vec<Axis>, ScenarioError> {
    let mut axes = Vec::new();
    for (name, node) in flattened(file, root)? {
        let refused =
            |place: &Place, message: String| Err(ScenarioError::refused(file, place, message));
        let Some((of, key)) = resolve(&name) else {
            let known = known();
            let name = written(name, &node);
            let hint = axis_hint(&name, &known);
            return refused(&node.place, format!("unknown axis '{name}' in [sweep]{hint}"));
        };
        let table = of.name;
        let fixed = root.table(table).and_then(|table| table.get(&key)).map(|n| n.place.clone());
        match (fixed, &node.place) {
            (Some(Place::Set(_)), Place::Line(_)) => continue,
            (Some(place), _) if place.is_set() || !node.place.is_set() => {
                let message = format!(
                    "{table}.{key}: sweep.{name} sweeps the same key; remove one of the two"
                );
                return refused(&place, message);
            }
            // An axis stands over the fixed value in every case that it applies to.
            _ => {}
        }
        match node.value {
            Value::List(values) if !values.is_empty() => axes.push(Axis { of, key, values }),
            _ => {
                let message = format!(
                    "sweep.{name}: an axis must be a list of at least one value, such as [100, \"1k\"]"
                );
                return refused(&node.place, message);
            }
        }
    }
    Ok(axes)
}

/// The entries of `[sweep]`; `short-poll.interval` may be written quoted, or as a dotted key.
fn flattened(file: &str, root: &Table) -> Result<Vec<(String, Node)>, ScenarioError> {
    let Some(node) = root.get("sweep") else { return Ok(Vec::new()) };
    let Value::Table(sweep) = &node.value else {
        let message = "sweep: must be a table; write [sweep] with a list for each axis";
        return Err(ScenarioError::refused(file, &node.place, message));
    };
    let mut entries: Vec<(String, Node)> = Vec::new();
    for (name, node) in &sweep.0 {
        let keys = match &node.value {
            Value::Table(inner) if named(name).is_some() => {
                inner.0.iter().map(|(key, node)| (format!("{name}.{key}"), node.clone())).collect()
            }
            _ => vec![(name.clone(), node.clone())],
        };
        for (name, node) in keys {
            let Some(former) = entries.iter_mut().find(|(former, _)| *former == name) else {
                entries.push((name, node));
                continue;
            };
            match (&former.1.place, &node.place) {
                (Place::Line(_), Place::Set(_)) => former.1 = node,
                (Place::Set(_), Place::Line(_)) => {}
                (_, place) => {
                    let message = format!("sweep.{name} is listed twice; remove one of the two");
                    return Err(ScenarioError::refused(file, place, message));
                }
            }
        }
    }
    Ok(entries)
}

/// An axis as written: `workload.clients`, whose table is no part of an axis's name.
fn written(name: String, node: &Node) -> String {
    match &node.value {
        Value::Table(Table(keys)) if !keys.is_empty() => format!("{name}.{}", keys[0].0),
        _ => name,
    }
}

/// The table called `name` whose keys are axes with its name before them; those of `[workload]` are axes without it.
fn named(name: &str) -> Option<&'static Section> {
    keys::section(name).filter(|section| section.swept && name != WORKLOAD)
}

fn resolve(name: &str) -> Option<(&'static Section, String)> {
    let (of, key) = match name.split_once('.') {
        Some((section, key)) => (named(section)?, key),
        None => (keys::section(WORKLOAD)?, name),
    };
    of.key(key).map(|key| (of, key.name.to_owned()))
}

fn known() -> Vec<String> {
    let names = |section: &'static Section| {
        section.keys.iter().map(move |key| match section.name {
            WORKLOAD => key.name.to_owned(),
            table => format!("{table}.{}", key.name),
        })
    };
    keys::swept().flat_map(names).collect()
}

/// How many points the axes span for `kind`.
pub(super) fn size(kind: PatternKind, axes: &[Axis]) -> u64 {
    let lengths =
        axes.iter().filter(|axis| axis.applies(kind)).map(|axis| axis.values.len() as u64);
    lengths.fold(1, u64::saturating_mul)
}

/// Whether an axis makes no difference once the axes before it stand at `point`: tickets without TLS, and HTTP/2
/// where every request has a connection of its own, or every client a WebSocket.
fn is_idle(axis: &Axis, point: &Point<'_>) -> bool {
    let stands = |of: &str, key: &str, at: &Value| {
        point
            .iter()
            .any(|(other, node)| other.of.name == of && other.key == key && node.value == *at)
    };
    let connects = |connection: Connection| {
        stands("request", "connection", &Value::Text(connection.name().to_owned()))
    };
    match (axis.of.name, axis.key.as_str()) {
        ("transport", "resume") => stands("transport", "tls", &Value::Boolean(false)),
        ("transport", "http") => {
            connects(Connection::PerRequest) || connects(Connection::WebSocket)
        }
        _ => false,
    }
}

/// The points that the axes span for `kind`, the first axis changing slowest.
pub(super) fn points(kind: PatternKind, axes: &[Axis]) -> Vec<Point<'_>> {
    let mut points: Vec<Point<'_>> = vec![Vec::new()];
    for axis in axes.iter().filter(|axis| axis.applies(kind)) {
        points = points
            .into_iter()
            .flat_map(|point| {
                if is_idle(axis, &point) {
                    return vec![point];
                }
                let along = axis.values.iter().map(|value| {
                    let mut longer = point.clone();
                    longer.push((axis, value));
                    longer
                });
                along.collect()
            })
            .collect();
    }
    points
}
