//! What of a scenario only the built-in server can carry out: refused for any other, never ignored.

use super::super::error::{InvalidKey, ScenarioError, require};
use super::super::external::External;
use super::super::keys::{self, Server};
use super::super::read::refused;
use super::super::sweep::Axis;
use super::super::tree::{Node, Table, Value};
use super::super::{Connection, Pattern, PatternKind, Phases, Publish, Workload};
use super::described;
use crate::dialect::model::{Dialect, Mark, Over, Polling};
use crate::dialect::token::Token;
use crate::event::TokenPayload;
use crate::unit::{Span, significant};

/// Refuses what `root` and its `axes` say that `external` cannot have.
pub(in crate::scenario) fn check(
    file: &str,
    root: &Table,
    axes: &[Axis],
    external: &External,
) -> Result<(), ScenarioError> {
    for section in keys::sections() {
        for (name, node) in &root.of(section.name).0 {
            let Some(key) = section.key(name) else { continue };
            fits(file, section.name, name, key.server, node, external)?;
        }
    }
    for axis in axes {
        let Some((key, first)) = axis.of.key(&axis.key).zip(axis.values.first()) else { continue };
        fits(file, axis.of.name, &axis.key, key.server, first, external)?;
    }
    let network = root.get("network").filter(|_| external.reach.unix.is_some());
    if let Some(node) = network {
        let fault = "a Unix socket has no network to emulate; remove target.unix, or [network]";
        return Err(refused(file, "network", node, fault));
    }
    let restart = root.get("restart").filter(|_| external.launch.is_empty());
    restart.map_or(Ok(()), |node| {
        let fault = "a server that tidings did not start cannot be restarted; start it by [[target.launch]], or remove [restart]";
        Err(refused(file, "restart", node, fault))
    })
}

fn fits(
    file: &str,
    section: &str,
    name: &str,
    server: Server,
    node: &Node,
    external: &External,
) -> Result<(), ScenarioError> {
    let fault = match server {
        Server::Any => return Ok(()),
        Server::Envelope(_) if speaks_ours(&external.dialect) => return Ok(()),
        Server::BuiltIn(why) | Server::Envelope(why) => why.to_owned(),
        Server::Placeholder(placeholder) => {
            let asked = polling(external, section).is_none_or(|poll| asks(poll, placeholder));
            if asked {
                return Ok(());
            }
            format!(
                "target.{section}.request has no {{{{{placeholder}}}}}, so it cannot ask for this; write it into the \
                 request, or remove {section}.{name}"
            )
        }
    };
    Err(refused(file, &format!("{section}.{name}"), node, &fault))
}

/// Whether a server is one like the built-in one, elsewhere.
fn speaks_ours(dialect: &Dialect) -> bool {
    dialect.recognition.by == Mark::Envelope
}

fn polling<'a>(external: &'a External, section: &str) -> Option<&'a Polling> {
    match PatternKind::from_name(section)? {
        PatternKind::ShortPoll => external.dialect.short_poll.as_ref(),
        PatternKind::LongPoll => external.dialect.long_poll.as_ref(),
        _ => None,
    }
}

/// Whether a poll's request has a placeholder.
fn asks(poll: &Polling, placeholder: &str) -> bool {
    let texts = [&poll.request.path].into_iter().chain(&poll.request.body);
    let mut texts = texts.chain(poll.request.headers.values());
    texts.any(|text| text.source().contains(&format!("{{{{{placeholder}")))
}

/// The options of a pattern that follow from how `external` is spoken to; `table` is what the scenario says.
pub(in crate::scenario) fn options(
    pattern: &mut Pattern,
    table: &Table,
    external: &External,
) -> Result<(), InvalidKey> {
    let dialect = &external.dialect;
    match pattern {
        Pattern::ShortPoll(options) => {
            let poll = dialect.short_poll.as_ref();
            if poll.is_some_and(|poll| !asks(poll, "limit")) {
                options.limit = u64::MAX;
            }
            if !speaks_ours(dialect) {
                options.conditional = poll.is_some_and(|poll| poll.etag);
            }
        }
        Pattern::LongPoll(options) => {
            let Some(poll) = &dialect.long_poll else { return Ok(()) };
            if !asks(poll, "limit") {
                options.limit = u64::MAX;
            }
            if let Some(hold) = poll.hold.filter(|_| table.get("wait").is_none()) {
                options.wait = hold;
            }
        }
        Pattern::Sse(options) => {
            let known = dialect.sse.as_ref().and_then(|sse| sse.heartbeat);
            options.heartbeat = silence(known, options.heartbeat, dialect);
        }
        Pattern::WebSocket(options) => {
            let known = dialect.websocket.as_ref().and_then(|socket| socket.heartbeat);
            options.ping = silence(known, options.ping, dialect);
        }
        Pattern::Request(options) => {
            let calls = options.connection == Connection::WebSocket && !speaks_ours(dialect);
            return require(!calls, "request.connection", || {
                "request.connection = \"websocket\": calls over a WebSocket are a protocol of the built-in server; write \
                 \"keep-alive\" or \"per-request\""
                    .to_owned()
            });
        }
        Pattern::Webhook(_) => {}
    }
    Ok(())
}

/// The time between signs of life: what the dialect says, or the built-in server's; none is known where it is 0.
fn silence(known: Option<Span>, ours: Span, dialect: &Dialect) -> Span {
    known.unwrap_or(if speaks_ours(dialect) { ours } else { Span::default() })
}

