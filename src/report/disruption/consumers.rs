//! Consumers that read slowly, what each policy did to them, and what they did to the others.

use super::{Section, Told, known, table};
use crate::scenario::{Case, Conditions, Consumers, Pattern, SlowConsumer};

const HEADS: [&str; 10] = [
    "case",
    "slow links",
    "acted on",
    "came back",
    "skipped",
    "lost by the slow",
    "lost by others",
    "others p50",
    "others p99",
    "slow p99",
];

/// The section; `None` where nobody reads slowly.
pub(super) fn section(cases: &[Told<'_>]) -> Option<Section> {
    let held = |told: &&Told<'_>| policy(told.planned).is_some();
    let slow = |told: &&&Told<'_>| told.planned.conditions.consumers.slow_share > 0.0;
    let cases: Vec<&Told<'_>> = cases.iter().filter(held).collect();
    let told = cases.iter().filter(slow).map(|told| sentence(told, &cases)).collect::<Vec<_>>();
    (!told.is_empty()).then(|| Section {
        title: "Slow consumers",
        what: "Counts are sums over the trials that were finished, times medians over the usable ones. *Acted on*: times that \
               the target closed a link that lagged, or left events out for it; *skipped*: events that links were told they had \
               missed; *lost* is all that had not arrived by the end of the drain, also what a slow link was still to read \
               then. Freshness is of what arrived."
            .to_owned(),
        table: table(&HEADS, cases.iter().map(|told| row(told)).collect()),
        told,
    })
}

/// What the target does with a link of the case that lags; `None` where links hold no stream.
const fn policy(case: &Case) -> Option<SlowConsumer> {
    match &case.pattern {
        Pattern::Sse(options) => Some(options.slow_consumer),
        Pattern::WebSocket(options) => Some(options.slow_consumer),
        _ => None,
    }
}

/// A quantile of those who do not read slowly, or of all where nobody does.
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

/// The case that is the same but for its consumers, of whom none reads slowly.
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
                "of all links {} were closed and {} came back",
                told.count("slow_actions"),
                told.count("reconnects")
            )
        }
        Some(SlowConsumer::DropOldest | SlowConsumer::Conflate) => {
            format!(
                "of all links together {} events were left out, in {} goes",
                told.count("skipped"),
                told.count("slow_actions")
            )
        }
    };
    let alone = without(told, cases).map_or_else(String::new, |alone| {
        format!(", and {} where nobody is slow", known(others(alone, "p99")))
    });
    format!(
        "{}: {} of {} links read slowly; {did}. The slow ones lack {lost} of the window's deliveries at the end, and what they \
         read was p99 {} old. The others lack {}; their freshness is p99 {}{alone}.",
        told.name,
        slow_links(told),
        told.planned.workload.clients,
        known(told.time("freshness_affected_ns_p99")),
        told.measured.ledger.lost.saturating_sub(lost),
        known(others(told, "p99")),
    )
}
