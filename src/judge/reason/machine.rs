//! Texts of disturbances by the machine.

use super::figures::{by_worker, limit, percent};
use super::{OfWorker, Reason};
use crate::unit::nanoseconds;

pub(super) fn text(reason: &Reason) -> String {
    match reason {
        Reason::WorkerStalled { workers, limit_ns, target_ns, profile } => format!(
            "{}, {}. {}",
            stalled(workers),
            limit(&nanoseconds(*limit_ns), *profile),
            cause(*limit_ns, *target_ns)
        ),
        Reason::TimersUnmeasured { workers } => format!(
            "timer delays were not measured ({}): the machine may have paused. Check that threads and timerfd are \
             available",
            if workers.is_empty() { "any worker".to_owned() } else { workers.join(", ") }
        ),
        Reason::WorkerTimerLate { workers, limit_ns, profile } => format!(
            "the machine paused workers: p99.9 timer delay {}, {}. Free the host's CPU, add cores, or \
             lower the load",
            by_worker(workers, nanoseconds),
            limit(&nanoseconds(*limit_ns), *profile)
        ),
        Reason::TargetTimerLate { p999_ns, limit_ns, profile } => format!(
            "the machine paused the target: p99.9 timer delay {}, {}. Free the host's CPU, or add cores",
            nanoseconds(*p999_ns),
            limit(&nanoseconds(*limit_ns), *profile)
        ),
        Reason::CpuContended { workers, limit: most, profile } => format!(
            "threads waited for a core {} of the window, {}. Leave the cores to this run, add cores, or use fewer shards",
            by_worker(workers, percent),
            limit(&percent(*most), *profile)
        ),
        Reason::CpuStolen { share, limit: most, profile } => format!(
            "the hypervisor took {} of the host's CPU time, {}. Use a host with dedicated cores, or try again later",
            percent(*share),
            limit(&percent(*most), *profile)
        ),
        Reason::CpuThrottled { share, limit: most, profile } => format!(
            "a CPU quota throttled the workers for {} of the window, {}. Raise the quota of the container or cgroup",
            percent(*share),
            limit(&percent(*most), *profile)
        ),
        Reason::DisturbanceEffect { metric, share, p50_effect, p99_effect, limit } => {
            let p99 = p99_effect.map_or_else(
                || "; p99 may consist of them".to_owned(),
                |effect| format!(", p99 by at most {}", percent(effect)),
            );
            format!(
                "these pauses raised {} p50 by at most {}, limit {}{p99}: they could reach {} of the samples",
                metric.name(),
                percent(*p50_effect),
                percent(*limit),
                percent(*share)
            )
        }
        other => other.code().to_string(),
    }
}

fn stalled(workers: &[OfWorker]) -> String {
    match workers {
        [one] => format!("{} stalled for {}", one.worker, nanoseconds(one.figure)),
        many => format!("{} workers stalled for {}", many.len(), by_worker(many, nanoseconds)),
    }
}

/// Says whether the machine or something else stopped the worker, by the target's own pause.
fn cause(limit_ns: f64, target_ns: Option<f64>) -> String {
    match target_ns {
        Some(ns) if ns > limit_ns => format!(
            "The machine paused: the target stalled for {} too. Free the host's CPU, or add cores",
            nanoseconds(ns)
        ),
        Some(ns) => format!(
            "The machine did not pause: the target stalled for {} at most. Look for a signal, a debugger or a lack of \
             memory that stopped the worker",
            nanoseconds(ns)
        ),
        None => "Find out what stopped it, and repeat the run".to_owned(),
    }
}
