//! RFC 9113, section 5.2 and 6.9: windows, and the number of streams.

use hyper::Method;

use super::super::connection::{CONNECTION_WINDOW, STREAM_WINDOW};
use super::super::frame::{
    DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE,
};
use super::*;

fn setting(name: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

fn wider(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, by.to_be_bytes())
}

/// Octets of DATA that were sent, by stream, and whether each has ended.
fn sent(connection: &mut Connection) -> Vec<(u32, usize, bool)> {
    let data = written(connection).into_iter().filter(|frame| frame.0 == DATA);
    data.map(|(_, flags, id, payload)| (id, payload.len(), flags & END_STREAM != 0)).collect()
}

#[test]
fn a_body_is_sent_as_both_windows_allow() {
    let mut connection = Connection::new();
    connection.out.bytes.clear();
    assert_eq!(fed(&mut connection, &[settings(), setting(4, 10)].concat()), None);
    connection.out.bytes.clear();
    let body = vec![0; 100_000];
    open(&mut connection, &Method::POST, &body);
    assert_eq!(sent(&mut connection), [(1, 10, false)]);
    // The stream's window alone: frames of 16 KiB, up to the connection's 65,535.
    assert_eq!(fed(&mut connection, &wider(1, 200_000)), None);
    let frames = sent(&mut connection);
    assert_eq!(frames.iter().map(|frame| frame.1).sum::<usize>(), 65_535 - 10);
    assert!(frames.iter().all(|frame| frame.1 <= 16_384 && !frame.2));
    assert_eq!(fed(&mut connection, &wider(0, 1_000_000)), None);
    let frames = sent(&mut connection);
    assert_eq!(frames.iter().map(|frame| frame.1).sum::<usize>(), 100_000 - 65_535);
    assert_eq!(frames.iter().filter(|frame| frame.2).count(), 1);
    assert!(frames.last().unwrap().2);
}

#[test]
fn smaller_settings_may_make_a_window_negative() {
    let mut connection = Connection::new();
    connection.out.bytes.clear();
    assert_eq!(fed(&mut connection, &[settings(), setting(4, 10)].concat()), None);
    open(&mut connection, &Method::POST, &[0; 15]);
    connection.out.bytes.clear();
    assert_eq!(fed(&mut connection, &setting(4, 0)), None);
    assert_eq!(fed(&mut connection, &wider(1, 10)), None);
    assert_eq!(sent(&mut connection), []);
    assert_eq!(fed(&mut connection, &wider(1, 5)), None);
    assert_eq!(sent(&mut connection), [(1, 5, true)]);
}

#[test]
fn what_is_taken_is_given_back_at_half_of_a_window() {
    let mut connection = asked(&Method::GET);
    assert_eq!(fed(&mut connection, &[settings(), head(false)].concat()), None);
    connection.out.bytes.clear();
    let cx = Context::from_waker(Waker::noop());
    assert!(connection.poll_head(1, &cx).is_ready());
    let piece = frame(DATA, 0, 1, vec![0; 16_384]);
    for _ in 0..STREAM_WINDOW / 16_384 {
        assert_eq!(fed(&mut connection, &piece), None);
    }
    assert!(written(&mut connection).is_empty(), "nobody has read");
    while connection.poll_piece(1, &cx).is_ready() {}
    let updates = written(&mut connection);
    assert_eq!(
        updates.iter().map(|frame| (frame.0, frame.2)).collect::<Vec<_>>(),
        [(WINDOW_UPDATE, 1), (WINDOW_UPDATE, 1)]
    );
    assert_eq!(frame::word(&updates[0].3), STREAM_WINDOW / 2);
    assert_eq!(fed(&mut connection, &piece), None);
    assert!(matches!(connection.poll_piece(1, &cx), Poll::Ready(Some(Ok(_)))));
}

