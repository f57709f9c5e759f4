//! `histograms.hlog`: an `HdrHistogram` interval log that other tools read.
//!
//! Histograms are V2 with deflate, as Java's `HistogramLogReader` and its ports expect.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use super::TrialFacts;
use crate::measure::{Distribution, Interval, Metric};

const TRIAL_COMMENT: &str = "[Trial: ";

/// Samples by case and metric.
pub(super) type Distributions = BTreeMap<(String, Metric), Distribution>;

/// The head of a log whose intervals count from `started`.
pub(super) fn head(started: SystemTime) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(
            "[tidings: values in nanoseconds, tags are case.metric, a comment heads each trial]",
        )
        .with_start_time(started)
        .with_base_time(started)
        .begin_log_with(&mut text, &mut V2DeflateSerializer::new())?;
    Ok(text)
}

/// Writes the lines of one trial: its comment, then one line per second and metric.
///
/// Final lines hold the samples that the workers reported only at their end, and the target's, so all lines of a trial
/// together hold exactly its samples.
pub(super) struct Lines<'a> {
    facts: &'a TrialFacts,
    /// The log's base time on the monotonic clock.
    zero_ns: u64,
    told: BTreeMap<Metric, Distribution>,
    end_ns: u64,
}

impl<'a> Lines<'a> {
    /// Begins the trial of `facts` with its comment.
    pub(super) fn begin(
        facts: &'a TrialFacts,
        zero_ns: u64,
        log: &mut impl Write,
    ) -> io::Result<Self> {
        writeln!(log, "#{TRIAL_COMMENT}{} of {}]", facts.trial, facts.case.id)?;
        Ok(Self { facts, zero_ns, told: BTreeMap::new(), end_ns: facts.window_start_ns })
    }

    /// Adds the measurements of all workers in one second.
    pub(super) fn second(&mut self, second: &Interval, log: &mut impl Write) -> io::Result<()> {
        let samples: Vec<_> = second.snapshot.distributions.iter().map(|(m, d)| (*m, d)).collect();
        self.write(&samples, second.start_ns, second.end_ns, log)?;
        for (metric, samples) in samples {
            self.told.entry(metric).or_default().merge(samples);
        }
        self.end_ns = if self.told.is_empty() { self.end_ns } else { second.end_ns };
        Ok(())
    }

    /// Adds the samples that belong to no second.
    pub(super) fn end(self, log: &mut impl Write) -> io::Result<()> {
        let end = self.end_ns;
        let rest =
            self.facts.workers.distributions.iter().filter_map(|(metric, all)| {
                Some((*metric, difference(all, self.told.get(metric))?))
            });
        let rest: Vec<_> = rest.collect();
        let rest: Vec<_> = rest.iter().map(|(metric, samples)| (*metric, samples)).collect();
        self.write(&rest, end, end, log)?;
        let target: Vec<_> = self.facts.target.distributions.iter().map(|(m, d)| (*m, d)).collect();
        self.write(&target, self.facts.window_start_ns.min(end), end, log)
    }

