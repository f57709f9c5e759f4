//! HTTP/1.1 as pure functions of bytes (RFC 9112): what both ends share. Nothing here reads, writes, or waits.

mod fields;
mod framing;
mod incoming;
mod outgoing;
mod request;
mod response;

pub use fields::Fields;
pub use framing::{Framing, FramingError, Piece};
pub use incoming::{Broken, Incoming};
pub use outgoing::Rendered;
pub use request::{HEAD_MAX, Head, HeadError, RawHead, read_head};
pub use response::{RESPONSE_HEAD_MAX, ResponseError, ResponseHead, read_response};

/// A number in decimal digits and nothing else.
fn digits(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
