//! A socket that stamps its first write and counts its bytes on the wire.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::emulated::{EmulatedStream, Opening};
use super::greeting::Greeting;
use super::watched::{Listener, Tcp, Watch};
use crate::clock;
use crate::measure::{Distribution, Wire, wire_of};

/// A part of a trial whose traffic is counted apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// Until all links stand, and whatever lies outside of the others.
    #[default]
    Outside,
    /// Links stand, and nothing is published yet.
    Idle,
    /// The measure window.
    Window,
}

/// Sockets that are read between two turns of the shard's other tasks: some ten microseconds.
const AT_ONCE: usize = 8;

/// Traffic of all sockets of a shard, by the stage in which it was carried.
#[derive(Debug, Default)]
pub struct WireTotals {
    carried: [Cell<Wire>; 3],
    /// What opened the links before any other stage, their set-up included.
    opening: Cell<Wire>,
    stage: Cell<Stage>,
    /// Whether any other stage was entered.
    begun: Cell<bool>,
    /// The sockets that are open, and some that are not.
    open: RefCell<Vec<Weak<Meter>>>,
    connections: Cell<u64>,
    steps: Cell<u64>,
    handshakes: Cell<u64>,
    resumed: Cell<u64>,
    handshake_ns: RefCell<Distribution>,
    watch: OnceCell<Watch>,
}

impl WireTotals {
    /// Has `watch` watch the sockets that are opened from now on, in place of the runtime.
    pub fn watched_by(&self, watch: Watch) {
        self.watch.get_or_init(|| watch);
    }

    /// Has whoever watches the sockets watch `listener`.
    pub(super) fn listener(&self, listener: TcpListener) -> io::Result<Listener> {
        Listener::of(listener, self.watch.get())
    }

    /// The traffic of every socket closed so far, each from its mark on.
    pub fn total(&self) -> Wire {
        let mut total = Wire::default();
        self.carried.iter().for_each(|part| total += part.get());
        total
    }

    /// The part of it that was carried in `stage`.
    pub const fn carried(&self, stage: Stage) -> Wire {
        self.carried[stage as usize].get()
    }

    /// What opened the links before the first stage: dial, handshakes, and everything else up to their marks.
    pub const fn opening(&self) -> Wire {
        self.opening.get()
    }

    /// Whether the links stand: what comes now is no part of opening them.
    fn links_stand(&self) -> bool {
        self.begun.get()
    }

    /// Begins a stage: what every open socket has carried so far belongs to the one before.
    ///
    /// Sockets are read a few at a time, so that no delivery waits for all of them.
    pub async fn enter(&self, stage: Stage) {
        self.stage.set(stage);
        let mut open = std::mem::take(&mut *self.open.borrow_mut());
        open.retain(|meter| meter.strong_count() > 0);
        for some in open.chunks(AT_ONCE) {
            for meter in some.iter().filter_map(Weak::upgrade) {
                meter.settle();
                meter.stage.set(stage);
            }
            tokio::task::yield_now().await;
        }
        self.open.borrow_mut().extend(open);
        if !self.begun.replace(true) {
            // Whatever was carried before opened the links: exchanges that no mark left out, too.
            let mut opening = self.opening.get();
            opening += self.carried(Stage::Outside);
            self.opening.set(opening);
        }
    }

    fn add(&self, stage: Stage, wire: Wire) {
        let part = &self.carried[stage as usize];
        let mut sum = part.get();
        sum += wire;
        part.set(sum);
    }

    fn watch(&self, meter: &Rc<Meter>) {
        let mut open = self.open.borrow_mut();
        // Where every request has a connection of its own, most are gone.
        if open.len() == open.capacity() {
            open.retain(|meter| meter.strong_count() > 0);
        }
        open.push(Rc::downgrade(meter));
    }

    /// Connections opened so far.
    pub const fn connections(&self) -> u64 {
        self.connections.get()
    }

    /// Notes that a connection of those carries a single request of a step.
    pub fn note_step(&self) {
        self.steps.set(self.steps.get() + 1);
    }

