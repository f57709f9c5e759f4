//! Does a comparison claim what is not there, and find what is? Simulated runs, through the public judge.

use std::collections::BTreeMap;

use tidings::judge::{
    CaseSummary, Claim, Disturbed, FloorRatio, Offered, Tally, comparison, estimate,
};
use tidings::measure::Ledger;
use tidings::pace::Rng;
use tidings::record::Figure;
use tidings::scenario::PatternKind;

/// The columns that rankings use.
const COLUMNS: [&str; 5] = [
    "freshness_ns_p50",
    "target_cpu_cores",
    "wire_bytes_per_s",
    "target_memory_bytes",
    "cost_per_1k_clients_month",
];

/// A trial's own noise, independent of its neighbours, as a share.
const OWN: f64 = 0.05;
/// Noise of the machine, which lasts from trial to trial.
const SHARED: f64 = 0.06;
/// Lag-one autocorrelation of that.
const LASTS: f64 = 0.7;
/// How much the machine slows down over the run.
const DRIFT: f64 = 0.3;

fn normal(rng: &mut Rng) -> f64 {
    (2.0 * rng.exponential()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos()
}

/// `blocks` trials of two cases in random order within each block; the second is `factor` times the first.
fn pairs(rng: &mut Rng, blocks: u32, factor: f64) -> [BTreeMap<u32, Figure>; 2] {
    let mut cases = [BTreeMap::new(), BTreeMap::new()];
    let mut machine = normal(rng);
    for block in 1..=blocks {
        let first = rng.below(2) as usize;
        for case in [first, 1 - first] {
            machine = LASTS * machine + (1.0 - LASTS * LASTS).sqrt() * normal(rng);
            let drift = DRIFT * f64::from(block) / f64::from(blocks);
            let noise = drift + SHARED * machine + OWN * normal(rng);
            let level = if case == 1 { factor } else { 1.0 };
            cases[case].insert(block, Figure::Value(1e6 * level * noise.exp()));
        }
    }
    cases
}

/// A run of two cases, of which `columns` were measured.
fn run(rng: &mut Rng, blocks: u32, factor: f64, columns: &[&'static str]) -> [CaseSummary; 2] {
    let mut cases = [PatternKind::Sse, PatternKind::WebSocket].map(|pattern| CaseSummary {
        case: pattern.name().to_owned(),
        pattern,
        offered: Offered {
            clients: 10,
            topics: 1,
            events_per_s: Some(1.0),
            requests_per_s: None,
            payload_bytes: 10,
        },
        verdict: None,
        trials: Tally { valid: blocks as usize, ..Tally::default() },
        ledger: Ledger::default(),
        counts: BTreeMap::new(),
        reach_worst: None,
        figures: BTreeMap::new(),
        by_block: BTreeMap::new(),
        bounds: BTreeMap::new(),
        floor: FloorRatio::default(),
        disturbed: Disturbed::default(),
    });
    for column in columns {
        for (case, by_block) in cases.iter_mut().zip(pairs(rng, blocks, factor)) {
            let figures: Vec<Figure> = by_block.values().copied().collect();
            case.figures.extend(estimate(&figures).map(|estimate| (*column, estimate)));
            case.by_block.insert(column, by_block);
        }
    }
    cases
}

/// Least n with P(X > n) ≤ 1 %, X binomial of `draws` at `p`.
fn most_by_chance(draws: u32, p: f64) -> u32 {
    let mut term = (1.0 - p).powi(draws as i32);
    let (mut sum, mut n) = (term, 0);
    while sum < 0.99 {
        term *= f64::from(draws - n) / f64::from(n + 1) * p / (1.0 - p);
        sum += term;
        n += 1;
    }
    n
}

#[test]
fn the_bound_of_chance_is_that_of_the_tables() {
    assert_eq!((most_by_chance(100, 0.01), most_by_chance(100, 0.05)), (4, 11));
}

#[test]
fn a_hundred_comparisons_of_a_case_with_itself_claim_no_more_than_chance() {
    for blocks in [10, 20] {
        for (columns, what) in [(&COLUMNS[..1], "one axis"), (&COLUMNS[..], "five axes (Holm)")] {
            let (mut at_1, mut at_5) = (0, 0);
            for seed in 0..100 {
                let rankings = comparison(&run(&mut Rng::new(seed, 1), blocks, 1.0, columns));
                assert_eq!(rankings.len(), columns.len());
                at_1 += u32::from(rankings.iter().any(|ranking| ranking.p.unwrap_or(1.0) <= 0.01));
                at_5 += u32::from(rankings.iter().any(|r| matches!(r.claim, Claim::Shown(_))));
            }
            assert!(at_1 <= most_by_chance(100, 0.01), "{what}, {blocks} blocks: {at_1} at 1 %");
            assert!(at_5 <= most_by_chance(100, 0.05), "{what}, {blocks} blocks: {at_5} at 5 %");
        }
    }
}

#[test]
fn ten_percent_more_are_found_by_twenty_pairs() {
    for columns in [&COLUMNS[..1], &COLUMNS[..]] {
        let found: usize = (0..100)
            .map(|seed| {
                let rankings = comparison(&run(&mut Rng::new(seed, 2), 20, 1.1, columns));
                let shown = |r: &&tidings::judge::Ranking| {
                    matches!(r.claim, Claim::Shown(_)) && r.order[0].case == "sse"
                };
                rankings.iter().filter(shown).count()
            })
            .sum();
        let all = 100 * columns.len();
        assert!(found * 10 >= all * 9, "{found} of {all}");
    }
}
