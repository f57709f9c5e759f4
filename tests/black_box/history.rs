//! `tidings history`: runs in, a line each; where their figures changed for good out; what is broken is refused.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::history_support::{
    changes, data, history, noise, run, run_info, set, shown, write_history,
};
use crate::support::text;

const CPU: &str = "target_cpu_ns_per_delivery";
const FRESHNESS: &str = "freshness_ns_p50";

#[test]
fn each_run_is_in_the_file_once_and_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let (at, out) = (folder.path(), folder.path().join("results"));
    let runs = [2, 0, 1].map(|minute| run(&out, &run_info(minute)).to_str().unwrap().to_owned());
    assert_eq!(shown(at, &["add", &runs[0]]), "history.jsonl: 1 run added\n");
    assert_eq!(
        shown(at, &["add", "results"]),
        "history.jsonl: 2 runs added, 1 run there already\n",
        "every run below a folder"
    );
    let file = at.join("history.jsonl");
    let before = fs::read(&file).unwrap();
    assert_eq!(String::from_utf8_lossy(&before).lines().count(), 3);
    let twice = shown(at, &["add", &runs[1], &runs[1], "--file", "history.jsonl"]);
    assert_eq!(twice, "history.jsonl: 0 runs added, 2 runs there already\n");
    assert_eq!(fs::read(&file).unwrap(), before, "not touched");
    // A copy elsewhere is the same run.
    let copy = at.join("copy");
    Command::new("cp").args(["-r", &runs[1]]).arg(&copy).status().unwrap();
    assert!(shown(at, &["add", "copy"]).contains("0 runs added"));
    let told = data(at, &[]);
    let told = told["runs"].as_array().unwrap();
    let revisions: Vec<&str> = told.iter().map(|run| run["revision"].as_str().unwrap()).collect();
    assert_eq!(revisions, ["0000000", "0000001", "0000002"]);
    shown(at, &["add", &runs[1], "--file", "named.jsonl", "--host", "ci", "--revision", "v9"]);
    let named = data(at, &["named.jsonl"]);
    assert_eq!(
        (&named["runs"][0]["host"], &named["runs"][0]["revision"]),
        (&"ci".into(), &"v9".into())
    );
    assert_eq!(data(at, &["show", "named.jsonl"]), named, "the plain form is that of show");
}

#[test]
fn processes_that_append_together_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results");
    let children: Vec<_> = (0..4)
        .map(|minute| {
            let results = run(&out, &run_info(minute));
            let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
            command.args(["history", "add"]).arg(results).current_dir(folder.path());
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let told = data(folder.path(), &[]);
    assert_eq!(
        (told["runs"].as_array().unwrap().len(), &told["warnings"]),
        (4, &serde_json::json!([]))
    );
}

#[test]
fn a_line_cut_short_is_left_out_and_its_run_can_be_added_again() {
    let folder = tempfile::tempdir().unwrap();
    let (at, out) = (folder.path(), folder.path().join("results"));
    let runs = [0, 1, 2].map(|minute| run(&out, &run_info(minute)).to_str().unwrap().to_owned());
    shown(at, &["add", &runs[0], &runs[1]]);
    let file = at.join("history.jsonl");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 200]).unwrap();
    let output = history(at, &["add", &runs[2]]);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert!(said.contains("history.jsonl: line 2 was cut short"), "{said}");
    assert_eq!(data(at, &[])["runs"].as_array().unwrap().len(), 2);
    assert_eq!(shown(at, &["add", &runs[1]]), "history.jsonl: 1 run added\n");
    assert_eq!(data(at, &[])["runs"].as_array().unwrap().len(), 3);
    assert!(fs::read(&file).unwrap().starts_with(&whole[..whole.len() - 200]), "only appended to");
    // A line that lacks nothing but its end is whole.
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let output = history(at, &["add", &runs[2]]);
    assert_eq!(
        (text(&output.stderr), data(at, &[])["runs"].as_array().unwrap().len()),
        (String::new(), 3)
    );
}

