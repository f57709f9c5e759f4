//! The six conversations of `[target]`.

use super::super::Kind::{
    Boolean, Call, Count, Either, Grammar, List, Listed, Map, Span, Table, Text, Words,
};
use super::super::{Key, Kind, SOME, key};
use super::conversation::{CALL, DELIVER, FAIL, IGNORE, SIGNATURE, STEP};
use super::{CAPTURE, STATUS, TEMPLATE, call, grammar};
use crate::dialect::framing::LengthField;
use crate::dialect::model::Handshake;
use crate::scenario::read::words_of;

const HEADERS: Key = key("headers", Map(&TEMPLATE))
    .usually("none")
    .says("Header fields of the request, beside those of `[target.headers]`.");
const BODY: Key =
    key("body", Grammar(&grammar::TEMPLATE)).usually("none").says("The body of the request.");
const EXPECT: Key = key("expect", Listed(&STATUS))
    .usually("any 2xx")
    .says("The statuses of success; any other is an error.");
static STEP_TABLE: Kind = Table(STEP);
const STEPS: Key = key("steps", List(&STEP_TABLE)).usually("none").says(
    "What is done before or after the connection is opened, in this order, and again after each reconnect.",
);
const CURSOR: Key = key("cursor", Grammar(&grammar::CURSOR)).usually("none").says(
    "Where the next poll continues: `{ capture = \"json:/next\", first = \"0\" }` is `{{cursor}}` in the request, `first` until a \
     response has one. Or several by name: `{ since = { capture = \"header:last-modified\" }, tag = { … } }`.",
);
const CURSOR_OF_MESSAGES: Key = key("cursor", Grammar(&grammar::CURSOR)).usually("none").says(
    "Where the next connection continues, taken out of every message, as in `[target.short-poll]`: `{{cursor}}` in `path`.",
);
const CURSOR_OF_EVENTS: Key = key("cursor", Grammar(&grammar::CURSOR)).usually("none").says(
    "Where the next stream continues, for a server whose events have no ids, taken out of every event, as in \
     `[target.short-poll]`. A capture that begins with `event:NAME` takes it from events of that name only.",
);
const EMPTY: Key = key("empty", Listed(&STATUS))
    .usually("none")
    .says("The statuses that say that there is nothing new, such as 304 or 204.");
const ETAG: Key = key("etag", Boolean).literally("false").says(
    "Whether a poll sends the last response's entity tag (`If-None-Match`); 304 is then no news.",
);

static REPLY_TABLE: Kind = Table(REPLY_BY_REQUEST);
const PAGE_REPLY: Key = key("reply", List(&REPLY_TABLE)).usually("none").says(
    "What is requested in reply to which response, before the next poll: a session's heartbeat, an acknowledgement.",
);

#[rustfmt::skip]
static REPLY_BY_REQUEST: &[Key] = &[
    key("to", Grammar(&grammar::MATCHER)).required("required", "to = { contains = \"ping\" }")
        .says("The body of the response that is replied to; of server-sent events it knows nothing."),
    key("capture", Map(&CAPTURE)).usually("none")
        .says("What is taken out of it, for the request."),
    key("request", Call(CALL)).required("required", "request = { path = \"/pong\", body = \"pong\" }")
        .says("The request, over a connection beside the client's own."),
];

/// `[target.short-poll]`
#[rustfmt::skip]
pub(super) static POLL: &[Key] = &[
    call("The poll. `{{limit}}` is `short-poll.limit`."),
    HEADERS, BODY, EXPECT, CURSOR, EMPTY, ETAG,
    key("drain", Boolean).literally("false")
        .says("Whether a client polls again at once for as long as a response brings something: for a server that gives one \
               event per response."),
    STEPS, PAGE_REPLY,
];

/// `[target.long-poll]`
#[rustfmt::skip]
pub(super) static LONG_POLL: &[Key] = &[
    call("The poll. `{{hold_ms}}` is `long-poll.wait` in milliseconds, `{{limit}}` is `long-poll.limit`."),
    HEADERS, BODY, EXPECT, CURSOR, EMPTY, ETAG,
    key("hold", Span(SOME)).usually("`long-poll.wait`")
        .says("How long the server holds a poll, where the request cannot ask for it by `{{hold_ms}}`."),
    STEPS, PAGE_REPLY,
];

/// `[target.sse]`
#[rustfmt::skip]
pub(super) static SSE: &[Key] = &[
    call("The request that opens the stream."),
    HEADERS, BODY, EXPECT,
    key("resume", Grammar(&grammar::RESUME)).literally("\"Last-Event-ID\"")
        .says("How a stream is resumed: by the header, by the last id in the query (`\"query:since\"`), or `\"none\"`."),
    CURSOR_OF_EVENTS,
    key("heartbeat", Span(SOME)).usually("none is expected")
        .says("How often the server sends something on a quiet stream. A stream that is silent for `reconnect.silence` times \
               this is closed and opened again; without it, no silence is too long."),
    STEPS, DELIVER, IGNORE, FAIL,
];

