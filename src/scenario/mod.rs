//! Scenarios: the TOML file as written, validated into [`Scenario`], its axes expanded into cases.
//!
//! The way of a file: text → variables substituted → tree of values that know their lines → `--set` written
//! over it → unknown keys and impossible values refused by the table of keys → typed, with defaults, and its axes made
//! cases → what keys mean for each other checked. Whatever is
//! wrong, the error is one line that names the place to change. What a host can carry is no business of this
//! room but of [`crate::plan`]; objectives are kept as text, as only `judge` knows their metrics.

mod aliases;
mod check;
mod conditions;
mod dialects;
mod error;
mod external;
mod faults;
mod file;
mod gate;
mod keys;
mod loops;
mod model;
mod network;
mod options;
mod overrides;
mod prices;
mod publish;
mod read;
mod resolve;
mod shipped;
mod short;
mod source;
mod spelling;
mod spin;
mod substitute;
mod sweep;
mod target;
mod traits;
mod transport;
mod tree;
mod upkeep;
mod webhook;
mod workload;

use std::path::Path;

pub use aliases::pattern_called;
pub use check::MOST_SAMPLES;
pub use conditions::{Conditions, Consumers, Reconnect, Restart, RestartLog, SlowConsumer};
pub use dialects::{EXTERNAL, PAGES, Page, built_in_dialect, dialect_of};
pub use error::ScenarioError;
pub use external::{Addresses, External, Reach, TlsOptions};
pub use faults::{
    DROP_STREAM, Distribution, DropFilter, Faults, Freeze, SERVICE_STREAM, Servers, Service,
    ServiceTimes, Stall, faults, service_times, shard_service_times,
};
pub use gate::GateOptions;
pub use keys::{json_schema, markdown as keys_markdown};
pub use loops::LoopKind;
pub use model::{
    Case, Limits, Pattern, PatternKind, Phases, Profile, Scenario, TargetOptions, Unconnected,
    WorkerOptions, Workload,
};
pub use network::{opening_ns, summary as network_summary};
pub use options::{
    Format, LongPollOptions, Mix, RequestOptions, ShortPollOptions, SseOptions, WebSocketOptions,
    WebhookOptions,
};
pub use overrides::Override;
pub use prices::{HOURS_PER_MONTH, Prices, Taken};
pub use publish::Publish;
pub use shipped::{PAPERS, SHIPPED, Shipped};
pub use short::ShortIds;
pub use source::{STDIN, address_advice, is_url};
pub use spelling::{any_of, is_key_word, keys_meant};
pub use spin::Spin;
pub use target::{check_permission, check_secrets};
pub use traits::Traits;
pub use transport::{Connection, Http, Transport};
pub use upkeep::Upkeep;
pub use webhook::{CallbackConnection, Down, FailOf, Outbox, ReceiverOptions};

/// Reads the scenario at `path`, or from standard input where that is [`STDIN`], with this process's environment, and
/// `sets` over it.
pub fn load(path: &Path, sets: &[Override]) -> Result<Scenario, ScenarioError> {
    let source::Source { text, shown, name, folder } = source::read(path)?;
    let given = Given { file: &shown, name: &name, folder: &folder };
    named(&text, &given, sets, &|name| std::env::var(name).ok())
}

/// The scenario that `text` describes, with `sets` (`key=value`) over it.
///
/// `file` is the path to name in errors; its stem is the default name. `environment` looks variables up.
pub fn parse(
    text: &str,
    file: &str,
    sets: &[String],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Scenario, ScenarioError> {
    let sets: Vec<Override> = sets.iter().map(|set| Override::set(set)).collect();
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    named(text, &Given { file, name: &source::stem(file), folder }, &sets, environment)
}

/// What is known of a file beside its text.
struct Given<'a> {
    /// What errors call it.
    file: &'a str,
    /// The name of a scenario that has none of its own.
    name: &'a str,
    /// The folder that paths in it are relative to.
    folder: &'a Path,
}

fn named(
    text: &str,
    &Given { file, name, folder }: &Given<'_>,
    sets: &[Override],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Scenario, ScenarioError> {
    let source = substitute::substitute(text, environment).map_err(|(line, message)| {
        ScenarioError::refused(file, &tree::Place::Line(line), message)
    })?;
    let mut root = tree::parse(file, &source)?;
    tree::apply(file, &mut root, sets)?;
    resolve::scenario(file, name, folder, root)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;
