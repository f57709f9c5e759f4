//! What `tidings run` says on stderr while it measures: one line rewritten on a terminal, one line a trial
//! elsewhere.

use std::io::IsTerminal as _;

use tidings::clock;
use tidings::conductor::{Phase, Progress};
use tidings::plan::Plan;
use tidings::record::TrialRecord;
use tidings::unit::{self, nanoseconds};

/// Tells of a run's progress.
pub struct Teller<'a> {
    plan: &'a Plan,
    quiet: bool,
    terminal: bool,
    started_ns: u64,
    /// Whether a line stands unfinished on the terminal.
    pending: bool,
}

impl<'a> Teller<'a> {
    /// A teller of `plan`'s run, silent where `quiet`.
    pub fn new(plan: &'a Plan, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { plan, quiet, terminal, started_ns: clock::now(), pending: false }
    }

    /// Says what is about to happen. Warnings are told even where quiet.
    pub fn begin(&self, warnings: &[String]) {
        for warning in warnings {
            eprintln!("tidings: warning: {warning}");
        }
        if !self.quiet {
            eprintln!(
                "{}: {} of {}{}, about {}",
                self.plan.scenario.name,
                unit::counted(self.plan.trials.len() as u64, "trial"),
                unit::counted(self.plan.scenario.cases.len() as u64, "case"),
                match self.plan.floors.len() {
                    0 => String::new(),
                    floors => format!(" and {floors} of the noise floor"),
                },
                minutes(self.plan.duration_ns()),
            );
        }
    }

    /// Tells of one step.
    pub fn tell(&mut self, progress: &Progress<'_>) {
        if self.quiet {
            return;
        }
        match progress {
            Progress::Phase { index, trial, phase } if self.terminal => {
                let case = &self.plan.scenario.cases[trial.case].id;
                let doing = match phase {
                    Phase::Launch => "launching",
                    Phase::Connect => "connecting",
                    Phase::Warmup => "warming up",
                    Phase::Measure => "measuring",
                    Phase::Drain => "draining",
                };
                let left = minutes(self.left_ns(*index));
                eprint!(
                    "\r\x1b[K{} {case}, trial {}: {doing}, {left} left",
                    self.place(*index),
                    trial.trial
                );
                self.pending = true;
            }
            Progress::Floor { index, floor } if self.terminal => {
                let left = minutes(self.left_ns(*index));
                let of = floor.metric().name();
                eprint!("\r\x1b[K[floor] noise floor of {of}: measuring, {left} left");
                self.pending = true;
            }
            Progress::Phase { .. } | Progress::Floor { .. } => {}
            Progress::Recorded { index, record } => {
                let clear = if self.terminal { "\r\x1b[K" } else { "" };
                let left = minutes(self.left_ns(index + 1));
                eprintln!("{clear}{} {}, {left} left", self.place(*index), summary(record));
                self.pending = false;
            }
            Progress::FloorRecorded { record } => {
                let clear = if self.terminal { "\r\x1b[K" } else { "" };
                let p50 = record.at("p50").map(|ns| format!(", p50 {}", nanoseconds(ns)));
                eprintln!(
                    "{clear}[floor] noise floor of {}: {}{}",
                    record.metric.name(),
                    record.verdict,
                    p50.unwrap_or_default()
                );
                self.pending = false;
            }
        }
    }

    /// Ends an unfinished line.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.pending) {
            eprintln!();
        }
    }

    fn place(&self, index: usize) -> String {
        let total = self.plan.trials.len().to_string();
        format!("[{:>width$}/{total}]", index + 1, width = total.len())
    }

    /// Time left from trial number `next` on: as planned, corrected by how the trials so far went.
    fn left_ns(&self, next: usize) -> u64 {
        let planned = |trials: &[tidings::plan::PlannedTrial]| -> u64 {
            trials.iter().map(|trial| self.plan.trial_ns(trial.case)).sum()
        };
        let (behind, ahead) = self.plan.trials.split_at(next);
        let floors = |behind: bool| -> u64 {
            let floors = self.plan.floors.iter();
            let on_this_side = floors.filter(|floor| (floor.after_trials < next) == behind);
            on_this_side.map(|floor| floor.plan.duration_ns()).sum()
        };
        let (behind, ahead) = (planned(behind) + floors(true), planned(ahead) + floors(false));
        match behind {
            0 => ahead,
            behind => {
                let pace = (clock::now() - self.started_ns) as f64 / behind as f64;
                (ahead as f64 * pace) as u64
            }
        }
    }
}

fn summary(record: &TrialRecord) -> String {
    let fields = record.fields();
    let text = |column: &str| fields.get(column).and_then(|v| v.as_str().map(str::to_owned));
    let number = |column: &str| fields.get(column).and_then(serde_json::Value::as_u64);
    let mut parts = vec![format!(
        "{}, trial {}: {}",
        text("case").unwrap_or_default(),
        number("trial").unwrap_or_default(),
        text("verdict").unwrap_or_default(),
    )];
    for (name, column) in
        [("freshness p50", "freshness_ns_p50"), ("response p50", "response_ns_p50")]
    {
        if let Some(ns) = number(column) {
            parts.push(format!("{name} {}", nanoseconds(ns as f64)));
            break;
        }
    }
    match number("lost") {
        None | Some(0) => {}
        Some(lost) => parts.push(format!("{lost} lost")),
    }
    parts.join(", ")
}

/// Minutes and seconds for people: `1:05`.
fn minutes(ns: u64) -> String {
    let seconds = ns.div_ceil(clock::SECOND_NS);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
