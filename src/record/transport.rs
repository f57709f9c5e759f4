//! The figures that show how a trial's bytes travelled.

use serde::{Deserialize, Serialize};

use super::{Figure, TrialFacts};
use crate::measure::{Counter, Metric};
use crate::scenario::PatternKind;

/// Handshakes, and how many links shared a connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TransportFigures {
    /// TLS handshakes of links over the whole trial.
    pub tls_handshakes: Option<u64>,
    /// Those that resumed a session ÷ all.
    pub tls_resumed_share: Option<f64>,
    /// How long one took, beside TCP's own, median.
    pub tls_handshake_ns_p50: Option<Figure>,
    /// Its 99th percentile.
    pub tls_handshake_ns_p99: Option<Figure>,
    /// Links ÷ connections opened: 1 where each has its own, more where HTTP/2 is shared.
    pub links_per_connection: Option<f64>,
}

impl TransportFigures {
    /// The figures of a trial.
    pub fn of(facts: &TrialFacts) -> Self {
        let counters = &facts.workers.counters;
        let (clients, opened) = (facts.case.workload.clients, counters.get(Counter::Connections));
        // A webhook receiver is registered over a connection and called over others: there is nothing to share.
        let dials = facts.case.pattern.kind() != PatternKind::Webhook;
        let links_per_connection = (dials && opened > 0).then(|| clients as f64 / opened as f64);
        if !facts.case.transport.tls {
            return Self { links_per_connection, ..Self::default() };
        }
        let handshakes = counters.get(Counter::TlsHandshakes);
        let resumed = counters.get(Counter::TlsResumed);
        let samples = facts.workers.distribution(Metric::TlsHandshake);
        let at = |q| samples.and_then(|samples| samples.quantile_censored(q, 0)).map(Figure::from);
        Self {
            tls_handshakes: (opened > 0).then_some(handshakes),
            tls_resumed_share: (handshakes > 0).then(|| resumed as f64 / handshakes as f64),
            tls_handshake_ns_p50: at(0.5),
            tls_handshake_ns_p99: at(0.99),
            links_per_connection,
        }
    }
}
