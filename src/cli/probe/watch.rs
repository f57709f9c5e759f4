//! Progress of a probe on stderr: what was measured so far, rewritten every second on a terminal, in a line every few seconds
//! elsewhere.
//!
//! It is made of the seconds that the workers hand over anyhow, and read on a thread that gives way to every other: what is
//! measured must not feel that somebody looks on. Where the host has no moment to spare, the numbers come late.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tidings::clock::{self, SECOND_NS};
use tidings::conductor::{Phase, Progress};
use tidings::measure::{
    Counter, Distribution, ErrorKind, Metric, PackedInterval, Snapshot, give_way,
};
use tidings::plan::Plan;
use tidings::scenario::PatternKind;
use tidings::unit::{nanoseconds, thousands, typographic};

use crate::cli::screen::Screen;

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// Time between two lines where none can be rewritten.
const LINES_NS: u64 = 5 * SECOND_NS;
/// A window that is planned to be so long ends by something else.
const ENDLESS_NS: u64 = 80_000 * SECOND_NS;

/// What happened.
enum Note {
    /// A trial entered a phase that is planned to last so many nanoseconds.
    Phase(Phase, u64),
    /// A shard's second.
    Second(usize, PackedInterval),
    /// A trial is over.
    Over,
}

/// Follows a run on a thread of its own.
pub(super) struct Watcher {
    /// `None` where nothing is told.
    notes: Option<Sender<Note>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Follows the run of `plan`, silently where `quiet`.
    pub(super) fn start(plan: &Plan, quiet: bool) -> Self {
        if quiet {
            return Self { notes: None, thread: None };
        }
        let (sender, notes) = channel();
        let kind = plan.scenario.cases.first().map(|case| case.pattern.kind());
        let trials = plan.trials.len();
        let thread = Builder::new().name("progress".to_owned()).spawn(move || {
            give_way();
            Teller {
                screen: Screen::of_stderr(),
                kind,
                trials,
                trial: 0,
                phase: None,
                lasts_ns: 0,
                line_ns: 0,
                so_far: SoFar::default(),
            }
            .follow(&notes);
        });
        // Without a thread there is no progress to show, and the measurement goes on.
        Self { notes: Some(sender), thread: thread.ok() }
    }

    /// Takes note of a step of the run.
    pub(super) fn note(&self, plan: &Plan, progress: &Progress<'_>) {
        let note = match progress {
            Progress::Phase { phase, .. } => {
                let phases = &plan.scenario.phases;
                let lasts = match phase {
                    Phase::Launch => 0,
                    Phase::Connect => phases.connect.ns(),
                    Phase::Warmup => phases.idle.ns() + phases.warmup.ns(),
                    Phase::Measure => phases.measure.ns(),
                    Phase::Drain => phases.drain.ns(),
                };
                Note::Phase(*phase, lasts)
            }
            Progress::Second { shard, second, .. } => Note::Second(*shard, (*second).clone()),
            Progress::Recorded { .. } => Note::Over,
            Progress::Floor { .. } | Progress::FloorRecorded { .. } => return,
        };
        if let Some(notes) = &self.notes {
            let _ = notes.send(note);
        }
    }

