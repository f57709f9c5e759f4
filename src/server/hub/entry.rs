//! One event in the log, encoded once for all of its readers.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::event::{self, Cursor, Epoch, Head};
use crate::net::websocket as frame;
use crate::server::sse;

/// An event in the log, shared by every shard's replica and every link that is writing it.
///
/// Appending encodes the JSON and the WebSocket frame around it in one allocation, the ten bytes of the frame in front. The
/// first stream that reads it adds the SSE forms: a trial has one pattern, and the others should not pay for a second copy.
#[derive(Debug)]
pub(crate) struct Entry {
    seq: u64,
    due_ns: u64,
    published_ns: u64,
    frame: Bytes,
    json_at: usize,
    events: OnceLock<EventForms>,
}

/// An event as streams carry it: one allocation.
#[derive(Debug)]
struct EventForms {
    chunk: Bytes,
    /// The part of it that the reader sees.
    sse: Bytes,
}

impl Entry {
    /// Encodes an event. `data` must be one JSON value on one line.
    pub(crate) fn new(topic: &str, head: Head, data: &[u8]) -> Self {
        let mut buffer = vec![0; frame::HEADER_MAX];
        event::encode(&mut buffer, topic, head, data);
        let header = frame::Header::text(buffer.len() - frame::HEADER_MAX);
        let start = frame::HEADER_MAX - header.as_bytes().len();
        buffer[start..frame::HEADER_MAX].copy_from_slice(header.as_bytes());
        Self {
            seq: head.seq,
            due_ns: head.due_ns,
            published_ns: head.published_ns,
            frame: Bytes::from(buffer).slice(start..),
            json_at: header.as_bytes().len(),
            events: OnceLock::new(),
        }
    }

    /// Place in the topic, from 1.
    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    /// The due stamp, in monotonic nanoseconds.
    pub(crate) const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// When the event became visible, in monotonic nanoseconds.
    pub(crate) const fn published_ns(&self) -> u64 {
        self.published_ns
    }

    /// The event as JSON.
    pub(crate) fn json(&self) -> &[u8] {
        &self.frame[self.json_at..]
    }

    /// The event as JSON, shared.
    pub(crate) fn json_shared(&self) -> Bytes {
        self.frame.slice(self.json_at..)
    }

    /// The event as one unmasked WebSocket text frame.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// The event as a server-sent event, in the log of that life: an `EventSource` keeps only an event's id.
    pub(crate) fn sse(&self, life: Epoch) -> &Bytes {
        &self.events(life).sse
    }

    /// The server-sent event as one chunk of HTTP/1.1.
    pub(crate) fn chunk(&self, life: Epoch) -> &Bytes {
        &self.events(life).chunk
    }

    fn events(&self, life: Epoch) -> &EventForms {
        self.events.get_or_init(|| {
            let mut sse = Vec::with_capacity(self.json().len() + 56);
            sse::codec::encode(&mut sse, Some(Cursor::new(self.seq, life)), "news", self.json());
            let mut chunk = Vec::new();
            let at = sse::codec::chunk(&mut chunk, &sse);
            let chunk = Bytes::from(chunk);
            EventForms { sse: chunk.slice(at), chunk }
        })
    }

    /// Bytes that the event holds in the log.
    pub(crate) fn size(&self) -> usize {
        self.frame.len() + self.json_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_carries_the_same_json() {
        for size in [2, 30, 100, 60_000, 70_000] {
            let head = Head { seq: 7, due_ns: 1, published_ns: 2, key: None };
            let entry = Entry::new("news-0", head, &event::filler(size));
            let mut json = Vec::new();
            event::encode(&mut json, "news-0", head, &event::filler(size));
            assert_eq!(entry.json(), json, "{size}");
            assert_eq!(entry.json_shared(), json);
            assert!(entry.frame().ends_with(&json));
            let header = frame::Header::text(json.len());
            assert_eq!(entry.frame()[..entry.frame().len() - json.len()], *header.as_bytes());
            let life = Epoch::of(1);
            let id = format!("id: 7-{life}\nevent: news\ndata: ");
            let sse = [id.as_bytes(), json.as_slice(), b"\n\n"].concat();
            assert_eq!(entry.sse(life), &sse);
            let chunk = [format!("{:x}\r\n", sse.len()).as_bytes(), &sse, b"\r\n"].concat();
            assert_eq!(entry.chunk(life), &chunk);
        }
    }
}
