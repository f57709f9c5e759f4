//! Cases in groups that are read side by side: one group a workload, one row or line a pattern.

use super::label::{Label, Labels};
use crate::judge::CaseSummary;
use crate::prose::harmless;

/// Cases with the same value on every axis that several patterns share.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// The shared axes, `"clients=1000, rate=10/s"`; empty where none is swept.
    pub heading: String,
    /// Each case with what tells it from the others of its group, `"short-poll interval=5s"`.
    pub rows: Vec<(String, &'a CaseSummary)>,
}

/// Groups cases by the axes that their patterns share, in the order of the cases.
pub(super) fn groups(cases: &[CaseSummary]) -> Vec<Group<'_>> {
    let labels = Labels::of(cases);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for case in cases {
        let Some(Label { heading, own, .. }) = labels.get(&case.case) else { continue };
        let row = (own.clone(), case);
        match groups.iter_mut().find(|group| group.heading == *heading) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { heading: heading.clone(), rows: vec![row] }),
        }
    }
    groups
}

/// A text without control characters and changes of the writing direction, whoever wrote it; lines become one.
pub(super) fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_whitespace() { ' ' } else { c };
    harmless(&text.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::summary;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::scenario::PatternKind::{Request, ShortPoll, WebSocket};

    #[test]
    fn shared_axes_head_a_group_and_options_stay_with_their_pattern() {
        let cases = vec![
            case(Request, 20, ":clients=20"),
            case(ShortPoll, 20, ":clients=20:interval=1s"),
            case(ShortPoll, 20, ":clients=20:interval=5s"),
            case(WebSocket, 40, ":clients=40"),
        ];
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(cases, 1, &[])), |_| ());
        let cases = summary(&Run::read(&folder).unwrap());
        let groups = groups(&cases);
        let seen: Vec<_> = groups
            .iter()
            .map(|group| {
                let rows: Vec<_> = group.rows.iter().map(|(label, _)| label.as_str()).collect();
                (group.heading.as_str(), rows)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("clients=20", vec!["request", "short-poll interval=1s", "short-poll interval=5s"]),
                ("clients=40", vec!["websocket"]),
            ]
        );
    }
}
