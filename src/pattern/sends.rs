//! Events that links publish when clients do: which of their topic, and how they are booked.

use serde_json::value::RawValue;

use super::Link;
use crate::clock;
use crate::event::Post;
use crate::measure::{Counter, Metric};
use crate::scenario::Workload;

/// An event for a link to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Send {
    /// Its number in the schedule of its topic, from 1.
    pub key: u64,
    /// The due stamp, in monotonic nanoseconds.
    pub due_ns: u64,
    /// Whether it is due in the window.
    pub measured: bool,
}

impl Link {
    /// Returns the events that this link publishes, once the trial has begun: every n-th of its topic, which has n
    /// subscribers.
    pub async fn sends(&self) -> Vec<Send> {
        let workload = self.context().case.workload;
        let numbered = (1..).zip(self.due_offsets());
        // While links connect: walking through the topic's whole schedule would make the first events late.
        let own: Vec<(u64, u64)> =
            numbered.filter(|(key, _)| publishes(&workload, self.index(), *key)).collect();
        let timeline = self.started().await;
        let send = |(key, offset_ns)| {
            let due_ns = timeline.start_ns + offset_ns;
            Send { key, due_ns, measured: timeline.measures(due_ns) }
        };
        let sends: Vec<Send> = own.into_iter().map(send).collect();
        let measured = sends.iter().filter(|send| send.measured).count() as u64;
        self.count(Counter::SendsDue, measured);
        sends
    }

    /// The payload of its events.
    pub fn payload(&self) -> Box<RawValue> {
        // It is one JSON value.
        let payload = self.context().case.workload.payload();
        serde_json::from_slice(&payload).unwrap_or_default()
    }

    /// Books that an event was sent for the first time, at `sent_ns`, by a link that was free at `free_ns`.
    pub fn sent(&self, send: Send, free_ns: u64, sent_ns: u64) {
        if send.measured {
            self.count(Counter::SendsSent, 1);
            self.record(Metric::SendSlip, sent_ns.saturating_sub(send.due_ns.max(free_ns)));
        }
    }

    /// Books that an event was published, as acknowledged to the client at `acknowledged_ns`.
    pub fn published(&self, send: Send, acknowledged_ns: u64) {
        if send.measured {
            self.count(Counter::SendsAcknowledged, 1);
            self.record(Metric::Send, acknowledged_ns.saturating_sub(send.due_ns));
        }
    }
}

impl Send {
    /// Its wire form.
    pub fn encode(&self, data: &RawValue) -> Vec<u8> {
        let post = Post { key: Some(self.key), due_ns: Some(self.due_ns), data };
        // Numbers and raw JSON can always be written.
        serde_json::to_vec(&post).unwrap_or_default()
    }
}

/// Whether link number `index` is the one that publishes event `key` of its topic: its subscribers take turns.
const fn publishes(workload: &Workload, index: u64, key: u64) -> bool {
    let subscribers = workload.subscribers(index % workload.topics);
    (key - 1) % subscribers == index / workload.topics
}

/// Waits until an event is due.
pub(super) async fn due(link: &Link, send: Send) {
    if clock::now() < send.due_ns {
        link.sleep_until(send.due_ns).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pace::ArrivalProcess;
    use crate::scenario::Publish;
    use crate::unit::{ByteSize, Rate, Span};

    proptest! {
        #[test]
        fn every_event_has_one_publisher_among_its_subscribers(clients in 1..60u64, topics in 1..20u64, key in 1..500u64) {
            let topics = topics.min(clients);
            let workload = Workload {
                clients,
                topics,
                rate: Rate::per_second(1.0),
                arrivals: ArrivalProcess::Poisson,
                payload: ByteSize::new(2),
                payload_kind: crate::event::PayloadKind::default(),
                late_after: Span::from_secs(1),
                churn: Rate::per_second(0.0),
                publish: Publish::Clients,
                unconnected: crate::scenario::Unconnected::Fail,
            };
            for topic in 0..topics {
                let subscribers = (0..clients).filter(|index| index % topics == topic);
                prop_assert_eq!(subscribers.clone().count() as u64, workload.subscribers(topic));
                prop_assert_eq!(subscribers.filter(|index| publishes(&workload, *index, key)).count(), 1);
            }
        }
    }
}
