//! Blocks that were not whole: whose trial ended them, and whether chance can explain it.

use super::Arm;
use super::document::GateCase;
use super::table::{CONFIRMS, Row};
use crate::record::Verdict;
use crate::stats::fair_coin;
use crate::unit::significant;

/// Crashes of the head alone, from which a pass is withheld.
const CRASHES: usize = 2;
/// The largest share of gates with equal sides whose pass the sign tests may withhold, over all tests.
const FALSE_BLAMES: f64 = 0.05;

/// What ended the blocks that were not whole. A broken block is replaced by another, which is fair only as long as both sides
/// break them alike: a head that crashes in every third trial would otherwise be judged by the trials that it survives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Broken {
    /// Case by case, in the order of the terms.
    cases: Vec<(String, Counts)>,
}

/// Of a case, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    /// Blocks that ended at an unusable trial of that side.
    ended: [usize; 2],
    /// Trials that did not finish, by side.
    failed: [usize; 2],
}

impl Counts {
    fn of(rows: &[Row], case: &str) -> Self {
        let mut counts = Self::default();
        let mut last = None;
        for row in rows.iter().filter(|row| row.case == case && !row.verdict.usable()) {
            let side = usize::from(row.arm == Arm::Head);
            counts.failed[side] += usize::from(row.verdict == Verdict::Failed);
            if row.slot < CONFIRMS && last != Some(row.block) {
                counts.ended[side] += 1;
                last = Some(row.block);
            }
        }
        counts
    }

    fn and(self, other: Self) -> Self {
        let sum = |a: [usize; 2], b: [usize; 2]| [a[0] + b[0], a[1] + b[1]];
        Self { ended: sum(self.ended, other.ended), failed: sum(self.failed, other.failed) }
    }

    /// The rule by which the head is to blame. A block ends at its first unusable trial, and if both sides are the same, that trial is
    /// the head's with probability ½, because the order was drawn: a sign test. A head that crashes twice, where the base never does,
    /// needs no test.
    fn blame(self, level: f64) -> Option<Rule> {
        let [base, head] = self.ended;
        if self.failed[1] >= CRASHES && self.failed[0] == 0 {
            return Some(Rule::Crashes(self.failed[1]));
        }
        let chance: f64 = fair_coin(base + head).into_iter().skip(head).sum();
        (chance <= level).then_some(Rule::Breaks { head, of: base + head, chance, level })
    }
}

/// Why the head is to blame.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// So many of its trials failed, and none of the base's.
    Crashes(usize),
    /// More of the broken blocks ended at its trials than chance explains.
    Breaks { head: usize, of: usize, chance: f64, level: f64 },
}

impl Rule {
    /// `place` is ` of CASE`, ` over all cases`, or nothing.
    fn told(self, place: &str) -> String {
        let why = match self {
            Self::Crashes(failed) => {
                format!("{failed} head trials{place} failed and no base trial did.")
            }
            Self::Breaks { head, of, chance, level } => format!(
                "{head} of {of} broken blocks{place} ended at a head trial. Chance explains so many in {} % of gates, and the limit is {} %.",
                significant(chance * 100.0),
                significant(level * 100.0)
            ),
        };
        format!("No pass: {why} See head/trials.csv for the reasons.")
    }
}

impl Broken {
    /// Counts the rows of a gate of these cases.
    pub fn of(cases: &[GateCase], rows: &[Row]) -> Self {
        let counted = |case: &GateCase| (case.id.clone(), Counts::of(rows, &case.id));
        Self { cases: cases.iter().map(counted).collect() }
    }

    /// The level of each sign test. A test is made of every case that has broken blocks, as one that the head alone breaks must not
    /// hide behind the others, and of all together where several have, as the head may break each of them a little. If the sides are
    /// equal, which blocks break does not depend on the order that was drawn, so the number of tests may depend on it (Bonferroni).
    fn level(&self) -> f64 {
        let cases = self.cases.iter().filter(|(_, of)| of.ended != [0, 0]).count();
        let tests = if cases > 1 { cases + 1 } else { 1 };
        FALSE_BLAMES / tests as f64
    }

