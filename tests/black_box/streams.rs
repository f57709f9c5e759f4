//! Whatever becomes of stdout and stderr, and wherever something panics: every trial is recorded, every file written, and the
//! status is the documented one.

use crate::support;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use support::{Bench, eventually, scenario, text};

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// A pipe with a closed reading end.
fn closed() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn bench() -> Bench {
    Bench::new(&scenario(&["sse"], 2, "300ms", ""))
}

/// Both trials and every file of the report are there.
fn assert_whole(bench: &Bench) {
    assert_eq!(bench.trials().len(), 2);
    for file in ["run.json", "summary.csv", "report.md", "percentiles.csv"] {
        assert!(bench.results().join(file).is_file(), "{file}");
    }
    let run = fs::read(bench.results().join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_slice(&run).unwrap();
    assert_eq!(run["complete"], true);
}

/// Makes one end of a child's stream.
type Stream = fn() -> Stdio;

#[test]
fn a_run_keeps_everything_on_any_kind_of_streams() {
    let cases: [(&str, Stream, Stream); 4] = [
        ("stderr closed", Stdio::null, closed),
        ("stdout closed", closed, Stdio::null),
        ("stderr full", Stdio::null, full),
        ("both closed", closed, closed),
    ];
    for (name, stdout, stderr) in cases {
        let bench = bench();
        let status = bench.command(&[]).stdout(stdout()).stderr(stderr()).status().unwrap();
        // A debug build on a busy host may leave a trial invalid; a stream does not change the status.
        assert!(matches!(status.code(), Some(0 | 3)), "{name}: {status}");
        assert_whole(&bench);
    }
}

#[test]
fn a_full_stdout_keeps_the_files_and_fails_the_command() {
    let bench = bench();
    let output = bench.command(&[]).stdout(full()).stderr(Stdio::piped()).output().unwrap();
    assert!(matches!(output.status.code(), Some(2 | 3)), "{}", output.status);
    assert!(text(&output.stderr).contains("cannot write to standard output"));
    assert_whole(&bench);
    let results = bench.results();
    let report = || tidings(&["report", results.to_str().unwrap()]);
    let output = report().stdout(full()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(report().stdout(closed()).stderr(closed()).status().unwrap().code(), Some(0));
}

#[test]
fn streams_that_are_closed_at_the_start_take_no_file() {
    let bench = bench();
    let command = bench.command(&[]);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("exec \"$@\" <&- >&- 2>&-").arg("sh").arg(command.get_program());
    let status = shell.args(command.get_args()).status().unwrap();
    assert!(matches!(status.code(), Some(0 | 3)), "{status}");
    assert_whole(&bench);
}

#[test]
fn verbs_have_their_status_on_streams_that_cannot_be_written() {
    let plan = bench();
    let file = plan.file();
    let file = file.to_str().unwrap();
    let cases: [(&[&str], Stream, Stream, i32); 9] = [
        (&["plan", "nosuch.toml"], Stdio::null, full, 2),
        (&["plan", "nosuch.toml"], closed, closed, 2),
        (&["plan", file], full, Stdio::null, 2),
        (&["plan", file], closed, Stdio::null, 0),
        (&["--help"], closed, Stdio::null, 0),
        (&["--help"], full, Stdio::null, 2),
        (&["--version"], closed, closed, 0),
        (&["nosuch"], Stdio::null, full, 2),
        (&["calibrate", "--only", "999"], closed, closed, 2),
    ];
    for (arguments, stdout, stderr, expected) in cases {
        let status = tidings(arguments).stdout(stdout()).stderr(stderr()).status().unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
    }
}

#[test]
fn a_pipe_that_is_never_read_stalls_no_trial_and_no_end() {
    let bench = bench();
    // Full before the run begins, so that its first write blocks.
    let (reader, writer) = stalled();
    let status = bench.command(&[]).stdout(Stdio::null()).stderr(writer).status().unwrap();
    assert!(matches!(status.code(), Some(0 | 3)), "{status}");
    assert_whole(&bench);
    drop(reader);
}

/// A pipe that takes nothing more, and its reader.
fn stalled() -> (PipeReader, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

#[test]
fn an_interrupt_ends_the_wait_for_a_reader_that_has_stalled() {
    let bench = bench();
    let (reader, writer) = stalled();
    let mut command = bench.command(&[]);
    let mut run = command.stdout(writer).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    eventually("the report", || {
        let scenario = fs::read_dir(bench.out().join("test")).ok()?.flatten().next()?;
        scenario.path().join("charts").is_dir().then_some(())
    });
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert_whole(&bench);
    drop(reader);
}

#[test]
fn a_hang_up_with_its_terminal_gone_ends_as_documented() {
    let bench = Bench::new(&scenario(&["sse"], 2, "30s", ""));
    let (reader, writer) = pipe().unwrap();
    let mut command = bench.command(&[]);
    let mut run = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command);
    bench.wait_for("worker");
    drop(reader);
    let id = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(id, Signal::HUP).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(129));
    let json = fs::read(bench.results().join("run.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["stopped_by"], "SIGHUP");
    assert!(bench.results().join("report.md").is_file());
}

#[test]
fn a_server_outlives_its_reader_and_ends_at_a_hang_up() {
    let mut serve = tidings(&["serve", "--listen", "127.0.0.1:0"]);
    let mut serve = serve.stdout(closed()).stderr(closed()).spawn().unwrap();
    let id = serve.id();
    eventually("a listening socket", || {
        let file = File::open(format!("/proc/{id}/status")).ok()?;
        let mut lines = BufReader::new(file).lines().map_while(Result::ok);
        // Its handler of SIGHUP is installed.
        let mask = lines.find_map(|l| Some(l.strip_prefix("SigCgt:")?.trim().to_owned()))?;
        (u64::from_str_radix(&mask, 16).ok()? & 1 != 0).then_some(())
    });
    let pid = rustix::process::Pid::from_child(&serve);
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    assert_eq!(serve.wait().unwrap().code(), Some(129));
}

fn panicking(bench: &Bench, place: &str) -> Output {
    let mut command = bench.command(&[]);
    command.env("TIDINGS_PANIC_AT", place).env("RUST_BACKTRACE", "1").output().unwrap()
}

#[test]
fn a_panic_in_a_trial_fails_the_trial() {
    for place in ["worker", "target", "conductor"] {
        let bench = bench();
        let output = panicking(&bench, place);
        assert_eq!(output.status.code(), Some(3), "{place}: {}", text(&output.stderr));
        assert_whole(&bench);
        for trial in bench.trials() {
            assert!(trial["verdict_reasons"].contains("internal error"), "{place}: {trial:?}");
        }
        assert!(!text(&output.stderr).contains("stack backtrace"), "{place}");
        bench.wait_until_gone();
    }
}

#[test]
fn a_panic_elsewhere_is_one_message_with_status_2() {
    let bench = bench();
    let output = panicking(&bench, "report");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.trim_end().lines().last().unwrap().starts_with("tidings: internal error"),
        "{said}"
    );
    assert_eq!(bench.trials().len(), 2);
    let mut serve = tidings(&["serve", "--listen", "127.0.0.1:0", "--shards", "2"]);
    let output = serve.env("TIDINGS_PANIC_AT", "target").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn a_panic_of_one_connection_is_reported_and_ends_only_that_connection() {
    let mut serve = tidings(&["serve", "--listen", "127.0.0.1:0", "--shards", "2"]);
    serve.env("TIDINGS_PANIC_AT", "connection").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serve = serve.spawn().unwrap();
    let mut said = BufReader::new(serve.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line.trim().rsplit_once('/').unwrap().1;
    let mut errors = BufReader::new(serve.stderr.take().unwrap()).lines();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"");
        let told = errors.next().unwrap().unwrap();
        assert!(told.starts_with("tidings: internal error: "), "{told}");
    }
    assert_eq!(serve.try_wait().unwrap(), None);
    let pid = rustix::process::Pid::from_child(&serve);
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(serve.wait().unwrap().code(), Some(143));
}

#[test]
fn a_panic_of_a_helper_thread_fails_the_command_and_leaves_ctrl_c_working() {
    let bench = bench();
    let output = panicking(&bench, "signals");
    assert!(matches!(output.status.code(), Some(2 | 3)), "{}", output.status);
    assert_eq!(text(&output.stderr).matches("internal error").count(), 1);
    assert_whole(&bench);
    let bench = Bench::new(&scenario(&["sse"], 1, "60s", ""));
    let mut command = bench.command(&[]);
    command.env("TIDINGS_PANIC_AT", "signals").stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = command.spawn().unwrap();
    bench.wait_for("worker");
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    bench.wait_until_gone();
}
