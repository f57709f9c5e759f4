//! What is waiting to be written to a server, and the task that writes it.
//!
//! Reading never waits for writing, nor the reverse: with a server that stops reading until its messages are read, both
//! would wait forever.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::clock;
use crate::net::Meter;
use crate::net::websocket::Opcode;
use crate::pattern::redial::Ended;

/// The most bytes that wait for a server to read them.
const WAITING_MAX: usize = 8 << 20;
/// Above so many, who has a choice waits before it adds any.
const ENOUGH: usize = 1 << 20;

/// A message to write.
#[derive(Debug)]
pub(in crate::pattern) struct Item {
    pub opcode: Opcode,
    pub payload: Vec<u8>,
    /// What its sender calls it, if it wants to know when it was written.
    pub tag: Option<u64>,
}

/// A message that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pattern) struct Written {
    /// What its sender calls it.
    pub tag: u64,
    /// When the connection could take it, in monotonic nanoseconds: once it was open, and no write before was held up.
    pub free_ns: u64,
    /// When its first byte was written.
    pub sent_ns: u64,
}

/// Messages that wait to be written, and how far each has come.
#[derive(Debug)]
pub(in crate::pattern) struct Outgoing {
    items: RefCell<VecDeque<Item>>,
    /// Bytes that are not written yet.
    waiting: Cell<usize>,
    more: Notify,
    progress: Notify,
    written: RefCell<Vec<Written>>,
    free_ns: Cell<u64>,
}

impl Outgoing {
    /// Of a connection that is open now.
    pub(in crate::pattern) fn new() -> Rc<Self> {
        Rc::new(Self {
            items: RefCell::default(),
            waiting: Cell::new(0),
            more: Notify::new(),
            progress: Notify::new(),
            written: RefCell::default(),
            free_ns: Cell::new(clock::now()),
        })
    }

    /// Has a message written.
    pub(in crate::pattern) fn say(&self, item: Item) -> Result<(), Ended> {
        let waiting = self.waiting.get() + item.payload.len();
        if waiting > WAITING_MAX {
            return Err(Ended::Unread);
        }
        self.waiting.set(waiting);
        self.items.borrow_mut().push_back(item);
        self.more.notify_one();
        Ok(())
    }

    /// Waits until the server has read enough for more to be sent.
    pub(in crate::pattern) async fn room(&self) {
        while self.waiting.get() > ENOUGH {
            self.progress.notified().await;
        }
    }

    /// Waits until messages with a tag were written, and takes what is known of them.
    pub(in crate::pattern) async fn wrote(&self) -> Vec<Written> {
        loop {
            let written = self.take_written();
            if !written.is_empty() {
                return written;
            }
            self.progress.notified().await;
        }
    }

    /// What was written with a tag since this was last asked.
    pub(in crate::pattern) fn take_written(&self) -> Vec<Written> {
        self.written.take()
    }

    /// Waits until everything is written.
    pub(in crate::pattern) async fn emptied(&self) {
        while self.waiting.get() > 0 || !self.items.borrow().is_empty() {
            self.progress.notified().await;
        }
    }

    /// Writes what is to be written, until the connection breaks or this is dropped; `encode` appends an item as its bytes.
    pub(in crate::pattern) async fn write(
        self: Rc<Self>,
        mut half: impl AsyncWrite + Unpin,
        meter: Option<Rc<Meter>>,
        mut encode: impl FnMut(&mut Item, &mut BytesMut),
    ) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        loop {
            let item = self.items.borrow_mut().pop_front();
            let Some(mut item) = item else {
                // An idle connection keeps no buffer.
                bytes = BytesMut::new();
                self.more.notified().await;
                continue;
            };
            let length = item.payload.len();
            encode(&mut item, &mut bytes);
            if let Some(meter) = &meter {
                meter.arm();
            }
            let started_ns = clock::now();
            let held = write(&mut half, &mut bytes).await?;
            self.waiting.set(self.waiting.get() - length);
            if let Some(tag) = item.tag {
                let sent_ns = meter.as_ref().and_then(|meter| meter.sent_ns());
                let sent_ns = sent_ns.unwrap_or(started_ns);
                let written = Written { tag, free_ns: self.free_ns.get(), sent_ns };
                self.written.borrow_mut().push(written);
            }
            if held {
                self.free_ns.set(clock::now());
            }
            // Several may wait for several things.
            self.progress.notify_waiters();
            self.progress.notify_one();
        }
    }
}

/// Writes and flushes everything in `bytes`; returns whether it was held up.
async fn write(half: &mut (impl AsyncWrite + Unpin), bytes: &mut BytesMut) -> io::Result<bool> {
    let mut held = false;
    let mut written = pin!(async {
        while bytes.has_remaining() {
            half.write_buf(bytes).await?;
        }
        half.flush().await
    });
    poll_fn(|cx| {
        let written = written.as_mut().poll(cx);
        held |= written.is_pending();
        written
    })
    .await?;
    Ok(held)
}
