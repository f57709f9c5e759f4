//! The target of a trial: the control protocol around a server.

use anyhow::Context as _;
use std::net::SocketAddr;
use std::ops::Range;

use super::null::{NullOptions, serve_null_with};
use super::options::Options;
use super::publisher::PublishPlan;
use super::resume::Predecessor;
use super::security::Security;
use super::serve::{Start, serve_from};
use super::threads::listen;
use crate::control::{
    Assignment, Order, Orders, PROTOCOL_VERSION, Report, Reports, Resume, TargetAssignment, attach,
};
use crate::event::Epoch;
use crate::measure::{Metric, Snapshot, Watch, raise_descriptor_limit};
use crate::net::tls::Trust;

/// Runs this process as a trial's target: prepares, serves, publishes as ordered, reports and ends.
///
/// # Errors
///
/// The reports cannot be sent. Any other failure is reported as [`Report::Failed`].
pub fn child() -> anyhow::Result<u8> {
    let (mut orders, reports) = attach().context("cannot attach to the conductor")?;
    let report = match run(&mut orders, &reports) {
        Ok(snapshot) => Report::Done { snapshot: Box::new(snapshot) },
        Err(error) => Report::Failed { reason: format!("{error:#}") },
    };
    let failed = matches!(report, Report::Failed { .. });
    reports.send(&report).context("cannot report to the conductor")?;
    Ok(u8::from(failed))
}

/// Runs the trial and returns what was measured, or nothing if it is called off before it begins.
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
            let start = |_, publish_plan: Option<PublishPlan>| {
                if let Some(publish_plan) = publish_plan {
                    handle.publish(publish_plan);
                }
                Ok(())
            };
            obey(ready(handle.address(), None), start, &assignment, orders, reports).await
        })
    } else {
        // A durable outbox is read from the disk, never rebuilt.
        let resume = assignment.resume.filter(|_| assignment.data.is_none());
        let predecessor = resume.and_then(|resume| predecessor(&assignment, resume));
        let data = assignment.data.as_deref();
        let (security, trust) = Security::of_trial(&assignment)?;
        let start_with =
            Start { security, predecessor: predecessor.as_ref(), data, life: life(&assignment) };
        serve_from(listener, Options::from(&assignment), start_with, async |handle| {
            let start = |window, publish_plan: Option<PublishPlan>| {
                handle.begin(window);
                Ok(publish_plan.map_or(Ok(()), |publish_plan| handle.publish(publish_plan))?)
            };
            obey(ready(handle.address(), trust), start, &assignment, orders, reports).await
        })
    }?;
    if let Some(watch) = obeyed? {
        snapshot.merge(&watch.finish());
    }
    Ok(snapshot)
}

/// The process whose place this one takes, where events are published on a schedule.
fn predecessor(assignment: &TargetAssignment, resume: Resume) -> Option<Predecessor> {
    let Resume { start_ns, down_ns, log } = resume;
    let publish_plan = publish_plan(assignment, start_ns)?;
    Some(Predecessor { publish_plan, down_ns, log })
}

/// The life of the logs. A restarted target shares it with its predecessor, because it continues the same sequences.
fn life(assignment: &TargetAssignment) -> Option<Epoch> {
    assignment.schedule.is_some().then(|| Epoch::of(assignment.seed))
}

/// Returns what to publish in a trial that starts at `at_ns`.
fn publish_plan(assignment: &TargetAssignment, at_ns: u64) -> Option<PublishPlan> {
    let schedule = assignment.schedule.clone()?;
    let payload = assignment.case.workload.payload();
    Some(PublishPlan {
        schedule,
        payload: payload.into(),
        at_ns,
        window: assignment.window.clone(),
    })
}

fn accepted(version: u32, assignment: Assignment) -> anyhow::Result<TargetAssignment> {
    anyhow::ensure!(
        version == PROTOCOL_VERSION,
        "the conductor speaks version {version} of the control protocol, this target {PROTOCOL_VERSION}: use \
         one build for both"
    );
    match assignment {
        Assignment::Target(assignment) => Ok(assignment),
        Assignment::Worker(_) | Assignment::Publisher(_) => {
            anyhow::bail!("a target was given the assignment of another process")
        }
    }
}

/// The report that the target listens, with the certificates that workers may trust.
const fn ready(address: SocketAddr, trust: Option<Trust>) -> Report {
    Report::Ready { address: Some(address), trust }
}

/// Carries out orders until the trial is over, and returns the watch over its window if it began.
///
/// `start` gets the window, in monotonic nanoseconds, and what to publish.
async fn obey(
    ready: Report,
    start: impl Fn(Range<u64>, Option<PublishPlan>) -> anyhow::Result<()>,
    assignment: &TargetAssignment,
    orders: &mut Orders,
    reports: &Reports,
) -> anyhow::Result<Option<Watch>> {
    reports.send(&ready)?;
    let mut watch = None;
    loop {
        match orders.recv().await {
            Order::Start { at_ns } => {
                let window = at_ns + assignment.window.start..at_ns + assignment.window.end;
                let TargetAssignment { shards, first_core, observers, .. } = *assignment;
                let own = window.clone();
                let start_watch = || Watch::start(Metric::TargetHiccup, own, shards, first_core);
                watch = observers.meters.then(start_watch);
                start(window, publish_plan(assignment, at_ns))?;
            }
            Order::Finish | Order::Abort => return Ok(watch),
            // Plateaus are the workers' affair, and so is the end of a target before this one.
            Order::Continue | Order::TargetDown { .. } | Order::Published(_) => {}
            Order::Prepare { .. } => anyhow::bail!("a target is prepared once"),
        }
    }
}
