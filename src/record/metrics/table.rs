//! The table of metrics: one column of `trials.csv` each, in the order of the file.
//!
//! A new quantile is a row here; any other metric is a row and the function in `fill` that computes it. Columns, cells,
//! FORMAT.md, objectives, summaries, intervals and charts follow. New rows go to the end, so that older files keep their
//! columns' order.

use super::spec::{
    Better, Of, Side, Spec, count, figure, headline, interval, number, own, priced, quantile,
    special, total,
};
use super::{causes, fill, totals};
use crate::measure::Counter;
use crate::record::cell::BOUNDS;
use crate::record::columns::{Kind, Unit};

const WORKERS: Side = Side::Workers;
const TARGET: Side = Side::Target;
const BOTH: Side = Side::Both;

/// Every column of `trials.csv`.
#[rustfmt::skip]
pub const SPECS: &[Spec] = &[
    own("schema_version", Kind::Whole, Unit::None).filled().required()
        .says("version of the row's meaning", "never"),
    own("scenario", Kind::Text, Unit::None).filled().required()
        .says("name of the scenario", "never"),
    own("case", Kind::Text, Unit::None).filled().required()
        .says("id of the case: the pattern, then `:axis=value` for every swept axis", "never"),
    own("trial", Kind::Whole, Unit::None).filled().required()
        .says("which trial of its case, from 1", "never"),
    own("block", Kind::Whole, Unit::None).filled().required()
        .says("which randomised block of the plan, from 1; every case has one trial a block", "never"),
    own("pattern", Kind::Text, Unit::None).filled().required()
        .says("`request`, `short-poll`, `long-poll`, `sse`, `websocket` or `webhook`", "never"),
    own("clients", Kind::Whole, Unit::Of("links")).filled().required()
        .says("links: connections, or webhook endpoints", "never"),
    own("events_per_s", Kind::Number, Unit::PerSecond).required()
        .says("events per second **in each topic** (times `topics` is what is published)", "`request`"),
    own("payload_bytes", Kind::Whole, Unit::Bytes).filled().required()
        .says("size of an event's payload", "never"),
    own("verdict", Kind::Text, Unit::None).filled().required()
        .says("`valid`; `degraded` (generator or machine were strained); `invalid` (they spoilt it); `failed` (not finished)", "never"),
    own("verdict_reasons", Kind::List, Unit::None).required()
        .says("a sentence each, joined by ` \\| ` (space, vertical bar, space); of a valid trial, remarks that do not change its verdict", "nothing to remark"),
    own("measure_s", Kind::Number, Unit::Seconds).required()
        .says("length of the measure window as planned; with `request.requests`, until the last of these was answered or failed", "never"),
    own("expected", Kind::Whole, Unit::Of("deliveries")).summed().better(Better::Neither).required()
        .says("events due in the window × their subscribers; scheduled requests for `request`, in a closed loop those sent", "failed before its end"),
    own("delivered", Kind::Whole, Unit::Of("deliveries")).summed().better(Better::More).required()
        .says("those that arrived by the end of the drain, each once", "as `expected`"),
    own("lost", Kind::Whole, Unit::Of("deliveries")).summed().required()
        .says("those that did not; `expected` = `delivered` + `lost`, exactly", "as `expected`"),
    own("duplicate", Kind::Whole, Unit::Of("deliveries")).summed().required()
        .says("further arrivals of what had arrived", "as `expected`"),
    own("reordered", Kind::Whole, Unit::Of("deliveries")).summed().required()
        .says("of the delivered: those after a later event of their topic", "as `expected`"),
    own("late", Kind::Whole, Unit::Of("deliveries")).summed().required()
        .says("of the delivered: those older than the scenario's `late_after`", "as `expected`"),
    own("reach", Kind::Number, Unit::Share).worst().better(Better::More).required()
        .titled("reach", ["", "reach"])
        .says("`delivered` ÷ `expected`", "nothing expected"),
    number("deliveries_per_s", "deliveries_per_s", Unit::PerSecond, fill::deliveries_per_s).better(Better::More).required()
        .titled("deliveries per second", ["deliv.", "per s"])
        .says("`delivered` ÷ `measure_s`", "failed trials"),
    count("requests", Unit::Of("requests"), WORKERS, Counter::Sent).of(Of::Asking).better(Better::Neither).required()
        .says("requests or polls due in the window that were sent", "patterns that do not ask"),
    total("errors", Unit::Of("errors"), fill::errors).required()
        .says("failures of every kind, over the whole trial", "failed before any report"),
    headline!("freshness", "p50", Freshness, P50).of(Of::Delivering).required()
        .titled("freshness p50", ["fresh", "p50"])
        .says("received − due of a delivery, median; lost deliveries count as later than all others", "`request`, no samples"),
    headline!("freshness", "p90", Freshness, P90).of(Of::Delivering).required()
        .says("its 90th percentile", "likewise"),
    headline!("freshness", "p99", Freshness, P99).of(Of::Delivering).required()
        .titled("freshness p99", ["fresh", "p99"])
        .says("its 99th percentile", "likewise"),
    headline!("freshness", "p999", Freshness, P999).of(Of::Delivering).required()
        .says("its 99.9th percentile", "likewise"),
    headline!("freshness", "max", Freshness, Max).of(Of::Delivering).required()
        .says("its largest value", "likewise"),
    headline!("response", "p50", Response, P50).of(Of::Asking).expected_of(Of::Requesting).required()
        .titled("response p50", ["resp.", "p50"])
        .says("done − due of a request, median; those not answered well count as later than all others", "not recorded"),
    headline!("response", "p99", Response, P99).of(Of::Asking).expected_of(Of::Requesting).required()
        .titled("response p99", ["resp.", "p99"])
        .says("its 99th percentile", "likewise"),
    quantile!("slip", "p99", Slip, P99, WORKERS).of(Of::Asking).expected_of(Of::Scheduled).required()
        .says("sent − due of a request or poll, or sent − the answer before where that came later: what the generator added; 99th percentile", "not recorded"),
    quantile!("connect", "p50", Connect, P50, WORKERS).required()
        .titled("connect p50", ["connect", "p50"])
        .says("dial to ready of a link (where clients publish, of each of its connections), median", "not recorded"),
    quantile!("connect", "p99", Connect, P99, WORKERS).required()
        .says("its 99th percentile", "not recorded"),
    number("wire_bytes_per_delivery", "wire_per_delivery", Unit::Bytes, totals::wire_bytes_per_delivery).required()
        .titled("wire bytes per delivery", ["wire per", "deliv."]).repeats_within(0.1)
        .says("bytes at IP level, both ways, that open links carried in the window ÷ deliveries that arrived in it; opening and closing excluded (files of earlier versions: over the links' whole life ÷ deliveries over it)", "kernel does not tell, none delivered, failed"),
    number("target_cpu_ns_per_delivery", "target_cpu_per_delivery", Unit::Nanoseconds, fill::target_cpu_per_delivery).required()
        .titled("target CPU per delivery", ["CPU per", "deliv."])
        .says("the target's CPU time in the window, without what watching its health took, ÷ `delivered`", "not measured, none delivered, failed"),
    number("worker_cpu_ns_per_delivery", "worker_cpu_per_delivery", Unit::Nanoseconds, fill::worker_cpu_per_delivery).required()
        .says("the same of the workers ÷ `delivered`", "likewise"),
    number("target_memory_bytes_per_link", "target_memory_per_link", Unit::Bytes, fill::target_memory_per_link).required()
        .titled("target memory per link", ["memory", "per link"]).repeats_within(0.15)
        .says("Theil-Sen slope of the target's anonymous memory over its link count; without the kernel's share", "under three link counts"),
    own("topics", Kind::Whole, Unit::None).better(Better::Neither)
        .says("topics", "never"),
    own("requests_per_s", Kind::Number, Unit::PerSecond)
        .says("offered requests per second over all clients", "all but `request` in an open loop"),
    quantile!("transit", "p50", Transit, P50, WORKERS).of(Of::Delivering)
        .says("received − published of a delivery, median of those that arrived", "`request`"),
    quantile!("transit", "p99", Transit, P99, WORKERS).of(Of::Delivering)
        .says("its 99th percentile", "`request`"),
    quantile!("service", "p50", Service, P50, WORKERS).of(Of::Asking).expected_of(Of::Requesting)
        .says("done − sent of a request, median of those answered", "not recorded"),
    quantile!("service", "p99", Service, P99, WORKERS).of(Of::Asking).expected_of(Of::Requesting)
        .says("its 99th percentile", "not recorded"),
    quantile!("hold", "p50", Hold, P50, WORKERS).of(Of::Holding).better(Better::Neither)
        .says("how long a long poll was held, median", "all but `long-poll`"),
    quantile!("slip", "p50", Slip, P50, WORKERS).of(Of::Asking).expected_of(Of::Scheduled)
        .says("the same, median", "not recorded"),
    quantile!("publish_slip", "p99", PublishSlip, P99, TARGET).of(Of::Delivering)
        .says("published − due at the target, 99th percentile", "`request`"),
    number("wire_segments_per_delivery", "wire_segments_per_delivery", Unit::Of("segments"), totals::wire_segments_per_delivery)
        .says("TCP segments, both ways, of the same bytes ÷ the same deliveries", "as `wire_bytes_per_delivery`"),
    number("worker_cpu_share", "worker_cpu_share", Unit::Share, fill::worker_cpu_share)
        .says("the workers' CPU time in the window ÷ (its length × `worker_shards`)", "not measured"),
    number("target_cpu_share", "target_cpu_share", Unit::Share, fill::target_cpu_share)
        .says("the target's CPU time in the window ÷ (its length × `target_shards`)", "not measured"),
    own("worker_shards", Kind::Whole, Unit::Of("threads"))
        .says("threads that offered load, over all workers", "not known"),
    own("target_shards", Kind::Whole, Unit::Of("threads"))
        .says("threads that served", "not known"),
    count("connections", Unit::Of("connections"), WORKERS, Counter::Connections).better(Better::Neither)
        .says("connections opened over the whole trial", "failed before any report"),
    count("published", Unit::Of("events"), TARGET, Counter::Published).when(fill::target_lived).of(Of::Delivering).better(Better::Neither)
        .says("events due in the window that were published, by the target or by clients, over all topics; one that a client repeated counts again", "`request`, trials with a restart"),
    count("scheduled", Unit::Of("requests"), WORKERS, Counter::Scheduled).of(Of::Asking).better(Better::Neither)
        .says("requests or polls due in the window; those sent, where the answers decide when the next is due", "patterns that do not ask"),
    count("sent", Unit::Of("requests"), WORKERS, Counter::Sent).of(Of::Asking).better(Better::More)
        .says("those that were sent", "likewise"),
    count("answered", Unit::Of("requests"), WORKERS, Counter::Answered).of(Of::Asking).better(Better::More)
        .says("those that were answered well", "likewise"),
    number("empty_poll_share", "empty_poll_share", Unit::Share, fill::empty_poll_share).of(Of::Polling)
        .says("polls that brought nothing ÷ `answered`", "all but polls"),
    count("retries", Unit::Of("attempts"), BOTH, Counter::Retries).of(Of::CalledBack)
        .says("webhook attempts that were tried again", "all but `webhook`"),
    count("dead_letters", Unit::Of("events"), BOTH, Counter::DeadLetters).of(Of::Delivering)
        .says("given up after the last attempt, or fallen out of the target's log", "`request`"),
    count("saturated", Unit::Of("samples"), BOTH, Counter::Saturated)
        .says("samples above 60 s, recorded as 60 s", "failed before any report"),
    count("negative_freshness", Unit::Of("deliveries"), WORKERS, Counter::NegativeFreshness).of(Of::Delivering)
        .says("received before they were due: clocks or stamps lie", "`request`"),
    count("error_connect", Unit::Of("errors"), WORKERS, Counter::ErrorConnect)
        .says("failures to connect", "failed before any report"),
    count("error_timeout", Unit::Of("errors"), WORKERS, Counter::ErrorTimeout)
        .says("time-outs", "likewise"),
    count("error_closed", Unit::Of("errors"), WORKERS, Counter::ErrorClosed)
        .says("links closed by the peer before their time", "likewise"),
    count("error_status", Unit::Of("errors"), WORKERS, Counter::ErrorStatus)
        .says("answers with an unexpected status", "likewise"),
    count("error_protocol", Unit::Of("errors"), WORKERS, Counter::ErrorProtocol)
        .says("answers, frames or events that could not be understood", "likewise"),
    count("error_signature", Unit::Of("errors"), WORKERS, Counter::ErrorSignature)
        .says("webhook deliveries with a wrong or stale signature", "likewise"),
    count("error_refused", Unit::Of("errors"), WORKERS, Counter::ErrorRefused)
        .says("requests that were refused with 429 or 503: come again later", "likewise"),
    count("not_modified", Unit::Of("requests"), WORKERS, Counter::NotModified).of(Of::Requesting).better(Better::Neither)
        .says("of the answered: those told that nothing has changed (304)", "all but `request`"),
    count("dials", Unit::Of("attempts"), WORKERS, Counter::Dials).better(Better::Neither)
        .says("attempts to open a connection to the target, failed ones too, over the whole trial", "failed before any report"),
    count("reconnects", Unit::Of("links"), WORKERS, Counter::Reconnects).better(Better::Neither)
        .says("times that a link stood again after it had ended without being asked to; of `request`, after the target had closed a kept connection between two requests", "failed before any report"),
    count("churned", Unit::Of("links"), WORKERS, Counter::Churned).when(fill::churns).better(Better::Neither)
        .says("times that a link left on purpose and was followed by a new connection", "no churn"),
    count("skipped", Unit::Of("events"), WORKERS, Counter::Skipped).of(Of::Delivering)
        .says("events that links were told they had missed: a policy for slow consumers, or a log that no longer has them", "`request`"),
    count("lost_slow", Unit::Of("deliveries"), WORKERS, Counter::LostSlow).when(fill::some_are_slow)
        .says("of `lost`: those of links that read slowly on purpose", "no slow share"),
    count("slow_actions", Unit::Of("actions"), TARGET, Counter::SlowActions).of(Of::Delivering)
        .says("times that the target closed a lagging link, or left events out for it", "`request`"),
    quantile!("reconnect", "p50", Reconnect, P50, WORKERS).of(Of::Delivering)
        .says("stands again − noticed its end, of a link that ended without being asked to, median", "no reconnects"),
    quantile!("reconnect", "p99", Reconnect, P99, WORKERS).of(Of::Delivering)
        .says("its 99th percentile", "no reconnects"),
    figure("recovery_ns", "recovery", Unit::Nanoseconds, fill::recovery)
        .says("last link back − target taken down", "no restart, not all came back"),
    quantile!("freshness_healthy", "p50", FreshnessHealthy, P50, WORKERS).of(Of::Pushing).expected_of(Of::Nothing)
        .says("freshness of the deliveries that arrived at links that the scenario lets be, median", "no link is troubled on purpose (`consumers.slow_share`, `webhook.receiver.affected`)"),
    quantile!("freshness_healthy", "p99", FreshnessHealthy, P99, WORKERS).of(Of::Pushing).expected_of(Of::Nothing)
        .says("its 99th percentile", "no link is troubled on purpose (`consumers.slow_share`, `webhook.receiver.affected`)"),
    quantile!("freshness_affected", "p50", FreshnessAffected, P50, WORKERS).of(Of::Pushing).expected_of(Of::Nothing)
        .says("freshness of the deliveries that arrived at links that it makes read slowly, or fail, median", "no link is troubled on purpose (`consumers.slow_share`, `webhook.receiver.affected`)"),
    quantile!("freshness_affected", "p99", FreshnessAffected, P99, WORKERS).of(Of::Pushing).expected_of(Of::Nothing)
        .says("its 99th percentile", "no link is troubled on purpose (`consumers.slow_share`, `webhook.receiver.affected`)"),
    own("profile", Kind::Text, Unit::None)
        .says("the kind of host that the trial was judged as: `dedicated` or `shared`", "files written before it"),
    quantile!("hiccup", "p999", Hiccup, P999, WORKERS)
        .says("how late a tick woke a thread of a worker that only sleeps (100 ticks per second of the window), 99.9th percentile of all workers", "not measured"),
    quantile!("hiccup", "max", Hiccup, Max, WORKERS)
        .says("the longest of these", "not measured"),
    quantile!("target_hiccup", "p999", TargetHiccup, P999, TARGET)
        .says("the same in the target's process, 99.9th percentile; reported, not judged", "not measured"),
    quantile!("target_hiccup", "max", TargetHiccup, Max, TARGET)
        .says("the longest of these", "not measured"),
    number("steal_share", "steal_share", Unit::Share, fill::steal_share)
        .says("CPU time that the hypervisor took in the window ÷ (time × cores), whole host", "kernel does not tell"),
    number("throttled_share", "throttled_share", Unit::Share, fill::throttled_share)
        .says("time that a CPU quota held the workers back in the window, summed over cores ÷ time", "no quota to be seen"),
    number("run_delay_share", "run_delay_share", Unit::Share, fill::run_delay_share)
        .says("time that tasks of the workers waited for a core in the window ÷ (time × `worker_shards`)", "kernel does not tell"),
    number("slip_share_of_response", "slip_share_of_response", Unit::Share, fill::slip_share_of_response).of(Of::Asking).expected_of(Of::Scheduled)
        .says("Σ slip ÷ Σ response of requests and polls", "either not recorded"),
    own("pacing", Kind::Text, Unit::None)
        .says("`timerfd` (workers sleep until the kernel wakes them at a deadline) or `spin` (they wake before it and watch the clock; CPU that was spun away is in no figure of the workers' CPU but the timeline's)", "not known"),
    quantile!("fired", "p50", Fired, P50, WORKERS).of(Of::Scheduled)
        .says("fired − due of a request or poll: waiting for its link, and for the timer; median of those answered", "not recorded"),
    quantile!("fired", "p99", Fired, P99, WORKERS).of(Of::Scheduled)
        .says("its 99th percentile", "not recorded"),
    quantile!("dispatch", "p50", Dispatch, P50, WORKERS).of(Of::Scheduled)
        .says("sent − fired: waiting for the shard, and writing it down; median of those answered", "not recorded"),
    quantile!("dispatch", "p99", Dispatch, P99, WORKERS).of(Of::Scheduled)
        .says("its 99th percentile", "not recorded"),
    quantile!("first_byte", "p50", FirstByte, P50, WORKERS).of(Of::Scheduled)
        .says("first byte of the answer − sent: there and back, and the target; median of those answered", "not recorded"),
    quantile!("first_byte", "p99", FirstByte, P99, WORKERS).of(Of::Scheduled)
        .says("its 99th percentile", "not recorded"),
    quantile!("reading", "p50", Reading, P50, WORKERS).of(Of::Scheduled)
        .says("done − first byte of the answer; median of those answered", "not recorded"),
    quantile!("reading", "p99", Reading, P99, WORKERS).of(Of::Scheduled)
        .says("its 99th percentile", "not recorded"),
    quantile!("publish_slip", "p50", PublishSlip, P50, TARGET).of(Of::Delivering)
        .says("published − due at the target, median", "`request`"),
    quantile!("written", "p50", Written, P50, TARGET).of(Of::Delivering)
        .says("written − published of a delivery, at the target: until the kernel has taken the event's last byte (webhooks: of the first attempt); median", "`request`, nothing published"),
    quantile!("written", "p99", Written, P99, TARGET).of(Of::Delivering)
        .says("its 99th percentile", "likewise"),
    number("n_eff", "n_eff", Unit::Of("samples"), fill::n_eff).better(Better::More)
        .says("independent samples that say as much of the headline metric (freshness; response for `request`) as those of the window, which depend on one another, do: METHODOLOGY, *Within a trial*", "no samples"),
    interval!("freshness", "p50", "low", Freshness, P50, Low).of(Of::Delivering)
        .says("lower end of the 95 % interval of the trial's median", "where the quantile is, and all of `request`"),
    interval!("freshness", "p50", "high", Freshness, P50, High).of(Of::Delivering)
        .says("its upper end", "likewise"),
    interval!("freshness", "p99", "low", Freshness, P99, Low).of(Of::Delivering)
        .says("lower end of the 95 % interval of the trial's 99th percentile", "where the quantile is, and all of `request`"),
    interval!("freshness", "p99", "high", Freshness, P99, High).of(Of::Delivering)
        .says("its upper end", "likewise"),
    interval!("response", "p50", "low", Response, P50, Low).of(Of::Requesting)
        .says("lower end of the 95 % interval of the trial's median", "where the quantile is, and all but of `request`"),
    interval!("response", "p50", "high", Response, P50, High).of(Of::Requesting)
        .says("its upper end", "likewise"),
    interval!("response", "p99", "low", Response, P99, Low).of(Of::Requesting)
        .says("lower end of the 95 % interval of the trial's 99th percentile", "where the quantile is, and all but of `request`"),
    interval!("response", "p99", "high", Response, P99, High).of(Of::Requesting)
        .says("its upper end", "likewise"),
    own("outbox", Kind::Text, Unit::None)
        .says("where the target kept webhook events until they were acknowledged: `memory` (it ends with the process) or `durable` (synced to disk before an event is visible): two arms that answer different questions", "all but `webhook`"),
    quantile!("acknowledge", "p50", Acknowledge, P50, TARGET).of(Of::CalledBack)
        .says("acknowledged − written of the webhook attempts of events due in the window that were answered 2xx, at the target; median", "all but `webhook`"),
    quantile!("acknowledge", "p99", Acknowledge, P99, TARGET).of(Of::CalledBack)
        .says("its 99th percentile", "all but `webhook`"),
    quantile!("work", "p50", Work, P50, WORKERS).of(Of::CalledBack).expected_of(Of::Nothing)
        .says("from receiving an event until a receiver's work on it was done (`webhook.receiver.work`); the acknowledgement does not wait for it; median", "no work was asked for"),
    quantile!("work", "p99", Work, P99, WORKERS).of(Of::CalledBack).expected_of(Of::Nothing)
        .says("its 99th percentile", "no work was asked for"),
    quantile!("catch_up", "p50", CatchUp, P50, WORKERS).of(Of::CalledBack).expected_of(Of::Nothing)
        .says("from the end of an outage until everything due before it had arrived, median over the receivers that were down and caught up", "no outage, or nobody caught up"),
    special!("catch_up", "max", CatchUp, Max, fill::catch_up_max).of(Of::CalledBack).expected_of(Of::Nothing)
        .says("the longest of these", "no outage, or something was lost, so that not all caught up"),
    count("attempts", Unit::Of("attempts"), TARGET, Counter::Attempts).of(Of::CalledBack).better(Better::Neither)
        .says("webhook attempts that the target made over the whole trial, first and repeated ones", "all but `webhook`"),
    count("duplicate_attempts", Unit::Of("attempts"), WORKERS, Counter::DuplicateAttempts).of(Of::CalledBack)
        .says("webhook attempts that brought what their receiver had taken before, by `webhook-id`: acknowledged, and not booked in the ledger", "all but `webhook`"),
    count("refused_attempts", Unit::Of("attempts"), WORKERS, Counter::RefusedAttempts).of(Of::CalledBack).better(Better::Neither)
        .says("webhook attempts that receivers failed because the scenario told them to; no errors", "all but `webhook`"),
    count("endpoints_disabled", Unit::Of("endpoints"), TARGET, Counter::EndpointsDisabled).of(Of::CalledBack)
        .says("webhook endpoints that the target disabled: answered 410, or failing for too long", "all but `webhook`"),
    count("tls_handshakes", Unit::Of("handshakes"), WORKERS, Counter::TlsHandshakes).when(fill::has_tls).better(Better::Neither)
        .says("TLS handshakes of the links over the whole trial; at their receivers, for `webhook`", "without TLS, or failed before any report"),
    number("tls_resumed_share", "tls_resumed_share", Unit::Share, fill::tls_resumed_share).better(Better::More)
        .says("those that resumed a session ÷ all", "no handshakes"),
    quantile!("tls_handshake", "p50", TlsHandshake, P50, WORKERS)
        .says("how long one took, as the worker saw it, beside TCP's own; over the whole trial, median", "no handshakes"),
    quantile!("tls_handshake", "p99", TlsHandshake, P99, WORKERS)
        .says("its 99th percentile", "no handshakes"),
    number("links_per_connection", "links_per_connection", Unit::Of("links"), fill::links_per_connection).of(Of::Dialling).better(Better::Neither)
        .says("`clients` ÷ `connections`: 1 where each link keeps its own, more where HTTP/2 is shared, less with a connection per request", "`webhook`, failed before any report"),
    own("loop", Kind::Text, Unit::None)
        .says("`open`: requests kept to a schedule; `closed`: each waited for the answer before it, so that no percentile holds what a stalled server kept from being sent (METHODOLOGY, *Closed loops*)", "all but `request`"),
    count("delayed", Unit::Of("deliveries"), WORKERS, Counter::DelayedDeliveries).of(Of::Polling)
        .says("of the delivered, each counted once: those whose event was published before the poll that brought it was sent, so that it waited for the consumer to ask again", "all but polls"),
    quantile!("encode", "p50", Encode, P50, TARGET)
        .says("time in which the target wrote an item, or a page of items, in JSON or XML, apart from sending it; median", "none written in the window"),
    quantile!("encode", "p99", Encode, P99, TARGET)
        .says("its 99th percentile", "likewise"),
    quantile!("decode", "p50", Decode, P50, TARGET)
        .says("time in which the target read an item, or a patch, from JSON or XML, apart from receiving it; median", "none read in the window"),
    quantile!("decode", "p99", Decode, P99, TARGET)
        .says("its 99th percentile", "likewise"),
    own("publish", Kind::Text, Unit::None)
        .says("who published the events: `target`, `clients` (METHODOLOGY, *Both sides send*), or `publisher`, a process of the harness, as always for a target of your own", "`request`"),
    count("sends_due", Unit::Of("events"), WORKERS, Counter::SendsDue).when(fill::harness_publishes).of(Of::Delivering).expected_of(Of::Nothing).better(Better::Neither)
        .says("events due in the window that the harness was to publish; × the subscribers of their topics = `expected`, but for `publishes_refused` and `publishes_unknown`", "`publish` is `target`; failed before any report"),
    count("sends_sent", Unit::Of("events"), WORKERS, Counter::SendsSent).when(fill::harness_publishes).of(Of::Delivering).expected_of(Of::Nothing).better(Better::More)
        .says("those that were sent at least once", "likewise"),
    count("sends_acknowledged", Unit::Of("events"), WORKERS, Counter::SendsAcknowledged).when(fill::harness_publishes).of(Of::Delivering).expected_of(Of::Nothing).better(Better::More)
        .says("those whose publication was acknowledged", "likewise"),
    count("sends_repeated", Unit::Of("attempts"), WORKERS, Counter::SendsRepeated).when(fill::harness_publishes).of(Of::Delivering).expected_of(Of::Nothing)
        .says("times that a client sent one again, for want of an answer or because it was refused with 429 or 503; a publisher never does", "likewise"),
    special!("send", "p50", Send, P50, fill::send_p50).of(Of::Delivering).expected_of(Of::Nothing)
        .says("acknowledged − due of an event that the harness published, median; what was never acknowledged lies above every value", "likewise"),
    special!("send", "p99", Send, P99, fill::send_p99).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its 99th percentile", "likewise"),
    quantile!("send_slip", "p99", SendSlip, P99, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("sent − due of such an event, or sent − the answer before where that came later; 99th percentile: what the generator itself added", "likewise"),
    number("dials_per_10ms_max", "dials_per_10ms_max", Unit::Of("attempts"), fill::dials_per_10ms)
        .says("most attempts to open a connection, failed ones too, within any 10 ms in a row (by milliseconds, over all workers) since the successor of a target that was taken down was started: the peak of the storm of reconnects", "no restart"),
    number("polls_per_10ms_max", "polls_per_10ms_max", Unit::Of("polls"), fill::polls_per_10ms).of(Of::Holding)
        .says("most long polls that were sent within any 10 ms in a row of the window (by milliseconds, over all workers): the herd that one event wakes, and that asks again together", "all but `long-poll`"),
    own("verdict_codes", Kind::List, Unit::None)
        .says("the code of each reason, in the order of `verdict_reasons`, with its figures as a JSON object: `generator_late{\"limit_ns\":200000.0,…}`; joined likewise", "valid trials, files written before it"),
    number("target_cpu_cores", "target_cpu", Unit::Cores, totals::target_cpu_cores)
        .titled("target CPU, cores", ["CPU,", "cores"])
        .says("the target's CPU time in the window, without what watching its health took, ÷ the time: how many cores it kept busy", "not measured, failed"),
    number("target_cpu_cores_per_1k_clients", "target_cpu_per_1k_clients", Unit::Cores, totals::target_cpu_cores_per_1k_clients)
        .says("`target_cpu_cores` ÷ `clients` × 1,000", "likewise"),
    number("wire_bytes_per_s", "wire_per_s", Unit::BytesPerSecond, totals::wire_bytes_per_s)
        .titled("wire bytes per second", ["wire", "per s"]).repeats_within(0.1)
        .says("bytes at IP level, both ways, that open links carried in the window ÷ `measure_s`; opening and closing excluded", "kernel does not tell, failed"),
    number("wire_bytes_per_client_hour", "wire_per_client_hour", Unit::Bytes, totals::wire_bytes_per_client_hour)
        .says("`wire_bytes_per_s` ÷ `clients` × 3,600", "likewise"),
    number("target_sent_bytes_per_s", "target_sent_per_s", Unit::BytesPerSecond, totals::target_sent_bytes_per_s)
        .says("of `wire_bytes_per_s`: what the target sent, which is what a provider bills", "likewise, files written before it"),
    number("target_memory_bytes", "target_memory", Unit::Bytes, totals::target_memory_bytes)
        .titled("target memory", ["target", "memory"]).repeats_within(0.15)
        .says("the target's anonymous memory when all links stand, its own included; without the kernel's share (files written before it: `target_memory_bytes_per_link` × `clients`)", "not measured"),
    number("target_memory_bytes_per_1k_clients", "target_memory_per_1k_clients", Unit::Bytes, totals::target_memory_bytes_per_1k_clients)
        .says("`target_memory_bytes` ÷ `clients` × 1,000", "likewise"),
    number("target_requests_per_s", "target_requests_per_s", Unit::PerSecond, totals::target_requests_per_s)
        .says("requests per second that the target was sent in the window: calls, polls, events posted by clients; long polls by their answers", "failed, files written before it"),
    priced(totals::COST, "cost_per_1k_clients_month")
        .titled("cost/month, 1,000 clients", ["cost/", "month"])
        .says("what the target costs per 1,000 clients and month of 730 h at the scenario's `[prices]`, in their currency: `target_cpu_cores`, `target_memory_bytes`, `target_sent_bytes_per_s`, `target_requests_per_s`, each at its price. Made anew by `report` from the prices in `run.json`", "any of them is empty"),
    number("idle_cpu_ns_per_client_s", "idle_cpu_per_client_s", Unit::Nanoseconds, causes::idle_cpu_per_client_s).expected_of(Of::Nothing)
        .says("the target's CPU time per client and second of the idle phase, in which nothing is published: heartbeats, pings, holds that run out, polls that find nothing", "no idle phase, failed, files written before it"),
    number("idle_wire_bytes_per_client_s", "idle_wire_per_client_s", Unit::Bytes, causes::idle_wire_per_client_s).expected_of(Of::Nothing)
        .says("bytes at IP level per client and second of the idle phase, both ways", "likewise, kernel does not tell"),
    number("added_cpu_ns_per_delivery", "added_cpu_per_delivery", Unit::Nanoseconds, causes::added_cpu_per_delivery).expected_of(Of::Nothing)
        .says("what a delivery adds: the target's CPU time in the window, without what the idle phase shows of upkeep, ÷ `delivered` (METHODOLOGY, *Cost*)", "as `idle_cpu_ns_per_client_s`, none delivered"),
    number("added_wire_bytes_per_delivery", "added_wire_per_delivery", Unit::Bytes, causes::added_wire_per_delivery).expected_of(Of::Nothing)
        .says("the same in bytes at IP level, both ways, ÷ deliveries that arrived in the window", "as `idle_wire_bytes_per_client_s`, none delivered"),
    number("connect_cpu_ns_per_link", "connect_cpu_per_link", Unit::Nanoseconds, causes::connect_cpu_per_link).expected_of(Of::Nothing)
        .says("the target's CPU time over the connect phase ÷ `clients`: handshakes, subscription or first poll", "failed, files written before it"),
    number("connect_wire_bytes_per_link", "connect_wire_per_link", Unit::Bytes, causes::connect_wire_per_link).expected_of(Of::Nothing)
        .says("bytes at IP level that the links carried until all of them stood ÷ `clients`, both ways", "likewise, kernel does not tell"),
    count("error_unreachable", Unit::Of("errors"), WORKERS, Counter::ErrorUnreachable)
        .says("of `error_connect`: no route to the address, or no answer from it", "failed before any report, files written before it"),
    count("error_tls", Unit::Of("errors"), WORKERS, Counter::ErrorTls)
        .says("of `error_connect`: no TLS between client and server, whose alert or bytes say why", "likewise"),
    count("error_certificate", Unit::Of("errors"), WORKERS, Counter::ErrorCertificate)
        .says("of `error_connect`: certificates of the server that were not accepted: expired, not valid yet, of an unknown issuer, for another name", "likewise"),
    count("error_endless", Unit::Of("errors"), WORKERS, Counter::ErrorEndless)
        .says("of `error_timeout`: answers that had begun and did not end", "likewise"),
    count("error_truncated", Unit::Of("errors"), WORKERS, Counter::ErrorTruncated)
        .says("of `error_closed`: connections that ended in the middle of an answer", "likewise"),
    count("error_reset", Unit::Of("errors"), WORKERS, Counter::ErrorReset)
        .says("of `error_closed`: connections that the server reset, and HTTP/2 streams and connections that it ended with a code", "likewise"),
    count("error_close_code", Unit::Of("errors"), WORKERS, Counter::ErrorCloseCode)
        .says("of `error_closed`: WebSockets that the server closed with the code of an error", "likewise"),
    count("error_redirect", Unit::Of("errors"), WORKERS, Counter::ErrorRedirect)
        .says("of `error_status`: redirects, which are not followed", "likewise"),
    count("error_denied", Unit::Of("errors"), WORKERS, Counter::ErrorDenied)
        .says("of `error_status`: 401, 403 and 407", "likewise"),
    count("error_not_found", Unit::Of("errors"), WORKERS, Counter::ErrorNotFound)
        .says("of `error_status`: 404 and 410", "likewise"),
    count("error_not_allowed", Unit::Of("errors"), WORKERS, Counter::ErrorNotAllowed)
        .says("of `error_status`: 405", "likewise"),
    count("error_too_large", Unit::Of("errors"), WORKERS, Counter::ErrorTooLarge)
        .says("of `error_status`: 413, 414 and 431", "likewise"),
    count("error_server_error", Unit::Of("errors"), WORKERS, Counter::ErrorServer)
        .says("of `error_status`: 5xx, other than 503", "likewise"),
    count("error_oversized", Unit::Of("errors"), WORKERS, Counter::ErrorOversized)
        .says("of `error_protocol`: heads, bodies and messages beyond what is taken", "likewise"),
    count("error_encoding", Unit::Of("errors"), WORKERS, Counter::ErrorEncoding)
        .says("of `error_protocol`: content codings that were not asked for, or are damaged", "likewise"),
    count("error_frame", Unit::Of("errors"), WORKERS, Counter::ErrorFrame)
        .says("of `error_protocol`: frames of WebSocket or HTTP/2 that break the protocol", "likewise"),
    own("error_samples", Kind::List, Unit::None)
        .says("what one failure of each kind said: `not_found: the target answers 404 Not Found: …`, with at most the first 200 bytes of an answer's body; joined as `verdict_reasons`", "no failures, files written before it"),
    count("publishes_refused", Unit::Of("events"), WORKERS, Counter::PublishesRefused).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing)
        .says("events due in the window that the server refused, or that could not be sent to it: nobody expects them", "`publish` is not `publisher`, failed, files written before it"),
    count("publishes_unknown", Unit::Of("events"), WORKERS, Counter::PublishesUnknown).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing)
        .says("events due in the window whose publication was not answered and that nobody received: whether they exist is not known, and nobody expects them", "likewise"),
    own("superseded", Kind::Whole, Unit::Of("deliveries"))
        .says("with `semantics = \"latest\"`: expected deliveries that a newer event overtook at the same client; `expected` = `delivered` + `lost` + `superseded`", "as `expected`, files written before it"),
    count("foreign_events", Unit::Of("arrivals"), WORKERS, Counter::Foreign).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing)
        .says("arrivals of events of an earlier trial, of another run, or of a topic that the client has not subscribed to", "likewise"),
    count("damaged_tokens", Unit::Of("tokens"), WORKERS, Counter::Damaged).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing)
        .says("tokens that arrived with a wrong check, or cut short", "likewise"),
    count("unrecognised_messages", Unit::Of("messages"), WORKERS, Counter::Unrecognised).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing)
        .says("messages in which no event was recognised although the dialect expects one", "likewise"),
    count("ignored", Unit::Of("messages"), WORKERS, Counter::Ignored).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing).better(Better::Neither)
        .says("webhook deliveries that the dialect ignores", "likewise"),
    count("replayed", Unit::Of("arrivals"), WORKERS, Counter::Replayed).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing).better(Better::Neither)
        .says("arrivals of events that were due before their client had subscribed", "likewise"),
    count("repeated", Unit::Of("arrivals"), WORKERS, Counter::Repeated).when(fill::publisher_publishes).of(Of::Delivering).expected_of(Of::Nothing).better(Better::Neither)
        .says("further arrivals of events in pages of polls without a cursor, which repeat: no duplicates", "likewise"),
    number("publish_cpu_ns_per_event", "publish_cpu_per_event", Unit::Nanoseconds, fill::publish_cpu_per_event).of(Of::Delivering).expected_of(Of::Nothing)
        .says("the target's CPU time per event of a trial without clients, before the first of the case: what publishing costs it", "`publish` is not `publisher`, not measured, `floor = false`, static webhooks"),
    number("publish_cpu_share", "publish_cpu_share", Unit::None, fill::publish_cpu_share).of(Of::Delivering).expected_of(Of::Nothing).better(Better::Neither)
        .says("`publish_cpu_ns_per_event` × events published in the window ÷ the target's CPU time in it: publishing's share of the cost", "likewise"),
    count("failed", Unit::Of("requests"), WORKERS, Counter::Failed).of(Of::Asking).expected_of(Of::Nothing)
        .says("of the sent: those that failed, by whatever kind of error; `sent` = `answered` + `failed` + `unfinished`, exactly", "patterns that do not ask, files written before it"),
    count("unfinished", Unit::Of("requests"), WORKERS, Counter::Unfinished).of(Of::Asking).expected_of(Of::Nothing)
        .says("of the sent: those that were under way when the drain ended", "likewise"),
    own("statuses", Kind::List, Unit::None)
        .says("answers to requests of the window by HTTP status, ascending: `200: 59990 \\| 503: 10`; joined as `verdict_reasons`", "no answers, files written before it"),
    headline!("response", "p75", Response, P75).of(Of::Asking).expected_of(Of::Nothing)
        .says("75th percentile of `response_ns_p50`'s samples", "not recorded, files written before it"),
    headline!("response", "p90", Response, P90).of(Of::Asking).expected_of(Of::Nothing)
        .says("90th percentile of `response_ns_p50`'s samples", "not recorded, files written before it"),
    headline!("response", "p999", Response, P999).of(Of::Asking).expected_of(Of::Nothing)
        .says("99.9th percentile of `response_ns_p50`'s samples", "not recorded, files written before it"),
    headline!("response", "max", Response, Max).of(Of::Asking).expected_of(Of::Nothing)
        .says("largest value of `response_ns_p50`'s samples", "not recorded, files written before it"),
    quantile!("service", "p75", Service, P75, WORKERS).of(Of::Asking).expected_of(Of::Nothing)
        .says("75th percentile of `service_ns_p50`'s samples", "not recorded, files written before it"),
    quantile!("service", "p90", Service, P90, WORKERS).of(Of::Asking).expected_of(Of::Nothing)
        .says("90th percentile of `service_ns_p50`'s samples", "not recorded, files written before it"),
    quantile!("service", "p999", Service, P999, WORKERS).of(Of::Asking).expected_of(Of::Nothing)
        .says("99.9th percentile of `service_ns_p50`'s samples", "not recorded, files written before it"),
    quantile!("service", "max", Service, Max, WORKERS).of(Of::Asking).expected_of(Of::Nothing)
        .says("largest value of `service_ns_p50`'s samples", "not recorded, files written before it"),
    quantile!("slip", "max", Slip, Max, WORKERS).of(Of::Asking).expected_of(Of::Nothing)
        .says("largest value of `slip_ns_p50`'s samples", "not recorded, files written before it"),
    quantile!("connect", "p90", Connect, P90, WORKERS).of(Of::Every).expected_of(Of::Nothing)
        .says("90th percentile of `connect_ns_p50`'s samples", "not recorded, files written before it"),
    quantile!("connect", "max", Connect, Max, WORKERS).of(Of::Every).expected_of(Of::Nothing)
        .says("largest value of `connect_ns_p50`'s samples", "not recorded, files written before it"),
    headline!("freshness", "p75", Freshness, P75).of(Of::Delivering).expected_of(Of::Nothing)
        .says("75th percentile of `freshness_ns_p50`'s samples, lost deliveries likewise", "`request`, no samples, files written before it"),
    count("messages", Unit::Of("messages"), WORKERS, Counter::Messages).when(fill::listens).of(Of::Delivering).expected_of(Of::Nothing).better(Better::More)
        .says("messages that clients received in the window (of polls: responses that were not empty)", "`publish` is not `nobody`, files written before it"),
    count("message_bytes", Unit::Bytes, WORKERS, Counter::MessageBytes).when(fill::listens).of(Of::Delivering).expected_of(Of::Nothing).better(Better::Neither)
        .says("bytes of those messages, without framing", "likewise"),
    number("messages_per_s", "messages_per_s", Unit::PerSecond, fill::messages_per_s).of(Of::Delivering).expected_of(Of::Nothing).better(Better::More)
        .says("`messages` ÷ `measure_s`", "likewise, failed trials"),
    quantile!("message_gap", "p50", MessageGap, P50, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("time between two messages of a client; median", "fewer than two messages, `publish` is not `nobody`, files written before it"),
    quantile!("message_gap", "p90", MessageGap, P90, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its 90th percentile", "likewise"),
    quantile!("message_gap", "p99", MessageGap, P99, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its 99th percentile", "likewise"),
    quantile!("message_gap", "p999", MessageGap, P999, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its 99.9th percentile", "likewise"),
    quantile!("message_gap", "max", MessageGap, Max, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its largest value", "likewise"),
    quantile!("stamp_age", "p50", StampAge, P50, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("received − the message's own stamp (`target.stamp`), by the wall clocks of whoever made it and of this host: their difference is part of it; median", "no stamps, files written before it"),
    quantile!("stamp_age", "p90", StampAge, P90, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its 90th percentile", "likewise"),
    quantile!("stamp_age", "p99", StampAge, P99, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its 99th percentile", "likewise"),
    quantile!("stamp_age", "p999", StampAge, P999, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its 99.9th percentile", "likewise"),
    quantile!("stamp_age", "max", StampAge, Max, WORKERS).of(Of::Delivering).expected_of(Of::Nothing)
        .says("its largest value", "likewise"),
    count("stamps_missing", Unit::Of("messages"), WORKERS, Counter::StampsMissing).when(fill::stamped).of(Of::Delivering).expected_of(Of::Nothing)
        .says("messages without a stamp, or with one that is not a number", "no `target.stamp`, files written before it"),
    count("stamps_ahead", Unit::Of("messages"), WORKERS, Counter::StampsAhead).when(fill::stamped).of(Of::Delivering).expected_of(Of::Nothing)
        .says("messages whose stamp lay ahead of this host's wall clock; not in `stamp_age`", "likewise"),
    number("target_sent_bytes_per_delivery", "target_sent_per_delivery", Unit::Bytes, totals::target_sent_bytes_per_delivery)
        .titled("bytes sent per delivery", ["sent per", "deliv."])
        .says("payload bytes that the target's sockets sent over open links in the window (`tcpi_bytes_received` at the clients: no headers, nothing twice) ÷ deliveries that arrived in it. With TLS the bytes of its records", "as `wire_bytes_per_delivery`, files written before it"),
    own(BOUNDS, Kind::List, Unit::None)
        .says("the bounds of the row's figures that are `inf`: `freshness_ns_p99>1234` is more than 1234; joined as `verdict_reasons`", "no figure is `inf`, files written before it"),
];
