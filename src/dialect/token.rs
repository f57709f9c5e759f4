//! The token that marks an event, so that whoever receives it recognises it in any format.
//!
//! ```text
//! q947u4hmar002400ygj0nrjk      24 characters
//! └─┬─┘└──────┬──────┘└┬─┘
//! prefix   content   check
//! ```
//!
//! | part | bits | content |
//! | --- | --- | --- |
//! | prefix | | `q947u`: its letters are not hexadecimal digits, and `u` is not in the alphabet, so neither numbers, hexadecimal text nor the rest of a token can contain it |
//! | run | 23 | a random number per trial: tells events of earlier trials apart |
//! | topic | 20 | up to 1,048,576 topics |
//! | number | 32 | the event's sequence in its topic, from 1 |
//! | check | 20 | finds any 1 to 4 changed characters, and all but one in 2^20 of the other changes |
//!
//! Run, topic and number are 15 digits of base 32, the check is 4, in Crockford's alphabet (no `i`, `l`, `o`, `u`), in
//! upper or lower case. A token consists of ASCII letters and digits only: no escaping of JSON, XML, forms, URLs or headers changes it.
//!
//! A message is searched for the three digits of the prefix, which have no case. So one pass finds lower, upper and mixed
//! case; only where the digits occur are the letters around them looked at.
//!
//! What is not found: a token that was encoded as a whole (base64, compression, UTF-16), or split over two messages.

mod check;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use memchr::memmem;
use serde::{Deserialize, Serialize};

pub use crate::event::TOKEN_LEN;
const _: () = assert!(TOKEN_LEN == PREFIX.len() + DATA + check::DIGITS);

/// How every token begins.
const PREFIX: &[u8; 5] = b"q947u";
/// The part of the prefix that has no case.
const CASELESS: &[u8] = b"947";
/// Characters before that part.
const BEFORE: usize = 1;
/// Digits of base 32 that hold run, topic and number.
const DATA: usize = 15;
const RUN_BITS: u32 = 23;
const TOPIC_BITS: u32 = 20;
const SEQ_BITS: u32 = 32;
/// Bits of one digit.
const BITS: u32 = 5;
const _: () = assert!(RUN_BITS + TOPIC_BITS + SEQ_BITS == DATA as u32 * BITS);

/// Crockford's alphabet: no letter is mistaken for a digit, and `i`, whose case differs in Turkish, is left out.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The value of a character in either case; [`NONE`] if it has none.
const VALUES: [u8; 256] = values();
const NONE: u8 = 0xff;

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        values[ALPHABET[value].to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
}

/// Which event a token marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    topic: u32,
    seq: u32,
}

impl Token {
    /// Topics that tokens can tell apart.
    pub const TOPICS: u64 = 1 << TOPIC_BITS;
    /// The highest number of an event in its topic.
    pub const LAST: u64 = u32::MAX as u64;

    /// Event number `seq`, from 1 to [`Token::LAST`], of a topic below [`Token::TOPICS`]; `None` beyond these.
    pub const fn new(topic: u64, seq: u64) -> Option<Self> {
        if topic < Self::TOPICS && seq > 0 && seq <= Self::LAST {
            Some(Self { topic: topic as u32, seq: seq as u32 })
        } else {
            None
        }
    }

    /// The topic's number, from 0.
    pub const fn topic(self) -> u64 {
        self.topic as u64
    }

    /// The event's sequence in its topic, from 1.
    pub const fn seq(self) -> u64 {
        self.seq as u64
    }
}

/// The mark of one trial, which tells its events from those that a server kept of earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub struct RunTag(u32);

impl RunTag {
    const MASK: u32 = (1 << RUN_BITS) - 1;

    /// The mark that belongs to `seed`, which should be random: two seeds have the same mark once in 8 million pairs.
    pub const fn new(seed: u64) -> Self {
        // SplitMix64's finaliser (Steele, Lea and Flood, 2014): neighbouring seeds have unrelated marks.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((mixed ^ (mixed >> 31)) as u32 & Self::MASK)
    }

    /// The mark of trial number `trial` of the same run: different for each of its first 8 million trials.
    #[must_use]
    pub const fn of_trial(self, trial: u64) -> Self {
        Self(self.0.wrapping_add(trial as u32) & Self::MASK)
    }

    /// The token of an event, in lower case.
    pub fn encode(self, token: Token) -> [u8; TOKEN_LEN] {
        let data = Mark { run: self, token }.pack();
        let mut digits = [0; DATA];
        for (at, digit) in digits.iter_mut().enumerate() {
            *digit = (data >> ((DATA - 1 - at) as u32 * BITS)) as u8 & 31;
        }
        let sum = check::sum(&digits);
        let sums = (0..check::DIGITS).rev().map(|at| (sum >> (at as u32 * BITS)) as u8 & 31);
        let mut text = [0; TOKEN_LEN];
        text[..PREFIX.len()].copy_from_slice(PREFIX);
        for (place, digit) in text[PREFIX.len()..].iter_mut().zip(digits.into_iter().chain(sums)) {
            *place = ALPHABET[usize::from(digit)];
        }
        text
    }
}

