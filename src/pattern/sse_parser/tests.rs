use proptest::prelude::*;

use super::*;

fn parse(pieces: &[&[u8]]) -> Vec<(String, String, String)> {
    let mut parser = Parser::default();
    let mut messages = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for piece in pieces {
        parser
            .feed(piece, |m| messages.push((m.event.to_owned(), text(m.data), text(m.last_id))))
            .unwrap();
    }
    messages
}

fn owned(message: Message<'_>) -> (String, Vec<u8>, Vec<u8>) {
    (message.event.to_owned(), message.data.to_vec(), message.last_id.to_vec())
}

fn message(event: &str, data: &str, id: &str) -> (String, String, String) {
    (event.to_owned(), data.to_owned(), id.to_owned())
}

#[test]
fn the_examples_of_the_standard() {
    for (stream, expected, why) in [
        (
            "data: YHOO\ndata: +2\ndata: 10\n\n",
            vec![message("message", "YHOO\n+2\n10", "")],
            "lines are joined",
        ),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            vec![
                message("message", "first event", "1"),
                message("message", "second event", ""),
                message("message", " third event", ""),
            ],
            "an empty id resets, one space is dropped",
        ),
        (
            "data\n\ndata\ndata\n\ndata:",
            vec![message("message", "", ""), message("message", "\n", "")],
            "what is not ended is not dispatched",
        ),
        (
            "data:test\n\ndata: test\n\n",
            vec![message("message", "test", ""), message("message", "test", "")],
            "the space is optional",
        ),
        (
            "event: add\rdata: 1\r\rid: 7\r\ndata: 2\r\n\r\n",
            vec![message("add", "1", ""), message("message", "2", "7")],
            "every line end ends lines",
        ),
        (
            "\u{feff}data: x\nretry: 10\nother: y\n\n",
            vec![message("message", "x", "")],
            "a byte order mark is skipped",
        ),
        (
            "event: x\n\ndata: y\n\n",
            vec![message("message", "y", "")],
            "a message without data resets the type",
        ),
    ] {
        assert_eq!(parse(&[stream.as_bytes()]), expected, "{why}");
    }
}

#[test]
fn a_retry_is_digits_and_nothing_else() {
    for (stream, retry_ms) in [
        ("", None),
        ("retry: 250\n", Some(250)),
        ("retry:7\n: x\n\nretry: 9\n", Some(9)),
        ("retry: 1s\nretry: -1\nretry\nretry: +4\n", None),
        ("retry: 99999999999999999999999\n", None),
    ] {
        let mut parser = Parser::default();
        parser.feed(stream.as_bytes(), |_| {}).unwrap();
        assert_eq!(parser.retry_ms(), retry_ms, "{stream:?}");
    }
}

#[test]
fn an_id_counts_from_the_blank_line_on_with_or_without_data() {
    for (stream, last_id) in [
        ("data: 1\n\n", None),
        ("id: 7\n", None),
        ("id: 7\n\n", Some("7")),
        ("id: 7\ndata: x\n\nid: 8\ndata: y\n", Some("7")),
        ("id: 7\n\nid\n\n", Some("")),
        ("id: 7\n\nid: a\0b\n\n", Some("7")),
    ] {
        let mut parser = Parser::default();
        parser.feed(stream.as_bytes(), |_| {}).unwrap();
        assert_eq!(parser.last_id(), last_id.map(str::as_bytes), "{stream:?}");
    }
}

#[test]
fn the_id_outlives_its_stream_but_is_no_part_of_the_next_ones_messages() {
    let mut parser = Parser::default();
    parser.feed(b"id: 7\ndata: x\n\nid: 8\ndata: y\n", |_| {}).unwrap();
    parser.restart();
    let mut messages = Vec::new();
    parser.feed(b"data: z\n\n", |message| messages.push(owned(message))).unwrap();
    assert_eq!(messages, [("message".to_owned(), b"z".to_vec(), Vec::new())]);
    assert_eq!(parser.last_id(), Some(&b"7"[..]));
}

