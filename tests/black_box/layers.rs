//! The layers: rooms import strictly downwards. Fails on a violation, and on a room without a layer.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by layer, lowest first. A room imports only from layers below its own.
const LAYERS: [&[&str]; 8] = [
    &["unit", "clock", "event", "prose", "stats"],
    &["pace", "measure", "dialect"],
    &["scenario", "net"],
    &["control", "plan"],
    &["pattern", "server", "record"],
    &["judge", "worker"],
    &["conductor", "report", "gate"],
    &["calibrate"],
];

fn layer(room: &str) -> usize {
    let found = LAYERS.iter().position(|rooms| rooms.contains(&room));
    found
        .unwrap_or_else(|| panic!("room '{room}' has no layer: give it one here and in src/lib.rs"))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The rooms that a source text names, as `crate::room` or in `use crate::{room…}`.
///
/// Comments may name any room: a link in the documentation is no import.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = &code.collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let word = |text: &str| {
            text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        };
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = &list[..list.find("};").unwrap_or(list.len())];
                let mut depth = 0;
                let mut item = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => rooms.push(word(std::mem::take(&mut item).trim())),
                        c => item.push(c),
                    }
                }
                rooms.push(word(item.trim()));
            }
            None => rooms.push(word(rest)),
        }
    }
    rooms.retain(|room| room.starts_with(|c: char| c.is_ascii_lowercase()));
    rooms
}

#[test]
fn rooms_import_only_from_layers_below() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut breaches = Vec::new();
    let mut seen = 0;
    for path in files(&source) {
        let relative = path.strip_prefix(&source).unwrap();
        let room = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if matches!(room, "main" | "lib" | "cli") {
            continue;
        }
        for import in imports(&fs::read_to_string(&path).unwrap()) {
            seen += 1;
            if import != room && layer(&import) >= layer(room) {
                breaches.push(format!("{}: {room} imports {import}", relative.display()));
            }
        }
    }
    assert!(seen > 50, "the scan finds imports: {seen}");
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn the_scan_sees_every_form_of_import() {
    assert_eq!(imports("use crate::clock;"), ["clock"]);
    assert_eq!(imports("use crate::{clock, net::{A, B}, plan};"), ["clock", "net", "plan"]);
    assert_eq!(imports("crate::event::filler(1)"), ["event"]);
    assert_eq!(imports("/// [`crate::plan`]\nuse crate::{clock};"), ["clock"]);
}
