//! Raw samples of requests, polls and deliveries: a few, for analyses beyond distributions.

use serde::{Deserialize, Serialize};

use super::ErrorKind;

/// One measured request or poll. Stamps are monotonic nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSample {
    /// Which link of the case, from 0.
    #[serde(rename = "l")]
    pub link: u64,
    /// Which request or poll of the link since the start, from 1; warm-up counts, too.
    #[serde(rename = "n")]
    pub seq: u64,
    /// The name of the call, for requests.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// The due stamp.
    #[serde(rename = "d")]
    pub due_ns: u64,
    /// When the shard noticed the deadline, and the link was free.
    #[serde(rename = "f")]
    pub fired_ns: u64,
    /// When its first byte was written; `None` if it was not answered.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub sent_ns: Option<u64>,
    /// When the first read of its answer returned; `None` if it was not answered.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub first_ns: Option<u64>,
    /// When its answer was complete, or was given up.
    #[serde(rename = "o")]
    pub done_ns: u64,
    /// Status of its answer.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed; `None` where it was answered well.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
    /// The wait at the server, as reported by it.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub server_queue_ns: Option<u64>,
    /// The service time, as reported by the server.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub server_service_ns: Option<u64>,
}

/// One measured delivery. Stamps are monotonic nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverySample {
    /// Which link of the case, from 0.
    #[serde(rename = "l")]
    pub link: u64,
    /// The number of its topic, from 0.
    #[serde(rename = "t")]
    pub topic: u64,
    /// The event's sequence in its topic, from 1.
    #[serde(rename = "n")]
    pub seq: u64,
    /// When the event was due.
    #[serde(rename = "d")]
    pub due_ns: u64,
    /// When the read that brought it returned.
    #[serde(rename = "r")]
    pub received_ns: u64,
}

/// What was kept raw, of one shard or of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RawSamples {
    /// Requests and polls.
    #[serde(rename = "q", skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestSample>,
    /// Deliveries.
    #[serde(rename = "d", skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<DeliverySample>,
}

impl RawSamples {
    /// Adds those of another shard.
    pub fn merge(&mut self, other: Self) {
        self.requests.extend(other.requests);
        self.deliveries.extend(other.deliveries);
    }

    /// Orders them by due stamp, then by link.
    pub fn sort(&mut self) {
        self.requests.sort_by_key(|sample| (sample.due_ns, sample.link));
        self.deliveries.sort_by_key(|sample| (sample.due_ns, sample.link));
    }

    /// Parts of at most `most` samples of a kind each, in order.
    pub fn parts(&self, most: usize) -> impl Iterator<Item = Self> {
        let requests = self
            .requests
            .chunks(most)
            .map(|part| Self { requests: part.to_vec(), ..Self::default() });
        let deliveries = self
            .deliveries
            .chunks(most)
            .map(|part| Self { deliveries: part.to_vec(), ..Self::default() });
        requests.chain(deliveries)
    }
}

/// The first samples of a kind of a shard, in memory allocated beforehand.
#[derive(Debug)]
pub struct Samples<T> {
    kept: Vec<T>,
    limit: usize,
}

impl<T> Default for Samples<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> Samples<T> {
    /// Room for `limit` samples.
    pub fn new(limit: usize) -> Self {
        Self { kept: Vec::with_capacity(limit), limit }
    }

    /// Whether there is room for one more.
    #[inline]
    pub const fn wants(&self) -> bool {
        self.kept.len() < self.limit
    }

    /// Keeps `sample`, if there is room.
    pub fn keep(&mut self, sample: T) {
        if self.wants() {
            self.kept.push(sample);
        }
    }

    /// Takes the samples, and keeps no more.
    pub fn take(&mut self) -> Vec<T> {
        self.limit = 0;
        std::mem::take(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seq: u64) -> RequestSample {
        RequestSample {
            link: 3,
            seq,
            call: None,
            due_ns: 10 * seq,
            fired_ns: 10 * seq + 1,
            sent_ns: None,
            first_ns: Some(u64::MAX),
            done_ns: 10 * seq + 9,
            status: Some(503),
            error: Some(ErrorKind::Status),
            server_queue_ns: None,
            server_service_ns: Some(1),
        }
    }

    #[test]
    fn the_first_are_kept_and_memory_does_not_grow() {
        let mut samples = Samples::new(3);
        let room = samples.kept.capacity();
        (1..=5).for_each(|seq| samples.keep(sample(seq)));
        assert_eq!(samples.kept.capacity(), room);
        assert!(!samples.wants());
        assert_eq!(samples.take(), [sample(1), sample(2), sample(3)]);
        assert!(!samples.wants() && !Samples::<RequestSample>::default().wants());
    }

    #[test]
    fn a_sample_is_sent_as_it_is_and_in_few_bytes() {
        let text = serde_json::to_string(&sample(7)).unwrap();
        assert_eq!(serde_json::from_str::<RequestSample>(&text).unwrap(), sample(7));
        assert!(text.len() < 160, "{text}");
    }

    #[test]
    fn parts_bring_everything_once_and_in_order() {
        let delivery = |seq| DeliverySample { link: 1, topic: 0, seq, due_ns: seq, received_ns: 9 };
        let whole = RawSamples {
            requests: (1..=5).map(sample).collect(),
            deliveries: (1..=3).map(delivery).collect(),
        };
        let parts: Vec<_> = whole.parts(2).collect();
        let lengths: Vec<_> =
            parts.iter().map(|part| (part.requests.len(), part.deliveries.len())).collect();
        assert_eq!(lengths, [(2, 0), (2, 0), (1, 0), (0, 2), (0, 1)]);
        let mut merged = RawSamples::default();
        parts.into_iter().rev().for_each(|part| merged.merge(part));
        merged.sort();
        assert_eq!(merged, whole);
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<RawSamples>(&text).unwrap(), whole);
        assert_eq!(RawSamples::default().parts(2).count(), 0);
    }
}
