use fastwebsockets::{OpCode, Role, WebSocket};
use proptest::prelude::*;
use tokio::io::AsyncWriteExt as _;

use super::*;

type Seen = (u8, bool, Vec<u8>);

/// What is taken of `wire` in pieces, how it ended, and what is owed for it.
fn ours(wire: &[u8], pieces: &[usize]) -> (Vec<Seen>, Option<Ended>, Vec<u8>) {
    let (mut seen, mut rest, mut turn, mut at) = (Vec::new(), Vec::new(), Turn::default(), 0);
    let mut pieces = pieces.iter().copied().chain(std::iter::repeat(usize::MAX));
    while at < wire.len() && turn.ended.is_none() {
        let end = at.saturating_add(pieces.next().unwrap_or(1).max(1)).min(wire.len());
        rest.extend_from_slice(&wire[at..end]);
        at = end;
        let used = turn.take(&rest, 1, &mut |frame: Frame<'_>| {
            seen.push((frame.opcode as u8, frame.last, frame.payload.to_vec()));
            (frame.opcode == Opcode::Close).then_some(Ended::Closed)
        });
        rest.drain(..used);
        if turn.ended.is_none() {
            assert!(rest.is_empty() || missing(&rest) > 0 || Head::read(&rest, false) == Ok(None));
        }
    }
    (seen, turn.ended, turn.owed)
}

/// What the other maker's client takes of `wire`, and whether it ended well.
fn theirs(wire: &[u8]) -> (Vec<Seen>, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (near, mut far) = tokio::io::duplex((wire.len() + 64) << 10);
        far.write_all(wire).await.unwrap();
        far.shutdown().await.unwrap();
        let mut socket = WebSocket::after_handshake(near, Role::Client);
        socket.set_auto_pong(false);
        socket.set_max_message_size(FRAME_LIMIT + 1);
        let mut seen = Vec::new();
        loop {
            match socket.read_frame().await {
                Ok(frame) => seen.push((frame.opcode as u8, frame.fin, frame.payload.to_vec())),
                Err(WebSocketError::UnexpectedEOF) => return (seen, true),
                Err(_) => return (seen, false),
            }
            if seen.last().is_some_and(|last| last.0 == OpCode::Close as u8) {
                return (seen, true);
            }
        }
    })
}

/// A frame as their server writes it.
fn written(opcode: u8, last: bool, payload: &[u8]) -> Vec<u8> {
    let opcode = OpCode::try_from(opcode).unwrap();
    let payload = fastwebsockets::Payload::Borrowed(payload);
    fastwebsockets::Frame::new(last, opcode, None, payload).write(&mut Vec::new()).to_vec()
}

proptest! {
    #[test]
    fn frames_of_another_maker_are_taken_whole_and_in_order_from_any_pieces(
        frames in proptest::collection::vec(
            (prop_oneof![Just(1_u8), Just(2), Just(9), Just(10)], 0..400_usize), 0..12),
        long in proptest::option::of(65_530..70_000_usize),
        pieces in proptest::collection::vec(1..300_usize, 0..60),
    ) {
        let mut expected = Vec::new();
        for (opcode, length) in frames.into_iter().chain(long.map(|length| (2, length))) {
            let length = if opcode >= 8 { length % 126 } else { length };
            expected.push((opcode, true, vec![b'a' + opcode; length]));
        }
        let wire: Vec<u8> =
            expected.iter().flat_map(|(opcode, last, payload)| written(*opcode, *last, payload)).collect();
        let (seen, ended, owed) = ours(&wire, &pieces);
        prop_assert!(ended.is_none());
        prop_assert_eq!(&seen, &expected);
        prop_assert_eq!(theirs(&wire), (seen, true));
        // And every ping is answered with its payload, as their server reads it.
        let pings: Vec<_> = expected.iter().filter(|frame| frame.0 == 9).collect();
        prop_assert_eq!(answers(&owed), pings.iter().map(|ping| (10, true, ping.2.clone())).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_taken_alike_in_any_pieces_and_never_beyond_what_another_maker_takes(
        wire in proptest::collection::vec(prop_oneof![
            2 => any::<u8>(), 1 => Just(0x81), 1 => Just(0x82), 1 => Just(0x89), 1 => Just(0x88), 3 => 0..4_u8,
        ], 0..60),
        pieces in proptest::collection::vec(1..9_usize, 0..60),
    ) {
        let whole = ours(&wire, &[]);
        let split = ours(&wire, &pieces);
        prop_assert_eq!(&whole.0, &split.0);
        prop_assert_eq!(whole.1.as_ref().map(ToString::to_string), split.1.map(|ended| ended.to_string()));
        let (seen, well) = theirs(&wire);
        prop_assert!(seen.starts_with(&whole.0) || whole.0.starts_with(&seen), "{:?} {:?}", seen, whole.0);
        // What they refuse is refused here, too.
        let refused = whole.1.is_some_and(|ended| !matches!(ended, Ended::Closed));
        prop_assert!(well || refused || seen.len() < whole.0.len());
    }
}

/// Frames of a client, unmasked.
fn answers(mut wire: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !wire.is_empty() {
        let head = Head::read(wire, true).unwrap().unwrap();
        let (frame, rest) = wire.split_at(head.size + head.length as usize);
        let mut payload = frame[head.size..].to_vec();
        crate::net::websocket::mask(&mut payload, head.mask, 0);
        seen.push((head.opcode as u8, head.last, payload));
        wire = rest;
    }
    seen
}

#[test]
fn a_close_is_answered_as_the_standard_says() {
    let close = |payload: &[u8]| ours(&written(8, true, payload), &[]);
    for (payload, answer, well) in [
        (&[][..], &[][..], true),
        (&[0x03, 0xe8], &[0x03, 0xe8], true),
        (b"\x03\xf5since=17", b"\x03\xf5since=17", true),
        (&[0x03], &[0x03, 0xea], false),
        (&[0x03, 0xee], &[0x03, 0xea], false),
        (&[0x03, 0xe8, 0xff], &[0x03, 0xea], false),
    ] {
        let (seen, ended, owed) = close(payload);
        assert_eq!(answers(&owed), [(8, true, answer.to_vec())], "{payload:?}");
        assert_eq!(seen.len(), usize::from(well), "{payload:?}");
        assert_eq!(matches!(ended, Some(Ended::Closed)), well, "{payload:?}");
    }
}

#[test]
fn what_a_server_must_not_send_is_refused_by_name() {
    let long = [&[0x82, 127][..], &(FRAME_LIMIT as u64 + 1).to_be_bytes()].concat();
    for (what, wire, named) in [
        ("a masked frame", vec![0x81, 0x81, 1, 2, 3, 4, 5], "masked"),
        ("a bit that nobody agreed on", vec![0xc1, 0], "reserved bit"),
        ("a reserved opcode", vec![0x83, 0], "reserved opcode"),
        ("a fragmented ping", vec![0x09, 0], "control frame"),
        ("a text that is not UTF-8", written(1, true, &[0xff]), "UTF-8"),
        ("a frame that is too long, before it is there", long, "exceeds"),
    ] {
        let (seen, ended, owed) = ours(&wire, &[]);
        assert!(seen.is_empty() && owed.is_empty(), "{what}");
        let ended = ended.map(|ended| ended.to_string()).unwrap_or_default();
        assert!(ended.contains(named), "{what}: {ended}");
    }
}
