//! The built-in target: a server that offers the same news in six ways.
//!
//! HTTP/1.1 and HTTP/2 on one current-thread runtime a shard. Shard 0 accepts and deals the connections to the shards in
//! turn; each shard has its own replica of every topic's log and shares nothing with the others on the way
//! of an event to a link. The log is the queue (`hub`): event streams, web sockets, long polls and webhook
//! outboxes are cursors over it, so memory is bounded by the ring, and a consumer that falls off it is told so.
//!
//! | pattern | route | file |
//! | --- | --- | --- |
//! | `request` | `/items`, in JSON and XML | `items` |
//! | `request` | `GET /calls`, a WebSocket for the same calls | `websocket` |
//! | `short-poll`, `long-poll` | `GET /topics/{topic}/events` | `poll` |
//! | `sse` | `GET /topics/{topic}/stream` | `sse` |
//! | `websocket` | `GET /topics/{topic}/ws` | `websocket` |
//! | `webhook` | `/webhooks` | `webhook` |
//! | none: for conformance suites | `GET /echo`, a WebSocket | `websocket` |
//!
//! A run holds its figures against those of a server that does next to nothing (`null`), behind the same control protocol.
//!
//! Events come from the `publisher`, on a schedule, or over the API (`POST /topics/{topic}/events`,
//! `publish`). `GET /` explains the routes with examples, `GET /openapi.json` describes them for programs. What is
//! wrong with it on purpose is in `faults`.
//!
//! This is the server side only: clients are in `pattern`, and the two meet on the wire, with TLS over it where it is
//! asked for. No authentication ever: it is a thing to measure against, and listens on loopback unless told otherwise.
//! Web pages of other sites are kept out all the same (`visitors`), unless they are let in (`cors`): a browser would
//! carry them past the loopback.

mod accept;
mod admission;
mod answer;
mod child;
mod condition;
mod contain;
mod cors;
mod cursor;
mod durable;
mod faults;
mod gauges;
mod hub;
mod items;
mod null;
mod options;
mod outlet;
mod pages;
mod poll;
mod problem;
mod publish;
mod publisher;
mod request;
mod resume;
mod router;
mod security;
mod serve;
mod shard;
mod slow;
mod sse;
mod stagger;
mod target;
mod thread_bound;
mod visitors;
mod webhook;
mod websocket;
mod wire;

pub use child::child;
pub use contain::is_contained;
pub use durable::ScratchFolder;
pub use options::{Options, Waits};
pub use publisher::{PublishPlan, TopicTaken};
pub use resume::Predecessor;
pub use security::Security;
pub use serve::{Handle, Start, listen, serve, serve_from, serve_with};
pub use visitors::{NotAnOrigin, Origin, Visitors};
