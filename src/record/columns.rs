//! The columns of the files that are read back: names, order, and what a cell may hold.

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// Sentences joined by ` | `.
    List,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A number, or `>` and the bound that a censored quantile leaves.
    Figure,
}

/// A column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its header, with the unit in it.
    pub name: &'static str,
    /// What its cells hold.
    pub kind: Kind,
    /// Whether the file must have it.
    pub required: bool,
    /// Whether a cell may be empty: not measured.
    pub may_be_empty: bool,
}

impl Column {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: true, may_be_empty: false }
    }

    /// May be empty.
    const fn or_empty(self) -> Self {
        Self { may_be_empty: true, ..self }
    }

    /// May be empty, or missing altogether.
    const fn or_absent(self) -> Self {
        Self { may_be_empty: true, required: false, ..self }
    }
}

const fn text(name: &'static str) -> Column {
    Column::new(name, Kind::Text)
}

const fn whole(name: &'static str) -> Column {
    Column::new(name, Kind::Whole)
}

const fn number(name: &'static str) -> Column {
    Column::new(name, Kind::Number).or_empty()
}

const fn figure(name: &'static str) -> Column {
    Column::new(name, Kind::Figure).or_empty()
}

const fn count(name: &'static str) -> Column {
    whole(name).or_empty()
}

/// Columns of `trials.csv`, in order; the first 37 are those every reader may rely on.
pub const TRIAL_COLUMNS: &[Column] = &[
    whole("schema_version"),
    text("scenario"),
    text("case"),
    whole("trial"),
    whole("block"),
    text("pattern"),
    whole("clients"),
    number("events_per_s"),
    whole("payload_bytes"),
    text("verdict"),
    Column::new("verdict_reasons", Kind::List).or_empty(),
    number("measure_s"),
    count("expected"),
    count("delivered"),
    count("lost"),
    count("duplicate"),
    count("reordered"),
    count("late"),
    number("reach"),
    number("deliveries_per_s"),
    count("requests"),
    count("errors"),
    figure("freshness_ns_p50"),
    figure("freshness_ns_p90"),
    figure("freshness_ns_p99"),
    figure("freshness_ns_p999"),
    figure("freshness_ns_max"),
    figure("response_ns_p50"),
    figure("response_ns_p99"),
    figure("slip_ns_p99"),
    figure("connect_ns_p50"),
    figure("connect_ns_p99"),
    number("wire_bytes_per_delivery"),
    number("target_cpu_ns_per_delivery"),
    number("worker_cpu_ns_per_delivery"),
    number("target_memory_bytes_per_link"),
    count("topics").or_absent(),
    number("requests_per_s").or_absent(),
    figure("transit_ns_p50").or_absent(),
    figure("transit_ns_p99").or_absent(),
    figure("service_ns_p50").or_absent(),
    figure("service_ns_p99").or_absent(),
    figure("hold_ns_p50").or_absent(),
    figure("slip_ns_p50").or_absent(),
    figure("publish_slip_ns_p99").or_absent(),
    number("wire_segments_per_delivery").or_absent(),
    number("worker_cpu_share").or_absent(),
    number("target_cpu_share").or_absent(),
    count("worker_shards").or_absent(),
    count("target_shards").or_absent(),
    count("connections").or_absent(),
    count("published").or_absent(),
    count("scheduled").or_absent(),
    count("sent").or_absent(),
    count("answered").or_absent(),
    number("empty_poll_share").or_absent(),
    count("retries").or_absent(),
    count("dead_letters").or_absent(),
    count("saturated").or_absent(),
    count("negative_freshness").or_absent(),
    count("error_connect").or_absent(),
    count("error_timeout").or_absent(),
    count("error_closed").or_absent(),
    count("error_status").or_absent(),
    count("error_protocol").or_absent(),
    count("error_signature").or_absent(),
    count("error_refused").or_absent(),
    count("not_modified").or_absent(),
    count("dials").or_absent(),
    count("reconnects").or_absent(),
    count("churned").or_absent(),
    count("skipped").or_absent(),
    count("lost_slow").or_absent(),
    count("slow_actions").or_absent(),
    figure("reconnect_ns_p50").or_absent(),
    figure("reconnect_ns_p99").or_absent(),
    figure("recovery_ns").or_absent(),
    figure("freshness_healthy_ns_p50").or_absent(),
    figure("freshness_healthy_ns_p99").or_absent(),
    figure("freshness_affected_ns_p50").or_absent(),
    figure("freshness_affected_ns_p99").or_absent(),
    text("profile").or_absent(),
    figure("hiccup_ns_p999").or_absent(),
    figure("hiccup_ns_max").or_absent(),
    figure("target_hiccup_ns_p999").or_absent(),
    figure("target_hiccup_ns_max").or_absent(),
    number("steal_share").or_absent(),
    number("throttled_share").or_absent(),
    number("run_delay_share").or_absent(),
    number("slip_share_of_response").or_absent(),
    text("pacing").or_absent(),
    figure("fired_ns_p50").or_absent(),
    figure("fired_ns_p99").or_absent(),
    figure("dispatch_ns_p50").or_absent(),
    figure("dispatch_ns_p99").or_absent(),
    figure("first_byte_ns_p50").or_absent(),
    figure("first_byte_ns_p99").or_absent(),
    figure("reading_ns_p50").or_absent(),
    figure("reading_ns_p99").or_absent(),
    figure("publish_slip_ns_p50").or_absent(),
    figure("written_ns_p50").or_absent(),
    figure("written_ns_p99").or_absent(),
    number("n_eff").or_absent(),
    figure("freshness_ns_p50_low").or_absent(),
    figure("freshness_ns_p50_high").or_absent(),
    figure("freshness_ns_p99_low").or_absent(),
    figure("freshness_ns_p99_high").or_absent(),
    figure("response_ns_p50_low").or_absent(),
    figure("response_ns_p50_high").or_absent(),
    figure("response_ns_p99_low").or_absent(),
    figure("response_ns_p99_high").or_absent(),
    text("outbox").or_absent(),
    figure("acknowledge_ns_p50").or_absent(),
    figure("acknowledge_ns_p99").or_absent(),
    figure("work_ns_p50").or_absent(),
    figure("work_ns_p99").or_absent(),
    figure("catch_up_ns_p50").or_absent(),
    figure("catch_up_ns_max").or_absent(),
    count("attempts").or_absent(),
    count("duplicate_attempts").or_absent(),
    count("refused_attempts").or_absent(),
    count("endpoints_disabled").or_absent(),
    count("tls_handshakes").or_absent(),
    number("tls_resumed_share").or_absent(),
    figure("tls_handshake_ns_p50").or_absent(),
    figure("tls_handshake_ns_p99").or_absent(),
    number("links_per_connection").or_absent(),
    text("loop").or_absent(),
    count("delayed").or_absent(),
    figure("encode_ns_p50").or_absent(),
    figure("encode_ns_p99").or_absent(),
    figure("decode_ns_p50").or_absent(),
    figure("decode_ns_p99").or_absent(),
    text("publish").or_absent(),
    count("sends_due").or_absent(),
    count("sends_sent").or_absent(),
    count("sends_acknowledged").or_absent(),
    count("sends_repeated").or_absent(),
    figure("send_ns_p50").or_absent(),
    figure("send_ns_p99").or_absent(),
    figure("send_slip_ns_p99").or_absent(),
    number("dials_per_10ms_max").or_absent(),
    number("polls_per_10ms_max").or_absent(),
];

