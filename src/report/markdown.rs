//! `report.md`: the full report.

use std::fmt::Write as _;

use super::View;
use super::contents::document;
use super::document::{Align, Block, Document, Extent, Head, Table};
use super::group::printable;
use crate::prose::harmless;
use crate::unit::typographic;

/// The complete page.
pub(super) fn markdown(view: &View) -> String {
    render(&document(view))
}

/// A document as Markdown.
pub(super) fn render(document: &Document) -> String {
    let mut page = format!("# {}\n\n{}\n", escape(&document.title), escape(&document.question));
    for section in &document.sections {
        let _ = write!(page, "\n## {}\n", section.title);
        let mut in_list = false;
        for part in section.of(Extent::Full) {
            // Sentences of neighbouring blocks make one list.
            let goes_on = std::mem::replace(&mut in_list, matches!(part, Block::Sentences(_)));
            if !(goes_on && in_list) {
                page.push('\n');
            }
            block(&mut page, part);
        }
    }
    typographic(&page)
}

fn block(page: &mut String, block: &Block) {
    match block {
        Block::Sentences(sentences) => {
            for sentence in sentences {
                let _ = writeln!(page, "- {}", escape(sentence));
            }
        }
        Block::Paragraph(text) => {
            let _ = writeln!(page, "{}", escape(text));
        }
        Block::Terms(terms) => {
            for (term, meaning) in terms {
                let _ = writeln!(page, "- *{}*: {}", escape(term), escape(meaning));
            }
        }
        Block::Table(own) => table(page, own),
        Block::Chart(chart) => {
            let (name, what) = (chart.name, chart.what);
            let _ = writeln!(page, "![{what}](charts/{name}.svg)\n");
            let _ = writeln!(page, "[SVG](charts/{name}.svg), [PNG](charts/{name}.png)");
        }
        Block::Code(text) => {
            for line in text.lines() {
                let _ = writeln!(page, "    {}", harmless(line));
            }
        }
        Block::Fold(title, blocks) => {
            let _ = writeln!(page, "**{}**", escape(title));
            for inner in blocks {
                page.push('\n');
                self::block(page, inner);
            }
        }
        Block::Files(files) => {
            for (name, what) in files {
                let _ = writeln!(page, "- [`{name}`]({name}): {what}");
            }
        }
    }
}

/// A text that Markdown prints as it is: no markup, no list, no entity, no link, nobody mentioned.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    // Indented text would be code.
    let text = printable(text);
    let text = text.trim_start();
    for (at, c) in text.char_indices() {
        let (before, after) = (&text[..at], &text[at + c.len_utf8()..]);
        let is_markup = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '$' | '@' => true,
            // An entity would be replaced.
            '&' => after.starts_with(|next: char| next.is_alphanumeric() || next == '#'),
            // At the start of a line they begin a list, or a heading in the line below.
            '-' | '+' | '=' => before.is_empty(),
            '.' | ')' if !before.is_empty() => {
                // An ordered list, or an address.
                before.chars().all(|digit| digit.is_ascii_digit()) || before.ends_with(['w', 'W'])
            }
            '/' => before.ends_with([':', '/']),
            _ => false,
        };
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(c);
        // GitHub looks for mentions, addresses and numbers of issues in what is shown.
        if matches!(c, '@' | '#') {
            escaped.push('\u{2060}');
        }
    }
    escaped
}

fn row(page: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn table(page: &mut String, table: &Table) {
    row(page, table.head.iter().map(|head| escape(&head.line())));
    let rule = |head: &Head| match head.align {
        Align::Left => "---".to_owned(),
        Align::Right => "---:".to_owned(),
    };
    row(page, table.head.iter().map(rule));
    for group in &table.groups {
        for cells in &group.rows {
            let name = [group.heading.as_str(), cells[0].text.as_str()];
            let name: Vec<&str> = name.into_iter().filter(|part| !part.is_empty()).collect();
            let first = escape(&name.join(": "));
            let others = cells[1..].iter().map(|cell| escape(&cell.marked()));
            row(page, std::iter::once(first).chain(others));
        }
    }
    for note in &table.notes {
        let _ = writeln!(page, "\n{}", escape(&note.line()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Recorder;
    use crate::record::Run;
    use crate::record::synthetic::{info, scenario, six, write_run};

    #[test]
    fn nobody_is_mentioned_and_no_issue_is_linked() {
        for (text, expected) in [
            ("#123 of a#4", "\\#\u{2060}123 of a\\#\u{2060}4"),
            ("@all", "\\@\u{2060}all"),
            ("a <b>", "a \\<b\\>"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn a_page_begins_with_the_question_and_holds_every_part() {
        let out = tempfile::tempdir().unwrap();
        let mut cases = six();
        for case in &mut cases {
            case.workload.clients = 20;
        }
        let mut info = info(scenario(cases, 3, &["reach >= 1"]));
        info.warnings.push("a <b>debug</b> build".to_owned());
        let folder = write_run(out.path(), &info, |facts| {
            let mut recorder = Recorder::new();
            (0..3).for_each(|_| recorder.record_poll(5));
            facts.workers.merge(&recorder.snapshot());
            if facts.trial == 2 {
                facts.failure = Some("died | of *thirst*".to_owned());
            }
        });
        let page = markdown(&View::new(Run::read(&folder).unwrap()));
        assert!(
            page.contains("Judged by the limits of a shared host")
                && page.contains("CPU steal 0 %"),
            "{page}"
        );
        assert_eq!(page.matches("thundering herd: up to 3 of 20 clients ").count(), 1);
        assert!(page.starts_with("# made-up\n\nHow should 1,000 consumers"));
        let heads: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let expected = [
            "Answer",
            "Limits of these figures",
            "Objectives",
            "Warnings",
            "Charts",
            "Intervals",
            "Where the time goes",
            "Trials",
            "How it was measured",
            "Files",
        ];
        assert_eq!(heads, expected);
        assert!(
            page.contains("died / of \\*thirst\\*") && page.contains("a \\<b\\>debug"),
            "{page}"
        );
        let table: Vec<_> = page.lines().filter(|line| line.starts_with('|')).collect();
        let pipes = |line: &str| line.replace("\\|", "").matches('|').count();
        for pair in table.windows(2).take(6) {
            assert_eq!(pipes(pair[0]), pipes(pair[1]), "{pair:?}");
        }
    }
}
