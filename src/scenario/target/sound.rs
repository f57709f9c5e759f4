//! What the keys of a `[target]` mean for each other.

use super::super::PatternKind;
use super::super::error::{InvalidKey, ScenarioError, require};
use super::super::external::{External, Reach, TlsOptions};
use super::super::tree::{Place, Table, Value};
use crate::dialect::capture::Capture;
use crate::dialect::matcher::Matcher;
use crate::dialect::model::{
    Call, Dialect, EachStep, Mark, Messages, Over, PerMessage, Publishing, Signature, Step,
};
use crate::dialect::signing::Scheme;

/// Checks a server and how it is spoken to, for the patterns that are compared; `own` is the table that they were read from.
pub(super) fn check(
    file: &str,
    own: &Table,
    reach: &Reach,
    dialect: &Dialect,
) -> Result<(), ScenarioError> {
    let all = || {
        recognition(own, dialect)?;
        calls(dialect)?;
        if let Some(publish) = &dialect.publish {
            publishing(own, publish)?;
        }
        steps(dialect)?;
        messages(dialect)?;
        callback(dialect)?;
        signatures(dialect)?;
        tls(reach)
    };
    all().map_err(|refusal: InvalidKey| {
        let place = place_of(own, &refusal.key);
        ScenarioError::refused(file, &place, format!("{}: {}", refusal.key, refusal.message))
    })
}

/// Where `path`, such as `target.sse.steps[2].send`, is written: the key itself, or the nearest table that should hold it.
pub(super) fn place_of(own: &Table, path: &str) -> Place {
    let mut table = own;
    let mut place = Place::File;
    for part in path.split('.').skip(1) {
        let (name, at) = part.split_once('[').map_or((part, None), |(name, at)| {
            (name, at.strip_suffix(']').and_then(|at| at.parse::<usize>().ok()))
        });
        let Some(mut node) = table.get(name) else { break };
        if let (Some(at), Value::List(items)) = (at, &node.value) {
            let Some(item) = items.get(at) else { break };
            node = item;
        }
        place = node.place.clone();
        let Value::Table(inner) = &node.value else { break };
        table = inner;
    }
    place
}

fn recognition(own: &Table, dialect: &Dialect) -> Result<(), InvalidKey> {
    let said = &dialect.recognition;
    let (ids, field) = (said.by == Mark::Ids, said.by == Mark::Field);
    require(!ids || said.published_id.is_some(), "target.match", || {
        "\"ids\" needs what names an event in the response to its publication; write published_id = \"json:/id\"".to_owned()
    })?;
    require(!(ids || field) || said.delivered_id.is_some(), "target.match", || {
        let word = if ids { "ids" } else { "field" };
        format!(
            "\"{word}\" needs what names the event in a delivery; write delivered_id = \"json:/id\""
        )
    })?;
    require(ids || said.published_id.is_none(), "target.published_id", || {
        "has no use without match = \"ids\"; write that, or remove it".to_owned()
    })?;
    require(ids || field || said.delivered_id.is_none(), "target.delivered_id", || {
        "has no use without match = \"ids\" or \"field\"; write either, or remove it".to_owned()
    })?;
    let many = said.events == PerMessage::Many && own.get("events").is_some();
    require(!(ids || field) || !many || said.each.is_some(), "target.events", || {
        "\"many\": an id is one value of a message; name the array whose members are messages by each = \"/items\", or write \
         \"one\""
            .to_owned()
    })
}

fn calls(dialect: &Dialect) -> Result<(), InvalidKey> {
    let lacks = |of: &'static str| {
        move |(n, call): (usize, &Call)| {
            (format!("target.{of}[{n}]"), call.path.source().is_empty())
        }
    };
    let setup = dialect.setup.iter().map(|step| &step.call).enumerate().map(lacks("setup"));
    let teardown =
        dialect.teardown.iter().map(|step| &step.call).enumerate().map(lacks("teardown"));
    let request = dialect.request.iter().map(|it| &it.call).enumerate().map(lacks("request"));
    for (path, lacks) in setup.chain(teardown).chain(request) {
        require(!lacks, &path, || no_path("request"))?;
    }
    let webhook = dialect.webhook.as_ref();
    for (path, call) in [
        ("target.short-poll.request", dialect.short_poll.as_ref().map(|it| &it.request)),
        ("target.long-poll.request", dialect.long_poll.as_ref().map(|it| &it.request)),
        ("target.sse.request", dialect.sse.as_ref().map(|it| &it.request)),
        ("target.webhook.register", webhook.and_then(|it| it.register.as_ref())),
        ("target.webhook.unregister", webhook.and_then(|it| it.unregister.as_ref())),
        ("target.webhook.check", webhook.and_then(|it| it.check.as_ref())),
    ] {
        let lacks = call.is_some_and(|call| call.path.source().is_empty());
        require(!lacks, path, || no_path(path.rsplit('.').next().unwrap_or_default()))?;
    }
    let weights: u64 = dialect.request.iter().map(|call| u64::from(call.weight)).sum();
    require(dialect.request.is_empty() || weights > 0, "target.request", || {
        "every weight is 0, so nothing would be sent; give one a weight".to_owned()
    })
}

