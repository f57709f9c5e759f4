//! `[gate]`: what `tidings gate` decides by, and how long it may take.

use serde::{Deserialize, Serialize};

use crate::unit::Span;

/// How a gate decides about the scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateOptions {
    /// The metrics that decide, each with its tolerance, as `freshness_p50=5%`. Only `judge` knows their names.
    pub tolerances: Vec<String>,
    /// Longest time of its trials.
    pub budget: Span,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self { tolerances: Vec::new(), budget: Span::from_secs(600) }
    }
}

impl GateOptions {
    /// Whether nothing is set.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
