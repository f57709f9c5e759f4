//! Figures as the texts of reasons print them.

use super::OfWorker;
use crate::scenario::Profile;
use crate::unit::{significant, thousands};

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

/// `text` with the thousands of its whole numbers set apart: `sent 303,582 of 600,000 requests`.
pub(super) fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        out.push_str(before);
        let fraction = before.ends_with('.');
        match digits.parse() {
            Ok(whole) if !fraction && !digits.starts_with('0') => out.push_str(&thousands(whole)),
            _ => out.push_str(digits),
        }
        rest = after;
    }
    out + rest
}