/// Has a publisher of the harness publish to a server that cannot do it by itself.
pub(in crate::scenario) fn publish(
    workload: &mut Workload,
    table: &Table,
    kind: PatternKind,
) -> Result<(), InvalidKey> {
    if !kind.delivers() {
        return Ok(());
    }
    let key = "workload.publish";
    let written = table.get("publish").is_some();
    let fits = matches!(workload.publish, Publish::Publisher | Publish::Nobody);
    require(!written || fits, key, || {
        let who = match workload.publish {
            Publish::Target => "the built-in server alone publishes by itself",
            _ => "the clients publish to the built-in server alone",
        };
        format!(
            "{key} = \"{}\": {who}; write {key} = \"publisher\", or remove it: a process of its own then publishes as \
             [target.publish] says",
            workload.publish.name()
        )
    })?;
    if !written {
        workload.publish = Publish::Publisher;
    }
    Ok(())
}

/// Checks that the events of a case can be told apart, and that the server takes as many as there are.
pub(in crate::scenario) fn events(
    workload: &Workload,
    phases: &Phases,
    external: &External,
) -> Result<(), InvalidKey> {
    let dialect = &external.dialect;
    let per_s = workload.rate.per_s() * workload.topics as f64;
    if let Some(most) = dialect.publish.as_ref().and_then(|publish| publish.rate) {
        require(per_s <= most.per_s(), "workload.rate", || {
            format!(
                "workload.rate = {}: {} topics have {} events per second, and target.publish.rate = {most} is the most that the \
                 server takes; lower workload.rate or workload.topics",
                workload.rate,
                workload.topics,
                significant(per_s)
            )
        })?;
    }
    if dialect.recognition.by != Mark::Token {
        return Ok(());
    }
    let payload = workload.payload.bytes() as usize;
    TokenPayload::new(workload.payload_kind, payload).map_err(|reason| {
        let message = format!("workload.payload = {}: {reason}", workload.payload);
        InvalidKey { key: "workload.payload".to_owned(), message }
    })?;
    require(workload.topics <= Token::TOPICS, "workload.topics", || {
        format!(
            "workload.topics = {}: tokens tell at most {} topics apart; lower it",
            workload.topics,
            Token::TOPICS
        )
    })?;
    // Poisson arrivals may be more than their mean.
    let most = workload.rate.per_s() * (phases.warmup.secs() + phases.measure.secs()) * 2.0;
    require(most <= Token::LAST as f64, "workload.rate", || {
        format!(
            "workload.rate = {}: tokens number at most {} events of a topic; lower it",
            workload.rate,
            Token::LAST
        )
    })
}

/// The patterns of a scenario: those that it names, or all that the dialect describes.
pub(in crate::scenario) fn patterns(
    file: &str,
    root: &Table,
    external: &External,
    named: &[PatternKind],
) -> Result<Vec<PatternKind>, ScenarioError> {
    let has = described(&external.dialect);
    let whose = external.name.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
    let listed =
        |kinds: &[PatternKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    if has.is_empty() {
        let fault = "target: no pattern is described; write [target.sse], [target.websocket] or another, or start from a \
                     dialect: dialect = \"…\"";
        return Err(ScenarioError::refused(file, &root.place("target"), fault));
    }
    match named.iter().position(|kind| !has.contains(kind)) {
        _ if named.is_empty() && root.get("patterns").is_none() => Ok(has),
        None => Ok(named.to_vec()),
        Some(n) => {
            let kind = named[n].name();
            let place = match root.get("patterns").map(|node| &node.value) {
                Some(Value::List(items)) => items.get(n).map(|item| item.place.clone()),
                _ => None,
            };
            let place = place.unwrap_or_else(|| root.place("patterns"));
            let message = format!(
                "patterns: the dialect{whose} does not describe '{kind}'; it describes {}. Remove '{kind}', or describe it in \
                 [target.{kind}]",
                listed(&has)
            );
            Err(ScenarioError::refused(file, &place, message))
        }
    }
}

/// Checks that what the cases need of the dialect is there.
pub(in crate::scenario) fn complete(
    file: &str,
    root: &Table,
    external: &External,
    patterns: &[PatternKind],
) -> Result<(), ScenarioError> {
    let place = root.place("target");
    if external.dialect.publish.is_none()
        && !keys::listens(root.of("workload"))
        && let Some(kind) = patterns.iter().find(|kind| kind.delivers())
    {
        let message = format!(
            "target.publish: missing; {} needs to know how an event is published, such as request = \"POST /topics/{{{{topic}}}}\" \
             and body = \"{{{{event}}}}\" in [target.publish]; or only listen: publish = \"nobody\" in [workload]",
            kind.name()
        );
        return Err(ScenarioError::refused(file, &place, message));
    }
    let delivers = patterns.iter().any(|kind| kind.delivers());
    let connects = external.dialect.publish.as_ref().is_some_and(|it| it.over != Over::Command);
    let names = patterns.iter().map(|kind| kind.name());
    for name in names.chain((delivers && connects).then_some("publish")) {
        if external.reach.url_of(name).is_none() {
            let message = format!(
                "target.url.{name}: missing; write it, or target.url.default = \"http://…\" for all that have none of their own"
            );
            return Err(ScenarioError::refused(file, &root.place("target.url"), message));
        }
    }
    Ok(())
}