#[test]
fn more_than_a_window_allows_ends_the_stream_or_the_connection() {
    let piece = |id| frame(DATA, 0, id, vec![0; 16_384]);
    let mut connection = asked(&Method::GET);
    assert_eq!(fed(&mut connection, &[settings(), head(false)].concat()), None);
    connection.out.bytes.clear();
    for _ in 0..=STREAM_WINDOW / 16_384 {
        assert_eq!(fed(&mut connection, &piece(1)), None);
    }
    let reset = written(&mut connection);
    assert_eq!((reset[0].0, frame::word(&reset[0].3)), (RST_STREAM, 3));
    let mut connection = Connection::new();
    assert_eq!(fed(&mut connection, &settings()), None);
    for number in 0..3 {
        let id = open(&mut connection, &Method::GET, b"");
        assert_eq!(id, 2 * number + 1);
        assert_eq!(fed(&mut connection, &frame(HEADERS, END_HEADERS, id, OK)), None);
    }
    let mut taken = 0;
    let breach = loop {
        match fed(&mut connection, &piece(1 + 2 * (taken / (STREAM_WINDOW / 16_384)))) {
            Some(breach) => break breach,
            None => taken += 1,
        }
    };
    assert_eq!(breach.reason, h2::Reason::FLOW_CONTROL_ERROR);
    assert_eq!(taken, CONNECTION_WINDOW / 16_384);
}

#[test]
fn a_stream_that_is_given_up_is_reset_and_its_octets_are_given_back() {
    let mut connection = asked(&Method::GET);
    assert_eq!(fed(&mut connection, &[settings(), head(false)].concat()), None);
    let piece = frame(DATA, 0, 1, vec![0; 16_384]);
    (0..20).for_each(|_| assert_eq!(fed(&mut connection, &piece), None));
    connection.out.bytes.clear();
    connection.forget(1);
    assert_eq!(written(&mut connection), [(RST_STREAM, 0, 1, vec![0, 0, 0, 8])]);
    (0..20).for_each(|_| assert_eq!(fed(&mut connection, &piece), None));
    assert_eq!(connection.windows.owed, 40 * 16_384);
}

#[test]
fn an_answer_before_the_end_of_the_request_lets_the_rest_go() {
    let mut connection = Connection::new();
    open(&mut connection, &Method::POST, &vec![0; 100_000]);
    assert_eq!(fed(&mut connection, &[settings(), head(true)].concat()), None);
    assert!(matches!(outcome(&mut connection, 1), Outcome::Answer(..)));
    connection.out.bytes.clear();
    connection.forget(1);
    assert_eq!(written(&mut connection), [(RST_STREAM, 0, 1, vec![0, 0, 0, 8])]);
}

#[test]
fn no_more_streams_are_opened_than_the_server_allows() {
    let mut connection = asked(&Method::GET);
    let cx = Context::from_waker(Waker::noop());
    assert!(connection.poll_room(&cx).is_ready());
    assert_eq!(fed(&mut connection, &setting(3, 1)), None);
    assert!(connection.poll_room(&cx).is_pending());
    assert_eq!(fed(&mut connection, &head(true)), None);
    assert!(connection.poll_room(&cx).is_ready());
    connection.forget(1);
    open(&mut connection, &Method::GET, b"");
    assert!(connection.poll_room(&cx).is_pending());
    connection.forget(3);
    assert!(connection.poll_room(&cx).is_ready());
    assert_eq!(fed(&mut connection, &setting(3, 0)), None);
    assert!(connection.poll_room(&cx).is_pending());
}

#[test]
fn a_request_is_sent_by_the_write_that_carries_its_first_octet() {
    let mut connection = Connection::new();
    let greeting = connection.out.bytes.len();
    open(&mut connection, &Method::POST, &[0; 1000]);
    let first = connection.out.bytes.len();
    open(&mut connection, &Method::GET, b"");
    let sent = |connection: &Connection| (connection.sent_ns(1), connection.sent_ns(3));
    for (upto, now, expected) in [
        (greeting, 10, (0, 0)),
        (greeting + 1, 20, (20, 0)),
        (first, 30, (20, 0)),
        (connection.out.bytes.len(), 40, (20, 40)),
    ] {
        assert!(connection.stamp_wanted().is_some());
        connection.wrote(upto - connection.out.written, Some(now));
        assert_eq!(sent(&connection), expected, "{upto}");
    }
    assert_eq!(connection.stamp_wanted(), None);
}
