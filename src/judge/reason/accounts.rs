//! Texts of accounts that do not balance: the window, the ledger, published events, recorded samples.

use super::Reason;
use super::figures::BUG;
use crate::unit::{counted, nanoseconds, significant};

pub(super) fn text(reason: &Reason) -> String {
    match reason {
        Reason::WindowNotReached => {
            "the measure window never began. Lengthen the connect phase".to_owned()
        }
        Reason::NothingDue => {
            "nothing was due in the measure window. Raise the rate, or lengthen the measure phase"
                .to_owned()
        }
        Reason::LedgerUnbalanced { expected, delivered, lost } => format!(
            "the ledger does not balance: {expected} expected, {delivered} delivered, {lost} lost. {BUG}"
        ),
        Reason::PublishedOffSchedule { published, deliveries, expected, .. } => format!(
            "the target fell behind or ended early: {published} events make {deliveries} deliveries, {expected} expected. \
             Lower the rate, or add target shards"
        ),
        Reason::FreshnessNegative { deliveries } => format!(
            "events arrived before they were due ({deliveries} deliveries): the clocks of target and workers differ. \
             Run both on one host, in one time namespace"
        ),
        Reason::SamplesSaturated { samples } => format!(
            "{} exceeded 60 s, the largest value recorded, and count as 60 s. Lower the load",
            counted(*samples, "sample")
        ),
        Reason::SendsUnbalanced { due, expected, least, most, .. } => format!(
            "clients had {due} events to publish, which make {least} to {most} deliveries, {expected} expected. {BUG}"
        ),
        Reason::SendsUnsent { sent, due } => format!(
            "clients sent {sent} of {due} events; at most 0.1 % may be missing. Lower the rate, or add worker shards"
        ),
        Reason::SendsMiscounted { acknowledged, due, published } => format!(
            "the target acknowledged {acknowledged} events, but published {published} and {due} were due. {BUG}"
        ),
        Reason::UpkeepSeldom { what, period_ns, expected, enough_ns } => format!(
            "{what} come every {} per client, so only about {} fall into the window: CPU and bytes depend on chance. Lengthen measure \
             to {}, or add clients",
            nanoseconds(*period_ns),
            significant(*expected),
            nanoseconds(*enough_ns)
        ),
        other => other.code().to_string(),
    }
}
