//! `[network]`: what of the network between target and clients can be carried out. The emulated network itself is [`Network`]'s.

use super::error::{InvalidKey, require};
use super::{CallbackConnection, Case, Connection, Http, Pattern, Phases, SlowConsumer, Workload};
use crate::pace::Network;
use crate::unit::{Bandwidth, Span};

/// Longest way: the handshakes and the answers that have no time-out of a scenario's have 10 s for it and back.
const LONGEST: Span = Span::from_secs(1);

/// Checks the network of one case against what is to go through it.
pub(super) fn check(case: &Case, phases: &Phases) -> Result<(), InvalidKey> {
    let Network { latency, jitter, bandwidth, .. } = case.conditions.network;
    let way = Span::from_ns(latency.ns().saturating_add(jitter.ns()));
    require(way <= LONGEST, "network.latency", || {
        format!(
            "network.latency = {latency} with network.jitter = {jitter} exceeds {LONGEST} one way; shorten it"
        )
    })?;
    // Asked and answered, and once more for what a link has to ask anew.
    let (latest, drain) = (Span::from_ns(4 * way.ns()), phases.drain);
    require(latest <= drain, "network.latency", || {
        format!(
            "network.latency = {latency} with network.jitter = {jitter}: two round trips take up to {latest}, longer \
             than phases.drain = {drain}, so what is due last would count as lost; lengthen the drain"
        )
    })?;
    for (key, limit, round_trips) in limits(case) {
        let needed = Span::from_ns(round_trips * 2 * way.ns());
        require(needed <= limit, key, || {
            format!(
                "{key} = {limit}: with network.latency = {latency} and network.jitter = {jitter} the response takes up to \
                 {needed}; lengthen it"
            )
        })?;
    }
    let Some(bandwidth) = bandwidth else { return Ok(()) };
    let bits = owed(case) * 8.0;
    require(bits <= bandwidth.bits_per_s() as f64, "network.bandwidth", || {
        let needed = Bandwidth::from_bits_per_second(bits.ceil() as u64);
        format!(
            "network.bandwidth = {bandwidth}: the payloads of one connection alone need {needed}; raise it, or lower the \
             rate or workload.payload"
        )
    })
}

/// Time-outs of a case, and the round trips that an answer in good time takes.
fn limits(case: &Case) -> Vec<(&'static str, Span, u64)> {
    let dialling = 2 + u64::from(case.transport.tls);
    match &case.pattern {
        Pattern::Request(options) => {
            let dials = options.connection == Connection::PerRequest;
            vec![("request.timeout", options.timeout, if dials { dialling } else { 1 })]
        }
        Pattern::ShortPoll(options) => vec![("short-poll.timeout", options.timeout, 1)],
        Pattern::WebSocket(options) => vec![("websocket.pong_timeout", options.pong_timeout, 1)],
        Pattern::Webhook(options) => {
            let dials = options.connection == CallbackConnection::PerAttempt;
            vec![("webhook.timeout", options.timeout, if dials { dialling } else { 1 })]
        }
        Pattern::LongPoll(_) | Pattern::Sse(_) => Vec::new(),
    }
}

/// Bytes of payloads a second that a connection must carry, lest it falls behind for good; 0 where it need not.
fn owed(case: &Case) -> f64 {
    let Workload { rate, payload, clients, .. } = case.workload;
    let lags = |policy: SlowConsumer| policy != SlowConsumer::Disconnect;
    let behind = match &case.pattern {
        // Not every request has a payload.
        Pattern::Request(_) => true,
        // To fall behind is what such a policy is for.
        Pattern::Sse(options) => lags(options.slow_consumer),
        Pattern::WebSocket(options) => lags(options.slow_consumer),
        _ => false,
    };
    let links = match case.transport.http {
        Http::One => 1,
        Http::Two => clients.min(case.transport.streams.into()),
    };
    if behind { 0.0 } else { rate.per_s() * payload.bytes() as f64 * links as f64 }
}

/// What the links of a case need in order to stand, at most, in nanoseconds, when nothing is lost: the dial, the handshake, what is
/// asked for first; of webhooks the registration and the challenge, which is a call of its own; of those who post, once more.
pub fn opening_ns(case: &Case) -> u64 {
    let Network { latency, jitter, .. } = case.conditions.network;
    let dialled_and_asked = 2 + u64::from(case.transport.tls);
    let kind = case.pattern.kind();
    let calls = 1
        + u64::from(kind.traits().called_back)
        + u64::from(case.workload.publish.needs_connection(kind));
    calls * dialled_and_asked * 2 * (latency.ns() + jitter.ns())
}

/// What is emulated in any of the cases, as `key=value` with spaces between and `|` between the values of an axis;
/// `None` where nothing is.
pub fn summary<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Option<String> {
    let networks: Vec<Network> = cases.into_iter().map(|case| case.conditions.network).collect();
    let column = |name: &str, value: fn(&Network) -> Option<String>, none: &str| {
        let mut values: Vec<String> = Vec::new();
        for network in &networks {
            let value = value(network).unwrap_or_else(|| none.to_owned());
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let off = values.iter().all(|value| value == none);
        (!off).then(|| format!("{name}={}", values.join("|")))
    };
    let columns = [
        column("latency", |n| Some(n.latency.to_string()), "0ns"),
        column("jitter", |n| Some(n.jitter.to_string()), "0ns"),
        column("bandwidth", |n| n.bandwidth.map(|b| b.to_string()), "unlimited"),
        column("loss", |n| Some(n.loss.to_string()), "0"),
    ];
    let told: Vec<String> = columns.into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(" "))
}
