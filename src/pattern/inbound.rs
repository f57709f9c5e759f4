//! HTTP/1.1 of a webhook's receiver. A connection that waits holds its socket and nothing else: whatever has arrived is
//! read into a buffer of the thread, and a whole delivery is verified, booked and acknowledged from there.
//!
//! Everything else (other methods, bodies in chunks or in several reads, receivers that misbehave on purpose) goes a
//! longer way, to the same answers.

mod rendered;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::{Method, StatusCode, Version};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

pub(super) use self::rendered::Rendered;
use self::rendered::Today;
use super::consent::{Reply, status};
use super::receiver::{BODY_LIMIT, Receiver};
use crate::clock;
use crate::dialect::capture::Headers;
use crate::net::Stream;
use crate::net::h1::{Head, HeadError, RawHead, read_head};

/// Read at once.
const READ: usize = 64 << 10;
/// Most bytes that are read ahead of the answer to a request.
const AHEAD: usize = 64 << 10;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ].into_boxed_slice(),
        out: Vec::new(),
        today: Today::default(),
    });
}

/// What all connections of a thread use while they are polled.
struct Scratch {
    read: Box<[u8]>,
    out: Vec<u8>,
    today: Today,
}

/// Header fields where they were read.
struct Fields<'a>(&'a [httparse::Header<'a>]);

impl Headers for Fields<'_> {
    fn each(&self, name: &str, each: &mut dyn FnMut(&[u8])) {
        // Lengths first, without a call: most fields are another.
        let is = |field: &&httparse::Header<'_>| {
            field.name.len() == name.len() && field.name.eq_ignore_ascii_case(name)
        };
        let fields = self.0.iter().filter(is);
        fields.for_each(|field| each(field.value));
    }
}

/// The length of the body of a delivery as senders usually write it; `None` of anything else.
fn plain_length(raw: &RawHead<'_>) -> Option<usize> {
    if raw.method != "POST" || !raw.is_http_11 {
        return None;
    }
    let mut length = None;
    for field in raw.fields {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        // By length first: most fields are none of these.
        match field.name.len() {
            14 if is("content-length") => {
                let digits = !field.value.is_empty() && field.value.iter().all(u8::is_ascii_digit);
                let text = std::str::from_utf8(field.value).ok().filter(|_| digits)?;
                if length.replace(text.parse().ok()?).is_some() {
                    return None;
                }
            }
            10 if is("connection") && !field.value.eq_ignore_ascii_case(b"keep-alive") => {
                return None;
            }
            17 if is("transfer-encoding") => return None,
            6 if is("expect") => return None,
            7 if is("upgrade") => return None,
            _ => {}
        }
    }
    length
}

/// A connection that a server has opened.
struct Connection {
    receiver: Rc<Receiver>,
    stream: Stream,
    /// Read, and not yet dealt with.
    held: Rest,
    /// Whether that is more than the beginning of a head.
    untried: bool,
    /// Of answers, what the kernel has not taken.
    unsent: Rest,
    /// Whether TLS has taken something that it has not passed on.
    unflushed: bool,
}

/// Bytes that hardly any connection has, and that none needs room for.
#[derive(Default)]
#[expect(clippy::box_collection, reason = "a third of the room, where there is nothing")]
struct Rest(Option<Box<Vec<u8>>>);

impl Rest {
    const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bytes| bytes)
    }

    fn append(&mut self, more: &[u8]) {
        if !more.is_empty() {
            self.0.get_or_insert_default().extend_from_slice(more);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        self.0.take().map_or_else(Vec::new, |bytes| *bytes)
    }

    /// Leaves out the first `count` bytes.
    fn pass(&mut self, count: usize) {
        if let Some(bytes) = &mut self.0 {
            bytes.drain(..count);
            if bytes.is_empty() {
                self.0 = None;
            }
        }
    }
}

/// How far a connection has come.
enum Turn {
    /// The server has closed it between two requests.
    Over,
    /// A request that goes the longer way.
    Request(Box<Head>),
    /// Something that is no request.
    Malformed(HeadError),
}

/// How a connection goes on after an answer.
enum Next {
    Request,
    Close,
    /// The request was cut short, and is booked as that.
    GiveUp,
}

