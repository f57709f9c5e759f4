//! A history as text, Markdown, data, a chart, and files for Apache Otava.

mod headings;
mod json;
mod otava;

use std::collections::BTreeSet;

use serde_json::Value;

use headings::{Headings, kept_apart};
pub use otava::OtavaFiles;

use super::chart::draw_history;
use super::chart::history::{Shown, percent};
use super::document::{Block, Cell, Document, Extent, Group, Note, Section, Table, left, right};
use super::glance::{figure, known};
use super::group::printable;
use super::{markdown, terminal};
use crate::judge::{Direction, Series, SeriesChange, Trends};
use crate::record::{Figure, HistoryLine};
use crate::unit::{counted, significant, typographic};
use Extent::Always;

/// Marks a change between two runs of one revision.
const SAME: &str = "=";
/// Most characters of a revision in tables and charts.
const REVISION: usize = 16;
/// Digits of a shortened hash.
const HASH: usize = 10;

/// A history and the changes in it.
#[derive(Debug)]
pub struct HistoryReport {
    /// The series with their changes.
    pub trends: Trends,
}

impl HistoryReport {
    /// The text for a terminal of so many columns.
    pub fn text(&self, columns: usize) -> String {
        typographic(&terminal::render(&self.document(), columns))
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(&self.document())
    }

    /// The same as data: fields as in FORMAT.md.
    pub fn json(&self) -> Value {
        json::trends(&self.trends)
    }

    /// The files with which Apache Otava analyses the same series, in the folder `dir`.
    pub fn otava(&self, dir: &str) -> OtavaFiles {
        otava::files(&self.trends, dir)
    }

    /// The chart as SVG and as PNG: series with a change first.
    ///
    /// # Errors
    ///
    /// What the drawing library says.
    pub fn chart(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let headings = Headings::of(&self.trends.series);
        let mut series: Vec<&Series> = self.trends.series.iter().collect();
        series.sort_by_key(|series| series.changes.is_empty());
        let revision = |change: &SeriesChange| {
            self.line(change.run).revision.as_deref().map(shortened).unwrap_or_default()
        };
        let shown: Vec<Shown<'_>> = series
            .into_iter()
            .map(|series| Shown {
                heading: format!(
                    "{}, {}",
                    headings.of_key(&series.key),
                    known(series.column).title
                ),
                labels: series.changes.iter().map(revision).collect(),
                series,
            })
            .collect();
        draw_history(&shown, &format!("{}: {}", self.title(), self.span()))
    }

    fn line(&self, run: usize) -> &HistoryLine {
        &self.trends.history.lines[run]
    }

    fn changes(&self) -> impl Iterator<Item = (&Series, &SeriesChange)> {
        self.trends
            .series
            .iter()
            .flat_map(|series| series.changes.iter().map(move |change| (series, change)))
    }

    fn title(&self) -> String {
        let names: BTreeSet<&str> =
            self.trends.series.iter().map(|series| series.key.scenario.as_str()).collect();
        names.into_iter().map(printable).collect::<Vec<_>>().join(", ")
    }

    /// How many runs, and from when to when.
    fn span(&self) -> String {
        let runs: BTreeSet<usize> = self
            .trends
            .series
            .iter()
            .flat_map(|series| series.points.iter().map(|(run, _)| *run))
            .collect();
        let count = counted(runs.len() as u64, "run");
        match (runs.first(), runs.last()) {
            (Some(first), Some(last)) => {
                let [first, last] = [first, last].map(|run| day(&self.line(*run).started_utc));
                format!("{count} from {first} to {last}")
            }
            _ => count,
        }
    }

    fn document(&self) -> Document {
        let sections = [self.answer(), self.besides(), self.levels(), self.left_out()];
        Document {
            title: self.title(),
            question: format!("where figures changed for good, over {}", self.span()),
            sections: sections.into_iter().flatten().collect(),
        }
    }

    fn answer(&self) -> Option<Section> {
        let blocks = [
            (Always, Block::Sentences(vec![self.outcome()])),
            (Always, Block::Table(self.table())),
        ];
        Section::new("Answer", blocks)
    }

