//! How a run was measured: when, by what, on which host, under which rules.

use super::View;
use super::transport::transport;
use super::{prose, webhook};
use crate::dialect::launch::LaunchSpec;
use crate::unit::{bytes, count};

/// The sentences, in the order of reading.
pub(super) fn sentences(view: &View) -> Vec<String> {
    let parts = [origin(view), target(view), rules(view), vec![command(view)]];
    parts.concat().into_iter().filter(|sentence| !sentence.is_empty()).collect()
}

/// Which build measured when and where.
fn origin(view: &View) -> Vec<String> {
    let info = &view.run.info;
    let (host, build) = (&info.host, &info.build);
    let finished = info
        .finished_utc
        .clone()
        .unwrap_or_else(|| "not recorded (still running, or killed)".to_owned());
    let modified = if build.build_modified == Some(true) { ", modified" } else { "" };
    let user = info.working_directory_revision.as_deref().unwrap_or("none (not a git repository)");
    vec![
        format!("Started {}, finished {finished}.", info.started_utc),
        format!(
            "tidings {}, built from revision {}{modified} ({} build); files of schema version {}.",
            build.tidings_version, build.build_revision, build.build_profile, info.schema_version
        ),
        format!("Revision in the working directory: {user}."),
        format!(
            "Host {}: {} cores ({}), {} of memory, {}, clock source {}, {} file descriptors per process.",
            host.name,
            host.cores,
            if host.cpu.is_empty() { "unnamed processor" } else { &host.cpu },
            bytes(host.memory_bytes as f64),
            host.kernel,
            host.clock_source,
            count(host.descriptors as f64)
        ),
    ]
}

/// The server, where it is not the built-in one, and who allowed the load.
fn target(view: &View) -> Vec<String> {
    let Some(external) = &view.run.info.scenario.external else { return Vec::new() };
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let urls: Vec<String> = external
        .reach
        .url
        .iter()
        .map(|(name, url)| match name.as_str() {
            "" => line(url.source()),
            name => format!("{} ({name})", line(url.source())),
        })
        .collect();
    let dialect = external.name.as_ref().map_or_else(
        || "spoken to as the scenario says".to_owned(),
        |name| format!("spoken to as dialect {} says", line(name)),
    );
    let launched: Vec<&str> = external.launch.iter().map(LaunchSpec::title).collect();
    let launched = match launched.as_slice() {
        [] => "which tidings did not start".to_owned(),
        names => format!("started for each trial ({})", names.join(", ")),
    };
    let permission = external
        .permission
        .as_ref()
        .map_or_else(String::new, |text| format!("Permission for the load: {}", line(text)));
    vec![format!("Target: a server at {}, {dialect}, {launched}.", urls.join(", ")), permission]
}

/// What the figures are, and how they were judged.
fn rules(view: &View) -> Vec<String> {
    let scenario = &view.run.info.scenario;
    let phases = &scenario.phases;
    let machine = [Some(prose::machine(view)), transport(view)];
    vec![
        format!(
            "Each trial runs in new processes: connect {}, warm-up {}, measure {}, drain up to {}. {} trials per case, in \
             blocks of random order (seed {}).",
            phases.connect,
            phases.warmup,
            phases.measure,
            phases.drain,
            scenario.trials,
            scenario.seed
        ),
        format!(
            "Freshness is the age of an event on arrival: received - due. Due is the scheduled time, so a late publisher \
         counts against freshness. {} and workers share one host and one clock.",
            if scenario.external.is_some() { "The publisher" } else { "Target" }
        ),
        prose::pacing(view),
        webhook::sentence(view),
        "CPU: the target process in the measure window. Wire bytes: IP level, both directions, from TCP_INFO. Memory: \
         slope of the target's anonymous memory over its number of links; kernel memory is excluded."
            .to_owned(),
        machine.into_iter().flatten().collect::<Vec<_>>().join(" "),
        "A ~ marks a difference that is not significant. Ratios are Hodges-Lehmann estimates over the blocks with exact \
         signed-rank intervals; p values are exact and adjusted for all comparisons of the run (Holm)."
            .to_owned(),
    ]
}

/// The words of a command as a shell reads them back.
pub(super) fn to_be_typed(words: &[String]) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,@%+".contains(letter);
    let typed = |word: &String| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(typed).collect::<Vec<_>>().join(" ")
}

fn command(view: &View) -> String {
    format!("Command: {}", view.run.info.command.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        for (words, typed) in [
            (&["tidings", "run", "a.toml"][..], "tidings run a.toml"),
            (&["--set", "rate=4/s"], "--set rate=4/s"),
            (&["my file", ""], "'my file' ''"),
            (&["it's; $(rm)"], r"'it'\''s; $(rm)'"),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(to_be_typed(&words), typed);
        }
    }
}
