//! Metrics as data: a table that describes each metric, the patterns that have it, and its source.

mod causes;
mod fill;
mod spec;
mod table;
mod totals;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use spec::{Better, End, Of, Q, Side, Source, Spec, Summary};
pub use table::SPECS;
pub use totals::COST;
pub(super) use totals::{complete, price};

use super::columns::{Column, Kind};
use super::{Figure, TrialFacts};
use crate::measure::Metric;

/// The columns of `trials.csv` that answer most questions, in the order of a report's table: they come first in the file.
pub(super) const FIRST_COLUMNS: [&str; 10] = [
    "case",
    "trial",
    "verdict",
    "reach",
    "freshness_ns_p50",
    "freshness_ns_p99",
    "target_cpu_cores",
    "wire_bytes_per_s",
    "target_memory_bytes",
    COST,
];

/// The table in the order of `trials.csv`: [`FIRST_COLUMNS`], then the others as the table has them.
pub(super) static TRIAL_SPECS: [Spec; SPECS.len()] = {
    let mut specs = [SPECS[0]; SPECS.len()];
    let (mut to, mut first) = (0, 0);
    while first < FIRST_COLUMNS.len() {
        let mut at = 0;
        while !equal(SPECS[at].column.name, FIRST_COLUMNS[first]) {
            at += 1;
        }
        specs[to] = SPECS[at];
        (to, first) = (to + 1, first + 1);
    }
    let mut at = 0;
    while at < SPECS.len() {
        if !comes_first(SPECS[at].column.name) {
            specs[to] = SPECS[at];
            to += 1;
        }
        at += 1;
    }
    specs
};

/// The columns of `trials.csv`, in order.
pub static TRIAL_COLUMNS: &[Column] = &{
    let mut columns = [SPECS[0].column; SPECS.len()];
    let mut at = 0;
    while at < columns.len() {
        columns[at] = TRIAL_SPECS[at].column;
        at += 1;
    }
    columns
};

const fn comes_first(name: &str) -> bool {
    let mut at = 0;
    while at < FIRST_COLUMNS.len() {
        if equal(FIRST_COLUMNS[at], name) {
            return true;
        }
        at += 1;
    }
    false
}

/// `==` of texts, which constants cannot use.
const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The row of the metric whose column has this name.
pub fn spec(column: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.column.name == column)
}

/// Returns the column of a quantile, `"p50"` or `"p99"`, of a metric.
pub fn column_of(metric: Metric, quantile: &str) -> Option<&'static str> {
    let of = |spec: &&Spec| {
        let (own, q) = spec.quantile?;
        let interval = matches!(spec.source, Source::Interval(_));
        (own == metric && q.name() == quantile && !interval).then_some(spec.column.name)
    };
    SPECS.iter().find_map(|spec| of(&spec))
}

/// The columns of the ends of the interval that trials have of a quantile.
pub fn ends_of(quantile: (Metric, Q)) -> impl Iterator<Item = &'static str> {
    let ends = SPECS.iter().filter(|spec| matches!(spec.source, Source::Interval(_)));
    ends.filter(move |spec| spec.quantile == Some(quantile)).map(|spec| spec.column.name)
}

/// A measured value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// A count.
    Count(u64),
    /// A number.
    Number(f64),
    /// A number, or the bound that a censored quantile leaves.
    Figure(Figure),
}

impl Cell {
    /// The value as a figure.
    pub const fn figure(self) -> Figure {
        match self {
            Self::Count(count) => Figure::Value(count as f64),
            Self::Number(number) => Figure::Value(number),
            Self::Figure(figure) => figure,
        }
    }

    fn read(kind: Kind, value: &Value) -> Option<Self> {
        match kind {
            Kind::Whole => value.as_u64().map(Self::Count),
            Kind::Number => value.as_f64().map(Self::Number),
            Kind::Figure => Figure::of(value).map(Self::Figure),
            Kind::Text | Kind::List => None,
        }
    }
}

/// A trial's measured values by column; unmeasured ones are missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(BTreeMap<&'static str, Cell>);

impl Figures {
    /// Computes every value of the table for a trial.
    pub(super) fn of(facts: &TrialFacts) -> Self {
        fill::Filler::new(facts).figures(SPECS)
    }

