//! TCP sockets of a shard that one epoll instance of their own watches.
//!
//! The runtime's driver keeps 0.4 KiB for a socket, and each time something arrives it walks through two locks, a list of
//! waiters and its slab. Here a socket is a slot with two wakers. One task of the runtime waits until the instance has
//! events, takes up to [`AT_ONCE`] of them with one call, and wakes whoever waits for their sockets.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use rustix::event::{Timespec, epoll};
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketFlags, accept_with, recv, send, shutdown};
use slab::Slab;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::pace::{Near, Timer};

/// Events that are taken with one system call.
const AT_ONCE: usize = 512;

/// As many events at one look are a sign of more to come.
const BUSY: usize = 2;

/// The sockets that one thread watches. Clones share them.
#[derive(Debug, Clone)]
pub struct Watch(Rc<Shared>);

#[derive(Debug)]
struct Shared {
    epoll: AsyncFd<OwnedFd>,
    slots: RefCell<Slab<Slot>>,
}

/// What is known of a socket, and who waits for it.
#[derive(Debug)]
struct Slot {
    readable: bool,
    writable: bool,
    /// The peer has ended its direction: a short read may be followed by the end, of which no event will tell again.
    ended: bool,
    /// Kept from wait to wait, as it is the same link that reads.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Watch {
    /// A watch on the current runtime, and the future that drives it: spawn it on the same thread.
    ///
    /// It looks at its sockets again and again while they are busy, and minds `timer` meanwhile.
    pub fn new(timer: Timer) -> io::Result<(Self, impl Future<Output = io::Result<()>> + 'static)> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        #[expect(unsafe_code, reason = "tokio left the safe constructor to types of its own")]
        // SAFETY: an `OwnedFd` is open, and stays the same descriptor, until it is dropped.
        let epoll = unsafe { AsyncFd::register_with_interest(epoll, Interest::READABLE) };
        let epoll = epoll.map_err(|error| error.into_parts().1)?;
        let shared = Rc::new(Shared { epoll, slots: RefCell::default() });
        Ok((Self(Rc::clone(&shared)), drive(shared, timer)))
    }

    fn add(&self, stream: std::net::TcpStream) -> io::Result<Watched> {
        use epoll::EventFlags as Flags;
        let place = self.watch(&stream, Flags::IN | Flags::OUT | Flags::RDHUP | Flags::ET)?;
        Ok(Watched { place, stream })
    }

    /// Watches what is open as `source`, for as long as its place is held.
    fn watch(&self, source: impl AsFd, flags: epoll::EventFlags) -> io::Result<Place> {
        let slot =
            Slot { readable: true, writable: true, ended: false, reader: None, writer: None };
        let key = self.0.slots.borrow_mut().insert(slot);
        let place = Place { key: key as u32, watch: self.clone() };
        epoll::add(&self.0.epoll, source, epoll::EventData::new_u64(key as u64), flags)?;
        Ok(place)
    }
}

/// Wakes those whose sockets have become ready, for ever.
///
/// A look by way of the runtime takes two system calls, as its own instance tells that this one has events, and an alarm takes
/// a third. Where sockets are busy there will be more by the time that their links have been polled: those are taken, and who
/// is due is woken, without it.
async fn drive(shared: Rc<Shared>, timer: Timer) -> io::Result<()> {
    let mut events = Vec::with_capacity(AT_ONCE);
    loop {
        let guard = poll_fn(|cx| match shared.epoll.poll_read_ready(cx) {
            Poll::Ready(guard) => Poll::Ready(guard.map(Some)),
            Poll::Pending => timer.poll_wanted(cx).map(|()| Ok(None)),
        });
        let guard = guard.await?;
        timer.mind();
        loop {
            events.clear();
            let taken = epoll::wait(
                &shared.epoll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&Timespec::default()),
            );
            match taken {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            shared.tell(&events);
            let stays = match timer.turn()? {
                Near::No => events.len() >= BUSY,
                Near::Soon => true,
                Near::Now => false,
            };
            if events.len() < AT_ONCE && !stays {
                break;
            }
            requeue().await;
        }
        // What has come since the last look has made an event of its own.
        if let Some(mut guard) = guard {
            guard.clear_ready();
        }
        timer.let_go()?;
    }
}

/// Lets the tasks that are ready run, and not the runtime's driver: `yield_now` would have that look at all it watches.
fn requeue() -> impl Future<Output = ()> {
    let mut queued = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut queued, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

impl Shared {
    fn tell(&self, events: &[epoll::Event]) {
        use epoll::EventFlags as Flags;
        let mut slots = self.slots.borrow_mut();
        for event in events {
            let (flags, data) = (event.flags, event.data);
            let Some(slot) = slots.get_mut(data.u64() as usize) else { continue };
            let broken = flags.intersects(Flags::ERR | Flags::HUP);
            slot.ended |= broken || flags.contains(Flags::RDHUP);
            if slot.ended || flags.contains(Flags::IN) {
                slot.readable = true;
                // Wakers only put something into a queue.
                if let Some(reader) = &slot.reader {
                    reader.wake_by_ref();
                }
            }
            if broken || flags.contains(Flags::OUT) {
                slot.writable = true;
                if let Some(writer) = slot.writer.take() {
                    writer.wake();
                }
            }
        }
    }
}

/// A connected socket, watched by a [`Watch`] or by the runtime.
#[derive(Debug)]
pub(super) enum Tcp {
    Watched(Watched),
    /// Boxed, as the sockets of a worker's links are watched.
    Runtime(Box<TcpStream>),
}

impl Tcp {
    /// Has `watch` watch `stream`, if there is one.
    pub(super) fn of(stream: TcpStream, watch: Option<&Watch>) -> io::Result<Self> {
        match watch {
            None => Ok(Self::Runtime(Box::new(stream))),
            Some(watch) => Ok(Self::Watched(watch.add(stream.into_std()?)?)),
        }
    }

    /// The same of a stream that was [accepted](Listener::poll_accept).
    pub(super) fn accepted(stream: std::net::TcpStream, watch: Option<&Watch>) -> io::Result<Self> {
        match watch {
            None => Ok(Self::Runtime(Box::new(TcpStream::from_std(stream)?))),
            Some(watch) => Ok(Self::Watched(watch.add(stream)?)),
        }
    }
}

impl AsRawFd for Tcp {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Watched(watched) => watched.stream.as_raw_fd(),
            Self::Runtime(stream) => stream.as_raw_fd(),
        }
    }
}