/// How the server's connection ended, if not well.
pub(super) enum Broken {
    /// It broke or ended within a request, or before its answer.
    Io(io::Error),
    /// It carried something other than HTTP/1.1.
    Malformed(HeadError),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Answers the requests of a connection until the server ends it, between two requests and in whatever way, or the receiver
/// is cut off, and books how it ended.
pub(super) fn serve(receiver: Rc<Receiver>, stream: Stream) -> impl Future<Output = ()> {
    // Made here: the future would keep what it is given and what it makes of that.
    let (held, unsent) = (Rest::default(), Rest::default());
    let mut connection =
        Connection { receiver, stream, held, untried: false, unsent, unflushed: false };
    async move {
        let ended = if connection.receiver.cut.is_some() {
            // Boxed, as few receivers are.
            Box::pin(connection.serve_until_cut()).await
        } else {
            connection.serve().await
        };
        if let Err(broken) = ended {
            connection.receiver.broke(&broken);
        }
    }
}

impl Connection {
    async fn serve(&mut self) -> Result<(), Broken> {
        loop {
            match poll_fn(|cx| self.poll_turn(cx)).await? {
                Turn::Over => return Ok(()),
                other => {
                    if Box::pin(self.longer_way(other)).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn serve_until_cut(&mut self) -> Result<(), Broken> {
        let receiver = Rc::clone(&self.receiver);
        let cut = async {
            match &receiver.cut {
                Some(cut) => cut.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = cut => Ok(()),
            ended = self.serve() => ended,
        }
    }

    /// Answers what is no delivery as usual; returns whether the connection is over with that.
    async fn longer_way(&mut self, turn: Turn) -> Result<bool, Broken> {
        match turn {
            Turn::Over => Ok(true),
            Turn::Request(head) => match self.answer(*head).await? {
                Next::Request => Ok(false),
                Next::Close => {
                    self.close().await?;
                    Ok(true)
                }
                // That failure is booked; whether the server wanted to know of it is none of its own.
                Next::GiveUp => {
                    let _ = self.close().await;
                    Ok(true)
                }
            },
            Turn::Malformed(error) => {
                let code = match error {
                    HeadError::Malformed => StatusCode::BAD_REQUEST,
                    HeadError::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                };
                self.put(&status(code), b"connection: close\r\n", true);
                // That what is wrong was said matters more than whether the server wanted to know.
                let _ = self.close().await;
                Err(Broken::Malformed(error))
            }
        }
    }

    /// Deals with deliveries as they arrive, up to one that goes the longer way.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Turn>> {
        SCRATCH.with_borrow_mut(|Scratch { read, out, today }| {
            loop {
                ready!(self.poll_send(cx))?;
                let mut more = 0;
                if !std::mem::take(&mut self.untried) {
                    more = match ready!(self.poll_read(cx, read)) {
                        // Nothing is under way: a reset is an end like any other.
                        Err(_) if self.held.is_empty() => 0,
                        more => more?,
                    };
                    if more == 0 && self.held.is_empty() {
                        return Poll::Ready(Ok(Turn::Over));
                    } else if more == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
                let turn = if self.held.is_empty() {
                    let (used, turn) = self.requests(&read[..more], out, today);
                    self.held.append(&read[used..more]);
                    turn
                } else {
                    self.held.append(&read[..more]);
                    let held = std::mem::take(&mut self.held);
                    let (used, turn) = self.requests(held.bytes(), out, today);
                    self.held = held;
                    self.held.pass(used);
                    turn
                };
                let sent = self.poll_write(cx, out);
                self.unsent.append(&out[*sent.as_ref().unwrap_or(&0)..]);
                out.clear();
                sent?;
                if let Some(turn) = turn {
                    return Poll::Ready(Ok(turn));
                }
            }
        })
    }

    /// Takes whole deliveries from the front of `bytes`; returns how many bytes were used, and what else follows there.
    fn requests(
        &self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        today: &mut Today,
    ) -> (usize, Option<Turn>) {
        let (mut used, received_ns) = (0, clock::now());
        while used < bytes.len() {
            let rest = &bytes[used..];
            let read = read_head(rest, |raw| {
                let body = plain_length(&raw).and_then(|length| rest[raw.length..].get(..length));
                let taken = body
                    .and_then(|body| self.receiver.take(&Fields(raw.fields), body, received_ns));
                match (body, taken) {
                    (Some(body), Some(reply)) => {
                        reply.append(out, today, b"", true);
                        (raw.length + body.len(), Ok(None))
                    }
                    _ => (raw.length, raw.request(rest).map(Some)),
                }
            });
            match read {
                Ok(None) => break,
                Ok(Some((length, Ok(None)))) => used += length,
                Ok(Some((length, Ok(Some(head))))) => {
                    return (used + length, Some(Turn::Request(Box::new(head))));
                }
                Ok(Some((_, Err(error)))) | Err(error) => {
                    return (bytes.len(), Some(Turn::Malformed(error)));
                }
            }
        }
        (used, None)
    }

    /// Answers a request of any kind; returns how the connection goes on.
    async fn answer(&mut self, head: Head) -> io::Result<Next> {
        let Head { request, mut framing, keep_alive, expects_continue } = head;
        let (head, ()) = request.into_parts();
        let mut awaited = expects_continue;
        let mut body = Vec::new();
        let fits = |length: u64| length <= BODY_LIMIT as u64;
        let mut whole = framing.missing().is_none_or(fits);
        let mut over = false;
        while whole && !framing.is_done() {
            if self.held.is_empty() {
                if std::mem::take(&mut awaited) {
                    self.unsent.append(CONTINUE);
                }
                poll_fn(|cx| self.poll_send(cx)).await?;
                over = poll_fn(|cx| self.poll_more(cx)).await? == 0;
                whole = !over || framing.finish().is_ok();
            }
            let bytes = self.held.bytes();
            let used = framing.decode(bytes, |data| body.extend_from_slice(data));
            whole &= used.is_ok() && body.len() <= BODY_LIMIT;
            let used = used.unwrap_or(bytes.len());
            self.held.pass(used);
        }
        let receiver = Rc::clone(&self.receiver);
        let (method, version) = (head.method.clone(), head.version);
        let reply = if whole {
            let answer = receiver.answer(head, &body, clock::now());
            tokio::select! {
                biased;
                reply = answer => reply,
                gone = poll_fn(|cx| self.poll_gone(cx)) => return Err(gone),
            }
        } else {
            receiver.cut_short(over)
        };
        let keep_alive = keep_alive && whole;
        let connection: &[u8] = match (keep_alive, version) {
            (false, _) => b"connection: close\r\n",
            (true, Version::HTTP_10) => b"connection: keep-alive\r\n",
            (true, _) => b"",
        };
        let closes = self.put(&reply, connection, method != Method::HEAD);
        self.untried = !self.held.is_empty();
        Ok(match (whole, keep_alive && !closes) {
            (false, _) => Next::GiveUp,
            (true, true) => Next::Request,
            (true, false) => Next::Close,
        })
    }

    /// Renders an answer, to be sent next; whether its own header fields close the connection.
    fn put(&mut self, reply: &Reply, connection: &[u8], with_body: bool) -> bool {
        let rendered = Rendered::of(reply);
        let connection = if rendered.closes { b"" } else { connection };
        let mut unsent = self.unsent.take();
        SCRATCH.with_borrow_mut(|scratch| {
            rendered.append(&mut unsent, &mut scratch.today, connection, with_body);
        });
        self.unsent.append(&unsent);
        rendered.closes
    }

    /// Sends what is left, and ends the connection.
    async fn close(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_send(cx)).await?;
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Reads more to what is held.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|Scratch { read, .. }| {
            let more = ready!(self.poll_read(cx, read))?;
            self.held.append(&read[..more]);
            Poll::Ready(Ok(more))
        })
    }

    /// Ready when the server gives up waiting for its answer.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while self.held.bytes().len() < AHEAD {
            match ready!(self.poll_more(cx)) {
                Ok(0) => return Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) => return Poll::Ready(error),
            }
        }
        Poll::Pending
    }

    /// Writes once, and hands to the kernel what TLS has taken; returns how many bytes were written.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => {
                self.unflushed = Pin::new(&mut self.stream).poll_flush(cx)?.is_pending();
                written
            }
            Poll::Pending => Ok(0),
        }
    }

    /// Sends what is left of the answers.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, self.unsent.bytes()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.unsent.pass(written),
            }
            self.unflushed |= self.unsent.is_empty();
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
