//! An owner's view of dead letters: listing and replaying.

use std::sync::Arc;

use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::endpoint::Endpoint;
use crate::server::answer::{self, HandlerResult, Reply};
use crate::server::http1::Inbound;
use crate::server::problem::Problem;
use crate::server::request;

/// A dead letter as shown.
#[derive(Debug, Serialize)]
struct LetterView<'a> {
    webhook_id: &'a str,
    attempts: u32,
    reason: &'a str,
    /// The first event; of a batch all are in `events`.
    event: &'a RawValue,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<&'a RawValue>,
}

/// The dead letters that are kept, and how many events were given up.
#[derive(Debug, Serialize)]
struct Letters<'a> {
    total: u64,
    dead_letters: Vec<LetterView<'a>>,
}

/// `GET /webhooks/{id}/dead-letters`
pub(super) fn list(endpoint: &Endpoint) -> Reply {
    let letters = endpoint.dead_letters();
    let views = letters.iter().filter_map(|letter| {
        let events = letter.batch.entries().map(|entry| serde_json::from_slice(entry.json()));
        let events: Vec<&RawValue> = events.collect::<Result<_, _>>().ok()?;
        Some(LetterView {
            webhook_id: letter.batch.id(),
            attempts: letter.attempts,
            reason: &letter.reason,
            event: events.first().copied()?,
            events: if events.len() > 1 { events } else { Vec::new() },
        })
    });
    let dead_letters = views.collect();
    let (_, _, total) = endpoint.tally();
    answer::json(StatusCode::OK, &Letters { total, dead_letters })
}

/// A wish for another delivery, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"webhook_id\", or nothing for all")]
struct Replay {
    webhook_id: Option<String>,
}

/// `POST /webhooks/{id}/replay`
pub(super) async fn replay(endpoint: Arc<Endpoint>, request: Request<Inbound>) -> HandlerResult {
    let replay: Replay = if hyper::body::Body::is_end_stream(request.body()) {
        Replay::default()
    } else {
        request::json(request).await?
    };
    let asked = endpoint.replay(replay.webhook_id.as_deref());
    match replay.webhook_id {
        Some(id) if asked == 0 => Err(Problem::not_found(format!(
            "no dead letter '{id}' is kept; GET /webhooks/{}/dead-letters lists them",
            endpoint.id()
        ))),
        _ => Ok(answer::json(StatusCode::ACCEPTED, &json!({ "replayed": asked }))),
    }
}
