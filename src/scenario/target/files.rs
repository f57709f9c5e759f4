//! Paths of files in `[target]`: relative to the file that names them, resolved when it is read.

use std::path::{Path, PathBuf};

use super::super::error::ScenarioError;
use super::super::keys::{Key, Kind};
use super::super::read::refused;
use super::super::tree::{Node, Table, Value};

/// What a path must be.
#[derive(Clone, Copy, PartialEq)]
enum Must {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Anything: it may come later.
    Nothing,
}

/// Makes every path in `table`, which is written at `path` of `file`, one relative to the working directory in place of
/// `base`, and refuses what is not there.
pub(super) fn resolve(
    file: &str,
    path: &str,
    base: &Path,
    keys: &[Key],
    table: &mut Table,
) -> Result<(), ScenarioError> {
    for (name, node) in &mut table.0 {
        let Some(key) = keys.iter().find(|key| key.name == name) else { continue };
        of_node(file, &format!("{path}.{name}"), base, &key.kind, node)?;
        if name == "launch" {
            at_home(base, node);
        }
    }
    Ok(())
}

/// Starts what names no folder in that of the file.
fn at_home(base: &Path, launch: &mut Node) {
    let Value::List(items) = &mut launch.value else { return };
    for item in items {
        if let Value::Table(table) = &mut item.value
            && table.get("directory").is_none()
            && !base.as_os_str().is_empty()
        {
            let value = Value::Text(shown(base));
            table.set("directory", Node { place: item.place.clone(), value });
        }
    }
}

fn of_node(
    file: &str,
    path: &str,
    base: &Path,
    kind: &Kind,
    node: &mut Node,
) -> Result<(), ScenarioError> {
    let place = Node { place: node.place.clone(), value: Value::Boolean(true) };
    match &mut node.value {
        Value::Text(text) => {
            let named = match path {
                "target.tls.ca" | "target.tls.cert" | "target.tls.key" => Some(Must::File),
                "target.unix" | "target.process.pidfile" => Some(Must::Nothing),
                _ if path.starts_with("target.launch[") && path.ends_with("].directory") => {
                    Some(Must::Folder)
                }
                _ => None,
            };
            let found = match named {
                Some(must) => beside(base, text, must),
                None => in_text(base, text),
            };
            *text = found.map_err(|fault| refused(file, path, &place, &fault))?;
            Ok(())
        }
        Value::List(items) => {
            let (Kind::List(inner) | Kind::Listed(inner)) = kind else { return Ok(()) };
            items
                .iter_mut()
                .enumerate()
                .try_for_each(|(n, item)| of_node(file, &format!("{path}[{n}]"), base, inner, item))
        }
        Value::Table(table) => table.0.iter_mut().try_for_each(|(name, node)| {
            let inner = match kind {
                Kind::Table(keys) | Kind::Call(keys) => {
                    keys.iter().find(|key| key.name == name).map_or(kind, |key| &key.kind)
                }
                Kind::Map(inner) => inner,
                other => other,
            };
            of_node(file, &format!("{path}.{name}"), base, inner, node)
        }),
        _ => Ok(()),
    }
}

/// `text` beside the file that names it.
fn beside(base: &Path, text: &str, must: Must) -> Result<String, String> {
    // A path that begins with a placeholder is known when the server is started.
    if text.starts_with("{{") {
        return Ok(text.to_owned());
    }
    let path = base.join(text);
    let there = match must {
        _ if text.contains("{{") => true,
        Must::File => path.is_file(),
        Must::Folder => path.is_dir(),
        Must::Nothing => true,
    };
    if there { Ok(shown(&path)) } else { Err(missing(&path, must)) }
}

fn missing(path: &Path, must: Must) -> String {
    let what = if must == Must::Folder { "folder" } else { "file" };
    let path = path.display();
    format!("no {what} is at {path}; a path is relative to the file that names it")
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `text` with the files of its `{{file:PATH…}}` beside the file that names them.
fn in_text(base: &Path, text: &str) -> Result<String, String> {
    const OPEN: &str = "{{file:";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let end = after.find([':', '|', '}']).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let path: PathBuf = base.join(name);
        if !path.is_file() {
            return Err(missing(&path, Must::File));
        }
        let path = shown(&path);
        if path.contains([':', '|', '{', '}']) {
            return Err(format!(
                "the path {path} has one of : | {{ }} in it, which {{{{file:…}}}} cannot name; rename the folder"
            ));
        }
        out.extend([before, OPEN, &path]);
        rest = after;
    }
    Ok(out + rest)
}
