//! Publishing by messages over a WebSocket, dialled again when it breaks.

use std::rc::Rc;

use super::Publisher;
use super::pipeline::{Answers, Peer, Pipeline};
use crate::clock;
use crate::dialect::model::{Publishing, Socket};
use crate::net::NetError;
use crate::pattern::Link;
use crate::pattern::dialogue::{Heard, Outgoing, Talk, is_raw};
use crate::pattern::redial::{Ended, Redial};
use crate::pattern::voice::Voice;

impl Peer for Talk {
    async fn next(&mut self, link: &Link, voice: &mut Voice) -> Result<Heard, Ended> {
        Talk::next(self, link, voice).await
    }

    fn send(&self, message: Vec<u8>, tag: u64) -> Result<(), Ended> {
        Talk::send(self, message, Some(tag))
    }

    fn outgoing(&self) -> Rc<Outgoing> {
        Talk::outgoing(self)
    }
}

/// Publishes each event when it is due.
pub(super) async fn run(publisher: Publisher<'_>, publishing: &Publishing, connections: u64) {
    let link = publisher.link;
    let Some(send) = &publishing.send else {
        return link.cannot_stand(&"target.publish has no message: write send = \"{{event}}\"");
    };
    let socket = Rc::new(publishing.websocket.clone().unwrap_or_default());
    let answers = Answers::new(publishing, socket.messages.clone(), false);
    let limit = publishing.timeout.std();
    let mut pipeline = Pipeline::new(publisher, answers, send, limit, connections);
    let mut redial = Redial::new(link);
    let dialled_ns = clock::now();
    let mut talk = match open(&mut pipeline, &socket, &mut redial).await {
        Ok(talk) => talk,
        Err(error) => return link.cannot_stand(&error),
    };
    link.ready(dialled_ns);
    loop {
        let begun_ns = clock::now();
        let Err(ended) = pipeline.run(&mut talk).await else {
            talk.leave().await;
            return link.finish();
        };
        drop(talk);
        pipeline.broke(&ended);
        // One that held for a while has worked.
        if clock::now() - begun_ns > clock::SECOND_NS {
            redial.succeeded();
        }
        let Some(again) = again(&mut pipeline, &socket, &mut redial, ended).await else {
            return link.finish();
        };
        talk = again;
    }
}

async fn open(
    pipeline: &mut Pipeline<'_>,
    socket: &Rc<Socket>,
    redial: &mut Redial,
) -> Result<Talk, Ended> {
    let link = pipeline.publisher.link;
    pipeline.answers.begin(is_raw(socket));
    let Pipeline { answers, publisher, topics, .. } = pipeline;
    let voice = &mut publisher.voice;
    // Events of several topics went out since.
    voice.speak_of(link.topic_index());
    // Nothing has been published yet that a message between the steps could answer; a failure is one all the same.
    let open = Talk::open(link, voice, socket, topics, redial.rng(), |voice, heard| {
        answers.check(&voice.conversation(), &heard.message)
    });
    let limit = link.context().case.conditions.reconnect.timeout.std();
    let opened = tokio::time::timeout(limit, open).await;
    opened.unwrap_or(Err(Ended::Net(NetError::Timeout(limit))))
}

/// Opens the connection again, in as many attempts as needed; `None` once no event waits for it.
async fn again(
    pipeline: &mut Pipeline<'_>,
    socket: &Rc<Socket>,
    redial: &mut Redial,
    mut last: Ended,
) -> Option<Talk> {
    let link = pipeline.publisher.link;
    loop {
        redial.wait(link).await;
        pipeline.expire(last.kind()).await;
        if pipeline.is_over() {
            return None;
        }
        match open(pipeline, socket, redial).await {
            Ok(talk) => return Some(talk),
            Err(ended) => {
                link.failed(ended.kind(), &ended);
                last = ended;
            }
        }
    }
}
