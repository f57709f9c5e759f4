//! `report.html`, from outside: one file of limited size, the same wherever and whenever it is made, with its data inside.

use crate::synthetic;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use synthetic::{info, scenario, six, write_run};
use tidings::measure::Snapshot;
use tidings::record::Intervals;

/// Most bytes of the page of the quickstart.
const SIZE: usize = 300_000;

/// Makes the reports of `folder` in a time zone; returns its page.
fn page(folder: &Path, zone: &str) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["report", "."])
        .current_dir(folder)
        .env("TZ", zone)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::read_to_string(folder.join("report.html")).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The files of the reference's quickstart in a folder of `out`.
fn quickstart(out: &Path) -> PathBuf {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/quickstart");
    let folder = out.join("quickstart");
    copy(&reference, &folder);
    folder
}

/// The files that a page carries: name and content.
fn carried(page: &str) -> Vec<(String, Vec<u8>)> {
    let links = page.split("<a download=\"").skip(1);
    links
        .map(|link| {
            let (name, rest) = link.split_once('"').unwrap();
            let (_, rest) = rest.split_once("href=\"data:text/csv;charset=utf-8,").unwrap();
            let (address, _) = rest.split_once('"').unwrap();
            (name.to_owned(), decoded(address))
        })
        .collect()
}

fn decoded(address: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = address.as_bytes();
    while let [first, others @ ..] = rest {
        rest = if let (b'%', [a, b, others @ ..]) = (first, others) {
            let hex = [*a, *b].map(char::from).iter().collect::<String>();
            bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            others
        } else {
            bytes.push(*first);
            others
        };
    }
    bytes
}

#[test]
fn the_page_of_the_reference_is_small_the_same_everywhere_and_carries_its_files() {
    let out = tempfile::tempdir().unwrap();
    let here = quickstart(&out.path().join("a"));
    let there = quickstart(&out.path().join("another folder/ü"));
    let first = page(&here, "UTC");
    assert!(first == page(&there, "Asia/Kathmandu"), "bytes differ by folder or time zone");
    assert!(first.len() <= SIZE, "{} bytes", first.len());
    let whole = |name: &str| fs::read(here.join(name)).unwrap();
    let files = carried(&first);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["summary.csv", "percentiles.csv", "timeline.csv", "trials.csv"]);
    for (name, bytes) in &files {
        if name == "percentiles.csv" {
            // Of the headline metrics alone: lines of the file, in its order.
            let (own, all) = (String::from_utf8_lossy(bytes), whole(name));
            let all = String::from_utf8(all).unwrap();
            let is_drawn = |line: &&str| {
                line.starts_with("case,")
                    || [",freshness,", ",response,"].iter().any(|m| line.contains(m))
            };
            assert!(own.lines().eq(all.lines().filter(is_drawn)), "{name}");
        } else if name == "summary.csv" {
            assert!(*bytes == whole(name), "{name}");
        } else {
            let rows = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
            assert_eq!(rows(bytes), rows(&whole(name)), "{name}");
        }
    }
    // The first screen: the verdict in words, the noise floor marked, what leads marked as no more than that.
    for wanted in [
        "Can this run be trusted?",
        ">Partly<",
        "class=\"floor\"",
        ">ahead<",
        "less than 3× the noise floor",
    ] {
        assert!(first.contains(wanted), "{wanted}");
    }
    assert!(!first.contains("class=\"tag best\""), "three trials show nothing at 95 %");
}

#[test]
fn a_page_names_nothing_that_a_browser_would_fetch() {
    let out = tempfile::tempdir().unwrap();
    let mut cases = six();
    for case in &mut cases {
        case.workload.clients = 20;
    }
    let folder = write_run(out.path(), &info(scenario(cases, 1, &[])), |_| ());
    let page = page(&folder, "UTC");
    for word in [
        " src=",
        "srcset",
        "<link",
        "<img",
        "<iframe",
        "@import",
        "<base",
        "<form",
        "http-equiv=\"refresh",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("http-equiv=\"Content-Security-Policy\""));
}

#[test]
fn several_runs_stand_side_by_side_on_one_page() {
    let out = tempfile::tempdir().unwrap();
    let mut cases = six();
    for case in &mut cases {
        case.workload.clients = 20;
    }
    let base = write_run(&out.path().join("a"), &info(scenario(cases.clone(), 3, &[])), |_| ());
    for case in &mut cases {
        case.workload.clients = 40;
    }
    let other = write_run(&out.path().join("b"), &info(scenario(cases, 3, &[])), |_| ());
    let report = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        let command = command.current_dir(out.path()).arg("report").args([&base, &other]);
        command.args(arguments).output().unwrap()
    };
    let without = report(&[]);
    let told = String::from_utf8(without.stderr).unwrap();
    assert!(without.status.code() == Some(2) && told.contains("--html FILE"), "{told}");
    let made = report(&["--html", "both.html"]);
    assert!(made.status.success(), "{made:?}");
    assert_eq!(String::from_utf8(made.stdout).unwrap().trim_end(), "both.html");
    let page = fs::read_to_string(out.path().join("both.html")).unwrap();
    for wanted in [
        "2 runs side by side",
        "Can these runs be compared?",
        ">No<",
        "Run 2 against run 1: Answer",
        "Not comparable: ",
        "data-run=\"run-2-\"",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    let names: Vec<String> = carried(&page).into_iter().map(|(name, _)| name).collect();
    let expected = [
        "run-1-summary.csv",
        "run-1-percentiles.csv",
        "run-2-summary.csv",
        "run-2-percentiles.csv",
    ];
    assert_eq!(names, expected);
    // The reports of the folders are left alone.
    assert!(!base.join("report.html").exists());
}

#[test]
fn charts_of_a_run_without_figures_are_neither_drawn_nor_promised() {
    let out = tempfile::tempdir().unwrap();
    let whole =
        write_run(&out.path().join("a"), &info(scenario(six()[..2].to_vec(), 1, &[])), |_| ());
    let failed =
        write_run(&out.path().join("b"), &info(scenario(six()[..2].to_vec(), 1, &[])), |facts| {
            facts.failure = Some("the target died".to_owned());
            facts.workers = Snapshot::default();
            facts.target = Snapshot::default();
            facts.intervals = Intervals::default();
        });
    let report = |arguments: &[&Path]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        let made = command.current_dir(out.path()).arg("report").args(arguments).output().unwrap();
        assert!(made.status.code().is_some_and(|code| code != 2), "{made:?}");
    };
    let side_by_side = |runs: [&Path; 2]| {
        report(&[runs[0], runs[1], Path::new("--html"), Path::new("both.html")]);
        fs::read_to_string(out.path().join("both.html")).unwrap()
    };
    let (drawn, nothing) = ("Percentiles of each run", "This run has no figures for this chart.");
    let both = side_by_side([&whole, &failed]);
    assert_eq!(both.matches(nothing).count(), 2, "of two charts, the second run has neither");
    assert_eq!(both.matches("data-chart=").count(), 2);
    let neither = side_by_side([&failed, &failed]);
    assert!(!neither.contains(drawn) && !neither.contains(nothing) && both.contains(drawn));

    for (folder, has_charts) in [(&whole, true), (&failed, false)] {
        report(&[folder]);
        let text = fs::read_to_string(folder.join("report.md")).unwrap();
        assert_eq!(text.contains("`charts/`"), has_charts, "{}", folder.display());
        assert_eq!(folder.join("charts").exists(), has_charts);
    }
}
