//! Publishing by a request per event.

use std::rc::Rc;

use http_body_util::Full;
use hyper::Request;

use super::{Outcome, Publisher, Scheduled};
use crate::clock;
use crate::dialect::model::{Call, Publishing};
use crate::measure::ErrorKind;
use crate::net::{Client, StampedResponse};
use crate::pattern::caller::Outgoing;
use crate::pattern::conversation::Place;
use crate::pattern::redial::Ended;
use crate::pattern::script::{take_answer, view};
use crate::pattern::signature::Signer;
use crate::pattern::skeleton::Skeleton;
use crate::pattern::trace::{self, Kind};
use crate::pattern::voice::{Told, Voice};

/// Publishes each event when it is due, over one connection that is dialled again when it breaks.
pub(super) async fn run(mut publisher: Publisher<'_>, publishing: &Publishing, connections: u64) {
    let link = publisher.link;
    let Some(call) = &publishing.request else {
        return link.cannot_stand(&"target.publish has no request");
    };
    let signer = match publishing.sign.as_ref() {
        None => None,
        Some(signature) => match Signer::of(signature, &mut publisher.voice) {
            Ok(signer) => Some(signer),
            Err(error) => return link.cannot_stand(&format_args!("target.publish.sign: {error}")),
        },
    };
    // A signature is over the fields, too.
    let skeleton = match signer {
        None => publisher.voice.conversation().skeleton(Place::Publish, call),
        Some(_) => None,
    };
    let over = Requests { call, publishing, signer, skeleton };
    let mut connection = None;
    link.ready_undialled();
    let mut free_ns = 0;
    for due in publisher.events(connections).await {
        link.sleep_until(due.due_ns).await;
        let outcome = publish(&mut publisher, &mut connection, &over, due, free_ns).await;
        free_ns = clock::now();
        publisher.ended(due, outcome);
    }
    link.finish();
}

/// The requests of a publisher.
struct Requests<'a> {
    call: &'a Call,
    publishing: &'a Publishing,
    /// Signs them.
    signer: Option<Signer>,
    /// What of them is known before their placeholders are.
    skeleton: Option<Rc<Skeleton>>,
}

impl Requests<'_> {
    /// The request that publishes an event; as bytes, if it can be and `takes_bytes`.
    fn request(
        &self,
        voice: &mut Voice,
        told: Told<'_>,
        takes_bytes: bool,
    ) -> Result<Outgoing, Ended> {
        if let Some(skeleton) = &self.skeleton
            && takes_bytes
        {
            return Ok(Outgoing::Rendered(skeleton.render(voice, Some(told), None)?));
        }
        let mut request = voice.compose(self.call, Some(told))?;
        if let Some(signer) = &self.signer {
            let id = format!("msg_{}", told.token);
            let (mut head, body) = request.into_parts();
            if !signer.sign(voice, &mut head, &body, &id) {
                return Err(Ended::Unsigned);
            }
            request = Request::from_parts(head, body);
        }
        voice.conversation().note(Kind::Sent, || trace::request(&request, request.body()));
        Ok(Outgoing::General(request.map(Full::new).into()))
    }
}

/// Publishes one event.
async fn publish(
    publisher: &mut Publisher<'_>,
    connection: &mut Option<Client>,
    over: &Requests<'_>,
    due: Scheduled,
    free_ns: u64,
) -> Outcome {
    let link = publisher.link;
    let Requests { call, publishing, .. } = *over;
    let limit = call.timeout.unwrap_or(publishing.timeout).std();
    let takes_bytes = connection.as_ref().is_some_and(Client::takes_bytes);
    let request = publisher.say(due, |voice, told| over.request(voice, told, takes_bytes));
    let Ok(request) = request else { return Outcome::Refused(ErrorKind::Protocol) };
    // One that the server closed between two events fails neither.
    let open = match connection {
        Some(open) => open.still_open().await,
        None => false,
    };
    if !open {
        match tokio::time::timeout(limit, Client::connect(&link.dialer(), link.index())).await {
            Ok(Ok(dialled)) => *connection = Some(dialled),
            Ok(Err(error)) => {
                link.describe(error.kind(), || error.to_string());
                return Outcome::Refused(error.kind());
            }
            Err(_) => return Outcome::Refused(ErrorKind::Timeout),
        }
    }
    let Some(client) = connection else { return Outcome::Refused(ErrorKind::Connect) };
    match request.over(client, limit).await {
        Ok(answer) => {
            let conversation = publisher.voice.conversation();
            conversation.note(Kind::Received, || trace::answer(&answer));
            publisher.sent(due, free_ns, answer.sent_ns);
            outcome(publisher, publishing, call, &answer)
        }
        Err(error) => {
            *connection = None;
            publisher.sent(due, free_ns, clock::now());
            link.describe(error.kind(), || error.to_string());
            Outcome::Unanswered(error.kind())
        }
    }
}

/// What an answer says of the event.
fn outcome(
    publisher: &mut Publisher<'_>,
    publishing: &Publishing,
    call: &Call,
    answer: &StampedResponse,
) -> Outcome {
    if !call.expects(answer.status.as_u16()) {
        let kind = ErrorKind::of_status(answer.status.as_u16());
        publisher.link.describe(kind, || answer.told().to_string());
        return Outcome::Refused(kind);
    }
    // Some servers say no in the body of an answer of success.
    if publishing.refused.as_ref().is_some_and(|refused| refused.matches(&answer.body, None)) {
        publisher.link.describe(ErrorKind::Refused, || answer.told().to_string());
        return Outcome::Refused(ErrorKind::Refused);
    }
    if take_answer(&mut publisher.voice, &call.capture, answer).is_err() {
        return Outcome::Unanswered(ErrorKind::Protocol);
    }
    let id = publisher
        .voice
        .dialect()
        .recognition
        .published_id
        .as_ref()
        .filter(|_| publisher.wants_id());
    let id = id.map(|capture| capture.evaluate(&view(answer)));
    match id {
        Some(None) => Outcome::Unanswered(ErrorKind::Protocol),
        Some(Some(id)) => Outcome::Acknowledged(answer.done_ns, Some(id)),
        None => Outcome::Acknowledged(answer.done_ns, None),
    }
}
