//! What is printed on terminals of every width, on dumb ones, in plain locales, and where there is no terminal.

use crate::support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use support::{Bench, Terminal, left_out, scenario, text};

/// A run with its progress on `terminal`.
fn run_on(bench: &Bench, terminal: &Terminal, environment: &[(&str, &str)]) -> Command {
    let mut command = bench.command(&[]);
    command.stdout(Stdio::null()).stderr(terminal.stdio());
    command.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").env_remove("COLUMNS");
    command.envs(environment.iter().copied());
    command
}

/// What a run writes to a terminal of so many columns.
fn on_terminal(columns: u16, environment: &[(&str, &str)]) -> String {
    let bench = Bench::new(&scenario(&["sse"], 1, "300ms", ""));
    let terminal = Terminal::new(columns);
    let command = run_on(&bench, &terminal, environment);
    terminal.watch(command).0
}

/// The pieces of a line that were rewritten: all but the last.
fn drawn(seen: &str) -> Vec<&str> {
    seen.split('\n')
        .flat_map(|line| line.split("\r\u{1b}[K").skip(1))
        .filter(|piece| !piece.ends_with('\r'))
        .collect()
}

#[test]
fn the_rewritten_line_fits_the_window() {
    for columns in [20, 40, 80] {
        let seen = on_terminal(columns, &[]);
        let drawn = drawn(&seen);
        assert!(drawn.iter().any(|piece| piece.contains("measuring")), "{columns}: {seen:?}");
        for piece in drawn {
            assert!(piece.chars().count() < columns.into(), "{columns}: {piece:?}");
        }
    }
}

#[test]
fn a_window_can_be_resized_under_a_run() {
    let bench = Bench::new(&scenario(&["sse"], 6, "300ms", ""));
    let mut terminal = Terminal::new(80);
    let command = run_on(&bench, &terminal, &[]);
    let mut run = Terminal::start(command);
    terminal.read_until(|seen| seen.contains("left\r\n"));
    terminal.resize(24);
    // What is begun after this trial knows the new width.
    let recorded = bench.trials().len();
    let seen = terminal.read_until(|_| false);
    assert!(matches!(run.wait().unwrap().code(), Some(0 | 3)));
    let later = |piece: &&&str| {
        let number = piece.strip_prefix('[').and_then(|rest| rest.split_once('/'));
        number.is_some_and(|(n, _)| n.parse::<usize>().unwrap() > recorded + 1)
    };
    let drawn = drawn(&seen);
    let later: Vec<_> = drawn.iter().filter(later).collect();
    assert!(later.iter().any(|piece| piece.contains("measuring")), "{recorded}: {seen:?}");
    for piece in later {
        assert!(piece.chars().count() < 24, "{piece:?}");
    }
}

#[test]
fn a_dumb_terminal_gets_whole_lines() {
    for environment in [[("TERM", "dumb")], [("TERM", "")]] {
        let seen = on_terminal(40, &environment);
        assert!(!seen.contains('\u{1b}'), "{seen:?}");
        assert!(seen.contains("sse, trial 1: "), "{seen:?}");
    }
}

#[test]
fn a_terminal_that_is_closed_under_a_run_ends_it_as_documented() {
    let bench = Bench::new(&scenario(&["sse"], 2, "30s", ""));
    let terminal = Terminal::new(80);
    // The first terminal that the leader of a session opens to read is its controlling one.
    let mut command = Command::new("setsid");
    command.args(["sh", "-c", "exec <>\"$0\" >&0 2>&0 \"$@\"", terminal.device()]);
    let run = bench.command(&[]);
    command.arg(run.get_program()).args(run.get_args()).stdin(Stdio::null());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Ok(mut run) = command.spawn() else {
        return left_out("a terminal that is closed under a run", "setsid is missing");
    };
    bench.wait_for("worker");
    drop(terminal);
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(128 + Signal::HUP.as_raw()), "{status}");
    let json = fs::read(bench.results().join("run.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["stopped_by"], "SIGHUP");
    assert!(bench.results().join("report.md").is_file());
    bench.wait_until_gone();
}

fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).stdin(Stdio::null());
    command.env("LC_ALL", "C.UTF-8").env_remove("COLUMNS");
    command
}

