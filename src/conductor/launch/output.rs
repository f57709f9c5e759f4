//! What a launched server prints: its beginning and its end are kept.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use memchr::memmem;

use crate::prose::harmless;

/// Kept of the beginning and of the end, in bytes each.
const KEPT: usize = 512 * 1024;
/// Longest part of a line that is searched, in bytes.
const LINE: usize = 16 * 1024;
/// What messages show: so many last lines, in at most so many bytes.
const LAST_LINES: usize = 8;
const LAST_BYTES: usize = 2048;

/// How servers say that a port is taken.
const IN_USE: [&[u8]; 6] = [
    b"address already in use",
    b"address in use",
    b"eaddrinuse",
    b"addrinuse",
    b"port is already allocated",
    b"os error 98",
];

/// In place of a secret.
const MASK: &[u8] = b"***";

/// The output of one server over all of its lives.
#[derive(Debug, Default)]
pub(super) struct Output {
    kept: Mutex<Kept>,
    /// Never shown and never written, the longest first.
    secrets: Vec<String>,
}

#[derive(Debug, Default)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
    /// The end of what this life has printed.
    recent: VecDeque<u8>,
    /// The unfinished line, while lines are searched.
    line: Vec<u8>,
    /// The text that a line must contain.
    wanted: Option<String>,
    /// Lines are searched until the server is ready.
    searches: bool,
    found: bool,
    in_use: bool,
    /// The port of the first URL of this life.
    port: Option<u16>,
}

impl Output {
    pub(super) fn new(secrets: &[String]) -> Self {
        let mut secrets: Vec<String> =
            secrets.iter().filter(|secret| !secret.is_empty()).cloned().collect();
        // The longest first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { kept: Mutex::default(), secrets }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a life, or a command before it; a line that contains `wanted` is looked for.
    pub(super) fn begin(&self, wanted: Option<&str>, heading: &str) {
        let mut kept = self.kept();
        if !(kept.head.is_empty() && heading.is_empty()) {
            kept.keep(format!("--- {heading}\n").as_bytes());
        }
        kept.recent.clear();
        kept.line.clear();
        kept.wanted = wanted.map(str::to_owned);
        (kept.searches, kept.found, kept.in_use, kept.port) = (true, false, false, None);
    }

    /// Stops looking for lines.
    pub(super) fn is_ready(&self) {
        let mut kept = self.kept();
        kept.searches = false;
        kept.line = Vec::new();
    }

    /// Takes what was printed.
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut kept = self.kept();
        kept.keep(bytes);
        kept.recent.extend(&bytes[bytes.len().saturating_sub(LAST_BYTES)..]);
        let excess = kept.recent.len().saturating_sub(LAST_BYTES);
        kept.recent.drain(..excess);
        if kept.searches {
            kept.search(bytes);
        }
    }

    /// Whether the line that is wanted was printed.
    pub(super) fn found(&self) -> bool {
        self.kept().found
    }

    /// The port of the first URL that was printed before the server was ready.
    pub(super) fn printed_port(&self) -> Option<u16> {
        self.kept().port
    }

    /// Whether the server said that its port is taken.
    pub(super) fn says_in_use(&self) -> bool {
        self.kept().in_use
    }

    /// The last lines of this life, on one line and harmless to a terminal; `None` if it printed nothing.
    pub(super) fn last_words(&self) -> Option<String> {
        let bytes: Vec<u8> = self.kept().recent.iter().copied().collect();
        let cut = bytes.len() == LAST_BYTES;
        let masked = self.masked(&bytes, cut, false);
        let text = String::from_utf8_lossy(&masked);
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let from = lines.len().saturating_sub(LAST_LINES);
        (!lines.is_empty()).then(|| harmless(&lines[from..].join(" | ")))
    }

    /// `text` without secrets, harmless to a terminal.
    pub(super) fn shown(&self, text: &str) -> String {
        harmless(&String::from_utf8_lossy(&self.masked(text.as_bytes(), false, false)))
    }

