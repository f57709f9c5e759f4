use hyper::header::{HeaderName, SERVER};
use proptest::prelude::*;

use super::*;
use crate::net::h1::{Broken, FramingError, Incoming};

/// What an answer comes to: its status, its body, and whether the connection carries another exchange; or why it is none.
type Outcome = Result<(u16, Vec<u8>, bool), Broken>;

/// The answer that comes in these pieces, after which the connection ends, and the bytes that do not belong to it.
fn read<'a>(is_head: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Outcome, Vec<u8>) {
    let mut answer = Incoming::new(is_head);
    let mut behind = Vec::new();
    for piece in pieces {
        let taken = if answer.is_whole() { Ok(0) } else { answer.take(piece, 1 << 20) };
        match taken {
            Ok(taken) => behind.extend_from_slice(&piece[taken..]),
            Err(broken) => return (Err(broken), behind),
        }
    }
    if !answer.finish() {
        return (Err(FramingError::Truncated.into()), behind);
    }
    let head = answer.head.unwrap();
    (Ok((head.status.as_u16(), answer.body, head.keep_alive)), behind)
}

#[expect(clippy::unnecessary_wraps, reason = "an outcome of the table")]
fn kept(status: u16, body: &str) -> Outcome {
    Ok((status, body.into(), true))
}

#[expect(clippy::unnecessary_wraps, reason = "an outcome of the table")]
fn closed(status: u16, body: &str) -> Outcome {
    Ok((status, body.into(), false))
}

fn broken(why: ResponseError) -> Outcome {
    Err(why.into())
}

fn cut_short() -> Outcome {
    Err(FramingError::Truncated.into())
}

