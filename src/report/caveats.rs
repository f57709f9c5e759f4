//! What a reader must know about a case before its figures are compared.

use super::View;
use super::glance::percent_of;
use crate::scenario::{LoopKind, Pattern};
use crate::unit::count;

/// A sentence per caveat; empty without any.
pub(super) fn caveats(view: &View) -> Vec<String> {
    let closed = |pattern: &Pattern| matches!(pattern, Pattern::Request(options) if options.loop_kind == LoopKind::Closed);
    let cases = view.run.info.scenario.cases.iter().filter(|case| closed(&case.pattern));
    let closed: Vec<String> = cases.map(|case| view.name(&case.id)).collect();
    if closed.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "{}: closed loop, subject to coordinated omission: no request is sent while the server stalls, so percentiles \
         miss the stall. Do not compare them with an open loop (METHODOLOGY).",
        closed.join(", ")
    )]
}

/// The largest thundering herd of long polls, a sentence per case.
pub(super) fn herds(view: &View) -> Vec<String> {
    let tell = |case: &crate::judge::CaseSummary| {
        let most = case.figure("polls_per_10ms_max")?.value.print(count);
        let clients = case.offered.clients;
        let name = view.name(&case.case);
        Some(format!(
            "{name}: thundering herd: up to {most} of {clients} clients polled again within 10 ms of an event."
        ))
    };
    view.findings.cases.iter().filter_map(tell).collect()
}

/// How many deliveries waited for the next poll, a sentence per case.
pub(super) fn delayed(view: &View) -> Vec<String> {
    let tell = |case: &crate::judge::CaseSummary| {
        let delayed = *case.counts.get("delayed")?;
        (case.ledger.delivered > 0).then(|| {
            format!(
                "{}: {delayed} of {} deliveries ({}) waited for the next poll: they were published before it was sent.",
                view.name(&case.case),
                case.ledger.delivered,
                percent_of(delayed, case.ledger.delivered)
            )
        })
    };
    view.findings.cases.iter().filter_map(tell).collect()
}
