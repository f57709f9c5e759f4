//! `tidings report`, from outside: made-up results folders in, files, text and exit status out.

use crate::synthetic;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tidings::scenario::Case;

use synthetic::{info, losing, scenario, six, twelve, write_run};

fn report(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings")).arg("report").arg(folder).output().unwrap()
}

fn small(mut cases: Vec<Case>) -> Vec<Case> {
    for case in &mut cases {
        case.workload.clients /= 20;
    }
    cases
}

/// Every file below `folder`, by its path in it.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((
                    path.strip_prefix(folder).unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

/// Distinct colours of a PNG.
fn colours(png: &[u8]) -> usize {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels.chunks(3).collect::<BTreeSet<_>>().len()
}

#[test]
fn the_same_folder_gives_the_same_bytes_and_every_file() {
    let out = tempfile::tempdir().unwrap();
    let folder = write_run(out.path(), &info(scenario(small(six()), 3, &["reach >= 1"])), |_| ());
    let first = report(&folder);
    assert!(first.status.success(), "{first:?}");
    let made = files(&folder);
    let names: Vec<_> = made.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    let mut expected = vec![
        "histograms.hlog",
        "percentiles.csv",
        "report.md",
        "run.json",
        "summary.csv",
        "timeline.csv",
        "trials.csv",
    ];
    let charts: Vec<String> =
        ["cost", "deliveries-per-second", "freshness-cost", "freshness-percentiles"]
            .iter()
            .flat_map(|name| [format!("charts/{name}.png"), format!("charts/{name}.svg")])
            .collect();
    expected.splice(0..0, charts.iter().map(String::as_str));
    let (distributions, names): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| name.starts_with("histograms/"));
    assert!(distributions.contains(&"histograms/sse.freshness.hgrm"), "{distributions:?}");
    assert!(distributions.contains(&"histograms/request.response.hgrm"), "{distributions:?}");
    assert_eq!(names, expected);
    let second = report(&folder);
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(made, files(&folder));
}

#[test]
fn charts_are_pictures() {
    let out = tempfile::tempdir().unwrap();
    for cases in [six(), twelve()] {
        let folder = write_run(out.path(), &info(scenario(small(cases), 2, &[])), |_| ());
        assert!(report(&folder).status.success());
        for (path, bytes) in files(&folder.join("charts")) {
            if path.extension().unwrap() == "png" {
                assert!(colours(&bytes) > 20, "{} has {} colours", path.display(), colours(&bytes));
            } else {
                let text = String::from_utf8(bytes).unwrap();
                assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
                assert!(text.contains("websocket"), "{}", path.display());
            }
        }
    }
}

#[test]
fn a_terminal_gets_a_table_and_the_path_last() {
    let out = tempfile::tempdir().unwrap();
    let folder = write_run(out.path(), &info(scenario(small(twelve()), 2, &[])), |_| ());
    let output = report(&folder);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().last(), folder.to_str());
    for line in text.lines().take(text.lines().count() - 1) {
        assert!(line.chars().count() <= 110 && !line.chars().any(char::is_control), "{line:?}");
    }
    assert!(output.stderr.is_empty());
}

#[test]
fn losses_appear_in_every_output() {
    let out = tempfile::tempdir().unwrap();
    let cases = vec![small(six()).remove(4)];
    let folder = write_run(out.path(), &info(scenario(cases, 2, &["lost == 0"])), |facts| {
        *facts = losing(&facts.case, facts.trial, 50);
        facts.target.counters.add(tidings::measure::Counter::Published, 1);
    });
    let text = String::from_utf8(report(&folder).stdout).unwrap();
    for words in [
        "100/0/0",
        "websocket: 100 lost of 2100 expected deliveries",
        "MISSED  lost == 0  [websocket: 100]",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    for file in ["trials.csv", "summary.csv", "percentiles.csv"] {
        let table = fs::read_to_string(folder.join(file)).unwrap();
        assert!(table.contains(",>"), "{file}: a quantile among the lost is only a bound");
    }
}

#[test]
fn a_run_that_was_cut_short_is_reported_as_far_as_it_came() {
    let out = tempfile::tempdir().unwrap();
    let mut info = info(scenario(small(six()), 2, &[]));
    (info.complete, info.finished_utc) = (false, None);
    let folder = write_run(out.path(), &info, |_| ());
    let path = folder.join("trials.csv");
    let trials = fs::read(&path).unwrap();
    fs::write(&path, &trials[..trials.len() - 9]).unwrap();
    let output = report(&folder);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Partial run: 11 of 12 trials"), "{text}");
    assert!(text.contains("trials.csv: the last line was cut short"), "{text}");
}

#[test]
fn a_run_stopped_before_its_first_trial_has_charts_that_say_so() {
    let out = tempfile::tempdir().unwrap();
    let mut info = info(scenario(small(six()), 2, &[]));
    info.plan.clear();
    let folder = write_run(out.path(), &info, |_| ());
    assert!(report(&folder).status.success());
    for name in ["freshness-percentiles", "deliveries-per-second", "freshness-cost"] {
        let svg = fs::read_to_string(folder.join(format!("charts/{name}.svg"))).unwrap();
        assert!(svg.contains("no data"), "{name}");
    }
}

#[test]
fn a_folder_without_results_is_refused_with_a_remedy() {
    let out = tempfile::tempdir().unwrap();
    let foreign = out.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("run.json"), "{\"schema_version\": \"x\"}").unwrap();
    let later = out.path().join("later");
    fs::create_dir(&later).unwrap();
    fs::write(later.join("run.json"), "{\"schema_version\": 99}").unwrap();
    for (folder, words) in [
        (out.path().to_owned(), "no run.json; give the folder that `tidings run` printed"),
        (out.path().join("missing"), "is not a results folder"),
        (foreign, "line 1 column"),
        (later, "schema_version 99"),
    ] {
        let output = report(&folder);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words) && message.lines().count() == 1, "{message}");
    }
}
