//! Lost and repeated deliveries of a case: which of them fail a gate, which withhold a pass, and which are chance.

use super::Arm;
use super::document::{Document, Terms};
use super::table::{CONFIRMS, Row};
use crate::stats::binomial_bounds;

/// The level at which more losses of the head than of the base withhold a pass.
const EXCESS: f64 = 0.01;

/// Lost and repeated deliveries of a case.
#[expect(clippy::struct_excessive_bools, reason = "what may be said of losses, each by itself")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Id of the case.
    pub case: String,
    /// Usable trials of each side with lost or repeated deliveries.
    pub trials: [usize; 2],
    /// Deliveries that were lost, by side.
    pub lost: [u64; 2],
    /// Deliveries that came again, by side.
    pub duplicate: [u64; 2],
    /// Whether a loss of the head awaits its confirmation.
    pub unconfirmed: bool,
    /// Whether the head alone lost deliveries more than once, in trials that the machine disturbed or that others refuted.
    pub doubtful: bool,
    /// Whether the head lost or repeated far more deliveries than the base, and has not failed by them.
    pub excess: bool,
    /// Whether the head alone lost or repeated deliveries, twice.
    pub failed: bool,
}

/// Whether a case needs one more head trial: one of the head's lost or repeated deliveries, and none of the base's did.
pub fn needs_confirmation(document: &Document, rows: &[Row], case: usize) -> bool {
    let terms = &document.terms;
    is_unconfirmed(terms, rows, &terms.cases[case].id)
}

/// Whether the head, and not the base, lost or repeated deliveries, and that is neither confirmed nor refuted: once, or with too few
/// trials of the base beside it.
fn is_unconfirmed(terms: &Terms, rows: &[Row], case: &str) -> bool {
    let certain = certain(terms, rows, case);
    !base_is_spoilt(rows, case) && certain > 0 && !(certain > 1 && base_is_known(rows, case))
}

/// Whether any trial of the base lost or repeated deliveries, for whatever reason, usable or not.
fn base_is_spoilt(rows: &[Row], case: &str) -> bool {
    let of = |row: &&Row| row.case == case && row.arm == Arm::Base;
    rows.iter().filter(of).any(Row::is_spoilt)
}

/// Whether as many trials of the base can be used as must confirm a loss of the head: of a base that was never measured, "none" says
/// nothing.
fn base_is_known(rows: &[Row], case: &str) -> bool {
    let of = |row: &&Row| row.case == case && row.arm == Arm::Base && row.verdict.usable();
    rows.iter().filter(of).count() >= 2
}

/// Usable trials of the head that lost or repeated deliveries, and not because the machine stood still, after the last confirming
/// trial that lost nothing.
fn certain(terms: &Terms, rows: &[Row], case: &str) -> usize {
    let of = |row: &&Row| row.case == case && row.arm == Arm::Head && row.verdict.usable();
    let head: Vec<&Row> = rows.iter().filter(of).collect();
    let refutes = |row: &&Row| row.slot == CONFIRMS && !row.is_spoilt();
    let from = head.iter().rposition(refutes).map_or(0, |at| at + 1);
    head[from..].iter().filter(|row| row.is_spoilt_for_certain(terms.drain_s)).count()
}

/// What the trials of a case lost and repeated, and what follows.
pub(super) fn losses(terms: &Terms, rows: &[Row], case: &str) -> Losses {
    let mut losses = Losses { case: case.to_owned(), ..Losses::default() };
    let of_case = rows.iter().filter(|row| row.case == case);
    for row in of_case.filter(|row| row.verdict.usable() && row.is_spoilt()) {
        let side = usize::from(row.arm == Arm::Head);
        losses.trials[side] += 1;
        let Some(account) = row.account else { continue };
        losses.lost[side] += account.lost;
        losses.duplicate[side] += account.duplicate;
    }
    losses.unconfirmed = is_unconfirmed(terms, rows, case);
    if !base_is_spoilt(rows, case) {
        losses.failed = certain(terms, rows, case) >= 2 && base_is_known(rows, case);
        losses.doubtful = !losses.failed && !losses.unconfirmed && losses.trials[1] >= 2;
    }
    losses.excess = !losses.failed && is_excess(terms, rows, case);
    losses
}

/// Whether the head, in two trials or more, lost or repeated more deliveries than the base in all of its own, where chance at ½
/// explains its share in at most 1 % (exact binomial test). Losses come in clusters, so this withholds a pass and fails nothing.
fn is_excess(terms: &Terms, rows: &[Row], case: &str) -> bool {
    let of = |arm: Arm| rows.iter().filter(move |row| row.case == case && row.arm == arm);
    let certain = || {
        of(Arm::Head).filter(|row| row.verdict.usable() && row.is_spoilt_for_certain(terms.drain_s))
    };
    let spoilt = |row: &Row| row.account.map_or(0.0, |of| of.lost as f64 + of.duplicate as f64);
    let base: f64 = of(Arm::Base).map(spoilt).sum();
    let head: f64 = certain().map(spoilt).sum();
    certain().count() >= 2 && binomial_bounds(head, head + base, 1.0 - EXCESS).0 > 0.5
}

