//! What changed between two sides, as text, Markdown and JSON.

use serde_json::{Value, json};

use super::document::{Block, Cell, Document, Extent, Group, Note, Section, Table, left, right};
use super::glance::{figure, known};
use super::group::printable;
use super::{markdown, terminal};
use crate::judge::{
    CaseChange, Change, Changes, Claim, Comparability, Direction, Drift, Sample, changes,
    comparability,
};
use crate::record::{Run, column_of};
use crate::stats::Shift;
use crate::unit::{counted, nanoseconds, significant, typographic};
use Extent::Always;

/// Marks a change in time that is no greater than that of the noise floor.
const DRIFTED: &str = "^";

/// Most differences of the settings that are named.
const NAMED: usize = 12;

/// Two sides, and what changed between them.
#[derive(Debug)]
pub struct Comparison {
    /// The runs of the base.
    pub base: Vec<Run>,
    /// The runs of the new side.
    pub new: Vec<Run>,
    /// What changed.
    pub changes: Changes,
    /// What differs besides the figures.
    pub comparability: Comparability,
}

impl Comparison {
    /// Compares the runs of both sides, by the columns `asked` for or the usual ones.
    pub fn new(base: Vec<Run>, new: Vec<Run>, asked: &[&'static str]) -> Self {
        let changes = changes(&base, &new, asked);
        let comparability = comparability(&base, &new);
        Self { base, new, changes, comparability }
    }

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
        let runs = |side: &[Run]| -> Vec<Value> { side.iter().map(run).collect() };
        json!({
            "base": runs(&self.base),
            "new": runs(&self.new),
            "sample": match self.changes.sample {
                Sample::Trials => "trials",
                Sample::Runs => "runs",
            },
            "refused": self.comparability.refused,
            "noted": self.comparability.noted,
            "only_base": self.changes.alone[0],
            "only_new": self.changes.alone[1],
            "cases": self.changes.cases.iter().map(case_json).collect::<Vec<_>>(),
            "drift": self.changes.drifts.iter().map(drift_json).collect::<Vec<_>>(),
        })
    }

    pub(super) fn document(&self) -> Document {
        let sections = [self.answer(), self.machine(), self.besides(), self.left_out()];
        Document {
            title: self.base[0].info.scenario.name.clone(),
            question: format!(
                "what changed from base ({}) to new ({})",
                started(&self.base),
                started(&self.new)
            ),
            sections: sections.into_iter().flatten().collect(),
        }
    }

    fn answer(&self) -> Option<Section> {
        let mut sentences = vec![self.outcome()];
        sentences.extend(self.changes.cases.iter().filter_map(accounts));
        Section::new(
            "Answer",
            [(Always, Block::Sentences(sentences)), (Always, Block::Table(self.table()))],
        )
    }

    /// How many figures changed, and which way.
    fn outcome(&self) -> String {
        let all = || self.changes.cases.iter().flat_map(|case| &case.changes);
        let count = |wanted| all().filter(|change| change.direction() == Some(wanted)).count();
        let words = [
            (Direction::Worse, "worse"),
            (Direction::Better, "better"),
            (Direction::Different, "different"),
        ];
        let told = words.map(|(direction, word)| (count(direction), word));
        let told: Vec<String> =
            told.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        let figures = counted(all().count() as u64, "figure");
        if told.is_empty() {
            return format!("No change is shown in {figures}.");
        }
        format!("Of {figures}, {}.", told.join(", "))
    }

    fn table(&self) -> Table {
        let head = vec![
            left("metric"),
            right("base"),
            right("new"),
            right("new / base"),
            right("interval"),
            left("change"),
        ];
        let group = |case: &CaseChange| Group {
            heading: printable(&case.case),
            rows: case.changes.iter().map(|change| self.row(case, change)).collect(),
        };
        let groups = self.changes.cases.iter().filter(|case| !case.changes.is_empty());
        Table { head, groups: groups.map(group).collect(), notes: self.notes(), ..Table::default() }
    }

    fn row(&self, case: &CaseChange, change: &Change) -> Vec<Cell> {
        let ratio = change.ratio().map_or_else(dash, times);
        let interval =
            change.shift().filter(|shift| shift.confidence > 0.0).map_or_else(dash, |shift| {
                format!("{} to {}", times(shift.low.exp()), times(shift.high.exp()))
            });
        let mut verdict = Cell::from(verdict(change));
        if self.is_drift(case, change) {
            verdict.marks.push(DRIFTED);
        }
        vec![
            known(change.column).title.into(),
            figure(change.column, change.base).into(),
            figure(change.column, change.new).into(),
            ratio.into(),
            interval.into(),
            verdict,
        ]
    }

