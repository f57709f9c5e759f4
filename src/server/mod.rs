//! The built-in target: a server that delivers the same events in six patterns.
//!
//! It serves HTTP/1.1 (`http1`) and HTTP/2 (hyper) on one current-thread runtime per shard. Shard 0 accepts connections and
//! hands them to the shards in turn. Each shard has its own replica of every topic's log, and shares nothing with the others
//! between an event and a link. The log is the queue (`hub`): event streams, web sockets, long polls and webhook outboxes are
//! cursors over it, so the ring bounds memory, and a consumer that falls off it gets a gap.
//! Event streams over HTTP/1.1 and web sockets leave their connection's protocol behind and become push links (`push`), which
//! are visited when there is news and hold no task and no buffer.
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
//! A run compares its figures with those of a server that does next to nothing (`null`), under the same control protocol.
//!
//! Events come from the `publisher`, on a schedule, or over the API (`POST /topics/{topic}/events`, `publish`). `GET /`
//! explains the routes with examples, and `GET /openapi.json` describes them for programs. `faults` injects faults.
//!
//! This is the server side only: clients are in `pattern`, and the two meet on the wire, optionally over TLS. It has no
//! authentication, since it exists to be measured, and listens on loopback by default. Web pages of other sites are still
//! refused (`visitors`) unless allowed (`cors`), because a browser would carry them past the loopback.

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
mod holds;
mod http1;
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
mod push;
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
mod threads;
mod visitors;
mod webhook;
mod websocket;
mod wire;

pub use child::child;
pub use contain::is_contained;
pub use durable::ScratchFolder;
pub use http1::RenderedAnswers;
pub use items::EncodedItem;
pub use options::{Options, Waits};
pub use publisher::{PublishPlan, TopicTaken};
pub use resume::Predecessor;
pub use security::Security;
pub use serve::{Handle, Start, serve, serve_from, serve_with};
pub use threads::listen;
pub use visitors::{NotAnOrigin, Origin, Visitors};
