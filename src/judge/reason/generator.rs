//! Texts of the workers' failures.

use super::figures::{limit, percent};
use super::{Bound, Load, Reason};
use crate::unit::{counted, nanoseconds};

pub(super) fn text(reason: &Reason) -> String {
    match reason {
        Reason::RequestsRefused { refused, unsent } => format!(
            "the target refused {}; {unsent} were not sent while clients backed off. Lower the rate, or raise the \
             target's limits",
            counted(*refused, "request")
        ),
        Reason::RequestsUnsent { sent, scheduled } => format!(
            "the workers sent {sent} of {scheduled} requests; at most 0.1 % may be missing. Lower the rate, or add \
             worker shards"
        ),
        Reason::GeneratorLate { load, p99_ns, limit_ns, profile } => format!(
            "the worker sent {} late: p99 {}, {}. Lower the rate, add worker shards, or free the host's CPU",
            load.name(),
            nanoseconds(*p99_ns),
            limit(&nanoseconds(*limit_ns), *profile)
        ),
        Reason::GeneratorShare { load, metric, share, limit: most, late_ns, mean_ns, profile } => format!(
            "the worker's own delay is {} of the {} (mean {} of {}), {}. Use {}, which excludes it, or free the host's CPU",
            percent(*share),
            metric.name(),
            nanoseconds(*late_ns),
            nanoseconds(*mean_ns),
            limit(&percent(*most), *profile),
            match load {
                Load::Requests => "service_ns",
                Load::Events => "transit_ns (built-in target only)",
            }
        ),
        Reason::WorkerCpuUnknown => {
            "the workers' CPU time is unknown, so they may have been the bottleneck. Check that /proc is readable"
                .to_owned()
        }
        Reason::WorkersBusy { share, limit: most, cores, profile } => format!(
            "the workers used {} of {}, {}. Add worker shards, or lower the rate",
            percent(*share),
            if *cores == 1 { "their core".to_owned() } else { format!("their {cores} cores") },
            limit(&percent(*most), *profile)
        ),
        Reason::ClosedLoopBound { bound, share, limit: most, cores, server_cores, profile } => {
            let rate = match bound {
                Bound::Generator => "is the generator's limit",
                Bound::Server => "is the server's limit",
                Bound::Both => "is both sides' limit",
                Bound::Unknown => "has an unknown limit",
            };
            let workers = counted(u64::from(*cores), "worker core");
            let server = server_cores.as_ref().map_or_else(
                || "The server's CPU is unknown".to_owned(),
                |used| format!("The server used {}", crate::unit::cores(*used)),
            );
            let remedy = match bound {
                Bound::Server => "lower the load to see it without queues",
                _ => "for more, add worker shards",
            };
            format!(
                "the closed loop's rate {rate}: {} of {workers}, {}. {server}. Responses include the wait for \
                 the worker; {remedy}",
                percent(*share),
                limit(&percent(*most), *profile),
            )
        }
        other => other.code().to_string(),
    }
}
