//! What was recorded, and machines made of it.

use std::collections::BTreeMap;

use tidings::pace::Rng;
use tidings::stats::median;

use crate::fit::Fit;

/// The metrics that decide.
pub(crate) const METRICS: [&str; 2] = ["freshness_ns_p50", "target_cpu_ns_per_delivery"];
/// Trials of a resampled stretch, on average.
const STRETCH: u64 = 16;

/// What a trial measured: the logarithm of each metric, less what its side adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    pub(crate) logs: [f64; 2],
    /// Whether it is valid or degraded.
    pub(crate) usable: bool,
}

/// A series of trials, one after the other.
pub(crate) type Series = Vec<Trial>;

/// Reads the series of each kind of machine. A file has the columns of `recorded.csv`; a `gate.csv` is one series of a machine
/// called "given".
pub(crate) fn read(files: &[String]) -> BTreeMap<String, Vec<Series>> {
    let mut machines: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for file in files {
        let mut reader =
            csv::Reader::from_path(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let head = reader.headers().expect("a head line").clone();
        let at = |name: &str| head.iter().position(|cell| cell == name);
        let needed = |name: &str| at(name).unwrap_or_else(|| panic!("{file}: no column {name}"));
        let (verdict, arm, values) = (needed("verdict"), needed("arm"), METRICS.map(needed));
        let mut series: BTreeMap<(String, u32), Vec<(bool, Trial)>> = BTreeMap::new();
        for row in reader.records().map(|row| row.unwrap_or_else(|error| panic!("{file}: {error}")))
        {
            let cell = |name: &str| at(name).map(|at| row[at].to_owned());
            if cell("slot").as_deref() == Some("5") {
                continue;
            }
            let logs = values.map(|at| row[at].trim_start_matches('>').parse::<f64>().map(f64::ln));
            let [Ok(freshness), Ok(cpu)] = logs else { continue };
            let usable = matches!(&row[verdict], "valid" | "degraded");
            let machine = cell("machine").unwrap_or_else(|| "given".to_owned());
            let number = cell("series").and_then(|text| text.parse().ok()).unwrap_or(0);
            let trial = Trial { logs: [freshness, cpu], usable };
            series.entry((machine, number)).or_default().push((&row[arm] == "head", trial));
        }
        for ((machine, _), trials) in series {
            machines.entry(machine).or_default().push(alike(trials));
        }
    }
    machines
}

/// Takes off what the head adds: the difference of the sides' medians.
fn alike(mut trials: Vec<(bool, Trial)>) -> Series {
    for metric in 0..METRICS.len() {
        let middle = |head: bool| {
            let of = trials.iter().filter(|(is_head, trial)| *is_head == head && trial.usable);
            median(&of.map(|(_, trial)| trial.logs[metric]).collect::<Vec<_>>())
        };
        let added = middle(true).zip(middle(false)).map_or(0.0, |(head, base)| head - base);
        for (_, trial) in trials.iter_mut().filter(|(is_head, _)| *is_head) {
            trial.logs[metric] -= added;
        }
    }
    trials.into_iter().map(|(_, trial)| trial).collect()
}

/// Where a gate's trials come from.
pub(crate) enum Machine {
    /// Contiguous stretches of the recorded series, of 16 trials on average (Politis and Romano's stationary bootstrap, 1994).
    Resampled(Vec<Series>),
    /// A model that was fitted to the recorded series.
    Fitted(Fit),
}

impl Machine {
    /// So many trials, one after the other.
    pub(crate) fn trials(&self, seed: u64, count: u32) -> Series {
        let mut rng = Rng::new(seed, 0x6d61_6368);
        match self {
            Self::Resampled(series) => {
                let all: u64 = series.iter().map(|series| series.len() as u64).sum();
                let mut trials = Vec::new();
                let mut place = None;
                while trials.len() < count as usize {
                    let (of, at) = place.unwrap_or_else(|| start(series, rng.below(all)));
                    trials.push(series[of][at]);
                    let ends = at + 1 == series[of].len() || rng.below(STRETCH) == 0;
                    place = (!ends).then_some((of, at + 1));
                }
                trials
            }
            Self::Fitted(fit) => fit.trials(&mut rng, count),
        }
    }
}

/// The series and the place in it of the trial with this number over all.
fn start(series: &[Series], number: u64) -> (usize, usize) {
    let mut at = number as usize;
    for (of, series) in series.iter().enumerate() {
        if at < series.len() {
            return (of, at);
        }
        at -= series.len();
    }
    (0, 0)
}
