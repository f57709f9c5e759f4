//! The progress line on real terminals of several widths, on a dumb one, and where there is none.

use crate::support;

use std::process::{Command, Stdio};

use support::{Bench, scenario, text};

/// What a run writes to a terminal of so many columns, or `None` without the tool that makes one.
fn on_terminal(columns: u32, environment: &[(&str, &str)]) -> Option<String> {
    let bench = Bench::new(&scenario(&["sse"], 1, "300ms", ""));
    let run = bench.command(&[]);
    let words = std::iter::once(run.get_program()).chain(run.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let line = format!("stty cols {columns}; {} >/dev/null", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    script.env("TERM", "xterm").env("LC_ALL", "C.UTF-8").envs(environment.iter().copied());
    Some(text(&script.output().ok()?.stdout))
}

#[test]
fn the_rewritten_line_fits_the_window() {
    for columns in [20, 40, 80] {
        let Some(seen) = on_terminal(columns, &[]) else { return };
        // All but the last piece of a line were rewritten.
        let drawn: Vec<&str> = seen
            .split('\n')
            .flat_map(|line| line.split("\r\u{1b}[K").skip(1).collect::<Vec<_>>())
            .filter(|piece| !piece.ends_with('\r'))
            .collect();
        assert!(drawn.iter().any(|piece| piece.contains("measuring")), "{columns}: {seen:?}");
        for piece in drawn {
            assert!(piece.chars().count() < columns as usize, "{columns}: {piece:?}");
        }
    }
}

#[test]
fn a_dumb_terminal_gets_whole_lines() {
    let Some(seen) = on_terminal(40, &[("TERM", "dumb")]) else { return };
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
    assert!(seen.contains("sse, trial 1: "), "{seen:?}");
}

#[test]
fn a_plain_locale_gets_plain_letters() {
    let Some(seen) = on_terminal(40, &[("LC_ALL", "C")]) else { return };
    assert!(seen.is_ascii(), "{seen:?}");
}
