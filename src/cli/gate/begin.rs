//! What a gate begins with: its terms, what the budget buys, and the folders of both sides.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;
use tidings::conductor::{Conductor, Signals};
use tidings::control::Observers;
use tidings::gate::Arm;
use tidings::gate::document::{Document, Terms};
use tidings::measure::Host;
use tidings::record::{Build, RunFolder, RunInfo, SCHEMA_VERSION, utc};
use time::OffsetDateTime;

use super::Arguments;
use super::sides::{Side, Sides};
use crate::cli::run as run_verb;

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
