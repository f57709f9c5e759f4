//! Measures the harness's own cost per delivery: recognising it, decoding its head, booking it, recording it.
//!
//! Finding tokens of events beside the alternatives, on a shared 2-core virtual machine:
//!
//! | | [`Finder`] | two `memmem`, lower and upper case only | windows | `regex` |
//! | --- | --- | --- | --- | --- |
//! | 128 B with a token, read and checked | 36 ns | 9 ns, not read | 18 ns, not read | 1.4 µs, not read |
//! | 256 KiB without | 3.9 µs | 7.9 µs | 124 µs | 4.7 ms |

use std::hint::black_box;
use std::io::Write as _;
use std::net::TcpListener;
use std::rc::Rc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use memchr::memmem;
use regex::bytes::Regex;
use tidings::dialect::token::{Finder, RunTag, TOKEN_LEN, Token};
use tidings::event::{Head, decode_head, encode, filler};
use tidings::measure::{LinkLedger, Metric, Recorder};
use tidings::net::{Socket, Watch, WireTotals};
use tidings::pace::{ArrivalProcess, Pacing, Schedule, Timer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

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

fn recognition(c: &mut Criterion) {
    let (run, token) = (RunTag::new(1), Token::new(17, 123_456));
    let Some(token) = token else { return };
    let text = run.encode(token);
    c.bench_function("encode a token", |b| b.iter(|| run.encode(black_box(token))));
    let with = |size: usize, at: usize| {
        let mut message = filler(size);
        message[at..at + TOKEN_LEN].copy_from_slice(&text);
        message
    };
    let large = 256 << 10;
    let messages = [
        ("128 B with a token", with(128, 40)),
        ("256 KiB with a token at the end", with(large, large - TOKEN_LEN - 1)),
        ("256 KiB without a token", filler(large)),
        (
            "256 KiB of digits",
            (0u32..).flat_map(|n| n.to_string().into_bytes()).take(large).collect(),
        ),
    ];
    let finder = Finder::new();
    let cases = [memmem::Finder::new("q947u"), memmem::Finder::new("Q947U")];
    let regex = Regex::new("(?i-u)q947u[0-9a-hjkmnp-tv-z]{19}").ok();
    for (name, message) in &messages {
        let mut group = c.benchmark_group(format!("recognise: {name}"));
        group.bench_function("tokens", |b| {
            let mut sightings = 0;
            b.iter(|| finder.scan(run, black_box(message), |_| sightings += 1));
            black_box(sightings);
        });
        group.bench_function("the first token", |b| {
            b.iter(|| finder.first(run, black_box(message)));
        });
        group.bench_function("two memmem", |b| {
            b.iter(|| cases.iter().filter_map(|case| case.find(black_box(message))).min());
        });
        group.bench_function("windows", |b| {
            let starts = |window: &[u8]| window.eq_ignore_ascii_case(b"q947u");
            b.iter(|| black_box(message).windows(5).any(starts));
        });
        group.bench_function("regex", |b| {
            b.iter(|| regex.as_ref().and_then(|regex| regex.find(black_box(message))));
        });
        group.finish();
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

/// Reading what has come to many sockets: watched by a shard's own epoll instance, and by the runtime.
fn sockets(c: &mut Criterion) {
    const SOCKETS: usize = 256;
    const MESSAGE: [u8; 230] = [b'x'; 230];
    let mut group = c.benchmark_group("read 230 B from each of 256 sockets");
    for (name, watched) in [("watched", true), ("the runtime's", false)] {
        let builder =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let Ok(runtime) = builder else { return };
        let opened = runtime.block_on(async {
            let totals = Rc::new(WireTotals::default());
            if watched {
                let (timer, drive) = Timer::new(Pacing::Timerfd)?;
                spawn_local(drive);
                let (watch, drive) = Watch::new(timer)?;
                totals.watched_by(watch);
                spawn_local(drive);
            }
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let mut pairs = Vec::new();
            for _ in 0..SOCKETS {
                let near = TcpStream::connect(listener.local_addr()?).await?;
                pairs.push((Socket::new(near, &totals)?, listener.accept()?.0));
            }
            std::io::Result::Ok(pairs)
        });
        let Ok(mut pairs) = opened else { return };
        group.bench_function(name, |b| {
            b.iter(|| {
                runtime.block_on(async {
                    for (_, far) in &mut pairs {
                        far.write_all(&MESSAGE)?;
                    }
                    let mut buffer = [0; 1024];
                    for (near, _) in &mut pairs {
                        black_box(near.read(&mut buffer).await?);
                    }
                    std::io::Result::Ok(())
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, recording, recognition, codec, schedule, sockets);
criterion_main!(benches);
