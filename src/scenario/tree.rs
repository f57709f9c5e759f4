//! The file as a tree in which every value knows where it was written.
//!
//! `--set` replaces branches of it and sweep axes replace leaves of it, so that an error always names the
//! line, or the flag, that is to be changed. What a key means is not known here.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::Override;
use super::aliases::{canonical, canonical_path};
use super::error::ScenarioError;
use super::substitute::Substituted;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere in particular: something is missing.
    File,
    /// A line of the file, from 1.
    Line(u32),
    /// A line of another file: the page of a dialect.
    Page(Arc<str>, u32),
    /// A flag, as given: `--set key=value`.
    Set(Arc<str>),
}

impl Place {
    /// Whether it was written on the command line.
    pub(super) const fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where its key stands; an array's elements have places of their own.
    pub place: Place,
    /// What was written.
    pub value: Value,
}

impl Node {
    fn belong(&mut self, page: &Arc<str>) {
        if let Place::Line(line) = self.place {
            self.place = Place::Page(Arc::clone(page), line);
        }
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.belong(page)),
            Value::Table(table) => table.0.iter_mut().for_each(|(_, node)| node.belong(page)),
            _ => {}
        }
    }
}

/// What can be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// An integer, of any size that can mean something.
    Integer(i128),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or a time, which no key wants.
    Date,
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

/// A table, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table(pub Vec<(String, Node)>);

impl Table {
    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The value of `key`, to be changed.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Writes `node` as the value of `key`, in the place of a former one.
    pub(super) fn set(&mut self, key: &str, node: Node) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, former)) => *former = node,
            None => self.0.push((key.to_owned(), node)),
        }
    }

    /// Takes the value of `key` out of it.
    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    /// The table that is the value of `key`, if there is one.
    pub(super) fn table(&self, key: &str) -> Option<&Self> {
        match &self.get(key)?.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The table that is the value of `key`, made where there is none.
    pub(super) fn within(&mut self, key: &str) -> &mut Self {
        if self.table(key).is_none() {
            self.set(key, Node { place: Place::File, value: Value::Table(Self::default()) });
        }
        match self.0.iter_mut().find(|(name, _)| name == key).map(|(_, node)| &mut node.value) {
            Some(Value::Table(table)) => table,
            _ => unreachable!("it was made"),
        }
    }

    /// That table, or an empty one.
    pub(super) fn of(&self, key: &str) -> &Self {
        self.table(key).unwrap_or(Self::none())
    }

    /// A table without keys.
    pub(super) const fn none() -> &'static Self {
        static NONE: Table = Table(Vec::new());
        &NONE
    }

    /// Where `path` was written: the key itself, or the nearest table that should hold it.
    pub(super) fn place(&self, path: &str) -> Place {
        let (mut table, mut place) = (self, Place::File);
        for key in path.split('.') {
            let Some(node) = table.get(key) else { break };
            place = node.place.clone();
            let Value::Table(inner) = &node.value else { break };
            table = inner;
        }
        place
    }

    /// Says of every value that its line is one of `page`.
    pub(super) fn of_page(mut self, page: &Arc<str>) -> Self {
        self.0.iter_mut().for_each(|(_, node)| node.belong(page));
        self
    }

    /// Writes `node` at `path`, making tables on the way; the refused key where a value stands in the way.
    fn write(&mut self, path: &[String], node: Node) -> Result<(), String> {
        let [key, rest @ ..] = path else { return Ok(()) };
        if rest.is_empty() {
            self.set(key, node);
            return Ok(());
        }
        if self.get(key).is_none() {
            let value = Value::Table(Self::default());
            self.0.push((key.clone(), Node { place: node.place.clone(), value }));
        }
        match self.0.iter_mut().find(|(name, _)| name == key).map(|(_, node)| &mut node.value) {
            Some(Value::Table(inner)) => inner.write(rest, node),
            _ => Err(key.clone()),
        }
    }
}

/// Parses the text of `file`.
pub(super) fn parse(file: &str, source: &Substituted) -> Result<Table, ScenarioError> {
    let place = |offset: usize| Place::Line(source.line(offset));
    let root = DeTable::parse(&source.text).map_err(|error| {
        let at = place(error.span().map_or(source.text.len(), |span| span.start));
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        ScenarioError::refused(file, &at, format!("invalid TOML: {message}"))
    })?;
    Ok(table(root.get_ref(), &place))
}

