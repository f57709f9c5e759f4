//! How often objectives on quantiles are judged wrongly, and how often they are decided: simulated runs over trials,
//! their variation, autocorrelation, sample size and true share. `cargo bench --bench objectives [-- ROUNDS]`
//!
//! Prints the cells with more than 5 % wrong verdicts, and for each of them the trials that would be enough.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../../src/stats/noise.rs"]
#[expect(dead_code, reason = "noise is shared with tests that need more of it")]
mod noise;
mod simulation;

use tidings::stats::{FEW, Stretch, TrialShare, indicator_effect, share_bounds};

use simulation::{Cell, simulate};

/// Wrong verdicts that a confidence of 95 % allows.
const ALLOWED: f64 = 0.05;
const TRIALS: [u64; 6] = [1, 2, 3, 5, 8, 10];
const VARIATIONS: [f64; 5] = [0.0, 0.1, 0.25, 0.5, 1.0];
const TAUS: [u64; 3] = [1, 10, 100];
const EXPECTED: [f64; 6] = [1.0, 3.0, 10.0, 30.0, 100.0, 1_000.0];
const RATIOS: [f64; 7] = [0.5, 0.8, 0.9, 1.0, 1.1, 1.25, 2.0];

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse().ok());
    let rounds = rounds.unwrap_or(1_000);
    println!(
        "share / limit: wrong % (worst over tau and n) and decided % (n x limit = 30, tau = 1)"
    );
    print!("{:>6} {:>4}", "trials", "cv");
    for ratio in RATIOS {
        print!(" {ratio:>13}");
    }
    println!();
    let mut bad: Vec<(Cell, f64)> = Vec::new();
    for variation in VARIATIONS {
        for trials in TRIALS {
            print!("{trials:>6} {variation:>4}");
            for ratio in RATIOS {
                let (mut worst, mut decided) = (0.0_f64, 0.0);
                for tau in TAUS {
                    for expected in EXPECTED {
                        let cell = Cell { trials, variation, tau, expected, ratio };
                        let verdicts = simulate(&cell, rounds);
                        let wrong = verdicts.wrong(ratio);
                        worst = worst.max(wrong);
                        if wrong > ALLOWED {
                            bad.push((cell, wrong));
                        }
                        if tau == 1 && expected.total_cmp(&30.0).is_eq() {
                            decided = verdicts.met + verdicts.missed;
                        }
                    }
                }
                print!(" {:>6.1} {:>5.0}%", 100.0 * worst, 100.0 * decided);
            }
            println!();
        }
    }
    println!("\ncells with more than 5 % wrong verdicts: {} of {}", bad.len(), cells());
    for (cell, wrong) in bad {
        let Cell { trials, variation, tau, expected, ratio } = cell;
        let enough = TRIALS.into_iter().find(|more| {
            let larger = Cell { trials: *more, ..cell };
            *more > trials && simulate(&larger, rounds).wrong(ratio) <= ALLOWED
        });
        let enough = enough.map_or_else(|| "more than 10".to_owned(), |enough| enough.to_string());
        println!(
            "trials {trials:>2}  cv {variation:<4}  tau {tau:<3}  n x limit {expected:<4}  share / limit {ratio:<4}  wrong {:.1} %  enough: {enough} trials",
            100.0 * wrong
        );
    }
}

const fn cells() -> usize {
    TRIALS.len() * VARIATIONS.len() * TAUS.len() * EXPECTED.len() * RATIOS.len()
}
