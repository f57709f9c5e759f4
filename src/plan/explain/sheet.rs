//! Lines of what is sent, up to a width.

use std::fmt::Write as _;

use super::speaker::Explained;
use crate::dialect::model::{Call, Captures, Messages};
use crate::dialect::template::printable;
use crate::prose;

/// Widest line of running text.
const WIDTH: usize = 98;
/// Least room for bytes.
const NARROWEST: usize = 20;
/// Characters of a line of bytes that are shown.
const SHOWN: usize = 4_096;

/// The output, as it grows.
#[derive(Debug)]
pub(super) struct Sheet {
    out: String,
    columns: usize,
}

impl Sheet {
    pub(super) const fn new(columns: usize) -> Self {
        Self { out: String::new(), columns }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Whether lines of bytes are broken.
    pub(super) const fn is_narrow(&self) -> bool {
        self.columns < usize::MAX
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.out.push('\n');
    }

    /// A heading.
    pub(super) fn head(&mut self, text: &str) {
        self.gap();
        self.text("", text);
    }

    /// Running text, wrapped.
    pub(super) fn text(&mut self, lead: &str, text: &str) {
        let columns = self.columns.min(WIDTH);
        prose::wrap(&mut self.out, lead, text, lead.chars().count(), columns);
    }

    /// A remark on what is sent.
    pub(super) fn note(&mut self, text: &str) {
        self.text("  = ", text);
    }

    /// A line of bytes behind `mark`, broken where the window ends, and whole without one.
    pub(super) fn bytes(&mut self, mark: &str, bytes: &[u8]) {
        let shown = printable(bytes);
        let room = self.columns.saturating_sub(2 + mark.chars().count()).max(NARROWEST);
        let mut lead = format!("  {mark}");
        let mut letters = shown.chars().take(SHOWN).peekable();
        if letters.peek().is_none() {
            self.out.push_str(lead.trim_end());
            self.out.push('\n');
            return;
        }
        while letters.peek().is_some() {
            self.out.push_str(&lead);
            let mut used = 0;
            while let Some(letter) = letters.peek() {
                let width = unicode_width::UnicodeWidthChar::width(*letter).unwrap_or(1);
                if used + width > room {
                    break;
                }
                used += width;
                self.out.push(*letter);
                letters.next();
            }
            self.out.push('\n');
            lead = format!("  {:<width$}", "..", width = mark.chars().count());
        }
        if shown.chars().nth(SHOWN).is_some() {
            self.note(&format!("and so on: {} bytes in all", bytes.len()));
        }
    }

    /// A request.
    pub(super) fn request(&mut self, request: &Explained) {
        for line in &request.lines {
            self.bytes("> ", line);
        }
        for note in &request.notes {
            self.note(note);
        }
    }

    /// What is expected of the answer to `call`, and taken out of it.
    pub(super) fn answer(&mut self, call: &Call) {
        let statuses: Vec<String> = call.expect.iter().map(u16::to_string).collect();
        let status = if statuses.is_empty() { "2xx".to_owned() } else { statuses.join(" or ") };
        let mut text = format!("expects status {status}");
        if let Some(captures) = captures(&call.capture) {
            let _ = write!(text, "; captures {captures}");
        }
        self.note(&text);
    }

    /// What the messages of a stream mean.
    pub(super) fn messages(&mut self, messages: &Messages) {
        for (what, matchers) in [
            ("a message that ends the link as an error", &messages.fail),
            ("a message without an event", &messages.ignore),
            ("only such a message carries events", &messages.deliver),
        ] {
            for matcher in matchers {
                self.note(&format!("{what}: {matcher}"));
            }
        }
    }
}

/// What is captured, and as what.
pub(super) fn captures(captures: &Captures) -> Option<String> {
    let each = captures.iter().map(|(name, capture)| format!("{{{{{name}}}}} = {capture}"));
    let all = each.collect::<Vec<_>>().join(", ");
    (!all.is_empty()).then_some(all)
}
