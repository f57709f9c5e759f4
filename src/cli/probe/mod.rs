//! `tidings probe`: a URL and flags in place of a file.
//!
//! A front end: the flags become the text of a scenario ([`build`]), which is read, planned and run as any other.

mod args;
mod build;
mod flags;
mod measure;
mod output;
mod target;
mod text;
mod url;
mod watch;
mod way;

use anyhow::{Context as _, anyhow};
use tidings::conductor::{Signals, check_target};
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::unit::Span;

use super::output as output_to;
pub(super) use args::Arguments;

/// Carries out `tidings probe`.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    // What is said below names keys; here flags were typed.
    carry_out(arguments).map_err(|error| anyhow!(flags::in_flags(&super::message(&error))))
}

fn carry_out(arguments: &Arguments) -> anyhow::Result<u8> {
    if arguments.load.latency_correction {
        output_to::message(
            "response times always count from when a request was due, so that there is nothing to correct; the flag changes nothing",
        );
    }
    // wrk's -d is a duration.
    let data = arguments.request.data.as_deref().unwrap_or_default();
    if data.parse::<Span>().is_ok() {
        output_to::message(format_args!(
            "-d {data} is a body, as in curl; a duration is -z {data}, and -t is a time-out: threads are --set worker.shards=N"
        ));
    }
    let built = build::built(arguments)?;
    let host = Host::read();
    check_target(&built.scenario, arguments.run.yes_i_may)
        .map_err(|error| anyhow!(permission(&error)))?;
    let plan = Plan::new(built.scenario, &host)?;
    if let Some(file) = &arguments.run.save {
        std::fs::write(file, &built.text)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    let signals = Signals::watch().context("cannot watch for Ctrl-C")?;
    let status = measure::measure(&plan, arguments, &host, &signals)?;
    Ok(super::run::deliver(&signals, status))
}

/// The refusal of a load on another host, without the key that allows it in a scenario.
fn permission(refusal: &str) -> String {
    match refusal.split_once(" Say who allowed it") {
        Some((finding, _)) => format!("{finding} If its owner allows it, give --yes-i-may"),
        None => refusal.to_owned(),
    }
}
