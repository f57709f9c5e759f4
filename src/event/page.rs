//! A page of a topic's log, as polls receive it.

use memchr::memchr2;
use serde::Deserialize;

use super::{Cursor, Head, after, decode_front, read_decimal};

/// One page of a topic's log; payloads are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// The cursor for the next request: the last event known to the client.
    pub next: Cursor,
    /// The oldest sequence still kept.
    pub oldest: u64,
    /// The events after the cursor, oldest first.
    pub events: Vec<Head>,
}

impl Page {
    /// Reads a page from its wire form.
    ///
    /// The target's own field order is read without a parser where payloads are plain strings; `serde_json` reads any other.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        match decode_own_order(bytes) {
            Some(page) => Ok(page),
            None => serde_json::from_slice(bytes),
        }
    }
}

fn decode_own_order(bytes: &[u8]) -> Option<Page> {
    let (_, rest) = until_quote(after(bytes, b"{\"topic\":\"")?)?;
    let (next, rest) = until_quote(after(rest, b",\"next\":\"")?)?;
    let next = std::str::from_utf8(next).ok()?.parse().ok()?;
    let (oldest, rest) = read_decimal(after(rest, b",\"oldest\":")?)?;
    let mut rest = after(rest, b",\"events\":[")?;
    let mut events = Vec::new();
    // An empty page, too, is left to the parser.
    loop {
        let (head, data) = decode_front(rest)?;
        let (_, behind) = until_quote(after(data, b"\"")?)?;
        events.push(head);
        rest = match behind {
            [b'}', b',', rest @ ..] => rest,
            b"}]}" => return Some(Page { next, oldest, events }),
            _ => return None,
        };
    }
}

/// The text up to the next quote, and what follows that; `None` where an escape comes before it.
#[inline]
fn until_quote(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr2(b'"', b'\\', bytes)?;
    (bytes[at] == b'"').then(|| (&bytes[..at], &bytes[at + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Epoch, encode};

    /// Numbers of at most 19 digits: longer ones are left to the parser.
    const NUMBER: std::ops::Range<u64> = 0..10_000_000_000_000_000_000;

    fn wire(next: Cursor, oldest: u64, events: &[(Head, String)]) -> Vec<u8> {
        let mut wire =
            format!("{{\"topic\":\"news-0\",\"next\":\"{next}\",\"oldest\":{oldest},\"events\":[")
                .into_bytes();
        for (n, (head, data)) in events.iter().enumerate() {
            if n > 0 {
                wire.push(b',');
            }
            encode(&mut wire, "news-0", *head, data.as_bytes());
        }
        wire.extend_from_slice(b"]}");
        wire
    }

    proptest! {
        #[test]
        fn a_page_is_read_as_the_parser_reads_it(
            seq: u64, oldest in NUMBER, seed: u64,
            events in proptest::collection::vec(
                ((NUMBER, NUMBER, NUMBER, proptest::option::of(NUMBER)), "\"[a-z0-9 ]{0,20}(\\\\\")?\"|0|[1-9][0-9]{0,4}|\\{\"a\":\\[\"\\}\\]\\}\"\\]\\}|null"), 0..4,
            ),
        ) {
            let events: Vec<_> = events.into_iter().map(|((seq, due_ns, published_ns, key), data)| {
                (Head { seq, due_ns, published_ns, key }, data)
            }).collect();
            let wire = wire(Cursor::new(seq, Epoch::of(seed)), oldest, &events);
            let parsed: Page = serde_json::from_slice(&wire).unwrap();
            prop_assert_eq!(Page::decode(&wire).unwrap(), parsed.clone());
            let plain = !events.is_empty()
                && events.iter().all(|(_, data)| data.starts_with('"') && !data.contains('\\'));
            prop_assert_eq!(decode_own_order(&wire), plain.then_some(parsed));
            for end in 0..wire.len() {
                prop_assert!(Page::decode(&wire[..end]).is_err(), "{}", end);
            }
        }
    }
}
