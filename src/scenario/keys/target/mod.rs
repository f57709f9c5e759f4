//! `[target]` and the tables in it: where a server is, how it is started, and how it is spoken to.

mod conversation;
mod grammar;
mod patterns;
mod servers;

use super::Kind::{Boolean, Call, Count, Grammar, List, Listed, Map, Table, Text, Words};
use super::{Form, Key, Kind, Of, Section, key};
use crate::dialect::model::{Mark, PerMessage, Semantics, StampUnit};
use crate::scenario::read::words_of;
use crate::scenario::{Addresses, Http, target};

pub(in crate::scenario) use grammar::LINE;
pub(in crate::scenario) use servers::BUILT_IN;

/// The keys of `[target]` that say where a server is and how it is reached, and not how it is spoken to.
pub(in crate::scenario) const WHERE: [&str; 13] = [
    "url",
    "tls",
    "http",
    "unix",
    "resolve",
    "connect_to",
    "addresses",
    "cookies",
    "compression",
    "permission",
    "dialect",
    "launch",
    "process",
];

/// `[target]`
#[rustfmt::skip]
pub(in crate::scenario) static TARGET: Section = Section {
    name: "target",
    about: "The server that is measured: the built-in one, or one of your own and how it is spoken to.",
    of: Of::Traits(|_| true),
    swept: false,
    form: Form {
        read: target::readable,
        #[cfg(test)]
        fields: || &[],
        defaults: target::defaults,
    },
    keys: &[
        key("url", Kind::Either(&[Grammar(&grammar::URL), Table(URLS)])).usually("the built-in server")
            .says("Where the server is: `\"http://127.0.0.1:8080\"`, with `https` for TLS; its path is put before the paths of \
                   requests. `{{port}}` is the port that a launched server was given. Or a table with a URL for each \
                   pattern. With it, the built-in server is not started."),
        key("dialect", Grammar(&grammar::DIALECT)).usually("none, or `\"builtin\"` without `url` and `launch`")
            .says("The page that the other keys start from: one of those in [dialects](dialects), by its name, or a file of \
                   your own, `\"./my.toml\"`, relative to the scenario. A page holds a `[target]` table. What the scenario \
                   says replaces what the page says; tables are merged key by key, lists and arrays of tables replaced whole."),
        key("permission", Text).usually("none")
            .says("Who allowed the load, and where: needed where the server is not on this host, unless `--yes-i-may` is given. \
                   The report prints it."),
        key("headers", Map(&TEMPLATE)).usually("none")
            .says("Header fields of every request, handshakes of WebSockets included. A field whose value is empty is not sent."),
        key("http", Words(words_of::<Http>)).usually("`transport.http`")
            .says("The HTTP version; the same as `transport.http`, which can be swept."),
        key("tls", Table(TLS)).usually("the system's certificate authorities")
            .says("Certificates of `https` and `wss`."),
        key("unix", Grammar(&grammar::TEMPLATE)).usually("none")
            .says("The Unix socket that is connected to in place of the URL's host and port."),
        key("resolve", Listed(&RESOLVE)).usually("none")
            .says("Addresses in place of the name service's, as in curl: `\"host:port:address\"`."),
        key("connect_to", Listed(&CONNECT_TO)).usually("none")
            .says("Other hosts and ports to connect to, as in curl: `\"host:port:host:port\"`; an empty host or port stands for any, \
                   or for the URL's own. `Host`, and the name in TLS, stay the URL's."),
        key("addresses", Words(words_of::<Addresses>)).literally("\"first\"")
            .says("Which of a name's addresses are connected to: the first that accepts, or all of them in turn, client by \
                   client."),
        key("cookies", Boolean).literally("false")
            .says("Whether each client keeps the cookies that it is sent, and sends them back."),
        key("compression", Boolean).literally("false")
            .says("Whether compressed responses are asked for (gzip, deflate), and decompressed."),
        key("match", Words(words_of::<Mark>)).literally("\"token\"")
            .says("How an event is recognised on arrival: by the token that the publisher puts into its payload, wherever that \
                   is in a message; by the id that the server gave it, `published_id`, found again as `delivered_id`; by its \
                   number in a field, `delivered_id`. `\"envelope\"` is the built-in server's own format."),
        key("events", Words(words_of::<PerMessage>)).literally("\"many\"")
            .says("Events that a message may carry: `\"one\"` ends the search at the first."),
        key("semantics", Words(words_of::<Semantics>)).literally("\"every\"")
            .says("What the server promises: that every event reaches every subscriber, or that the newest state does; then an \
                   event that a newer one overtook is superseded, and not lost."),
        key("decode", Grammar(&grammar::DECODE)).usually("none")
            .says("How a message is decoded before it is searched for events: `\"base64:/message/data\"`."),
        key("each", Grammar(&grammar::POINTER)).usually("none")
            .says("JSON pointer to the array whose members are messages of their own: `\"/items\"`; `\"\"` for the whole message."),
        key("published_id", Grammar(&grammar::CAPTURE)).usually("none")
            .says("With `match = \"ids\"`: what names an event in the response to its publication, such as `\"json:/id\"`."),
        key("delivered_id", Grammar(&grammar::CAPTURE)).usually("none")
            .says("With `match = \"ids\"` or `\"field\"`: what names the event in a delivery."),
        key("stamp", Grammar(&grammar::CAPTURE)).usually("none")
            .says("Where a message says when it was made, by the wall clock of who made it: `\"json:/t\"`. Its age on arrival is then \
                   measured, as well as the two clocks agree."),
        key("stamp_unit", Words(words_of::<StampUnit>)).literally("\"ms\"")
            .says("What `stamp` counts since 1970."),
        key("launch", List(&Table(servers::LAUNCH))).usually("none")
            .says("Processes that are started for each trial, in this order, and stopped after it. See below."),
        key("process", Table(servers::PROCESS)).usually("what is launched")
            .says("The process whose CPU and memory are measured, where tidings did not start it. Without either, these columns \
                   stay empty."),
        key("setup", List(&Table(conversation::SETUP))).usually("none")
            .says("Requests before any client connects, in this order: log in, create a collection, a stream. They must do no \
                   harm when they are sent again."),
        key("teardown", List(&Table(conversation::SETUP))).usually("none")
            .says("Requests after the trial, in this order, also after a failure and Ctrl-C."),
        key("publish", Table(conversation::PUBLISH)).usually("none")
            .says("How an event is published. Needed for every pattern but `request`."),
        key("request", List(&Table(conversation::REQUESTS))).usually("none")
            .says("The requests of `request`, chosen by weight."),
        key("short-poll", Table(patterns::POLL)).usually("none")
            .says("How a topic is polled."),
        key("long-poll", Table(patterns::LONG_POLL)).usually("none")
            .says("How a topic is polled by a request that the server holds."),
        key("sse", Table(patterns::SSE)).usually("none")
            .says("How a topic's event stream is read."),
        key("websocket", Table(patterns::WEBSOCKET)).usually("none")
            .says("How a topic is subscribed to over a WebSocket."),
        key("webhook", Table(patterns::WEBHOOK)).usually("none")
            .says("How the server calls back."),
        key("builtin", Table(BUILT_IN)).usually("as below")
            .says("What only the built-in server has; refused for any other."),
    ],
};

