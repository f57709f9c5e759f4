//! Why a trial has its verdict: codes with figures, and the one place that makes texts of them.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::measure::Metric;
use crate::record::{Code, Coded};
use crate::scenario::Profile;
use crate::unit::{nanoseconds, significant};

const BUG: &str = "This is a bug of tidings: please report it with the results folder";
const NOT_AS_CONFIGURED: &str = "the trial did not measure what its case says";

/// A share for people.
fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// What a profile is called in a reason.
fn on_a(profile: Profile) -> String {
    format!("on a {} host", profile.name())
}

/// What a worker sends on a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Requests and polls.
    Requests,
    /// Events that clients publish.
    Events,
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Events => "events",
        }
    }
}

/// A figure of one worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfWorker {
    /// `"worker 1"`.
    pub worker: String,
    /// The figure.
    pub figure: f64,
}

/// Why a trial has its verdict. The codes are the variants' names in `snake_case`; they are never renamed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the text of each says what its figures are")]
pub enum Reason {
    TrialFailed {
        why: String,
    },
    WindowNotReached,
    NothingDue,
    LedgerUnbalanced {
        expected: u64,
        delivered: u64,
        lost: u64,
    },
    PublishedOffSchedule {
        published: u64,
        clients: u64,
        topics: u64,
        deliveries: u64,
        expected: u64,
    },
    FreshnessNegative {
        deliveries: u64,
    },
    SamplesSaturated {
        samples: u64,
    },
    RequestsRefused {
        refused: u64,
        unsent: u64,
    },
    RequestsUnsent {
        sent: u64,
        scheduled: u64,
    },
    GeneratorLate {
        load: Load,
        p99_ns: f64,
        limit_ns: f64,
        profile: Profile,
    },
    GeneratorShare {
        load: Load,
        metric: Metric,
        share: f64,
        limit: f64,
        late_ns: f64,
        mean_ns: f64,
        profile: Profile,
    },
    WorkerCpuUnknown,
    WorkersBusy {
        share: f64,
        limit: f64,
        cores: u32,
        profile: Profile,
    },
    WorkerStalled {
        workers: Vec<OfWorker>,
        limit_ns: f64,
        target_ns: Option<f64>,
        profile: Profile,
    },
    TimersUnmeasured {
        workers: Vec<String>,
    },
    WorkerTimerLate {
        workers: Vec<OfWorker>,
        limit_ns: f64,
        profile: Profile,
    },
    TargetTimerLate {
        p999_ns: f64,
        limit_ns: f64,
        profile: Profile,
    },
    CpuContended {
        workers: Vec<OfWorker>,
        limit: f64,
        profile: Profile,
    },
    CpuStolen {
        share: f64,
        limit: f64,
        profile: Profile,
    },
    CpuThrottled {
        share: f64,
        limit: f64,
        profile: Profile,
    },
    ConnectionsMissing {
        opened: u64,
        due: u64,
        links: String,
    },
    ConnectionsReopened {
        opened: u64,
        reopened: u64,
        links: String,
    },
    ConnectionsMiscounted {
        opened: u64,
        due: u64,
    },
    HandshakesMiscounted {
        handshakes: u64,
        connections: u64,
        tls: bool,
    },
    SessionsResumed {
        resumed: u64,
        handshakes: u64,
    },
    SessionsNotResumed {
        resumed: u64,
        able: u64,
    },
    UpkeepSeldom {
        what: &'static str,
        period_ns: f64,
        expected: f64,
        enough_ns: f64,
    },
    SendsUnbalanced {
        due: u64,
        clients: u64,
        topics: u64,
        expected: u64,
        least: u64,
        most: u64,
    },
    SendsUnsent {
        sent: u64,
        due: u64,
    },
    SendsMiscounted {
        acknowledged: u64,
        due: u64,
        published: u64,
    },
    WarmingUp {
        metric: Metric,
        warm_ns: f64,
        warmup_ns: Option<f64>,
    },
    Drifting {
        metric: Metric,
        change: f64,
        p: f64,
    },
}

