//! The distribution of a case over processes, and what each needs of the host.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::measure::Host;
use crate::net::LINKS_PER_SOURCE;
use crate::pace::Pacing;
use crate::scenario::{Case, Http, MOST_SAMPLES, Pattern, Scenario, Spin};
use crate::unit::{self, Span};

/// Descriptors that a process needs besides its links: standard streams, runtimes, timers, `/proc`.
const SLACK: u64 = 64;
/// Memory of a link over both ends, in bytes, generously: 10-27 KiB are published for a tuned to a
/// default server, and a webhook's two connections and buffers are more.
const MEMORY_PER_LINK: u64 = 64 * 1024;
/// Memory of an event in the log besides its payload, in bytes.
const MEMORY_PER_EVENT: u64 = 256;
/// Pauses of the connect phase: a slope of memory over links takes at least five points.
pub(super) const PLATEAUS: u64 = 5;

/// The processes and threads of a case's trials, and their needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Worker processes.
    pub workers: u32,
    /// Threads of each worker.
    pub worker_shards: u32,
    /// Threads of the target.
    pub target_shards: u32,
    /// How the workers wait for their deadlines.
    pub pacing: Pacing,
    /// Whether every shard of workers and target is pinned to its own core, if there are enough.
    ///
    /// Otherwise the kernel tends to wake the receiver of a loopback packet on its sender's core, where it waits for the
    /// sender while another core idles.
    pub pinned: bool,
    /// Descriptors of the worker that needs most.
    pub worker_descriptors: u64,
    /// Descriptors of the target.
    pub target_descriptors: u64,
    /// Client ports of the source address that needs most.
    pub ports: u64,
}

/// Why a case does not fit on a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The target would hold too many links.
    #[error(
        "case {case} needs {} in the target; the limit is {}: {}raise `ulimit -n`",
        unit::counted(*.need, "file descriptor"),
        unit::thousands(*.limit),
        fewer_clients(*.clients)
    )]
    TargetDescriptors {
        /// Id of the case.
        case: String,
        /// Descriptors that the target needs.
        need: u64,
        /// Descriptors that a process may have.
        limit: u64,
        /// Clients that fit; 0 where not even one does.
        clients: u64,
    },
    /// A worker would hold too many links.
    #[error(
        "case {case} needs {} in each of {}; the limit is {}: {}{}raise `ulimit -n`",
        unit::counted(*.need, "file descriptor"),
        processes(*.workers),
        unit::thousands(*.limit),
        fewer_clients(*.clients),
        more_workers(*.clients, *.enough)
    )]
    WorkerDescriptors {
        /// Id of the case.
        case: String,
        /// Descriptors that a worker needs.
        need: u64,
        /// Descriptors that a process may have.
        limit: u64,
        /// Workers in the scenario.
        workers: u32,
        /// Workers that would be enough.
        enough: u64,
        /// Clients that fit; 0 where not even one does.
        clients: u64,
    },
    /// More workers than links.
    #[error(
        "case {case} has {} for {}: lower worker.processes to at most {clients}, or raise workload.clients",
        unit::counted(*.clients, "client"),
        processes(*.workers)
    )]
    IdleWorkers {
        /// Id of the case.
        case: String,
        /// Clients of the case.
        clients: u64,
        /// Workers in the scenario.
        workers: u32,
    },
    /// More requests and polls would be kept raw than a trial may bring.
    #[error(
        "case {case} would keep {need} samples on {shards} worker shards; the limit is {MOST_SAMPLES}: lower \
         worker.samples to at most {enough}"
    )]
    Samples {
        /// Id of the case.
        case: String,
        /// Samples of all shards.
        need: u64,
        /// Shards of all workers.
        shards: u64,
        /// Samples a shard that are possible.
        enough: u64,
    },
    /// The ports of one source address do not suffice.
    #[error(
        "case {case} needs {} per address; the host has {}: lower workload.clients, or widen net.ipv4.ip_local_port_range",
        unit::counted(*.need, "client port"),
        unit::thousands(*.limit)
    )]
    Ports {
        /// Id of the case.
        case: String,
        /// Ports that are needed.
        need: u64,
        /// Ports that there are.
        limit: u64,
    },
    /// The host's memory cannot hold it.
    #[error(
        "case {case} needs about {} of memory; the host has {}: lower workload.clients, workload.topics, workload.payload or \
         target.ring",
        unit::bytes(*.need as f64), unit::bytes(*.limit as f64)
    )]
    Memory {
        /// Id of the case.
        case: String,
        /// Bytes that links and logs need.
        need: u64,
        /// Bytes that the host has.
        limit: u64,
    },
}

