//! The event and its codec: the only thing that target and links share, besides the protocols of the wire.
//!
//! On the wire an event is one JSON object, the same bytes in every pattern:
//!
//! ```json
//! {"topic":"news-0","seq":17,"due_ns":1200,"published_ns":1350,"data":"…"}
//! ```
//!
//! `seq` counts from 1 in each topic, without holes. Both stamps are [`crate::clock`] nanoseconds: `due_ns` when the
//! schedule wanted the event, `published_ns` when the target made it visible. `data` is any JSON value; its bytes are what
//! a scenario calls the payload. An event also carries its publisher's number, if it was given one: `"key":5` before
//! `data`.
//!
//! Over a WebSocket a client publishes with a [`Post`] and gets a [`PostAnswer`].

mod cursor;
mod page;
mod payload;
mod token_payload;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use cursor::{Cursor, Epoch, NoCursor};
pub use page::Page;
pub use payload::PayloadKind;
pub use token_payload::{TOKEN_LEN, TokenPayload, TooSmall};

/// The head of an event; the payload is skipped, not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Place in its topic, from 1, without holes.
    pub seq: u64,
    /// When the event should be published, in monotonic nanoseconds.
    pub due_ns: u64,
    /// When the target made the event visible, in monotonic nanoseconds.
    pub published_ns: u64,
    /// The number that its publisher gave it, which stays the same if it is sent again without an answer.
    #[serde(default)]
    pub key: Option<u64>,
}

/// A whole event as read from the wire, borrowing from the bytes.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// The topic's name.
    #[serde(borrow)]
    pub topic: Cow<'a, str>,
    /// Place in its topic, from 1, without holes.
    pub seq: u64,
    /// When the event should be published, in monotonic nanoseconds.
    pub due_ns: u64,
    /// When the target made the event visible, in monotonic nanoseconds.
    pub published_ns: u64,
    /// The number that its publisher gave it.
    #[serde(default)]
    pub key: Option<u64>,
    /// The payload: raw JSON.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// Appends the wire form of an event to `out`.
///
/// `data` must be one JSON value; it is copied verbatim.
pub fn encode(out: &mut Vec<u8>, topic: &str, head: Head, data: &[u8]) {
    out.reserve(data.len() + topic.len() + 140);
    out.extend_from_slice(b"{\"topic\":");
    write_json_string(out, topic);
    let numbers = [("seq", head.seq), ("due_ns", head.due_ns), ("published_ns", head.published_ns)];
    for (name, value) in numbers.into_iter().chain(head.key.map(|key| ("key", key))) {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        write_decimal(out, value);
    }
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(data);
    out.push(b'}');
}

/// Events after a link's cursor that it will not get: on the wire `{"gap":{"from":18,"to":40}}`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// The first of them.
    pub from: u64,
    /// The last missed sequence, after which the link continues.
    pub to: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Told {
    gap: Missed,
}

/// The wire form of a gap.
pub fn encode_gap(gap: Missed) -> Vec<u8> {
    // Two whole numbers can always be written.
    serde_json::to_vec(&Told { gap }).unwrap_or_default()
}

/// Reads a gap from its wire form; `None` where it is something else.
pub fn decode_gap(bytes: &[u8]) -> Option<Missed> {
    serde_json::from_slice(bytes).ok().map(|Told { gap }| gap).filter(|gap| gap.from <= gap.to)
}

/// The start of a stream whose reader's cursor names no event of this log: on the wire
/// `{"reset":{"oldest":1,"next":"0-k3f9x2"}}`. The log follows from its oldest event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct Reset {
    /// The oldest sequence kept.
    pub oldest: u64,
    /// The cursor before it.
    pub next: Cursor,
}

#[derive(Deserialize, Serialize)]
struct ToldReset {
    reset: Reset,
}

/// The header of a WebSocket's handshake that names the life of the topic's log.
pub const EPOCH_HEADER: &str = "tidings-epoch";

/// Encodes the first frame of a WebSocket that requested it: its start, as `{"hello":{"next":"17-k3f9x2"}}`.
pub fn encode_hello(next: Cursor) -> Vec<u8> {
    format!("{{\"hello\":{{\"next\":\"{next}\"}}}}").into_bytes()
}

/// The wire form of a reset.
pub fn encode_reset(reset: Reset) -> Vec<u8> {
    // A number and a text can always be written.
    serde_json::to_vec(&ToldReset { reset }).unwrap_or_default()
}

