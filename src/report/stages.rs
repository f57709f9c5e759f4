//! Where the time of requests and deliveries goes, stage by stage: tables of `report.md`.

use super::View;
use crate::judge::CaseSummary;
use crate::unit::nanoseconds;

/// A stage: its head, and the column of `trials.csv` without its quantile.
type Stage = (&'static str, &'static str);

/// Of requests and short polls, in the order of time, and their sum.
const REQUEST: [Stage; 5] = [
    ("due to fired", "fired_ns"),
    ("fired to sent", "dispatch_ns"),
    ("sent to first byte", "first_byte_ns"),
    ("first byte to done", "reading_ns"),
    ("response", "response_ns"),
];

/// Of deliveries, and their sum.
const DELIVERY: [Stage; 4] = [
    ("due to published", "publish_slip_ns"),
    ("published to written", "written_ns"),
    ("published to received", "transit_ns"),
    ("freshness", "freshness_ns"),
];

/// Of webhooks: registration with its ownership check, event, post, acknowledgement, work.
const WEBHOOK: [Stage; 6] = [
    ("register", "connect_ns"),
    ("due to published", "publish_slip_ns"),
    ("published to sent", "written_ns"),
    ("sent to acknowledged", "acknowledge_ns"),
    ("received to processed", "work_ns"),
    ("freshness", "freshness_ns"),
];

/// Of events that clients publish: until acknowledged, and until received.
const SEND: [Stage; 4] = [
    ("due to acknowledged", "send_ns"),
    ("due to published", "publish_slip_ns"),
    ("published to received", "transit_ns"),
    ("freshness", "freshness_ns"),
];

/// Decoding and encoding of items in the target: part of the time to the first byte.
const ENCODING: [Stage; 2] =
    [("decode item (target)", "decode_ns"), ("encode item (target)", "encode_ns")];

/// A table: its head and rows, the case first.
pub(super) struct Table {
    /// The head.
    pub head: Vec<String>,
    /// A row a case.
    pub rows: Vec<Vec<String>>,
}

/// The tables of the cases: of requests, deliveries, webhooks, sends and encodings; one that would be empty is left out.
pub(super) fn tables(view: &View) -> Vec<Table> {
    // Each with the stage that only its cases have.
    [
        (&REQUEST[..], "dispatch_ns"),
        (&DELIVERY[..], "written_ns"),
        (&WEBHOOK[..], "acknowledge_ns"),
        (&SEND[..], "send_ns"),
        (&ENCODING[..], "encode_ns"),
    ]
    .into_iter()
    .filter_map(|(stages, own)| table(view, stages, own))
    .collect()
}

fn table(view: &View, stages: &[Stage], own: &str) -> Option<Table> {
    let told = |case: &&CaseSummary| case.figure(&format!("{own}_p50")).is_some();
    let row = |case: &CaseSummary| {
        let cells = stages.iter().map(|(_, column)| cell(case, column));
        std::iter::once(view.name(&case.case)).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = view.cases.iter().filter(told).map(row).collect();
    let head = std::iter::once("case").chain(stages.iter().map(|(head, _)| *head));
    (!rows.is_empty()).then(|| Table { head: head.map(str::to_owned).collect(), rows })
}

/// Median and 99th percentile.
fn cell(case: &CaseSummary, column: &str) -> String {
    let at = |quantile: &str| {
        case.figure(&format!("{column}_{quantile}"))
            .map_or_else(|| "-".to_owned(), |estimate| estimate.median.print(nanoseconds))
    };
    format!("{} / {}", at("p50"), at("p99"))
}