/// The lines of the table in what a verb prints, which stay whole in a window of any width.
fn is_of_table(lines: &[&str], at: usize) -> bool {
    let before = &lines[..=at];
    let head = before.iter().rposition(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.starts_with(&["#", "case"]) || words.starts_with(&["case", "reach"])
    });
    // The report's headers have two lines.
    let title = |line: &&str| {
        line.split_whitespace()
            .eq(["fresh", "fresh", "CPU,", "wire", "target", "cost/", "CPU", "per", "wire", "per"])
    };
    title(&lines[at]) || head.is_some_and(|head| before[head..].iter().all(|line| !line.is_empty()))
}

/// A scenario that says much, with a folder of results.
fn talkative() -> Bench {
    let bench = Bench::new(&scenario(
        &["request", "sse"],
        1,
        "300ms",
        "objectives = [\"reach >= 1\", \"sse: freshness_p50 < 50ms\"]",
    ));
    bench.run(&["--quiet"]);
    bench
}

#[test]
fn sentences_fit_every_window_and_tables_stay_whole() {
    let bench = talkative();
    let (file, results) = (bench.file(), bench.results());
    let (file, results) = (file.to_str().unwrap(), results.to_str().unwrap());
    let verbs: [&[&str]; 6] = [
        &["plan", file],
        &["report", results],
        &["scenarios"],
        &["--help"],
        &["run", "--help"],
        &["serve", "--help"],
    ];
    for verb in verbs {
        let wide = text(&tidings(verb).output().unwrap().stdout);
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        for columns in [20, 33, 60, 79, 200] {
            let asked = tidings(verb).env("COLUMNS", columns.to_string()).output().unwrap();
            let terminal = Terminal::new(columns);
            let mut command = tidings(verb);
            command.stdout(terminal.stdio()).stderr(Stdio::null());
            let (seen, _) = terminal.watch(command);
            let seen = seen.replace("\r\n", "\n");
            assert_eq!(seen, text(&asked.stdout), "{verb:?} in {columns}");
            let lines: Vec<&str> = seen.lines().collect();
            for (at, line) in lines.iter().enumerate() {
                let fits = line.chars().count() <= columns.into();
                let whole = is_of_table(&lines, at) || Path::new(line).is_dir();
                assert!(fits || whole, "{verb:?} in {columns}: {line}");
            }
            assert_eq!(letters(&seen), letters(&wide), "{verb:?} in {columns}");
        }
    }
}

#[test]
fn a_plain_locale_gets_plain_letters() {
    let seen = on_terminal(40, &[("LC_ALL", "C")]);
    assert!(seen.is_ascii(), "{seen:?}");
    let bench = talkative();
    let umlaut = bench.file().with_file_name("mü…\u{202e}.toml");
    fs::copy(bench.file(), &umlaut).unwrap();
    let (file, results) = (umlaut.to_str().unwrap(), bench.results());
    for verb in [
        &["plan", file],
        &["plan", "nosuch…"],
        &["nosuch…", "µ"],
        &["report", results.to_str().unwrap()],
        &["help", "serve"],
    ] {
        for locale in ["C", "POSIX", "en_US.ISO-8859-1", ""] {
            let mut command = tidings(verb);
            command.env("LC_ALL", locale).env_remove("LC_CTYPE").env_remove("LANG");
            let output = command.output().unwrap();
            assert!(output.stdout.is_ascii() && output.stderr.is_ascii(), "{verb:?}: {output:?}");
        }
    }
    let plan = text(&tidings(&["plan", file]).output().unwrap().stdout);
    assert!(plan.contains("mü…") && plan.contains('×') && !plan.contains('\u{202e}'), "{plan}");
}