/// The tables of `[target]` that README.md lists by themselves; those without `target.` in their names are parts of others.
pub(super) static INNER: [&Section; 16] = [
    &part("target.launch", "Processes that are started for each trial.", servers::LAUNCH),
    &part("target.process", "The process that is measured.", servers::PROCESS),
    &part("target.tls", "Certificates.", TLS),
    &part("call", "A request.", conversation::CALL),
    &part("step", "A step of a conversation.", conversation::STEP),
    &part("messages", "What the messages of a stream mean.", conversation::MESSAGES),
    &part("target.setup", "Requests before any client connects.", conversation::SETUP),
    &part("target.publish", "How an event is published.", conversation::PUBLISH),
    &part("signature", "A signature.", conversation::SIGNATURE),
    &part("target.request", "The requests of `request`.", conversation::REQUESTS),
    &part("target.short-poll", "How a topic is polled.", patterns::POLL),
    &part("target.long-poll", "A poll that the server holds.", patterns::LONG_POLL),
    &part("target.sse", "An event stream.", patterns::SSE),
    &part("target.websocket", "A WebSocket.", patterns::WEBSOCKET),
    &part("target.webhook", "Callbacks.", patterns::WEBHOOK),
    &Section {
        form: Form {
            read: |_, _, _| Ok(()),
            #[cfg(test)]
            fields: || &[],
            defaults: || target::defaults()["builtin"].clone(),
        },
        ..part("target.builtin", "What only the built-in server has.", BUILT_IN)
    },
];

