//! The parts of conversations: requests, steps, what messages mean, publishing, signatures.

use super::super::Kind::{
    Boolean, Count, Grammar, List, Listed, Map, Rate, Span, Table, Text, Words,
};
use super::super::{Key, SOME, key};
use super::{CAPTURE, MATCHER, STATUS, TEMPLATE, call, grammar, patterns};
use crate::dialect::model::{Each, EachStep, Over, Preset, SignatureEncoding, SignatureHash};
use crate::scenario::read::words_of;

/// A request, and what is expected of its response.
#[rustfmt::skip]
pub(super) static CALL: &[Key] = &[
    LINE, METHOD, PATH, HEADERS, BODY, EXPECT, CALL_CAPTURE,
    key("timeout", Span(SOME)).usually("`\"10s\"`")
        .says("Time-out of the response."),
];

const METHOD: Key = key("method", Grammar(&grammar::METHOD))
    .usually("`\"GET\"`, or `\"POST\"` with a body")
    .says("The method.");
const PATH: Key = key("path", Grammar(&grammar::PATH))
    .usually("required")
    .says("The path, with its query. `request = \"POST /topics/{{topic}}\"` is short for `method` and `path`.");
const HEADERS: Key = key("headers", Map(&TEMPLATE))
    .usually("none")
    .says("Header fields beside those of `[target.headers]`, which they replace by name.");
const BODY: Key = key("body", Grammar(&grammar::TEMPLATE)).usually("none").says("The body.");
const EXPECT: Key = key("expect", Listed(&STATUS))
    .usually("any 2xx")
    .says("The statuses of success; any other is an error.");
const CALL_CAPTURE: Key = key("capture", Map(&CAPTURE))
    .usually("none")
    .says("What is taken out of the response, by the name of the placeholder that it becomes.");

/// A step of a conversation.
#[rustfmt::skip]
pub(super) static STEP: &[Key] = &[
    call("Sends a request, over a connection beside the client's own."),
    HEADERS, BODY, EXPECT,
    key("send", Grammar(&grammar::TEMPLATE)).usually("none")
        .says("Sends a message, over the client's own WebSocket."),
    key("wait", Grammar(&grammar::MATCHER)).usually("none")
        .says("Waits for such a message on the client's own stream."),
    key("capture", Map(&CAPTURE)).usually("none")
        .says("What is taken out of the response, or of the message that was waited for."),
    key("before", Boolean).literally("false")
        .says("Whether the step comes before the client's own connection is opened."),
    key("each", Words(words_of::<EachStep>)).literally("\"connection\"")
        .says("In `[target.publish.websocket]`: `\"topic\"` takes the step for each topic that is published to over the connection, such \
               as to join it. Neighbouring steps of this kind are taken together, topic by topic."),
    key("timeout", Span(SOME)).usually("`\"10s\"`")
        .says("Longest wait of the step."),
];

/// What the messages of a stream mean.
#[rustfmt::skip]
pub(super) static MESSAGES: &[Key] = &[DELIVER, IGNORE, FAIL];

pub(super) const DELIVER: Key = key("deliver", Listed(&MATCHER))
    .usually("any message")
    .says("The messages that carry events: only these, if any are named.");
pub(super) const IGNORE: Key = key("ignore", Listed(&MATCHER))
    .usually("none")
    .says("Messages that carry no event, such as greetings and acknowledgements.");
pub(super) const FAIL: Key = key("fail", Listed(&MATCHER))
    .usually("none")
    .says("Messages that end the connection, as an error. They come first, then `ignore`, then `deliver`.");

/// `[[target.setup]]` and `[[target.teardown]]`
#[rustfmt::skip]
pub(super) static SETUP: &[Key] = &[
    key("each", Words(words_of::<Each>)).literally("\"trial\"")
        .says("For whom it is sent: once, for each topic, or for each client."),
    LINE, METHOD, PATH, HEADERS, BODY, EXPECT, CALL_CAPTURE,
    key("timeout", Span(SOME)).usually("`\"10s\"`")
        .says("Time-out of the response."),
];

const LINE: Key = key("request", Grammar(&grammar::LINE))
    .usually("none")
    .says("`method` and `path` in one: `\"PUT /streams/{{topic}}\"`.");

