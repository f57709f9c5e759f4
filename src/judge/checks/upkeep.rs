//! Whether the window is long enough for what links do at intervals.

use super::{Finding, degraded};
use crate::judge::Reason;
use crate::record::TrialFacts;
use crate::scenario::Upkeep;

/// What happens less often than the window is long, and to few clients, is in its costs or is not, by chance.
pub(super) fn upkeep_met_its_share(facts: &TrialFacts) -> Option<Finding> {
    let upkeep = Upkeep::of(&facts.case)?;
    let (clients, window) = (facts.case.workload.clients, facts.phases.measure);
    let deliveries = facts.workers.ledger.expected as f64;
    upkeep.is_chance(clients, window, deliveries).then(|| {
        degraded(Reason::UpkeepSeldom {
            what: upkeep.name,
            period_ns: upkeep.period.ns() as f64,
            expected: upkeep.expected(clients, window),
            enough_ns: upkeep.enough(clients).ns() as f64,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::verdict;
    use crate::record::Verdict;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::{Pattern, PatternKind, WebSocketOptions};
    use crate::unit::Span;

    #[test]
    fn a_window_that_meets_too_few_pings_says_so() {
        let with = |clients, seconds| {
            let mut case = case(PatternKind::WebSocket, clients, "");
            let ping = Span::from_secs(seconds);
            case.pattern =
                Pattern::WebSocket(WebSocketOptions { ping, ..WebSocketOptions::default() });
            facts(&case, 1)
        };
        // Two events per second and client: pings are few beside them.
        assert_eq!(verdict(&with(20, 25)).0, Verdict::Valid);
        let mut quiet = with(20, 25);
        quiet.workers.ledger.expected = 4;
        quiet.workers.ledger.delivered = 4;
        let (_, reason) = upkeep_met_its_share(&quiet).unwrap();
        assert_eq!(reason.code().name, "upkeep_seldom");
        assert_eq!(
            reason.to_string(),
            "pings come every 25 s per client, so only about 8 fall into the window: CPU and bytes depend on chance. Lengthen \
             measure to 13 s, or add clients"
        );
        assert!(upkeep_met_its_share(&with(60, 25)).is_none());
    }
}
