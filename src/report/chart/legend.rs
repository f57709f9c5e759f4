//! What the lines stand for, above the panels; and the head that every chart shares.

use super::panel::{NORMAL, PAGE, fit, title};
use super::picture::{Anchor, Part, Picture, Stroke};
use super::render::width_of;
use super::style::{INK, Marker, marker, stroke};
use crate::judge::Tally;
use crate::report::View;
use crate::report::group::{Group, groups};
use crate::scenario::PatternKind;
use crate::unit::{bytes, count, counted};

/// Length of a line's sample, and half the width of the mark on it.
const SAMPLE: f64 = 43.0;
const MARK: f64 = 4.0;

/// A series: its label, its pattern, and which variant of the pattern it is.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct Entry {
    /// Its label in the legend.
    pub label: String,
    /// Its pattern, which gives the colour.
    pub pattern: PatternKind,
    /// Which of the pattern's variants, which gives the dashes.
    pub variant: usize,
}

impl Entry {
    /// The line of the series.
    pub(in crate::report) fn stroke(&self) -> Stroke {
        stroke(self.pattern, self.variant)
    }

    /// The mark of the series.
    pub(in crate::report) const fn marker(&self) -> Marker {
        marker(self.pattern)
    }
}

/// Every series of a page, each label once, in the order of the cases.
pub(in crate::report) fn entries(
    groups: &[Group<'_>],
    shown: impl Fn(PatternKind) -> bool,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (label, case) in groups.iter().flat_map(|group| &group.rows) {
        if shown(case.pattern) && !entries.iter().any(|entry| entry.label == *label) {
            let variant = entries.iter().filter(|entry| entry.pattern == case.pattern).count();
            entries.push(Entry { label: label.clone(), pattern: case.pattern, variant });
        }
    }
    entries
}

/// Of `entries`, those that `labels` name: a legend tells nothing of what is not drawn.
pub(super) fn drawn<'a>(
    mut entries: Vec<Entry>,
    labels: impl Iterator<Item = &'a str>,
) -> Vec<Entry> {
    let labels: std::collections::BTreeSet<&str> = labels.collect();
    entries.retain(|entry| labels.contains(entry.label.as_str()));
    entries
}

/// The part of a picture that is the series of a case.
pub(super) fn series_of(entry: &Entry, case: &str) -> Part {
    Part::Series { label: entry.label.clone(), case: case.to_owned(), key: String::new() }
}

/// Draws the legend below `top`, in as many rows as it needs; returns where it ends.
pub(super) fn legend(picture: &mut Picture, entries: &[Entry], top: f64) -> f64 {
    let (mut x, mut y) = (24.0, top + 12.0);
    for entry in entries {
        let label = fit(&entry.label, NORMAL, PAGE - 24.0 - 16.0 - 51.0);
        let width = 51.0 + width_of(&label, NORMAL);
        if x + width > PAGE - 16.0 && x > 24.0 {
            (x, y) = (24.0, y + 22.0);
        }
        picture.part(Part::Key(entry.label.clone()), |picture| {
            picture.line(&[(x, y), (x + SAMPLE, y)], entry.stroke());
            picture.mark((x + SAMPLE / 2.0, y), MARK, entry.marker(), entry.stroke().colour);
            picture.text((x + 50.0, y), &label, NORMAL, INK, Anchor::Left);
        });
        x += width + 20.0;
    }
    y + 16.0
}

/// The chart's title and, below it, what was offered; returns where it ends.
pub(super) fn head(picture: &mut Picture, view: &View, what: &str) -> f64 {
    let scenario = &view.run.info.scenario;
    title(picture, what, &format!("{}: {}", scenario.name, offered(view)));
    64.0
}

/// What all cases were offered alike, and which trials speak.
fn offered(view: &View) -> String {
    let mut parts = Vec::new();
    let range = |of: &dyn Fn(&crate::judge::Offered) -> Option<f64>, print: fn(f64) -> String| {
        let values: Vec<f64> =
            view.findings.cases.iter().filter_map(|case| of(&case.offered)).collect();
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().fold(low, f64::max);
        let same = low.to_bits() == high.to_bits();
        Some(if same { print(low) } else { format!("{} to {}", print(low), print(high)) })
    };
    let clients = range(&|offered| Some(offered.clients as f64), count);
    // One is one, in each unit.
    let counted = |text: String, one: &str| {
        let (first, rest) = one.split_at(one.find('/').unwrap_or(one.len()));
        let s = if text == "1" { "" } else { "s" };
        format!("{text} {first}{s}{rest}")
    };
    parts.extend(clients.map(|text| counted(text, "client")));
    let topics = range(&|offered| Some(offered.topics as f64), count);
    parts.extend(topics.filter(|text| text != "1").map(|text| counted(text, "topic")));
    let rate = range(&|offered| offered.events_per_s, count);
    parts.extend(rate.map(|text| counted(text, "event/s per topic")));
    let requests = range(&|offered| offered.requests_per_s, count);
    parts.extend(requests.map(|text| counted(text, "request/s")));
    let payload = range(&|offered| Some(offered.payload_bytes as f64), bytes);
    parts.extend(payload.map(|text| format!("payload {text}")));
    parts.push(Tally::of_all(&view.run.trials).to_string());
    parts.join(", ")
}

/// The groups that a page shows, and what it says of those left out.
pub(super) fn shown(
    view: &View,
    wanted: impl Fn(&Group<'_>) -> bool,
) -> (Vec<Group<'_>>, Option<String>) {
    let mut groups: Vec<Group<'_>> =
        groups(&view.findings.cases).into_iter().filter(|group| wanted(group)).collect();
    let more = groups.len().saturating_sub(super::panel::PANELS);
    groups.truncate(super::panel::PANELS);
    (groups, (more > 0).then(|| format!("{} in the tables", counted(more as u64, "more workload"))))
}

/// Leaves out the workloads of which nothing can be drawn, unless that is all of them: a panel says something.
pub(super) fn drawable<P>(
    groups: Vec<Group<'_>>,
    panels: Vec<P>,
    says: impl Fn(&P) -> bool,
) -> (Vec<Group<'_>>, Vec<P>) {
    if !panels.iter().any(&says) {
        let first = panels.into_iter().take(1).collect();
        return (groups.into_iter().take(1).collect(), first);
    }
    groups.into_iter().zip(panels).filter(|(_, panel)| says(panel)).unzip()
}

#[cfg(test)]
mod tests {
    use super::super::picture::dashes;
    use super::*;

    #[test]
    fn the_dashes_of_a_line_are_seen_beside_its_mark() {
        for variant in 1..4 {
            let (dash, gap) = stroke(PatternKind::ShortPoll, variant).dash.unwrap();
            let pieces = dashes(&[(0.0, 0.0), (SAMPLE, 0.0)], dash, gap);
            let bare = SAMPLE / 2.0 - MARK..SAMPLE / 2.0 + MARK;
            let seen = pieces.windows(2).filter(|pair| {
                let (from, to) = (pair[0].last().unwrap().0, pair[1][0].0);
                to <= bare.start || from >= bare.end
            });
            assert!(seen.count() >= 2, "variant {variant}: {pieces:?}");
        }
    }
}
