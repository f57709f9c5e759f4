//! Messages of a server whose events nobody of the harness publishes: counted, with the gaps between them; and how old a
//! message is by its own stamp.
//!
//! Nothing is expected of such a server, so that nothing can be lost: what it did not send is not seen.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Link;
use crate::clock;
use crate::dialect::capture::Answer;
use crate::measure::{Counter, Metric};
use crate::scenario::Publish;

/// When each link of a shard last received a message, by its slot; 0 before the first.
#[derive(Debug, Default)]
pub(super) struct Heard(RefCell<Vec<u64>>);

impl Heard {
    /// Sets when the link last received one; returns when it did before.
    fn replace(&self, slot: usize, received_ns: u64) -> Option<u64> {
        let mut last = self.0.borrow_mut();
        if last.len() <= slot {
            last.resize(slot + 1, 0);
        }
        Some(std::mem::replace(&mut last[slot], received_ns)).filter(|ns| *ns > 0)
    }
}

impl Link {
    /// Whether it only listens: no event is expected.
    #[inline]
    pub(super) fn listens(&self) -> bool {
        self.context.case.workload.publish == Publish::Nobody
    }

    /// Books a message that was received at `received_ns`.
    pub(super) fn observe(&self, message: &[u8], received_ns: u64) {
        let before_ns = self.context.known.heard.replace(self.slot, received_ns);
        let in_window = self.measures(received_ns);
        let mut recorder = self.context.recorder.borrow_mut();
        recorder.count(Counter::Received, 1);
        if !in_window {
            return;
        }
        recorder.count(Counter::WindowReceived, 1);
        recorder.count(Counter::Messages, 1);
        recorder.count(Counter::MessageBytes, message.len() as u64);
        if let Some(before_ns) = before_ns {
            recorder.record(Metric::MessageGap, received_ns.saturating_sub(before_ns));
        }
    }

    /// Books how old a message is by its own stamp, where the dialect says where that is. The clock of whoever made the
    /// message and this host's are compared as they are.
    pub(super) fn observe_stamp(&self, message: &[u8], received_ns: u64) {
        let recognition = &self.context.conversation.dialect.recognition;
        let Some(capture) = recognition.stamp.as_ref().filter(|_| self.measures(received_ns))
        else {
            return;
        };
        let unit_ns = recognition.stamp_unit.ns();
        let stamp = capture.evaluate(&Answer::message(message));
        let made_ns = stamp.and_then(|stamp| since_1970(stamp.trim(), unit_ns));
        let mut recorder = self.context.recorder.borrow_mut();
        let Some(made_ns) = made_ns else { return recorder.count(Counter::StampsMissing, 1) };
        // The wall clock, as it was when the message came.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let handled_ns = u128::from(clock::now().saturating_sub(received_ns));
        let came_ns = now.as_nanos().saturating_sub(handled_ns);
        if made_ns > came_ns {
            return recorder.count(Counter::StampsAhead, 1);
        }
        recorder.record(Metric::StampAge, u64::try_from(came_ns - made_ns).unwrap_or(u64::MAX));
    }
}

/// Nanoseconds since 1970 of a number of units, which may have a fraction; exact to the nanosecond.
fn since_1970(text: &str, unit_ns: u64) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return exponential(text, unit_ns);
    }
    let mut ns = whole.parse::<u128>().ok()?.checked_mul(u128::from(unit_ns))?;
    let mut scale = unit_ns;
    for digit in fraction.bytes() {
        scale /= 10;
        ns += u128::from(scale) * u128::from(digit - b'0');
    }
    Some(ns)
}

/// The same of a number such as `1.7e12`, to the precision of floating point.
fn exponential(text: &str, unit_ns: u64) -> Option<u128> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some((number * unit_ns as f64) as u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_in_their_unit_to_the_nanosecond() {
        for (text, unit_ns, ns) in [
            ("1764356400", 1_000_000_000, Some(1_764_356_400_000_000_000)),
            ("1764356400.25", 1_000_000_000, Some(1_764_356_400_250_000_000)),
            ("1764356400123", 1_000_000, Some(1_764_356_400_123_000_000)),
            ("1764356400123.456789", 1_000_000, Some(1_764_356_400_123_456_789)),
            ("1764356400123456", 1_000, Some(1_764_356_400_123_456_000)),
            ("1764356400123456789", 1, Some(1_764_356_400_123_456_789)),
            ("1764356400123456789.9", 1, Some(1_764_356_400_123_456_789)),
            ("1.5e3", 1_000_000, Some(1_500_000_000)),
            ("", 1, None),
            ("-5", 1, None),
            ("yesterday", 1, None),
            ("1.2.3", 1, None),
            ("NaN", 1, None),
        ] {
            assert_eq!(since_1970(text, unit_ns), ns, "{text}");
        }
    }

    #[test]
    fn gaps_are_between_messages_of_one_link() {
        let heard = Heard::default();
        assert_eq!(heard.replace(3, 10), None);
        assert_eq!(heard.replace(0, 11), None);
        assert_eq!(heard.replace(3, 25), Some(10));
        assert_eq!(heard.replace(3, 26), Some(25));
    }
}
