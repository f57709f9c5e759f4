//! Everything that was measured of one trial, as the conductor collected it.

use std::collections::BTreeSet;

use super::Intervals;
use crate::measure::{Counter, Counters, Distribution, Metric, RawSamples, Snapshot};
use crate::pace::Pacing;
use crate::scenario::{Case, Phases, Profile};
use crate::stats::theil_sen;

/// The raw facts of one trial; every figure of every file is derived from them.
#[derive(Debug)]
pub struct TrialFacts {
    /// Name of the scenario.
    pub scenario: String,
    /// The case that was measured.
    pub case: Case,
    /// Which trial of its case, from 1.
    pub trial: u32,
    /// The block of the plan, from 1.
    pub block: u32,
    /// The kind of host that it is judged as.
    pub profile: Profile,
    /// Lengths of the phases as planned.
    pub phases: Phases,
    /// Start of the measure window, in monotonic nanoseconds; 0 where it was not reached.
    pub window_start_ns: u64,
    /// Everything the workers measured, merged, with the ledger.
    pub workers: Snapshot,
    /// Each worker's own and the machine's health; also merged into `workers`.
    pub health: Vec<WorkerHealth>,
    /// The target's own measurements (publishing, retries, dead letters).
    pub target: Snapshot,
    /// The workers' measurements by second.
    pub intervals: Intervals,
    /// The first measured requests, polls and deliveries of each shard, raw, by due stamp; as many as the scenario says.
    pub samples: RawSamples,
    /// CPU and memory of the processes.
    pub resources: Resources,
    /// Why the trial could not be finished: a process died, or the run was stopped.
    pub failure: Option<String>,
}

impl TrialFacts {
    /// CPU used in the window without the meters'; `None` if it was not measured.
    pub fn cpu_used(&self) -> Option<CpuUsed> {
        self.resources.cpu_used().map(|used| self.without_meters(used))
    }

    /// `used` without the share of the watching's CPU that falls into its time.
    pub(super) fn without_meters(&self, used: CpuUsed) -> CpuUsed {
        let part = used.elapsed_ns as f64 / self.phases.measure.ns().max(1) as f64;
        let meters = |facts: &Snapshot| {
            (facts.counters.get(Counter::MeterCpu) as f64 * part.min(1.0)) as u64
        };
        CpuUsed {
            target_ns: used.target_ns.map(|ns| ns.saturating_sub(meters(&self.target))),
            workers_ns: used.workers_ns.saturating_sub(meters(&self.workers)),
            ..used
        }
    }

    /// Whether the target is one of the user's own, whose threads and connections are its own affair.
    pub const fn is_external(&self) -> bool {
        self.resources.target_shards == 0
    }

    /// How much of the measure window was measured, in nanoseconds: all of it, unless the trial ended early.
    pub fn measured_ns(&self) -> u64 {
        let whole_ns = self.phases.measure.ns();
        if self.failure.is_none() {
            return whole_ns;
        }
        let last_ns = self.intervals.last_ns().filter(|_| self.window_start_ns > 0).unwrap_or(0);
        last_ns.saturating_sub(self.window_start_ns).min(whole_ns)
    }

    /// Σ slip ÷ Σ response of the requests; `None` where either was not recorded.
    pub fn slip_share_of_response(&self) -> Option<f64> {
        let sum = |metric| {
            let samples = self.workers.distribution(metric)?;
            // Exact to 0.05 %: a histogram's mean is that of its buckets' middles.
            samples.mean().map(|mean| mean * samples.count() as f64)
        };
        Some(sum(Metric::Slip)? / sum(Metric::Response).filter(|sum| *sum > 0.0)?)
    }
}

/// A worker's own and the machine's health in the window.
#[derive(Debug, Clone)]
pub struct WorkerHealth {
    /// Its name in messages: `"worker 1"`.
    pub name: String,
    /// The lateness of its ticks; `None` if unknown.
    pub hiccups: Option<Distribution>,
    /// CPU time taken from it.
    pub counters: Counters,
}

impl WorkerHealth {
    /// The health in the worker `name`'s final report.
    pub fn new(name: String, told: &Snapshot) -> Self {
        let hiccups = told.distribution(Metric::Hiccup).cloned();
        Self { name, hiccups, counters: told.counters.clone() }
    }
}

/// CPU and memory of a trial's processes.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    /// CPU readings at the window's start, at every second of it, and at its end; ascending in time.
    pub cpu: Vec<CpuReading>,
    /// Readings before the first link was dialled, and when all of them stood.
    pub connect_cpu: Option<(CpuReading, CpuReading)>,
    /// Readings at the begin and at the end of the idle phase.
    pub idle_cpu: Option<(CpuReading, CpuReading)>,
    /// Threads that offered load, over all workers.
    pub worker_shards: u32,
    /// Threads that served.
    pub target_shards: u32,
    /// Cores of the host: more shards than that have no more CPU to use. 0 if unknown.
    pub cores: u32,
    /// How the workers waited for their deadlines.
    pub pacing: Pacing,
    /// What was due within so many nanoseconds of each other was to leave together.
    pub gather_ns: u64,
    /// CPU time of the workers in the window that was spun away before deadlines, in nanoseconds: the price of
    /// being on time, and no load.
    pub spun_ns: u64,
    /// CPU time of the target per event while nobody had subscribed, in nanoseconds; `None` where the target publishes by
    /// itself.
    pub publish_cpu_ns: Option<f64>,
    /// Anonymous memory of the target at each plateau of the connect phase.
    pub target_memory: Vec<MemoryReading>,
}

