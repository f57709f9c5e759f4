//! Restores the log of a predecessor that ended.
//!
//! Schedule and payload are seeded, so the log can be rebuilt: events due before the end were published under the
//! schedule's sequences. That represents a log on disk or, if none is kept, one in memory beside a counter that survived.
//! Events due during the outage are published late by the publisher, which is behind.

use std::collections::VecDeque;
use std::sync::Arc;

use super::hub::{Entry, RestoredTopic};
use super::publisher::PublishPlan;
use crate::event::{Head, topic_name};
use crate::scenario::RestartLog;

/// The process before this one.
#[derive(Debug, Clone, PartialEq)]
pub struct Predecessor {
    /// The predecessor's publish plan.
    pub publish_plan: PublishPlan,
    /// When it ended, in monotonic nanoseconds.
    pub down_ns: u64,
    /// What survives of its log.
    pub log: RestartLog,
}

impl Predecessor {
    /// What it left of each topic, at most `ring` events.
    pub(super) fn topics(&self, ring: usize) -> Vec<RestoredTopic> {
        (0..self.publish_plan.schedule.topics).map(|index| self.topic(index, ring)).collect()
    }

    fn topic(&self, index: u64, ring: usize) -> RestoredTopic {
        let PublishPlan { schedule, payload, at_ns, .. } = &self.publish_plan;
        let name = topic_name(index);
        let (mut newest, mut last) = (0, VecDeque::new());
        for offset_ns in schedule.topic(index) {
            let due_ns = at_ns + offset_ns;
            if due_ns > self.down_ns {
                break;
            }
            newest += 1;
            if self.log == RestartLog::Survives {
                // When it was published is not known to the nanosecond: at its due time, or a little later.
                last.push_back(Head { seq: newest, due_ns, published_ns: due_ns, key: None });
                if last.len() > ring {
                    last.pop_front();
                }
            }
        }
        let entry = |head| Arc::new(Entry::new(&name, head, payload));
        let entries = last.into_iter().map(entry).collect();
        RestoredTopic { name, newest, entries }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::filler;
    use crate::pace::{ArrivalProcess, Schedule};

    #[test]
    fn the_log_is_rebuilt_from_the_schedule() {
        let process = ArrivalProcess::Poisson;
        let schedule = Schedule { seed: 3, topics: 2, per_s: 50.0, process, until_ns: u64::MAX };
        let due: Vec<u64> = schedule.topic(1).take_while(|at| *at <= 1_000_000_000).collect();
        assert!(due.len() > 20);
        let payload = Bytes::from(filler(10));
        let publish_plan = PublishPlan { schedule, payload, at_ns: 500, window: 0..0 };
        for (log, ring, kept) in [
            (RestartLog::Survives, 1000, due.len()),
            (RestartLog::Survives, 10, 10),
            (RestartLog::Lost, 10, 0),
        ] {
            let predecessor =
                Predecessor { publish_plan: publish_plan.clone(), down_ns: 1_000_000_500, log };
            let topics = predecessor.topics(ring);
            let RestoredTopic { name, newest, entries } = &topics[1];
            assert_eq!((name.as_str(), *newest), ("news-1", due.len() as u64));
            assert_eq!(entries.len(), kept);
            for (entry, at) in entries.iter().rev().zip(due.iter().rev()) {
                assert_eq!(entry.due_ns(), at + 500);
            }
            assert!(entries.last().is_none_or(|last| last.seq() == *newest));
        }
    }
}
