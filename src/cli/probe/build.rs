//! From flags to the scenario: its text, which `--save` writes and which is read as any file is.

use anyhow::{anyhow, bail};
use tidings::scenario::{self, Scenario, ScenarioError};
use tidings::unit::{Rate, Span, counted, thousands};

use super::args::Arguments;
use super::text::{Text, quoted};
use super::url::Url;
use super::{target, way::Way};

/// What errors call the scenario.
const SHOWN: &str = "probe";
/// Links that are opened per second.
const CONNECTS_PER_S: u64 = 2_000;
/// Least time over which links are opened.
const CONNECT: Span = Span::from_ms(50);
/// Longest warm-up unless one is asked for.
const WARMUP: Span = Span::from_ms(500);
/// How long is measured unless `-z` says so.
const MEASURE: Span = Span::from_secs(10);
/// The longest measurement of a number of requests.
const LONGEST: Span = Span::from_secs(86_400);
/// Clients unless `-c` says so.
const CLIENTS: u64 = 50;
/// Events per second unless `-q` says so.
const EVENTS_PER_S: f64 = 10.0;

/// A scenario and its text.
#[derive(Debug)]
pub(super) struct Built {
    /// The scenario as `--save` writes it.
    pub text: String,
    /// The same, read.
    pub scenario: Scenario,
}

/// The scenario that `arguments` ask for.
pub(super) fn built(arguments: &Arguments) -> anyhow::Result<Built> {
    if arguments.load.uncorrected {
        bail!(
            "uncorrected latencies (-U) are not measured as such: response times count from when a request was due. service_ns, \
             which counts from when it was sent, is beside them in the results (--results DIR)"
        );
    }
    let text = text(arguments)?;
    let environment = |name: &str| std::env::var(name).ok();
    match scenario::parse(&text, SHOWN, &[], &environment) {
        Ok(scenario) => Ok(Built { text, scenario }),
        // Nobody has seen the lines of the text.
        Err(ScenarioError::Refused { place, message }) if place.starts_with(SHOWN) => {
            Err(anyhow!(message))
        }
        Err(error) => Err(error.into()),
    }
}

/// The scenario as text.
pub(super) fn text(arguments: &Arguments) -> anyhow::Result<String> {
    let url = arguments.url.as_deref().map(Url::of).transpose()?;
    let way = Way::of(arguments, url.as_ref())?;
    let mut out = Text::default();
    out.comment("Written by tidings probe. The same load again: tidings run FILE");
    out.key("name", &quoted("probe"));
    out.key("question", &quoted(&question(arguments, way)));
    out.key("patterns", &format!("[{}]", quoted(way.pattern())));
    out.key("trials", &arguments.run.trials.get().to_string());
    out.key("seed", &arguments.run.seed.get().to_string());
    out.comment("Without trials against a null target, so that a probe begins at once.");
    out.key("floor", "false");
    workload(arguments, way, &mut out);
    options(arguments, way, &mut out);
    phases(arguments, way, &mut out);
    if arguments.connection.http2 {
        out.table("transport");
        out.key("http", "\"2\"");
        out.comment("Each client has a connection of its own.");
        out.key("streams", "1");
    }
    target::write(arguments, way, url.as_ref(), &mut out)?;
    arguments.run.sets.iter().try_for_each(|set| out.set(set))?;
    Ok(out.into())
}

/// Clients: receivers of webhooks have an address each, so that one is enough unless more are asked for.
fn clients(arguments: &Arguments, way: Way) -> u64 {
    let usual = if way == Way::Webhook { 1 } else { CLIENTS };
    arguments.load.connections.map_or(usual, tidings::unit::Count::get)
}

fn question(arguments: &Arguments, way: Way) -> String {
    let clients = counted(clients(arguments, way), "client");
    let url = arguments.url.as_deref().or(arguments.way.webhook.as_deref()).unwrap_or_default();
    match (way, arguments.load.rate) {
        (Way::Request, Some(rate)) => {
            format!("How does {url} respond to {} over {clients}?", shown(rate))
        }
        (Way::Request, None) => format!(
            "How does {url} respond to {clients}, each sending its next request after a response?"
        ),
        _ if arguments.publish.to.is_some() => {
            format!("How fresh are events on arrival at {clients} of {url}, and do all arrive?")
        }
        _ => format!("What arrives at {clients} of {url}?"),
    }
}

