//! Metrics that were to decide and that the first trials did not measure.

use anyhow::bail;

use super::Arm;
use super::document::Terms;

/// A metric that the first trial of a side has no value above 0 of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Id of the case.
    pub case: String,
    /// The metric's column.
    pub column: String,
    /// The side.
    pub arm: Arm,
}

/// Takes metrics that were not measured out of the terms; returns a sentence per one that was to decide.
///
/// # Errors
///
/// Where `named` says that the user named what decides, and one of those was not measured, or where no metric is left.
pub fn leave_out(
    terms: &mut Terms,
    lacking: &[Lacking],
    named: bool,
) -> anyhow::Result<Vec<String>> {
    let mut notes = Vec::new();
    for Lacking { case, column, arm } in lacking {
        let gated = terms.metrics.iter().any(|metric| metric.gated && metric.column == *column);
        if gated && named {
            bail!(
                "{case}: the {}'s first trial has no value of {column} above 0, so it cannot decide. {}, or leave it out with \
                 --tolerance {column}=none",
                arm.name(),
                remedy(column)
            );
        }
        let Some(held) = terms.cases.iter_mut().find(|held| held.id == *case) else { continue };
        // The other side may have lacked it, too.
        let before = held.columns.len();
        held.columns.retain(|other| other != column);
        if gated && held.columns.len() < before {
            notes.push(format!(
                "{case}: {column} was not measured, and does not decide. {}.",
                remedy(column)
            ));
        }
    }
    if terms.claims() == 0 {
        bail!(
            "no metric that decides was measured: {} Or give another metric a tolerance, such as --tolerance freshness_p50=5%",
            notes.join(" ")
        );
    }
    Ok(notes)
}

fn remedy(column: &str) -> &'static str {
    if column.starts_with("target_cpu") || column.starts_with("target_memory") {
        "Say which process is measured (--base-set target.process.pid=N, --head-set target.process.pid=M), or have tidings start the servers by commands"
    } else if column.starts_with("target_") || column.starts_with("wire_") {
        "The kernel did not count what the server's sockets sent; measure on Linux, with the server on this host"
    } else {
        "Check that the scenario's load makes it happen within a trial"
    }
}

#[cfg(test)]
mod tests {
    use super::super::Worse;
    use super::super::document::{GateCase, GatedMetric};
    use super::*;

    fn terms() -> Terms {
        let metric = |column: &str, gated| GatedMetric {
            column: column.to_owned(),
            tolerance: 0.05,
            worse: Worse::More,
            gated,
        };
        let columns = ["freshness_ns_p50", "target_cpu_ns_per_delivery", "wire_bytes_per_delivery"];
        let metrics =
            vec![metric(columns[0], true), metric(columns[1], true), metric(columns[2], false)];
        let columns: Vec<String> = columns.map(str::to_owned).to_vec();
        let case = |id: &str| GateCase { id: id.to_owned(), columns: columns.clone() };
        Terms {
            cases: vec![case("sse"), case("websocket")],
            metrics,
            seed: 1,
            blocks: 10,
            fewest_blocks: 8,
            budget_s: 60.0,
            drain_s: 1.0,
        }
    }

    fn lacks(case: &str, column: &str, arm: Arm) -> Lacking {
        Lacking { case: case.to_owned(), column: column.to_owned(), arm }
    }

    #[test]
    fn what_was_not_measured_does_not_decide_and_that_is_said_once_with_a_remedy() {
        let mut of = terms();
        let cpu = "target_cpu_ns_per_delivery";
        let lacking = [
            lacks("sse", cpu, Arm::Base),
            lacks("sse", cpu, Arm::Head),
            lacks("sse", "wire_bytes_per_delivery", Arm::Head),
        ];
        let notes = leave_out(&mut of, &lacking, false).unwrap();
        assert_eq!(
            notes.len(),
            1,
            "once for both sides, and nothing of what only informs: {notes:?}"
        );
        assert!(
            notes[0].contains("target_cpu_ns_per_delivery was not measured, and does not decide")
        );
        assert!(notes[0].contains("target.process"), "{notes:?}");
        assert_eq!(of.claims(), 3, "the other case keeps both");
        let named = leave_out(&mut terms(), &lacking, true).unwrap_err().to_string();
        assert!(named.contains("the base's first trial has no value of target_cpu"), "{named}");
        assert!(named.contains("target.process") && named.contains("=none"), "{named}");
        let all: Vec<Lacking> = ["sse", "websocket"]
            .iter()
            .flat_map(|case| ["freshness_ns_p50", cpu].map(|column| lacks(case, column, Arm::Head)))
            .collect();
        let none = leave_out(&mut terms(), &all, false).unwrap_err().to_string();
        assert!(none.contains("no metric that decides was measured"), "{none}");
        assert_eq!(leave_out(&mut terms(), &[], true).unwrap(), [""; 0]);
    }
}
