//! The ordered, seeded list of all trials of a run, and its needs of the host.
//!
//! A plan is pure: it is built from a scenario and a host's figures, starts and opens nothing, and refuses a run that does
//! not fit, with the figures. [`crate::scenario`] has checked the ranges of numbers.

mod explain;
mod floor;
mod json;
mod layout;
mod order;
mod text;
mod upkeep;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::dialect::model::Callback;
use crate::measure::Host;
use crate::pace::Schedule;
use crate::scenario::{Pattern, Phases, Scenario, opening_ns};
use crate::unit::Span;

pub use floor::PlannedFloor;
pub use layout::{Layout, PlanError, plateaus, segments};

/// Time to launch and end the processes of a trial, as measured on two cores.
const LAUNCH: Span = Span::from_ms(400);
/// Longest window of a trial without clients.
const PUBLISH_ONLY: Span = Span::from_secs(5);
/// Time of the last deliveries of a pattern that pushes.
const PUSH_DRAIN: Span = Span::from_ms(200);

/// Every trial of a run in its order, and the layout of each case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The scenario that the plan runs.
    pub scenario: Scenario,
    /// The layout of each of the scenario's cases, by the same index.
    pub layouts: Vec<Layout>,
    /// The trials, in the order of the run.
    pub trials: Vec<PlannedTrial>,
    /// The trials of the noise floor, in the order of the run; none of the trials above.
    pub floors: Vec<PlannedFloor>,
}

/// One trial of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// Index of its case in the scenario.
    pub case: usize,
    /// Which trial of the case it is, from 1.
    pub trial: u32,
    /// The block, from 1: a block holds every case once, in random order.
    pub block: u32,
    /// Seed of its block: all cases of a block get the same events.
    pub seed: u64,
    /// Whether it runs against the null target.
    pub null: bool,
}

impl Plan {
    /// Plans `scenario` for `host`.
    ///
    /// # Errors
    /// The first case that `host` cannot carry, with the figures and the remedy.
    pub fn new(scenario: Scenario, host: &Host) -> Result<Self, PlanError> {
        let layouts = scenario
            .cases
            .iter()
            .map(|case| Layout::new(case, &scenario, host))
            .collect::<Result<_, _>>()?;
        let trials = order::trials(scenario.cases.len(), scenario.trials, scenario.seed);
        let floors = floor::floors(&scenario, &trials, host)?;
        Ok(Self { scenario, layouts, trials, floors })
    }

