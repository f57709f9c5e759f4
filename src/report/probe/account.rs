//! What was offered and what came of it, in numbers: requests, messages, events, bytes, connections.

use std::fmt::Write as _;

use super::{Page, Probe, grouped, rate};
use crate::measure::Counter;
use crate::scenario::{PatternKind, Publish};
use crate::unit::{bytes, cores, counted};

/// Writes what was sent and received.
pub(super) fn write(probe: &Probe, page: &mut Page) {
    let kind = probe.record.identity.pattern;
    if kind.traits().asks {
        requests(probe, page);
    }
    if kind.delivers() {
        events(probe, page);
    }
}

fn requests(probe: &Probe, page: &mut Page) {
    let of = |counter| probe.count(counter);
    let (sent, answered) = (of(Counter::Sent), of(Counter::Answered));
    let what = if probe.record.identity.pattern.traits().polls { "polls" } else { "requests" };
    let mut text = format!("{} sent, {} answered", grouped(sent), grouped(answered));
    for (counter, word) in [(Counter::Failed, "failed"), (Counter::Unfinished, "unfinished")] {
        if counter == Counter::Failed || of(counter) > 0 {
            let _ = write!(text, ", {} {word}", grouped(of(counter)));
        }
    }
    page.field(what, &text);
    let achieved = probe.per_s(answered).map(rate);
    let offered = (!probe.closed && probe.record.identity.pattern.traits().scheduled)
        .then_some(probe.record.measure_s)
        .filter(|seconds| *seconds > 0.0)
        .map(|seconds| rate(of(Counter::Scheduled) as f64 / seconds));
    let text = match (offered, achieved) {
        (Some(offered), Some(achieved)) => format!("{offered} offered, {achieved} answered"),
        (Some(offered), None) => format!("{offered} offered, nothing measured"),
        (None, Some(achieved)) if probe.closed => {
            format!("{achieved} answered, each client sending after its answer")
        }
        (None, Some(achieved)) => format!("{achieved} answered"),
        (None, None) => "nothing measured".to_owned(),
    };
    page.field("rate", &text);
    let refused = of(Counter::ErrorRefused);
    if refused > 0 && probe.record.identity.pattern == PatternKind::Request {
        let refused = counted(refused, "request");
        let text = if probe.retries_after {
            format!(
                "{refused} refused with 429 or 503; clients waited as asked (--retry-after), which lowers the rate"
            )
        } else {
            format!("{refused} refused with 429 or 503; clients did not back off")
        };
        page.field("back-off", &text);
    }
    if !probe.record.statuses.is_empty() {
        let count = |status: &String| match status.split_once(": ") {
            Some((status, n)) => format!("{status}: {}", n.parse().map_or(n.to_owned(), grouped)),
            None => status.clone(),
        };
        let all: Vec<String> = probe.record.statuses.iter().map(count).collect();
        page.field("statuses", &all.join(", "));
    }
}

fn events(probe: &Probe, page: &mut Page) {
    if probe.record.given.publish == Some(Publish::Nobody) {
        return messages(probe, page);
    }
    let Some(ledger) = probe.record.ledger.filter(|ledger| ledger.expected > 0) else {
        let received = probe.count(Counter::WindowReceived);
        if received > 0 {
            page.field("events", &format!("{} received", grouped(received)));
        }
        return;
    };
    let mut text = format!(
        "{} of {} expected deliveries arrived, {} lost, {} duplicate",
        grouped(ledger.delivered),
        grouped(ledger.expected),
        grouped(ledger.lost),
        grouped(ledger.duplicate)
    );
    if ledger.reordered > 0 {
        let _ = write!(text, ", {} out of order", grouped(ledger.reordered));
    }
    page.field("events", &text);
    if let Some(reach) = probe.record.reach {
        let per_s = probe.per_s(ledger.delivered).map(rate).unwrap_or_default();
        page.field("reach", &format!("{}, {per_s}", share(reach)));
    }
    let (due, sent) = (probe.count(Counter::SendsDue), probe.count(Counter::SendsSent));
    if due > 0 {
        let acknowledged = probe.count(Counter::SendsAcknowledged);
        page.field(
            "published",
            &format!(
                "{} due, {} sent, {} acknowledged",
                grouped(due),
                grouped(sent),
                grouped(acknowledged)
            ),
        );
    }
}

/// What clients heard that only listened.
fn messages(probe: &Probe, page: &mut Page) {
    let (all, size) = (probe.count(Counter::Messages), probe.count(Counter::MessageBytes));
    let mut text = format!("{} received", grouped(all));
    if let Some(per_s) = probe.per_s(all) {
        let _ = write!(text, ", {}", rate(per_s));
    }
    if all > 0 {
        let _ = write!(text, ", {} each on average", bytes(size as f64 / all as f64));
    }
    page.field("messages", &text);
    let of = |counter| probe.count(counter);
    let (missing, ahead) = (of(Counter::StampsMissing), of(Counter::StampsAhead));
    if missing + ahead > 0 {
        let text = format!(
            "{} messages without a stamp that is a number, {} with one ahead of this host's clock",
            grouped(missing),
            grouped(ahead)
        );
        page.field("stamps", &text);
    }
}

/// Never 1 where something is missing.
fn share(share: f64) -> String {
    if share < 1.0 {
        format!("{:.3} %", (share * 100_000.0).floor() / 1_000.0)
    } else {
        "100 %".to_owned()
    }
}

/// Writes bytes and connections.
pub(super) fn write_rest(probe: &Probe, page: &mut Page) {
    let both = probe.count(Counter::WindowWireBytes);
    if both > 0 {
        let received = probe.count(Counter::WindowWireSent);
        let per_s =
            |n: u64| probe.per_s(n).map_or_else(String::new, |n| format!(" ({}/s)", bytes(n)));
        let sent = both.saturating_sub(received);
        page.field(
            "bytes",
            &format!(
                "{} received{}, {} sent{}, headers of IP and TCP included",
                bytes(received as f64),
                per_s(received),
                bytes(sent as f64),
                per_s(sent)
            ),
        );
    }
    let of = |counter| probe.count(counter);
    let dials = of(Counter::Dials).max(of(Counter::Connections));
    let plural = if dials == 1 { "" } else { "s" };
    let mut text = format!(
        "{} opened in {} attempt{plural}",
        grouped(of(Counter::Connections)),
        grouped(dials)
    );
    if of(Counter::Reconnects) > 0 {
        let _ = write!(text, ", {} of them again", grouped(of(Counter::Reconnects)));
    }
    if of(Counter::TlsHandshakes) > 0 {
        let (all, resumed) = (of(Counter::TlsHandshakes), of(Counter::TlsResumed));
        let _ = write!(text, ", {} TLS handshakes ({} resumed)", grouped(all), grouped(resumed));
    }
    page.field("connections", &text);
    if let Some((workers, server)) = probe.cores {
        let server = server.map_or_else(|| "unknown".to_owned(), cores);
        page.field("CPU", &format!("workers {}, server {server}", cores(workers)));
    }
}
