//! `[target]`: the built-in server's options, or a server of the user's own and how it is spoken to.
//!
//! A table as written is checked key by key ([`super::keys`]), made one form of several ([`written`]), and written over the page
//! that it starts from ([`merge`], [`pages`]), all as a tree whose values know their lines; then it is read into
//! [`External`].

mod files;
mod merge;
mod pages;
mod permission;
mod ports;
mod scope;
mod sound;
mod texts;
mod unfit;
mod written;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::dialects::BUILT_IN as OWN;
use super::error::{InvalidKey, ScenarioError};
use super::external::{External, Reach};
use super::keys::{self, BUILT_IN, TARGET, WHERE};
use super::read::{refused, value};
use super::tree::{Node, Place, Table, Value};
use super::{Limits, PatternKind, TargetOptions};
use crate::dialect::launch::LaunchSpec;
use crate::dialect::model::{Dialect, Mark};
use crate::dialect::template::Template;

pub(super) use pages::dialect_of_page;
pub use permission::{check_permission, check_secrets};
pub(super) use sound::schemes;
pub(super) use unfit::{
    check as check_fit, complete, events, options as fit_options, patterns, publish,
};
pub(super) use written::{cursor, path_fault, signed, split_line, url_fault};

/// The name of the table.
const NAME: &str = "target";

/// The server of a scenario.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// The options of the built-in one.
    pub options: TargetOptions,
    /// One of the user's own, in its place.
    pub external: Option<Box<External>>,
}

/// Reads `[target]` out of `root`, which keeps it in the one form that places are looked up in; paths of files are relative to
/// `base`.
pub(super) fn read(file: &str, base: &Path, root: &mut Table) -> Result<Server, ScenarioError> {
    let Some(node) = root.get(NAME).cloned() else { return Ok(Server::default()) };
    let Value::Table(mut own) = node.value else {
        let names = TARGET.names().join(", ");
        return Err(refused(file, NAME, &node, &format!("is a table; its keys are {names}")));
    };
    of_old(file, &mut own)?;
    keys::shape(file, NAME, TARGET.keys, &own)?;
    let located = |table: &Table, refusal: InvalidKey| {
        let inner = refusal.key.strip_prefix("target.").unwrap_or(&refusal.key);
        ScenarioError::refused(file, &table.place(inner), refusal.message)
    };
    keys::check(&TARGET, &own).map_err(|refusal| located(&own, refusal))?;
    written::normal(file, NAME, TARGET.keys, &mut own)?;
    let server = match external_by(&own) {
        None => built_in(file, &own)?,
        Some(by) => {
            refuse_built_in(file, &own, by)?;
            files::resolve(file, NAME, base, TARGET.keys, &mut own)?;
            own = pages::under(file, base, own)?;
            paths_of_sockets(&mut own);
            let external = Some(Box::new(external(file, &node.place, &own)?));
            Server { external, ..Server::default() }
        }
    };
    if let Some(http) = own.get("http").filter(|_| server.external.is_some()) {
        http_of(file, root, http.clone())?;
    }
    root.set(NAME, Node { place: node.place, value: Value::Table(own) });
    Ok(server)
}

/// Gives every WebSocket that is described without a path that of the root.
fn paths_of_sockets(own: &mut Table) {
    let add = |table: &mut Table| {
        let Some(node) = table.get("websocket") else { return };
        let place = node.place.clone();
        let socket = table.within("websocket");
        if socket.get("path").is_none() {
            socket.set("path", Node { place, value: Value::Text("/".to_owned()) });
        }
    };
    add(own);
    if own.table("publish").is_some() {
        add(own.within("publish"));
    }
}

/// Refuses what cannot be read of the table.
pub(super) fn readable(file: &str, prefix: &str, table: &Table) -> Result<(), ScenarioError> {
    keys::shape(file, prefix, TARGET.keys, table)
}

/// The defaults of the table, for the documentation.
pub(super) fn defaults() -> Json {
    let mut defaults = serde_json::to_value(TargetOptions::default()).unwrap_or_default();
    if let Some(members) = defaults.as_object_mut() {
        members.remove("limits");
    }
    serde_json::json!({ "builtin": defaults })
}

/// Moves the built-in server's keys, which stood directly in `[target]` once, into `[target.builtin]`.
fn of_old(file: &str, own: &mut Table) -> Result<(), ScenarioError> {
    for key in BUILT_IN.iter().map(|key| key.name) {
        let Some(old) = own.remove(key) else { continue };
        if own.get("builtin").is_some_and(|node| !matches!(node.value, Value::Table(_))) {
            continue;
        }
        let inner = own.within("builtin");
        match inner.get(key).map(|new| new.place.is_set()) {
            Some(true) if !old.place.is_set() => {}
            Some(false) if old.place.is_set() => inner.set(key, old),
            None => inner.set(key, old),
            Some(_) => {
                let fault = format!("target.builtin.{key} is the same key; keep one of the two");
                return Err(refused(file, &format!("target.{key}"), &old, &fault));
            }
        }
    }
    Ok(())
}

/// The key that says that the server is not the built-in one.
fn external_by(own: &Table) -> Option<&'static str> {
    let other = |node: &&Node| node.value != Value::Text(OWN.to_owned());
    match () {
        () if own.get("url").is_some() => Some("url"),
        () if own.get("launch").is_some() => Some("launch"),
        () if own.get("dialect").as_ref().is_some_and(other) => Some("dialect"),
        () => None,
    }
}

