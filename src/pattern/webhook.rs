//! A webhook receiver: an endpoint with its own address, which the target calls.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;

use super::Link;
use super::behaviour::Outage;
use super::inbound;
use super::receiver::Receiver;
use super::registration::{self, SetupError};
use super::voice::Voice;
use crate::clock;
use crate::dialect::callback::{Receiving, callback_url, listening};
use crate::dialect::model::Callback;
use crate::event::topic_name;
use crate::measure::ErrorKind;
use crate::net::{Listener, Stream};
use crate::scenario::{CallbackConnection, Down, Pattern};

/// Pause before something that failed is tried again, in nanoseconds.
const RETRY_NS: u64 = 10_000_000;

/// Listens, registers where the server takes registrations, and receives until the link is dropped.
pub(super) fn run(link: Link) -> impl Future<Output = ()> {
    // Boxed, as each step that is taken once: a receiver that stands has no use for its room.
    let opening = Box::pin(open_first(link));
    async move {
        let Some(Door { listener, tls, receiver, started_ns }) = opening.await else { return };
        let mut receive = pin!(async {
            match receiver.behaviour.outage() {
                None => accept(&receiver, &listener, tls.as_ref()).await,
                // Boxed, as few receivers have one.
                Some(outage) => Box::pin(receive(&receiver, outage, listener, tls.as_ref())).await,
            }
        });
        let mut register = pin!(registration::keep(&receiver, started_ns));
        let (mut received, mut registered) = (false, false);
        // The target may check the endpoint before it answers: both run at once.
        poll_fn(|cx| {
            received = received || receive.as_mut().poll(cx).is_ready();
            registered = registered || register.as_mut().poll(cx).is_ready();
            Poll::<()>::Pending
        })
        .await;
    }
}

/// Opens the endpoint of `link`; `None` if it cannot stand.
async fn open_first(link: Link) -> Option<Door> {
    let started_ns = clock::now();
    let voice = Voice::of(&link);
    let context = link.context();
    let Some(callback) = context.callers.callback(&context.conversation) else {
        link.cannot_stand(&"the dialect has no [target.webhook]");
        return None;
    };
    match open(&link, callback, voice, started_ns).await {
        Ok(door) => Some(door),
        Err(error) => {
            link.cannot_stand(&error);
            None
        }
    }
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
    listener: Listener,
    /// Its own certificate, where it is called over TLS.
    tls: Option<Arc<ServerConfig>>,
    receiver: Rc<Receiver>,
    /// When the link was started.
    started_ns: u64,
}

/// Opens the endpoint's socket, and draws the secret that a registration may name.
async fn open(
    link: &Link,
    callback: Rc<Callback>,
    mut voice: Voice,
    started_ns: u64,
) -> Result<Door, SetupError> {
    let client = link.index();
    let reserved = voice.conversation().callback_port;
    let place = listening(&callback, reserved, client)?;
    let listener = link.context().dialer.listen(place).await;
    let listener = listener.map_err(|error| refused(place, error))?;
    let address = listener.local_addr().map_err(|error| refused(place, error))?;
    let tls = link.context().dialer.receiver(address.ip())?;
    let (topic, secure) = (link.topic(), tls.is_some());
    let receiver = Receiving { client, topic: &topic, address, secure };
    voice.callback_url = Some(callback_url(&callback, receiver, voice.world())?.into());
    let mut rng = link.rng();
    let secret: Vec<u8> = (0..4).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    voice.set("signing_secret", format!("whsec_{}", STANDARD.encode(secret)));
    let receiver = Receiver::new(link.share(), callback, voice)?;
    Ok(Door { listener, tls, receiver, started_ns })
}

fn refused(place: SocketAddr, error: io::Error) -> SetupError {
    SetupError::Listen(place, error)
}

/// Accepts the target's connections and answers its deliveries, except during the scenario's outage.
async fn receive(
    receiver: &Rc<Receiver>,
    outage: Outage<'_>,
    listener: Listener,
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
            if let Some(cut) = &receiver.cut {
                cut.notify_waiters();
            }
            receiver.link.sleep_until(end_ns).await;
            let Ok(address) = address else { return };
            loop {
                match receiver.link.context().dialer.listen(address).await {
                    Ok(listener) => break listener,
                    Err(_) => receiver.link.sleep_until(clock::now() + RETRY_NS).await,
                };
            }
        }
    };
    accept(receiver, &listener, tls).await;
}

/// Accepts the target's connections forever.
async fn accept(receiver: &Rc<Receiver>, listener: &Listener, tls: Option<&Arc<ServerConfig>>) {
    loop {
        if let Ok(stream) = poll_fn(|cx| listener.poll_accept(cx)).await {
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
        None => callers.serve(inbound::serve(receiver, socket.into())),
        Some(config) => {
            // Boxed, as the handshake's state goes with it.
            let shaking = Box::pin(Stream::server(socket, Arc::clone(config)));
            callers.serve(async move {
                let link = &receiver.link;
                match shaking.await {
                    Ok(stream) => {
                        // As for a dialled link: the handshake is part of the connect cost.
                        if !dialled {
                            stream.meter().mark();
                        }
                        Box::pin(inbound::serve(Rc::clone(&receiver), stream)).await;
                    }
                    Err(_) if receiver.behaviour.withholds_answers() => {}
                    Err(error) => link.failed(ErrorKind::Connect, &error),
                }
            });
        }
    }
}
