//! Slow consumers: what each policy does to them, and their effect on the others.

use super::super::document::Table;
use super::{Disruption, Told, deliveries, known};
use crate::scenario::{Case, Conditions, Consumers, Pattern, SlowConsumer};
use crate::unit::counted;

const HEADS: [&str; 10] = [
    "case",
    "slow clients",
    "policy actions",
    "reconnects",
    "skipped",
    "lost, slow",
    "lost, others",
    "others p50",
    "others p99",
    "slow p99",
];

/// The section; `None` without slow consumers.
pub(super) fn section(cases: &[Told<'_>]) -> Option<Disruption> {
    let held = |told: &&Told<'_>| policy(told.planned).is_some();
    let slow = |told: &&&Told<'_>| told.planned.conditions.consumers.slow_share > 0.0;
    let cases: Vec<&Told<'_>> = cases.iter().filter(held).collect();
    let told = cases.iter().filter(slow).map(|told| sentence(told, &cases)).collect::<Vec<_>>();
    (!told.is_empty()).then(|| Disruption {
        title: "Slow consumers",
        terms: vec![
            ("Policy actions", "how often the target closed a lagging connection or dropped events for it."),
            ("Skipped", "events that the target reported as missed."),
            ("Lost", "not received by the end of the drain, including events that a slow client had yet to read. Freshness covers received events only."),
        ],
        table: Table::of_cases(HEADS, cases.iter().map(|told| row(told))),
        effects: told,
    })
}

/// The policy for a lagging connection; `None` where clients have no stream.
const fn policy(case: &Case) -> Option<SlowConsumer> {
    match &case.pattern {
        Pattern::Sse(options) => Some(options.slow_consumer),
        Pattern::WebSocket(options) => Some(options.slow_consumer),
        _ => None,
    }
}

/// A quantile of the other consumers, or of all where none is slow.
fn others(told: &Told<'_>, quantile: &str) -> String {
    let apart = if told.planned.conditions.consumers.slow_share > 0.0 { "healthy_" } else { "" };
    told.time(&format!("freshness_{apart}ns_{quantile}"))
}

fn slow_links(told: &Told<'_>) -> u64 {
    told.links(|index| told.planned.conditions.consumers.is_slow(index))
}

fn row(told: &Told<'_>) -> Vec<String> {
    let lost = told.measured.ledger.lost;
    vec![
        told.name.clone(),
        slow_links(told).to_string(),
        told.cell("slow_actions"),
        told.cell("reconnects"),
        told.cell("skipped"),
        told.cell("lost_slow"),
        lost.saturating_sub(told.count("lost_slow")).to_string(),
        others(told, "p50"),
        others(told, "p99"),
        told.time("freshness_affected_ns_p99"),
    ]
}

/// The same case without slow consumers.
fn without<'a>(told: &Told<'_>, cases: &'a [&Told<'_>]) -> Option<&'a Told<'a>> {
    let plain = |case: &Case| {
        let conditions = Conditions { consumers: Consumers::default(), ..case.conditions };
        Case { id: String::new(), conditions, ..case.clone() }
    };
    let mine = plain(told.planned);
    let nobody = |case: &Case| case.conditions.consumers.slow_share <= 0.0;
    cases.iter().find(|other| nobody(other.planned) && plain(other.planned) == mine).copied()
}

fn sentence(told: &Told<'_>, cases: &[&Told<'_>]) -> String {
    let lost = told.count("lost_slow");
    let did = match policy(told.planned) {
        Some(SlowConsumer::Disconnect) | None => {
            format!(
                "the target closed {}, {}",
                counted(told.count("slow_actions"), "connection"),
                counted(told.count("reconnects"), "reconnect")
            )
        }
        Some(SlowConsumer::DropOldest | SlowConsumer::Conflate) => {
            format!(
                "the target dropped {} in {}",
                counted(told.count("skipped"), "event"),
                counted(told.count("slow_actions"), "action")
            )
        }
    };
    let alone = without(told, cases).map_or_else(String::new, |alone| {
        format!(" ({} without slow clients)", known(others(alone, "p99")))
    });
    format!(
        "{}: {} of {} clients read slowly; {did}. Slow clients missed {}, freshness p99 {}; the others missed {}, \
         freshness p99 {}{alone}.",
        told.name,
        slow_links(told),
        told.planned.workload.clients,
        deliveries(lost),
        known(told.time("freshness_affected_ns_p99")),
        deliveries(told.measured.ledger.lost.saturating_sub(lost)),
        known(others(told, "p99")),
    )
}