/// Columns of `samples.csv`, in order.
pub const SAMPLE_COLUMNS: &[Column] = &[
    whole("block"),
    text("case"),
    whole("trial"),
    whole("link"),
    whole("seq"),
    whole("due_ns"),
    whole("fired_ns"),
    count("sent_ns"),
    count("first_byte_ns"),
    whole("done_ns"),
    count("status"),
    text("error").or_empty(),
    count("server_queue_ns"),
    count("server_service_ns"),
];

/// Columns of `floor.csv`, in order.
pub const FLOOR_COLUMNS: &[Column] = &[
    whole("schema_version"),
    text("metric"),
    Column::new("cases", Kind::List),
    whole("after_trials"),
    number("measure_s"),
    text("verdict"),
    Column::new("verdict_reasons", Kind::List).or_empty(),
    count("expected"),
    count("delivered"),
    count("lost"),
    count("duplicate"),
    count("reordered"),
    count("late"),
    number("n_eff"),
    figure("floor_ns_p50"),
    figure("floor_ns_p90"),
    figure("floor_ns_p99"),
];

/// Columns of `timeline.csv`, in order.
pub const TIMELINE_COLUMNS: &[Column] = &[
    text("case"),
    whole("trial"),
    whole("second"),
    whole("deliveries"),
    figure("freshness_ns_p50"),
    figure("freshness_ns_p99"),
    whole("requests"),
    whole("errors"),
    number("target_cpu_share"),
    number("worker_cpu_share"),
    count("dials").or_absent(),
];