    /// Whether the machine alone moved by as much: only times of the headline metric have a floor.
    fn is_drift(&self, case: &CaseChange, change: &Change) -> bool {
        let headline = case.pattern.traits().headline;
        let timed = ["p50", "p99"].iter().any(|q| column_of(headline, q) == Some(change.column));
        let floor = self.drift_of(case);
        let covered = |ratio: f64| floor.is_some_and(|drift| drift.covers(ratio));
        timed && change.is_claimed() && change.ratio().is_some_and(covered)
    }

    fn drift_of(&self, case: &CaseChange) -> Option<&Drift> {
        let headline = case.pattern.traits().headline;
        let of = |drift: &&Drift| drift.metric == headline && drift.cases.contains(&case.case);
        self.changes.drifts.iter().find(of)
    }

    fn notes(&self) -> Vec<Note> {
        let all = || {
            self.changes
                .cases
                .iter()
                .flat_map(|case| case.changes.iter().map(move |change| (case, change)))
        };
        let mut notes = Vec::new();
        if all().any(|(case, change)| self.is_drift(case, change)) {
            notes.push(Note::of(
                DRIFTED,
                "the noise floor changed by as much: this may be the machine and not the target.",
            ));
        }
        let shifts: Vec<Shift> = all().filter_map(|(_, change)| change.shift()).collect();
        if let Some(least) = shifts.iter().map(|shift| shift.confidence).min_by(f64::total_cmp) {
            notes.push(Note::plain(format!(
                "new / base: Hodges-Lehmann estimate; exact rank-sum interval at {} % confidence or more; a change is shown at \
                 95 % for all figures together (Holm).",
                significant((100.0 * least).floor())
            )));
        }
        let fewest = all().filter_map(|(_, change)| match change.claim {
            Some(Claim::Indicated(_, needed)) => Some(needed),
            _ => None,
        });
        if let Some(needed) = fewest.max() {
            let unit = match self.changes.sample {
                Sample::Trials => "usable trials",
                Sample::Runs => "runs",
            };
            notes.push(Note::plain(format!(
                "So few samples can show nothing at 95 %: measure {needed} {unit} per side."
            )));
        }
        notes
    }

    /// How far the machine moved between the sides.
    fn machine(&self) -> Option<Section> {
        let mut sentences: Vec<String> = self.changes.drifts.iter().map(drift).collect();
        let floors = match sentences.len() {
            0 => {
                "Neither side's noise floor can be compared, so how far the machine moved between them is unknown: measure \
                  both with `floor = true`."
            }
            _ => "",
        };
        sentences.extend((!floors.is_empty()).then(|| floors.to_owned()));
        sentences.push(
            match self.changes.sample {
                Sample::Trials => {
                    "The sides were measured at different times, and all trials of a run share its hour: what the machine did \
                     between them is in every ratio, and in no interval. Several runs per side, in turns (--base A C --new B D), \
                     bring it into the intervals."
                }
                Sample::Runs => {
                    "Each run counts once, by the median of its usable trials: what the machine does from run to run is in the \
                     intervals, if the runs of both sides took turns."
                }
            }
            .to_owned(),
        );
        Section::new("The machine between the sides", [(Always, Block::Sentences(sentences))])
    }

    fn besides(&self) -> Option<Section> {
        let Comparability { refused, noted } = &self.comparability;
        let mut sentences: Vec<String> =
            refused.iter().map(|phrase| format!("Not comparable: {}", printable(phrase))).collect();
        if sentences.len() > NAMED {
            let more = sentences.len() - NAMED;
            sentences.truncate(NAMED);
            sentences.push(format!("And {}.", counted(more as u64, "more difference")));
        }
        sentences.extend(noted.iter().map(|phrase| printable(phrase)));
        Section::new("What differs besides", [(Always, Block::Sentences(sentences))])
    }

