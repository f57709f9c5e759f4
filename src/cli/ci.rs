//! The files and lines for CI systems, of every verb that judges.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tidings::record::utc;
use tidings::report::ci::{self, CiReport};
use time::OffsetDateTime;

use super::{exit, output};

/// What is written for CI systems.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "For CI")]
pub(super) struct CiArguments {
    /// Write a JUnit XML file: a test case per objective and gated metric
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the outcome as Markdown, for a step summary or a pull-request comment
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the figures as JSON for github-action-benchmark (customSmallerIsBetter)
    #[arg(long, value_name = "FILE")]
    benchmark_json: Option<PathBuf>,
    /// Print GitHub annotations to stderr, where the runner reads them as well
    #[arg(long)]
    annotations: bool,
}

impl CiArguments {
    /// Whether anything is to be written.
    pub(super) const fn is_asked(&self) -> bool {
        self.junit.is_some()
            || self.markdown.is_some()
            || self.benchmark_json.is_some()
            || self.annotations
    }

    /// Writes the files before anything is read of the scenarios.
    pub(super) fn not_begun<'a>(
        &self,
        verb: &'static str,
        files: impl IntoIterator<Item = &'a Path>,
    ) -> anyhow::Result<()> {
        let now = utc(OffsetDateTime::now_utc());
        let name =
            |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let account = |file: &Path| CiReport::not_begun(verb, name(file), now.clone());
        self.begin(&files.into_iter().map(account).collect::<Vec<_>>())
    }

    /// Writes the files while nothing is judged yet, so that one that cannot be written costs no measurement, none of an earlier
    /// run is mistaken for this one's, and a run that is killed leaves a file that says so.
    pub(super) fn begin(&self, reports: &[CiReport]) -> anyhow::Result<()> {
        let files = self.files(reports);
        for (at, (flag, path, _)) in files.iter().enumerate() {
            if let Some((other, ..)) = files[..at].iter().find(|(_, other, _)| other == path) {
                bail!("{other} and {flag} name the same file, {}", path.display());
            }
        }
        for (flag, path, text) in files {
            write(path, &text)
                .with_context(|| format!("{flag}: cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes everything; returns the exit status for what could not be written.
    pub(super) fn end(&self, reports: &[CiReport]) -> u8 {
        let mut status = 0;
        for (flag, path, text) in self.files(reports) {
            if let Err(error) = write(path, &text) {
                let path = path.display();
                output::message(format_args!("{flag}: cannot write {path}: {error}"));
                status = exit::USAGE;
            }
        }
        if self.annotations {
            output::command(&ci::annotations(reports));
        }
        status
    }

    fn files(&self, reports: &[CiReport]) -> Vec<(&'static str, &Path, String)> {
        type Render = fn(&[CiReport]) -> String;
        let all: [(&str, &Option<PathBuf>, Render); 3] = [
            ("--junit", &self.junit, ci::junit),
            ("--markdown", &self.markdown, ci::comment),
            ("--benchmark-json", &self.benchmark_json, ci::benchmark),
        ];
        all.into_iter()
            .filter_map(|(flag, path, render)| Some((flag, path.as_deref()?, render(reports))))
            .collect()
    }
}

/// Writes a file in one piece: a reader sees the old one or the new one. A pipe or a device is written to.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    // What a link points to is replaced, not the link.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.metadata().is_ok_and(|held| !held.is_file()) {
        return fs::OpenOptions::new().write(true).open(&path)?.write_all(text.as_bytes());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".tmp");
    let written = fs::write(&fresh, text).and_then(|()| fs::rename(&fresh, &path));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}
