//! A calibration as text, JSON and Markdown.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Calibration, ExperimentOutcome, ExperimentResult, Quantity};
use crate::prose::wrap;

/// Width of the text's columns of expected, measured and tolerance, at most.
const CELL: usize = 26;

/// Widest line of a sentence.
const WIDTH: usize = 110;

/// Most reasons that the text prints per experiment.
const REASONS: usize = 3;

#[derive(Serialize)]
struct Document<'a> {
    experiments: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: u32,
    name: &'a str,
    expected: String,
    measured: String,
    tolerance: String,
    outcome: ExperimentOutcome,
    attempts: usize,
    reasons: &'a [String],
    quantities: &'a [Quantity],
}

/// Joins one property of all quantities into a line.
fn joined(answer: &ExperimentResult, of: fn(&Quantity) -> &str) -> String {
    let quantities = &answer.finding.quantities;
    let named = |quantity: &Quantity| match quantities.len() {
        1 => of(quantity).to_owned(),
        _ => format!("{}: {}", quantity.name, of(quantity)),
    };
    quantities.iter().map(named).collect::<Vec<_>>().join("; ")
}

fn entry(answer: &ExperimentResult) -> Entry<'_> {
    Entry {
        id: answer.experiment.id,
        name: answer.experiment.name,
        expected: joined(answer, |quantity| &quantity.expected),
        measured: joined(answer, |quantity| &quantity.measured),
        tolerance: joined(answer, |quantity| &quantity.tolerance),
        outcome: answer.outcome,
        attempts: answer.attempts,
        reasons: &answer.reasons,
        quantities: &answer.finding.quantities,
    }
}

/// The calibration as `{"experiments": [{"id", "name", "expected", "measured", "tolerance", "outcome", …}, …]}`.
pub fn json(calibration: &Calibration) -> String {
    let document = Document { experiments: calibration.answers.iter().map(entry).collect() };
    // Texts and numbers always serialise.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns the result of a calibration in a sentence.
fn summary(calibration: &Calibration) -> String {
    let count = |outcome| calibration.answers.iter().filter(|a| a.outcome == outcome).count();
    let all = calibration.answers.len();
    let mut text = format!("{} of {all} experiments passed", count(ExperimentOutcome::Pass));
    for (outcome, what) in [
        (ExperimentOutcome::Fail, "failed: do not trust figures of this kind"),
        (
            ExperimentOutcome::Noisy,
            "inconclusive: the machine was too noisy; free it and try again",
        ),
    ] {
        let n = count(outcome);
        if n > 0 {
            let _ = write!(text, "; {n} {what}");
        }
    }
    if calibration.stopped.is_some() {
        text.push_str("; stopped before the rest");
    }
    text + "."
}

/// The outcome, with the number of attempts where there were several.
fn outcome(answer: &ExperimentResult) -> String {
    match answer.attempts {
        1 => answer.outcome.name().to_owned(),
        n => format!("{} ({n} attempts)", answer.outcome.name()),
    }
}

/// The calibration as a table: a line for every quantity. Sentences are wrapped to `columns`.
pub fn text(calibration: &Calibration, columns: usize) -> String {
    let columns = columns.min(WIDTH);
    let quantities = || calibration.answers.iter().flat_map(|a| &a.finding.quantities);
    let width = |of: fn(&Quantity) -> &str, least: usize, most: usize| {
        quantities().map(|q| of(q).chars().count()).max().unwrap_or(0).clamp(least, most)
    };
    let name = width(|q| &q.name, 8, 44);
    let expected = width(|q| &q.expected, 8, CELL);
    let measured = width(|q| &q.measured, 8, CELL);
    let tolerance = width(|q| &q.tolerance, 9, CELL);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "     {:name$}  {:>expected$}  {:>measured$}  {:>tolerance$}",
        "", "expected", "measured", "tolerance"
    );
    for answer in &calibration.answers {
        let (id, title) = (answer.experiment.id, answer.experiment.name);
        let title = format!("{title}: {}", outcome(answer));
        wrap(&mut text, &format!("{id:>2}   "), &title, 5, columns);
        for quantity in &answer.finding.quantities {
            let mark = if quantity.holds { ' ' } else { '✗' };
            let _ = writeln!(
                text,
                "   {mark} {:name$}  {:>expected$}  {:>measured$}  {:>tolerance$}",
                quantity.name, quantity.expected, quantity.measured, quantity.tolerance
            );
        }
        for reason in answer.reasons.iter().take(REASONS) {
            wrap(&mut text, "     reason: ", reason, 7, columns);
        }
        let more = answer.reasons.len().saturating_sub(REASONS);
        if more > 0 {
            wrap(&mut text, "     ", &format!("{more} more in calibration.json"), 7, columns);
        }
    }
    text.push('\n');
    wrap(&mut text, "", &summary(calibration), 2, columns);
    text
}

