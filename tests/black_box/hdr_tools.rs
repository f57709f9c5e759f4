//! Do others' tools read our histogram files, and find in them what we measured?

use crate::{support, synthetic};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use tidings::record::Run;
use tidings::report::write_all;
use tidings::scenario::PatternKind;

use support::{NO_MODULE, left_out, python, python_has};
use synthetic::{case, info, scenario, write_run};

/// Prints, for every tag, each recorded value of its merged histogram with the number of samples up to it.
const READER: &str = r"
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 60_000_000_000, 3))
merged = {}
while True:
    interval = reader.get_next_interval_histogram()
    if interval is None:
        break
    merged.setdefault(interval.get_tag(), HdrHistogram(1, 60_000_000_000, 3)).add(interval)
for tag, histogram in sorted(merged.items()):
    for step in histogram.get_recorded_iterator():
        print(tag, step.value_iterated_to, step.total_count_to_this_value)
";

/// Value in nanoseconds and number of samples up to it, of every row of a percentile distribution.
fn rows(text: &str) -> Vec<(u64, u64)> {
    let rows = text.lines().skip(2).take_while(|line| !line.starts_with('#'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split_whitespace().collect();
        ((cells[0].parse::<f64>().unwrap() * 1000.0).round() as u64, cells[2].parse().unwrap())
    })
    .collect()
}

#[test]
fn the_python_port_finds_in_the_log_what_the_percentile_distributions_say() {
    if !python_has(&["hdrh.log"]) {
        return left_out("histograms.hlog as the Python port of HdrHistogram reads it", NO_MODULE);
    }
    let out = tempfile::tempdir().unwrap();
    let cases = vec![case(PatternKind::Sse, 50, ":clients=50"), case(PatternKind::Request, 50, "")];
    let folder = write_run(out.path(), &info(scenario(cases, 2, &[])), |_| ());
    write_all(&folder).unwrap();
    let log = folder.join("histograms.hlog");
    let output = Command::new(python()).args(["-c", READER]).arg(log).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut told: BTreeMap<String, BTreeSet<(u64, u64)>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let cells: Vec<&str> = line.split(' ').collect();
        let step = (cells[1].parse().unwrap(), cells[2].parse().unwrap());
        told.entry(cells[0].to_owned()).or_default().insert(step);
    }
    let run = Run::read(&folder).unwrap();
    assert_eq!(told.len(), run.distributions.len());
    for ((case, metric), samples) in &run.distributions {
        let theirs = &told[&format!("{case}.{}", metric.name())];
        let last = theirs.last().copied();
        assert_eq!(last, samples.max().map(|max| (max, samples.count())), "{case} {metric:?}");
        let name = format!("{}.{}.hgrm", case.replace(':', "_"), metric.name());
        let ours = rows(&fs::read_to_string(folder.join("histograms").join(name)).unwrap());
        assert!(!ours.is_empty());
        for row in ours {
            assert!(theirs.contains(&row), "{case} {metric:?}: {row:?} in {theirs:?}");
        }
    }
}