impl Reason {
    /// The code with its figures.
    pub fn code(&self) -> Code {
        let Ok(Value::Object(mut figures)) = serde_json::to_value(self) else {
            unreachable!("a reason is a struct of plain figures")
        };
        match figures.remove("code") {
            Some(Value::String(name)) => Code { name, figures },
            _ => unreachable!("the tag of a reason is its code"),
        }
    }
}

impl From<Reason> for Coded {
    fn from(reason: Reason) -> Self {
        Self { code: reason.code(), text: reason.to_string() }
    }
}

fn by_worker(workers: &[OfWorker], print: fn(f64) -> String) -> String {
    let each = workers.iter().map(|of| format!("{} {}", of.worker, print(of.figure)));
    each.collect::<Vec<_>>().join(", ")
}

/// The limit of a share on a kind of host; where it is none, that.
fn limit_of(limit: f64, profile: Profile) -> String {
    format!("limit {} {}", percent(limit), on_a(profile))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::TrialFailed { why } => why.clone(),
            Self::WindowNotReached
            | Self::NothingDue
            | Self::LedgerUnbalanced { .. }
            | Self::PublishedOffSchedule { .. }
            | Self::FreshnessNegative { .. }
            | Self::SamplesSaturated { .. }
            | Self::UpkeepSeldom { .. }
            | Self::SendsUnbalanced { .. }
            | Self::SendsUnsent { .. }
            | Self::SendsMiscounted { .. } => self.of_accounts(),
            Self::RequestsRefused { .. }
            | Self::RequestsUnsent { .. }
            | Self::GeneratorLate { .. }
            | Self::GeneratorShare { .. }
            | Self::WorkerCpuUnknown
            | Self::WorkersBusy { .. } => self.of_generator(),
            Self::WorkerStalled { .. }
            | Self::TimersUnmeasured { .. }
            | Self::WorkerTimerLate { .. }
            | Self::TargetTimerLate { .. }
            | Self::CpuContended { .. }
            | Self::CpuStolen { .. }
            | Self::CpuThrottled { .. } => self.of_machine(),
            Self::ConnectionsMissing { .. }
            | Self::ConnectionsReopened { .. }
            | Self::ConnectionsMiscounted { .. }
            | Self::HandshakesMiscounted { .. }
            | Self::SessionsResumed { .. }
            | Self::SessionsNotResumed { .. } => self.of_transport(),
            Self::WarmingUp { .. } | Self::Drifting { .. } => self.of_steadiness(),
        })
    }
}

impl Reason {
    fn of_accounts(&self) -> String {
        match self {
            Self::WindowNotReached => {
                "the measure window was never reached. Lengthen the connect phase".to_owned()
            }
            Self::NothingDue => {
                "nothing was due in the measure window. Raise the rate, or lengthen the measure phase".to_owned()
            }
            Self::LedgerUnbalanced { expected, delivered, lost } => format!(
                "the ledger does not balance: {expected} expected, but {delivered} delivered and {lost} lost. {BUG}"
            ),
            Self::PublishedOffSchedule { published, clients, topics, deliveries, expected } => format!(
                "the target fell behind its schedule or ended early: {published} events were published to {clients} \
                 clients over {topics} topics, which makes {deliveries} deliveries where {expected} were expected. Lower \
                 the rate, or add target shards"
            ),
            Self::FreshnessNegative { deliveries } => format!(
                "{deliveries} deliveries arrived before they were due: the clocks of target and workers differ. Run both \
                 on one host, in one time namespace"
            ),
            Self::SamplesSaturated { samples } => format!(
                "{samples} samples exceeded 60 s, the largest value recorded, and count as 60 s. Lower the load"
            ),
            Self::UpkeepSeldom { what, period_ns, expected, enough_ns } => format!(
                "{what} come every {} per client, so only about {} fall into the window: CPU and bytes depend on chance. Lengthen \
                 measure to {}, or add clients",
                nanoseconds(*period_ns),
                significant(*expected),
                nanoseconds(*enough_ns)
            ),
            Self::SendsUnbalanced { due, clients, topics, expected, least, most } => format!(
                "clients were to publish {due} events to {clients} clients over {topics} topics, which makes {least} to \
                 {most} deliveries, but {expected} were expected. {BUG}"
            ),
            Self::SendsUnsent { sent, due } => format!(
                "clients sent {sent} of {due} events that they were to publish; at most 0.1 % may be missing. Lower the \
                 rate, or add worker shards"
            ),
            Self::SendsMiscounted { acknowledged, due, published } => format!(
                "{acknowledged} events were acknowledged to the clients that published them, but {due} were due and the \
                 target published {published}. {BUG}"
            ),
            other => other.code().to_string(),
        }
    }

