//! Servers that are not ours, and what clients make of them.

mod certificates;
mod http1;
mod http2;
mod peer;
mod scripts;
mod tls;
