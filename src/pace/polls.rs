//! When a client polls next, by its schedule or by the previous answer: pure arithmetic, no clock.

use serde::{Deserialize, Serialize};

use super::Rng;

/// The start of a short poll's interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PollPace {
    /// The due stamp of the previous poll: the rate is independent of response times.
    #[default]
    FixedRate,
    /// The end of the answer before.
    AfterResponse,
}

/// A client's wait between two of its actions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wait {
    /// `ns` × (1 + U), with U uniform in [−`jitter`, `jitter`).
    Even {
        /// Mean, in nanoseconds.
        ns: u64,
        /// 0 to 1; without it nothing is drawn.
        jitter: f64,
    },
    /// Exponential.
    Exponential {
        /// Mean, in nanoseconds.
        ns: u64,
    },
}

impl Wait {
    /// Draws one wait, in nanoseconds.
    pub fn draw(self, rng: &mut Rng) -> u64 {
        match self {
            Self::Even { ns, jitter } if jitter > 0.0 => {
                (ns as f64 * (1.0 + jitter * (2.0 * rng.unit() - 1.0))) as u64
            }
            Self::Even { ns, .. } => ns,
            // The next draw of the stream is the same, whether there is anything to wait for or not.
            Self::Exponential { ns: 0 } => {
                rng.unit();
                0
            }
            Self::Exponential { ns } => (ns as f64 * rng.exponential()) as u64,
        }
    }

    /// The wait before the first doing of all: clients of even waits would else go in step for ever.
    pub fn first(self, rng: &mut Rng) -> u64 {
        match self {
            Self::Even { ns, .. } => rng.below(ns),
            Self::Exponential { .. } => self.draw(rng),
        }
    }
}

/// The due stamps of one client's polls.
#[derive(Debug, Clone)]
pub struct Polls {
    pace: PollPace,
    wait: Wait,
    due_ns: u64,
    rng: Rng,
}

impl Polls {
    /// Polls from `due_ns` on.
    pub const fn new(pace: PollPace, wait: Wait, due_ns: u64, rng: Rng) -> Self {
        Self { pace, wait, due_ns, rng }
    }

    /// When the current poll is due.
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// The current poll was over at `over_ns`: on to the next.
    pub fn answered(&mut self, over_ns: u64) {
        let from_ns = match self.pace {
            PollPace::FixedRate => self.due_ns,
            PollPace::AfterResponse => over_ns,
        };
        self.due_ns = from_ns + self.wait.draw(&mut self.rng);
    }

    /// Passes over the polls that are due before `until_ns`: an answer that was kept is theirs, at once.
    pub fn pass(&mut self, until_ns: u64) {
        while self.due_ns < until_ns {
            // A wait of nothing would never end.
            self.due_ns += self.wait.draw(&mut self.rng).max(1);
        }
    }

    /// Polls from the current one on that are due in `from_ns..until_ns`; `None` where the answers decide.
    pub fn due_in(&self, from_ns: u64, until_ns: u64) -> Option<u64> {
        if self.pace == PollPace::AfterResponse {
            return None;
        }
        let mut polls = self.clone();
        let mut count = 0;
        while polls.due_ns < until_ns {
            count += u64::from(polls.due_ns >= from_ns);
            polls.answered(0);
        }
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_stamps_follow_the_schedule_or_the_answers() {
        use PollPace::{AfterResponse, FixedRate};
        let even = |ns| Wait::Even { ns, jitter: 0.0 };
        for (pace, over, expected, why) in [
            (FixedRate, [3, 12, 27], [100, 110, 120, 130], "answers do not move a fixed rate"),
            (FixedRate, [150, 151, 152], [100, 110, 120, 130], "not even when they are slow"),
            (
                AfterResponse,
                [103, 117, 130],
                [100, 113, 127, 140],
                "the interval follows the answer",
            ),
            (AfterResponse, [150, 160, 170], [100, 160, 170, 180], "a slow answer costs polls"),
        ] {
            let mut polls = Polls::new(pace, even(10), 100, Rng::new(1, 0));
            let mut due = vec![polls.due_ns()];
            for over_ns in over {
                polls.answered(over_ns);
                due.push(polls.due_ns());
            }
            assert_eq!(due, expected, "{why}");
        }
    }

    #[test]
    fn polls_that_a_kept_answer_serves_are_passed_over_and_keep_their_rhythm() {
        for pace in [PollPace::FixedRate, PollPace::AfterResponse] {
            for (until, next) in [(0, 110), (110, 110), (111, 120), (145, 150), (150, 150)] {
                let mut polls =
                    Polls::new(pace, Wait::Even { ns: 10, jitter: 0.0 }, 100, Rng::new(1, 0));
                polls.answered(100);
                polls.pass(until);
                assert_eq!(polls.due_ns(), next, "{pace:?} until {until}");
            }
        }
    }

    #[test]
    fn jitter_spreads_waits_evenly_about_the_interval_and_is_seeded() {
        for (jitter, low, high) in [(0.0, 1_000, 1_000), (0.2, 800, 1_200), (1.0, 0, 2_000)] {
            let waits = |seed| {
                let mut rng = Rng::new(seed, 0);
                let wait = Wait::Even { ns: 1_000, jitter };
                (0..10_000).map(|_| wait.draw(&mut rng)).collect::<Vec<u64>>()
            };
            let drawn = waits(1);
            assert!(drawn.iter().all(|ns| (low..=high).contains(ns)), "{jitter}");
            // Five standard errors of the mean of a uniform: (high − low) ÷ √12 ÷ 100 · 5.
            let mean = drawn.iter().sum::<u64>() as f64 / 10_000.0;
            assert!(
                (mean - 1_000.0).abs() <= (high - low) as f64 * 0.0145 + 0.5,
                "{jitter}: {mean}"
            );
            assert_eq!(drawn, waits(1));
            assert_eq!(drawn == waits(2), jitter <= 0.0);
        }
        let mut rng = Rng::new(3, 0);
        let thought =
            (0..10_000).map(|_| Wait::Exponential { ns: 1_000 }.draw(&mut rng)).sum::<u64>();
        assert!((thought as f64 / 1e7 - 1.0).abs() < 0.05, "{thought}");
        assert!(Wait::Even { ns: 10, jitter: 0.0 }.first(&mut rng) < 10);
    }

    #[test]
    fn the_scheduled_number_is_known_beforehand_in_an_open_loop() {
        for (pace, jitter, from, until, expected) in [
            (PollPace::FixedRate, 0.0, 0, 100, Some(0)),
            (PollPace::FixedRate, 0.0, 100, 101, Some(1)),
            (PollPace::FixedRate, 0.0, 105, 131, Some(3)),
            (PollPace::AfterResponse, 0.0, 0, 1_000, None),
        ] {
            let polls = Polls::new(pace, Wait::Even { ns: 10, jitter }, 100, Rng::new(1, 0));
            assert_eq!(polls.due_in(from, until), expected, "{from}..{until}");
        }
        let mut polls = Polls::new(
            PollPace::FixedRate,
            Wait::Even { ns: 10_000, jitter: 1.0 },
            0,
            Rng::new(1, 0),
        );
        let scheduled = polls.due_in(20_000, 900_000).unwrap();
        let mut sent = 0;
        while polls.due_ns() < 900_000 {
            sent += u64::from(polls.due_ns() >= 20_000);
            polls.answered(u64::MAX / 2);
        }
        assert_eq!(scheduled, sent, "with jitter, too");
    }
}
