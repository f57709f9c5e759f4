//! The client side of the six patterns: one file and one driver loop per pattern.
//!
//! A link runs as one task of its shard: it connects, reports that it is ready, and receives until the shard drops it. It
//! reconnects by itself and resumes at its cursor. To add a pattern, add its options to `scenario::Pattern`, a file here,
//! and its file in `server`.

mod behaviour;
mod caller;
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
mod poll;
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
mod sse;
mod sse_parser;
mod trace;
mod webhook;
mod websocket;
mod weighted;
mod xml;

pub use conversation::{Conversation, ConversationError};
pub use link::{Context, Link, Timeline, Turn};
pub use trace::{Kind as TraceKind, Line as TraceLine};

use std::rc::Rc;

use self::conversation::Voice;
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

/// Runs `link` by its case's pattern until it is dropped.
pub async fn run(link: Link) {
    let Case { pattern, workload, .. } = &link.context().case;
    if workload.publish.needs_connection(pattern.kind()) && !post::begin(&link).await {
        return;
    }
    match pattern {
        Pattern::Request(options) => request::run(&link, options).await,
        Pattern::ShortPoll(options) => short_poll::run(&link, options).await,
        Pattern::LongPoll(options) => long_poll::run(&link, options).await,
        Pattern::Sse(options) => sse::run(&link, options).await,
        Pattern::WebSocket(options) if workload.publish == Publish::Clients => {
            duplex::run(&link, options).await;
        }
        Pattern::WebSocket(options) => websocket::run(&link, options).await,
        Pattern::Webhook(_) => webhook::run(&link).await,
    }
}