    fn of_generator(&self) -> String {
        match self {
            Self::RequestsRefused { refused, unsent } => format!(
                "the target refused {refused} requests, and {unsent} were not sent while clients backed off. Lower the \
                 rate, or raise the target's limits"
            ),
            Self::RequestsUnsent { sent, scheduled } => format!(
                "{sent} of {scheduled} scheduled requests were sent; at most 0.1 % may be missing. Lower the rate, or add \
                 worker shards"
            ),
            Self::GeneratorLate { load, p99_ns, limit_ns, profile } => format!(
                "the worker sent {} late: p99 {}, limit {} {}. Lower the rate, add worker shards, or free the host's CPU",
                load.name(),
                nanoseconds(*p99_ns),
                nanoseconds(*limit_ns),
                on_a(*profile)
            ),
            Self::GeneratorShare { load, metric, share, limit, late_ns, mean_ns, profile } => {
                format!(
                    "the worker's own delay is {} of the {} ({} of {} on average), {}. Use {}, which excludes this delay, or a \
                 host with spare cores",
                    percent(*share),
                    metric.name(),
                    nanoseconds(*late_ns),
                    nanoseconds(*mean_ns),
                    limit_of(*limit, *profile),
                    match load {
                        Load::Requests => "service_ns",
                        Load::Events => "transit_ns",
                    }
                )
            }
            Self::WorkerCpuUnknown => {
                "the workers' CPU time was not measured, so they may have been the bottleneck. \
                                       Check that /proc is readable"
                    .to_owned()
            }
            Self::WorkersBusy { share, limit, cores, profile } => format!(
                "the workers used {} of {}, {}. Add worker shards, or lower the rate",
                percent(*share),
                if *cores == 1 { "their core".to_owned() } else { format!("their {cores} cores") },
                limit_of(*limit, *profile)
            ),
            other => other.code().to_string(),
        }
    }

