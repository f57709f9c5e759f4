//! Error rates of the gate, simulated from recorded trials: `cargo bench --bench gate [-- FILE.csv …]`, each a `gate.csv` of a
//! gate whose sides were equal (default: `benches/gate/recorded.csv`).
//!
//! A simulated machine has the recorded trials' noise (residuals of trials from their block, drawn with replacement), wanders from
//! trial to trial by the recorded steps between blocks, and falls to half its speed now and then for one to eight trials. Signs are
//! drawn by the gate's own lot. The same trials are given to a 5 % threshold on medians and to a Mann-Whitney test at 1 %, which
//! look once, at the end. The simulation judges as evidence comes in; one gate of twenty is judged by `tidings::gate::find` as well, and
//! must come to the same.

#![expect(clippy::print_stdout, reason = "a table for people is what this is for")]

use tidings::gate::{
    Arm, Bets as _, Block, Design, Evidence, Metric, Order, Outcome, Worse, fewest_blocks, find,
    smallest_visible,
};
use tidings::pace::Rng;
use tidings::stats::{median, two_sample_shift};

/// Gates of each kind, but those with an effect.
const GATES: u64 = 10_000;
const WITH_EFFECT: u64 = 2_000;
/// Blocks of a gate: what 3 minutes buy.
const BLOCKS: u32 = 13;
/// One gate of so many is judged by the gate's own function as well.
const CHECKED: u64 = 20;
/// Gates whose smallest visible change is tried, and gates that try each.
const PRINTED: u64 = 100;
const FRESH: u64 = 100;
const TOLERANCE: f64 = 0.05;
const ALPHA: f64 = 0.01;
/// One trial of so many begins a spell at half speed.
const SPELL: u64 = 60;
const METRICS: [&str; 2] = ["freshness_ns_p50", "target_cpu_ns_per_delivery"];

/// What was recorded of a metric.
struct Noise {
    residuals: Vec<f64>,
    steps: Vec<f64>,
}

fn main() {
    let files: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/gate/recorded.csv").to_owned();
    let files = if files.is_empty() { vec![usual] } else { files };
    let noises = METRICS.map(|metric| noise(&files, metric));
    for (metric, noise) in METRICS.iter().zip(&noises) {
        let spread = (noise.residuals.iter().map(|r| r * r).sum::<f64>()
            / noise.residuals.len() as f64)
            .sqrt();
        println!("{metric}: {} trials, noise {:.2} %", noise.residuals.len(), 100.0 * spread);
    }
    println!(
        "\n{BLOCKS} blocks (a fail needs {}), two metrics, tolerance {} %\n",
        fewest_blocks(METRICS.len()),
        100.0 * TOLERANCE
    );
    println!(
        "| machine | effect | gates | fail | pass | a control moved | median blocks | 5 % threshold | Mann-Whitney at 1 % |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, drift, spells) in [
        ("steady", 0.0, false),
        ("drift", 1.0, false),
        ("drift and spells", 1.0, true),
        ("ten times the drift, spells", 10.0, true),
    ] {
        for (effect, gates) in [(0.0, GATES), (0.1, WITH_EFFECT), (0.25, WITH_EFFECT)] {
            let machine = Machine { noises: &noises, drift, spells };
            row(name, &machine, effect, gates);
        }
    }
    println!(
        "\n| machine | metric | smallest visible change, median | gates with it | of these failed |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (name, drift) in [("steady", 0.0), ("drift", 1.0)] {
        let machine = Machine { noises: &noises, drift, spells: false };
        for metric in 0..METRICS.len() {
            visible(name, &machine, metric);
        }
    }
}

/// Whether the smallest visible change of a gate is honest: of `PRINTED` gates with equal sides each says one, and `FRESH` gates of the
/// same machine, with the head worse by it, are failed or not.
fn visible(name: &str, machine: &Machine<'_>, metric: usize) {
    let design = Design { claims: METRICS.len(), blocks: BLOCKS, seed: 1 };
    let judged =
        Metric { column: METRICS[metric], tolerance: TOLERANCE, worse: Worse::More, gated: true };
    let (mut printed, mut found, mut gates) = (Vec::new(), 0_u64, 0_u64);
    for recording in 0..PRINTED {
        let blocks: Vec<Block> = machine
            .blocks(1_000_000 + recording, 0.0)
            .into_iter()
            .map(|(order, values)| Block { order, values: values[metric].map(f64::exp) })
            .collect();
        let Some(change) = smallest_visible(&design, &judged, &blocks) else { continue };
        printed.push(change);
        for fresh in 0..FRESH {
            let mut claim = Claim::default();
            let mut failed = false;
            let seed = 2_000_000 + recording * FRESH + fresh;
            for (order, values) in machine.blocks(seed, change.exp_m1()) {
                claim.push(order.arms(), values[metric]);
                failed = claim.fails();
                if failed || claim.is_harmless {
                    break;
                }
            }
            found += u64::from(failed);
            gates += 1;
        }
    }
    println!(
        "| {name} | {} | +{:.1} % | {gates} | {:.1} % |",
        METRICS[metric],
        100.0 * median(&printed).unwrap_or(0.0).exp_m1(),
        100.0 * found as f64 / gates.max(1) as f64
    );
}