fn no_path(key: &str) -> String {
    format!("no path is given; write {key} = \"GET /…\"")
}

fn publishing(own: &Table, publish: &Publishing) -> Result<(), InvalidKey> {
    let written = |name: &str| own.of("publish").get(name).is_some();
    let refuse = |names: &[&str], over: &str| {
        names.iter().filter(|name| written(name)).try_for_each(|name| {
            require(false, &format!("target.publish.{name}"), || {
                format!("has no use with over = \"{over}\"; remove it, or change over")
            })
        })
    };
    match publish.over {
        Over::Http => {
            refuse(&["websocket", "send", "acknowledged", "command"], "http")?;
            let path = publish.request.as_ref().map(|call| call.path.source());
            require(path.is_some_and(|path| !path.is_empty()), "target.publish", || {
                "no request is described; write request = \"POST /topics/{{topic}}\" and body = \"{{event}}\"".to_owned()
            })
        }
        Over::WebSocket => {
            refuse(&["request", "command", "sign"], "websocket")?;
            require(written("send"), "target.publish", || {
                "over = \"websocket\" needs the message of an event; write send = \"{{event}}\""
                    .to_owned()
            })
        }
        Over::Command => {
            refuse(&["request", "websocket", "sign"], "command")?;
            require(!publish.command.is_empty(), "target.publish", || {
                "over = \"command\" needs the command; write command = [\"./publish\"]".to_owned()
            })
        }
    }
}

/// The conversations that have steps: whether clients can send over their own connection, and whether they hear messages.
fn steps(dialect: &Dialect) -> Result<(), InvalidKey> {
    let polls = [("short-poll", &dialect.short_poll), ("long-poll", &dialect.long_poll)];
    for (name, poll) in polls {
        for (n, reply) in poll.iter().flat_map(|poll| &poll.reply).enumerate() {
            let path = format!("target.{name}.reply[{n}]");
            has_no_name(&format!("{path}.to"), [&reply.to])?;
            let lacks = reply.request.path.source().is_empty();
            require(!lacks, &format!("{path}.request"), || no_path("request"))?;
        }
        let steps = poll.iter().flat_map(|poll| &poll.steps);
        each(&format!("target.{name}"), steps, false, false)?;
    }
    each("target.sse", dialect.sse.iter().flat_map(|sse| &sse.steps), false, true)?;
    each("target.websocket", dialect.websocket.iter().flat_map(|it| &it.steps), true, true)?;
    let publish = dialect.publish.iter().flat_map(|publish| &publish.websocket);
    each("target.publish.websocket", publish.flat_map(|it| &it.steps), true, true)
}

