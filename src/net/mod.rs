//! Dialling: sockets that stamp and count what they carry, and HTTP/1.1 connections over them.
//!
//! Knows nothing of patterns: what is said over a connection is its user's business.

mod driven;
mod http1;
mod retry_after;
mod server_timing;
mod socket;

pub use driven::Driven;
pub use http1::{Answer, Http1, NetError, upgrade};
pub use retry_after::retry_after;
pub use server_timing::ServerTiming;
pub use socket::{Dialer, LINKS_PER_SOURCE, Meter, Socket, WireTotals};
