//! The random part of the faults, as pure functions of a seed: the target commits them, and whoever checks what
//! was measured replays them.

use super::{Distribution, Faults, Service};
use crate::pace::Rng;

/// Stream of the seed that the service times of the first shard are drawn from; each further shard has the next.
///
/// Streams below 2^32 belong to links, those above to topics: faults have the top ones.
pub const SERVICE_STREAM: u64 = 0xfa17_0000_0000_0000;
/// Stream of the seed that the dropped deliveries of the first subscriber are drawn from; each further subscriber
/// has the next.
pub const DROP_STREAM: u64 = 0xfa18_0000_0000_0000;

/// What the requests take that arrive at the first shard, in the order of their arrival, in nanoseconds: without
/// end, and nothing at all where there is no [`Faults::service`].
pub fn service_times(seed: u64, faults: &Faults) -> ServiceTimes {
    shard_service_times(seed, 0, faults)
}

/// The same of any shard.
pub fn shard_service_times(seed: u64, shard: u64, faults: &Faults) -> ServiceTimes {
    let rng = Rng::new(seed, SERVICE_STREAM.wrapping_add(shard));
    ServiceTimes { service: faults.service, drawn: 0, rng }
}

/// See [`service_times`].
#[derive(Debug, Clone)]
pub struct ServiceTimes {
    service: Option<Service>,
    drawn: u64,
    rng: Rng,
}

impl Iterator for ServiceTimes {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let Service { time, distribution, .. } = self.service?;
        self.drawn += 1;
        Some(match distribution {
            Distribution::Fixed => time.ns(),
            Distribution::Exponential => (self.rng.exponential() * time.ns() as f64).round() as u64,
            Distribution::Bimodal { slow, .. } => {
                let is_slow =
                    distribution.slow_every().is_some_and(|n| self.drawn.is_multiple_of(n));
                if is_slow { slow.ns() } else { time.ns() }
            }
        })
    }
}

/// Which events of a topic one subscriber is never sent: a share of them, independent of other subscribers and of
/// other topics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropFilter {
    key: u64,
    share: f64,
}

impl DropFilter {
    /// The drop filter of a subscriber in a topic; `None` where nothing is dropped.
    ///
    /// `subscriber` is the number of its connection, from 0 in the order in which the target accepted them, or its
    /// webhook's id; `topic` is the topic's number.
    pub fn new(seed: u64, subscriber: u64, topic: u64, faults: &Faults) -> Option<Self> {
        let of_subscriber = Rng::new(seed, DROP_STREAM.wrapping_add(subscriber)).next_u64();
        let key = Rng::new(of_subscriber, topic).next_u64();
        (faults.drop > 0.0).then_some(Self { key, share: faults.drop })
    }

    /// Whether the event of that sequence is dropped.
    pub fn drops(&self, seq: u64) -> bool {
        Rng::new(self.key, seq).unit() < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Servers;
    use crate::unit::Span;

    fn faults(distribution: Distribution) -> Faults {
        let service = Service { time: Span::from_ms(1), distribution, servers: Servers::One };
        Faults { service: Some(service), ..Faults::default() }
    }

    #[test]
    fn service_times_are_those_of_their_seed_shard_and_distribution() {
        let exponential = faults(Distribution::Exponential);
        let times = |seed, shard| -> Vec<u64> {
            shard_service_times(seed, shard, &exponential).take(50_000).collect()
        };
        assert_eq!(times(1, 0), times(1, 0));
        assert_eq!(times(1, 0), service_times(1, &exponential).take(50_000).collect::<Vec<_>>());
        assert_ne!(times(1, 0)[..9], times(2, 0)[..9]);
        assert_ne!(times(1, 0)[..9], times(1, 1)[..9]);
        let mean = times(1, 0).iter().sum::<u64>() as f64 / 50_000.0;
        // Five standard errors of the mean of 50,000 exponentials are 2.24 %.
        assert!((mean - 1e6).abs() < 22_400.0, "{mean}");
        assert!(service_times(1, &faults(Distribution::Fixed)).take(100).all(|ns| ns == 1_000_000));
        assert_eq!(service_times(1, &Faults::default()).next(), None);
    }

    #[test]
    fn the_share_of_slow_requests_is_exact() {
        let slow = Span::from_ms(100);
        let bimodal = faults(Distribution::Bimodal { slow, share: 0.01 });
        let times: Vec<u64> = service_times(7, &bimodal).take(1_000).collect();
        assert_eq!(times.iter().filter(|ns| **ns == slow.ns()).count(), 10);
        assert_eq!(times.iter().filter(|ns| **ns == 1_000_000).count(), 990);
        assert_eq!(
            times.iter().position(|ns| *ns == slow.ns()),
            Some(99),
            "the 100th is the first"
        );
    }

    #[test]
    fn drops_are_of_the_share_and_independent_between_subscribers_and_topics() {
        let faults = Faults { drop: 0.1, ..Faults::default() };
        let drop_filter =
            |subscriber, topic| DropFilter::new(1, subscriber, topic, &faults).unwrap();
        let dropped =
            |drop_filter: DropFilter| (1..=20_000).filter(|seq| drop_filter.drops(*seq)).count();
        for (subscriber, topic) in [(0, 0), (0, 1), (1, 0), (999, 7)] {
            // 2,000 expected; five standard deviations are 212.
            let n = dropped(drop_filter(subscriber, topic));
            assert!(n.abs_diff(2_000) < 212, "{subscriber} {topic}: {n}");
        }
        let both = (1..=20_000)
            .filter(|seq| drop_filter(0, 0).drops(*seq) && drop_filter(1, 0).drops(*seq))
            .count();
        // 200 expected by chance; five standard deviations are 70.
        assert!(both.abs_diff(200) < 70, "{both}");
        assert_eq!(DropFilter::new(1, 0, 0, &Faults::default()), None);
        let all = Faults { drop: 1.0, ..Faults::default() };
        assert_eq!(dropped(DropFilter::new(1, 0, 0, &all).unwrap()), 20_000);
    }
}
