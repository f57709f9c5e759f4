//! One thread of a worker: a current-thread runtime with its own links, timer and recorder.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc as orders_to;
use tokio::sync::watch;

use super::dialling::{self, Whereabouts};
use super::hand_over::Second;
use crate::clock;
use crate::control::{Published, WorkerAssignment, mishap};
use crate::measure::{Counter, Metric, RawSamples, Recorder, Snapshot, pin};
use crate::net::{Dialer, Nursery, Stage, Watch, WireTotals};
use crate::pace::{Rng, Timer};
use crate::pattern::{self, Context, Conversation, Timeline};

/// Spare recorders of a shard: one may be under way for a second without another being allocated.
const SPARES: usize = 2;
/// Recorders of a shard at most; where all are under way, on a host without a moment to spare, a second is longer.
const RECORDERS: usize = 8;
/// Streams of a trial's seed that belong to the networks of its shards.
const NETWORKS: u64 = 1 << 53;
/// How long to wait for duplicates after the last expected delivery.
const GRACE_NS: u64 = 100_000_000;

/// A shard's part of a worker: links `index`, `index + of`, … of the worker's.
#[derive(Debug, Clone)]
pub(super) struct ShardAssignment {
    /// The worker's assignment.
    pub worker: WorkerAssignment,
    /// Which shard this is, from 0.
    pub index: u64,
    /// The number of shards.
    pub of: u64,
    /// Requests that are left to all of them, in a closed loop with a number of them.
    pub tickets: Option<Arc<AtomicU64>>,
}

/// From the coordinator to a shard.
#[derive(Debug, Clone)]
pub(super) enum Command {
    /// Open this shard's links among the worker's first `upto`, evenly over `over_ns` nanoseconds.
    Open {
        /// Links of the worker that are open afterwards.
        upto: u64,
        /// Time to spread the dialling over.
        over_ns: u64,
    },
    /// The instants are set: go.
    Start(Timeline),
    /// The target was taken down at this instant, in monotonic nanoseconds.
    TargetDown(u64),
    /// What became of events.
    Published(Arc<Published>),
    /// End now, and report the measurements so far.
    Abort,
}

/// From a shard to the coordinator.
#[derive(Debug)]
pub(super) enum Message {
    /// The links are open, or have tried to be.
    Opened {
        /// Those of the shard that stand.
        standing: u64,
        /// Why another does not.
        excuse: Option<String>,
    },
    /// Raw samples.
    Samples(RawSamples),
    /// The rest, with the ledger; the shard has ended.
    Done(Box<Snapshot>),
    /// The trial cannot continue. Measurements follow where the shard could measure.
    Failed(String),
}

/// Runs one shard on this thread until it is done.
pub(super) fn run(
    assignment: ShardAssignment,
    commands: orders_to::UnboundedReceiver<Command>,
    messages: &orders_to::UnboundedSender<Message>,
    seconds: mpsc::Sender<Second>,
) {
    mishap("worker");
    let WorkerAssignment { pinned, first_core, .. } = assignment.worker;
    if pinned {
        pin(first_core + assignment.index as u32);
    }
    // Not a `LocalSet`, whose tasks are woken by I/O through a locked queue.
    let options = LocalOptions::default();
    let runtime = match Builder::new_current_thread().enable_all().build_local(options) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = messages.send(Message::Failed(format!("cannot start a shard: {error}")));
            return;
        }
    };
    let wire = Rc::new(WireTotals::default());
    let (messages_of_shard, wire_of_shard) = (messages.clone(), Rc::clone(&wire));
    let shard = Shard {
        assignment,
        commands,
        messages: messages_of_shard,
        seconds,
        wire: wire_of_shard,
        nursery: Nursery::new(),
        exhausted_ns: None,
    };
    let outcome = runtime.block_on(shard.run());
    // Drops the links and their sockets, which add up their traffic as they close.
    drop(runtime);
    let (mut snapshot, failure) = match outcome {
        Ok(outcome) => outcome,
        Err(reason) => return drop(messages.send(Message::Failed(reason))),
    };
    if let Some(reason) = failure {
        let _ = messages.send(Message::Failed(reason));
    }
    add_traffic(&mut snapshot, &wire);
    let _ = messages.send(Message::Done(Box::new(snapshot)));
}

/// Adds what the connections carried.
fn add_traffic(snapshot: &mut Snapshot, wire: &WireTotals) {
    let window = wire.carried(Stage::Window);
    let (handshakes, resumed) = wire.handshakes();
    for (counter, n) in [
        (Counter::WindowWireBytes, window.bytes),
        (Counter::WindowWireSegments, window.segments),
        (Counter::WindowWireSent, window.received),
        (Counter::WindowPayloadSent, window.payload_received),
        (Counter::IdleWireBytes, wire.carried(Stage::Idle).bytes),
        (Counter::OpeningWireBytes, wire.opening().bytes),
        (Counter::Connections, wire.connections()),
        (Counter::StepConnections, wire.steps()),
        (Counter::TlsHandshakes, handshakes),
        (Counter::TlsResumed, resumed),
    ] {
        snapshot.counters.add(counter, n);
    }
    if let Some(samples) = wire.handshake_ns() {
        snapshot.distributions.insert(Metric::TlsHandshake, samples);
    }
}