    /// Each case for which the head is to blame; or, as `None`, all of them together where no single one shows it.
    fn blames(&self) -> Vec<(Option<&str>, Rule)> {
        let level = self.level();
        let mut blames: Vec<_> = self
            .cases
            .iter()
            .filter_map(|(case, of)| Some((Some(case.as_str()), of.blame(level)?)))
            .collect();
        if blames.is_empty() {
            let all = self.cases.iter().map(|(_, of)| *of).fold(Counts::default(), Counts::and);
            blames.extend(all.blame(level).map(|rule| (None, rule)));
        }
        blames
    }

    /// Whether the head's broken trials withhold a pass.
    pub fn blames_head(&self) -> bool {
        !self.blames().is_empty()
    }

    /// Why a pass is withheld, for people; `None` if nothing is held against the head.
    pub fn told(&self) -> Option<String> {
        self.sentences(|_| true)
    }

    /// The same for what was measured of one case.
    pub fn told_of(&self, case: &str) -> Option<String> {
        self.sentences(|blamed| blamed.is_none_or(|blamed| blamed == case))
    }

    fn sentences(&self, keep: impl Fn(Option<&str>) -> bool) -> Option<String> {
        let kept = self.blames().into_iter().filter(|(case, _)| keep(*case));
        let told: Vec<String> = kept
            .map(|(case, rule)| match case {
                _ if self.cases.len() == 1 => rule.told(""),
                Some(case) => rule.told(&format!(" of {case}")),
                None => rule.told(" over all cases"),
            })
            .collect();
        (!told.is_empty()).then(|| told.join(" "))
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
    use super::super::samples::{row, terms};
    use super::*;
    use Verdict::{Failed, Invalid, Valid};

    /// A trial in the second place of a block.
    fn second(case: &str, block: u32, arm: Arm, verdict: Verdict) -> Row {
        Row { case: case.to_owned(), block, ..row(arm, 2, verdict) }
    }

    #[test]
    fn a_case_whose_last_three_blocks_end_at_failed_trials_is_dead() {
        let of = |ends: &[(Arm, Verdict)]| {
            let rows = ends.iter().zip(1..).flat_map(|((arm, verdict), block)| {
                let first = Row { block, ..row(Arm::Base, 1, Valid) };
                let other = Row { case: "other".to_owned(), ..first.clone() };
                [first, second("sse", block, *arm, *verdict), other]
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

    /// The broken blocks of a gate whose cases broke so many at trials of the base and of the head.
    fn broken(cases: &[(&str, &[Verdict], &[Verdict])]) -> Broken {
        let rows = cases.iter().flat_map(|(case, base, head)| {
            let base = base.iter().map(|verdict| (Arm::Base, *verdict));
            let ends = base.chain(head.iter().map(|verdict| (Arm::Head, *verdict)));
            ends.zip(1..).map(|((arm, verdict), block)| second(case, block, arm, verdict))
        });
        let ids: Vec<&str> = cases.iter().map(|(case, ..)| *case).collect();
        Broken::of(&terms(&ids, Vec::new()).cases, &rows.collect::<Vec<_>>())
    }

    #[test]
    fn a_head_that_breaks_more_blocks_than_chance_does_not_pass_and_the_rule_is_named() {
        let sign = |found: &str| {
            format!(
                "No pass: {found} % of gates, and the limit is 5 %. See head/trials.csv for the reasons."
            )
        };
        for (base, head, expected) in [
            (&[][..], &[][..], None),
            (&[], &[Failed], None),
            (
                &[],
                &[Failed, Failed],
                Some("No pass: 2 head trials failed and no base trial did. See head/trials.csv for the reasons.".to_owned()),
            ),
            (&[Failed], &[Failed, Failed], None),
            (&[], &[Invalid; 4], None),
            (
                &[],
                &[Invalid; 5],
                Some(sign("5 of 5 broken blocks ended at a head trial. Chance explains so many in 3.12")),
            ),
            (&[Invalid], &[Invalid; 6], None),
            (
                &[Invalid],
                &[Invalid; 7],
                Some(sign("7 of 8 broken blocks ended at a head trial. Chance explains so many in 3.52")),
            ),
            (&[Invalid; 5], &[], None),
        ] {
            let broken = broken(&[("sse", base, head)]);
            assert_eq!(broken.told(), expected, "{base:?} {head:?}");
            assert_eq!(broken.blames_head(), expected.is_some());
        }
    }

    #[test]
    fn no_case_hides_behind_the_even_breaks_of_another() {
        type Breaks = (&'static [Verdict], &'static [Verdict]);
        // Of `sse`, of `websocket`, and what is said.
        let cases: [(Breaks, Breaks, Option<&str>); 8] = [
            ((&[], &[Invalid; 5]), (&[], &[]), Some("5 of 5 broken blocks of sse")),
            ((&[], &[Invalid; 5]), (&[Invalid; 5], &[Invalid; 5]), None),
            ((&[], &[Invalid; 6]), (&[Invalid; 5], &[Invalid; 5]), Some("the limit is 1.67 %")),
            (
                (&[], &[Invalid; 3]),
                (&[], &[Invalid; 3]),
                Some("6 of 6 broken blocks over all cases"),
            ),
            (
                (&[], &[Failed; 2]),
                (&[Failed; 2], &[Failed; 2]),
                Some("2 head trials of sse failed"),
            ),
            ((&[], &[Failed]), (&[], &[Failed]), Some("2 head trials over all cases failed")),
            ((&[], &[Failed]), (&[Failed], &[Failed]), None),
            ((&[], &[Failed; 2]), (&[], &[Failed; 3]), Some("3 head trials of websocket failed")),
        ];
        for ((base, head), (other_base, other_head), expected) in cases {
            let broken = broken(&[("sse", base, head), ("websocket", other_base, other_head)]);
            let told = broken.told();
            let said = told.as_deref().unwrap_or_default();
            assert_eq!(told.is_some(), expected.is_some(), "{said}");
            assert!(said.contains(expected.unwrap_or_default()), "{said}");
            // What is said of one case says nothing of the other.
            let of_other = said.contains("websocket") || said.contains("over all");
            assert_eq!(broken.told_of("websocket").is_some(), of_other, "{said}");
        }
    }

    /// All that chance can do with so many broken blocks per case, weighed by its probability.
    #[test]
    fn equal_sides_lose_a_pass_to_the_sign_tests_in_at_most_5_percent_of_gates() {
        for ended in [&[5][..], &[8], &[20], &[6, 6], &[9, 1], &[7, 7, 7], &[20, 3, 12], &[2; 6]] {
            let coins: Vec<Vec<f64>> = ended.iter().map(|n| fair_coin(*n)).collect();
            let ways: usize = ended.iter().map(|n| n + 1).product();
            let mut blamed = 0.0;
            for mut way in 0..ways {
                let mut probability = 1.0;
                let mut cases = Vec::new();
                for (n, coin) in ended.iter().zip(&coins) {
                    let head = way % (n + 1);
                    way /= n + 1;
                    probability *= coin[head];
                    let counts = Counts { ended: [n - head, head], ..Counts::default() };
                    cases.push((String::new(), counts));
                }
                let is_blamed = Broken { cases }.blames_head();
                blamed += if is_blamed { probability } else { 0.0 };
            }
            assert!((0.001..=FALSE_BLAMES).contains(&blamed), "{ended:?}: {blamed}");
        }
    }

    #[test]
    fn a_block_counts_once_and_a_confirming_trial_not_at_all() {
        let in_block = |block, row| Row { block, ..row };
        let rows = [
            in_block(1, row(Arm::Head, 1, Valid)),
            in_block(1, row(Arm::Base, 2, Invalid)),
            in_block(2, row(Arm::Head, 1, Failed)),
            in_block(3, row(Arm::Head, CONFIRMS, Invalid)),
        ];
        assert_eq!(Counts::of(&rows, "sse"), Counts { ended: [1, 1], failed: [0, 1] });
        assert_eq!(Counts::of(&rows, "websocket"), Counts::default());
    }
}
