//! Decides whether a silent peer of a WebSocket is alive when a deadline for a pong or a close passes.
//!
//! A slow client answers a ping only after it has read everything sent before, which may be long after the ping was queued
//! here. A missed deadline therefore ends the link only if nothing moves:
//!
//! | the kernel here | what counts as life | else it is ended by |
//! | --- | --- | --- |
//! | has sent everything, the ping too | free space in the client's buffer that changes, as it does when the client reads | the deadline |
//! | has bytes that it may not send (the client's buffer is full) | the same, and any acknowledgement | the write time-out |
//!
//! A full buffer may reopen late: the kernel of a client that reads 20 KB/s announces space after each 130 KB on loopback.
//! A half-open peer acknowledges nothing, and one whose program hangs frees no space. Any byte from the client also counts
//! as life and ends the wait.

use std::time::Duration;

use crate::measure::Uptake;

/// Observations of the peer since it was pinged.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::server) struct Life {
    /// Up to which byte there was room when that was last looked at.
    room_until: u64,
}

impl Life {
    /// Starts an observation.
    pub(in crate::server) fn asked(now: Option<Uptake>) -> Self {
        Self { room_until: now.map_or(0, |now| now.room_until) }
    }

    /// Whether there was a sign of life since the last look, now that a deadline has passed; a full buffer may be silent
    /// for `silence`.
    pub(in crate::server) fn signs(&mut self, now: Option<Uptake>, silence: Duration) -> bool {
        let Some(now) = now else { return false };
        let before = std::mem::replace(&mut self.room_until, now.room_until);
        now.room_until > before || now.not_sent > 0 && now.silent < silence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_life_depend_on_the_free_space_of_the_peer() {
        let silence = Duration::from_secs(8);
        let uptake = |acknowledged, room, not_sent, silent_s| Uptake {
            acknowledged,
            room_until: acknowledged + room,
            not_sent,
            silent: Duration::from_secs(silent_s),
        };
        for (then, now, lives, why) in [
            (uptake(50, 0, 9, 0), uptake(50, 0, 9, 2), true, "its window is closed"),
            (uptake(50, 0, 9, 0), uptake(60, 0, 9, 2), true, "it takes what there is room for"),
            (uptake(50, 9, 9, 0), uptake(50, 9, 9, 8), false, "half-open, with bytes to send"),
            (uptake(50, 9, 9, 0), uptake(60, 9, 0, 9), true, "it reads"),
            (uptake(50, 9, 9, 0), uptake(59, 0, 0, 1), false, "it hangs"),
            (uptake(50, 9, 0, 0), uptake(50, 9, 0, 8), false, "half-open, and all is sent"),
            (
                uptake(50, 0, 9, 0),
                uptake(60, 5, 9, 9),
                true,
                "it has read, and its buffer is full again",
            ),
        ] {
            let mut life = Life::asked(Some(then));
            assert_eq!(life.signs(Some(now), silence), lives, "{why}");
        }
        assert!(!Life::asked(None).signs(None, silence), "where the kernel does not say");
    }
}