/// `[target.websocket]`
pub(super) static WEBSOCKET: &[Key] = SOCKET;

/// A conversation over a WebSocket.
#[rustfmt::skip]
pub(super) static SOCKET: &[Key] = &[
    key("path", Grammar(&grammar::PATH)).usually("`\"/\"`")
        .says("The path of the handshake, with its query."),
    key("headers", Map(&TEMPLATE)).usually("none")
        .says("Header fields of the handshake, beside those of `[target.headers]`."),
    key("subprotocol", Listed(&Text)).usually("none")
        .says("The subprotocols that are offered: the server must choose one of them."),
    key("binary", Boolean).literally("false")
        .says("Whether messages are sent as binary frames."),
    key("split", Either(&[Grammar(&grammar::TEMPLATE), Table(FRAMING)])).usually("none")
        .says("What parts several messages of one frame: a text such as a line feed, empty messages being left out; or the length that each carries, as a table."),
    key("stream", Boolean).literally("false")
        .says("Whether frames are pieces of a byte stream, cut anywhere: messages are then matched across frames. Without `split` it has no messages: it is searched for events and matches only, and `deliver` and `ignore` have no meaning."),
    CURSOR_OF_MESSAGES,
    key("heartbeat", Span(SOME)).usually("none is expected")
        .says("How often the server sends something, pings among them, on a quiet connection; as in `[target.sse]`."),
    STEPS,
    key("reply", List(&Table(REPLY))).usually("none")
        .says("What is answered to which message, such as a ping of the protocol."),
    key("every", List(&Table(EVERY))).usually("none")
        .says("What is sent at intervals, such as a heartbeat of the protocol."),
    DELIVER, IGNORE, FAIL,
];

#[rustfmt::skip]
static FRAMING: &[Key] = &[
    key("before", Count(0..=1_024)).literally("0")
        .says("The bytes of a message before its length."),
    key("length", Words(words_of::<LengthField>)).required("required", "length = \"varint\"")
        .says("How the length is written, which counts the bytes behind it: as `{{u8:…}}`, `{{u16:…}}`, `{{u32:…}}` or `{{varint:…}}` write it."),
];

#[rustfmt::skip]
static REPLY: &[Key] = &[
    key("to", Grammar(&grammar::MATCHER)).required("required", "to = \"PING\"")
        .says("The message that is answered."),
    key("capture", Map(&CAPTURE)).usually("none")
        .says("What is taken out of it, for the answer."),
    key("send", Grammar(&grammar::TEMPLATE)).required("required", "send = \"PONG\"")
        .says("The answer."),
];

#[rustfmt::skip]
static EVERY: &[Key] = &[
    key("span", Span(SOME)).required("required", "span = \"30s\"")
        .says("How often."),
    key("send", Grammar(&grammar::TEMPLATE)).required("required", "send = \"PING\"")
        .says("The message."),
];

/// `[target.webhook]`
#[rustfmt::skip]
pub(super) static WEBHOOK: &[Key] = &[
    key("register", Call(CALL)).usually("none: the server knows the URLs from its configuration")
        .says("The request that registers `{{callback_url}}`."),
    key("unregister", Call(CALL)).usually("none")
        .says("The request that withdraws it."),
    key("check", Call(CALL)).usually("none: after a restart of the server, receivers register again")
        .says("The request that asks for the registration after a restart of the server, which keeps registrations. A value that \
               it captures as `kept_url` must be the receiver's URL."),
    key("handshake", Words(words_of::<Handshake>)).literally("\"none\"")
        .says("How the server asks the endpoint for consent: `echo` answers `{\"challenge\": …}` with it; `cloudevents` answers \
               `OPTIONS` with `WebHook-Allowed-Origin`; `websub` answers `hub.challenge`."),
    key("verify", Table(SIGNATURE)).usually("none")
        .says("How a delivery's signature is checked: one that is wrong, missing or too old is answered 401 and counted as an error."),
    key("acknowledge", Table(ACKNOWLEDGE)).usually("204 without a body")
        .says("How a delivery is acknowledged."),
    key("ignore", Listed(&super::MATCHER)).usually("none")
        .says("Deliveries that carry no event."),
    key("listen", Grammar(&grammar::LISTEN)).usually("a loopback address for each client")
        .says("Where receivers listen: `\"address:port\"`. On IPv4 loopback each client has the next address, and all have the same \
               port; elsewhere each client has the next port."),
    key("advertise", Grammar(&grammar::URL)).usually("where they listen")
        .says("The URL by which the server reaches a receiver, where that is another: behind a tunnel, from a container. It may \
               name `{{listen_address}}` and `{{listen_port}}`."),
];

#[rustfmt::skip]
static ACKNOWLEDGE: &[Key] = &[
    key("status", Count(100..=599)).literally("204")
        .says("The status."),
    key("headers", Map(&TEMPLATE)).usually("none")
        .says("Header fields."),
    key("body", Grammar(&grammar::TEMPLATE)).usually("none")
        .says("The body."),
];
