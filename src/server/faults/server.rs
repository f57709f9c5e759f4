//! The virtual server that requests pass through: pure arithmetic on stamps.

use crate::scenario::{Faults, Servers, ServiceTimes, shard_service_times};

/// A first-come-first-served server, or one per request.
///
/// The server is virtual: a request with service time S that arrives at a, after one that completes at c, begins at b =
/// max(a, c) and completes at b + S. The wait therefore obeys Lindley's recursion exactly, W' = max(0, W + S − A) with A
/// the time between two arrivals: a late write does not delay later answers.
#[derive(Debug)]
pub(super) struct Server {
    times: ServiceTimes,
    servers: Servers,
    /// When the previous request completes.
    free_ns: u64,
}

/// A request's passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passage {
    /// The arrival, in monotonic nanoseconds.
    pub arrived: u64,
    /// When service begins.
    pub begins: u64,
    /// When service completes.
    pub complete: u64,
}

impl Server {
    /// The server of shard number `shard`, idle; `None` where requests are served as fast as can be.
    pub(super) fn new(seed: u64, shard: u64, faults: &Faults) -> Option<Self> {
        let servers = faults.service?.servers;
        Some(Self { times: shard_service_times(seed, shard, faults), servers, free_ns: 0 })
    }

    /// Admits a request. Requests must be admitted in order of arrival.
    pub(super) fn admit(&mut self, arrived_ns: u64) -> Passage {
        let begins = match self.servers {
            Servers::One => arrived_ns.max(self.free_ns),
            Servers::Unlimited => arrived_ns,
        };
        // With a service time, the sequence of times is infinite.
        let complete = begins + self.times.next().unwrap_or_default();
        self.free_ns = complete;
        Passage { arrived: arrived_ns, begins, complete }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::{Distribution, Service, service_times};
    use crate::unit::Span;

    fn any_distribution() -> impl Strategy<Value = Distribution> {
        let slow = Span::from_ms(100);
        prop_oneof![
            Just(Distribution::Fixed),
            Just(Distribution::Exponential),
            (1..20u32).prop_map(move |n| Distribution::Bimodal { slow, share: 0.5 / f64::from(n) }),
        ]
    }

    fn faults(distribution: Distribution, servers: Servers) -> Faults {
        let service = Service { time: Span::from_ms(1), distribution, servers };
        Faults { service: Some(service), ..Faults::default() }
    }

    proptest! {
        #[test]
        fn the_wait_obeys_lindleys_recursion(
            gaps in proptest::collection::vec(0..5_000_000u64, 1..200),
            distribution in any_distribution(),
            seed: u64,
        ) {
            let faults = faults(distribution, Servers::One);
            let mut server = Server::new(seed, 0, &faults).unwrap();
            let mut now_ns = 1_000_000_000;
            let (mut wait, mut service) = (0u64, 0);
            for (gap, expected) in gaps.iter().zip(service_times(seed, &faults)) {
                now_ns += gap;
                wait = (wait + service).saturating_sub(*gap);
                service = expected;
                let Passage { arrived, begins, complete } = server.admit(now_ns);
                prop_assert_eq!(arrived, now_ns);
                prop_assert_eq!(begins - arrived, wait);
                prop_assert_eq!(complete - begins, service);
            }
        }

        #[test]
        fn with_unlimited_servers_no_request_waits(
            gaps in proptest::collection::vec(0..5_000u64, 1..200),
            distribution in any_distribution(),
            seed: u64,
        ) {
            let faults = faults(distribution, Servers::Unlimited);
            let mut server = Server::new(seed, 0, &faults).unwrap();
            let mut now_ns = 0;
            for (gap, service) in gaps.iter().zip(service_times(seed, &faults)) {
                now_ns += gap;
                let passage = server.admit(now_ns);
                prop_assert_eq!(passage.begins, now_ns);
                prop_assert_eq!(passage.complete, now_ns + service);
            }
        }
    }

    #[test]
    fn without_a_service_time_there_is_no_server() {
        assert!(Server::new(1, 0, &Faults::default()).is_none());
    }
}