/// Reads a reset from its wire form; `None` where it is something else.
pub fn decode_reset(bytes: &[u8]) -> Option<Reset> {
    bytes.starts_with(b"{\"reset\"").then_some(())?;
    serde_json::from_slice(bytes).ok().map(|ToldReset { reset }| reset)
}

/// An event that a client publishes: the body of a POST, or a text frame of a WebSocket.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with \"data\" and, if wanted, \"due_ns\" and \"key\""
)]
pub struct Post<'a> {
    /// The publisher's number of the event, repeated in every answer and carried by the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u64>,
    /// The due stamp, in monotonic nanoseconds; the arrival by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ns: Option<u64>,
    /// The payload: raw JSON.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// The answer to a WebSocket's publisher, as the text frame `{"posted":…}` or `{"refused":…}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PostAnswer {
    /// The event was published.
    Posted {
        /// The publisher's own number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<u64>,
        /// The event's place in its topic.
        seq: u64,
        /// When it became visible, in monotonic nanoseconds.
        published_ns: u64,
    },
    /// The event was refused.
    Refused {
        /// The publisher's own number, where it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<u64>,
        /// The status that HTTP would have returned.
        status: u16,
        /// Why, for people.
        detail: String,
    },
}

impl PostAnswer {
    /// Its wire form.
    pub fn encode(&self) -> Vec<u8> {
        // Numbers and a text can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads it from its wire form; `None` where it is something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        // Most frames are events, which begin differently: they are recognised without parsing.
        let may_be = bytes.starts_with(b"{\"posted\"") || bytes.starts_with(b"{\"refused\"");
        may_be.then(|| serde_json::from_slice(bytes).ok()).flatten()
    }
}

/// Reads the head of an event from its wire form.
///
/// The target's own field order is read without a parser; `serde_json` reads any other order.
pub fn decode_head(bytes: &[u8]) -> Result<Head, serde_json::Error> {
    match decode_own_order(bytes) {
        Some(head) => Ok(head),
        None => serde_json::from_slice(bytes),
    }
}

fn decode_own_order(bytes: &[u8]) -> Option<Head> {
    let (head, data) = decode_front(bytes)?;
    (data.last() == Some(&b'}')).then_some(head)
}

/// The head of an event in the target's own order, and what begins with its payload.
#[inline]
fn decode_front(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let rest = after(bytes, b"{\"topic\":\"")?;
    let quote = rest.iter().position(|&b| b == b'"' || b == b'\\')?;
    let (seq, rest) = read_decimal(after(&rest[quote..], b"\",\"seq\":")?)?;
    let (due_ns, rest) = read_decimal(after(rest, b",\"due_ns\":")?)?;
    let (published_ns, rest) = read_decimal(after(rest, b",\"published_ns\":")?)?;
    let (key, rest) = match after(rest, b",\"key\":") {
        Some(rest) => read_decimal(rest).map(|(key, rest)| (Some(key), rest))?,
        None => (None, rest),
    };
    let data = after(rest, b",\"data\":")?;
    Some((Head { seq, due_ns, published_ns, key }, data))
}

/// What follows `prefix`. Its length is known here, so comparing takes no call.
#[inline]
fn after<'a, const N: usize>(bytes: &'a [u8], prefix: &[u8; N]) -> Option<&'a [u8]> {
    bytes.split_first_chunk().filter(|(first, _)| *first == prefix).map(|(_, rest)| rest)
}

/// Powers of ten, by exponent.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The number that `bytes` begin with, of 1 to 19 digits, which always fit: eight digits at a time, as stamps are long.
#[inline]
fn read_decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut at) = (0, 0);
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let (digits, count) = leading_digits(*eight);
        at += count;
        if at > 19 {
            return None;
        }
        value = value * TENS[count] + digits;
        if count < 8 {
            return (at > 0).then(|| (value, &bytes[at..]));
        }
    }
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        if at == 19 {
            return None;
        }
        value = value * 10 + u64::from(digit);
        at += 1;
    }
    (at > 0).then(|| (value, &bytes[at..]))
}

