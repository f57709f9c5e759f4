//! A connection through an emulated network: input is read later than it arrived, and output leaves later than it was
//! written.
//!
//! A task of the connection, the carrier, takes what the kernel has received as it arrives, and passes on output once it is
//! through. Nothing depends on when a client reads, and only the window holds bytes back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::clock;
use crate::pace::{Network, PathModel, Rng, SEGMENT, Sleep, Timer};

/// Most that is taken from the socket in one read.
const READ: usize = 16 << 10;
/// Bytes in flight without a bandwidth: about the size that a TCP window of Linux grows to.
const WINDOW: usize = 4 << 20;
/// Bytes that may queue for a bandwidth beyond those in flight: the queue of a modem.
pub(super) const QUEUE: usize = 64 << 10;

/// Both directions of a connection that is not open yet.
#[derive(Debug)]
pub(super) struct Opening {
    timer: Timer,
    down: Direction,
    up: Direction,
}

/// The near end of a connection. Dropping it closes the connection, once everything written has left.
#[derive(Debug)]
pub(super) struct EmulatedStream(Rc<Shared>);

/// State shared by the near end and the carrier. Single-threaded: no locks.
#[derive(Debug)]
struct Shared {
    stream: TcpStream,
    timer: Timer,
    down: RefCell<Direction>,
    up: RefCell<Direction>,
    /// The peer has finished sending: when its last byte is through, or why it ended.
    ended: Cell<Option<Result<u64, io::ErrorKind>>>,
    /// Why nothing more can be written.
    broken: Cell<Option<io::ErrorKind>>,
    farewell: Cell<Farewell>,
    reader: Asleep,
    writer: Asleep,
    carrier: Asleep,
}

/// How far the near end has closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    /// Open for writing.
    None,
    /// Closed for writing; the peer does not know yet.
    Said,
    /// The peer knows.
    Sent,
    /// Dropped.
    Gone,
}

/// A task that waits.
#[derive(Debug, Default)]
struct Asleep(RefCell<Option<Waker>>);

