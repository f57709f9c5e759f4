//! An emulated network: when data that enters it leaves at the other end. Pure arithmetic, no clock.

use serde::{Deserialize, Serialize};

use super::Rng;
use crate::unit::{Bandwidth, Span};

/// Most bytes of a stream in one packet: Ethernet's 1,500, less the headers of IPv4 and TCP with time-stamps.
pub const SEGMENT: usize = 1_448;
/// Bytes of headers in every packet.
const HEADERS: u64 = 52;
/// Least delay of a lost packet beyond a round trip: Linux's minimum retransmission time-out.
const RETRANSMISSION_NS: u64 = 200_000_000;
/// The first retransmission time-out of a connection that is not open yet (RFC 6298, section 2.1).
const OPENING_NS: u64 = 1_000_000_000;
/// The largest retransmission time-out.
const LONGEST_NS: u64 = 60_000_000_000;

/// The network between target and clients; each connection has its own path in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Time that every packet takes, one way.
    pub latency: Span,
    /// Most that is added to it at random, evenly. Packets do not overtake each other.
    pub jitter: Span,
    /// Bandwidth in each direction; `None` for unlimited.
    pub bandwidth: Option<Bandwidth>,
    /// Share of the packets that are lost and sent again, 0 to 1.
    pub loss: f64,
}

impl Network {
    /// Whether there is anything to emulate.
    pub fn is_there(&self) -> bool {
        *self != Self::default()
    }

    /// Bytes in flight on a fully used path; `None` if unlimited.
    pub fn under_way(&self) -> Option<u64> {
        let round_trip_ns = 2 * (self.latency.ns() + self.jitter.ns());
        let bits = self.bandwidth?.bits_per_s();
        Some((u128::from(bits) * u128::from(round_trip_ns) / 8_000_000_000) as u64)
    }
}

/// One direction of one connection.
///
/// A packet leaves after the one before it, and takes its bytes (and headers) at the bandwidth, then the latency. A lost
/// packet arrives a retransmission time-out later, which doubles with each further loss; since TCP delivers in order,
/// packets behind it wait. Fast retransmit is not modelled: it takes three further packets in flight, which events rarely
/// have.
#[derive(Debug)]
pub struct PathModel {
    network: Network,
    rng: Rng,
    /// When the next packet may leave.
    free_ns: u64,
    /// When the last packet arrives.
    last_ns: u64,
}

impl PathModel {
    /// A path without traffic so far.
    pub const fn new(network: Network, rng: Rng) -> Self {
        Self { network, rng, free_ns: 0, last_ns: 0 }
    }

    /// Returns when a packet of `bytes` bytes handed over at `now_ns` arrives at the other end.
    pub fn arrival(&mut self, now_ns: u64, bytes: usize) -> u64 {
        let round_trip_ns = 2 * self.network.latency.ns();
        self.carry(now_ns, bytes, round_trip_ns + RETRANSMISSION_NS)
    }

    /// The same for a packet that opens the connection.
    pub fn opening(&mut self, now_ns: u64) -> u64 {
        self.carry(now_ns, 0, OPENING_NS)
    }

    /// Lets nothing leave before `at_ns`.
    pub fn hold_until(&mut self, at_ns: u64) {
        self.free_ns = self.free_ns.max(at_ns);
    }

