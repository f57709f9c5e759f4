//! `tidings calibrate`: runs experiments with known answers and prints the results.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tidings::calibrate::{
    Calibration, EXPERIMENTS, Experiment, ExperimentOutcome, Halt, Keeper, Lab, News, calibrate,
    json, markdown, text,
};
use tidings::conductor::Signals;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::record::results_folder;
use time::OffsetDateTime;

use super::screen::Screen;
use super::{exit, output, run, screen};

/// Arguments of `tidings calibrate`.
///
/// Exit status: 0 if every experiment passed, 1 if one failed, 3 if none failed but some were inconclusive on a noisy
/// machine.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Run only the quick experiments, in their short form: at most two minutes
    #[arg(long)]
    quick: bool,
    /// Run only these experiments, by number
    #[arg(long, value_name = "N", value_delimiter = ',')]
    only: Vec<u32>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Folder for results: DIR/calibrate/<utc>-<host>/
    #[arg(long, value_name = "DIR", default_value = "results")]
    out: PathBuf,
    /// Keep the results folder of each trial in trials/ of the results folder
    #[arg(long)]
    keep: bool,
    /// Print no progress to stderr
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table
    Text,
    /// {"experiments": [{"id", "name", "expected", "measured", "tolerance", "outcome", …}, …]}
    Json,
    /// A table and a list
    Markdown,
}

/// Carries out `tidings calibrate`.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let wanted = wanted(arguments)?;
    let host = Host::read();
    let signals = Signals::watch().context("cannot watch for Ctrl-C")?;
    let executable = std::env::current_exe().context("cannot find this executable")?;
    let started = OffsetDateTime::now_utc();
    let folder = results_folder(&arguments.out, "calibrate", started, &host.name)?;
    let mut lab = Lab::new(executable, &signals, host.clone(), arguments.quick);
    if arguments.keep {
        let described = host.clone();
        let describe =
            move |plan: &Plan| run::describe(plan, &described, OffsetDateTime::now_utc());
        lab.keeper = Some(Keeper { out: folder.join("trials"), describe: Box::new(describe) });
    }
    let mut teller = Teller::new(arguments.quiet, wanted.len());
    teller.begin(&wanted, arguments.quick);
    let outcome = calibrate(&lab, &wanted, |news| teller.tell(&news));
    teller.end();
    let calibration = outcome.map_err(|halt: Halt| anyhow::Error::from(halt))?;
    let subtitle = format!("{} ({}), {} cores", host.name, host.cpu, host.cores);
    let missing = write(&folder, &calibration, &subtitle);
    match arguments.format {
        Format::Text => {
            output::print(format!("{}\n", text(&calibration, screen::columns_of_stdout())));
            output::print_path(&folder);
        }
        Format::Json => output::print_exactly(json(&calibration)),
        Format::Markdown => output::print_exactly(markdown(&calibration, &subtitle)),
    }
    for file in &missing {
        output::message(format_args!("{file}; the answers above are whole"));
    }
    let status = match status(&calibration) {
        0 if !missing.is_empty() => exit::USAGE,
        status => status,
    };
    Ok(run::deliver(&signals, status))
}

/// The exit status that a calibration calls for.
fn status(calibration: &Calibration) -> u8 {
    match (calibration.stopped, calibration.overall()) {
        (Some(signal), _) => (128 + signal) as u8,
        (None, ExperimentOutcome::Pass) => 0,
        (None, ExperimentOutcome::Fail) => exit::MISSED,
        (None, ExperimentOutcome::Noisy) => exit::INVALID,
    }
}

