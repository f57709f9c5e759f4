//! The percentiles of a probe, a row per metric.

use std::fmt::Write as _;

use super::{Page, Probe, Spread};
use crate::measure::Metric;
use crate::unit::nanoseconds;

/// Quantiles of the table.
const HEADS: [(&str, f64); 6] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Width of a row's name, and of each of its cells.
const NAME: usize = 15;
const CELL: usize = 10;

/// A row, where there are samples: the metric, its name, and what it is.
struct Row {
    metric: Metric,
    name: &'static str,
    says: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        metric: Metric::Freshness,
        name: "freshness",
        says: "how old an event was when a client received it, counted from when it was due",
    },
    Row {
        metric: Metric::Response,
        name: "response",
        says: "from when a request was due to the last byte of its answer",
    },
    Row {
        metric: Metric::Service,
        name: "service",
        says: "from when it was sent, which leaves out the wait for a slow answer before it",
    },
    Row {
        metric: Metric::MessageGap,
        name: "message gap",
        says: "from one message of a client to its next",
    },
    Row {
        metric: Metric::StampAge,
        name: "age by stamp",
        says: "received - the message's own stamp. Two wall clocks are compared: any difference between the sender's and this \
               host's is part of it",
    },
    Row { metric: Metric::Hold, name: "hold", says: "how long the server held a poll" },
    Row {
        metric: Metric::Send,
        name: "publish",
        says: "from when an event was due to the answer to its publication",
    },
    Row {
        metric: Metric::Reconnect,
        name: "reconnect",
        says: "from losing a connection to having another",
    },
    Row { metric: Metric::Connect, name: "connect", says: "dial to ready, once per connection" },
    Row { metric: Metric::TlsHandshake, name: "TLS handshake", says: "of that: the handshake" },
    Row {
        metric: Metric::Slip,
        name: "slip",
        says: "how late this generator itself sent a request",
    },
    Row {
        metric: Metric::SendSlip,
        name: "publish slip",
        says: "how late this generator itself published an event",
    },
];

/// Writes the rows that have samples, and what each is.
pub(super) fn write(probe: &Probe, page: &mut Page) {
    let rows: Vec<(&Row, &Spread)> = ROWS
        .iter()
        .filter_map(|row| {
            let spread = probe.spread(row.metric)?;
            (spread.samples.count() + spread.censored > 0).then_some((row, spread))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    page.out.push('\n');
    let mut head = " ".repeat(NAME);
    for (name, _) in HEADS {
        let _ = write!(head, "{name:>CELL$}");
    }
    page.line(&head);
    for (row, spread) in &rows {
        let mut line = format!("{:NAME$}", row.name);
        for (_, quantile) in HEADS {
            let cell = spread.at(quantile).map_or_else(|| "-".to_owned(), |f| f.print(nanoseconds));
            let _ = write!(line, "{cell:>CELL$}");
        }
        page.line(&line);
    }
    page.out.push('\n');
    for (row, _) in &rows {
        page.sentence("", &format!("{}: {}.", row.name, row.says), 2);
    }
    let bound = rows.iter().any(|(_, spread)| spread.censored > 0);
    if bound {
        page.sentence(
            "",
            "> : more than that. What failed or was lost counts as later than all else.",
            2,
        );
    }
    page.out.push('\n');
}

impl Page {
    /// A line of a table, which stays whole.
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }
}
