//! Takes frames.

use bytes::Bytes;
use h2::Reason;

use super::frame::{self, Breach, FrameHead, mis_sized, overflown, unpadded, word, wrong};
use super::{Connection, Failure};

/// Most octets of a header block: coded, they are fewer than what they stand for.
const BLOCK_MAX: usize = 128 << 10;

/// What was received and is not complete.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Whether the server has sent its settings, with which it begins.
    greeted: bool,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// The beginning of a header block.
    block: Option<Block>,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
}

impl Connection {
    /// Takes what was read.
    pub(in crate::net) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Breach> {
        while !self.input.partial.is_empty() {
            let partial = &mut self.input.partial;
            let head = FrameHead::read(partial)?;
            let whole = frame::HEAD + head.map_or(0, |head| head.length);
            let (part, rest) = bytes.split_at(bytes.len().min(whole - partial.len()));
            partial.extend_from_slice(part);
            bytes = rest;
            let head = FrameHead::read(partial)?;
            if partial.len() < whole {
                return Ok(());
            }
            // With its head complete, a frame may be complete, too, or longer.
            if let Some(head) = head
                && partial.len() == frame::HEAD + head.length
            {
                let complete = std::mem::take(partial);
                self.take(head, &complete[frame::HEAD..])?;
            }
        }
        while let Some(head) = FrameHead::read(bytes)? {
            let payload = &bytes[frame::HEAD..];
            let Some((payload, rest)) = payload.split_at_checked(head.length) else { break };
            bytes = rest;
            self.take(head, payload)?;
        }
        self.input.partial.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        if !self.input.greeted {
            if head.kind != frame::SETTINGS || head.has(frame::ACK) {
                return Err(wrong("the first frame is not SETTINGS"));
            }
            self.input.greeted = true;
            // Without a limit there is none.
            self.peer.streams = usize::MAX;
        }
        if let Some(block) = &self.input.block
            && (head.kind != frame::CONTINUATION || head.stream != block.stream)
        {
            return Err(wrong("a header block is interrupted"));
        }
        match head.kind {
            frame::DATA => self.data(head, payload),
            frame::HEADERS => self.headers(head, payload),
            frame::PRIORITY => self.priority(head, payload),
            frame::RST_STREAM => self.reset_by_server(head, payload),
            frame::SETTINGS => self.settings(head, payload),
            frame::PUSH_PROMISE => Err(wrong("PUSH_PROMISE, which was refused")),
            frame::PING => self.ping(head, payload),
            frame::GOAWAY => self.gone_away(head, payload),
            frame::WINDOW_UPDATE => self.window_update(head, payload),
            frame::CONTINUATION => self.continuation(head, payload),
            // Of an extension (section 5.5).
            _ => Ok(()),
        }
    }

    /// Checks that a frame is of a stream that was opened.
    fn known(&self, head: FrameHead) -> Result<(), Breach> {
        if head.stream == 0 {
            return Err(wrong("a frame of a stream on stream 0"));
        }
        if head.stream.is_multiple_of(2) || head.stream >= self.next {
            return Err(wrong("a frame of a stream that was never opened"));
        }
        Ok(())
    }

    /// Fails a stream for what the server did on it.
    fn breached(&mut self, id: u32, breach: Breach) {
        if self.streams.get(&id).is_some_and(|stream| !stream.is_over()) {
            self.reset(id, breach.reason);
            self.fail_stream(id, breach.into());
        }
    }

    fn data(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        self.known(head)?;
        let (id, whole) = (head.stream, payload.len() as u32);
        let payload = unpadded(head, payload)?;
        self.windows.receive -= i64::from(whole);
        if self.windows.receive < 0 {
            return Err(overflown("more DATA than the connection's window allows"));
        }
        let live = self.streams.get_mut(&id).filter(|stream| !stream.is_over());
        let Some(stream) = live else {
            // Of a stream that was given up.
            self.give_back_whole(whole);
            return Ok(());
        };
        stream.windows.receive -= i64::from(whole);
        let outcome = stream.take_data(payload, head.has(frame::END_STREAM));
        if let Err(breach) = outcome {
            self.give_back_whole(whole);
            self.breached(id, breach);
            return Ok(());
        }
        let padding = whole - payload.len() as u32;
        if padding > 0 {
            self.give_back(id, padding);
        }
        if head.has(frame::END_STREAM) {
            self.release();
        }
        Ok(())
    }

    fn headers(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        self.known(head)?;
        let mut block = unpadded(head, payload)?;
        if head.has(frame::PRIORITISED) {
            block = block.get(5..).ok_or(mis_sized("HEADERS are too short for their priority"))?;
        }
        let ends = head.has(frame::END_STREAM);
        if head.has(frame::END_HEADERS) {
            return self.block(head.stream, ends, block);
        }
        self.input.block = Some(Block { stream: head.stream, ends, bytes: block.to_vec() });
        Ok(())
    }

    fn continuation(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        let Some(mut block) = self.input.block.take() else {
            return Err(wrong("CONTINUATION without HEADERS"));
        };
        if block.bytes.len() + payload.len() > BLOCK_MAX {
            let what = "a header block does not end within 128 KiB";
            return Err(Breach { reason: Reason::ENHANCE_YOUR_CALM, what });
        }
        block.bytes.extend_from_slice(payload);
        if head.has(frame::END_HEADERS) {
            return self.block(block.stream, block.ends, &block.bytes);
        }
        self.input.block = Some(block);
        Ok(())
    }

