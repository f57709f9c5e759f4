//! The columns of all files but `trials.csv`, whose columns are the table of metrics.

use super::cell::BOUNDS;
use super::columns::{Column, Kind, Unit, column};

/// Columns of `deliveries.csv`, in order.
#[rustfmt::skip]
pub const DELIVERY_COLUMNS: &[Column] = &[
    column("block", Kind::Whole, Unit::None)
        .says("as in `trials.csv`", "never"),
    column("case", Kind::Text, Unit::None)
        .says("id of the case", "never"),
    column("trial", Kind::Whole, Unit::None)
        .says("which trial of it", "never"),
    column("link", Kind::Whole, Unit::None)
        .says("which link of the case, from 0", "never"),
    column("topic", Kind::Whole, Unit::None)
        .says("which topic, from 0", "never"),
    column("seq", Kind::Whole, Unit::None)
        .says("which event of the topic, from 1", "never"),
    column("due_ns", Kind::Whole, Unit::Nanoseconds)
        .says("when the event was due", "never"),
    column("received_ns", Kind::Whole, Unit::Nanoseconds)
        .says("when the read that brought it to the link returned", "never"),
    column("received_clock_ns", Kind::Whole, Unit::Nanoseconds)
        .says("the same by `CLOCK_MONOTONIC` of the host, for comparison with other processes on it", "never"),
];

/// Columns of `samples.csv`, in order.
#[rustfmt::skip]
pub const SAMPLE_COLUMNS: &[Column] = &[
    column("block", Kind::Whole, Unit::None)
        .says("as in `trials.csv`", "never"),
    column("case", Kind::Text, Unit::None)
        .says("id of the case", "never"),
    column("trial", Kind::Whole, Unit::None)
        .says("which trial of it", "never"),
    column("link", Kind::Whole, Unit::None)
        .says("which link of the case, from 0", "never"),
    column("seq", Kind::Whole, Unit::None)
        .says("which request or poll of the link since the start of the warm-up, from 1", "never"),
    column("call", Kind::Text, Unit::None).or_empty()
        .says("which call it was: an operation on `/items`, or the name of a call of `[[target.request]]`, its method and path unless it has one", "polls"),
    column("due_ns", Kind::Whole, Unit::Nanoseconds)
        .says("when it was due", "never"),
    column("fired_ns", Kind::Whole, Unit::Nanoseconds)
        .says("when the timer woke for it, or the link was free, if that was later", "never"),
    column("sent_ns", Kind::Whole, Unit::Nanoseconds).or_empty()
        .says("first byte written", "not answered"),
    column("first_byte_ns", Kind::Whole, Unit::Nanoseconds).or_empty()
        .says("first read of its answer", "not answered"),
    column("done_ns", Kind::Whole, Unit::Nanoseconds)
        .says("last byte of its answer, or when it was given up", "never"),
    column("status", Kind::Whole, Unit::None).or_empty()
        .says("HTTP status of its answer", "not answered"),
    column("error", Kind::Text, Unit::None).or_empty()
        .says("`connect`, `timeout`, `closed`, `status` or `protocol`, as counted in `trials.csv`", "answered well"),
    column("server_queue_ns", Kind::Whole, Unit::Nanoseconds).or_empty()
        .says("duration of the metric `q` in the answer's `Server-Timing` header, which gives milliseconds", "not told"),
    column("server_service_ns", Kind::Whole, Unit::Nanoseconds).or_empty()
        .says("duration of the metric `s` there", "not told"),
];

/// Columns of `floor.csv`, in order.
#[rustfmt::skip]
pub const FLOOR_COLUMNS: &[Column] = &[
    column("schema_version", Kind::Whole, Unit::None)
        .says("version of the row's meaning", "never"),
    column("metric", Kind::Text, Unit::None)
        .says("what it is a floor of: `freshness`, or `response` (of `request`)", "never"),
    column("cases", Kind::List, Unit::None)
        .says("ids of the cases whose floor it is, joined by ` \\| ` (space, vertical bar, space)", "never"),
    column("after_trials", Kind::Whole, Unit::Of("trials"))
        .says("trials of the run that went before it", "never"),
    column("measure_s", Kind::Number, Unit::Seconds).or_empty()
        .says("length of its measure window as planned", "never"),
    column("verdict", Kind::Text, Unit::None)
        .says("as of a trial, but that slip is not judged: it is what a floor shows", "never"),
    column("verdict_reasons", Kind::List, Unit::None).or_empty()
        .says("a sentence each, joined likewise", "valid"),
    column("expected", Kind::Whole, Unit::Of("deliveries")).or_empty()
        .says("as in `trials.csv`", "failed before its end"),
    column("delivered", Kind::Whole, Unit::Of("deliveries")).or_empty()
        .says("likewise: the samples that the quantiles are of", "as `expected`"),
    column("lost", Kind::Whole, Unit::Of("deliveries")).or_empty()
        .says("likewise", "as `expected`"),
    column("duplicate", Kind::Whole, Unit::Of("deliveries")).or_empty()
        .says("likewise", "as `expected`"),
    column("reordered", Kind::Whole, Unit::Of("deliveries")).or_empty()
        .says("likewise", "as `expected`"),
    column("late", Kind::Whole, Unit::Of("deliveries")).or_empty()
        .says("likewise", "as `expected`"),
    column("superseded", Kind::Whole, Unit::Of("deliveries")).or_absent()
        .says("always 0 on a null target", "failed before any report, files written before it"),
    column("n_eff", Kind::Number, Unit::Of("samples")).or_empty()
        .says("independent samples that say as much", "no samples"),
    column("floor_ns_p50", Kind::Figure, Unit::Nanoseconds).or_empty()
        .says("the metric's median; what was lost counts as later than all else", "no samples"),
    column("floor_ns_p90", Kind::Figure, Unit::Nanoseconds).or_empty()
        .says("its 90th percentile", "no samples"),
    column("floor_ns_p99", Kind::Figure, Unit::Nanoseconds).or_empty()
        .says("its 99th percentile", "no samples"),
    column("verdict_codes", Kind::List, Unit::None).or_absent()
        .says("as in `trials.csv`", "valid, files written before it"),
    column(BOUNDS, Kind::List, Unit::None).or_absent()
        .says("as in `trials.csv`", "no figure is `inf`, files written before it"),
];

