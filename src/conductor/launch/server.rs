//! One launched server: prepared, started until it is ready, stopped, and described when it fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::LaunchError;
use super::life::Life;
use super::output::Output;
use super::prepared::Prepared;
use crate::clock;
use crate::unit::{Span, counted};

/// Pause between two looks at a server that is not ready.
const PAUSE: Duration = Duration::from_millis(10);

/// A problem, and whether another port might solve it.
pub(super) struct Trouble {
    pub error: LaunchError,
    pub in_use: bool,
}

impl From<String> for Trouble {
    fn from(said: String) -> Self {
        Self { error: LaunchError::Failed(said), in_use: false }
    }
}

/// A server over all of its lives.
pub(super) struct Server {
    pub prepared: Prepared,
    pub output: Arc<Output>,
    pub life: Option<Life>,
    pub log: Option<PathBuf>,
    /// The log as messages name it.
    pub log_name: String,
}

impl Server {
    /// The port of the URL that it printed, if it is to print one.
    pub(super) fn printed_port(&self) -> Option<u16> {
        self.prepared.ready.prints_url.then(|| self.output.printed_port()).flatten()
    }

    /// Refuses a life on another port than the `former` one, where its clients know only that.
    pub(super) fn keeps_port(&self, former: Option<u16>) -> Result<(), String> {
        match (former, self.printed_port()) {
            (Some(former), Some(now)) if former != now => Err(format!(
                "cannot restart '{}': it listened on port {former}, which its clients know, and printed the URL of port {now} \
                 after its restart. Let it listen on {{{{port}}}} or on a fixed port, or remove [restart]",
                self.prepared.title
            )),
            _ => Ok(()),
        }
    }

    /// Runs the commands that come before the start.
    pub(super) fn prepare(
        &mut self,
        executable: &Path,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<(), Trouble> {
        for job in &self.prepared.prepare {
            let shown = self.output.shown(&job.command.join(" "));
            self.output.begin(None, &format!("prepare: {shown}"));
            let mut life = match Life::begin(executable, job, &self.output) {
                Ok(Ok(life)) => life,
                Ok(Err(refusal)) => {
                    let program = self.output.shown(job.command.first().map_or("", |p| p.as_str()));
                    let why =
                        refusal.explain(&program, &job.directory).replace("`command`", "`prepare`");
                    return Err(format!("cannot prepare '{}': {why}", self.prepared.title).into());
                }
                Err(error) => return Err(unguarded(&self.prepared.title, &error).into()),
            };
            let timeout = self.prepared.prepare_timeout;
            let deadline = clock::now() + timeout.ns();
            let exit = loop {
                if let Some(exit) = life.ended() {
                    break exit;
                }
                if interrupted() {
                    return Err(Trouble { error: LaunchError::Interrupted, in_use: false });
                }
                if clock::now() >= deadline {
                    drop(life);
                    let said = self.said();
                    return Err(format!(
                        "cannot prepare '{}': '{shown}' did not end within {timeout}{said} Raise \
                         `prepare_timeout`, or correct `prepare`",
                        self.prepared.title
                    )
                    .into());
                }
                life.hear(PAUSE);
            };
            drop(life);
            if !exit.is_success() {
                let said = self.said();
                let title = &self.prepared.title;
                return Err(format!("cannot prepare '{title}': '{shown}' {exit}{said}").into());
            }
        }
        Ok(())
    }

    /// Starts a life, and waits until the server is ready.
    pub(super) fn start(
        &mut self,
        executable: &Path,
        interrupted: &dyn Fn() -> bool,
        heading: &str,
    ) -> Result<(), Trouble> {
        let Prepared { title, job, ready, .. } = &self.prepared;
        let heading =
            if heading.is_empty() && !self.prepared.prepare.is_empty() { "start" } else { heading };
        self.output.begin(ready.line.as_deref(), heading);
        match Life::begin(executable, job, &self.output) {
            Ok(Ok(life)) => self.life = Some(life),
            Ok(Err(refusal)) => {
                let program = self.output.shown(job.command.first().map_or("", |p| p.as_str()));
                let why = refusal.explain(&program, &job.directory);
                return Err(format!("cannot start '{title}': {why}").into());
            }
            Err(error) => return Err(unguarded(title, &error).into()),
        }
        self.wait_until_ready(interrupted)
    }

    fn wait_until_ready(&mut self, interrupted: &dyn Fn() -> bool) -> Result<(), Trouble> {
        let Prepared { title, ready, .. } = &self.prepared;
        let deadline = clock::now() + ready.timeout_ns;
        let Some(life) = &mut self.life else { return Ok(()) };
        let mut missing;
        let ended = loop {
            // It may have ended although something answers in its place.
            missing = ready.missing(&self.output);
            if let Some(exit) = life.ended() {
                break Some(exit);
            }
            if missing.is_none() {
                self.output.is_ready();
                return Ok(());
            }
            if interrupted() {
                return Err(Trouble { error: LaunchError::Interrupted, in_use: false });
            }
            if clock::now() >= deadline {
                break None;
            }
            life.hear(PAUSE);
        };
        // With its end, everything that it printed has arrived.
        self.life = None;
        let (in_use, said) = (self.output.says_in_use(), self.said());
        let error = match ended {
            Some(exit) => format!(
                "the server '{title}' {exit} before it was ready{said} Correct `command` in \
                 [[target.launch]], or run it by hand to see why"
            ),
            None => format!(
                "the server '{title}' was not ready within {}: waited for {}{said} Correct `ready`, or \
                 raise its timeout",
                Span::from_ns(ready.timeout_ns),
                self.output.shown(&missing.unwrap_or_default()),
            ),
        };
        Err(Trouble { error: LaunchError::Failed(error), in_use })
    }

    /// Stops it, if it runs; returns what did not go as it should.
    pub(super) fn stop(&mut self, signal: Option<i32>) -> Option<String> {
        let gone = self.life.as_mut()?.stop(signal);
        let title = &self.prepared.title;
        if gone.left > 0 {
            return Some(format!(
                "{} of the server '{title}' could not be killed",
                counted(u64::from(gone.left), "process")
            ));
        }
        let timeout = Span::from_ns(self.prepared.job.stop.timeout_ns);
        gone.forced.then(|| {
            format!(
                "the server '{title}' did not end within {timeout} and was killed: raise the timeout of \
                 `stop`, or correct its signal or command"
            )
        })
    }

    /// Describes the server's end, with its last lines.
    pub(super) fn obituary(&mut self, how: &str) -> String {
        // With the end of its guard, everything that it printed has arrived.
        self.life = None;
        format!("the server '{}' {how}{}", self.prepared.title, self.said())
    }

    /// Its last lines, and where the others are.
    fn said(&self) -> String {
        let kept = &self.log_name;
        match self.output.last_words() {
            Some(words) => format!("; it said: {}.{kept}", words.trim_end_matches('.')),
            None => "; it printed nothing.".to_owned(),
        }
    }

    pub(super) fn save_log(&mut self) -> Option<String> {
        let path = self.log.take()?;
        let saved = self.output.save(&path);
        saved.err().map(|error| format!("{} cannot be written: {error}", path.display()))
    }
}

fn unguarded(title: &str, error: &std::io::Error) -> String {
    format!("cannot start '{title}': its guard process did not start: {error}")
}
