//! The build information of a binary: the build script, in folders of every kind, and `--version`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidings::record::{Build, RunInfo};

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

/// The build script, compiled once.
fn script(folder: &Path) -> PathBuf {
    let program = folder.join("script");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("build.rs");
    let status =
        Command::new("rustc").args(["--edition", "2024", "-o"]).arg(&program).arg(source).status();
    assert!(status.unwrap().success());
    program
}

/// Revision and `true`, `false` or `unknown`, as the script tells them of a folder; and what it watches.
fn told(script: &Path, root: &Path, path: &str) -> (String, String, Vec<String>) {
    let mut command = Command::new(script);
    command.env("CARGO_MANIFEST_DIR", root).env("CARGO_PKG_VERSION", "1.2.3").env("PATH", path);
    // As in a hook of another repository.
    command.env("GIT_DIR", "/nowhere").env("GIT_INDEX_FILE", "/nowhere/index");
    let output = command.env("OPT_LEVEL", "3").current_dir(root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let of = |name: &str| {
        let prefix = format!("cargo::rustc-env={name}=");
        text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
    };
    let watched = text.lines().filter_map(|line| line.strip_prefix("cargo::rerun-if-changed="));
    let watched: Vec<String> = watched.map(str::to_owned).collect();
    assert!(watched.iter().all(|path| Path::new(path).exists()), "else every build runs it");
    (of("TIDINGS_BUILD_REVISION"), of("TIDINGS_BUILD_MODIFIED"), watched)
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]).args(arguments);
    let output = command.current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn sources(folder: &Path) {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("src/lib.rs"), "//! Nothing.").unwrap();
    fs::write(folder.join("README"), "read").unwrap();
}

#[test]
fn the_build_script_names_the_revision_wherever_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (script, path) = (script(folder.path()), std::env::var("PATH").unwrap());
    let unknown = |told: (String, String, Vec<String>), why: &str| {
        assert_eq!((told.0.as_str(), told.1.as_str()), ("unknown", "unknown"), "{why}");
    };
    let root = folder.path().join("repository");
    sources(&root);
    unknown(told(&script, &root, &path), "no repository");
    git(&root, &["init", "--quiet"]);
    unknown(told(&script, &root, &path), "no commit");
    git(&root, &["add", "."]);
    git(&root, &["commit", "--quiet", "--message", "one"]);
    let revision = git(&root, &["rev-parse", "--short=12", "HEAD"]);
    let is = |root: &Path, modified: &str, why: &str| {
        let (found, state, watched) = told(&script, root, &path);
        assert_eq!((found.as_str(), state.as_str()), (revision.as_str(), modified), "{why}");
        assert!(watched.iter().any(|path| path.ends_with("/HEAD")), "{why}: {watched:?}");
        assert!(!watched.iter().any(|path| path.ends_with("/index")), "{why}: {watched:?}");
    };
    is(&root, "false", "a commit");
    fs::write(root.join("README"), "no part of the binary").unwrap();
    is(&root, "false", "another file");
    unknown(told(&script, &root, "/nowhere"), "no git");
    let tree = folder.path().join("tree");
    git(&root, &["worktree", "add", "--quiet", tree.to_str().unwrap()]);
    assert!(tree.join(".git").is_file());
    is(&tree, "false", "a linked working tree");
    git(&root, &["pack-refs", "--all"]);
    is(&root, "false", "packed");
    git(&root, &["checkout", "--quiet", "--detach"]);
    is(&root, "false", "detached");
    fs::write(root.join("src/new.rs"), "").unwrap();
    is(&root, "true", "a new source");

    let inside = root.join("vendor/tidings");
    sources(&inside);
    unknown(told(&script, &inside, &path), "inside of another's repository");
    for (dirty, modified) in [("", "false"), (", \"dirty\": true", "true")] {
        let text = format!("{{\"git\": {{\"sha1\": \"{HASH}\"{dirty}}}, \"path_in_vcs\": \"\"}}");
        fs::write(inside.join(".cargo_vcs_info.json"), text).unwrap();
        let (found, state, _) = told(&script, &inside, "/nowhere");
        assert_eq!((found.as_str(), state.as_str()), (&HASH[..12], modified), "a package");
    }
}

#[test]
fn version_names_the_revision_that_run_json_does() {
    let output = Command::new(env!("CARGO_BIN_EXE_tidings")).arg("--version").output().unwrap();
    let (build, printed) = (Build::this(), String::from_utf8(output.stdout).unwrap());
    let modified = if build.build_modified == Some(true) { ", modified" } else { "" };
    let Build { tidings_version, build_revision, .. } = build;
    assert_eq!(
        printed,
        format!("tidings {tidings_version} (revision {build_revision}{modified})\n")
    );
}

#[test]
fn the_revision_of_earlier_files_is_the_users() {
    let info = crate::synthetic::info(crate::synthetic::scenario(Vec::new(), 1, &[]));
    let mut json = serde_json::to_value(&info).unwrap();
    let fields = json.as_object_mut().unwrap();
    let user = fields.remove("working_directory_revision").unwrap();
    fields.insert("git_revision".to_owned(), user.clone());
    for new in ["build_revision", "build_modified", "build_opt_level"] {
        assert!(fields.remove(new).is_some(), "{new}");
    }
    let read: RunInfo = serde_json::from_value(json).unwrap();
    assert_eq!(read.working_directory_revision.as_deref(), user.as_str());
    assert_eq!((read.build.build_revision.as_str(), read.build.build_modified), ("unknown", None));
}