/// `[[target.request]]`
#[rustfmt::skip]
pub(super) static REQUESTS: &[Key] = &[
    key("weight", Count(0..=1_000_000)).literally("1")
        .says("How often it is sent, compared with the others. One that needs what another captures is sent once that is there."),
    key("name", Text).usually("its method and path")
        .says("How it is called in `samples.csv`."),
    LINE, METHOD, PATH, HEADERS, BODY, EXPECT, CALL_CAPTURE,
    key("timeout", Span(SOME)).usually("`request.timeout`")
        .says("Time-out of the response."),
];

/// `[target.publish]`
#[rustfmt::skip]
pub(super) static PUBLISH: &[Key] = &[
    key("over", Words(words_of::<Over>)).literally("\"http\"")
        .says("Over what: a request for each event, a message over a WebSocket, or a line to a command. Where it differs from \
               the dialect's, nothing of the dialect's `[target.publish]` holds."),
    call("The request, over HTTP."),
    HEADERS, BODY, EXPECT, CALL_CAPTURE,
    key("websocket", Table(patterns::SOCKET)).usually("none")
        .says("The conversation, over a WebSocket: the keys of `[target.websocket]`."),
    key("send", Grammar(&grammar::TEMPLATE)).usually("none")
        .says("The message of an event, over a WebSocket; or to a command, one line, `{\"topic\":…,\"n\":…,\"event\":…}` by default."),
    key("acknowledged", Grammar(&grammar::MATCHER)).usually("none")
        .says("The message that acknowledges an event: the oldest unanswered one, or the one whose token it contains. Without it, an event counts as published once it is written; to a command, any line acknowledges."),
    key("refused", Grammar(&grammar::MATCHER)).usually("none")
        .says("The message that refuses an event, likewise. Over HTTP, a body that refuses it, of a response with a status of success."),
    key("command", List(&TEMPLATE)).usually("none")
        .says("The command and its arguments: a process that reads a line of JSON for each event, and answers each with a line."),
    key("connections", Count(1..=10_000)).literally("1")
        .says("Connections, or processes, over which the topics are spread."),
    key("timeout", Span(SOME)).literally("\"10s\"")
        .says("Time-out of an acknowledgement."),
    key("rate", Rate).usually("no limit")
        .says("The most events per second that the server takes; a scenario that offers more is refused."),
    key("sign", Table(SIGNATURE)).usually("none")
        .says("Signs the request."),
];

/// A signature.
#[rustfmt::skip]
pub(super) static SIGNATURE: &[Key] = &[
    key("preset", Words(words_of::<Preset>)).usually("none")
        .says("A well-known form, whose parts the other keys replace: Standard Webhooks, GitHub, Stripe, Slack."),
    key("header", Text).usually("the preset's")
        .says("The header field that carries the signature."),
    key("query", Text).usually("none")
        .says("The parameter that carries it in place of a header field, appended to the query: `\"signature\"`. Of requests only."),
    key("signed", Grammar(&grammar::SIGNED)).usually("the preset's, or `\"{{body}}\"`")
        .says("What is signed: a text with `{{body}}` and `{{header:NAME}}`; of requests, also `{{method}}`, `{{path}}` and `{{query}}`."),
    key("encoding", Words(words_of::<SignatureEncoding>)).usually("the preset's, or `\"hex\"`")
        .says("How the signature is written."),
    key("hash", Words(words_of::<SignatureHash>)).usually("`\"sha256\"`")
        .says("The hash of the HMAC."),
    key("prefix", Text).usually("the preset's")
        .says("What stands before the signature in the header, such as `\"sha256=\"`."),
    key("timestamp", Text).usually("the preset's")
        .says("The header field that carries the time stamp, in seconds since 1970."),
    key("tolerance", Span(SOME)).usually("`\"5m\"`")
        .says("Largest difference between the time stamp and now."),
    key("secret", Grammar(&grammar::TEMPLATE)).required("required", "secret = \"{{secret:NAME}}\"")
        .says("The key: `\"{{secret:NAME}}\"` takes it from the environment."),
];
