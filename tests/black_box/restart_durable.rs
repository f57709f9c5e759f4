#![expect(clippy::float_cmp, reason = "counts read from files; a test may panic")]
//! A restart with the durable outbox goes over the folder that the target leaves on disk.

use crate::support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::{Bench, eventually, number, only_noise, scenario, text};
use tempfile::TempDir;

/// A run of one webhook case whose target is restarted, and the folder that its outbox is made in.
struct Restarted {
    bench: Bench,
    scratch: TempDir,
}

impl Restarted {
    fn new(restart: &str, more: &str) -> Self {
        let restart = format!("restart = {{ at = \"500ms\", down = \"300ms\"{restart} }}");
        let durable = format!("[webhook]\noutbox = \"durable\"\n{more}");
        let bench = Bench::new(&(scenario(&["webhook"], 1, "2s", &restart) + &durable));
        Self { bench, scratch: tempfile::tempdir().unwrap() }
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = self.bench.command(more);
        command.env("TMPDIR", self.scratch.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The store, once the target has made it.
    fn store(&self) -> PathBuf {
        eventually("the store", || {
            let folder = entries(self.scratch.path()).into_iter().next()?;
            Some(folder.join("outbox.redb")).filter(|file| file.exists())
        })
    }

    fn assert_nothing_is_left(&self) {
        self.bench.wait_until_gone();
        assert_eq!(entries(self.scratch.path()), Vec::<PathBuf>::new());
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Nothing acknowledged is lost, and a receiver could recognise every duplicate.
fn assert_exact(row: &BTreeMap<String, String>) {
    assert!(number(row, "expected") > 0.0, "{row:?}");
    assert_eq!(number(row, "delivered"), number(row, "expected"), "{row:?}");
    assert_eq!((number(row, "lost"), number(row, "duplicate")), (0.0, 0.0), "{row:?}");
    // Receivers do not register again, so every delivery after the restart goes to an endpoint from the disk. A link may
    // still wait to look it up when the trial ends: everything has arrived by then.
    assert!((1.0..=20.0).contains(&number(row, "reconnects")), "{row:?}");
    assert_eq!(number(row, "error_status"), 0.0, "{row:?}");
    assert!(number(row, "freshness_ns_max") >= 50e6, "what was due meanwhile comes late: {row:?}");
}

#[test]
fn a_killed_and_a_finished_target_leave_their_outbox_to_the_next() {
    for graceful in ["", ", graceful = true"] {
        let run = Restarted::new(graceful, "");
        let output = run.command(&[]).output().unwrap();
        only_noise(&run.bench.results(), &output);
        let trials = run.bench.trials();
        assert_eq!(trials.len(), 1);
        assert_exact(&trials[0]);
        run.assert_nothing_is_left();
    }
}

#[test]
fn the_successor_is_as_good_as_the_disk() {
    // The warm-up is longer than any pause of the machine: the file is exchanged before the target goes.
    let run = Restarted::new("", "");
    let child = run.command(&["--set", "phases.warmup=5s"]).spawn().unwrap();
    let store = run.store();
    // The target continues to write to its open file.
    let foreign = store.with_extension("foreign");
    std::fs::write(&foreign, vec![7; 1 << 20]).unwrap();
    std::fs::rename(&foreign, &store).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let row = &run.bench.trials()[0];
    assert_eq!(row["verdict"], "failed", "{row:?}");
    assert!(row["verdict_reasons"].contains("the durable outbox: "), "{row:?}");
    run.assert_nothing_is_left();
}

#[test]
fn events_missing_from_an_empty_store_are_lost() {
    let run = Restarted::new("", "");
    let sets = ["phases.warmup=5s", "phases.drain=1s"];
    let sets = sets.iter().flat_map(|set| ["--set", set]).collect::<Vec<_>>();
    let child = run.command(&sets).spawn().unwrap();
    std::fs::remove_file(run.store()).unwrap();
    let output = child.wait_with_output().unwrap();
    let row = &run.bench.trials()[0];
    assert_ne!(row["verdict"], "failed", "{} {row:?}", text(&output.stderr));
    assert!(number(row, "lost") > 0.0, "no endpoint, no delivery: {row:?}");
    assert!(number(row, "error_status") > 0.0, "each receiver finds itself unknown: {row:?}");
    assert_eq!(number(row, "reconnects"), 0.0, "{row:?}");
    run.assert_nothing_is_left();
}

#[test]
fn an_interrupted_run_removes_the_outbox() {
    for signals in 1..=2 {
        let run = Restarted::new("", "");
        let child = run.command(&["--set", "phases.warmup=60s"]).spawn().unwrap();
        run.store();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        for _ in 0..signals {
            // The first is answered in an orderly way; a second that is no echo of it ends the process at once.
            let _ = kill_process(pid, Signal::INT);
            std::thread::sleep(std::time::Duration::from_millis(600));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
        run.assert_nothing_is_left();
    }
}

#[test]
fn a_log_on_disk_cannot_be_lost() {
    let run = Restarted::new(", log = \"lost\"", "");
    let output = run.command(&[]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(
        told.contains("restart.log = \"lost\" contradicts webhook.outbox = \"durable\""),
        "{told}"
    );
}
