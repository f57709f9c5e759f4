//! A webhook receiver: an endpoint with an address of its own, registered at the target and called back.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use super::Link;
use super::poll::{get, host};
use super::signature::Verifier;
use crate::clock;
use crate::event::decode_head;
use crate::measure::ErrorKind;
use crate::net::tls::TlsError;
use crate::net::{Http1, NetError, Socket, Stream};

/// Largest delivery that is taken, in bytes.
const BODY_LIMIT: usize = 4 << 20;
/// Longest wait for a registration, the target's ownership check included.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why an endpoint could not be set up.
#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error("cannot listen on {0}: {1}")]
    Listen(Ipv4Addr, std::io::Error),
    #[error("cannot register the endpoint: {0}")]
    Register(#[from] NetError),
    #[error("the target answers {0} to the registration: {1}")]
    Refused(StatusCode, String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the endpoint's secret is not usable")]
    Secret,
}

/// The target's ownership check, to be echoed.
#[derive(Deserialize)]
struct Challenge {
    challenge: String,
}

/// Listens, registers, and receives until the link is dropped.
pub async fn run(link: &Link) {
    let started_ns = clock::now();
    let Endpoint { listener, tls, url, secret, verifier } = match listen(link).await {
        Ok(endpoint) => endpoint,
        Err(error) => return link.cannot_stand(&error),
    };
    let receive = receive(link, listener, tls, verifier);
    let register = async {
        // The target checks the endpoint before it answers: both run at once.
        match register(link, &url, &secret).await {
            Ok(()) => link.ready(started_ns),
            Err(error) => link.cannot_stand(&error),
        }
        std::future::pending::<()>().await;
    };
    tokio::join!(receive, register);
}

/// A callback address that listens and is not registered yet.
struct Endpoint {
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    url: String,
    secret: String,
    verifier: Verifier,
}

/// Opens the endpoint's socket and draws its secret.
async fn listen(link: &Link) -> Result<Endpoint, SetupError> {
    // An address of its own for every endpoint: the target sees distinct hosts.
    let address = Ipv4Addr::from(0x7f01_0001 + link.index() as u32);
    let refused = |error| SetupError::Listen(address, error);
    let listener = TcpListener::bind((address, 0)).await.map_err(refused)?;
    let tls = link.context().dialer.receiver(address.into())?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}/", listener.local_addr().map_err(refused)?);
    let mut rng = link.rng();
    let secret: Vec<u8> = (0..4).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    let verifier = Verifier::new(&secret).ok_or(SetupError::Secret)?;
    let secret = format!("whsec_{}", STANDARD.encode(secret));
    Ok(Endpoint { listener, tls, url, secret, verifier })
}

/// Registers the endpoint for the link's topic, over a connection of its own.
async fn register(link: &Link, url: &str, secret: &str) -> Result<(), SetupError> {
    let mut connection = Http1::connect(&link.context().dialer, link.index()).await?;
    let registration = serde_json::json!({
        "url": url, "topics": [link.topic()], "secret": secret, "since": 0,
    });
    let mut request = get("/webhooks".to_owned(), &host(link));
    *request.method_mut() = Method::POST;
    *request.body_mut() = Full::new(registration.to_string().into());
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = connection.exchange(request, REGISTER_TIMEOUT).await?;
    // Registering is part of the connect cost, not of the cost of a delivery.
    connection.meter().mark();
    if answer.status == StatusCode::CREATED {
        Ok(())
    } else {
        let reason = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        Err(SetupError::Refused(answer.status, reason))
    }
}

/// Accepts the target's connections and answers its deliveries.
async fn receive(
    link: &Link,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    verifier: Verifier,
) {
    let receiver = Rc::new(Receiver { link: link.share(), tls, verifier });
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(serve(Rc::clone(&receiver), stream));
        } else {
            link.error(ErrorKind::Connect);
            // Out of descriptors, most likely: do not spin on it.
            link.sleep_until(clock::now() + 10_000_000).await;
        }
    }
}

struct Receiver {
    link: Link,
    /// Its own certificate, where it is called over TLS.
    tls: Option<Arc<ServerConfig>>,
    verifier: Verifier,
}

async fn serve(receiver: Rc<Receiver>, stream: TcpStream) {
    let link = &receiver.link;
    let Ok(socket) = Socket::new(stream, link.context().dialer.totals()) else { return };
    let stream: Stream = match &receiver.tls {
        None => socket.into(),
        Some(config) => match Stream::server(socket, Arc::clone(config)).await {
            Ok(stream) => {
                // As for a dialled link: the handshake is part of the connect cost.
                stream.meter().mark();
                stream
            }
            Err(_) => return link.error(ErrorKind::Connect),
        },
    };
    let service = service_fn(|request| receiver.answer(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if connection.await.is_err() {
        link.error(ErrorKind::Closed);
    }
}

impl Receiver {
    /// Verifies, books and acknowledges a delivery, or echoes an ownership check.
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return Ok(self.refuse(ErrorKind::Protocol, StatusCode::BAD_REQUEST));
        };
        let (received_ns, body) = (clock::now(), body.to_bytes());
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        if self.verifier.verify(&head.headers, &body, now_s).is_err() {
            return Ok(self.refuse(ErrorKind::Signature, StatusCode::UNAUTHORIZED));
        }
        if let Ok(event) = decode_head(&body) {
            self.link.receive(event, received_ns);
            return Ok(status(StatusCode::NO_CONTENT));
        }
        match serde_json::from_slice(&body) {
            Ok(Challenge { challenge }) => {
                let echo = serde_json::json!({ "challenge": challenge }).to_string();
                let mut response = Response::new(Full::new(echo.into()));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                Ok(response)
            }
            Err(_) => Ok(self.refuse(ErrorKind::Protocol, StatusCode::BAD_REQUEST)),
        }
    }

    fn refuse(&self, kind: ErrorKind, code: StatusCode) -> Response<Full<Bytes>> {
        self.link.error(kind);
        status(code)
    }
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}