    fn outcome(&self) -> String {
        let count =
            |wanted| self.changes().filter(|(_, change)| change.direction == wanted).count();
        let words = [
            (Direction::Worse, "regression"),
            (Direction::Better, "improvement"),
            (Direction::Different, "change that is neither better nor worse"),
        ];
        let counts = words.map(|(direction, word)| (count(direction), word));
        let found: Vec<String> = counts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| counted(*n as u64, word))
            .collect();
        let of = format!("{} series", self.trends.series.len());
        if found.is_empty() {
            format!("No change of level in {of}.")
        } else {
            format!("{} in {of}.", found.join(", "))
        }
    }

    fn table(&self) -> Table {
        let head = vec![
            left("metric"),
            right("before"),
            right("after"),
            right("change"),
            left("result"),
            left("first run after"),
            left("revisions to blame"),
        ];
        let rows = |series: &Series| {
            series.changes.iter().map(|change| self.row(series, change)).collect::<Vec<_>>()
        };
        Table { caption: "", head, groups: self.groups(rows), notes: self.notes() }
    }

    /// The rows of every series below the heading of its case.
    fn groups(&self, rows: impl Fn(&Series) -> Vec<Vec<Cell>>) -> Vec<Group> {
        let headings = Headings::of(&self.trends.series);
        let mut groups: Vec<Group> = Vec::new();
        for series in &self.trends.series {
            let rows = rows(series);
            if rows.is_empty() {
                continue;
            }
            let heading = headings.of_key(&series.key);
            match groups.last_mut().filter(|group| group.heading == heading) {
                Some(group) => group.rows.extend(rows),
                None => groups.push(Group { heading, rows }),
            }
        }
        groups
    }

    fn row(&self, series: &Series, change: &SeriesChange) -> Vec<Cell> {
        let level = |value: f64| figure(series.column, Figure::Value(value));
        let result = match change.direction {
            Direction::Worse => "regression",
            Direction::Better => "improvement",
            Direction::Different => "change",
        };
        let first = self.line(change.run);
        let mut blame = Cell::from(self.blame(change));
        if self.is_same_revision(change) {
            blame.marks.push(SAME);
        }
        vec![
            known(series.column).title.into(),
            level(change.point.means[0]).into(),
            level(change.point.means[1]).into(),
            percent(change.point.change()).into(),
            result.into(),
            minute(&first.started_utc).into(),
            blame,
        ]
    }

    /// The range of revisions, as `git log` takes it.
    fn blame(&self, change: &SeriesChange) -> String {
        let [last, first] = change.blame.map(|run| self.line(run));
        match (&last.revision, &first.revision) {
            (Some(last), Some(first)) => format!("{}..{}", shortened(last), shortened(first)),
            _ => format!("runs of {} to {}", minute(&last.started_utc), minute(&first.started_utc)),
        }
    }

    fn is_same_revision(&self, change: &SeriesChange) -> bool {
        let [last, first] = change.blame.map(|run| &self.line(run).revision);
        last.is_some() && last == first
    }

    fn notes(&self) -> Vec<Note> {
        let search = &self.trends.search;
        let mut notes = Vec::new();
        if self.changes().next().is_none() {
            return notes;
        }
        if self.changes().any(|(_, change)| self.is_same_revision(change)) {
            notes.push(Note::of(
                SAME,
                "the same revision before and after: the cause is not in its code.",
            ));
        }
        notes.push(Note::plain(format!(
            "Before and after: means of the runs between two changes. A change is at least {} %, lasts {} runs or more, and is \
             significant (p {}). Revisions to blame: the last run before and the first after it, or more where the noise leaves \
             that open (95 %).",
            significant(100.0 * search.magnitude),
            search.least,
            significant(search.p),
        )));
        notes
    }

    /// What changed besides the revision where a level changed.
    fn besides(&self) -> Option<Section> {
        let mut sentences: Vec<String> = Vec::new();
        for (_, change) in self.changes() {
            let [last, first] = change.blame.map(|run| self.line(run));
            let parts = [
                ("kernel", &last.host.kernel, &first.host.kernel),
                ("tidings", &last.tidings, &first.tidings),
            ];
            for (what, before, after) in parts {
                let sentence = format!(
                    "{what} changed by {}, too: {} before, {} after.",
                    minute(&first.started_utc),
                    printable(before),
                    printable(after)
                );
                if before != after && !sentences.contains(&sentence) {
                    sentences.push(sentence);
                }
            }
        }
        Section::new("What else changed there", [(Always, Block::Sentences(sentences))])
    }

    /// Every series and its level since its last change.
    fn levels(&self) -> Option<Section> {
        let head = vec![
            left("metric"),
            right("runs"),
            right("level now"),
            left("since"),
            right("last run"),
        ];
        let rows = |series: &Series| {
            let values = series.values();
            let since = series.changes.last().map_or(0, |change| change.point.at);
            let (Some(last), Some((run, _))) = (values.last(), series.points.get(since)) else {
                return Vec::new();
            };
            let level = values[since..].iter().sum::<f64>() / (values.len() - since) as f64;
            let print = |value: f64| figure(series.column, Figure::Value(value));
            vec![vec![
                known(series.column).title.into(),
                values.len().to_string().into(),
                print(level).into(),
                minute(&self.line(*run).started_utc).into(),
                print(*last).into(),
            ]]
        };
        let table = Table { caption: "", head, groups: self.groups(rows), notes: Vec::new() };
        Section::new("Levels", [(Always, Block::Table(table))])
    }

    /// Series that are too short, and what was kept apart.
    fn left_out(&self) -> Option<Section> {
        let mut sentences = Vec::new();
        let series = &self.trends.series;
        let least = 2 * self.trends.search.least;
        let short = series.iter().filter(|series| series.points.len() < least).count();
        if short > 0 {
            sentences.push(format!(
                "{short} of {} series have fewer than {least} runs: too few for a change.",
                series.len()
            ));
        }
        let bounds: usize = series.iter().map(|series| series.bounds).sum();
        if bounds > 0 {
            sentences.push(format!(
                "{} left out because deliveries were lost: only a lower bound is known.",
                counted(bounds as u64, "figure")
            ));
        }
        sentences.extend(kept_apart(series));
        sentences.extend(self.trends.history.warnings.iter().cloned());
        Section::new("Not compared", [(Always, Block::Sentences(sentences))])
    }
}

/// A revision as tables have it: of `git describe` the hash, shortened, and whether files were modified.
fn shortened(revision: &str) -> String {
    let text = printable(revision);
    if text.chars().count() <= REVISION {
        return text;
    }
    let (clean, dirty) = match text.strip_suffix("-dirty") {
        Some(clean) => (clean, "-dirty"),
        None => (text.as_str(), ""),
    };
    let hash = clean.rsplit_once("-g").map_or(clean, |(_, hash)| hash);
    if !hash.is_empty() && hash.chars().all(|c| c.is_ascii_hexdigit()) {
        return format!("{}{dirty}", &hash[..hash.len().min(HASH)]);
    }
    text
}

/// The day of a time stamp.
fn day(utc: &str) -> String {
    printable(utc.get(..10).unwrap_or(utc))
}

/// A time stamp to the minute.
fn minute(utc: &str) -> String {
    printable(&utc.get(..16).unwrap_or(utc).replace('T', " "))
}
