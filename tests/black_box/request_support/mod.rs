//! One case on one shard in the test's thread, against any server.

use std::net::SocketAddr;
use std::rc::Rc;

use tidings::clock;
use tidings::measure::{Counter, RequestSample, Snapshot};
use tidings::net::{Dialer, WireTotals};
use tidings::pace::{Pacing, Schedule, Timer};
use tidings::pattern::{self, Context, Timeline};
use tidings::scenario::{self, Case};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::spawn_local;

use crate::target_support::PATIENCE;

pub(crate) const MS: u64 = 1_000_000;

/// The one case of a scenario of `pattern`, with more lines.
pub(crate) fn case(pattern: &str, clients: u64, more: &str) -> Case {
    let text = format!(
        "question = \"?\"\npatterns = [\"{pattern}\"]\n[workload]\nclients = {clients}\nrate = \"100/s\"\n\
         arrivals = \"constant\"\n[{pattern}]\n{more}"
    );
    scenario::parse(&text, "x.toml", &[], &|_| None).unwrap().cases.remove(0)
}

/// The reports of one shard in a trial without warm-up.
pub(crate) struct Told {
    pub snapshot: Snapshot,
    pub samples: Vec<RequestSample>,
    pub timeline: Timeline,
}

impl Told {
    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.snapshot.counters.get(counter)
    }
}

/// Runs `case` for `window_ns` on a shard of this thread, then waits for what is in flight, or does not.
pub(crate) fn run(
    case: Case,
    target: SocketAddr,
    window_ns: u64,
    keep: usize,
    drains: bool,
) -> Told {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(async move {
        let (timer, drive) = Timer::new(Pacing::Timerfd).unwrap();
        spawn_local(drive);
        let (clients, workload) = (case.workload.clients, case.workload);
        let delivers = case.pattern.kind().delivers();
        let schedule = Schedule {
            seed: 1,
            topics: 1,
            per_s: if delivers { workload.rate.per_s() } else { 0.0 },
            process: workload.arrivals,
            until_ns: window_ns,
        };
        let (begin, told) = watch::channel(None);
        let dialer = Dialer::new(target, Rc::new(WireTotals::default()));
        let dialer = dialer.across(case.conditions.network, timer.clone(), 1);
        let context =
            Context::new(case, dialer, timer.clone(), schedule, 0..window_ns, told).keeping(keep);
        let context = Rc::new(context);
        for link in 0..clients {
            spawn_local(pattern::run(context.link(link)));
        }
        context.ready(clients).await.unwrap();
        let start_ns = clock::now() + 5 * MS;
        let timeline = Timeline {
            idle_ns: start_ns,
            start_ns,
            window_ns: start_ns,
            end_ns: start_ns + window_ns,
        };
        begin.send_replace(Some(timeline));
        timer.sleep_until(timeline.end_ns).await.unwrap();
        if drains {
            let complete = tokio::time::timeout(PATIENCE, context.complete());
            complete.await.unwrap();
        }
        let mut snapshot = context.recorder.borrow().snapshot();
        snapshot.ledger = context.ledger();
        let samples = context.samples.borrow_mut().take();
        Told { snapshot, samples, timeline }
    })
}
