use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, StatusCode};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::LocalSet;

use super::peer::{Act, FINE, peer, say};
use super::scripts::Outcome::{Answer, Failure};
use super::scripts::{broken_answers, read_then, right_answers};
use crate::measure::ErrorKind;
use crate::net::error::{Part, Seen};
use crate::net::{Client, Dialer, NetError, StampedResponse, upgrade};

/// Longer than any answer takes that does come.
const LONG: Duration = Duration::from_secs(60);

pub(super) fn get(path: &str) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = path.parse().unwrap();
    request.headers_mut().insert(HOST, HeaderValue::from_static("bench.example"));
    request
}

async fn outcome(
    acts: Vec<Act>,
    limit: Duration,
) -> (Result<StampedResponse, NetError>, bool, Dialer) {
    let dialer = Dialer::new(peer(acts).await, Rc::default());
    let mut client = Client::connect(&dialer, 0).await.unwrap();
    let first = client.exchange(get("/first"), limit).await;
    // Whatever the server did after its answer has been seen by then, or the exchange would not work either.
    let again = tokio::time::timeout(LONG, async {
        client.still_open().await && client.exchange(get("/again"), LONG).await.is_ok()
    });
    let again = first.is_ok() && again.await.unwrap();
    (first, again, dialer)
}

/// Checks that a new connection works, whatever became of the first.
async fn works_anew(dialer: &Dialer, name: &str) {
    let mut anew = Client::connect(dialer, 0).await.unwrap();
    let answer = anew.exchange(get("/anew"), LONG).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"fine"[..]), "{name}");
}

