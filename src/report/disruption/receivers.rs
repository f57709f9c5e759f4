//! Webhook receivers that are down, slow or failing, and their effect on the others.

use super::super::document::Table;
use super::{Disruption, Told, known};
use crate::scenario::{Case, Down, FailOf, Pattern, ReceiverOptions};
use crate::unit::significant;

const HEADS: [&str; 12] = [
    "case",
    "affected",
    "lost",
    "dead letters",
    "attempts",
    "refused",
    "duplicate",
    "reordered",
    "others p50",
    "others p99",
    "affected p99",
    "catch-up",
];

/// The section; `None` where every receiver is healthy.
pub(super) fn section(cases: &[Told<'_>]) -> Option<Disruption> {
    let called = |told: &&Told<'_>| receiver(told.planned).is_some();
    let cases: Vec<&Told<'_>> = cases.iter().filter(called).collect();
    let told: Vec<String> = cases.iter().filter_map(|told| sentence(told, &cases)).collect();
    (!told.is_empty()).then(|| Disruption {
        title: "Failing receivers",
        terms: vec![
            ("Refused", "attempts that receivers failed as the scenario asks."),
            (
                "Duplicate",
                "attempts with an event that the receiver already had, recognised by its id.",
            ),
            (
                "Catch-up",
                "from the end of an outage until the last receiver had every event due before it.",
            ),
        ],
        table: Table::of_cases(HEADS, cases.iter().map(|told| row(told))),
        effects: told,
    })
}

const fn receiver(case: &Case) -> Option<&ReceiverOptions> {
    match &case.pattern {
        Pattern::Webhook(options) => Some(&options.receiver),
        _ => None,
    }
}

/// The behaviour of the affected receivers; `None` where they are healthy.
fn disruption(receiver: &ReceiverOptions) -> Option<String> {
    let percent = |share: f64| format!("{} %", significant(share * 100.0));
    let mut said = Vec::new();
    if receiver.down_for.ns() > 0 {
        let how = if receiver.down == Down::Hang {
            " (accepting connections without an answer)"
        } else {
            ""
        };
        said.push(format!("stayed down for {}{how}", receiver.down_for));
    }
    if receiver.slow.ns() > 0 {
        let longest = if receiver.slow_max > receiver.slow {
            format!(" to {}", receiver.slow_max)
        } else {
            String::new()
        };
        said.push(format!(
            "took {}{longest} for {} of the attempts",
            receiver.slow,
            percent(receiver.slow_share)
        ));
    }
    if receiver.fail > 0.0 {
        let first = if receiver.fail_of == FailOf::FirstAttempts { "first " } else { "" };
        said.push(format!(
            "failed {} of the {first}attempts with {}",
            percent(receiver.fail),
            receiver.fail_status
        ));
    }
    (!said.is_empty()).then(|| said.join(" and "))
}

/// A quantile of the healthy receivers, or of all where they are not measured apart.
fn others(told: &Told<'_>, quantile: &str) -> String {
    let apart = match receiver(told.planned) {
        Some(receiver) if receiver.splits() => "healthy_",
        _ => "",
    };
    told.time(&format!("freshness_{apart}ns_{quantile}"))
}

fn affected(told: &Told<'_>) -> u64 {
    receiver(told.planned)
        .filter(|receiver| disruption(receiver).is_some())
        .map_or(0, |receiver| told.links(|index| receiver.affects(index)))
}

fn row(told: &Told<'_>) -> Vec<String> {
    let ledger = &told.measured.ledger;
    let troubled =
        if affected(told) > 0 { told.time("freshness_affected_ns_p99") } else { "-".to_owned() };
    vec![
        told.name.clone(),
        affected(told).to_string(),
        ledger.lost.to_string(),
        told.cell("dead_letters"),
        told.cell("attempts"),
        told.cell("refused_attempts"),
        told.cell("duplicate_attempts"),
        ledger.reordered.to_string(),
        others(told, "p50"),
        others(told, "p99"),
        troubled,
        told.time("catch_up_ns_max"),
    ]
}

/// The same case with healthy receivers.
fn without<'a>(told: &Told<'_>, cases: &'a [&Told<'_>]) -> Option<&'a Told<'a>> {
    let plain = |case: &Case| {
        let mut plain = Case { id: String::new(), ..case.clone() };
        if let Pattern::Webhook(options) = &mut plain.pattern {
            options.receiver = ReceiverOptions::default();
        }
        plain
    };
    let mine = plain(told.planned);
    let well = |case: &Case| receiver(case).is_some_and(|receiver| disruption(receiver).is_none());
    cases.iter().find(|other| well(other.planned) && plain(other.planned) == mine).copied()
}

fn sentence(told: &Told<'_>, cases: &[&Told<'_>]) -> Option<String> {
    let receiver = receiver(told.planned)?;
    let disruption = disruption(receiver)?;
    let ledger = &told.measured.ledger;
    let caught_up = match told.time("catch_up_ns_max").as_str() {
        "-" if receiver.down_for.ns() > 0 && told.measured.trials.usable() > 0 => {
            "; they never caught up completely".to_owned()
        }
        "-" => String::new(),
        after => format!("; they caught up in {after}"),
    };
    let apart = if receiver.splits() {
        let alone = without(told, cases).map_or_else(String::new, |alone| {
            format!(" ({} without failing receivers)", known(others(alone, "p99")))
        });
        format!(". Freshness of the others: p99 {}{alone}", known(others(told, "p99")))
    } else {
        String::new()
    };
    Some(format!(
        "{}: {} of {} receivers {disruption}; lost {}, dead letters {}, duplicate attempts {}, reordered {}{caught_up}{apart}.",
        told.name,
        affected(told),
        told.planned.workload.clients,
        ledger.lost,
        told.count("dead_letters"),
        told.count("duplicate_attempts"),
        ledger.reordered,
    ))
}
