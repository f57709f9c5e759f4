//! What a report says of webhooks: which outbox they had, what came twice, how long catching up took.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::View;
use crate::scenario::Outbox;
use crate::unit::nanoseconds;

/// A sentence or two; empty where no trial is of webhooks.
pub(super) fn sentence(view: &View) -> String {
    let trials = || view.run.trials.iter();
    let outboxes: BTreeSet<Outbox> = trials().filter_map(|trial| trial.given.outbox).collect();
    if outboxes.is_empty() {
        return String::new();
    }
    let mut said = match outboxes.into_iter().collect::<Vec<_>>().as_slice() {
        [Outbox::Memory] => {
            "Webhooks had the outbox in memory: what was not delivered when the target ends is lost with it."
                .to_owned()
        }
        [Outbox::Durable] => {
            "Webhooks had the durable outbox: every event was synced to disk before it was visible.".to_owned()
        }
        _ => "Webhooks had two outboxes, which promise different things: cases with `outbox=durable` in their name \
              synced every event to disk before it was visible, the others kept it in memory."
            .to_owned(),
    };
    let sum = |column| -> u64 { trials().filter_map(|trial| trial.figures.count(column)).sum() };
    let (twice, refused) = (sum("duplicate_attempts"), sum("refused_attempts"));
    let _ = write!(
        said,
        " Delivery is at least once: {twice} attempts brought what their receiver had, and were not booked again"
    );
    if refused > 0 {
        let _ = write!(said, "; {refused} were failed by receivers that were told to");
    }
    said.push('.');
    let catch_up = trials().filter_map(|trial| trial.figures.number("catch_up_ns_max"));
    if let Some(longest) = catch_up.reduce(f64::max) {
        let longest = nanoseconds(longest);
        let _ = write!(
            said,
            " After an outage everything due before its end had arrived within {longest}."
        );
    }
    said
}
