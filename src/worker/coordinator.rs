//! The worker's main thread: shards out, orders in, reports back.

use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc as orders_to;

use super::shard::{self, Command, Message, ShardAssignment};
use crate::control::{Order, Orders, Report, Reports, WorkerAssignment};
use crate::measure::{Interval, Metric, Snapshot, Watch};
use crate::pattern::Timeline;

/// How often orders are checked while shards are silent.
const TICK: Duration = Duration::from_millis(5);

/// Samples in one frame: well under its limit.
const SAMPLES: usize = 8_192;

struct Shards {
    commands: Vec<orders_to::UnboundedSender<Command>>,
    messages: mpsc::Receiver<Message>,
    threads: Vec<JoinHandle<()>>,
    /// Recorders of a second that some shards have not handed over yet.
    intervals: Vec<(Interval, usize)>,
}

/// Carries out `assignment`; returns the unreported measurements, or why the trial cannot continue.
pub(super) fn run(
    assignment: &WorkerAssignment,
    orders: &mut Orders,
    reports: &Reports,
) -> Result<Snapshot, String> {
    let WorkerAssignment { plateaus, phases, .. } = assignment;
    let shards = Shards::spawn(assignment).map_err(|error| format!("cannot start: {error}"))?;
    let links = assignment.links.end - assignment.links.start;
    let mut opened = 0;
    for plateau in plateaus.iter().copied().filter(|&plateau| plateau < links).chain([links]) {
        // Every plateau takes its share of the connect phase.
        let share = (plateau - opened) as f64 / links.max(1) as f64;
        let over_ns = (phases.connect.ns() as f64 * share) as u64;
        shards.send(&Command::Open { upto: plateau, over_ns });
        opened = plateau;
        if !shards.opened(orders)? {
            return Ok(shards.abort());
        }
        if plateau == links {
            break;
        }
        tell(reports, &Report::Plateau { links: plateau })?;
        match orders.recv_blocking() {
            Order::Continue => {}
            _ => return Ok(shards.abort()),
        }
    }
    tell(reports, &Report::Ready { address: None, trust: None })?;
    let Order::Start { at_ns: start_ns } = orders.recv_blocking() else {
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
    let watch = Watch::start(Metric::Hiccup, window, assignment.shards, assignment.first_core);
    shards.send(&Command::Start(timeline));
    let mut rest = shards.finish(orders, reports)?;
    rest.merge(&watch.finish());
    Ok(rest)
}

fn tell(reports: &Reports, report: &Report) -> Result<(), String> {
    reports.send(report).map_err(|error| error.to_string())
}

fn progress(reports: &Reports, interval: Interval) -> Result<(), String> {
    let packed = interval.pack().map_err(|error| error.to_string())?;
    tell(reports, &Report::Progress(packed))
}

impl Shards {
    fn spawn(assignment: &WorkerAssignment) -> std::io::Result<Self> {
        let (sender, messages) = mpsc::channel();
        let count = u64::from(assignment.shards.max(1));
        let (mut commands, mut threads) = (Vec::new(), Vec::new());
        for index in 0..count {
            let (command, receiver) = orders_to::unbounded_channel();
            commands.push(command);
            let part = ShardAssignment { worker: assignment.clone(), index, of: count };
            let sender = sender.clone();
            let name = format!("shard-{index}");
            let thread = std::thread::Builder::new().name(name);
            threads.push(thread.spawn(move || shard::run(part, receiver, &sender))?);
        }
        Ok(Self { commands, messages, threads, intervals: Vec::new() })
    }

    fn send(&self, command: &Command) {
        for shard in &self.commands {
            // A shard that has exited has said why.
            let _ = shard.send(command.clone());
        }
    }

    /// Waits until every shard has opened its links; false where the conductor calls it off.
    fn opened(&self, orders: &mut Orders) -> Result<bool, String> {
        let mut waiting = self.commands.len();
        while waiting > 0 {
            match self.messages.recv_timeout(TICK) {
                Ok(Message::Opened) => waiting -= 1,
                Ok(Message::Failed(reason)) => return Err(reason),
                Ok(Message::Second { .. } | Message::Samples(_) | Message::Done(_)) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    if orders.called_off() {
                        return Ok(false);
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err("a worker thread exited unexpectedly".to_owned());
                }
            }
        }
        Ok(true)
    }

    /// Reports every second until all shards are done; returns the unreported measurements.
    fn finish(mut self, orders: &mut Orders, reports: &Reports) -> Result<Snapshot, String> {
        let mut rest = Snapshot::default();
        let mut working = self.commands.len();
        while working > 0 {
            match self.messages.recv_timeout(TICK) {
                Ok(Message::Second { span, mut recorder, back }) => {
                    let snapshot = recorder.snapshot();
                    recorder.clear();
                    // A shard that has ended needs no spare any more.
                    let _ = back.send(recorder);
                    if let Some(interval) = self.whole(span, &snapshot) {
                        progress(reports, interval)?;
                    }
                }
                Ok(Message::Samples(samples)) => {
                    for part in samples.parts(SAMPLES) {
                        tell(reports, &Report::Samples(part))?;
                    }
                }
                Ok(Message::Done(snapshot)) => {
                    rest.merge(&snapshot);
                    working -= 1;
                }
                Ok(Message::Failed(reason)) => return Err(reason),
                Ok(Message::Opened) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    while let Some(order) = orders.try_recv() {
                        match order {
                            Order::TargetDown { at_ns } => self.send(&Command::TargetDown(at_ns)),
                            Order::Published(published) => {
                                self.send(&Command::Published(Arc::new(published)));
                            }
                            Order::Abort => self.send(&Command::Abort),
                            _ => {}
                        }
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err("a worker thread exited unexpectedly".to_owned());
                }
            }
        }
        for (interval, _) in std::mem::take(&mut self.intervals) {
            progress(reports, interval)?;
        }
        self.join();
        Ok(rest)
    }

    /// Adds one shard's second; returns the second of all shards once it is whole.
    fn whole(&mut self, span: Range<u64>, snapshot: &Snapshot) -> Option<Interval> {
        let known = self.intervals.iter().position(|(known, _)| known.start_ns == span.start);
        let at = known.unwrap_or_else(|| {
            let Range { start: start_ns, end: end_ns } = span;
            let snapshot = Snapshot::default();
            self.intervals.push((Interval { start_ns, end_ns, snapshot }, 0));
            self.intervals.len() - 1
        });
        let (interval, parts) = &mut self.intervals[at];
        interval.snapshot.merge(snapshot);
        *parts += 1;
        (*parts == self.commands.len()).then(|| self.intervals.remove(at).0)
    }

    /// Ends the shards before the start: nothing was measured.
    fn abort(self) -> Snapshot {
        self.send(&Command::Abort);
        self.join();
        Snapshot::default()
    }

    fn join(self) {
        for thread in self.threads {
            // A shard reports by message, and its panic was printed.
            let _ = thread.join();
        }
    }
}
