//! The schema of a scenario file: every key once, with its kind, bounds, patterns and meaning.
//!
//! The reader refuses unknown keys and impossible values by these tables, `[sweep]` takes its axes from them, and they make the
//! tables of `scenarios/README.md` and the JSON Schema that editors use. Defaults are those of the structs that the tables are
//! read into; a row repeats one only where the struct cannot tell it.

mod bounds;
mod conditions;
mod faults;
mod general;
mod json_schema;
mod kind;
mod patterns;
mod readme;
mod shape;
mod target;
#[cfg(test)]
mod tests;
mod webhook;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::error::ScenarioError;
#[cfg(test)]
use super::read::keys_of;
use super::read::read;
use super::tree::Table;
use super::{PatternKind, Traits};

pub(super) use bounds::{check, complete, listens};
pub(super) use faults::FAULTS;
pub use json_schema::json_schema;
pub(super) use kind::{ANY, Grammar, Kind, SOME, Server};
pub use readme::markdown;
pub(super) use shape::{shape, whole};
pub(super) use target::{BUILT_IN, LINE, TARGET, WHERE};

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name within the table.
    pub name: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// What holds where it is left out.
    pub usual: Usual,
    /// What it is for.
    pub meaning: &'static str,
    /// The patterns that it makes a difference to, among those of its table.
    of: fn(Traits) -> bool,
    /// The message for a value out of bounds, in place of the bounds.
    rule: Option<&'static str>,
    /// Whether a value out of bounds is left to the checks of the resolved scenario.
    checked_later: bool,
    /// Which servers it can be carried out with.
    pub server: Server,
}

/// What holds where a key is left out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Usual {
    /// The struct's default, which can be written.
    Struct,
    /// This value, in TOML.
    Literal(&'static str),
    /// What no value stands for.
    Words(&'static str),
    /// Nothing: the key is required, and the message says what to write and where.
    Required {
        /// For README.md.
        words: &'static str,
        /// For the message.
        write: &'static str,
    },
}

/// A key whose default is its struct's.
const fn key(name: &'static str, kind: Kind) -> Key {
    let usual = Usual::Struct;
    let server = Server::Any;
    Key { name, kind, usual, meaning: "", of: |_| true, rule: None, checked_later: false, server }
}

impl Key {
    /// The key in the table `prefix`, dotted as for `--set`, and those of the table that it is.
    pub(super) fn paths(&self, prefix: &str) -> Vec<String> {
        let own = format!("{prefix}.{}", self.name);
        let inner: Vec<String> = match self.kind {
            Kind::Table(keys) => keys.iter().flat_map(|key| key.paths(&own)).collect(),
            _ => Vec::new(),
        };
        std::iter::once(own).chain(inner).collect()
    }

    /// The value that holds where it is left out, if it is one; `defaults` are those of its table's struct.
    fn default(&self, defaults: &Json) -> Option<Json> {
        let value = match self.usual {
            Usual::Struct => defaults.get(self.name)?.clone(),
            Usual::Literal(toml) => json_schema::value_of(toml),
            Usual::Words(_) | Usual::Required { .. } => return None,
        };
        // A time of 0 is exact in the smallest unit, and plain in seconds.
        Some(if value == "0ns" { "0s".into() } else { value })
    }

    /// With what it is for.
    const fn says(mut self, meaning: &'static str) -> Self {
        self.meaning = meaning;
        self
    }

    /// With a default that the struct cannot tell.
    const fn literally(mut self, toml: &'static str) -> Self {
        self.usual = Usual::Literal(toml);
        self
    }

    /// With a default that is no value.
    const fn usually(mut self, words: &'static str) -> Self {
        self.usual = Usual::Words(words);
        self
    }

    /// Without a default.
    const fn required(mut self, words: &'static str, write: &'static str) -> Self {
        self.usual = Usual::Required { words, write };
        self
    }

    /// For the patterns that `of` holds for.
    const fn of(mut self, of: fn(Traits) -> bool) -> Self {
        self.of = of;
        self
    }

    /// With a sentence of its own for a value out of bounds.
    const fn rule(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }

    /// For the built-in server alone: `why` says the reason, and what to do instead.
    const fn built_in(mut self, why: &'static str) -> Self {
        self.server = Server::BuiltIn(why);
        self
    }

    /// For servers that speak the built-in one's protocol: `why` says the reason, and what to do instead.
    const fn envelope(mut self, why: &'static str) -> Self {
        self.server = Server::Envelope(why);
        self
    }

    /// For other servers where their dialect's request uses this placeholder.
    const fn sent_as(mut self, placeholder: &'static str) -> Self {
        self.server = Server::Placeholder(placeholder);
        self
    }

    /// With bounds that the resolved scenario is checked for.
    const fn checked_later(mut self) -> Self {
        self.checked_later = true;
        self
    }
}

/// A table of the file.
#[derive(Debug)]
pub(super) struct Section {
    /// Its name; empty for the top level.
    pub name: &'static str,
    /// Its keys, in the order in which they are listed.
    pub keys: &'static [Key],
    /// What it is for.
    pub about: &'static str,
    /// The patterns that it makes a difference to.
    of: Of,
    /// Whether its keys are axes.
    pub swept: bool,
    /// The struct that it is read into.
    pub form: Form,
}

/// The patterns that a table makes a difference to.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// The one that it is named after.
    Pattern(PatternKind),
    /// Those with these traits.
    Traits(fn(Traits) -> bool),
}

