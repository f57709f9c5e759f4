//! The files that a page carries, each once: a link downloads it, and the page's script reads the link.

use crate::measure::Metric;
use crate::record::{TimelineRow, TrialRecord};
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
        file(
            "percentiles.csv",
            "quantiles of freshness and response of each case",
            tables::percentiles_of(view, &DRAWN),
        ),
        file(
            "timeline.csv",
            "one row per second of each trial",
            TimelineRow::csv(&view.run.timeline),
        ),
        file("trials.csv", "one row per trial", TrialRecord::csv(&view.run.trials)),
    ]
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
