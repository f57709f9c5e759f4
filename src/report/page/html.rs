//! HTML as text: the only place that writes it, so that what a run says cannot become markup.
//!
//! Names of elements and attributes are constants of the program; texts and values are escaped here and nowhere else.

use crate::prose::harmless;
use crate::unit::typographic;

/// A document, or a part of one, while it is written.
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

/// An attribute: a name that the program has chosen, and any value.
pub(super) type Attribute<'a> = (&'static str, &'a str);

impl Html {
    /// A document that begins with its type.
    pub(super) fn document() -> Self {
        Self { out: "<!doctype html>\n".to_owned() }
    }

    /// Appends an element with what `content` writes.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        content(self);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// Appends an element that holds a text alone.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// Appends an element that has no content.
    pub(super) fn void(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.open(name, attributes);
    }

    /// Appends a line feed, which browsers show as a space at most.
    pub(super) fn line(&mut self) {
        self.out.push('\n');
    }

    /// Appends running text, with typographic units.
    pub(super) fn text(&mut self, text: &str) {
        escape(&mut self.out, &typographic(text), false);
    }

    /// Appends text letter by letter, as a command or a file has it.
    pub(super) fn code(&mut self, text: &str) {
        escape(&mut self.out, text, false);
    }

    /// Appends a style or a script of the program, whose content HTML does not escape.
    pub(super) fn verbatim(&mut self, name: &'static str, text: &'static str) {
        self.open(name, &[]);
        self.out.push_str(text);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.out
    }

    fn open(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            escape(&mut self.out, value, true);
            self.out.push('"');
        }
        self.out.push('>');
    }
}

/// Appends `text` without characters that control a display, and with references for those that HTML gives a meaning to,
/// quotes only in a value.
fn escape(out: &mut String, text: &str, in_value: bool) {
    for letter in harmless(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_value => out.push_str("&quot;"),
            '\'' if in_value => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_are_escaped() {
        let mut html = Html::default();
        html.element("p", &[("title", "a\"b'c<d>&e")], |html| {
            html.text("</p><script>\"5 us' & 3x\u{202e}\u{1b}[2J");
            html.void("br", &[]);
            html.code("5 us");
        });
        assert_eq!(
            html.finish(),
            "<p title=\"a&quot;b&#39;c&lt;d&gt;&amp;e\">&lt;/p&gt;&lt;script&gt;\"5 µs' &amp; 3×??[2J<br>5 us</p>"
        );
    }
}
