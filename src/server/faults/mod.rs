//! Injected faults of the target, from `[faults]` of a scenario or `--fault`.
//!
//! | fault | file |
//! | --- | --- |
//! | an emulated server with a queue, late answers | `api`, `server` |
//! | late pushes | `delay_line` |
//! | dropped deliveries, costly writes | `push` |
//! | freezes | here; `publisher` handles a stalled publisher |
//!
//! A shard without faults only checks one `Option` per request, write of a link, or event. [`crate::scenario`] defines the
//! faults and how they are drawn, so that others can replay them.

mod api;
mod delay_line;
mod push;
mod server;

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use hyper::Request;

pub(super) use api::answer;
pub(super) use delay_line::DelayLine;
pub(super) use push::Push;

use self::server::Server;
use super::hub::Topic;
use super::options::Options;
use super::shard::Shard;
use crate::clock;
use crate::pace::Pacing;
use crate::scenario::{DropFilter, Faults};

/// The faults of one shard.
#[derive(Debug)]
pub(super) struct ShardFaults {
    faults: Faults,
    seed: u64,
    /// This shard's number, and how many there are.
    place: (u64, u64),
    /// Connections of this shard so far.
    connections: Cell<u64>,
    server: Option<RefCell<Server>>,
    delay_line: Option<Rc<DelayLine>>,
}

/// The number of a connection, from 0 in the order in which the target accepted them; requests carry it.
///
/// All streams of an HTTP/2 connection have the same number: clients that share a connection are one subscriber to the
/// faults, because the target cannot distinguish them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscriber(pub u64);

impl ShardFaults {
    /// The faults of shard number `index`; `None` where nothing is wrong.
    pub(super) fn new(index: usize, options: &Options) -> Option<Rc<Self>> {
        let (faults, seed, index) = (options.faults, options.seed, index as u64);
        let delay_ns = faults.delay.ns();
        (!faults.is_off()).then(|| {
            Rc::new(Self {
                faults,
                seed,
                place: (index, options.shards.max(1).into()),
                connections: Cell::new(0),
                server: Server::new(seed, index, &faults).map(RefCell::new),
                delay_line: (delay_ns > 0).then(|| Rc::new(DelayLine::new(delay_ns))),
            })
        })
    }

    /// The number of the next connection; the shards get connections in turn.
    pub(super) fn next_connection(&self) -> Subscriber {
        let nth = self.connections.replace(self.connections.get() + 1);
        let (index, of) = self.place;
        Subscriber(index + nth * of)
    }

    /// The way of delayed pushes.
    pub(super) const fn delay_line(&self) -> Option<&Rc<DelayLine>> {
        self.delay_line.as_ref()
    }

    /// The filter for events that a subscriber of a topic never gets.
    pub(super) fn drop_filter(&self, subscriber: u64, topic: &Topic) -> Option<DropFilter> {
        DropFilter::new(self.seed, subscriber, topic.identity().index() as u64, &self.faults)
    }

    /// The delay added to each answer or push.
    pub(super) const fn delay(&self) -> Duration {
        self.faults.delay.std()
    }

    /// Keeps this shard busy as writing a push does.
    pub(super) fn pay(&self) {
        let until_ns = clock::now() + self.faults.write_cost.ns();
        while clock::now() < until_ns {
            std::hint::spin_loop();
        }
    }
}

/// How a target waits for its deadlines: precisely, so that delays are those configured, not the kernel's; unless it is not
/// to spin.
pub(super) fn pacing(options: &Options) -> Pacing {
    let Faults { service, delay, spin, .. } = options.faults;
    let exact = spin.unwrap_or(true) && (service.is_some() || delay.ns() > 0);
    if exact { Pacing::Spin } else { Pacing::Timerfd }
}

/// The filter for events of a topic that the sender of a request never gets.
pub(super) fn drop_filter<B>(
    shard: &Shard,
    request: &Request<B>,
    topic: &Topic,
) -> Option<DropFilter> {
    let faults = shard.faults.as_ref()?;
    let Subscriber(number) = request.extensions().get()?;
    faults.drop_filter(*number, topic)
}

/// Blocks the thread for each freeze that begins in `window`.
///
/// Every shard freezes at the same stamps, even if one wakes late.
pub(super) async fn stand_still(shard: Rc<Shard>, window: Range<u64>) {
    let Some(freeze) = shard.options().faults.freeze else { return };
    for still in freeze.standstills(&window) {
        // The timer fails only with its descriptor, at the end of the shard.
        let _ = shard.timer.sleep_until(still.start).await;
        loop {
            let left_ns = still.end.saturating_sub(clock::now());
            if left_ns == 0 {
                break;
            }
            thread::sleep(Duration::from_nanos(left_ns));
        }
    }
}
