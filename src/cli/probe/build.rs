//! From flags to the scenario: its text, which `--save` writes and which is read as any file is.

use std::path::Path;

use anyhow::{Context as _, bail};
use tidings::scenario::{self, Scenario};
use tidings::unit::Span;

use super::args::{Arguments, Request};
use super::text::{Text, headers, quoted};

/// What errors call the scenario.
const SHOWN: &str = "probe";
/// Links that are opened per second.
const CONNECTS_PER_S: u64 = 2_000;
/// Least time over which links are opened.
const CONNECT: Span = Span::from_ms(50);
/// Longest warm-up unless one is asked for.
const WARMUP: Span = Span::from_ms(500);

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
    let text = text(arguments)?;
    let environment = |name: &str| std::env::var(name).ok();
    let scenario = scenario::parse(&text, SHOWN, &arguments.run.sets, &environment)?;
    Ok(Built { text, scenario })
}

/// A URL, in the parts that a scenario has.
struct Url<'a> {
    /// Scheme, host and port.
    base: String,
    /// Path and query.
    path: &'a str,
}

impl<'a> Url<'a> {
    fn of(text: &'a str) -> anyhow::Result<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if authority.is_empty() {
            bail!("'{text}' has no host; write http://HOST:PORT/PATH");
        }
        if authority.contains('@') {
            bail!(
                "'{text}': credentials in a URL are not sent; write them as a header, such as -H 'Authorization: Basic \
                 {{{{text:USER:{{{{secret:PASSWORD}}}}|base64}}}}'"
            );
        }
        let path = path.split('#').next().unwrap_or(path);
        Ok(Self { base: format!("{}://{authority}", scheme.to_ascii_lowercase()), path })
    }

    /// Path and query, beginning with a slash.
    fn target(&self) -> String {
        if self.path.starts_with('/') { self.path.to_owned() } else { format!("/{}", self.path) }
    }
}

/// The scenario as text.
fn text(arguments: &Arguments) -> anyhow::Result<String> {
    let url = Url::of(&arguments.url)?;
    let load = &arguments.load;
    let clients = load.connections.get();
    let mut out = Text::default();
    out.comment("Written by tidings probe; tidings run FILE offers the same load.");
    out.key("name", &quoted("probe"));
    let offered = match load.rate {
        Some(rate) => format!("{rate} over {}", tidings::unit::counted(clients, "client")),
        None => format!(
            "{}, each sending its next request after a response",
            tidings::unit::counted(clients, "client")
        ),
    };
    out.key("question", &quoted(&format!("How does {} respond to {offered}?", arguments.url)));
    out.key("patterns", "[\"request\"]");
    out.key("trials", &arguments.run.trials.get().to_string());
    out.key("seed", &arguments.run.seed.get().to_string());
    out.comment("No trials against a null target: a probe begins at once.");
    out.key("floor", "false");

    out.table("workload");
    out.key("clients", &clients.to_string());

    out.table("request");
    match load.rate {
        Some(rate) => {
            out.comment(
                "Open loop: requests are due by the clock, and response times count from due.",
            );
            out.key("loop", "\"open\"");
            out.key("rate", &quoted(&rate.to_string()));
            out.key("arrivals", "\"constant\"");
        }
        None => {
            out.comment("Closed loop: a client sends its next request after a response.");
            out.key("loop", "\"closed\"");
        }
    }
    out.key("timeout", &quoted(&arguments.request.timeout.to_string()));

    phases(arguments, &mut out);

    out.table("target");
    out.key("url", &quoted(&url.base));

    request(&arguments.request, &url, &mut out)?;
    Ok(out.into())
}

fn phases(arguments: &Arguments, out: &mut Text) {
    let load = &arguments.load;
    let connect = Span::from_ms(load.connections.get().saturating_mul(1_000) / CONNECTS_PER_S);
    let tenth = Span::from_ns(load.duration.ns() / 10);
    out.table("phases");
    out.key("connect", &quoted(&connect.max(CONNECT).to_string()));
    out.key("idle", "\"0s\"");
    out.key("warmup", &quoted(&load.warmup.unwrap_or(tenth.min(WARMUP)).to_string()));
    out.key("measure", &quoted(&load.duration.to_string()));
}

/// The request of every client.
fn request(request: &Request, url: &Url<'_>, out: &mut Text) -> anyhow::Result<()> {
    let body = request.data.as_deref().map(body).transpose()?;
    let method = request.method.as_deref().map(str::to_ascii_uppercase);
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    out.tables("target.request");
    out.key("method", &quoted(&method));
    out.key("path", &quoted(&url.target()));
    let content_type = request.content_type.as_deref();
    if let Some(fields) = headers(&request.headers, content_type)? {
        out.key("headers", &fields);
    }
    if let Some(body) = body {
        out.key("body", &quoted(&body));
    }
    Ok(())
}

/// A body as a text with placeholders, of a flag's value or of the file that it names.
fn body(value: &str) -> anyhow::Result<String> {
    let Some(path) = value.strip_prefix('@') else { return Ok(value.to_owned()) };
    let bytes =
        std::fs::read(Path::new(path)).with_context(|| format!("cannot read the body {path}"))?;
    // What is no text is written byte by byte.
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| {
        let hex: Vec<String> = error.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{{{{bytes:{}}}}}", hex.join(" "))
    }))
}
