//! A webhook receiver: an endpoint with its own address, which the target calls.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};

use super::Link;
use super::behaviour::Outage;
use super::conversation::Voice;
use super::inbound::{self, Broken};
use super::receiver::Receiver;
use super::registration::{self, SetupError};
use crate::clock;
use crate::dialect::callback::{Receiving, callback_url, listening};
use crate::dialect::model::Callback;
use crate::event::topic_name;
use crate::measure::ErrorKind;
use crate::net::Stream;
use crate::scenario::{CallbackConnection, Down, Pattern};

/// Pause before something that failed is tried again, in nanoseconds.
const RETRY_NS: u64 = 10_000_000;

/// Listens, registers where the server takes registrations, and receives until the link is dropped.
pub(super) async fn run(link: &Link) {
    let started_ns = clock::now();
    let voice = Voice::of(link);
    let context = link.context();
    let Some(callback) = context.callers.callback(&context.conversation) else {
        return link.cannot_stand(&"the dialect has no [target.webhook]");
    };
    let door = match Box::pin(open(link, callback, voice)).await {
        Ok(door) => door,
        Err(error) => return link.cannot_stand(&error),
    };
    let Door { listener, tls, receiver } = door;
    let receive = async {
        match receiver.behaviour.outage() {
            None => accept(&receiver, &listener, tls.as_ref()).await,
            // Boxed, as few receivers have one.
            Some(outage) => Box::pin(receive(&receiver, outage, listener, tls.as_ref())).await,
        }
    };
    let register = async {
        // The target may check the endpoint before it answers: both run at once.
        registration::keep(&receiver, started_ns).await;
        std::future::pending::<()>().await;
    };
    tokio::join!(receive, register);
}

/// Has `voice` name the URL of the link's receiver before that listens, where the port is known by then.
pub(super) fn foretell(link: &Link, topic: u64, voice: &mut Voice) {
    let context = link.context();
    let Some(callback) = context.callers.callback(&context.conversation) else { return };
    let client = link.index();
    let place = listening(&callback, voice.conversation().callback_port, client);
    let Some(address) = place.ok().filter(|address| address.port() != 0) else { return };
    let topic = topic_name(topic);
    let receiver = Receiving { client, topic: &topic, address, secure: false };
    voice.callback_url = callback_url(&callback, receiver, voice.world()).ok().map(Into::into);
}

/// A callback address that listens and is not registered yet.
struct Door {
    listener: TcpListener,
    /// Its own certificate, where it is called over TLS.
    tls: Option<Arc<ServerConfig>>,
    receiver: Rc<Receiver>,
}

/// Opens the endpoint's socket, and draws the secret that a registration may name.
async fn open(link: &Link, callback: Rc<Callback>, mut voice: Voice) -> Result<Door, SetupError> {
    let client = link.index();
    let reserved = voice.conversation().callback_port;
    let place = listening(&callback, reserved, client)?;
    let listener = TcpListener::bind(place).await.map_err(|error| refused(place, error))?;
    let address = listener.local_addr().map_err(|error| refused(place, error))?;
    let tls = link.context().dialer.receiver(address.ip())?;
    let (topic, secure) = (link.topic(), tls.is_some());
    let receiver = Receiving { client, topic: &topic, address, secure };
    voice.callback_url = Some(callback_url(&callback, receiver, voice.world())?.into());
    let mut rng = link.rng();
    let secret: Vec<u8> = (0..4).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    voice.set("signing_secret", format!("whsec_{}", STANDARD.encode(secret)));
    Ok(Door { listener, tls, receiver: Receiver::new(link.share(), callback, voice)? })
}

fn refused(place: SocketAddr, error: io::Error) -> SetupError {
    SetupError::Listen(place, error)
}

/// Accepts the target's connections and answers its deliveries, except during the scenario's outage.
async fn receive(
    receiver: &Rc<Receiver>,
    outage: Outage<'_>,
    listener: TcpListener,
    tls: Option<&Arc<ServerConfig>>,
) {
    let begin_ns = tokio::select! {
        () = accept(receiver, &listener, tls) => return,
        begin_ns = outage.begins(&receiver.link) => begin_ns,
    };
    let end_ns = begin_ns + outage.length_ns();
    let listener = match outage.down() {
        Down::Hang => {
            // What is taken in the meantime is never answered: the target's time-outs end it.
            receiver.hangs.set(true);
            tokio::select! {
                () = accept(receiver, &listener, tls) => {}
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
    accept(receiver, &listener, tls).await;
}

/// Accepts the target's connections forever.
async fn accept(receiver: &Rc<Receiver>, listener: &TcpListener, tls: Option<&Arc<ServerConfig>>) {
    loop {
        if let Ok((stream, _)) = poll_fn(|cx| listener.poll_accept(cx)).await {
            serve(receiver, stream, tls);
        } else {
            receiver.link.error(ErrorKind::Connect);
            // Out of descriptors, most likely: do not spin on it.
            Box::pin(receiver.link.sleep_until(clock::now() + RETRY_NS)).await;
        }
    }
}

/// Serves a connection of the target beside the link's own future.
fn serve(receiver: &Rc<Receiver>, stream: TcpStream, tls: Option<&Arc<ServerConfig>>) {
    let link = &receiver.link;
    let socket = match link.context().dialer.accepted(stream) {
        Ok(socket) => socket,
        Err(error) => return link.failed(ErrorKind::Connect, &error),
    };
    // A connection of its own is a part of what each attempt costs.
    let dialled = matches!(&link.context().case.pattern, Pattern::Webhook(options)
        if options.connection == CallbackConnection::PerAttempt);
    if dialled {
        socket.meter().mark_from_the_dial();
    }
    let (callers, receiver) = (&link.context().callers, Rc::clone(receiver));
    match tls {
        None => callers.serve(attend(receiver, socket.into())),
        Some(config) => {
            let shaking = Stream::server(socket, Arc::clone(config));
            callers.serve(async move {
                let link = &receiver.link;
                // The handshake's state goes with it.
                match Box::pin(shaking).await {
                    Ok(stream) => {
                        // As for a dialled link: the handshake is part of the connect cost.
                        if !dialled {
                            stream.meter().mark();
                        }
                        attend(receiver, stream).await;
                    }
                    Err(_) if receiver.behaviour.withholds_answers() => {}
                    Err(error) => link.failed(ErrorKind::Connect, &error),
                }
            });
        }
    }
}

/// Answers what comes over a connection, and books how it ended.
async fn attend(receiver: Rc<Receiver>, stream: Stream) {
    let serving = inbound::serve(&receiver, stream);
    let ended = if receiver.behaviour.outage().is_none() {
        serving.await
    } else {
        let cut = async {
            tokio::select! {
                biased;
                () = receiver.cut.notified() => Ok(()),
                ended = serving => ended,
            }
        };
        Box::pin(cut).await
    };
    let link = &receiver.link;
    match ended {
        Ok(()) => {}
        Err(Broken::Malformed(error)) => {
            link.failed(ErrorKind::Protocol, &format_args!("a server's request: {error}"));
        }
        // A server abandons exchanges with a receiver that does not answer, as the scenario wants it.
        Err(Broken::Io(_)) if receiver.behaviour.withholds_answers() => {}
        Err(Broken::Io(error)) => {
            let kind = match error.kind() {
                io::ErrorKind::ConnectionReset => ErrorKind::Reset,
                io::ErrorKind::UnexpectedEof => ErrorKind::Truncated,
                _ => ErrorKind::Closed,
            };
            link.failed(
                kind,
                &format_args!("the server broke a connection within a request: {error}"),
            );
        }
    }
}
