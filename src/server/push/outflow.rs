//! What a link writes, several events at once: the rest of one, what is said beside events, the events after its cursor.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::link::{Flow, Link, Phase, State};
use super::protocol::{Form, Protocol, Told};
use crate::clock;
use crate::measure::Counter;
use crate::server::hub::Entry;
use crate::server::slow::Lag;
use crate::server::wire::Wire;

/// Most events in one write.
const BATCH: usize = 32;
/// About how many bytes one link writes before the others have their turn.
const TURN: usize = 256 << 10;

/// How far writing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flowed {
    /// Everything is written.
    All,
    /// The socket takes no more.
    Full,
    /// It is others' turn.
    Turn,
}

impl State {
    /// Writes what there is to write, and notes who goes on with it.
    pub(super) fn flow(&mut self, link: &Link, cx: &mut Context<'_>) -> io::Result<Flowed> {
        let mut turn = 0;
        let flowed = loop {
            if self.poll_flush(link, cx)?.is_pending() {
                break Flowed::Full;
            }
            match self.write_once(link, cx)? {
                Poll::Ready(0) => break Flowed::All,
                Poll::Ready(written) => turn += written,
                Poll::Pending => break Flowed::Full,
            }
            // Nothing is left, as after most writes.
            if self.is_written(link) && matches!(self.wire, Wire::Plain(_)) {
                break Flowed::All;
            }
            if turn > TURN {
                break Flowed::Turn;
            }
        };
        self.flow = match (flowed, self.flow) {
            (Flowed::All, _) => Flow::Free,
            (_, Flow::Waits { since_ns }) if turn == 0 => Flow::Waits { since_ns },
            _ => Flow::Waits { since_ns: clock::now() },
        };
        Ok(flowed)
    }

    /// Whether there is nothing to write.
    #[inline]
    fn is_written(&self, link: &Link) -> bool {
        let behind = self.phase == Phase::Open && self.since < link.topic.newest();
        !behind && self.partial.is_none() && self.control.is_empty()
    }

    /// Gets what TLS has taken to the kernel, and books it as written; a socket has nothing to flush.
    #[inline]
    fn poll_flush(&mut self, link: &Link, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        if matches!(self.wire, Wire::Plain(_)) {
            return Ok(Poll::Ready(()));
        }
        if self.wire.poll_flush_all(cx)?.is_pending() {
            return Ok(Poll::Pending);
        }
        if !self.unflushed.is_empty() {
            let now = clock::now();
            for published_ns in std::mem::take(&mut self.unflushed) {
                link.shard.writes.book(published_ns, now);
            }
        }
        Ok(Poll::Ready(()))
    }

    /// Writes once; 0 where there is nothing to write.
    fn write_once(&mut self, link: &Link, cx: &mut Context<'_>) -> io::Result<Poll<usize>> {
        if self.phase == Phase::Open {
            self.keep_within_bound(link);
        }
        let newest = link.topic.newest();
        self.since = self.push.pass_over(self.since, newest);
        let behind = if self.phase == Phase::Open { newest.saturating_sub(self.since) } else { 0 };
        let most = self.push.at_once(BATCH).min(usize::try_from(behind).unwrap_or(BATCH));
        let written = link.topic.read(self.since, |events| {
            // Most writes have one event: no room is made for more.
            match most {
                0 | 1 => self.write_batch::<1, 3>(link, cx, &mut events.take(most)),
                _ => self.write_batch::<BATCH, { BATCH + 2 }>(link, cx, &mut events.take(most)),
            }
        });
        // What does not need the log, once the cursor has fallen off it.
        let written =
            written.unwrap_or_else(|_| self.write_batch::<1, 3>(link, cx, &mut std::iter::empty()));
        match written {
            Poll::Ready(written) => written.map(Poll::Ready),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Acts where the client lags too far behind.
    pub(super) fn keep_within_bound(&mut self, link: &Link) {
        let (topic, life) = (&link.topic, link.shard.shared.life);
        let lag = self.bound.judge(self.since, topic.oldest(), topic.newest());
        if lag == Lag::Within {
            return;
        }
        match self.protocol.append_lag(&mut self.control, (self.since, life), lag) {
            None => return,
            Some(Told::Continues(to)) => self.since = to,
            Some(Told::Ends) => self.closes(link),
        }
        link.shard.recorder.borrow_mut().count(Counter::SlowActions, 1);
    }

    /// Writes the rest of an event, what is said beside events, and up to `EVENTS` of `events`, in one call of up to
    /// `SLICES`, which are two more.
    fn write_batch<const EVENTS: usize, const SLICES: usize>(
        &mut self,
        link: &Link,
        cx: &mut Context<'_>,
        events: &mut dyn Iterator<Item = &Arc<Entry>>,
    ) -> Poll<io::Result<usize>> {
        let form = self.protocol.form(link.shard.shared.life);
        let mut batch = [None; EVENTS];
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut filled = 0;
        let rest = self.partial.as_ref().map(|(entry, at)| &form.of(entry)[*at..]);
        let control = Some(self.control.as_slice()).filter(|control| !control.is_empty());
        for bytes in rest.into_iter().chain(control) {
            slices[filled] = IoSlice::new(bytes);
            filled += 1;
        }
        // Of what follows a dropped event nothing is written before the cursor has passed over it.
        let kept = events.take_while(|entry| !self.push.drops(entry.seq()));
        for (slot, entry) in batch.iter_mut().zip(kept) {
            self.push.pay(entry.seq());
            slices[filled] = IoSlice::new(form.of(entry));
            filled += 1;
            *slot = Some(entry);
        }
        if filled == 0 {
            return Poll::Ready(Ok(0));
        }
        let written = ready!(self.wire.poll_give(cx, &slices[..filled]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(link, form, written, batch.iter().map_while(|entry| *entry));
        Poll::Ready(Ok(written))
    }

    /// Books `written` bytes: first the rest of an event, then what was said, then `events`.
    fn advance<'a>(
        &mut self,
        link: &Link,
        form: Form,
        mut written: usize,
        events: impl Iterator<Item = &'a Arc<Entry>>,
    ) {
        let (writes, now) = (&link.shard.writes, clock::now());
        let plain = matches!(self.wire, Wire::Plain(_));
        let mut book = |entry: &Entry| match writes.measured(entry) {
            Some(published_ns) if plain => writes.book(published_ns, now),
            Some(published_ns) => self.unflushed.push(published_ns),
            None => {}
        };
        let news = self.partial.is_some() || written > self.control.len();
        if news && matches!(self.protocol, Protocol::Events { .. }) && self.next_ns != u64::MAX {
            // The next heartbeat: only silence needs one. The greeting moves none, or links that were opened together would
            // beat together.
            self.next_ns = now.saturating_add(link.shard.options().sse.heartbeat.ns());
        }
        if let Some((entry, at)) = &mut self.partial {
            let len = form.of(entry).len();
            let step = written.min(len - *at);
            *at += step;
            written -= step;
            if *at < len {
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
        for entry in events {
            if written == 0 {
                return;
            }
            let len = form.of(entry).len();
            self.since = entry.seq();
            if written < len {
                self.partial = Some((Arc::clone(entry), written));
                return;
            }
            written -= len;
            book(entry);
        }
    }
}
