//! Measures the codecs at both ends, each beside the best that others have for it: event streams, HTTP/1.1 answers as a client
//! reads and as the server renders them, and requests as a client renders them.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt as _;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sseer::EventStream;
use tidings::net::h1::{Incoming, Rendered, read_head};
use tidings::pattern::sse_parser::Parser;
use tidings::server::RenderedAnswers;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Builder;

/// An answer of nginx with an item.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.26.3\r\nDate: Sat, 28 Nov 2026 18:00:00 GMT\r\n\
    Content-Type: application/json\r\nContent-Length: 81\r\nConnection: keep-alive\r\nETag: \"5f3759df-51\"\r\n\r\n\
    012345678901234567890123456789012345678901234567890123456789012345678901234567890";
const REQUEST: &[u8] =
    b"GET /items/1 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\naccept: application/json\r\n\r\n";
/// Most fields of a head.
const FIELDS_MAX: usize = 100;
/// Longest body that is taken.
const BODY_MAX: usize = 1 << 20;
/// Requests on one connection.
const REQUESTS: usize = 100;
/// Events of a stream.
const EVENTS: usize = 100;

/// A stream as it is read, in pieces of a read or cut at every 100th byte.
fn event_streams(c: &mut Criterion) {
    let mut text = String::new();
    for seq in 0..EVENTS {
        let data = "x".repeat(100);
        let _ = write!(text, "id: {seq}-k3f9x2\ndata: {{\"seq\":{seq},\"data\":\"{data}\"}}\n\n");
    }
    let mut group = c.benchmark_group("an event stream of 100 events of about 128 B");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (size, name) in [(16 << 10, "at once"), (100, "in pieces of 100 B")] {
        group.bench_function(format!("Parser, {name}"), |b| {
            b.iter(|| {
                let (mut parser, mut events) = (Parser::default(), 0);
                for piece in black_box(&text).as_bytes().chunks(size) {
                    parser.feed(piece, |message| events += message.data.len().min(1)).ok();
                }
                assert_eq!(events, EVENTS);
            });
        });
        let pieces: Vec<Bytes> = text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        let Ok(runtime) = Builder::new_current_thread().build() else { return };
        group.bench_function(format!("sseer, {name}"), |b| {
            b.iter(|| {
                let pieces = black_box(&pieces).iter().cloned().map(Ok::<_, io::Error>);
                let events = EventStream::new(stream::iter(pieces));
                assert_eq!(runtime.block_on(events.count()), EVENTS);
            });
        });
    }
    group.finish();
}

fn answers(c: &mut Criterion) {
    let mut group = c.benchmark_group("an answer with 81 B, as a client reads it");
    group.throughput(Throughput::Bytes(ANSWER.len() as u64));
    group.bench_function("Incoming, at once", |b| {
        b.iter(|| {
            let mut answer = Incoming::new(false);
            let taken = answer.take(black_box(ANSWER), BODY_MAX);
            assert!(answer.is_whole());
            taken.ok()
        });
    });
    group.bench_function("Incoming, cut in its head and its body", |b| {
        b.iter(|| {
            let mut answer = Incoming::new(false);
            for piece in [&ANSWER[..90], &ANSWER[90..240], &ANSWER[240..]] {
                answer.take(black_box(piece), BODY_MAX).ok();
            }
            assert!(answer.is_whole());
        });
    });
    group.bench_function("httparse alone, without the body", |b| {
        b.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let mut response = httparse::Response::new(&mut fields);
            response.parse(black_box(ANSWER)).ok();
            response.headers.len()
        });
    });
    group.bench_function("httparse and a HeaderMap, as hyper does", |b| {
        b.iter(|| {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            let mut response = httparse::Response::new(&mut fields);
            let Ok(httparse::Status::Complete(length)) = response.parse(black_box(ANSWER)) else {
                return None;
            };
            let named = response.headers.iter().filter_map(|field| {
                let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_bytes(field.value).ok()?))
            });
            let map: HeaderMap = named.collect();
            Some((map, Bytes::copy_from_slice(&ANSWER[length..])))
        });
    });
    group.finish();
}

