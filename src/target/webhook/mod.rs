//! Webhooks (`webhook`): signed callbacks after Standard Webhooks 1.0.
//!
//! An endpoint is registered, proves that it wants to be called, and from then on a task on one of the shards
//! delivers to it. The outbox is in memory: it ends with the process.

mod destination;
mod endpoint;
mod line;
mod outbox;
mod policy;
mod routes;
mod secret;
mod verify;

pub use endpoint::{Endpoint, Registry};
pub use outbox::deliver;
pub use routes::{collection, endpoint};