#[cfg(test)]
mod tests {
    use crate::record::Verdict::{Degraded, Invalid, Valid};

    use super::super::samples::{losing, row, terms};
    use super::*;

    /// What is found of the case `sse`.
    fn found(rows: &[Row]) -> Losses {
        losses(&terms(&["sse"], Vec::new()), rows, "sse")
    }

    /// A valid trial that lost so many deliveries.
    fn lost(arm: Arm, slot: u32, lost: u64) -> Row {
        losing(lost, row(arm, slot, Valid))
    }

    #[test]
    fn a_loss_counts_once_it_is_repeated_is_the_heads_alone_and_not_the_machines() {
        let (base, head) = (Arm::Base, Arm::Head);
        // Each trial: side, verdict, lost, the slowest arrival in ms. Then: failed, to be confirmed, doubtful.
        for (trials, expected) in [
            (&[(head, Valid, 0, 9.0), (base, Valid, 0, 9.0)][..], [false; 3]),
            (&[(head, Valid, 1, 9.0)], [false, true, false]),
            (
                &[
                    (base, Valid, 0, 9.0),
                    (head, Valid, 1, 9.0),
                    (head, Valid, 3, 900.0),
                    (base, Degraded, 0, 9.0),
                ],
                [true, false, false],
            ),
            (
                &[
                    (base, Valid, 0, 9.0),
                    (base, Valid, 0, 9.0),
                    (head, Degraded, 1, 9.0),
                    (head, Degraded, 3, 9.0),
                ],
                [true, false, false],
            ),
            // "None in the base" says nothing of a base that could not be measured.
            (
                &[(head, Valid, 1, 9.0), (base, Invalid, 0, 9.0), (head, Valid, 3, 9.0)],
                [false, true, false],
            ),
            // Nor does an invalid trial hide what the base lost.
            (
                &[
                    (base, Valid, 0, 9.0),
                    (base, Valid, 0, 9.0),
                    (base, Invalid, 1, 9.0),
                    (head, Valid, 1, 9.0),
                    (head, Valid, 3, 9.0),
                ],
                [false; 3],
            ),
            // The machine stood still for longer than half of the drain.
            (&[(head, Degraded, 9, 900.0), (head, Degraded, 9, 700.0)], [false, false, true]),
            (&[(head, Degraded, 9, 900.0)], [false; 3]),
            (&[(head, Invalid, 1, 9.0), (head, Invalid, 1, 9.0)], [false; 3]),
            // The base loses, too, whatever the reason.
            (
                &[(head, Valid, 1, 9.0), (head, Valid, 3, 9.0), (base, Degraded, 1, 900.0)],
                [false; 3],
            ),
            (&[(base, Valid, 1, 9.0), (base, Valid, 1, 9.0)], [false; 3]),
        ] {
            let rows: Vec<Row> = trials
                .iter()
                .zip(1..)
                .map(|(&(arm, verdict, lost, slowest_ms), slot)| {
                    let row = losing(lost, row(arm, slot, verdict));
                    Row { slowest_ns: Some(slowest_ms * 1e6), ..row }
                })
                .collect();
            let found = found(&rows);
            let told = [found.failed, found.unconfirmed, found.doubtful];
            assert_eq!(told, expected, "{trials:?}");
        }
    }

    #[test]
    fn a_further_trial_without_losses_refutes_those_before_it() {
        let (base, head) = (Arm::Base, Arm::Head);
        let refuted = [lost(head, 1, 1), lost(head, CONFIRMS, 0)];
        assert!(!found(&refuted).unconfirmed, "once is chance");
        let clean = [lost(base, 1, 0), lost(base, 4, 0)];
        let again = found(&[refuted.as_slice(), &clean, &[lost(head, 2, 1)]].concat());
        assert_eq!(
            (again.failed, again.unconfirmed),
            (false, true),
            "what was refuted counts no more"
        );
    }

    /// One loss of the base keeps the head from failing, but not every loss of the head can pass beside it.
    #[test]
    fn far_more_losses_than_the_base_has_are_an_excess() {
        for (of_base, of_head, excess) in
            [(1, [20, 20], true), (1, [40, 0], false), (3, [5, 5], false), (20, [20, 20], true)]
        {
            let [first, second] = of_head;
            let rows = [
                lost(Arm::Base, 1, of_base),
                lost(Arm::Head, 2, first),
                lost(Arm::Head, 3, second),
            ];
            let found = found(&rows);
            assert_eq!((found.failed, found.excess), (false, excess), "{of_base} {of_head:?}");
        }
    }

    #[test]
    fn what_one_case_loses_is_not_said_of_another() {
        let terms = terms(&["sse", "websocket"], Vec::new());
        let rows = [(Arm::Base, 1, 0), (Arm::Base, 4, 0), (Arm::Head, 2, 2), (Arm::Head, 3, 5)];
        let rows = rows.map(|(arm, slot, n)| lost(arm, slot, n));
        let [of, other] = ["sse", "websocket"].map(|case| losses(&terms, &rows, case));
        assert_eq!((of.failed, of.lost, of.trials), (true, [0, 7], [0, 2]));
        assert_eq!((other.failed, other.lost, other.trials), (false, [0, 0], [0, 0]));
    }
}