#[tokio::test(flavor = "current_thread")]
async fn whatever_a_server_answers_is_taken_or_has_a_named_kind() {
    let all = async {
        for (name, acts, expected) in right_answers().into_iter().chain(broken_answers()) {
            let (first, again, dialer) = outcome(acts, LONG).await;
            match (expected, first) {
                (Answer(status, body, next), Ok(answer)) => {
                    assert_eq!(
                        (answer.status.as_u16(), &answer.body[..]),
                        (status, body.as_bytes()),
                        "{name}"
                    );
                    assert_eq!(again, next, "{name}: the next request");
                }
                (Failure(kind, says), Err(error)) => {
                    assert_eq!(error.kind(), kind, "{name}: {error}");
                    assert!(error.to_string().contains(says), "{name}: {error}");
                }
                (expected, other) => {
                    let other = other.map(|answer| answer.status);
                    panic!("{name}: {other:?}, not {expected:?}");
                }
            }
            works_anew(&dialer, name).await;
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn answers_that_never_end_are_given_up_at_the_time_out() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let body = format!("{ok}content-length: 100000000\r\n\r\n");
    let all = async {
        for (name, acts, kind) in [
            ("nothing", vec![Act::Read, Act::Hold], ErrorKind::Timeout),
            ("a head that stops", vec![Act::Read, say(ok), Act::Hold], ErrorKind::Endless),
            (
                "a head in trickles",
                vec![Act::Read, say(ok), Act::Trickle(b"x".to_vec())],
                ErrorKind::Endless,
            ),
            ("a body that stops", vec![Act::Read, say(&body), Act::Hold], ErrorKind::Endless),
            (
                "a body in trickles",
                vec![Act::Read, say(&body), Act::Trickle(b"x".to_vec())],
                ErrorKind::Endless,
            ),
            (
                "chunks in trickles",
                vec![
                    Act::Read,
                    say(format!("{ok}transfer-encoding: chunked\r\n\r\n")),
                    Act::Trickle(b"1\r\nx\r\n".to_vec()),
                ],
                ErrorKind::Endless,
            ),
            (
                "informational answers for ever",
                vec![Act::Read, Act::Trickle(b"HTTP/1.1 102 Processing\r\n\r\n".to_vec())],
                ErrorKind::Endless,
            ),
        ] {
            // Longer each time, for a machine that paused before the first byte came.
            let mut found = None;
            for limit_ms in [200, 2_000, 20_000] {
                let (first, _, dialer) =
                    outcome(acts.clone(), Duration::from_millis(limit_ms)).await;
                found = Some(first.unwrap_err().kind());
                works_anew(&dialer, name).await;
                if found == Some(kind) {
                    break;
                }
            }
            assert_eq!(found, Some(kind), "{name}");
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_body_that_resets_is_no_truncated_one() {
    let all = async {
        // Data that was not read when the reset arrives may be thrown away: the client reads it first.
        let acts = vec![
            Act::Read,
            say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfine"),
            Act::Read,
            Act::Reset,
        ];
        let dialer = Dialer::new(peer(acts).await, Rc::default());
        let mut stream = dialer.connect(0).await.unwrap();
        let meter = stream.meter();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 43]).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let error = stream.read_exact(&mut [0; 6]).await.unwrap_err();
        let error = NetError::of_io(&error, Seen::by(&meter, Part::Body));
        assert_eq!(error.kind(), ErrorKind::Reset);
        assert!(error.to_string().contains("in the middle of the answer's body"), "{error}");
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_upgrade_brings_what_the_server_says() {
    let all = async {
        for (name, acts, expected) in [
            (
                "a refusal",
                read_then("HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nno access"),
                Ok("no access"),
            ),
            ("no body", read_then("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"), Ok("")),
            (
                "no upgrade",
                read_then("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine"),
                Ok("fine"),
            ),
            ("no answer", vec![Act::Read], Err(ErrorKind::Closed)),
            ("a half", read_then("HTTP/1.1 101 Swi"), Err(ErrorKind::Truncated)),
            ("TLS", read_then([21, 3, 3, 0, 2, 2, 10]), Err(ErrorKind::Protocol)),
        ] {
            let dialer = Dialer::new(peer(acts).await, Rc::default());
            let stream = dialer.connect(0).await.unwrap();
            let mut request = get("/ws");
            request.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
            request.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
            match (upgrade(stream, request).await, expected) {
                (Ok((response, _)), Ok(body)) => {
                    let sample = response.extensions().get::<crate::net::Sample>().unwrap();
                    assert_eq!(sample.to_string(), body, "{name}");
                }
                (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{name}: {error}"),
                (other, _) => panic!("{name}: {:?}", other.map(|(response, _)| response)),
            }
            works_anew(&dialer, name).await;
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn cookies_and_compression_go_with_every_request_of_their_link() {
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, b"fine").unwrap();
        encoder.finish().unwrap()
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nset-cookie: session=7; Path=/; HttpOnly\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        gzip.len()
    );
    let all = async {
        let answer = [head.as_bytes(), &gzip].concat();
        let acts = vec![Act::Read, say(answer), Act::Read, say(FINE), Act::Hold];
        let dialer =
            Dialer::new(peer(acts).await, Rc::default()).with_cookies(true).with_compression(true);
        let mut client = Client::connect(&dialer, 3).await.unwrap();
        let answer = client.exchange(get("/login"), LONG).await.unwrap();
        assert_eq!(&answer.body[..], b"fine", "decoded");
        drop(client);
        // The jar is the link's, not the connection's.
        for (link, expected) in [(3, "session=7"), (4, "")] {
            let sent = dialer.manners(link);
            let mut request = get("/next");
            { sent }.dress(&mut request);
            let cookie =
                request.headers().get("cookie").map_or("", |value| value.to_str().unwrap());
            assert_eq!(cookie, expected, "link {link}");
            assert_eq!(request.headers()["accept-encoding"], "gzip, deflate");
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn nobody_there_is_named_with_the_address() {
    let gone = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let error = Client::connect(&Dialer::new(gone, Rc::default()), 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    let expected = format!("cannot connect to {gone}: connection refused: nothing listens there");
    assert_eq!(error.to_string(), expected);
    for (kind, expected) in [
        (std::io::ErrorKind::NetworkUnreachable, ErrorKind::Unreachable),
        (std::io::ErrorKind::HostUnreachable, ErrorKind::Unreachable),
        (std::io::ErrorKind::TimedOut, ErrorKind::Unreachable),
        (std::io::ErrorKind::AddrNotAvailable, ErrorKind::Connect),
        (std::io::ErrorKind::PermissionDenied, ErrorKind::Connect),
    ] {
        let error = NetError::Connect { to: "a".to_owned(), error: kind.into() };
        assert_eq!(error.kind(), expected, "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_bytes_are_an_answer_or_a_named_failure(
        begin in prop::sample::select(&[
            "", "HTTP/1.1 ", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n",
        ][..]),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let all = async {
            let said = [begin.as_bytes(), &bytes].concat();
            let address = peer(vec![Act::Read, say(said)]).await;
            let dialer = Dialer::new(address, Rc::default()).with_compression(true).with_cookies(true);
            let mut client = Client::connect(&dialer, 0).await.unwrap();
            if let Err(error) = client.exchange(get("/"), LONG).await {
                prop_assert!(!matches!(error, NetError::Timeout(_) | NetError::Endless(_)), "{error}");
                prop_assert!(error.kind().remedy().len() > 20);
            }
            works_anew(&dialer, begin).await;
            Ok(())
        };
        LocalSet::new().block_on(&runtime, all)?;
    }
}
