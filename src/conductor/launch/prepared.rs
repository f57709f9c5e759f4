//! A launched server with its placeholders expanded.

use std::path::{Path, PathBuf};

use hyper::Uri;

use super::LaunchOptions;
use super::files;
use super::job::{Job, Stop};
use super::ports::Ports;
use super::ready::Conditions;
use crate::dialect::launch::{CommandLine, LaunchSpec, ReadySpec};
use crate::measure::allowed_cores;
use crate::unit::Span;

/// What a server is started with, in all of its lives.
#[derive(Debug)]
pub(super) struct Prepared {
    pub title: String,
    pub job: Job,
    pub prepare: Vec<Job>,
    pub prepare_timeout: Span,
    pub ready: Conditions,
}

/// Where servers are started.
pub(super) struct Site<'a> {
    pub ports: &'a Ports,
    pub scratch: &'a Path,
    pub options: &'a LaunchOptions<'a>,
}

impl Prepared {
    /// Expands a description, reserves the ports that it names, and writes its files.
    pub(super) fn of(spec: &LaunchSpec, title: String, site: &Site<'_>) -> Result<Self, String> {
        let at = |key: &str, error: String| format!("cannot start '{title}': {key}: {error}");
        let text = |key: &str, text: &str| site.expand(text, None).map_err(|error| at(key, error));
        let command = |key: &str, line: &CommandLine| {
            line.0.iter().map(|word| text(key, word)).collect::<Result<Vec<_>, _>>()
        };
        let directory = match &spec.directory {
            Some(directory) => site.options.base.join(text("directory", directory)?),
            None => site.options.base.to_owned(),
        };
        let environment = spec
            .environment
            .iter()
            .map(|(name, value)| Ok((name.clone(), text(&format!("environment.{name}"), value)?)));
        let cores = spec.cores.as_ref().map(|cores| cores.0.clone());
        check_cores(cores.as_deref()).map_err(|error| at("cores", error))?;
        let stop = spec.stop.command.as_ref().map(|line| command("stop.command", line));
        let job = Job {
            command: command("command", &spec.command)?,
            directory: absolute(directory),
            environment: environment.collect::<Result<_, String>>()?,
            cores,
            may_daemonise: true,
            stop: Stop {
                signal: spec.stop.signal.0,
                command: stop.transpose()?,
                timeout_ns: spec.stop.timeout.ns(),
            },
            scratch: Some(site.scratch.to_owned()),
        };
        let prepare = spec.prepare.iter().map(|line| {
            let command = command("prepare", line)?;
            Ok(Job { command, may_daemonise: false, ..job.clone() })
        });
        let prepare = prepare.collect::<Result<_, String>>()?;
        let ready = conditions(&spec.ready, site, &text, &at)?;
        let expand = |text: &str, client: Option<u64>| site.expand(text, client);
        files::write(&spec.files, site.scratch, site.options.clients, &expand)
            .map_err(|error| at("files", error))?;
        let prepare_timeout = spec.prepare_timeout;
        Ok(Self { title, job, prepare, prepare_timeout, ready })
    }
}

fn conditions(
    spec: &ReadySpec,
    site: &Site<'_>,
    text: &dyn Fn(&str, &str) -> Result<String, String>,
    at: &dyn Fn(&str, String) -> String,
) -> Result<Conditions, String> {
    let wanted = |key: &str, value: &Option<String>| {
        value.as_ref().map(|value| text(&format!("ready.{key}"), value)).transpose()
    };
    let url = wanted("url", &spec.url)?.map(|url| {
        let read: Option<Uri> = url.parse().ok();
        let known = read.filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
        let wrong = || format!("'{url}' is not a URL that begins with http:// or https://");
        known.ok_or_else(|| at("ready.url", wrong()))
    });
    let port = wanted("port", &spec.port)?.map(|port| {
        let named = || site.ports.get(&port);
        let number = port.parse().ok().filter(|number| *number > 0).or_else(named);
        let wrong = || {
            format!(
                "'{port}' is neither a port nor the name of one: write {{{{port}}}} or a number"
            )
        };
        number.ok_or_else(|| at("ready.port", wrong()))
    });
    let mut ports: Vec<u16> = port.transpose()?.into_iter().collect();
    let (line, unix) = (wanted("line", &spec.line)?, wanted("unix", &spec.unix)?);
    let url = url.transpose()?;
    if url.is_none() && line.is_none() && unix.is_none() && !spec.prints_url && ports.is_empty() {
        ports = site.ports.all();
    }
    let (status, timeout_ns) = (spec.status.clone(), spec.timeout.ns());
    Ok(Conditions { url, status, line, ports, unix, prints_url: spec.prints_url, timeout_ns })
}

/// A relative directory would be taken from wherever the guard stands.
fn absolute(directory: PathBuf) -> PathBuf {
    std::path::absolute(&directory).unwrap_or(directory)
}

/// Refuses cores that this process may not use.
fn check_cores(cores: Option<&[usize]>) -> Result<(), String> {
    let allowed = allowed_cores();
    let strange = cores.unwrap_or_default().iter().find(|core| !allowed.contains(core));
    match strange {
        Some(core) if !allowed.is_empty() => {
            let list: Vec<String> = allowed.iter().map(usize::to_string).collect();
            Err(format!("core {core} is not among those of this process: {}", list.join(", ")))
        }
        _ => Ok(()),
    }
}

impl Site<'_> {
    /// Expands a text, for the client of a number where it is for one.
    fn expand(&self, text: &str, client: Option<u64>) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "directory" => Some(self.scratch.to_str()?.to_owned()),
            "client" => client.map(|client| client.to_string()),
            "port" => self.port(""),
            other => self.port(other.strip_prefix("port:")?),
        };
        (self.options.expand)(text, &lookup)
    }

    fn port(&self, name: &str) -> Option<String> {
        self.ports.reserve(name).ok().map(|port| port.to_string())
    }
}
