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
        "metrics.prom",
        "percentiles.csv",
        "report.html",
        "report.md",
        "run.json",
        "summary.csv",
        "summary.json",
        "timeline.csv",
        "trials.csv",
    ];
    let charts: Vec<String> = ["cost", "freshness-cost", "freshness-percentiles"]
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
        assert!(table.contains(",inf,"), "{file}: a quantile among the lost has no number");
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
    assert!(text.contains("Partial run (it is still running, or was killed): 11 of 12 trials finished, 1 not started."), "{text}");
    assert!(text.contains("trials.csv: the last line was cut short"), "{text}");
}

#[test]
fn a_stopped_run_counts_what_finished_what_failed_and_what_was_cut_short() {
    for (stopped, died, says, trusted) in [
        (None, 0, "2 of 12 trials finished, 10 not started.", "partly: 2 of 2"),
        (
            Some(2),
            0,
            "1 of 12 trials finished, 1 cut short, 10 not started.",
            "Partly: 1 of 2 trials usable (1 valid, 1 cut short)",
        ),
        (
            Some(1),
            0,
            "0 of 12 trials finished, 1 cut short, 11 not started.",
            "No: 0 of 1 trial usable (1 cut short)",
        ),
        (
            Some(2),
            1,
            "0 of 12 trials finished, 1 cut short, 1 failed, 10 not started.",
            "No: 0 of 2 trials usable (1 failed, 1 cut short)",
        ),
    ] {
        let out = tempfile::tempdir().unwrap();
        let mut info = info(scenario(small(six()), 2, &[]));
        (info.complete, info.stopped_by) = (false, Some("Ctrl-C".to_owned()));
        let all = info.plan.clone();
        info.plan.truncate(stopped.unwrap_or(2));
        let at = std::cell::Cell::new(0);
        let folder = write_run(out.path(), &info, |facts| {
            at.set(at.get() + 1);
            facts.failure = match at.get() {
                at if Some(at) == stopped => Some("stopped by Ctrl-C".to_owned()),
                at if at == died => Some("the target died".to_owned()),
                _ => None,
            };
        });
        info.plan = all;
        fs::write(folder.join("run.json"), serde_json::to_string(&info).unwrap()).unwrap();
        let output = report(&folder);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("Partial run (stopped by Ctrl-C): {says}")), "{text}");
        assert!(stopped.is_none() || text.contains(trusted), "{trusted}: {text}");
        let cases = text.lines().filter(|line| line.trim_end().ends_with("cut short")).count();
        assert_eq!(cases, usize::from(stopped.is_some()), "the table: {text}");
        let cut = text.contains("Cut short (") && text.contains("): stopped by Ctrl-C.");
        assert_eq!(cut, stopped.is_some(), "{text}");
        assert_eq!(text.contains("Failed ("), died > 0, "{text}");
    }
}

#[test]
fn a_folder_that_holds_runs_stands_for_the_newest_of_them() {
    let out = tempfile::tempdir().unwrap();
    let mut newest = info(scenario(small(six()), 1, &[]));
    newest.started_utc = "2030-01-01T00:00:00Z".to_owned();
    let newest = write_run(&out.path().join("second"), &newest, |_| ());
    let mut older = info(scenario(small(six()), 1, &[]));
    older.started_utc = "2020-01-01T00:00:00Z".to_owned();
    write_run(&out.path().join("first"), &older, |_| ());
    for (folder, holds) in [
        (out.path().join("second"), "holds 1 run;"),
        (newest.parent().unwrap().to_owned(), "holds 1 run;"),
    ] {
        let output = report(&folder);
        assert!(output.status.success(), "{output:?}");
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(stdout.lines().last(), Some(newest.to_str().unwrap()));
        assert!(stderr.contains(holds) && stderr.lines().count() == 1, "{stderr}");
    }
    let of = |folder: &Path| String::from_utf8(report(folder).stdout).unwrap();
    let both = out.path().join("both");
    fs::create_dir(&both).unwrap();
    for (name, from) in [("a", "second"), ("b", "first")] {
        let run = fs::read_dir(out.path().join(from)).unwrap().flatten().next().unwrap().path();
        let run = if run.join("run.json").exists() {
            run
        } else {
            fs::read_dir(run).unwrap().flatten().next().unwrap().path()
        };
        fs::rename(run, both.join(name)).unwrap();
    }
    let told = of(&both);
    assert_eq!(told.lines().last(), Some(both.join("a").to_str().unwrap()), "{told}");
    assert!(fs::read_dir(&both).unwrap().count() == 2, "nothing is written beside the runs");
}

#[test]
fn every_chart_is_linked_in_both_formats() {
    let out = tempfile::tempdir().unwrap();
    let folder = write_run(out.path(), &info(scenario(small(six()), 1, &[])), |_| ());
    assert!(report(&folder).status.success());
    let page = fs::read_to_string(folder.join("report.md")).unwrap();
    let charts = fs::read_dir(folder.join("charts")).unwrap().flatten();
    let charts: Vec<String> =
        charts.map(|chart| chart.file_name().into_string().unwrap()).collect();
    assert_eq!(charts.len(), 6);
    for chart in charts {
        assert!(page.contains(&format!("](charts/{chart})")), "{chart}: {page}");
    }
}

#[test]
fn a_run_stopped_before_its_first_trial_has_no_chart() {
    let out = tempfile::tempdir().unwrap();
    let mut info = info(scenario(small(six()), 2, &[]));
    info.plan.clear();
    (info.complete, info.stopped_by) = (false, Some("Ctrl-C".to_owned()));
    let folder = write_run(out.path(), &info, |_| ());
    assert!(report(&folder).status.success());
    let drawn = files(&folder).into_iter().map(|(path, _)| path);
    assert_eq!(drawn.filter(|path| path.starts_with("charts")).count(), 0);
    // The table's rows have samples of their lines all the same.
    let of_page = ["<figure", "id=\"percentiles\""];
    for (page, charts) in [("report.md", ["![", "## Charts"]), ("report.html", of_page)] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains("Partial run"), "{page}: {text}");
        assert!(charts.iter().all(|chart| !text.contains(chart)), "{page}: {text}");
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
