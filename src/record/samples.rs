//! The rows of `samples.csv` and `deliveries.csv`: requests, polls and deliveries one by one.

use serde::Serialize;

use super::TrialFacts;
use super::files::{DELIVERY_COLUMNS, SAMPLE_COLUMNS};
use super::table::{cells, to_csv};
use crate::measure::{DeliverySample, ErrorKind, RequestSample};

/// Rows that are turned into text at once.
const AT_ONCE: usize = 10_000;

/// One row; stamps count from the start of the measure window.
#[derive(Debug, Serialize)]
struct Row<'a> {
    block: u32,
    case: &'a str,
    trial: u32,
    link: u64,
    seq: u64,
    call: Option<&'a str>,
    due_ns: i64,
    fired_ns: i64,
    sent_ns: Option<i64>,
    /// Flattened: a struct has 12 fields at most.
    #[serde(flatten)]
    answer: AnswerCells,
}

#[derive(Debug, Serialize)]
struct AnswerCells {
    first_byte_ns: Option<i64>,
    done_ns: i64,
    status: Option<u16>,
    error: Option<ErrorKind>,
    server_queue_ns: Option<u64>,
    server_service_ns: Option<u64>,
}

fn row<'a>(facts: &'a TrialFacts, sample: &'a RequestSample) -> Row<'a> {
    let from_window = |at_ns: u64| at_ns as i64 - facts.window_start_ns as i64;
    Row {
        block: facts.block,
        case: &facts.case.id,
        trial: facts.trial,
        link: sample.link,
        seq: sample.seq,
        call: sample.call.as_deref(),
        due_ns: from_window(sample.due_ns),
        fired_ns: from_window(sample.fired_ns),
        sent_ns: sample.sent_ns.map(from_window),
        answer: AnswerCells {
            first_byte_ns: sample.first_ns.map(from_window),
            done_ns: from_window(sample.done_ns),
            status: sample.status,
            error: sample.error,
            server_queue_ns: sample.server_queue_ns,
            server_service_ns: sample.server_service_ns,
        },
    }
}

/// One row of `deliveries.csv`.
#[derive(Debug, Serialize)]
struct DeliveryRow<'a> {
    block: u32,
    case: &'a str,
    trial: u32,
    link: u64,
    topic: u64,
    seq: u64,
    due_ns: i64,
    received_ns: i64,
    received_clock_ns: u64,
}

fn delivery<'a>(facts: &'a TrialFacts, sample: &DeliverySample) -> DeliveryRow<'a> {
    let from_window = |at_ns: u64| at_ns as i64 - facts.window_start_ns as i64;
    DeliveryRow {
        block: facts.block,
        case: &facts.case.id,
        trial: facts.trial,
        link: sample.link,
        topic: sample.topic,
        seq: sample.seq,
        due_ns: from_window(sample.due_ns),
        received_ns: from_window(sample.received_ns),
        received_clock_ns: sample.received_ns,
    }
}

/// Yields the trial's rows of `samples.csv` as CSV text, in chunks.
pub(super) fn requests(facts: &TrialFacts) -> impl Iterator<Item = Vec<u8>> {
    facts.samples.requests.chunks(AT_ONCE).map(move |samples| {
        to_csv(samples.iter().map(|sample| cells(SAMPLE_COLUMNS, &row(facts, sample))))
    })
}

/// Yields the trial's rows of `deliveries.csv` as CSV text, in chunks.
pub(super) fn deliveries(facts: &TrialFacts) -> impl Iterator<Item = Vec<u8>> {
    facts.samples.deliveries.chunks(AT_ONCE).map(move |samples| {
        to_csv(samples.iter().map(|sample| cells(DELIVERY_COLUMNS, &delivery(facts, sample))))
    })
}
