//! `[webhook]`, with the table of its receivers.

use super::Kind::{Count, Rate, Share, Span, Table, Words};
use super::patterns::SERVER;
use super::{ANY, Form, Key, Of, SOME, Section, key};
use crate::scenario::read::words_of;
use crate::scenario::webhook::FAILURES;
use crate::scenario::{CallbackConnection, Down, FailOf, Outbox, PatternKind, WebhookOptions};

/// `[webhook]`
#[rustfmt::skip]
pub(super) static WEBHOOK: Section = Section {
    name: "webhook",
    about: "A callback to a registered URL.",
    of: Of::Pattern(PatternKind::Webhook),
    swept: true,
    form: Form::of::<WebhookOptions>(),
    keys: &[
        key("timeout", Span(SOME)).built_in(SERVER)
            .says("Time-out of an attempt."),
        key("attempts", Count(1..=100)).built_in(SERVER)
            .says("Attempts per event before it becomes a dead letter."),
        key("backoff", Span(ANY)).built_in(SERVER)
            .says("Back-off before the second attempt; doubles for each further one, with jitter."),
        key("backoff_max", Span(ANY)).built_in(SERVER)
            .says("Longest back-off."),
        key("concurrency", Count(1..=1_024)).built_in(SERVER)
            .says("Concurrent attempts per endpoint; 1 keeps the order as long as nothing fails."),
        key("rate", Rate).usually("no limit").built_in(SERVER)
            .says("Most attempts per second and endpoint, evenly spaced, retries included."),
        key("connection", Words(words_of::<CallbackConnection>)).built_in(SERVER)
            .says("Whether the target keeps its connections to an endpoint or opens one per attempt."),
        key("batch", Count(1..=1_000)).built_in(SERVER)
            .says("Most events of a topic in one attempt: above 1 its body is a JSON array."),
        key("linger", Span(ANY)).built_in(SERVER)
            .says("Longest wait of an event for its batch to fill."),
        key("outbox", Words(words_of::<Outbox>)).built_in(SERVER)
            .says("Where events are stored until acknowledged: in the memory of the target, or synced to disk before they \
                   are visible. The two give different guarantees, so the id of a case includes `outbox=durable` even if it \
                   is not swept."),
        key("disable_after", Span(SOME)).usually("never").built_in(SERVER)
            .says("Disable an endpoint that fails for this long without an acknowledgement."),
        key("receiver", Table(RECEIVER)).usually("good behaviour")
            .says("Behaviour of receivers; can be swept as a whole: `webhook.receiver = [{}, { fail = 0.1 }]`."),
    ],
};

#[rustfmt::skip]
static RECEIVER: &[Key] = &[
        key("work", Span(ANY)).literally("\"0s\"")
            .says("Processing time per event at a receiver, one after another, after the acknowledgement."),
        key("slow", Span(ANY)).literally("\"0s\"")
            .says("Response time of an affected receiver."),
        key("slow_share", Share(0.0..=1.0)).literally("1").rule("must be a share between 0 and 1, such as 0.1")
            .says("Share of attempts with a slow response, of those that are not rejected."),
        key("slow_max", Span(ANY)).usually("`slow`")
            .says("Longest slow response time: each is uniform between `slow` and this."),
        key("fail", Share(0.0..=1.0)).literally("0").rule("must be a share between 0 and 1, such as 0.1")
            .says("Share of attempts that an affected receiver rejects with a failure."),
        key("fail_of", Words(words_of::<FailOf>)).literally("\"attempts\"")
            .says("Which attempts `fail` is a share of: all, each by chance; or the first ones of deliveries, every n-th of \
                   them exactly, and what is sent again is accepted. A delivery is known again by the id that its signature \
                   names, else by its body."),
        key("fail_status", Count(300..=599)).literally("500").rule(FAILURES)
            .says("Status of a failure, but not 410; 429, 502, 503 and 504 slow the target down."),
        key("retry_after", Span(ANY)).usually("none")
            .says("Value of `Retry-After`, rounded up to whole seconds."),
        key("down_at", Span(ANY)).literally("\"0s\"")
            .says("When affected receivers go down, from the start of the window."),
        key("down_for", Span(ANY)).literally("\"0s\"")
            .says("Length of the outage; 0 for none."),
        key("down", Words(words_of::<Down>)).literally("\"refuse\"")
            .says("Refuse and cut connections, or accept them and never answer."),
        key("affected", Share(0.0..=1.0)).literally("1").rule("must be a share between 0 and 1, such as 0.1")
            .says("Share of receivers that `slow`, `fail` and `down` apply to, evenly spread. Below 1, freshness is \
                   reported separately for affected and healthy ones."),
    ];
