//! Names made from what people write: scenario files called anything, case ids of any length, results that cannot be
//! written where they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tidings::scenario::{Case, PatternKind};

use crate::support::{rows, text};
use crate::synthetic::{case, info, scenario, write_run};

/// A run of about a second.
const QUICK: &str = r#"question = "Does it run?"
patterns = ["sse"]
trials = 1
floor = false
[workload]
clients = 2
rate = "20/s"
[phases]
connect = "10ms"
warmup = "10ms"
measure = "300ms"
drain = "5s"
"#;

/// Eleven axes with one value each, the issue's example.
const ELEVEN: &str = r#"
[sweep]
clients = [2]
topics = [1]
rate = ["20/s"]
arrivals = ["constant"]
payload = ["100B"]
payload_kind = ["text"]
late_after = ["5s"]
churn = ["0/s"]
transport.tls = [false]
faults.delay = ["0ms"]
sse.heartbeat = ["15s"]
"#;

fn tidings(folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs `tidings` with `input` on its standard input.
fn with_input(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = tidings(folder, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn entries(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().flatten().map(name).collect();
    names.sort();
    names
}

/// The one run in `folder`, with a trial and every report.
fn the_run(folder: &Path) -> PathBuf {
    let runs = entries(folder);
    assert_eq!(runs.len(), 1, "{}: {runs:?}", folder.display());
    let run = folder.join(&runs[0]);
    let trials = rows(&run.join("trials.csv"));
    assert_eq!(trials.len(), 1);
    for file in ["run.json", "summary.csv", "percentiles.csv", "report.md", "charts/cost.svg"] {
        assert!(run.join(file).is_file(), "{} lacks {file}", run.display());
    }
    // On a machine that stands still a trial fails or is invalid; histograms are those of usable trials.
    let is_usable = matches!(trials[0]["verdict"].as_str(), "valid" | "degraded");
    assert!(!is_usable || !entries(&run.join("histograms")).is_empty());
    run
}

/// A run that measured and reported: whether the machine was quiet enough is not this test's business.
fn assert_ran(output: &Output) {
    let (status, err) = (output.status.code(), text(&output.stderr));
    assert!(matches!(status, Some(0 | 3)), "{status:?}: {err}");
    assert!(!err.contains("cannot write"), "{err}");
}

#[test]
fn a_scenario_file_may_be_called_anything() {
    let long = format!("{}.toml", "long".repeat(60));
    let bytes = |name: &str| OsString::from(name);
    // File, name, folder: one that ends in `-` is followed by a hash.
    let table = [
        (bytes("mein szenario.toml"), "mein szenario", "mein_szenario-"),
        (bytes("m\u{fc}sli.toml"), "m\u{fc}sli", "m_sli-"),
        (bytes("m\u{f6}sli.toml"), "m\u{f6}sli", "m_sli-"),
        (bytes("测试.toml"), "测试", "x-"),
        (bytes("\u{1f680}.toml"), "\u{1f680}", "x-"),
        (bytes("-dash.toml"), "-dash", "dash-"),
        (bytes(".hidden.toml"), ".hidden", "hidden-"),
        (bytes("con.toml"), "con", "x-"),
        (bytes("twice.toml.toml"), "twice.toml", "twice.toml"),
        (bytes("no-extension"), "no-extension", "no-extension"),
        (bytes("a\u{1b}[2J\nb.toml"), "a\u{fffd}[2J\u{fffd}b", "a_2J_b-"),
        (OsStr::from_bytes(b"\xff.toml").to_owned(), "\u{fffd}", "x-"),
        (bytes(&long), &long[..240], "longlonglong"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut arguments: Vec<OsString> = ["run", "-q", "--out", "out", "--"].map(bytes).to_vec();
    for (file, ..) in &table {
        fs::write(folder.path().join(file), QUICK).unwrap();
        arguments.push(file.clone());
    }
    assert_ran(&tidings(folder.path(), &arguments).output().unwrap());
    let out = folder.path().join("out");
    let mut found = BTreeMap::new();
    for made in entries(&out) {
        let run = fs::read_to_string(the_run(&out.join(&made)).join("run.json")).unwrap();
        let run: serde_json::Value = serde_json::from_str(&run).unwrap();
        found.insert(run["scenario"]["name"].as_str().unwrap().to_owned(), made);
    }
    assert_eq!(found.len(), table.len(), "{found:?}");
    for (_, name, begins) in table {
        let made = &found[name];
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
        assert!(made.starts_with(begins) && made.len() <= 64 && made.chars().all(plain), "{made}");
        let hashed = begins.ends_with('-') || name.len() > 64;
        assert_eq!(hashed, made.len() != begins.len(), "{name}: {made}");
    }
}

#[test]
fn a_scenario_comes_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |arguments: &[&str], input: &[u8]| {
        with_input(folder.path(), &[&["plan"], arguments].concat(), input)
    };
    let planned = plan(&["-"], QUICK.as_bytes());
    let out = text(&planned.stdout);
    assert_eq!(planned.status.code(), Some(0), "{}", text(&planned.stderr));
    assert!(out.starts_with("stdin: 1 case × 1 trial"), "{out}");
    let set = text(&plan(&["-", "--set", "trials=7"], QUICK.as_bytes()).stdout);
    assert!(set.starts_with("stdin: 1 case × 7 trials"), "{set}");
    let named = format!("name = \"Mein Name\"\n{QUICK}");
    assert!(text(&plan(&["-"], named.as_bytes()).stdout).starts_with("Mein Name: 1 case"));
    for (arguments, input, expected) in [
        (&["-"][..], &b"question = \"?\"\ntrails = 1\n"[..], "<stdin>:2: unknown key 'trails'"),
        (&["-"], b"", "<stdin>: "),
        (&["-"], b"a = \"\xff\"", "<stdin>: not a UTF-8 text file (line 1)"),
        (&["-"], b"objectives = [\"nonsense >= 1\"]\nquestion = \"?\"\npatterns = [\"sse\"]\n[workload]\nclients = 1\nrate = \"1/s\"\n", "<stdin>: "),
        (&["-", "-"], b"", "- is given twice"),
    ] {
        let output = plan(arguments, input);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.starts_with(&format!("tidings: {expected}")), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let run = with_input(folder.path(), &["run", "-q", "--out", "out", "-"], QUICK.as_bytes());
    assert_ran(&run);
    the_run(&folder.path().join("out/stdin"));
}

#[test]
fn invalid_scenario_files_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("folder.toml")).unwrap();
    fs::write(path.join("latin1.toml"), b"question = \"?\"\n# M\xfcsli\n").unwrap();
    fs::write(path.join("utf16.toml"), b"\xff\xfea\0").unwrap();
    fs::write(path.join("plain"), "").unwrap();
    for (file, expected) in [
        ("folder.toml", "folder.toml: is a folder; give the path of a scenario in it"),
        (".", ".: is a folder"),
        ("missing.toml", "missing.toml: file not found; give the path of a scenario"),
        ("plain/x.toml", "plain/x.toml: cannot be read: Not a directory"),
        ("latin1.toml", "latin1.toml: not a UTF-8 text file (line 2)"),
        ("utf16.toml", "utf16.toml: is UTF-16; save the scenario as UTF-8"),
        ("/dev/zero", "/dev/zero: exceeds 16 MiB"),
        ("esc\u{1b}[2J", "esc\u{fffd}[2J: file not found"),
    ] {
        let output = tidings(path, &["plan", file]).output().unwrap();
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file}: {err}");
        assert!(err.starts_with(&format!("tidings: {expected}")), "{file}: {err}");
    }
    let windows = QUICK.replace('\n', "\r\n");
    for (file, bytes) in [
        ("bom.toml", format!("\u{feff}{QUICK}")),
        ("crlf.toml", windows.clone()),
        ("both.toml", format!("\u{feff}{windows}")),
    ] {
        fs::write(path.join(file), bytes).unwrap();
        let output = tidings(path, &["plan", file]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains("Does it run?"));
    }
}

#[test]
fn eleven_axes_are_measured_reported_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let open = QUICK.replace("clients = 2\nrate = \"20/s\"\n", "");
    fs::write(folder.path().join("eleven.toml"), format!("{open}{ELEVEN}")).unwrap();
    let arguments = ["run", "-q", "--out", "out", "eleven.toml"];
    let output = tidings(folder.path(), &arguments).output().unwrap();
    assert_ran(&output);
    let run = the_run(&folder.path().join("out/eleven"));
    let id = &rows(&run.join("summary.csv"))[0]["case"];
    assert_eq!(id.split(':').count(), 12, "{id}");
    let table = text(&output.stdout);
    assert!(table.lines().any(|line| line.starts_with("sse  ")), "{table}");
    assert!(table.contains("Same in every case: clients=2, topics=1, "), "{table}");
    assert!(!table.contains(id.as_str()), "{table}");
    assert!(!fs::read_to_string(run.join("report.md")).unwrap().contains(id.as_str()));
    let planned = text(&tidings(folder.path(), &["plan", "eleven.toml"]).output().unwrap().stdout);
    assert!(planned.contains("   1  sse ") && planned.lines().all(|l| l.chars().count() <= 100));
}

/// A results folder with these cases.
fn made_up(out: &Path, cases: Vec<Case>) -> PathBuf {
    write_run(out, &info(scenario(cases, 2, &[])), |_| ())
}

fn report(folder: &Path) -> Output {
    tidings(folder, &["report", "."]).output().unwrap()
}

#[test]
fn ids_of_any_length_and_letters_get_files_of_their_own() {
    let many = |value: &str| {
        (0..12).fold(String::new(), |axes, n| format!("{axes}:axis_number_{n}={value}{n}"))
    };
    let axes = [
        many("a"),
        many("b"),
        ":x=a/b".to_owned(),
        ":x=a_b".to_owned(),
        ":x=A_B".to_owned(),
        ":x=a b".to_owned(),
        ":x=\u{fc}".to_owned(),
        ":x=\u{fd}".to_owned(),
        ":x=..".to_owned(),
        ":x=../../y".to_owned(),
        format!(":x={}", "\u{6d4b}".repeat(120)),
    ];
    let cases: Vec<Case> = axes.iter().map(|axes| case(PatternKind::Sse, 20, axes)).collect();
    let ids: BTreeSet<String> = cases.iter().map(|case| case.id.clone()).collect();
    let out = tempfile::tempdir().unwrap();
    let folder = made_up(out.path(), cases);
    let output = report(&folder);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let files = entries(&folder.join("histograms"));
    let of = |metric: &str| {
        let own = files.iter().filter(|file| file.ends_with(&format!(".{metric}.hgrm")));
        own.map(|file| file.to_ascii_lowercase()).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((of("freshness"), of("transit")), (ids.len(), ids.len()), "{files:#?}");
    assert!(files.iter().all(|file| file.len() <= 143 - ".tmp".len()), "{files:#?}");
    let told: BTreeSet<String> =
        rows(&folder.join("summary.csv")).iter().map(|row| row["case"].clone()).collect();
    assert_eq!(told, ids, "tables for programs keep the whole id");
    let table = text(&output.stdout);
    assert!(table.lines().rev().skip(1).all(|line| line.chars().count() <= 110), "{table}");
    assert!(table.contains("sse #1") && table.contains("sse #1: sse axis_number_0=a0"), "{table}");
    let page = fs::read_to_string(folder.join("report.md")).unwrap();
    assert_eq!(page.matches("axis\\_number\\_11=a11").count(), 1, "the legend alone: {page}");
}

/// Every file of the folder, by its path in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_file_in_the_way_costs_only_itself_and_can_be_made_later() {
    let out = tempfile::tempdir().unwrap();
    let folder = made_up(out.path(), vec![case(PatternKind::Sse, 20, "")]);
    assert_eq!(report(&folder).status.code(), Some(0));
    let whole = contents(&folder);
    let measured = ["run.json", "trials.csv", "timeline.csv", "histograms.hlog"];
    let is_report = |path: &Path| !measured.iter().any(|name| path == Path::new(name));
    // What is in the way, whether it is a folder, and how many files it costs.
    for (obstacle, is_folder) in [
        ("report.md", true),
        ("report.html", true),
        ("summary.csv", true),
        ("summary.json", true),
        ("metrics.prom", true),
        ("percentiles.csv", true),
        ("histograms/sse.freshness.hgrm", true),
        ("charts/cost.svg", true),
        ("charts", false),
        ("histograms", false),
        ("report.md.tmp", true),
    ] {
        for path in whole.keys().filter(|path| is_report(path)) {
            let _ = fs::remove_file(folder.join(path));
        }
        for name in ["charts", "histograms"] {
            let _ = fs::remove_dir_all(folder.join(name));
        }
        let path = folder.join(obstacle);
        if is_folder {
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::write(&path, "").unwrap();
        }
        let target = obstacle.trim_end_matches(".tmp");
        let is_lost = |path: &&PathBuf| path.starts_with(target);
        let output = report(&folder);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{obstacle}: {err}");
        assert!(err.contains(&format!("./{target}")) && err.contains("tidings report ."), "{err}");
        let lost = whole.keys().filter(is_lost).count();
        assert!(err.contains(&format!("{lost} file")), "{obstacle}: {lost}: {err}");
        assert!(text(&output.stdout).contains("Does") || text(&output.stdout).contains("made-up"));
        let left = contents(&folder);
        for (file, bytes) in whole.iter().filter(|(file, _)| !is_lost(file)) {
            assert_eq!(left.get(file), Some(bytes), "{obstacle}: {}", file.display());
        }
        assert!(!left.keys().any(|file| file.extension() == Some(OsStr::new("tmp"))), "{left:?}");
        if is_folder {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(report(&folder).status.code(), Some(0), "{obstacle}");
        assert_eq!(contents(&folder), whole, "{obstacle}");
    }
}

#[test]
fn a_results_folder_that_cannot_be_made_is_found_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["a.toml", "b.toml"] {
        fs::write(path.join(name), QUICK).unwrap();
    }
    fs::write(path.join("file"), "").unwrap();
    fs::create_dir(path.join("half")).unwrap();
    // The second scenario's folder: the problem must be found before the first is measured.
    fs::write(path.join("half/b"), "").unwrap();
    for (out, named) in [("file", "file/a"), ("file/deeper", "file/deeper/a"), ("half", "half/b")] {
        let arguments = ["run", "--out", out, "a.toml", "b.toml"];
        let output = tidings(path, &arguments).output().unwrap();
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), err.lines().count()), (Some(2), 1), "{err}");
        assert!(err.starts_with(&format!("tidings: {named} cannot be written: ")), "{err}");
        assert!(err.contains("--out DIR"), "{err}");
    }
    assert!(entries(&path.join("half/a")).is_empty(), "a check leaves nothing");
}

#[test]
fn runs_that_start_together_have_folders_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.toml"), QUICK).unwrap();
    let start = || {
        let mut command = tidings(folder.path(), &["run", "-q", "--out", "out", "x.toml"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs = [start(), start(), start()];
    let ends: BTreeSet<String> = runs
        .into_iter()
        .map(|run| {
            let output = run.wait_with_output().unwrap();
            assert_ran(&output);
            text(&output.stdout).lines().last().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ends.len(), 3, "{ends:?}");
    for run in &ends {
        assert_eq!(rows(&folder.path().join(run).join("trials.csv")).len(), 1, "{run}");
    }
}
