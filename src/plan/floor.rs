//! The trials of the noise floor: the same load against the null target, in the same minutes.
//!
//! Not among the plan's trials: nothing summarises or compares them.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::text::Page;
use super::{Plan, PlanError, PlannedTrial};
use crate::event::PayloadKind;
use crate::measure::{Host, Metric};
use crate::pace::Rng;
use crate::scenario::{
    Case, Conditions, Connection, Faults, Format, Mix, Pattern, Phases, Publish, RequestOptions,
    Scenario, Transport, WebSocketOptions, Workload,
};
use crate::unit::{Rate, Span};

/// Length of a floor's window, unless too few events are due in it.
const WINDOW: Span = Span::from_secs(2);
/// Longest warm-up of a floor's trial.
const WARMUP: Span = Span::from_ms(500);
/// Events that a floor's window is long enough for in the mean: one in 150 is without any.
const EVENTS: f64 = 5.0;
/// The stream of a block's seed that places floors among its trials; its order, topics and links draw from others.
const PLACES: u64 = u64::MAX - 1;

/// A trial of the noise floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedFloor {
    /// Indices of the cases whose floor it is.
    pub cases: Vec<usize>,
    /// The number of trials before it.
    pub after_trials: usize,
    /// Its own plan: one case, one trial, no floor.
    pub plan: Plan,
}

impl PlannedFloor {
    /// The metric that it is a floor of: response, or freshness of deliveries.
    pub fn metric(&self) -> Metric {
        let delivers = self.plan.scenario.cases.iter().all(|case| case.pattern.kind().delivers());
        if delivers { Metric::Freshness } else { Metric::Response }
    }
}

/// What cases must have in common to share a floor: the workload, and the options of `request`. Transport is not included:
/// a floor is what the harness and the kernel add, and TLS and HTTP/2 are part of what is measured.
#[derive(PartialEq)]
struct Load {
    workload: Workload,
    request: Option<RequestOptions>,
}

impl Load {
    fn of(case: &Case) -> Self {
        let request = match &case.pattern {
            Pattern::Request(options) => Some(plain(options)),
            _ => None,
        };
        // A floor's links only receive: churn and sending are not delivery. The null target reads no payload, so its kind
        // makes no difference.
        let (churn, publish) = (Rate::per_second(0.0), Publish::Target);
        let payload_kind = PayloadKind::default();
        let workload = Workload { payload_kind, churn, publish, ..case.workload };
        Self { workload, request }
    }

    /// The case of the floor: `request` itself, or the leanest way to have deliveries.
    fn case(self, first: &Case) -> Case {
        let unused = Pattern::WebSocket(WebSocketOptions::default());
        let pattern = self.request.map_or(unused, Pattern::Request);
        Case {
            id: format!("floor:{}", first.id),
            pattern,
            workload: self.workload,
            transport: Transport::default(),
            faults: Faults::default(),
            conditions: Conditions::default(),
        }
    }

    /// Events, or requests, per second.
    fn per_s(&self) -> f64 {
        let events = self.workload.rate.per_s() * self.workload.topics as f64;
        self.request.map_or(events, |options| options.rate.per_s())
    }
}

/// The options of `request` that a null target has constant answers for: the same calls, in JSON, without conditions, over
/// kept HTTP connections.
const fn plain(options: &RequestOptions) -> RequestOptions {
    let Mix { create, read, head, replace, patch, delete, list } = options.mix;
    let mix = Mix {
        create,
        read: read + head,
        head: 0,
        replace: replace + patch,
        patch: 0,
        delete,
        list,
    };
    RequestOptions {
        mix,
        format: Format::Json,
        conditional: false,
        connection: Connection::KeepAlive,
        ..*options
    }
}

/// The floors of `scenario`, each at a random place among the first block of `trials`.
pub(super) fn floors(
    scenario: &Scenario,
    trials: &[PlannedTrial],
    host: &Host,
) -> Result<Vec<PlannedFloor>, PlanError> {
    let Some(first) = trials.first().filter(|_| scenario.floor) else { return Ok(Vec::new()) };
    let mut loads: Vec<(Load, Vec<usize>)> = Vec::new();
    for (index, case) in scenario.cases.iter().enumerate() {
        let load = Load::of(case);
        match loads.iter_mut().find(|(known, _)| *known == load) {
            Some((_, cases)) => cases.push(index),
            None => loads.push((load, vec![index])),
        }
    }
    let mut places = Rng::new(first.seed, PLACES);
    let mut floors = Vec::new();
    for (load, cases) in loads {
        let after_trials = places.below(scenario.cases.len() as u64 + 1) as usize;
        let phases = phases(&scenario.phases, load.per_s());
        let cases_of = vec![load.case(&scenario.cases[cases[0]])];
        let own = Scenario {
            phases,
            cases: cases_of,
            trials: 1,
            floor: false,
            objectives: Vec::new(),
            abort_when: None,
            ..scenario.clone()
        };
        let mut plan = Plan::new(own, host)?;
        for trial in &mut plan.trials {
            trial.null = true;
        }
        floors.push(PlannedFloor { cases, after_trials, plan });
    }
    floors.sort_by_key(|floor| floor.after_trials);
    Ok(floors)
}

/// Phases of a floor's trial: shorter than those of the cases, never longer.
fn phases(of: &Phases, per_s: f64) -> Phases {
    let enough = Span::from_ns((EVENTS / per_s * 1e9) as u64);
    Phases {
        idle: Span::default(),
        warmup: of.warmup.min(WARMUP),
        measure: of.measure.min(WINDOW.max(enough)),
        ..*of
    }
}

/// The names of the floors after a number of trials.
pub(super) fn labels(plan: &Plan, after_trials: usize) -> impl Iterator<Item = String> + '_ {
    let numbered = (1..).zip(&plan.floors);
    let here = numbered.filter(move |(_, floor)| floor.after_trials == after_trials);
    here.map(|(number, _)| format!("F{number}"))
}

/// Prints the cases of each floor.
pub(super) fn text(page: &mut Page, plan: &Plan) {
    if plan.floors.is_empty() {
        return;
    }
    page.out.push('\n');
    page.wrap("", "Noise floor: the same load against a null target, run within block 1");
    for (number, floor) in (1..).zip(&plan.floors) {
        let mut lead = String::new();
        let _ = write!(
            lead,
            "  F{number:<4}{:<9}  measure {}, for cases ",
            floor.metric().name(),
            floor.plan.scenario.phases.measure,
        );
        let cases: Vec<String> = floor.cases.iter().map(|case| (case + 1).to_string()).collect();
        page.wrap(&lead, &cases.join(" "));
    }
}
