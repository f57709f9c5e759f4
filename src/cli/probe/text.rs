//! Writing a scenario: TOML in the order and with the comments that a reader wants.

use std::fmt::Write as _;

use anyhow::bail;

/// A scenario that is being written.
#[derive(Debug)]
pub(super) struct Text(Vec<Table>);

/// A table, in the order of its lines; the first has no name.
#[derive(Debug)]
struct Table {
    name: String,
    /// Whether it is one of an array.
    of_array: bool,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Comment(String),
    Key(String, String),
}

impl Default for Text {
    fn default() -> Self {
        Self(vec![Table { name: String::new(), of_array: false, lines: Vec::new() }])
    }
}

impl Text {
    /// Adds `# comment`.
    pub(super) fn comment(&mut self, comment: &str) {
        self.line(Line::Comment(comment.to_owned()));
    }

    /// Adds `key = value`; `value` is TOML.
    pub(super) fn key(&mut self, key: &str, value: &str) {
        self.line(Line::Key(key.to_owned(), value.to_owned()));
    }

    fn line(&mut self, line: Line) {
        if let Some(table) = self.0.last_mut() {
            table.lines.push(line);
        }
    }

    /// Begins a table.
    pub(super) fn table(&mut self, name: &str) {
        self.0.push(Table { name: name.to_owned(), of_array: false, lines: Vec::new() });
    }

    /// Begins a table of an array of tables.
    pub(super) fn tables(&mut self, name: &str) {
        self.0.push(Table { name: name.to_owned(), of_array: true, lines: Vec::new() });
    }

    /// Writes `--set assignment` over what is there.
    pub(super) fn set(&mut self, assignment: &str) -> anyhow::Result<()> {
        let Some((path, value)) = assignment.split_once('=') else {
            bail!("--set {assignment}: has no value; write --set worker.shards=2");
        };
        let (name, key) = path.trim().rsplit_once('.').unwrap_or(("", path.trim()));
        // As for `tidings run`: what is no value of TOML is a text.
        let is_toml = toml::from_str::<toml::Table>(&format!("x = {value}")).is_ok();
        let value = if is_toml { value.trim().to_owned() } else { quoted(value) };
        let at = self.0.iter().position(|table| table.name == name && !table.of_array);
        let at = at.unwrap_or_else(|| {
            self.table(name);
            self.0.len() - 1
        });
        let lines = &mut self.0[at].lines;
        let known = lines.iter_mut().find_map(|line| match line {
            Line::Key(known, value) if known == key => Some(value),
            _ => None,
        });
        match known {
            Some(known) => *known = value,
            None => lines.push(Line::Key(key.to_owned(), value)),
        }
        Ok(())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        let mut out = Self::new();
        for Table { name, of_array, lines } in text.0 {
            match (name.as_str(), of_array) {
                ("", _) => {}
                (name, true) => out.extend(["\n[[", name, "]]\n"]),
                (name, false) => out.extend(["\n[", name, "]\n"]),
            }
            for line in lines {
                match line {
                    Line::Comment(comment) => out.extend(["# ", &comment, "\n"]),
                    Line::Key(key, value) => out.extend([&key, " = ", &value, "\n"]),
                }
            }
        }
        out
    }
}

/// A text as a TOML string in one line, in which no variable is substituted.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' => out.push_str("$$"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The header fields of `lines`, `Name: value`, as an inline table; `None` if there are none.
pub(super) fn headers(
    lines: &[String],
    content_type: Option<&str>,
) -> anyhow::Result<Option<String>> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            bail!("-H '{line}' has no colon; write -H 'Name: value'");
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if name.is_empty() {
            bail!("-H '{line}' has no name; write -H 'Name: value'");
        }
        if fields.iter().any(|(known, _)| *known == name) {
            bail!("-H '{name}: …' is given twice; write its values in one, separated by commas");
        }
        fields.push((name, value));
    }
    if let Some(value) = content_type {
        fields.retain(|(name, _)| name != "content-type");
        fields.push(("content-type".to_owned(), value.to_owned()));
    }
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)))
        .collect();
    Ok((!fields.is_empty()).then(|| format!("{{ {} }}", fields.join(", "))))
}

/// Texts as a list in one line.
pub(super) fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}
