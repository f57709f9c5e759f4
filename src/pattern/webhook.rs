//! A webhook receiver: an endpoint with its own address, registered at the target and called back.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};

use super::Link;
use super::poll::{get, host};
use super::receiver::Receiver;
use super::redial::Redial;
use super::signature::Verifier;
use crate::clock;
use crate::measure::ErrorKind;
use crate::net::tls::TlsError;
use crate::net::{Client, NetError, Stream};
use crate::scenario::{CallbackConnection, Down, Pattern};

/// Pause before something that failed is tried again, in nanoseconds.
const RETRY_NS: u64 = 10_000_000;
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
    #[error("the target's answer to the registration was not understood")]
    Foreign,
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the endpoint's secret is not usable")]
    Secret,
}

impl SetupError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Register(error) => error.kind(),
            Self::Refused(status, ..) => ErrorKind::of_status(status.as_u16()),
            Self::Listen(..) | Self::Tls(_) => ErrorKind::Connect,
            Self::Foreign | Self::Secret => ErrorKind::Protocol,
        }
    }
}

/// The part of a registration's answer that names it.
#[derive(Deserialize)]
struct Registered {
    id: u64,
    url: String,
}

/// Listens, registers, and receives until the link is dropped.
pub(super) async fn run(link: &Link) {
    let started_ns = clock::now();
    let Endpoint { listener, tls, url, secret, verifier } = match listen(link).await {
        Ok(endpoint) => endpoint,
        Err(error) => return link.cannot_stand(&error),
    };
    let receiver = Rc::new(Receiver::new(link.share(), verifier));
    let receive = receive(receiver, listener, tls);
    let register = async {
        // The target checks the endpoint before it answers: both run at once.
        match register(link, &url, &secret).await {
            Ok(id) => {
                link.ready(started_ns);
                stay(link, &url, &secret, id).await;
            }
            Err(error) => link.cannot_stand(&error),
        }
        std::future::pending::<()>().await;
    };
    tokio::join!(receive, register);
}

/// A callback address that listens and is not registered yet.
struct Endpoint {
    listener: TcpListener,
    /// Its own certificate, where it is called over TLS.
    tls: Option<Arc<ServerConfig>>,
    url: String,
    secret: String,
    verifier: Verifier,
}

