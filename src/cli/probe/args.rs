//! The flags of `tidings probe`, by their names in oha, wrk and curl.

use std::path::PathBuf;

use tidings::unit::{ByteSize, Count, Rate, Span};

use super::output::Options;

/// Arguments of `tidings probe`.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// What is measured: http:// and https:// by requests, ws:// and wss:// by clients that listen
    #[arg(value_name = "URL", required_unless_present = "webhook")]
    pub url: Option<String>,
    #[command(flatten)]
    pub way: Way,
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub request: Request,
    #[command(flatten)]
    pub publish: Publish,
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub run: Run,
    #[command(flatten)]
    pub output: Options,
}

/// How an http:// URL is measured, where not by requests.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Pattern")]
pub(in crate::cli) struct Way {
    /// The URL is a stream of server-sent events
    #[arg(long, group = "way")]
    pub sse: bool,
    /// Clients poll the URL at this interval
    #[arg(long, value_name = "TIME", value_parser = span, group = "way")]
    pub poll: Option<Span>,
    /// Clients poll the URL again after each response, which the server holds until it has news
    #[arg(long, group = "way")]
    pub long_poll: bool,
    /// Where a poll's response says where the next one continues, {{cursor}} in the URL; such as `json:/next`
    #[arg(long, value_name = "CAPTURE")]
    pub cursor: Option<String>,
    /// {{cursor}} of the first poll
    #[arg(long, value_name = "TEXT", requires = "cursor", default_value = "0")]
    pub cursor_first: String,
    /// Receive webhooks on this address, such as :9400
    #[arg(long, value_name = "ADDR", group = "way")]
    pub webhook: Option<String>,
    /// Speak to the server as a shipped dialect says, such as nchan, or a file: ./my.toml
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<String>,
    /// Where a message says when it was made, such as <json:/t>: measures its age by the wall clock
    #[arg(long, value_name = "CAPTURE")]
    pub stamp: Option<String>,
    /// What the stamp counts since 1970: s, ms, us or ns
    #[arg(long, value_name = "UNIT", requires = "stamp", default_value = "ms")]
    pub stamp_unit: String,
}

/// How much is offered.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Load")]
pub(in crate::cli) struct Load {
    /// Requests: the measurement ends when so many have been answered
    #[arg(short = 'n', long, value_name = "N")]
    pub requests: Option<Count>,
    /// Clients, each with a connection of its own [default: 50, or 1 with --webhook]
    #[arg(short = 'c', long, value_name = "N")]
    pub connections: Option<Count>,
    /// How long is measured [default: 10s, or until -n requests are answered]
    #[arg(short = 'z', long, value_name = "TIME", value_parser = span)]
    pub duration: Option<Span>,
    /// Requests per second over all clients, such as 2k; without it, each client sends its next request after a response.
    /// With --publish: events per second
    #[arg(short = 'q', long, short_alias = 'R', value_name = "RATE", value_parser = per_second)]
    pub rate: Option<Rate>,
    /// Load before the measurement [default: 500ms, at most a tenth of the duration; none with -n or without a load]
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub warmup: Option<Span>,
    /// After 429 or 503, wait as the server asks (Retry-After) before a client's next request; else the schedule is kept
    #[arg(long)]
    pub retry_after: bool,
    /// Not needed: response times always count from when a request was due
    #[arg(long, hide = true, aliases = ["latency", "corrected-latency"], short_alias = 'L')]
    pub latency_correction: bool,
    /// Not possible: see the message
    #[arg(long, hide = true, aliases = ["u_latency", "u-latency"], short_alias = 'U')]
    pub uncorrected: bool,
}

/// What is sent.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Request")]
pub(in crate::cli) struct Request {
    /// Method [default: GET, or POST with a body]
    #[arg(short, long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Header field of every request and handshake; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Body, or @FILE; with ws://, the message that is sent once the connection is open
    #[arg(short, long, value_name = "BODY")]
    pub data: Option<String>,
    /// Content type of what is sent
    #[arg(short = 'T', long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// Time-out of a response
    #[arg(short, long, value_name = "TIME", value_parser = span, default_value = "10s")]
    pub timeout: Span,
}

/// How events are published, where the probe publishes.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Publishing")]
pub(in crate::cli) struct Publish {
    /// Publish events by POST to this URL, and measure how fresh they arrive and how many; without a URL, as --dialect says
    #[arg(long = "publish", value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub to: Option<String>,
    /// What is published, or @FILE; {{event}} is the event, by which it is recognised
    #[arg(long, value_name = "BODY", default_value = "{{event}}", requires = "to")]
    pub body: String,
    /// Bytes of an event
    #[arg(long, value_name = "SIZE", default_value = "128B", requires = "to")]
    pub payload: ByteSize,
    /// Topics, which events and clients are spread over: {{topic}} in a URL
    #[arg(long, value_name = "N", default_value = "1")]
    pub topics: Count,
}

/// How connections are made; the names are curl's.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct Connection {
    /// Accept any certificate
    #[arg(short = 'k', long)]
    pub insecure: bool,
    /// PEM file with the certificate authorities that are trusted, in place of the system's
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// PEM file with the clients' own certificate
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// PEM file with its key
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// HTTP/2: by ALPN with https://, by prior knowledge with http://
    #[arg(long)]
    pub http2: bool,
    /// A new connection for each request
    #[arg(long)]
    pub disable_keepalive: bool,
    /// Connect to this Unix socket in place of the URL's host
    #[arg(long, value_name = "PATH")]
    pub unix_socket: Option<String>,
    /// Connect to this address for a host and port; repeatable
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub resolve: Vec<String>,
    /// Connect to another host and port; repeatable
    #[arg(long, value_name = "HOST:PORT:HOST:PORT")]
    pub connect_to: Vec<String>,
}

/// How it is run.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Run")]
pub(in crate::cli) struct Run {
    /// Trials; one shows no spread between trials
    #[arg(long, value_name = "N", default_value = "1")]
    pub trials: Count,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: Count,
    /// Override a key of the scenario, such as worker.shards=2; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Write the scenario to FILE, for `tidings run FILE`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Keep the results in a folder below DIR
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// Allow load on another host
    #[arg(long)]
    pub yes_i_may: bool,
}

/// A time with its unit, or in seconds: `500ms`, `30`.
fn span(text: &str) -> Result<Span, String> {
    let is_number =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let text = if is_number { format!("{text}s") } else { text.to_owned() };
    text.parse().map_err(|error| format!("{error}"))
}

/// A rate in requests per second, or with its unit: `2k`, `2k/s`, `90/min`.
fn per_second(text: &str) -> Result<Rate, String> {
    let text = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    text.parse().map_err(|error| format!("{error}"))
}
