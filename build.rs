//! Records what the binary is built from: the revision, whether its files were modified, and the optimisation level.
//!
//! The script runs again only when HEAD moves or a file that makes the binary changes. The index is not watched: a
//! plain `git status` rewrites it, and everything would be compiled again. Nothing here can fail a build: what cannot
//! be found out is `unknown`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What makes the binary.
const SOURCES: [&str; 4] = ["src", "Cargo.toml", "Cargo.lock", "build.rs"];
/// Cargo writes it into a package: the revision that was packaged.
const PACKAGED: &str = ".cargo_vcs_info.json";

/// Where the sources come from.
struct Origin {
    revision: String,
    /// `None` where nobody knows.
    modified: Option<bool>,
}

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    watch(SOURCES.iter().map(|name| root.join(name)));
    let unknown = || Origin { revision: "unknown".to_owned(), modified: None };
    let origin = packaged(&root).or_else(|| repository(&root)).unwrap_or_else(unknown);
    let modified =
        origin.modified.map_or("unknown", |modified| if modified { "true" } else { "false" });
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let mark = if origin.modified == Some(true) { ", modified" } else { "" };
    set("TIDINGS_VERSION", &format!("{version} (revision {}{mark})", origin.revision));
    set("TIDINGS_BUILD_REVISION", &origin.revision);
    set("TIDINGS_BUILD_MODIFIED", modified);
    set("TIDINGS_BUILD_OPT_LEVEL", &std::env::var("OPT_LEVEL").unwrap_or_default());
}

fn set(name: &str, value: &str) {
    println!("cargo::rustc-env={name}={value}");
}

/// Asks for another run when one of these changes; a path that does not exist would ask for one at every build.
fn watch(paths: impl IntoIterator<Item = PathBuf>) {
    for path in paths.into_iter().filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// The origin of a package, which has no repository of its own and may be unpacked inside of another's.
fn packaged(root: &Path) -> Option<Origin> {
    let file = root.join(PACKAGED);
    let text = std::fs::read_to_string(&file).ok()?;
    watch([file]);
    let (_, rest) = text.split_once("\"sha1\"")?;
    let revision: String = rest.split('"').nth(1)?.chars().take(12).collect();
    let hexadecimal = revision.len() == 12 && revision.chars().all(|c| c.is_ascii_hexdigit());
    let modified = text.contains("\"dirty\"");
    hexadecimal.then_some(Origin { revision, modified: Some(modified) })
}

/// The origin of a working tree, a linked one too, whose top is this folder.
fn repository(root: &Path) -> Option<Origin> {
    if !root.join(".git").exists() {
        return None;
    }
    let top = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    let path =
        |name: &str| git(root, &["rev-parse", "--git-path", name]).map(|path| root.join(path));
    watch(["HEAD", "logs/HEAD", "reftable"].into_iter().filter_map(path));
    if let Some(branch) = git(root, &["symbolic-ref", "--quiet", "HEAD"]) {
        let loose = path(&branch).filter(|path| path.exists());
        // A packed branch gets a file of its own with its next commit.
        let packed = || ["packed-refs", "refs/heads"].into_iter().filter_map(path).collect();
        watch(loose.map_or_else(packed, |loose| vec![loose]));
    }
    let revision = git(root, &["rev-parse", "--short=12", "--verify", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--untracked-files=all", "--"];
    status.extend(SOURCES);
    Some(Origin { revision, modified: git(root, &status).map(|changes| !changes.is_empty()) })
}

/// What git prints; `None` where there is no git, or it fails.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // A hook runs with these set to the repository that it is called from.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"] {
        command.env_remove(name);
    }
    // The owner of the folder may be another user, as in a container. A build takes no locks and starts no daemon.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    command.args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false"]);
    let output = command.args(arguments).current_dir(root).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
