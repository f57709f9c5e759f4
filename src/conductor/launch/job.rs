//! What a conductor and the guard of a server tell each other.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a guard starts, and how it ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    pub command: Vec<String>,
    pub directory: PathBuf,
    /// Variables beside those of this process.
    pub environment: BTreeMap<String, String>,
    pub cores: Option<Vec<usize>>,
    /// Whether the server goes on when its first process ends with status 0 and has left others.
    pub may_daemonise: bool,
    pub stop: Stop,
    /// A folder to remove if the conductor is gone.
    pub scratch: Option<PathBuf>,
}

/// How a server is asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stop {
    pub signal: i32,
    /// In place of the signal.
    pub command: Option<Vec<String>>,
    /// It is killed if it has not ended by then.
    pub timeout_ns: u64,
}

/// From the conductor to a guard. The end of the stream is an order too: to stop, and to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum GuardOrder {
    /// Start the server: the first order, and only once.
    Start(Box<Job>),
    /// Ask the server to end, by this signal rather than as its job says.
    Stop { signal: Option<i32> },
    /// Kill it on the spot.
    Kill,
}

/// From a guard to the conductor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum News {
    Started {
        pid: u32,
    },
    Refused(Refusal),
    /// The server ended by itself.
    Ended(Exit),
    /// After an order to end: no process is left, or so many that the kernel does not let go of.
    Gone {
        forced: bool,
        left: u32,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
    /// Its guard was killed.
    Unguarded,
}

impl Exit {
    pub(super) fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "ended with status {code}"),
            Self::Signal(libc::SIGKILL) => {
                f.write_str("was killed by signal 9 (the kernel does so when memory runs out)")
            }
            Self::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Self::Unguarded => f.write_str("was killed with the process that guards it"),
        }
    }
}

/// Why a command cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    NotFound,
    NotExecutable,
    /// It has no format that the kernel knows.
    NoFormat,
    NoDirectory,
    Other(String),
}

impl Refusal {
    pub(super) fn of(error: &io::Error, program: &Path) -> Self {
        match error.raw_os_error() {
            // A script whose interpreter is missing is reported in the same way.
            Some(libc::ENOENT) if program.is_file() => {
                Self::Other("the interpreter in its first line is missing".to_owned())
            }
            Some(libc::ENOENT | libc::ENOTDIR) => Self::NotFound,
            Some(libc::EACCES | libc::EISDIR) => Self::NotExecutable,
            Some(libc::ENOEXEC) => Self::NoFormat,
            _ => Self::Other(error.to_string()),
        }
    }

    /// What is wrong with `command` in `directory`, and what to do.
    pub(super) fn explain(&self, program: &str, directory: &Path) -> String {
        let directory = directory.display();
        match self {
            Self::NotFound if program.contains('/') => {
                format!("there is no file '{program}' (from {directory}): correct `command`")
            }
            Self::NotFound => format!(
                "there is no program '{program}' in PATH: install it, or write its path in `command`"
            ),
            Self::NotExecutable => format!(
                "'{program}' may not be executed: make it executable (chmod +x), or begin `command` \
                 with its interpreter"
            ),
            Self::NoFormat => format!(
                "'{program}' is neither a binary of this machine nor a script with #! in its first \
                 line: begin `command` with its interpreter"
            ),
            Self::NoDirectory => {
                format!("there is no directory {directory}: create it, or correct `directory`")
            }
            Self::Other(why) => format!("'{program}' cannot be started: {why}"),
        }
    }
}
