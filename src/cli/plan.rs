//! `tidings plan`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::scenario;

/// Arguments of `tidings plan`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Scenarios to plan
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write a value over the file's, such as workload.clients=10k
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Trials of each case, over the file's
    #[arg(long, value_name = "N")]
    trials: Option<u32>,
}

/// Carries out `tidings plan`.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut sets = arguments.sets.clone();
    sets.extend(arguments.trials.map(|trials| format!("trials={trials}")));
    let host = Host::read();
    let mut texts = Vec::new();
    for file in &arguments.files {
        let scenario = scenario::load(file, &sets)?;
        let plan = Plan::new(scenario, &host).with_context(|| file.display().to_string())?;
        texts.push(plan.text());
    }
    match io::stdout().write_all(texts.join("\n").as_bytes()) {
        // Who closed the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => Ok(written.map(|()| ExitCode::SUCCESS)?),
    }
}
