//! Shared by the black-box tests of `tidings run`: scenarios on disk, runs as processes, rows of files.

mod noise;
mod terminal;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) use noise::{UNSTEADY, only_noise, only_noise_and, spoilt_by_noise};
pub(crate) use terminal::Terminal;
pub(crate) use tools::{NO_MODULE, left_out, python, python_has};

/// A folder with a scenario, and the runs that are made of it.
pub(crate) struct Bench {
    folder: TempDir,
    /// Marks this bench's processes: children inherit it.
    mark: String,
}

/// A small scenario: `patterns` at 20 clients, 20 events/s for `measure`, without a noise floor.
pub(crate) fn scenario(patterns: &[&str], trials: u32, measure: &str, more: &str) -> String {
    format!(
        r#"question = "Does it work?"
patterns = {patterns:?}
trials = {trials}
floor = false
{more}
[workload]
clients = 20
rate = "20/s"
[phases]
connect = "50ms"
warmup = "200ms"
measure = "{measure}"
drain = "5s"
[short-poll]
interval = "100ms"
[request]
rate = "200/s"
"#
    )
}

impl Bench {
    /// A bench whose scenario file has this text.
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("test.toml"), text).unwrap();
        let mark = folder.path().file_name().unwrap().to_str().unwrap().to_owned();
        Self { folder, mark }
    }

    /// The scenario's path.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("test.toml")
    }

    /// Where results go.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    /// `tidings run` of the scenario, with more arguments.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.arg("run").arg(self.file()).arg("--out").arg(self.out()).args(more);
        command.env("TIDINGS_TEST_MARK", &self.mark).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    /// Runs it to its end; what makes a trial doubtful may be the machine's noise alone.
    pub(crate) fn measure(&self, more: &[&str]) -> Output {
        let output = self.run(more);
        only_noise(&self.results(), &output);
        output
    }

    /// Starts it, its output piped.
    pub(crate) fn start(&self) -> Running {
        let child = self.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running(Some(child.unwrap()))
    }

    /// Processes of this bench whose command line holds `what`.
    pub(crate) fn processes(&self, what: &str) -> Vec<Pid> {
        let mark = format!("TIDINGS_TEST_MARK={}", self.mark);
        let holds = |path: PathBuf, text: &str| {
            let bytes = fs::read(path).unwrap_or_default();
            bytes.split(|b| *b == 0).any(|part| part == text.as_bytes())
        };
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        ids.filter(|id| {
            holds(format!("/proc/{id}/environ").into(), &mark)
                && holds(format!("/proc/{id}/cmdline").into(), what)
        })
        .filter_map(Pid::from_raw)
        .collect()
    }

    /// Waits until a process whose command line holds `what` is there.
    pub(crate) fn wait_for(&self, what: &str) -> Pid {
        eventually(what, || self.processes(what).first().copied())
    }

    /// Waits until no process of this bench is left.
    pub(crate) fn wait_until_gone(&self) {
        eventually("the children's end", || {
            let left = self.processes("target").len() + self.processes("worker").len();
            (left == 0).then_some(())
        });
    }

    /// The one results folder.
    pub(crate) fn results(&self) -> PathBuf {
        let runs: Vec<_> = fs::read_dir(self.out().join("test")).unwrap().flatten().collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].path()
    }

    /// The rows of the run's `trials.csv`, by column.
    pub(crate) fn trials(&self) -> Vec<BTreeMap<String, String>> {
        rows(&self.results().join("trials.csv"))
    }

    /// Waits until the run has recorded `n` trials.
    pub(crate) fn wait_for_trials(&self, n: usize) {
        eventually("trials", || {
            let run = fs::read_dir(self.out().join("test")).ok()?.flatten().next()?.path();
            let text = fs::read_to_string(run.join("trials.csv")).ok()?;
            (text.lines().count() > n).then_some(())
        });
    }
}

/// A run under way; killed when dropped.
pub(crate) struct Running(Option<Child>);

impl Running {
    /// A child that was started otherwise.
    pub(crate) fn of(child: Child) -> Self {
        Self(Some(child))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.0.as_ref().unwrap().id();
        kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until `look` finds something; panics after a minute.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The rows of a CSV file, by column.
pub(crate) fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// A cell as a number.
pub(crate) fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is '{}' in {row:?}", row[column]))
}

/// What a process printed, as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