/// Returns the calibration as Markdown; `host` describes the host. Plots are linked as `charts/<name>.svg`.
pub fn markdown(calibration: &Calibration, host: &str) -> String {
    let mut text = format!("# Calibration\n\n{host}\n\n{}\n\n", summary(calibration));
    text.push_str("| # | experiment | expected | measured | tolerance | outcome |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    for answer in &calibration.answers {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            answer.experiment.id,
            answer.experiment.name,
            cell(&joined(answer, |q| &q.expected)),
            cell(&joined(answer, |q| &q.measured)),
            cell(&joined(answer, |q| &q.tolerance)),
            outcome(answer)
        );
    }
    text.push_str("\n## What each experiment proves\n\n");
    for answer in &calibration.answers {
        let _ = writeln!(text, "{}. {}", answer.experiment.id, answer.experiment.proves);
    }
    let doubtful = calibration.answers.iter().filter(|answer| !answer.reasons.is_empty());
    for (n, answer) in doubtful.enumerate() {
        if n == 0 {
            text.push_str("\n## Reasons\n\n");
        }
        for reason in &answer.reasons {
            let _ = writeln!(text, "- {}: {reason}", answer.experiment.id);
        }
    }
    for (n, (name, plot)) in calibration.plots().enumerate() {
        if n == 0 {
            text.push_str("\n## Measured against expected\n\n");
        }
        let _ = writeln!(text, "![{}](charts/{name}.svg)\n", plot.title);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{EXPERIMENTS, Finding};
    use super::*;

    fn calibration() -> Calibration {
        let answer = |at: usize, outcome, measured: &[u64]| ExperimentResult {
            experiment: &EXPERIMENTS[at],
            outcome,
            attempts: measured.len(),
            reasons: match outcome {
                ExperimentOutcome::Noisy => vec!["the hypervisor took 9 %".to_owned()],
                _ => Vec::new(),
            },
            finding: Finding::of(
                measured.iter().map(|n| Quantity::exactly(format!("count {n}"), 3, *n)).collect(),
            ),
        };
        let answers = vec![
            answer(0, ExperimentOutcome::Pass, &[3]),
            answer(1, ExperimentOutcome::Noisy, &[3, 4]),
        ];
        Calibration { answers, stopped: None }
    }

    #[test]
    fn the_document_has_its_fields_and_no_others_above_the_experiments() {
        let document: serde_json::Value = serde_json::from_str(&json(&calibration())).unwrap();
        assert_eq!(document.as_object().unwrap().keys().collect::<Vec<_>>(), ["experiments"]);
        let first = &document["experiments"][0];
        assert_eq!(
            (&first["id"], &first["outcome"], &first["expected"], &first["tolerance"]),
            (&1.into(), &"pass".into(), &"3".into(), &"exact".into())
        );
        let second = &document["experiments"][1];
        assert_eq!(second["measured"], "count 3: 3; count 4: 4");
        assert_eq!(second["reasons"][0], "the hypervisor took 9 %");
        assert_eq!(second["attempts"], 2);
    }

    #[test]
    fn text_and_markdown_name_what_does_not_hold_and_why() {
        let calibration = calibration();
        let text = text(&calibration, usize::MAX);
        assert!(text.contains("✗ count 4") && !text.contains("✗ count 3"), "{text}");
        assert!(text.contains("noisy (2 attempts)"), "{text}");
        assert!(text.contains("reason: the hypervisor took 9 %"), "{text}");
        assert!(text.contains("1 of 2 experiments passed; 1 inconclusive"), "{text}");
        let markdown = markdown(&calibration, "a host");
        assert!(
            markdown.contains("| 2 | ") && markdown.contains("- 2: the hypervisor"),
            "{markdown}"
        );
    }
}
