//! `tidings serve`.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tidings::clock;
use tidings::conductor::hang_up_is_ignored;
use tidings::event::PayloadKind;
use tidings::measure::raise_descriptor_limit;
use tidings::net::Place;
use tidings::pace::{ArrivalProcess, Schedule};
use tidings::scenario;
use tidings::scenario::Limits;
use tidings::server::{self, Handle, Options, PublishPlan, Start, Visitors, Waits};
use tidings::unit::{ByteSize, Count, Rate, Span, UnitError};
use tokio::signal::unix::{SignalKind, signal};

use super::output;
use super::serve_tls::TlsArguments;
use super::serve_visitors::VisitorArguments;

/// Exit status after Ctrl-C: 128 plus the signal's number, as in shells.
const INTERRUPTED: u8 = 130;
/// Exit status after SIGTERM.
const TERMINATED: u8 = 143;
/// Exit status after SIGHUP.
const HUNG_UP: u8 = 129;

/// The port of a `--listen` that names none.
const DEFAULT_PORT: u16 = 8080;

/// The long help of `--fault`.
const FAULTS_HELP: &str = "\
Inject a fault to test how clients cope; repeatable, such as --fault delay=5ms --fault \
drop=0.01.

The keys are those of [faults] in a scenario: service, distribution (fixed, exponential, bimodal), slow, slow_share, \
servers (1, unlimited), delay, freeze_at, freeze_for, freeze_every, stall_at, stall_for, drop, write_cost. Freezes and \
stalls count from the start of the target; --seed seeds random faults.";

/// Arguments of `tidings serve`.
///
/// Publishes one event per second by default; with --rate 0/s, publish through the API, which GET / describes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where to listen: host:port, :port, a port or an address; without a host on loopback, and port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: Place,
    /// Server threads [default: number of processors]
    #[arg(long, value_name = "N", value_parser = shards)]
    shards: Option<u32>,
    /// Events kept in each topic's log
    #[arg(long, value_name = "N", default_value = "65536")]
    ring: Count,
    /// Events published per second and topic; 0/s publishes only through the API
    #[arg(long, value_name = "RATE", default_value = "1/s")]
    rate: Rate,
    /// Arrivals of published events: poisson (independent), constant (evenly spaced) or burst (ten at once)
    #[arg(long, value_name = "PROCESS", default_value = "poisson", value_parser = arrivals)]
    arrivals: ArrivalProcess,
    /// Topics created at the start and published to: news-0, news-1 …
    #[arg(long, value_name = "N", default_value = "1")]
    topics: Count,
    /// Payload size of published events
    #[arg(long, value_name = "SIZE", default_value = "64B")]
    payload: ByteSize,
    /// Payload kind of published events: text, records, unicode
    #[arg(long, value_name = "KIND", default_value = "text", value_parser = payload_kind)]
    payload_kind: PayloadKind,
    /// Seed of the publishing schedule and of random faults
    #[arg(long, value_name = "N", default_value = "1", value_parser = seed)]
    seed: u64,
    #[command(flatten)]
    tls: TlsArguments,
    /// Inject a fault to test how clients cope: --fault delay=5ms --fault drop=0.01
    #[arg(long = "fault", value_name = "KEY=VALUE", long_help = FAULTS_HELP)]
    faults: Vec<String>,
    /// Limit on requests per second; requests above it get 429
    #[arg(long, value_name = "N")]
    requests_per_s: Option<Count>,
    /// Limit on connections; requests on connections above it get 503
    #[arg(long, value_name = "N")]
    connections: Option<Count>,
    /// Time-out for reading a request head
    #[arg(long, value_name = "SPAN", default_value = "75s")]
    head_wait: Span,
    /// Time-out for reading a request body
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    body_wait: Span,
    /// Longest message that the WebSocket at /echo accepts
    #[arg(long, value_name = "SIZE", default_value = "16MiB")]
    echo_max: ByteSize,
    /// Allow webhooks to loopback and private addresses
    #[arg(long)]
    allow_private_webhooks: bool,
    #[command(flatten)]
    visitors: VisitorArguments,
    /// Store events, webhooks and pending deliveries in this folder: acknowledged events survive a crash
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Allowed numbers of topics: larger ones are mistakes.
const TOPICS: Range<u64> = 1..100_001;
const PAYLOAD_MAX: u64 = 1 << 20;
/// Allowed sizes of the echo.
const ECHO: Range<u64> = 1..1 << 30;