/// The number that the digits at the front of `eight` bytes make, and how many they are.
#[inline]
const fn leading_digits(eight: [u8; 8]) -> (u64, usize) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The first character is the lowest byte. A digit becomes its value, and any other a byte of 10 or more.
    let values = u64::from_le_bytes(eight) ^ (EACH * 0x30);
    // Adding carries into the next byte only from one that is no digit, and those after it do not count.
    let others = (values.wrapping_add(EACH * (0x80 - 10)) | values) & (EACH * 0x80);
    let count = others.trailing_zeros() / 8;
    if count == 0 {
        return (0, 0);
    }
    // As eight digits with zeros in front: then neighbours are joined to pairs, fours, and all eight.
    let ones = values << (64 - 8 * count);
    let twos = (ones.wrapping_mul((10 << 8) + 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos.wrapping_mul((100 << 16) + 1) >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul((10_000 << 32) + 1) >> 32, count as usize)
}

fn write_decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn write_json_string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

/// A payload of exactly `bytes` bytes (at least 2): a JSON string of printable filler.
pub fn filler(bytes: usize) -> Vec<u8> {
    PayloadKind::Text.payload(bytes)
}

/// The name of a scenario's topic number `index`, for target and workers.
pub fn topic_name(index: u64) -> String {
    format!("news-{index}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn another_field_order_is_read_too() {
        let text = br#"{ "data": {"seq": 9}, "published_ns": 3, "seq": 1, "due_ns": 2 }"#;
        let head = decode_head(text).unwrap();
        assert_eq!(head, Head { seq: 1, due_ns: 2, published_ns: 3, key: None });
        let text = br#"{ "key": 5, "data": {"key": 9}, "published_ns": 3, "seq": 1, "due_ns": 2 }"#;
        assert_eq!(decode_head(text).unwrap().key, Some(5));
    }

    #[test]
    fn a_truncated_or_foreign_event_is_refused() {
        let mut whole = Vec::new();
        encode(
            &mut whole,
            "t",
            Head { seq: 1, due_ns: 2, published_ns: 3, key: Some(4) },
            b"\"x\"",
        );
        for end in 0..whole.len() {
            assert!(decode_head(&whole[..end]).is_err(), "{end}");
        }
        assert!(decode_head(b"[]").is_err());
    }

    proptest! {
        #[test]
        fn an_encoded_event_is_decoded_unchanged(
            topic in ".{0,12}", seq in 0..=u64::MAX, due_ns in 0..=u64::MAX, published_ns in 0..=u64::MAX,
            key: Option<u64>, size in 2..300usize,
        ) {
            let head = Head { seq, due_ns, published_ns, key };
            let mut wire = Vec::new();
            encode(&mut wire, &topic, head, &filler(size));
            prop_assert_eq!(decode_head(&wire).unwrap(), head);
            let event: Event = serde_json::from_slice(&wire).unwrap();
            prop_assert_eq!(event.topic, topic);
            prop_assert_eq!((event.seq, event.due_ns, event.published_ns), (seq, due_ns, published_ns));
            prop_assert_eq!(event.key, key);
            prop_assert_eq!(event.data.get().len(), size);
        }

        #[test]
        fn a_number_is_read_up_to_its_first_other_byte(
            digits in "[0-9]{0,22}", rest in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let bytes = [digits.as_bytes(), &rest].concat();
            let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let text = std::str::from_utf8(&bytes[..length]).unwrap();
            let number = (1..=19).contains(&length).then(|| (text.parse().unwrap(), &bytes[length..]));
            prop_assert_eq!(read_decimal(&bytes), number);
        }

        #[test]
        fn a_gap_is_recognised_and_an_event_is_not_one(from in 1..u64::MAX, more in 0..1000u64) {
            let gap = Missed { from, to: from.saturating_add(more) };
            prop_assert_eq!(decode_gap(&encode_gap(gap)), Some(gap));
            prop_assert!(decode_head(&encode_gap(gap)).is_err());
            let mut event = Vec::new();
            encode(&mut event, "gap", Head { seq: from, due_ns: 2, published_ns: 3, key: None }, b"{\"gap\":{}}");
            prop_assert_eq!(decode_gap(&event), None);
        }

        #[test]
        fn a_publishers_answer_is_recognised_and_is_not_an_event(
            key: Option<u64>, seq: u64, published_ns: u64, status: u16, detail in ".{0,20}",
        ) {
            for answer in
                [PostAnswer::Posted { key, seq, published_ns }, PostAnswer::Refused { key, status, detail }]
            {
                let wire = answer.encode();
                prop_assert!(decode_head(&wire).is_err() && decode_gap(&wire).is_none());
                prop_assert_eq!(PostAnswer::decode(&wire), Some(answer));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (decode_head(&bytes), decode_gap(&bytes), PostAnswer::decode(&bytes));
            let _ = serde_json::from_slice::<Post<'_>>(&bytes);
        }
    }
}
