//! Texts of a window that was not steady.

use super::Reason;
use super::figures::percent;
use crate::unit::{nanoseconds, significant};

pub(super) fn text(reason: &Reason) -> String {
    match reason {
        Reason::WarmingUp { metric, warm_ns, warmup_ns } => {
            let (how_much, remedy) = match warmup_ns {
                Some(ns) => ("", format!("Lengthen warmup to {}", nanoseconds(*ns))),
                None => (
                    ", over half of it",
                    "Lower the load, or lengthen warmup and measure".to_owned(),
                ),
            };
            format!(
                "the first {} of the window{how_much} belong to the warm-up (MSER-5 on {}). {remedy}",
                nanoseconds(*warm_ns),
                metric.name()
            )
        }
        Reason::Drifting { metric, change, p } => {
            let (verb, remedy) = if *change > 0.0 {
                ("rose", "The target may be falling behind: lower the load, or read the timeline")
            } else {
                ("fell", "It may still be warming up: lengthen warmup")
            };
            format!(
                "{} {verb} by {} over the window, limit 10 % (Mann-Kendall, p {}). {remedy}",
                metric.name(),
                percent(change.abs()),
                significant(*p)
            )
        }
        other => other.code().to_string(),
    }
}
