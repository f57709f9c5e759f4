//! The specification of a metric: a row of the table.

use crate::measure::{Counter, Metric};
use crate::record::columns::{Column, Kind, Unit, column};
use crate::record::{Figure, TrialFacts};
use crate::scenario::PatternKind;

/// The patterns that have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// All of them.
    Every,
    /// None.
    Nothing,
    /// Those whose clients only call.
    Requesting,
    /// Those whose clients send requests: calls or polls.
    Asking,
    /// Those whose requests are sent by a schedule.
    Scheduled,
    /// Those whose clients poll.
    Polling,
    /// Those whose requests are held until there is news.
    Holding,
    /// Those whose consumers receive events.
    Delivering,
    /// Those whose target sends unprompted.
    Pushing,
    /// Those whose target opens the connections.
    CalledBack,
    /// Those whose clients open the connections.
    Dialling,
}

impl Of {
    /// Whether a pattern is one of them.
    pub const fn has(self, pattern: PatternKind) -> bool {
        let traits = pattern.traits();
        match self {
            Self::Every => true,
            Self::Nothing => false,
            Self::Requesting => !traits.delivers,
            Self::Asking => traits.asks,
            Self::Scheduled => traits.scheduled,
            Self::Polling => traits.polls,
            Self::Holding => traits.held,
            Self::Delivering => traits.delivers,
            Self::Pushing => traits.pushes,
            Self::CalledBack => traits.called_back,
            Self::Dialling => !traits.called_back,
        }
    }
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Less,
    /// More is better.
    More,
    /// Descriptive: neither is better.
    Neither,
}

/// How the trials of a case combine into one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// Nothing: it is given, or an end of an interval within the trial.
    Nothing,
    /// The sum over all trials that were finished.
    Sum,
    /// The median over the usable trials, with its interval.
    Median,
    /// The median in tables; objectives are judged by the worst trial.
    Worst,
}

/// Quantiles that have columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Q {
    /// The median.
    P50,
    /// The 75th percentile.
    P75,
    /// The 90th percentile.
    P90,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P999,
    /// The largest value.
    Max,
}

impl Q {
    /// The share of samples at or below it.
    pub const fn share(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P75 => 0.75,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
            Self::Max => 1.0,
        }
    }

    /// The name in columns.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P75 => "p75",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::Max => "max",
        }
    }
}

/// An end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The lower one.
    Low,
    /// The upper one.
    High,
}

/// The process that measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The workers.
    Workers,
    /// The target.
    Target,
    /// Both: their counts are added.
    Both,
}

/// The source of a value.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// A field of the record: settings, the verdict, the ledger.
    Record,
    /// A quantile of the samples that arrived.
    Quantile(Side),
    /// A quantile of the headline metric, lost deliveries above all others; of another metric, of those that arrived.
    Headline,
    /// An end of the interval of a quantile of the headline metric.
    Interval(End),
    /// A counter, where the condition holds and the workers reported.
    Count(Side, Counter, fn(&TrialFacts) -> bool),
    /// Computed.
    Total(fn(&TrialFacts) -> Option<u64>),
    /// Computed.
    Number(fn(&TrialFacts) -> Option<f64>),
    /// Computed.
    Figure(fn(&TrialFacts) -> Option<Figure>),
    /// Computed from the row by the scenario's prices.
    Priced,
}

/// A row of the table of metrics.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The column of `trials.csv`: name, kind, unit, meaning.
    pub column: Column,
    /// The name without its unit, which objectives may use.
    pub alias: &'static str,
    /// The name in titles of tables and charts.
    pub title: &'static str,
    /// The head of a narrow column of a table, in two lines.
    pub head: [&'static str; 2],
    /// The distribution and quantile that it is of; `None` where it is of none.
    pub quantile: Option<(Metric, Q)>,
    /// The patterns that have it.
    pub of: Of,
    /// The patterns at which a usable trial without it has a gap.
    pub expected_of: Of,
    /// Which way it is better.
    pub better: Better,
    /// How the trials of a case combine.
    pub summary: Summary,
    /// Share by which the largest and the least of a case's trials differ at most on any host, where the workload all but
    /// determines the metric; `None` where it does not.
    pub repeats_within: Option<f64>,
    /// Where it comes from.
    pub source: Source,
}

impl Spec {
    pub(super) const fn of(self, of: Of) -> Self {
        Self { of, expected_of: of, ..self }
    }

    pub(super) const fn expected_of(self, expected_of: Of) -> Self {
        Self { expected_of, ..self }
    }

    pub(super) const fn better(self, better: Better) -> Self {
        Self { better, ..self }
    }

    pub(super) const fn summed(self) -> Self {
        Self { summary: Summary::Sum, better: Better::Less, ..self }
    }

    pub(super) const fn worst(self) -> Self {
        Self { summary: Summary::Worst, ..self }
    }

    /// Trials of a case repeat it to within this share.
    pub(super) const fn repeats_within(self, share: f64) -> Self {
        Self { repeats_within: Some(share), ..self }
    }

    /// Files of every version have the column.
    pub(super) const fn required(self) -> Self {
        Self { column: Column { required: true, ..self.column }, ..self }
    }