/// Writes every override over `root`, the last one winning, and calls patterns by their own names.
pub(super) fn apply(file: &str, root: &mut Table, sets: &[Override]) -> Result<(), ScenarioError> {
    canonical(file, root)?;
    for Override { assignment: set, shown, example } in sets {
        let place = Place::Set(shown.as_str().into());
        let refused = |message: String| ScenarioError::refused(file, &place, message);
        let (key, text) = set
            .split_once('=')
            .ok_or_else(|| refused(format!("no '='; write key=value, such as {example}")))?;
        let mut path = path(key).ok_or_else(|| {
            refused(format!("'{key}' is not a valid key; write it as in {example}"))
        })?;
        canonical_path(&mut path);
        // What is no TOML is meant as a string, so that 10k needs no quotes.
        let node = DeValue::parse(text).map_or_else(
            |_| Node { place: place.clone(), value: Value::Text(text.trim().to_owned()) },
            |value| node(place.clone(), value.get_ref(), &|_| place.clone()),
        );
        root.write(&path, node).map_err(|key| refused(format!("'{key}' is not a table")))?;
    }
    // A list or a table that was set has names of its own.
    canonical(file, root)
}

/// The parts of a dotted key, some of which may be quoted.
fn path(key: &str) -> Option<Vec<String>> {
    let text = format!("{key} = 0");
    let parsed = DeTable::parse(&text).ok()?;
    let mut parts = Vec::new();
    let mut table = parsed.get_ref();
    loop {
        let mut entries = table.iter();
        let (key, value) = entries.next()?;
        if entries.next().is_some() {
            return None;
        }
        parts.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Integer(_) => return Some(parts),
            _ => return None,
        }
    }
}

fn table(written: &DeTable<'_>, place: &dyn Fn(usize) -> Place) -> Table {
    let mut entries: Vec<_> = written.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<_>)| {
        (key.get_ref().to_string(), node(place(key.span().start), value.get_ref(), place))
    };
    Table(entries.into_iter().map(entry).collect())
}

fn node(at: Place, written: &DeValue<'_>, place: &dyn Fn(usize) -> Place) -> Node {
    let value = match written {
        DeValue::String(text) => Value::Text(text.to_string()),
        // A number beyond every type is left to be refused by whatever reads it.
        DeValue::Integer(n) => i128::from_str_radix(n.as_str(), n.radix())
            .map_or(Value::Integer(i128::MAX), Value::Integer),
        DeValue::Float(n) => Value::Float(n.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| node(place(item.span().start), item.get_ref(), place))
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, place)),
    };
    Node { place: at, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::substitute::substitute;

    fn read(text: &str) -> Table {
        parse("x.toml", &substitute(text, &|_| None).unwrap()).unwrap()
    }

    #[test]
    fn every_value_knows_its_line() {
        let root = read("a = 1\n\n[b]\nc = [\n 1,\n 2]\nd.e = true\n");
        for (path, line) in [("a", 1), ("b", 3), ("b.c", 4), ("b.d.e", 7), ("b.missing", 3)] {
            assert_eq!(root.place(path), Place::Line(line), "{path}");
        }
        assert_eq!(root.place("missing"), Place::File);
        let Value::List(items) = &root.table("b").unwrap().get("c").unwrap().value else {
            panic!()
        };
        assert_eq!(items[1].place, Place::Line(6));
    }

    #[test]
    fn keys_keep_the_order_of_the_file() {
        let keys: Vec<_> = read("z = 1\na = 2\n[m]\n[b]").0.into_iter().map(|(k, _)| k).collect();
        assert_eq!(keys, ["z", "a", "m", "b"]);
    }

    #[test]
    fn a_set_replaces_adds_and_falls_back_to_a_string() {
        let mut root = read("[workload]\nclients = 5\n");
        let sets = ["workload.clients=10k", "sweep.\"short-poll.interval\"=[\"1s\"]", "seed=-7"];
        let sets = sets.map(Override::set);
        apply("x.toml", &mut root, &sets).unwrap();
        let clients = root.table("workload").unwrap().get("clients").unwrap();
        assert_eq!(clients.value, Value::Text("10k".to_owned()));
        assert_eq!(clients.place, Place::Set("--set workload.clients=10k".into()));
        assert!(root.table("sweep").unwrap().get("short-poll.interval").is_some());
        assert_eq!(root.get("seed").unwrap().value, Value::Integer(-7));
    }

    #[test]
    fn a_set_that_is_none_is_refused() {
        for (set, expected) in [
            ("workload.clients", "no '='"),
            ("a b=1", "is not a valid key"),
            ("a=1\nb=2", "x.toml"),
            ("a\nb=2", "is not a valid key"),
            ("=1", "is not a valid key"),
            ("seed.deep=1", "'seed' is not a table"),
        ] {
            let mut root = read("seed = 1");
            match apply("x.toml", &mut root, &[Override::set(set)]) {
                Err(error) => assert!(error.to_string().contains(expected), "{set}: {error}"),
                // A value of two lines is a string, and no second key.
                Ok(()) => assert!(root.get("b").is_none(), "{set}"),
            }
        }
    }
}