/// Reads the options of the built-in server, which has no others.
fn built_in(file: &str, own: &Table) -> Result<Server, ScenarioError> {
    let other = own.0.iter().find(|(name, _)| !["builtin", "dialect"].contains(&name.as_str()));
    if let Some((name, node)) = other {
        let fault = "describes a server of your own; name it by target.url = \"http://…\" or [[target.launch]], or remove this \
                     key to measure the built-in server";
        return Err(refused(file, &format!("target.{name}"), node, fault));
    }
    let options = options(file, own.of("builtin"))?;
    Ok(Server { options, external: None })
}

/// The options that `[target.builtin]` describes. Its limits stand beside the other keys in a file, and in a struct of their
/// own behind it.
fn options(file: &str, table: &Table) -> Result<TargetOptions, ScenarioError> {
    let mut rest = table.clone();
    let mut limit = |key: &str| {
        let node = rest.remove(key);
        node.map(|node| value(file, &format!("target.builtin.{key}"), &node)).transpose()
    };
    let limits =
        Limits { requests_per_s: limit("requests_per_s")?, connections: limit("connections")? };
    Ok(TargetOptions { limits, ..super::read::read(file, "target.builtin", &rest)? })
}

/// Refuses what only the built-in server has.
fn refuse_built_in(file: &str, own: &Table, by: &str) -> Result<(), ScenarioError> {
    let Some(node) = own.get("builtin") else { return Ok(()) };
    let first = own.of("builtin").0.first();
    let (path, node) = first.map_or_else(
        || ("target.builtin".to_owned(), node),
        |(key, node)| (format!("target.builtin.{key}"), node),
    );
    let fault = format!(
        "only the built-in server has it, and target.{by} names another; remove it, or configure your server itself"
    );
    Err(refused(file, &path, node, &fault))
}

/// Makes `target.http` the `transport.http` of every case.
fn http_of(file: &str, root: &mut Table, http: Node) -> Result<(), ScenarioError> {
    let swept = root.of("sweep");
    let axis = swept.get("transport.http").or_else(|| swept.of("transport").get("http"));
    let fixed = root.of("transport").get("http");
    if fixed.or(axis).is_some() {
        let fault = "transport.http is the same key; keep one of the two";
        return Err(refused(file, "target.http", &http, fault));
    }
    root.within("transport").set("http", http);
    Ok(())
}

/// The server that `own`, with its page below it, describes.
fn external(file: &str, place: &Place, own: &Table) -> Result<External, ScenarioError> {
    let at = Node { place: place.clone(), value: Value::Boolean(true) };
    keys::whole(file, NAME, TARGET.keys, own, &at)?;
    scope::check(file, own)?;
    let text = |key: &str| match own.get(key).map(|node| &node.value) {
        Some(Value::Text(text)) => Some(text.trim().to_owned()),
        _ => None,
    };
    let permission = text("permission");
    if let (Some(node), Some("")) = (own.get("permission"), permission.as_deref()) {
        let fault = "is empty; write who allowed the load, and where";
        return Err(refused(file, "target.permission", node, fault));
    }
    let part = |keep: &dyn Fn(&str) -> bool| {
        Table(own.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    };
    let of_reach = part(&|name| {
        ["tls", "unix", "resolve", "connect_to", "addresses", "cookies", "compression"]
            .contains(&name)
    });
    let dialect = dialect(file, own)?;
    let mut reach: Reach = super::read::read(file, NAME, &of_reach)?;
    let launch = own.get("launch").map(|node| value(file, "target.launch", node)).transpose()?;
    let process = own.get("process").map(|node| value(file, "target.process", node)).transpose()?;
    reach.url = urls(file, own.of("url"))?;
    if reach.url.is_empty() {
        let remedy = match own.get("launch") {
            Some(_) => "http://127.0.0.1:{{port}}",
            None => "http://127.0.0.1:8080",
        };
        return Err(refused(
            file,
            "target.url",
            &at,
            &format!("missing; write url = \"{remedy}\""),
        ));
    }
    sound::check(file, own, &reach, &dialect)?;
    let launch: Vec<LaunchSpec> = launch.unwrap_or_default();
    Ok(External { name: text("dialect"), reach, dialect, launch, process, permission })
}

/// How it is spoken to.
fn dialect(file: &str, own: &Table) -> Result<Dialect, ScenarioError> {
    let of_dialect =
        |(name, _): &&(String, Node)| !WHERE.contains(&name.as_str()) && name != "builtin";
    super::read::read(file, NAME, &Table(own.0.iter().filter(of_dialect).cloned().collect()))
}

/// The URLs, of which that for all has no name.
fn urls(file: &str, table: &Table) -> Result<BTreeMap<String, Template>, ScenarioError> {
    let url = |(name, node): &(String, Node)| {
        let path = format!("target.url.{name}");
        let name = if name == "default" { "" } else { name };
        Ok((name.to_owned(), value(file, &path, node)?))
    };
    table.0.iter().map(url).collect()
}

/// The patterns that a dialect describes.
pub(super) fn described(dialect: &Dialect) -> Vec<PatternKind> {
    let has = |kind: &PatternKind| match kind {
        PatternKind::Request => {
            !dialect.request.is_empty() || dialect.recognition.by == Mark::Envelope
        }
        PatternKind::ShortPoll => dialect.short_poll.is_some(),
        PatternKind::LongPoll => dialect.long_poll.is_some(),
        PatternKind::Sse => dialect.sse.is_some(),
        PatternKind::WebSocket => dialect.websocket.is_some(),
        PatternKind::Webhook => dialect.webhook.is_some(),
    };
    PatternKind::ALL.into_iter().filter(has).collect()
}

#[cfg(test)]
mod tests;