struct Shard {
    assignment: ShardAssignment,
    commands: orders_to::UnboundedReceiver<Command>,
    messages: orders_to::UnboundedSender<Message>,
    seconds: mpsc::Sender<Second>,
    wire: Rc<WireTotals>,
    nursery: Nursery,
    /// When the last of a number of requests was done.
    exhausted_ns: Option<u64>,
}

impl Shard {
    /// What was measured, and why the trial cannot continue, if it cannot; an error where nothing could be measured.
    async fn run(mut self) -> Result<(Snapshot, Option<String>), String> {
        let pacing = self.assignment.worker.pacing;
        let (timer, drive) = Timer::new(pacing).map_err(|error| format!("no timer: {error}"))?;
        let timer = timer.gathering(self.assignment.worker.gather_ns);
        tokio::task::spawn_local(drive);
        tokio::task::spawn_local(self.nursery.clone().drive());
        let (watch, drive) =
            Watch::new(timer.clone()).map_err(|error| format!("no epoll: {error}"))?;
        self.wire.watched_by(watch);
        tokio::task::spawn_local(drive);
        let (start, timeline) = watch::channel(None);
        let worker = &self.assignment.worker;
        let window =
            worker.phases.warmup.ns()..worker.phases.warmup.ns() + worker.phases.measure.ns();
        let (dialer, conversation) = self.target(&timer)?;
        let context = Context::new(
            worker.case.clone(),
            dialer,
            timer,
            worker.schedule.clone(),
            window,
            timeline,
        );
        let context = context.sharing(self.assignment.tickets.clone());
        let context = Rc::new(context.speaking(conversation).keeping(worker.samples as usize));
        let conducted = self.conduct(&context, &start).await;
        // However it ended: a server of the user's own would go on calling.
        context.farewell().await;
        context.close_books();
        let _ = self.messages.send(Message::Samples(context.raw()));
        let mut snapshot = context.recorder.borrow().snapshot();
        snapshot.ledger = context.ledger();
        snapshot.receipts = context.receipts();
        context.each_ledger(|_, ledger| {
            snapshot.counters.add(Counter::Replayed, ledger.replayed());
            snapshot.counters.add(Counter::Repeated, ledger.repeated());
        });
        snapshot.unrecognised = context.unrecognised();
        snapshot.exhausted_ns = self.exhausted_ns;
        snapshot.counters.add(Counter::LostSlow, context.lost_slow());
        Ok((snapshot, conducted.err()))
    }

    /// Opens links and measures, as it is told.
    async fn conduct(
        &mut self,
        context: &Rc<Context>,
        start: &watch::Sender<Option<Timeline>>,
    ) -> Result<(), String> {
        let mut opened = 0;
        loop {
            match self.commands.recv().await {
                Some(Command::Open { upto, over_ns }) => {
                    let Self { assignment, nursery, commands, .. } = &mut *self;
                    tokio::select! {
                        open = open(assignment, nursery, context, opened..upto, over_ns) => open?,
                        () = called_off(commands) => return Ok(()),
                    }
                    opened = upto;
                    let (standing, excuse) = context.standing();
                    let _ = self.messages.send(Message::Opened { standing, excuse });
                }
                Some(Command::Start(timeline)) => {
                    start.send_replace(Some(timeline));
                    self.measure(context, timeline).await;
                    return Ok(());
                }
                Some(Command::TargetDown(_) | Command::Published(_)) => {}
                Some(Command::Abort) | None => return Ok(()),
            }
        }
    }

    /// The target, and how it is spoken to.
    fn target(&self, timer: &Timer) -> Result<(Dialer, Conversation), String> {
        let ShardAssignment { worker, index, .. } = &self.assignment;
        // A seed for each shard of the trial: they count their connections each for itself.
        let seed = Rng::new(worker.schedule.seed, NETWORKS + worker.links.start + index).next_u64();
        let whereabouts = Whereabouts {
            name: worker.case.pattern.kind().name(),
            address: worker.target,
            trust: worker.trust.as_ref(),
            access: worker.access.as_deref(),
        };
        let network = Some((timer.clone(), seed));
        dialling::target(whereabouts, &worker.case, Rc::clone(&self.wire), network)
    }

