//! The results folder of one run, while it is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::columns::Column;
use super::file_name::{FOLDER_BYTES, file_name};
use super::files::{DELIVERY_COLUMNS, FLOOR_COLUMNS, SAMPLE_COLUMNS, TIMELINE_COLUMNS};
use super::info::utc_compact;
use super::metrics::TRIAL_COLUMNS;
use super::table::{cells, header, to_csv};
use super::{
    FloorRecord, RunInfo, TimelineRow, TrialFacts, TrialRecord, histograms, samples, timeline,
};
use crate::clock;

/// Why results cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} cannot be written: {source}; make it writable and see that the disk has room, or choose another folder with --out DIR"
)]
pub struct FolderError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Creates `<out>/<name>/<utc>-<host>/`, numbered where it exists.
pub fn results_folder(
    out: &Path,
    name: &str,
    started: OffsetDateTime,
    host: &str,
) -> Result<PathBuf, FolderError> {
    let parent = parent(out, name)?;
    let host = file_name(host, FOLDER_BYTES);
    fresh(&parent, &format!("{}-{host}", utc_compact(started)))
}

/// Checks that [`results_folder`] can create a folder, and leaves none.
///
/// For a run of several scenarios: a problem with the last one's folder is found before the first is measured.
pub fn check_results_folder(out: &Path, name: &str) -> Result<(), FolderError> {
    let parent = parent(out, name)?;
    let probe = fresh(&parent, &format!("probe-{}", std::process::id()))?;
    fs::remove_dir(&probe).map_err(at(&probe))
}

/// Creates `<out>/<name>`, the folder of one scenario's runs.
fn parent(out: &Path, name: &str) -> Result<PathBuf, FolderError> {
    let parent = out.join(file_name(name, FOLDER_BYTES));
    fs::create_dir_all(&parent).map_err(at(&parent))?;
    Ok(parent)
}

/// A results folder that grows by one trial at a time; its content after an append is readable.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    trials: File,
    timeline: File,
    histograms: File,
    /// `None` before the first floor: a run without floors has no such file.
    floor: Option<File>,
    /// Begun with the first trial that kept samples.
    samples: Option<File>,
    deliveries: Option<File>,
    /// The interval log's base time on the monotonic clock.
    zero_ns: u64,
}

impl RunFolder {
    /// Creates `<out>/<scenario>/<utc>-<host>/`, numbered if it exists, with its files and their headers.
    ///
    /// Called before the first trial, so that an unwritable folder is found at once.
    pub fn create(
        out: &Path,
        scenario: &str,
        started: OffsetDateTime,
        host: &str,
    ) -> Result<Self, FolderError> {
        Self::begin(results_folder(out, scenario, started, host)?, started)
    }

    /// Creates the folder `path`, which must not exist yet, with its files and their headers.
    pub fn create_at(path: PathBuf, started: OffsetDateTime) -> Result<Self, FolderError> {
        fs::create_dir(&path).map_err(at(&path))?;
        Self::begin(path, started)
    }

