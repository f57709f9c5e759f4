//! The verbs: arguments → one library call → print.

mod attempt;
mod calibrate;
mod ci;
mod compare;
mod format;
mod gate;
mod generate;
mod hints;
mod history;
mod output;
mod plan;
mod probe;
mod report;
mod run;
mod scenarios;
mod screen;
mod selection;
mod serve;
mod serve_tls;
mod serve_visitors;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tidings::prose::fit;
use tidings::record::Build;
use tidings::report::{Missing, View, more, text};

/// Exit statuses, as documented in the README.
pub(crate) mod exit {
    /// An objective was missed.
    pub(crate) const MISSED: u8 = 1;
    /// Bad usage, scenario or input.
    pub(crate) const USAGE: u8 = 2;
    /// Inconclusive or invalid.
    pub(crate) const INVALID: u8 = 3;
}

/// Compare polling, long polling, SSE, WebSocket and webhooks under the same load: freshness, cost and losses
#[derive(Debug, Parser)]
#[command(name = "tidings", version = Build::VERSION, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run scenarios: measure, write a results folder, print the comparison
    Run(run::Arguments),
    /// Measure a URL without a file: a load by flags, as of wrk and oha, or listening clients
    Probe(Box<probe::Arguments>),
    /// Print what a run would do and require, and refuse what does not fit; starts nothing
    Plan(plan::Arguments),
    /// Try the description of a target: one client per pattern, three events, the whole conversation
    Try(attempt::Arguments),
    /// List the shipped scenarios and their questions, or print one
    Scenarios(scenarios::ListArguments),
    /// Write a shipped scenario to a file for editing
    New(scenarios::NewArguments),
    /// Serve the built-in target for curl, a browser or any load tool
    Serve(Box<serve::Arguments>),
    /// Regenerate the reports of a results folder from its files
    Report(report::Arguments),
    /// Compare two runs, or several per side: what changed, by how much, and with which confidence
    Compare(compare::Arguments),
    /// Decide whether one version of a server is worse than another, in counterbalanced blocks of trials: for CI
    Gate(Box<gate::Arguments>),
    /// Keep a line per run, and find where figures changed for good and by which revisions
    History(Box<history::Arguments>),
    /// Run experiments with known answers to verify the harness on this machine
    Calibrate(calibrate::Arguments),
    /// Print JSON Schemas, manual pages, completions for a shell, or the tables of the documentation
    Generate(generate::Arguments),
    /// A trial's target process, controlled over stdin and stdout
    #[command(hide = true)]
    Target,
    /// A trial's worker process, controlled over stdin and stdout
    #[command(hide = true)]
    Worker,
    /// A process that ends a launched server with its trial, controlled over stdin and stdout
    #[command(hide = true)]
    Guard,
}

/// Prints a run's comparison, and its folder as the last line.
fn print_report(view: &View, folder: &Path) {
    // In a locale that is not UTF-8 it is printed in ASCII again.
    let columns = screen::columns_of_stdout();
    let text = tidings::unit::typographic(&text(view, columns));
    output::print(format!("{text}\n{}\n", more(columns)));
    output::print_path(folder);
}

/// Widest line of the help.
const HELP: usize = 100;
/// Least width for options and their help side by side.
const TWO_COLUMNS: usize = 64;

/// Most missing files that are named one by one.
const NAMED: usize = 5;

/// Names the report files in `folder` that could not be written, with a remedy; returns the exit status for them.
fn tell_missing(missing: &[Missing], folder: &Path) -> u8 {
    if missing.is_empty() {
        return 0;
    }
    for Missing { file, reason } in missing.iter().take(NAMED) {
        let file = folder.join(file);
        output::message(format_args!("cannot write {}: {reason}", file.display()));
    }
    if missing.len() > NAMED {
        let more = tidings::unit::counted((missing.len() - NAMED) as u64, "more file");
        output::message(format_args!("cannot write {more}"));
    }
    output::message(format_args!(
        "the report is incomplete ({} missing); all measurements are kept. Remove the obstacle or free disk \
         space, then run: tidings report {}",
        tidings::unit::counted(missing.len() as u64, "file"),
        folder.display()
    ));
    exit::USAGE
}

/// The output of `tidings` without arguments.
const FIRST_STEPS: &str = "\
tidings measures how consumers should learn of events: by calling an API, over a WebSocket, or through a webhook.

  tidings run quickstart                      measure six patterns with 1,000 clients, in about two minutes
  tidings probe http://localhost:8080/        measure a URL without a scenario, by the flags of wrk, oha and curl
  tidings scenarios                           list the shipped scenarios and the questions that they answer
  tidings new my.toml --from quickstart       copy one, to change it to your workload
  tidings plan my.toml                        show what a run would do and need, and start nothing
  tidings run my.toml                         measure, write a results folder, print the comparison
  tidings --help                              every verb
";

/// Parses the command line and carries it out.
pub(crate) fn main() -> ExitCode {
    output::hook_panics();
    // A panic has been reported by its hook.
    let status = catch_unwind(AssertUnwindSafe(verb)).unwrap_or(exit::USAGE);
    ExitCode::from(output::finish(status))
}

fn verb() -> u8 {
    let columns = screen::columns_of_stdout().min(HELP);
    // In a narrow window the help of an option is printed below it, instead of in a column of one word per line.
    let command = Arguments::command().term_width(columns).next_line_help(columns < TWO_COLUMNS);
    let parsed = command.try_get_matches();
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render().to_string();
            if error.use_stderr() {
                let typed = std::env::args_os().skip(1);
                let typed: Vec<String> = typed.map(|a| a.to_string_lossy().into_owned()).collect();
                if let Some(hint) = hints::usage_hint(&error, &typed) {
                    output::message(hint);
                    return exit::USAGE;
                }
                output::complain(&text);
                return exit::USAGE;
            }
            output::print(fit(&text, columns, true));
            return 0;
        }
    };
    let Some(verb) = arguments.verb else {
        output::print(FIRST_STEPS);
        return 0;
    };
    let outcome = match verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Probe(arguments) => probe::run(&arguments),
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Try(arguments) => attempt::run(&arguments),
        Verb::Scenarios(arguments) => scenarios::list(&arguments),
        Verb::New(arguments) => scenarios::new(&arguments),
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Gate(arguments) => gate::run(&arguments),
        Verb::History(arguments) => history::run(&arguments),
        Verb::Calibrate(arguments) => calibrate::run(&arguments),
        Verb::Generate(arguments) => generate::run(&arguments, &Arguments::command()),
        Verb::Target => tidings::server::child(),
        Verb::Worker => tidings::worker::child(),
        Verb::Guard => tidings::conductor::launch::guard(),
    };
    outcome.unwrap_or_else(|error| {
        output::message(message(&error));
        exit::USAGE
    })
}

/// Formats an error in one line: the failed action, then every cause that the line does not name yet.
fn message(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |line, cause| {
        let cause = cause.to_string();
        if line.contains(&cause) { line } else { format!("{line}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_named_once() {
        let io = || std::io::Error::other("no room");
        let told = anyhow::Error::from(io()).context("cannot write f: no room; make some");
        assert_eq!(message(&told), "cannot write f: no room; make some");
        let untold = Err::<(), _>(io()).context("cannot write f").unwrap_err();
        assert_eq!(message(&untold), "cannot write f: no room");
    }
}
