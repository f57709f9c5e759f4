//! The two sides of a gate: one scenario, measured against two servers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use tidings::conductor::check_target;
use tidings::dialect::launch::{CommandLine, LaunchSpec};
use tidings::dialect::template::Template;
use tidings::measure::Host;
use tidings::plan::Plan;
use tidings::scenario::{self, External, Override, Scenario, is_url};

use super::Arguments;
use super::revision::Checkouts;
use tidings::gate::document::GateSide;

/// Where a server listens that gets its port, or prints it.
const HERE: &str = "127.0.0.1:{{port}}";

/// One side.
#[derive(Debug)]
pub(super) struct Side {
    /// What it is, for people and files.
    pub told: GateSide,
    /// How its trials are carried out.
    pub plan: Plan,
}

/// Both sides, and what must be said of how they are measured.
#[derive(Debug)]
pub(super) struct Sides {
    pub base: Side,
    pub head: Side,
    pub notes: Vec<String>,
}

/// What distinguishes the sides.
enum Contrast<'a> {
    /// The same server with other settings.
    Settings,
    Commands([&'a str; 2]),
    Urls([&'a str; 2]),
    Checkouts(&'a Checkouts),
}

impl Sides {
    /// The sides that the arguments describe; `checkouts` are their revisions, where they name any.
    pub(super) fn of(
        arguments: &Arguments,
        checkouts: Option<&Checkouts>,
        host: &Host,
    ) -> anyhow::Result<Self> {
        let contrast = contrast(arguments, checkouts)?;
        let mut notes = Vec::new();
        if matches!(contrast, Contrast::Urls(_)) {
            notes.push(
                "The servers at the two URLs were not started for each trial: a difference may be that of their hosts, \
                 or of how long each has run."
                    .to_owned(),
            );
        }
        let [base, head] = [0, 1].map(|at| side(arguments, &contrast, at, host));
        let (base, head) = (base?, head?);
        same_cases(&base.plan.scenario, &head.plan.scenario)?;
        Ok(Self { base, head, notes })
    }
}

fn contrast<'a>(
    arguments: &'a Arguments,
    checkouts: Option<&'a Checkouts>,
) -> anyhow::Result<Contrast<'a>> {
    if let Some(checkouts) = checkouts {
        return Ok(Contrast::Checkouts(checkouts));
    }
    let sides = &arguments.sides;
    if let (Some(base), Some(head)) = (&sides.base_url, &sides.head_url) {
        return Ok(Contrast::Urls([base, head]));
    }
    let (Some(base), Some(head)) = (&sides.base, &sides.head) else {
        if sides.base_set.is_empty() && sides.head_set.is_empty() {
            bail!(
                "nothing distinguishes base and head: give two commands (--base CMD --head CMD), two URLs, two revisions \
                 (--base-rev main --build CMD --serve CMD), or settings (--head-set KEY=VALUE)"
            );
        }
        return Ok(Contrast::Settings);
    };
    match (is_address(base), is_address(head)) {
        (true, true) => Ok(Contrast::Urls([base, head])),
        (false, false) => Ok(Contrast::Commands([base, head])),
        _ => bail!(
            "--base and --head must be two commands or two URLs: '{base}' and '{head}' cannot be measured alike"
        ),
    }
}

/// A command may be called like a host; a URL has a scheme, or a port after one word.
fn is_address(text: &str) -> bool {
    !text.contains(char::is_whitespace) && is_url(text) && !Path::new(text).exists()
}

fn side(
    arguments: &Arguments,
    contrast: &Contrast<'_>,
    at: usize,
    host: &Host,
) -> anyhow::Result<Side> {
    let sides = &arguments.sides;
    let (flag, own) = [("--base-set", &sides.base_set), ("--head-set", &sides.head_set)][at];
    let mut sets: Vec<Override> = arguments.sets.iter().map(|set| Override::set(set)).collect();
    let file = arguments.file()?;
    if let Contrast::Urls(urls) = contrast {
        built_in_dialect(file, &mut sets)?;
        let url = urls[at];
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        sets.push(Override::set_by("--url", &format!("target.url={}", quoted(&url))));
    }
    let serve = arguments.sides.serve.as_deref();
    let command = match contrast {
        Contrast::Commands(commands) => Some(commands[at]),
        Contrast::Checkouts(_) => serve,
        _ => None,
    };
    if command.is_some() {
        built_in_dialect(file, &mut sets)?;
    }
    sets.extend(own.iter().map(|set| Override::set_by(flag, set)));
    let mut scenario = scenario::load(file, &sets)?;
    // They would take the time of blocks, and say nothing of the difference.
    scenario.floor = false;
    scenario.trials = 1;
    if let Some(external) = &mut scenario.external {
        match contrast {
            Contrast::Urls(_) => {
                external.launch.clear();
            }
            Contrast::Commands(_) | Contrast::Checkouts(_) => {
                if let Some(command) = command {
                    launched_by(external, command, sides.launch.as_deref())?;
                }
                if let Contrast::Checkouts(checkouts) = contrast {
                    checkouts.place(at, &mut external.launch, sides.launch.as_deref())?;
                }
            }
            Contrast::Settings => {}
        }
    } else if matches!(contrast, Contrast::Checkouts(_)) {
        bail!(
            "--base-rev: say how the server of a revision is started: --serve 'target/release/my-server {{{{port}}}}'"
        );
    }
    check_target(&scenario, arguments.yes_i_may).map_err(|error| anyhow!(error))?;
    let named = || file.display().to_string();
    let plan = Plan::new(scenario, host).with_context(named)?;
    Ok(Side { told: told(contrast, at, own, serve), plan })
}

/// Has a scenario of the built-in server say how another that speaks its protocol is started and reached.
fn built_in_dialect(file: &Path, sets: &mut Vec<Override>) -> anyhow::Result<()> {
    if scenario::load(file, sets)?.external.is_none() {
        let here = format!("target.url=\"http://{HERE}\"");
        let started = "target.launch=[{ command = [\"server\", \"{{port}}\"] }]";
        for set in ["target.dialect=\"builtin\"", &here, started] {
            sets.push(Override::set(set));
        }
    }
    Ok(())
}

/// Has the server started by `command`; of several, the one called `name`.
fn launched_by(external: &mut External, command: &str, name: Option<&str>) -> anyhow::Result<()> {
    let line = CommandLine::split(command).map_err(|error| anyhow!(error))?;
    let takes_port = command.contains("{{port");
    let at = match (external.launch.len(), name) {
        (0, _) => {
            external.launch.push(LaunchSpec::new(line.clone()));
            0
        }
        (_, Some(name)) => launch_called(&external.launch, name)?,
        (1, None) => 0,
        (_, None) => {
            let names: Vec<&str> = external.launch.iter().map(LaunchSpec::title).collect();
            bail!(
                "the scenario launches {}: say which of them the command starts, with --launch NAME",
                names.join(", ")
            );
        }
    };
    let spec = &mut external.launch[at];
    spec.command = line;
    spec.ready.prints_url |= !takes_port;
    // What the scenario watched is another process.
    external.process = None;
    for url in external.reach.url.values_mut() {
        if !url.source().contains("{{port") {
            let here = with_authority(url.source(), HERE);
            *url = Template::parse(&here).map_err(|error| anyhow!("target.url: {error}"))?;
        }
    }
    Ok(())
}

/// The place of a launched server in the scenario.
pub(super) fn launch_called(launch: &[LaunchSpec], name: &str) -> anyhow::Result<usize> {
    launch.iter().position(|spec| spec.title() == name).ok_or_else(|| {
        let names: Vec<&str> = launch.iter().map(LaunchSpec::title).collect();
        anyhow!("--launch {name}: the scenario launches {}", names.join(", "))
    })
}

/// A URL with another host and port.
fn with_authority(url: &str, authority: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    format!("{scheme}://{authority}{path}")
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn told(contrast: &Contrast<'_>, at: usize, own: &[String], serve: Option<&str>) -> GateSide {
    let mut parts = Vec::new();
    let mut revision = None;
    match contrast {
        Contrast::Settings => {}
        Contrast::Commands(texts) | Contrast::Urls(texts) => parts.push(texts[at].to_owned()),
        Contrast::Checkouts(checkouts) => {
            let (name, id) = checkouts.named(at);
            parts.push(format!("{name} ({})", &id[..id.len().min(12)]));
            parts.extend(serve.map(str::to_owned));
            revision = Some(id.to_owned());
        }
    }
    parts.extend(own.iter().cloned());
    if parts.is_empty() {
        parts.push("the scenario as it is".to_owned());
    }
    GateSide { what: parts.join(", "), revision }
}

/// Refuses sides that were measured at different things.
fn same_cases(base: &Scenario, head: &Scenario) -> anyhow::Result<()> {
    let ids = |scenario: &Scenario| -> Vec<String> {
        scenario.cases.iter().map(|case| case.id.clone()).collect()
    };
    let (of_base, of_head) = (ids(base), ids(head));
    if of_base != of_head {
        bail!(
            "base and head have different cases: base has {}; head has {}",
            of_base.join(", "),
            of_head.join(", ")
        );
    }
    if base.phases != head.phases {
        bail!(
            "base and head have different [phases]: both sides need the same load and the same warm-up"
        );
    }
    Ok(())
}

/// The folder that relative paths of a scenario refer to.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_scheme_and_path() {
        for (url, expected) in [
            ("http://localhost:8080", "http://127.0.0.1:{{port}}"),
            ("https://example.org/api?x=1", "https://127.0.0.1:{{port}}/api?x=1"),
            ("ws://h:1?x", "ws://127.0.0.1:{{port}}?x"),
        ] {
            assert_eq!(with_authority(url, HERE), expected);
        }
    }

    #[test]
    fn a_command_is_told_from_a_url() {
        for url in ["http://localhost:8080", "localhost:8080", "https://example.org/x"] {
            assert!(is_address(url), "{url}");
        }
        for command in ["./server --port {{port}}", "server", "node server.mjs http://127.0.0.1:1"]
        {
            assert!(!is_address(command), "{command}");
        }
    }
}