    fn begin(path: PathBuf, started: OffsetDateTime) -> Result<Self, FolderError> {
        let zero_ns = clock::now();
        let file = |name: &str, text: &[u8]| {
            let path = path.join(name);
            begin(&path, text).map_err(at(&path))
        };
        let head = histograms::head(started.into()).map_err(at(&path))?;
        Ok(Self {
            trials: file("trials.csv", &to_csv([header(TRIAL_COLUMNS)]))?,
            timeline: file("timeline.csv", &to_csv([header(TIMELINE_COLUMNS)]))?,
            histograms: file("histograms.hlog", &head)?,
            floor: None,
            samples: None,
            deliveries: None,
            path,
            zero_ns,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a trial's rows and lines through to the disk.
    ///
    /// The row of `trials.csv` comes last: a trial without one is not read.
    pub fn append(&mut self, facts: &TrialFacts, record: &TrialRecord) -> Result<(), FolderError> {
        let rows = self.append_histograms(facts).map_err(at(&self.path.join("histograms.hlog")))?;
        let rows = to_csv(rows.iter().map(|row| cells(TIMELINE_COLUMNS, row)));
        let (path, columns) = (self.path.join("samples.csv"), SAMPLE_COLUMNS);
        append_raw(&mut self.samples, &path, columns, samples::requests(facts))
            .map_err(at(&path))?;
        let (path, columns) = (self.path.join("deliveries.csv"), DELIVERY_COLUMNS);
        append_raw(&mut self.deliveries, &path, columns, samples::deliveries(facts))
            .map_err(at(&path))?;
        let trial = to_csv([cells(TRIAL_COLUMNS, record)]);
        for (file, name, text) in
            [(&mut self.timeline, "timeline.csv", &rows), (&mut self.trials, "trials.csv", &trial)]
        {
            let path = self.path.join(name);
            file.write_all(text).and_then(|()| file.sync_data()).map_err(at(&path))?;
        }
        Ok(())
    }

    /// Writes a floor's row through to the disk.
    pub fn append_floor(&mut self, record: &FloorRecord) -> Result<(), FolderError> {
        let path = self.path.join("floor.csv");
        let row = to_csv([cells(FLOOR_COLUMNS, record)]);
        let file = match &mut self.floor {
            Some(file) => file,
            none => {
                let head = to_csv([header(FLOOR_COLUMNS)]);
                none.insert(begin(&path, &head).map_err(at(&path))?)
            }
        };
        file.write_all(&row).and_then(|()| file.sync_data()).map_err(at(&path))
    }

    /// Writes a trial's lines of the interval log, second by second; returns the rows of the timeline.
    fn append_histograms(&mut self, facts: &TrialFacts) -> io::Result<Vec<TimelineRow>> {
        let mut log = BufWriter::new(&self.histograms);
        let mut lines = histograms::Lines::begin(facts, self.zero_ns, &mut log)?;
        let seconds = timeline::Rows::of(facts);
        let mut rows = Vec::new();
        seconds.seconds(|second, interval| {
            rows.push(seconds.row(second, interval));
            lines.second(interval, &mut log)
        })?;
        lines.end(&mut log)?;
        log.flush()?;
        drop(log);
        self.histograms.sync_data()?;
        Ok(rows)
    }

    /// Writes `run.json` in one piece: a reader sees the old one or the new one, never a part.
    pub fn write_info(&self, info: &RunInfo) -> Result<(), FolderError> {
        let path = self.path.join("run.json");
        let text = serde_json::to_string_pretty(info)
            .map_err(|error| FolderError { path: path.clone(), source: error.into() })?;
        let text = crate::prose::inert_json(&text) + "\n";
        let fresh = self.path.join("run.json.tmp");
        let written = begin(&fresh, text.as_bytes())
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&fresh, &path))
            .and_then(|()| File::open(&self.path)?.sync_all());
        written.map_err(at(&path))
    }
}

/// Appends rows to a file that begins with its first row.
fn append_raw(
    file: &mut Option<File>,
    path: &Path,
    columns: &[Column],
    texts: impl Iterator<Item = Vec<u8>>,
) -> io::Result<()> {
    let mut texts = texts.peekable();
    if texts.peek().is_none() {
        return Ok(());
    }
    let file = match file {
        Some(file) => file,
        none => none.insert(begin(path, &to_csv([header(columns)]))?),
    };
    for text in texts {
        file.write_all(&text)?;
    }
    file.sync_data()
}

fn at(path: &Path) -> impl Fn(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError { path: path.clone(), source }
}

/// Creates `<parent>/<name>`, or `<name>-2`, `<name>-3`… where others were quicker.
fn fresh(parent: &Path, name: &str) -> Result<PathBuf, FolderError> {
    let mut path = parent.join(name);
    for number in 2.. {
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 10_000 => {
                path = parent.join(format!("{name}-{number}"));
            }
            other => return other.map(|()| path.clone()).map_err(at(&path)),
        }
    }
    unreachable!("the numbers do not end")
}

