//! The verbs: arguments → one library call → print.

mod calibrate;
mod output;
mod plan;
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
use tidings::report::{Missing, View, text};

/// Exit statuses, as documented in the README.
pub mod exit {
    /// An objective was missed.
    pub const MISSED: u8 = 1;
    /// Bad usage, scenario or input.
    pub const USAGE: u8 = 2;
    /// Inconclusive or invalid: nothing may be concluded.
    pub const INVALID: u8 = 3;
}

/// Should consumers learn of news by calling an API, by holding a socket, or by being called back?
#[derive(Debug, Parser)]
#[command(name = "tidings", version = Build::VERSION, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run scenarios: measure, write the results folder, print the comparison
    Run(run::Arguments),
    /// Print what a run would do and need, and refuse what cannot fit; nothing is started
    Plan(plan::Arguments),
    /// List the scenarios that come with tidings and their questions, or print one
    Scenarios(scenarios::ListArguments),
    /// Write a scenario that comes with tidings to a file of yours, to be changed
    New(scenarios::NewArguments),
    /// Serve the built-in target, to be used with curl, a browser or any load tool
    Serve(Box<serve::Arguments>),
    /// Make every report of a results folder again, from its files alone
    Report(report::Arguments),
    /// Run experiments whose answers are known: the proof that this harness tells the truth on this machine
    Calibrate(calibrate::Arguments),
    /// A trial's target, spoken to over stdin and stdout
    #[command(hide = true)]
    Target,
    /// A trial's worker, spoken to over stdin and stdout
    #[command(hide = true)]
    Worker,
}

/// Prints a run's comparison, and its folder as the last line.
fn print_report(view: &View, folder: &Path) {
    output::print(format!("{}\n", text(view, screen::columns_of_stdout())));
    output::print_path(folder);
}

/// Widest line of the help.
const HELP: usize = 100;
/// Least width where options and what they mean stand side by side.
const TWO_COLUMNS: usize = 64;

/// Most missing files that are named one by one.
const NAMED: usize = 5;

/// Says which files of the report in `folder` could not be written, and what to do; returns the exit status that they
/// call for.
fn tell_missing(missing: &[Missing], folder: &Path) -> u8 {
    if missing.is_empty() {
        return 0;
    }
    for Missing { file, reason } in missing.iter().take(NAMED) {
        let file = folder.join(file);
        output::message(format_args!("{} cannot be written: {reason}", file.display()));
    }
    if missing.len() > NAMED {
        output::message(format_args!("{} more files cannot be written", missing.len() - NAMED));
    }
    output::message(format_args!(
        "the report is not complete ({} missing); everything measured is kept. Remove what is in the way or \
         make room, then run: tidings report {}",
        tidings::unit::counted(missing.len() as u64, "file"),
        folder.display()
    ));
    exit::USAGE
}

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    output::hook_panics();
    // A panic has been reported by its hook.
    let status = catch_unwind(AssertUnwindSafe(verb)).unwrap_or(exit::USAGE);
    ExitCode::from(output::finish(status))
}

fn verb() -> u8 {
    let columns = screen::columns_of_stdout().min(HELP);
    // In a narrow window what an option means stands below it, and not in a column of a word each.
    let command = Arguments::command().term_width(columns).next_line_help(columns < TWO_COLUMNS);
    let parsed = command.try_get_matches();
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render().to_string();
            if error.use_stderr() {
                output::complain(&text);
                return exit::USAGE;
            }
            output::print(fit(&text, columns, true));
            return 0;
        }
    };
    let outcome = match arguments.verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Scenarios(arguments) => scenarios::list(&arguments),
        Verb::New(arguments) => scenarios::new(&arguments),
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Calibrate(arguments) => calibrate::run(&arguments),
        Verb::Target => tidings::server::child(),
        Verb::Worker => tidings::worker::child(),
    };
    outcome.unwrap_or_else(|error| {
        output::message(message(&error));
        exit::USAGE
    })
}

/// One line: what was attempted, then every cause that the line does not name yet.
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
