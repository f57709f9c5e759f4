//! `gate.json`: what a gate was to decide, between what, and what came of it.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Worse;
use crate::measure::Host;
use crate::record::{Build, FolderError, SCHEMA_VERSION};

/// Its name in the folder.
pub const NAME: &str = "gate.json";

/// A metric of a gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatedMetric {
    /// Its column, of `trials.csv` and `gate.csv`.
    pub column: String,
    /// The tolerated change, a share.
    pub tolerance: f64,
    /// Which way is worse.
    pub worse: Worse,
    /// Whether it decides; otherwise it informs.
    pub gated: bool,
}

/// A case of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateCase {
    /// Its id.
    pub id: String,
    /// The columns that it is measured by.
    pub columns: Vec<String>,
}

/// What a gate decides, fixed before its first block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// The cases, in the scenario's order.
    pub cases: Vec<GateCase>,
    /// The metrics, those that decide first.
    pub metrics: Vec<GatedMetric>,
    /// Seed of the order within blocks.
    pub seed: u64,
    /// The blocks that the budget buys.
    pub blocks: u32,
    /// The fewest blocks with which a fail is possible.
    pub fewest_blocks: u32,
    /// Longest time of the trials, in seconds.
    pub budget_s: f64,
    /// How long a trial waits for what is in flight, in seconds.
    pub drain_s: f64,
}

impl Terms {
    /// How many claims are made: gated metrics over all cases.
    pub fn claims(&self) -> usize {
        let gated = |column: &String| {
            self.metrics.iter().any(|metric| metric.gated && metric.column == *column)
        };
        self.cases.iter().map(|case| case.columns.iter().filter(|c| gated(c)).count()).sum()
    }
}

/// A side of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSide {
    /// What it is: a command, a URL, a revision, settings.
    pub what: String,
    /// The revision that was built, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Version of the files' meaning.
    pub schema_version: u32,
    /// The tool that measured.
    #[serde(flatten)]
    pub build: Build,
    /// Name of the scenario.
    pub scenario: String,
    /// The base.
    pub base: GateSide,
    /// The head.
    pub head: GateSide,
    /// What is decided, and by what.
    pub terms: Terms,
    /// When it began.
    pub started_utc: String,
    /// When it ended; `None` while it runs, or if it was killed.
    pub finished_utc: Option<String>,
    /// What ended it before its decision, such as `SIGINT`.
    pub stopped_by: Option<String>,
    /// Rows of `gate.csv` when it ended.
    pub trials: Option<usize>,
    /// What a reader must know, a sentence each.
    pub notes: Vec<String>,
    /// The host.
    pub host: Host,
    /// The command line.
    pub command: Vec<String>,
    /// What came of it; `null` before its end.
    pub result: Value,
}

impl Document {
    /// Reads it from a gate's folder.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        if !path.exists() {
            bail!(
                "{} is not the folder of a gate: it has no {NAME}; give the folder that `tidings gate` printed last, \
                 such as results/<scenario>/<utc>-<host>-gate",
                folder.display()
            );
        }
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        let value: Value = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not whole, or not JSON", path.display()))?;
        match value.get("schema_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(SCHEMA_VERSION) => {}
            Some(version) => bail!(
                "{} has schema_version {version}, and this tidings reads {SCHEMA_VERSION}: use the version that wrote it",
                path.display()
            ),
            None => bail!("{} has no schema_version: another tool wrote it", path.display()),
        }
        let read: Self = serde_json::from_value(value)
            .with_context(|| format!("{} cannot be understood", path.display()))?;
        read.check().with_context(|| path.display().to_string())?;
        Ok(read)
    }

    /// Refuses terms by which nothing could be decided.
    fn check(&self) -> anyhow::Result<()> {
        let Terms { cases, metrics, blocks, .. } = &self.terms;
        if cases.is_empty() || self.terms.claims() == 0 {
            bail!("terms: no case has a metric that decides");
        }
        if *blocks == 0 {
            bail!("terms: blocks is 0");
        }
        let strange = |tolerance: f64| !(tolerance.is_finite() && tolerance > 0.0);
        if let Some(metric) = metrics.iter().find(|metric| strange(metric.tolerance)) {
            bail!("terms: the tolerance of {} is {}", metric.column, metric.tolerance);
        }
        let known = |column: &String| metrics.iter().any(|metric| metric.column == *column);
        let mut named = cases.iter().flat_map(|case| &case.columns);
        if let Some(column) = named.find(|column| !known(column)) {
            bail!("terms: the metric {column} of a case is not among the metrics");
        }
        if let Some(metric) = metrics.iter().find(|m| crate::record::spec(&m.column).is_none()) {
            bail!("terms: {} is not a column of trials.csv", metric.column);
        }
        Ok(())
    }

    /// Writes it in one piece.
    pub fn write(&self, folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(NAME);
        let at = |source| FolderError { path: path.clone(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| at(error.into()))?;
        whole(&path, (crate::prose::inert_json(&text) + "\n").as_bytes())
    }
}

/// Writes a file in one piece: a reader sees the old one or the new one.
pub fn whole(path: &Path, text: &[u8]) -> Result<(), FolderError> {
    let fresh = PathBuf::from(format!("{}.tmp", path.display()));
    let written = File::create(&fresh)
        .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, path));
    written.map_err(|source| FolderError { path: path.to_owned(), source })
}
