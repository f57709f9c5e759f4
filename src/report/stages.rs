//! Where the time of requests and deliveries goes, stage by stage.

use super::View;
use super::document::Table;
use super::glance::print;
use crate::judge::CaseSummary;
use crate::measure::Metric;
use crate::record::column_of;

/// A stage: its head, and the metric of its time.
type Stage = (&'static str, Metric);

/// Of requests and short polls, in the order of time, and their sum.
const REQUEST: [Stage; 5] = [
    ("due to fired", Metric::Fired),
    ("fired to sent", Metric::Dispatch),
    ("sent to first byte", Metric::FirstByte),
    ("first byte to done", Metric::Reading),
    ("response", Metric::Response),
];

/// Of deliveries, and their sum.
const DELIVERY: [Stage; 4] = [
    ("due to published", Metric::PublishSlip),
    ("published to written", Metric::Written),
    ("published to received", Metric::Transit),
    ("freshness", Metric::Freshness),
];

/// Of webhooks: registration with its ownership check, event, post, acknowledgement, work.
const WEBHOOK: [Stage; 6] = [
    ("register", Metric::Connect),
    ("due to published", Metric::PublishSlip),
    ("published to sent", Metric::Written),
    ("sent to acknowledged", Metric::Acknowledge),
    ("received to processed", Metric::Work),
    ("freshness", Metric::Freshness),
];

/// Of events that clients publish: until acknowledged, and until received.
const SEND: [Stage; 4] = [
    ("due to acknowledged", Metric::Send),
    ("due to published", Metric::PublishSlip),
    ("published to received", Metric::Transit),
    ("freshness", Metric::Freshness),
];

/// Decoding and encoding of items in the target: part of the time to the first byte.
const ENCODING: [Stage; 2] =
    [("decode item (target)", Metric::Decode), ("encode item (target)", Metric::Encode)];

/// Tables of requests, deliveries, webhooks, sends and encodings, each with the stage that only its cases have.
const TABLES: [(&str, &[Stage], Metric); 5] = [
    ("requests and polls", &REQUEST, Metric::Dispatch),
    ("deliveries", &DELIVERY, Metric::Written),
    ("webhooks", &WEBHOOK, Metric::Acknowledge),
    ("events that clients publish", &SEND, Metric::Send),
    ("encoding", &ENCODING, Metric::Encode),
];

/// What the heads of the tables mean.
pub(super) const TERMS: [(&str, &str); 3] = [
    ("Fired", "the timer fired, or the client became free."),
    ("Written", "the target's kernel accepted the event's last byte."),
    ("Written to received", "can be estimated only from the difference of the two p50."),
];

/// The tables; one that would be empty is left out.
pub(super) fn tables(view: &View) -> impl Iterator<Item = Table> {
    TABLES.into_iter().filter_map(|(caption, stages, own)| {
        table(view, stages, own).map(|table| Table { caption, ..table })
    })
}

fn table(view: &View, stages: &[Stage], own: Metric) -> Option<Table> {
    let is_of = |case: &&CaseSummary| {
        column_of(own, "p50").is_some_and(|column| case.figure(column).is_some())
    };
    let row = |case: &CaseSummary| {
        let cells = stages.iter().map(|(_, metric)| cell(case, *metric));
        std::iter::once(view.name(&case.case)).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = view.findings.cases.iter().filter(is_of).map(row).collect();
    let heads = std::iter::once("case").chain(stages.iter().map(|(head, _)| *head));
    (!rows.is_empty()).then(|| Table::of_cases(heads, rows))
}

/// Median and 99th percentile.
fn cell(case: &CaseSummary, metric: Metric) -> String {
    let at = |quantile: &str| {
        column_of(metric, quantile).map_or_else(|| "-".to_owned(), |column| print(case, column))
    };
    format!("{} / {}", at("p50"), at("p99"))
}
