//! Two git revisions, each checked out and built in a worktree of its own, which goes with the gate.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow, bail};
use tidings::dialect::launch::LaunchSpec;
use tidings::prose::harmless;
use tidings::server::ScratchFolder;

use super::SideArguments;
use super::sides::{folder_of, launch_called};
use crate::cli::output;

/// Last lines of a build that failed.
const LAST_LINES: usize = 12;

/// The worktrees of base and head; removed when they are dropped.
#[derive(Debug)]
pub(super) struct Checkouts {
    /// The repository's root.
    root: PathBuf,
    /// The folder that holds both worktrees.
    folder: ScratchFolder,
    /// Names as given, and commits.
    revisions: [(String, String); 2],
    /// The scenario's folder, from the root: relative directories of its servers are found below it in each worktree.
    scenario: PathBuf,
}

impl Checkouts {
    /// Checks both revisions out and builds them; `None` where the arguments name no revision.
    pub(super) fn of(
        sides: &SideArguments,
        scenario: &Path,
        interrupted: &dyn Fn() -> bool,
    ) -> anyhow::Result<Option<Self>> {
        let Some(base) = &sides.base_rev else { return Ok(None) };
        let head = sides.head_rev.as_deref().unwrap_or("HEAD");
        let here = std::env::current_dir().context("cannot find the working directory")?;
        let root = git(&here, &["rev-parse", "--show-toplevel"])
            .context("--base-rev needs a git repository around the working directory")?;
        let root = PathBuf::from(root);
        let commit = |name: &str| {
            let wanted = format!("{name}^{{commit}}");
            let id = git(&root, &["rev-parse", "--verify", "--quiet", &wanted]);
            id.map(|id| (name.to_owned(), id)).map_err(|_| {
                anyhow!("'{name}' is not a revision of {}. In a shallow clone, fetch it first: git fetch origin {name}", root.display())
            })
        };
        let revisions = [commit(base)?, commit(head)?];
        if sides.head_rev.is_none()
            && git(&root, &["status", "--porcelain", "-uno"])?.lines().next().is_some()
        {
            output::message("warning: the head is HEAD; uncommitted changes are not measured");
        }
        let below = std::path::absolute(folder_of(scenario)).unwrap_or_default();
        let scenario = below.strip_prefix(&root).map(Path::to_path_buf).unwrap_or_default();
        let folder = ScratchFolder::new().context("no folder for the worktrees")?;
        let checkouts = Self { root, folder, revisions, scenario };
        for at in [0, 1] {
            checkouts.check_out(at)?;
            if let Some(build) = &sides.build {
                checkouts.build(at, build, interrupted)?;
            }
        }
        Ok(Some(checkouts))
    }

    /// The name of a side's revision as given, and its commit.
    pub(super) fn named(&self, at: usize) -> (&str, &str) {
        let (name, id) = &self.revisions[at];
        (name, id)
    }

    fn worktree(&self, at: usize) -> PathBuf {
        self.folder.path().join(["base", "head"][at])
    }

    fn check_out(&self, at: usize) -> anyhow::Result<()> {
        let (name, id) = &self.revisions[at];
        let to = self.worktree(at);
        let to = to.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", to.display()))?;
        git(&self.root, &["worktree", "add", "--detach", "--force", to, id])
            .with_context(|| format!("cannot check {name} out"))?;
        Ok(())
    }

    fn build(
        &self,
        at: usize,
        command: &str,
        interrupted: &dyn Fn() -> bool,
    ) -> anyhow::Result<()> {
        let (name, _) = &self.revisions[at];
        output::message(format_args!("building {name}: {command}"));
        let log = self.folder.path().join(format!("build-{at}.log"));
        let file = std::fs::File::create(&log).context("no file for the build's output")?;
        let mut child = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.worktree(at))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("cannot start sh for --build")?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if interrupted() {
                let _ = child.kill();
                let _ = child.wait();
                bail!("interrupted while {name} was built");
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        };
        if !status.success() {
            let text = std::fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join(" | ");
            bail!(
                "{name} cannot be built: '{command}' ended with {status}; it said: {}",
                harmless(&last)
            );
        }
        Ok(())
    }

    /// Has a side's server run in its worktree: where `--serve` or the scenario starts it.
    pub(super) fn place(
        &self,
        at: usize,
        launch: &mut [LaunchSpec],
        name: Option<&str>,
    ) -> anyhow::Result<()> {
        let which = match (launch.len(), name) {
            (0, _) => bail!(
                "say how the server of a revision is started: --serve 'target/release/my-server {{{{port}}}}'"
            ),
            (_, Some(name)) => launch_called(launch, name)?,
            (1, None) => 0,
            _ => bail!(
                "the scenario launches several servers: say which is built from the revisions, with --launch NAME"
            ),
        };
        let worktree = self.worktree(at);
        let spec = &mut launch[which];
        // A directory of the scenario is relative to it; without one the server runs at the root, as the build did.
        let directory = match spec.directory.as_deref() {
            None => worktree,
            Some(directory) => worktree.join(&self.scenario).join(directory),
        };
        spec.directory = Some(directory.to_string_lossy().into_owned());
        let program = Path::new(&spec.command.0[0]);
        let in_worktree = self.worktree(at).join(program);
        if program.components().count() > 1 && program.is_relative() && in_worktree.exists() {
            spec.command.0[0] = in_worktree.to_string_lossy().into_owned();
        }
        Ok(())
    }
}

impl Drop for Checkouts {
    fn drop(&mut self) {
        for at in [0, 1] {
            let to = self.worktree(at);
            if let Some(to) = to.to_str().filter(|to| Path::new(to).exists()) {
                let _ = git(&self.root, &["worktree", "remove", "--force", to]);
            }
        }
    }
}

fn git(directory: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .context("git cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("git {}: {}", arguments[0], harmless(said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
