//! The tables of `scenarios/README.md`.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{ANY, Key, Kind, ROOT, Section, Usual, inner, sections};
use crate::unit::{Bandwidth, ByteSize, Span};

/// Every table as Markdown, below a heading each.
pub fn markdown() -> String {
    let mut text = String::from("# The keys of a scenario\n");
    for section in std::iter::once(&ROOT).chain(sections()).chain(inner()) {
        let heading = match section.name {
            "" => "The top level".to_owned(),
            "target.launch" | "target.setup" | "target.request" => {
                format!("`[[{}]]`", section.name)
            }
            "call" | "step" | "messages" | "signature" => {
                section.about.trim_end_matches('.').to_owned()
            }
            name => format!("`[{name}]`"),
        };
        let _ = write!(text, "\n## {heading}\n\n{}\n\n{}", section.about, table(&[section]));
    }
    text
}

/// `document`, a `scenarios/README.md`, with each of its tables made anew, and the names of what is in them.
#[cfg(test)]
pub(super) fn documented(document: &str) -> (String, Vec<String>) {
    const BEGIN: &str = "<!-- keys: ";
    const END: &str = "<!-- end of keys -->\n";
    let (mut made, mut seen) = (String::new(), Vec::new());
    let mut rest = document;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (names, after) = after.split_once(" -->\n").expect("a marker ends on its line");
        let (_, after) = after.split_once(END).expect("every table has an end");
        let names: Vec<&str> = names.split(' ').collect();
        let of = |name: &&str| {
            let part = inner().find(|section| section.name == *name);
            part.or_else(|| super::section(if *name == "file" { "" } else { name })).expect(name)
        };
        let sections: Vec<&Section> = names.iter().map(of).collect();
        let (listed, table) = (names.join(" "), table(&sections));
        let _ = write!(made, "{before}{BEGIN}{listed} -->\n{table}{END}");
        seen.extend(names.into_iter().map(str::to_owned));
        rest = after;
    }
    (made + rest, seen)
}

fn table(sections: &[&Section]) -> String {
    let mut text = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for section in sections {
        // Parts of several tables are listed without a name.
        let prefix = if section.is_part() { "" } else { section.name };
        rows(&mut text, section, prefix, section.keys, &(section.form.defaults)());
    }
    text
}

fn rows(text: &mut String, section: &Section, prefix: &str, keys: &[Key], defaults: &Json) {
    for key in keys {
        let path = match prefix {
            "" => key.name.to_owned(),
            prefix => format!("{prefix}.{}", key.name),
        };
        let whom = section.whom(key).into_iter().chain(section.servers(key));
        let whom = whom.fold(String::new(), |text, whom| text + " " + &whom);
        let (kind, usual) = (kind(&key.kind), usual(key, defaults));
        let _ = writeln!(text, "| `{path}` | {kind} | {usual} | {}{whom} |", key.meaning);
        for (path, keys) in below(&path, &key.kind) {
            rows(text, section, &path, keys, &defaults[key.name]);
        }
    }
}

/// The tables below the key at `path` that are listed with it; those with a listing of their own are left to it.
fn below(path: &str, kind: &Kind) -> Vec<(String, &'static [Key])> {
    match kind {
        Kind::Table(keys) if !has_listing(keys) => vec![(path.to_owned(), keys)],
        Kind::List(Kind::Table(keys)) if !has_listing(keys) => vec![(format!("{path}[]"), keys)],
        Kind::Map(kind) => below(&format!("{path}.NAME"), kind),
        Kind::Either(kinds) => kinds.iter().flat_map(|kind| below(path, kind)).collect(),
        _ => Vec::new(),
    }
}

fn has_listing(keys: &'static [Key]) -> bool {
    inner().any(|section| std::ptr::eq(section.keys, keys))
}

/// What is said of a default.
fn usual(key: &Key, defaults: &Json) -> String {
    match key.usual {
        Usual::Required { words, .. } | Usual::Words(words) => words.to_owned(),
        Usual::Literal(toml) if toml.starts_with(['"', '{']) => format!("`{toml}`"),
        Usual::Literal(toml) => toml.to_owned(),
        Usual::Struct => match key.default(defaults) {
            Some(Json::String(text)) => format!("`\"{text}\"`"),
            value => value.unwrap_or_default().to_string(),
        },
    }
}

/// What is said of what may be written.
fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Text => "string".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Count(range) if *range == ANY => "count".to_owned(),
        Kind::Count(range) => match (*range.start(), *range.end()) {
            (least, u64::MAX) => format!("count, at least {least}"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("count, {} to {}", grouped(least), grouped(most)),
        },
        Kind::Number(range) => format!("number, at least {}", range.start()),
        Kind::Share(range) => format!("share, {} to {}", range.start(), range.end()),
        Kind::Span(range) => {
            let above = if *range.start() > 0 { ", above 0" } else { "" };
            match *range.end() {
                u64::MAX => format!("span{above}"),
                most => format!("span{above}, up to {}", Span::from_ns(most)),
            }
        }
        Kind::Rate => "rate".to_owned(),
        Kind::Size(range) => {
            let [least, most] = [range.start(), range.end()].map(|n| ByteSize::new(*n));
            format!("size, {least} to {most}")
        }
        Kind::Bandwidth(range) => {
            let [least, most] =
                [range.start(), range.end()].map(|n| Bandwidth::from_bits_per_second(*n));
            format!("bandwidth, {least} to {most}")
        }
        Kind::Words(words) => {
            words().iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Word(word) => format!("`\"{word}\"`"),
        Kind::Either(kinds) => kinds.iter().map(self::kind).collect::<Vec<_>>().join(", or "),
        Kind::List(Kind::Text) => "list of strings".to_owned(),
        Kind::List(Kind::Table(_)) => "array of tables".to_owned(),
        Kind::List(Kind::Either(_)) => "list of such".to_owned(),
        Kind::List(kind) | Kind::Set(kind) => format!("list of {}", self::kind(kind)),
        Kind::Table(_) => "table".to_owned(),
        Kind::Map(Kind::Table(_) | Kind::Either(_)) => {
            "table of NAME = text, or a table".to_owned()
        }
        Kind::Map(kind) => format!("table of NAME = {}", self::kind(kind)),
        Kind::Listed(kind) => format!("{0}, or list of {0}", self::kind(kind)),
        Kind::Call(_) => "`\"METHOD PATH\"`, or a request".to_owned(),
        Kind::Grammar(grammar) => grammar.name.to_owned(),
    }
}

/// A number with commas between its thousands.
fn grouped(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        _ => format!("{},{:03}", grouped(n / 1_000), n % 1_000),
    }
}