/// The slot of a descriptor in a [`Watch`].
#[derive(Debug)]
struct Place {
    key: u32,
    watch: Watch,
}

impl Drop for Place {
    fn drop(&mut self) {
        // The descriptor, which is closed next, leaves the instance by itself.
        self.watch.0.slots.borrow_mut().try_remove(self.key as usize);
    }
}

/// A socket of a [`Watch`].
#[derive(Debug)]
pub(super) struct Watched {
    place: Place,
    stream: std::net::TcpStream,
}

/// A socket that listens, watched by a [`Watch`] or by the runtime.
#[derive(Debug)]
pub struct Listener(Listening);

#[derive(Debug)]
enum Listening {
    Watched(Place, std::net::TcpListener),
    Runtime(TcpListener),
}

impl Listener {
    /// Has `watch` watch `listener`, if there is one.
    pub(super) fn of(listener: TcpListener, watch: Option<&Watch>) -> io::Result<Self> {
        use epoll::EventFlags as Flags;
        Ok(Self(match watch {
            None => Listening::Runtime(listener),
            Some(watch) => {
                let listener = listener.into_std()?;
                Listening::Watched(watch.watch(&listener, Flags::IN | Flags::ET)?, listener)
            }
        }))
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Listening::Watched(_, listener) => listener.local_addr(),
            Listening::Runtime(listener) => listener.local_addr(),
        }
    }

    /// Accepts the next connection; nobody watches its socket yet.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<std::net::TcpStream>> {
        let (place, listener) = match &self.0 {
            Listening::Watched(place, listener) => (place, listener),
            Listening::Runtime(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                return Poll::Ready(stream.into_std());
            }
        };
        loop {
            ready!(place.poll_readable(cx));
            match accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(stream) => return Poll::Ready(Ok(stream.into())),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => place.with(|slot| slot.readable = false),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl Place {
    fn with<T>(&self, change: impl FnOnce(&mut Slot) -> T) -> T {
        change(&mut self.watch.0.slots.borrow_mut()[self.key as usize])
    }

    #[inline]
    fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        self.with(|slot| {
            if slot.readable {
                return Poll::Ready(());
            }
            wait(&mut slot.reader, cx);
            Poll::Pending
        })
    }
}

impl Watched {
    fn with<T>(&self, change: impl FnOnce(&mut Slot) -> T) -> T {
        self.place.with(change)
    }

    #[inline]
    fn poll_read(&self, cx: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        loop {
            ready!(self.place.poll_readable(cx));
            #[expect(unsafe_code, reason = "a buffer need not be cleared to be read into")]
            // SAFETY: nothing is written but by the kernel, whose count of bytes alone is taken as initialised.
            let free = unsafe { buffer.unfilled_mut() };
            let read = match recv(&self.stream, free, RecvFlags::empty()) {
                Ok(((read, _), _)) => read.len(),
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => {
                    self.with(|slot| slot.readable = false);
                    continue;
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            };
            if 0 < read && read < room {
                // Nothing is left: what comes from now on makes an event.
                self.with(|slot| slot.readable = slot.ended);
            }
            #[expect(unsafe_code, reason = "a buffer need not be cleared to be read into")]
            // SAFETY: the kernel has written that many.
            unsafe {
                buffer.assume_init(read);
            }
            buffer.advance(read);
            return Poll::Ready(Ok(()));
        }
    }

    fn poll_send(
        &self,
        cx: &Context<'_>,
        mut once: impl FnMut() -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let writable = self.with(|slot| {
                if !slot.writable {
                    wait(&mut slot.writer, cx);
                }
                slot.writable
            });
            if !writable {
                return Poll::Pending;
            }
            match once() {
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => self.with(|slot| slot.writable = false),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

/// Notes that `cx` waits.
#[inline]
fn wait(waiting: &mut Option<Waker>, cx: &Context<'_>) {
    match waiting {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
}

impl AsyncRead for Tcp {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Watched(watched) => watched.poll_read(cx, buffer),
            Self::Runtime(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Tcp {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Watched(watched) => {
                watched.poll_send(cx, || send(&watched.stream, bytes, SendFlags::NOSIGNAL))
            }
            Self::Runtime(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            // The runtime ignores SIGPIPE, as every Rust program does from its start.
            Self::Watched(watched) => {
                watched.poll_send(cx, || rustix::io::writev(&watched.stream, slices))
            }
            Self::Runtime(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither keeps anything.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Watched(watched) => match shutdown(&watched.stream, Shutdown::Write) {
                // The peer was faster.
                Ok(()) | Err(rustix::io::Errno::NOTCONN) => Poll::Ready(Ok(())),
                Err(error) => Poll::Ready(Err(error.into())),
            },
            Self::Runtime(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests;
