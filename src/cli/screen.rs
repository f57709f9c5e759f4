//! The line on stderr that progress rewrites on a terminal.
//!
//! Own code: indicatif writes from the thread that reports and waits for a terminal that has stalled; this queues and drops.

use std::io::IsTerminal as _;
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use tidings::prose::{ascii, fit as fit_lines, harmless};

use super::output;

/// Columns of a terminal that does not report them.
const COLUMNS: usize = 80;
/// A name cut to fewer columns is unreadable, and left out.
const NAME: usize = 6;
/// Back to the first column, and everything after it cleared.
const CLEAR: &str = "\r\x1b[K";

/// The capabilities of stderr.
#[derive(Debug)]
pub(super) struct Screen {
    /// Whether a line can be rewritten.
    rewrites: bool,
    unicode: bool,
    /// Whether a line is unfinished.
    pending: bool,
}

impl Screen {
    /// The screen of this process. One that is dumb, or no terminal, gets whole lines only.
    #[expect(clippy::disallowed_methods, reason = "asks what it is, and writes nothing")]
    pub(super) fn of_stderr() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let rewrites = std::io::stderr().is_terminal() && !dumb;
        Self { rewrites, unicode: output::is_unicode(), pending: false }
    }

    /// Whether a line can be rewritten.
    pub(super) const fn rewrites(&self) -> bool {
        self.rewrites
    }

    /// Rewrites the unfinished line, where possible; a narrow window cuts `name` first.
    pub(super) fn draw(&mut self, head: &str, name: &str, tail: &str) {
        if self.rewrites {
            // A character in the last column makes some terminals begin a new line.
            let text = fit(head, name, tail, columns() - 1, self.unicode);
            output::progress(format!("{CLEAR}{text}"));
            self.pending = true;
        }
    }

    /// Writes a whole line.
    pub(super) fn line(&mut self, text: &str) {
        let clear = if std::mem::take(&mut self.pending) { CLEAR } else { "" };
        let text = fit_lines(&printable(text, self.unicode), columns_of_stderr(), false);
        output::progress(format!("{clear}{text}\n"));
    }

    /// Ends an unfinished line.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.pending) {
            output::progress("\n".to_owned());
        }
    }
}

/// The width of stderr's terminal now: a window can be resized.
#[expect(clippy::disallowed_methods, reason = "asks what it is, and writes nothing")]
fn columns() -> usize {
    window(std::io::stderr()).or_else(asked).unwrap_or(COLUMNS).max(2)
}

/// The width for text on stdout, in columns: the smaller of its terminal's and the environment's `COLUMNS`; unlimited
/// without either.
#[expect(clippy::disallowed_methods, reason = "asks what it is, and writes nothing")]
pub(super) fn columns_of_stdout() -> usize {
    window(std::io::stdout()).into_iter().chain(asked()).min().unwrap_or(usize::MAX)
}

/// The width of stderr's terminal, in columns; unlimited without one, because log collectors read line by line.
#[expect(clippy::disallowed_methods, reason = "asks what it is, and writes nothing")]
pub(super) fn columns_of_stderr() -> usize {
    window(std::io::stderr()).unwrap_or(usize::MAX)
}

/// The columns that a terminal reports. Its rows do not matter: they are 0 if only the columns were set.
fn window(stream: impl AsFd) -> Option<usize> {
    let columns = tcgetwinsize(stream).ok()?.ws_col;
    (columns > 0).then_some(columns.into())
}

/// The width from the environment.
fn asked() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok()?.trim().parse().ok()?;
    (columns > 0).then_some(columns)
}

/// `text` on one line, in letters that the locale can show.
fn printable(text: &str, unicode: bool) -> String {
    let text = harmless(text).replace('\n', "?");
    if unicode { text } else { ascii(&text) }
}

/// Returns the first `columns` of `text`, with a mark if it was cut.
fn cut(text: &str, columns: usize, unicode: bool) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "..." };
    let Some(room) = columns.checked_sub(mark.width()) else { return String::new() };
    let mut used = 0;
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    kept.chain(mark.chars()).collect()
}

/// Head, name and tail in at most `columns`: the name is cut first, then left out, then the line is cut.
fn fit(head: &str, name: &str, tail: &str, columns: usize, unicode: bool) -> String {
    let [head, name, tail] = [head, name, tail].map(|text| printable(text, unicode));
    match columns.checked_sub(head.width() + tail.width()) {
        Some(room) if room >= NAME.min(name.width()) => {
            format!("{head}{}{tail}", cut(&name, room, unicode))
        }
        // What is being done matters more than in which trial of the case.
        _ => {
            let doing = tail.split_once(": ").map_or(name.as_str(), |(_, doing)| doing);
            cut(&format!("{head}{doing}"), columns, unicode)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_every_width_and_names_the_current_step() {
        let names = [
            "sse",
            "websocket,clients=1000,payload=16KiB,rate=20/s,shards=2,trial=long",
            "新聞新聞新聞新聞",
        ];
        for name in names {
            for columns in 1..200 {
                for unicode in [true, false] {
                    let tail = ", trial 1: measuring, 0:05 left";
                    let line = fit("[ 1/12] ", name, tail, columns, unicode);
                    assert!(line.width() <= columns, "{columns}: {line}");
                    assert!(unicode || line.is_ascii(), "{line}");
                    assert!(columns < 20 || line.contains("measuring"), "{columns}: {line}");
                }
            }
        }
        let wide = fit("[1/3] ", "sse", ", trial 1: draining, 0:05 left", 80, false);
        assert_eq!(wide, "[1/3] sse, trial 1: draining, 0:05 left");
        assert_eq!(cut("新聞新聞", 6, true), "新聞…");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nµ", true), "a?[2Jb?µ");
        assert_eq!(printable("5 µs", false), "5 us");
    }
}
