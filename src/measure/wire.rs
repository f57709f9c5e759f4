//! What a TCP connection put on the wire, read from the kernel's own account of it.

use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Bytes that IPv4, TCP and the time-stamp option add to every segment.
const HEADERS: u64 = 52;

/// Traffic of one connection so far, both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wire {
    /// Bytes at IP level (payload and the headers of every segment, acknowledgements too).
    pub bytes: u64,
    /// Segments.
    pub segments: u64,
}

impl Wire {
    /// Traffic since `earlier` of the same connection.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(earlier.bytes),
            segments: self.segments.saturating_sub(earlier.segments),
        }
    }
}

/// `struct tcp_info` up to the last field that is read here (include/uapi/linux/tcp.h, since 4.19).
#[repr(C)]
#[derive(Default)]
struct TcpInfo {
    bytes_8: [u8; 8],
    words_24: [u32; 24],
    pacing_rate: u64,
    max_pacing_rate: u64,
    bytes_acked: u64,
    bytes_received: u64,
    segs_out: u32,
    segs_in: u32,
    words_4: [u32; 4],
    delivery_rate: u64,
    times_3: [u64; 3],
    delivered: [u32; 2],
    bytes_sent: u64,
}

/// The traffic of the TCP connection behind `socket`, from `TCP_INFO`; `None` where the kernel does not say.
///
/// One end's account covers both: what it received, the other sent.
pub fn wire_of(socket: BorrowedFd<'_>) -> Option<Wire> {
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
    if result != 0 || (length as usize) < size_of::<TcpInfo>() {
        return None;
    }
    let segments = u64::from(info.segs_out) + u64::from(info.segs_in);
    let payload = info.bytes_sent + info.bytes_received;
    Some(Wire { bytes: payload + HEADERS * segments, segments })
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
    }
}
