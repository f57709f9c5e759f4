//! Conditions for a stream of bytes, whose frames end anywhere: lines, and bytes anywhere.

use std::sync::Arc;

use memchr::{memchr, memmem};

use super::{Condition, Matcher};

/// Longest piece of a line that is kept, in bytes: a longer one is judged by its beginning.
const LONGEST: usize = 64 * 1024;

/// Names of events do not exist in a stream of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stream of bytes has no server-sent events; leave out 'event'")]
pub struct NoStream;

/// Recognises messages in a stream of bytes that comes in pieces.
///
/// `contains`, `hex`, and an `exact` text of several lines match bytes anywhere, every occurrence that does not overlap the one before. The others match lines:
/// `exact` the whole line with or without its end, `prefix` its beginning, as soon as that is there; `regex` and `json` the line
/// without its end. At most 64 KiB of a line are kept.
#[derive(Debug, Clone)]
pub struct StreamMatcher {
    matcher: Arc<Matcher>,
    /// The bytes of a line, or those that may begin an occurrence.
    kept: Vec<u8>,
    /// The line that goes on has been counted.
    counted: bool,
}

impl StreamMatcher {
    /// A matcher at the beginning of a stream.
    pub fn new(matcher: Arc<Matcher>) -> Result<Self, NoStream> {
        if matcher.event.is_some() {
            return Err(NoStream);
        }
        Ok(Self { matcher, kept: Vec::new(), counted: false })
    }

    /// Takes the next piece of the stream. Returns how many messages ended in it that fulfil the condition.
    pub fn feed(&mut self, piece: &[u8]) -> usize {
        let matcher = Arc::clone(&self.matcher);
        match &matcher.condition {
            Condition::Contains(finder) => self.anywhere(finder, piece),
            Condition::Exact(bytes) if is_of_several_lines(bytes) => {
                self.anywhere(&memmem::Finder::new(bytes), piece)
            }
            Condition::Hex(bytes) => self.anywhere(&memmem::Finder::new(bytes), piece),
            condition => self.lines(condition, piece),
        }
    }

    fn anywhere(&mut self, finder: &memmem::Finder<'_>, piece: &[u8]) -> usize {
        let longest = finder.needle().len() - 1;
        let mut count = 0;
        // What was kept is shorter than an occurrence: only one that ends in this piece lies across the seam.
        let mut rest = piece;
        if !self.kept.is_empty() {
            let before = self.kept.len();
            self.kept.extend_from_slice(&piece[..piece.len().min(longest)]);
            match finder.find(&self.kept) {
                Some(at) if at < before => {
                    count += 1;
                    rest = &piece[at + finder.needle().len() - before..];
                    self.kept.clear();
                }
                _ if piece.len() >= longest => self.kept.clear(),
                _ => {
                    let surplus = self.kept.len().saturating_sub(longest);
                    self.kept.drain(..surplus);
                    return count;
                }
            }
        }
        let mut end = 0;
        for at in finder.find_iter(rest) {
            count += 1;
            end = at + finder.needle().len();
        }
        let rest = &rest[end..];
        self.kept.extend_from_slice(&rest[rest.len().saturating_sub(longest)..]);
        count
    }

    fn lines(&mut self, condition: &Condition, mut piece: &[u8]) -> usize {
        let mut count = 0;
        while let Some(at) = memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(at + 1);
            piece = rest;
            let is_match = if self.kept.is_empty() {
                matches_line(condition, line)
            } else {
                self.keep(line);
                matches_line(condition, &self.kept)
            };
            count += usize::from(is_match && !self.counted);
            self.kept.clear();
            self.counted = false;
        }
        if piece.is_empty() || self.counted {
            return count;
        }
        self.keep(piece);
        // A prefix needs no end of its line.
        if let Condition::Prefix(prefix) = condition
            && self.kept.starts_with(prefix)
        {
            self.counted = true;
            self.kept.clear();
            count += 1;
        }
        count
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

fn is_of_several_lines(bytes: &[u8]) -> bool {
    bytes.split_last().is_some_and(|(_, before)| memchr(b'\n', before).is_some())
}

/// Whether a line, with its end, fulfils the condition.
fn matches_line(condition: &Condition, line: &[u8]) -> bool {
    let bare = line.strip_suffix(b"\n").unwrap_or(line);
    let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
    match condition {
        Condition::Exact(bytes) => line == &**bytes || bare == &**bytes,
        Condition::Prefix(bytes) => line.starts_with(bytes),
        condition => condition.matches(bare),
    }
}