    /// `bytes` without secrets; where they were cut, also without the part of a secret that is left there.
    fn masked(&self, bytes: &[u8], cut_before: bool, cut_after: bool) -> Vec<u8> {
        let parts = |secret: &'_ String| 1..secret.len().min(bytes.len() + 1);
        let ends = |secret: &'_ String| {
            parts(secret).rev().find(|n| bytes.starts_with(&secret.as_bytes()[secret.len() - n..]))
        };
        let begins = |secret: &'_ String| {
            parts(secret).rev().find(|n| bytes.ends_with(&secret.as_bytes()[..*n]))
        };
        let from = self.secrets.iter().filter_map(ends).max().filter(|_| cut_before).unwrap_or(0);
        let less = self.secrets.iter().filter_map(begins).max().filter(|_| cut_after).unwrap_or(0);
        let mut masked = bytes[from..(bytes.len() - less).max(from)].to_vec();
        for secret in &self.secrets {
            let mut rest = masked.as_slice();
            let mut clean = Vec::with_capacity(rest.len());
            while let Some(at) = memmem::find(rest, secret.as_bytes()) {
                clean.extend_from_slice(&rest[..at]);
                clean.extend_from_slice(MASK);
                rest = &rest[at + secret.len()..];
            }
            clean.extend_from_slice(rest);
            masked = clean;
        }
        masked
    }

    /// Writes what was kept to a file; nothing if nothing was printed.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let kept = self.kept();
        if kept.head.is_empty() {
            return Ok(());
        }
        let tail: Vec<u8> = kept.tail.iter().copied().collect();
        let text = if kept.left_out == 0 {
            self.masked(&[kept.head.as_slice(), &tail].concat(), false, false)
        } else {
            let note = format!("\n[... {} bytes left out ...]\n", kept.left_out);
            let (head, tail) =
                (self.masked(&kept.head, false, true), self.masked(&tail, true, false));
            [head, note.into_bytes(), tail].concat()
        };
        drop(kept);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)
    }
}

impl Kept {
    fn keep(&mut self, bytes: &[u8]) {
        let room = KEPT - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        let skipped = rest.len().saturating_sub(KEPT);
        self.tail.extend(&rest[skipped..]);
        let excess = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..excess);
        self.left_out += (skipped + excess) as u64;
    }

    fn search(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            // An unfinished line is searched too: a prompt has no line feed.
            let lower = self.line.to_ascii_lowercase();
            self.in_use |= IN_USE.iter().any(|text| memmem::find(&lower, text).is_some());
            if let Some(wanted) = &self.wanted {
                self.found |= memmem::find(&self.line, wanted.as_bytes()).is_some();
            }
            if part.ends_with(b"\n") {
                // Of an unfinished line the port may lack digits.
                self.port = self.port.or_else(|| port_of(&String::from_utf8_lossy(&self.line)));
                self.line.clear();
            }
        }
    }
}

