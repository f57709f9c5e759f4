//! The files of a launched server, written into the trial's scratch folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::dialect::launch::{FileSpec, Repeat};

/// Expands a text for everyone, or for the client of a number.
type Expand<'a> = dyn Fn(&str, Option<u64>) -> Result<String, String> + 'a;

/// Writes `files` below `folder`, for `clients` clients.
pub(super) fn write(
    files: &BTreeMap<String, FileSpec>,
    folder: &Path,
    clients: u64,
    expand: &Expand<'_>,
) -> Result<(), String> {
    for (path, file) in files {
        let problem = |error: String| format!("the file '{path}' cannot be written: {error}");
        let one_each = file.repeat.is_some() && path.contains("{{client}}");
        match file.repeat {
            None => {
                let content = expand(&file.content, None).map_err(problem)?;
                put(&place(folder, &expand(path, None).map_err(problem)?)?, &content)?;
            }
            Some(Repeat::Client) if one_each => {
                for client in 0..clients {
                    let content = expand(&file.content, Some(client)).map_err(problem)?;
                    let path = expand(path, Some(client)).map_err(problem)?;
                    put(&place(folder, &path)?, &content)?;
                }
            }
            Some(Repeat::Client) => {
                let mut lines = String::new();
                for client in 0..clients {
                    lines.push_str(&expand(&file.content, Some(client)).map_err(problem)?);
                    if !lines.ends_with('\n') {
                        lines.push('\n');
                    }
                }
                put(&place(folder, &expand(path, None).map_err(problem)?)?, &lines)?;
            }
        }
    }
    Ok(())
}

/// The place of a relative path in the folder; none leads out of it.
fn place(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let inside = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || Path::new(path).file_name().is_none() {
        return Err(format!(
            "the file '{path}' would lie outside of the scratch folder: write a path relative to it, such \
             as \"conf/server.conf\""
        ));
    }
    Ok(folder.join(path))
}

fn put(path: &Path, content: &str) -> Result<(), String> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, content))
        .map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str, repeat: Option<Repeat>) -> FileSpec {
        FileSpec { content: content.to_owned(), repeat }
    }

    #[test]
    fn files_are_written_once_by_line_or_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let each = Some(Repeat::Client);
        let files = BTreeMap::from([
            ("a/b/server.conf".to_owned(), file("for {{client}}", None)),
            ("users.csv".to_owned(), file("user-{{client}}", each)),
            ("lines.csv".to_owned(), file("{{client}}\n", each)),
            ("keys/{{client}}.key".to_owned(), file("key {{client}}", each)),
        ]);
        let expand = |text: &str, client: Option<u64>| {
            let client = client.map_or("everyone".to_owned(), |client| client.to_string());
            Ok(text.replace("{{client}}", &client))
        };
        write(&files, folder.path(), 3, &expand).unwrap();
        for (path, content) in [
            ("a/b/server.conf", "for everyone"),
            ("users.csv", "user-0\nuser-1\nuser-2\n"),
            ("lines.csv", "0\n1\n2\n"),
            ("keys/0.key", "key 0"),
            ("keys/2.key", "key 2"),
        ] {
            assert_eq!(fs::read_to_string(folder.path().join(path)).unwrap(), content, "{path}");
        }
        assert_eq!(fs::read_dir(folder.path().join("keys")).unwrap().count(), 3);
    }

    #[test]
    fn no_file_leaves_the_folder_and_what_cannot_be_expanded_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let plain = |text: &str, _: Option<u64>| Ok(text.to_owned());
        for path in ["../x", "/etc/x", "a/../../x", "", ".", "a/.."] {
            let files = BTreeMap::from([(path.to_owned(), file("x", None))]);
            let error = write(&files, folder.path(), 1, &plain).unwrap_err();
            assert!(error.contains("outside of the scratch folder"), "{path}: {error}");
        }
        let files = BTreeMap::from([("x".to_owned(), file("{{no}}", None))]);
        let fails = |_: &str, _: Option<u64>| Err("nothing is named 'no'".to_owned());
        let error = write(&files, folder.path(), 1, &fails).unwrap_err();
        assert_eq!(error, "the file 'x' cannot be written: nothing is named 'no'");
    }
}
