//! Scenarios: the TOML file as written, validated into [`Scenario`], its axes expanded into cases.
//!
//! The way of a file: text → variables substituted → tree of values that know their lines → `--set` written
//! over it → unknown keys and impossible values refused by the table of keys → typed, with defaults, and its axes made
//! cases → what keys mean for each other checked. Whatever is
//! wrong, the error is one line that names the place to change. What a host can carry is no business of this
//! room but of [`crate::plan`]; objectives are kept as text, as only `judge` knows their metrics.

mod aliases;
mod built_in;
mod check;
mod conditions;
mod error;
mod external;
mod faults;
mod file;
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
pub use built_in::built_in_dialect;
pub use check::MOST_SAMPLES;
pub use conditions::{Conditions, Consumers, Reconnect, Restart, RestartLog, SlowConsumer};
pub use error::ScenarioError;
pub use external::{Addresses, External, Reach, TlsOptions};
pub use faults::{
    DROP_STREAM, Distribution, DropFilter, Faults, Freeze, SERVICE_STREAM, Servers, Service,
    ServiceTimes, Stall, faults, service_times, shard_service_times,
};
pub use keys::{json_schema, markdown as keys_markdown};
pub use loops::LoopKind;
pub use model::{
    Case, Limits, Pattern, PatternKind, Phases, Profile, Scenario, TargetOptions, WorkerOptions,
    Workload,
};
pub use network::{opening_ns, summary as network_summary};
pub use options::{
    Format, LongPollOptions, Mix, RequestOptions, ShortPollOptions, SseOptions, WebSocketOptions,
    WebhookOptions,
};
pub use overrides::Override;
pub use prices::{HOURS_PER_MONTH, Prices, Taken};
pub use publish::Publish;
pub use shipped::{SHIPPED, Shipped};
pub use short::ShortIds;
pub use source::{STDIN, is_url};
pub use spelling::{any_of, is_key_word, keys_meant};
pub use spin::Spin;
pub use traits::Traits;
pub use transport::{Connection, Http, Transport};
pub use upkeep::Upkeep;
pub use webhook::{CallbackConnection, Down, Outbox, ReceiverOptions};

/// Reads the scenario at `path`, or from standard input where that is [`STDIN`], with this process's environment, and
/// `sets` over it.
pub fn load(path: &Path, sets: &[Override]) -> Result<Scenario, ScenarioError> {
    let source::Source { text, shown, name } = source::read(path)?;
    named(&text, &shown, &name, sets, &|name| std::env::var(name).ok())
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
    named(text, file, &source::stem(file), &sets, environment)
}

/// The same, with `name` for a scenario that has none of its own.
fn named(
    text: &str,
    file: &str,
    name: &str,
    sets: &[Override],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Scenario, ScenarioError> {
    let source = substitute::substitute(text, environment).map_err(|(line, message)| {
        ScenarioError::refused(file, &tree::Place::Line(line), message)
    })?;
    let mut root = tree::parse(file, &source)?;
    tree::apply(file, &mut root, sets)?;
    resolve::scenario(file, name, &root)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;
