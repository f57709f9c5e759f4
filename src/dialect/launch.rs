//! Servers that a run starts by itself, as data: `[[target.launch]]` and `[target.process]`.
//!
//! Texts may hold placeholders; whoever starts the server expands them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::unit::Span;

/// A server that is started for every trial, and ended with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchSpec {
    /// For messages and the name of the log; the program's name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The program and its arguments.
    pub command: CommandLine,
    /// The working directory, relative to the scenario's folder; that folder if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Variables beside those of tidings' own environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Files to write before the start, by their path in the trial's scratch folder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, FileSpec>,
    /// Commands to run to their end before the start, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<CommandLine>,
    /// Longest run of one such command.
    #[serde(default = "prepare_timeout")]
    pub prepare_timeout: Span,
    /// When the server counts as started.
    #[serde(default)]
    pub ready: ReadySpec,
    /// The cores that it may use; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<Cores>,
    /// How it is asked to end.
    #[serde(default)]
    pub stop: StopSpec,
}

const fn prepare_timeout() -> Span {
    Span::from_secs(60)
}

impl LaunchSpec {
    /// Starts `command`, with every other key at its default.
    pub fn new(command: CommandLine) -> Self {
        Self {
            name: None,
            command,
            directory: None,
            environment: BTreeMap::new(),
            files: BTreeMap::new(),
            prepare: Vec::new(),
            prepare_timeout: prepare_timeout(),
            ready: ReadySpec::default(),
            cores: None,
            stop: StopSpec::default(),
        }
    }

    /// The name, or else that of the program.
    pub fn title(&self) -> &str {
        let program = self.command.0.first().map_or("server", |program| program.as_str());
        let file = program.rsplit('/').next().filter(|file| !file.is_empty());
        self.name.as_deref().unwrap_or(file.unwrap_or(program))
    }

    /// Every text that may hold placeholders, with its key: for checks before anything is started.
    pub fn texts(&self) -> Vec<(String, &str)> {
        let mut texts: Vec<(String, &str)> = words("command", &self.command).collect();
        for command in &self.prepare {
            texts.extend(words("prepare", command));
        }
        texts.extend(self.directory.iter().map(|text| ("directory".to_owned(), text.as_str())));
        let environment = self.environment.iter();
        texts
            .extend(environment.map(|(name, text)| (format!("environment.{name}"), text.as_str())));
        for (path, file) in &self.files {
            texts.push((format!("files.{path:?}"), path));
            texts.push((format!("files.{path:?}"), &file.content));
        }
        let ReadySpec { url, line, port, unix, .. } = &self.ready;
        for (name, text) in [("url", url), ("line", line), ("port", port), ("unix", unix)] {
            texts.extend(text.iter().map(|text| (format!("ready.{name}"), text.as_str())));
        }
        if let Some(command) = &self.stop.command {
            texts.extend(words("stop.command", command));
        }
        texts
    }
}

fn words<'a>(
    key: &'static str,
    command: &'a CommandLine,
) -> impl Iterator<Item = (String, &'a str)> {
    command.0.iter().map(move |word| (key.to_owned(), word.as_str()))
}

/// A program and its arguments: written as a list, or as one text that is split as a shell would, without a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandLine(pub Vec<String>);

impl CommandLine {
    /// Splits a text at its spaces; quotes and backslashes protect. Nothing else of a shell is understood.
    pub fn split(text: &str) -> Result<Self, String> {
        let words = shlex::split(text)
            .ok_or_else(|| format!("the command {text:?} has a quote that is not closed"))?;
        Self::of(words)
    }

    fn of(words: Vec<String>) -> Result<Self, String> {
        if words.first().is_none_or(String::is_empty) {
            return Err("a command needs a program: write \"nginx -c nginx.conf\" or \
                        [\"nginx\", \"-c\", \"nginx.conf\"]"
                .to_owned());
        }
        Ok(Self(words))
    }
}

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = CommandLine;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a command: a text such as \"nginx -c nginx.conf\", or a list of its words",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<CommandLine, E> {
                CommandLine::split(text).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<CommandLine, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                CommandLine::of(words).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Words)
    }
}

