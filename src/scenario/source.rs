//! Where a scenario's text comes from: a file, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Shipped;
use super::dialects::PAGES;
use super::error::ScenarioError;
use super::spelling::{any_of, keys_meant};

/// The path that stands for standard input.
pub const STDIN: &str = "-";
/// What errors call it.
const STDIN_SHOWN: &str = "<stdin>";
/// The name of a scenario that comes from it and has none of its own.
const STDIN_NAME: &str = "stdin";

/// Most bytes of a scenario: whatever is longer is another kind of file.
const MOST_BYTES: u64 = 16 << 20;

/// A scenario's text, with what it is called.
#[derive(Debug)]
pub(super) struct Source {
    /// The text, without a byte-order mark.
    pub text: String,
    /// What errors call its file.
    pub shown: String,
    /// The scenario's name, unless the text has one.
    pub name: String,
    /// The folder that paths in it are relative to: its own, or the working directory, which is empty.
    pub folder: PathBuf,
}

/// Reads the file at `path`, or standard input where that is [`STDIN`]; a name that no file has may be a shipped
/// scenario's.
pub(super) fn read(path: &Path) -> Result<Source, ScenarioError> {
    if path == Path::new(STDIN) {
        let text = text(io::stdin().lock()).map_err(|reason| unreadable(STDIN_SHOWN, &reason))?;
        let (shown, name) = (STDIN_SHOWN.to_owned(), STDIN_NAME.to_owned());
        return Ok(Source { text, shown, name, folder: PathBuf::new() });
    }
    let shown = plain(&path.display().to_string());
    let opened = File::open(path);
    if opened.is_err() && is_url(&shown) {
        return Err(unreadable(&shown, &address_advice(&shown)));
    }
    if let (Err(error), Some(shipped)) = (&opened, Shipped::named(&shown))
        && error.kind() == io::ErrorKind::NotFound
    {
        let shown = format!("{} (shipped)", shipped.name);
        let (text, name) = (shipped.text.to_owned(), shipped.name.to_owned());
        return Ok(Source { text, shown, name, folder: PathBuf::new() });
    }
    let text = opened
        .map_err(|error| reason(&shown, &error))
        .and_then(text)
        .map_err(|reason| unreadable(&shown, &reason))?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(Source { text, name: stem(&shown), shown, folder })
}

/// The text of the file at `path`, or why there is none.
pub(super) fn text_of(path: &Path) -> Result<String, String> {
    let opened = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "file not found; a path is relative to the scenario".to_owned(),
        _ => reason("", &error),
    });
    opened.and_then(text)
}

/// The name of a scenario whose file has this name: without its folder and its last extension.
pub(super) fn stem(file: &str) -> String {
    let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| "unnamed".to_owned())
}

/// A name in which nothing moves the cursor of a terminal.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// What to say of an address that was given for a scenario.
pub fn address_advice(address: &str) -> String {
    let url =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let dialects: Vec<String> = PAGES.iter().map(|page| page.name.to_owned()).collect();
    format!(
        "is an address, not a scenario. To measure it without one: tidings probe {url}. A scenario says how a server is spoken to: write url = \"{url}\" and its requests in \
         [target] (scenarios/README.md, \"a server of your own\"), or start from dialect = {}. To see the built-in server \
         measured: tidings run quickstart",
        any_of(&dialects)
    )
}

/// Whether a text that was given for a file is the address of a server: `http://…`, `localhost:8080`, `10.0.0.1/events`.
pub fn is_url(text: &str) -> bool {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    if !scheme.is_empty() {
        let of_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        return scheme.chars().all(of_scheme);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    host.eq_ignore_ascii_case("localhost")
        || (is_address && (port.is_none() || is_port))
        || (is_port && !host.is_empty())
}

fn text(from: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| reason("", &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err("exceeds 16 MiB; a scenario is a short TOML file".to_owned());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is UTF-16; save the scenario as UTF-8".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let bytes = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = bytes.split(|byte| *byte == b'\n').count();
        format!("not a UTF-8 text file (line {line}); a scenario is a TOML file in UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn reason(file: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if setting(file).is_some() => {
            format!("file not found; to set a key: {}", setting(file).unwrap_or_default())
        }
        io::ErrorKind::NotFound => match Shipped::nearest(&stem(file)) {
            Some(near) => format!("file not found; did you mean the shipped scenario {}?", near.name),
            None => {
                "file not found; give the path of a scenario, or the name of a shipped one, such as quickstart \
                 (`tidings scenarios` lists them)"
                    .to_owned()
            }
        },
        io::ErrorKind::IsADirectory => "is a folder; give the path of a scenario in it".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// `--set workload.clients=5` for `clients=5`, where that is no file.
fn setting(file: &str) -> Option<String> {
    let (key, value) = file.split_once('=')?;
    let keys: Vec<String> =
        keys_meant(key).iter().map(|key| format!("--set {key}={value}")).collect();
    (!keys.is_empty()).then(|| any_of(&keys))
}

fn unreadable(file: &str, reason: &str) -> ScenarioError {
    ScenarioError::Unreadable { path: file.into(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_with_the_reason() {
        for (bytes, expected) in [
            (&b"a = 1\nb = \"\xff\""[..], "not a UTF-8 text file (line 2)"),
            (b"\xff\xfea\0", "UTF-16"),
            (b"\xfe\xff\0a", "UTF-16"),
        ] {
            let reason = text(bytes).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
        let endless = text(io::repeat(b'#')).unwrap_err();
        assert!(endless.contains("16 MiB"), "{endless}");
        assert_eq!(text(&b"\xef\xbb\xbfa = 1\r\n"[..]).unwrap(), "a = 1\r\n");
    }

    #[test]
    fn a_stem_is_all_but_the_folder_and_the_last_extension() {
        for (file, name) in [
            ("dir/mein szenario.toml", "mein szenario"),
            ("x.toml.toml", "x.toml"),
            ("no-extension", "no-extension"),
            (".toml", ".toml"),
            ("-x.toml", "-x"),
            ("..", "unnamed"),
        ] {
            assert_eq!(stem(file), name);
        }
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }

    #[test]
    fn an_address_is_told_from_a_file() {
        for url in [
            "http://localhost:8080",
            "https://example.org/events?x=1",
            "ws://127.0.0.1:9/stream",
            "HTTP://EXAMPLE.ORG",
            "localhost",
            "localhost:8080",
            "localhost/events",
            "example.org:443",
            "127.0.0.1",
            "10.0.0.1:80/events",
            "[::1]:8080",
        ] {
            assert!(is_url(url), "{url}");
        }
        for file in [
            "quickstart",
            "my.toml",
            "a/b.toml",
            "./x",
            "c:\\x.toml",
            "weird:name.toml",
            "example.org",
            "",
            "-",
            ":8",
        ] {
            assert!(!is_url(file), "{file}");
        }
    }
}