/// A table within `[target]`.
const fn part(name: &'static str, about: &'static str, keys: &'static [Key]) -> Section {
    let form = Form {
        read: |_, _, _| Ok(()),
        #[cfg(test)]
        fields: || &[],
        defaults: || serde_json::Value::Null,
    };
    Section { name, keys, about, of: Of::Traits(|_| true), swept: false, form }
}

/// A text with placeholders.
static TEMPLATE: Kind = Grammar(&grammar::TEMPLATE);
/// What is taken out of an answer or a message.
static CAPTURE: Kind = Grammar(&grammar::CAPTURE);
/// A condition on a message.
static MATCHER: Kind = Grammar(&grammar::MATCHER);
static RESOLVE: Kind = Grammar(&grammar::RESOLVE);
static CONNECT_TO: Kind = Grammar(&grammar::CONNECT_TO);
/// A status of HTTP.
static STATUS: Kind = Count(100..=599);

#[rustfmt::skip]
static URLS: &[Key] = &[
    key("default", Grammar(&grammar::URL)).usually("none")
        .says("The URL of every request that has none of its own: set-up, steps, patterns."),
    key("publish", Grammar(&grammar::URL)).usually("`default`")
        .says("The URL that events are published to."),
    key("request", Grammar(&grammar::URL)).usually("`default`")
        .says("The URL of `request`."),
    key("short-poll", Grammar(&grammar::URL)).usually("`default`")
        .says("The URL of `short-poll`."),
    key("long-poll", Grammar(&grammar::URL)).usually("`default`")
        .says("The URL of `long-poll`."),
    key("sse", Grammar(&grammar::URL)).usually("`default`")
        .says("The URL of `sse`."),
    key("websocket", Grammar(&grammar::URL)).usually("`default`")
        .says("The URL of `websocket`: `ws`, `wss`, `http` or `https`."),
    key("webhook", Grammar(&grammar::URL)).usually("`default`")
        .says("The URL at which webhooks are registered."),
];

#[rustfmt::skip]
static TLS: &[Key] = &[
    key("ca", Grammar(&grammar::FILE)).usually("the system's")
        .says("PEM file with the certificate authorities that are trusted, relative to the scenario."),
    key("cert", Grammar(&grammar::FILE)).usually("none")
        .says("PEM file with the clients' own certificate. Together with `key`."),
    key("key", Grammar(&grammar::FILE)).usually("none")
        .says("PEM file with its private key."),
    key("insecure", Boolean).literally("false")
        .says("Whether any certificate is accepted."),
    key("server_name", Text).usually("the URL's host")
        .says("The name that the certificate must be for."),
];

/// The keys of a call, in a table of its own or beside others.
const fn call(meaning: &'static str) -> Key {
    key("request", Call(conversation::CALL)).usually("none").says(meaning)
}