/// Clauses of RFC 9112, with answers and what they come to.
#[expect(clippy::too_many_lines, reason = "one table: a row a clause")]
fn clauses() -> Vec<(&'static str, &'static str, Outcome)> {
    use ResponseError::{Coding, Field, Length, Status, Version};
    vec![
        ("2.1: a length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", kept(200, "fine")),
        (
            "2.2: an empty line first",
            "\r\nHTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n",
            kept(200, ""),
        ),
        ("2.2: bare line feeds", "HTTP/1.1 200 OK\ncontent-length: 1\n\nx", kept(200, "x")),
        ("2.3: another version", "HTTP/2.0 200 OK\r\n\r\n", broken(Version)),
        ("2.3: a version in small letters", "http/1.1 200 OK\r\n\r\n", broken(Version)),
        ("4: no reason", "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n", kept(200, "")),
        ("4: not even the space", "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", kept(200, "")),
        (
            "4: a reason with space",
            "HTTP/1.1 404 Not \tFound\r\ncontent-length: 0\r\n\r\n",
            kept(404, ""),
        ),
        ("4: a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", broken(Status)),
        ("4: a status of letters", "HTTP/1.1 abc OK\r\n\r\n", broken(Status)),
        ("4: a status below 100", "HTTP/1.1 099 No\r\n\r\n", broken(Status)),
        ("4: a status of nobody", "HTTP/1.1 799 Odd\r\ncontent-length: 0\r\n\r\n", kept(799, "")),
        (
            "5.1: space before the colon",
            "HTTP/1.1 200 OK\r\ncontent-length : 4\r\n\r\nfine",
            broken(Field),
        ),
        ("5.1: no name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n", broken(Field)),
        ("5.1: no colon", "HTTP/1.1 200 OK\r\ncontent\r\n\r\n", broken(Field)),
        (
            "5.1: space around a value",
            "HTTP/1.1 200 OK\r\nContent-Length:\t 4 \t\r\n\r\nfine",
            kept(200, "fine"),
        ),
        ("5.2: a folded line", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n", broken(Field)),
        ("5.5: a control character", "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", broken(Field)),
        (
            "5.5: bytes beyond ASCII",
            "HTTP/1.1 200 OK\r\nx: \u{e9}\r\ncontent-length: 0\r\n\r\n",
            kept(200, ""),
        ),
        (
            "6.1: chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
            kept(200, "fine"),
        ),
        (
            "6.1: chunks last",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n",
            kept(200, "z"),
        ),
        (
            "6.1: chunks on the last line",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n",
            kept(200, "z"),
        ),
        (
            "6.1: chunks in HTTP/1.0",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            broken(Coding),
        ),
        (
            "6.3.1: 204 has no body",
            "HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n",
            kept(204, ""),
        ),
        (
            "6.3.1: 304 has none",
            "HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n",
            kept(304, ""),
        ),
        ("6.3.1: 205 has one", "HTTP/1.1 205 Reset\r\ncontent-length: 1\r\n\r\nx", kept(205, "x")),
        (
            "6.3.3: chunks overrule a length",
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            kept(200, "x"),
        ),
        (
            "6.3.4: another coding last",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\nfine",
            closed(200, "fine"),
        ),
        (
            "6.3.5: a length of letters",
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            broken(Length),
        ),
        (
            "6.3.5: a signed length",
            "HTTP/1.1 200 OK\r\ncontent-length: +4\r\n\r\nfine",
            broken(Length),
        ),
        ("6.3.5: no length", "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n", broken(Length)),
        (
            "6.3.5: a length too long",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            broken(Length),
        ),
        (
            "6.3.5: lengths that differ",
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nfine!",
            broken(Length),
        ),
        (
            "6.3.5: elements that differ",
            "HTTP/1.1 200 OK\r\ncontent-length: 4, 5\r\n\r\nfine!",
            broken(Length),
        ),
        (
            "6.3.5: lengths that agree",
            "HTTP/1.1 200 OK\r\ncontent-length: 4, 4\r\ncontent-length: 4\r\n\r\nfine",
            kept(200, "fine"),
        ),
        (
            "6.3.6: a body that is cut short",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfine",
            cut_short(),
        ),
        ("6.3.8: until the end", "HTTP/1.1 200 OK\r\n\r\nfine", closed(200, "fine")),
        (
            "7.1: extensions and trailers",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nfi\r\n2\r\nne\r\n0\r\nsum: 1\r\n\r\n",
            kept(200, "fine"),
        ),
        (
            "7.1: a size that is none",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            Err(FramingError::Size.into()),
        ),
        (
            "8: an end in a chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfine",
            cut_short(),
        ),
        (
            "8: an end before the last chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n",
            cut_short(),
        ),
        ("8: an end in the head", "HTTP/1.1 200 OK\r\nx: ", cut_short()),
        (
            "9.3: close",
            "HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 0\r\n\r\n",
            closed(200, ""),
        ),
        (
            "9.3: close among others",
            "HTTP/1.1 200 OK\r\nconnection: x, close\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
            closed(200, ""),
        ),
        ("9.3: HTTP/1.0", "HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nfine", closed(200, "fine")),
        (
            "9.3: HTTP/1.0 kept alive",
            "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\ncontent-length: 4\r\n\r\nfine",
            kept(200, "fine"),
        ),
        (
            "15.2 of RFC 9110: interim answers",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine",
            kept(200, "fine"),
        ),
        (
            "15.2.2 of RFC 9110: unasked for",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
            Err(Broken::Switched),
        ),
    ]
}

#[test]
fn clauses_of_the_rfc_hold_at_any_split_of_the_bytes() {
    for (clause, text, expected) in clauses() {
        let bytes = text.as_bytes();
        assert_eq!(read(false, [bytes]).0, expected, "{clause}");
        assert_eq!(read(false, bytes.chunks(1)).0, expected, "{clause}: byte by byte");
        for cut in 0..bytes.len() {
            let (begin, end) = bytes.split_at(cut);
            assert_eq!(read(false, [begin, end]).0, expected, "{clause}: cut at {cut}");
        }
        // Where the answer shows its end, what comes behind it is not part of it.
        if matches!(expected, Ok((.., true))) {
            let more = [bytes, b"HTTP/1.1 "].concat();
            assert_eq!(read(false, [&more[..]]), (expected, b"HTTP/1.1 ".to_vec()), "{clause}");
        }
    }
}

#[test]
fn an_answer_to_head_has_no_body_whatever_it_says() {
    for fields in
        ["content-length: 4\r\n", "transfer-encoding: chunked\r\n", "", "content-length: x\r\n"]
    {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        assert_eq!(read(true, [text.as_bytes()]).0, kept(200, ""), "{fields}");
    }
}

#[test]
fn a_head_has_64_kib_and_100_fields() {
    let of = |fields: usize, size: usize| {
        let fields: Vec<_> = (1..fields).map(|n| format!("x-{n}: y\r\n")).collect();
        let fields = fields.concat();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{fields}");
        let filled = "y".repeat(size.saturating_sub(head.len() + "z: \r\n\r\n".len()));
        if filled.is_empty() { format!("{head}\r\n") } else { format!("{head}z: {filled}\r\n\r\n") }
    };
    for (text, expected) in [
        (of(100, 0), kept(200, "")),
        (of(101, 0), broken(ResponseError::TooLarge)),
        (of(1, RESPONSE_HEAD_MAX), kept(200, "")),
        (of(1, RESPONSE_HEAD_MAX + 1), broken(ResponseError::TooLarge)),
        (
            "HTTP/1.1 200 OK\r\n".to_owned() + &"x: y\r\n".repeat(200),
            broken(ResponseError::TooLarge),
        ),
        (
            "HTTP/1.1 200 OK\r\nx: ".to_owned() + &"y".repeat(RESPONSE_HEAD_MAX),
            broken(ResponseError::TooLarge),
        ),
    ] {
        for piece in [text.len(), 1000, 7] {
            assert_eq!(read(false, text.as_bytes().chunks(piece)).0, expected, "{}", text.len());
        }
    }
}

#[test]
fn fields_are_looked_up_in_any_case() {
    let text = b"HTTP/1.1 200 OK\r\nSERVER: a\r\nx-Two:1\r\nX-two: 2\r\ncontent-length: 0\r\n\r\n";
    let (head, length) = read_response(text, false).unwrap().unwrap();
    assert_eq!((length, head.fields.get(&SERVER)), (text.len(), Some(&b"a"[..])));
    let two = HeaderName::from_static("x-two");
    let map = head.fields.to_map();
    assert_eq!(map.get_all(two).iter().collect::<Vec<_>>(), ["1", "2"]);
}

proptest! {
    #[test]
    fn any_bytes_come_to_the_same_at_any_split(
        begin in prop::sample::select(&["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"][..]),
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"\r\n: 01;x"[..])], 0..60),
        size in 1..9_usize,
    ) {
        let bytes = [begin.as_bytes(), &bytes].concat();
        let whole = read(false, [&bytes[..]]).0;
        let pieces = read(false, bytes.chunks(size)).0;
        // Of two mistakes the one that comes first may be reported first.
        prop_assert_eq!(whole.clone().map_err(drop), pieces.map_err(drop), "{:?}", whole);
    }

    #[test]
    fn a_head_that_is_remembered_says_what_it_says_when_it_is_read_anew(
        picks in prop::collection::vec((0..ALIKE.len(), any::<bool>(), 0..9_usize), 1..80),
    ) {
        let mut last = Last { known: None, unlike: 0 };
        for (at, bodiless, cut) in picks {
            let text = [ALIKE[at].as_bytes(), b"body"].concat();
            let text = &text[..text.len() - cut];
            let said = |read: Result<Option<(ResponseHead, usize)>, ResponseError>| {
                read.map(|read| read.map(|(head, length)| {
                    let ResponseHead { status, fields, framing, keep_alive, is_coded } = head;
                    (status, fields.to_map(), framing, keep_alive, is_coded, length)
                }))
            };
            let anew = parsed(text, bodiless).map(|read| read.map(|(head, whole)| (head, whole.len())));
            prop_assert_eq!(said(last.read(text, bodiless)), said(anew));
        }
    }
}

/// Heads that differ little; of most, one is the beginning of another with its body.
const ALIKE: [&str; 8] = [
    "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nConnection: close\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
];

#[test]
fn heads_of_which_no_two_are_alike_are_seldom_remembered() {
    let mut last = Last { known: None, unlike: 0 };
    let mut remembered = 0;
    for n in 0..10 * UNLIKE {
        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-request-id: {n}\r\n\r\n");
        last.read(text.as_bytes(), false).unwrap().unwrap();
        remembered += u32::from(last.known.as_ref().unwrap().0 == text);
    }
    assert_eq!(remembered, UNLIKE - 1 + 10);
}
