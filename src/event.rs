//! The event and its codec: the only thing that target and links share, besides the protocols of the wire.
//!
//! On the wire an event is one JSON object, the same bytes in every pattern:
//!
//! ```json
//! {"topic":"news-0","seq":17,"due_ns":1200,"published_ns":1350,"data":"…"}
//! ```
//!
//! `seq` counts from 1 in each topic, without holes. Both stamps are [`crate::clock`] nanoseconds: `due_ns`
//! when the schedule wanted the event, `published_ns` when the target made it visible. `data` is any JSON
//! value; its bytes are what a scenario calls the payload.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a receiver needs of an event; the payload is skipped, not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// Place in its topic, from 1, without holes.
    pub seq: u64,
    /// When the schedule wanted the event published, in monotonic nanoseconds.
    pub due_ns: u64,
    /// When the target made the event visible, in monotonic nanoseconds.
    pub published_ns: u64,
}

/// A whole event as read from the wire, borrowing from the bytes.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// The topic's name.
    #[serde(borrow)]
    pub topic: Cow<'a, str>,
    /// Place in its topic, from 1, without holes.
    pub seq: u64,
    /// When the schedule wanted the event published, in monotonic nanoseconds.
    pub due_ns: u64,
    /// When the target made the event visible, in monotonic nanoseconds.
    pub published_ns: u64,
    /// The payload: raw JSON.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// One page of a topic's log, as polls receive it; payloads are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// The cursor to ask with next: the sequence of the last event known to the asker.
    pub next: u64,
    /// The oldest sequence still kept.
    pub oldest: u64,
    /// The events after the cursor, oldest first.
    pub events: Vec<Head>,
}

/// Appends the wire form of an event to `out`.
///
/// `data` must be one JSON value; it is copied verbatim.
pub fn encode(out: &mut Vec<u8>, topic: &str, head: Head, data: &[u8]) {
    out.reserve(data.len() + topic.len() + 110);
    out.extend_from_slice(b"{\"topic\":");
    write_json_string(out, topic);
    for (key, value) in
        [("seq", head.seq), ("due_ns", head.due_ns), ("published_ns", head.published_ns)]
    {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        write_decimal(out, value);
    }
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(data);
    out.push(b'}');
}

/// Events that a link is not sent, though they came after its cursor: on the wire
/// `{"gap":{"from":18,"to":40}}`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// The first of them.
    pub from: u64,
    /// The last of them, after which the link goes on.
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

/// Reads the head of an event from its wire form.
///
/// The target's own field order is read without a parser; any other order of the same fields is left to
/// `serde_json`.
pub fn decode_head(bytes: &[u8]) -> Result<Head, serde_json::Error> {
    match decode_own_order(bytes) {
        Some(head) => Ok(head),
        None => serde_json::from_slice(bytes),
    }
}

fn decode_own_order(bytes: &[u8]) -> Option<Head> {
    let rest = bytes.strip_prefix(b"{\"topic\":\"")?;
    let quote = rest.iter().position(|&b| b == b'"' || b == b'\\')?;
    let (seq, rest) = read_decimal(rest[quote..].strip_prefix(b"\",\"seq\":")?)?;
    let (due_ns, rest) = read_decimal(rest.strip_prefix(b",\"due_ns\":")?)?;
    let (published_ns, rest) = read_decimal(rest.strip_prefix(b",\"published_ns\":")?)?;
    (rest.starts_with(b",\"data\":") && rest.ends_with(b"}")).then_some(Head {
        seq,
        due_ns,
        published_ns,
    })
}

fn read_decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end =
        bytes.iter().position(|b| !b.is_ascii_digit()).filter(|end| (1..=19).contains(end))?;
    let value = bytes[..end].iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some((value, &bytes[end..]))
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
    let inside = bytes.max(2) - 2;
    let alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut data = Vec::with_capacity(inside + 2);
    data.push(b'"');
    data.extend(alphabet.iter().cycle().take(inside));
    data.push(b'"');
    data
}

/// The name of a scenario's topic number `index`, as target and workers both say it.
pub fn topic_name(index: u64) -> String {
    format!("news-{index}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_payload_has_the_size_that_was_asked_for() {
        for bytes in [2, 3, 64, 1000] {
            let data = filler(bytes);
            assert_eq!(data.len(), bytes);
            assert!(serde_json::from_slice::<String>(&data).is_ok());
        }
    }

    #[test]
    fn another_field_order_is_read_too() {
        let text = br#"{ "data": {"seq": 9}, "published_ns": 3, "seq": 1, "due_ns": 2 }"#;
        let head = decode_head(text).unwrap();
        assert_eq!(head, Head { seq: 1, due_ns: 2, published_ns: 3 });
    }

    #[test]
    fn what_is_cut_short_or_foreign_is_refused() {
        let mut whole = Vec::new();
        encode(&mut whole, "t", Head { seq: 1, due_ns: 2, published_ns: 3 }, b"\"x\"");
        for end in 0..whole.len() {
            assert!(decode_head(&whole[..end]).is_err(), "{end}");
        }
        assert!(decode_head(b"[]").is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            topic in ".{0,12}", seq in 0..=u64::MAX, due_ns in 0..=u64::MAX, published_ns in 0..=u64::MAX, size in 2..300usize,
        ) {
            let head = Head { seq, due_ns, published_ns };
            let mut wire = Vec::new();
            encode(&mut wire, &topic, head, &filler(size));
            prop_assert_eq!(decode_head(&wire).unwrap(), head);
            let event: Event = serde_json::from_slice(&wire).unwrap();
            prop_assert_eq!(event.topic, topic);
            prop_assert_eq!((event.seq, event.due_ns, event.published_ns), (seq, due_ns, published_ns));
            prop_assert_eq!(event.data.get().len(), size);
        }

        #[test]
        fn a_gap_is_read_and_no_event_is_one(from in 1..u64::MAX, more in 0..1000u64) {
            let gap = Missed { from, to: from.saturating_add(more) };
            prop_assert_eq!(decode_gap(&encode_gap(gap)), Some(gap));
            prop_assert!(decode_head(&encode_gap(gap)).is_err());
            let mut event = Vec::new();
            encode(&mut event, "gap", Head { seq: from, due_ns: 2, published_ns: 3 }, b"{\"gap\":{}}");
            prop_assert_eq!(decode_gap(&event), None);
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (decode_head(&bytes), decode_gap(&bytes));
        }
    }
}
