//! Servers that are not ours: started for a trial, watched, restarted and ended with it.
//!
//! | what | file |
//! | --- | --- |
//! | the process between a server and the conductor, which ends the server however the conductor ends | `guard` |
//! | one life of a server, seen from the conductor | `life` |
//! | a `[[target.launch]]` with its placeholders expanded | `prepared` |
//! | starting and stopping one server, and the messages about it | `server` |
//! | whether a server is ready | `ready` |
//! | what it prints | `output` |
//! | its ports, its files | `ports`, `files` |
//! | the processes of a server that was not launched | `process` |
//!
//! How a server is spoken to is not known here.

mod files;
mod guard;
mod job;
mod life;
mod output;
mod ports;
mod prepared;
mod process;
mod ready;
mod server;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::dialect::launch::LaunchSpec;
use crate::measure::{Tree, Watched};
use crate::server::ScratchFolder;
use output::Output;
use ports::Ports;
use prepared::{Prepared, Site};
use server::{Server, Trouble};

pub use guard::guard;
pub use process::watch;

/// How often servers are started anew because a port was taken meanwhile.
const ATTEMPTS: u32 = 5;
/// Pause before a server is started again whose port is still taken.
const PORT_PAUSE: Duration = Duration::from_millis(200);

/// Gives a placeholder's value by its name: `port`, `port:NAME`, `directory`, `client`.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Expands the placeholders of a text. It asks the given function for the names that it does not know itself.
pub type Expander<'a> = dyn Fn(&str, &Lookup<'_>) -> Result<String, String> + 'a;

/// What servers are started with.
pub struct LaunchOptions<'a> {
    /// The executable that guards them: this one.
    pub executable: &'a Path,
    /// The folder to which relative working directories refer: the scenario's.
    pub base: &'a Path,
    /// Where their output is kept, if anywhere.
    pub logs: Option<LogPlace<'a>>,
    /// How many clients the trial has, for files with `repeat = "client"`; they are numbered from 0.
    pub clients: u64,
    /// Texts that are neither shown nor written to logs.
    pub secrets: &'a [String],
    /// Expands placeholders.
    pub expand: &'a Expander<'a>,
    /// Whether the start should be given up, as for Ctrl-C.
    pub interrupted: &'a dyn Fn() -> bool,
}

/// Where the output of a trial's servers is kept: `FOLDER/logs/TRIAL-NAME.log`.
#[derive(Debug, Clone, Copy)]
pub struct LogPlace<'a> {
    /// The results folder.
    pub folder: &'a Path,
    /// The trial, in a form that is a file's name.
    pub trial: &'a str,
}

/// Why servers could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// With what it said, and what to do.
    #[error("{0}")]
    Failed(String),
    /// It was asked to give up.
    #[error("interrupted while servers were starting")]
    Interrupted,
}

/// The servers of a trial. Dropping this kills every process of theirs, keeps their output and removes their files.
pub struct Servers {
    // Lives end before the folder is removed.
    launched: Vec<Server>,
    ports: Ports,
    scratch: ScratchFolder,
    tree: Arc<Tree>,
    executable: PathBuf,
    /// They were stopped on purpose.
    down: bool,
}

impl fmt::Debug for Servers {
    /// Without commands, environments and output, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles: Vec<&str> =
            self.launched.iter().map(|server| server.prepared.title.as_str()).collect();
        f.debug_struct("Servers").field("titles", &titles).finish_non_exhaustive()
    }
}

impl Servers {
    /// Starts servers in order, each when the one before is ready; with other ports if one was taken meanwhile.
    pub fn start(specs: &[LaunchSpec], options: &LaunchOptions<'_>) -> Result<Self, LaunchError> {
        for attempt in 1.. {
            let scratch = ScratchFolder::new().map_err(|error| {
                LaunchError::Failed(format!("no folder for the servers' files: {error}"))
            })?;
            let mut servers = Self {
                launched: Vec::new(),
                ports: Ports::default(),
                scratch,
                tree: Arc::new(Tree::below(Vec::new())),
                executable: options.executable.to_owned(),
                down: false,
            };
            match servers.start_all(specs, options) {
                Ok(()) => return Ok(servers),
                Err(trouble) => {
                    let again = trouble.in_use && !servers.ports.all().is_empty();
                    if !again || attempt >= ATTEMPTS {
                        return Err(trouble.error);
                    }
                }
            }
        }
        unreachable!("the attempts are bounded")
    }

    fn start_all(
        &mut self,
        specs: &[LaunchSpec],
        options: &LaunchOptions<'_>,
    ) -> Result<(), Trouble> {
        for spec in specs {
            let title = self.free_title(spec.title());
            let log = options.logs.map(|place| place.file(&title));
            let log_name = log.as_ref().map_or_else(String::new, |path| {
                let shown = options.logs.and_then(|place| path.strip_prefix(place.folder).ok());
                format!(" Its output is in {}.", shown.unwrap_or(path).display())
            });
            let output = Arc::new(Output::new(options.secrets));
            let site = Site { ports: &self.ports, scratch: self.scratch.path(), options };
            let prepared = Prepared::of(spec, title, &site)?;
            self.launched.push(Server { prepared, output, life: None, log, log_name });
        }
        // Before any of them runs: afterwards one may be ready when another answers.
        self.refuse_taken()?;
        for server in &mut self.launched {
            server.prepare(&self.executable, options.interrupted)?;
            self.ports.release();
            server.start(&self.executable, options.interrupted, "")?;
        }
        self.tree.resume(self.guards());
        Ok(())
    }