#[test]
fn nothing_is_kept_between_two_messages() {
    let mut parser = Parser::default();
    let stream = b"id: 7\nevent: x\ndata: y\n\n: z\n";
    for end in 1..=stream.len() {
        parser.feed(&stream[end - 1..end], |_| {}).unwrap();
        let between = stream[..end].ends_with(b"\n\n") || end == stream.len();
        assert_eq!(parser.block.is_none(), between, "{end}");
    }
}

#[test]
fn an_empty_piece_does_not_part_a_return_from_its_line_feed() {
    assert_eq!(parse(&[b"data\r", b"", b"\n"]), []);
    assert_eq!(parse(&[b"data\r", b"", b"\n\r\n"]).len(), 1);
}

#[test]
fn a_line_without_end_is_refused_in_time() {
    let mut parser = Parser::default();
    let piece = vec![b'x'; 1 << 20];
    assert!((0..5).any(|_| parser.feed(&piece, |_| {}).is_err()));
}

proptest! {
    #[test]
    fn the_pieces_boundaries_do_not_matter(
        lines in proptest::collection::vec("(data|event|id|:|retry|)(: ?[a-z]{0,5})?(\n|\r|\r\n)", 0..30),
        cuts in proptest::collection::vec(0..200usize, 0..10),
    ) {
        let stream = lines.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for cut in cuts.into_iter().chain([stream.len()]) {
            pieces.push(&stream[start..cut]);
            start = cut;
        }
        prop_assert_eq!(parse(&pieces), parse(&[&stream]));
    }

    #[test]
    fn any_bytes_in_any_pieces_are_the_same_stream(
        tokens in proptest::collection::vec(prop_oneof![
            1 => proptest::collection::vec(any::<u8>(), 0..3),
            6 => "(data|data|data:|id|event|retry|:|: |7|\n|\r|\r\n|\r\n|\r\n|\0|\u{feff})".prop_map(String::into_bytes),
        ], 0..60),
        lengths in proptest::collection::vec(0..4usize, 1..40),
    ) {
        let stream = tokens.concat();
        let mut whole = Parser::default();
        let mut expected = Vec::new();
        whole.feed(&stream, |message| expected.push(owned(message))).unwrap();
        let (mut parser, mut messages, mut rest) = (Parser::default(), Vec::new(), &stream[..]);
        for length in lengths.iter().cycle() {
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            parser.feed(piece, |message| messages.push(owned(message))).unwrap();
            // No more is kept than came.
            let held = parser.block.as_ref().map_or(0, |block| block.line.len() + block.data.len());
            prop_assert!(held <= stream.len());
            rest = after;
            if rest.is_empty() || lengths.iter().all(|length| *length == 0) {
                break;
            }
        }
        parser.feed(rest, |message| messages.push(owned(message))).unwrap();
        prop_assert_eq!(messages, expected);
        prop_assert_eq!(parser.retry_ms(), whole.retry_ms());
    }

    #[test]
    fn whatever_is_sent_as_the_standard_says_comes_back(
        sent in proptest::collection::vec(("[a-z]{1,8}", "[ -~é]{0,20}", "[0-9]{1,9}"), 0..8), end in "\n|\r|\r\n",
    ) {
        let lines = |(event, data, id): &(String, String, String)| {
            [": hello".to_owned(), format!("id: {id}"), format!("event: {event}"), format!("data: {data}"), String::new()]
        };
        let stream: Vec<String> = sent.iter().flat_map(lines).map(|line| line + &end).collect();
        let stream = stream.concat();
        let expected: Vec<_> =
            sent.iter().map(|(event, data, id)| message(event, data, id)).collect();
        prop_assert_eq!(parse(&[stream.as_bytes()]), expected);
    }
}