    fn of_machine(&self) -> String {
        match self {
            Self::WorkerStalled { workers, limit_ns, target_ns, profile } => {
                let cause = match target_ns {
                    Some(ns) if ns > limit_ns => format!(
                        "The target's process stood still for {} too: it was the machine. Free the host's CPU, or add cores",
                        nanoseconds(*ns)
                    ),
                    Some(ns) => format!(
                        "The target's process stood still for {} at most: it was the worker, not the machine. Find what \
                         stopped it (a signal, a debugger, a lack of memory), and run it again",
                        nanoseconds(*ns)
                    ),
                    None => "Find what stopped it, and run it again".to_owned(),
                };
                let each = workers
                    .iter()
                    .map(|of| format!("{} stood still for {}", of.worker, nanoseconds(of.figure)));
                format!(
                    "{}, limit {} {}. {cause}",
                    each.collect::<Vec<_>>().join(", "),
                    nanoseconds(*limit_ns),
                    on_a(*profile)
                )
            }
            Self::TimersUnmeasured { workers } => format!(
                "the timer delays of {} were not measured: pauses of the machine are unknown. Check that threads and \
                 timerfd are available",
                if workers.is_empty() { "the workers".to_owned() } else { workers.join(", ") }
            ),
            Self::WorkerTimerLate { workers, limit_ns, profile } => format!(
                "the machine paused the workers: 1 ms timers were late at p99.9 by {}, limit {} {}. Free the host's CPU, \
                 add cores, or lower the load",
                by_worker(workers, nanoseconds),
                nanoseconds(*limit_ns),
                on_a(*profile)
            ),
            Self::TargetTimerLate { p999_ns, limit_ns, profile } => format!(
                "the machine paused the target: its 1 ms timer was {} late at p99.9, limit {} {}. Free the host's CPU, or \
                 add cores",
                nanoseconds(*p999_ns),
                nanoseconds(*limit_ns),
                on_a(*profile)
            ),
            Self::CpuContended { workers, limit, profile } => format!(
                "worker threads waited for a core: {} of the window, {}. Leave the cores to this run, add cores, or use \
                 fewer shards",
                by_worker(workers, percent),
                limit_of(*limit, *profile)
            ),
            Self::CpuStolen { share, limit, profile } => format!(
                "the hypervisor took {} of the host's CPU time, {}. Use a host with dedicated cores, or try again later",
                percent(*share),
                limit_of(*limit, *profile)
            ),
            Self::CpuThrottled { share, limit, profile } => format!(
                "a CPU quota throttled the workers for {} of the window, {}. Raise the quota of the container or cgroup",
                percent(*share),
                limit_of(*limit, *profile)
            ),
            other => other.code().to_string(),
        }
    }

    fn of_transport(&self) -> String {
        match self {
            Self::ConnectionsMissing { opened, due, links } => format!(
                "{opened} connections were opened for {links}, but {due} were due. See the errors, lengthen the connect \
                 phase, or lower the number of clients"
            ),
            Self::ConnectionsReopened { opened, reopened, links } => format!(
                "{opened} connections were opened for {links}: {reopened} of them are re-connections. See error_closed and \
                 error_timeout; lengthen the time-outs, or lower the load"
            ),
            Self::ConnectionsMiscounted { opened, due } => format!(
                "{opened} connections were opened, but one for each request makes {due}. {BUG}"
            ),
            Self::HandshakesMiscounted { handshakes, connections, tls } => format!(
                "{handshakes} TLS handshakes over {connections} connections with transport.tls = {tls}: \
                 {NOT_AS_CONFIGURED}. See error_connect"
            ),
            Self::SessionsResumed { resumed, handshakes } => format!(
                "{resumed} of {handshakes} handshakes resumed a session, but transport.resume = false: {NOT_AS_CONFIGURED}"
            ),
            Self::SessionsNotResumed { resumed, able } => format!(
                "only {resumed} of {able} handshakes that could resume a session did, but transport.resume = true: \
                 {NOT_AS_CONFIGURED}"
            ),
            other => other.code().to_string(),
        }
    }

    fn of_steadiness(&self) -> String {
        match self {
            Self::WarmingUp { metric, warm_ns, warmup_ns } => {
                let remedy = match warmup_ns {
                    Some(ns) => format!("Lengthen warmup to {}", nanoseconds(*ns)),
                    None => {
                        "That is over half of it: lower the load, or lengthen warmup and measure"
                            .to_owned()
                    }
                };
                format!(
                    "the first {} of the window still belong to the warm-up, by the means of the {} (MSER-5). {remedy}",
                    nanoseconds(*warm_ns),
                    metric.name()
                )
            }
            Self::Drifting { metric, change, p } => format!(
                "{} {} by {} over the window, limit 10 % (Mann-Kendall, p {}). {}",
                metric.name(),
                if *change > 0.0 { "rose" } else { "fell" },
                percent(change.abs()),
                significant(*p),
                if *change > 0.0 {
                    "The target may be falling behind: lower the load, or read the timeline"
                } else {
                    "It may still be warming up: lengthen warmup"
                }
            ),
            other => other.code().to_string(),
        }
    }
}
