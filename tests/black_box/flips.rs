//! Where a ranking turns over by the closed form, it turns over when it is measured.

use std::path::Path;
use std::process::Command;

use tidings::judge::{Axis, flips, summary};
use tidings::record::Run;

const SCENARIO: &str = r#"
question = "Where does it flip?"
patterns = ["short-poll", "sse"]
trials = 1
floor = false
[workload]
clients = 60
topics = "per-client"
rate = "RATE/s"
[short-poll]
interval = "500ms"
[phases]
connect = "100ms"
idle = "700ms"
warmup = "200ms"
measure = "1500ms"
drain = "2s"
"#;

/// Runs the scenario at `rate` events per second and client.
fn run(folder: &Path, rate: f64) -> Run {
    let file = folder.join(format!("flip-{rate}.toml"));
    std::fs::write(&file, SCENARIO.replace("RATE", &rate.to_string())).unwrap();
    let out = folder.join(format!("out-{rate}"));
    let ran = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["run", "--quiet", "--out"])
        .arg(&out)
        .arg(&file)
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    let mut folders = std::fs::read_dir(out.join(format!("flip-{rate}"))).expect(&said);
    Run::read(&folders.next().unwrap().unwrap().path()).unwrap()
}

fn bytes_per_s(run: &Run, pattern: &str) -> f64 {
    let trial = run.trials.iter().find(|trial| trial.identity.pattern.name() == pattern).unwrap();
    assert_eq!(trial.ledger.unwrap().lost, 0, "{pattern}");
    trial.figures.number("wire_bytes_per_s").unwrap()
}

/// Bytes, because they are the same on every machine.
#[test]
fn a_ranking_turns_over_where_the_closed_form_says() {
    let folder = tempfile::tempdir().unwrap();
    let base = run(folder.path(), 1.0);
    let flips = flips(&summary(&base), &base.info.scenario.cases);
    let flip = flips.iter().find(|flip| flip.axis == Axis::Wire).expect("polls are dear at 1/s");
    assert_eq!((flip.less_here.as_str(), flip.less_beyond.as_str()), ("sse", "short-poll"));
    assert!(flip.at > 1.0, "{flip:?}");
    for (rate, less, more) in
        [(flip.at / 1.5, "sse", "short-poll"), (flip.at * 1.5, "short-poll", "sse")]
    {
        // A rate that a file can say.
        let rate = (rate * 100.0).round() / 100.0;
        let swept = run(folder.path(), rate);
        let (less_bytes, more_bytes) = (bytes_per_s(&swept, less), bytes_per_s(&swept, more));
        assert!(
            less_bytes < more_bytes,
            "at {rate}/s {less} takes {less_bytes} B/s and {more} {more_bytes}; flip at {}",
            flip.at
        );
    }
}
