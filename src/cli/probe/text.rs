//! Writing a scenario: TOML in the order and with the comments that a reader wants.

use anyhow::bail;

/// A scenario that is being written.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Adds `# comment`.
    pub(super) fn comment(&mut self, comment: &str) {
        for line in comment.lines() {
            self.0.push_str(format!("# {line}").trim_end());
            self.0.push('\n');
        }
    }

    /// Adds `key = value`; `value` is TOML.
    pub(super) fn key(&mut self, key: &str, value: &str) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    /// Begins a table.
    pub(super) fn table(&mut self, name: &str) {
        self.0.push_str(&format!("\n[{name}]\n"));
    }

    /// Begins a table of an array of tables.
    pub(super) fn tables(&mut self, name: &str) {
        self.0.push_str(&format!("\n[[{name}]]\n"));
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
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
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
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
