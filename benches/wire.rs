//! Measures what the harness does per message on the wire, each beside the best that others have for it: reading a request's
//! head and a chunked body, WebSocket headers and masks, waking many links, and packing a second's measurements.

use std::cell::Cell;
use std::future::poll_fn;
use std::hint::black_box;
use std::io::Cursor;
use std::rc::Rc;
use std::task::{Poll, Waker};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer as _, V2Serializer};
use tidings::measure::{Interval, Metric, Recorder};
use tidings::net::Nursery;
use tidings::net::h1::{Framing, read_head};
use tidings::net::websocket::{Head, Header, Opcode, mask};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tungstenite::protocol::frame::FrameHeader;

const REQUEST: &[u8] = b"GET /topics/news-0/events?since=0-6zw8gf&limit=100 HTTP/1.1\r\n\
    Host: 127.0.0.1:8080\r\nUser-Agent: phone/1.0\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n\
    If-None-Match: \"661589773c93f-1-0\"\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.signature\r\n\r\n";
const FIELDS_MAX: usize = 100;
/// Links that one broadcast wakes.
const LINKS: usize = 1000;

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("the head of a request");
    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    group.bench_function("read_head, as it is in the buffer", |b| {
        b.iter(|| read_head(black_box(REQUEST), |head| head.length));
    });
    group.bench_function("read_head, its framing checked, typed", |b| {
        b.iter(|| read_head(black_box(REQUEST), |head| head.request(REQUEST)));
    });
    group.bench_function("httparse alone", |b| {
        b.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let mut request = httparse::Request::new(&mut fields);
            request.parse(black_box(REQUEST)).ok();
            request.headers.len()
        });
    });
    group.finish();
}

/// A body in sixteen chunks.
fn chunks(c: &mut Criterion) {
    let mut body = Vec::new();
    for _ in 0..16 {
        body.extend_from_slice(b"51\r\n");
        body.extend_from_slice(&[b'x'; 0x51]);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    let mut group = c.benchmark_group("a body in 16 chunks of 81 B");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("Framing", |b| {
        b.iter(|| {
            let (mut framing, mut data) = (Framing::chunked(), 0);
            let taken = framing.decode(black_box(&body), |piece| data += piece.len());
            (taken.is_ok(), data)
        });
    });
    group.bench_function("httparse::parse_chunk_size", |b| {
        b.iter(|| {
            let (mut at, mut data) = (0, 0);
            while let Ok(httparse::Status::Complete((line, size))) =
                httparse::parse_chunk_size(&black_box(&body)[at..])
            {
                let size = size as usize;
                (at, data) = (at + line + size + 2, data + size);
                if size == 0 {
                    break;
                }
            }
            data
        });
    });
    group.finish();
}

fn frames(c: &mut Criterion) {
    let frame = [&[0x81, 126, 0, 128][..], &[b'x'; 128]].concat();
    let mut group = c.benchmark_group("the header of a WebSocket message of 128 B");
    group.bench_function("read", |b| b.iter(|| Head::read(black_box(&frame), false)));
    group.bench_function("read by tungstenite", |b| {
        b.iter(|| FrameHeader::parse(&mut Cursor::new(black_box(&frame))));
    });
    group.bench_function("written", |b| {
        let mut out = Vec::with_capacity(16);
        b.iter(|| {
            out.clear();
            out.extend_from_slice(Header::new(Opcode::Text, black_box(128)).as_bytes());
        });
    });
    group.bench_function("written by tungstenite", |b| {
        let mut out = Vec::with_capacity(16);
        b.iter(|| {
            out.clear();
            FrameHeader::default().format(black_box(128), &mut out)
        });
    });
    group.finish();
    let (mut payload, key) = (vec![b'x'; 16 << 10], [1, 2, 3, 4]);
    let mut group = c.benchmark_group("mask 16 KiB");
    group.throughput(Throughput::Bytes(payload.len() as u64));
    group.bench_function("mask", |b| b.iter(|| mask(black_box(&mut payload), key, 0)));
    group.bench_function("fastwebsockets::unmask", |b| {
        b.iter(|| fastwebsockets::unmask(black_box(&mut payload), key));
    });
    group.finish();
}

/// Links that wait to be woken, and count how often they were.
#[derive(Clone, Default)]
struct Sleepers {
    wakers: Rc<Cell<Vec<Waker>>>,
    visits: Rc<Cell<usize>>,
}

impl Sleepers {
    fn sleeper(&self) -> impl Future<Output = ()> + 'static {
        let (all, mut fresh) = (self.clone(), true);
        poll_fn(move |cx| {
            if fresh {
                let mut wakers = all.wakers.take();
                wakers.push(cx.waker().clone());
                all.wakers.set(wakers);
            }
            fresh = false;
            all.visits.set(all.visits.get() + 1);
            Poll::<()>::Pending
        })
    }

    /// Wakes all, and waits until each was polled.
    async fn broadcast(&self) {
        let wakers = self.wakers.take();
        let due = self.visits.get() + wakers.len();
        wakers.iter().for_each(Waker::wake_by_ref);
        self.wakers.set(wakers);
        while self.visits.get() < due {
            yield_now().await;
        }
    }

    async fn settle(&self) {
        while self.visits.get() < LINKS {
            yield_now().await;
        }
    }
}

