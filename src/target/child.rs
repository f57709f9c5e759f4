//! The target of a trial: the control protocol around a server.

use std::ops::Range;
use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;

use super::null::{NullOptions, serve_null_with};
use super::options::Options;
use super::publisher::Programme;
use super::security::Security;
use super::server::{listen, serve_secured};
use crate::control::{
    Assignment, Order, Orders, PROTOCOL_VERSION, Report, Reports, TargetAssignment, attach,
};
use crate::event;
use crate::measure::{Metric, Snapshot, Watch, raise_descriptor_limit};

/// Runs this process as a trial's target: prepares, serves and publishes as ordered, reports and ends.
///
/// # Errors
///
/// Where there is nobody to report to. Whatever else goes wrong is reported as [`Report::Failed`].
pub fn child() -> anyhow::Result<ExitCode> {
    let (mut orders, reports) = attach().context("cannot attach to the conductor")?;
    let report = match run(&mut orders, &reports) {
        Ok(snapshot) => Report::Done { snapshot },
        Err(error) => Report::Failed { reason: format!("{error:#}") },
    };
    let failed = matches!(report, Report::Failed { .. });
    reports.send(&report).context("cannot report to the conductor")?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The trial: what was measured, which is nothing where it is called off before it begins.
fn run(orders: &mut Orders, reports: &Reports) -> anyhow::Result<Snapshot> {
    let assignment = match orders.recv_blocking() {
        Order::Prepare { version, assignment } => accepted(version, *assignment)?,
        Order::Abort | Order::Finish => return Ok(Snapshot::default()),
        other => anyhow::bail!("the first order must be Prepare, not {other:?}"),
    };
    raise_descriptor_limit();
    let listener = listen(assignment.listen).with_context(|| {
        format!(
            "the target cannot listen on {}: choose a free address, or port 0",
            assignment.listen
        )
    })?;
    let (obeyed, mut snapshot) = if assignment.null {
        serve_null_with(listener, NullOptions::from(&assignment), async |handle| {
            let start = |_, programme: Option<Programme>| {
                if let Some(programme) = programme {
                    handle.publish(programme);
                }
                Ok(())
            };
            let ready = Report::Ready { address: Some(handle.address()), trust: None };
            reports.send(&ready)?;
            obey(start, &assignment, orders).await
        })
    } else {
        let (security, trust) = Security::of_trial(&assignment)?;
        serve_secured(listener, Options::from(&assignment), security, async |handle| {
            let start = |window, programme: Option<Programme>| {
                handle.begin(window);
                Ok(programme.map_or(Ok(()), |programme| handle.publish(programme))?)
            };
            reports.send(&Report::Ready { address: Some(handle.address()), trust })?;
            obey(start, &assignment, orders).await
        })
    }?;
    if let Some(watch) = obeyed? {
        snapshot.merge(&watch.finish());
    }
    Ok(snapshot)
}

fn accepted(version: u32, assignment: Assignment) -> anyhow::Result<TargetAssignment> {
    anyhow::ensure!(
        version == PROTOCOL_VERSION,
        "the conductor speaks version {version} of the control protocol, this target {PROTOCOL_VERSION}: use \
         one build for both"
    );
    match assignment {
        Assignment::Target(assignment) => Ok(assignment),
        Assignment::Worker(_) => anyhow::bail!("a target was given a worker's assignment"),
    }
}

/// Carries out orders until the trial is over; returns the watch over its window, where it was started.
///
/// `start` is given the window, in monotonic nanoseconds, and what is to be published.
async fn obey(
    start: impl Fn(Range<u64>, Option<Programme>) -> anyhow::Result<()>,
    assignment: &TargetAssignment,
    orders: &mut Orders,
) -> anyhow::Result<Option<Watch>> {
    let payload = Bytes::from(event::filler(assignment.case.workload.payload.bytes() as usize));
    let mut watch = None;
    loop {
        match orders.recv().await {
            Order::Start { at_ns } => {
                let window = at_ns + assignment.window.start..at_ns + assignment.window.end;
                let TargetAssignment { shards, first_core, .. } = *assignment;
                let programme = assignment.schedule.clone().map(|schedule| {
                    let (payload, window) = (payload.clone(), assignment.window.clone());
                    Programme { schedule, payload, at_ns, window }
                });
                watch =
                    Some(Watch::start(Metric::TargetHiccup, window.clone(), shards, first_core));
                start(window, programme)?;
            }
            Order::Finish | Order::Abort => return Ok(watch),
            // Plateaus are the workers' affair.
            Order::Continue => {}
            Order::Prepare { .. } => anyhow::bail!("a target is prepared once"),
        }
    }
}
