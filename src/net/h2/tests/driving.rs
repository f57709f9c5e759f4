//! The task that carries the bytes, over a pipe in place of a socket.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;

use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::{LocalSet, spawn_local};

use super::super::drive;
use super::super::frame::{DATA, END_HEADERS, GOAWAY, HEADERS, PING, SETTINGS, WINDOW_UPDATE};
use super::*;

/// Reads frames until one of this kind has come; all of them.
async fn until(server: &mut DuplexStream, kind: u8) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut found: Vec<(u8, u8, u32, Vec<u8>)> = Vec::new();
    while found.last().is_none_or(|(last, ..)| *last != kind) {
        let mut head = [0; frame::HEAD];
        server.read_exact(&mut head).await.unwrap();
        let FrameHead { length, kind, flags, stream } = FrameHead::read(&head).unwrap().unwrap();
        let mut payload = vec![0; length];
        server.read_exact(&mut payload).await.unwrap();
        found.push((kind, flags, stream, payload));
    }
    found
}

/// A connection with a server that has read its greeting and answered it.
async fn met(pipe: usize) -> (Rc<RefCell<Connection>>, DuplexStream) {
    let (client, mut server) = duplex(pipe);
    let connection = Rc::new(RefCell::new(Connection::new()));
    spawn_local(drive(client, Rc::clone(&connection)));
    let mut preface = vec![0; frame::PREFACE.len()];
    server.read_exact(&mut preface).await.unwrap();
    assert_eq!(preface, frame::PREFACE);
    until(&mut server, WINDOW_UPDATE).await;
    server.write_all(&settings()).await.unwrap();
    let acknowledged = until(&mut server, SETTINGS).await;
    assert_eq!(acknowledged, [(SETTINGS, frame::ACK, 0, Vec::new())]);
    (connection, server)
}

async fn answer(connection: &Rc<RefCell<Connection>>, id: u32) -> Result<Vec<u8>, Failure> {
    poll_fn(|cx| connection.borrow_mut().poll_head(id, cx)).await?;
    let mut body = Vec::new();
    while let Some(piece) = poll_fn(|cx| connection.borrow_mut().poll_piece(id, cx)).await {
        body.extend_from_slice(&piece?);
    }
    Ok(body)
}

#[tokio::test(flavor = "current_thread")]
async fn requests_leave_and_answers_come_through_a_narrow_pipe() {
    let all = async {
        let (connection, mut server) = met(7).await;
        let ids: Vec<u32> =
            (0..3).map(|_| open(&mut connection.borrow_mut(), &Method::POST, b"ask")).collect();
        assert_eq!(ids, [1, 3, 5]);
        for _ in 0..3 {
            let request = until(&mut server, DATA).await;
            assert_eq!(request.iter().map(|frame| frame.0).collect::<Vec<_>>(), [HEADERS, DATA]);
        }
        let serving = async {
            for id in [5, 1, 3] {
                server.write_all(&frame(HEADERS, END_HEADERS, id, OK)).await.unwrap();
                let body = frame(DATA, frame::END_STREAM, id, id.to_string());
                server.write_all(&body).await.unwrap();
            }
            server
        };
        let reading = async {
            for id in ids {
                let body = answer(&connection, id).await.unwrap();
                assert_eq!(body, id.to_string().as_bytes());
                assert!(connection.borrow().sent_ns(id) > 0);
                connection.borrow_mut().forget(id);
            }
        };
        let (mut server, ()) = tokio::join!(serving, reading);
        // Whoever has no more to ask says so.
        connection.borrow_mut().leave();
        let last = until(&mut server, GOAWAY).await;
        assert_eq!(last.last().unwrap().3, [0; 8]);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        assert!(!connection.borrow().is_open());
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_end_fails_what_is_under_way_and_breaches_are_answered() {
    let all = async {
        let (connection, server) = met(4096).await;
        let id = open(&mut connection.borrow_mut(), &Method::GET, b"");
        drop(server);
        let failed = answer(&connection, id).await.unwrap_err();
        assert!(matches!(failed, Failure::Ended | Failure::Broken(_)), "{failed:?}");
        assert!(!connection.borrow().is_open());

        let (connection, mut server) = met(4096).await;
        let id = open(&mut connection.borrow_mut(), &Method::GET, b"");
        server.write_all(&frame(PING, 0, 0, [0; 3])).await.unwrap();
        let failed = answer(&connection, id).await.unwrap_err();
        assert!(matches!(failed, Failure::Breach(_)), "{failed:?}");
        let last = until(&mut server, GOAWAY).await;
        assert_eq!(
            last.last().unwrap().3[4..],
            u32::from(h2::Reason::FRAME_SIZE_ERROR).to_be_bytes()
        );
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_asks_and_does_not_read_is_not_read_either() {
    let all = async {
        let (_connection, mut server) = met(1 << 16).await;
        let pings: Vec<u8> = (0..100_000).flat_map(|_| frame(PING, 0, 0, [0; 8])).collect();
        let flood = async { server.write_all(&pings).await };
        // More than the pipes and the backlog hold is never taken.
        let mut flood = std::pin::pin!(flood);
        for _ in 0..1000 {
            let poll = poll_fn(|cx| Poll::Ready(flood.as_mut().poll(cx))).await;
            assert!(poll.is_pending());
            tokio::task::yield_now().await;
        }
    };
    LocalSet::new().run_until(all).await;
}