fn row(name: &str, machine: &Machine<'_>, effect: f64, gates: u64) {
    let mut tally = [0_u64; 5];
    let mut blocks = Vec::new();
    for gate in 0..gates {
        let end = machine.gate(gate + 1, effect);
        for (count, happened) in
            tally.iter_mut().zip([end.fail, end.pass, end.moved, end.threshold, end.mann_whitney])
        {
            *count += u64::from(happened);
        }
        blocks.push(f64::from(end.blocks));
    }
    let [fail, pass, moved, threshold, mann_whitney] =
        tally.map(|count| format!("{:.2} %", 100.0 * count as f64 / gates as f64));
    println!(
        "| {name} | +{:.0} % | {gates} | {fail} | {pass} | {moved} | {} | {threshold} | {mann_whitney} |",
        100.0 * effect,
        median(&blocks).unwrap_or(0.0)
    );
}

/// Residuals and steps of a metric over the whole blocks of the files.
fn noise(files: &[String], metric: &str) -> Noise {
    let mut noise = Noise { residuals: Vec::new(), steps: Vec::new() };
    for file in files {
        let mut reader = csv::Reader::from_path(file).expect(file);
        let head = reader.headers().expect(file).clone();
        let at = |name: &str| head.iter().position(|cell| cell == name).expect(name);
        let (block, value, slot) = (at("block"), at(metric), at("slot"));
        let mut blocks: Vec<(String, Vec<f64>)> = Vec::new();
        for row in reader.records().map(Result::unwrap).filter(|row| &row[slot] != "5") {
            let Ok(number) = row[value].parse::<f64>() else { continue };
            match blocks.last_mut() {
                Some((last, values)) if *last == row[block] => values.push(number.ln()),
                _ => blocks.push((row[block].to_owned(), vec![number.ln()])),
            }
        }
        let means: Vec<f64> = blocks
            .iter()
            .filter(|(_, values)| values.len() == 4)
            .map(|(_, values)| {
                let mean = values.iter().sum::<f64>() / 4.0;
                // Four residuals from their own mean are shorter than the noise by the root of 3 ÷ 4.
                let longer = (4.0_f64 / 3.0).sqrt();
                noise.residuals.extend(values.iter().map(|value| (value - mean) * longer));
                mean
            })
            .collect();
        noise.steps.extend(means.windows(2).map(|pair| (pair[1] - pair[0]) / 2.0));
    }
    assert!(!noise.residuals.is_empty() && !noise.steps.is_empty(), "{metric}: no whole blocks");
    noise
}

struct Machine<'a> {
    noises: &'a [Noise; 2],
    /// How many times the recorded steps it wanders by.
    drift: f64,
    spells: bool,
}

/// What each of the tests said of a gate.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent counts are made of them")]
struct End {
    fail: bool,
    pass: bool,
    moved: bool,
    threshold: bool,
    mann_whitney: bool,
    blocks: u32,
}

/// What a gate knows of one metric.
#[derive(Default)]
struct Claim {
    worse: Evidence,
    harmless: Evidence,
    is_worse: bool,
    is_harmless: bool,
    differences: Vec<f64>,
    controls: [Control; 2],
}

#[derive(Default)]
struct Control {
    up: Evidence,
    down: Evidence,
    excluded: bool,
    moves: Vec<f64>,
}

impl Control {
    fn push(&mut self, change: f64) {
        self.up.push(change);
        self.down.push(-change);
        self.excluded |= self.up.value() >= 2.0 / ALPHA || self.down.value() >= 2.0 / ALPHA;
        self.moves.push(change);
    }

    fn moved(&self) -> bool {
        self.excluded && centre(&self.moves).abs() > TOLERANCE.ln_1p() / 2.0
    }
}

