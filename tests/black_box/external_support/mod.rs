//! Servers that others wrote, started by the scenarios of `scenarios/external/` and the descriptions of `examples/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{left_out, only_noise, rows, text};

/// The loads of the tests: two seconds, a few clients, and nothing published before the window, so that everything that the
/// server took is expected.
const SHORT: [&str; 7] = [
    "trials=1",
    "workload.clients=6",
    "phases.connect=200ms",
    "phases.idle=100ms",
    "phases.warmup=0s",
    "phases.measure=2s",
    "phases.drain=10s",
];

/// A program that a server needs, under the variable by which scenarios find it elsewhere than on the PATH.
pub(crate) struct Program {
    /// The variable; empty if there is none.
    pub variable: &'static str,
    /// The name on the PATH.
    pub name: &'static str,
}

impl Program {
    fn is_here(&self) -> bool {
        let named = std::env::var(self.variable).ok().filter(|path| !path.is_empty());
        let name = named.unwrap_or_else(|| self.name.to_owned());
        let path = std::env::var_os("PATH").unwrap_or_default();
        name.contains('/') && Path::new(&name).exists()
            || std::env::split_paths(&path).any(|folder| folder.join(&name).is_file())
    }
}

/// Whether all of `programs` are here; says what is left out otherwise.
pub(crate) fn are_here(what: &str, programs: &[Program]) -> bool {
    let missing: Vec<_> =
        programs.iter().filter(|program| !program.is_here()).map(|program| program.name).collect();
    if !missing.is_empty() {
        left_out(what, &format!("no {} here", missing.join(", no ")));
    }
    missing.is_empty()
}

/// The folder of npm packages: `TIDINGS_NPM`, or where `scripts/test --external` puts them.
pub(crate) fn npm_modules() -> PathBuf {
    let named = std::env::var_os("TIDINGS_NPM").filter(|path| !path.is_empty());
    named.map_or_else(|| root().join("target/external/npm/node_modules"), PathBuf::from)
}

/// The same, for servers whose installation or tests would take `scripts/test` too long: it leaves them to `--external`.
/// `packages` are npm's.
pub(crate) fn further_are_here(what: &str, programs: &[Program], packages: &[&str]) -> bool {
    if std::env::var_os("TIDINGS_EXTERNAL").is_some_and(|runs| runs == "no") {
        left_out(what, "scripts/test --external installs it and runs its test");
        return false;
    }
    let modules = npm_modules();
    let missing: Vec<_> =
        packages.iter().copied().filter(|name| !modules.join(name).is_dir()).collect();
    if !missing.is_empty() {
        left_out(what, &format!("no npm package {} here", missing.join(", ")));
    }
    are_here(what, programs) && missing.is_empty()
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A scenario file and the runs that are made of it.
pub(crate) struct External {
    file: PathBuf,
    folder: tempfile::TempDir,
}

impl External {
    /// A file of the repository, as it is.
    pub(crate) fn of(file: &str) -> Self {
        Self { file: root().join(file), folder: tempfile::tempdir().unwrap() }
    }

    /// A file of `scenarios/external/` whose server says on its end what it took: the answer at `path` is kept.
    pub(crate) fn that_reports(name: &str, path: &str) -> Self {
        let asks = format!("\"curl\", \"-s\", \"-o\", \"ACCOUNT\", \"http://127.0.0.1:{path}\"");
        Self::that_is_asked(name, &asks, "1s")
    }

    /// A file of `scenarios/external/` whose server is ended by the words of a command that writes to `ACCOUNT` what the server
    /// took; it is killed after `timeout`.
    pub(crate) fn that_is_asked(name: &str, words: &str, timeout: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let written =
            std::fs::read_to_string(root().join("scenarios/external").join(name)).unwrap();
        let without = written
            .lines()
            .filter(|line| !line.starts_with("stop = "))
            .flat_map(|line| [line, "\n"])
            .collect::<String>();
        // The copy lies elsewhere.
        let root = root().display();
        let without = without.replace("../../", &format!("{root}/"));
        let servers = format!("\"{root}/scenarios/external/servers/");
        let without = without.replace("\"servers/", &servers);
        let account = folder.path().join("account").display().to_string();
        let words = words.replace("ACCOUNT", &account);
        let asks = format!(
            "[[target.launch]]\nstop = {{ command = [{words}], timeout = \"{timeout}\" }}\n"
        );
        let file = folder.path().join(name);
        std::fs::write(&file, without.replacen("[[target.launch]]\n", &asks, 1)).unwrap();
        Self { file, folder }
    }

    /// `tidings VERB` of it, in short, with more settings.
    pub(crate) fn command(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.arg(verb).arg(&self.file).stdin(Stdio::null()).env("TIDINGS_NPM", npm_modules());
        if verb == "run" {
            command.arg("--quiet").arg("--out").arg(self.folder.path().join("results"));
        }
        if verb != "try" {
            let settings = SHORT.iter().chain(more);
            for setting in settings {
                command.args(["--set", setting]);
            }
        }
        command
    }

    /// Runs it to its end: a success, or doubtful for the machine's noise alone.
    pub(crate) fn run(&self, more: &[&str]) -> Vec<BTreeMap<String, String>> {
        let output = self.command("run", more).output().unwrap();
        only_noise(&self.results(&output), &output);
        rows(&self.results(&output).join("trials.csv"))
    }

    /// The one results folder.
    pub(crate) fn results(&self, output: &Output) -> PathBuf {
        let folders = |path: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let of_scenario = folders(&self.folder.path().join("results"));
        let runs: Vec<_> = of_scenario.iter().flat_map(|path| folders(path)).collect();
        assert_eq!(runs.len(), 1, "{runs:?}: {}", text(&output.stderr));
        runs[0].clone()
    }

    /// What the server said on its end.
    pub(crate) fn account(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("account")).unwrap()
    }
}

/// A whole number of a row; what is empty is none.
pub(crate) fn count(row: &BTreeMap<String, String>, column: &str) -> u64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} is '{}' in {row:?}", row[column]))
}

/// Everything that was expected arrived, once and in order, and nothing went wrong.
pub(crate) fn assert_whole(row: &BTreeMap<String, String>) {
    assert_complete(row);
    assert_eq!(count(row, "reordered"), 0, "{row:?}");
}

/// The same, at a server that sends each event by itself, so that one may overtake another.
pub(crate) fn assert_complete(row: &BTreeMap<String, String>) {
    assert!(count(row, "expected") > 0, "{row:?}");
    assert_eq!(count(row, "delivered"), count(row, "expected"), "{row:?}");
    for none in ["lost", "duplicate", "errors"] {
        assert_eq!(count(row, none), 0, "{none}: {row:?}");
    }
}
