//! Webhooks (`webhook`): signed callbacks by Standard Webhooks 1.0.
//!
//! An endpoint registers and proves that it wants to be called; then a task on one of the shards delivers to it. The outbox
//! is in memory and ends with the process, or durable (`crate::server::durable`).

mod batch;
mod cursors;
mod dead;
mod destination;
mod dispatcher;
mod endpoint;
mod exchange;
mod letters;
mod outbox;
mod policy;
mod pool;
mod progress;
mod registry;
mod response;
mod routes;
mod secret;
mod verify;

pub(super) use endpoint::Endpoint;
pub(super) use outbox::deliver;
pub(super) use registry::Registry;
pub(super) use routes::{collection, endpoint};
