//! Apache Otava names the change points that `tidings history` names, from the files that it exports.

use std::process::Command;

use crate::external_support::{Program, further_are_here};
use crate::history_support::{changes, data, noise, set, shown, write_history};
use crate::support::text;

const OTAVA: [Program; 1] = [Program { variable: "OTAVA", name: "otava" }];

const CPU: &str = "target_cpu_ns_per_delivery";
const FRESHNESS: &str = "freshness_ns_p50";

#[test]
fn apache_otava_names_the_same_change_points() {
    if !further_are_here("change points by Apache Otava", &OTAVA, &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_history(at, 90, |at, line| {
        let after = |place: usize, factor: f64| if at < place { 1.0 } else { factor };
        set(line, "sse", FRESHNESS, 1e5 * noise(at) * after(30, 1.1));
        set(line, "sse", CPU, 9e3 * noise(at + 3) * after(61, 0.8));
        set(line, "websocket", FRESHNESS, 8e4 * noise(at + 5) * after(20, 1.2) * after(55, 0.7));
        set(line, "websocket", CPU, 7e3 * noise(at + 8));
    });
    let ours = data(at, &["--metrics", &format!("{FRESHNESS},{CPU}")]);
    let export = ["--metrics", &format!("{FRESHNESS},{CPU}"), "--export", "otava-csv"];
    shown(at, &export);
    let program = std::env::var("OTAVA").unwrap_or_else(|_| "otava".to_owned());
    let mut named = 0;
    for case in ["sse", "websocket"] {
        let mut otava = Command::new(&program);
        otava.args(["analyze", "--config-file"]).arg(at.join("otava/otava.yaml"));
        otava.args(["--since", "2025-01-01T10:00:00Z", "--magnitude", "0.05", "--output", "json"]);
        let test = format!("made-up.{case}");
        let output = otava.arg(&test).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let theirs: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
        for metric in [FRESHNESS, CPU] {
            let groups = theirs[&test].as_array().unwrap().iter();
            let revisions: Vec<String> = groups
                .filter(|group| {
                    let mut changes = group["changes"].as_array().unwrap().iter();
                    changes.any(|change| change["metric"] == metric)
                })
                .map(|group| group["attributes"]["revision"].as_str().unwrap().to_owned())
                .collect();
            let own: Vec<String> =
                changes(&ours, case, metric).into_iter().map(|(revision, _)| revision).collect();
            assert_eq!(revisions, own, "{case}, {metric}: {said}");
            named += own.len();
        }
    }
    assert_eq!(named, 4, "one step up, one down, two steps, and none");
}