/// Carries out `tidings serve`.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    check_sizes(arguments)?;
    let faults = scenario::faults(&arguments.faults)?;
    if !faults.is_off() {
        output::message(format_args!("warning: faults: {faults}"));
    }
    let zero = |count: Option<Count>| count.is_some_and(|count| count.get() == 0);
    if zero(arguments.requests_per_s) || zero(arguments.connections) {
        bail!("--requests-per-s and --connections must be at least 1; leave them out for no limit");
    }
    if arguments.head_wait.ns() == 0 || arguments.body_wait.ns() == 0 {
        bail!("--head-wait and --body-wait must be greater than 0");
    }
    if !(ECHO.start..=ECHO.end).contains(&arguments.echo_max.bytes()) {
        bail!(
            "--echo-max {} must be 1B to 1GiB: a message is buffered until it is complete",
            arguments.echo_max
        );
    }
    output::end_on_panic();
    raise_descriptor_limit();
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let options = Options {
        shards: arguments.shards.unwrap_or(processors),
        topics: arguments.topics.get(),
        ring: arguments.ring.get(),
        echo_max: arguments.echo_max.bytes(),
        allow_private_webhooks: arguments.allow_private_webhooks,
        faults,
        seed: arguments.seed,
        limits: limits(arguments),
        waits: Waits { head: arguments.head_wait, body: arguments.body_wait },
        visitors: visitors(&arguments.visitors, arguments.listen.name()),
        ..Options::default()
    };
    let (listener, address) = listen(&arguments.listen)?;
    if !address.ip().is_loopback() {
        output::message(format_args!(
            "warning: {} is reachable from other hosts, and the target has no authentication; listen on 127.0.0.1 \
             unless that is intended",
            address.ip()
        ));
    }
    let security = arguments.tls.security(address.ip(), arguments.listen.name())?;
    let start = Start { security, data: arguments.data.as_deref(), ..Start::default() };
    let (status, _) = server::serve_from(listener, options, start, async |handle| {
        let at_ns = clock::now();
        announce(&handle, arguments)?;
        handle.begin(at_ns..u64::MAX);
        if arguments.rate.per_s() > 0.0 {
            handle.publish(publish_plan(arguments, at_ns))?;
        }
        wait_for_signal().await
    })?;
    status
}

/// Listens on the first usable address of `place`.
fn listen(place: &Place) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let remedy = "choose another address with --listen, or port 0 for any free port";
    let addresses = place
        .addresses(DEFAULT_PORT)
        .with_context(|| format!("cannot listen on {place}: {remedy}"))?;
    let mut failed = None;
    for address in addresses {
        match server::listen(address) {
            Ok(listener) => return Ok((listener, address)),
            Err(error) => failed = Some((address, error)),
        }
    }
    let Some((address, error)) = failed else { bail!("cannot listen on {place}: {remedy}") };
    Err(error).with_context(|| format!("cannot listen on {address}; {remedy}"))
}