fn each<'a>(
    of: &str,
    steps: impl Iterator<Item = &'a Step>,
    sends: bool,
    hears: bool,
) -> Result<(), InvalidKey> {
    for (n, step) in steps.enumerate() {
        let path = format!("{of}.steps[{n}]");
        let kinds = [step.request.is_some(), step.send.is_some(), step.wait.is_some()];
        let kinds = kinds.into_iter().filter(|is| *is).count();
        require(kinds == 1, &path, || {
            match kinds {
            0 => "a step is one of request, send and wait, and this is none; write request = \"POST /…\"".to_owned(),
            _ => {
                "a step is only one of request, send and wait; make several steps of it".to_owned()
            }
        }
        })?;
        let lacks = step.request.as_ref().is_some_and(|call| call.path.source().is_empty());
        require(!lacks, &path, || no_path("request"))?;
        require(sends || step.send.is_none(), &format!("{path}.send"), || {
            "only a WebSocket can send a message; write request = \"POST /…\"".to_owned()
        })?;
        require(hears || step.wait.is_none(), &format!("{path}.wait"), || {
            "a poll has no stream to wait for; capture from a request in its place".to_owned()
        })?;
        require(!step.before || step.request.is_some(), &format!("{path}.before"), || {
            "nothing can be sent or awaited before the connection is opened; remove before, or make it a request".to_owned()
        })?;
        let once = step.each == EachStep::Connection;
        require(once || of == "target.publish.websocket", &format!("{path}.each"), || {
            "a client has one topic; only the steps of [target.publish.websocket] are taken for several".to_owned()
        })?;
        require(once || !step.before, &format!("{path}.each"), || {
            "a step before the connection is taken once; remove each or before".to_owned()
        })?;
        require(
            step.send.is_none() || step.capture.is_empty(),
            &format!("{path}.capture"),
            || {
                "a message that is sent has nothing to capture; wait for its answer in a step of its own".to_owned()
            },
        )?;
    }
    Ok(())
}

/// What is taken out of messages, which have no status and no headers, and what is said of those of WebSockets, which have no
/// names.
fn messages(dialect: &Dialect) -> Result<(), InvalidKey> {
    let publish = dialect.publish.as_ref().and_then(|publish| publish.websocket.as_ref());
    let sockets =
        [("target.websocket", dialect.websocket.as_ref()), ("target.publish.websocket", publish)];
    for (of, socket) in sockets.into_iter().filter_map(|(of, socket)| Some((of, socket?))) {
        of_message(
            &format!("{of}.cursor"),
            socket.cursor.iter().map(|(name, part)| (name, &part.capture)),
        )?;
        for (n, reply) in socket.reply.iter().enumerate() {
            of_message(&format!("{of}.reply[{n}].capture"), &reply.capture)?;
            has_no_name(&format!("{of}.reply[{n}].to"), [&reply.to])?;
        }
        for (n, step) in socket.steps.iter().enumerate() {
            has_no_name(&format!("{of}.steps[{n}].wait"), &step.wait)?;
        }
        let Messages { deliver, ignore, fail } = &socket.messages;
        for (key, matchers) in [("deliver", deliver), ("ignore", ignore), ("fail", fail)] {
            has_no_name(&format!("{of}.{key}"), matchers)?;
        }
    }
    if let Some(stream) = &dialect.sse {
        let parts = stream.cursor.iter().map(|(name, part)| (name, &part.capture));
        of_message("target.sse.cursor", parts)?;
    }
    let streams = [
        ("target.sse", dialect.sse.as_ref().map(|sse| &sse.steps)),
        ("target.websocket", dialect.websocket.as_ref().map(|socket| &socket.steps)),
        ("target.publish.websocket", publish.map(|socket| &socket.steps)),
    ];
    for (of, steps) in streams {
        for (n, step) in steps.into_iter().flatten().enumerate() {
            of_message(&format!("{of}.steps[{n}].capture"), &step.capture)?;
        }
    }
    Ok(())
}

fn of_message<'a>(
    path: &str,
    captures: impl IntoIterator<Item = (&'a String, &'a Capture)>,
) -> Result<(), InvalidKey> {
    for (name, capture) in captures {
        let source = capture.source();
        let of_answer =
            ["header:", "cookie:", "status"].iter().any(|kind| source.starts_with(kind));
        require(!of_answer, &format!("{path}.{name}"), || {
            format!(
                "'{source}': a message has no status, no headers and no cookies; take json:/… or regex:… of it"
            )
        })?;
    }
    Ok(())
}

fn has_no_name<'a>(
    path: &str,
    matchers: impl IntoIterator<Item = &'a Matcher>,
) -> Result<(), InvalidKey> {
    let named = matchers.into_iter().find_map(Matcher::event);
    require(named.is_none(), path, || {
        "only server-sent events have names; a message of a WebSocket is recognised by its content"
            .to_owned()
    })
}

