//! What a gate begins with: its terms, what the budget buys, and the folders of both sides.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tidings::clock::SECOND_NS;
use tidings::conductor::{Conductor, Signals};
use tidings::control::Observers;
use tidings::gate::{self, Arm};
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::record::{Build, RunFolder, RunInfo, SCHEMA_VERSION, utc};
use tidings::unit::Span;
use time::OffsetDateTime;

use super::Arguments;
use super::sides::{Side, Sides};
use crate::cli::run as run_verb;
use tidings::gate::document::{Document, GateCase, Terms};
use tidings::gate::tolerance::{self, Metrics};

/// What is decided by `metrics`; what the budget buys is not known yet.
pub(super) fn terms(plan: &Plan, metrics: &Metrics, seed: u64, budget: Span) -> Terms {
    let cases = plan.scenario.cases.iter().map(|case| {
        let of = |metric: &&_| tolerance::has(metric, case.pattern.kind());
        let columns = metrics.all.iter().filter(of).map(|metric| metric.column.clone());
        GateCase { id: case.id.clone(), columns: columns.collect() }
    });
    Terms {
        cases: cases.collect(),
        metrics: metrics.all.clone(),
        seed,
        blocks: 0,
        fewest_blocks: 0,
        budget_s: budget.secs(),
        drain_s: plan.scenario.phases.drain.secs(),
    }
}

/// Computes what the budget buys, after `spent_ns` of it, at `block_ns` per block; refuses what could never fail.
pub(super) fn buy(terms: &mut Terms, spent_ns: u64, block_ns: u64) -> anyhow::Result<()> {
    let budget_ns = (terms.budget_s * SECOND_NS as f64) as u64;
    let claims = terms.claims();
    terms.fewest_blocks = gate::fewest_blocks(claims);
    terms.blocks = (budget_ns.saturating_sub(spent_ns) / block_ns.max(1)).min(10_000) as u32;
    if terms.blocks < terms.fewest_blocks {
        let needed = spent_ns + u64::from(terms.fewest_blocks) * block_ns;
        let needed = Span::from_secs(needed.div_ceil(SECOND_NS) + 1);
        bail!(
            "a budget of {} buys {} ({} of each side), and a fail is possible from {} on: raise it to --budget {needed}, or \
             shorten the trials ([phases])",
            Span::from_ns(budget_ns),
            tidings::unit::counted(terms.blocks.into(), "block"),
            tidings::unit::counted(u64::from(terms.blocks) * 2, "trial"),
            terms.fewest_blocks,
        );
    }
    Ok(())
}

pub(super) fn document(
    sides: &Sides,
    terms: Terms,
    host: &Host,
    started: OffsetDateTime,
) -> Document {
    Document {
        schema_version: SCHEMA_VERSION,
        build: Build::this(),
        scenario: sides.base.plan.scenario.name.clone(),
        base: sides.base.told.clone(),
        head: sides.head.told.clone(),
        terms,
        started_utc: utc(started),
        finished_utc: None,
        stopped_by: None,
        trials: None,
        notes: sides.notes.clone(),
        host: host.clone(),
        command: std::env::args_os()
            .map(|argument: OsString| argument.to_string_lossy().into_owned())
            .collect(),
        result: Value::Null,
    }
}

/// The run folder of a side, while it grows.
pub(super) struct SideRun {
    pub arm: Arm,
    pub folder: RunFolder,
    pub info: RunInfo,
    /// Trials so far, by case.
    pub trials: Vec<u32>,
}

impl SideRun {
    pub(super) fn new(
        arm: Arm,
        sides: &Sides,
        host: &Host,
        started: OffsetDateTime,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let plan = &sides.side(arm).plan;
        let mut info = run_verb::describe(plan, host, started);
        info.plan.clear();
        let folder = RunFolder::create_at(folder.join(arm.name()), started)?;
        folder.write_info(&info)?;
        Ok(Self { arm, folder, info, trials: vec![0; plan.scenario.cases.len()] })
    }
}

impl Sides {
    pub(super) const fn side(&self, arm: Arm) -> &Side {
        match arm {
            Arm::Base => &self.base,
            Arm::Head => &self.head,
        }
    }
}

/// Carries out trials of a side.
pub(super) fn conductor<'a>(
    arguments: &Arguments,
    sides: &'a Sides,
    signals: &'a Signals,
    folder: &Path,
    arm: Arm,
) -> anyhow::Result<Conductor<'a>> {
    Ok(Conductor {
        plan: &sides.side(arm).plan,
        executable: std::env::current_exe().context("cannot find this executable")?,
        signals,
        results: Some(folder.join(arm.name())),
        trace: None,
        yes_i_may: arguments.yes_i_may,
        finds_process: true,
        observers: Observers::default(),
    })
}
