//! Quantities as people write them: in files, in `--set`, in sweeps, in flags. What is printed reads back the same.

use std::process::{Command, Output};

use crate::support::text;

fn plan(scenario: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.toml");
    std::fs::write(&file, scenario).unwrap();
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .arg("plan")
        .arg(&file)
        .args(arguments)
        .output()
        .unwrap()
}

const BASE: &str =
    "question = \"Does it read?\"\npatterns = [\"sse\"]\nfloor = false\ntrials = 1\n";

#[test]
fn a_quantity_is_the_same_in_a_file_a_set_and_a_case() {
    for (key, written, exact) in [
        ("clients", "\"2.03k\"", "2030"),
        ("clients", "\"1_001\"", "1001"),
        ("clients", "1e3", "1000"),
        ("clients", "2_000", "2000"),
        ("rate", "\"1/10s\"", "0.1/s"),
        ("rate", "\"90/1m30s\"", "1/s"),
        ("rate", "\"0.0256k/s\"", "25.6/s"),
        ("payload", "\"1.5KiB\"", "1536B"),
        ("payload", "\"2.048 kB\"", "2KiB"),
    ] {
        // Other keys that the case needs.
        let rest = if key == "clients" { "rate = \"5/s\"" } else { "clients = 10" };
        let rest = if key == "payload" { "clients = 10\nrate = \"5/s\"" } else { rest };
        let head = format!("{BASE}[phases]\nmeasure = \"40s\"\n[workload]\n{rest}\n");
        // Swept, it is a part of the case's id, whose text means the same again.
        let swept = plan(&format!("{head}[sweep]\n{key} = [{written}]\n"), &[]);
        let (told, faults) = (text(&swept.stdout), text(&swept.stderr));
        assert_eq!(swept.status.code(), Some(0), "{key} = {written}: {faults}");
        assert!(told.contains(&format!("{key}={exact}")), "{key} = {written}: {told}");
        let again = plan(&format!("{head}[sweep]\n{key} = [\"{exact}\"]\n"), &[]);
        assert_eq!(text(&again.stdout), told, "{key} = {exact}");
        // In a file and in a --set it is the same plan.
        let filed = plan(&format!("{head}{key} = {written}\n"), &[]);
        assert_eq!(filed.status.code(), Some(0), "{key} = {written}: {}", text(&filed.stderr));
        let set = plan(&head, &["--set", &format!("workload.{key}={exact}")]);
        assert_eq!(text(&filed.stdout), text(&set.stdout), "{key} = {written}");
    }
}

#[test]
fn an_invalid_quantity_is_refused_with_its_text_its_place_and_an_example() {
    for (line, place, shown, example) in [
        ("clients = \"1,000\"", "x.toml:6", "'1,000'", "10k"),
        ("clients = \"2.0305k\"", "x.toml:6", "'2.0305k'", "10k"),
        ("clients = 1.5", "x.toml:6", "'1.5'", "10k"),
        ("rate = \"10rps\"", "x.toml:6", "'10rps'", "50/s"),
        ("rate = \"1/0s\"", "x.toml:6", "'1/0s'", "50/s"),
        ("payload = \"16KB\"", "x.toml:6", "'16KB'", "16KiB"),
    ] {
        let output = plan(&format!("{BASE}[workload]\n{line}\n"), &[]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {told}");
        for words in [place, shown, example] {
            assert!(told.contains(words), "{line}: '{words}' is missing in {told}");
        }
    }
    for (set, shown) in [
        ("phases.measure=30s1m", "'30s1m'"),
        ("phases.measure=5", "'5'"),
        ("workload.rate=inf/s", "'inf/s'"),
    ] {
        let output = plan(BASE, &["--set", set]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{set}: {told}");
        assert!(told.contains(&format!("--set {set}")) && told.contains(shown), "{set}: {told}");
    }
}

#[test]
fn an_objective_is_compared_with_the_written_number() {
    // As a double, 99.9 divided by 100 is more than 0.999.
    for (objective, status) in [
        ("reach >= 99.9%", 0),
        ("freshness_p99 < 1m30s", 0),
        ("reach >= 99,9%", 2),
        ("freshness_p99 < 50", 2),
    ] {
        let head = format!(
            "objectives = [\"{objective}\"]\n{BASE}[workload]\nclients = 10\nrate = \"5/s\"\n"
        );
        let output = plan(&head, &[]);
        assert_eq!(output.status.code(), Some(status), "{objective}: {}", text(&output.stderr));
    }
}