    /// Cases without a partner, and cases without figures.
    fn left_out(&self) -> Option<Section> {
        let mut sentences = Vec::new();
        for (ids, side) in self.changes.alone.iter().zip(["base", "new"]) {
            if !ids.is_empty() {
                let ids: Vec<String> = ids.iter().map(|id| printable(id)).collect();
                sentences.push(format!("Only in {side}: {}", ids.join(", ")));
            }
        }
        for case in &self.changes.cases {
            for (at, side) in ["base", "new"].iter().enumerate() {
                if case.usable[at] == 0 {
                    sentences.push(format!(
                        "{}: no usable trial in {side} ({} invalid or failed)",
                        printable(&case.case),
                        case.unusable[at]
                    ));
                }
            }
        }
        Section::new("Not compared", [(Always, Block::Sentences(sentences))])
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn times(ratio: f64) -> String {
    format!("{}x", significant(ratio))
}

/// When the runs of a side began.
fn started(side: &[Run]) -> String {
    let first = side[0].info.started_utc.clone();
    match side.len() {
        1 => first,
        n => format!("{n} runs from {first}"),
    }
}

fn verdict(change: &Change) -> String {
    let word = match change.direction() {
        Some(Direction::Better) => "better",
        Some(Direction::Worse) => "worse",
        Some(Direction::Different) => "different",
        None => "",
    };
    match &change.claim {
        Some(Claim::Shown(_) | Claim::Repeatable(..)) => word.to_owned(),
        Some(Claim::Indicated(shift, _)) => {
            format!("{word} at {} %", significant((100.0 * shift.confidence).floor()))
        }
        Some(Claim::NotShown(..)) => "not shown".to_owned(),
        Some(Claim::Once | Claim::NoPairs) => "measured once".to_owned(),
        None => "a bound or zero: no ratio".to_owned(),
    }
}

/// What got lost or came twice, where either side has any.
fn accounts(case: &CaseChange) -> Option<String> {
    let [base, new] = &case.ledgers;
    let kinds = [
        ("lost", base.lost, new.lost),
        ("duplicated", base.duplicate, new.duplicate),
        ("reordered", base.reordered, new.reordered),
    ];
    let told: Vec<String> = kinds
        .iter()
        .filter(|(_, base, new)| base + new > 0)
        .map(|(kind, of_base, of_new)| {
            format!(
                "{of_base} of {} {kind} in base, {of_new} of {} in new",
                base.expected, new.expected
            )
        })
        .collect();
    (!told.is_empty()).then(|| format!("{}: {}.", printable(&case.case), told.join("; ")))
}

fn drift(drift: &Drift) -> String {
    let cases: Vec<String> = drift.cases.iter().map(|case| printable(case)).collect();
    format!(
        "Noise floor of {}, {} p50: {} in base, {} in new ({}).",
        cases.join(", "),
        drift.metric.name(),
        nanoseconds(drift.p50_ns[0]),
        nanoseconds(drift.p50_ns[1]),
        times(drift.ratio())
    )
}

fn run(run: &Run) -> Value {
    let info = &run.info;
    json!({
        "scenario": info.scenario.name,
        "started_utc": info.started_utc,
        "complete": info.complete,
        "tidings_version": info.build.tidings_version,
        "build_revision": info.build.build_revision,
        "working_directory_revision": info.working_directory_revision,
        "host": info.host.name,
    })
}

fn case_json(case: &CaseChange) -> Value {
    json!({
        "case": case.case,
        "usable_trials": case.usable,
        "unusable_trials": case.unusable,
        "expected": case.ledgers.each_ref().map(|ledger| ledger.expected),
        "lost": case.ledgers.each_ref().map(|ledger| ledger.lost),
        "duplicate": case.ledgers.each_ref().map(|ledger| ledger.duplicate),
        "changes": case.changes.iter().map(change_json).collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change) -> Value {
    let shift = change.shift();
    json!({
        "metric": change.column,
        "base": change.base,
        "new": change.new,
        "samples": change.samples,
        "claim": match change.claim {
            Some(Claim::Shown(_)) => "shown",
            Some(Claim::Indicated(..)) => "indicated",
            Some(Claim::NotShown(..)) => "not_shown",
            Some(Claim::Repeatable(..)) => "repeatable",
            Some(Claim::Once | Claim::NoPairs) => "once",
            None => "no_ratio",
        },
        "direction": match change.direction() {
            Some(Direction::Better) => Some("better"),
            Some(Direction::Worse) => Some("worse"),
            Some(Direction::Different) => Some("different"),
            None => None,
        },
        "ratio": change.ratio(),
        "low": shift.map(|shift| shift.low.exp()),
        "high": shift.map(|shift| shift.high.exp()),
        "confidence": shift.map(|shift| shift.confidence),
        "p": change.p,
    })
}

fn drift_json(drift: &Drift) -> Value {
    json!({
        "metric": drift.metric.name(),
        "cases": drift.cases,
        "base_ns_p50": drift.p50_ns[0],
        "new_ns_p50": drift.p50_ns[1],
        "ratio": drift.ratio(),
    })
}
