//! `[target]`: how it is read. Its limits stand beside the other keys in a file, and in a struct of their own behind it.

use super::error::ScenarioError;
use super::read::{read, value};
use super::tree::Table;
use super::{Limits, TargetOptions};

/// The options that `table` describes.
pub(super) fn options(file: &str, table: &Table) -> Result<TargetOptions, ScenarioError> {
    let mut rest = table.clone();
    let mut limit = |key: &str| {
        let node = rest.remove(key);
        node.map(|node| value(file, &format!("target.{key}"), &node)).transpose()
    };
    let limits =
        Limits { requests_per_s: limit("requests_per_s")?, connections: limit("connections")? };
    Ok(TargetOptions { limits, ..read(file, "target", &rest)? })
}

/// Refuses what cannot be read of the table.
pub(super) fn readable(file: &str, _: &str, table: &Table) -> Result<(), ScenarioError> {
    options(file, table).map(drop)
}
