use super::*;
use crate::pace::Rng;

/// Uniform in −1 to 1.
fn noise(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

const METRIC: Metric =
    Metric { column: "freshness_ns_p50", tolerance: 0.05, worse: Worse::More, gated: true };

/// Blocks of a gate whose head is worse by `change`, on a machine that drifts, with an effect of each slot.
fn blocks(n: u32, seed: u64, change: f64, spread: f64, slots: [f64; 4]) -> Vec<Block> {
    let mut rng = Rng::new(seed, 1);
    let block = |number: u32| {
        let order = Order::draw(seed, 0, number);
        let (level, drift) = (0.3 * noise(&mut rng), 0.02 * noise(&mut rng));
        let mut slot = 0;
        let values = order.arms().map(|arm| {
            let of_arm = if arm == Arm::Head { change } else { 0.0 };
            let drift = drift * f64::from(slot);
            let value = level + of_arm + drift + slots[slot as usize] + spread * noise(&mut rng);
            slot += 1;
            5e6 * value.exp()
        });
        Block { order, values }
    };
    (1..=n).map(block).collect()
}

fn design(blocks: u32) -> Design {
    Design { claims: 2, blocks, seed: 7 }
}

#[test]
fn orders_are_fair_coins_and_their_blocks_cancel_a_linear_drift() {
    let count = (1..=4_000).filter(|block| Order::draw(5, 1, *block) == Order::Abba).count();
    assert!((1_850..2_150).contains(&count), "{count}");
    for order in [Order::Abba, Order::Baab] {
        let values = [0, 1, 2, 3].map(|slot| (0.1 * f64::from(slot)).exp());
        let Contrast { difference, controls } = Contrast::of(&Block { order, values }, Worse::More);
        assert!(difference.abs() < 1e-12, "{order:?}: {difference}");
        // The side in the outer slots is three steps of drift apart, the other one.
        let expected = if order == Order::Abba { [0.3, 0.1] } else { [0.1, 0.3] };
        for (control, expected) in controls.into_iter().zip(expected) {
            assert!((control - expected).abs() < 1e-12, "{order:?}: {controls:?}");
        }
    }
}

#[test]
fn each_block_at_most_doubles_the_evidence_and_a_fair_sign_leaves_it() {
    for (claims, fewest) in [(1, 7), (2, 8), (3, 9), (5, 10), (10, 11), (1_000, 17)] {
        assert_eq!(fewest_blocks(claims), fewest);
        let alpha = FALSE_FAILURES / claims as f64;
        let huge = vec![4.99; fewest as usize];
        assert!(lower_bound(&huge, alpha) > 0.0, "{claims}: possible with {fewest}");
        assert!(lower_bound(&huge[1..], alpha) < 0.0, "{claims}: and not with fewer");
    }
    for size in [1e-6, 0.003, 0.05, 2.0] {
        let [mut plus, mut minus] = [Evidence::default(); 2];
        plus.push(size);
        minus.push(-size);
        let mean = f64::midpoint(plus.value(), minus.value());
        assert!((mean - 1.0).abs() < 1e-9, "{size}: {mean}");
    }
}

/// Every way in which the signs of some sizes can fall, each as likely as any other: the share of them in which the capital ever
/// reaches 1 ÷ α is at most α. No simulation: this is the whole probability.
#[test]
fn over_all_signs_the_evidence_ever_reaches_its_level_as_rarely_as_promised() {
    let blocks = 12;
    let sizes: [fn(usize) -> f64; 5] = [
        |_| 0.03,
        |at| 0.001 * 1.8_f64.powi(at as i32),
        |at| 1.0 / 1.8_f64.powi(at as i32),
        |at| if at == 3 { 0.7 } else { 0.02 },
        |at| if at % 2 == 0 { 1e-5 } else { 0.1 },
    ];
    for (kind, size) in sizes.into_iter().enumerate() {
        let mut highest = Vec::new();
        for signs in 0_u32..1 << blocks {
            let mut evidence = Evidence::default();
            let mut high = 0.0_f64;
            for at in 0..blocks {
                let sign = if signs >> at & 1 == 0 { 1.0 } else { -1.0 };
                evidence.push(sign * size(at));
                high = high.max(evidence.value());
            }
            highest.push(high);
        }
        for alpha in [0.2, 0.05, 0.01, 0.005] {
            let reached = highest.iter().filter(|high| **high >= 1.0 / alpha).count();
            let share = reached as f64 / highest.len() as f64;
            assert!(share <= alpha, "sizes {kind}: {share} at {alpha}");
        }
        // The test can fail: some signs do reach it.
        assert!(highest.iter().any(|high| *high >= 20.0), "sizes {kind}");
    }
}

/// In another language, by the formula 1 + c tanh(λx) in Python's floats, and bisection over the products.
#[test]
fn evidence_and_bounds_are_those_of_another_implementation() {
    let mut evidence = Evidence::default();
    for (x, expected) in [
        (0.03, 1.769_433_430_833_434_3),
        (-0.01, 0.508_900_019_560_774_4),
        (0.08, 0.879_430_451_635_204),
        (0.05, 1.468_034_449_709_531_3),
    ] {
        evidence.push(x);
        assert!((evidence.value() - expected).abs() < 1e-12, "{x}: {}", evidence.value());
    }
    let bound = lower_bound(&[0.03, 0.08, 0.05, 0.06, 0.04, 0.07], 0.05);
    assert!((bound - 0.030_029_046_108_783_85).abs() < 1e-9, "{bound}");
}

/// A machine that stumbles under the wrong side in a block of eight does not ruin what all other blocks show.
#[test]
fn a_few_blocks_against_the_others_do_not_hide_a_change() {
    let differences: Vec<f64> =
        (0..50).map(|block| if block % 8 == 3 { -0.7 } else { 0.1 }).collect();
    assert!(lower_bound(&differences, 0.005) > 0.0);
    let none: Vec<f64> = (0..50).map(|block| if block % 2 == 0 { -0.7 } else { 0.7 }).collect();
    assert!(lower_bound(&none, 0.05) < 0.0);
}

/// Ville's bound, over every moment at which one could stop, on differences with heavy tails and few large values.
#[test]
fn equal_sides_fail_in_at_most_one_gate_of_a_hundred() {
    let gates = 4_000;
    let mut failed = 0;
    for gate in 0..gates {
        let mut rng = Rng::new(99, gate);
        let differences: Vec<f64> =
            (0..20).map(|_| 0.08 * noise(&mut rng) / (0.1 + noise(&mut rng).abs())).collect();
        failed += u32::from(lower_bound(&differences, 0.01) > 0.0);
    }
    assert!(failed <= gates as u32 / 100, "{failed} of {gates}");
}

#[test]
fn a_regression_fails_no_change_passes_and_an_improvement_passes() {
    let mut moved = 0;
    for seed in 0..40 {
        let found =
            |change: f64| find(&design(13), &METRIC, &blocks(13, seed, change, 0.02, [0.0; 4]));
        let worse = found(0.1);
        assert!(worse.lower_of_all > 0.0 && worse.lower < 0.1 && worse.upper > 0.1, "{worse:?}");
        assert!((worse.estimate - 0.1).abs() < 0.02, "{worse:?}");
        if worse.outcome == Outcome::MachineMoved {
            moved += 1;
            continue;
        }
        assert_eq!(worse.outcome, Outcome::Fail, "{seed}: {worse:?}");
        assert_eq!(found(0.0).outcome, Outcome::Pass, "{seed}");
        assert_eq!(found(-0.2).outcome, Outcome::Pass, "{seed}");
    }
    // Two controls, each with 99 % confidence.
    assert!(moved <= 3, "{moved} of 40");
    let less = Metric { worse: Worse::Less, ..METRIC };
    let fallen = find(&design(13), &less, &blocks(13, 3, -0.1, 0.02, [0.0; 4]));
    assert_eq!(fallen.outcome, Outcome::Fail);
    let noisy = find(&design(8), &METRIC, &blocks(8, 3, 0.0, 0.3, [0.0; 4]));
    assert_eq!(noisy.outcome, Outcome::Inconclusive, "{noisy:?}");
    let few = find(&design(13), &METRIC, &blocks(3, 1, 0.5, 0.0, [0.0; 4]));
    assert_eq!(few.outcome, Outcome::Inconclusive, "{few:?}");
}

#[test]
fn identical_values_pass_and_a_constant_step_of_a_hundredth_fails() {
    let bytes = Metric { tolerance: 0.005, ..METRIC };
    let exact = |head: f64| -> Vec<Block> {
        let value = |arm| if arm == Arm::Head { head } else { 257.6 };
        let block = |number| {
            let order = Order::draw(1, 0, number);
            Block { order, values: order.arms().map(value) }
        };
        (1..=10).map(block).collect()
    };
    let design = Design { claims: 3, blocks: 13, seed: 1 };
    assert_eq!(find(&design, &bytes, &exact(257.6)).outcome, Outcome::Pass);
    assert_eq!(find(&design, &bytes, &exact(259.6)).outcome, Outcome::Fail);
}

#[test]
fn a_machine_that_moves_within_blocks_is_told_and_slots_are_estimated_without_the_sides() {
    let slots = [0.0, 0.0, 0.0, 0.12];
    let found = find(&design(20), &METRIC, &blocks(20, 4, 0.0, 0.005, slots));
    assert_eq!(found.outcome, Outcome::MachineMoved, "{found:?}");
    assert!(found.controls.iter().any(|control| control.moved && control.estimate > 0.025));
    let steady = find(&design(40), &METRIC, &blocks(40, 4, 0.3, 0.005, [-0.03, -0.01, 0.01, 0.03]));
    for (slot, expected) in steady.slots.into_iter().zip([-0.03, -0.01, 0.01, 0.03]) {
        assert!((slot - expected).abs() < 0.006, "{:?}", steady.slots);
    }
}

/// What is decided block by block is what the bounds of all blocks say.
#[test]
fn a_course_decides_as_the_bounds_do() {
    let mut seen = std::collections::BTreeMap::new();
    for seed in 0..120 {
        let change = [0.0, 0.03, 0.08, 0.2][seed as usize % 4];
        let slots = if seed % 5 == 0 { [0.0, 0.0, 0.0, 0.1] } else { [0.0; 4] };
        let all = blocks(16, seed, change, 0.04, slots);
        let mut course = Course::<Evidence>::new(&design(16), &METRIC);
        for (at, block) in all.iter().enumerate() {
            course.push(Contrast::of(block, METRIC.worse));
            let found = find(&design(16), &METRIC, &all[..=at]);
            let tolerated = METRIC.tolerance.ln_1p();
            let expected = if found.controls.iter().any(|control| {
                (control.lower > 0.0 || control.upper < 0.0)
                    && control.estimate.abs() > tolerated / 2.0
            }) {
                Outcome::MachineMoved
            } else if found.lower_of_all > 0.0 && found.estimate > tolerated {
                Outcome::Fail
            } else if found.upper < tolerated {
                Outcome::Pass
            } else {
                Outcome::Inconclusive
            };
            assert_eq!((course.outcome(), found.outcome), (expected, expected), "{seed}, {at}");
            *seen.entry(format!("{expected:?}")).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 4, "every outcome is met: {seen:?}");
}

/// At the change that a gate calls its smallest visible one, four of five *other* gates of the same machine fail: the noise of a few
/// blocks is known only roughly, and that is allowed for.
#[test]
fn the_smallest_visible_change_is_found_in_four_gates_of_five() {
    let design = design(13);
    let (mut fails, mut gates) = (0, 0);
    for seed in 0..40 {
        let measured = blocks(13, 1_000 + seed, 0.0, 0.1, [0.0; 4]);
        let change = smallest_visible(&design, &METRIC, &measured).unwrap();
        assert!(change > METRIC.tolerance.ln_1p(), "{change}");
        for gate in 0..50 {
            let fresh = blocks(13, 10_000 + 50 * seed + gate, 0.0, 0.1, [0.0; 4]);
            let fresh: Vec<Contrast> =
                fresh.iter().map(|block| Contrast::of(block, METRIC.worse)).collect();
            fails += u32::from(found(&design, &METRIC, &fresh, change));
            gates += 1;
        }
    }
    let share = f64::from(fails) / f64::from(gates);
    assert!((0.75..=0.85).contains(&share), "{fails} of {gates}");
    // A third of the blocks are broken on this machine: a further gate would have ten.
    assert_eq!(Design { blocks: 15, ..design }.of_whole_blocks(8, 4).blocks, 10);
    assert_eq!(Design { blocks: 15, ..design }.of_whole_blocks(0, 0).blocks, 0);
    let few = blocks(3, 1, 0.0, 0.04, [0.0; 4]);
    assert_eq!(smallest_visible(&design, &METRIC, &few), None);
}

/// A head that is worse is not found where the machine's own movement hides it.
#[test]
fn a_change_is_not_visible_to_a_gate_whose_controls_move() {
    let moved = blocks(13, 3, 0.0, 0.005, [0.0, 0.1, 0.2, 0.3]);
    let contrasts: Vec<Contrast> = moved.iter().map(|b| Contrast::of(b, METRIC.worse)).collect();
    assert!(!found(&design(13), &METRIC, &contrasts, 0.2));
    assert_eq!(smallest_visible(&design(13), &METRIC, &moved), None);
    let still = blocks(13, 3, 0.0, 0.005, [0.0; 4]);
    let contrasts: Vec<Contrast> = still.iter().map(|b| Contrast::of(b, METRIC.worse)).collect();
    assert!(found(&design(13), &METRIC, &contrasts, 0.2));
}
