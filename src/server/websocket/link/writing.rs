//! What a link writes, several frames at once: the rest of one, control frames, the events after its cursor.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite as _;

use super::{EventSocket, SocketState, TURN};
use crate::clock;
use crate::event::{Cursor, Missed, encode_gap};
use crate::measure::Counter;
use crate::server::hub::Entry;
use crate::server::slow::Lag;
use crate::server::wire::Wire;

/// Most frames in one write.
const BATCH: usize = 32;

impl EventSocket {
    /// Writes what there is to write; ready once the link is closed at both ends.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut turn = 0;
        loop {
            let written = match self.poll_flush(cx)? {
                Poll::Ready(()) => self.poll_write_once(cx)?,
                Poll::Pending => Poll::Pending,
            };
            let Poll::Ready(written) = written else {
                self.watch_while_it_takes_nothing(cx);
                return Poll::Pending;
            };
            let written = match written {
                Some(written) => written,
                None if self.phase == SocketState::Closed => return Poll::Ready(Ok(())),
                None if self.phase == SocketState::Open => {
                    if self.waiter.poll_after(self.since, cx).is_pending() {
                        return Poll::Pending;
                    }
                    continue;
                }
                None => return Poll::Pending,
            };
            turn += written;
            if turn > TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Its policy acts though the client takes nothing: every event looks at it.
    fn watch_while_it_takes_nothing(&mut self, cx: &mut Context<'_>) {
        if self.phase == SocketState::Open && self.bound.closes() {
            let newest = self.waiter.topic().newest();
            let _ = self.waiter.poll_after(newest, cx);
        }
    }

    /// Gets what TLS has taken to the kernel, and books it as written; a socket has nothing to flush.
    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Wire::Tls(stream) = &mut self.wire else { return Poll::Ready(Ok(())) };
        ready!(Pin::new(&mut **stream).poll_flush(cx))?;
        if !self.unflushed.is_empty() {
            let now = clock::now();
            for published_ns in std::mem::take(&mut self.unflushed) {
                self.shard.writes.book(published_ns, now);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes once: the rest of a frame, control frames, the events after the cursor. `None` where there is
    /// nothing to write.
    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        if self.phase == SocketState::Open {
            self.keep_within_bound();
        }
        let topic = Rc::clone(self.waiter.topic());
        let open = self.phase == SocketState::Open;
        self.since = self.push.pass_over(self.since, topic.newest());
        let push = &self.push;
        let written = topic.read(self.since, |events| {
            let mut slices = [IoSlice::new(&[]); BATCH];
            let mut filled = 0;
            let rest = self.partial.as_ref().map(|(entry, at)| &entry.frame()[*at..]);
            let control = Some(self.control.as_slice()).filter(|control| !control.is_empty());
            let events = events.take(if open { push.at_once(BATCH) } else { 0 });
            // Of what follows a dropped event nothing is written before the cursor has passed over it.
            let events = events.take_while(|entry| !push.drops(entry.seq()));
            let frames = events.inspect(|entry| push.pay(entry.seq())).map(|entry| entry.frame());
            for (slot, bytes) in
                slices.iter_mut().zip(rest.into_iter().chain(control).chain(frames))
            {
                *slot = IoSlice::new(bytes);
                filled += 1;
            }
            match filled {
                0 => Poll::Ready(Ok(None)),
                _ => self.wire.poll_give(cx, &slices[..filled]).map_ok(Some),
            }
        });
        match written {
            Ok(Poll::Ready(Ok(Some(written)))) => {
                self.advance(written);
                Poll::Ready(Ok(Some(written)))
            }
            Ok(nothing) => nothing,
            Err(_) => self.poll_write_control(cx),
        }
    }

    /// Acts where the client lags too far behind.
    fn keep_within_bound(&mut self) {
        let topic = self.waiter.topic();
        match self.bound.judge(self.since, topic.oldest(), topic.newest()) {
            Lag::Within => return,
            Lag::Disconnect { since } => {
                let since = Cursor::new(since, self.shard.shared.life);
                self.close(1013, &format!("too slow: come back with since={since}"));
            }
            Lag::Skip { to } => {
                self.say(&encode_gap(Missed { from: self.since + 1, to }));
                self.since = to;
            }
        }
        self.shard.recorder.borrow_mut().count(Counter::SlowActions, 1);
    }

    /// Writes what does not need the log, once the cursor has fallen off it.
    fn poll_write_control(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let bytes = match &self.partial {
            Some((entry, at)) => &entry.frame()[*at..],
            None if self.control.is_empty() => return Poll::Ready(Ok(None)),
            None => &self.control,
        };
        let written = ready!(self.wire.poll_give(cx, &[IoSlice::new(bytes)]))?;
        self.advance(written);
        Poll::Ready(Ok(Some(written)))
    }

    /// Books `written` bytes: first the rest of a frame, then control frames, then events.
    fn advance(&mut self, mut written: usize) {
        let (writes, now) = (&self.shard.writes, clock::now());
        let plain = matches!(self.wire, Wire::Plain(_));
        let mut book = |entry: &Entry| match writes.measured(entry) {
            Some(published_ns) if plain => writes.book(published_ns, now),
            Some(published_ns) => self.unflushed.push(published_ns),
            None => {}
        };
        if let Some((entry, at)) = &mut self.partial {
            let step = written.min(entry.frame().len() - *at);
            *at += step;
            written -= step;
            if *at < entry.frame().len() {
                return;
            }
            book(entry);
            self.partial = None;
        }
        let step = written.min(self.control.len());
        written -= step;
        if step == self.control.len() {
            self.control = Vec::new();
        } else {
            self.control.drain(..step);
        }
        if written == 0 {
            return;
        }
        let topic = Rc::clone(self.waiter.topic());
        // No gap here: these very events were written from the log a moment ago.
        let _ = topic.read(self.since, |events| {
            for entry in events {
                if written == 0 {
                    break;
                }
                self.since = entry.seq();
                if written < entry.frame().len() {
                    self.partial = Some((Arc::clone(entry), written));
                    break;
                }
                written -= entry.frame().len();
                book(entry);
            }
        });
    }
}
