//! Text, Markdown, tables and charts, made from a results folder alone.
//!
//! Nothing is measured or judged here, and nothing but the folder is read: the same folder gives the same bytes,
//! whenever and wherever its reports are made again.

mod cases;
mod causes;
mod caveats;
mod change;
mod chart;
pub mod ci;
mod contents;
mod details;
mod disruption;
mod document;
mod errors;
mod external;
mod flips;
mod floor;
mod glance;
mod group;
mod hgrm;
mod history;
#[cfg(test)]
mod hostile;
mod label;
mod ledger;
mod machine;
mod markdown;
mod method;
mod openmetrics;
mod page;
mod probe;
mod prose;
mod quantiles;
mod result;
mod sends;
mod stages;
mod summary;
mod tables;
mod terminal;
mod transport;
mod trust;
mod webhook;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::judge::Findings;
use crate::prose::inert_json;
use crate::record::{ReadError, Run};

pub use change::Comparison;
pub use chart::{Plot, PlotPoint, Unit as PlotUnit};
pub use history::{HistoryReport, OtavaFiles};
pub use probe::{Probe, Remedies};
pub use result::{CaseVerdict, ObjectiveOutcome, RunResult, TrialCounts};
pub use summary::{RunSummary, json, summary_schema};
pub use terminal::{more, text};

/// A run, what follows from it, and what its cases are called: all that a report is made from.
#[derive(Debug)]
pub struct View {
    /// The run as read.
    pub run: Run,
    /// What follows from it.
    pub findings: Findings,
    labels: label::Labels,
}

/// What was made, and what could not be.
#[derive(Debug)]
pub struct Made {
    /// What the reports say.
    pub view: View,
    /// Every file written, relative to the folder.
    pub files: Vec<PathBuf>,
    /// Every file that could not be written.
    pub missing: Vec<Missing>,
}

/// A file of the report that could not be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    /// The file, relative to the folder.
    pub file: PathBuf,
    /// What the system, or the drawing library, says.
    pub reason: String,
}

impl View {
    /// A view of a run that was read.
    pub fn new(run: Run) -> Self {
        let findings = Findings::of(&run);
        let labels = label::Labels::of(&findings.cases);
        Self { run, findings, labels }
    }

    /// What a sentence or a table calls the case with this id.
    fn name(&self, id: &str) -> String {
        self.labels.name(id)
    }
}

/// Reads the results folder `dir` and writes every report into it: `summary.csv`, `percentiles.csv`, `summary.json`,
/// `metrics.prom`, `report.md`, `report.html`, `histograms/` and `charts/`; and `result` into `run.json`.
///
/// Reports that are there already are replaced, each in one piece. A file that cannot be written is left out and
/// named in [`Made::missing`]; the others are written all the same.
pub fn write_all(dir: &Path) -> Result<Made, ReadError> {
    crate::control::mishap("report");
    let view = View::new(Run::read(dir)?);
    let mut written = Written { dir, files: Vec::new(), missing: Vec::new() };
    written.write("summary.csv", &tables::summary(&view));
    written.write("percentiles.csv", &tables::percentiles(&view));
    written.write("summary.json", &summary::file(&view));
    written.write("metrics.prom", openmetrics::openmetrics(&view).as_bytes());
    written.write("report.md", markdown::markdown(&view).as_bytes());
    written.write("report.html", page::page(&view).as_bytes());
    for (name, text) in hgrm::files(&view) {
        written.write(&name, text.as_bytes());
    }
    for chart in chart::charts(&view) {
        let [svg, png] = ["svg", "png"].map(|kind| format!("charts/{}.{kind}", chart.name));
        match chart.draw(&view) {
            Ok((lines, pixels)) => {
                written.write(&svg, &lines);
                written.write(&png, &pixels);
            }
            Err(problem) => {
                let reason = format!("cannot draw the chart: {problem}");
                let missing = [svg, png].map(|file| (file, reason.clone()));
                written
                    .missing
                    .extend(missing.map(|(f, reason)| Missing { file: f.into(), reason }));
            }
        }
    }
    let drawn: Vec<&str> = chart::charts(&view).map(|chart| chart.name).collect();
    for name in chart::names().filter(|name| !drawn.contains(name)) {
        // Of an earlier version, which drew every chart of every run.
        for kind in ["svg", "png"] {
            let _ = fs::remove_file(dir.join(format!("charts/{name}.{kind}")));
        }
    }
    match with_result(&view, dir) {
        Ok(bytes) => written.write("run.json", &bytes),
        Err(error) => {
            written.missing.push(Missing { file: "run.json".into(), reason: error.to_string() });
        }
    }
    let Written { files, missing, .. } = written;
    Ok(Made { view, files, missing })
}

/// `report.html`: the report of a run as one page.
pub fn page(view: &View) -> String {
    page::page(view)
}

/// One page of several runs side by side: each but the first with what changed from the first, and what cannot be compared.
pub fn side_by_side(runs: Vec<Run>) -> String {
    let compare = |run: &Run| Comparison::new(vec![runs[0].clone()], vec![run.clone()], &[]);
    let comparisons: Vec<Comparison> = runs.iter().skip(1).map(compare).collect();
    let views: Vec<View> = runs.into_iter().map(View::new).collect();
    page::side_by_side(&views, &comparisons)
}

/// `run.json` as it is in `dir`, with what the run came to; fields that this version does not know stay.
fn with_result(view: &View, dir: &Path) -> io::Result<Vec<u8>> {
    let mut info: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&fs::read(dir.join("run.json"))?)?;
    info.insert("result".to_owned(), serde_json::to_value(RunResult::of(view))?);
    let text = serde_json::to_string_pretty(&info)?;
    Ok((inert_json(&text) + "\n").into_bytes())
}

/// The reports of a folder while they are written.
struct Written<'a> {
    dir: &'a Path,
    files: Vec<PathBuf>,
    missing: Vec<Missing>,
}

impl Written<'_> {
    fn write(&mut self, name: &str, bytes: &[u8]) {
        match replace(&self.dir.join(name), bytes) {
            Ok(()) => self.files.push(name.into()),
            Err(error) => {
                self.missing.push(Missing { file: name.into(), reason: error.to_string() });
            }
        }
    }
}

/// Writes a file in one piece: a reader sees the old one or the new one, never a part.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".tmp");
    let written = fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}