/// Refuses sizes that can only be mistakes.
fn check_sizes(arguments: &Arguments) -> anyhow::Result<()> {
    if !TOPICS.contains(&arguments.topics.get()) {
        bail!("--topics {} must be 1 to {}", arguments.topics, TOPICS.end - 1);
    }
    if !(2..=PAYLOAD_MAX).contains(&arguments.payload.bytes()) {
        bail!(
            "--payload {} must be 2B to 1MiB: it is a JSON string with its quotes",
            arguments.payload
        );
    }
    let least = arguments.payload_kind.least() as u64;
    if arguments.payload.bytes() < least {
        let kind = arguments.payload_kind.name();
        bail!("--payload must be at least {} with --payload-kind {kind}", ByteSize::new(least));
    }
    if arguments.ring.get() == 0 {
        bail!("--ring must be at least 1");
    }
    Ok(())
}

fn limits(arguments: &Arguments) -> Limits {
    Limits {
        requests_per_s: arguments.requests_per_s.map(Count::get),
        connections: arguments.connections.map(Count::get),
    }
}

/// Which web pages may use the target; warns where all may.
fn visitors(arguments: &VisitorArguments, listen: Option<&str>) -> Visitors {
    if let Some(note) = arguments.note() {
        output::message(format_args!("warning: {note}"));
    }
    let mut visitors = arguments.visitors();
    // The name in `--listen` is a name of the target.
    visitors.hosts.extend(listen.map(str::to_owned));
    visitors
}

fn announce(handle: &Handle, arguments: &Arguments) -> anyhow::Result<()> {
    let scheme = if arguments.tls.is_on() { "https" } else { "http" };
    let mut text = format!("listening on {scheme}://{}\n", handle.address());
    if let Some(name) = arguments.listen.name() {
        let _ = writeln!(text, "{name} is {}", handle.address().ip());
    }
    if let Some(path) = arguments.tls.written() {
        let _ = writeln!(text, "certificate to trust: {}", path.display());
    }
    // In one write: a reader of the first line may read no further.
    // A program reads it.
    output::print_exactly(text);
    // A stalled reader of this line is not waited for: the target serves either way.
    let _given_up = output::settle(|| true);
    match output::failure() {
        Some(error) => bail!("cannot print the address: {error}"),
        None => Ok(()),
    }
}

/// A number of shards.
fn shards(text: &str) -> Result<u32, String> {
    let count: Count = text.parse().map_err(|error: UnitError| error.to_string())?;
    let shards = u32::try_from(count.get()).ok().filter(|shards| (1..=256).contains(shards));
    shards.ok_or_else(|| format!("{count} is not 1 to 256, such as 4"))
}

/// A seed: any number of 64 bits, or one as counts are written.
fn seed(text: &str) -> Result<u64, String> {
    let count = || text.parse().map(Count::get).map_err(|error: UnitError| error.to_string());
    text.parse().or_else(|_| count())
}

fn arrivals(text: &str) -> Result<ArrivalProcess, String> {
    let found = ArrivalProcess::ALL.into_iter().find(|process| process.name() == text);
    found.ok_or_else(|| "must be poisson, constant or burst".to_owned())
}

fn payload_kind(text: &str) -> Result<PayloadKind, String> {
    let found = PayloadKind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| "must be text, records or unicode".to_owned())
}

fn publish_plan(arguments: &Arguments, at_ns: u64) -> PublishPlan {
    PublishPlan {
        schedule: Schedule {
            seed: arguments.seed,
            topics: arguments.topics.get(),
            per_s: arguments.rate.per_s(),
            process: arguments.arrivals,
            until_ns: u64::MAX,
        },
        payload: arguments.payload_kind.payload(arguments.payload.bytes() as usize).into(),
        at_ns,
        // No trial, so no window.
        window: 0..0,
    }
}

async fn wait_for_signal() -> anyhow::Result<u8> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    if hang_up_is_ignored() {
        // As under nohup: installing a handler would undo that.
        return Ok(tokio::select! {
            _ = interrupt.recv() => INTERRUPTED,
            _ = terminate.recv() => TERMINATED,
        });
    }
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = hang_up.recv() => Ok(HUNG_UP),
        _ = interrupt.recv() => Ok(INTERRUPTED),
        _ = terminate.recv() => Ok(TERMINATED),
    }
}
