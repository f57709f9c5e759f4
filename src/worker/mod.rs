//! The worker process: offers its exact share of a case's load, on shards with one thread each, and reports its
//! measurements every second.
//!
//! The main thread only coordinates, and sleeps while nothing is to be ordered. The shards' full recorders are encoded on a
//! thread that gives way to all others, so that shards spend no time on that.

mod coordinator;
mod dialling;
mod hand_over;
mod publisher;
mod shard;

use crate::control::{Assignment, Order, PROTOCOL_VERSION, Report, attach};
use crate::measure::raise_descriptor_limit;

/// Runs this process as a trial's worker.
pub fn child() -> anyhow::Result<u8> {
    let (mut orders, reports) = attach()?;
    raise_descriptor_limit();
    let outcome = match orders.recv_blocking() {
        Order::Prepare { version: PROTOCOL_VERSION, assignment } => match *assignment {
            Assignment::Worker(assignment) => coordinator::run(&assignment, &mut orders, &reports),
            Assignment::Publisher(assignment) => publisher::run(assignment, orders, &reports),
            Assignment::Target(_) => Err("a worker received the assignment of a target".to_owned()),
        },
        Order::Prepare { version, .. } => {
            Err(format!("the conductor speaks version {version}, this worker {PROTOCOL_VERSION}"))
        }
        Order::Abort => return Ok(0),
        order => Err(format!("unexpected first order {order:?}")),
    };
    match outcome {
        Ok(snapshot) => reports.send(&Report::Done { snapshot: Box::new(snapshot) })?,
        Err(reason) => reports.send(&Report::Failed { reason })?,
    }
    Ok(0)
}
