//! Sends requests: header blocks, and bodies as the windows allow.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;

use super::Connection;
use super::decoder::is_of_connection;
use super::encoder::Pseudo;
use super::frame;
use super::stream::{Stream, Windows};

/// Streams that are opened before the server says how many it allows.
const FIRST_STREAMS: usize = 100;

/// What the server allows.
#[derive(Debug)]
pub(super) struct Peer {
    /// Streams at a time.
    pub(super) streams: usize,
    /// The window of a new stream.
    pub(super) window: i64,
    /// Longest payload of a frame.
    pub(super) payload: usize,
}

impl Default for Peer {
    fn default() -> Self {
        Self { streams: FIRST_STREAMS, window: 65_535, payload: frame::PAYLOAD_MAX }
    }
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    /// How much of it is written.
    pub(super) written: usize,
    /// Whether what was written may still wait below, in records of TLS.
    pub(super) unflushed: bool,
    /// Requests in it that no write has carried yet, and where each begins.
    pub(super) unstamped: VecDeque<(u32, usize)>,
    /// Streams whose bodies wait for a window.
    pub(super) blocked: Vec<u32>,
    /// The block that is being encoded.
    pub(super) block: Vec<u8>,
    /// The request that it is of, where it would be encoded the same again.
    pub(super) encoded: Option<Rc<Prepared>>,
}

/// A request that may be sent more than once.
#[derive(Debug)]
pub(in crate::net) struct Prepared {
    /// Its method.
    pub(in crate::net) method: Method,
    /// Host and port.
    pub(in crate::net) authority: HeaderValue,
    /// Path and query.
    pub(in crate::net) path: Option<PathAndQuery>,
    /// The other fields; those of a connection are left out.
    pub(in crate::net) headers: HeaderMap,
    /// The body, which may be empty.
    pub(in crate::net) body: Bytes,
}

impl Prepared {
    pub(super) fn outgoing(&self, scheme: &'static str) -> Outgoing<'_> {
        Outgoing {
            method: &self.method,
            scheme,
            authority: &self.authority,
            path: self.path.as_ref().map_or("/", |path| path.as_str()),
            headers: &self.headers,
            body: self.body.clone(),
        }
    }
}

/// A request as it is sent.
#[derive(Debug)]
pub(in crate::net) struct Outgoing<'a> {
    /// Its method.
    pub(in crate::net) method: &'a Method,
    /// `http` or `https`.
    pub(in crate::net) scheme: &'static str,
    /// Host and port.
    pub(in crate::net) authority: &'a HeaderValue,
    /// Path and query.
    pub(in crate::net) path: &'a str,
    /// The other fields; those of a connection are left out.
    pub(in crate::net) headers: &'a HeaderMap,
    /// The body, which may be empty.
    pub(in crate::net) body: Bytes,
}

impl Connection {
    /// Sends a request, for which there must be [room](Self::poll_room), on a stream of its own.
    #[cfg(test)]
    pub(in crate::net) fn open(&mut self, request: Outgoing<'_>) -> u32 {
        self.out.encoded = None;
        self.encode(&request);
        self.send(request)
    }

    /// Sends a request, for which there must be [room](Self::poll_room), on a stream of its own. The connection's scheme is
    /// always the same.
    pub(in crate::net) fn open_prepared(
        &mut self,
        prepared: &Rc<Prepared>,
        scheme: &'static str,
    ) -> u32 {
        let request = prepared.outgoing(scheme);
        let known = self.out.encoded.as_ref().is_some_and(|known| Rc::ptr_eq(known, prepared));
        if self.encoder.take_changed() || !known {
            self.encode(&request);
            self.out.encoded = (!self.encoder.take_changed()).then(|| Rc::clone(prepared));
        }
        self.send(request)
    }

    /// Sends a request whose head is in the scratch block.
    fn send(&mut self, request: Outgoing<'_>) -> u32 {
        let id = self.next;
        self.next += 2;
        self.active += 1;
        let windows = Windows {
            send: self.peer.window,
            receive: i64::from(super::connection::STREAM_WINDOW),
            owed: 0,
        };
        let mut stream = Stream::new(windows, request.method == Method::HEAD);
        self.out.unstamped.push_back((id, self.out.bytes.len()));
        self.put_block(id, request.body.is_empty());
        stream.unsent = request.body;
        let body = !stream.unsent.is_empty();
        self.streams.insert(id, stream);
        if body {
            self.send_body(id);
        }
        self.wake_driver();
        id
    }

    /// Encodes a head into the scratch block.
    fn encode(&mut self, request: &Outgoing<'_>) {
        let (encoder, block) = (&mut self.encoder, &mut self.out.block);
        block.clear();
        encoder.begin(block);
        encoder.pseudo(Pseudo::Method, request.method.as_str().as_bytes(), block);
        if request.method != Method::CONNECT {
            encoder.pseudo(Pseudo::Scheme, request.scheme.as_bytes(), block);
        }
        encoder.pseudo(Pseudo::Authority, request.authority.as_bytes(), block);
        if request.method != Method::CONNECT {
            encoder.pseudo(Pseudo::Path, request.path.as_bytes(), block);
        }
        for (name, value) in request.headers {
            if *name != HOST && !is_of_connection(name, value) {
                encoder.field(name, value, block);
            }
        }
    }

    /// Appends the scratch block in as many frames as it takes.
    fn put_block(&mut self, id: u32, ends: bool) {
        let out = &mut self.out;
        let mut kind = frame::HEADERS;
        let mut flags = if ends { frame::END_STREAM } else { 0 };
        let mut rest = &out.block[..];
        loop {
            let (part, after) = rest.split_at(rest.len().min(self.peer.payload));
            rest = after;
            if rest.is_empty() {
                flags |= frame::END_HEADERS;
            }
            frame::put_head(&mut out.bytes, part.len(), kind, flags, id);
            out.bytes.extend_from_slice(part);
            if rest.is_empty() {
                return;
            }
            (kind, flags) = (frame::CONTINUATION, 0);
        }
    }

    /// Appends as much of the body on stream `id` as the windows allow.
    fn send_body(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        while !stream.unsent.is_empty() && stream.failure.is_none() {
            let window = stream.windows.send.min(self.windows.send).max(0) as usize;
            let length = stream.unsent.len().min(window).min(self.peer.payload);
            if length == 0 {
                if !self.out.blocked.contains(&id) {
                    self.out.blocked.push(id);
                }
                return;
            }
            let part = stream.unsent.split_to(length);
            let flags = if stream.unsent.is_empty() { frame::END_STREAM } else { 0 };
            frame::put_head(&mut self.out.bytes, length, frame::DATA, flags, id);
            self.out.bytes.extend_from_slice(&part);
            stream.windows.send -= length as i64;
            self.windows.send -= length as i64;
        }
    }

    /// A window has become wider.
    pub(super) fn go_on(&mut self) {
        for id in std::mem::take(&mut self.out.blocked) {
            self.send_body(id);
        }
    }
}