    /// The expected duration of the run, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        let trials: u64 = self.trials.iter().map(|trial| self.trial_ns(trial.case)).sum();
        let floors: u64 = self.floors.iter().map(|floor| floor.plan.duration_ns()).sum();
        trials + floors + self.publish_only_ns()
    }

    /// The duration of the run if every trial needs its whole drain, in nanoseconds.
    pub fn duration_ns_max(&self) -> u64 {
        let drain_ns = self.scenario.phases.drain.ns();
        let trial_ns = LAUNCH.ns() + self.before_drain_ns() + drain_ns;
        let floors: u64 = self.floors.iter().map(|floor| floor.plan.duration_ns_max()).sum();
        let networks: u64 = self.trials.iter().map(|trial| self.network_ns(trial.case)).sum();
        self.trials.len() as u64 * trial_ns + networks + floors + self.publish_only_ns()
    }

    /// The expected duration of a trial of `case`, in nanoseconds.
    pub fn trial_ns(&self, case: usize) -> u64 {
        let drain = match &self.scenario.cases[case].pattern {
            Pattern::ShortPoll(options) => options.longest_wait().max(PUSH_DRAIN),
            Pattern::LongPoll(options) => options.gap.max(PUSH_DRAIN),
            _ => PUSH_DRAIN,
        };
        let drain = drain.min(self.scenario.phases.drain);
        LAUNCH.ns() + self.before_drain_ns() + drain.ns() + self.network_ns(case)
    }

    /// How long the links of `case` wait for their network in the connect phase, in nanoseconds: at each plateau for the
    /// last of them, and with packet loss some dial takes a second longer.
    fn network_ns(&self, case: usize) -> u64 {
        let case = &self.scenario.cases[case];
        let dial_ns = if case.conditions.network.loss > 0.0 { Span::from_secs(1).ns() } else { 0 };
        layout::PLATEAUS * (opening_ns(case) + dial_ns)
    }

    /// How much longer than without a network the links of `case` may take to open, in nanoseconds.
    pub fn network_patience_ns(&self, case: usize) -> u64 {
        // The first six of one dial's packets are lost, at a plateau.
        let unlucky_ns = Span::from_secs(63).ns();
        let case = &self.scenario.cases[case];
        let lost_ns = if case.conditions.network.loss > 0.0 { unlucky_ns } else { 0 };
        layout::PLATEAUS * (2 * opening_ns(case) + lost_ns)
    }

    /// Whether the CPU time that publishing alone takes is measured before the first trial of `case`: where events are published
    /// to a server of the user's own, and its receivers need not listen for that.
    pub fn publishes_alone(&self, case: usize) -> bool {
        let scenario = &self.scenario;
        let Some(external) = scenario.external.as_deref().filter(|_| scenario.floor) else {
            return false;
        };
        let kind = scenario.cases[case].pattern.kind();
        let is_static = external.dialect.webhook.as_ref().is_some_and(Callback::is_static);
        let watched = !external.launch.is_empty() || external.process.is_some();
        kind.delivers() && watched && !(kind.traits().called_back && is_static)
    }

    /// The phases of a trial without clients.
    pub fn publish_only_phases(&self) -> Phases {
        let phases = self.scenario.phases;
        let measure = phases.measure.min(PUBLISH_ONLY);
        Phases { connect: Span::default(), idle: Span::default(), measure, ..phases }
    }

    /// How long the trials without clients take, in nanoseconds.
    fn publish_only_ns(&self) -> u64 {
        let phases = self.publish_only_phases();
        let one_ns = LAUNCH.ns() + phases.warmup.ns() + phases.measure.ns();
        let cases = 0..self.scenario.cases.len();
        cases.filter(|case| self.publishes_alone(*case)).count() as u64 * one_ns
    }

    fn before_drain_ns(&self) -> u64 {
        let phases = self.scenario.phases;
        phases.connect.ns() + phases.idle.ns() + phases.warmup.ns() + phases.measure.ns()
    }

    /// The events of `trial`; none for a pattern that delivers none.
    pub fn schedule(&self, trial: &PlannedTrial) -> Schedule {
        let workload = self.scenario.cases[trial.case].workload;
        Schedule {
            seed: trial.seed,
            topics: workload.topics,
            per_s: workload.rate.per_s(),
            process: workload.arrivals,
            until_ns: self.window().end,
        }
    }

    /// The measure phase, in nanoseconds from the start of the warm-up.
    pub fn window(&self) -> Range<u64> {
        let phases = self.scenario.phases;
        let start = phases.warmup.ns();
        start..start + phases.measure.ns()
    }

    /// Each worker's exact share of the links of `case`.
    pub fn segments(&self, case: usize) -> Vec<Range<u64>> {
        segments(self.scenario.cases[case].workload.clients, self.layouts[case].workers)
    }

    /// Link counts at which each worker of `case` pauses while it connects, for the conductor to read the target's memory:
    /// equally many for every worker, in the order of [`Self::segments`].
    pub fn plateaus(&self, case: usize) -> Vec<Vec<u64>> {
        plateaus(&self.segments(case))
    }

    /// The plan as one JSON value: what `--format json` prints of each scenario; fields as in FORMAT.md.
    pub fn json(&self) -> serde_json::Value {
        json::json(self)
    }

    /// What `tidings plan --explain` prints: what will be sent, byte for byte, by client 0 of each pattern and by the publisher.
    /// At most `columns` wide; a line feed at the end.
    pub fn explained(&self, columns: usize) -> String {
        explain::explain(&self.scenario, columns)
    }

    /// What `tidings plan` prints: at most 98 columns, or `columns`, but for the table of the cases; a line feed at the end.
    pub fn text(&self, columns: usize) -> String {
        self.text_with(columns, |_| Vec::new())
    }

    /// The same, with what `notes` has to say of each objective below it: what judges them knows what they need.
    pub fn text_with(&self, columns: usize, notes: impl Fn(&str) -> Vec<String>) -> String {
        text::render(self, columns, &notes)
    }
}

#[cfg(test)]
mod tests;
