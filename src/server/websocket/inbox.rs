//! Messages from a client of a topic's WebSocket: each text message is a [`Post`] to publish in that topic.
//!
//! An event of a topic that is at home on this shard is published at once; others wait here for their receipts. An idle
//! inbox takes a few words of memory.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::StatusCode;

use crate::clock;
use crate::event::{Post, PostAnswer};
use crate::net::websocket::Header;
use crate::server::hub::{Origin, Receipt, Topic};
use crate::server::problem::Problem;
use crate::server::publish;
use crate::server::request;
use crate::server::shard::Shard;

/// Posts waiting for receipts beyond which a link is not read; one read may exceed it.
const WAITING_MAX: usize = 64;

/// A post that waits for its receipt.
type Waiting = Pin<Box<dyn Future<Output = PostAnswer>>>;

/// The message read so far, and the waiting posts.
#[derive(Default)]
pub(in crate::server) struct Inbox {
    message: Vec<u8>,
    /// Until when the message under way must end, in monotonic nanoseconds.
    until_ns: Option<u64>,
    waiting: Vec<Waiting>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbox({} bytes, {} waiting)", self.message.len(), self.waiting.len())
    }
}

impl Inbox {
    /// Whether to stop reading for now.
    pub(in crate::server) const fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// Whether it holds nothing, so that a new one would do.
    pub(in crate::server) const fn is_idle(&self) -> bool {
        self.message.is_empty() && self.until_ns.is_none() && self.waiting.is_empty()
    }

    /// When the message under way will have been coming for longer than a body may, in monotonic nanoseconds.
    pub(in crate::server) fn overdue_ns(&self) -> u64 {
        self.until_ns.unwrap_or(u64::MAX)
    }

    /// Forgets the message under way, of which nothing more is taken.
    pub(in crate::server) fn give_up(&mut self) {
        (self.message, self.until_ns) = (Vec::new(), None);
    }

    /// Adds a piece of a message. Its `last` piece publishes the message; the answer goes to `out`, now or with the
    /// receipt.
    pub(in crate::server) fn take(
        &mut self,
        (text, bytes, last): (bool, &[u8], bool),
        (shard, topic): (&Rc<Shard>, &Topic),
        out: &mut Vec<u8>,
    ) {
        if !last {
            self.message.extend_from_slice(bytes);
            let wait_ns = shard.options().waits.body.ns();
            self.until_ns.get_or_insert_with(|| clock::now().saturating_add(wait_ns));
            return;
        }
        self.until_ns = None;
        let answer = if self.message.is_empty() {
            self.carry_out(text, bytes, shard, topic)
        } else {
            self.message.extend_from_slice(bytes);
            // Taking the message frees its memory.
            let message = std::mem::take(&mut self.message);
            self.carry_out(text, &message, shard, topic)
        };
        if let Some(answer) = answer {
            write(out, &answer);
        }
    }

    /// Publishes a message; `None` while its receipt is pending.
    fn carry_out(
        &mut self,
        text: bool,
        message: &[u8],
        shard: &Rc<Shard>,
        topic: &Topic,
    ) -> Option<PostAnswer> {
        let arrived_ns = clock::now();
        let admitted = shard.admission.admit(clock::now);
        let post = match (post(text, message), admitted) {
            (Ok(post), Ok(())) => post,
            (Err(problem), Ok(())) => return Some(refused(None, problem)),
            (post, Err(problem)) => {
                return Some(refused(post.ok().and_then(|post| post.key), problem));
            }
        };
        let (origin, data) = publish::read(&post, arrived_ns);
        // Not the topic that pushes are read from, which they may reach later.
        let topic = shard.hub.replica(topic.identity());
        if let Some(receipt) = shard.hub.publish_now(&topic, origin, &data) {
            return Some(posted(shard, origin, receipt));
        }
        let shard = Rc::clone(shard);
        self.waiting.push(Box::pin(async move {
            match shard.hub.publish(topic.name(), origin, data).await {
                Ok(receipt) => posted(&shard, origin, receipt),
                Err(error) => refused(origin.key, publish::not_published(error)),
            }
        }));
        None
    }

    /// Writes the answers of posts whose receipts have arrived.
    pub(in crate::server) fn poll(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) {
        self.waiting.retain_mut(|waiting| match waiting.as_mut().poll(cx) {
            Poll::Ready(answer) => {
                write(out, &answer);
                false
            }
            Poll::Pending => true,
        });
        if self.waiting.is_empty() && self.waiting.capacity() > 0 {
            self.waiting = Vec::new();
        }
    }
}

/// Reads a message.
fn post(text: bool, message: &[u8]) -> Result<Post<'_>, Problem> {
    if text {
        request::object(message)
    } else {
        let detail = "a post is a text message: {\"data\": …}";
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
    }
}

fn posted(shard: &Shard, origin: Origin, receipt: Receipt) -> PostAnswer {
    publish::book(shard, origin, receipt);
    PostAnswer::Posted { key: origin.key, seq: receipt.seq, published_ns: receipt.published_ns }
}

fn refused(key: Option<u64>, problem: Problem) -> PostAnswer {
    PostAnswer::Refused { key, status: problem.status().as_u16(), detail: problem.into_detail() }
}

fn write(out: &mut Vec<u8>, answer: &PostAnswer) {
    let answer = answer.encode();
    out.extend_from_slice(Header::text(answer.len()).as_bytes());
    out.extend_from_slice(&answer);
}
