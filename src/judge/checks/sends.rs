//! Checks of what clients published, in cases in which they publish.

use super::limits::SENT_TOLERANCE;
use super::{Finding, invalid};
use crate::judge::Reason;
use crate::measure::Counter;
use crate::record::TrialFacts;
use crate::scenario::Publish;

/// Whether the clients of a case publish its events.
pub(super) fn clients_publish(facts: &TrialFacts) -> bool {
    facts.case.pattern.kind().delivers() && facts.case.workload.publish == Publish::Clients
}

/// Sends due × subscribers = expected, and acknowledged ≤ published: refused events are a result, and lost.
pub(super) fn sends_balance(facts: &TrialFacts) -> Option<Finding> {
    if !clients_publish(facts) {
        return None;
    }
    let (workload, expected) = (&facts.case.workload, facts.workers.ledger.expected);
    let counters = &facts.workers.counters;
    let due = counters.get(Counter::SendsDue);
    let acknowledged = counters.get(Counter::SendsAcknowledged);
    let published = facts.target.counters.get(Counter::Published);
    let least = due * (workload.clients / workload.topics);
    let most = due * workload.clients.div_ceil(workload.topics);
    if !(least..=most).contains(&expected) {
        return Some(invalid(Reason::SendsUnbalanced {
            due,
            clients: workload.clients,
            topics: workload.topics,
            expected,
            least,
            most,
        }));
    }
    // A POST waits for the one before it, which the target causes; an open WebSocket does not wait.
    let (sent, socket) =
        (counters.get(Counter::SendsSent), facts.case.pattern.kind().traits().duplex);
    let missing = due.saturating_sub(sent) as f64;
    if socket && counters.errors() == 0 && missing > SENT_TOLERANCE * due as f64 {
        return Some(invalid(Reason::SendsUnsent { sent, due }));
    }
    (acknowledged > published.min(due))
        .then(|| invalid(Reason::SendsMiscounted { acknowledged, due, published }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::PatternKind;

    #[test]
    fn clients_sends_balance_or_the_trial_is_invalid() {
        for (due, acknowledged, extra, expected, why) in [
            (0, 0, 0, Verdict::Valid, "all of it"),
            (0, 1, 0, Verdict::Valid, "one was not taken: a result"),
            (1, 0, 0, Verdict::Invalid, "one more than is expected"),
            (0, 0, 1, Verdict::Invalid, "acknowledged and not published"),
        ] {
            let mut facts = facts(&case(PatternKind::Sse, 60, ""), 1);
            facts.case.workload.publish = Publish::Clients;
            let published = facts.target.counters.get(Counter::Published);
            let counters = &mut facts.workers.counters;
            counters.add(Counter::SendsDue, published + due);
            counters.add(Counter::SendsAcknowledged, published - acknowledged + extra);
            let found = sends_balance(&facts).map_or(Verdict::Valid, |(verdict, _)| verdict);
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn a_socket_that_does_not_send_everything_due_makes_the_trial_invalid() {
        for (kind, sent, errors, expected, why) in [
            (PatternKind::WebSocket, 20, 0, Verdict::Valid, "all of it"),
            (
                PatternKind::WebSocket,
                19,
                0,
                Verdict::Invalid,
                "one was never sent, and nothing was wrong",
            ),
            (PatternKind::WebSocket, 19, 1, Verdict::Valid, "its link was down"),
            (PatternKind::Sse, 19, 0, Verdict::Valid, "it waited behind a POST"),
        ] {
            let mut facts = facts(&case(kind, 60, ""), 1);
            facts.case.workload.publish = Publish::Clients;
            assert_eq!(facts.target.counters.get(Counter::Published), 20);
            let counters = &mut facts.workers.counters;
            counters.add(Counter::SendsDue, 20);
            counters.add(Counter::SendsSent, sent);
            counters.add(Counter::ErrorClosed, errors);
            let found = sends_balance(&facts).map_or(Verdict::Valid, |(verdict, _)| verdict);
            assert_eq!(found, expected, "{why}");
        }
    }
}