impl Asleep {
    fn wait(&self, cx: &Context<'_>) {
        let mut waker = self.0.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.0.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Direction {
    way: PathModel,
    /// Arrival times of packets, with their bytes.
    packets: VecDeque<(u64, Bytes)>,
    bytes: usize,
    window: usize,
    /// The wake for the first packet, and when that is.
    wake: Option<(u64, Sleep)>,
}

impl Direction {
    fn new(network: Network, rng: Rng) -> Self {
        let queued = |bytes: u64| (bytes as usize).min(WINDOW) + QUEUE;
        let window = network.under_way().map_or(WINDOW, queued);
        let (packets, way) = (VecDeque::new(), PathModel::new(network, rng));
        Self { way, packets, bytes: 0, window, wake: None }
    }

    fn has_room(&self) -> bool {
        self.bytes < self.window
    }

    /// Hands over `bytes`, cut into packets.
    fn push(&mut self, now_ns: u64, mut bytes: Bytes) {
        self.bytes += bytes.len();
        while !bytes.is_empty() {
            let packet = bytes.split_to(bytes.len().min(SEGMENT));
            self.packets.push_back((self.way.arrival(now_ns, packet.len()), packet));
        }
    }

    /// The first packet, if it is through.
    fn due(&self, now_ns: u64) -> Option<&Bytes> {
        self.packets.front().filter(|(at_ns, _)| *at_ns <= now_ns).map(|(_, packet)| packet)
    }

    /// Takes `count` bytes off the first packet.
    fn take(&mut self, count: usize) {
        self.bytes -= count;
        if let Some((_, packet)) = self.packets.front_mut() {
            packet.advance(count);
            if packet.is_empty() {
                self.packets.pop_front();
            }
        }
    }

    /// Whether the instant `at_ns` is here; the task is woken when it is.
    fn reached(&mut self, timer: &Timer, at_ns: u64, cx: &mut Context<'_>) -> io::Result<bool> {
        let (of, sleep) = self.wake.get_or_insert_with(|| (at_ns, timer.sleep_until(at_ns)));
        if *of != at_ns {
            (*of, *sleep) = (at_ns, timer.sleep_until(at_ns));
        }
        let reached = Pin::new(sleep).poll(cx)?.is_ready();
        if reached {
            self.wake = None;
        }
        Ok(reached)
    }
}

impl Opening {
    /// The two directions of a connection, with random numbers of `seed` and its own `stream`; `receive_buffer`, if set on
    /// purpose, bounds unread data.
    pub(super) fn new(
        network: Network,
        timer: Timer,
        seed: u64,
        stream: u64,
        receive_buffer: Option<u32>,
    ) -> Self {
        let lane = |direction| Direction::new(network, Rng::new(seed, 2 * stream + direction));
        let (mut down, up) = (lane(0), lane(1));
        down.window = down.window.min(receive_buffer.map_or(usize::MAX, |bytes| bytes as usize));
        Self { timer, down, up }
    }

    /// Waits as long as opening a connection takes: one round trip.
    ///
    /// The caller dials afterwards, so that both ends consider the connection open at the same time.
    pub(super) async fn open(&mut self) -> io::Result<()> {
        let there_ns = self.up.way.opening(clock::now());
        let back_ns = self.down.way.opening(there_ns);
        self.timer.sleep_until(back_ns).await.map(drop)
    }

    /// The peer has just dialled, and its end opened at once: its bytes may leave when a real connection would open.
    pub(super) fn opened_by_peer(&mut self) {
        let there_ns = self.down.way.opening(clock::now());
        let back_ns = self.up.way.opening(there_ns);
        self.down.way.hold_until(back_ns);
    }

    /// Lets the connection go its way.
    pub(super) fn over(self, stream: TcpStream) -> EmulatedStream {
        let shared = Rc::new(Shared {
            stream,
            timer: self.timer,
            down: RefCell::new(self.down),
            up: RefCell::new(self.up),
            ended: Cell::new(None),
            broken: Cell::new(None),
            farewell: Cell::new(Farewell::None),
            reader: Asleep::default(),
            writer: Asleep::default(),
            carrier: Asleep::default(),
        });
        let carrier = Rc::clone(&shared);
        spawn_local(std::future::poll_fn(move |cx| carrier.carry(cx)));
        EmulatedStream(shared)
    }
}

impl Shared {
    /// The carrier: ends when the near end is dropped and all its output has left.
    fn carry(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.carrier.wait(cx);
        if let Err(error) = self.carry_up(cx) {
            // Data that the peer sent before is still in the network.
            let mut up = self.up.borrow_mut();
            up.packets.clear();
            up.bytes = 0;
            self.broken.set(Some(error.kind()));
            self.writer.wake();
        }
        if self.farewell.get() == Farewell::Gone {
            return if self.up.borrow().packets.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
        }
        self.take_in(cx);
        Poll::Pending
    }

    /// Writes data that is through, while there is some and room for it, and arranges to be woken for the next.
    fn carry_up(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut up = self.up.borrow_mut();
        while let Some((at_ns, _)) = up.packets.front() {
            let at_ns = *at_ns;
            if !up.reached(&self.timer, at_ns, cx)? {
                return Ok(());
            }
            while let Some(packet) = up.due(at_ns) {
                match self.stream.try_write(packet) {
                    Ok(count) => up.take(count),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        if self.stream.poll_write_ready(cx)?.is_pending() {
                            return Ok(());
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
            self.writer.wake();
        }
        if self.farewell.get() == Farewell::Said {
            self.farewell.set(Farewell::Sent);
            self.writer.wake();
            return socket2::SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write);
        }
        Ok(())
    }

    /// Reads arrived data while there is room for it.
    fn take_in(&self, cx: &mut Context<'_>) {
        let mut down = self.down.borrow_mut();
        while self.ended.get().is_none() && down.has_room() {
            let mut room = [MaybeUninit::uninit(); READ];
            let mut buffer = ReadBuf::uninit(&mut room);
            let read = match self.stream.poll_read_ready(cx) {
                Poll::Pending => return,
                Poll::Ready(ready) => ready.and_then(|()| self.stream.try_read_buf(&mut buffer)),
            };
            let now_ns = clock::now();
            match read {
                Ok(0) => self.ended.set(Some(Ok(down.way.arrival(now_ns, 0)))),
                Ok(_) => down.push(now_ns, Bytes::copy_from_slice(buffer.filled())),
                // It was not ready after all: the next turn of this loop waits for it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => self.ended.set(Some(Err(error.kind()))),
            }
            self.reader.wake();
        }
    }
}

impl EmulatedStream {
    /// The socket's descriptor; it is open for as long as this is.
    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.0.stream.as_raw_fd()
    }

    /// Like [`tokio::io::AsyncRead::poll_read`], for input that is through.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Shared { timer, down, ended, reader, carrier, .. } = &*self.0;
        let mut down = down.borrow_mut();
        loop {
            let now_ns = clock::now();
            let (before, full) = (buffer.filled().len(), !down.has_room());
            while buffer.remaining() > 0
                && let Some(packet) = down.due(now_ns)
            {
                let count = packet.len().min(buffer.remaining());
                buffer.put_slice(&packet[..count]);
                down.take(count);
            }
            if full && down.has_room() {
                carrier.wake();
            }
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let next_ns = match (down.packets.front(), ended.get()) {
                (None, Some(Ok(at_ns))) if at_ns <= now_ns => return Poll::Ready(Ok(())),
                (Some((at_ns, _)), _) => *at_ns,
                (None, Some(Ok(at_ns))) => at_ns,
                (None, Some(Err(kind))) => return Poll::Ready(Err(kind.into())),
                (None, None) => {
                    reader.wait(cx);
                    return Poll::Pending;
                }
            };
            if !down.reached(timer, next_ns, cx)? {
                return Poll::Pending;
            }
        }
    }

    /// Like [`tokio::io::AsyncWrite::poll_write_vectored`]: accepted output leaves when the network lets it.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Shared { up, broken, farewell, writer, carrier, .. } = &*self.0;
        if let Some(kind) = broken.get() {
            return Poll::Ready(Err(kind.into()));
        }
        if farewell.get() != Farewell::None {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut up = up.borrow_mut();
        if !up.has_room() {
            writer.wait(cx);
            return Poll::Pending;
        }
        let whole: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut bytes = Vec::with_capacity(whole);
        for slice in slices {
            bytes.extend_from_slice(slice);
        }
        let waited_for = !up.packets.is_empty();
        up.push(clock::now(), bytes.into());
        if !waited_for {
            carrier.wake();
        }
        Poll::Ready(Ok(whole))
    }

    /// Like [`tokio::io::AsyncWrite::poll_shutdown`]: done when all output has left.
    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Shared { broken, farewell, writer, carrier, .. } = &*self.0;
        match (broken.get(), farewell.get()) {
            (Some(kind), _) => return Poll::Ready(Err(kind.into())),
            (None, Farewell::Sent | Farewell::Gone) => return Poll::Ready(Ok(())),
            (None, Farewell::None) => {
                farewell.set(Farewell::Said);
                carrier.wake();
            }
            (None, Farewell::Said) => {}
        }
        writer.wait(cx);
        Poll::Pending
    }
}

impl Drop for EmulatedStream {
    fn drop(&mut self) {
        self.0.farewell.set(Farewell::Gone);
        self.0.carrier.wake();
    }
}
