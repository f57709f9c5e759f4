//! The history file: a line per run, appended and never rewritten.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::{Figure, SCHEMA_VERSION};
use crate::scenario::PatternKind;

/// A run as a history keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// Version of the line's meaning.
    pub schema_version: u32,
    /// Identifies the run: the same folder gives the same.
    pub run: String,
    /// When the run began.
    pub started_utc: String,
    /// Revision of the user's repository.
    pub revision: Option<String>,
    /// Name of the scenario.
    pub scenario: String,
    /// Hash of what the scenario asks for, all cases together.
    pub scenario_hash: String,
    /// The host it was measured on.
    pub host: HistoryHost,
    /// Version and revision of the tool that measured.
    pub tidings: String,
    /// Whether every trial of the plan was carried out.
    pub complete: bool,
    /// What was measured.
    pub cases: Vec<HistoryCase>,
}

/// A host as a history keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryHost {
    /// Its name, or what the user called it.
    pub name: String,
    /// Hash of name, processor, cores and clock source: runs of different ones are never compared.
    pub fingerprint: String,
    /// Kernel name, release and architecture.
    pub kernel: String,
    /// Model of the first processor.
    pub cpu: String,
    /// Cores that the run could use.
    pub cores: u32,
}

/// A case of a run as a history keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryCase {
    /// Its id.
    pub case: String,
    /// Its pattern.
    pub pattern: PatternKind,
    /// Hash of everything that a comparison would refuse: settings of the scenario and the case, profile, build.
    pub load: String,
    /// Trials that the figures are of.
    pub usable_trials: usize,
    /// Trials that were invalid or failed.
    pub unusable_trials: usize,
    /// Deliveries expected, lost and duplicated, over all trials that were finished.
    pub expected: u64,
    /// Deliveries lost.
    pub lost: u64,
    /// Deliveries that came more than once.
    pub duplicate: u64,
    /// The estimates by column of `trials.csv`.
    pub figures: serde_json::Map<String, serde_json::Value>,
}

impl HistoryCase {
    /// The estimate of a column.
    pub fn figure(&self, column: &str) -> Option<Figure> {
        self.figures.get(column).and_then(Figure::of)
    }
}

/// Why a history could not be read or extended.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is none.
    #[error("{path}: no such file. To begin it: tidings history add RESULTS_FOLDER --file {path}")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is of something else.
    #[error("{path}, line {line}: {problem}; was the file written by another tool?")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A line is of a later version.
    #[error(
        "{path}, line {line} has schema_version {found}, and this tidings reads up to {SCHEMA_VERSION}: use a later one"
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Its version.
        found: u64,
    },
}

/// A history as read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The runs, oldest first, each once.
    pub lines: Vec<HistoryLine>,
    /// Lines that were cut short, a sentence each.
    pub warnings: Vec<String>,
}

/// What [`History::append`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Runs that were added.
    pub added: usize,
    /// Runs that the file had before.
    pub known: usize,
    /// Lines that were cut short, a sentence each.
    pub warnings: Vec<String>,
}

impl History {
    /// Reads the file at `path`.
    ///
    /// A line that was cut short is left out with a warning.
    pub fn read(path: &Path) -> Result<Self, HistoryError> {
        let bytes = std::fs::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => HistoryError::Missing { path: path.to_owned() },
            _ => HistoryError::Io { path: path.to_owned(), source },
        })?;
        Self::parse(path, &bytes)
    }

    /// Appends those of `lines` whose runs the file does not have, in one write; makes the file if there is none.
    ///
    /// Processes that append at the same time wait for one another. A last line that was cut short stays as it is.
    pub fn append(path: &Path, lines: &[HistoryLine]) -> Result<Appended, HistoryError> {
        let failed = |source| HistoryError::Io { path: path.to_owned(), source };
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let history = Self::parse(path, &bytes)?;
        let mut known: BTreeSet<&str> =
            history.lines.iter().map(|line| line.run.as_str()).collect();
        let mut text = String::new();
        if bytes.last().is_some_and(|last| *last != b'\n') {
            text.push('\n');
        }
        let mut appended = Appended { warnings: history.warnings, ..Appended::default() };
        for line in lines {
            if known.insert(&line.run) {
                let line = serde_json::to_string(line).map_err(|error| failed(error.into()))?;
                text += &crate::prose::inert_json(&line);
                text.push('\n');
                appended.added += 1;
            } else {
                appended.known += 1;
            }
        }
        if appended.added > 0 {
            write_whole(&mut file, text.as_bytes()).map_err(failed)?;
        }
        Ok(appended)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, HistoryError> {
        let mut history = Self::default();
        let mut known = BTreeSet::new();
        for (at, bytes) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            match parse_line(bytes) {
                Ok(line) => {
                    // Branches that were merged may both have it.
                    if known.insert(line.run.clone()) {
                        history.lines.push(line);
                    }
                }
                Err(Wrong::Cut) => history.warnings.push(format!(
                    "line {} was cut short and is left out. Add its run again: tidings history add",
                    at + 1
                )),
                Err(Wrong::Later(found)) => {
                    return Err(HistoryError::Later { path: path.to_owned(), line: at + 1, found });
                }
                Err(Wrong::Foreign(problem)) => {
                    let (path, line) = (path.to_owned(), at + 1);
                    return Err(HistoryError::Foreign { path, line, problem });
                }
            }
        }
        history.lines.sort_by(|a, b| a.started_utc.cmp(&b.started_utc));
        Ok(history)
    }
}

/// Writes everything or nothing: what was written of a line that did not fit is taken back.
fn write_whole(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    let length = file.metadata()?.len();
    let written = file.write_all(bytes).and_then(|()| file.sync_data());
    if written.is_err() {
        let _ = file.set_len(length);
    }
    written
}

/// What is wrong with a line.
enum Wrong {
    Cut,
    Later(u64),
    Foreign(String),
}

/// How every line begins.
const START: &str = "{\"schema_version\":";

fn parse_line(bytes: &[u8]) -> Result<HistoryLine, Wrong> {
    let value: serde_json::Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        // Only a line of this kind counts as cut short; what ends early otherwise is another file.
        Err(error) if error.is_eof() && is_start(bytes) => return Err(Wrong::Cut),
        Err(error) if is_start(bytes) => return Err(Wrong::Foreign(error.to_string())),
        Err(_) => return Err(Wrong::Foreign("not a line of a history".to_owned())),
    };
    match value.get("schema_version").and_then(serde_json::Value::as_u64) {
        Some(found) if found > u64::from(SCHEMA_VERSION) => return Err(Wrong::Later(found)),
        Some(_) => {}
        None => return Err(Wrong::Foreign("it has no schema_version".to_owned())),
    }
    let line: HistoryLine =
        serde_json::from_value(value).map_err(|error| Wrong::Foreign(error.to_string()))?;
    for case in &line.cases {
        let is_wrong = |(_, value): &(&String, &serde_json::Value)| Figure::of(value).is_none();
        if let Some((column, value)) = case.figures.iter().find(is_wrong) {
            let problem = format!("case '{}', '{column}': {value} is not a figure", case.case);
            return Err(Wrong::Foreign(problem));
        }
    }
    Ok(line)
}

fn is_start(bytes: &[u8]) -> bool {
    let length = bytes.len().min(START.len());
    bytes[..length] == START.as_bytes()[..length]
}
