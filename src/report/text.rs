//! The report on a terminal, one screen: the verdict, the table, and one line per question answered.

use std::fmt::Write as _;

use super::View;
use super::caveats::caveats;
use super::disruption;
use super::flips;
use super::floor;
use super::group::{groups, printable};
use super::prose;
use super::sends;
use super::{table, trust};
use crate::prose::wrap;

/// Widest line, in a window of any width.
const WIDTH: usize = 110;

/// Most causes of trials that are not valid.
const CAUSES: usize = 4;

/// The comparison for people: at most 110 columns wide, without control characters. Sentences are wrapped to `columns`; the
/// table's lines stay whole.
pub fn text(view: &View, columns: usize) -> String {
    let columns = columns.min(WIDTH);
    let paragraph = |out: &mut String, indent: &str, text: &str| {
        wrap(out, indent, &printable(text), indent.len() + 2, columns);
    };
    let info = &view.run.info;
    let mut out = String::new();
    paragraph(&mut out, "", &format!("{}: {}", info.scenario.name, info.scenario.question));
    paragraph(&mut out, "", &trust::verdict(view));
    for limit in trust::limits(view) {
        paragraph(&mut out, "", &limit);
    }
    out.push('\n');
    comparison(&mut out, view);
    if view.cases.iter().any(|case| !case.pattern.delivers()) {
        paragraph(
            &mut out,
            "",
            "* response time: nothing is delivered to request, so it has no freshness.",
        );
    }
    for legend in view
        .labels
        .legend()
        .into_iter()
        .chain(trust::legend(view))
        .chain(floor::legend(view))
        .chain(prose::prices(view))
    {
        paragraph(&mut out, "", &legend);
    }
    for caveat in caveats(view) {
        paragraph(&mut out, "", &format!("* {caveat}"));
    }
    let troubles =
        disruption::sections(view).into_iter().map(|told| (format!("{}:", told.title), told.told));
    let plain = |lines| (String::new(), lines);
    let answers =
        [prose::answers_in_short(view), flips::sentences(view), sends::sentences(view)].concat();
    let before = std::iter::once(plain(answers)).chain(troubles);
    let causes = trust::causes(view, CAUSES, WIDTH);
    let after = [
        plain([causes, trust::losses(view), floor::sentences(view)].concat()),
        ("Objectives:".to_owned(), prose::objectives(view)),
        ("Warnings:".to_owned(), prose::warnings(view)),
    ];
    for (title, lines) in before.chain(after) {
        if lines.is_empty() {
            continue;
        }
        out.push('\n');
        let indent = if title.is_empty() { "" } else { "  " };
        if !title.is_empty() {
            line(&mut out, &title);
        }
        for text in lines {
            paragraph(&mut out, indent, &text);
        }
    }
    out.push_str("\nMore: report.md\n");
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn comparison(out: &mut String, view: &View) {
    let columns = table::columns(&view.cases);
    let cells = |case: &crate::judge::CaseSummary| -> Vec<String> {
        columns.iter().map(|column| (column.cell)(case)).collect()
    };
    let rows: Vec<Vec<String>> = view.cases.iter().map(cells).collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|i| {
            let header = columns[i].header.iter().map(|part| part.len()).max().unwrap_or(0);
            rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0).max(header)
        })
        .collect();
    let groups = groups(&view.cases);
    let labels = groups.iter().flat_map(|group| group.rows.iter().map(|(label, _)| label.len()));
    let room = WIDTH - widths.iter().map(|width| width + 2).sum::<usize>().min(WIDTH - 8);
    let first = labels.max().unwrap_or(0).clamp(4, room);
    let row = |label: &str, cells: &mut dyn Iterator<Item = &str>| {
        let mut text = format!("{label:first$}");
        let last = widths.len() - 1;
        for (i, (cell, width)) in cells.zip(&widths).enumerate() {
            // The verdict is a word, and reads from the left.
            let _ = if i == last {
                write!(text, "  {cell:width$}")
            } else {
                write!(text, "  {cell:>width$}")
            };
        }
        text
    };
    line(out, &row("", &mut columns.iter().map(|column| column.header[0])));
    line(out, &row("case", &mut columns.iter().map(|column| column.header[1])));
    line(out, &"-".repeat(first + widths.iter().map(|width| width + 2).sum::<usize>()));
    for group in &groups {
        if !group.heading.is_empty() {
            line(out, &clip(&group.heading, WIDTH));
        }
        for (label, case) in &group.rows {
            let cells = cells(case);
            let mut cells = cells.iter().map(String::as_str);
            if label.chars().count() > first {
                line(out, &clip(label, WIDTH));
                line(out, &row("", &mut cells));
            } else {
                line(out, &row(label, &mut cells));
            }
        }
    }
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, losing, scenario, six, twelve, write_run};
    use crate::scenario::PatternKind;

    fn assert_fit_for_a_terminal(text: &str) {
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }

    fn of(
        cases: Vec<crate::scenario::Case>,
        objectives: &[&str],
        change: impl Fn(&mut crate::record::TrialFacts),
    ) -> String {
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(cases, 3, objectives)), change);
        text(&View::new(Run::read(&folder).unwrap()), usize::MAX)
    }

    fn small(mut cases: Vec<crate::scenario::Case>) -> Vec<crate::scenario::Case> {
        for case in &mut cases {
            case.workload.clients /= 20;
        }
        cases
    }

    #[test]
    fn six_patterns_are_compared_at_a_glance() {
        let text = of(small(six()), &["reach >= 1", "freshness_p50 < 50ms"], |_| ());
        assert_fit_for_a_terminal(&text);
        for words in [
            "case ",
            "short-poll ",
            "* response time: nothing is delivered",
            "Freshest: ",
            "Can this run be trusted? Yes: all 18 trials are valid.",
            "Fewest wire bytes: websocket, 30.3 KiB/s. sse needs 1.06x (32.2 KiB/s; 75 % CI ",
            "Cheapest per 1,000 clients and month: ",
            "cost/month: USD per 1,000 clients and month of 730 h, at 0.0405 per CPU-hour",
            "75 % confidence. `--trials ",
            "MISSED  freshness_p50 < 50ms  [short-poll:",
            "met     reach >= 1  [6 cases]",
        ] {
            assert!(text.contains(words), "'{words}' is missing in\n{text}");
        }
        assert!(!text.contains("dup/re"), "{text}");
    }

    #[test]
    fn a_sweep_has_a_heading_for_each_workload() {
        let text = of(small(twelve()), &[], |_| ());
        assert_fit_for_a_terminal(&text);
        let heads = text.lines().filter(|line| line.starts_with("clients=")).count();
        assert_eq!(heads, 2, "{text}");
        assert!(text.contains("Freshest at 10 clients: "), "{text}");
    }

    #[test]
    fn what_went_wrong_is_told_with_its_reason() {
        let text = of(small(six()), &[], |facts| match (facts.case.pattern.kind(), facts.trial) {
            (PatternKind::Sse, 1) => {
                facts.failure = Some("the target ended:\x1b[31m signal 9".to_owned());
            }
            (PatternKind::Webhook, _) => {
                *facts = losing(&facts.case, facts.trial, 50);
                facts.target.counters.add(crate::measure::Counter::Published, 1);
            }
            _ => {}
        });
        assert_fit_for_a_terminal(&text);
        for words in [
            "failed 1/3",
            "Can this run be trusted? Partly: 17 of 18 trials are valid, 1 failed.",
            "Failed (sse trial 1): the target ended: [31m signal 9.",
            "dup/re",
            "150/0/0",
            "webhook: 150 lost of 3150 expected deliveries; worst reach 0.95238.",
        ] {
            assert!(text.contains(words), "'{words}' is missing in\n{text}");
        }
    }

    #[test]
    fn names_and_words_of_any_length_fit() {
        let axes = format!(":option={}", "x".repeat(150));
        let cases = vec![case(PatternKind::Sse, 20, &axes), case(PatternKind::WebSocket, 20, "")];
        let reason = "y".repeat(300);
        assert_fit_for_a_terminal(&of(cases, &[], |facts| facts.failure = Some(reason.clone())));
    }

    #[test]
    fn a_run_without_trials_says_so() {
        let out = tempfile::tempdir().unwrap();
        let mut info = info(scenario(six(), 3, &["reach >= 1"]));
        (info.complete, info.stopped_by) = (false, Some("SIGINT".to_owned()));
        let plan = std::mem::take(&mut info.plan);
        let folder = write_run(out.path(), &info, |_| ());
        let mut view = View::new(Run::read(&folder).unwrap());
        view.run.info.plan = plan;
        let text = text(&view, usize::MAX);
        assert_fit_for_a_terminal(&text);
        for words in [
            "0 of 18 trials",
            "stopped by SIGINT",
            "Can this run be trusted? No: no trial was run, the run is partial.",
            "unknown reach >= 1",
        ] {
            assert!(text.contains(words), "'{words}' is missing in\n{text}");
        }
    }

    #[test]
    fn like_reasons_are_told_once_by_their_codes() {
        let out = tempfile::tempdir().unwrap();
        let cases = vec![case(PatternKind::Sse, 60, ""), case(PatternKind::WebSocket, 60, "")];
        let folder = write_run(out.path(), &info(scenario(cases, 2, &[])), |facts| {
            let lost = if facts.trial == 1 { 1 } else { 7 };
            facts.workers.ledger.lost += lost;
        });
        let told = |run: Run| trust::causes(&View::new(run), 9, 300).join("\n");
        let run = Run::read(&folder).unwrap();
        let once = told(run.clone()).matches("the ledger does not balance").count();
        let mut old = run;
        for trial in &mut old.trials {
            trial.verdict_codes.clear();
        }
        assert_eq!((once, told(old).matches("the ledger does not balance").count()), (1, 2));
    }
}
