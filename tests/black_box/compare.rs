//! `tidings compare`: two results folders in, what changed out; what is broken or not comparable is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::text;
use crate::synthetic::{info, scenario, six, write_run};

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings")).arg("compare").args(arguments).output().unwrap()
}

/// Results folders of the same scenario, in folders of their own: a run of each name.
fn runs(out: &Path, names: &[&str], trials: u32) -> Vec<String> {
    let mut cases = six();
    for case in &mut cases {
        case.workload.clients = 20;
    }
    let info = info(scenario(cases, trials, &[]));
    let folder = |name: &&str| {
        let place = out.join(name);
        fs::create_dir(&place).unwrap();
        write_run(&place, &info, |_| ()).to_str().unwrap().to_owned()
    };
    names.iter().map(folder).collect()
}

/// Rewrites the cells of a column of `trials.csv`, or all but the first few of its lines.
fn with_cells(folder: &str, column: &str, cell: impl Fn(&str) -> String) {
    let path = PathBuf::from(folder).join("trials.csv");
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let head = reader.headers().unwrap().clone();
    let at = head.iter().position(|name| name == column).unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&head).unwrap();
    for row in reader.records() {
        let row = row.unwrap();
        let cells = row.iter().enumerate();
        writer
            .write_record(cells.map(|(i, old)| if i == at { cell(old) } else { old.to_owned() }))
            .unwrap();
    }
    fs::write(&path, writer.into_inner().unwrap()).unwrap();
}

fn scaled(folder: &str, column: &str, factor: f64) {
    with_cells(folder, column, |old| {
        old.parse::<f64>().map_or_else(|_| old.to_owned(), |value| (value * factor).to_string())
    });
}

#[test]
fn what_changed_is_told_as_text_markdown_and_data() {
    let out = tempfile::tempdir().unwrap();
    let runs = runs(out.path(), &["base", "new"], 8);
    scaled(&runs[1], "target_cpu_ns_per_delivery", 1.5);
    let (base, new) = (runs[0].as_str(), runs[1].as_str());
    let output = compare(&[base, new]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("Of 30 figures, 6 worse."), "{told}");
    let markdown =
        compare(&[base, new, "--format", "markdown", "--metrics", "target_cpu_per_delivery"]);
    let page = text(&markdown.stdout);
    assert!(page.contains("| metric | base | new | new / base |"), "{page}");
    assert_eq!(page.matches("target CPU per delivery").count(), 6, "{page}");
    let data = compare(&[base, new, "--format", "json"]);
    let data: Value = serde_json::from_slice(&data.stdout).unwrap();
    let cases = data["comparison"]["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for change in cases.iter().flat_map(|case| case["changes"].as_array().unwrap()) {
        let is_cpu = change["metric"] == "target_cpu_ns_per_delivery";
        assert_eq!(change["direction"] == "worse", is_cpu, "{change}");
        assert_eq!(change["claim"] == "shown", is_cpu, "{change}");
        assert!(!is_cpu || (change["ratio"].as_f64().unwrap() - 1.5).abs() < 1e-6, "{change}");
    }
}

#[test]
fn several_folders_per_side_count_once_each() {
    let out = tempfile::tempdir().unwrap();
    let runs = runs(out.path(), &["a", "b", "c", "d"], 2);
    let sides = ["--base", &runs[0], &runs[2], "--new", &runs[1], &runs[3], "--format", "json"];
    let output = compare(&sides);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["comparison"]["sample"], &told["exit_status"]), (&"runs".into(), &0.into()));
    assert_eq!(told["comparison"]["cases"][0]["changes"][0]["samples"], serde_json::json!([2, 2]));
}

#[test]
fn a_folder_that_holds_runs_means_its_newest() {
    let out = tempfile::tempdir().unwrap();
    let runs = runs(out.path(), &["base", "new"], 2);
    let above = Path::new(&runs[0]).parent().unwrap();
    let output = compare(&[above.to_str().unwrap(), &runs[1]]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("this is the newest"), "{}", text(&output.stderr));
}

#[test]
fn what_is_not_comparable_is_refused_unless_told_otherwise() {
    let out = tempfile::tempdir().unwrap();
    let runs = runs(out.path(), &["base", "new"], 2);
    let path = Path::new(&runs[1]).join("run.json");
    let mut told: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    told["scenario"]["target"]["ring"] = 64.into();
    fs::write(&path, told.to_string()).unwrap();
    let refused = compare(&[&runs[0], &runs[1]]);
    assert_eq!(refused.status.code(), Some(2));
    let why = text(&refused.stderr);
    assert!(
        why.contains("target.ring: ")
            && why.contains("in base, 64 in new")
            && why.contains("--anyway"),
        "{why}"
    );
    assert!(refused.stdout.is_empty());
    let anyway = compare(&[&runs[0], &runs[1], "--anyway"]);
    assert_eq!(anyway.status.code(), Some(0));
    assert!(
        text(&anyway.stdout).contains("Not comparable: target.ring"),
        "{}",
        text(&anyway.stdout)
    );
}

#[test]
fn broken_input_is_never_a_comparison() {
    let out = tempfile::tempdir().unwrap();
    let runs = runs(out.path(), &["base", "new", "nan", "cut", "empty", "later", "other"], 2);
    let at = |name: usize| Path::new(&runs[name]);
    with_cells(&runs[2], "target_cpu_ns_per_delivery", |_| "NaN".to_owned());
    let trials = at(3).join("trials.csv");
    let whole = fs::read(&trials).unwrap();
    fs::write(&trials, &whole[..whole.len() / 40]).unwrap();
    fs::remove_file(at(4).join("trials.csv")).unwrap();
    let info = at(5).join("run.json");
    let later = fs::read_to_string(&info).unwrap().replacen(
        "\"schema_version\": 1",
        "\"schema_version\": 9",
        1,
    );
    fs::write(&info, later).unwrap();
    let blank = out.path().join("blank");
    fs::create_dir(&blank).unwrap();
    for (new, words) in [
        (runs[2].as_str(), "NaN"),
        (&runs[3], "trials.csv"),
        (&runs[4], "trials.csv"),
        (&runs[5], "schema_version 9"),
        (blank.to_str().unwrap(), "no run.json"),
        (&runs[0], "is on both sides"),
    ] {
        let output = compare(&[&runs[0], new]);
        let why = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{new}: {why}\n{}", text(&output.stdout));
        assert!(why.contains(words) && output.stdout.is_empty(), "{new}: {why}");
    }
    let wrong = compare(&[&runs[0], &runs[1], "--metrics", "freshnes_p50"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("did you mean freshness_p50"), "{}", text(&wrong.stderr));
}

#[test]
fn sides_without_a_usable_trial_are_inconclusive() {
    let out = tempfile::tempdir().unwrap();
    let runs = runs(out.path(), &["base", "new"], 2);
    with_cells(&runs[1], "verdict", |_| "invalid".to_owned());
    let output = compare(&[&runs[0], &runs[1]]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("inconclusive"));
    assert_eq!(text(&output.stdout).matches("no usable trial in new (2 invalid").count(), 6);
}
