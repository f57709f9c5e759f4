//! `tidings gate`: two sides in, a decision out; what is broken is refused, and nothing is lost on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tidings::record::Run;

use crate::gate_broken::broken_inputs;
use crate::support::{eventually, rows, text};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tidings");

/// A gate of short trials: two clients, a hundred events per second for each.
const SCENARIO: &str = r#"
question = "Is the head worse?"
patterns = ["sse"]
[gate]
tolerances = ["freshness_p50=20%", "target_sent_bytes_per_delivery=0.3%"]
budget = "90s"
[workload]
clients = 2
topics = "per-client"
rate = "100/s"
arrivals = "constant"
payload = "128B"
[phases]
connect = "10ms"
idle = "0s"
warmup = "50ms"
measure = "400ms"
drain = "1s"
"#;

pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pair.toml"), SCENARIO).unwrap();
        Self { folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(["gate", "pair.toml", "--out", "out"])
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn gate(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The one folder of a gate.
    pub(crate) fn results(&self) -> Option<PathBuf> {
        let mut folders = fs::read_dir(self.folder.path().join("out/pair")).ok()?;
        let folder = folders.next()?.unwrap().path();
        assert!(folders.next().is_none(), "one gate, one folder");
        Some(folder)
    }
}

pub(crate) fn replay(folder: &Path) -> Output {
    let arguments = ["gate", "--format", "json", "--replay"];
    Command::new(BINARY).args(arguments).arg(folder).output().unwrap()
}

pub(crate) fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

fn started(bench: &Bench, arguments: &[&str]) -> Child {
    bench.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// How many trials `gate.csv` has.
pub(crate) fn trials(folder: &Path) -> usize {
    let table = fs::read_to_string(folder.join("gate.csv")).unwrap_or_default();
    table.matches('\n').count().saturating_sub(1)
}

/// The gate fails within its first block: two commands, of which one is given its port and the other prints it.
#[test]
fn a_head_that_loses_events_fails_at_once_and_both_sides_are_ordinary_results() {
    let bench = Bench::new();
    let serve = format!("{BINARY} serve --rate 0/s --topics 2 --shards 1");
    let base = format!("{serve} --listen 127.0.0.1:{{{{port}}}}");
    let head = format!("{serve} --listen 127.0.0.1:0 --fault drop=0.4 --fault padding=200B");
    let ended = bench.gate(&["--base", &base, "--head", &head, "--format", "json"]);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    // What the budget buys is said before the first block.
    let budget = said.find("a fail is possible from block").expect(&said);
    // On a busy machine the first blocks may not count: "block 0 of 19 (1 begun)".
    assert!(budget < said.find("\nblock ").expect(&said), "{said}");
    let told = document(&ended);
    assert_eq!((&told["exit_status"], &told["result"]["outcome"]), (&1.into(), &"fail".into()));
    let deliveries = &told["result"]["deliveries"];
    assert_eq!(deliveries["failed_cases"], serde_json::json!(["sse"]));
    assert_eq!(deliveries["trials"]["base"], 0);
    assert!(
        deliveries["trials"]["head"].as_u64().unwrap() >= 2,
        "once could be chance: {deliveries}"
    );

    let folder = bench.results().unwrap();
    let table = rows(&folder.join("gate.csv"));
    let of = |arm: &str| table.iter().filter(|row| row["arm"] == arm).collect::<Vec<_>>();
    for arm in ["base", "head"] {
        let run = Run::read(&folder.join(arm)).unwrap();
        assert_eq!(run.trials.len(), of(arm).len(), "{arm}");
        assert!(run.info.complete && run.warnings.is_empty(), "{:?}", run.warnings);
        assert!(folder.join(arm).join("report.md").exists());
        for row in of(arm) {
            let trial = run.trials.iter().find(|t| t.identity.trial.to_string() == row["trial"]);
            let lost = trial.unwrap().ledger.unwrap().lost;
            assert_eq!(lost.to_string(), row["lost"]);
            assert_eq!(lost > 0, arm == "head");
        }
    }
    // All trials of a block have the same events. On a busy machine, several share a chunk and save its header: a few bytes.
    let bytes = |arm| -> Vec<f64> {
        let cell = |row: &&std::collections::BTreeMap<String, String>| {
            row["target_sent_bytes_per_delivery"].parse::<f64>().ok()
        };
        of(arm).iter().filter_map(cell).collect()
    };
    let mean = |all: Vec<f64>| all.iter().sum::<f64>() / all.len() as f64;
    let more = mean(bytes("head")) - mean(bytes("base"));
    assert!((150.0..250.0).contains(&more), "{more} bytes more");
    let again = replay(&folder);
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    assert_eq!(document(&again)["result"], told["result"], "the files decide alike");
    broken_inputs(&folder);
}

#[test]
fn a_gate_that_is_stopped_keeps_its_pairs_and_says_inconclusive() {
    let bench = Bench::new();
    let gate = started(&bench, &["--head-set", "faults.padding=0", "--seed", "3"]);
    let folder = eventually("two trials", || bench.results().filter(|folder| trials(folder) >= 2));
    kill_process(Pid::from_child(&gate), Signal::INT).unwrap();
    let ended = gate.wait_with_output().unwrap();
    let (out, said) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(out.contains("INCONCLUSIVE: stopped by Ctrl-C"), "{out}");
    assert!(out.trim_end().ends_with(folder.file_name().unwrap().to_str().unwrap()), "{out}");
    let kept = trials(&folder);
    assert!(kept >= 2);
    let told: Value = serde_json::from_slice(&fs::read(folder.join("gate.json")).unwrap()).unwrap();
    assert_eq!(told["result"]["outcome"], "inconclusive");
    assert_eq!((&told["stopped_by"], &told["trials"]), (&"Ctrl-C".into(), &kept.into()));
    for name in ["report.md", "base/report.md", "base/trials.csv", "head/trials.csv"] {
        assert!(folder.join(name).exists(), "{name}");
    }
    let again = replay(&folder);
    assert_eq!(again.status.code(), Some(3), "never a pass: {}", text(&again.stderr));
    assert_eq!(document(&again)["result"]["outcome"], "inconclusive");
}

#[test]
fn revisions_are_built_in_worktrees_that_are_gone_afterwards() {
    let bench = Bench::new();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args([
                "-c",
                "user.name=T",
                "-c",
                "user.email=t@example.org",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(bench.folder.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", text(&done.stderr));
        text(&done.stdout).trim().to_owned()
    };
    // The build decides what the server does.
    let source = |faults: &str| {
        let server = format!(
            "exec {BINARY} serve --rate 0/s --topics 2 --shards 1 --listen 127.0.0.1:$1 {faults}\n"
        );
        fs::write(bench.folder.path().join("server.source"), server).unwrap();
        git(&["add", "server.source"]);
        git(&["commit", "--quiet", "-m", "server"]);
    };
    git(&["init", "--quiet", "."]);
    source("");
    let old = git(&["rev-parse", "HEAD"]);
    source("--fault drop=0.4");
    let build = "cp server.source server.sh";
    let gate = |more: &[&str]| {
        bench.gate(
            &[
                &["--base-rev", "HEAD^", "--serve", "sh server.sh {{port}}", "--format", "json"],
                more,
            ]
            .concat(),
        )
    };
    let ended = gate(&["--build", build]);
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
    let told = document(&ended);
    assert_eq!(told["gate"]["base"]["revision"], old.as_str());
    assert_eq!(told["result"]["deliveries"]["failed_cases"], serde_json::json!(["sse"]));
    let failed = gate(&["--build", "echo no compiler; exit 7"]);
    let said = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(2), "{said}");
    assert!(said.contains("HEAD^ cannot be built") && said.contains("no compiler"), "{said}");
    assert_eq!(git(&["worktree", "list"]).lines().count(), 1, "no worktree is left");
    let unknown = bench.gate(&["--base-rev", "v9", "--serve", "x {{port}}"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        text(&unknown.stderr).contains("'v9' is not a revision of"),
        "{}",
        text(&unknown.stderr)
    );
}

#[test]
fn what_cannot_be_decided_is_refused_before_anything_is_started() {
    let bench = Bench::new();
    for (arguments, expected) in [
        (&[][..], "nothing distinguishes base and head"),
        (&["--head", "x"], "--base"),
        (
            &["--base", "./server {{port}}", "--head", "http://127.0.0.1:9"],
            "must be two commands or two URLs",
        ),
        (&["--base", "./server \"", "--head", "./server"], "a quote that is not closed"),
        (&["--head-set", "faults.dorp=0.1"], "--head-set faults.dorp=0.1: unknown key 'dorp'"),
        (&["--head-set", "patterns=[\"websocket\"]"], "base has sse; head has websocket"),
        (&["--head-set", "phases.warmup=1s"], "different [phases]"),
        (&["--head-set", "faults.drop=0", "--budget", "10s"], "and a fail is possible from"),
        (
            &["--head-set", "faults.drop=0", "--tolerance", "freshness_p5=5%"],
            "is not a metric; did you mean",
        ),
        (&["--head-set", "faults.drop=0", "--tolerance", "freshness_p50=0%"], "is not a tolerance"),
        (&["--head-set", "faults.drop=0", "--budget", "soon"], "'soon' is not a duration"),
        (&["--head-set", "gate.budget=soon"], "gate.budget: 'soon' is not a duration"),
        (&["--base-url", "http://127.0.0.1:9"], "--head-url"),
        (&["--base-rev", "main"], "git"),
        (&["--head-rev", "main"], "--base-rev"),
    ] {
        let refused = bench.gate(arguments);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains(expected),
            "{arguments:?}: expected '{expected}', and it said {said}"
        );
        assert!(bench.results().is_none(), "{arguments:?} left a folder");
    }
    // A server that does not start is no regression that could pass: the first trial says why.
    let refused = bench.gate(&["--base", "false {{port}}", "--head", "false {{port}}"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("the base's first trial of sse failed") && said.contains("false"),
        "{said}"
    );
}