/// The remedy that a scenario has, where it has one.
fn processes(workers: u32) -> String {
    let plural = if workers == 1 { "" } else { "es" };
    format!("{} worker process{plural}", unit::thousands(workers.into()))
}

/// More workers only help where one of them could hold a client.
fn more_workers(clients: u64, enough: u64) -> String {
    match clients {
        0 => String::new(),
        _ => format!("raise worker.processes to {enough} or leave it out, or "),
    }
}

fn fewer_clients(clients: u64) -> String {
    match clients {
        0 => String::new(),
        some => format!("lower workload.clients to at most {some}, or "),
    }
}

impl Layout {
    /// Lays `case` of `scenario` out on `host`.
    pub(super) fn new(case: &Case, scenario: &Scenario, host: &Host) -> Result<Self, PlanError> {
        let clients = case.workload.clients;
        let per_link = Descriptors::of(case);
        let room = host.descriptors.saturating_sub(SLACK);
        let target_descriptors = clients.saturating_mul(per_link.target).saturating_add(SLACK);
        // What a server of the user's own holds is its own affair.
        let external = scenario.external.is_some();
        if target_descriptors > host.descriptors && !external {
            return Err(PlanError::TargetDescriptors {
                case: case.id.clone(),
                need: target_descriptors,
                limit: host.descriptors,
                clients: room / per_link.target,
            });
        }
        let enough = clients.div_ceil((room / per_link.worker).max(1)).max(1);
        let workers = scenario.worker.processes.unwrap_or(enough as u32);
        if u64::from(workers) > clients {
            return Err(PlanError::IdleWorkers { case: case.id.clone(), clients, workers });
        }
        let largest = clients.div_ceil(u64::from(workers));
        let worker_descriptors = largest.saturating_mul(per_link.worker).saturating_add(SLACK);
        if worker_descriptors > host.descriptors {
            let need = worker_descriptors;
            let limit = host.descriptors;
            return Err(PlanError::WorkerDescriptors {
                case: case.id.clone(),
                need,
                limit,
                workers,
                enough,
                clients: (room / per_link.worker).saturating_mul(workers.into()),
            });
        }
        let ports = clients.min(LINKS_PER_SOURCE) * per_link.ports;
        if ports > host.ports {
            let limit = host.ports;
            return Err(PlanError::Ports { case: case.id.clone(), need: ports, limit });
        }
        memory_fits(case, scenario, host)?;
        // Half of the cores each: neither side may take the other's.
        let half = (host.cores / 2).max(1);
        let worker_shards = scenario.worker.shards.unwrap_or((half / workers).max(1));
        let target_shards = if external { 0 } else { scenario.target.shards.unwrap_or(half) };
        let offering = u64::from(workers) * u64::from(worker_shards);
        samples_fit(case, scenario, offering)?;
        // A server of the user's own needs cores, too, however many threads it has.
        let serving = if external { half } else { target_shards };
        let shards = offering + u64::from(serving);
        let gathers = scenario.worker.gather > Span::default();
        let spins = match scenario.worker.spin {
            // It would be on time for what is to wait for others.
            Spin::Auto if gathers => false,
            // One core remains for the rest of the host, so that spinning takes none from the target.
            Spin::Auto => u64::from(host.cores) > shards,
            Spin::Always => true,
            Spin::Never => false,
        };
        Ok(Self {
            workers,
            worker_shards,
            target_shards,
            pacing: if spins { Pacing::Spin } else { Pacing::Timerfd },
            // Where the server's threads run is not ours to say.
            pinned: u64::from(host.cores) >= shards && !external,
            worker_descriptors,
            target_descriptors: if external { 0 } else { target_descriptors },
            ports,
        })
    }
}

