//! `summary.json`: what a run found, as one document for programs; `--format json` prints it of each run, with the folder.
//!
//! The types are the format: the JSON Schema is derived from them, and their doc comments are its descriptions.

mod cases;
mod rankings;
mod schema;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::View;
use super::result::RunResult;
use crate::judge::run_id;
use crate::measure::{Host, Metric};
use crate::prose::inert_json;
use crate::record::{Build, Figure, FloorRecord, SCHEMA_VERSION, Verdict};
use crate::scenario::Profile;
use cases::CaseFigures;
use rankings::RankedCases;
pub(super) use schema::plain;
pub use schema::summary_schema;

/// What a run found: its identity, its outcome, the figures of its cases with their intervals, and how the cases compare.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RunSummary<'a> {
    /// Version of the meaning of the fields, as of every file of the folder. New fields do not raise it.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// Identifies the run, wherever its folder is; as in `history.jsonl`.
    run: String,
    /// Name of the scenario.
    scenario: &'a str,
    /// The question that the scenario answers.
    question: &'a str,
    /// When the run began, in UTC (RFC 3339).
    started_utc: &'a str,
    /// When it ended; null if it was killed.
    finished_utc: Option<&'a str>,
    /// Whether every trial of the plan was run.
    complete: bool,
    /// What stopped it early, such as `Ctrl-C`; null otherwise.
    stopped_by: Option<&'a str>,
    /// The command line.
    command: &'a [String],
    /// What the run came to.
    result: RunResult,
    /// The cases, in the order of the scenario.
    cases: Vec<CaseFigures<'a>>,
    /// The cases of each workload by each quality, best first.
    rankings: Vec<RankedCases<'a>>,
    /// The noise floors: the same load against a target that does next to nothing.
    noise_floors: Vec<NoiseFloor<'a>>,
    /// Where and with which build it was measured.
    environment: Environment<'a>,
    /// Doubts about host, build or files, one sentence each.
    warnings: Vec<&'a str>,
}

/// Where and with which build a run was measured.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Environment<'a> {
    /// The host.
    host: &'a Host,
    /// The kinds of host that trials were judged as.
    profiles: Vec<Profile>,
    /// The build of tidings.
    tidings: &'a Build,
    /// Revision of the user's repository, in the folder that the run was started in; null outside of one.
    working_directory_revision: Option<&'a str>,
}

/// A noise floor.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NoiseFloor<'a> {
    /// What it is a floor of: `freshness`, or `response` of `request`.
    metric: Metric,
    /// Ids of the cases whose floor it is.
    cases: &'a [String],
    /// The verdict on its trial.
    verdict: Verdict,
    /// Why, one sentence each.
    verdict_reasons: &'a [String],
    /// The metric's median in nanoseconds; null if unknown.
    ns_p50: Option<Figure>,
    /// Its 90th percentile.
    ns_p90: Option<Figure>,
    /// Its 99th percentile.
    ns_p99: Option<Figure>,
}

impl<'a> NoiseFloor<'a> {
    fn of(floor: &'a FloorRecord) -> Self {
        Self {
            metric: floor.metric,
            cases: &floor.cases,
            verdict: floor.verdict,
            verdict_reasons: &floor.verdict_reasons,
            ns_p50: floor.quantiles.floor_ns_p50,
            ns_p90: floor.quantiles.floor_ns_p90,
            ns_p99: floor.quantiles.floor_ns_p99,
        }
    }
}

impl<'a> RunSummary<'a> {
    /// The summary of the run of `view`.
    pub fn of(view: &'a View) -> Self {
        let info = &view.run.info;
        let warnings = info.warnings.iter().chain(&view.run.warnings).map(String::as_str);
        Self {
            schema_version: SCHEMA_VERSION,
            run: run_id(info),
            scenario: &info.scenario.name,
            question: &info.scenario.question,
            started_utc: &info.started_utc,
            finished_utc: info.finished_utc.as_deref(),
            complete: info.complete,
            stopped_by: info.stopped_by.as_deref(),
            command: &info.command,
            result: RunResult::of(view),
            cases: view.findings.cases.iter().map(CaseFigures::of).collect(),
            rankings: rankings::of(&view.findings),
            noise_floors: view.run.floors.iter().map(NoiseFloor::of).collect(),
            environment: Environment {
                host: &info.host,
                profiles: info.profiles.iter().copied().collect(),
                tidings: &info.build,
                working_directory_revision: info.working_directory_revision.as_deref(),
            },
            warnings: warnings.collect(),
        }
    }
}

/// `summary.json`.
pub(super) fn file(view: &View) -> Vec<u8> {
    // Only a map with keys that are no texts, or a type that refuses, could fail: neither is here.
    let text = serde_json::to_string_pretty(&RunSummary::of(view)).unwrap_or_default();
    (inert_json(&text) + "\n").into_bytes()
}

/// The summary of a run in `folder`, as `--format json` prints it: the folder, then the fields of `summary.json`.
pub fn json(view: &View, folder: &Path) -> Value {
    let mut document = json!({ "folder": folder.to_string_lossy() });
    let summary = serde_json::to_value(RunSummary::of(view)).unwrap_or_default();
    if let (Value::Object(document), Value::Object(summary)) = (&mut document, summary) {
        document.extend(summary);
    }
    document
}
