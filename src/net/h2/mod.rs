//! The client's side of HTTP/2 (RFC 9113) and its header compression (RFC 7541).
//!
//! Own code, because it is on the generator's hot path: a request is encoded into the connection's one output buffer, many
//! requests leave in one write, many answers are taken from one read, and a link is woken once for each. [`Connection`] is the
//! protocol without a socket; [`drive`] carries its bytes.

mod connection;
mod decoder;
mod driver;
mod encoder;
mod failure;
mod frame;
mod huffman;
mod receive;
mod send;
mod static_table;
mod stream;

pub(super) use connection::Connection;
pub(super) use decoder::Head;
pub(super) use driver::drive;
pub(super) use failure::Failure;
#[cfg(test)]
use send::Outgoing;
pub(super) use send::Prepared;

#[cfg(test)]
mod tests;
