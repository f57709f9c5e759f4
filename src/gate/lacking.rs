//! Metrics that were to decide and that the first trials did not measure.

use anyhow::bail;

use super::Arm;
use super::document::{GateCase, Terms};

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
/// Where `named` says that the user named what decides, and one of those was not measured; where one side alone has a metric that
/// decides; or where a case has none left.
pub fn leave_out(
    terms: &mut Terms,
    lacking: &[Lacking],
    named: bool,
) -> anyhow::Result<Vec<String>> {
    let mut notes = Vec::new();
    let gated = |terms: &Terms, column: &String| {
        terms.metrics.iter().any(|metric| metric.gated && metric.column == *column)
    };
    let decided: Vec<String> = terms
        .cases
        .iter()
        .filter(|case| case.columns.iter().any(|column| gated(terms, column)))
        .map(|case| case.id.clone())
        .collect();
    for Lacking { case, column, arm } in lacking {
        let gated = gated(terms, column);
        let other_has = !lacking
            .iter()
            .any(|other| other.case == *case && other.column == *column && other.arm != *arm);
        // What one side alone lacks is a difference between them, which no note may pass over.
        if gated && other_has {
            bail!(
                "{case}: the {}'s first trial has no value of {column} above 0, and the other side's has one, so they cannot be \
                 compared. {}, or leave it out with --tolerance {column}=none",
                arm.name(),
                remedy(column)
            );
        }
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
    let left = |case: &&GateCase| case.columns.iter().any(|column| gated(terms, column));
    let none_left = terms.cases.iter().find(|case| decided.contains(&case.id) && !left(case));
    if let Some(case) = none_left {
        bail!(
            "{}: no metric that decides was measured: {} Or give another metric a tolerance, such as --tolerance freshness_p50=5%",
            case.id,
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
    use super::super::samples::{self, metric};
    use super::*;

    fn terms() -> Terms {
        let metrics = vec![
            metric("freshness_ns_p50", true),
            metric("target_cpu_ns_per_delivery", true),
            metric("wire_bytes_per_delivery", false),
        ];
        samples::terms(&["sse", "websocket"], metrics)
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
            .flat_map(|case| ["freshness_ns_p50", cpu].map(|column| (*case, column)))
            .flat_map(|(case, of)| [Arm::Base, Arm::Head].map(|arm| lacks(case, of, arm)))
            .collect();
        let none =
            |lacking: &[Lacking]| leave_out(&mut terms(), lacking, false).unwrap_err().to_string();
        assert!(none(&all).contains("sse: no metric that decides was measured"));
        let one_case = none(&all[4..]);
        assert!(one_case.contains("websocket: no metric that decides"), "{one_case}");
        for arm in [Arm::Base, Arm::Head] {
            let one_side = none(&[lacks("sse", cpu, arm)]);
            let name = format!("the {}'s first trial has no value of {cpu}", arm.name());
            assert!(one_side.contains(&name), "{one_side}");
            assert!(one_side.contains("the other side's has one"), "{one_side}");
        }
        let informs = [lacks("sse", "wire_bytes_per_delivery", Arm::Head)];
        assert_eq!(leave_out(&mut terms(), &informs, false).unwrap(), [""; 0]);
        assert_eq!(leave_out(&mut terms(), &[], true).unwrap(), [""; 0]);
    }
}
