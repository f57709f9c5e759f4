//! Launches servers as a trial does, and finds whatever is left of them.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tidings::conductor::launch::{LaunchError, LaunchOptions, LogPlace, Lookup, Servers};
use tidings::dialect::launch::LaunchSpec;
use tidings::measure::processes;

use crate::support::eventually;

#[derive(Deserialize)]
struct Written {
    launch: Vec<LaunchSpec>,
}

/// A folder for a test's launches, whose processes are marked.
pub(crate) struct Stage {
    pub folder: TempDir,
    pub secrets: Vec<String>,
    pub clients: u64,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), secrets: Vec::new(), clients: 3 }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Reads `[[launch]]` tables, in which `@BIN@` is the tidings executable and `@DIR@` this folder; marks their processes.
    pub(crate) fn specs(&self, toml: &str) -> Vec<LaunchSpec> {
        let toml = toml.replace("@BIN@", env!("CARGO_BIN_EXE_tidings"));
        let toml = toml.replace("@DIR@", self.folder.path().to_str().unwrap());
        let mut specs = toml::from_str::<Written>(&toml).unwrap().launch;
        for spec in &mut specs {
            spec.environment.insert("TIDINGS_LAUNCH_MARK".to_owned(), self.mark());
        }
        specs
    }

    /// Marks the processes of this test.
    pub(crate) fn mark(&self) -> String {
        self.folder.path().file_name().unwrap().to_str().unwrap().to_owned()
    }

    pub(crate) fn start(&self, toml: &str) -> Result<Servers, LaunchError> {
        self.start_unless(toml, &|| false)
    }

    pub(crate) fn start_unless(
        &self,
        toml: &str,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Servers, LaunchError> {
        let options = LaunchOptions {
            executable: Path::new(env!("CARGO_BIN_EXE_tidings")),
            base: self.folder.path(),
            logs: Some(LogPlace { folder: self.folder.path(), trial: "sse-1" }),
            clients: self.clients,
            secrets: &self.secrets,
            expand: &expand,
            interrupted,
        };
        Servers::start(&self.specs(toml), &options)
    }

    /// Why servers cannot be started; none is left.
    pub(crate) fn failure(&self, toml: &str) -> String {
        let error = self.start(toml).unwrap_err().to_string();
        self.assert_none_left();
        error
    }

    pub(crate) fn log(&self, server: &str) -> String {
        let path = self.path("logs").join(format!("sse-1-{server}.log"));
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    }

    /// Marked processes, and children of this one.
    pub(crate) fn left(&self) -> Vec<u32> {
        let names = ["TIDINGS_LAUNCH_MARK", "TIDINGS_CONDUCTOR_MARK"];
        let marks = names.map(|name| format!("{name}={}", self.mark()));
        let is_marked = |pid: u32| {
            let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            bytes
                .split(|byte| *byte == 0)
                .any(|part| marks.iter().any(|mark| part == mark.as_bytes()))
        };
        let own = std::process::id();
        let all = processes();
        let left = all.iter().filter(|stat| stat.parent == own || is_marked(stat.pid));
        left.map(|stat| stat.pid).filter(|pid| *pid != own).collect()
    }

    #[track_caller]
    pub(crate) fn assert_none_left(&self) {
        let left = self.left();
        let lines = left.iter().map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            format!("{pid}: {}", String::from_utf8_lossy(&line))
        });
        let lines: Vec<String> = lines.collect();
        assert!(left.is_empty(), "left behind: {lines:?}");
    }

    /// For what ends when the kernel gets to it.
    pub(crate) fn wait_until_none_left(&self) {
        eventually("the end of every process", || self.left().is_empty().then_some(()));
    }
}

impl Drop for Stage {
    /// After a failure too, no process survives its test.
    fn drop(&mut self) {
        for pid in self.left() {
            kill(pid, Signal::KILL);
        }
    }
}

/// Replaces `{{name}}`.
fn expand(text: &str, lookup: &Lookup<'_>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, more) = after.split_once("}}").ok_or("a placeholder is not closed")?;
        out.push_str(before);
        out.push_str(&lookup(name).ok_or_else(|| format!("nothing is named '{name}'"))?);
        rest = more;
    }
    out.push_str(rest);
    Ok(out)
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid as i32).unwrap(), signal);
}

pub(crate) fn connects(port: &str) -> bool {
    TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_ok()
}
