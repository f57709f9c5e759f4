//! Publishing over the API, and the list of topics.

use std::rc::Rc;

use bytes::Bytes;
use hyper::{Request, StatusCode};
use serde::Serialize;

use super::answer::{self, Reply, ReplyFuture};
use super::hub::{Origin, PublishError, Receipt};
use super::problem::Problem;
use super::publisher;
use super::request::{self, Content};
use super::shard::Shard;
use crate::clock;
use crate::event::{Cursor, Post};

/// Longest name of a topic, in bytes.
const NAME_MAX: usize = 128;

/// The response to a publisher.
#[derive(Debug, Serialize)]
struct Acknowledgement<'a> {
    topic: &'a str,
    seq: u64,
    published_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<u64>,
}

/// `POST /topics/{topic}/events`
pub(super) fn post(shard: &Rc<Shard>, name: &str, request: Request<impl Content>) -> ReplyFuture {
    // An event without a due stamp is due on arrival.
    let arrived_ns = clock::now();
    let (shard, name) = (Rc::clone(shard), name.to_owned());
    ReplyFuture::later(async move {
        if !is_name(&name) {
            return Err(Problem::unprocessable(format!(
                "a topic's name has 1 to {NAME_MAX} letters, digits, '.', '_', '~' or '-'"
            )));
        }
        let body = request::body(request, &request::JSON).await?;
        let (origin, data) = read(&request::object(&body)?, arrived_ns);
        let receipt = shard.hub.publish(&name, origin, data).await.map_err(not_published)?;
        book(&shard, origin, receipt);
        let (seq, published_ns, key) = (receipt.seq, receipt.published_ns, origin.key);
        let told = Acknowledgement { topic: &name, seq, published_ns, key };
        Ok(answer::json(StatusCode::CREATED, &told))
    })
}

/// Reads a post that arrived at `arrived_ns`.
pub(super) fn read(post: &Post<'_>, arrived_ns: u64) -> (Origin, Bytes) {
    let due_ns = Some(post.due_ns.unwrap_or(arrived_ns));
    (Origin { due_ns, key: post.key }, one_line(post.data.get()))
}

/// The refusal of an event that could not be published.
#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
pub(super) fn not_published(error: PublishError) -> Problem {
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
}

/// Books an event that a client published on a schedule (which its key shows), if it is measured.
pub(super) fn book(shard: &Shard, origin: Origin, receipt: Receipt) {
    if let (Some(due_ns), Some(_)) = (origin.due_ns, origin.key)
        && shard.shared.window.get().is_some_and(|window| window.contains(&due_ns))
    {
        publisher::book(shard, due_ns, receipt);
    }
}

/// The public view of a topic.
#[derive(Debug, Serialize)]
struct Shown {
    topic: String,
    newest: u64,
    /// The cursor after its newest event.
    next: Cursor,
}

/// `GET /topics`
pub(super) fn topics(shard: &Shard) -> Reply {
    let all = shard.shared.directory.all();
    let shown = all.iter().map(|topic| {
        let newest = topic.newest();
        let next = Cursor::new(newest, shard.shared.life);
        Shown { topic: topic.name().to_owned(), newest, next }
    });
    let shown: Vec<Shown> = shown.collect();
    answer::json(StatusCode::OK, &serde_json::json!({ "topics": shown }))
}

/// Whether a topic may have this name: only characters without escapes in URLs, JSON and headers.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    // Dots are steps of a path (RFC 3986, section 3.3), which no client sends as they are.
    !matches!(name, "." | "..") && (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// The same JSON on one line: line breaks would be separate fields in an event stream, and an event has the same bytes in
/// every pattern.
fn one_line(json: &str) -> Bytes {
    if !json.contains(['\n', '\r']) {
        return Bytes::copy_from_slice(json.as_bytes());
    }
    let mut out = Vec::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        // Line breaks inside of strings are escaped in JSON; these separate values.
        if in_string || !byte.is_ascii_whitespace() {
            out.push(byte);
        }
        let quote = byte == b'"' && !escaped;
        escaped = in_string && byte == b'\\' && !escaped;
        in_string ^= quote;
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a-z \\\\\"\n\r\t]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec(("[a-z\\\\\"\n ]{0,6}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_payload_in_one_line_is_the_same_value(value in any_json()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap() + "\r\n";
            let line = one_line(&pretty);
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
            prop_assert_eq!(serde_json::from_slice::<Value>(&line).unwrap(), value);
        }
    }

    #[test]
    fn a_payload_of_one_line_is_kept_byte_for_byte() {
        assert_eq!(one_line("{ \"a\" : [ 1 ] }"), "{ \"a\" : [ 1 ] }");
    }

    #[test]
    fn names_need_no_escape_anywhere() {
        for name in ["news-0", "a.b_c~D", &"x".repeat(128)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "..", "a b", "a\"b", "a/b", "é", "a%20b", &"x".repeat(129)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