impl Resources {
    /// CPU used from the first reading to the last, without the workers' idle spinning; `None` with fewer than two
    /// readings.
    pub fn cpu_used(&self) -> Option<CpuUsed> {
        let (first, last) = (self.cpu.first()?, self.cpu.last()?);
        let used = last.since(first)?;
        Some(CpuUsed { workers_ns: used.workers_ns.saturating_sub(self.spun_ns), ..used })
    }

    /// The target's memory per link: the Theil-Sen slope over the plateaus, in bytes.
    ///
    /// `None` below three distinct link counts: a line through two points cannot be checked.
    pub fn target_memory_bytes_per_link(&self) -> Option<f64> {
        let counts: BTreeSet<u64> =
            self.target_memory.iter().map(|reading| reading.links).collect();
        if counts.len() < 3 {
            return None;
        }
        let points: Vec<_> =
            self.target_memory.iter().map(|at| (at.links as f64, at.bytes as f64)).collect();
        theil_sen(&points)
    }

    /// Share of the workers' shards' cores that `used` is.
    pub fn worker_share(&self, used: CpuUsed) -> Option<f64> {
        self.share(used.workers_ns, used.elapsed_ns, self.worker_shards)
    }

    /// Share of the target's shards' cores that `used` is.
    pub fn target_share(&self, used: CpuUsed) -> Option<f64> {
        self.share(used.target_ns?, used.elapsed_ns, self.target_shards)
    }

    fn share(&self, cpu_ns: u64, elapsed_ns: u64, shards: u32) -> Option<f64> {
        let cores = if self.cores == 0 { shards } else { shards.min(self.cores) };
        (cores > 0).then(|| cpu_ns as f64 / elapsed_ns as f64 / f64::from(cores))
    }
}

/// CPU time used between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuUsed {
    /// Time between the readings, in nanoseconds.
    pub elapsed_ns: u64,
    /// CPU time of the target, in nanoseconds; `None` where it cannot be read.
    pub target_ns: Option<u64>,
    /// CPU time of all workers, in nanoseconds.
    pub workers_ns: u64,
}

impl CpuReading {
    /// CPU time used since `earlier`; `None` where no time passed.
    pub fn since(&self, earlier: &Self) -> Option<CpuUsed> {
        let elapsed_ns = self.at_ns.checked_sub(earlier.at_ns).filter(|ns| *ns > 0)?;
        Some(CpuUsed {
            elapsed_ns,
            target_ns: self
                .target_ns
                .zip(earlier.target_ns)
                .map(|(now, then)| now.saturating_sub(then)),
            workers_ns: self.workers_ns.saturating_sub(earlier.workers_ns),
        })
    }
}

/// CPU time used so far by the processes of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuReading {
    /// When it was read, in monotonic nanoseconds.
    pub at_ns: u64,
    /// CPU time of the target so far, in nanoseconds; `None` where it cannot be read.
    pub target_ns: Option<u64>,
    /// CPU time of all workers so far, in nanoseconds.
    pub workers_ns: u64,
}

/// Memory of the target at a number of open links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryReading {
    /// Open links.
    pub links: u64,
    /// Anonymous memory in bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use crate::clock::SECOND_NS;
    use crate::measure::{Counter, Metric, Recorder};
    use crate::record::synthetic::{WINDOW_S, case, facts};
    use crate::scenario::PatternKind;

    #[test]
    fn the_meters_cpu_is_not_part_of_the_cost() {
        let facts = facts(&case(PatternKind::Sse, 60, ""), 1);
        let (all, used) = (facts.resources.cpu_used().unwrap(), facts.cpu_used().unwrap());
        let meters = |counted: u64, left: u64| counted - left;
        let (workers, target) = (&facts.workers.counters, &facts.target.counters);
        assert_eq!(meters(all.workers_ns, used.workers_ns), workers.get(Counter::MeterCpu));
        assert_eq!(
            meters(all.target_ns.unwrap(), used.target_ns.unwrap()),
            target.get(Counter::MeterCpu)
        );
        assert!(workers.get(Counter::MeterCpu) > 0);
        // A second's share of it, in the timeline.
        let readings = &facts.resources.cpu;
        let second = readings[1].since(&readings[0]).unwrap();
        assert_eq!(second.elapsed_ns, SECOND_NS);
        let left = facts.without_meters(second).workers_ns;
        assert_eq!(meters(second.workers_ns, left), workers.get(Counter::MeterCpu) / WINDOW_S);
    }

    #[test]
    fn slip_is_a_share_of_all_time_that_was_waited() {
        let mut facts = facts(&case(PatternKind::Request, 60, ""), 1);
        let mut recorder = Recorder::new();
        for (slip, response) in [(10_000, 1_000_000), (30_000, 100_000), (20_000, 900_000)] {
            recorder.record(Metric::Slip, slip);
            recorder.record(Metric::Response, response);
        }
        facts.workers = recorder.snapshot();
        let share = facts.slip_share_of_response().unwrap();
        assert!((share / 0.03 - 1.0).abs() < 0.001, "{share}");
        facts.workers.distributions.remove(&Metric::Slip);
        assert_eq!(facts.slip_share_of_response(), None);
    }
}