impl From<u32> for RunTag {
    /// The mark that was sent as `number`.
    fn from(number: u32) -> Self {
        Self(number & Self::MASK)
    }
}

impl From<RunTag> for u32 {
    fn from(run: RunTag) -> Self {
        run.0
    }
}

/// Everything that a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    run: RunTag,
    token: Token,
}

impl Mark {
    fn pack(self) -> u128 {
        let event = u128::from(self.token.topic) << SEQ_BITS | u128::from(self.token.seq);
        u128::from(self.run.0) << (TOPIC_BITS + SEQ_BITS) | event
    }

    /// Reads what follows a prefix; `None` if it is cut short, or its check is wrong.
    fn read(body: &[u8]) -> Option<Self> {
        let body: &[u8; DATA + check::DIGITS] = body.first_chunk()?;
        let digits = body.map(|byte| VALUES[usize::from(byte)]);
        if digits.contains(&NONE) {
            return None;
        }
        let (data, sums) = digits.split_first_chunk::<DATA>()?;
        let number = |digits: &[u8]| digits.iter().fold(0, |n, &d| n << BITS | u128::from(d));
        if number(sums) != u128::from(check::sum(data)) {
            return None;
        }
        let data = number(data);
        let topic = (data >> SEQ_BITS) as u64 & (Token::TOPICS - 1);
        let token = Token::new(topic, data as u64 & Token::LAST)?;
        Some(Self { run: RunTag((data >> (TOPIC_BITS + SEQ_BITS)) as u32), token })
    }

    fn sighting(self, run: RunTag) -> Sighting {
        if self.run == run { Sighting::Event(self.token) } else { Sighting::Foreign }
    }
}

/// What was found in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// An event of this trial.
    Event(Token),
    /// An event of an earlier trial, or of another run against the same server.
    Foreign,
    /// The prefix of a token, but its check is wrong or its end is missing.
    Damaged,
}

/// Finds tokens in what was received.
#[derive(Debug, Clone)]
pub struct Finder(memmem::Finder<'static>);

impl Default for Finder {
    fn default() -> Self {
        Self::new()
    }
}

impl Finder {
    /// A finder, to be built once and used for every message.
    pub fn new() -> Self {
        Self(memmem::Finder::new(CASELESS))
    }

    /// Visits the tokens of one message in their order. A token that occurs twice is visited once; what is damaged is
    /// visited every time.
    ///
    /// One pass over the bytes. Memory is allocated only for a second, different token.
    pub fn scan(&self, run: RunTag, bytes: &[u8], mut visit: impl FnMut(Sighting)) {
        let mut seen = Seen::default();
        for mark in self.marks(bytes) {
            match mark {
                Some(mark) if seen.is_new(mark) => visit(mark.sighting(run)),
                Some(_) => {}
                None => visit(Sighting::Damaged),
            }
        }
    }

    /// The first whole token of a message, for servers that send one event per message: nothing behind it is searched.
    /// [`Sighting::Damaged`] if the message has none but a damaged one; `None` without any.
    pub fn first(&self, run: RunTag, bytes: &[u8]) -> Option<Sighting> {
        let mut damaged = None;
        for mark in self.marks(bytes) {
            match mark {
                Some(mark) => return Some(mark.sighting(run)),
                None => damaged = Some(Sighting::Damaged),
            }
        }
        damaged
    }

    /// How many bytes at the end may begin a token whose end is still to come; 0 where none do.
    pub fn unfinished(bytes: &[u8]) -> usize {
        let begins = |tail: &[u8]| {
            let (prefix, body) = tail.split_at(tail.len().min(PREFIX.len()));
            prefix.eq_ignore_ascii_case(&PREFIX[..prefix.len()])
                && body.iter().all(|byte| VALUES[usize::from(*byte)] != NONE)
        };
        let longest = bytes.len().min(TOKEN_LEN - 1);
        (1..=longest).rev().find(|n| begins(&bytes[bytes.len() - n..])).unwrap_or(0)
    }

    /// What follows each prefix.
    fn marks<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Option<Mark>> + 'a {
        self.0.find_iter(bytes).filter_map(move |at| {
            let rest = bytes.get(at.checked_sub(BEFORE)?..)?;
            let (prefix, body) = rest.split_first_chunk::<{ PREFIX.len() }>()?;
            prefix.eq_ignore_ascii_case(PREFIX).then(|| Mark::read(body))
        })
    }
}

/// The different tokens of one message.
#[derive(Debug, Default)]
struct Seen {
    first: Option<Mark>,
    more: BTreeSet<Mark>,
}

impl Seen {
    fn is_new(&mut self, mark: Mark) -> bool {
        match self.first {
            None => {
                self.first = Some(mark);
                true
            }
            Some(first) => first != mark && self.more.insert(mark),
        }
    }
}
