//! A webhook receiver's registration at the server: made, renewed, withdrawn, and found again, by the calls of a dialect.
//!
//! Without a call to register, the server knows the receivers from its configuration, and nothing is said to it.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hyper::StatusCode;

use super::consent::{Intent, words};
use super::farewell::Left;
use super::receiver::Receiver;
use super::recovery::Called;
use super::redial::{Ended, Redial};
use super::script::{alone, hide, take_answer};
use super::signature::SignatureError;
use super::trace::{self, Kind};
use crate::clock;
use crate::dialect::callback::NoAddress;
use crate::dialect::model::{Call, Callback};
use crate::dialect::template::RenderError;
use crate::measure::{Counter, ErrorKind};
use crate::net::tls::TlsError;
use crate::net::{Client, NetError, StampedResponse};
use crate::unit::Span;

/// Longest wait for the answer to a call, the server's check of the endpoint included, unless the call says otherwise.
const LIMIT: Duration = Duration::from_secs(30);

/// Why an endpoint could not be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("cannot listen on {0}: {1}. Choose another address (target.webhook.listen)")]
    Listen(SocketAddr, std::io::Error),
    #[error("target.webhook.listen: {0}")]
    Place(#[from] NoAddress),
    #[error("cannot register the endpoint: {0}")]
    Register(#[from] NetError),
    #[error("the target answers {0} to the registration: {1}")]
    Refused(StatusCode, String),
    #[error(
        "the target's answer to the registration does not contain what the dialect captures as '{0}'"
    )]
    Missing(String),
    #[error("the target keeps another registration under this name")]
    Foreign,
    #[error("the target denied the subscription: {0}")]
    Denied(String),
    #[error("the target did not verify the subscription within {0:?}")]
    Unverified(Duration),
    #[error("a text of [target.webhook] cannot be rendered: {0}")]
    Render(#[from] RenderError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("target.webhook.verify: {0}")]
    Signature(#[from] SignatureError),
}

impl SetupError {
    /// Whether the server may hold a registration although making it failed so.
    fn is_in_doubt(&self) -> bool {
        match self {
            // A call that was not answered may have been heard.
            Self::Register(_) => self.kind() != ErrorKind::Connect,
            Self::Missing(_) | Self::Unverified(_) | Self::Signature(_) => true,
            _ => false,
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Register(error) => error.kind(),
            Self::Refused(status, ..) => ErrorKind::of_status(status.as_u16()),
            Self::Denied(_) => ErrorKind::Status,
            Self::Listen(..) | Self::Place(_) | Self::Tls(_) => ErrorKind::Connect,
            Self::Unverified(_) => ErrorKind::Timeout,
            Self::Missing(_) | Self::Foreign | Self::Render(_) | Self::Signature(_) => {
                ErrorKind::Protocol
            }
        }
    }
}

/// Registers the endpoint of a link that was started at `started_ns`, and keeps it registered; returns when the trial ends.
pub(super) async fn keep(receiver: &Receiver, started_ns: u64) {
    let link = &receiver.link;
    // The secret may be the link's own: deliveries are checked from the first on then.
    // Otherwise it comes with the answer to the registration, and whether it has come is seen there.
    let _ = receiver.learn_secret();
    let mut left = leaves_something(receiver).then(|| Box::new(link.leaves_something()));
    // Boxed, as each step of a registration: a receiver that stands has no use for their room.
    if let Err(error) = Box::pin(register(receiver)).await {
        link.failed(error.kind(), &error);
        return link.cannot_stand(&error);
    }
    link.ready(started_ns);
    match left.take() {
        None => stay(receiver).await,
        Some(left) => Box::pin(stay_until_over(receiver, left)).await,
    }
}

/// The same as [`stay`] until the trial ends, when the registration is withdrawn.
async fn stay_until_over(receiver: &Receiver, mut left: Box<Left>) {
    let mut staying = pin!(stay(receiver));
    let _turn = tokio::select! {
        () = &mut staying => return,
        turn = left.called() => turn,
    };
    // A call that is under way is not cut off: nobody would know what the server holds then.
    poll_fn(|cx| {
        let is_changing = || receiver.held.get() == Held::Changing;
        if is_changing() && staying.as_mut().poll(cx).is_pending() && is_changing() {
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    if receiver.held.get() == Held::Registration
        && let Err(error) = Box::pin(withdraw(receiver)).await
    {
        receiver.link.failed(error.kind(), &error);
    }
}

/// What the server holds of a receiver, as far as its answers tell; in doubt, a registration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Held {
    #[default]
    Nothing,
    Registration,
    /// A call that makes or withdraws it is under way.
    Changing,
}

/// A call that changes what the server holds; that stays what it was unless the call succeeds.
struct Change<'a> {
    held: &'a Cell<Held>,
    then: Held,
}

impl<'a> Change<'a> {
    fn begin(receiver: &'a Receiver) -> Self {
        Self { held: &receiver.held, then: receiver.held.replace(Held::Changing) }
    }

    fn succeeded(mut self, holds: Held) {
        self.then = holds;
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.held.set(self.then);
    }
}

/// Whether a registration outlives the trial: that of a built-in server that the trial has started does not.
fn leaves_something(receiver: &Receiver) -> bool {
    let voice = receiver.voice.borrow();
    let starts_and_ends_with_us = voice.is_envelope() && voice.conversation().endpoint.is_none();
    receiver.callback.unregister.is_some() && !starts_and_ends_with_us
}

/// Whether the server keeps registrations when it restarts.
fn are_kept(receiver: &Receiver) -> bool {
    let by_case = !receiver.voice.borrow().is_envelope();
    receiver.callback.check.is_some() && (by_case || receiver.link.context().case.keeps_outbox())
}

/// Reconnects after a restart of the target or a departure of the link, and renews what the server grants for a while.
///
/// A server that has lost the registration gets it again; the built-in one continues after the link's cursor. One that
/// keeps it is only asked for it: a second registration would deliver everything twice, and hide the loss of the first.
async fn stay(receiver: &Receiver) {
    let kept = are_kept(receiver);
    let mut redial = Redial::new(&receiver.link);
    // What was before the registration is over with it.
    receiver.link.recovery().fell();
    loop {
        let occasion = called(receiver).await;
        // Boxed: a receiver that stands has no use for its room.
        Box::pin(answer(receiver, occasion, kept, &mut redial)).await;
    }
}

/// What a registration is kept up for.
enum Occasion {
    /// The target was taken down.
    Down,
    /// The link leaves.
    Away,
    /// What the server granted is nearly over.
    Lease,
}

/// Waits until there is something to do.
fn called(receiver: &Receiver) -> impl Future<Output = Occasion> {
    let recovery = receiver.link.recovery();
    // Four fifths of what the server granted.
    let lease = receiver.consent.lease();
    let mut lease = lease.map(|lease| Box::pin(tokio::time::sleep(lease * 4 / 5)));
    poll_fn(move |cx| {
        if recovery.fell() {
            return Poll::Ready(Occasion::Down);
        }
        // Nobody listens for silence here.
        while let Poll::Ready(called) = recovery.poll_called(cx) {
            if called == Called::Away {
                return Poll::Ready(Occasion::Away);
            }
        }
        match &mut lease {
            Some(lease) => lease.as_mut().poll(cx).map(|()| Occasion::Lease),
            None => Poll::Pending,
        }
    })
}

/// Does what `occasion` asks for, in as many attempts as needed.
async fn answer(receiver: &Receiver, occasion: Occasion, kept: bool, redial: &mut Redial) {
    let link = &receiver.link;
    let lost_ns = match occasion {
        Occasion::Down => {
            let lost_ns = clock::now();
            redial.wait(link).await;
            Some(lost_ns)
        }
        Occasion::Away => {
            link.count(Counter::Churned, 1);
            leave(receiver, kept, redial).await;
            if link.is_over() {
                return;
            }
            None
        }
        Occasion::Lease => {
            while let Err(error) = register(receiver).await {
                link.failed(error.kind(), &error);
                redial.wait(link).await;
            }
            return redial.succeeded();
        }
    };
    loop {
        let dialled_ns = clock::now();
        match come_back(receiver, kept, lost_ns).await {
            Ok(()) => {
                link.back(dialled_ns, lost_ns);
                return redial.succeeded();
            }
            Err(error) => link.failed(error.kind(), &error),
        }
        redial.wait(link).await;
    }
}

/// Makes sure that the server calls the link again, after it ended at `lost_ns`, or the link left.
async fn come_back(
    receiver: &Receiver,
    kept: bool,
    lost_ns: Option<u64>,
) -> Result<(), SetupError> {
    match lost_ns {
        Some(_) if kept => look_up(receiver).await,
        Some(_) if receiver.callback.is_static() => reach(receiver).await,
        // Who cannot withdraw is still registered.
        None if receiver.callback.unregister.is_none() => Ok(()),
        _ => register(receiver).await,
    }
}

/// Withdraws the registration of a link that leaves. What is kept on disk must go, whatever that takes; of another server,
/// a refusal is its last word.
async fn leave(receiver: &Receiver, kept: bool, redial: &mut Redial) {
    let link = &receiver.link;
    while let Err(error) = withdraw(receiver).await {
        link.failed(error.kind(), &error);
        let forgets = !kept && receiver.voice.borrow().is_envelope();
        if forgets || (!kept && matches!(error, SetupError::Refused(..))) {
            receiver.held.set(Held::Nothing);
            return;
        }
        redial.wait(link).await;
    }
}

/// Registers the endpoint for later events of the link's topic.
async fn register(receiver: &Receiver) -> Result<(), SetupError> {
    let change = Change::begin(receiver);
    let made = make(receiver).await;
    if made.as_ref().err().is_none_or(SetupError::is_in_doubt) {
        change.succeeded(Held::Registration);
    }
    made
}

/// Asks the server for a registration, and waits until it is verified.
async fn make(receiver: &Receiver) -> Result<(), SetupError> {
    if let Some(call) = &receiver.callback.register {
        let since = receiver.link.cursor().to_string();
        receiver.voice.borrow_mut().set("since", since);
        let answer = send(receiver, call, Some(Intent::Subscribe)).await?;
        expect(call, &answer)?;
        capture(receiver, call, &answer)?;
    }
    receiver.learn_secret()?;
    verified(receiver, Intent::Subscribe).await
}

/// Withdraws the registration; one that an earlier attempt has withdrawn is gone.
async fn withdraw(receiver: &Receiver) -> Result<(), SetupError> {
    let Callback { unregister: Some(call), .. } = &*receiver.callback else { return Ok(()) };
    let change = Change::begin(receiver);
    let answer = send(receiver, call, Some(Intent::Unsubscribe)).await?;
    let gone = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE);
    if !(gone && are_kept(receiver)) {
        expect(call, &answer)?;
        capture(receiver, call, &answer)?;
    }
    verified(receiver, Intent::Unsubscribe).await?;
    change.succeeded(Held::Nothing);
    Ok(())
}

/// Asks for a registration that the server has kept.
async fn look_up(receiver: &Receiver) -> Result<(), SetupError> {
    let Callback { check: Some(call), .. } = &*receiver.callback else { return Ok(()) };
    let answer = send(receiver, call, None).await?;
    expect(call, &answer)?;
    capture(receiver, call, &answer)?;
    let voice = receiver.voice.borrow();
    let kept = voice.get("kept_url");
    let own = kept.is_none() || kept == voice.callback_url.as_deref();
    own.then_some(()).ok_or(SetupError::Foreign)
}

/// Waits until a server without registrations can be reached again.
async fn reach(receiver: &Receiver) -> Result<(), SetupError> {
    let link = &receiver.link;
    let connection = Client::connect(&link.dialer(), link.index()).await?;
    connection.mark();
    Ok(())
}

/// Sends `call` over a new connection: registering is part of the connect cost, not of the cost per delivery.
async fn send(
    receiver: &Receiver,
    call: &Call,
    intent: Option<Intent>,
) -> Result<StampedResponse, SetupError> {
    let request = receiver.voice.borrow_mut().request_and_body(call, None)?;
    if let Some(intent) = intent {
        let query = request.uri().query().unwrap_or_default();
        receiver.consent.ask(intent, query, request.body());
    }
    let limit = call.timeout.map_or(LIMIT, Span::std);
    let answer = alone(&receiver.link, request.map(Into::into), limit).await?;
    let voice = receiver.voice.borrow();
    hide(&voice, &call.capture, &answer);
    voice.conversation().note(Kind::Received, || trace::answer(&answer));
    drop(voice);
    Ok(answer)
}

fn expect(call: &Call, answer: &StampedResponse) -> Result<(), SetupError> {
    let expected = call.expects(answer.status.as_u16());
    expected.then_some(()).ok_or_else(|| SetupError::Refused(answer.status, words(answer)))
}

fn capture(receiver: &Receiver, call: &Call, answer: &StampedResponse) -> Result<(), SetupError> {
    take_answer(&mut receiver.voice.borrow_mut(), &call.capture, answer).map_err(
        |error| match error {
            Ended::Missing(name) => SetupError::Missing(name),
            other => SetupError::Missing(other.to_string()),
        },
    )
}

/// Waits until the server has verified what was asked, where it does that by itself.
async fn verified(receiver: &Receiver, intent: Intent) -> Result<(), SetupError> {
    let call = match intent {
        Intent::Subscribe => &receiver.callback.register,
        Intent::Unsubscribe => &receiver.callback.unregister,
    };
    let Some(call) = call else { return Ok(()) };
    let limit = call.timeout.map_or(LIMIT, Span::std);
    receiver.consent.given(limit).await.map_err(|denied| match denied {
        Some(reason) => SetupError::Denied(reason),
        None => SetupError::Unverified(limit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_refused_may_be_held() {
        let refused = |status| SetupError::Refused(status, String::new());
        for (error, in_doubt) in [
            (SetupError::Register(NetError::Timeout(LIMIT)), true),
            (SetupError::Missing("hook".to_owned()), true),
            (SetupError::Unverified(LIMIT), true),
            (refused(StatusCode::SERVICE_UNAVAILABLE), false),
            (refused(StatusCode::CONFLICT), false),
            (SetupError::Denied("no room".to_owned()), false),
            (SetupError::Foreign, false),
        ] {
            assert_eq!(error.is_in_doubt(), in_doubt, "{error}");
        }
    }
}
