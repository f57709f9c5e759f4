//! A socket's way through an emulated network: what is read comes later, and what is written leaves later.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use crate::clock;
use crate::pace::{Network, Rng, SEGMENT, Sleep, Timer, Way};

/// Most that is taken from the socket in one read.
const READ: usize = 16 << 10;
/// What may be under way where no bandwidth bounds it: about what a TCP window of Linux grows to.
const WINDOW: usize = 4 << 20;
/// What may wait, beside what is under way, for a bandwidth: the queue of a modem.
pub(super) const QUEUE: usize = 64 << 10;

/// Both directions of one connection.
///
/// Nobody drives it but those who read and write: a task that waits for an answer carries its request, too. What a
/// connection has not sent when it is dropped leaves at once.
#[derive(Debug)]
pub(super) struct Path {
    timer: Timer,
    down: Lane,
    up: Lane,
    /// The peer has no more to say: since when its last byte has been told, or why it ended.
    ended: Option<Result<u64, io::ErrorKind>>,
    /// Who reads: it is to hear of what is written meanwhile, so that there is somebody to carry it.
    reader: Option<Waker>,
    /// Who waits for room to write.
    writer: Option<Waker>,
}

/// One direction.
#[derive(Debug)]
struct Lane {
    way: Way,
    /// When each packet is through, and its bytes.
    packets: VecDeque<(u64, Bytes)>,
    bytes: usize,
    window: usize,
    /// The wake for the first packet, and when that is.
    wake: Option<(u64, Sleep)>,
}

impl Lane {
    fn new(network: Network, rng: Rng) -> Self {
        let window =
            network.under_way().map_or(WINDOW, |bytes| (bytes as usize).min(WINDOW) + QUEUE);
        let (packets, way) = (VecDeque::new(), Way::new(network, rng));
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
    fn due(&mut self, now_ns: u64) -> Option<&mut Bytes> {
        self.packets.front_mut().filter(|(at_ns, _)| *at_ns <= now_ns).map(|(_, packet)| packet)
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

impl Path {
    /// The way of a connection that is being dialled, with random numbers of `seed` and its own `stream`.
    pub fn new(network: Network, timer: Timer, seed: u64, stream: u64) -> Self {
        let lane = |direction| Lane::new(network, Rng::new(seed, 2 * stream + direction));
        let (down, up) = (lane(0), lane(1));
        Self { timer, down, up, ended: None, reader: None, writer: None }
    }

    /// Waits as long as opening a connection that was dialled at `dialled_ns` takes: there and back.
    pub async fn open(&mut self, dialled_ns: u64) -> io::Result<()> {
        let there_ns = self.up.way.opening(dialled_ns);
        let back_ns = self.down.way.opening(there_ns);
        self.timer.sleep_until(back_ns).await.map(drop)
    }

    /// The peer dialled, and stood on its end at once: what it says may leave when it would really stand.
    pub fn opened_by_peer(&mut self, at_ns: u64) {
        let back_ns = self.up.way.opening(self.down.way.opening(at_ns));
        self.down.way.hold_until(back_ns);
    }

    /// Writes to `stream` what is through, until there is no more or no room, and arranges to be woken for the next.
    fn carry_up(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> io::Result<()> {
        loop {
            let Some((at_ns, _)) = self.up.packets.front() else { return Ok(()) };
            let at_ns = *at_ns;
            if !self.up.reached(&self.timer, at_ns, cx)? {
                return Ok(());
            }
            while let Some(packet) = self.up.due(at_ns) {
                match Pin::new(&mut *stream).poll_write(cx, packet)? {
                    Poll::Ready(count) => self.up.take(count),
                    Poll::Pending => return Ok(()),
                }
                if let Some(writer) = self.writer.take() {
                    writer.wake();
                }
            }
        }
    }

    /// Reads from `stream` what has come, as long as there is room.
    fn take_in(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) {
        while self.ended.is_none() && self.down.has_room() {
            let mut room = [std::mem::MaybeUninit::uninit(); READ];
            let mut buffer = ReadBuf::uninit(&mut room);
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(Err(error)) => self.ended = Some(Err(error.kind())),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    self.ended = Some(Ok(self.down.way.arrival(clock::now(), 0)));
                }
                Poll::Ready(Ok(())) => {
                    self.down.push(clock::now(), Bytes::copy_from_slice(buffer.filled()));
                }
            }
        }
    }

    /// As [`tokio::io::AsyncRead::poll_read`] of `stream`, when it is through.
    pub fn poll_read(
        &mut self,
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.carry_up(stream, cx)?;
        loop {
            self.take_in(stream, cx);
            let now_ns = clock::now();
            let before = buffer.filled().len();
            while buffer.remaining() > 0
                && let Some(packet) = self.down.due(now_ns)
            {
                let count = packet.len().min(buffer.remaining());
                buffer.put_slice(&packet[..count]);
                self.down.take(count);
            }
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let next_ns = match (self.down.packets.front(), &self.ended) {
                (None, Some(Ok(at_ns))) if *at_ns <= now_ns => return Poll::Ready(Ok(())),
                (Some((at_ns, _)), _) | (None, Some(Ok(at_ns))) => *at_ns,
                (None, Some(Err(kind))) => return Poll::Ready(Err((*kind).into())),
                (None, None) => break,
            };
            if !self.down.reached(&self.timer, next_ns, cx)? {
                break;
            }
        }
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            self.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// As [`tokio::io::AsyncWrite::poll_write_vectored`] of `stream`: what is taken leaves when it may.
    pub fn poll_write(
        &mut self,
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.up.has_room() {
            self.carry_up(stream, cx)?;
        }
        if !self.up.has_room() {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let whole: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut bytes = Vec::with_capacity(whole);
        for slice in slices {
            bytes.extend_from_slice(slice);
        }
        self.up.push(clock::now(), bytes.into());
        self.carry_up(stream, cx)?;
        // This task may have nothing to do with the connection before the answer, which another waits for.
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(whole))
    }

    /// As [`tokio::io::AsyncWrite::poll_flush`] of `stream`: does not wait, as the kernel's buffers do not.
    pub fn poll_flush(
        &mut self,
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.carry_up(stream, cx)?;
        Poll::Ready(Ok(()))
    }

    /// As [`tokio::io::AsyncWrite::poll_shutdown`] of `stream`, after everything has left.
    pub fn poll_shutdown(
        &mut self,
        stream: &mut TcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.carry_up(stream, cx)?;
        if self.up.packets.is_empty() {
            return Pin::new(stream).poll_shutdown(cx);
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Sends what has not left, as far as the kernel takes it: the socket is about to be dropped.
    pub fn leave(&mut self, stream: &TcpStream) {
        while let Some((_, packet)) = self.up.packets.front() {
            match stream.try_write(packet) {
                Ok(count) if count > 0 => self.up.take(count),
                _ => return,
            }
        }
    }
}