fn requests(c: &mut Criterion) {
    let request = || {
        Request::get("/items/1")
            .header(HOST, "127.0.0.1:8080")
            .header(ACCEPT, "application/json")
            .header(IF_NONE_MATCH, "\"661589773c93f-1-0\"")
            .body(Full::new(Bytes::new()))
    };
    let mut group = c.benchmark_group("a request, as a client renders it");
    group.bench_function("building it alone", |b| b.iter(request));
    group.bench_function("Rendered, building included", |b| {
        b.iter(|| request().map(|request| Rendered::of(request).bytes.len()).ok());
    });
    group.bench_function("write!, as one text", |b| {
        b.iter(|| {
            let mut out = String::new();
            let _ = write!(
                out,
                "GET {} HTTP/1.1\r\nhost: {}\r\naccept: {}\r\nif-none-match: {}\r\n\r\n",
                black_box("/items/1"),
                black_box("127.0.0.1:8080"),
                black_box("application/json"),
                black_box("\"661589773c93f-1-0\""),
            );
            out
        });
    });
    group.finish();
}

/// The fields of an item's answer.
fn fields() -> HeaderMap {
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ETAG, HeaderValue::from_static("\"661589773c93f-1-0\"")),
        (VARY, HeaderValue::from_static("accept")),
    ];
    fields.into_iter().collect()
}

/// A connection that brings the same request again and again, and takes every answer.
struct Caller {
    left: usize,
    taken: usize,
}

impl AsyncRead for Caller {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left > 0 {
            self.left -= 1;
            buffer.put_slice(REQUEST);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Caller {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.taken += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn rendering(c: &mut Criterion) {
    let body = Bytes::from_static(&ANSWER[ANSWER.len() - 81..]);
    let mut group = c.benchmark_group("an answer with 81 B, as the server renders it");
    let mut answers = RenderedAnswers::default();
    group.bench_function("the fields alone", |b| b.iter(fields));
    group.bench_function("RenderedAnswers, the fields included", |b| {
        b.iter(|| answers.render(StatusCode::OK, fields(), body.clone()).len());
    });
    group.bench_function("write!, as one text", |b| {
        let date = black_box("Sat, 28 Nov 2026 18:00:00 GMT");
        let mut out = String::new();
        b.iter(|| {
            out.clear();
            let _ = write!(
                out,
                "HTTP/1.1 200 OK\r\ncontent-type: {}\r\netag: {}\r\nvary: accept\r\n\
                 content-length: {}\r\ndate: {date}\r\n\r\n",
                black_box("application/json"),
                black_box("\"661589773c93f-1-0\""),
                black_box(body.len()),
            );
            out.push_str(std::str::from_utf8(&body).unwrap_or_default());
            out.len()
        });
    });
    group.finish();
    let mut group = c.benchmark_group("100 requests read and answered, without a socket");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    group.bench_function("read_head and RenderedAnswers", |b| {
        b.iter(|| {
            let mut taken = 0;
            for _ in 0..REQUESTS {
                let read = read_head(black_box(REQUEST), |head| head.request(REQUEST).is_ok());
                assert!(matches!(read, Ok(Some(true))));
                taken += answers.render(StatusCode::OK, fields(), body.clone()).len();
            }
            taken
        });
    });
    let Ok(runtime) = Builder::new_current_thread().build() else { return };
    group.bench_function("hyper, a connection of its own included", |b| {
        let answer = async |request: Request<hyper::body::Incoming>| {
            request.into_body().collect().await.ok();
            let mut response = Response::new(Full::new(body.clone()));
            *response.headers_mut() = fields();
            Ok::<_, hyper::Error>(response)
        };
        b.iter(|| {
            let io = TokioIo::new(Caller { left: REQUESTS, taken: 0 });
            let builder = hyper::server::conn::http1::Builder::new();
            let served = builder.serve_connection(io, service_fn(answer)).without_shutdown();
            let parts = runtime.block_on(served);
            assert!(parts.is_ok_and(|parts| parts.io.into_inner().taken > REQUESTS * 81));
        });
    });
    group.finish();
}

criterion_group!(benches, event_streams, answers, requests, rendering);
criterion_main!(benches);