fn signatures(dialect: &Dialect) -> Result<(), InvalidKey> {
    let sign = dialect.publish.as_ref().and_then(|publish| publish.sign.as_ref());
    let verify = dialect.webhook.as_ref().and_then(|webhook| webhook.verify.as_ref());
    for (key, signature) in [("target.publish.sign", sign), ("target.webhook.verify", verify)] {
        if let Some(Err(error)) = signature.map(Scheme::of) {
            return Err(InvalidKey { key: key.to_owned(), message: error.to_string() });
        }
        let Some(Signature { header, query: Some(query), .. }) = signature else { continue };
        require(key == "target.publish.sign", &format!("{key}.query"), || {
            "a delivery carries its signature in a header field; write header = \"X-Signature\""
                .to_owned()
        })?;
        require(header.is_none(), &format!("{key}.query"), || {
            "the signature is in a header field or in the query; remove header or query".to_owned()
        })?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        require(!query.is_empty() && query.chars().all(plain), &format!("{key}.query"), || {
            format!(
                "'{query}' is not the name of a parameter; write letters, digits, -, ., _ and ~"
            )
        })?;
    }
    Ok(())
}

fn callback(dialect: &Dialect) -> Result<(), InvalidKey> {
    let Some(webhook) = &dialect.webhook else { return Ok(()) };
    for (key, call) in [("unregister", &webhook.unregister), ("check", &webhook.check)] {
        let registers = webhook.register.is_some() || call.is_none();
        require(registers, &format!("target.webhook.{key}"), || {
            "nothing is registered; write register = \"POST /…\", or remove it".to_owned()
        })?;
    }
    Ok(())
}

fn tls(reach: &Reach) -> Result<(), InvalidKey> {
    let tls = &reach.tls;
    require(tls.cert.is_some() == tls.key.is_some(), "target.tls", || {
        let (has, lacks) = if tls.cert.is_some() { ("cert", "key") } else { ("key", "cert") };
        format!("{has} without {lacks}; a client shows its certificate and proves it by the key")
    })?;
    require(!(tls.insecure && tls.ca.is_some()), "target.tls.insecure", || {
        "accepts any certificate, which leaves ca without use; keep one of the two".to_owned()
    })?;
    let is_safe = |url: &str| {
        let url = url.to_ascii_lowercase();
        ["https:", "wss:", "{{"].iter().any(|scheme| url.starts_with(scheme))
    };
    let safe = reach.url.values().any(|url| is_safe(url.source()));
    require(safe || *tls == TlsOptions::default(), "target.tls", || {
        "no URL is https or wss, and there is no certificate to check; write https:// in target.url, or remove [target.tls]"
            .to_owned()
    })?;
    let hosts: Vec<String> = reach.url.values().filter_map(|url| host(url.source())).collect();
    for (n, resolve) in reach.resolve.iter().enumerate() {
        let name = resolve.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let used = hosts.contains(&name) || hosts.iter().any(|host| host.contains("{{"));
        require(used, &format!("target.resolve[{n}]"), || {
            format!("no URL names the host '{name}'; their hosts are {}", hosts.join(", "))
        })?;
    }
    Ok(())
}

/// The host of a URL, in lower case.
fn host(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(host) => host.split(']').next()?,
        None => authority.split(':').next()?,
    };
    Some(host.to_ascii_lowercase())
}

/// Checks that the URL of each pattern is one that it can speak.
pub(in crate::scenario) fn schemes(
    file: &str,
    root: &Table,
    external: &External,
    patterns: &[PatternKind],
) -> Result<(), ScenarioError> {
    let External { reach, dialect, .. } = external;
    let delivers = patterns.iter().any(|kind| kind.delivers());
    let posts = dialect.publish.as_ref().is_some_and(|it| it.over == Over::Http);
    let publish = (delivers && posts).then_some("publish");
    let http = patterns.iter().filter(|kind| **kind != PatternKind::WebSocket);
    for name in http.map(|kind| kind.name()).chain(publish) {
        let Some(url) = reach.url_of(name) else { continue };
        let url = url.source().to_ascii_lowercase();
        let (was, is) = match url.split_once(':') {
            Some(("wss", _)) => ("wss", "https"),
            Some(("ws", _)) => ("ws", "http"),
            _ => continue,
        };
        let key = if reach.url.contains_key(name) { name } else { "default" };
        let place = place_of(root.of("target"), &format!("target.url.{key}"));
        let message = format!(
            "target.url: {name} speaks HTTP and not {was}; write {is}://…, which a WebSocket takes as well, or a URL of its own: \
             url = {{ {name} = \"{is}://…\" }}"
        );
        return Err(ScenarioError::refused(file, &place, message));
    }
    Ok(())
}
