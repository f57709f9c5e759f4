//! The ownership check: nothing is delivered to a URL that did not echo a challenge.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::destination::Destination;
use super::exchange::Wait;
use super::outbox::unix_seconds;
use super::pool::{ConnectionPool, Message};
use super::secret::{Secret, random};
use crate::server::problem::Problem;
use crate::server::shard::Shard;

#[derive(Debug, Deserialize)]
struct Echo {
    challenge: String,
}

/// Posts a challenge to a URL, signed, and reads its echo; gives back what the connection is kept in, so that the first
/// event pays for no other.
pub(super) async fn verify(
    shard: &Shard,
    destination: &Arc<Destination>,
    secrets: impl Iterator<Item = &Secret> + Clone,
) -> Result<ConnectionPool, Problem> {
    let drawn = random::<16>().map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no randomness: {error}"))
    })?;
    let challenge = format!("{:032x}", u128::from_be_bytes(drawn));
    let body = json!({ "type": "webhook.verification", "challenge": challenge }).to_string().into();
    let id = format!("msg_verification_{challenge}");
    let message = Message { id: &id, timestamp: unix_seconds(), body, written: None };
    let pool = ConnectionPool::of(shard);
    let options = shard.options();
    let wait = (Wait::Body, options.webhook.timeout.std());
    let post = pool.post(destination, options.allow_private_webhooks, secrets, message, wait);
    let answer = post.await.map_err(|error| refused(destination, &error.to_string()))?;
    if !(200..300).contains(&answer.status) {
        return Err(refused(destination, &format!("it answered {}", answer.status)));
    }
    let Some(body) = answer.body else {
        let limit = options.webhook.timeout.std().as_secs_f64();
        return Err(refused(
            destination,
            &format!("its answer did not end within {limit} s and 16 KiB"),
        ));
    };
    match serde_json::from_slice::<Echo>(&body) {
        Ok(echo) if echo.challenge == challenge => Ok(pool),
        _ => Err(refused(destination, "it did not echo the challenge")),
    }
}

fn refused(destination: &Destination, why: &str) -> Problem {
    Problem::unprocessable(format!(
        "{destination} did not pass the ownership check: {why}. It must answer the POST of \
         {{\"type\":\"webhook.verification\",\"challenge\":\"…\"}} with 200 and {{\"challenge\":\"…\"}}"
    ))
}