    /// Ends the unfinished line.
    pub(super) fn end(mut self) {
        self.notes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Tells of a run.
struct Teller {
    screen: Screen,
    kind: Option<PatternKind>,
    trials: usize,
    /// The current one, from 1.
    trial: usize,
    /// The phase, and when it is planned to end, in monotonic nanoseconds.
    phase: Option<(Phase, u64)>,
    /// How long it is planned to last.
    lasts_ns: u64,
    /// When the last whole line was written.
    line_ns: u64,
    so_far: SoFar,
}

impl Teller {
    fn follow(mut self, notes: &Receiver<Note>) {
        loop {
            match notes.recv_timeout(TICK) {
                Ok(note) => self.take(note),
                Err(RecvTimeoutError::Timeout) => self.tell(),
                Err(RecvTimeoutError::Disconnected) => return self.screen.end(),
            }
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Phase(phase, lasts_ns) => {
                if phase == Phase::Launch {
                    self.trial += 1;
                    self.so_far = SoFar::default();
                }
                let now = clock::now();
                if phase == Phase::Measure {
                    self.line_ns = now;
                }
                self.lasts_ns = lasts_ns;
                self.phase = Some((phase, now + lasts_ns));
                self.tell();
            }
            Note::Second(shard, second) => {
                // A second that cannot be read fails the trial elsewhere.
                if let Ok(second) = second.unpack() {
                    let lasted_ns = second.end_ns.saturating_sub(second.start_ns);
                    self.so_far.add(shard, &second.snapshot, lasted_ns);
                    self.tell();
                }
            }
            Note::Over => self.phase = None,
        }
    }

    fn tell(&mut self) {
        let Some((phase, ends_ns)) = self.phase else { return };
        let now = clock::now();
        let doing = match phase {
            Phase::Launch => "starting".to_owned(),
            Phase::Connect => "connecting".to_owned(),
            Phase::Warmup => "warming up".to_owned(),
            // A number of requests ends it, and nobody knows when.
            Phase::Measure if self.lasts_ns >= ENDLESS_NS => {
                format!("{} so far", minutes((now + self.lasts_ns).saturating_sub(ends_ns)))
            }
            Phase::Measure => format!("{} left", minutes(ends_ns.saturating_sub(now))),
            Phase::Drain => "waiting for the last answers".to_owned(),
        };
        let head = if self.trials > 1 {
            format!("trial {}/{}, {doing}", self.trial, self.trials)
        } else {
            doing
        };
        let measuring = matches!(phase, Phase::Measure | Phase::Drain);
        let tail = if measuring { self.so_far.text(self.kind) } else { String::new() };
        let line = typographic(&format!("{head}{tail}"));
        if self.screen.rewrites() {
            self.screen.draw("", "", &line);
        } else if phase == Phase::Measure && now.saturating_sub(self.line_ns) >= LINES_NS {
            self.line_ns = now;
            self.screen.line(&line);
        }
    }
}

/// Minutes and seconds: `1:05`.
fn minutes(ns: u64) -> String {
    let seconds = ns.div_ceil(SECOND_NS);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// What was measured so far.
#[derive(Default)]
struct SoFar {
    sum: Snapshot,
    /// What each shard received per second in its last second.
    rates: BTreeMap<usize, f64>,
}

/// Metrics that a line shows: the first that has samples.
const SHOWN: [(Metric, &str); 3] =
    [(Metric::Freshness, ""), (Metric::MessageGap, "gap "), (Metric::Response, "")];

impl SoFar {
    fn add(&mut self, shard: usize, second: &Snapshot, lasted_ns: u64) {
        let received = received(second);
        if lasted_ns > 0 {
            self.rates.insert(shard, received as f64 * 1e9 / lasted_ns as f64);
        }
        let mut kept = Snapshot { counters: second.counters.clone(), ..Snapshot::default() };
        let shown = SHOWN.into_iter().map(|(metric, _)| metric);
        for metric in shown.chain([Metric::Slip, Metric::SendSlip]) {
            if let Some(samples) = second.distribution(metric) {
                kept.distributions.insert(metric, samples.clone());
            }
        }
        self.sum.merge(&kept);
    }

    /// `, 1999/s, p50 1.2 ms, …`: the numbers that matter most come first, as a narrow window cuts the rest.
    fn text(&self, kind: Option<PatternKind>) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        if self.rates.is_empty() {
            return text;
        }
        let what =
            if kind.is_some_and(PatternKind::delivers) { " messages/s" } else { " requests/s" };
        let per_s: f64 = self.rates.values().sum();
        let _ = write!(text, ", {}{what}", thousands(per_s.round() as u64));
        let shown = |(metric, name)| Some((name, self.sum.distribution(metric)?));
        if let Some((name, samples)) = SHOWN.into_iter().find_map(shown) {
            let at =
                |q: f64| samples.quantile(q).map_or_else(String::new, |ns| nanoseconds(ns as f64));
            let _ = write!(text, ", {name}p50 {}, p99 {}, max {}", at(0.5), at(0.99), at(1.0));
        }
        let errors = ErrorKind::narrowest(&self.sum.counters);
        let all: u64 = errors.iter().map(|(_, count)| count).sum();
        if all > 0 {
            let each: Vec<String> = errors
                .iter()
                .map(|(kind, count)| format!("{} {}", thousands(*count), kind.name()))
                .collect();
            let _ = write!(text, ", errors {} ({})", thousands(all), each.join(", "));
        }
        let slip =
            [Metric::Slip, Metric::SendSlip].into_iter().find_map(|m| self.sum.distribution(m));
        if let Some(ns) = slip.and_then(|slip: &Distribution| slip.quantile(0.99)) {
            let _ = write!(text, ", slip p99 {}", nanoseconds(ns as f64));
        }
        text
    }
}

/// What a second brought: answers, deliveries or messages.
fn received(second: &Snapshot) -> u64 {
    second.counters.get(Counter::WindowReceived)
}

#[cfg(test)]
mod tests {
    use tidings::measure::Recorder;

    use super::*;

    #[test]
    fn a_line_sums_what_the_shards_handed_over() {
        let mut so_far = SoFar::default();
        assert_eq!(so_far.text(Some(PatternKind::Request)), "");
        for shard in 0..2 {
            for second in 1..=3_u64 {
                let mut recorder = Recorder::new();
                for sample in 1..=100 {
                    recorder.record(Metric::Response, sample * 1_000_000);
                    recorder.record(Metric::Slip, 20_000);
                }
                recorder.count(Counter::WindowReceived, 100 * second);
                recorder.error(ErrorKind::Reset);
                if shard == 0 {
                    recorder.error(ErrorKind::Timeout);
                }
                so_far.add(shard, &recorder.snapshot(), SECOND_NS / 2);
            }
        }
        // The rate is that of the last second of each shard, the rest is of all seconds.
        assert_eq!(
            so_far.text(Some(PatternKind::Request)),
            ", 1,200 requests/s, p50 50 ms, p99 99 ms, max 100 ms, errors 9 (6 reset, 3 timeout), slip p99 20 us"
        );
        let mut push = SoFar::default();
        let mut recorder = Recorder::new();
        recorder.count(Counter::WindowReceived, 7);
        push.add(0, &recorder.snapshot(), SECOND_NS);
        assert_eq!(push.text(Some(PatternKind::Sse)), ", 7 messages/s");
    }
}
