//! The figures of a case.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::judge::{CaseSummary, Estimate, counted, summarised};
use crate::record::{Better, Figure, Verdict, spec};
use crate::scenario::PatternKind;

/// The figures of a case over its trials.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct CaseFigures<'a> {
    /// Id of the case: the pattern, then `:axis=value` for every swept axis.
    case: &'a str,
    /// The pattern.
    pattern: PatternKind,
    /// Links: connections, or webhook endpoints.
    clients: u64,
    /// Topics.
    topics: u64,
    /// Events per second in each topic; null for `request`.
    events_per_s: Option<f64>,
    /// Offered requests per second over all clients; null for all but `request` in an open loop.
    requests_per_s: Option<f64>,
    /// Size of an event's payload in bytes.
    payload_bytes: u64,
    /// The worst verdict of its trials; null if none was run.
    verdict: Option<Verdict>,
    /// Trials that are valid or degraded.
    usable_trials: usize,
    /// Least share of the expected deliveries that a finished trial delivered; null if none finished.
    reach_worst: Option<f64>,
    /// The headline metric (freshness; response for `request`) ÷ its noise floor; below 3 it describes harness and machine
    /// as much as the target.
    floor_ratio: FloorRatios,
    /// The ledger and other counts, summed over all finished trials, by column of `trials.csv`.
    #[schemars(schema_with = "counts")]
    counts: &'a BTreeMap<&'static str, u64>,
    /// What was measured over the usable trials, by column of `trials.csv`; what was not measured is missing.
    #[schemars(schema_with = "figures")]
    figures: BTreeMap<&'static str, Measured>,
}

/// A quantile ÷ that of the noise floor.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FloorRatios {
    /// Of the medians; null if either is unknown.
    p50: Option<f64>,
    /// Of the 99th percentiles; null if either is unknown.
    p99: Option<f64>,
}

/// A figure of a case with its interval: a quantile of all samples of the usable trials, or a median over these trials.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Measured {
    /// The figure.
    value: Figure,
    /// Lower end of its interval; null without an interval.
    low: Option<Figure>,
    /// Upper end of its interval; null without an interval.
    high: Option<Figure>,
    /// Confidence of the interval; null without an interval.
    confidence: Option<f64>,
    /// Trials that it was measured in.
    trials: usize,
    /// The unit of value, low and high: `ns`, `B`, `B/s`, `1/s`, `cores`, `share`, or what is counted; empty for a number
    /// without one.
    unit: &'static str,
    /// Which way it is better; null if neither.
    better: Option<&'static str>,
}

impl Measured {
    fn of(column: &str, estimate: &Estimate) -> Self {
        // An interval of one trial is no interval.
        let interval = estimate.confidence > 0.0;
        Self {
            value: estimate.value,
            low: interval.then_some(estimate.low),
            high: interval.then_some(estimate.high),
            confidence: interval.then_some(estimate.confidence),
            trials: estimate.trials,
            unit: spec(column).map_or("", |spec| spec.column.unit.symbol()),
            better: better(column),
        }
    }
}

fn better(column: &str) -> Option<&'static str> {
    match spec(column)?.better {
        Better::Less => Some("less"),
        Better::More => Some("more"),
        Better::Neither => None,
    }
}

impl<'a> CaseFigures<'a> {
    pub(super) fn of(case: &'a CaseSummary) -> Self {
        Self {
            case: &case.case,
            pattern: case.pattern,
            clients: case.offered.clients,
            topics: case.offered.topics,
            events_per_s: case.offered.events_per_s,
            requests_per_s: case.offered.requests_per_s,
            payload_bytes: case.offered.payload_bytes,
            verdict: case.verdict,
            usable_trials: case.trials.usable(),
            reach_worst: case.reach_worst,
            floor_ratio: FloorRatios { p50: case.floor.p50, p99: case.floor.p99 },
            counts: &case.counts,
            figures: case
                .figures
                .iter()
                .map(|(column, of)| (*column, Measured::of(column, of)))
                .collect(),
        }
    }
}

/// A map with these columns, each with what FORMAT.md says of it.
fn columns(
    of: impl Iterator<Item = &'static str>,
    value: impl Fn(&'static str) -> Schema,
) -> Schema {
    let property = |column: &'static str| {
        let mut schema = value(column);
        if let Some(spec) = spec(column) {
            schema.insert("description".into(), super::schema::plain(spec.column.meaning).into());
        }
        (column.to_owned(), Value::from(schema))
    };
    let properties: Map<String, Value> = of.map(property).collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn counts(_: &mut SchemaGenerator) -> Schema {
    columns(counted(), |_| json_schema!({ "type": "integer", "minimum": 0 }))
}

/// Each figure is of the type, with the unit and the better way of its column.
fn figures(generator: &mut SchemaGenerator) -> Schema {
    let measured = generator.subschema_for::<Measured>();
    columns(summarised(), |column| {
        let unit = spec(column).map_or("", |spec| spec.column.unit.symbol());
        let mut schema = measured.clone();
        let own =
            serde_json::json!({ "unit": { "const": unit }, "better": { "const": better(column) } });
        schema.insert("properties".into(), own);
        schema
    })
}
