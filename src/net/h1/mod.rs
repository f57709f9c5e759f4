//! HTTP/1.1 as pure functions of bytes (RFC 9112): what both ends share. Nothing here reads, writes, or waits.

mod framing;
mod request;

pub use framing::{Framing, FramingError, Piece};
pub use request::{HEAD_MAX, Head, HeadError, RawHead, read_head};
