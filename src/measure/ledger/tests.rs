use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn an_undisturbed_link_loses_nothing() {
    let mut ledger = LinkLedger::new(3..6);
    for seq in 1..8 {
        assert_eq!(ledger.receive(seq, false), Arrival::New);
    }
    assert!(ledger.complete());
    let expected = Ledger { expected: 3, delivered: 3, ..Ledger::default() };
    assert_eq!(ledger.totals(), expected);
}

#[test]
fn a_written_off_event_is_lost_and_not_waited_for() {
    let mut ledger = LinkLedger::new(3..9);
    for seq in [1, 2, 3, 6] {
        ledger.receive(seq, false);
    }
    assert_eq!(ledger.write_off(2..8), 3, "4, 5 and 7 have not come");
    assert!(!ledger.complete(), "8 is still to come");
    ledger.receive(8, false);
    assert!(ledger.complete());
    assert_eq!((ledger.totals().lost, ledger.totals().delivered), (3, 3));
    assert_eq!(ledger.write_off(1..4), 0, "all of them came before");
}

#[test]
fn events_of_a_restarted_log_are_neither_delivered_nor_duplicates() {
    let mut ledger = LinkLedger::new(1..9);
    for seq in 1..=4 {
        ledger.receive(seq, false);
    }
    assert_eq!(ledger.write_off(5..6), 1);
    assert_eq!((ledger.close(), ledger.close()), (3, 0), "one was written off before");
    assert!(ledger.complete() && ledger.is_closed());
    let totals = ledger.totals();
    assert_eq!((totals.delivered, totals.lost, totals.duplicate), (4, 4, 0));
    assert!(totals.balances());
    let mut ledger = LinkLedger::new(1..9);
    assert_eq!(ledger.receive_at(3, 70, false), Arrival::New);
    ledger.begin_places();
    assert_eq!(ledger.receive_at(2, 1, false), Arrival::New);
    assert_eq!(ledger.receive_at(3, 2, false), Arrival::Duplicate, "known by its number");
}

#[test]
fn a_hole_is_a_loss_until_it_is_filled() {
    let mut ledger = LinkLedger::new(1..5);
    for seq in [1, 2, 4] {
        ledger.receive(seq, false);
    }
    assert_eq!((ledger.totals().lost, ledger.cursor()), (1, 2));
    assert_eq!(ledger.receive(3, true), Arrival::Reordered);
    assert_eq!(ledger.receive(3, true), Arrival::Duplicate);
    let Ledger { lost, reordered, late, duplicate, .. } = ledger.totals();
    assert_eq!((lost, reordered, late, duplicate, ledger.cursor()), (0, 1, 1, 1, 4));
}

#[test]
fn a_clients_event_is_identified_by_its_number_and_ordered_by_its_place() {
    let mut ledger = LinkLedger::new(1..5);
    for (seq, place, arrival) in [
        (2, 1, Arrival::New),
        (1, 2, Arrival::New),
        (4, 4, Arrival::New),
        (3, 3, Arrival::Reordered),
        (3, 5, Arrival::Duplicate),
    ] {
        assert_eq!(ledger.receive_at(seq, place, false), arrival, "{seq} at {place}");
    }
    let Ledger { delivered, lost, reordered, duplicate, .. } = ledger.totals();
    assert_eq!((delivered, lost, reordered, duplicate), (4, 0, 1, 1));
}

#[test]
fn closed_loop_requests_are_expected_when_they_are_sent() {
    let mut ledger = LinkLedger::new(1..1);
    ledger.receive(1, false);
    for (seq, answered) in [(2, true), (3, false), (4, true)] {
        ledger.expect(seq);
        assert!(!ledger.complete() && ledger.totals().balances());
        if answered {
            ledger.receive(seq, seq == 4);
        }
    }
    let expected = Ledger { expected: 3, delivered: 2, lost: 1, late: 1, ..Ledger::default() };
    assert_eq!(ledger.totals(), expected);
}

proptest! {
    #[test]
    fn any_order_of_arrivals_is_booked_as_a_plain_set_would(
        seqs in proptest::collection::vec(1..40u64, 0..120), start in 1..20u64, len in 0..20u64,
    ) {
        let window = start..start + len;
        let mut ledger = LinkLedger::new(window.clone());
        let (mut seen, mut expected) = (BTreeSet::new(), Ledger::default());
        for seq in seqs {
            let later = seen.last().is_some_and(|&last| last > seq);
            let new = seen.insert(seq);
            ledger.receive(seq, false);
            if window.contains(&seq) {
                expected.duplicate += u64::from(!new);
                expected.reordered += u64::from(new && later);
            }
        }
        expected.expected = len;
        expected.delivered = seen.iter().filter(|seq| window.contains(seq)).count() as u64;
        expected.lost = len - expected.delivered;
        prop_assert_eq!(ledger.totals(), expected);
        prop_assert!(ledger.totals().balances());
        let contiguous = (1..=40).take_while(|seq| seen.contains(seq)).count() as u64;
        prop_assert_eq!(ledger.cursor(), contiguous);
    }
}
