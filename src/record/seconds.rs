//! The samples of a case by trial and second, read from the interval log when they are asked for.
//!
//! Merged samples tell quantiles, but not how far they depend on one another or differ between trials. Decoding every
//! second of every metric would take 216 KiB each, so the log stays packed as it was read.

use std::fmt;

use super::histograms::{each_interval, trial_comment};
use crate::measure::{Distribution, Metric};

/// The text of `histograms.hlog`, whole lines only.
#[derive(Clone, Default)]
pub struct IntervalLog {
    text: String,
}

impl fmt::Debug for IntervalLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IntervalLog({} bytes)", self.text.len())
    }
}

/// Samples that a histogram does not tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin {
    /// The smallest value that they may have, in nanoseconds.
    pub low_ns: u64,
    /// The largest.
    pub high_ns: u64,
    /// How many there are.
    pub count: u64,
}

/// What one trial recorded of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialSeconds {
    /// Which trial of its case, from 1.
    pub trial: u32,
    /// The samples of each line of the log, in the order of the log: one line per second, and one for what was
    /// reported at the end.
    pub seconds: Vec<Vec<Bin>>,
}

impl IntervalLog {
    pub(super) const fn new(text: String) -> Self {
        Self { text }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is none: older tools, or a folder of which only tables were kept.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The samples of `metric` at `case`, a trial after the other. Lines that cannot be understood are left out:
    /// reading the run has named them.
    pub fn trials(&self, case: &str, metric: Metric) -> Vec<TrialSeconds> {
        let mut trials: Vec<TrialSeconds> = Vec::new();
        let mut lines = String::new();
        let mut current: Option<u32> = None;
        let mut flush = |current: Option<u32>, lines: &mut String| {
            if let Some(trial) = current {
                let mut seconds = Vec::new();
                each_interval(lines, metric, |samples| seconds.push(bins(samples)));
                if !seconds.is_empty() {
                    trials.push(TrialSeconds { trial, seconds });
                }
            }
            lines.clear();
        };
        for line in self.text.split_inclusive('\n') {
            if let Some(comment) = line.strip_prefix('#') {
                if let Some((trial, id)) = trial_comment(comment) {
                    flush(current, &mut lines);
                    current = (id == case).then_some(trial);
                }
            } else if current.is_some() {
                lines.push_str(line);
            }
        }
        flush(current, &mut lines);
        trials
    }
}

fn bins(samples: &Distribution) -> Vec<Bin> {
    let histogram = samples.histogram();
    let bin = |value: u64, count: u64| Bin {
        low_ns: histogram.lowest_equivalent(value),
        high_ns: histogram.highest_equivalent(value),
        count,
    };
    histogram
        .iter_recorded()
        .map(|step| bin(step.value_iterated_to(), step.count_at_value()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::scenario::PatternKind;

    #[test]
    fn the_seconds_of_all_trials_hold_exactly_what_was_measured() {
        let out = tempfile::tempdir().unwrap();
        let cases = vec![case(PatternKind::Sse, 20, ""), case(PatternKind::WebSocket, 20, "")];
        let folder = write_run(out.path(), &info(scenario(cases, 2, &[])), |_| ());
        let run = Run::read(&folder).unwrap();
        for id in ["sse", "websocket"] {
            let trials = run.log.trials(id, Metric::Freshness);
            let numbers: Vec<u32> = trials.iter().map(|trial| trial.trial).collect();
            assert_eq!(numbers, [1, 2]);
            let mut sum = 0;
            for trial in &trials {
                assert_eq!(trial.seconds.len(), 10, "a line per second");
                for bin in trial.seconds.iter().flatten() {
                    assert!(bin.low_ns <= bin.high_ns && bin.count > 0);
                    sum += bin.count;
                }
            }
            let merged = &run.distributions[&(id.to_owned(), Metric::Freshness)];
            assert_eq!(sum, merged.count(), "{id}");
        }
        assert_eq!(run.log.trials("sse", Metric::Response), []);
        assert_eq!(run.log.trials("webhook", Metric::Freshness), []);
    }
}
