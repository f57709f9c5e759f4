//! What cases are called in tables, charts and sentences: their ids as far as a person can read them.
//!
//! Files for programs keep the whole id.

use std::collections::{BTreeMap, BTreeSet};

use super::group::printable;
use crate::judge::CaseSummary;
use crate::scenario::ShortIds;

/// Longest id, in characters, that a table or sentence can hold.
const LONGEST: usize = 72;
/// Longest text of a pattern with its own axes, where ids are too long.
const OWN: usize = 32;
/// Longest text of shared axes that stands beside its number.
const HEADING: usize = 72;

/// What a case is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    /// The axes that several patterns share, `"clients=1000, rate=10/s"`, or their number; empty where none is swept.
    pub heading: String,
    /// The pattern with its own axes, `"short-poll interval=5s"`, or their number.
    pub own: String,
    /// Both together, as a sentence names the case.
    pub name: String,
}

/// What the cases of a run are called.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    by_id: BTreeMap<String, Label>,
    /// Axes that no label repeats.
    common: Vec<String>,
    /// Numbers, and what they stand for.
    numbers: Vec<(String, String)>,
    are_numbered: bool,
}

impl Labels {
    /// Calls the cases by their ids, without the axes that all share where ids are long; by numbers where they are
    /// too long even then.
    pub(super) fn of(cases: &[CaseSummary]) -> Self {
        let short = ShortIds::of(cases.iter().map(|case| case.case.as_str()));
        let id = |case: &CaseSummary| short.short(&case.case).to_owned();
        let shared = shared_axes(cases, &id);
        let numbered = cases.iter().any(|case| id(case).chars().count() > LONGEST);
        let (mut headings, mut owns) = (Numbers::default(), Numbers::default());
        let mut by_id: BTreeMap<String, Label> = BTreeMap::new();
        for case in cases {
            let id = id(case);
            let (common, own): (Vec<&str>, Vec<&str>) =
                axes(&id).partition(|axis| shared.contains(axis_name(axis)));
            let pattern = case.pattern.name();
            let mut heading = printable(&common.join(", "));
            let own = std::iter::once(pattern).chain(own).collect::<Vec<_>>().join(" ");
            let mut own = printable(&own);
            let mut name = printable(&id);
            if numbered {
                if !heading.is_empty() {
                    heading = headings.number("workload ", heading);
                }
                if own.chars().count() > OWN {
                    own = owns.number(&format!("{pattern} #"), own);
                }
                name.clone_from(&own);
                if !heading.is_empty() {
                    name = format!("{own} at {heading}");
                }
            }
            by_id.insert(case.case.clone(), Label { heading, own, name });
        }
        // Where there is room, a heading says itself what its number stands for.
        if headings.0.iter().all(|(_, axes)| axes.chars().count() <= HEADING) {
            for label in by_id.values_mut() {
                if let Some((number, axes)) = headings.0.iter().find(|(n, _)| *n == label.heading) {
                    label.heading = format!("{number}: {axes}");
                }
            }
            headings.0.clear();
        }
        let numbers = headings.0.into_iter().chain(owns.0).collect();
        Self { by_id, common: short.common, numbers, are_numbered: numbered }
    }

    /// What the case with this id is called.
    pub(super) fn get(&self, id: &str) -> Option<&Label> {
        self.by_id.get(id)
    }

    /// The case's name in a sentence, or a table of its own.
    pub(super) fn name(&self, id: &str) -> String {
        self.get(id).map_or_else(|| printable(id), |label| label.name.clone())
    }

    /// Whether numbers stand for axes.
    pub(super) const fn are_numbered(&self) -> bool {
        self.are_numbered
    }

    /// What the labels leave out, a sentence each; none where they are the ids.
    pub(super) fn legend(&self) -> Vec<String> {
        let common = match self.common.as_slice() {
            [] => None,
            common => Some(format!("Same in every case: {}.", printable(&common.join(", ")))),
        };
        let numbers = self.numbers.iter().map(|(number, text)| format!("{number}: {text}."));
        common.into_iter().chain(numbers).collect()
    }
}