fn samples_fit(case: &Case, scenario: &Scenario, shards: u64) -> Result<(), PlanError> {
    let need = u64::from(scenario.worker.samples) * shards;
    if need <= MOST_SAMPLES {
        return Ok(());
    }
    Err(PlanError::Samples { case: case.id.clone(), need, shards, enough: MOST_SAMPLES / shards })
}

/// Descriptors of one link at each end.
struct Descriptors {
    worker: u64,
    target: u64,
    /// Ports of the connections that a worker opens and keeps.
    ports: u64,
}

impl Descriptors {
    fn of(case: &Case) -> Self {
        let own = match &case.pattern {
            // A listener and the target's connection; at the target that connection, and the client's
            // own while it registers.
            Pattern::Webhook(_) => 2,
            _ => 1,
        };
        let posts = case.workload.publish.needs_connection(case.pattern.kind());
        let posts = u64::from(posts && case.transport.http == Http::One);
        Self { worker: own + posts, target: own + posts, ports: 1 + posts }
    }
}

fn memory_fits(case: &Case, scenario: &Scenario, host: &Host) -> Result<(), PlanError> {
    let workload = case.workload;
    let phases = scenario.phases;
    let published = workload.rate.per_s() * (phases.warmup.secs() + phases.measure.secs());
    let kept = scenario.target.ring.min(published.ceil() as u64);
    let event = workload.payload.bytes() + MEMORY_PER_EVENT;
    let logs = workload.topics.saturating_mul(kept).saturating_mul(event);
    let need = logs.saturating_add(workload.clients.saturating_mul(MEMORY_PER_LINK));
    // 0: the host does not report its memory.
    if host.memory_bytes > 0 && need > host.memory_bytes {
        let limit = host.memory_bytes;
        return Err(PlanError::Memory { case: case.id.clone(), need, limit });
    }
    Ok(())
}

/// Splits `0..clients` into `workers` shares that touch, and differ by one at most.
pub fn segments(clients: u64, workers: u32) -> Vec<Range<u64>> {
    let workers = u128::from(workers.max(1));
    let cut = |n: u128| (u128::from(clients) * n / workers) as u64;
    (0..workers).map(|n| cut(n)..cut(n + 1)).collect()
}

/// Link counts, ascending, at which the worker of each segment pauses: five evenly spread ones, the last of
/// them all of its links, and fewer where a segment has fewer links.
pub fn plateaus(segments: &[Range<u64>]) -> Vec<Vec<u64>> {
    let links = |segment: &Range<u64>| segment.end - segment.start;
    let pauses = segments.iter().map(links).min().unwrap_or(0).min(PLATEAUS);
    segments
        .iter()
        .map(|segment| (1..=pauses).map(|n| links(segment) * n / pauses).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn segments_partition_the_clients_exactly(clients in 0..u64::MAX, workers in 1..500u32) {
            let segments = segments(clients, workers);
            prop_assert_eq!(segments.len(), workers as usize);
            prop_assert_eq!(segments[0].start, 0);
            prop_assert_eq!(segments[segments.len() - 1].end, clients);
            prop_assert!(segments.windows(2).all(|pair| pair[0].end == pair[1].start));
            let lengths: Vec<u64> = segments.iter().map(|s| s.end - s.start).collect();
            prop_assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1);
        }

        #[test]
        fn plateaus_rise_to_all_links_in_equally_many_steps(clients in 1..10_000u64, workers in 1..9u32) {
            let segments = segments(clients, workers);
            let all = plateaus(&segments);
            for (segment, plateaus) in segments.iter().zip(&all) {
                prop_assert_eq!(plateaus.len(), all[0].len());
                prop_assert!(plateaus.windows(2).all(|pair| pair[0] < pair[1]));
                if let Some(last) = plateaus.last() {
                    prop_assert_eq!(*last, segment.end - segment.start);
                    prop_assert!(plateaus[0] > 0);
                }
            }
        }
    }

    #[test]
    fn five_plateaus_where_there_are_links_for_them() {
        assert_eq!(plateaus(&segments(1000, 1)), [[200, 400, 600, 800, 1000]]);
        assert_eq!(plateaus(&segments(3, 1)), [[1, 2, 3]]);
        assert_eq!(plateaus(&segments(9, 2)), [[1, 2, 3, 4], [1, 2, 3, 5]]);
    }
}