    /// Connections of those that carried a single request of a step.
    pub const fn steps(&self) -> u64 {
        self.steps.get()
    }

    /// TLS handshakes done so far, and how many of them resumed a session.
    pub const fn handshakes(&self) -> (u64, u64) {
        (self.handshakes.get(), self.resumed.get())
    }

    /// The duration of handshakes; `None` without any.
    pub fn handshake_ns(&self) -> Option<Distribution> {
        Some(self.handshake_ns.borrow().clone()).filter(|samples| !samples.is_empty())
    }
}

/// The stamps and the traffic of one socket, readable while another owns the socket.
#[derive(Debug)]
pub struct Meter {
    descriptor: Cell<Option<RawFd>>,
    /// What the socket had carried when it was last read: the totals have it.
    counted: Cell<Wire>,
    stage: Cell<Stage>,
    /// Monotonic nanoseconds are not 0 on a host that runs.
    sent_ns: Cell<Option<NonZeroU64>>,
    first_ns: Cell<Option<NonZeroU64>>,
    /// Reads that brought something.
    reads: Cell<u64>,
    greeting: Greeting,
    totals: Rc<WireTotals>,
}

impl Meter {
    /// The meter of a socket that has just been opened, which `totals` counts.
    fn of(descriptor: RawFd, totals: &Rc<WireTotals>) -> Rc<Self> {
        totals.connections.set(totals.connections.get() + 1);
        let meter = Self {
            descriptor: Cell::new(Some(descriptor)),
            counted: Cell::default(),
            stage: Cell::new(totals.stage.get()),
            sent_ns: Cell::new(None),
            first_ns: Cell::new(None),
            reads: Cell::new(0),
            greeting: Greeting::default(),
            totals: Rc::clone(totals),
        };
        let meter = Rc::new(meter);
        totals.watch(&meter);
        meter.mark();
        meter
    }

    /// Clears the stamps of the first write and the first read, for the next exchange.
    #[inline]
    pub fn arm(&self) {
        self.sent_ns.set(None);
        self.first_ns.set(None);
    }

    /// When the first byte since [`Meter::arm`] was written, in monotonic nanoseconds.
    #[inline]
    pub fn sent_ns(&self) -> Option<u64> {
        self.sent_ns.get().map(NonZeroU64::get)
    }

    /// When the read that returned the first byte after that write ended, in monotonic nanoseconds.
    #[inline]
    pub fn first_ns(&self) -> Option<u64> {
        self.first_ns.get().map(NonZeroU64::get)
    }

    /// The number of reads that returned data: a link whose count does not change hears nothing.
    #[inline]
    pub const fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// The first bytes that the peer sent.
    pub(super) const fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Marks the last read as not part of an answer.
    pub fn unstamp_first(&self) {
        self.first_ns.set(None);
    }

    /// A TLS handshake took `ns` nanoseconds.
    pub(super) fn shook_hands(&self, ns: u64, resumed: bool) {
        let totals = &self.totals;
        totals.handshakes.set(totals.handshakes.get() + 1);
        totals.resumed.set(totals.resumed.get() + u64::from(resumed));
        // A value above the range would be over a minute, which the handshake's time-out prevents.
        let _ = totals.handshake_ns.borrow_mut().record(ns);
    }

    /// Excludes earlier traffic from the totals, because the link is open now.
    pub fn mark(&self) {
        let carried = self.wire().unwrap_or_default();
        if !self.totals.links_stand() {
            let mut opening = self.totals.opening.get();
            opening += carried.since(self.counted.get());
            self.totals.opening.set(opening);
        }
        self.counted.set(carried);
    }

    /// Includes the traffic that opened the connection, which is a cost of its one exchange.
    pub fn mark_from_the_dial(&self) {
        if self.totals.links_stand() {
            self.counted.set(Wire::default());
        }
    }

    /// Adds what was carried since the last reading to the totals.
    fn settle(&self) {
        if let Some(wire) = self.wire() {
            self.totals.add(self.stage.get(), wire.since(self.counted.get()));
            self.counted.set(wire);
        }
    }

