//! Text, Markdown, tables and charts, made from a results folder alone.
//!
//! Nothing is measured or judged here, and nothing but the folder is read: the same folder gives the same bytes,
//! whenever and wherever its reports are made again.

mod causes;
mod caveats;
mod chart;
mod disruption;
mod flips;
mod floor;
mod group;
mod hgrm;
mod label;
mod markdown;
mod prose;
mod quantiles;
mod sends;
mod stages;
mod table;
mod tables;
mod text;
mod transport;
mod trust;
mod webhook;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::judge::{
    CaseSummary, Conclusion, Judgement, ObjectiveError, Ranking, comparison, conclude, objectives,
    summary,
};
use crate::record::{ReadError, Run};

pub use chart::{Plot, PlotPoint, Unit as PlotUnit};
pub use text::text;

/// Everything that a report says: the run, and what follows from it.
#[derive(Debug)]
pub struct View {
    /// The run as read.
    pub run: Run,
    /// Its cases, in the order of the scenario.
    pub cases: Vec<CaseSummary>,
    /// The best case by each axis, and how certain that is.
    pub rankings: Vec<Ranking>,
    /// The scenario's objectives, judged.
    pub judgements: Vec<Judgement>,
    /// Objectives that cannot be judged.
    pub refused: Vec<ObjectiveError>,
    /// What the cases are called.
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
    /// Judges a run that was read.
    pub fn new(run: Run) -> Self {
        let cases = summary(&run);
        let rankings = comparison(&cases);
        let (mut judgements, mut refused) = (Vec::new(), Vec::new());
        for text in &run.info.scenario.objectives {
            match objectives(std::slice::from_ref(text), &cases) {
                Ok(judged) => judgements.extend(judged),
                Err(error) => refused.push(error),
            }
        }
        let labels = label::Labels::of(&cases);
        Self { run, cases, rankings, judgements, refused, labels }
    }

    /// What a sentence or a table calls the case with this id.
    fn name(&self, id: &str) -> String {
        self.labels.name(id)
    }

    /// What the run allows one to conclude.
    pub fn conclusion(&self) -> Conclusion {
        match conclude(&self.cases, &self.judgements) {
            Conclusion::Holds if !self.refused.is_empty() => {
                Conclusion::Inconclusive(self.refused.iter().map(ToString::to_string).collect())
            }
            conclusion => conclusion,
        }
    }
}

/// Reads the results folder `dir` and writes every report into it: `summary.csv`, `percentiles.csv`, `report.md`,
/// `histograms/` and `charts/`.
///
/// Reports that are there already are replaced, each in one piece. A file that cannot be written is left out and
/// named in [`Made::missing`]; the others are written all the same.
pub fn write_all(dir: &Path) -> Result<Made, ReadError> {
    crate::control::mishap("report");
    let view = View::new(Run::read(dir)?);
    let mut written = Written { dir, files: Vec::new(), missing: Vec::new() };
    written.write("summary.csv", &tables::summary(&view));
    written.write("percentiles.csv", &tables::percentiles(&view));
    written.write("report.md", markdown::markdown(&view).as_bytes());
    for (name, text) in hgrm::files(&view) {
        written.write(&name, text.as_bytes());
    }
    for chart in chart::CHARTS {
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
    let Written { files, missing, .. } = written;
    Ok(Made { view, files, missing })
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