    /// The value of a column.
    pub fn cell(&self, column: &str) -> Option<Cell> {
        debug_assert!(spec(column).is_some(), "{column} is a column");
        self.0.get(column).copied()
    }

    /// The value of a column as a figure.
    pub fn get(&self, column: &str) -> Option<Figure> {
        self.cell(column).map(Cell::figure)
    }

    /// The value of a column as a number, or its bound.
    pub fn number(&self, column: &str) -> Option<f64> {
        self.get(column).map(Figure::number)
    }

    /// The value of a count.
    pub fn count(&self, column: &str) -> Option<u64> {
        match self.cell(column)? {
            Cell::Count(count) => Some(count),
            Cell::Number(_) | Cell::Figure(_) => None,
        }
    }

    /// Replaces a measured value.
    #[cfg(test)]
    pub fn set(&mut self, column: &str, figure: Figure) {
        if let Some(spec) = spec(column) {
            self.0.insert(spec.column.name, Cell::Figure(figure));
        }
    }
}

fn kept() -> impl Iterator<Item = &'static Spec> {
    SPECS.iter().filter(|spec| !matches!(spec.source, Source::Record))
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cell = |spec: &Spec| (spec.column.name, self.0.get(spec.column.name));
        serializer.collect_map(kept().map(cell))
    }
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let cell = |spec: &'static Spec| {
            let name = spec.column.name;
            Some((name, Cell::read(spec.column.kind, fields.get(name)?)?))
        };
        Ok(Self(kept().filter_map(cell).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::record::synthetic::{case, facts};
    use crate::scenario::PatternKind;

    /// The header of `trials.csv` as it was when the table was made.
    const OLD: &str = include_str!("../../../tests/black_box/data/trials-header-1.csv");

    #[test]
    fn ten_columns_come_first_and_the_others_keep_their_names_and_order() {
        let old: Vec<&str> = OLD.trim_end().split(',').collect();
        let now: Vec<&str> = TRIAL_COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(old.len(), 143);
        assert_eq!(now[..10], FIRST_COLUMNS);
        let others: Vec<&str> =
            old.iter().filter(|name| !FIRST_COLUMNS.contains(name)).copied().collect();
        assert_eq!(now[10..10 + others.len()], others);
        assert_eq!(now.iter().collect::<BTreeSet<_>>().len(), now.len(), "each is there once");
    }

    #[test]
    fn names_are_those_of_the_metric_the_unit_and_the_quantile() {
        for spec in SPECS {
            let Some((metric, q)) = spec.quantile else { continue };
            let (name, q) = (metric.name(), q.name());
            let (column, alias) = (format!("{name}_ns_{q}"), format!("{name}_{q}"));
            match spec.source {
                Source::Interval(End::Low) => assert_eq!(spec.column.name, column + "_low"),
                Source::Interval(End::High) => assert_eq!(spec.column.name, column + "_high"),
                _ => assert_eq!((spec.column.name, spec.alias), (&*column, &*alias)),
            }
        }
    }

    #[test]
    fn every_row_describes_itself() {
        let mut aliases = BTreeSet::new();
        for spec in SPECS {
            let name = spec.column.name;
            assert!(!spec.column.meaning.is_empty() && !spec.column.empty.is_empty(), "{name}");
            assert!(aliases.insert(spec.alias), "{}: an alias is of one metric", spec.alias);
            assert!(PatternKind::ALL.into_iter().any(|kind| spec.of.has(kind)), "{name}");
            for kind in PatternKind::ALL {
                assert!(!spec.expected_of.has(kind) || spec.of.has(kind), "{name} {kind:?}");
            }
        }
    }

    #[test]
    fn patterns_fill_only_the_metrics_that_they_have() {
        for kind in PatternKind::ALL {
            let measured = Figures::of(&facts(&case(kind, 60, ""), 1));
            for name in measured.0.keys() {
                assert!(spec(name).unwrap().of.has(kind), "{} has {name}", kind.name());
            }
            let headline = column_of(kind.traits().headline, "p50").unwrap();
            assert!(measured.get(headline).is_some(), "{}", kind.name());
        }
    }
}
