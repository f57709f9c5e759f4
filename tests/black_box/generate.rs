//! `tidings generate man` and `completions`, as the programs that read them take them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{left_out, text};

fn tidings(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings")).args(arguments).output().unwrap()
}

fn generated(arguments: &[&str]) -> String {
    let output = tidings(&[&["generate"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that `tidings --help` lists.
fn verbs() -> BTreeSet<String> {
    let help = String::from_utf8(tidings(&["--help"]).stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn has(program: &str) -> bool {
    let mut asks = Command::new(program);
    asks.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asks.status().is_ok_and(|status| status.success())
}

#[test]
fn there_is_a_manual_page_per_verb_and_the_hidden_ones_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("new").join("man1");
    let printed = generated(&["man", "--out", pages.to_str().unwrap()]);
    assert_eq!(Path::new(printed.trim_end()), pages);
    let names: BTreeSet<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for verb in verbs().iter().filter(|verb| *verb != "help") {
        assert!(names.contains(&format!("tidings-{verb}.1")), "{verb}: {names:?}");
    }
    for hidden in ["target", "worker", "guard"] {
        assert!(!names.contains(&format!("tidings-{hidden}.1")), "{names:?}");
    }
    let top = fs::read_to_string(pages.join("tidings.1")).unwrap();
    assert_eq!(top, generated(&["man"]));
    if !has("groff") {
        return left_out("manual pages as groff formats them", "no groff here");
    }
    for name in &names {
        let mut groff = Command::new("groff");
        // Without bold letters by overstriking.
        groff.args(["-K", "utf8", "-ww", "-man", "-Tutf8", "-P-cbou"]).arg(pages.join(name));
        let output = groff.output().unwrap();
        assert_eq!(text(&output.stderr), "", "{name}");
        let page = text(&output.stdout);
        assert!(page.contains("SYNOPSIS") && page.contains("OPTIONS"), "{name}: {page}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = tidings(&["generate", "man", "--out", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("cannot write manual pages to"), "{message}");
    assert!(output.stdout.is_empty());
}

/// What bash offers for the last of `words`, by the generated script.
fn offered(script: &Path, words: &[&str]) -> BTreeSet<String> {
    let all = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let last = words.last().unwrap();
    let before = words[words.len() - 2];
    let asks = format!(
        "source '{}' || exit 9\nCOMP_WORDS=({all})\nCOMP_CWORD={}\n_tidings tidings '{last}' '{before}' || exit 8\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        script.display(),
        words.len() - 1
    );
    let output = Command::new("bash").args(["--norc", "-c", &asks]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{words:?}");
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_flags_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("tidings.bash");
    fs::write(&script, generated(&["completions", "bash"])).unwrap();
    if !has("bash") {
        return left_out("completions in bash", "no bash here");
    }
    let checked = Command::new("bash").arg("-n").arg(&script).output().unwrap();
    assert_eq!((checked.status.code(), text(&checked.stderr).as_str()), (Some(0), ""));
    let all = offered(&script, &["tidings", ""]);
    assert!(verbs().is_subset(&all), "{all:?}");
    assert!(!all.contains("worker"), "{all:?}");
    for (words, expected) in [
        (&["tidings", "cali"][..], "calibrate"),
        (&["tidings", "generate", "com"], "completions"),
        (&["tidings", "generate", "schema", "su"], "summary"),
        (&["tidings", "report", "--fo"], "--format"),
        (&["tidings", "report", "--format", "js"], "json"),
    ] {
        assert_eq!(offered(&script, words), [expected.to_owned()].into(), "{words:?}");
    }
}

#[test]
fn every_shell_has_a_script_with_every_verb() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = generated(&["completions", shell]);
        for verb in verbs() {
            assert!(script.contains(verb.as_str()), "{shell}: {verb}");
        }
        if shell == "zsh" {
            assert!(script.starts_with("#compdef tidings"), "{script}");
        }
    }
}
