//! Blocks that were not whole: whose trial ended them, and whether chance can explain it.

use super::table::{CONFIRMS, Row};
use super::{Arm, FALSE_PASSES};
use crate::record::Verdict;
use crate::stats::fair_coin;

/// Crashes of the head alone, from which a pass is withheld.
const CRASHES: usize = 2;

/// What ended the blocks that were not whole, by side. A broken block is replaced by another, which is fair only as long as both sides
/// break them alike: a head that crashes in every third trial would otherwise be judged by the trials that it survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Broken {
    /// Blocks that ended at an unusable trial of that side.
    pub ended: [usize; 2],
    /// Trials that did not finish.
    pub failed: [usize; 2],
}

impl Broken {
    /// Counts the rows of a gate.
    pub fn of(rows: &[Row]) -> Self {
        let mut broken = Self::default();
        let mut last: Option<(&str, u32)> = None;
        for row in rows.iter().filter(|row| !row.verdict.usable()) {
            let side = usize::from(row.arm == Arm::Head);
            broken.failed[side] += usize::from(row.verdict == Verdict::Failed);
            let block = Some((row.case.as_str(), row.block));
            if row.slot < CONFIRMS && block != last {
                broken.ended[side] += 1;
                last = block;
            }
        }
        broken
    }

    /// Whether the head breaks more than chance does. A block ends at its first unusable trial, and if both sides are the same, that
    /// trial is the head's with probability ½, because the order was drawn: a sign test at 5 %. A head that crashes twice, where
    /// the base never does, needs no test.
    pub fn blames_head(&self) -> bool {
        let [base, head] = self.ended;
        let chance: f64 = fair_coin(base + head).into_iter().skip(head).sum();
        let crashes = self.failed[1] >= CRASHES && self.failed[0] == 0;
        crashes || (head > 0 && chance <= FALSE_PASSES)
    }

    /// Why a pass is withheld, for people; `None` if nothing is held against the head.
    pub fn told(&self) -> Option<String> {
        let [base, head] = self.ended;
        if !self.blames_head() {
            return None;
        }
        let failed = if self.failed == [0, 0] {
            String::new()
        } else {
            format!(
                " Trials that failed: {} of the base, {} of the head.",
                self.failed[0], self.failed[1]
            )
        };
        Some(format!(
            "No pass: the head's trials ended {head} of {} blocks that were not whole, more than chance explains.{failed} \
             head/trials.csv has the reasons.",
            base + head
        ))
    }
}

/// Blocks in a row that end at a failed trial, after which a gate stops: trials of a dead server end at once, and would fill the
/// budget by the thousand.
pub const IN_A_ROW: usize = 3;

/// The side of the last failed trial of a case, if each of its last blocks ended at a failed one, of either side.
pub fn dead(rows: &[Row], case: &str) -> Option<Arm> {
    let of_case: Vec<&Row> =
        rows.iter().filter(|row| row.case == case && row.slot < CONFIRMS).collect();
    // A block ends at its first unusable trial, so that is its last row.
    let blocks: Vec<&&Row> =
        of_case.chunk_by(|a, b| a.block == b.block).filter_map(<[&Row]>::last).collect();
    let last = &blocks[blocks.len().checked_sub(IN_A_ROW)?..];
    let dead = last.iter().all(|row| row.verdict == Verdict::Failed);
    last.last().filter(|_| dead).map(|row| row.arm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_whose_last_three_blocks_end_at_failed_trials_is_dead() {
        use Verdict::{Failed, Invalid, Valid};
        let of = |ends: &[(Arm, Verdict)]| {
            let rows = ends.iter().zip(1..).flat_map(|((arm, verdict), block)| {
                let other = Row { case: "other".to_owned(), ..row(block, 1, Arm::Base, Valid) };
                [row(block, 1, Arm::Base, Valid), row(block, 2, *arm, *verdict), other]
            });
            dead(&rows.collect::<Vec<_>>(), "sse")
        };
        let (base, head) = ((Arm::Base, Failed), (Arm::Head, Failed));
        assert_eq!(of(&[base, head]), None);
        assert_eq!(of(&[base, base, head]), Some(Arm::Head), "whichever side came first");
        assert_eq!(of(&[(Arm::Base, Valid), head, head, base]), Some(Arm::Base));
        assert_eq!(of(&[head, (Arm::Head, Invalid), head]), None);
        assert_eq!(of(&[head, head, head, (Arm::Base, Valid)]), None);
    }

    fn row(block: u32, slot: u32, arm: Arm, verdict: Verdict) -> Row {
        Row {
            case: "sse".to_owned(),
            block,
            slot,
            arm,
            trial: block,
            verdict,
            account: None,
            slowest_ns: None,
            values: Vec::new(),
        }
    }

    #[test]
    fn a_head_that_breaks_more_blocks_than_chance_does_not_pass() {
        use Verdict::{Failed, Invalid};
        let blocks = |base: &[Verdict], head: &[Verdict]| {
            let rows =
                base.iter().map(|v| (Arm::Base, *v)).chain(head.iter().map(|v| (Arm::Head, *v)));
            let rows = rows.zip(1..).map(|((arm, verdict), block)| row(block, 2, arm, verdict));
            Broken::of(&rows.collect::<Vec<_>>())
        };
        for (base, head, blamed) in [
            (&[][..], &[][..], false),
            (&[], &[Failed], false),
            (&[], &[Failed, Failed], true),
            (&[Failed], &[Failed, Failed], false),
            (&[], &[Invalid; 4], false),
            (&[], &[Invalid; 5], true),
            (&[Invalid], &[Invalid; 6], false),
            (&[Invalid], &[Invalid; 7], true),
            (&[Invalid; 5], &[], false),
        ] {
            let broken = blocks(base, head);
            assert_eq!(broken.blames_head(), blamed, "{base:?} {head:?}");
            assert_eq!(broken.told().is_some(), blamed);
        }
    }

    #[test]
    fn a_block_counts_once_and_a_confirming_trial_not_at_all() {
        let rows = [
            row(1, 1, Arm::Head, Verdict::Valid),
            row(1, 2, Arm::Base, Verdict::Invalid),
            row(2, 1, Arm::Head, Verdict::Failed),
            row(3, CONFIRMS, Arm::Head, Verdict::Invalid),
        ];
        assert_eq!(Broken::of(&rows), Broken { ended: [1, 1], failed: [0, 1] });
    }
}
