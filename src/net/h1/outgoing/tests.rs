use std::future::poll_fn;
use std::net::{Ipv4Addr, TcpListener};
use std::pin::Pin;
use std::task::Poll;

use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;

use super::*;

fn request(
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = target.parse().unwrap();
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request
}

/// The bytes that hyper's client sends.
async fn sent_by_hyper(request: Request<Full<Bytes>>) -> Vec<u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let reader = std::thread::spawn(move || {
        use std::io::Read as _;
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = Vec::new();
        // The connection is dropped once everything has been written.
        let _ = stream.read_to_end(&mut read);
        read
    });
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, mut connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let asked = sender.send_request(request);
    // The first turn takes the request, and writes it.
    for _ in 0..3 {
        let turn = poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll(cx).is_ready()));
        assert!(!turn.await, "no answer comes");
    }
    drop((asked, connection));
    tokio::task::spawn_blocking(move || reader.join().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn requests_are_written_as_hypers_client_writes_them() {
    let host = ("host", "bench.example");
    for (method, target, fields, body) in [
        ("GET", "/", &[host][..], ""),
        ("GET", "/items/1?limit=20&a=%20", &[host, ("accept", "application/json")], ""),
        ("HEAD", "/items/1", &[host, ("if-none-match", "\"7\"")], ""),
        ("DELETE", "/items/1", &[host], ""),
        ("POST", "/items", &[host, ("content-type", "text/plain")], "fine"),
        ("POST", "/items", &[host], ""),
        ("GET", "/search", &[host], "{}"),
        ("PUT", "/a", &[host, ("x-two", "1"), ("x-two", "2"), ("x-\u{65}mpty", "")], "\r\n\0"),
        ("PURGE", "/a", &[host, ("x", "\u{e9}")], ""),
        ("POST", "/own", &[host, ("content-length", "4"), ("x", "y")], "fine"),
        ("POST", "/own", &[("transfer-encoding", "chunked"), host], ""),
        ("OPTIONS", "*", &[host], ""),
    ] {
        let own = Rendered::of(request(method, target, fields, body));
        let theirs = sent_by_hyper(request(method, target, fields, body)).await;
        let (shown, expected) =
            (String::from_utf8_lossy(&own.bytes), String::from_utf8_lossy(&theirs));
        assert_eq!(shown, expected, "{method} {target}");
        assert_eq!(own.is_head, method == "HEAD");
    }
}

#[test]
fn a_body_in_chunks_is_one_chunk_and_the_last() {
    for (coding, written) in
        [("chunked", "chunked"), ("gzip, chunked", "gzip, chunked"), ("gzip", "gzip, chunked")]
    {
        let fields = [("host", "h"), ("transfer-encoding", coding), ("content-length", "9")];
        let own = Rendered::of(request("POST", "/", &fields, "fine, a body of 26 bytes.."));
        let expected = format!(
            "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: {written}\r\n\r\n1A\r\nfine, a body of 26 bytes..\r\n0\r\n\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&own.bytes), expected);
    }
}
