//! Secrets and captured logins stand in no result, log, error or report: planted in a server that repeats them wherever it can.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::text;

const SECRET: &str = "correct-horse-battery/staple+42";
const LOGIN: &str = "login-token-that-nobody-may-see";

/// Answers one request after the other, and repeats its head in whatever it answers.
fn serve(mut peer: TcpStream) {
    let _ = peer.set_read_timeout(Some(Duration::from_secs(30)));
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = peer.read(&mut piece) {
        seen.extend_from_slice(&piece[..read]);
        let request = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if body.len() < length {
            continue;
        }
        let said = head.replace("\r\n", " ");
        let (status, body) = if head.starts_with("POST /login") {
            ("200 OK", format!("{{\"token\":\"{LOGIN}\"}}"))
        } else if head.starts_with("GET /stream") {
            let stream = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: you said {said}\n\n"
            );
            let _ = peer.write_all(stream.as_bytes());
            seen.clear();
            continue;
        } else {
            ("500 No", format!("you said {said}"))
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if peer.write_all(answer.as_bytes()).is_err() {
            return;
        }
        seen.clear();
    }
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn assert_hidden(what: &str, bytes: &[u8]) {
    for planted in [SECRET, LOGIN] {
        let found = bytes.windows(planted.len()).any(|window| window == planted.as_bytes());
        assert!(!found, "{what} contains {planted}:\n{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn what_a_server_repeats_is_written_nowhere() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for peer in listener.incoming().flatten() {
            std::thread::spawn(move || serve(peer));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("planted.toml");
    let page = format!(
        r#"
question = "Does anything leak?"
patterns = ["sse"]
trials = 1
floor = false
[workload]
clients = 2
rate = "5/s"
[phases]
connect = "100ms"
idle = "0s"
warmup = "200ms"
measure = "1s"
drain = "500ms"
[target]
url = "http://{address}"
headers = {{ authorization = "Bearer {{{{secret:PLANTED_SECRET}}}}" }}
[[target.setup]]
request = "POST /login"
capture = {{ login = "json:/token" }}
[target.publish]
request = "POST /publish"
headers = {{ x-login = "{{{{login}}}}" }}
body = "{{{{event}}}}"
[target.sse]
request = "GET /stream"
headers = {{ x-login = "{{{{login}}}}" }}
"#
    );
    fs::write(&file, page).unwrap();
    let out = folder.path().join("results");
    for verb in [&["plan", "--explain"][..], &["run", "--out", out.to_str().unwrap()], &["try"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.args(verb).arg(&file).env("PLANTED_SECRET", SECRET).stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
        assert_hidden(verb[0], said.as_bytes());
        assert!(said.contains("[secret") || verb[0] == "run", "{said}");
    }
    let mut found = Vec::new();
    files(&out, &mut found);
    assert!(found.iter().any(|path| path.ends_with("trials.csv")), "{found:?}");
    let report = found.iter().find(|path| path.ends_with("report.md")).unwrap();
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("No event was recognised") && report.contains("[secret"), "{report}");
    for path in found {
        assert_hidden(&path.display().to_string(), &fs::read(&path).unwrap());
    }
}