    /// Cells are never empty.
    pub(super) const fn filled(self) -> Self {
        Self { column: Column { may_be_empty: false, ..self.column }, ..self }
    }

    /// What tables and charts call it.
    pub(super) const fn titled(self, title: &'static str, head: [&'static str; 2]) -> Self {
        Self { title, head, ..self }
    }

    pub(super) const fn says(self, meaning: &'static str, empty: &'static str) -> Self {
        Self { column: self.column.says(meaning, empty), ..self }
    }

    /// Filled only where `condition` holds.
    pub(super) const fn when(self, condition: fn(&TrialFacts) -> bool) -> Self {
        match self.source {
            Source::Count(side, counter, _) => {
                Self { source: Source::Count(side, counter, condition), ..self }
            }
            _ => panic!("only counts have conditions"),
        }
    }
}

const fn new(name: &'static str, alias: &'static str, kind: Kind, unit: Unit) -> Spec {
    Spec {
        column: column(name, kind, unit).or_absent(),
        alias,
        title: alias,
        head: ["", alias],
        quantile: None,
        of: Of::Every,
        expected_of: Of::Every,
        better: Better::Less,
        summary: Summary::Median,
        repeats_within: None,
        source: Source::Record,
    }
}

/// A field of the record, which is not a metric unless its row says so.
pub(super) const fn own(name: &'static str, kind: Kind, unit: Unit) -> Spec {
    Spec { summary: Summary::Nothing, better: Better::Neither, ..new(name, name, kind, unit) }
}

const fn always(_: &TrialFacts) -> bool {
    true
}

pub(super) const fn count(name: &'static str, unit: Unit, side: Side, counter: Counter) -> Spec {
    let source = Source::Count(side, counter, always);
    Spec { source, summary: Summary::Sum, ..new(name, name, Kind::Whole, unit) }
}

pub(super) const fn total(
    name: &'static str,
    unit: Unit,
    of: fn(&TrialFacts) -> Option<u64>,
) -> Spec {
    let source = Source::Total(of);
    Spec { source, summary: Summary::Sum, ..new(name, name, Kind::Whole, unit) }
}

pub(super) const fn number(
    name: &'static str,
    alias: &'static str,
    unit: Unit,
    of: fn(&TrialFacts) -> Option<f64>,
) -> Spec {
    Spec { source: Source::Number(of), ..new(name, alias, Kind::Number, unit) }
}

pub(super) const fn figure(
    name: &'static str,
    alias: &'static str,
    unit: Unit,
    of: fn(&TrialFacts) -> Option<Figure>,
) -> Spec {
    Spec { source: Source::Figure(of), ..new(name, alias, Kind::Figure, unit) }
}

/// What the rest of the row costs.
pub(super) const fn priced(name: &'static str, alias: &'static str) -> Spec {
    Spec { source: Source::Priced, ..new(name, alias, Kind::Number, Unit::Of("currency")) }
}

/// A quantile of a metric; the macros below make its names from the metric's.
pub(super) const fn of_samples(
    (name, alias): (&'static str, &'static str),
    quantile: (Metric, Q),
    source: Source,
) -> Spec {
    let spec = new(name, alias, Kind::Figure, Unit::Nanoseconds);
    Spec { quantile: Some(quantile), source, ..spec }
}

macro_rules! quantile {
    ($metric:literal, $q:literal, $of:ident, $share:ident, $side:expr) => {
        $crate::record::metrics::spec::of_samples(
            (concat!($metric, "_ns_", $q), concat!($metric, "_", $q)),
            (crate::measure::Metric::$of, $crate::record::metrics::spec::Q::$share),
            $crate::record::metrics::spec::Source::Quantile($side),
        )
    };
}
macro_rules! headline {
    ($metric:literal, $q:literal, $of:ident, $share:ident) => {
        $crate::record::metrics::spec::of_samples(
            (concat!($metric, "_ns_", $q), concat!($metric, "_", $q)),
            (crate::measure::Metric::$of, $crate::record::metrics::spec::Q::$share),
            $crate::record::metrics::spec::Source::Headline,
        )
    };
}
/// A quantile with its own rule.
macro_rules! special {
    ($metric:literal, $q:literal, $of:ident, $share:ident, $fill:expr) => {
        $crate::record::metrics::spec::of_samples(
            (concat!($metric, "_ns_", $q), concat!($metric, "_", $q)),
            (crate::measure::Metric::$of, $crate::record::metrics::spec::Q::$share),
            $crate::record::metrics::spec::Source::Figure($fill),
        )
    };
}
macro_rules! interval {
    ($metric:literal, $q:literal, $end:literal, $of:ident, $share:ident, $which:ident) => {
        $crate::record::metrics::spec::end_of(
            concat!($metric, "_ns_", $q, "_", $end),
            (crate::measure::Metric::$of, $crate::record::metrics::spec::Q::$share),
            $crate::record::metrics::spec::End::$which,
        )
    };
}
pub(super) use {headline, interval, quantile, special};

/// An end of an interval within the trial: summarised by nothing.
pub(super) const fn end_of(name: &'static str, quantile: (Metric, Q), end: End) -> Spec {
    let spec = of_samples((name, name), quantile, Source::Interval(end));
    Spec { summary: Summary::Nothing, better: Better::Neither, ..spec }
}