impl Machine<'_> {
    /// The blocks of a gate at its full budget: the order of each, and the logarithms of both metrics by slot.
    fn blocks(&self, seed: u64, effect: f64) -> Vec<(Order, [[f64; 4]; 2])> {
        let mut rng = Rng::new(seed, 0);
        let (mut level, mut slow) = ([0.0; 2], 0_u64);
        let mut blocks = Vec::new();
        for block in 1..=BLOCKS {
            let order = Order::draw(seed, 0, block);
            let mut values = [[0.0; 4]; 2];
            for (slot, arm) in order.arms().into_iter().enumerate() {
                if self.spells && slow == 0 && rng.next_u64().is_multiple_of(SPELL) {
                    slow = 1 + rng.next_u64() % 8;
                }
                let spell = if slow > 0 { std::f64::consts::LN_2 } else { 0.0 };
                slow = slow.saturating_sub(1);
                for (metric, noise) in self.noises.iter().enumerate() {
                    let step = noise.steps[rng.next_u64() as usize % noise.steps.len()];
                    let sign = if rng.next_u64() >> 63 == 0 { 1.0 } else { -1.0 };
                    level[metric] += self.drift * step * sign;
                    let residual = noise.residuals[rng.next_u64() as usize % noise.residuals.len()];
                    let of_arm = if arm == Arm::Head { effect.ln_1p() } else { 0.0 };
                    values[metric][slot] = level[metric] + spell + residual + of_arm;
                }
            }
            blocks.push((order, values));
        }
        blocks
    }

    fn gate(&self, seed: u64, effect: f64) -> End {
        let mut claims = [Claim::default(), Claim::default()];
        let mut sides: [[Vec<f64>; 2]; 2] = Default::default();
        let (mut end, mut decided) = (End::default(), false);
        for (block, (order, values)) in (1..).zip(self.blocks(seed, effect)) {
            for (side, of_metric) in sides.iter_mut().zip(values) {
                for (arm, value) in order.arms().into_iter().zip(of_metric) {
                    side[usize::from(arm == Arm::Head)].push(value);
                }
            }
            if decided {
                continue;
            }
            for (claim, values) in claims.iter_mut().zip(values) {
                claim.push(order.arms(), values);
            }
            end.blocks = block;
            end.moved = claims.iter().any(|claim| claim.controls.iter().any(Control::moved));
            end.fail = !end.moved && claims.iter().any(Claim::fails);
            end.pass = !end.moved && !end.fail && claims.iter().all(|claim| claim.is_harmless);
            decided = end.fail || end.pass;
        }
        if seed.is_multiple_of(CHECKED) {
            self.agrees(seed, effect, &end);
        }
        // The others look once, at all trials.
        end.threshold = sides.iter().any(|[base, head]| {
            median(head).unwrap_or(0.0) - median(base).unwrap_or(0.0) > TOLERANCE.ln_1p()
        });
        end.mann_whitney = sides.iter().any(|[base, head]| {
            two_sample_shift(base, head, 1.0 - ALPHA)
                .is_some_and(|shift| shift.p < ALPHA && shift.estimate > 0.0)
        });
        end
    }
}

impl Machine<'_> {
    /// Panics unless the gate itself comes to what was simulated. It looks for bounds by bisection, and is too slow for every gate.
    fn agrees(&self, seed: u64, effect: f64, end: &End) {
        let design = Design { claims: METRICS.len(), blocks: BLOCKS, seed: 1 };
        let blocks = self.blocks(seed, effect);
        let outcomes = [0, 1].map(|metric| {
            let judged = Metric {
                column: METRICS[metric],
                tolerance: TOLERANCE,
                worse: Worse::More,
                gated: true,
            };
            let blocks: Vec<Block> = blocks[..end.blocks as usize]
                .iter()
                .map(|(order, values)| Block {
                    order: *order,
                    values: values[metric].map(f64::exp),
                })
                .collect();
            find(&design, &judged, &blocks).outcome
        });
        let moved = outcomes.contains(&Outcome::MachineMoved);
        let fail = !moved && outcomes.contains(&Outcome::Fail);
        let pass = outcomes == [Outcome::Pass; 2];
        assert_eq!(
            (moved, fail, pass),
            (end.moved, end.fail, end.pass),
            "gate {seed}: {outcomes:?}"
        );
    }
}

impl Claim {
    fn push(&mut self, arms: [Arm; 4], values: [f64; 4]) {
        let of = |wanted: Arm| -> Vec<f64> {
            arms.iter().zip(values).filter(|(arm, _)| **arm == wanted).map(|(_, v)| v).collect()
        };
        let (base, head) = (of(Arm::Base), of(Arm::Head));
        let difference = (head[0] + head[1] - base[0] - base[1]) / 2.0;
        self.differences.push(difference);
        self.worse.push(difference);
        self.harmless.push(TOLERANCE.ln_1p() - difference);
        self.is_worse |= self.worse.value() >= METRICS.len() as f64 / ALPHA;
        self.is_harmless |= self.harmless.value() >= 20.0;
        self.controls[0].push(base[1] - base[0]);
        self.controls[1].push(head[1] - head[0]);
    }

    fn fails(&self) -> bool {
        self.is_worse && centre(&self.differences) > TOLERANCE.ln_1p()
    }
}

/// The median of all averages of two.
fn centre(values: &[f64]) -> f64 {
    let averages = values
        .iter()
        .enumerate()
        .flat_map(|(at, a)| values[at..].iter().map(move |b| f64::midpoint(*a, *b)));
    median(&averages.collect::<Vec<_>>()).unwrap_or(0.0)
}
