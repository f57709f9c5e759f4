//! `histograms/*.hgrm`: percentile distributions in the text format of `HdrHistogram`, for the plotters of others.
//!
//! Layout and rounding are those of Java's `outputPercentileDistribution` with five ticks a half distance. Values
//! are microseconds, so that the format's three decimals keep whole nanoseconds.

use std::fmt::Write as _;

use super::View;
use super::quantiles::censored;
use crate::measure::{Distribution, Metric};
use crate::record::file_names;

/// Nanoseconds of the unit that values are written in.
const SCALE: f64 = 1000.0;
/// Reported percentiles in each halving of what lies above.
const TICKS: u32 = 5;
/// Most bytes of a case's part in a file's name: with the longest metric and `.hgrm.tmp`, 143, which is what encrypted
/// home folders take; others take 255.
const CASE_BYTES: usize = 115;

/// Name and text of every file: one a case and metric, over the case's usable trials.
pub(super) fn files(view: &View) -> Vec<(String, String)> {
    let names = file_names(view.findings.cases.iter().map(|case| case.case.as_str()), CASE_BYTES);
    let mut files = Vec::new();
    for case in &view.findings.cases {
        for metric in Metric::ALL {
            let Some(samples) = view.run.distributions.get(&(case.case.clone(), metric)) else {
                continue;
            };
            let name = &names[case.case.as_str()];
            files.push((
                format!("histograms/{name}.{}.hgrm", metric.name()),
                text(samples, censored(view, &case.case, metric)),
            ));
        }
    }
    files
}

/// The distribution of `samples`, with `censored` further ones above all of them.
///
/// Percentiles are of all; where some are censored they end below 1, and a comment says why.
fn text(samples: &Distribution, censored: u64) -> String {
    let mut out = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let histogram = samples.histogram();
    let share = samples.count() as f64 / (samples.count() + censored).max(1) as f64;
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS) {
        total += step.count_since_last_iteration();
        let (value, q) =
            (step.value_iterated_to() as f64 / SCALE, step.quantile_iterated_to() * share);
        let _ = if q < 1.0 {
            writeln!(out, "{value:>12.3} {q:.12} {total:>10} {:>14.2}", 1.0 / (1.0 - q))
        } else {
            writeln!(out, "{value:>12.3} {q:.12} {total:>10}")
        };
    }
    let digits = u32::from(histogram.sigfig());
    let sub_buckets = (2 * 10u64.pow(digits)).next_power_of_two();
    let buckets = (histogram.high() / sub_buckets + 1).next_power_of_two().trailing_zeros() + 1;
    let (mean, deviation) = (histogram.mean() / SCALE, histogram.stdev() / SCALE);
    let _ = writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {deviation:>12.3}]");
    let max = histogram.max() as f64 / SCALE;
    let _ = writeln!(out, "#[Max     = {max:>12.3}, Total count    = {total:>12}]");
    let _ = writeln!(out, "#[Buckets = {buckets:>12}, SubBuckets     = {sub_buckets:>12}]");
    if censored > 0 {
        let _ = writeln!(out, "#[Lost    = {censored:>12}, above all others]");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: impl IntoIterator<Item = u64>) -> Distribution {
        let mut distribution = Distribution::new();
        for ns in samples {
            distribution.record(ns);
        }
        distribution
    }

    #[test]
    fn the_layout_is_that_of_the_format() {
        let text = text(&of((1..=1000).map(|ms| ms * 1_000_000)), 0);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[1], "");
        assert_eq!(lines[2], "    1000.447 0.000000000000          1           1.00");
        let median = lines.iter().find(|line| line.contains(" 0.500000000000 ")).unwrap();
        assert_eq!(*median, "  500170.751 0.500000000000        500           2.00");
        let rows: Vec<&&str> =
            lines[2..].iter().take_while(|line| !line.starts_with('#')).collect();
        assert_eq!(*rows[rows.len() - 1], " 1000341.503 1.000000000000       1000");
        for pair in rows.windows(2) {
            let cells = |line: &str| -> Vec<f64> {
                line.split_whitespace().map(|cell| cell.parse().unwrap()).collect()
            };
            let (a, b) = (cells(pair[0]), cells(pair[1]));
            assert!(a.len() == 4 && (0..3).all(|i| a[i] <= b[i]), "{pair:?}");
        }
        let trailer = &lines[lines.len() - 3..];
        assert!(
            trailer[0].starts_with("#[Mean    =   50")
                && trailer[0].contains(", StdDeviation   = ")
        );
        assert_eq!(trailer[1], "#[Max     =  1000341.503, Total count    =         1000]");
        assert_eq!(trailer[2], "#[Buckets =           26, SubBuckets     =         2048]");
    }

    #[test]
    fn what_never_arrived_lies_above_all() {
        let text = text(&of([1_000; 75]), 25);
        let last = text.lines().rfind(|line| !line.starts_with('#')).unwrap();
        assert_eq!(
            last.split_whitespace().collect::<Vec<_>>(),
            ["1.000", "0.750000000000", "75", "4.00"]
        );
        assert!(text.ends_with("#[Lost    =           25, above all others]\n"), "{text}");
    }

    #[test]
    fn names_fit_every_file_system() {
        for metric in Metric::ALL {
            let ends = format!(".{}.hgrm.tmp", metric.name());
            assert!(CASE_BYTES + ends.len() <= 143, "{ends}");
        }
    }
}