    /// Hands a recorder over every second of the window, before and after it, until everything has arrived or
    /// the drain has passed.
    async fn measure(&mut self, context: &Rc<Context>, timeline: Timeline) {
        tokio::task::spawn_local(Rc::clone(context).churn(timeline));
        tokio::task::spawn_local(stages(Rc::clone(context), Rc::clone(&self.wire), timeline));
        let (back, spares) = mpsc::channel::<Box<Recorder>>();
        // All recorders rotate from the first seconds on, so that memory soon has its final size.
        for _ in 0..SPARES {
            let _ = back.send(Box::default());
        }
        let shard = self.assignment.index as u32;
        let mut recorders = SPARES + 1;
        // Hands over what was recorded, unless too much is under way already and it is not the last.
        let mut hand_over = |span: Range<u64>, last: bool| {
            let spare = match spares.try_recv() {
                Ok(spare) => spare,
                Err(_) if recorders < RECORDERS || last => {
                    recorders += 1;
                    Box::default()
                }
                Err(_) => return false,
            };
            let recorder = context.recorder.replace(spare);
            let _ = self.seconds.send(Second { shard, span, recorder, back: back.clone() });
            true
        };
        let by_seconds = self.assignment.worker.observers.seconds;
        let deadline_ns = timeline.end_ns + self.assignment.worker.phases.drain.ns();
        let (mut begin_ns, mut from_ns) = (timeline.start_ns, timeline.start_ns);
        let exhausted_ns = Cell::new(None);
        let complete = async {
            exhausted_ns.set(window(context, timeline).await);
            context.complete().await;
            let _ = context.timer.sleep_until(clock::now() + GRACE_NS).await;
        };
        tokio::pin!(complete);
        let ended_ns = loop {
            let next_ns = if by_seconds { timeline.next_second(from_ns) } else { u64::MAX };
            let end_ns = next_ns.min(deadline_ns);
            tokio::select! {
                biased;
                command = self.commands.recv() => {
                    match command {
                        Some(Command::TargetDown(at_ns)) => context.target_down(at_ns),
                        Some(Command::Published(published)) => context.published(&published),
                        Some(Command::Abort) | None => break clock::now(),
                        Some(Command::Open { .. } | Command::Start(_)) => {}
                    }
                }
                () = &mut complete => break clock::now(),
                _ = context.timer.sleep_until(end_ns) => {
                    if end_ns == deadline_ns {
                        break end_ns;
                    }
                    if hand_over(begin_ns..end_ns, false) {
                        begin_ns = end_ns;
                    }
                    from_ns = end_ns;
                }
            }
        };
        hand_over(begin_ns..ended_ns, true);
        self.exhausted_ns = exhausted_ns.get();
    }
}

/// Passes the window, and counts what was spun away in it; returns when its requests were used up, if they were.
async fn window(context: &Context, timeline: Timeline) -> Option<u64> {
    let _ = context.timer.sleep_until(timeline.window_ns).await;
    let before_ns = context.timer.spun_ns();
    let exhausted = tokio::select! {
        biased;
        () = context.complete(), if context.is_numbered() => Some(clock::now()),
        _ = context.timer.sleep_until(timeline.end_ns) => None,
    };
    let spun_ns = context.timer.spun_ns() - before_ns;
    context.recorder.borrow_mut().count(Counter::SpunNs, spun_ns);
    exhausted
}

/// Opens this shard's links of `range`, evenly over `over_ns`, and waits until each is open or known not to be.
async fn open(
    assignment: &ShardAssignment,
    nursery: &Nursery,
    context: &Rc<Context>,
    range: Range<u64>,
    over_ns: u64,
) -> Result<(), String> {
    let ShardAssignment { worker, index, of, .. } = assignment;
    let begin_ns = clock::now();
    let count = (range.end - range.start).max(1);
    for link in range.clone().filter(|link| link % of == *index) {
        let due_ns = begin_ns + over_ns * (link - range.start) / count;
        if context.timer.sleep_until(due_ns).await.is_err() {
            return Err("the shard's timer failed".to_owned());
        }
        nursery.add_boxed(pattern::driver(context.link(worker.links.start + link)));
    }
    let mine = (0..range.end).filter(|link| link % of == *index).count() as u64;
    context.ready(mine).await
}

/// Waits until the trial is called off.
async fn called_off(commands: &mut orders_to::UnboundedReceiver<Command>) {
    loop {
        if matches!(commands.recv().await, Some(Command::Abort) | None) {
            return;
        }
    }
}

/// Has the traffic of each stage counted apart, as the trial comes to it.
async fn stages(context: Rc<Context>, wire: Rc<WireTotals>, timeline: Timeline) {
    for (at_ns, stage) in [
        (timeline.idle_ns, Stage::Idle),
        (timeline.start_ns, Stage::Outside),
        (timeline.window_ns, Stage::Window),
        (timeline.end_ns, Stage::Outside),
    ] {
        if context.timer.sleep_until(at_ns).await.is_err() {
            return;
        }
        wire.enter(stage).await;
    }
}
