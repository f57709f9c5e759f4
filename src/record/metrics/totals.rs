//! What a case takes altogether, as it would be paid for: cores, bytes per second, memory, money.

use super::{Cell, Figures, fill};
use crate::measure::Counter;
use crate::record::TrialFacts;
use crate::scenario::{Prices, Publish, Taken};

/// What money is asked for: so many clients.
const THOUSAND: f64 = 1_000.0;
const HOUR_S: f64 = 3_600.0;

fn clients(facts: &TrialFacts) -> f64 {
    facts.case.workload.clients as f64
}

/// A trial that was cut short did not have the whole window to spend in.
fn finished(facts: &TrialFacts) -> Option<f64> {
    let seconds = facts.phases.measure.secs();
    (facts.failure.is_none() && seconds > 0.0).then_some(seconds)
}

pub(super) fn target_cpu_cores(facts: &TrialFacts) -> Option<f64> {
    finished(facts)?;
    let used = facts.cpu_used()?;
    Some(used.target_ns? as f64 / used.elapsed_ns as f64)
}

pub(super) fn target_cpu_cores_per_1k_clients(facts: &TrialFacts) -> Option<f64> {
    Some(target_cpu_cores(facts)? / clients(facts) * THOUSAND)
}

/// Bytes per second of the window. No bytes at all, not even to open the links, means that the kernel does not tell.
fn wire_per_s(facts: &TrialFacts, which: Counter) -> Option<f64> {
    let counted = |counter| facts.workers.counters.get(counter);
    let told = counted(Counter::OpeningWireBytes) > 0;
    Some(counted(which) as f64 / finished(facts)?).filter(|_| told)
}

pub(super) fn wire_bytes_per_s(facts: &TrialFacts) -> Option<f64> {
    wire_per_s(facts, Counter::WindowWireBytes)
}

pub(super) fn wire_bytes_per_client_hour(facts: &TrialFacts) -> Option<f64> {
    Some(wire_bytes_per_s(facts)? / clients(facts) * HOUR_S)
}

pub(super) fn target_sent_bytes_per_s(facts: &TrialFacts) -> Option<f64> {
    wire_per_s(facts, Counter::WindowWireSent)
}

fn wire_per_delivery(facts: &TrialFacts, what: Counter) -> Option<f64> {
    // By arrival, as the bytes are counted: what was due just before a border went over the wire behind it.
    let received = facts.workers.counters.get(Counter::WindowReceived);
    let whole = wire_per_s(facts, what)? * finished(facts)?;
    (received > 0 && whole > 0.0).then(|| whole / received as f64)
}

pub(super) fn wire_bytes_per_delivery(facts: &TrialFacts) -> Option<f64> {
    wire_per_delivery(facts, Counter::WindowWireBytes)
}

pub(super) fn target_sent_bytes_per_delivery(facts: &TrialFacts) -> Option<f64> {
    wire_per_delivery(facts, Counter::WindowPayloadSent)
}

pub(super) fn wire_segments_per_delivery(facts: &TrialFacts) -> Option<f64> {
    wire_per_delivery(facts, Counter::WindowWireSegments)
}

/// The last reading of the connect phase: every link stands, and each has exchanged something.
pub(super) fn target_memory_bytes(facts: &TrialFacts) -> Option<f64> {
    let readings = &facts.resources.target_memory;
    let all = readings.iter().rev().find(|at| at.links == facts.case.workload.clients)?;
    Some(all.bytes as f64)
}

pub(super) fn target_memory_bytes_per_1k_clients(facts: &TrialFacts) -> Option<f64> {
    Some(target_memory_bytes(facts)? / clients(facts) * THOUSAND)
}

/// Requests per second that the target answers: calls, polls, and what clients post. What it sends by itself is none.
pub(super) fn target_requests_per_s(facts: &TrialFacts) -> Option<f64> {
    let counted = |counter| facts.workers.counters.get(counter);
    let workload = &facts.case.workload;
    let posts = workload.publish == Publish::Clients
        && workload.publish.needs_connection(facts.case.pattern.kind());
    let posted = if posts { counted(Counter::SendsSent) } else { 0 };
    let seconds = finished(facts).filter(|_| fill::reported(facts))?;
    let sent = counted(Counter::Sent) + counted(Counter::FollowingPolls);
    Some((sent + posted) as f64 / seconds)
}

/// A metric that follows from others of its row.
struct Derived {
    column: &'static str,
    of: fn(&Row<'_>) -> Option<f64>,
}

/// A row as far as totals need it.
struct Row<'a> {
    figures: &'a Figures,
    clients: f64,
    /// Cores that the target could use.
    cores: Option<f64>,
}

impl Row<'_> {
    fn get(&self, column: &str) -> Option<f64> {
        self.figures.number(column)
    }

    fn per_client(&self, column: &str, times: f64) -> Option<f64> {
        Some(self.get(column)? / self.clients * times)
    }
}

/// What rows of earlier versions lack, from the columns that they have; each may need those above it.
const DERIVED: &[Derived] = &[
    Derived {
        column: "target_cpu_cores",
        of: |row| Some(row.get("target_cpu_share")? * row.cores?),
    },
    Derived {
        column: "target_cpu_cores_per_1k_clients",
        of: |row| row.per_client("target_cpu_cores", THOUSAND),
    },
    Derived {
        column: "wire_bytes_per_s",
        of: |row| Some(row.get("wire_bytes_per_delivery")? * row.get("deliveries_per_s")?),
    },
    Derived {
        column: "wire_bytes_per_client_hour",
        of: |row| row.per_client("wire_bytes_per_s", HOUR_S),
    },
    // Without the process's own.
    Derived {
        column: "target_memory_bytes",
        of: |row| Some(row.get("target_memory_bytes_per_link")? * row.clients),
    },
    Derived {
        column: "target_memory_bytes_per_1k_clients",
        of: |row| row.per_client("target_memory_bytes", THOUSAND),
    },
];

/// Adds to a row of an earlier version what follows from its columns: `clients` links, and `cores` that the target could use.
pub(in crate::record) fn complete(figures: &mut Figures, clients: u64, cores: Option<u32>) {
    for derived in DERIVED {
        let row = Row { figures, clients: clients as f64, cores: cores.map(f64::from) };
        if row.get(derived.column).is_none()
            && let Some(number) = (derived.of)(&row)
        {
            figures.0.insert(derived.column, Cell::Number(number));
        }
    }
}

/// The column of what 1,000 clients cost in a month.
pub const COST: &str = "cost_per_1k_clients_month";

/// Sets what `clients` of a row cost at `prices`; nothing where a part of it is not known.
pub(in crate::record) fn price(figures: &mut Figures, clients: u64, prices: &Prices) {
    let number = |column| figures.number(column);
    let taken = || {
        Some(Taken {
            cores: number("target_cpu_cores")?,
            memory_bytes: number("target_memory_bytes")?,
            sent_bytes_per_s: number("target_sent_bytes_per_s")?,
            requests_per_s: number("target_requests_per_s")?,
        })
    };
    match taken() {
        Some(taken) if clients > 0 => {
            let cost = prices.per_month(taken) / clients as f64 * THOUSAND;
            figures.0.insert(COST, Cell::Number(cost));
        }
        _ => drop(figures.0.remove(COST)),
    }
}