fn wanted(arguments: &Arguments) -> anyhow::Result<Vec<&'static Experiment>> {
    if arguments.only.is_empty() {
        let all = EXPERIMENTS.iter();
        return Ok(all.filter(|experiment| experiment.quick || !arguments.quick).collect());
    }
    if let Some(unknown) = arguments.only.iter().find(|id| EXPERIMENTS.iter().all(|e| e.id != **id))
    {
        let list: Vec<String> =
            EXPERIMENTS.iter().map(|e| format!("{:>4}  {}", e.id, e.name)).collect();
        bail!("--only {unknown}: there is no such experiment; there are\n{}", list.join("\n"));
    }
    Ok(EXPERIMENTS.iter().filter(|experiment| arguments.only.contains(&experiment.id)).collect())
}

/// Writes the results folder: `calibration.json`, `calibration.md` and `charts/`; returns a sentence for each file that
/// cannot be written.
fn write(folder: &Path, calibration: &Calibration, subtitle: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut write = |name: String, bytes: Result<Vec<u8>, String>| {
        let path = folder.join(&name);
        let whole = bytes.and_then(|bytes| {
            let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
            parent.and_then(|()| fs::write(&path, bytes)).map_err(|error| error.to_string())
        });
        if let Err(reason) = whole {
            missing.push(format!("{} cannot be written: {reason}", path.display()));
        }
    };
    write("calibration.json".to_owned(), Ok(json(calibration).into_bytes()));
    write("calibration.md".to_owned(), Ok(markdown(calibration, subtitle).into_bytes()));
    for (name, plot) in calibration.plots() {
        let (svg, png) = match plot.draw(subtitle) {
            Ok((svg, png)) => (Ok(svg), Ok(png)),
            Err(problem) => (Err(problem.clone()), Err(problem)),
        };
        write(format!("charts/{name}.svg"), svg);
        write(format!("charts/{name}.png"), png);
    }
    missing
}

/// Tells of a calibration's progress on stderr.
struct Teller {
    quiet: bool,
    screen: Screen,
    done: usize,
    all: usize,
}

impl Teller {
    fn new(quiet: bool, all: usize) -> Self {
        Self { quiet, screen: Screen::of_stderr(), done: 0, all }
    }

    fn begin(&mut self, wanted: &[&Experiment], quick: bool) {
        if cfg!(debug_assertions) {
            output::message("warning: this is a debug build, and slow: calibrate with --release");
        }
        if !self.quiet {
            let seconds = wanted.iter().map(|e| e.seconds[usize::from(!quick)]).sum::<f64>();
            let all = wanted.len();
            self.screen.line(&format!("calibrate: {all} experiments, about {seconds:.0} s"));
        }
    }

    fn tell(&mut self, news: &News<'_>) {
        if self.quiet {
            return;
        }
        match news {
            News::Begun(experiment, attempt) => {
                let again =
                    if *attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
                let place = format!("[{:>2}/{}] ", self.done + 1, self.all);
                self.screen.draw(&place, experiment.name, &again);
            }
            News::Answered(answer) => {
                self.done += 1;
                self.screen.line(&format!(
                    "[{:>2}/{}] {} {}: {}",
                    self.done,
                    self.all,
                    answer.experiment.id,
                    answer.experiment.name,
                    answer.outcome.name()
                ));
            }
        }
    }

    fn end(&mut self) {
        self.screen.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings::calibrate::{ExperimentResult, Finding};

    #[test]
    fn the_exit_status_shows_whether_figures_can_be_trusted() {
        use ExperimentOutcome::{Fail, Noisy, Pass};
        for (outcomes, stopped, expected) in [
            (vec![Pass, Pass], None, 0),
            (vec![Pass, Noisy], None, exit::INVALID),
            (vec![Noisy, Fail], None, exit::MISSED),
            (vec![Pass], Some(2), 130),
            (vec![Fail], Some(15), 143),
        ] {
            let answer = |outcome| ExperimentResult {
                experiment: &EXPERIMENTS[0],
                outcome,
                attempts: 1,
                reasons: Vec::new(),
                finding: Finding::default(),
            };
            let answers = outcomes.iter().copied().map(answer).collect();
            assert_eq!(status(&Calibration { answers, stopped }), expected, "{outcomes:?}");
        }
    }
}