fn begin(path: &Path, text: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(text)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND_NS;
    use crate::measure::{Interval, Metric, Recorder};
    use crate::record::Intervals;
    use crate::record::synthetic::{case, facts, info, scenario};
    use crate::scenario::PatternKind;

    const START: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    #[test]
    fn a_folder_is_never_shared() {
        let out = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| RunFolder::create(out.path(), "quick", START, "laptop").unwrap())
            .map(|folder| folder.path().strip_prefix(out.path()).unwrap().to_owned())
            .collect();
        let name = "quick/19700101T000000Z-laptop";
        assert_eq!(
            names,
            [name.to_owned(), format!("{name}-2"), format!("{name}-3")].map(PathBuf::from)
        );
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let out = tempfile::tempdir().unwrap();
        let long = "\u{e4}".repeat(5_000);
        for text in ["../../etc", "..", "/", "", "a b", "\u{e4}", "-x", ".x", "a\nb", long.as_str()]
        {
            let folder = RunFolder::create(out.path(), text, START, text).unwrap();
            let inside = folder.path().strip_prefix(out.path()).unwrap();
            assert_eq!(inside.components().count(), 2, "{}", inside.display());
            assert!(inside.to_str().unwrap().len() < 160, "{}", inside.display());
        }
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 10, "a folder each");
    }

    #[test]
    fn a_check_leaves_no_folder_and_finds_a_file_in_the_way() {
        let out = tempfile::tempdir().unwrap();
        check_results_folder(out.path(), "quick").unwrap();
        assert_eq!(fs::read_dir(out.path().join("quick")).unwrap().count(), 0);
        fs::write(out.path().join("second"), "").unwrap();
        let error = check_results_folder(out.path(), "second").unwrap_err().to_string();
        assert!(error.contains("second cannot be written"), "{error}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named_with_a_remedy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = RunFolder::create(file.path(), "quick", START, "host").unwrap_err().to_string();
        assert!(error.contains(&file.path().display().to_string()), "{error}");
        assert!(error.contains("--out"), "{error}");
    }

    #[test]
    fn run_json_is_replaced_whole() {
        let out = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(out.path(), "quick", START, "host").unwrap();
        let mut info = info(scenario(Vec::new(), 1, &[]));
        for complete in [false, true] {
            info.complete = complete;
            folder.write_info(&info).unwrap();
            assert_eq!(RunInfo::read(folder.path()).unwrap(), info);
        }
        assert!(!folder.path().join("run.json.tmp").exists());
    }

    #[test]
    fn a_log_holds_the_seconds_as_they_were_measured_byte_for_byte() {
        let second = |worker: u64, at: u64| {
            let mut recorder = Recorder::new();
            for sample in 0..500 {
                recorder.record(Metric::Freshness, 1_000 + 7_919 * (sample * (at + 1) + worker));
                recorder.record(Metric::Transit, 1 + sample * 90_000_000);
            }
            let start_ns = 1_000 + at * SECOND_NS + worker;
            Interval { start_ns, end_ns: start_ns + SECOND_NS, snapshot: recorder.snapshot() }
        };
        for workers in [1, 2] {
            let mut facts = facts(&case(PatternKind::Sse, 10, ""), 1);
            facts.window_start_ns = 1_000;
            facts.intervals = Intervals::default();
            let mut merged = Vec::new();
            for at in 0..3 {
                let mut whole = second(0, at);
                facts.intervals.push(&whole.clone().pack().unwrap()).unwrap();
                if workers == 2 {
                    let other = second(1, at);
                    whole.snapshot.merge(&other.snapshot);
                    whole.end_ns = other.end_ns;
                    facts.intervals.push(&other.pack().unwrap()).unwrap();
                }
                merged.push(whole);
            }
            let out = tempfile::tempdir().unwrap();
            let mut folder = RunFolder::create(out.path(), "quick", START, "host").unwrap();
            let head = fs::read(folder.path().join("histograms.hlog")).unwrap();
            folder.append_histograms(&facts).unwrap();
            // The same from what never crossed a process boundary.
            let mut expected = head;
            let mut lines =
                histograms::Lines::begin(&facts, folder.zero_ns, &mut expected).unwrap();
            for second in &merged {
                lines.second(second, &mut expected).unwrap();
            }
            lines.end(&mut expected).unwrap();
            let written = fs::read(folder.path().join("histograms.hlog")).unwrap();
            assert!(written.len() > 1_000);
            assert!(written == expected, "{workers} workers");
        }
    }
}
