//! Reads an item from untrusted XML: no document types, no entities but XML's own five, bounded depth.
//!
//! Invalid XML is refused with 400 and its line and column, an invalid item with 422 and its member. The limit on bodies
//! bounds the size, and nothing expands.

use std::borrow::Cow;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::{Map, Value};

use super::draft::{Draft, wrong};
use super::xml::{is_char, is_text};
use crate::server::problem::Problem;

/// Deepest nesting of the data: the limit of `serde_json` for an item in JSON.
const DEPTH_MAX: usize = 126;

/// Reads an item.
pub(super) fn decode(bytes: &[u8]) -> Result<Draft, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let upto = &bytes[..error.valid_up_to()];
        malformed(upto, upto.len(), "the body is not UTF-8")
    })?;
    if !is_text(text)
        && let Some((at, c)) = text.char_indices().find(|(_, c)| !is_char(*c))
    {
        return Err(malformed(bytes, at, &format!("XML has no character U+{:04X}", c as u32)));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut document = Document { reader, bytes };
    let draft = document.item()?;
    match document.next(true)? {
        Event::Eof => Ok(draft),
        _ => Err(document.malformed("unexpected content after the item")),
    }
}

struct Document<'a> {
    reader: Reader<&'a [u8]>,
    bytes: &'a [u8],
}

impl<'a> Document<'a> {
    fn item(&mut self) -> Result<Draft, Problem> {
        let start = match self.next(true)? {
            Event::Start(start) if start.name().0 == "item" => start,
            Event::Start(_) => return Err(self.wrong("", "the document must be an <item>")),
            _ => return Err(self.malformed("the document has no element")),
        };
        let mut draft = Draft::default();
        let [id] = self.attributes(&start, ["id"], "/id")?;
        if let Some(id) = id {
            let id = crate::server::request::whole(&id);
            draft.id = Some(id.ok_or_else(|| self.wrong("/id", "an id is a whole number"))?);
        }
        let (mut name, mut data) = (None, None);
        while let Some(start) = self.child("")? {
            match start.name().0 {
                "name" if name.is_none() => name = Some(self.name(&start)?),
                "data" if data.is_none() => data = Some(self.data(&start)?),
                other => {
                    let detail =
                        format!("an item has one <name> and one <data>, and this is <{other}>");
                    return Err(self.wrong(&format!("/{other}"), detail));
                }
            }
        }
        draft.name = name.unwrap_or_default();
        draft.data = data.unwrap_or_default();
        Ok(draft)
    }

    fn name(&mut self, start: &BytesStart<'a>) -> Result<String, Problem> {
        let [escaped] = self.attributes(start, ["escaped"], "/name")?;
        self.text(escaped.as_deref(), "/name")
    }

    fn data(&mut self, start: &BytesStart<'a>) -> Result<Value, Problem> {
        let [] = self.attributes(start, [], "/data")?;
        let Some(inner) = self.child("/data")? else { return Ok(Value::Null) };
        let [] = self.attributes_but_own(&inner)?;
        let value = self.value(&inner, DEPTH_MAX)?;
        match self.child("/data")? {
            None => Ok(value),
            Some(_) => Err(self.wrong("/data", "the data is one value")),
        }
    }

    /// Reads the value that begins with `start`, at most `depth` levels deep.
    fn value(&mut self, start: &BytesStart<'a>, depth: usize) -> Result<Value, Problem> {
        let name = start.name().0;
        match name {
            "map" | "array" if depth == 0 => {
                Err(self.malformed(&format!("the data exceeds {DEPTH_MAX} levels")))
            }
            "map" => self.map(depth - 1),
            "array" => self.array(depth - 1),
            "string" => {
                let escaped = attribute(start, "escaped");
                self.text(escaped.as_deref(), "/data").map(Value::String)
            }
            "null" => match self.child("/data")? {
                None => Ok(Value::Null),
                Some(_) => Err(self.wrong("/data", "a <null> must be empty")),
            },
            "boolean" => match self.text(None, "/data")?.trim() {
                "true" | "1" => Ok(Value::Bool(true)),
                "false" | "0" => Ok(Value::Bool(false)),
                other => Err(self.wrong("/data", format!("'{other}' is not a <boolean>"))),
            },
            "number" => {
                let text = self.text(None, "/data")?;
                let number = serde_json::from_str(text.trim()).ok().map(Value::Number);
                number.ok_or_else(|| self.wrong("/data", format!("'{text}' is not a <number>")))
            }
            other => Err(self.wrong(
                "/data",
                format!("<{other}> is none of map, array, string, number, boolean and null"),
            )),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        while let Some(start) = self.child("/data")? {
            let [] = self.attributes_but_own(&start)?;
            items.push(self.value(&start, depth)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut members = Map::new();
        while let Some(start) = self.child("/data")? {
            let own: &[&str] = if start.name().0 == "string" { &["escaped"] } else { &[] };
            let [key, escaped] = self.checked(&start, ["key", "escaped-key"], own, "/data")?;
            let key =
                key.ok_or_else(|| self.wrong("/data", "each element of a map needs a key"))?;
            let key = self.unescaped(key.into_owned(), escaped.as_deref(), "/data")?;
            let value = self.value(&start, depth)?;
            if members.insert(key, value).is_some() {
                return Err(self.wrong("/data", "a map has the same key twice"));
            }
        }
        Ok(Value::Object(members))
    }

    /// The next element inside of the one that is open; `None` at its end.
    fn child(&mut self, pointer: &str) -> Result<Option<BytesStart<'a>>, Problem> {
        match self.next(true)? {
            Event::Start(start) => Ok(Some(start)),
            Event::End(_) => Ok(None),
            Event::Eof => Err(self.malformed("the document ends within an element")),
            _ => Err(self.wrong(pointer, "text is not allowed here, only elements")),
        }
    }

    /// The text of the element that is open.
    fn text(&mut self, escaped: Option<&str>, pointer: &str) -> Result<String, Problem> {
        let mut text = String::new();
        loop {
            match self.next(false)? {
                Event::End(_) => return self.unescaped(text, escaped, pointer),
                Event::Text(more) => text.push_str(&more.xml10_content()),
                Event::CData(more) => text.push_str(&more.xml10_content()),
                Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                    Ok(Some(c)) if is_char(c) => text.push(c),
                    Ok(None) => match resolve_xml_entity(&reference) {
                        Some(known) => text.push_str(known),
                        None => {
                            return Err(self.malformed(&format!("&{}; is not known", &*reference)));
                        }
                    },
                    _ => return Err(self.malformed(&format!("&{}; is no character", &*reference))),
                },
                Event::Eof => return Err(self.malformed("the document ends within an element")),
                _ => {
                    return Err(self.wrong(pointer, "elements are not allowed here, only text"));
                }
            }
        }
    }

    /// The next event that means something; `blank` leaves out white space.
    fn next(&mut self, blank: bool) -> Result<Event<'a>, Problem> {
        loop {
            let from = self.reader.buffer_position();
            let event = self.reader.read_event().map_err(|error| {
                malformed(self.bytes, self.reader.error_position() as usize, &error.to_string())
            })?;
            match event {
                Event::Text(text) if blank && text.trim_ascii().is_empty() => {}
                Event::Comment(_) | Event::PI(_) => {}
                Event::Decl(declaration) if from == 0 => {
                    if !matches!(
                        &declaration.encoding(),
                        None | Some(Ok(Cow::Borrowed("UTF-8" | "utf-8")))
                    ) {
                        return Err(self.malformed("the encoding must be UTF-8"));
                    }
                }
                Event::Decl(_) => {
                    return Err(
                        self.malformed("an XML declaration is allowed only at the beginning")
                    );
                }
                Event::DocType(_) => return Err(self.malformed("document types are refused")),
                event => return Ok(event),
            }
        }
    }

