use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use super::http1::get;
use super::peer::{Act, peer, say};
use crate::measure::ErrorKind;
use crate::net::{Client, Dialer, NetError};

const LONG: Duration = Duration::from_secs(60);

/// What the server does with the first request of its first connection.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Fine,
    Reset(h2::Reason),
    /// Ends the connection with this reason, after the answer.
    GoAwayAfter,
    /// Says that it will end, and then answers.
    GoAwayDuring,
    /// Ends it before.
    GoAwayBefore(h2::Reason),
    /// Never answers.
    Silent,
    /// Begins a body and never ends it.
    Endless,
    /// Ends the body of a longer answer by a reset.
    ResetInBody,
    /// Drops the connection.
    Drop,
}

/// A server of another make than the clients' library's wrapper: its moods hold for the first connection alone.
async fn server(mood: Mood) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn_local(async move {
        let mut first = Some(mood);
        while let Ok((stream, _)) = listener.accept().await {
            spawn_local(serve(stream, first.take().unwrap_or(Mood::Fine)));
        }
    });
    address
}

async fn serve(stream: tokio::net::TcpStream, first: Mood) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let (mut kept, first_mood, mut first) = (Vec::new(), first, Some(first));
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let mood = first.take().unwrap_or(Mood::Fine);
        let ok = || hyper::Response::new(());
        let fine = |respond: &mut h2::server::SendResponse<Bytes>| {
            let mut body = respond.send_response(ok(), false).unwrap();
            body.send_data(Bytes::from_static(b"fine"), true).unwrap();
        };
        match mood {
            Mood::Fine => fine(&mut respond),
            Mood::Reset(reason) => respond.send_reset(reason),
            Mood::GoAwayAfter => {
                fine(&mut respond);
                connection.graceful_shutdown();
            }
            Mood::GoAwayDuring => {
                connection.graceful_shutdown();
                fine(&mut respond);
            }
            Mood::GoAwayBefore(reason) => connection.abrupt_shutdown(reason),
            Mood::Silent => kept.push((respond, None)),
            Mood::Endless => {
                let mut body = respond.send_response(ok(), false).unwrap();
                body.send_data(Bytes::from_static(b"f"), false).unwrap();
                kept.push((respond, Some(body)));
            }
            Mood::ResetInBody => {
                let mut body = respond.send_response(ok(), false).unwrap();
                body.send_data(Bytes::from_static(b"f"), false).unwrap();
                body.send_reset(h2::Reason::INTERNAL_ERROR);
            }
            Mood::Drop => return,
        }
    }
    if matches!(first_mood, Mood::GoAwayBefore(_)) {
        // A socket that is closed with something unread resets, and the client may never see why it ended.
        std::future::pending::<()>().await;
    }
}

async fn first(
    address: std::net::SocketAddr,
    limit: Duration,
) -> (Result<Bytes, NetError>, Dialer) {
    let dialer = Dialer::new(address, Rc::default()).over_http2(10);
    let mut client = Client::connect(&dialer, 0).await.unwrap();
    let answer = client.exchange(get("/"), limit).await;
    (answer.map(|answer| answer.body), dialer)
}

/// Checks that the next request works, on a connection of its own where the first is over.
async fn works(dialer: &Dialer, name: &str) {
    let answer = tokio::time::timeout(LONG, async {
        loop {
            // A connection that is ending may be seen as open for a moment: nothing is repeated silently then.
            let mut client = Client::connect(dialer, 1).await.unwrap();
            if let Ok(answer) = client.exchange(get("/"), LONG).await {
                return answer;
            }
        }
    });
    assert_eq!(answer.await.unwrap().status, StatusCode::OK, "{name}");
}

#[tokio::test(flavor = "current_thread")]
async fn whatever_a_server_of_http_2_does_has_a_named_kind() {
    let all = async {
        use h2::Reason;
        for (mood, expected) in [
            (Mood::Fine, Ok(())),
            (Mood::GoAwayAfter, Ok(())),
            (Mood::GoAwayDuring, Ok(())),
            (Mood::Reset(Reason::INTERNAL_ERROR), Err((ErrorKind::Reset, "RST_STREAM, code 2"))),
            (Mood::Reset(Reason::REFUSED_STREAM), Err((ErrorKind::Reset, "RST_STREAM, code 7"))),
            (
                Mood::Reset(Reason::ENHANCE_YOUR_CALM),
                Err((ErrorKind::Reset, "RST_STREAM, code 11")),
            ),
            (Mood::GoAwayBefore(Reason::ENHANCE_YOUR_CALM), Err((ErrorKind::Closed, ""))),
            (Mood::ResetInBody, Err((ErrorKind::Reset, "RST_STREAM, code 2"))),
            (Mood::Drop, Err((ErrorKind::Closed, ""))),
        ] {
            let name = format!("{mood:?}");
            let (found, dialer) = first(server(mood).await, LONG).await;
            match (found, expected) {
                (Ok(body), Ok(())) => assert_eq!(&body[..], b"fine", "{name}"),
                (Err(error), Err((kind, says))) => {
                    let whole = error.kind().whole().unwrap_or(error.kind());
                    assert!(error.kind() == kind || whole == kind, "{name}: {error:?}");
                    assert!(error.to_string().contains(says), "{name}: {error}");
                }
                (found, _) => panic!("{name}: {found:?}"),
            }
            works(&dialer, &name).await;
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn streams_that_never_end_are_given_up_at_the_time_out() {
    let all = async {
        for (mood, kind) in
            [(Mood::Silent, ErrorKind::Timeout), (Mood::Endless, ErrorKind::Endless)]
        {
            let mut found = None;
            for limit_ms in [200, 2_000, 20_000] {
                let (outcome, _) = first(server(mood).await, Duration::from_millis(limit_ms)).await;
                found = Some(outcome.unwrap_err().kind());
                if found == Some(kind) {
                    break;
                }
            }
            assert_eq!(found, Some(kind), "{mood:?}");
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_does_not_speak_http_2_is_named() {
    let all = async {
        for (name, bytes, says) in [
            (
                "HTTP/1.1",
                &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..],
                "remove transport.http = \"2\"",
            ),
            ("TLS", &[21, 3, 3, 0, 2, 2, 10], "write https:// or wss://"),
        ] {
            let address = peer(vec![say(bytes), Act::Hold]).await;
            let error = first(address, LONG).await.0.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{name}: {error}");
            assert!(error.to_string().contains(says), "{name}: {error}");
        }
        let address = peer(vec![say([0, 0, 5, 9, 9, 9, 9, 9, 9, 1, 2, 3, 4, 5]), Act::Hold]).await;
        let error = first(address, LONG).await.0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Frame, "{error}");
    };
    LocalSet::new().run_until(all).await;
}
