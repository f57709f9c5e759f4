//! The scenarios of a verb with the command line's overrides, shared by `run` and `plan`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tidings::judge::{AbortWhen, parse_objective};
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::scenario::{self, Override, STDIN, Scenario};
use tidings::unit::Count;

/// Scenario files and overrides.
#[derive(Debug, clap::Args)]
pub(super) struct Selection {
    /// Scenario files, or names of shipped scenarios, such as quickstart; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Override a scenario key, such as workload.clients=500; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Override the number of trials per case
    #[arg(long, value_name = "N")]
    trials: Option<Count>,
}

impl Selection {
    /// The files as given.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Plans every scenario; the first that is wrong, cannot be judged or cannot fit refuses them all.
    pub(super) fn plans(&self, host: &Host) -> anyhow::Result<Vec<Plan>> {
        if self.files.iter().filter(|file| *file == Path::new(STDIN)).count() > 1 {
            bail!(
                "- is given twice, but standard input can be read only once; give the others as files"
            );
        }
        let mut sets: Vec<Override> = self.sets.iter().map(|set| Override::set(set)).collect();
        sets.extend(self.trials.map(|trials| Override::flag("--trials", "trials", trials)));
        self.files.iter().map(|file| plan(file, &sets, host)).collect()
    }
}

fn plan(file: &Path, sets: &[Override], host: &Host) -> anyhow::Result<Plan> {
    let scenario = scenario::load(file, sets)?;
    let named = || match file.to_string_lossy().replace(char::is_control, "\u{fffd}") {
        file if file == STDIN => "<stdin>".to_owned(),
        file => file,
    };
    check_objectives(&scenario).with_context(named)?;
    Plan::new(scenario, host).with_context(named)
}

/// An objective that cannot be judged is found before the run, not after it.
fn check_objectives(scenario: &Scenario) -> anyhow::Result<()> {
    let cases = || scenario.cases.iter().map(|case| (case.id.as_str(), case.pattern.kind()));
    for text in &scenario.objectives {
        parse_objective(text)?.check(cases())?;
    }
    if let Some(text) = &scenario.abort_when {
        AbortWhen::parse(text)?.check(cases())?;
    }
    Ok(())
}