/// What is known of the struct that a table is read into.
#[derive(Debug)]
pub(super) struct Form {
    /// Reads a table at `prefix` of a file, only to refuse what cannot be read.
    pub read: fn(file: &str, prefix: &str, table: &Table) -> Result<(), ScenarioError>,
    /// The keys of the struct.
    #[cfg(test)]
    pub fields: fn() -> &'static [&'static str],
    /// Its defaults.
    pub defaults: fn() -> Json,
}

impl Form {
    /// That of a struct whose fields are the keys.
    pub(super) const fn of<T: DeserializeOwned + Serialize + Default>() -> Self {
        Self {
            read: |file, prefix, table| read::<T>(file, prefix, table).map(drop),
            #[cfg(test)]
            fields: keys_of::<T>,
            defaults: || serde_json::to_value(T::default()).unwrap_or_default(),
        }
    }
}

/// The top level, without its tables.
pub(super) use general::ROOT;

/// Every table, in the order in which they are listed.
static SECTIONS: [&Section; 18] = [
    &general::PHASES,
    &TARGET,
    &general::WORKER,
    &general::PRICES,
    &general::GATE,
    &conditions::RECONNECT,
    &conditions::RESTART,
    &conditions::CONSUMERS,
    &conditions::NETWORK,
    &general::WORKLOAD,
    &general::TRANSPORT,
    &patterns::REQUEST,
    &patterns::SHORT_POLL,
    &patterns::LONG_POLL,
    &patterns::SSE,
    &patterns::WEBSOCKET,
    &webhook::WEBHOOK,
    &FAULTS,
];

/// Every table within a table, by its dotted name, that is listed by itself.
pub(super) fn inner() -> impl Iterator<Item = &'static Section> {
    target::INNER.iter().copied()
}

/// The name of the table of axes, whose keys are those of other tables.
pub(super) const SWEEP: &str = "sweep";

/// The table called `name`; the top level's name is empty.
pub(super) fn section(name: &str) -> Option<&'static Section> {
    std::iter::once(&ROOT).chain(sections()).find(|section| section.name == name)
}

/// Every table but the top level.
pub(super) fn sections() -> impl Iterator<Item = &'static Section> + Clone {
    SECTIONS.iter().copied()
}

/// The tables whose keys are axes, in the order in which they are listed.
pub(super) fn swept() -> impl Iterator<Item = &'static Section> + Clone {
    // The keys of `[workload]` come first, as they are axes without its name; conditions come last.
    let of_load = sections().skip_while(|section| section.name != "workload");
    let before = sections().take_while(|section| section.name != "workload");
    of_load.chain(before.filter(|section| section.swept))
}

impl Section {
    /// Which servers can carry `key` out, in a sentence; `None` where all can, or its table says as much.
    fn servers(&self, key: &Key) -> Option<String> {
        let built_in = |key: &Key| matches!(key.server, Server::BuiltIn(_));
        match key.server {
            Server::Any => None,
            Server::BuiltIn(_) if self.keys.iter().all(built_in) => None,
            Server::BuiltIn(_) | Server::Envelope(_) => Some("Built-in server only.".to_owned()),
            Server::Placeholder(name) => {
                Some(format!("For another server where its request has `{{{{{name}}}}}`."))
            }
        }
    }

    /// Whether it describes a part of several tables.
    fn is_part(&self) -> bool {
        !self.name.is_empty() && !self.name.contains('.') && section(self.name).is_none()
    }

    /// The key called `name`.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of its keys; of the top level's, its tables come after them.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
        if self.name.is_empty() {
            names.extend(sections().map(|section| section.name));
            names.push(SWEEP);
        }
        names
    }

    /// Whether its key `name` makes a difference to `kind`.
    pub(super) fn bears_on(&self, name: &str, kind: PatternKind) -> bool {
        self.applies(kind) && self.key(name).is_none_or(|key| (key.of)(kind.traits()))
    }

    /// The patterns that `key` makes a difference to, in a sentence; `None` where its table says as much.
    fn whom(&self, key: &Key) -> Option<String> {
        let Of::Traits(of) = self.of else { return None };
        let bears = |kind: &PatternKind| of(kind.traits()) && (key.of)(kind.traits());
        let names = |wanted: bool| -> Vec<String> {
            let kinds = PatternKind::ALL.iter().filter(|kind| bears(kind) == wanted);
            kinds.map(|kind| format!("`{}`", kind.name())).collect()
        };
        match (names(true), names(false)) {
            (_, lacking) if lacking.is_empty() => None,
            (_, lacking) if lacking.len() <= 2 => {
                Some(format!("Not for {}.", lacking.join(" and ")))
            }
            (having, _) => {
                let (last, others) = having.split_last()?;
                let others = others.join(", ");
                Some(if others.is_empty() {
                    format!("For {last}.")
                } else {
                    format!("For {others} and {last}.")
                })
            }
        }
    }

    /// Whether any of its keys makes a difference to `kind`.
    pub(super) fn applies(&self, kind: PatternKind) -> bool {
        match self.of {
            Of::Pattern(of) => of == kind,
            Of::Traits(of) => of(kind.traits()),
        }
    }
}
