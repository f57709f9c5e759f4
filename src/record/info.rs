//! `run.json`: what was run, with which build, where, and whether it finished.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;

use super::SCHEMA_VERSION;
use crate::measure::Host;
use crate::pace::Pacing;
use crate::scenario::{Profile, Scenario};

/// Everything of a run that is not a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Version of the files' meaning.
    pub schema_version: u32,
    /// The tool that measured.
    #[serde(flatten)]
    pub build: Build,
    /// Revision of the user's repository: of the folder that the run was started in, by `git describe`; `None` outside
    /// of a repository. Earlier versions wrote it as `git_revision`.
    #[serde(default, alias = "git_revision")]
    pub working_directory_revision: Option<String>,
    /// When the run began, by [`utc`].
    pub started_utc: String,
    /// When it ended; `None` while it runs, or if it was killed.
    pub finished_utc: Option<String>,
    /// Whether every trial of the plan was carried out.
    pub complete: bool,
    /// What ended the run early, such as `SIGINT`.
    pub stopped_by: Option<String>,
    /// The scenario as resolved.
    pub scenario: Scenario,
    /// The kinds of host that trials were judged as, so far.
    #[serde(default)]
    pub profiles: BTreeSet<Profile>,
    /// Every trial, in the order of the run.
    pub plan: Vec<PlannedTrial>,
    /// The host it was measured on.
    pub host: Host,
    /// Problems of the host or the build, a sentence each.
    pub warnings: Vec<String>,
    /// The command line.
    pub command: Vec<String>,
}

/// The tool that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Build {
    /// Its version.
    pub tidings_version: String,
    /// Revision of tidings' own sources; `unknown` outside of a repository, and in files of earlier versions.
    #[serde(default = "unknown")]
    pub build_revision: String,
    /// Whether the sources differed from that revision; null if unknown.
    #[serde(default)]
    pub build_modified: Option<bool>,
    /// `release` or `debug`.
    pub build_profile: String,
    /// Optimisation level that the compiler was given; null in files of earlier versions.
    #[serde(default)]
    pub build_opt_level: Option<String>,
}

fn unknown() -> String {
    "unknown".to_owned()
}

impl Build {
    /// Version and revision, as `--version` prints them.
    pub const VERSION: &str = env!("TIDINGS_VERSION");

    /// This program.
    pub fn this() -> Self {
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        Self {
            tidings_version: env!("CARGO_PKG_VERSION").to_owned(),
            build_revision: env!("TIDINGS_BUILD_REVISION").to_owned(),
            build_modified: env!("TIDINGS_BUILD_MODIFIED").parse().ok(),
            build_profile: profile.to_owned(),
            build_opt_level: Some(env!("TIDINGS_BUILD_OPT_LEVEL").to_owned()),
        }
    }

    /// Whether its figures are those of an optimised program: a profile may check as `debug` does or optimise as little.
    pub fn is_optimised(&self) -> bool {
        let level = self.build_opt_level.as_deref();
        self.build_profile == "release" && !matches!(level, Some("0" | "1" | "s" | "z"))
    }
}

/// A trial of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// Id of the case.
    pub case: String,
    /// Which trial of it, from 1.
    pub trial: u32,
    /// Which randomised block, from 1.
    pub block: u32,
    /// Seed of its schedules.
    pub seed: u64,
    /// How its workers wait for their deadlines.
    #[serde(default)]
    pub pacing: Pacing,
}

/// Why `run.json` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InfoError {
    /// There is none.
    #[error(
        "{folder} is not a results folder: it has no run.json; give the folder that `tidings run` printed last, \
         such as results/<scenario>/<utc>-<host>, or one that holds such folders"
    )]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a `run.json`.
    #[error("{path}: {source}; was the file written by another tool?")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        source: serde_json::Error,
    },
    /// It is of a later version.
    #[error(
        "{path} has schema_version {found}, and this tidings reads up to {SCHEMA_VERSION}: use a later one"
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

impl RunInfo {
    /// The signal that stopped the run.
    pub fn signal(&self) -> Option<u8> {
        let signal = match self.stopped_by.as_deref()? {
            "Ctrl-C" | "SIGINT" => libc::SIGINT,
            "SIGTERM" => libc::SIGTERM,
            "SIGHUP" => libc::SIGHUP,
            _ => return None,
        };
        u8::try_from(signal).ok()
    }

    /// The `rows` of `trials.csv` and the trials that the run carried out, if it is complete and they differ: rows were taken out
    /// or added.
    pub fn miscounted(&self, rows: usize) -> Option<(usize, usize)> {
        let carried_out = self.plan.len();
        (self.complete && rows != carried_out).then_some((rows, carried_out))
    }

    /// Reads `run.json` of a results folder.
    pub fn read(folder: &Path) -> Result<Self, InfoError> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        let path = folder.join("run.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(InfoError::NoFolder { folder: folder.to_owned() });
            }
            Err(source) => return Err(InfoError::Unreadable { path, source }),
        };
        let foreign = |source| InfoError::Foreign { path: path.clone(), source };
        let version: Version = serde_json::from_str(&text).map_err(foreign)?;
        if version.schema_version > SCHEMA_VERSION {
            return Err(InfoError::Later { path, found: version.schema_version });
        }
        serde_json::from_str(&text).map_err(foreign)
    }
}

/// A time as files write it: `2026-11-23T14:22:33Z`.
pub fn utc(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    // A time has every part of the format, so formatting cannot fail.
    time.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

/// A time as a folder's name: `20261123T142233Z`.
pub(super) fn utc_compact(time: OffsetDateTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    time.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}
