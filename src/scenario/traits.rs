//! What depends on the pattern: one row a pattern. Whoever asks "which patterns do X?" asks here.

use super::PatternKind;
use crate::measure::Metric;

/// What a pattern is like. A new pattern needs a row, or the crate does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a table of independent yes-or-no questions")]
pub struct Traits {
    /// The metric that the pattern is read by.
    pub headline: Metric,
    /// Consumers receive events; `false` where only responses are measured.
    pub delivers: bool,
    /// Clients send requests: calls or polls.
    pub asks: bool,
    /// Clients ask for news, and may be told that there is none.
    pub polls: bool,
    /// A request is held until there is news.
    pub held: bool,
    /// A schedule says when each request is due.
    pub scheduled: bool,
    /// The target sends an event without being asked for it.
    pub pushes: bool,
    /// Events arrive over a connection that stays open, so that a slow reader fills it.
    pub streams: bool,
    /// Clients can send over the connection that they receive on.
    pub duplex: bool,
    /// A client has a subscription that can end and be restored.
    pub subscribes: bool,
    /// The target opens the connections that events travel over.
    pub called_back: bool,
    /// Links can travel over HTTP/2.
    pub http2: bool,
}

const NONE: Traits = Traits {
    headline: Metric::Freshness,
    delivers: false,
    asks: false,
    polls: false,
    held: false,
    scheduled: false,
    pushes: false,
    streams: false,
    duplex: false,
    subscribes: false,
    called_back: false,
    http2: false,
};

impl PatternKind {
    /// What the pattern is like.
    pub const fn traits(self) -> Traits {
        match self {
            Self::Request => Traits {
                headline: Metric::Response,
                asks: true,
                scheduled: true,
                http2: true,
                ..NONE
            },
            Self::ShortPoll => Traits {
                delivers: true,
                asks: true,
                polls: true,
                scheduled: true,
                http2: true,
                ..NONE
            },
            Self::LongPoll => Traits {
                delivers: true,
                asks: true,
                polls: true,
                held: true,
                subscribes: true,
                http2: true,
                ..NONE
            },
            Self::Sse => Traits {
                delivers: true,
                pushes: true,
                streams: true,
                subscribes: true,
                http2: true,
                ..NONE
            },
            Self::WebSocket => Traits {
                delivers: true,
                pushes: true,
                streams: true,
                duplex: true,
                subscribes: true,
                ..NONE
            },
            Self::Webhook => {
                Traits { delivers: true, pushes: true, subscribes: true, called_back: true, ..NONE }
            }
        }
    }

    /// Whether its consumers receive events (`request` has none: it is measured by its responses).
    pub const fn delivers(self) -> bool {
        self.traits().delivers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_do_not_contradict_each_other() {
        for kind in PatternKind::ALL {
            let t = kind.traits();
            let name = kind.name();
            assert_eq!(t.delivers, t.headline == Metric::Freshness, "{name}");
            assert_eq!(t.delivers, t.polls || t.pushes, "{name}: news is fetched or sent");
            assert!(!(t.polls && t.pushes), "{name}");
            assert!(!t.polls || t.asks, "{name}");
            assert!(!t.held || t.polls, "{name}");
            assert!(!t.scheduled || t.asks, "{name}");
            assert!(!(t.held && t.scheduled), "{name}: the answer decides when the next is due");
            assert!(!(t.streams || t.called_back) || t.pushes, "{name}");
            assert!(!(t.streams || t.called_back || t.held) || t.subscribes, "{name}");
        }
    }
}
