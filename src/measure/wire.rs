//! Traffic of a TCP connection, from the kernel's account of it.

use std::mem::offset_of;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::time::Duration;

/// Bytes that IPv4, TCP and the time-stamp option add to every segment.
const HEADERS: u64 = 52;

/// Traffic of one connection so far, both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wire {
    /// Bytes at IP level (payload and the headers of every segment, acknowledgements too).
    pub bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Of the bytes: those that the other end sent.
    pub received: u64,
    /// Of these: the payload, each byte once.
    pub payload_received: u64,
}

impl Wire {
    /// Traffic since `earlier` of the same connection.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(earlier.bytes),
            segments: self.segments.saturating_sub(earlier.segments),
            received: self.received.saturating_sub(earlier.received),
            payload_received: self.payload_received.saturating_sub(earlier.payload_received),
        }
    }
}

impl std::ops::AddAssign for Wire {
    fn add_assign(&mut self, more: Self) {
        self.bytes += more.bytes;
        self.segments += more.segments;
        self.received += more.received;
        self.payload_received += more.payload_received;
    }
}

/// `struct tcp_info` up to the last field that is read here (include/uapi/linux/tcp.h, since 5.4; the
/// kernel fills in what it knows).
#[repr(C)]
#[derive(Default)]
struct TcpInfo {
    bytes_8: [u8; 8],
    words_11: [u32; 11],
    last_ack_received_ms: u32,
    words_12: [u32; 12],
    pacing_rate: u64,
    max_pacing_rate: u64,
    bytes_acked: u64,
    bytes_received: u64,
    segs_out: u32,
    segs_in: u32,
    not_sent_bytes: u32,
    words_3: [u32; 3],
    delivery_rate: u64,
    times_3: [u64; 3],
    delivered: [u32; 2],
    bytes_sent: u64,
    bytes_retransmitted: u64,
    words_4: [u32; 4],
    /// Since 5.4; 0 before.
    send_window: u32,
    words_1: u32,
}

/// Returns the traffic of the TCP connection behind `socket`, from `TCP_INFO`; `None` if the kernel does not report it.
///
/// One end's account covers both: what it received, the other sent.
pub fn wire_of(socket: BorrowedFd<'_>) -> Option<Wire> {
    let (info, length) = tcp_info(socket)?;
    if length < offset_of!(TcpInfo, bytes_retransmitted) {
        return None;
    }
    let segments = u64::from(info.segs_out) + u64::from(info.segs_in);
    let payload = info.bytes_sent + info.bytes_received;
    let received = info.bytes_received + HEADERS * u64::from(info.segs_in);
    let payload_received = info.bytes_received;
    Some(Wire { bytes: payload + HEADERS * segments, segments, received, payload_received })
}

/// How the peer accepts data, according to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptake {
    /// Bytes that the other end's kernel has acknowledged.
    pub acknowledged: u64,
    /// Up to which byte it has room: that moves on only as its program reads (or as its kernel makes a buffer larger).
    pub room_until: u64,
    /// Bytes that the kernel has taken here and not sent yet.
    pub not_sent: u64,
    /// Time since the last acknowledgement.
    pub silent: Duration,
}

/// Returns how the peer of the TCP connection behind `socket` accepts data, from `TCP_INFO`; `None` if the kernel does not
/// know.
pub fn uptake_of(socket: BorrowedFd<'_>) -> Option<Uptake> {
    let (info, length) = tcp_info(socket)?;
    (length >= offset_of!(TcpInfo, bytes_retransmitted)).then(|| Uptake {
        acknowledged: info.bytes_acked,
        room_until: info.bytes_acked + u64::from(info.send_window),
        not_sent: u64::from(info.not_sent_bytes),
        silent: Duration::from_millis(info.last_ack_received_ms.into()),
    })
}

/// The kernel's account of a connection, and how many bytes of it are filled in.
fn tcp_info(socket: BorrowedFd<'_>) -> Option<(TcpInfo, usize)> {
    let mut info = TcpInfo::default();
    let mut length = size_of::<TcpInfo>() as libc::socklen_t;
    #[expect(unsafe_code, reason = "no safe wrapper reads TCP_INFO as far as tcpi_bytes_sent")]
    // SAFETY: `info` is plain data of `length` bytes; the kernel writes at most that many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some((info, length as usize))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_push_and_its_acknowledgement_cost_what_they_should() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let before = wire_of(client.as_fd()).unwrap();
        for _ in 0..10 {
            server.write_all(&[b'x'; 100]).unwrap();
            client.read_exact(&mut [0; 100]).unwrap();
        }
        let cost = wire_of(client.as_fd()).unwrap().since(before);
        // Ten pushes of 100 B and 52 B of headers; between one and ten acknowledgements of 52 B.
        assert!((1_572..=2_040).contains(&cost.bytes), "{cost:?}");
        assert!((11..=20).contains(&cost.segments), "{cost:?}");
        assert_eq!(cost.bytes, 1000 + HEADERS * cost.segments);
        // The client sent acknowledgements alone, and the server all of the payload.
        assert_eq!((cost.bytes - cost.received) % HEADERS, 0, "{cost:?}");
        assert_eq!((cost.received - 1000) % HEADERS, 0, "{cost:?}");
        assert_eq!(cost.payload_received, 1000);
    }

    #[test]
    fn room_moves_on_as_the_other_end_reads_and_not_as_it_is_sent_to() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut writer, _) = listener.accept().unwrap();
        writer.set_nonblocking(true).unwrap();
        let mut sent = 0;
        // Until the kernel takes no more, and for a while after that.
        for _ in 0..50 {
            while let Ok(written) = writer.write(&[b'x'; 16 << 10]) {
                sent += written as u64;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let full = uptake_of(writer.as_fd()).unwrap();
        assert!(full.acknowledged > 0 && full.not_sent > 0 && full.acknowledged < sent, "{full:?}");
        std::thread::sleep(Duration::from_millis(20));
        let idle = uptake_of(writer.as_fd()).unwrap();
        assert_eq!((idle.acknowledged, idle.room_until), (full.acknowledged, full.room_until));
        let mut bytes = vec![0; 1 << 20];
        let mut read = 0;
        while uptake_of(writer.as_fd()).unwrap().room_until <= full.room_until {
            assert!(read < sent, "everything is read, and the window never moved");
            read += reader.read(&mut bytes).unwrap() as u64;
        }
    }
}