/// Opens the endpoint's socket and draws its secret.
async fn listen(link: &Link) -> Result<Endpoint, SetupError> {
    // Every endpoint has its own address, so that the target sees distinct hosts.
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

/// Reconnects after a restart of the target or a departure of the link.
///
/// A target with its outbox in memory has lost the registration, so the link registers again, after its cursor. A durable
/// outbox keeps it, so the link only looks it up: a second registration would deliver everything twice, and hide the loss
/// of the first.
async fn stay(link: &Link, url: &str, secret: &str, mut id: u64) {
    let kept = link.context().case.keeps_outbox();
    let mut target = link.watch_target();
    let mut redial = Redial::new(link);
    loop {
        let lost_ns = tokio::select! {
            () = link.target_down(&mut target) => {
                let lost_ns = clock::now();
                redial.wait(link).await;
                Some(lost_ns)
            }
            () = link.departure() => {
                while let Err(error) = withdraw(link, id, kept).await {
                    link.error(error.kind());
                    if !kept {
                        break;
                    }
                    redial.wait(link).await;
                }
                None
            }
        };
        id = loop {
            let dialled_ns = clock::now();
            let back = if kept && lost_ns.is_some() {
                look_up(link, url, id).await
            } else {
                register(link, url, secret).await
            };
            match back {
                Ok(id) => {
                    link.back(dialled_ns, lost_ns);
                    redial.succeeded();
                    break id;
                }
                Err(error) => link.error(error.kind()),
            }
            redial.wait(link).await;
        };
    }
}

/// Asks for a registration that the target has kept; returns its number.
async fn look_up(link: &Link, url: &str, id: u64) -> Result<u64, SetupError> {
    let mut connection = Client::connect(&link.dialer(), link.index()).await?;
    let request = get(format!("/webhooks/{id}"), &host(link));
    let answer = connection.exchange(request, REGISTER_TIMEOUT).await?;
    connection.mark();
    if answer.status != StatusCode::OK {
        return Err(SetupError::Refused(answer.status, format!("webhook {id} is not kept")));
    }
    let kept: Registered = serde_json::from_slice(&answer.body).map_err(|_| SetupError::Foreign)?;
    (kept.id == id && kept.url == url).then_some(id).ok_or(SetupError::Foreign)
}

/// Deletes a registration; one that is `kept` on disk may have been deleted by an attempt whose answer was lost.
async fn withdraw(link: &Link, id: u64, kept: bool) -> Result<(), SetupError> {
    let mut connection = Client::connect(&link.dialer(), link.index()).await?;
    let mut request = get(format!("/webhooks/{id}"), &host(link));
    *request.method_mut() = Method::DELETE;
    let answer = connection.exchange(request, REGISTER_TIMEOUT).await?;
    connection.mark();
    let refused = || SetupError::Refused(answer.status, "a withdrawal".to_owned());
    let gone =
        answer.status == StatusCode::NO_CONTENT || (kept && answer.status == StatusCode::NOT_FOUND);
    gone.then_some(()).ok_or_else(refused)
}

/// Registers the endpoint for later events of the link's topic, over a new connection; returns its number.
async fn register(link: &Link, url: &str, secret: &str) -> Result<u64, SetupError> {
    let mut connection = Client::connect(&link.dialer(), link.index()).await?;
    let registration = serde_json::json!({
        "url": url, "topics": [link.topic()], "secret": secret, "since": link.cursor(),
    });
    let mut request = get("/webhooks".to_owned(), &host(link));
    *request.method_mut() = Method::POST;
    *request.body_mut() = Full::new(registration.to_string().into());
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = connection.exchange(request, REGISTER_TIMEOUT).await?;
    // Registering is part of the connect cost, not of the cost per delivery.
    connection.mark();
    if answer.status == StatusCode::CREATED {
        let registered: Registered =
            serde_json::from_slice(&answer.body).map_err(|_| SetupError::Foreign)?;
        Ok(registered.id)
    } else {
        let reason = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        Err(SetupError::Refused(answer.status, reason))
    }
}

/// Accepts the target's connections and answers its deliveries, except during the scenario's outage.
async fn receive(receiver: Rc<Receiver>, listener: TcpListener, tls: Option<Arc<ServerConfig>>) {
    let Some(outage) = receiver.behaviour.outage() else {
        return accept(&receiver, &listener, tls.as_ref()).await;
    };
    let begin_ns = tokio::select! {
        () = accept(&receiver, &listener, tls.as_ref()) => return,
        begin_ns = outage.begins(&receiver.link) => begin_ns,
    };
    let end_ns = begin_ns + outage.length_ns();
    let listener = match outage.down() {
        Down::Hang => {
            // What is taken in the meantime is never answered: the target's time-outs end it.
            receiver.hangs.set(true);
            tokio::select! {
                () = accept(&receiver, &listener, tls.as_ref()) => {}
                _ = receiver.link.sleep_until(end_ns) => {}
            }
            receiver.hangs.set(false);
            listener
        }
        Down::Refuse => {
            let address = listener.local_addr();
            drop(listener);
            receiver.cut.notify_waiters();
            receiver.link.sleep_until(end_ns).await;
            let Ok(address) = address else { return };
            loop {
                match TcpListener::bind(address).await {
                    Ok(listener) => break listener,
                    Err(_) => receiver.link.sleep_until(clock::now() + RETRY_NS).await,
                };
            }
        }
    };
    accept(&receiver, &listener, tls.as_ref()).await;
}

/// Accepts the target's connections forever.
async fn accept(receiver: &Rc<Receiver>, listener: &TcpListener, tls: Option<&Arc<ServerConfig>>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(serve(Rc::clone(receiver), stream, tls.map(Arc::clone)));
        } else {
            receiver.link.error(ErrorKind::Connect);
            // Out of descriptors, most likely: do not spin on it.
            receiver.link.sleep_until(clock::now() + RETRY_NS).await;
        }
    }
}

async fn serve(receiver: Rc<Receiver>, stream: TcpStream, tls: Option<Arc<ServerConfig>>) {
    let link = &receiver.link;
    let Ok(socket) = link.context().dialer.accepted(stream) else { return };
    // A connection of its own is a part of what each attempt costs.
    let dialled = matches!(&link.context().case.pattern, Pattern::Webhook(options)
        if options.connection == CallbackConnection::PerAttempt);
    if dialled {
        socket.meter().mark_from_the_dial();
    }
    let stream: Stream = match tls {
        None => socket.into(),
        Some(config) => match Stream::server(socket, config).await {
            Ok(stream) => {
                // As for a dialled link: the handshake is part of the connect cost.
                if !dialled {
                    stream.meter().mark();
                }
                stream
            }
            Err(_) if receiver.behaviour.affected() => return,
            Err(_) => return link.error(ErrorKind::Connect),
        },
    };
    let service = service_fn(|request| receiver.answer(request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        biased;
        () = receiver.cut.notified() => {}
        ended = connection => {
            // The target abandons exchanges with a receiver that misbehaves on purpose.
            if ended.is_err() && !receiver.behaviour.affected() {
                link.error(ErrorKind::Closed);
            }
        }
    }
}
