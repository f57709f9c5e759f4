//! `tidings serve`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidings::clock;
use tidings::event;
use tidings::measure::raise_descriptor_limit;
use tidings::pace::{ArrivalProcess, Schedule};
use tidings::target::{self, Handle, Options, Programme};
use tidings::unit::{ByteSize, Count, Rate};
use tokio::signal::unix::{SignalKind, signal};

/// Exit status after Ctrl-C: 128 and the signal's number, as shells say it.
const INTERRUPTED: u8 = 130;
/// Exit status after SIGTERM.
const TERMINATED: u8 = 143;

/// Arguments of `tidings serve`.
///
/// It publishes a gentle event a second, so that a browser sees something; --rate 0/s leaves publishing to the
/// API, which GET / explains.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Address to listen on; port 0 leaves the port to the system
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Threads that serve [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    shards: Option<u32>,
    /// Events that a topic's log keeps
    #[arg(long, value_name = "N", default_value = "65536")]
    ring: Count,
    /// Publish so many events a second in each topic, Poisson; 0/s leaves publishing to the API
    #[arg(long, value_name = "RATE", default_value = "1/s")]
    rate: Rate,
    /// Topics that stand from the start, and are published in: news-0, news-1 …
    #[arg(long, value_name = "N", default_value = "1")]
    topics: Count,
    /// Size of a published event's payload
    #[arg(long, value_name = "SIZE", default_value = "64B")]
    payload: ByteSize,
    /// Seed of the published schedule
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Let webhooks call loopback and private addresses
    #[arg(long)]
    allow_private_webhooks: bool,
    /// Keep events, webhooks and what they lack in this folder: acknowledged events survive a killed target
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Most topics that are published in, and most bytes of a payload: what a target can be asked for by mistake.
const TOPICS: Range<u64> = 1..100_001;
const PAYLOAD_MAX: u64 = 1 << 20;

/// Carries out `tidings serve`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !TOPICS.contains(&arguments.topics.get()) {
        bail!("--topics must be 1 to {}", TOPICS.end - 1);
    }
    if !(2..=PAYLOAD_MAX).contains(&arguments.payload.bytes()) {
        bail!("--payload must be 2B to 1MiB: it is a JSON string with its quotes");
    }
    if arguments.ring.get() == 0 {
        bail!("--ring must be at least 1");
    }
    if !arguments.listen.ip().is_loopback() {
        eprintln!(
            "tidings: warning: {} can be reached from other hosts, and the target asks nobody who they are; \
             listen on 127.0.0.1 unless that is meant",
            arguments.listen.ip()
        );
    }
    raise_descriptor_limit();
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let options = Options {
        shards: arguments.shards.unwrap_or(processors),
        topics: arguments.topics.get(),
        ring: arguments.ring.get(),
        allow_private_webhooks: arguments.allow_private_webhooks,
        ..Options::default()
    };
    let listener = target::listen(arguments.listen).with_context(|| {
        format!(
            "cannot listen on {}; choose another address with --listen, or port 0 for any free port",
            arguments.listen
        )
    })?;
    let (status, _) =
        target::serve_in(listener, options, arguments.data.as_deref(), async |handle| {
            announce(&handle)?;
            if arguments.rate.per_s() > 0.0 {
                handle.publish(programme(arguments))?;
            }
            wait_for_signal().await
        })?;
    status.map(ExitCode::from)
}

fn announce(handle: &Handle) -> anyhow::Result<()> {
    println!("listening on http://{}", handle.address());
    // Whoever reads a pipe waits for this line.
    std::io::stdout().flush().context("cannot print the address")
}

fn programme(arguments: &Arguments) -> Programme {
    Programme {
        schedule: Schedule {
            seed: arguments.seed,
            topics: arguments.topics.get(),
            per_s: arguments.rate.per_s(),
            process: ArrivalProcess::Poisson,
            until_ns: u64::MAX,
        },
        payload: event::filler(arguments.payload.bytes() as usize).into(),
        at_ns: clock::now(),
        // Nobody asks for measurements here.
        window: 0..0,
    }
}

async fn wait_for_signal() -> anyhow::Result<u8> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(INTERRUPTED),
        _ = terminate.recv() => Ok(TERMINATED),
    }
}
