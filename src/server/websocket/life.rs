//! Whether the other end of a WebSocket lives: what a deadline for a pong, or for a close, may conclude from its silence.
//!
//! A client that reads slowly answers a ping when it comes to read it, behind everything that was sent before: that may
//! be long after the ping was queued here. So a deadline that passes is not the end as long as something moves:
//!
//! | where what was asked is | what counts as life |
//! | --- | --- |
//! | anywhere | any byte that the client sends (the link starts over then) |
//! | still here: unwritten, or in the kernel's send queue | acknowledgements, also those of a closed window: the write time-out ends who takes nothing |
//! | on its way, or in the client's receive buffer | room there that moves on, as it does when the client reads |
//!
//! A peer that is half-open acknowledges nothing, and one whose program hangs makes no room.

use std::time::Duration;

use crate::measure::Uptake;

/// What is known of the other end since it was asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Life {
    /// Bytes written since what was asked was; `None` while that is not written.
    after: Option<u64>,
    /// How it took what was sent when that was last looked at.
    seen: Option<Uptake>,
}

impl Life {
    /// Something was asked just now.
    pub const fn asked(seen: Option<Uptake>) -> Self {
        Self { after: None, seen }
    }

    /// What was asked is written.
    pub const fn left(&mut self) {
        if self.after.is_none() {
            self.after = Some(0);
        }
    }

    /// So many bytes are written.
    #[inline]
    pub const fn wrote(&mut self, bytes: u64) {
        if let Some(after) = &mut self.after {
            *after += bytes;
        }
    }

    /// Whether there was a sign of life since the last look; a deadline of `patience` has just passed.
    pub fn signs(&mut self, now: Option<Uptake>, patience: Duration) -> bool {
        let Some(now) = now else { return false };
        let before = self.seen.replace(now);
        let is_here = self.after.is_none_or(|after| now.not_sent > after);
        if is_here {
            return now.silent < patience;
        }
        before.is_some_and(|before| now.room_until > before.room_until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_life_depends_on_where_the_ping_is() {
        let patience = Duration::from_secs(8);
        let uptake = |acknowledged, room, not_sent, silent_s| Uptake {
            acknowledged,
            room_until: acknowledged + room,
            not_sent,
            silent: Duration::from_secs(silent_s),
        };
        for (after, then, now, lives, why) in [
            (None, uptake(50, 0, 9, 0), uptake(50, 0, 9, 2), true, "unwritten, window closed"),
            (None, uptake(50, 9, 9, 0), uptake(50, 9, 9, 9), false, "unwritten, half-open"),
            (Some(5), uptake(50, 0, 9, 0), uptake(60, 0, 9, 2), true, "in the send queue"),
            (Some(5), uptake(50, 0, 9, 0), uptake(50, 0, 9, 8), false, "there, half-open"),
            (Some(5), uptake(50, 9, 9, 0), uptake(60, 9, 5, 1), true, "sent, and it reads"),
            (Some(5), uptake(50, 9, 9, 0), uptake(59, 0, 0, 1), false, "sent, and it hangs"),
            (Some(0), uptake(50, 9, 0, 0), uptake(50, 9, 0, 8), false, "sent, half-open"),
        ] {
            let mut life = Life { after, seen: Some(then) };
            assert_eq!(life.signs(Some(now), patience), lives, "{why}");
        }
        assert!(!Life::asked(None).signs(None, patience), "where the kernel does not say");
    }

    #[test]
    fn what_is_written_before_the_ping_does_not_count() {
        let mut life = Life::asked(None);
        life.wrote(7);
        assert_eq!(life.after, None);
        life.left();
        life.wrote(7);
        life.left();
        assert_eq!(life.after, Some(7));
    }
}
