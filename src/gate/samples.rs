//! Terms, documents and rows for the tests of this room.

use serde_json::Value;

use super::document::{Document, GateCase, GateSide, GatedMetric, Terms};
use super::table::{Account, Row};
use super::{Arm, Worse};
use crate::record::Verdict;

/// A metric with a tolerance of 5 %.
pub(super) fn metric(column: &str, gated: bool) -> GatedMetric {
    GatedMetric { column: column.to_owned(), tolerance: 0.05, worse: Worse::More, gated }
}

/// Terms of these cases, each with all metrics.
pub(super) fn terms(cases: &[&str], metrics: Vec<GatedMetric>) -> Terms {
    let columns: Vec<String> = metrics.iter().map(|metric| metric.column.clone()).collect();
    let case = |id: &&str| GateCase { id: (*id).to_owned(), columns: columns.clone() };
    Terms {
        cases: cases.iter().map(case).collect(),
        metrics,
        seed: 1,
        blocks: 12,
        fewest_blocks: 8,
        budget_s: 60.0,
        drain_s: 1.0,
    }
}

/// A gate that has not ended.
pub(super) fn document(terms: Terms) -> Document {
    let side = |what: &str| GateSide { what: what.to_owned(), revision: None };
    Document {
        schema_version: 1,
        build: crate::record::Build::this(),
        scenario: "gate".to_owned(),
        base: side("a"),
        head: side("b"),
        terms,
        started_utc: String::new(),
        finished_utc: None,
        stopped_by: None,
        trials: None,
        notes: Vec::new(),
        host: crate::measure::Host::read(),
        command: Vec::new(),
        result: Value::Null,
    }
}

/// A trial of `sse` in block 1 that lost none of 100 deliveries, the last after 9 ms; it has no metrics.
pub(super) fn row(arm: Arm, slot: u32, verdict: Verdict) -> Row {
    let account = Account { expected: 100, delivered: 100, lost: 0, duplicate: 0, superseded: 0 };
    Row {
        case: "sse".to_owned(),
        block: 1,
        slot,
        arm,
        trial: slot,
        verdict,
        account: (verdict != Verdict::Failed).then_some(account),
        slowest_ns: Some(9e6),
        values: Vec::new(),
    }
}

/// The row of a trial that lost so many of its deliveries.
pub(super) fn losing(lost: u64, row: Row) -> Row {
    let account = row.account.map(|of| Account { delivered: of.expected - lost, lost, ..of });
    Row { account, ..row }
}
