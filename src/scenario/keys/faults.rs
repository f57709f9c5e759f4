//! `[faults]`.

use super::Kind::{Boolean, Count, Either, Share, Size, Span, Word, Words};
use super::{ANY, Form, Kind, Of, SOME, Section, key};
use crate::scenario::faults::{DistributionFile, FaultsFile, UNLIMITED};
use crate::scenario::read::words_of;

static SERVERS: &[Kind] = &[Count(1..=1), Word(UNLIMITED)];

/// Why another server has no faults.
const FAULT: &str =
    "faults are injected into the built-in server; break your own server itself, and remove it";

/// `[faults]`
#[rustfmt::skip]
pub(in crate::scenario) static FAULTS: Section = Section {
    name: "faults",
    about: "Faults injected into the built-in target.",
    of: Of::Traits(|_| true),
    swept: true,
    form: Form::of::<FaultsFile>(),
    keys: &[
        key("service", Span(SOME)).usually("none").of(|t| t.scheduled).built_in(FAULT)
            .says("Mean service time of a single server per shard that handles every request to `/items` and \
                   `/topics/*/events`, except long polls: first come, first served, over all connections of the shard (with \
                   `target.builtin.shards = 1`, of the target)."),
        key("distribution", Words(words_of::<DistributionFile>)).literally("\"fixed\"").of(|t| t.scheduled).built_in(FAULT)
            .says("Distribution of service times. `bimodal`: one in every n requests takes `slow`, the others `service`."),
        key("slow", Span(ANY)).usually("none").of(|t| t.scheduled).built_in(FAULT)
            .says("Service time of the slow requests of `bimodal`."),
        key("slow_share", Share(0.0..=0.5)).usually("none").of(|t| t.scheduled).checked_later().built_in(FAULT)
            .says("Share of slow requests, one in n: with `0.01`, exactly every hundredth request is slow."),
        key("servers", Either(SERVERS)).literally("1").of(|t| t.scheduled).built_in(FAULT)
            .says("`\"unlimited\"`: all requests are served in parallel, without queueing."),
        key("delay", Span(ANY)).usually("none").built_in(FAULT)
            .says("Added to every response to such a request (long polls included), every pushed event and every webhook \
                   attempt. Order is kept; delays do not add up."),
        key("freeze_at", Span(ANY)).usually("none").built_in(FAULT)
            .says("When all shards of the target freeze, from the start of the window, as in a garbage collection: they \
                   accept, read, publish and write nothing."),
        key("freeze_for", Span(SOME)).usually("none").built_in(FAULT)
            .says("Length of the freeze. Events due in it are published late."),
        key("freeze_every", Span(ANY)).usually("once").built_in(FAULT)
            .says("Time between the starts of freezes, until the end of the window."),
        key("stall_at", Span(ANY)).usually("none").of(|t| t.delivers).built_in(FAULT)
            .says("When the publisher alone stalls, from the start of the window; the target keeps serving."),
        key("stall_for", Span(SOME)).usually("none").of(|t| t.delivers).built_in(FAULT)
            .says("Length of the stall. Events due in it are published at its end, in order."),
        key("drop", Share(0.0..=1.0)).usually("none").of(|t| t.delivers).rule("must be a share of the deliveries between 0 and 1, such as 0.01").built_in(FAULT)
            .says("Share of deliveries (event × subscriber) that are dropped silently: not pushed, not posted, missing from \
                   a poll's page, whose `next` skips them. A subscriber is a connection: clients that share one over HTTP/2 \
                   miss the same events."),
        key("write_cost", Span(ANY)).usually("none").of(|t| t.pushes).built_in(FAULT)
            .says("CPU time that the shard spends before each write of a pushed event to a subscriber."),
        key("padding", Size(0..=1 << 20)).usually("none").of(|t| t.delivers).built_in(FAULT)
            .says("Bytes that every event is longer than it need be: spaces after its payload."),
        key("spin", Boolean).literally("true").built_in(FAULT)
            .says("Whether a target with a `delay` or a `service` time spins on the clock before each deadline, which keeps it to \
                   the microsecond and takes CPU time. `false`: the kernel's timer wakes it, some 60 µs late, and the target's \
                   CPU time is that of its work."),
    ],
};
