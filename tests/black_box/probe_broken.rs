//! `tidings probe` used wrongly, stopped, and against targets that are not there: what happened, where, and what to do; and what
//! it prints, as text, JSON and CSV.

use crate::probe_support;
use crate::support::{eventually, text};

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use probe_support::{Deed, command, count, errors, json, probe, put, read_request, serve};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const OK: Deed = Deed {
    name: "ok",
    act: |stream, _| {
        put(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        true
    },
};

/// A port that nobody listens on.
fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The words of an output on stderr, on one line.
fn said(output: &Output) -> String {
    text(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn wrong_use_is_refused_before_anything_is_sent_with_what_to_write() {
    let url = format!("http://127.0.0.1:{}/", nobody());
    for (arguments, words) in [
        (&["--conections", "5", &url][..], &["--conections", "--connections"][..]),
        (&[&url, "-c", "five"], &["five", "--connections"]),
        (&[&url, "-q", "fast"], &["fast", "--rate"]),
        (&[&url, "-z", "soon"], &["soon", "--duration"]),
        (&[&url, "-o", "xml"], &["xml", "text, json, csv"]),
        (&["htp://127.0.0.1/"], &["htp", "http"]),
        (&["ftp://127.0.0.1/x"], &["ftp", "http"]),
        (&["http:///x"], &["host"]),
        (&[&url, "-H", "no colon"], &["no colon"]),
        (&[&url, "-d", "@/does/not/exist"], &["/does/not/exist"]),
        (&[&url, "--cacert", "/does/not/exist"], &["/does/not/exist"]),
        (&[], &["URL"]),
    ] {
        let output = probe(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: '{word}' is missing in: {said}");
        }
    }
}

#[test]
fn too_few_descriptors_are_told_with_how_many_are_needed() {
    let script = format!(
        "ulimit -n 64; exec '{}' probe http://127.0.0.1:{}/ -c 5000 -z 1s",
        env!("CARGO_BIN_EXE_tidings"),
        nobody()
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in ["5,000", "64", "ulimit -n"] {
        assert!(said.contains(word), "'{word}' is missing in: {said}");
    }
}

#[test]
fn a_port_without_a_listener_fails_at_once_and_every_client_is_counted() {
    for (scheme, more) in [("http", &[][..]), ("ws", &[]), ("http", &["--sse"])] {
        let url = format!("{scheme}://127.0.0.1:{}/", nobody());
        let arguments = [&[url.as_str(), "-c", "7", "-z", "60s"], more].concat();
        let (document, status) = json(&arguments);
        assert_eq!(status, 3, "{document:#}");
        let trial = &document["trials"][0]["trial"];
        assert_eq!(trial["verdict"], "failed");
        let why = trial["verdict_reasons"][0].as_str().unwrap();
        for words in ["no client could connect", "connection refused: nothing listens there"] {
            assert!(why.contains(words), "{url}: {why}");
        }
        assert_eq!(errors(&document), [("connect".to_owned(), 7)].into(), "{url} {document:#}");
        let page = probe(&[&arguments, &["--quiet"][..]].concat());
        let page = text(&page.stdout);
        for words in ["nothing listens there", "Check that the server runs"] {
            assert!(flat(&page).contains(words), "{page}");
        }
    }
}

/// A page as one line.
fn flat(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    // Names below .invalid never resolve (RFC 6761).
    let output = probe(&["http://nowhere.invalid/", "-z", "1s", "--quiet", "--yes-i-may"]);
    let told = format!("{} {}", said(&output), flat(&text(&output.stdout)));
    assert!(told.contains("nowhere.invalid"), "{told}");
    assert!(matches!(output.status.code(), Some(2 | 3)), "{told}");
}

#[test]
fn a_target_that_dies_halfway_is_told_apart_from_what_it_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answered = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&answered);
    // Answers forty requests of the only client, then nobody listens any more.
    let server = std::thread::spawn(move || {
        let mut reader = BufReader::new(listener.accept().unwrap().0);
        while told.load(Ordering::Relaxed) < 40 && read_request(&mut reader).is_some() {
            told.fetch_add(1, Ordering::Relaxed);
            put(reader.get_mut(), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let (document, status) =
        json(&[&format!("http://{address}/"), "-c", "1", "-q", "40", "-z", "2s", "--warmup", "0s"]);
    server.join().unwrap();
    assert_ne!(status, 2, "{document:#}");
    assert_eq!(count(&document, "answered"), answered.load(Ordering::Relaxed), "{document:#}");
    let of = |column| count(&document, column);
    assert_eq!(of("sent"), of("answered") + of("failed") + of("unfinished"));
    let kinds = errors(&document);
    // What was under way may have met the end of the connection itself.
    assert!(kinds.get("connect").is_some_and(|refused| *refused + 1 >= of("failed")), "{kinds:?}");
    assert_eq!(kinds.values().sum::<u64>(), of("failed"), "{kinds:?}");
}

#[test]
fn an_interrupt_prints_what_was_measured_in_every_format() {
    for format in ["text", "json", "csv"] {
        let (address, account) = serve(vec![OK], usize::MAX);
        let url = format!("http://{address}/");
        let arguments =
            [url.as_str(), "-c", "2", "-q", "100", "-z", "300s", "-o", format, "--warmup", "0s"];
        let mut command = command(&arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        eventually("some requests", || (account.of().get("ok")? > &50).then_some(()));
        let pid = Pid::from_raw(child.id() as i32).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        let page = text(&output.stdout);
        assert_eq!(output.status.code(), Some(130), "{format}: {page} {}", said(&output));
        match format {
            "text" => {
                for words in ["answered", "verdict stopped by Ctrl-C."] {
                    assert!(flat(&page).contains(words), "{page}");
                }
            }
            "json" => {
                let document: Value = serde_json::from_str(&page).unwrap();
                assert_eq!(
                    (&document["complete"], &document["exit_status"]),
                    (&false.into(), &130.into())
                );
                assert_eq!(document["stopped_by"], "Ctrl-C");
                assert!(count(&document, "answered") > 0, "{page}");
                let seconds = document["trials"][0]["measured_s"].as_f64().unwrap();
                assert!(0.0 < seconds && seconds < 300.0, "{seconds}");
            }
            _ => assert_eq!(page.lines().count(), 2, "{page}"),
        }
    }
}

#[test]
fn data_alone_is_on_stdout_and_its_names_are_documented() {
    let format = include_str!("../../FORMAT.md");
    let (address, _) = serve(vec![OK], usize::MAX);
    let url = format!("http://{address}/");
    let arguments = [url.as_str(), "-c", "2", "-q", "50", "-z", "500ms"];

    let (document, _) = json(&arguments);
    let section =
        format.split("## `tidings probe -o json`").nth(1).unwrap().split("\n## ").next().unwrap();
    let documented: BTreeSet<&str> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect();
    let names: BTreeSet<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, documented);
    let trial = document["trials"][0].as_object().unwrap();
    for name in trial.keys() {
        assert!(section.contains(&format!("`{name}`")), "{name} is not documented");
    }
    let columns: Vec<&str> =
        trial["trial"].as_object().unwrap().keys().map(String::as_str).collect();
    for name in &columns {
        assert!(format.contains(&format!("| `{name}` |")), "{name} is not documented");
    }
    for percentile in trial["percentiles"].as_array().unwrap() {
        for name in percentile.as_object().unwrap().keys() {
            assert!(format.contains(&format!("| `{name}` |")), "{name} is not documented");
        }
    }

    let output = probe(&[&arguments[..], &["-o", "csv"]].concat());
    let table = text(&output.stdout);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    // Of a figure that is `inf`, the table has the bound in a column of its own, and the document in its place.
    let headers = rows.headers().unwrap().clone();
    assert_eq!(headers.iter().collect::<Vec<_>>(), [&columns[..], &["bounds"]].concat());
    let row = rows.records().next().unwrap().unwrap();
    assert_eq!(row.len(), headers.len());
    let at = |name: &str| &row[columns.iter().position(|column| *column == name).unwrap()];
    assert_eq!(at("pattern"), "request");
    assert_eq!(at("statuses"), format!("200: {}", at("answered")));
}

#[test]
fn the_table_fits_eighty_columns_and_has_no_colour() {
    let (address, _) = serve(
        vec![
            OK,
            Deed {
                name: "500",
                act: |stream, _| {
                    put(stream, b"HTTP/1.1 500 X\r\ncontent-length: 200\r\n\r\n");
                    put(stream, &"a long story ".repeat(20).as_bytes()[..200]);
                    true
                },
            },
        ],
        usize::MAX,
    );
    let url = format!("http://{address}/");
    for environment in [&[][..], &[("NO_COLOR", "1")], &[("COLUMNS", "200")], &[("LC_ALL", "C")]] {
        let mut command = command(&[&url, "-c", "2", "-q", "100", "-z", "500ms", "--warmup", "0s"]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let page = text(&output.stdout);
        for line in page.lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", line.chars().count());
            assert!(!line.contains('\x1b'), "{line:?}");
        }
        for words in [
            "50 sent, 25 answered, 25 failed",
            "statuses 200: 25, 500: 25",
            "p50 p75 p90 p99 p99.9 max",
            "response ",
            "service ",
            "slip ",
            "25 server_error",
            "a long story",
            "Check the server's log",
            "bytes ",
            "connections ",
            "verdict ",
        ] {
            assert!(flat(&page).contains(words), "'{words}' is missing in\n{page}");
        }
        if environment == [("LC_ALL", "C")] {
            assert!(page.is_ascii(), "{page}");
        }
    }
}

#[test]
fn progress_is_a_line_every_few_seconds_where_it_cannot_be_rewritten() {
    let (address, account) = serve(vec![OK], usize::MAX);
    let url = format!("http://{address}/");
    let mut command = command(&[&url, "-c", "2", "-q", "50", "-z", "300s", "--warmup", "0s"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    // However slow the machine: the numbers come with a line at some time.
    let line = lines.find(|line| line.contains("requests/s")).unwrap();
    for words in [" left, ", "p50 ", "p99 ", "max ", "slip p99 "] {
        assert!(line.contains(words), "{line}");
    }
    assert!(account.of()["ok"] > 0);
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::INT).unwrap();
    let mut rest = String::new();
    child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
