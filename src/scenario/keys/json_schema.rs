//! The JSON Schema of a scenario file, for editors.
//!
//! Draft 7, the newest that taplo (Even Better TOML) validates by. What it offers while a key is typed comes from the schema of
//! that key itself, so quantities are one schema with several types, and not a choice between schemas.

use serde_json::{Map, Value as Json, json};

use super::{BUILT_IN, Key, Kind, LINE, ROOT, SWEEP, Section, TARGET, Usual, sections, swept};
use crate::unit::{Bandwidth, ByteSize, Count, Rate, Share, Span};

/// The schema.
pub fn json_schema() -> Json {
    let mut schema = table(&ROOT);
    schema.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".into(), "tidings scenario".into());
    // A dialect may say which patterns there are.
    schema.insert("required".into(), json!(["question"]));
    let with = |key: &str| json!({ "required": [key] });
    schema.insert("anyOf".into(), json!([with("patterns"), with("target")]));
    let tables = sections().map(|section| (section.name, table(section)));
    for (name, described) in tables.chain([(SWEEP, axes())]) {
        schema["properties"][name] = Json::Object(described);
    }
    Json::Object(schema)
}

/// The schema of a table of the file.
fn table(section: &Section) -> Map<String, Json> {
    let mut schema = object(section, section.keys, &(section.form.defaults)());
    schema.insert("description".into(), section.about.into());
    if section.name == TARGET.name {
        // As they were written before there were other servers.
        for key in BUILT_IN {
            let was = format!("The same as `target.builtin.{}`.", key.name);
            schema["properties"][key.name] = described(of(section, &key.kind), &was);
        }
    }
    schema
}

fn object(section: &Section, keys: &[Key], defaults: &Json) -> Map<String, Json> {
    let described = keys.iter().map(|key| (key.name.to_owned(), property(section, key, defaults)));
    let properties: Map<String, Json> = described.collect();
    let schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    as_map(schema)
}

fn as_map(schema: Json) -> Map<String, Json> {
    match schema {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// The schema of a key.
fn property(section: &Section, key: &Key, defaults: &Json) -> Json {
    let mut description = without_links(key.meaning);
    description.extend(section.whom(key).map(|whom| format!(" {whom}")));
    description.extend(section.servers(key).map(|servers| format!(" {servers}")));
    match key.usual {
        Usual::Words(words) => description.extend([" Default: ", words, "."]),
        Usual::Required { words, .. } => description.extend([" It is ", words, "."]),
        Usual::Struct | Usual::Literal(_) => {}
    }
    let mut schema = match &key.kind {
        Kind::Table(keys) => object(section, keys, &defaults[key.name]),
        kind => of(section, kind),
    };
    // An editor shows that of the alternative that it offers.
    if let Some(Json::Array(alternatives)) = schema.get_mut("anyOf") {
        for alternative in alternatives {
            alternative["description"] = description.clone().into();
        }
    }
    if let Some(value) = key.default(defaults) {
        schema.insert("default".into(), value);
    }
    described(schema, &description)
}

fn described(mut schema: Map<String, Json>, description: &str) -> Json {
    schema.insert("description".into(), description.into());
    Json::Object(schema)
}

/// The schema of a value.
fn of(section: &Section, kind: &Kind) -> Map<String, Json> {
    let number = |kind: &str, least: Json, most: Option<Json>, pattern: &str| {
        let pattern = or_variable(pattern);
        let mut schema = json!({ "type": [kind, "string"], "minimum": least, "pattern": pattern });
        if let Some(most) = most {
            schema["maximum"] = most;
        }
        schema
    };
    let text = |pattern: &str| json!({ "type": "string", "pattern": or_variable(pattern) });
    as_map(match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Count(range) => {
            let most = (*range.end() < u64::MAX).then(|| (*range.end()).into());
            number("integer", (*range.start()).into(), most, &Count::pattern())
        }
        Kind::Number(range) => {
            json!({ "type": "number", "minimum": range.start(), "maximum": range.end() })
        }
        Kind::Share(range) => {
            number("number", json!(range.start()), Some(json!(range.end())), &Share::pattern())
        }
        Kind::Size(range) => {
            let most = Some((*range.end()).into());
            number("integer", (*range.start()).into(), most, &ByteSize::pattern())
        }
        Kind::Span(_) => text(&Span::pattern()),
        Kind::Rate => text(&Rate::pattern()),
        Kind::Bandwidth(_) => text(&Bandwidth::pattern()),
        Kind::Words(words) => json!({ "type": "string", "enum": words() }),
        Kind::Word(word) => json!({ "type": "string", "enum": [word] }),
        Kind::Either(kinds) => {
            let each: Vec<_> = kinds.iter().map(|kind| of(section, kind)).collect();
            json!({ "anyOf": each })
        }
        Kind::List(kind) => json!({ "type": "array", "items": of(section, kind) }),
        Kind::Set(kind) => {
            let items = of(section, kind);
            json!({ "type": "array", "items": items, "minItems": 1, "uniqueItems": true })
        }
        Kind::Table(keys) => return object(section, keys, &Json::Null),
        Kind::Map(kind) => json!({ "type": "object", "additionalProperties": of(section, kind) }),
        Kind::Listed(kind) => {
            let one = of(section, kind);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Call(keys) => {
            json!({ "anyOf": [of(section, &Kind::Grammar(&LINE)), object(section, keys, &Json::Null)] })
        }
        Kind::Grammar(grammar) => {
            let kind = if grammar.or_table { json!(["string", "object"]) } else { json!("string") };
            let mut schema = json!({ "type": kind, "examples": [value_of(grammar.example)] });
            if let Some(pattern) = grammar.pattern {
                schema["pattern"] = or_variable(pattern).into();
            }
            schema
        }
    })
}

/// The value that `toml` is.
pub(super) fn value_of(toml: &str) -> Json {
    let table: Result<toml::Table, _> = format!("value = {toml}").parse();
    let value = table.ok().and_then(|table| serde_json::to_value(table.get("value")?).ok());
    value.unwrap_or_default()
}

/// A text may also have a variable, which is replaced before it is read.
fn or_variable(pattern: &str) -> String {
    format!(r"{pattern}|\$\{{")
}

/// The schema of `[sweep]`: a list for each key that can be swept, whose name may be written dotted or quoted.
fn axes() -> Map<String, Json> {
    let mut properties = Map::new();
    for section in swept() {
        let list = |key: &Key| {
            let item = format!("#/properties/{}/properties/{}", section.name, key.name);
            let (table, name) = (section.name, key.name);
            json!({
                "type": "array",
                "minItems": 1,
                "items": { "$ref": item },
                "description": format!("The values of `{table}.{name}`, each a case."),
            })
        };
        let axes = section.keys.iter().map(|key| (key.name.to_owned(), list(key)));
        if section.name == "workload" {
            properties.extend(axes);
            continue;
        }
        let axes: Map<String, Json> = axes.collect();
        for (name, schema) in &axes {
            properties.insert(format!("{}.{name}", section.name), schema.clone());
        }
        let inner = json!({ "type": "object", "properties": axes, "additionalProperties": false });
        properties.insert(section.name.to_owned(), described(as_map(inner), section.about));
    }
    as_map(json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "description": "Axes: lists of values, every combination of which is a case.",
    }))
}

/// `text` without the addresses of its links, which lead nowhere from an editor.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((_, tail)) = after.split_once(')') else { break };
        match before.rsplit_once('[') {
            Some((head, shown)) => out.extend([head, shown]),
            None => out.push_str(before),
        }
        rest = tail;
    }
    out + rest
}