/// A file to write: its content as a text, or a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenFile")]
pub struct FileSpec {
    /// The content.
    pub content: String,
    /// Over what the content is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenFile {
    Content(String),
    Table(FileTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    content: String,
    repeat: Option<Repeat>,
}

impl From<WrittenFile> for FileSpec {
    fn from(written: WrittenFile) -> Self {
        match written {
            WrittenFile::Content(content) => Self { content, repeat: None },
            WrittenFile::Table(FileTable { content, repeat }) => Self { content, repeat },
        }
    }
}

/// Over what a file's content is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// Once per client: a line of one file, or a file each if the path holds `{{client}}`.
    Client,
}

/// When a server counts as started: when all that is given holds. Without any condition, when its ports accept connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadySpec {
    /// A URL that answers with a status below 400, or one of `status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The statuses that count as ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// A text that a line of its output contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// A TCP port of this host that accepts connections: a number, or the name of a reserved port.
    #[serde(deserialize_with = "number_or_text", skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// A Unix-domain socket that accepts connections, by its path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unix: Option<String>,
    /// Whether it prints the URL where it listens, whose port is then `{{port}}`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prints_url: bool,
    /// Longest wait.
    pub timeout: Span,
}

impl Default for ReadySpec {
    fn default() -> Self {
        Self {
            url: None,
            status: Vec::new(),
            line: None,
            port: None,
            unix: None,
            prints_url: false,
            timeout: Span::from_secs(30),
        }
    }
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u16),
        Text(String),
    }
    Ok(Option::<Written>::deserialize(deserializer)?.map(|written| match written {
        Written::Number(number) => number.to_string(),
        Written::Text(text) => text,
    }))
}

/// How a server is asked to end: by a signal or by a command; it is killed if it has not ended by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StopSpec {
    /// The signal, if there is no command.
    pub signal: SignalName,
    /// A command that makes it end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandLine>,
    /// Longest wait for its end.
    pub timeout: Span,
}

impl Default for StopSpec {
    fn default() -> Self {
        Self { signal: SignalName(libc::SIGTERM), command: None, timeout: Span::from_secs(10) }
    }
}

/// A signal; written `TERM`, `SIGTERM` or `15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalName(pub i32);

impl SignalName {
    const NAMES: [(&'static str, i32); 9] = [
        ("HUP", libc::SIGHUP),
        ("INT", libc::SIGINT),
        ("QUIT", libc::SIGQUIT),
        ("ABRT", libc::SIGABRT),
        ("KILL", libc::SIGKILL),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
        ("TERM", libc::SIGTERM),
        ("WINCH", libc::SIGWINCH),
    ];

    fn named(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        let known =
            Self::NAMES.iter().find(|(name, number)| *name == bare || number.to_string() == bare);
        known.map(|(_, number)| Self(*number))
    }
}

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl Serialize for SignalName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignalName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i32),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
        Self::named(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "'{text}' is not a signal: write one of {}",
                names.join(", ")
            ))
        })
    }
}

/// Cores by their numbers; written as a list, or as a text such as `"0-3,6"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cores(pub Vec<usize>);

impl Cores {
    /// Reads `"0-3,6"`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!("'{text}' is not a set of cores: write numbers and ranges, such as \"0-3,6\"")
        };
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (usize, usize) =
                first.trim().parse().ok().zip(last.trim().parse().ok()).ok_or_else(wanted)?;
            if first > last || last >= Self::MOST {
                return Err(wanted());
            }
            cores.extend(first..=last);
        }
        cores.sort_unstable();
        cores.dedup();
        Ok(Self(cores))
    }

    /// Above the number of every core that Linux knows.
    const MOST: usize = 8192;
}

impl<'de> Deserialize<'de> for Cores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            List(Vec<usize>),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::List(list) => list.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
            Written::Text(text) => text,
        };
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Which processes a server consists of, where tidings did not start it: for CPU time and memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessSpec {
    /// A process; its children are included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// A file that begins with the id of such a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pidfile: Option<String>,
    /// A control group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<CgroupSpec>,
}

/// A control group (version 2): by its path, or that of the process (`true`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CgroupSpec {
    /// Whether the group of the process counts, in place of the process and its children.
    OfProcess(bool),
    /// The path below the mount, as `/proc/PID/cgroup` writes it.
    Path(String),
}

#[cfg(test)]
mod tests;
