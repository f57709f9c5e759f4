//! Checks of what the harness published, in cases in which its clients or its publisher publish.

use super::limits::SENT_TOLERANCE;
use super::{Finding, invalid};
use crate::judge::Reason;
use crate::measure::Counter;
use crate::record::TrialFacts;
use crate::scenario::Publish;

/// Whether the harness publishes the events of a case.
pub(super) fn harness_publishes(facts: &TrialFacts) -> bool {
    facts.case.pattern.kind().delivers() && facts.case.workload.publish.is_of_harness()
}

/// Sends due × subscribers = expected, and acknowledged ≤ published: refused events are a result, and lost.
pub(super) fn sends_balance(facts: &TrialFacts) -> Option<Finding> {
    if !harness_publishes(facts) {
        return None;
    }
    if facts.case.workload.publish == Publish::Publisher {
        return publisher_balance(facts);
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

/// Sent + refused = due, and (due − refused − unknown) × subscribers = expected: what the target did not take, nobody expects.
fn publisher_balance(facts: &TrialFacts) -> Option<Finding> {
    let (workload, expected) = (&facts.case.workload, facts.workers.ledger.expected);
    let counted = |counter| facts.workers.counters.get(counter);
    let (due, sent) = (counted(Counter::SendsDue), counted(Counter::SendsSent));
    let refused = counted(Counter::PublishesRefused);
    let missing = due.saturating_sub(sent + refused);
    if missing as f64 > SENT_TOLERANCE * due as f64 {
        return Some(invalid(Reason::SendsUnsent { sent, due }));
    }
    // Who leaves a server that keeps nothing expects nothing meanwhile.
    let stays = workload.churn.per_s() <= 0.0;
    let taken = due.saturating_sub(refused + counted(Counter::PublishesUnknown));
    let least = taken * (workload.clients / workload.topics);
    let most = taken * workload.clients.div_ceil(workload.topics);
    let clients = workload.clients;
    (stays && !(least..=most).contains(&expected)).then(|| {
        let topics = workload.topics;
        invalid(Reason::SendsUnbalanced { due: taken, clients, topics, expected, least, most })
    })
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
