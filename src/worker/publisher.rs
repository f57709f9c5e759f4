//! The publisher's process: prepares a server, publishes the schedule to it, and undoes the preparation.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_local};

use super::dialling::{self, Whereabouts};
use crate::control::{Captured, Order, Orders, Owner, PublisherAssignment, Report, Reports};
use crate::dialect::model::{Each, Publishing, SetUp};
use crate::measure::Snapshot;
use crate::net::WireTotals;
use crate::pace::{ArrivalProcess, Pacing, Schedule, Timer};
use crate::pattern::publish::{self, Account};
use crate::pattern::{Context, Timeline, set_up};

/// How often workers are told what became of events.
const TELL: Duration = Duration::from_millis(100);
/// Requests of set-up that are under way at once.
const AT_ONCE: usize = 16;
/// What the workers' endpoints call the publisher's.
const NAME: &str = "publish";

/// Carries out `assignment`; returns what was measured, or why the trial cannot continue.
pub(super) fn run(
    assignment: PublisherAssignment,
    orders: Orders,
    reports: &Reports,
) -> Result<Snapshot, String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(|error| format!("cannot start the publisher: {error}"))?;
    runtime.block_on(async {
        let publisher = Publisher::new(assignment)?;
        let outcome = publisher.work(orders, reports).await;
        // Also after a failure: the next trial wants a server as this one found it.
        let undone = publisher.set_up(&publisher.teardown()).await;
        let snapshot = outcome?;
        undone.map_err(|error| format!("target.teardown: {error}"))?;
        Ok(snapshot)
    })
}

/// A publisher and its context.
struct Publisher {
    assignment: PublisherAssignment,
    context: Rc<Context>,
    start: watch::Sender<Option<Timeline>>,
    account: Rc<Account>,
    /// What set-up has captured so far.
    values: RefCell<Values>,
}

/// Captured values by their owner.
type Values = HashMap<Owner, Vec<(String, String)>>;

impl Publisher {
    fn new(assignment: PublisherAssignment) -> Result<Self, String> {
        let (timer, drive) =
            Timer::new(Pacing::default()).map_err(|error| format!("no timer: {error}"))?;
        spawn_local(drive);
        let (start, timeline) = watch::channel(None);
        let PublisherAssignment { case, target, trust, access, .. } = &assignment;
        let whereabouts = Whereabouts {
            name: NAME,
            address: *target,
            trust: trust.as_ref(),
            access: access.as_deref(),
        };
        let totals = Rc::new(WireTotals::default());
        let (dialer, conversation) = dialling::target(whereabouts, case, totals, None)?;
        // A case without events has a server to prepare all the same.
        let schedule = assignment.schedule.clone().unwrap_or(Schedule {
            seed: 0,
            topics: case.workload.topics,
            per_s: 0.0,
            process: ArrivalProcess::default(),
            until_ns: 0,
        });
        let context = Context::new(case.clone(), dialer, timer, schedule, 0..0, timeline);
        Ok(Self {
            assignment,
            context: Rc::new(context.speaking(conversation)),
            start,
            account: Rc::default(),
            values: RefCell::default(),
        })
    }

    fn teardown(&self) -> Vec<SetUp> {
        self.context.conversation.dialect.teardown.clone()
    }