    fn carry(&mut self, now_ns: u64, bytes: usize, mut timeout_ns: u64) -> u64 {
        let Network { latency, jitter, bandwidth, loss } = self.network;
        let takes_ns = bandwidth.map_or(0, |b| b.takes_ns(bytes as u64 + HEADERS));
        self.free_ns = self.free_ns.max(now_ns).saturating_add(takes_ns);
        let mut at_ns = self.free_ns.saturating_add(latency.ns());
        if jitter.ns() > 0 {
            at_ns = at_ns.saturating_add(self.rng.below(jitter.ns()));
        }
        while loss > 0.0 && self.rng.unit() < loss {
            at_ns = at_ns.saturating_add(timeout_ns);
            timeout_ns = (2 * timeout_ns).min(LONGEST_NS);
        }
        self.last_ns = self.last_ns.max(at_ns);
        self.last_ns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    const MS: u64 = 1_000_000;

    fn way(network: Network) -> PathModel {
        PathModel::new(network, Rng::new(1, 2))
    }

    #[test]
    fn packets_are_instant_without_a_network() {
        let mut way = way(Network::default());
        assert_eq!((way.arrival(5, 1_000), way.arrival(7, 1)), (5, 7));
        assert!(!Network::default().is_there());
    }

    #[test]
    fn latency_is_added_and_bandwidth_is_shared_by_what_follows() {
        // 1,500 bytes with their headers are 12,000 bits: 1 ms at 12 Mbit/s.
        let bandwidth = Some(Bandwidth::from_bits_per_second(12_000_000));
        let mut way = way(Network { latency: Span::from_ms(20), bandwidth, ..Network::default() });
        assert_eq!(way.arrival(0, SEGMENT), 21 * MS);
        assert_eq!(way.arrival(0, SEGMENT), 22 * MS, "it waits for the one before");
        assert_eq!(way.arrival(10 * MS, SEGMENT), 31 * MS, "the way was free again");
        way.hold_until(50 * MS);
        assert_eq!(way.arrival(11 * MS, SEGMENT), 71 * MS);
        assert_eq!(way.network.under_way(), Some(60_000));
    }

    #[test]
    fn a_lost_packet_comes_later_and_holds_up_those_behind() {
        let latency = Span::from_ms(10);
        let mut way = way(Network { latency, loss: 0.1, ..Network::default() });
        let (packets, apart_ns) = (20_000u64, 2_000 * MS);
        let late = |late_ns: u64| (late_ns - 10 * MS) / (220 * MS);
        let mut lost = [0u64; 3];
        for n in 0..packets {
            let sent_ns = n * apart_ns;
            let times = late(way.arrival(sent_ns, 100) - sent_ns);
            // Lost once: 220 ms. Twice: 440 ms more. More often, rarely.
            lost[times.min(2) as usize] += 1;
            if times == 1 {
                assert!(way.arrival(sent_ns + 1, 100) >= sent_ns + 230 * MS, "it overtakes nobody");
            }
        }
        // Once or more is a tenth of them, twice or more a hundredth: four standard deviations.
        assert!(lost[1] + lost[2] > 1_830 && lost[1] + lost[2] < 2_170, "{lost:?}");
        assert!(lost[2] > 143 && lost[2] < 257, "{lost:?}");
    }

    #[test]
    fn a_lost_opening_packet_costs_a_whole_second() {
        let mut way = way(Network { latency: Span::from_ms(1), loss: 0.5, ..Network::default() });
        let mut told = Vec::new();
        for n in 0..100 {
            let sent_ns = n * 1_000_000 * MS;
            told.push((way.opening(sent_ns) - sent_ns - MS) / (1_000 * MS));
        }
        assert!(told.contains(&0) && told.contains(&1) && told.contains(&3), "{told:?}");
        assert!(
            told.iter().all(|seconds| (seconds + 1).is_power_of_two() || *seconds > 60),
            "{told:?}"
        );
    }

    proptest! {
        #[test]
        fn packets_keep_their_order_and_are_never_early(
            latency in 0..1_000_000_000u64, jitter in 0..1_000_000_000u64, bits in 1_000..10_000_000_000u64,
            loss in 0.0..0.5, sends in proptest::collection::vec((0..100_000_000u64, 0..=SEGMENT), 1..100),
        ) {
            let (latency, jitter) = (Span::from_ns(latency), Span::from_ns(jitter));
            let bandwidth = Bandwidth::from_bits_per_second(bits);
            let network = Network { latency, jitter, bandwidth: Some(bandwidth), loss };
            let mut way = way(network);
            let (mut now_ns, mut last_ns, mut bytes) = (0, 0, 0);
            for (apart_ns, size) in sends {
                now_ns += apart_ns;
                bytes += size as u64;
                let at_ns = way.arrival(now_ns, size);
                prop_assert!(at_ns >= last_ns && at_ns >= now_ns + latency.ns());
                // From the very first on, no more came than the bandwidth lets.
                prop_assert!(bandwidth.takes_ns(bytes) <= at_ns);
                last_ns = at_ns;
            }
        }
    }
}