/// Texts in the order in which they came, each with its number.
#[derive(Default)]
struct Numbers(Vec<(String, String)>);

impl Numbers {
    fn number(&mut self, prefix: &str, text: String) -> String {
        if let Some((number, _)) = self.0.iter().find(|(_, known)| *known == text) {
            return number.clone();
        }
        let before = self.0.iter().filter(|(number, _)| number.starts_with(prefix)).count();
        let number = format!("{prefix}{}", before + 1);
        self.0.push((number.clone(), text));
        number
    }
}

/// Names of the axes that occur in the ids of several patterns; an axis of one pattern only is that pattern's option
/// and stays with its name.
fn shared_axes(cases: &[CaseSummary], id: &impl Fn(&CaseSummary) -> String) -> BTreeSet<String> {
    let mut patterns_by_axis: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for case in cases {
        for axis in axes(&id(case)) {
            let patterns = patterns_by_axis.entry(axis_name(axis).to_owned()).or_default();
            patterns.insert(case.pattern.name());
        }
    }
    patterns_by_axis.retain(|_, patterns| patterns.len() > 1);
    patterns_by_axis.into_keys().collect()
}

fn axes(id: &str) -> impl Iterator<Item = &str> {
    id.split(':').skip(1)
}

fn axis_name(axis: &str) -> &str {
    axis.split('=').next().unwrap_or(axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::summary;
    use crate::record::Run;
    use crate::record::synthetic::{case, info, scenario, write_run};
    use crate::scenario::PatternKind::{ShortPoll, Sse};

    fn labels(axes: &[String]) -> Labels {
        let cases = axes.iter().flat_map(|axes| {
            [case(Sse, 20, axes), case(ShortPoll, 20, &format!("{axes}:interval=1s"))]
        });
        let out = tempfile::tempdir().unwrap();
        let folder = write_run(out.path(), &info(scenario(cases.collect(), 1, &[])), |_| ());
        Labels::of(&summary(&Run::read(&folder).unwrap()))
    }

    #[test]
    fn long_ids_lose_what_all_have_in_common() {
        let axes = ["a", "b"].map(|x| format!(":x={x}:{}", "y=1".repeat(20)));
        let labels = labels(&axes);
        let id = format!("short-poll{}:interval=1s", axes[1]);
        assert_eq!(labels.name(&id), "short-poll:x=b");
        assert!(!labels.are_numbered());
        let legend = labels.legend();
        assert_eq!(legend.len(), 1, "{legend:?}");
        assert!(legend[0].starts_with("Same in every case: ") && legend[0].contains("interval=1s"));
    }

    #[test]
    fn ids_that_are_long_even_then_are_numbered_with_a_legend() {
        let axes = ["a", "b"]
            .map(|x| (0..12).fold(String::new(), |axes, n| format!("{axes}:axis_{n}={x}{n}")));
        let labels = labels(&axes);
        let ids = axes.each_ref().map(|axes| format!("sse{axes}"));
        assert_eq!(
            ids.each_ref().map(|id| labels.name(id)),
            ["sse at workload 1", "sse at workload 2"]
        );
        let legend = labels.legend();
        assert_eq!(legend.len(), 3, "{legend:?}");
        assert!(legend[2].starts_with("workload 2: axis_0=b0, "), "{legend:?}");
    }

    #[test]
    fn a_heading_with_room_says_what_its_number_stands_for() {
        let axes = ["a", "b"].map(|x| format!(":x={}", x.repeat(66)));
        let labels = labels(&axes);
        let id = format!("sse{}", axes[1]);
        assert_eq!(labels.name(&id), "sse at workload 2");
        let heading = format!("workload 2: x={}", "b".repeat(66));
        assert_eq!(labels.get(&id).map(|label| label.heading.clone()), Some(heading));
        assert_eq!(labels.legend(), ["Same in every case: interval=1s."]);
    }
}
