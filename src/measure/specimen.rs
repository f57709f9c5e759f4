//! A few messages that were not understood, kept for the report.

use serde::{Deserialize, Serialize};

/// Different messages that are kept.
const KEPT: usize = 3;
/// Bytes of each that are kept.
const LONGEST: usize = 200;

/// One message, cut and made printable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Specimen {
    /// When it was received first, in monotonic nanoseconds.
    pub at_ns: u64,
    /// Its beginning: up to 200 bytes of it, what is not printable escaped as in `\n` or `\xff`.
    pub text: String,
    /// Its whole length in bytes.
    pub bytes: u64,
}

/// The first different messages of a kind, and how many there were in all.
///
/// Merging is associative and commutative.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Specimens {
    /// Messages of this kind, kept or not.
    pub count: u64,
    /// Up to three different ones, in the order in which they were first received.
    pub kept: Vec<Specimen>,
}

impl Specimens {
    /// Counts `message`, received at `at_ns`, and keeps its beginning if there is room. Secrets must have been replaced in it
    /// before.
    pub fn add(&mut self, at_ns: u64, message: &[u8]) {
        self.count += 1;
        let is_earlier = self.kept.last().is_none_or(|last| at_ns <= last.at_ns);
        if self.kept.len() < KEPT || is_earlier {
            let text = printable(message);
            self.keep(Specimen { at_ns, text, bytes: message.len() as u64 });
        }
    }

    /// Adds the messages of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        for specimen in &other.kept {
            self.keep(specimen.clone());
        }
    }

    fn keep(&mut self, specimen: Specimen) {
        let is_same = |kept: &Specimen| kept.text == specimen.text && kept.bytes == specimen.bytes;
        match self.kept.iter_mut().find(|kept| is_same(kept)) {
            Some(kept) => kept.at_ns = kept.at_ns.min(specimen.at_ns),
            None => self.kept.push(specimen),
        }
        self.kept.sort_unstable();
        self.kept.truncate(KEPT);
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.count = 0;
        self.kept.clear();
    }
}

/// The beginning of a message as text: UTF-8 where it is, and no control characters.
fn printable(message: &[u8]) -> String {
    let beginning = &message[..message.len().min(LONGEST)];
    let mut text = String::with_capacity(beginning.len());
    for chunk in beginning.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                letter if letter.is_control() => text.extend(letter.escape_default()),
                letter => text.push(letter),
            }
        }
        // A letter that the cut divides is left out.
        let is_cut = message.len() > LONGEST
            && beginning.as_ptr_range().end == chunk.invalid().as_ptr_range().end;
        if !is_cut {
            text.extend(chunk.invalid().escape_ascii().map(char::from));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_kept_as_text_that_a_terminal_can_show() {
        for (message, text) in [
            (&b"{\"ping\":1}"[..], r#"{"ping":1}"#),
            (b"a\r\n\tb", r"a\r\n\tb"),
            (b"\x1b[2J\x00", r"\u{1b}[2J\u{0}"),
            (b"\xff\xfe", r"\xff\xfe"),
            ("消".as_bytes(), "消"),
            (&"消".as_bytes()[..2], r"\xe6\xb6"),
            (b"", ""),
        ] {
            assert_eq!(printable(message), text);
        }
        let long = "消".repeat(100);
        assert_eq!(printable(long.as_bytes()), "消".repeat(66), "cut between letters");
        assert_eq!(printable(&[b'x'; 5000]), "x".repeat(200));
    }

    #[test]
    fn three_different_messages_are_kept_and_all_counted() {
        let mut specimens = Specimens::default();
        for (at_ns, message) in
            [(5, "b"), (6, "b"), (7, "c"), (4, "c"), (8, "d"), (9, "e"), (1, "f")]
        {
            specimens.add(at_ns, message.as_bytes());
        }
        assert_eq!(specimens.count, 7);
        let kept: Vec<_> =
            specimens.kept.iter().map(|kept| (kept.at_ns, kept.text.as_str())).collect();
        assert_eq!(kept, [(1, "f"), (4, "c"), (5, "b")]);
        specimens.clear();
        assert_eq!(specimens, Specimens::default());
    }

    fn specimens() -> impl Strategy<Value = Specimens> {
        proptest::collection::vec((0..20u64, "[a-e]{1,2}"), 0..12).prop_map(|messages| {
            let mut specimens = Specimens::default();
            for (at_ns, text) in &messages {
                specimens.add(*at_ns, text.as_bytes());
            }
            specimens
        })
    }

    proptest! {
        #[test]
        fn merging_is_associative_and_commutative(a in specimens(), b in specimens(), c in specimens()) {
            let merged = |a: &Specimens, b: &Specimens| {
                let mut both = a.clone();
                both.merge(b);
                both
            };
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        }
    }
}
