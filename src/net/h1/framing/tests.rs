use proptest::prelude::*;

use super::*;

/// The data of a body that comes in these pieces, how many bytes belonged to it, and its framing at the end.
fn read<'a>(
    mut framing: Framing,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(Vec<u8>, usize, Framing), FramingError> {
    let (mut data, mut taken) = (Vec::new(), 0);
    for piece in pieces {
        let of_body = framing.decode(piece, |bytes| data.extend_from_slice(bytes))?;
        taken += of_body;
        assert!(of_body == piece.len() || framing.is_done());
    }
    Ok((data, taken, framing))
}

fn chunked(text: &str) -> Result<(Vec<u8>, usize, Framing), FramingError> {
    read(Framing::chunked(), [text.as_bytes()])
}

#[test]
fn well_formed_chunks_are_read() {
    for (text, data) in [
        ("0\r\n\r\n", ""),
        ("2\r\n{}\r\n0\r\n\r\n", "{}"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("a;x=\"y z\"\r\n0123456789\r\n00000\r\n\r\n", "0123456789"),
        ("1 \t \r\na\r\n1 ;x\r\nb\r\n0;last\r\n\r\n", "ab"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("1\r\na\r\n0\r\nx-sum: 1, 2\r\nY:\r\n\r\n", "a"),
        ("1\r\na\r\n0\r\nx: \u{e9}\t\r\n\r\n", "a"),
        ("000000000000000000000000001\r\na\r\n0\r\n\r\n", "a"),
    ] {
        let (read, taken, framing) = chunked(&format!("{text}GET /")).unwrap();
        assert_eq!((read, taken), (data.as_bytes().to_vec(), text.len()), "{text:?}");
        assert!(framing.is_done(), "{text:?}");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    use FramingError::{Chunk, Size, TooLong, Trailer};
    let extension = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(EXTRA_MAX as usize + 1));
    let many = "1;xxxxxxxx\r\na\r\n".repeat(EXTRA_MAX as usize / 8 + 1);
    let trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(EXTRA_MAX as usize / 6 + 1));
    let space = format!("1{}\r\na\r\n0\r\n\r\n", " ".repeat(EXTRA_MAX as usize + 1));
    for (text, expected) in [
        ("\r\n{}\r\n0\r\n\r\n", Size),
        ("-2\r\n{}\r\n", Size),
        ("+2\r\n{}\r\n", Size),
        ("0x2\r\n{}\r\n", Size),
        (" 2\r\n{}\r\n", Size),
        ("2 2\r\n{}\r\n", Size),
        ("zz\r\n{}\r\n", Size),
        ("2\n{}\n0\n\n", Size),
        ("2\r{}\r\n", Size),
        ("2;a\n{}\r\n", Size),
        ("2;a\0\r\n{}\r\n", Size),
        (";a\r\n\r\n", Size),
        ("10000000000000000\r\n", Size),
        ("2\r\n{}}\r\n0\r\n\r\n", Chunk),
        ("2\r\n{}\n0\r\n\r\n", Chunk),
        ("2\r\n{}\r0\r\n\r\n", Chunk),
        ("2\r\n{}0\r\n\r\n", Chunk),
        ("0\r\n\n", Trailer),
        ("0\r\n\rx", Trailer),
        ("0\r\n x: y\r\n\r\n", Trailer),
        ("0\r\nx: y\r\n z\r\n\r\n", Trailer),
        ("0\r\nx : y\r\n\r\n", Trailer),
        ("0\r\n: y\r\n\r\n", Trailer),
        ("0\r\nGET / HTTP/1.1\r\n\r\n", Trailer),
        ("0\r\nx: \0\r\n\r\n", Trailer),
        ("0\r\nx: y\n\r\n", Trailer),
        (&extension, TooLong),
        (&many, TooLong),
        (&trailers, TooLong),
        (&space, TooLong),
    ] {
        let begin = &text[..text.len().min(40)];
        assert_eq!(chunked(text).map(|_| ()), Err(expected), "{begin:?}");
    }
}

#[test]
fn a_stream_that_ends_is_an_end_only_where_nothing_else_is() {
    let mut until_close = read(Framing::until_close(), [&b"abc"[..], b"d"]).unwrap();
    assert_eq!((until_close.0.as_slice(), until_close.2.is_done()), (&b"abcd"[..], false));
    assert_eq!((until_close.2.finish(), until_close.2.is_done()), (Ok(()), true));
    assert_eq!(Framing::length(0).finish(), Ok(()));
    assert_eq!(Framing::length(1).finish(), Err(FramingError::Truncated));
    let whole = "3;x\r\nabc\r\n0\r\nx: y\r\n\r\n";
    for cut in 0..whole.len() {
        let (.., mut framing) = chunked(&whole[..cut]).unwrap();
        assert_eq!(framing.finish(), Err(FramingError::Truncated), "{cut}");
    }
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let begins = std::iter::once(0).chain(cuts.iter().copied());
    begins.zip(ends).map(|(begin, end)| &bytes[begin..end]).collect()
}

proptest! {
    #[test]
    fn chunks_are_read_the_same_at_any_split(
        chunks in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..40), "(;[a-z]{0,5})?"), 0..6),
        trailers in proptest::collection::vec("[a-z]{1,5}:[ -~]{0,8}\r\n", 0..3),
        behind in proptest::collection::vec(any::<u8>(), 0..10),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut bytes = Vec::new();
        for (data, extension) in &chunks {
            bytes.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n");
        bytes.extend(trailers.concat().into_bytes());
        bytes.extend_from_slice(b"\r\n");
        let length = bytes.len();
        bytes.extend_from_slice(&behind);
        let (data, taken, framing) = read(Framing::chunked(), pieces(&bytes, &cuts)).unwrap();
        let expected: Vec<u8> = chunks.into_iter().flat_map(|(data, _)| data).collect();
        prop_assert_eq!(data, expected);
        prop_assert_eq!(taken, length);
        prop_assert!(framing.is_done());
    }

    #[test]
    fn a_length_is_counted_at_any_split(
        bytes in proptest::collection::vec(any::<u8>(), 0..60), length in 0..80usize,
        cuts in proptest::collection::vec(any::<usize>(), 0..6),
    ) {
        let (data, taken, framing) = read(Framing::length(length as u64), pieces(&bytes, &cuts)).unwrap();
        prop_assert_eq!(&data, &bytes[..length.min(bytes.len())]);
        prop_assert_eq!(taken, data.len());
        prop_assert_eq!(framing.missing(), Some((length - taken) as u64));
    }

    #[test]
    fn any_bytes_are_refused_or_read_the_same_at_any_split(
        text in "[0-3a;\r\nx: ]{0,40}", cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let whole = read(Framing::chunked(), [text.as_bytes()]);
        prop_assert_eq!(read(Framing::chunked(), pieces(text.as_bytes(), &cuts)), whole);
    }
}