    fn attributes<const N: usize>(
        &self,
        start: &BytesStart<'a>,
        known: [&str; N],
        pointer: &str,
    ) -> Result<[Option<Cow<'a, str>>; N], Problem> {
        self.checked(start, known, &[], pointer)
    }

    /// Refuses attributes of a value outside of a map.
    fn attributes_but_own(
        &self,
        start: &BytesStart<'a>,
    ) -> Result<[Option<Cow<'a, str>>; 0], Problem> {
        let own: &[&str] = if start.name().0 == "string" { &["escaped"] } else { &[] };
        self.checked(start, [], own, "/data")
    }

    /// Returns the values of the attributes `wanted`; refuses all others but `own`.
    fn checked<const N: usize>(
        &self,
        start: &BytesStart<'a>,
        wanted: [&str; N],
        own: &[&str],
        pointer: &str,
    ) -> Result<[Option<Cow<'a, str>>; N], Problem> {
        let mut found = [const { None }; N];
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(&error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.malformed(&error.to_string()))?;
            if !is_text(&value) {
                return Err(self.malformed("an attribute has a character that XML has not"));
            }
            let name = attribute.key.0;
            match wanted.iter().position(|wanted| *wanted == name) {
                Some(place) => found[place] = Some(Cow::Owned(value.into_owned())),
                None if own.contains(&name) => {}
                None => {
                    return Err(self.wrong(pointer, format!("unknown attribute '{name}'")));
                }
            }
        }
        Ok(found)
    }

    /// Decodes a text, unescaping it as JSON if `escaped` says so.
    fn unescaped(
        &self,
        text: String,
        escaped: Option<&str>,
        pointer: &str,
    ) -> Result<String, Problem> {
        match escaped {
            None | Some("false" | "0") => return Ok(text),
            Some("true" | "1") => {}
            Some(other) => {
                return Err(
                    self.wrong(pointer, format!("escaped=\"{other}\" is neither true nor false"))
                );
            }
        }
        let mut json = String::with_capacity(text.len() + 2);
        json.push('"');
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    json.push('\\');
                    json.extend(chars.next());
                }
                '"' => json.push_str("\\\""),
                '\t' => json.push_str("\\t"),
                '\n' => json.push_str("\\n"),
                '\r' => json.push_str("\\r"),
                c => json.push(c),
            }
        }
        json.push('"');
        serde_json::from_str(&json).map_err(|_| self.wrong(pointer, "an escape that JSON has not"))
    }

    fn malformed(&self, what: &str) -> Problem {
        malformed(self.bytes, self.reader.buffer_position() as usize, what)
    }

    fn wrong(&self, pointer: &str, what: impl Into<String>) -> Problem {
        let (line, column) = place(self.bytes, self.reader.buffer_position() as usize);
        wrong(pointer, what).member("line", line).member("column", column)
    }
}

/// The value of an attribute that was checked.
fn attribute<'a>(start: &BytesStart<'a>, name: &str) -> Option<Cow<'a, str>> {
    let found = start.attributes().flatten().find(|attribute| attribute.key.0 == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| Cow::Owned(value.into_owned()))
}

fn malformed(bytes: &[u8], at: usize, what: &str) -> Problem {
    let (line, column) = place(bytes, at);
    Problem::bad_request(format!(
        "the body is not valid XML for this API: {what}, at line {line} column {column}"
    ))
    .member("line", line)
    .member("column", column)
}

/// Line and column of byte number `at`, from 1.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at.min(bytes.len())];
    let lines = before.split(|&byte| byte == b'\n');
    let column = lines.clone().next_back().map_or(0, <[u8]>::len);
    (lines.count(), column + 1)
}

#[cfg(test)]
mod tests;
