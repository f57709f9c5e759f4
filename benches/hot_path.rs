//! Measures the harness's own cost per delivery: decoding its head, booking it, recording it.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tidings::event::{Head, decode_head, encode, filler};
use tidings::measure::{LinkLedger, Metric, Recorder};
use tidings::pace::{ArrivalProcess, Schedule};

fn recording(c: &mut Criterion) {
    let mut recorder = Recorder::new();
    let mut ns = 1;
    c.bench_function("record a sample", |b| {
        b.iter(|| {
            // Values all over the range, as a cold histogram sees them.
            ns = (ns * 48_271) % 2_147_483_647;
            recorder.record(Metric::Freshness, black_box(ns));
        });
    });
    let mut due_ns = 0;
    c.bench_function("add a sample to the series over time", |b| {
        b.iter(|| {
            // A poll brings one second of events: ten batches, which are swapped out with the recorder.
            due_ns = (due_ns + 70_000_000) % 1_000_000_000;
            recorder.record_due(black_box(due_ns), black_box(ns));
        });
    });
    c.bench_function("book an arrival in order", |b| {
        let mut ledger = LinkLedger::new(1..u64::MAX);
        let mut seq = 0;
        b.iter(|| {
            seq += 1;
            black_box(ledger.receive(black_box(seq), false))
        });
    });
}

fn codec(c: &mut Criterion) {
    let head =
        Head { seq: 123_456, due_ns: 987_654_321_000, published_ns: 987_654_400_000, key: None };
    for size in [128, 16 << 10] {
        let data = filler(size);
        let mut wire = Vec::new();
        c.bench_function(&format!("encode an event of {size} B"), |b| {
            b.iter(|| {
                wire.clear();
                encode(&mut wire, "news-0", black_box(head), &data);
            });
        });
        c.bench_function(&format!("decode the head of an event of {size} B"), |b| {
            b.iter(|| decode_head(black_box(&wire)));
        });
    }
}

fn schedule(c: &mut Criterion) {
    let schedule = Schedule {
        seed: 1,
        topics: 1000,
        per_s: 10.0,
        process: ArrivalProcess::Poisson,
        until_ns: u64::MAX,
    };
    c.bench_function("the first 1,000 events of 1,000 topics", |b| {
        b.iter_batched_ref(
            || schedule.publications(0, 1),
            |events| black_box(events.nth(999)),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, recording, codec, schedule);
criterion_main!(benches);