    fn wire(&self) -> Option<Wire> {
        let descriptor = self.descriptor.get()?;
        #[expect(unsafe_code, reason = "the socket is owned by whoever drives the connection")]
        // SAFETY: `descriptor` is set while the socket lives and cleared in its drop, on this very thread.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        wire_of(borrowed)
    }
}

/// A TCP socket with a [`Meter`], the near end of one behind an emulated network, or a Unix socket, of which the kernel
/// counts no traffic.
///
/// Its stamps are its owner's view: bytes are sent when they enter the network, and received when they are through.
#[derive(Debug)]
pub struct Socket {
    io: Io,
    meter: Rc<Meter>,
}

#[derive(Debug)]
enum Io {
    Direct(Tcp),
    Emulated(EmulatedStream),
    Unix(Box<UnixStream>),
}

impl Socket {
    /// Wraps a connected stream; its traffic is added to `totals` when it closes.
    pub fn new(stream: TcpStream, totals: &Rc<WireTotals>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let stream = Tcp::of(stream, totals.watch.get())?;
        let meter = Meter::of(stream.as_raw_fd(), totals);
        Ok(Self { io: Io::Direct(stream), meter })
    }

    /// The same of a stream that the peer dialled.
    pub(super) fn accepted(
        stream: std::net::TcpStream,
        totals: &Rc<WireTotals>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let stream = Tcp::accepted(stream, totals.watch.get())?;
        let meter = Meter::of(stream.as_raw_fd(), totals);
        Ok(Self { io: Io::Direct(stream), meter })
    }

    /// The same of a Unix socket: only its stamps and reads are known.
    pub(super) fn unix(stream: UnixStream, totals: &Rc<WireTotals>) -> Self {
        let meter = Meter::of(stream.as_raw_fd(), totals);
        Self { io: Io::Unix(Box::new(stream)), meter }
    }

    /// The same, at the end of a way.
    pub(super) fn through(
        stream: TcpStream,
        opening: Opening,
        totals: &Rc<WireTotals>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let path = opening.over(stream);
        let meter = Meter::of(path.as_raw_fd(), totals);
        Ok(Self { io: Io::Emulated(path), meter })
    }

    /// The meter of this socket.
    pub fn meter(&self) -> Rc<Meter> {
        Rc::clone(&self.meter)
    }

    #[inline]
    fn stamp(&self) {
        if self.meter.sent_ns.get().is_none() {
            self.meter.sent_ns.set(NonZeroU64::new(clock::now()));
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.meter.settle();
        self.meter.descriptor.set(None);
    }
}

impl AsyncRead for Socket {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = match &mut self.io {
            Io::Direct(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Unix(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
            Io::Emulated(path) => path.poll_read(cx, buffer),
        };
        let meter = &self.meter;
        if buffer.filled().len() > before {
            if meter.reads.get() == 0 {
                meter.greeting.keep(&buffer.filled()[before..]);
            }
            meter.reads.set(meter.reads.get() + 1);
            if meter.first_ns.get().is_none() && meter.sent_ns.get().is_some() {
                meter.first_ns.set(NonZeroU64::new(clock::now()));
            }
        }
        outcome
    }
}

impl AsyncWrite for Socket {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stamp();
        match &mut self.io {
            Io::Direct(stream) => Pin::new(stream).poll_write(cx, bytes),
            Io::Unix(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
            Io::Emulated(path) => path.poll_write(cx, &[io::IoSlice::new(bytes)]),
        }
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stamp();
        match &mut self.io {
            Io::Direct(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Io::Unix(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
            Io::Emulated(path) => path.poll_write(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Direct(stream) => Pin::new(stream).poll_flush(cx),
            Io::Unix(stream) => Pin::new(&mut **stream).poll_flush(cx),
            // What is written is on its way, as with a kernel's buffers.
            Io::Emulated(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Direct(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Unix(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Io::Emulated(path) => path.poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests;
