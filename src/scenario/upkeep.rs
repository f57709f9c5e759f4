//! What a link does at intervals, whether there is news or not.

use super::{Case, Pattern};
use crate::unit::Span;

/// Exchanges that keep a link, or look for news on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upkeep {
    /// What they are, in the plural: `"heartbeats"`.
    pub name: &'static str,
    /// Time between two of them.
    pub period: Span,
    /// How many of them a client has per second, with the events that its topic has.
    pub per_client_s: f64,
}

impl Upkeep {
    /// That of a case; `None` where its links stand by themselves.
    pub fn of(case: &Case) -> Option<Self> {
        // What an event puts off is due only where none came for a whole period: of Poisson arrivals, λ ÷ (e^λP − 1) per second.
        let (name, period, put_off) = match &case.pattern {
            Pattern::Request(_) | Pattern::Webhook(_) => return None,
            Pattern::ShortPoll(options) => ("polls", options.interval, false),
            Pattern::LongPoll(options) => ("holds that run out", options.wait, true),
            Pattern::Sse(options) => ("heartbeats", options.heartbeat, true),
            Pattern::WebSocket(options) => ("pings", options.ping, false),
        };
        let seconds = period.secs();
        let rate = case.workload.rate.per_s();
        let events = rate * seconds;
        let per_client_s = match () {
            () if seconds <= 0.0 => return None,
            () if put_off && events > 1e-9 => rate / events.exp_m1(),
            () => 1.0 / seconds,
        };
        Some(Self { name, period, per_client_s })
    }

    /// How many fall into a window, over so many clients.
    pub fn expected(&self, clients: u64, window: Span) -> f64 {
        self.per_client_s * clients as f64 * window.secs()
    }

    /// Whether so few fall into a window, beside `deliveries`, that what they cost in it is chance.
    pub fn is_chance(&self, clients: u64, window: Span, deliveries: f64) -> bool {
        let expected = self.expected(clients, window);
        let matters = expected >= SHARE * (expected + deliveries);
        self.period > window && expected < ENOUGH && matters
    }

    /// The shortest window that is not left to chance: one period has every client once.
    pub fn enough(&self, clients: u64) -> Span {
        let seconds = ENOUGH / (self.per_client_s * clients as f64);
        Span::from_secs(seconds.min(self.period.secs()).ceil() as u64)
    }
}

/// Fewest exchanges of upkeep in a window: their phases are spread evenly, so that as many are off by one or two.
const ENOUGH: f64 = 10.0;
/// Least share of everything that happens in a window at which upkeep matters.
const SHARE: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::PatternKind::{
        self, LongPoll, Request, ShortPoll, Sse, WebSocket, Webhook,
    };
    use crate::scenario::parse;
    use crate::unit::Rate;

    fn upkeep(kind: PatternKind, rate: f64) -> Option<Upkeep> {
        let file = format!(
            "question = \"Q?\"\npatterns = [\"{}\"]\n[workload]\nclients = 100\nrate = \"2/s\"\n[short-poll]\n\
             interval = \"1s\"\n[long-poll]\nwait = \"1s\"\n[sse]\nheartbeat = \"1s\"\n[websocket]\nping = \"1s\"\n",
            kind.name()
        );
        let mut case = parse(&file, "x.toml", &[], &|_| None).unwrap().cases.remove(0);
        case.workload.rate = Rate::per_second(rate);
        Upkeep::of(&case)
    }

    #[test]
    fn every_pattern_says_what_it_does_at_intervals() {
        for (kind, name, rate, per_client_s) in [
            (ShortPoll, "polls", 2.0, 1.0),
            (LongPoll, "holds that run out", 0.0, 1.0),
            (LongPoll, "holds that run out", 2.0, 2.0 / 2f64.exp_m1()),
            (Sse, "heartbeats", 1e-12, 1.0),
            (Sse, "heartbeats", 20.0, 0.0),
            (WebSocket, "pings", 20.0, 1.0),
        ] {
            let found = upkeep(kind, rate).unwrap();
            assert_eq!((found.name, found.period), (name, Span::from_secs(1)));
            assert!((found.per_client_s - per_client_s).abs() < 1e-6, "{kind:?} {found:?}");
        }
        for kind in [Request, Webhook] {
            assert_eq!(upkeep(kind, 1.0), None);
        }
    }

    #[test]
    fn few_exchanges_that_matter_are_chance() {
        let ms = Span::from_ms;
        for (clients, window, deliveries, chance, why) in [
            (100, ms(500), 0.0, false, "fifty"),
            (10, ms(500), 0.0, true, "five"),
            (10, ms(1_000), 0.0, false, "a whole period has every client once"),
            (10, ms(500), 200.0, false, "five of two hundred do not matter"),
        ] {
            let pings = upkeep(WebSocket, 2.0).unwrap();
            assert_eq!(pings.is_chance(clients, window, deliveries), chance, "{why}");
        }
    }
}
