//! What a reader must know of how a case was offered before its figures are compared.

use super::View;
use super::table::percent_of;
use crate::scenario::{LoopKind, Pattern};
use crate::unit::count;

/// A sentence each, and none where there is nothing to warn of.
pub(super) fn caveats(view: &View) -> Vec<String> {
    let closed = |pattern: &Pattern| matches!(pattern, Pattern::Request(options) if options.loop_kind == LoopKind::Closed);
    let cases = view.run.info.scenario.cases.iter().filter(|case| closed(&case.pattern));
    let closed: Vec<String> = cases.map(|case| view.name(&case.id)).collect();
    if closed.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "{}: closed loop: coordinated omission: see METHODOLOGY. While the server stalled nothing was sent, and what was \
         not sent is in no percentile: never hold them against those of an open loop.",
        closed.join(", ")
    )]
}

/// How many long polls came at once, a sentence a case.
pub(super) fn herds(view: &View) -> Vec<String> {
    let tell = |case: &crate::judge::CaseSummary| {
        let most = case.figure("polls_per_10ms_max")?.median.print(count);
        let clients = case.offered.clients;
        let name = view.name(&case.case);
        Some(format!(
            "{name}: an event wakes all that wait for it, and they ask again together: of {clients} clients at most {most} \
             polls were sent within 10 ms."
        ))
    };
    view.cases.iter().filter_map(tell).collect()
}

/// How many deliveries of polls had waited for the poll that brought them, a sentence a case.
pub(super) fn delayed(view: &View) -> Vec<String> {
    let tell = |case: &crate::judge::CaseSummary| {
        let delayed = *case.counts.get("delayed")?;
        (case.ledger.delivered > 0).then(|| {
            format!(
                "{}: {delayed} of {} deliveries ({}) had been published before the poll that brought them was sent: they \
                 waited for the consumer to ask again.",
                view.name(&case.case),
                case.ledger.delivered,
                percent_of(delayed, case.ledger.delivered)
            )
        })
    };
    view.cases.iter().filter_map(tell).collect()
}
