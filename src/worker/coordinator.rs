//! The worker's main thread: shards out, orders in, reports back. It sleeps until one of them has something to say.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::hand_over::{HandOver, Manner};
use super::shard::{self, Command, Message, ShardAssignment};
use crate::control::{Order, Orders, Report, Reports, WorkerAssignment};
use crate::measure::{Counter, Metric, Snapshot, Watch};
use crate::pattern::Timeline;
use crate::scenario::{LoopKind, Pattern};

/// Samples in one frame: well under its limit.
const SAMPLES: usize = 8_192;

/// Why a shard that says nothing has ended.
const SILENT: &str = "a worker thread exited unexpectedly";

struct Shards {
    commands: Vec<mpsc::UnboundedSender<Command>>,
    messages: mpsc::UnboundedReceiver<Message>,
    threads: Vec<JoinHandle<()>>,
    desk: HandOver,
}

/// Carries out `assignment`; returns the unreported measurements, or why the trial cannot continue.
pub(super) fn run(
    assignment: &WorkerAssignment,
    orders: &mut Orders,
    reports: &Reports,
) -> Result<Snapshot, String> {
    let failed = |error| format!("cannot start: {error}");
    let shards = Shards::spawn(assignment, reports).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(failed)?;
    runtime.block_on(conduct(assignment, shards, orders, reports))
}

async fn conduct(
    assignment: &WorkerAssignment,
    mut shards: Shards,
    orders: &mut Orders,
    reports: &Reports,
) -> Result<Snapshot, String> {
    let WorkerAssignment { plateaus, phases, observers, .. } = assignment;
    let links = assignment.links.end - assignment.links.start;
    let mut opened = 0;
    for plateau in plateaus.iter().copied().filter(|&plateau| plateau < links).chain([links]) {
        // Every plateau takes its share of the connect phase.
        let share = (plateau - opened) as f64 / links.max(1) as f64;
        let over_ns = (phases.connect.ns() as f64 * share) as u64;
        shards.send(&Command::Open { upto: plateau, over_ns });
        opened = plateau;
        match shards.opened(orders, plateau == links).await? {
            Opening::Stands => {}
            Opening::CalledOff => return Ok(shards.abort()),
            // What was counted until here is reported all the same.
            Opening::Failed(reason) => {
                tell(reports, &Report::Failed { reason })?;
                return Ok(shards.abort());
            }
        }
        if plateau == links {
            break;
        }
        tell(reports, &Report::Plateau { links: plateau })?;
        match orders.recv().await {
            Order::Continue => {}
            _ => return Ok(shards.abort()),
        }
    }
    tell(reports, &Report::Ready { address: None, trust: None })?;
    let Order::Start { at_ns: start_ns } = orders.recv().await else {
        return Ok(shards.abort());
    };
    let window_ns = start_ns + phases.warmup.ns();
    let timeline = Timeline {
        idle_ns: start_ns.saturating_sub(phases.idle.ns()),
        start_ns,
        window_ns,
        end_ns: window_ns + phases.measure.ns(),
    };
    let window = timeline.window_ns..timeline.end_ns;
    let watch = || Watch::start(Metric::Hiccup, window, assignment.shards, assignment.first_core);
    let watch = observers.meters.then(watch);
    shards.send(&Command::Start(timeline));
    let mut rest = shards.finish(orders, reports).await?;
    if let Some(watch) = watch {
        let early = rest.exhausted_ns.is_some();
        rest.merge(&if early { watch.finish_now() } else { watch.finish() });
    }
    Ok(rest)
}

/// The requests of a closed loop that are left to this worker: the shares of its links.
fn tickets(assignment: &WorkerAssignment) -> Option<Arc<AtomicU64>> {
    let Pattern::Request(options) = &assignment.case.pattern else { return None };
    options.requests.filter(|_| options.loop_kind == LoopKind::Closed)?;
    let share = |link| options.share_of(link, assignment.case.workload.clients);
    Some(Arc::new(AtomicU64::new(assignment.links.clone().map(share).sum())))
}

fn tell(reports: &Reports, report: &Report) -> Result<(), String> {
    reports.send(report).map_err(|error| error.to_string())
}

