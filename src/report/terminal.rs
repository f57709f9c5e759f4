//! The report on a terminal, one screen.

use std::fmt::Write as _;

use super::View;
use super::contents::document;
use super::document::{Align, Block, Cell, Document, Extent, Section, Table};
use super::group::printable;
use crate::prose::wrap;

/// Widest line, in a window of any width.
const WIDTH: usize = 110;

/// The comparison for people: at most 110 columns wide, without control characters. Sentences are wrapped to `columns`; the
/// table's lines stay whole.
pub fn text(view: &View, columns: usize) -> String {
    render(&document(view), columns)
}

/// Names the files of a run's folder that say more than [`text`].
pub fn more(columns: usize) -> String {
    let mut out = String::new();
    wrap(&mut out, "", "More: report.html, report.md", 2, columns);
    out
}

/// A document as a terminal shows it.
pub(super) fn render(document: &Document, columns: usize) -> String {
    let mut screen = Screen { out: String::new(), columns: columns.min(WIDTH) };
    screen.sentence("", &format!("{}: {}", document.title, document.question));
    let mut sections = document.sections.iter();
    if let Some(answer) = sections.next() {
        screen.section(answer, "");
    }
    for section in sections {
        if section.of(Extent::Short).next().is_some() {
            screen.out.push('\n');
            screen.sentence("", &format!("{}:", section.title));
            screen.section(section, "  ");
        }
    }
    screen.out
}

struct Screen {
    out: String,
    columns: usize,
}

impl Screen {
    fn section(&mut self, section: &Section, indent: &str) {
        let mut follows_table = false;
        for block in section.of(Extent::Short) {
            if std::mem::take(&mut follows_table) {
                self.out.push('\n');
            }
            match block {
                Block::Sentences(sentences) => {
                    for sentence in sentences {
                        self.sentence(indent, sentence);
                    }
                }
                Block::Paragraph(text) | Block::Code(text) => self.sentence(indent, text),
                Block::Terms(terms) => {
                    for (term, meaning) in terms {
                        self.sentence(indent, &format!("{term}: {meaning}"));
                    }
                }
                Block::Table(table) => {
                    self.out.push('\n');
                    self.table(table);
                    follows_table = true;
                }
                Block::Chart(chart) => self.sentence(indent, &format!("charts/{}.svg", chart.name)),
                Block::Fold(title, _) => self.sentence(indent, &format!("{title}: in report.html")),
                Block::Files(files) => {
                    for (name, what) in files {
                        self.sentence(indent, &format!("{name}: {what}"));
                    }
                }
            }
        }
    }

    fn sentence(&mut self, indent: &str, text: &str) {
        wrap(&mut self.out, indent, &printable(text), indent.len() + 2, self.columns);
    }

    fn table(&mut self, table: &Table) {
        let widths = widths(table);
        let out = &mut self.out;
        for at in 0..2 {
            if table.head.iter().any(|head| !head.lines[at].is_empty()) {
                let heads = table.head.iter().map(|head| head.lines[at].to_owned());
                line(out, &row(table, &widths, heads));
            }
        }
        line(out, &"-".repeat(widths.iter().map(|width| width + 2).sum::<usize>() - 2));
        for group in &table.groups {
            if !group.heading.is_empty() {
                line(out, &clip(&group.heading, WIDTH));
            }
            for cells in &group.rows {
                let mut texts: Vec<String> = cells.iter().map(Cell::marked).collect();
                if texts[0].chars().count() > widths[0] {
                    line(out, &clip(&std::mem::take(&mut texts[0]), WIDTH));
                }
                line(out, &row(table, &widths, texts.into_iter()));
            }
        }
        for note in &table.notes {
            self.sentence("", &note.line());
        }
    }
}

/// The width of each column; the first, which names the case, has the room that the others leave.
fn widths(table: &Table) -> Vec<usize> {
    let rows = || table.groups.iter().flat_map(|group| &group.rows);
    let width = |(at, head): (usize, &super::document::Head)| {
        let heads = head.lines.iter().map(|line| line.chars().count());
        rows().map(|row| row[at].marked().chars().count()).chain(heads).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = table.head.iter().enumerate().map(width).collect();
    let others = widths[1..].iter().map(|width| width + 2).sum::<usize>();
    widths[0] = widths[0].clamp(4, WIDTH - others.min(WIDTH - 8));
    widths
}

fn row(table: &Table, widths: &[usize], cells: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for (at, ((cell, width), head)) in cells.zip(widths).zip(&table.head).enumerate() {
        let gap = if at == 0 { "" } else { "  " };
        let _ = match head.align {
            Align::Left => write!(text, "{gap}{cell:width$}"),
            Align::Right => write!(text, "{gap}{cell:>width$}"),
        };
    }
    text
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
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
            "Can this run be trusted? Yes: 18 of 18 trials usable (18 valid).",
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
            "Can this run be trusted? Partly: 17 of 18 trials usable (17 valid, 1 failed).",
            "Failed (sse trial 1): the target ended: [31m signal 9.",
            "dup/re",
            "150/0/0",
            "webhook: 150 lost of 3150 expected deliveries; worst reach 0.952.",
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
        let told = |run: Run| super::super::trust::causes(&View::new(run)).join("\n");
        let run = Run::read(&folder).unwrap();
        let once = told(run.clone()).matches("the ledger does not balance").count();
        let mut old = run;
        for trial in &mut old.trials {
            trial.verdict_codes.clear();
        }
        assert_eq!((once, told(old).matches("the ledger does not balance").count()), (1, 2));
    }
}
