//! Measures a client's whole exchange over loopback, each beside the library that others use: a request over a kept HTTP/1.1
//! connection beside hyper, and requests that share an HTTP/2 connection beside h2. The server is the same and has a thread of
//! its own, so the difference is the client's.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidings::net::{Client, Dialer, WireTotals};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::spawn_local;

/// Requests that are under way at once over HTTP/2.
const STREAMS: u32 = 16;
const BODY: &[u8] = &[b'x'; 81];
const PATIENCE: Duration = Duration::from_secs(10);

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(BODY))))
}

fn runtime() -> Option<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).ok()
}

/// A server on a thread of its own, for as long as the process lives.
fn server(version_2: bool) -> Option<SocketAddr> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        runtime()?.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.ok()?;
            tell.send(listener.local_addr().ok()?).ok()?;
            loop {
                let (stream, _) = listener.accept().await.ok()?;
                stream.set_nodelay(true).ok()?;
                let io = TokioIo::new(stream);
                if version_2 {
                    let builder = http2::Builder::new(TokioExecutor::new());
                    spawn_local(builder.serve_connection(io, service_fn(answer)));
                } else {
                    spawn_local(http1::Builder::new().serve_connection(io, service_fn(answer)));
                }
            }
            #[expect(unreachable_code, reason = "gives the block the type that `?` needs")]
            Some(())
        })
    });
    told.recv().ok()
}

async fn socket(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

fn request<B: Default>(uri: &str) -> Request<B> {
    let mut request = Request::new(B::default());
    *request.uri_mut() = uri.parse().unwrap_or_default();
    request.headers_mut().insert(HOST, hyper::header::HeaderValue::from_static("127.0.0.1"));
    request
}

fn over_http1(c: &mut Criterion) {
    let (Some(runtime), Some(address)) = (runtime(), server(false)) else { return };
    let mut group = c.benchmark_group("a request over a kept HTTP/1.1 connection");
    let dialer = Dialer::new(address, Rc::new(WireTotals::default()));
    let Ok(mut client) = runtime.block_on(Client::connect(&dialer, 0)) else { return };
    group.bench_function("Client", |b| {
        b.iter(|| {
            let answer = runtime.block_on(client.exchange(request("/items/1"), PATIENCE));
            assert!(answer.is_ok_and(|answer| answer.body.len() == BODY.len()));
        });
    });
    let connected = runtime.block_on(async {
        let io = TokioIo::new(socket(address).await?);
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
        spawn_local(connection);
        Some(sender)
    });
    let Some(mut sender) = connected else { return };
    group.bench_function("hyper", |b| {
        b.iter(|| {
            let body = runtime.block_on(async {
                sender.ready().await?;
                let answer = sender.send_request(request::<Empty<Bytes>>("/items/1")).await?;
                answer.into_body().collect().await
            });
            assert!(body.is_ok_and(|body| body.to_bytes().len() == BODY.len()));
        });
    });
    group.finish();
}

fn over_http2(c: &mut Criterion) {
    let (Some(runtime), Some(address)) = (runtime(), server(true)) else { return };
    let mut group = c.benchmark_group("16 requests at once over one HTTP/2 connection");
    group.throughput(Throughput::Elements(u64::from(STREAMS)));
    let dialer = Dialer::new(address, Rc::new(WireTotals::default())).over_http2(STREAMS);
    let clients = runtime.block_on(async {
        let mut clients = Vec::new();
        for link in 0..u64::from(STREAMS) {
            clients.push(Client::connect(&dialer, link).await.ok()?);
        }
        Some(clients)
    });
    let Some(mut clients) = clients else { return };
    group.bench_function("Client", |b| {
        b.iter(|| {
            let all = clients.iter_mut().map(|link| link.exchange(request("/items/1"), PATIENCE));
            for answer in runtime.block_on(join_all(all)) {
                assert!(answer.is_ok_and(|answer| answer.body.len() == BODY.len()));
            }
        });
    });
    let uri = format!("http://{address}/items/1");
    let connected = runtime.block_on(async {
        let (sender, connection) = h2::client::handshake(socket(address).await?).await.ok()?;
        spawn_local(connection);
        Some(sender)
    });
    let Some(sender) = connected else { return };
    group.bench_function("h2", |b| {
        b.iter(|| {
            let all = (0..STREAMS).map(|_| exchange(sender.clone(), &uri));
            for length in runtime.block_on(join_all(all)) {
                assert_eq!(length, Some(BODY.len()));
            }
        });
    });
    group.finish();
}

/// An exchange by h2; the length of the answer's body.
async fn exchange(sender: h2::client::SendRequest<Bytes>, uri: &str) -> Option<usize> {
    let mut sender = sender.ready().await.ok()?;
    let (answer, _) = sender.send_request(request::<()>(uri), true).ok()?;
    let mut body = answer.await.ok()?.into_body();
    let mut length = 0;
    while let Some(piece) = body.data().await {
        length += piece.as_ref().map_or(0, Bytes::len);
        body.flow_control().release_capacity(piece.ok()?.len()).ok()?;
    }
    Some(length)
}

criterion_group!(benches, over_http1, over_http2);
criterion_main!(benches);
