//! Checks of the transport: connections, handshakes and resumed sessions, counted at the sockets.

use super::{Finding, degraded, invalid};
use crate::judge::Reason;
use crate::measure::Counter;
use crate::record::TrialFacts;
use crate::scenario::{Connection, Http, Pattern};

/// Least share of the possible handshakes that must resume: a ticket may still be in flight when its link dials again.
const RESUMED_AT_LEAST: f64 = 0.98;

fn connects(facts: &TrialFacts, connection: Connection) -> bool {
    matches!(&facts.case.pattern, Pattern::Request(options) if options.connection == connection)
}

fn is_per_request(facts: &TrialFacts) -> bool {
    connects(facts, Connection::PerRequest)
}

/// Checks the number of connections against the mode.
///
/// Webhooks are exempt: the target dials, and may close idle connections.
pub(super) fn links_stood(facts: &TrialFacts) -> Option<Finding> {
    if facts.case.pattern.kind().traits().called_back {
        return None;
    }
    if is_per_request(facts) {
        return one_for_each_request(facts);
    }
    let clients = facts.case.workload.clients;
    let opened = of_links(facts);
    let (least, most, links) = match facts.case.transport.http {
        Http::One if facts.case.workload.publish.needs_connection(facts.case.pattern.kind()) => {
            (2 * clients, 2 * clients, format!("{clients} links that also publish"))
        }
        // Where a handshake may be refused, as that of a WebSocket, its link dials again.
        Http::One if connects(facts, Connection::WebSocket) => {
            let refused = facts.workers.counters.get(Counter::RefusedSetUps);
            (clients, clients + refused, format!("{clients} WebSockets"))
        }
        Http::One => (clients, clients, format!("{clients} links")),
        Http::Two => {
            let streams = facts.case.transport.streams;
            let least = clients.div_ceil(u64::from(streams));
            // Shards share no connections, so each may have one that is not full.
            let most = least + u64::from(facts.resources.worker_shards.max(1)) - 1;
            (least, most, format!("{clients} links at {streams} streams per connection"))
        }
    };
    if opened < least {
        return Some(invalid(Reason::ConnectionsMissing { opened, due: least, links }));
    }
    let (workload, conditions) = (&facts.case.workload, &facts.case.conditions);
    let comes_and_goes = workload.churn.per_s() > 0.0
        || conditions.restart.is_some()
        || conditions.consumers.slow_share > 0.0;
    // Steps of a conversation with another server open connections beside the link's own.
    (opened > most && !comes_and_goes && !facts.is_external())
        .then(|| degraded(Reason::ConnectionsReopened { opened, reopened: opened - most, links }))
}

/// Connections of the links themselves, without those that a dialect's steps open for a request and close.
fn of_links(facts: &TrialFacts) -> u64 {
    let counters = &facts.workers.counters;
    counters.get(Counter::Connections).saturating_sub(counters.get(Counter::StepConnections))
}

/// A connection for each link's set-up and each of its requests; those that failed or were refused may have got as far
/// as one.
fn one_for_each_request(facts: &TrialFacts) -> Option<Finding> {
    let counters = &facts.workers.counters;
    let opened = of_links(facts);
    let least = facts.case.workload.clients + counters.get(Counter::Received);
    let refused = counters.get(Counter::RefusedSetUps);
    let most = least + counters.errors() + facts.workers.ledger.lost + refused;
    (!(least..=most).contains(&opened))
        .then(|| invalid(Reason::ConnectionsMiscounted { opened, due: least }))
}

