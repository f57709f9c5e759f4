//! Cases in groups that are read side by side: one group a workload, one row or line a pattern.

use std::collections::{BTreeMap, BTreeSet};

use crate::judge::CaseSummary;

/// Cases with the same value on every axis that several patterns share.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// The shared axes, `"clients=1000, rate=10/s"`; empty where none is swept.
    pub heading: String,
    /// Each case with what tells it from the others of its group, `"short-poll interval=5s"`.
    pub rows: Vec<(String, &'a CaseSummary)>,
}

/// Groups cases by the axes that their ids name, in the order of the cases.
///
/// An axis that occurs in the ids of one pattern only is that pattern's option and stays with its name.
pub(super) fn groups(cases: &[CaseSummary]) -> Vec<Group<'_>> {
    let mut patterns_by_axis: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in cases {
        for axis in axes(&case.case) {
            let name = axis.split('=').next().unwrap_or(axis);
            patterns_by_axis.entry(name).or_default().insert(case.pattern.name());
        }
    }
    let shared = |axis: &&str| {
        let name = axis.split('=').next().unwrap_or(axis);
        patterns_by_axis.get(name).is_some_and(|patterns| patterns.len() > 1)
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for case in cases {
        let (common, own): (Vec<&str>, Vec<&str>) = axes(&case.case).partition(shared);
        let heading = printable(&common.join(", "));
        let label = std::iter::once(case.pattern.name()).chain(own).collect::<Vec<_>>().join(" ");
        let row = (printable(&label), case);
        match groups.iter_mut().find(|group| group.heading == heading) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { heading, rows: vec![row] }),
        }
    }
    groups
}

fn axes(id: &str) -> impl Iterator<Item = &str> {
    id.split(':').skip(1)
}

/// A text without control characters, whoever wrote it; lines become one.
pub(super) fn printable(text: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_whitespace() => ' ',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(plain).collect()
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
