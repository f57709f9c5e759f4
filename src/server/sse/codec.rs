//! The text of an event stream (WHATWG HTML, section 9.2), as pure functions.

use std::io::Write as _;
use std::ops::Range;

use crate::event::Cursor;

/// Appends one event; `data` may have lines, each becomes a `data` field.
pub(crate) fn encode(out: &mut Vec<u8>, id: Option<Cursor>, event: &str, data: &[u8]) {
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.as_bytes());
    for line in lines(data) {
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\n\n");
}

/// Appends `piece`, which is not empty, as one chunk of a chunked body (RFC 9112, section 7.1); returns where it lies in
/// `out`.
pub(crate) fn chunk(out: &mut Vec<u8>, piece: &[u8]) -> Range<usize> {
    debug_assert!(!piece.is_empty(), "an empty chunk ends the body");
    out.reserve(piece.len() + 12);
    // Writing to memory does not fail.
    let _ = write!(out, "{:x}\r\n", piece.len());
    let at = out.len();
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
    at..at + piece.len()
}

/// The end of a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A comment, which keeps proxies and half-open detection awake and no reader sees.
pub(crate) const HEARTBEAT: &[u8] = b":\n\n";

/// Returns the start of a stream: the reconnect delay, a comment to read at once, and the position. An id without data is
/// no event, but a reader keeps it, so it returns to this position even if no event arrived.
pub(crate) fn greeting(retry_ms: u64, topic: &str, since: Cursor) -> Vec<u8> {
    format!("retry: {retry_ms}\n: {topic} after {}\nid: {since}\n\n", since.seq).into_bytes()
}

/// Splits at CRLF, LF and CR, as a reader of the stream will.
fn lines(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let Some(end) = data.iter().position(|&b| b == b'\n' || b == b'\r') else {
            done = true;
            return Some(data);
        };
        let line = &data[..end];
        let skip = if data[end..].starts_with(b"\r\n") { 2 } else { 1 };
        data = &data[end + skip..];
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::net::h1::Framing;

    /// A reader after the standard's algorithm: (last id, event, data) of every dispatched event.
    fn read(stream: &str) -> Vec<(String, String, String)> {
        let (mut id, mut event, mut data) = (String::new(), String::new(), Vec::new());
        let mut events = Vec::new();
        for line in stream.replace("\r\n", "\n").replace('\r', "\n").split('\n') {
            if line.is_empty() {
                if !data.is_empty() {
                    events.push((id.clone(), std::mem::take(&mut event), data.join("\n")));
                }
                data.clear();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "id" => id = value,
                "event" => event = value,
                "data" => data.push(value),
                _ => {}
            }
        }
        events
    }

    proptest! {
        #[test]
        fn a_standard_reader_gets_back_what_was_encoded(
            texts in proptest::collection::vec("[a-z :{}\"\n\r]{0,30}", 1..5),
        ) {
            let mut stream = greeting(1000, "t", 0.into());
            for (i, text) in texts.iter().enumerate() {
                stream.extend_from_slice(HEARTBEAT);
                encode(&mut stream, Some(Cursor::from(i as u64)), "news", text.as_bytes());
            }
            let read = read(std::str::from_utf8(&stream).unwrap());
            prop_assert_eq!(read.len(), texts.len());
            for (i, (id, event, data)) in read.into_iter().enumerate() {
                prop_assert_eq!(id, i.to_string());
                prop_assert_eq!(event, "news");
                prop_assert_eq!(data, texts[i].replace("\r\n", "\n").replace('\r', "\n"));
            }
        }
    }

    proptest! {
        #[test]
        fn chunks_are_what_a_plain_encoder_makes_and_a_strict_reader_takes(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..70_000), 0..4),
        ) {
            let (mut body, mut plain) = (b"before".to_vec(), b"before".to_vec());
            for piece in &pieces {
                let at = chunk(&mut body, piece);
                prop_assert_eq!(&body[at], piece.as_slice());
                plain.extend(format!("{:x}\r\n", piece.len()).bytes().chain(piece.clone()).chain(*b"\r\n"));
            }
            body.extend_from_slice(LAST_CHUNK);
            plain.extend_from_slice(b"0\r\n\r\n");
            prop_assert_eq!(&body, &plain);
            let (mut framing, mut rest, mut data) = (Framing::chunked(), &body[b"before".len()..], Vec::new());
            while !rest.is_empty() {
                let piece = framing.next(rest).unwrap();
                data.extend_from_slice(&rest[piece.data.clone()]);
                rest = &rest[piece.taken..];
            }
            prop_assert!(framing.is_done());
            prop_assert_eq!(data, pieces.concat());
        }
    }

    #[test]
    fn an_event_has_id_name_and_one_data_field_per_line() {
        let mut out = Vec::new();
        encode(&mut out, Some(7.into()), "news", b"a\r\nb\rc\n");
        assert_eq!(out, b"id: 7\nevent: news\ndata: a\ndata: b\ndata: c\ndata: \n\n");
        out.clear();
        encode(&mut out, None, "gap", b"{}");
        assert_eq!(out, b"event: gap\ndata: {}\n\n");
    }
}
