//! An exchange whose answer is collected whole, polled by whoever waits for it.
//!
//! It is no future of its own: a future within futures is moved as each of them begins, and those of an exchange are so large
//! that the moves took a third of its instructions.

use std::task::{Context, Poll};

use super::{Exchange, Http1, State};
use crate::clock;
use crate::net::StampedResponse;
use crate::net::error::{NetError, Part, Seen};
use crate::net::h1::Incoming;

impl Http1 {
    /// Sends what was rendered, and collects the whole answer.
    #[inline]
    pub fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange<'_>,
    ) -> Poll<Result<StampedResponse, NetError>> {
        if !std::mem::replace(&mut exchange.begun, true) {
            self.begin(cx)?;
        }
        match self.poll(cx, exchange, true) {
            Poll::Ready(outcome) => {
                Poll::Ready(outcome.and_then(|(answer, more)| self.end(exchange, answer, more)))
            }
            Poll::Pending => {
                let sent_ns = self.meter.sent_ns();
                let is_first = !exchange.waits();
                let deadline_ns = exchange.deadline_ns(sent_ns);
                if is_first
                    && let Some(sent_ns) = sent_ns
                    && self.alarm.is_set(cx, deadline_ns, sent_ns)
                {
                    return Poll::Pending;
                }
                if self.alarm.poll(cx, deadline_ns).is_pending() {
                    return Poll::Pending;
                }
                let begun = self.meter.first_ns().is_some();
                Poll::Ready(Err(NetError::late(exchange.timeout, begun)))
            }
        }
    }

    /// Ends an exchange, after whose answer `more` may have come than was asked for.
    fn end(
        &mut self,
        exchange: &Exchange<'_>,
        answer: Incoming,
        more: bool,
    ) -> Result<StampedResponse, NetError> {
        // What one read has brought was all there when that read ended.
        let first_ns = self.meter.first_ns();
        let done_ns = match first_ns {
            Some(first_ns) if exchange.reads == 1 && self.stream.is_plain() => first_ns,
            _ => clock::now(),
        };
        let is_written = exchange.is_written();
        let Incoming { head: Some(head), body, .. } = answer else {
            return Err(NetError::ended(Seen::by(&self.meter, Part::Head)));
        };
        if head.keep_alive && !more && is_written {
            self.state = State::Idle;
        }
        self.manners.heard_of(&head.fields, head.is_coded);
        let body = self.manners.decoded(body.into())?;
        // An answer without a write cannot be; the end of the exchange is the harmless reading of it.
        let sent_ns = self.meter.sent_ns().unwrap_or(done_ns);
        let first_ns = first_ns.unwrap_or(done_ns);
        let (status, headers) = (head.status, head.fields);
        Ok(StampedResponse { status, headers, body, sent_ns, first_ns, done_ns })
    }
}
