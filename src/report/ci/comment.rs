//! Markdown for a step summary, or a pull-request comment that is found by its marker and updated.

use std::fmt::Write as _;

use super::{CiReport, CiStatus, line};

/// Renders reports one below the other, each under its marker.
pub fn comment(reports: &[CiReport]) -> String {
    let pages: Vec<String> = reports.iter().map(page).collect();
    pages.join("\n")
}

/// The first line of a report's Markdown: a comment of HTML, which is not shown and by which an earlier comment is found.
pub fn marker(report: &CiReport) -> String {
    let plain = |letter: char| if letter.is_alphanumeric() { letter } else { '-' };
    let name: String = report.scenario.chars().map(plain).collect();
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    format!("<!-- tidings {} {} -->", report.verb, parts.join("-"))
}

const fn sign(status: CiStatus) -> &'static str {
    match status {
        CiStatus::Passed => "✅",
        CiStatus::Failed => "❌",
        CiStatus::Error => "⛔",
        CiStatus::Inconclusive => "❔",
        CiStatus::NotJudged => "➖",
    }
}

fn page(report: &CiReport) -> String {
    let mut out = format!(
        "{}\n### {} {}\n\n{}\n\n",
        marker(report),
        sign(report.status()),
        escape(&report.title()),
        escape(&report.headline)
    );
    if !report.cases.is_empty() {
        out.push_str("| | case | objective or metric | measured | threshold | finding |\n");
        out.push_str("| --- | --- | --- | ---: | ---: | --- |\n");
    }
    // What does not hold is read first; the order within a status stays.
    let mut cases: Vec<_> = report.cases.iter().collect();
    cases.sort_by_key(|case| std::cmp::Reverse(case.status));
    for case in cases {
        let or_none =
            |text: &Option<String>| text.as_deref().map_or_else(|| "–".to_owned(), escape);
        let _ = writeln!(
            out,
            "| {} {} | {} | {} | {} | {} | {} |",
            sign(case.status),
            case.status.name(),
            escape(&case.group),
            escape(&case.name),
            or_none(&case.figure),
            or_none(&case.threshold),
            escape(&case.sentence)
        );
    }
    for note in &report.notes {
        let _ = write!(out, "\n{}\n", escape(note));
    }
    out
}

/// Text without a meaning in Markdown or HTML, on one line: no markup, no cell, no link, nobody mentioned.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut last = ' ';
    // Indented text would be code.
    for letter in line(text).trim().chars() {
        // A dot is one where it would make an address of a host's name.
        let is_markup = matches!(
            letter,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '$' | '/' | '!' | '@'
        ) || (letter == '.' && matches!(last, 'w' | 'W'))
            // At the start of a line it would begin a list, a heading or a rule.
            || (escaped.is_empty() && matches!(letter, '-' | '+' | '='));
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(letter);
        // GitHub looks for mentions and numbers of issues in what is shown.
        if matches!(letter, '@' | '#') {
            escaped.push('\u{2060}');
        }
        last = letter;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_inert() {
        for (text, expected) in [
            ("a | b\n# c", "a \\| b \\#\u{2060} c"),
            ("<img src=x>", "\\<img src=x\\>"),
            ("@all, see #12", "\\@\u{2060}all, see \\#\u{2060}12"),
            ("http://a.b www.c", "http:\\/\\/a.b www\\.c"),
            ("- x", "\\- x"),
            ("p50 < 5 ms", "p50 \\< 5 ms"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }
}