fn wakes(c: &mut Criterion) {
    let Ok(runtime) = Builder::new_current_thread().build() else { return };
    let mut group = c.benchmark_group("wake 1,000 links and poll each");
    group.throughput(Throughput::Elements(LINKS as u64));
    for name in ["a nursery", "a task of the runtime each", "FuturesUnordered in a task"] {
        let (local, sleepers) = (LocalSet::new(), Sleepers::default());
        local.block_on(&runtime, async {
            let links = (0..LINKS).map(|_| sleepers.sleeper());
            match name {
                "a nursery" => {
                    let nursery = Nursery::new();
                    links.for_each(|link| nursery.add(link));
                    spawn_local(nursery.drive());
                }
                "FuturesUnordered in a task" => {
                    let mut links: FuturesUnordered<_> = links.collect();
                    spawn_local(async move { while links.next().await.is_some() {} });
                }
                _ => links.for_each(|link| drop(spawn_local(link))),
            }
            sleepers.settle().await;
        });
        group.bench_function(name, |b| {
            b.iter(|| local.block_on(&runtime, sleepers.broadcast()));
        });
    }
    group.finish();
}

/// A second of 10,000 requests: what a shard hands over, and what its histograms alone take.
fn seconds(c: &mut Criterion) {
    let metrics = [Metric::Response, Metric::Service, Metric::Slip];
    let (mut recorder, mut ns) = (Recorder::new(), 1_u64);
    let mut histograms = Vec::new();
    for metric in metrics {
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3) else {
            return;
        };
        for _ in 0..10_000 {
            ns = (ns * 48_271) % 2_147_483_647;
            // From 50 µs to 2 ms, most of them short.
            let value = 50_000 + 2_000_000 / (1 + ns % 1000);
            recorder.record(metric, value);
            histogram.saturating_record(value);
        }
        histograms.push(histogram);
    }
    let interval = Interval { start_ns: 0, end_ns: 1_000_000_000, snapshot: recorder.snapshot() };
    let mut group = c.benchmark_group("a second of three metrics, 10,000 samples each");
    group.bench_function("snapshot", |b| b.iter(|| recorder.snapshot()));
    group.bench_function("pack", |b| {
        b.iter(|| interval.clone().pack().map(|packed| packed.bytes().len()).ok());
    });
    group.bench_function("hdrhistogram's own encoding alone", |b| {
        let (mut serializer, mut out) = (V2Serializer::new(), Vec::new());
        b.iter(|| {
            out.clear();
            for histogram in &histograms {
                serializer.serialize(black_box(histogram), &mut out).ok();
            }
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, heads, chunks, frames, wakes, seconds);
criterion_main!(benches);
