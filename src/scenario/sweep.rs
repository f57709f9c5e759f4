//! `[sweep]`: axes, and the points of the grid that they span.
//!
//! An axis is a key of `[workload]`, or a key of `[transport]`, a pattern's option or a fault by its dotted name, with a
//! list of values. It
//! multiplies the cases that it can make a difference to, and no others.

use super::conditions::{self, ConsumersFile, ReconnectFile, RestartFile, TABLES};
use super::error::ScenarioError;
use super::faults::{self, FaultsFile};
use super::file::{
    LongPollFile, RequestFile, ShortPollFile, SseFile, WebSocketFile, WebhookFile, WorkloadFile,
};
use super::network::NetworkFile;
use super::read::keys_of;
use super::spelling::axis_hint;
use super::transport::{TransportFile, bears_on};
use super::tree::{Node, Place, Table, Value};
use super::{Connection, PatternKind};

/// Keys of `[workload]` that say something of events, of which `request` has none.
const OF_EVENTS: [&str; 6] = ["topics", "rate", "arrivals", "late_after", "churn", "publish"];

/// The table that an axis replaces a key of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// `[workload]`
    Workload,
    /// `[transport]`
    Transport,
    /// `[faults]`
    Faults,
    /// A table of what links meet, by its name.
    Conditions(&'static str),
    /// A pattern's.
    Pattern(PatternKind),
}

impl Section {
    /// The name of the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Transport => TRANSPORT,
            Self::Faults => FAULTS,
            Self::Conditions(table) => table,
            Self::Pattern(kind) => kind.name(),
        }
    }

    /// The table of that name; `[workload]` is left out, as its keys are axes without it.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            TRANSPORT => Some(Self::Transport),
            FAULTS => Some(Self::Faults),
            name => {
                let conditions = TABLES.into_iter().find(|table| *table == name);
                let pattern = PatternKind::from_name(name).map(Self::Pattern);
                pattern.or_else(|| conditions.map(Self::Conditions))
            }
        }
    }

    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Workload => keys_of::<WorkloadFile>(),
            Self::Transport => keys_of::<TransportFile>(),
            Self::Faults => keys_of::<FaultsFile>(),
            Self::Conditions("reconnect") => keys_of::<ReconnectFile>(),
            Self::Conditions("restart") => keys_of::<RestartFile>(),
            Self::Conditions("network") => keys_of::<NetworkFile>(),
            Self::Conditions(_) => keys_of::<ConsumersFile>(),
            Self::Pattern(kind) => option_keys(kind),
        }
    }
}

/// The name of [`Section::Transport`].
const TRANSPORT: &str = "transport";
/// The name of [`Section::Faults`].
const FAULTS: &str = "faults";

/// One axis of the sweep.
#[derive(Debug)]
pub(super) struct Axis {
    /// The table that it replaces a key of.
    pub of: Section,
    /// That key.
    pub key: String,
    /// Its values, in the file's order.
    pub values: Vec<Node>,
}

impl Axis {
    /// Whether it makes a difference to `kind`.
    pub(super) fn applies(&self, kind: PatternKind) -> bool {
        match self.of {
            Section::Pattern(of) => of == kind,
            Section::Transport => bears_on(&self.key, kind),
            Section::Faults => faults::bears_on(&self.key, kind),
            Section::Conditions(table) => conditions::applies(table, kind),
            Section::Workload => kind.delivers() || !OF_EVENTS.contains(&self.key.as_str()),
        }
    }
}

/// One value of each axis that applies.
pub(super) type Point<'a> = Vec<(&'a Axis, &'a Node)>;

/// The keys of a pattern's table.
pub(super) fn option_keys(kind: PatternKind) -> &'static [&'static str] {
    match kind {
        PatternKind::Request => keys_of::<RequestFile>(),
        PatternKind::ShortPoll => keys_of::<ShortPollFile>(),
        PatternKind::LongPoll => keys_of::<LongPollFile>(),
        PatternKind::Sse => keys_of::<SseFile>(),
        PatternKind::WebSocket => keys_of::<WebSocketFile>(),
        PatternKind::Webhook => keys_of::<WebhookFile>(),
    }
}

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
        let table = of.name();
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
        let named = match &node.value {
            Value::Table(inner) if Section::from_name(name).is_some() => {
                inner.0.iter().map(|(key, node)| (format!("{name}.{key}"), node.clone())).collect()
            }
            _ => vec![(name.clone(), node.clone())],
        };
        for (name, node) in named {
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

fn resolve(name: &str) -> Option<(Section, String)> {
    let (of, key) = match name.split_once('.') {
        Some((section, key)) => (Section::from_name(section)?, key),
        None => (Section::Workload, name),
    };
    of.keys().contains(&key).then(|| (of, key.to_owned()))
}

fn known() -> Vec<String> {
    let sections = PatternKind::ALL.into_iter().map(Section::Pattern);
    let sections = [Section::Transport].into_iter().chain(sections).chain([Section::Faults]);
    let sections = sections.chain(TABLES.map(Section::Conditions));
    let options = sections.flat_map(|section| {
        section.keys().iter().map(move |key| format!("{}.{key}", section.name()))
    });
    keys_of::<WorkloadFile>().iter().map(|&key| key.to_owned()).chain(options).collect()
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
    let stands = |of: Section, key: &str, at: &Value| {
        point.iter().any(|(other, node)| other.of == of && other.key == key && node.value == *at)
    };
    let request = Section::Pattern(PatternKind::Request);
    let connects = |connection: Connection| {
        stands(request, "connection", &Value::Text(connection.name().to_owned()))
    };
    match (axis.of, axis.key.as_str()) {
        (Section::Transport, "resume") => stands(Section::Transport, "tls", &Value::Boolean(false)),
        (Section::Transport, "http") => {
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