    /// Takes a whole header block.
    fn block(&mut self, id: u32, ends: bool, block: &[u8]) -> Result<(), Breach> {
        // Of a stream that was given up as well: the table follows every block.
        let head = self.decoder.decode(block).map_err(|_| Breach {
            reason: Reason::COMPRESSION_ERROR,
            what: "a header block cannot be decoded",
        })?;
        let live = self.streams.get_mut(&id).filter(|stream| !stream.is_over());
        let Some(stream) = live else { return Ok(()) };
        if head.oversized {
            self.reset(id, Reason::CANCEL);
            self.fail_stream(id, Failure::Oversized);
            return Ok(());
        }
        match stream.take_head(head, ends) {
            Err(breach) => self.breached(id, breach),
            Ok(()) if ends => self.release(),
            Ok(()) => {}
        }
        Ok(())
    }

    fn priority(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        if head.stream == 0 {
            return Err(wrong("PRIORITY on stream 0"));
        }
        if payload.len() != 5 {
            self.breached(head.stream, mis_sized("PRIORITY of another length than 5"));
        }
        Ok(())
    }

    fn reset_by_server(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        self.known(head)?;
        if payload.len() != 4 {
            return Err(mis_sized("RST_STREAM of another length than 4"));
        }
        self.fail_stream(head.stream, Failure::Reset(word(payload).into()));
        if let Some(stream) = self.streams.get_mut(&head.stream) {
            // After a complete answer it means that the rest of the request is not wanted (section 8.1).
            stream.unsent = Bytes::new();
        }
        Ok(())
    }

    fn settings(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        if head.stream != 0 {
            return Err(wrong("SETTINGS on a stream"));
        }
        if head.has(frame::ACK) {
            let empty = payload.is_empty();
            return if empty { Ok(()) } else { Err(mis_sized("SETTINGS with ACK are not empty")) };
        }
        if !payload.len().is_multiple_of(6) {
            return Err(mis_sized("SETTINGS of a length that is no multiple of 6"));
        }
        for setting in payload.chunks_exact(6) {
            self.set(u16::from_be_bytes([setting[0], setting[1]]), word(&setting[2..]))?;
        }
        frame::put_head(&mut self.out.bytes, 0, frame::SETTINGS, frame::ACK, 0);
        self.wake_waiting();
        self.go_on();
        Ok(())
    }

    fn set(&mut self, name: u16, value: u32) -> Result<(), Breach> {
        match name {
            frame::HEADER_TABLE_SIZE => self.encoder.allow(value as usize),
            frame::ENABLE_PUSH if value != 0 => return Err(wrong("a server allows pushes")),
            frame::MAX_CONCURRENT_STREAMS => self.peer.streams = value as usize,
            frame::INITIAL_WINDOW_SIZE => {
                let window = i64::from(value);
                if window > frame::WINDOW_MAX {
                    return Err(overflown("an initial window beyond 2^31 - 1"));
                }
                let wider = window - std::mem::replace(&mut self.peer.window, window);
                for stream in self.streams.values_mut() {
                    stream.windows.send += wider;
                    if stream.windows.send > frame::WINDOW_MAX {
                        return Err(overflown("a stream's window grows beyond 2^31 - 1"));
                    }
                }
            }
            frame::MAX_FRAME_SIZE => {
                if !(1 << 14..1 << 24).contains(&value) {
                    return Err(wrong("a frame size out of range"));
                }
                self.peer.payload = value as usize;
            }
            _ => {}
        }
        Ok(())
    }

    fn ping(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        if head.stream != 0 {
            return Err(wrong("PING on a stream"));
        }
        if payload.len() != 8 {
            return Err(mis_sized("PING of another length than 8"));
        }
        if !head.has(frame::ACK) {
            frame::put_head(&mut self.out.bytes, 8, frame::PING, frame::ACK, 0);
            self.out.bytes.extend_from_slice(payload);
        }
        Ok(())
    }

    fn gone_away(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        if head.stream != 0 {
            return Err(wrong("GOAWAY on a stream"));
        }
        if payload.len() < 8 {
            return Err(mis_sized("GOAWAY is shorter than 8"));
        }
        let (last, reason) = (word(payload) & 0x7fff_ffff, Reason::from(word(&payload[4..])));
        if self.end.last.is_some_and(|before| last > before) {
            return Err(wrong("GOAWAY names a later stream than the one before"));
        }
        self.end.last = Some(last);
        let unprocessed: Vec<u32> = self.streams.keys().copied().filter(|id| *id > last).collect();
        for id in unprocessed {
            self.fail_stream(id, Failure::GoneAway(reason));
        }
        self.wake_waiting();
        Ok(())
    }

    fn window_update(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Breach> {
        if payload.len() != 4 {
            return Err(mis_sized("WINDOW_UPDATE of another length than 4"));
        }
        let wider = i64::from(word(payload) & 0x7fff_ffff);
        if head.stream == 0 {
            self.windows.send += wider;
            if wider == 0 {
                return Err(wrong("WINDOW_UPDATE by 0"));
            }
            if self.windows.send > frame::WINDOW_MAX {
                return Err(overflown("the connection's window grows beyond 2^31 - 1"));
            }
        } else {
            self.known(head)?;
            let Some(stream) = self.streams.get_mut(&head.stream) else { return Ok(()) };
            stream.windows.send += wider;
            if wider == 0 {
                self.breached(head.stream, wrong("WINDOW_UPDATE by 0"));
            } else if stream.windows.send > frame::WINDOW_MAX {
                let what = overflown("a stream's window grows beyond 2^31 - 1");
                self.breached(head.stream, what);
            }
        }
        self.go_on();
        Ok(())
    }
}
