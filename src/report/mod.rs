//! Text, Markdown, tables and charts, made from a results folder alone.
//!
//! Nothing is measured or judged here, and nothing but the folder is read: the same folder gives the same bytes,
//! whenever and wherever its reports are made again.

mod caveats;
mod chart;
mod disruption;
mod floor;
mod group;
mod hgrm;
mod markdown;
mod prose;
mod quantiles;
mod sends;
mod stages;
mod table;
mod tables;
mod text;
mod transport;
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
    /// Which is best in what, and how surely.
    pub rankings: Vec<Ranking>,
    /// The scenario's objectives, judged.
    pub judgements: Vec<Judgement>,
    /// Objectives that could not be judged at all.
    pub refused: Vec<ObjectiveError>,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// What the reports say.
    pub view: View,
    /// Every file written, relative to the folder.
    pub files: Vec<PathBuf>,
}

/// Why the reports could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A report cannot be written.
    #[error(
        "{path} cannot be written: {source}; make the folder writable, or copy it to where you may write"
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A chart cannot be drawn.
    #[error("chart {name} cannot be drawn: {problem}")]
    Draw {
        /// The chart's name.
        name: &'static str,
        /// What the drawing library says.
        problem: String,
    },
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
        Self { run, cases, rankings, judgements, refused }
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
/// Reports that are there already are replaced, each in one piece.
pub fn write_all(dir: &Path) -> Result<Made, ReportError> {
    crate::control::mishap("report");
    let view = View::new(Run::read(dir)?);
    for folder in ["charts", "histograms"].map(|name| dir.join(name)) {
        fs::create_dir_all(&folder)
            .map_err(|source| ReportError::Write { path: folder, source })?;
    }
    let mut files = Vec::new();
    let mut write = |name: String, bytes: &[u8]| {
        let (path, fresh) = (dir.join(&name), dir.join(format!("{name}.tmp")));
        fs::write(&fresh, bytes)
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|source| ReportError::Write { path, source })?;
        files.push(PathBuf::from(name));
        Ok::<_, ReportError>(())
    };
    write("summary.csv".to_owned(), &tables::summary(&view))?;
    write("percentiles.csv".to_owned(), &tables::percentiles(&view))?;
    for (name, text) in hgrm::files(&view) {
        write(name, text.as_bytes())?;
    }
    for chart in chart::CHARTS {
        let name = chart.name;
        let drawn = chart.draw(&view);
        let (svg, png) = drawn.map_err(|problem| ReportError::Draw { name, problem })?;
        write(format!("charts/{name}.svg"), &svg)?;
        write(format!("charts/{name}.png"), &png)?;
    }
    write("report.md".to_owned(), markdown::markdown(&view).as_bytes())?;
    Ok(Made { view, files })
}
