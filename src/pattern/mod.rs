//! The client side of the six patterns: one file and one driver loop per pattern.
//!
//! A link runs as one task of its shard: it connects, reports that it is ready, and receives until the shard drops it. It
//! reconnects by itself and resumes at its cursor. To add a pattern, add its options to `scenario::Pattern`, a file here,
//! and its file in `server`.

mod behaviour;
mod caller;
mod callers;
mod calls;
mod consent;
mod conversation;
mod dialogue;
mod duplex;
mod farewell;
mod handshake;
mod inbound;
mod items;
mod link;
mod long_poll;
mod mix;
mod observe;
mod packed;
mod poll;
mod position;
mod post;
pub mod publish;
mod receiver;
mod recognise;
mod recovery;
mod redial;
mod registration;
mod request;
mod retry_after;
mod rules;
mod sampling;
mod script;
mod sends;
mod short_poll;
mod signature;
mod silence;
mod skeleton;
mod sse;
pub mod sse_parser;
mod trace;
mod voice;
mod webhook;
mod websocket;
mod weighted;
mod xml;

pub use conversation::{Conversation, ConversationError};
pub use link::{Context, Link, Timeline, Turn};
pub use trace::{Kind as TraceKind, Line as TraceLine};

use std::pin::Pin;
use std::rc::Rc;

use self::voice::Voice;
use crate::dialect::model::Call;
use crate::scenario::{Case, Pattern, Publish};

/// Sends a request of set-up for `link`, speaking of `topic` and knowing `values`; returns what is captured of its answer.
pub async fn set_up(
    link: &Link,
    topic: u64,
    call: &Call,
    values: &[(String, String)],
) -> Result<Vec<(String, String)>, String> {
    let mut voice = Voice::for_topic(link, topic, Rc::clone(&link.context().conversation));
    for (name, value) in values {
        voice.set(name, value.clone());
    }
    webhook::foretell(link, topic, &mut voice);
    let what = || format!("{} {}", call.method(), call.path);
    script::exchange(link, &mut voice, call, script::STEP_LIMIT)
        .await
        .map_err(|error| format!("{}: {error}", what()))?;
    let captured =
        call.capture.keys().filter_map(|name| Some((name.clone(), voice.get(name)?.to_owned())));
    Ok(captured.collect())
}

/// What a link does until it is dropped.
pub type Driver = Pin<Box<dyn Future<Output = ()>>>;

/// Runs `link` by its case's pattern until it is dropped.
pub async fn run(link: Link) {
    driver(link).await;
}

/// The same, in a place that is as large as the pattern needs, and no larger: there are many links.
pub fn driver(link: Link) -> Driver {
    let Case { pattern, workload, .. } = &link.context().case;
    if workload.publish.needs_connection(pattern.kind()) {
        return Box::pin(async move {
            if post::begin(&link).await {
                receiver_of(link).await;
            }
        });
    }
    receiver_of(link)
}

/// How `link` receives, and what it sends on the same connection.
fn receiver_of(link: Link) -> Driver {
    macro_rules! with_options {
        ($variant:ident, $run:path) => {
            Box::pin(async move {
                if let Pattern::$variant(options) = &link.context().case.pattern {
                    $run(&link, options).await;
                }
            })
        };
    }
    let Case { pattern, workload, .. } = &link.context().case;
    match pattern {
        Pattern::Request(_) => with_options!(Request, request::run),
        Pattern::ShortPoll(_) => with_options!(ShortPoll, short_poll::run),
        Pattern::LongPoll(_) => with_options!(LongPoll, long_poll::run),
        Pattern::Sse(_) => with_options!(Sse, sse::run),
        Pattern::WebSocket(_) if workload.publish == Publish::Clients => {
            with_options!(WebSocket, duplex::run)
        }
        Pattern::WebSocket(_) if !link.context().conversation.is_envelope() => {
            with_options!(WebSocket, dialogue::run)
        }
        Pattern::WebSocket(_) => with_options!(WebSocket, websocket::run),
        Pattern::Webhook(_) => Box::pin(webhook::run(link)),
    }
}

#[cfg(test)]
mod tests;