impl Shards {
    fn spawn(assignment: &WorkerAssignment, reports: &Reports) -> std::io::Result<Self> {
        let (sender, messages) = mpsc::unbounded_channel();
        let reports = reports.clone();
        let manner =
            Manner { at_once: assignment.observers.frames, gives_way: !assignment.awaited };
        let (desk, seconds) = HandOver::start(manner, move |report| tell(&reports, report))?;
        let count = u64::from(assignment.shards.max(1));
        let (mut commands, mut threads) = (Vec::new(), Vec::new());
        let tickets = tickets(assignment);
        for index in 0..count {
            let (command, receiver) = mpsc::unbounded_channel();
            commands.push(command);
            let tickets = tickets.clone();
            let part = ShardAssignment { worker: assignment.clone(), index, of: count, tickets };
            let (sender, seconds) = (sender.clone(), seconds.clone());
            let name = format!("shard-{index}");
            let thread = std::thread::Builder::new().name(name);
            threads.push(thread.spawn(move || shard::run(part, receiver, &sender, seconds))?);
        }
        Ok(Self { commands, messages, threads, desk })
    }

    fn send(&self, command: &Command) {
        for shard in &self.commands {
            // A shard that has exited has said why.
            let _ = shard.send(command.clone());
        }
    }

    /// Waits until every shard has opened its links; after the `last` of them, one must stand.
    async fn opened(&mut self, orders: &mut Orders, last: bool) -> Result<Opening, String> {
        let mut waiting = self.commands.len();
        let (mut all, mut why) = (0, None);
        while waiting > 0 {
            tokio::select! {
                biased;
                message = self.messages.recv() => match message {
                    Some(Message::Opened { standing, excuse }) => {
                        waiting -= 1;
                        all += standing;
                        why = why.or(excuse);
                    }
                    Some(Message::Failed(reason)) => return Ok(Opening::Failed(reason)),
                    Some(Message::Samples(_) | Message::Done(_)) => {}
                    None => return Err(SILENT.to_owned()),
                },
                // Other orders are out of place now and are dropped.
                order = orders.recv() => if order == Order::Abort {
                    return Ok(Opening::CalledOff);
                },
            }
        }
        Ok(match why {
            Some(why) if last && all == 0 => {
                Opening::Failed(format!("no client could connect: {why}"))
            }
            _ => Opening::Stands,
        })
    }

    /// Passes orders on until all shards are done; returns the unreported measurements.
    async fn finish(mut self, orders: &mut Orders, reports: &Reports) -> Result<Snapshot, String> {
        let mut rest = Snapshot::default();
        let mut working = self.commands.len();
        while working > 0 {
            rest.counters.add(Counter::CoordinatorWakeUps, 1);
            tokio::select! {
                biased;
                message = self.messages.recv() => match message {
                    Some(Message::Samples(samples)) => {
                        for part in samples.parts(SAMPLES) {
                            tell(reports, &Report::Samples(part))?;
                        }
                    }
                    Some(Message::Done(snapshot)) => {
                        rest.merge(&snapshot);
                        working -= 1;
                    }
                    Some(Message::Failed(reason)) => return Err(reason),
                    Some(Message::Opened { .. }) => {}
                    None => return Err(SILENT.to_owned()),
                },
                order = orders.recv() => match order {
                    Order::TargetDown { at_ns } => self.send(&Command::TargetDown(at_ns)),
                    Order::Published(published) => {
                        self.send(&Command::Published(Arc::new(published)));
                    }
                    Order::Abort => self.send(&Command::Abort),
                    _ => {}
                },
            }
        }
        for thread in self.threads.drain(..) {
            // A shard reports by message, and its panic was printed.
            let _ = thread.join();
        }
        self.desk.take_over()?;
        Ok(rest)
    }

    /// Ends the shards before the start; returns what they counted while they connected.
    fn abort(mut self) -> Snapshot {
        self.send(&Command::Abort);
        for thread in self.threads {
            let _ = thread.join();
        }
        let mut counted = Snapshot::default();
        while let Ok(message) = self.messages.try_recv() {
            if let Message::Done(snapshot) = message {
                counted.merge(&snapshot);
            }
        }
        counted
    }
}

/// How the opening of links ended.
enum Opening {
    /// Links stand.
    Stands,
    /// The conductor calls the trial off.
    CalledOff,
    /// Links that must stand do not, and why.
    Failed(String),
}