/// A handshake for each connection, and resumed ones as configured.
pub(super) fn shaken_as_configured(facts: &TrialFacts) -> Option<Finding> {
    let (counters, transport) = (&facts.workers.counters, facts.case.transport);
    let opened = counters.get(Counter::Connections);
    let handshakes = counters.get(Counter::TlsHandshakes);
    let resumed = counters.get(Counter::TlsResumed);
    let failed = counters.errors() + facts.workers.ledger.lost;
    let (least, most) =
        if transport.tls { (opened.saturating_sub(failed), opened) } else { (0, 0) };
    if !(least..=most).contains(&handshakes) {
        let (connections, tls) = (opened, transport.tls);
        return Some(invalid(Reason::HandshakesMiscounted { handshakes, connections, tls }));
    }
    if !transport.resume && resumed > 0 {
        return Some(invalid(Reason::SessionsResumed { resumed, handshakes }));
    }
    // A link's first handshake is full: it has no ticket yet.
    let able = handshakes.saturating_sub(facts.case.workload.clients);
    let due = (able as f64 * RESUMED_AT_LEAST).floor() as u64;
    (transport.tls && transport.resume && is_per_request(facts) && resumed < due)
        .then(|| invalid(Reason::SessionsNotResumed { resumed, able }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::PatternKind;

    /// A sound trial of `kind` with these numbers of connections, handshakes and resumed ones.
    fn trial(
        kind: PatternKind,
        counts: [u64; 3],
        change: impl FnOnce(&mut TrialFacts),
    ) -> TrialFacts {
        let mut facts = facts(&case(kind, 60, ""), 1);
        let counters = &mut facts.workers.counters;
        counters.add(
            Counter::Connections,
            counts[0] - counters.get(Counter::Connections).min(counts[0]),
        );
        counters.add(Counter::TlsHandshakes, counts[1]);
        counters.add(Counter::TlsResumed, counts[2]);
        change(&mut facts);
        facts
    }

    fn verdict(found: Option<Finding>) -> Verdict {
        found.map_or(Verdict::Valid, |(verdict, _)| verdict)
    }

    fn per_request(facts: &mut TrialFacts) {
        if let Pattern::Request(options) = &mut facts.case.pattern {
            options.connection = Connection::PerRequest;
        }
    }

    #[test]
    fn a_connection_for_each_request_is_counted() {
        let kind = PatternKind::Request;
        let received = facts(&case(kind, 60, ""), 1).workers.counters.get(Counter::Received);
        for (opened, expected, why) in [
            (60 + received, Verdict::Valid, "one each, and one to set up"),
            (59 + received, Verdict::Invalid, "one was used twice"),
            (61 + received, Verdict::Invalid, "one too many"),
            (60, Verdict::Invalid, "kept alive after all"),
        ] {
            let facts = trial(kind, [opened, 0, 0], per_request);
            assert_eq!(verdict(links_stood(&facts)), expected, "{why}");
        }
        let refused = trial(kind, [61 + received, 0, 0], |facts| {
            per_request(facts);
            facts.workers.counters.add(Counter::RefusedSetUps, 1);
        });
        assert_eq!(links_stood(&refused), None, "a link that was refused dialled again");
    }

    #[test]
    fn connections_of_steps_are_beside_those_of_links() {
        for (opened, steps, expected, why) in [
            (120, 60, Verdict::Valid, "one each, and one for a request of the steps"),
            (120, 59, Verdict::Degraded, "one of the links came back"),
            (120, 61, Verdict::Invalid, "one of the links is missing"),
        ] {
            let facts = trial(PatternKind::Sse, [opened, 0, 0], |facts| {
                facts.case.workload.clients = 60;
                facts.workers.counters.add(Counter::StepConnections, steps);
            });
            assert_eq!(verdict(links_stood(&facts)), expected, "{why}");
        }
    }

    #[test]
    fn calls_over_a_websocket_have_one_each() {
        let websocket = |facts: &mut TrialFacts| {
            if let Pattern::Request(options) = &mut facts.case.pattern {
                options.connection = Connection::WebSocket;
            }
        };
        for (clients, expected, why) in [
            (60, Verdict::Valid, "one each"),
            (61, Verdict::Invalid, "one was shared"),
            (59, Verdict::Degraded, "one came back"),
        ] {
            let facts = trial(PatternKind::Request, [60, 0, 0], |facts| {
                websocket(facts);
                facts.case.workload.clients = clients;
            });
            assert_eq!(verdict(links_stood(&facts)), expected, "{why}");
        }
        let refused = trial(PatternKind::Request, [61, 0, 0], |facts| {
            websocket(facts);
            facts.workers.counters.add(Counter::RefusedSetUps, 1);
        });
        assert_eq!(links_stood(&refused), None, "its handshake was refused once");
    }

    #[test]
    fn links_share_what_http_2_lets_them() {
        let shared = |facts: &mut TrialFacts| {
            facts.case.transport.http = Http::Two;
            facts.case.transport.streams = 1;
            facts.resources.worker_shards = 2;
        };
        for (opened, expected) in
            [(60, Verdict::Valid), (61, Verdict::Valid), (62, Verdict::Degraded)]
        {
            let facts = trial(PatternKind::Sse, [opened, 0, 0], shared);
            assert_eq!(verdict(links_stood(&facts)), expected, "{opened}");
        }
        let facts = trial(PatternKind::Sse, [60, 0, 0], |facts| {
            facts.case.transport.http = Http::Two;
            facts.resources.worker_shards = 1;
        });
        assert_eq!(verdict(links_stood(&facts)), Verdict::Degraded, "100 streams, one connection");
    }

    #[test]
    fn handshakes_are_as_the_case_says() {
        let (sse, request) = (PatternKind::Sse, PatternKind::Request);
        let received = facts(&case(request, 60, ""), 1).workers.counters.get(Counter::Received);
        let all = 60 + received;
        for (kind, tls, resume, counts, expected, why) in [
            (sse, false, true, [60, 0, 0], Verdict::Valid, "plain"),
            (sse, false, true, [60, 1, 0], Verdict::Invalid, "TLS where none was asked for"),
            (sse, true, true, [60, 60, 0], Verdict::Valid, "one each"),
            (sse, true, true, [60, 59, 0], Verdict::Invalid, "one went plain"),
            (sse, true, false, [60, 60, 1], Verdict::Invalid, "resumed against the case"),
            (request, true, true, [all, all, received], Verdict::Valid, "all but the first resume"),
            (request, true, true, [all, all, received / 2], Verdict::Invalid, "half do"),
            (request, true, false, [all, all, 0], Verdict::Valid, "none does"),
        ] {
            let facts = trial(kind, counts, |facts| {
                facts.case.transport.tls = tls;
                facts.case.transport.resume = resume;
                per_request(facts);
            });
            assert_eq!(verdict(shaken_as_configured(&facts)), expected, "{why}");
        }
    }
}
