//! The flags of `tidings probe`, by their names in oha, wrk and curl.

use std::path::PathBuf;

use tidings::unit::{Count, Rate, Span};

use super::output::Options;

/// Arguments of `tidings probe`.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// What is measured: http://, https://, ws:// or wss://
    #[arg(value_name = "URL")]
    pub url: String,
    #[command(flatten)]
    pub load: Load,
    #[command(flatten)]
    pub request: Request,
    #[command(flatten)]
    pub run: Run,
    #[command(flatten)]
    pub output: Options,
}

/// How much is offered.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Load")]
pub(in crate::cli) struct Load {
    /// Clients, each with a connection of its own
    #[arg(short = 'c', long, value_name = "N", default_value = "50")]
    pub connections: Count,
    /// How long is measured
    #[arg(short = 'z', long, value_name = "TIME", default_value = "10s")]
    pub duration: Span,
    /// Requests per second over all clients, such as 2k; without it, each client sends its next request after a response
    #[arg(short = 'q', long, value_name = "RATE", value_parser = per_second)]
    pub rate: Option<Rate>,
    /// Load before the measurement [default: 500ms, at most a tenth of the duration]
    #[arg(long, value_name = "TIME")]
    pub warmup: Option<Span>,
}

/// What is sent.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Request")]
pub(in crate::cli) struct Request {
    /// Method [default: GET, or POST with a body]
    #[arg(short, long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Header field; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Body, or @FILE
    #[arg(short, long, value_name = "BODY")]
    pub data: Option<String>,
    /// Content type of the body
    #[arg(short = 'T', long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// Time-out of a response
    #[arg(short, long, value_name = "TIME", default_value = "10s")]
    pub timeout: Span,
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

/// A rate in requests per second, or with its unit: `2k`, `2k/s`, `90/min`.
fn per_second(text: &str) -> Result<Rate, String> {
    let text = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    text.parse().map_err(|error| format!("{error}"))
}
