//! Stamps when deliveries were written: the stamp between published and received.
//!
//! A delivery is written when a write call has taken its event's last byte into the kernel. Push links and HTTP/1.1
//! connections write and stamp by themselves. HTTP/2 and webhooks hand messages to hyper, which writes them later: an
//! [`Outlet`] between hyper and the socket stamps them when hyper, having written everything, flushes. Only deliveries due in
//! the measure window count.
//!
//! The outlet also drops a peer that accepts nothing for too long, such as a half-open one.

use std::cell::{Cell, RefCell};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::hub::Entry;
use super::shard::Shared;
use super::wire::Wire;
use crate::clock;
use crate::measure::{Metric, Recorder, Snapshot, Uptake};

/// Entries for which a drained connection keeps its memory.
const KEPT: usize = 16;

/// One shard's record of when its deliveries were written.
#[derive(Debug)]
pub(super) struct Writes {
    shared: Arc<Shared>,
    recorder: RefCell<Recorder>,
}

impl Writes {
    /// A record for deliveries that are due in the window of `shared`.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, recorder: RefCell::default() }
    }

    /// The published stamp of an event that is measured.
    #[inline]
    pub(super) fn measured(&self, entry: &Entry) -> Option<u64> {
        let window = self.shared.window.get()?;
        window.contains(&entry.due_ns()).then(|| entry.published_ns())
    }

    /// Books that a delivery published at `published_ns` was written at `now`.
    #[inline]
    pub(super) fn book(&self, published_ns: u64, now: u64) {
        self.recorder.borrow_mut().record(Metric::Written, now.saturating_sub(published_ns));
    }

    /// The state that all shards share.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The record so far.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.recorder.borrow().snapshot()
    }
}

/// Events handed to whoever writes, on one connection, and not yet written.
#[derive(Debug)]
pub(super) struct Outgoing {
    writes: Rc<Writes>,
    published_ns: RefCell<Vec<u64>>,
    /// Whether to stamp the next flush.
    watched: Cell<bool>,
    written_ns: Cell<Option<u64>>,
}

impl Outgoing {
    /// An empty record.
    pub(super) const fn new(writes: Rc<Writes>) -> Self {
        Self {
            writes,
            published_ns: RefCell::new(Vec::new()),
            watched: Cell::new(false),
            written_ns: Cell::new(None),
        }
    }

    /// Marks the next message to hyper for stamping.
    pub(super) fn watch(&self) {
        self.watched.set(true);
        self.written_ns.set(None);
    }

    /// When the last marked message was written, if it was.
    pub(super) fn written_ns(&self) -> Option<u64> {
        self.written_ns.get()
    }

    /// A separate record for an answer that is built now and sent later: flushes in between are others'.
    pub(super) fn aside(&self) -> Rc<Self> {
        Rc::new(Self::new(Rc::clone(&self.writes)))
    }

    /// Adds the deliveries that were kept `aside`, which are sent now.
    pub(super) fn join(&self, aside: &Self) {
        self.published_ns.borrow_mut().append(&mut aside.published_ns.borrow_mut());
    }

    /// An event is about to be handed over.
    pub(super) fn add(&self, entry: &Entry) {
        self.add_measured(self.writes.measured(entry));
    }

    /// The same, of an event with this [`Writes::measured`].
    pub(super) fn add_measured(&self, published_ns: Option<u64>) {
        self.published_ns.borrow_mut().extend(published_ns);
    }

    /// Moves the deliveries to `others`: their connection writes and books by itself.
    #[inline]
    pub(super) fn take(&self, others: &mut Vec<u64>) {
        let mut events = self.published_ns.borrow_mut();
        if !events.is_empty() {
            others.append(&mut events);
        }
    }

    /// Everything that was handed over is written.
    fn flushed(&self) {
        let mut events = self.published_ns.borrow_mut();
        if events.is_empty() && !self.watched.get() {
            return;
        }
        let now = clock::now();
        if self.watched.replace(false) {
            self.written_ns.set(Some(now));
        }
        for published_ns in events.drain(..) {
            self.writes.book(published_ns, now);
        }
        events.shrink_to(KEPT);
    }
}

/// A connection under hyper that stamps [`Outgoing`] deliveries when they are flushed.
#[derive(Debug)]
pub(super) struct Outlet {
    wire: Wire,
    outgoing: Rc<Outgoing>,
    /// When the peer must have accepted something; `None` while it accepts everything.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Outlet {
    /// Writes to `wire`.
    pub(super) fn new(wire: Wire, outgoing: Rc<Outgoing>) -> Self {
        Self { wire, outgoing, stalled: None }
    }

    /// Passes on how a write went; one that has waited for too long has failed.
    #[inline]
    fn within_time(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.outgoing.writes.shared.options.write_timeout.std();
        if limit.is_zero() {
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// How the peer accepts data, if the kernel knows.
    pub(super) fn uptake(&self) -> Option<Uptake> {
        self.wire.uptake()
    }

    /// Whether the peer has neither closed the connection nor sent anything that was not read.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.wire.is_quiet()
    }

    /// The connection itself, for a protocol that writes without hyper.
    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }
}

impl AsyncRead for Outlet {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Outlet {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write(cx, bytes);
        self.within_time(cx, written)
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.wire).poll_write_vectored(cx, slices);
        self.within_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    /// hyper calls it once its buffer is empty: its bytes are all with the kernel.
    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Under TLS a flush may take its time; a socket's own never does.
        let flushed = Pin::new(&mut self.wire).poll_flush(cx);
        if flushed.is_ready() {
            self.outgoing.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
