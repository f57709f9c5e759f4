//! Client connections: sockets with stamps and counters, TLS over them, and HTTP over either.
//!
//! This room knows nothing of patterns.

pub mod call;
mod client;
mod credentials;
mod dialer;
mod driven;
mod emulated;
mod endpoint;
pub mod fields;
mod http1;
mod http2;
mod place;
mod retry_after;
mod server_timing;
mod socket;
mod stream;
pub mod tls;
pub mod websocket;

pub use client::Client;
pub use dialer::{Dialer, LINKS_PER_SOURCE};
pub use driven::Driven;
pub use endpoint::{Endpoint, EndpointError, Scheme, Spread};
pub use http1::{Http1, NetError, StampedResponse, upgrade};
pub use http2::{Here, Http2};
pub use place::{NotAPlace, Place};
pub use retry_after::retry_after;
pub use server_timing::ServerTiming;
pub use socket::{Meter, Socket, Stage, WireTotals};
pub use stream::{HANDSHAKE_LIMIT, Stream};
