//! Restores the log of a predecessor that ended.
//!
//! Schedule and payload are seeded, so the log can be rebuilt: events due before the end were published under the
//! schedule's sequences. That represents a log on disk or, if none is kept, one in memory beside a counter that survived.
//! Events due during the outage are published late by the publisher, which is behind.

use std::collections::VecDeque;
use std::sync::Arc;

use super::hub::{Directory, Entry, RecoveredTopic};
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
    /// Rebuilds each topic, with at most `ring` events, and restores its sequences in `directory`.
    pub(super) fn recovered(&self, directory: &Directory, ring: usize) -> Vec<RecoveredTopic> {
        let topics = 0..self.publish_plan.schedule.topics;
        topics.filter_map(|index| self.recovered_topic(index, directory, ring)).collect()
    }

    fn recovered_topic(
        &self,
        index: u64,
        directory: &Directory,
        ring: usize,
    ) -> Option<RecoveredTopic> {
        let PublishPlan { schedule, payload, at_ns, .. } = &self.publish_plan;
        let identity = directory.get_or_create(&topic_name(index)).ok()?;
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
        let entry = |head| Arc::new(Entry::new(identity.name(), head, payload));
        let kept = last.into_iter().map(entry).collect();
        identity.resume(newest);
        Some(RecoveredTopic { identity, newest, kept })
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
            let directory = Directory::new(2);
            let recovered = predecessor.recovered(&directory, ring);
            let RecoveredTopic { identity, newest, kept: entries } = &recovered[1];
            assert_eq!((identity.name(), *newest), ("news-1", due.len() as u64));
            assert_eq!(directory.get("news-1").unwrap().newest(), due.len() as u64);
            assert_eq!(entries.len(), kept);
            for (entry, at) in entries.iter().rev().zip(due.iter().rev()) {
                assert_eq!(entry.due_ns(), at + 500);
            }
            assert!(entries.last().is_none_or(|last| last.seq() == *newest));
        }
    }
}
