//! Figures as the texts of reasons print them.

use super::OfWorker;
use crate::scenario::Profile;
use crate::unit::significant;

/// The remedy where tidings contradicts itself.
pub(super) const BUG: &str = "This is a bug of tidings: please report it with the results folder";

pub(super) fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// `"limit 5 ms on a shared host"`.
pub(super) fn limit(limit: &str, profile: Profile) -> String {
    format!("limit {limit} on a {} host", profile.name())
}

/// `"7.7 ms (worker 1), 6 ms (worker 2)"`, the worst first; of more than two workers the worst alone.
pub(super) fn by_worker(workers: &[OfWorker], print: fn(f64) -> String) -> String {
    let mut worst: Vec<&OfWorker> = workers.iter().collect();
    worst.sort_by(|a, b| b.figure.total_cmp(&a.figure));
    let named = |of: &OfWorker, note: &str| format!("{} ({}{note})", print(of.figure), of.worker);
    match worst[..] {
        [] => "unknown".to_owned(),
        [one] => named(one, ""),
        [one, two] => format!("{}, {}", named(one, ""), named(two, "")),
        [one, ..] => named(one, &format!(", worst of {}", workers.len())),
    }
}
