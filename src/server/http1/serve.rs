//! From a request's bytes to its answer's.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::{Method, Request, StatusCode, Version};
use tokio::io::AsyncWrite as _;

use super::hot;
use super::inlet::{Inbound, Inlet};
use super::outbox::Outbox;
use super::render::render;
use super::{Asked, Connection, DRAIN_MAX, Next, Phase, SKIP_MAX};
use crate::control::mishap;
use crate::net::h1::{Framing, Head, HeadError, read_head};
use crate::server::answer::{Reply, ReplyFuture};
use crate::server::request::BodyWait;
use crate::server::{admission, faults, router};

/// Answers of pipelined requests that are collected before they are written, in bytes.
const COLLECTED: usize = 16 << 10;

/// What an inlet is asked for first, where the client waits for it.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Connection {
    /// Answers the requests at the front of `bytes`, as far as that needs nothing more; returns how many bytes they were.
    pub(super) fn serve(&mut self, bytes: &[u8], out: &mut Outbox) -> usize {
        let mut used = 0;
        self.is_partial = false;
        while used < bytes.len()
            && matches!(self.phase, Phase::Head)
            && out.bytes.len() < COLLECTED
            && out.tail.is_empty()
        {
            let rest = &bytes[used..];
            let read = read_head(rest, |raw| {
                mishap("connection");
                if hot::answer(&self.shard, &self.caller, &raw, out) {
                    return (None, raw.length);
                }
                // In a box: the way that most requests take should not have to move it about.
                (Some(raw.request(rest).map(Box::new)), raw.length)
            });
            let error = match read {
                Ok(None) => {
                    self.is_partial = true;
                    break;
                }
                Ok(Some((Some(Err(error)), _))) | Err(error) => error,
                Ok(Some((head, length))) => {
                    // The next request has the whole wait.
                    self.wait = None;
                    used += length;
                    if let Some(Ok(head)) = head {
                        used += self.answer(*head, &bytes[used..], out);
                    }
                    continue;
                }
            };
            let status = match error {
                HeadError::Malformed => StatusCode::BAD_REQUEST,
                HeadError::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            };
            self.refuse(status, out);
            return bytes.len();
        }
        used
    }

    /// Begins to answer a request; returns how many of the bytes `behind` its head are its body's.
    fn answer(&mut self, head: Head, behind: &[u8], out: &mut Outbox) -> usize {
        let Head { request, framing, keep_alive, expects_continue } = head;
        let asked = Asked {
            is_head: *request.method() == Method::HEAD,
            is_http_11: request.version() == Version::HTTP_11,
            keep_alive,
        };
        let (body, used) = body(framing, expects_continue, behind);
        let inlet = match &body {
            Inbound::Coming(inlet) => Some(Rc::clone(inlet)),
            _ => None,
        };
        match self.route(request.map(|()| body)) {
            ReplyFuture::Now(Some(reply)) => self.reply(reply, inlet, asked, out),
            ReplyFuture::Now(None) => self.phase = Phase::End(false, 0),
            ReplyFuture::Later(later) => self.phase = Phase::Answer(later, inlet, asked),
        }
        used
    }

    fn route(&mut self, mut request: Request<Inbound>) -> ReplyFuture {
        let shard = &self.shard;
        if self.caller.crowded {
            return router::refuse(shard, &request, admission::crowded());
        }
        let waits = shard.options().waits.body.std();
        if matches!(request.body(), Inbound::Coming(_))
            && waits != crate::server::request::BODY_WAIT
        {
            request.extensions_mut().insert(BodyWait(waits));
        }
        // One record serves every connection of the shard: what is added to it while one is polled is that one's.
        match (&shard.faults, self.caller.subscriber) {
            (Some(faults), Some(from)) => {
                faults::answer(faults, shard, &shard.desk.outgoing, from, request, router::answer)
            }
            _ => router::answer(shard, &shard.desk.outgoing, request),
        }
    }

    /// Renders an answer, and goes on to what follows it.
    fn reply(
        &mut self,
        reply: Reply,
        inlet: Option<Rc<Inlet>>,
        mut asked: Asked,
        out: &mut Outbox,
    ) {
        self.shard.desk.outgoing.take(&mut out.deliveries);
        // Where the request ends can be unknown, or too far away.
        let rest = inlet.map_or(Some(Framing::length(0)), |inlet| inlet.rest());
        let skipped = rest.filter(|rest| rest.missing().is_none_or(|missing| missing <= SKIP_MAX));
        asked.keep_alive &= skipped.is_some();
        let is_whole = skipped.is_some_and(|framing| framing.is_done());
        let switch = render(reply, &mut asked, &self.shard.desk.today, out);
        self.phase = match (switch, skipped) {
            (Some(switch), _) => Phase::Switch(Some(switch)),
            (None, Some(framing)) if asked.keep_alive => {
                if is_whole {
                    Phase::Head
                } else {
                    Phase::Skip(framing, SKIP_MAX)
                }
            }
            // Bytes that nobody reads would have the kernel reset the connection, and the answer could be lost.
            (None, _) => Phase::End(false, if is_whole { 0 } else { DRAIN_MAX }),
        };
    }

    /// Polls a handler, and gives it the body as it comes.
    pub(super) fn poll_answer(
        &mut self,
        out: &mut Outbox,
        turn: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Next>> {
        loop {
            let Phase::Answer(answer, inlet, asked) = &mut self.phase else {
                return Poll::Ready(Ok(Next::On));
            };
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                let (inlet, asked) = (inlet.take(), *asked);
                self.reply(answer.unwrap_or_else(Reply::from), inlet, asked, out);
                return Poll::Ready(Ok(Next::On));
            }
            let Some(inlet) = inlet.as_ref().filter(|inlet| inlet.is_wanted()) else {
                return self.watch(cx);
            };
            let inlet = Rc::clone(inlet);
            if inlet.take_awaited() {
                out.bytes.extend_from_slice(CONTINUE);
                return Poll::Ready(Ok(Next::On));
            }
            if !self.unread.is_empty() {
                let bytes = std::mem::take(&mut self.unread);
                let used = inlet.feed(&bytes);
                self.keep(bytes, used);
                continue;
            }
            let shard = Rc::clone(&self.shard);
            let mut scratch = shard.scratch();
            let read = ready!(self.wire.poll_take(cx, &mut scratch))?;
            if read == 0 {
                inlet.end();
                continue;
            }
            let used = inlet.feed(&scratch[..read]);
            self.unread.extend_from_slice(&scratch[used..read]);
            *turn += read;
        }
    }

    /// Waits for the end of a client that waits for us. What it sends meanwhile is kept, and then nothing more is read.
    fn watch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Next>> {
        if !self.unread.is_empty() {
            return Poll::Pending;
        }
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch();
        let read = ready!(self.wire.poll_take(cx, &mut scratch))?;
        if read == 0 {
            return Poll::Ready(Ok(Next::Over));
        }
        self.unread.extend_from_slice(&scratch[..read]);
        Poll::Pending
    }

    /// Reads over the rest of a body.
    pub(super) fn poll_skip(
        &mut self,
        turn: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Next>> {
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch();
        let mut bytes = std::mem::take(&mut self.unread);
        if bytes.is_empty() {
            let read = ready!(self.wire.poll_take(cx, &mut scratch))?;
            if read == 0 {
                return Poll::Ready(Ok(Next::Over));
            }
            *turn += read;
            bytes.extend_from_slice(&scratch[..read]);
        }
        let Phase::Skip(framing, left) = &mut self.phase else {
            return Poll::Ready(Ok(Next::On));
        };
        let skipped = framing.decode(&bytes, |_| {});
        let (skipped, left) = match skipped {
            Ok(skipped) if skipped as u64 <= *left => (skipped, *left - skipped as u64),
            // Nobody can tell where the next request begins, or it is too far away.
            Ok(_) | Err(_) => {
                self.phase = Phase::End(false, DRAIN_MAX);
                return Poll::Ready(Ok(Next::On));
            }
        };
        self.phase = if framing.is_done() { Phase::Head } else { Phase::Skip(*framing, left) };
        self.keep(bytes, skipped);
        Poll::Ready(Ok(Next::On))
    }

    /// Ends the connection: shuts this side down, and reads until the client has done the same.
    pub(super) fn poll_end(
        &mut self,
        turn: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Next>> {
        let Phase::End(shut, left) = &mut self.phase else { return Poll::Ready(Ok(Next::On)) };
        if !*shut {
            ready!(Pin::new(&mut self.wire).poll_shutdown(cx))?;
            *shut = true;
        }
        let shard = Rc::clone(&self.shard);
        let mut scratch = shard.scratch();
        while *left > 0 {
            let read = ready!(self.wire.poll_take(cx, &mut scratch))?;
            if read == 0 {
                break;
            }
            *turn += read;
            *left = left.saturating_sub(read as u64);
            if *turn > super::TURN {
                return Poll::Ready(Ok(Next::On));
            }
        }
        Poll::Ready(Ok(Next::Over))
    }
}

/// The body of a request, and how many of the bytes `behind` its head are its own: all of it, if it is there and the
/// client does not wait for an interim answer.
fn body(framing: Framing, expects_continue: bool, behind: &[u8]) -> (Inbound, usize) {
    if framing.is_done() {
        return (Inbound::Empty, 0);
    }
    let behind = if expects_continue { &[] } else { behind };
    if let Some(length) =
        framing.missing().map(|length| usize::try_from(length).unwrap_or(usize::MAX))
        && let Some(bytes) = behind.get(..length)
    {
        return (Inbound::Whole(Bytes::copy_from_slice(bytes)), length);
    }
    if framing.missing().is_none() {
        let (mut data, mut whole) = (BytesMut::new(), framing);
        let used = whole.decode(behind, |bytes| data.extend_from_slice(bytes));
        if let Ok(used) = used
            && whole.is_done()
        {
            return (Inbound::Whole(data.freeze()), used);
        }
    }
    (Inbound::Coming(Rc::new(Inlet::new(framing, expects_continue))), 0)
}
