//! `tidings serve`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidings::clock;
use tidings::event;
use tidings::measure::raise_descriptor_limit;
use tidings::net::tls::{Authority, Identity};
use tidings::pace::{ArrivalProcess, Schedule};
use tidings::target::{self, Handle, Options, Programme, Security};
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
    /// Speak TLS 1.3, with --cert and --key, else with a certificate made at the start
    #[arg(long)]
    tls: bool,
    /// Certificate chain in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    cert: Option<PathBuf>,
    /// Private key in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls", "cert"])]
    key: Option<PathBuf>,
    /// Where to write the certificate of the authority that clients are to trust, where it is made at the start
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "cert")]
    cert_out: Option<PathBuf>,
    /// Let webhooks call loopback and private addresses
    #[arg(long)]
    allow_private_webhooks: bool,
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
    let security = security(arguments)?;
    let (status, _) = target::serve_secured(listener, options, security, async |handle| {
        announce(&handle, arguments)?;
        if arguments.rate.per_s() > 0.0 {
            handle.publish(programme(arguments))?;
        }
        wait_for_signal().await
    })?;
    status.map(ExitCode::from)
}

/// What to speak TLS with: the given certificate, or one of an authority made now, which clients have to be told.
fn security(arguments: &Arguments) -> anyhow::Result<Security> {
    if !arguments.tls {
        return Ok(Security::default());
    }
    let identity = if let (Some(cert), Some(key)) = (&arguments.cert, &arguments.key) {
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        Identity::from_pem(&read(cert)?, &read(key)?).with_context(|| {
            format!("{} and {} must be PEM files", cert.display(), key.display())
        })?
    } else {
        made_now(arguments)?
    };
    Security::serving(identity)
        .context("the certificate and the key cannot be used: give a chain and the key of its first certificate")
}

/// A certificate for the names of this host, and the authority's own where clients will look for it.
fn made_now(arguments: &Arguments) -> anyhow::Result<Identity> {
    let authority = Authority::new()?;
    if let Some(path) = &arguments.cert_out {
        std::fs::write(path, authority.pem())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let ip = arguments.listen.ip();
    if !ip.is_unspecified() && !names.contains(&ip.to_string()) {
        names.push(ip.to_string());
    }
    Ok(authority.issue(&names)?)
}

fn announce(handle: &Handle, arguments: &Arguments) -> anyhow::Result<()> {
    let scheme = if arguments.tls { "https" } else { "http" };
    let mut text = format!("listening on {scheme}://{}\n", handle.address());
    if let Some(path) = &arguments.cert_out {
        let _ = writeln!(text, "certificate to trust: {}", path.display());
    }
    // In one write: whoever reads the first line may look no further.
    print!("{text}");
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