/// A rate as the table prints it: `2,000/s`, and `90/min`.
fn shown(rate: Rate) -> String {
    let per_s = rate.per_s();
    if per_s >= 1_000.0 && per_s.fract() == 0.0 {
        return format!("{}/s", thousands(per_s as u64));
    }
    rate.to_string()
}

fn workload(arguments: &Arguments, way: Way, out: &mut Text) {
    let publish = &arguments.publish;
    out.table("workload");
    out.key("clients", &clients(arguments, way).to_string());
    out.comment("Clients that cannot connect are counted, and try again.");
    out.key("unconnected", "\"count\"");
    if way == Way::Request {
        return;
    }
    out.key("topics", &publish.topics.get().to_string());
    if publish.to.is_none() {
        out.comment(
            "Clients only listen: messages are counted, and the gaps between them measured.",
        );
        out.key("publish", "\"nobody\"");
        return;
    }
    let rate = arguments.load.rate.unwrap_or(Rate::per_second(EVENTS_PER_S));
    out.comment("Events per second in each topic, which arrive at all of its clients.");
    out.key("rate", &quoted(&rate.to_string()));
    out.key("payload", &quoted(&publish.payload.to_string()));
}

fn options(arguments: &Arguments, way: Way, out: &mut Text) {
    let load = &arguments.load;
    let timeout = quoted(&arguments.request.timeout.to_string());
    match way {
        Way::Request => {
            out.table("request");
            if let Some(rate) = load.rate {
                out.comment(
                    "Open loop: requests are due by the clock, and response times count from when they are due.",
                );
                out.key("loop", "\"open\"");
                out.key("rate", &quoted(&rate.to_string()));
                out.key("arrivals", "\"constant\"");
            } else {
                out.comment("Closed loop: a client sends its next request after a response.");
                out.key("loop", "\"closed\"");
            }
            if let Some(requests) = load.requests {
                out.comment("The measurement ends when so many requests have been answered.");
                out.key("requests", &requests.get().to_string());
            }
            if arguments.connection.disable_keepalive {
                out.key("connection", "\"per-request\"");
            }
            out.key("timeout", &timeout);
            if load.retry_after {
                out.comment("After 429 or 503 a client waits as Retry-After asks.");
            } else {
                out.comment("429 and 503 are counted, and the schedule is kept.");
            }
            out.key("retry_after", if load.retry_after { "true" } else { "false" });
        }
        Way::Poll(interval) => {
            out.table("short-poll");
            out.key("interval", &quoted(&interval.to_string()));
            out.key("timeout", &timeout);
        }
        Way::LongPoll | Way::Sse | Way::WebSocket => {
            out.table("reconnect");
            out.comment("Longest wait for a connection to open.");
            out.key("timeout", &timeout);
        }
        Way::Webhook => {}
    }
}

fn phases(arguments: &Arguments, way: Way, out: &mut Text) {
    let load = &arguments.load;
    let connect = Span::from_ms(clients(arguments, way).saturating_mul(1_000) / CONNECTS_PER_S);
    let measure = load.duration.unwrap_or(match (load.requests, load.rate) {
        // More than they need, as they end it.
        (Some(requests), Some(rate)) => {
            let seconds = (2.0 * requests.get() as f64 / rate.per_s()).min(LONGEST.secs());
            Span::from_secs(seconds as u64 + 10).min(LONGEST)
        }
        (Some(_), None) => LONGEST,
        (None, _) => MEASURE,
    });
    let offers = way == Way::Request || arguments.publish.to.is_some();
    let usual = match (load.requests, offers) {
        (None, true) => WARMUP.min(Span::from_ns(measure.ns() / 10)),
        _ => Span::default(),
    };
    let warmup = load.warmup.unwrap_or(usual);
    out.table("phases");
    out.key("connect", &quoted(&connect.max(CONNECT).to_string()));
    out.key("idle", "\"0s\"");
    out.key("warmup", &quoted(&warmup.to_string()));
    out.key("measure", &quoted(&measure.to_string()));
}
