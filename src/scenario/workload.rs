//! `[workload]`: how it is read, and what a case has of it.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::error::ScenarioError;
use super::read::{read, value};
use super::tree::Table;
use super::{PatternKind, Workload};
use crate::unit::{Count, Rate};

/// The name of the table.
pub(super) const WORKLOAD: &str = "workload";

/// How many topics there are, as written.
#[derive(Debug, Clone, Copy)]
enum Topics {
    /// So many.
    Of(u64),
    /// As many as clients.
    PerClient,
}

/// The word for [`Topics::PerClient`].
pub(super) const PER_CLIENT: &str = "per-client";

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Topics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, such as 1, or \"per-client\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Topics, E> {
                if text == PER_CLIENT {
                    return Ok(Topics::PerClient);
                }
                let count = text.parse::<Count>().ok();
                count
                    .map(|count| Topics::Of(count.get()))
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Topics, E> {
                u64::try_from(n)
                    .map(Topics::Of)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Reads the table, of which nothing need be there yet.
fn written(file: &str, table: &Table) -> Result<Workload, ScenarioError> {
    let mut rest = table.clone();
    let topics = rest.remove("topics");
    let mut workload: Workload = read(file, WORKLOAD, &rest)?;
    if let Some(node) = topics {
        workload.topics = match value(file, "workload.topics", &node)? {
            Topics::Of(topics) => topics,
            Topics::PerClient => workload.clients,
        };
    }
    Ok(workload)
}

/// Refuses what cannot be read of the table.
pub(super) fn readable(file: &str, _: &str, table: &Table) -> Result<(), ScenarioError> {
    written(file, table).map(drop)
}

/// What a case of `kind` has of the table.
pub(super) fn resolve(
    file: &str,
    kind: PatternKind,
    table: &Table,
) -> Result<Workload, ScenarioError> {
    let written = written(file, table)?;
    if kind.delivers() {
        return Ok(written);
    }
    // Without consumers of events none are published, so that they cost nothing beside the requests.
    let Workload { churn, publish, .. } = Workload::default();
    Ok(Workload { rate: Rate::per_second(0.0), churn, publish, ..written })
}
