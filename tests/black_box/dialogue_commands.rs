//! Publishing to commands that follow a script.

use crate::{dialogue_publish, socket_support};

use std::net::SocketAddr;
use std::path::Path;

use dialogue_publish::{EVENTS, counts, ended};
use socket_support::{Lab, dialect, token};
use tidings::dialect::model::Dialect;

fn to_command(script: &str, more: &str) -> Dialect {
    dialect(&format!(
        "[publish]\nover = \"command\"\ncommand = [\"sh\", \"-c\", '''{script}''']\n{more}"
    ))
}

/// An address that nobody is asked at.
fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

#[test]
fn a_command_answers_each_line_by_a_line() {
    let echo = r#"while read -r line; do printf '%s\n' "$line" >> "$0"; echo '{"ok":true}'; done"#;
    let some = r"n=0; while read -r line; do n=$((n+1)); echo line $n; if [ $n = 4 ]; then echo no; else echo ok; fi; done";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let path = file.to_str().unwrap();
    for (script, more, acknowledged, refused, what) in [
        (echo, "", 10, vec![], "any line acknowledges"),
        (
            echo,
            "acknowledged = { json = { \"/ok\" = true } }",
            10,
            vec![],
            "such a line acknowledges",
        ),
        (some, "acknowledged = \"ok\"\nrefused = \"no\"", 9, vec![4], "others mean nothing"),
    ] {
        let mut dialect = to_command(script, more);
        dialect.publish.as_mut().unwrap().command.push(path.parse().unwrap());
        let (snapshot, published) = Lab::new()
            .publish(dialect, nowhere(), |context, published| ended(context, published, EVENTS));
        assert_eq!(counts(&snapshot), [EVENTS, EVENTS, acknowledged], "{what}");
        let numbers: Vec<u64> = published.refused.iter().map(|(_, n)| *n).collect();
        assert_eq!(numbers, refused, "{what}");
    }
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().count() as u64, 2 * EVENTS);
    for (n, line) in (1..=EVENTS).zip(lines.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["topic"], &line["n"]), (&"news-0".into(), &n.into()), "{line}");
        assert!(line["event"].as_str().unwrap().starts_with(&token(n)), "{line}");
    }
}

#[test]
fn a_command_that_ends_fails_the_trial_with_its_last_words() {
    for (script, says) in [
        (
            "read -r line; echo ok; read -r line; echo 'the broker is gone' >&2; exit 3",
            "exit status: 3",
        ),
        (
            "read -r line; echo ok; read -r line; echo 'the broker is gone' >&2; exit 3",
            "the broker is gone",
        ),
        ("exit 0", "standard error is empty"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let (failed, _) =
            Lab::new().publish(to_command(script, ""), nowhere(), |context, _| context.failed());
        assert!(failed.contains("target.publish") && failed.contains(says), "{failed}");
    }
    let missing = dialect("[publish]\nover = \"command\"\ncommand = [\"/no/such/program\"]");
    let (failed, _) = Lab::new().publish(missing, nowhere(), |context, _| context.failed());
    assert!(failed.contains("'/no/such/program'") && failed.contains("No such file"), "{failed}");
    let lines = to_command("cat", "send = \"a\\nb\"");
    let (failed, _) = Lab::new().publish(lines, nowhere(), |context, _| context.failed());
    assert!(failed.contains("several lines"), "{failed}");
}

#[test]
fn a_late_answer_of_a_command_is_not_taken_for_the_next() {
    // The second answer comes with the third event, together with that one's: every line answers one event, once.
    let script = r#"n=0; while read -r line; do n=$((n+1)); case $n in 2) ;; 3) echo "2"; echo "3";; *) echo "$n";; esac; done"#;
    let dialect = to_command(script, "timeout = \"50ms\"");
    let (snapshot, published) = Lab::new()
        .publish(dialect, nowhere(), |context, published| ended(context, published, EVENTS));
    assert_eq!(counts(&snapshot)[2] + published.unanswered.len() as u64, EVENTS);
}

#[test]
fn a_command_ends_with_its_publisher_and_so_does_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let path = file.to_str().unwrap();
    // It ignores the end of its input, and has a child.
    let script = format!(
        "sleep 1000 & echo $$ $! > {path}; trap '' TERM INT HUP; while read -r line; do echo ok; done; sleep 1000"
    );
    let _ = Lab::new().publish(to_command(&script, ""), nowhere(), |context, published| {
        ended(context, published, 1)
    });
    let pids = std::fs::read_to_string(&file).unwrap();
    for pid in pids.split_whitespace() {
        let over = || {
            let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
            // One that nobody has waited for is over, too.
            stat.map_or(true, |stat| {
                stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
            })
        };
        let begun = std::time::Instant::now();
        while !over() {
            assert!(begun.elapsed().as_secs() < 20, "process {pid} lives");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    assert_eq!(pids.split_whitespace().count(), 2);
}
