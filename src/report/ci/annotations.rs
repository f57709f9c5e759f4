//! Annotations of GitHub: workflow commands, a line each.
//!
//! <https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>

use std::fmt::Write as _;

use super::{CiReport, CiStatus, line};

/// GitHub shows so many annotations of a level per step, and drops the others.
const SHOWN: usize = 10;

/// Renders reports as workflow commands: an error per case that does not hold, a warning per undecided one, and a notice if all
/// hold. Where a level has more than GitHub shows, the last says how many.
pub fn annotations(reports: &[CiReport]) -> String {
    let mut levels: [(&str, Vec<(String, String)>); 3] =
        [("error", Vec::new()), ("warning", Vec::new()), ("notice", Vec::new())];
    for report in reports {
        for case in &report.cases {
            let at = match case.status {
                CiStatus::Failed | CiStatus::Error => 0,
                CiStatus::Inconclusive => 1,
                CiStatus::NotJudged | CiStatus::Passed => continue,
            };
            let title = format!("{}: {}: {}", report.title(), case.group, case.name);
            levels[at].1.push((title, case.sentence.clone()));
        }
        if report.status() == CiStatus::Passed {
            levels[2].1.push((report.title(), report.headline.clone()));
        }
    }
    let mut out = String::new();
    for (level, mut all) in levels {
        if all.len() > SHOWN {
            let more = all.split_off(SHOWN - 1);
            let names: Vec<String> = more.into_iter().map(|(title, _)| title).collect();
            all.push((format!("{} more", names.len()), names.join("; ")));
        }
        for (title, message) in all {
            let _ = writeln!(out, "::{level} title={}::{}", property(&title), data(&message));
        }
    }
    out
}

/// The text of a command. An empty one would be dropped.
fn data(text: &str) -> String {
    let text = line(text).replace('%', "%25");
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_command_is_encoded() {
        assert_eq!(data("100 %\r\n::error::x"), "100 %25  ::error::x");
        assert_eq!(property("a: b, 5 %"), "a%3A b%2C 5 %25");
    }
}
