//! What CI systems read: one account of a run or a gate, and a renderer per format.
//!
//! | format | file | for |
//! | --- | --- | --- |
//! | JUnit XML | `junit` | the test reports of GitLab, Jenkins, Azure, Buildkite |
//! | Markdown | `comment` | a step summary, and a pull-request comment that is updated |
//! | workflow commands | `annotations` | GitHub's annotations |
//! | `customSmallerIsBetter` JSON | `benchmark` | github-action-benchmark, and other charts over time |
//!
//! Names come from scenarios, commands and servers, so a renderer makes every text inert in its format: nothing in a name ends an
//! element, a cell or a command.

mod annotations;
mod benchmark;
mod comment;
mod junit;
mod run;

pub use annotations::annotations;
pub use benchmark::benchmark;
pub use comment::{comment, marker};
pub use junit::junit;
pub use run::between;

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CiStatus {
    /// It holds.
    Passed,
    /// It was not judged, because the run ended before.
    NotJudged,
    /// The data does not decide it.
    Inconclusive,
    /// It could not be judged: the run was stopped or broke off, or an objective is malformed.
    Error,
    /// It does not hold.
    Failed,
}

impl CiStatus {
    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotJudged => "not judged",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
            Self::Failed => "failed",
        }
    }
}

/// Something that must hold: an objective at a case, or a gated metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CiCase {
    /// The scenario's case, or what else it belongs to.
    pub group: String,
    /// The objective as written, or the metric; the same in every run, so that its history can be followed.
    pub name: String,
    /// What became of it.
    pub status: CiStatus,
    /// What was measured, for people.
    pub figure: Option<String>,
    /// What it was compared with, for people.
    pub threshold: Option<String>,
    /// What was judged, or why it was not.
    pub sentence: String,
}

/// A measured number of which less is better.
#[derive(Debug, Clone, PartialEq)]
pub struct CiFigure {
    /// Case and metric.
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// The number; finite.
    pub value: f64,
    /// Its interval, for people.
    pub range: Option<String>,
}

/// What a run or a gate says to a CI system.
#[derive(Debug, Clone, PartialEq)]
pub struct CiReport {
    /// The verb: `run` or `gate`.
    pub verb: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// The outcome in a sentence.
    pub headline: String,
    /// When it began, as `2026-11-23T14:22:33Z`.
    pub started_utc: String,
    /// How long it took; `None` while it runs.
    pub seconds: Option<f64>,
    /// What must hold.
    pub cases: Vec<CiCase>,
    /// What was measured.
    pub figures: Vec<CiFigure>,
    /// What else a reader must know, a sentence each.
    pub notes: Vec<String>,
}

impl CiReport {
    /// The name that tells this check from others: `tidings gate my-server`.
    pub fn title(&self) -> String {
        format!("tidings {} {}", self.verb, self.scenario)
    }

    /// The worst status of its cases.
    pub fn status(&self) -> CiStatus {
        self.cases.iter().map(|case| case.status).max().unwrap_or(CiStatus::NotJudged)
    }

    /// How many cases have a status.
    fn count(&self, status: CiStatus) -> usize {
        self.cases.iter().filter(|case| case.status == status).count()
    }

    /// How many of each status, those that there are: `1 failed, 3 passed`.
    fn tally(&self) -> String {
        use CiStatus::{Error, Failed, Inconclusive, NotJudged, Passed};
        let all = [Failed, Error, Inconclusive, NotJudged, Passed];
        let told = all.into_iter().map(|status| (self.count(status), status.name()));
        let told = told.filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}"));
        told.collect::<Vec<_>>().join(", ")
    }
}

/// `text` on one line, without what moves a cursor, turns the writing direction, or XML does not allow.
pub(super) fn line(text: &str) -> String {
    let shown = |letter| match letter {
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{fffe}' | '\u{ffff}' => '?',
        letter => letter,
    };
    crate::prose::harmless(&text.chars().map(shown).collect::<String>())
}

#[cfg(test)]
mod tests;
