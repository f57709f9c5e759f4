//! Records of single requests, polls and deliveries: raw samples, and deliveries that waited for a poll.

use super::{Link, Turn};
use crate::clock;
use crate::event::Head;
use crate::measure::{Arrival, Counter, DeliverySample, ErrorKind, RequestSample};
use crate::net::{ServerTiming, StampedResponse};

impl Link {
    /// Keeps a measured request or poll raw, while the shard has room; `turn` holds its stamps before it was sent.
    #[inline]
    pub fn keep(
        &self,
        seq: u64,
        turn: Turn,
        answer: Option<&StampedResponse>,
        error: Option<ErrorKind>,
    ) {
        self.keep_call(None, seq, turn, answer, error);
    }

    /// Whether the shard has room for one more.
    #[inline]
    pub fn keeps(&self) -> bool {
        self.context().samples.borrow().wants()
    }

    /// Keeps a measured request raw by the name of its call.
    #[inline]
    pub fn keep_call(
        &self,
        call: Option<String>,
        seq: u64,
        turn: Turn,
        answer: Option<&StampedResponse>,
        error: Option<ErrorKind>,
    ) {
        if self.keeps() {
            self.keep_now(call, seq, turn, answer, error);
        }
    }

    #[cold]
    fn keep_now(
        &self,
        call: Option<String>,
        seq: u64,
        turn: Turn,
        answer: Option<&StampedResponse>,
        error: Option<ErrorKind>,
    ) {
        let server = answer.map(|answer| ServerTiming::of(&answer.headers)).unwrap_or_default();
        self.context().samples.borrow_mut().keep(RequestSample {
            link: self.index(),
            seq,
            call,
            due_ns: turn.due_ns,
            fired_ns: turn.fired_ns,
            sent_ns: answer.map(|answer| answer.sent_ns),
            first_ns: answer.map(|answer| answer.first_ns),
            done_ns: answer.map_or_else(clock::now, |answer| answer.done_ns),
            status: answer.map(|answer| answer.status.as_u16()),
            error,
            server_queue_ns: server.queue_ns,
            server_service_ns: server.service_ns,
        });
    }

    /// Keeps a measured delivery raw, while the shard has room.
    #[inline]
    pub(super) fn keep_delivery(&self, seq: u64, due_ns: u64, received_ns: u64) {
        let mut deliveries = self.context().deliveries.borrow_mut();
        if deliveries.wants() {
            deliveries.keep(DeliverySample {
                link: self.index(),
                topic: self.topic_index(),
                seq,
                due_ns,
                received_ns,
            });
        }
    }

    /// Books the arrival of an event with a poll's answer.
    pub fn receive_polled(&self, head: Head, answer: &StampedResponse) {
        let (arrival, measured) = self.receive(head, answer.done_ns);
        let counts = measured && arrival != Arrival::Duplicate;
        if counts && head.published_ns < answer.sent_ns {
            self.count(Counter::DelayedDeliveries, 1);
        }
    }
}