    /// Prepares the server, and publishes until the conductor says that it is over.
    async fn work(&self, mut orders: Orders, reports: &Reports) -> Result<Snapshot, String> {
        let tell = |report: Report| reports.send(&report).map_err(|error| error.to_string());
        let setup = self.context.conversation.dialect.setup.clone();
        self.set_up(&setup).await.map_err(|error| format!("target.setup: {error}"))?;
        let captured = self.values.borrow().clone().into_iter().flat_map(|(owner, values)| {
            values.into_iter().map(move |(name, value)| Captured { name, owner, value })
        });
        tell(Report::Prepared { captured: captured.collect() })?;
        let publishing = self.publishing()?;
        if let Some(publishing) = publishing.as_ref() {
            self.connect(publishing).await?;
        }
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Order::Start { at_ns } => drop(self.start.send(Some(self.timeline(at_ns)))),
                    Order::Finish | Order::Abort => break,
                    _ => {}
                },
                () = tokio::time::sleep(TELL) => {
                    if let Some(reason) = self.context.failed() {
                        return Err(reason);
                    }
                    let published = self.account.take();
                    if !published.is_empty() {
                        tell(Report::Published(published))?;
                    }
                }
            }
        }
        let mut snapshot = self.context.recorder.borrow_mut().snapshot();
        snapshot.publishing = self.account.failed();
        Ok(snapshot)
    }

    fn publishing(&self) -> Result<Option<Rc<Publishing>>, String> {
        if self.assignment.schedule.is_none() {
            return Ok(None);
        }
        let publishing = self.context.conversation.dialect.publish.clone();
        let none = "the dialect says not how events are published; describe it in [target.publish]";
        publishing.map(|publishing| Some(Rc::new(publishing))).ok_or_else(|| none.to_owned())
    }

    fn timeline(&self, start_ns: u64) -> Timeline {
        let phases = self.assignment.phases;
        let window_ns = start_ns + phases.warmup.ns();
        Timeline {
            idle_ns: start_ns.saturating_sub(phases.idle.ns()),
            start_ns,
            window_ns,
            end_ns: window_ns + phases.measure.ns(),
        }
    }

    /// Starts the publishers, and waits until they are ready.
    async fn connect(&self, publishing: &Rc<Publishing>) -> Result<(), String> {
        let topics = self.assignment.case.workload.topics;
        let connections = u64::from(publishing.connections.max(1)).min(topics).max(1);
        for index in 0..connections {
            let link = self.context.publisher(index);
            let (publishing, account) = (Rc::clone(publishing), Rc::clone(&self.account));
            spawn_local(
                async move { publish::run(&link, &publishing, connections, &account).await },
            );
        }
        self.context.ready(connections).await
    }

    /// Carries out `steps`, one after the other, each for everyone that it is for.
    async fn set_up(&self, steps: &[SetUp]) -> Result<(), String> {
        let workload = self.assignment.case.workload;
        for step in steps {
            let owners: Vec<Owner> = match step.each {
                Each::Trial => vec![Owner::Trial],
                Each::Topic => (0..workload.topics).map(Owner::Topic).collect(),
                Each::Client => (0..workload.clients).map(Owner::Client).collect(),
            };
            let step = Rc::new(step.clone());
            let mut under_way = JoinSet::new();
            let mut waiting = owners.into_iter();
            loop {
                while under_way.len() < AT_ONCE
                    && let Some(owner) = waiting.next()
                {
                    let known = self.known(owner);
                    let (context, step) = (Rc::clone(&self.context), Rc::clone(&step));
                    under_way.spawn_local(async move {
                        let link = context.publisher(match owner {
                            Owner::Client(client) => client,
                            Owner::Trial | Owner::Topic(_) => 0,
                        });
                        let topic = match owner {
                            Owner::Topic(topic) => topic,
                            Owner::Client(client) => client % context.case.workload.topics,
                            Owner::Trial => 0,
                        };
                        (owner, set_up(&link, topic, &step.call, &known).await)
                    });
                }
                let Some(done) = under_way.join_next().await else { break };
                let (owner, captured) = done.map_err(|error| error.to_string())?;
                self.values.borrow_mut().entry(owner).or_default().extend(captured?);
            }
        }
        Ok(())
    }

    /// What is known of `owner`: its own values, and those of everyone.
    fn known(&self, owner: Owner) -> Vec<(String, String)> {
        let values = self.values.borrow();
        let topics = self.assignment.case.workload.topics.max(1);
        let of_topic = match owner {
            Owner::Client(client) => Some(Owner::Topic(client % topics)),
            _ => None,
        };
        let sources = [Some(Owner::Trial), of_topic, Some(owner)];
        sources
            .into_iter()
            .flatten()
            .filter_map(|owner| values.get(&owner))
            .flatten()
            .cloned()
            .collect()
    }
}
