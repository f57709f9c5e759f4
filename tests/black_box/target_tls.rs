//! `tidings serve --tls` and the target's TLS as other makers' clients, strangers and idlers meet it.

use crate::support::left_out;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use tidings::net::tls::{Authority, HTTP_1};
use tidings::net::{Dialer, WireTotals};

/// Time limit for expected events: above the target's own limit of ten seconds for a handshake.
const PATIENCE: Duration = Duration::from_secs(30);

/// `tidings serve` on a free port; ends with its test.
struct Serve {
    child: Child,
    scheme: &'static str,
    address: SocketAddr,
}

impl Serve {
    fn start(more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "1"]).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().unwrap().parse().unwrap();
        let scheme = if line.contains("https://") { "https" } else { "http" };
        Self { child, scheme, address }
    }

    /// curl's result for `path`: status, HTTP version, and the body; `None` without curl.
    fn curl(&self, path: &str, more: &[&str]) -> Option<(String, String)> {
        let form = "\n%{http_code} %{http_version} %{ssl_verify_result}";
        let url = format!("{}://{}{path}", self.scheme, self.address);
        let mut command = Command::new("curl");
        command.args(["--silent", "--max-time", "20", "--write-out", form]).args(more).arg(url);
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
                left_out("the target over TLS and HTTP/2 as curl sees it", "no curl here");
                return None;
            }
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, outcome) = text.rsplit_once('\n').unwrap();
        Some((outcome.to_owned(), body.to_owned()))
    }

    /// A plain connection.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn trusted(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}

#[test]
fn curl_trusts_the_certificate_that_was_written_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let pem = trusted(folder.path());
    let pem = pem.to_str().unwrap();
    let serve = Serve::start(&["--tls", "--cert-out", pem]);
    let http1 = ["--http1.1", "--cacert", pem];
    let Some((outcome, body)) = serve.curl("/healthz", &http1) else { return };
    assert_eq!(outcome, "200 1.1 0", "{body}");
    assert!(body.contains("\"status\":\"ok\""), "{body}");
    let (outcome, _) = serve.curl("/healthz", &["--tls-max", "1.2", "--cacert", pem]).unwrap();
    assert!(outcome.starts_with("000"), "only TLS 1.3 is spoken: {outcome}");
    let (outcome, _) = serve.curl("/healthz", &[]).unwrap();
    assert!(outcome.starts_with("000") && !outcome.ends_with(" 0"), "not trusted: {outcome}");
}

#[test]
fn curl_speaks_http_2_by_agreement_by_prior_knowledge_and_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let pem = trusted(folder.path());
    let pem = pem.to_str().unwrap();
    let secure = Serve::start(&["--tls", "--cert-out", pem]);
    let plain = Serve::start(&[]);
    for (serve, more, version) in [
        (&secure, &["--http2", "--cacert", pem][..], "2"),
        (&secure, &["--http1.1", "--cacert", pem], "1.1"),
        (&plain, &["--http2-prior-knowledge"], "2"),
        (&plain, &["--http1.1"], "1.1"),
        // A POST begins like the preface of HTTP/2, with a P.
        (&plain, &["--request", "POST"], "1.1"),
    ] {
        let Some((outcome, body)) = serve.curl("/topics/news-0/events?since=0&wait=5s", more)
        else {
            return;
        };
        let status = if more.contains(&"POST") { "415" } else { "200" };
        assert!(outcome.starts_with(&format!("{status} {version} ")), "{more:?}: {outcome} {body}");
    }
    let more = ["--http2-prior-knowledge", "--no-buffer", "--max-time", "8"];
    let (outcome, body) = plain.curl("/topics/news-0/stream?since=0", &more).unwrap();
    assert!(outcome.starts_with("200 2 ") && body.contains("event: news"), "{outcome}: {body}");
}

#[test]
fn h2load_finds_every_request_answered() {
    let serve = Serve::start(&[]);
    let url = format!("http://{}/healthz", serve.address);
    let output =
        match Command::new("h2load").args(["-n", "200", "-c", "2", "-m", "20", &url]).output() {
            Ok(output) => String::from_utf8(output.stdout).unwrap(),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
                return left_out("the target under h2load", "no h2load here");
            }
        };
    assert!(output.contains("200 succeeded, 0 failed"), "{output}");
}

#[test]
fn a_stranger_on_the_port_is_let_go() {
    let serve = Serve::start(&["--tls"]);
    let mut plain = serve.connect();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: target\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    // An alert, at most: a record of type 21 and 2 bytes.
    assert!(answer.is_empty() || (answer[0] == 21 && answer.len() <= 7), "{answer:?}");

    // An incomplete handshake: the header of a record and one byte.
    let mut slow = serve.connect();
    slow.write_all(&[22, 3, 1, 0, 200, 1]).unwrap();
    let mut silent = serve.connect();
    for stream in [&mut slow, &mut silent] {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("closed by the target, not by this test's patience");
        assert!(answer.is_empty(), "{answer:?}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_of_another_authority_gets_a_clear_error() {
    let serve = Serve::start(&["--tls"]);
    let trust = Authority::new().unwrap().trust(false);
    let totals = Rc::new(WireTotals::default());
    let dialer = Dialer::new(serve.address, Rc::clone(&totals)).over_tls(&trust, HTTP_1, true);
    let error = dialer.unwrap().connect(0).await.unwrap_err().to_string();
    assert!(error.contains("not of the authority that is trusted here"), "{error}");
    assert_eq!((totals.connections(), totals.handshakes()), (1, (0, 0)));
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    for (more, words) in [
        (&["--cert-out", "x.pem"][..], "--tls"),
        (&["--tls", "--cert", "x.pem"], "--key"),
        (&["--tls", "--cert", "/nowhere/c.pem", "--key", "/nowhere/k.pem"], "/nowhere/c.pem"),
        (&["--tls", "--cert", "Cargo.toml", "--key", "Cargo.toml"], "must be PEM files"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        let output =
            command.args(["serve", "--listen", "127.0.0.1:0"]).args(more).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(words), "{more:?}: {message}");
    }
}
