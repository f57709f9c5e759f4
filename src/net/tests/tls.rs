use std::rc::Rc;

use hyper::header::HeaderValue;
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use super::http1::get;
use super::peer::{Act, peer, say};
use crate::measure::ErrorKind;
use crate::net::tls::{Credentials, HTTP_1, HTTP_2};
use crate::net::{Client, Dialer, Endpoint, NetError};

use super::certificates::{
    Issued, Issuing, LONG, NOW, ONLY_12, ONLY_13, Server, exchange, self_signed,
};

/// What is expected: an answer, or a kind and the parts of its message.
type Expected = Result<(), (ErrorKind, &'static [&'static str])>;

fn check(name: &str, found: Result<u16, NetError>, expected: Expected) {
    match (found, expected) {
        (Ok(status), Ok(())) => assert_eq!(status, 200, "{name}"),
        (Err(error), Err((kind, says))) => {
            let message = error.to_string();
            assert_eq!(error.kind(), kind, "{name}: {message}");
            for part in says {
                assert!(message.contains(part), "{name}: {message}");
            }
        }
        (found, _) => panic!("{name}: {found:?}"),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_servers_certificate_is_checked_and_each_fault_has_its_message() {
    let (ours, theirs) = (Issuing::new("ours"), Issuing::new("theirs"));
    let trusting = || Credentials { ca: Some(ours.pem.clone()), ..Credentials::default() };
    let right = ours.issue(&["bench.example"], NOW);
    let all = async {
        let insecure = || Credentials { insecure: true, ..Credentials::default() };
        let named = |name: &str| Credentials { server_name: Some(name.to_owned()), ..trusting() };
        let expired = ours.issue(&["bench.example"], (2000, 2010));
        let early = ours.issue(&["bench.example"], (2080, 2090));
        let elsewhere = ours.issue(&["other.example", "third.example"], NOW);
        let stranger = theirs.issue(&["bench.example"], NOW);
        // Its name is the trusted one's, its key is not.
        let impostor = Issuing::new("ours").issue(&["bench.example"], NOW);
        let certificate = |says: &'static [&'static str]| Err((ErrorKind::Certificate, says));
        let cases: [(&str, &Issued, Credentials, Expected); 10] = [
            ("trusted", &right, trusting(), Ok(())),
            (
                "expired",
                &expired,
                trusting(),
                certificate(&["has expired (", "days ago", "Renew it"]),
            ),
            ("not valid yet", &early, trusting(), certificate(&["not valid yet", "clocks"])),
            (
                "for another name",
                &elsewhere,
                trusting(),
                certificate(&[
                    "is for other.example, third.example, not for bench.example",
                    "tls.server_name",
                ]),
            ),
            ("for the name that is set", &elsewhere, named("other.example"), Ok(())),
            (
                "of another authority",
                &stranger,
                trusting(),
                certificate(&["unknown issuer", "tls = { ca"]),
            ),
            (
                "of an authority of the same name",
                &impostor,
                trusting(),
                certificate(&["not of the authority that is trusted here", "tls = { ca"]),
            ),
            ("of another authority, insecure", &stranger, insecure(), Ok(())),
            ("expired, insecure", &expired, insecure(), Ok(())),
            ("for another name, insecure", &elsewhere, insecure(), Ok(())),
        ];
        for (name, shown, credentials, expected) in cases {
            for versions in [&ONLY_13, &ONLY_12] {
                let port = Server { shown, clients: None, versions, alpn: &[] }.start().await;
                let found = exchange("bench.example", port, credentials.clone(), "https").await;
                check(name, found, expected);
            }
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_certificate_that_is_signed_by_itself_is_trusted_once_it_is_named() {
    let all = async {
        for authoritys in [false, true] {
            let right = self_signed("bench.example", NOW, authoritys);
            let elsewhere = self_signed("other.example", NOW, authoritys);
            let expired = self_signed("bench.example", (2000, 2010), authoritys);
            let stranger = self_signed("bench.example", NOW, authoritys);
            for (name, shown, named, says) in [
                ("named", &right, &right, None),
                ("for another name", &elsewhere, &elsewhere, Some("other.example")),
                ("expired", &expired, &expired, Some("has expired")),
                ("a stranger", &stranger, &right, Some("tls = { ca = ")),
            ] {
                let server = Server { shown, clients: None, versions: &ONLY_13, alpn: &[] };
                let tls = Credentials { ca: Some(named.cert.clone()), ..Credentials::default() };
                let found = exchange("bench.example", server.start().await, tls, "https").await;
                let name = format!("{name}, an authority's: {authoritys}");
                match (found, says) {
                    (Ok(status), None) => assert_eq!(status, 200, "{name}"),
                    (Err(error), Some(says)) => {
                        assert_eq!(error.kind(), ErrorKind::Certificate, "{name}: {error}");
                        assert!(error.to_string().contains(says), "{name}: {error}");
                    }
                    (found, _) => panic!("{name}: {found:?}"),
                }
            }
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_certificate_is_shown_where_the_server_wants_one() {
    let (ours, theirs) = (Issuing::new("ours"), Issuing::new("theirs"));
    let shown = ours.issue(&["bench.example"], NOW);
    let all = async {
        for versions in [&ONLY_13, &ONLY_12] {
            let server = Server { shown: &shown, clients: Some(&ours), versions, alpn: &[] };
            let port = server.start().await;
            let with = |issued: &Issued| Credentials {
                ca: Some(ours.pem.clone()),
                cert: Some(issued.cert.clone()),
                key: Some(issued.key.clone()),
                ..Credentials::default()
            };
            let none = Credentials { ca: Some(ours.pem.clone()), ..Credentials::default() };
            let tls = |says: &'static [&'static str]| Err((ErrorKind::Tls, says));
            let cases: [(&str, Credentials, Expected); 3] = [
                ("ours", with(&ours.issue(&["client"], NOW)), Ok(())),
                (
                    "a stranger's",
                    with(&theirs.issue(&["client"], NOW)),
                    tls(&["does not accept the client's certificate"]),
                ),
                ("none", none, tls(&["tls = { cert"])),
            ];
            for (name, credentials, expected) in cases {
                let found = exchange("bench.example", port, credentials, "https").await;
                check(&format!("{name} {versions:?}"), found, expected);
            }
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn plain_and_tls_that_meet_each_other_are_named() {
    let ours = Issuing::new("ours");
    let shown = ours.issue(&["bench.example"], NOW);
    let trusting = || Credentials { ca: Some(ours.pem.clone()), ..Credentials::default() };
    let all = async {
        let server = Server { shown: &shown, clients: None, versions: &ONLY_13, alpn: &[] };
        let found = exchange("bench.example", server.start().await, trusting(), "http").await;
        check(
            "plain HTTP on a TLS port",
            found,
            Err((ErrorKind::Protocol, &["write https:// or wss://"])),
        );

        let plain = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        for (name, acts, says) in [
            (
                "TLS on a plain port",
                vec![say(plain), Act::Hold],
                &["plain text; write http:// or ws://"][..],
            ),
            ("a port that hangs up", vec![Act::Take], &["closed the connection during it"]),
            ("a reset", vec![Act::Reset], &["the connection"]),
            ("an alert", vec![say([21, 3, 3, 0, 2, 2, 40]), Act::Hold], &["handshake_failure"]),
            ("an old version", vec![say([21, 3, 3, 0, 2, 2, 70]), Act::Hold], &["TLS 1.2 nor 1.3"]),
            (
                "an unknown name",
                vec![say([21, 3, 3, 0, 2, 2, 112]), Act::Hold],
                &["tls.server_name"],
            ),
        ] {
            let port = peer(acts).await.port();
            let found = exchange("bench.example", port, trusting(), "https").await;
            check(name, found, Err((ErrorKind::Tls, says)));
        }

        let server = Server { shown: &shown, clients: None, versions: &ONLY_13, alpn: &[b"h2"] };
        let found = exchange("bench.example", server.start().await, trusting(), "https").await;
        check("HTTP/2 alone", found, Err((ErrorKind::Tls, &["http = 1 or http = 2"])));
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn http_2_over_tls_is_agreed_on_or_the_server_is_named() {
    let ours = Issuing::new("ours");
    let shown = ours.issue(&["bench.example"], NOW);
    let all = async {
        for (name, alpn, kind, says) in [
            ("HTTP/1.1 alone", HTTP_1, ErrorKind::Tls, "http = 1 or http = 2"),
            ("no ALPN", &[], ErrorKind::Protocol, "does not agree on HTTP/2"),
        ] {
            let server = Server { shown: &shown, clients: None, versions: &ONLY_13, alpn };
            let port = server.start().await;
            let url = format!("https://bench.example:{port}");
            let tls = Credentials { ca: Some(ours.pem.clone()), ..Credentials::default() };
            let endpoint = Endpoint { tls, ..Endpoint::from_url(&url).unwrap() };
            let endpoint = endpoint.resolved(&["*:".to_owned() + &port.to_string() + ":127.0.0.1"]);
            let dialer = Dialer::to(&endpoint.unwrap(), HTTP_2, false, Rc::default()).unwrap();
            let error = Client::connect(&dialer.over_http2(1), 0).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert!(error.to_string().contains(says), "{name}: {error}");
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test(flavor = "current_thread")]
async fn http_2_over_tls_reaches_a_server_of_another_make() {
    let ours = Issuing::new("ours");
    let shown = ours.issue(&["bench.example"], NOW);
    let all = async {
        let server = Server {
            shown: &shown,
            clients: None,
            versions: &ONLY_12,
            alpn: &[b"h2", b"http/1.1"],
        };
        let acceptor = server.acceptor();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        spawn_local(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let authority = request.uri().authority().unwrap().to_string();
                let mut body = respond.send_response(hyper::Response::new(()), false).unwrap();
                body.send_data(authority.into(), true).unwrap();
            }
        });
        let url = format!("https://bench.example:{port}");
        let tls = Credentials { ca: Some(ours.pem.clone()), ..Credentials::default() };
        let endpoint = Endpoint { tls, ..Endpoint::from_url(&url).unwrap() };
        let endpoint = endpoint.resolved(&[format!("bench.example:{port}:127.0.0.1")]).unwrap();
        let dialer = Dialer::to(&endpoint, HTTP_2, false, Rc::default()).unwrap().over_http2(2);
        for link in 0..2 {
            let mut client = Client::connect(&dialer, link).await.unwrap();
            let mut request = get("/");
            let host = HeaderValue::from_str(endpoint.host_header()).unwrap();
            request.headers_mut().insert("host", host);
            let answer = client.exchange(request, LONG).await.unwrap();
            assert_eq!(answer.body, format!("bench.example:{port}"));
        }
        assert_eq!(dialer.totals().connections(), 1);
    };
    LocalSet::new().run_until(all).await;
}

#[test]
fn credentials_that_cannot_be_used_name_their_key() {
    let issued = Issuing::new("ours").issue(&["client"], NOW);
    let endpoint = |tls| Endpoint { tls, ..Endpoint::from_url("https://bench.example").unwrap() };
    let none = Credentials::default;
    let some = |text: &str| Some(text.to_owned());
    for (tls, says) in [
        (Credentials { ca: some("nothing"), ..none() }, "tls.ca: the file holds no certificate"),
        (
            Credentials { cert: some(&issued.cert), insecure: true, ..none() },
            "tls.cert needs tls.key",
        ),
        (
            Credentials { key: some(&issued.key), insecure: true, ..none() },
            "tls.key needs tls.cert",
        ),
        (
            Credentials { cert: some("x"), key: some(&issued.key), insecure: true, ..none() },
            "tls.cert: the file holds no certificate",
        ),
        (
            Credentials { cert: some(&issued.cert), key: some("x"), insecure: true, ..none() },
            "tls.key: the file holds no private key",
        ),
        (Credentials { server_name: some("a b"), insecure: true, ..none() }, "set tls.server_name"),
    ] {
        let error = Dialer::to(&endpoint(tls.clone()), HTTP_1, true, Rc::default()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        let shown = format!("{tls:?}");
        assert!(!shown.contains("PRIVATE") && !shown.contains(&issued.key), "{shown}");
    }
}
