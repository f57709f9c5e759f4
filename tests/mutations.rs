#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is run for")]
//! Checks that calibration finds lies: each mutation of `mutations.toml` breaks the harness in one place, and the
//! experiments that it names must fail.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// An edit of the source that makes the harness lie.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    /// What the edit breaks.
    name: String,
    /// Path of the source.
    file: PathBuf,
    /// The text to replace, which occurs once.
    find: String,
    /// The replacement.
    replace: String,
    /// Numbers of the experiments that must fail.
    experiments: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct Mutations {
    mutation: Vec<Mutation>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn mutations() -> Vec<Mutation> {
    let text = fs::read_to_string(root().join("tests/mutations.toml")).unwrap();
    toml::from_str::<Mutations>(&text).unwrap().mutation
}

#[test]
fn every_mutation_still_finds_its_place_and_every_experiment_has_one() {
    let mut covered = BTreeSet::new();
    for mutation in mutations() {
        let source = fs::read_to_string(root().join(&mutation.file)).unwrap();
        let found = source.matches(&mutation.find).count();
        assert_eq!(found, 1, "{}: in {}", mutation.name, mutation.file.display());
        assert_ne!(mutation.find, mutation.replace, "{}", mutation.name);
        covered.extend(mutation.experiments);
    }
    assert_eq!(covered, (1..=19).collect::<BTreeSet<_>>());
}

/// Copies what is under version control; names in `TIDINGS_MUTATIONS` (separated by semicolons) restrict what is
/// run, `TIDINGS_MUTANTS` is where the mutants are built.
///
/// A machine that is too noisy leaves a mutant undecided, which the table says: only one that passes has survived.
#[test]
#[ignore = "builds and calibrates a mutant a mutation: about a quarter of an hour"]
fn every_mutation_is_found_by_its_experiments() {
    let wanted = std::env::var("TIDINGS_MUTATIONS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(';').filter(|name| !name.is_empty()).collect();
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    copy(&tree);
    // Kept between runs, so that dependencies are built once.
    let target = std::env::var_os("TIDINGS_MUTANTS")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutants"), PathBuf::from);
    let mut table = String::from("| mutation | experiment | outcome |\n| --- | --- | --- |\n");
    let mut survivors = Vec::new();
    for mutation in mutations() {
        if !wanted.is_empty() && !wanted.contains(&mutation.name.as_str()) {
            continue;
        }
        let path = tree.join(&mutation.file);
        let source = fs::read_to_string(&path).unwrap();
        fs::write(&path, source.replacen(&mutation.find, &mutation.replace, 1)).unwrap();
        build(&tree, &target, &mutation.name);
        for experiment in &mutation.experiments {
            eprintln!("{}: experiment {experiment}", mutation.name);
            let outcome = outcome(&target.join("debug/tidings"), *experiment, folder.path());
            let _ = writeln!(table, "| {} | {experiment} | {outcome} |", mutation.name);
            if outcome == "pass" {
                survivors.push(format!("{} survived experiment {experiment}", mutation.name));
            }
        }
        fs::write(&path, source).unwrap();
    }
    println!("{table}");
    assert!(survivors.is_empty(), "{survivors:#?}");
}

fn copy(tree: &Path) {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success(), "the sources must be a git repository");
    for name in
        String::from_utf8(listed.stdout).unwrap().split('\0').filter(|name| !name.is_empty())
    {
        let (from, to) = (root().join(name), tree.join(name));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        // A file may have been deleted and not yet committed.
        if from.is_file() {
            fs::copy(from, to).unwrap();
        }
    }
}

fn build(tree: &Path, target: &Path, name: &str) {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--bin", "tidings"])
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .status()
        .unwrap();
    assert!(status.success(), "{name} does not build");
}

fn outcome(tidings: &Path, experiment: u32, out: &Path) -> String {
    let output = Command::new(tidings)
        .args(["calibrate", "--quick", "--quiet", "--format", "json", "--only"])
        .arg(experiment.to_string())
        .arg("--out")
        .arg(out)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    document["experiments"][0]["outcome"].as_str().unwrap().to_owned()
}
