//! Webhooks: their outbox, duplicate attempts, and the time to catch up.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::View;
use crate::scenario::Outbox;
use crate::unit::{counted, nanoseconds};

/// A sentence or two; empty where no trial is of webhooks.
pub(super) fn sentence(view: &View) -> String {
    let trials = || view.run.trials.iter();
    let outboxes: BTreeSet<Outbox> = trials().filter_map(|trial| trial.given.outbox).collect();
    if outboxes.is_empty() {
        return String::new();
    }
    let mut said = match outboxes.into_iter().collect::<Vec<_>>().as_slice() {
        [Outbox::Memory] => {
            "Webhook outbox: in memory. Undelivered events are lost when the target ends."
                .to_owned()
        }
        [Outbox::Durable] => {
            "Webhook outbox: durable. Every event was synced to disk before it became visible.".to_owned()
        }
        _ => "Webhook outboxes: two, with different guarantees. Cases with `outbox=durable` in their name synced every \
              event to disk before it became visible; the others kept it in memory."
            .to_owned(),
    };
    let sum = |column| -> u64 { trials().filter_map(|trial| trial.figures.count(column)).sum() };
    let (twice, refused) = (sum("duplicate_attempts"), sum("refused_attempts"));
    let _ = write!(
        said,
        " Delivery is at least once: {}, not counted again",
        counted(twice, "duplicate attempt")
    );
    if refused > 0 {
        let _ = write!(said, "; receivers refused {refused}, as the scenario asks");
    }
    said.push('.');
    let catch_up = trials().filter_map(|trial| trial.figures.number("catch_up_ns_max"));
    if let Some(longest) = catch_up.reduce(f64::max) {
        let longest = nanoseconds(longest);
        let _ = write!(said, " After an outage, receivers caught up within {longest}.");
    }
    said
}
