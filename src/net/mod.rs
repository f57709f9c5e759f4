//! Client connections: sockets with stamps and counters, TLS over them, and HTTP over either.
//!
//! This room knows nothing of patterns.

mod alarm;
mod answer;
pub mod call;
mod client;
mod cookies;
mod credentials;
mod dialer;
mod emulated;
mod endpoint;
mod error;
pub mod fields;
mod greeting;
pub mod h1;
mod h2;
mod handshake_error;
mod http1;
mod http2;
mod lifetime;
mod manners;
mod nursery;
mod place;
mod retry_after;
mod sample;
mod scratch;
mod server_timing;
mod socket;
mod stream;
pub mod tls;
mod unread;
mod watched;
pub mod websocket;

pub use alarm::{Alarm, deadline_ns};
pub use answer::StampedResponse;
pub use client::{Body, Client};
pub use dialer::{Dialer, LINKS_PER_SOURCE};
pub use endpoint::{Endpoint, EndpointError, Scheme, Spread};
pub use error::{NetError, Part};
pub use handshake_error::HandshakeError;
pub use http1::{Exchange, Http1, upgrade};
pub use http2::{Answering, Http2};
pub use lifetime::fresh_for;
pub use nursery::Nursery;
pub use place::{NotAPlace, Place};
pub use retry_after::retry_after;
pub use sample::{SAMPLE_MAX, Sample, Told};
pub use server_timing::ServerTiming;
pub use socket::{Meter, Socket, Stage, WireTotals};
pub use stream::{HANDSHAKE_LIMIT, Stream};
pub use watched::{Listener, Watch};

#[cfg(test)]
mod tests;