/// Columns of `timeline.csv`, in order.
#[rustfmt::skip]
pub const TIMELINE_COLUMNS: &[Column] = &[
    column("case", Kind::Text, Unit::None)
        .says("id of the case", "never"),
    column("trial", Kind::Whole, Unit::None)
        .says("which trial of it", "never"),
    column("second", Kind::Whole, Unit::Seconds)
        .says("full seconds since the window began; negative before", "never"),
    column("deliveries", Kind::Whole, Unit::Of("deliveries"))
        .says("received in it (answers, for `request`), whenever their events were due", "never"),
    column("freshness_ns_p50", Kind::Figure, Unit::Nanoseconds).or_empty()
        .says("median freshness of what was received in it and due in the window", "no such delivery"),
    column("freshness_ns_p99", Kind::Figure, Unit::Nanoseconds).or_empty()
        .says("its 99th percentile", "no such delivery"),
    column("requests", Kind::Whole, Unit::Of("requests"))
        .says("requests or polls sent", "never"),
    column("errors", Kind::Whole, Unit::Of("errors"))
        .says("failures", "never"),
    column("target_cpu_share", Kind::Number, Unit::Share).or_empty()
        .says("the target's CPU time ÷ (time × its shards)", "not measured"),
    column("worker_cpu_share", Kind::Number, Unit::Share).or_empty()
        .says("the workers' CPU time ÷ (time × their shards)", "not measured"),
    column("dials", Kind::Whole, Unit::Of("attempts")).or_absent()
        .says("attempts to open a connection, failed ones too: a storm of reconnects by second", "files written before it"),
];

/// Columns of `summary.csv` that no column of `trials.csv` describes, in order.
#[rustfmt::skip]
pub const SUMMARY_COLUMNS: &[Column] = &[
    column("verdict", Kind::Text, Unit::None)
        .says("the worst verdict of its trials", "none was run"),
    column("trials_valid", Kind::Number, Unit::Of("trials"))
        .says("trials with that verdict", "never"),
    column("trials_degraded", Kind::Number, Unit::Of("trials"))
        .says("likewise", "never"),
    column("trials_invalid", Kind::Number, Unit::Of("trials"))
        .says("likewise", "never"),
    column("trials_failed", Kind::Number, Unit::Of("trials"))
        .says("likewise", "never"),
    column("confidence", Kind::Number, Unit::Share)
        .says("confidence of the row's intervals of medians over trials: 0.75 for three usable trials, 0.97 for six; never over-stated. Intervals of quantiles have 0.95", "no usable trial"),
    column("reach_worst", Kind::Number, Unit::Share)
        .says("least `reach` of a trial that was finished", "no trial was finished"),
    column("floor_ratio_p50", Kind::Number, Unit::Of("ratio"))
        .says("median of the headline metric (freshness; response for `request`) ÷ that of its noise floor; under 3 it is flagged", "either is not known, or only a bound"),
    column("floor_ratio_p99", Kind::Number, Unit::Of("ratio"))
        .says("the same of the 99th percentiles", "likewise"),
    column(BOUNDS, Kind::List, Unit::None)
        .says("last column: as in `trials.csv`", "no figure is `inf`"),
];

/// Columns of `percentiles.csv`, in order.
#[rustfmt::skip]
pub const PERCENTILE_COLUMNS: &[Column] = &[
    column("case", Kind::Text, Unit::None)
        .says("id of the case", "never"),
    column("metric", Kind::Text, Unit::None)
        .says("@METRICS@", "never"),
    column("quantile", Kind::Number, Unit::None)
        .says("0 to 1, spread evenly on a nines axis (−log10(1−q) in steps of 1/20) as far as one sample lies above, with 0.5, 0.75, 0.9, 0.95, 0.99… and 1", "never"),
    column("value_ns", Kind::Number, Unit::Nanoseconds)
        .says("the quantile; `inf` where it falls among deliveries that never arrived: more than the largest finite value, and than what `bounds` of `summary.csv` says", "never"),
    column("count", Kind::Number, Unit::Of("samples"))
        .says("samples that were recorded", "never"),
    column("censored", Kind::Number, Unit::Of("samples"))
        .says("further ones that never arrived, and count as above all others", "never"),
];