/// The port of the first URL in `line`.
fn port_of(line: &str) -> Option<u16> {
    ["http://", "https://", "ws://", "wss://"].iter().find_map(|scheme| {
        let rest = line.split_once(scheme)?.1;
        let authority = rest.split(|c: char| c == '/' || c.is_whitespace()).next()?;
        let digits =
            |text: &str| -> String { text.chars().take_while(char::is_ascii_digit).collect() };
        digits(authority.rsplit_once(':')?.1).parse().ok().filter(|port| *port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(output: &Output) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/a.log");
        output.save(&path).unwrap();
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn beginning_and_end_of_much_output_are_kept() {
        let output = Output::new(&[]);
        output.begin(None, "");
        let line = |n: usize| format!("line {n:08}\n");
        for first in (0..700_000).step_by(1000) {
            let lines: String = (first..first + 1000).map(line).collect();
            output.push(lines.as_bytes());
        }
        let log = saved(&output);
        assert!(log.len() < 2 * KEPT + 100, "{}", log.len());
        assert!(log.starts_with(&line(0)) && log.ends_with(&line(699_999)));
        let left_out = 700_000 * 14 - 2 * KEPT;
        assert!(log.contains(&format!("[... {left_out} bytes left out ...]")));
        let words = output.last_words().unwrap();
        assert!(
            words.starts_with("line 00699992 | ") && words.ends_with("line 00699999"),
            "{words}"
        );
    }

    #[test]
    fn output_up_to_the_limit_is_kept_whole_however_it_arrives() {
        for piece in [1, 7, 4096, 1 << 20, 3 << 20] {
            let output = Output::new(&[]);
            let text: Vec<u8> = (0..2 * KEPT).map(|n| b'a' + (n % 23) as u8).collect();
            for part in text.chunks(piece) {
                output.push(part);
            }
            assert_eq!(saved(&output).as_bytes(), text, "{piece}");
            output.push(b"x");
            assert!(saved(&output).contains("[... 1 bytes left out ...]"));
        }
    }

    #[test]
    fn a_line_is_found_however_it_is_cut_and_without_its_end() {
        for piece in 1..12 {
            let output = Output::new(&[]);
            output.begin(Some("is ready"), "");
            for part in b"starting\nThe server is ready> ".chunks(piece) {
                assert!(!output.found());
                output.push(part);
                if output.found() {
                    break;
                }
            }
            assert!(output.found(), "{piece}");
            output.begin(Some("is ready"), "again");
            output.push(b"is\nready\n");
            assert!(!output.found(), "a text over two lines is none");
        }
    }

    #[test]
    fn the_port_of_a_printed_url_is_found_once_its_line_is_whole() {
        for (line, port) in [
            ("listening on http://127.0.0.1:8080", Some(8080)),
            ("http://[::1]:81/ and http://[::1]:82/", Some(81)),
            ("\u{1b}[36mws://localhost:9000\u{1b}[0m (press Ctrl-C)", Some(9000)),
            ("see https://example.org/docs", None),
            ("port 8080", None),
        ] {
            for piece in [1, 5, 100] {
                let output = Output::new(&[]);
                output.begin(None, "");
                for part in line.as_bytes().chunks(piece) {
                    output.push(part);
                    assert_eq!(output.printed_port(), None, "{line}: not whole");
                }
                output.push(b"\n");
                assert_eq!(output.printed_port(), port, "{line}");
            }
        }
    }

    #[test]
    fn a_taken_port_is_recognised_in_the_words_of_many_servers() {
        for line in [
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            "Error: listen EADDRINUSE: address already in use :::8080",
            "OSError: [Errno 98] Address already in use",
            "Error: Os { code: 98, kind: AddrInUse, message: \"Address already in use\" }",
            "listen tcp :8080: bind: address already in use",
            "Bind for 0.0.0.0:80 failed: port is already allocated",
            "java.net.BindException: Address already in use",
        ] {
            let output = Output::new(&[]);
            output.begin(None, "");
            output.push(line.as_bytes());
            assert!(output.says_in_use(), "{line}");
        }
        let output = Output::new(&[]);
        output.begin(None, "");
        output.push(b"all addresses are free to use\n");
        assert!(!output.says_in_use());
    }

    #[test]
    fn secrets_are_neither_shown_nor_written_even_where_output_was_cut() {
        let secrets = ["hunter2-hunter2".to_owned(), "hunter2".to_owned(), String::new()];
        for shift in 0..40 {
            let output = Output::new(&secrets);
            output.push(&vec![b'-'; KEPT - shift]);
            let many = b"hunter2-hunter2 hunter2\n".repeat(1000);
            for _ in 0..100 {
                output.push(&many);
            }
            let log = saved(&output);
            assert!(log.contains("left out") && log.contains("*** ***\n"), "{shift}");
            for text in [log, output.last_words().unwrap()] {
                let rest = text.replace("bytes left out", "").replace("***", "");
                assert!(!rest.contains(|c: char| c.is_ascii_lowercase()), "{shift}: {rest:.100}");
            }
        }
        let output = Output::new(&secrets);
        assert_eq!(output.shown("a hunter2\x1b[2J"), "a ***?[2J");
    }

    #[test]
    fn a_terminal_is_safe_from_last_words() {
        let output = Output::new(&[]);
        assert_eq!(output.last_words(), None);
        output.push(b"\n  \n");
        assert_eq!(output.last_words(), None);
        output.push(b"a\x1b]0;title\x07\r\nb \xff\n");
        assert_eq!(output.last_words().unwrap(), "a?]0;title? | b \u{fffd}");
    }
}
