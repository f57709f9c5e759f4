//! The files that a page carries, each once: a link downloads it, and the page's script reads the link.

use crate::measure::Metric;
use crate::record::{TimelineRow, TrialRecord, cells_to_csv};
use crate::report::View;
use crate::report::tables;

/// A file inside a page.
pub(super) struct File {
    /// What it is called when it is saved.
    pub name: String,
    /// What it holds.
    pub what: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Metrics whose quantiles a page draws: those of headlines.
const DRAWN: [Metric; 2] = [Metric::Freshness, Metric::Response];

/// The files of a run: what its tables and charts show.
pub(super) fn files(view: &View) -> Vec<File> {
    let file = |name: &str, what, bytes| File { name: name.to_owned(), what, bytes };
    vec![
        file(
            "summary.csv",
            "one row per case: medians over trials, with intervals",
            tables::summary(view),
        ),
        percentiles(view),
        file(
            "timeline.csv",
            "one row per second of each trial",
            TimelineRow::csv(&view.run.timeline),
        ),
        file(
            "trials.csv",
            "one row per trial, without the columns that are empty in all",
            used_columns(TrialRecord::csv(&view.run.trials)),
        ),
    ]
}

/// Most cases whose quantiles are all in a page.
const CASES: usize = 24;
/// Quantiles that are in every page.
const HEADLINES: [&str; 4] = ["0.5", "0.9", "0.99", "0.999"];

fn percentiles(view: &View) -> File {
    let all = tables::percentiles_of(view, &DRAWN);
    let (what, bytes) = if view.findings.cases.len() > CASES {
        (
            "quantiles of freshness and response of each case, every third one of the folder's file",
            thinned(&all),
        )
    } else {
        ("quantiles of freshness and response of each case", all)
    };
    File { name: "percentiles.csv".to_owned(), what, bytes }
}

/// Every third row of quantiles, with the headlines and the last of each case.
fn thinned(file: &[u8]) -> Vec<u8> {
    let rows = records(file);
    let of = |at: usize| rows.get(at).map(|row| (row.get(0), row.get(1)));
    let mut within = 0;
    let kept = rows.iter().enumerate().filter(|(at, row)| {
        within = if *at > 0 && of(at - 1) == of(*at) { within + 1 } else { 0 };
        let is_headline = row.get(2).is_some_and(|quantile| HEADLINES.contains(&quantile));
        within % 3 == 0 || is_headline || of(at + 1) != of(*at)
    });
    written(kept.map(|(_, row)| row.iter().collect()))
}

/// A file without the columns in which only the head is.
fn used_columns(file: Vec<u8>) -> Vec<u8> {
    let rows = records(&file);
    let columns = rows.first().map_or(0, csv::StringRecord::len);
    let is_used = |at: &usize| {
        rows.iter().skip(1).any(|row| row.get(*at).is_some_and(|cell| !cell.is_empty()))
    };
    let used: Vec<usize> = (0..columns).filter(is_used).collect();
    if used.is_empty() {
        return file;
    }
    written(rows.iter().map(|row| used.iter().map(|at| row.get(*at).unwrap_or_default()).collect()))
}

/// The rows of a file of our own, with its head.
fn records(file: &[u8]) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    reader.records().flatten().collect()
}

fn written<'a>(rows: impl Iterator<Item = Vec<&'a str>>) -> Vec<u8> {
    cells_to_csv(rows.map(|row| row.into_iter().map(str::to_owned).collect()))
}

/// Those of a run that stands beside others, whose charts over time are not drawn.
pub(super) fn of_side(view: &View, prefix: &str) -> Vec<File> {
    let wanted = |file: &File| matches!(file.name.as_str(), "summary.csv" | "percentiles.csv");
    let named = |file: File| File { name: format!("{prefix}{}", file.name), ..file };
    files(view).into_iter().filter(wanted).map(named).collect()
}

/// The address of `bytes` that is their content.
pub(super) fn address(bytes: &[u8]) -> String {
    let mut address = "data:text/csv;charset=utf-8,".to_owned();
    for byte in bytes {
        match byte {
            // Digits, letters and what addresses give no meaning to; a comma stays, or files of numbers grow by half.
            b'0'..=b'9'
            | b'A'..=b'Z'
            | b'a'..=b'z'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b','
            | b':'
            | b'/'
            | b'=' => {
                address.push(char::from(*byte));
            }
            byte => {
                address.push('%');
                for half in [byte >> 4, byte & 15] {
                    address.push(
                        char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase(),
                    );
                }
            }
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_thinned_within_each_case_but_for_headlines_and_ends() {
        let file = "case,metric,quantile,value_ns\n\
                    a,freshness,0.1,1\na,freshness,0.5,2\na,freshness,0.7,3\na,freshness,0.8,4\n\
                    a,freshness,1,5\na,response,0.1,6\na,response,1,7\n\"b,c\",freshness,0.1,8\n";
        let kept = String::from_utf8(thinned(file.as_bytes())).unwrap();
        let expected = "case,metric,quantile,value_ns\n\
                        a,freshness,0.1,1\na,freshness,0.5,2\na,freshness,0.8,4\na,freshness,1,5\n\
                        a,response,0.1,6\na,response,1,7\n\"b,c\",freshness,0.1,8\n";
        assert_eq!(kept, expected);
    }

    #[test]
    fn columns_without_a_value_are_left_out_and_cells_stay_as_they_are() {
        let file = "a,b,c\n1,,\"x,y\"\n,,2\n";
        let inert = "a,c\n'=1,\\u{1b}\n";
        assert_eq!(used_columns(inert.into()), inert.as_bytes());
        assert_eq!(used_columns(file.into()), b"a,c\n1,\"x,y\"\n,2\n");
        assert_eq!(used_columns("a,b\n".into()), b"a,b\n", "no rows");
    }
}