    fn write(
        &self,
        samples: &[(Metric, &Distribution)],
        start_ns: u64,
        end_ns: u64,
        log: &mut impl Write,
    ) -> io::Result<()> {
        let mut serializer = V2DeflateSerializer::new();
        let mut log = IntervalLogWriterBuilder::new().begin_log_with(log, &mut serializer)?;
        let start = Duration::from_nanos(start_ns.saturating_sub(self.zero_ns));
        let length = Duration::from_nanos(end_ns.saturating_sub(start_ns));
        for (metric, samples) in samples.iter().filter(|(_, samples)| !samples.is_empty()) {
            let tag = tag(&self.facts.case.id, *metric);
            log.write_histogram(samples.histogram(), start, length, Tag::new(&tag))
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        Ok(())
    }
}

/// A tag holds no comma, space or line break.
fn tag(case: &str, metric: Metric) -> String {
    let clean =
        |c: char| if c == ',' || c.is_whitespace() || crate::prose::harms(c) { '_' } else { c };
    format!("{}.{}", case.chars().map(clean).collect::<String>(), metric.name())
}

/// The samples of `all` that are not in `told`.
fn difference(all: &Distribution, told: Option<&Distribution>) -> Option<Distribution> {
    let mut rest = all.histogram().clone();
    if let Some(told) = told {
        rest.subtract(told.histogram()).ok()?;
    }
    Some(Distribution::from_histogram(&rest))
}

/// Merges the samples of the trials that `wanted` accepts, by case and metric.
///
/// Malformed lines are skipped and listed in the second part.
pub(super) fn read(text: &str, wanted: impl Fn(&str, u32) -> bool) -> (Distributions, Vec<String>) {
    let (mut merged, mut warnings) = (Distributions::new(), Vec::new());
    let mut case: Option<&str> = None;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if let Some(comment) = line.strip_prefix('#') {
            if let Some((trial, id)) = trial_comment(comment) {
                case = wanted(id, trial).then_some(id);
            }
            continue;
        }
        let Some(case) = case else { continue };
        match interval(line) {
            Ok(Some((metric, samples))) => {
                merged.entry((case.to_owned(), metric)).or_default().merge(&samples);
            }
            // A metric of a later version.
            Ok(None) => {}
            Err(problem) => {
                warnings.push(format!("histograms.hlog, line {}: {problem}", number + 1));
            }
        }
    }
    (merged, warnings)
}

pub(super) fn trial_comment(comment: &str) -> Option<(u32, &str)> {
    let rest = comment.trim_end().strip_prefix(TRIAL_COMMENT)?.strip_suffix(']')?;
    let (trial, case) = rest.split_once(" of ")?;
    Some((trial.parse().ok()?, case))
}

/// Hands over the samples of `metric` in every line of `text` that can be understood.
pub(super) fn each_interval(text: &str, metric: Metric, mut take: impl FnMut(&Distribution)) {
    for line in text.split_inclusive('\n') {
        // Decoding takes longest: the tag is looked at first.
        let tag = line.strip_prefix("Tag=").and_then(|rest| rest.split(',').next());
        if tag.and_then(|tag| tag.rsplit('.').next()) != Some(metric.name()) {
            continue;
        }
        if let Ok(Some((_, samples))) = interval(line) {
            take(&samples);
        }
    }
}

fn interval(line: &str) -> Result<Option<(Metric, Distribution)>, String> {
    let Some(Ok(LogEntry::Interval(entry))) = IntervalLogIterator::new(line.as_bytes()).next()
    else {
        return Err("no interval of a histogram log".to_owned());
    };
    let tag = entry.tag().map_or("", |tag| tag.as_str());
    let name = tag.rsplit_once('.').map_or(tag, |(_, name)| name);
    let Some(metric) = Metric::from_name(name) else { return Ok(None) };
    decode(&entry).map(|samples| Some((metric, samples)))
}

fn decode(entry: &IntervalLogHistogram<'_>) -> Result<Distribution, String> {
    let bytes = STANDARD.decode(entry.encoded_histogram()).map_err(|error| error.to_string())?;
    let histogram = Deserializer::new().deserialize(&mut bytes.as_slice());
    histogram.map(|h| Distribution::from_histogram(&h)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_log_is_read_and_malformed_lines_are_listed(lines in proptest::collection::vec("(Tag=[a-z.]{0,12},)?[ -~é]{1,40}", 0..6)) {
            let lines: Vec<String> = lines.into_iter().map(|line| line + "\n").collect();
            let log = format!("#[Trial: 1 of sse]\n{}", lines.concat());
            let (samples, warnings) = read(&log, |case, trial| case == "sse" && trial == 1);
            prop_assert!(samples.is_empty());
            let told = |line: &&String| !line.starts_with('#');
            prop_assert!(warnings.len() <= lines.iter().filter(told).count());
            let (_, silent) = read(&log, |_, _| false);
            prop_assert!(silent.is_empty() || lines.iter().any(|line| line.starts_with('#')));
        }
    }
}
