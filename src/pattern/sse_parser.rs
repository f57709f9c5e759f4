//! The event stream format of the WHATWG's HTML standard, section 9.2.6, as bytes arrive.

use memchr::{memchr, memchr2};

/// One dispatched message of an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The event's type; `message` where the stream names none.
    pub event: &'a str,
    /// The data lines, joined by line feeds.
    pub data: &'a [u8],
    /// The last event id that the stream set, in this message or before.
    pub last_id: &'a [u8],
}

/// Longest message that is taken, in bytes: a stream without blank lines must not grow without bound.
const LIMIT: usize = 4 << 20;

/// A stream that exceeds a bound of this parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Parses a stream from pieces with any boundaries, and returns its messages.
#[derive(Debug, Default)]
pub struct Parser {
    /// The line that is not ended yet.
    line: Vec<u8>,
    event: String,
    data: Vec<u8>,
    has_data: bool,
    last_id: Option<Vec<u8>>,
    /// The id at the last blank line, with which a reader returns. The id of an incomplete block does not count.
    settled_id: Option<Vec<u8>>,
    retry_ms: Option<u64>,
    /// Comment lines so far.
    comments: u64,
    /// A carriage return ended the last line: a line feed next belongs to it.
    after_return: bool,
    /// Whether the first line, which may begin with a byte order mark, is behind.
    begun: bool,
}

impl Parser {
    /// Takes the next piece, calling `on_message` for every message that it completes.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on_message: impl FnMut(Message<'_>),
    ) -> Result<(), TooLong> {
        // An empty piece may be followed by anything.
        if !bytes.is_empty() && std::mem::take(&mut self.after_return) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = bytes.split_at(end);
            if self.line.is_empty() {
                self.take_line(line, &mut on_message);
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_line(&whole, &mut on_message);
                whole.clear();
                self.line = whole;
            }
            if self.data.len() > LIMIT {
                return Err(TooLong);
            }
            bytes = match rest {
                [b'\r'] => {
                    self.after_return = true;
                    &[]
                }
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > LIMIT { Err(TooLong) } else { Ok(()) }
    }

    /// The id with which a reader returns; `None` if the stream has set none.
    pub fn last_id(&self) -> Option<&[u8]> {
        self.settled_id.as_deref()
    }

    /// The reconnect delay that the stream set, in milliseconds, if it did.
    pub const fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// How many comment lines have come: what keeps a quiet stream alive.
    pub const fn comments(&self) -> u64 {
        self.comments
    }

    fn take_line(&mut self, line: &[u8], on_message: &mut impl FnMut(Message<'_>)) {
        let mut line = line;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch(on_message);
        }
        let (field, value) = match memchr(b':', line) {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => {
                self.event.clear();
                self.event.push_str(&String::from_utf8_lossy(value));
            }
            b"id" if !value.contains(&0) => {
                let last_id = self.last_id.get_or_insert_default();
                last_id.clear();
                last_id.extend_from_slice(value);
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry_ms = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            }
            b"" => self.comments += 1,
            // Whatever the standard does not know.
            _ => {}
        }
    }

    fn dispatch(&mut self, on_message: &mut impl FnMut(Message<'_>)) {
        self.settled_id.clone_from(&self.last_id);
        if std::mem::take(&mut self.has_data) {
            on_message(Message {
                event: if self.event.is_empty() { "message" } else { &self.event },
                data: &self.data,
                last_id: self.last_id.as_deref().unwrap_or_default(),
            });
            // The buffers are used again for the next message.
            self.data.clear();
        }
        self.event.clear();
    }
}

#[cfg(test)]
mod tests {
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
                prop_assert!(parser.line.len() + parser.data.len() <= stream.len());
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
}