#[test]
fn a_file_that_is_no_history_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let results = run(&at.join("results"), &run_info(0)).to_str().unwrap().to_owned();
    shown(at, &["add", &results, "--file", "whole"]);
    let line = fs::read_to_string(at.join("whole")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(line.contains(from), "{from}");
        format!("{line}{}", line.replacen(from, to, 1)).into_bytes()
    };
    for (name, content, words) in [
        (
            "later",
            with("\"schema_version\":1", "\"schema_version\":2"),
            "line 2 has schema_version 2",
        ),
        ("none", with("\"schema_version\":1,", ""), "line 2: it has no schema_version"),
        ("nan", with("\"lost\":0", "\"lost\":NaN"), "line 2: "),
        ("figure", with("\"reach\":1", "\"reach\":\"soon\""), "'reach': \"soon\" is not a figure"),
        ("field", with("\"host\"", "\"hosts\""), "line 2: missing field `host`"),
        ("csv", b"case,trial,verdict\nsse,1,valid\n".to_vec(), "line 1: not a line of a history"),
        ("json", b"{\"a\": 1}\n".to_vec(), "line 1: it has no schema_version"),
        ("pretty", b"{\n  \"schema_version\": 1\n}\n".to_vec(), "line 2: not a line of a history"),
        (
            "conflict",
            [b"<<<<<<< HEAD\n", line.as_bytes()].concat(),
            "line 1: not a line of a history",
        ),
        ("binary", vec![0, 159, 255, b'\n', 7], "line 1: not a line of a history"),
    ] {
        let file = at.join(name);
        fs::write(&file, &content).unwrap();
        for arguments in [vec![name], vec!["add", results.as_str(), "--file", name]] {
            let output = history(at, &arguments);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
            assert!(said.contains(&format!("{name}, ")) && said.contains(words), "{name}: {said}");
            assert!(output.stdout.is_empty());
        }
        assert_eq!(fs::read(&file).unwrap(), content, "{name}");
    }
    fs::write(at.join("empty"), "\n").unwrap();
    fs::create_dir(at.join("folder")).unwrap();
    for (name, words) in [
        ("empty", "empty holds no run. To add one: tidings history add"),
        ("missing", "missing: no such file. To begin it: tidings history add"),
        ("folder", "folder is a folder, not a history. To add the runs below it"),
    ] {
        let output = history(at, &[name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(text(&output.stderr).contains(words), "{name}: {}", text(&output.stderr));
    }
    assert_eq!(shown(at, &["add", &results, "--file", "empty"]), "empty: 1 run added\n");
}

#[test]
fn a_run_without_an_end_or_without_figures_is_not_added() {
    let folder = tempfile::tempdir().unwrap();
    let (at, out) = (folder.path(), folder.path().join("results"));
    let good = run(&out, &run_info(0));
    let mut info = run_info(1);
    info.finished_utc = None;
    let running = run(&out, &info);
    let empty = run(&out, &run_info(2));
    let trials = empty.join("trials.csv");
    let head = fs::read_to_string(&trials).unwrap().lines().next().unwrap().to_owned() + "\n";
    fs::write(&trials, head).unwrap();
    let nan = run(&out, &run_info(3));
    let cells = fs::read_to_string(nan.join("trials.csv")).unwrap();
    assert!(cells.contains(",valid,1.0,"), "{cells}");
    fs::write(nan.join("trials.csv"), cells.replacen(",valid,1.0,", ",valid,NaN,", 1)).unwrap();
    fs::create_dir(at.join("blank")).unwrap();
    for (folder, words) in [
        (running.as_path(), "the run has not ended"),
        (&empty, "no trial is usable"),
        (&nan, "NaN"),
        (Path::new("blank"), "is not a results folder"),
        (Path::new("gone"), "is not a results folder"),
    ] {
        let output = history(at, &["add", good.to_str().unwrap(), folder.to_str().unwrap()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{}: {said}", folder.display());
        assert!(said.contains(words), "{}: {said}", folder.display());
        assert!(!at.join("history.jsonl").exists(), "all of them or none");
    }
}

/// Thirty-six runs: `sse` rises at 20 in freshness and falls at 12 in CPU; `websocket` rises twice in freshness.
fn stepping(folder: &Path) {
    write_history(folder, 36, |at, line| {
        let after = |place: usize, factor: f64| if at < place { 1.0 } else { factor };
        set(line, "sse", FRESHNESS, 1e5 * noise(at) * after(20, 1.15));
        set(line, "sse", CPU, 9e3 * noise(at + 3) * after(12, 0.8));
        set(line, "websocket", FRESHNESS, 8e4 * noise(at + 5) * after(10, 1.2) * after(24, 1.3));
        set(line, "websocket", CPU, 7e3 * noise(at + 8));
    });
}

#[test]
fn steps_are_named_with_the_revisions_to_blame() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    stepping(at);
    let told = data(at, &[]);
    let named = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    for (case, metric, expected) in [
        ("sse", FRESHNESS, named(&[("00a0014", "regression")])),
        ("sse", CPU, named(&[("00a000c", "improvement")])),
        ("websocket", FRESHNESS, named(&[("00a000a", "regression"), ("00a0018", "regression")])),
        ("websocket", CPU, named(&[])),
    ] {
        assert_eq!(changes(&told, case, metric), expected, "{case}, {metric}");
    }
    let all = told["series"].as_array().unwrap().iter();
    let change = all
        .filter(|series| series["case"] == "sse" && series["metric"] == FRESHNESS)
        .map(|series| &series["changes"][0])
        .next()
        .unwrap();
    assert!((change["change"].as_f64().unwrap() - 0.15).abs() < 0.01, "{change}");
    assert_eq!(change["blame"]["last_before"]["revision"], "00a0013");
    assert_eq!(change["blame"]["first_after"]["revision"], "00a0014");
    assert_eq!((&change["runs_before"], &change["runs_after"]), (&20.into(), &16.into()));
    let page = shown(at, &["history.jsonl"]);
    assert!(page.contains("3 regressions, 1 improvement in 10 series."), "{page}");
    assert!(page.contains("00a0013..00a0014"), "{page}");
    let markdown = shown(at, &["--format", "markdown"]);
    assert!(markdown.contains("| metric | before | after | change | result |"), "{markdown}");
    let small = shown(at, &["--magnitude", "50%"]);
    assert!(small.contains("No change of level in 10 series."), "{small}");
    let one = data(at, &["--case", "sse", "--metrics", "freshness_p50"]);
    assert_eq!(one["series"].as_array().unwrap().len(), 1);
}

#[test]
fn hosts_and_loads_are_never_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_history(at, 30, |at, line| {
        // One machine first, then another that is twice as fast; and from run 20 on another load.
        let level = if at < 10 {
            1.0
        } else if at < 20 {
            0.5
        } else {
            2.0
        };
        if at >= 10 {
            line["host"]["name"] = "fast".into();
            line["host"]["fingerprint"] = "ffffffffffff".into();
        }
        for case in ["sse", "websocket"] {
            set(line, case, FRESHNESS, 1e5 * level * noise(at));
        }
        if at >= 20 {
            for case in line["cases"].as_array_mut().unwrap() {
                case["load"] = "0123456789ab".into();
            }
        }
    });
    let told = data(at, &["--metrics", "freshness_p50"]);
    let series = told["series"].as_array().unwrap();
    assert_eq!(series.len(), 6, "two cases, and for each host and load");
    assert!(series.iter().all(|one| one["changes"].as_array().unwrap().is_empty()));
    assert!(series.iter().all(|one| one["points"].as_array().unwrap().len() == 10));
    let page = shown(at, &[]);
    assert!(page.contains("was measured on 2 hosts"), "{page}");
    assert!(page.contains("was measured with 2 different settings"), "{page}");
    let one = data(at, &["--host", "host", "--metrics", "freshness_p50"]);
    assert_eq!(one["series"].as_array().unwrap().len(), 2);
    let none = history(at, &["--host", "slow"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("hosts: fast, host"), "{}", text(&none.stderr));
}

#[test]
fn a_chart_is_drawn_and_names_the_revisions() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    stepping(at);
    shown(at, &["--chart", "c.svg", "--chart", "c.png"]);
    assert!(fs::read(at.join("c.png")).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    let svg = fs::read_to_string(at.join("c.svg")).unwrap();
    for words in [" % 00a0014", "sse, freshness p50", "run, oldest first", "1 more series"] {
        assert!(svg.contains(words), "{words}");
    }
    let wrong = history(at, &["--chart", "c.pdf"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("must end in .svg or .png"));
}

#[test]
fn an_export_is_whole_csv_and_names_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_history(at, 8, |at, line| {
        if at == 3 {
            // Deliveries were lost: only a bound is known, which Otava cannot read.
            line["cases"][0]["figures"][FRESHNESS] = ">5000".into();
        }
    });
    shown(at, &["--export", "otava-csv", "--out", "out"]);
    let config = fs::read_to_string(at.join("out/otava.yaml")).unwrap();
    let mut tables = 0;
    for entry in fs::read_dir(at.join("out")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            tables += 1;
            let name = path.canonicalize().unwrap().to_str().unwrap().to_owned();
            assert!(config.contains(&format!("file: \"{name}\"")), "{name}: {config}");
            let mut table = csv::Reader::from_path(&path).unwrap();
            let metrics = table.headers().unwrap().len();
            let rows: Vec<_> = table.records().map(Result::unwrap).collect();
            let expected = if rows[0].len() == 4 { 7 } else { 8 };
            assert_eq!(rows.len(), expected, "{name}");
            let mut cells = rows.iter().flat_map(|row| row.iter().skip(3));
            assert_eq!(cells.clone().count(), rows.len() * (metrics - 3), "{name}");
            assert!(cells.all(|cell| cell.parse::<f64>().is_ok()), "{name}");
        }
    }
    assert_eq!(tables, 3, "of the case with a bound, one metric has a file of its own");
}
