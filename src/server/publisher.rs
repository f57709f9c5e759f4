//! Scheduled publishing by the target itself, so that delivery does not include the cost of publishing.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_local;

use super::hub::{Origin, Receipt, Topic};
use super::shard::Shard;
use crate::measure::{Counter, Metric};
use crate::pace::Schedule;
use crate::{clock, event};

/// Events that are published on end, when the publisher is behind, before the links have their turn.
pub(super) const BURST: u32 = 32;

/// What to publish, and since when.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishPlan {
    /// The due times of each topic's events.
    pub schedule: Schedule,
    /// The payload of every event: one JSON value in one line.
    pub payload: Bytes,
    /// The start of the schedule, in monotonic nanoseconds.
    pub at_ns: u64,
    /// The part that is measured: offsets from the start in nanoseconds.
    pub window: Range<u64>,
}

/// Something else created a topic of the schedule, out of order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("topic '{0}' is not free for the schedule: let the target make its topics at the start")]
pub struct TopicTaken(pub String);

/// Publishes this shard's part of a publish plan at its due times.
///
/// Deadlines are absolute, so a late event does not delay later ones. The due stamp is the schedule's, so a publisher that
/// lags makes freshness worse.
pub(super) async fn run(shard: Rc<Shard>, publish_plan: Arc<PublishPlan>) {
    let PublishPlan { schedule, payload, at_ns, window } = &*publish_plan;
    let of = shard.shared.commands.shards() as u64;
    let mut topics: Vec<Option<Rc<Topic>>> = vec![None; schedule.topics as usize];
    let mut on_end = 0;
    let (stall, window_ns) = (shard.options().faults.stall, at_ns.saturating_add(window.start));
    for publication in schedule.publications(shard.index as u64, of) {
        let topic = &mut topics[publication.topic as usize];
        if topic.is_none() {
            *topic = shard.hub.topic(&event::topic_name(publication.topic));
        }
        let Some(topic) = topic else { continue };
        if publication.seq <= topic.newest() {
            // The process before this one published it.
            continue;
        }
        let due_ns = at_ns + publication.offset_ns;
        let free_ns = stall.map_or(due_ns, |stall| stall.release(due_ns, window_ns));
        if clock::now() < free_ns {
            // The timer fails only with its descriptor, at the end of the shard.
            let _ = shard.timer.sleep_until(free_ns).await;
            on_end = 0;
        }
        on_end += 1;
        if on_end >= BURST {
            on_end = 0;
            tokio::task::yield_now().await;
        }
        let measured = window.contains(&publication.offset_ns);
        if shard.hub.store().is_some() {
            let receipt = shard.hub.publish_stored(topic, Origin::due(due_ns), payload.clone());
            let shard = Rc::clone(&shard);
            spawn_local(async move {
                // No receipt comes if the event could not be stored: it was not published, and is missing from the count.
                if let Ok(receipt) = receipt.await
                    && measured
                {
                    book(&shard, due_ns, receipt);
                }
            });
            continue;
        }
        let receipt = shard.hub.publish_at_home(topic, Origin::due(due_ns), payload);
        if measured {
            book(&shard, due_ns, receipt);
        }
    }
}

/// Books that an event of the window is visible.
pub(super) fn book(shard: &Shard, due_ns: u64, receipt: Receipt) {
    let mut recorder = shard.recorder.borrow_mut();
    recorder.count(Counter::Published, 1);
    recorder.record(Metric::PublishSlip, receipt.published_ns.saturating_sub(due_ns));
}