    /// Refuses to start where another program answers already, which would be taken for a server.
    fn refuse_taken(&self) -> Result<(), String> {
        let reserved = self.ports.all();
        for Server { prepared: Prepared { title, ready, .. }, .. } in &self.launched {
            if let Some(port) = ready.taken(&reserved) {
                return Err(format!(
                    "cannot start '{title}': another program accepts connections on port {port} already: stop it, \
                     or let the server listen on {{{{port}}}}"
                ));
            }
        }
        Ok(())
    }

    /// A title that no server has yet: its own, or followed by a number.
    fn free_title(&self, title: &str) -> String {
        let taken = |title: &str| self.launched.iter().any(|server| server.prepared.title == title);
        let numbered = (2..).map(|number| format!("{title}-{number}"));
        let mut titles = std::iter::once(title.to_owned()).chain(numbered);
        titles.find(|title| !taken(title)).unwrap_or_default()
    }

    fn guards(&self) -> Vec<u32> {
        self.launched.iter().filter_map(|server| Some(server.life.as_ref()?.guard_pid())).collect()
    }

    /// The value of `port`, `port:NAME` or `directory`; `None` for a port that no server's description names, and that none
    /// has printed.
    pub fn lookup(&self, name: &str) -> Option<String> {
        match name {
            "directory" => Some(self.scratch.path().to_str()?.to_owned()),
            "port" => {
                // A port is reserved with any text, whether its server takes it or not.
                let printed = self.launched.iter().find_map(Server::printed_port);
                printed.or_else(|| self.ports.get("")).map(|port| port.to_string())
            }
            other => self.ports.get(other.strip_prefix("port:")?).map(|port| port.to_string()),
        }
    }

    /// The folder with the servers' files.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// Checks that every server runs; to be asked repeatedly. The error says which one ended, how, and its last lines.
    pub fn check(&mut self) -> Result<(), String> {
        if self.down {
            return Ok(());
        }
        let mut ended = self.launched.iter_mut().filter_map(|server| {
            let exit = server.life.as_mut()?.ended()?;
            Some((server, exit))
        });
        let Some((server, exit)) = ended.next() else { return Ok(()) };
        // What it used until then stays in the account.
        self.tree.retire();
        Err(server.obituary(&exit.to_string()))
    }

    /// Watches CPU time and memory of all of them, over restarts too.
    pub fn watched(&self) -> Watched {
        Watched::Tree(Arc::clone(&self.tree))
    }

    /// Their processes.
    pub fn pids(&self) -> Vec<u32> {
        self.watched().pids()
    }

    /// Stops them, the last one first: by `signal`, or as their descriptions say. Returns what did not go as it should.
    ///
    /// Ports and files are kept for [`Self::start_again`].
    pub fn stop_now(&mut self, signal: Option<i32>) -> Vec<String> {
        self.down = true;
        let stopped = self.launched.iter_mut().rev().filter_map(|server| server.stop(signal));
        let remarks = stopped.collect();
        self.tree.retire();
        for server in &mut self.launched {
            server.life = None;
        }
        self.ports.hold();
        remarks
    }

    /// Starts them again, on the same ports and with the same files. A port that is still taken is waited for.
    ///
    /// Fails where a server prints the URL of another port than before, which its clients do not know.
    pub fn start_again(&mut self, interrupted: &dyn Fn() -> bool) -> Result<(), LaunchError> {
        self.refuse_taken().map_err(LaunchError::Failed)?;
        self.ports.release();
        for server in &mut self.launched {
            let deadline = clock::now() + server.prepared.ready.timeout_ns;
            let former = server.printed_port();
            loop {
                match server.start(&self.executable, interrupted, "started again") {
                    Ok(()) => break,
                    Err(trouble) if trouble.in_use && clock::now() < deadline => {
                        std::thread::sleep(PORT_PAUSE);
                    }
                    Err(trouble) => return Err(trouble.error),
                }
            }
            server.keeps_port(former).map_err(LaunchError::Failed)?;
        }
        self.tree.resume(self.guards());
        self.down = false;
        Ok(())
    }

    /// Stops them as their descriptions say, the last one first, and writes their logs. Returns what did not go as it
    /// should.
    pub fn stop(mut self) -> Vec<String> {
        let mut remarks = self.stop_now(None);
        for server in &mut self.launched {
            remarks.extend(server.save_log());
        }
        remarks
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        while let Some(mut server) = self.launched.pop() {
            server.life = None;
            server.save_log();
        }
    }
}

impl LogPlace<'_> {
    fn file(&self, title: &str) -> PathBuf {
        let name = crate::record::file_name(&format!("{}-{title}", self.trial), 120);
        self.folder.join("logs").join(format!("{name}.log"))
    }
}
