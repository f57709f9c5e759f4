//! The ways to write the same thing in `[target]`, made one: the form that the structs are read from and that pages and
//! scenarios are merged in.

use super::super::error::ScenarioError;
use super::super::keys::{Key, Kind};
use super::super::read::{refused, value};
use super::super::tree::{Node, Table, Value};
use crate::dialect::capture::Capture;
use crate::dialect::template::Template;

/// Keys of a request that may stand beside it.
const BESIDE: [&str; 4] = ["headers", "body", "expect", "capture"];

/// Makes `table`, which is written at `path` of `file` by `keys`, that one form.
pub(super) fn normal(
    file: &str,
    path: &str,
    keys: &[Key],
    table: &mut Table,
) -> Result<(), ScenarioError> {
    lift(file, path, keys, table)?;
    for (name, node) in &mut table.0 {
        let Some(key) = keys.iter().find(|key| key.name == name) else { continue };
        // Only the target's own URL may be one per pattern.
        let at_top = path == "target";
        let path = format!("{path}.{name}");
        match key.name {
            "cursor" => one_form_of_cursor(node),
            "url" if at_top => one_form_of_url(node),
            "signed" => {
                if let Value::Text(text) = &mut node.value {
                    *text = signed(text);
                }
            }
            _ => {}
        }
        node_of(file, &path, &key.kind, node)?;
    }
    Ok(())
}

fn node_of(file: &str, path: &str, kind: &Kind, node: &mut Node) -> Result<(), ScenarioError> {
    match kind {
        Kind::Listed(_) if !matches!(node.value, Value::List(_)) => {
            let one = node.clone();
            node.value = Value::List(vec![one]);
        }
        Kind::Count(_) if matches!(node.value, Value::Text(_) | Value::Float(_)) => {
            node.value = Value::Integer(value::<u64>(file, path, node)?.into());
        }
        Kind::Call(_) => {
            if let Value::Text(line) = &node.value {
                node.value = Value::Table(table_of(line, node));
            }
        }
        _ => {}
    }
    match (kind, &mut node.value) {
        (Kind::Table(keys) | Kind::Call(keys), Value::Table(table)) => {
            normal(file, path, keys, table)
        }
        (Kind::List(kind) | Kind::Listed(kind), Value::List(items)) => items
            .iter_mut()
            .enumerate()
            .try_for_each(|(n, item)| node_of(file, &format!("{path}[{n}]"), kind, item)),
        (Kind::Map(kind), Value::Table(table)) => table
            .0
            .iter_mut()
            .try_for_each(|(name, node)| node_of(file, &format!("{path}.{name}"), kind, node)),
        (Kind::Either(kinds), Value::Table(_)) => {
            let table = kinds.iter().find(|kind| matches!(kind, Kind::Table(_)));
            table.map_or(Ok(()), |kind| node_of(file, path, kind, node))
        }
        _ => Ok(()),
    }
}

/// Moves what stands beside a request into it, and takes `"METHOD PATH"` apart where the request is the table itself.
fn lift(file: &str, path: &str, keys: &[Key], table: &mut Table) -> Result<(), ScenarioError> {
    let Some(request) = keys.iter().find(|key| key.name == "request") else { return Ok(()) };
    if !matches!(request.kind, Kind::Call(_) | Kind::Grammar(_)) {
        return Ok(());
    }
    if matches!(request.kind, Kind::Grammar(_)) {
        let Some(line) = table.remove("request") else { return Ok(()) };
        let Value::Text(text) = &line.value else { return Ok(()) };
        return table_of(text, &line)
            .0
            .into_iter()
            .try_for_each(|(name, node)| add(file, path, table, &name, node));
    }
    let asks = table.get("request").is_some();
    for name in BESIDE.iter().filter(|name| keys.iter().any(|key| key.name == **name)) {
        // What a step captures may come from a message that it waits for, and what a reply does comes from what it replies to.
        let replies = keys.iter().any(|key| key.name == "to");
        if *name == "capture" && (!asks || replies) {
            continue;
        }
        let Some(node) = table.remove(name) else { continue };
        if let Some(Node { value: Value::Text(line), .. }) = table.get("request") {
            let (line, place) = (line.clone(), table.place("request"));
            let of = Node { place: place.clone(), value: Value::Boolean(true) };
            let value = Value::Table(table_of(&line, &of));
            table.set("request", Node { place, value });
        }
        if table.get("request").is_none() {
            let value = Value::Table(Table::default());
            table.set("request", Node { place: node.place.clone(), value });
        }
        add(file, &format!("{path}.request"), table.within("request"), name, node)?;
    }
    Ok(())
}

fn add(
    file: &str,
    path: &str,
    table: &mut Table,
    name: &str,
    node: Node,
) -> Result<(), ScenarioError> {
    if table.get(name).is_some() {
        let fault = "is written twice, beside the request and in it; keep one";
        return Err(refused(file, &format!("{path}.{name}"), &node, fault));
    }
    table.set(name, node);
    Ok(())
}

/// `"METHOD PATH"` as the table of a request.
fn table_of(line: &str, at: &Node) -> Table {
    // Its form was checked where it stands.
    let (method, path) = split_line(line).unwrap_or((None, line));
    let text = |text: &str| Node { place: at.place.clone(), value: Value::Text(text.to_owned()) };
    let mut table = Table::default();
    if let Some(method) = method {
        table.set("method", text(method));
    }
    table.set("path", text(path));
    table
}

/// The method, if there is one, and the path of `"METHOD PATH"`.
pub(in crate::scenario) fn split_line(line: &str) -> Result<(Option<&str>, &str), String> {
    let is_path =
        |text: &str| ["/", "{{", "http://", "https://"].iter().any(|begin| text.starts_with(begin));
    let line = line.trim();
    if is_path(line) {
        return Ok((None, line));
    }
    let (method, path) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let path = path.trim_start();
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    match () {
        () if is_method && is_path(path) => Ok((Some(method), path)),
        () if is_method => Err(format!("'{line}' has no path; write \"{method} /…\"")),
        () if is_path(path) => {
            let upper = method.to_ascii_uppercase();
            Err(format!("'{method}' is not a method; write \"{upper} {path}\""))
        }
        () => Err(format!(
            "'{line}' is not a request; write a method and a path, such as \"GET /events\""
        )),
    }
}

/// A text that is signed, with the header fields in it as captured values: `{{header:Webhook-Id}}` is `{{header_webhook-id}}`.
pub(in crate::scenario) fn signed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{header:") {
        let end = after.find(['}', '|']).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        out.extend([before, "{{header_", &name.trim().to_ascii_lowercase()]);
        rest = after;
    }
    out + rest
}

/// What is wrong with a URL.
pub(in crate::scenario) fn url_fault(text: &str) -> Option<String> {
    const REMEDY: &str = "write http://, https://, ws:// or wss://";
    if text.starts_with("{{") {
        return None;
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Some(format!("'{text}' has no scheme; write \"http://{text}\""));
    };
    let known =
        ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !known {
        return Some(match scheme {
            "unix" => {
                "a Unix socket is named by target.unix; write url = \"http://localhost\" beside it"
                    .to_owned()
            }
            _ => format!("'{scheme}' is not a scheme that is supported; {REMEDY}"),
        });
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return Some(format!("'{text}' names no host; write \"{scheme}://127.0.0.1:8080\""));
    }
    if authority.contains('@') {
        return Some(
            "a user and a password in a URL would be written into results; write headers = { authorization = \
             \"Basic {{text:USER:{{secret:NAME}}|base64}}\" }"
                .to_owned(),
        );
    }
    let port = match host.strip_prefix('[') {
        Some(host) => host.split_once(']').map(|(_, rest)| rest.strip_prefix(':').unwrap_or(rest)),
        None => host.split_once(':').map(|(_, port)| port),
    };
    let wrong = port.filter(|port| !port.is_empty() && !port.contains("{{"));
    let wrong = wrong.filter(|port| port.parse::<u16>().is_err());
    if let Some(port) = wrong {
        return Some(format!("'{port}' is not a port; write a number up to 65535"));
    }
    match () {
        () if rest.contains('#') => Some("a fragment (#…) is never sent; remove it".to_owned()),
        () if rest.contains('?') => {
            Some("a query belongs to a request; write it into its path".to_owned())
        }
        () => None,
    }
}

/// What is wrong with a path.
pub(in crate::scenario) fn path_fault(text: &str) -> Option<String> {
    let plain = literal(text);
    match () {
        () if plain.contains('#') => {
            Some("a fragment (#…) is never sent; remove it, or write %23".to_owned())
        }
        () if plain.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Some("a path has no spaces; write %20, or {{…|url}} around what varies".to_owned())
        }
        () => None,
    }
}

/// A text without its placeholders.
fn literal(text: &str) -> String {
    let (mut out, mut depth, mut rest) = (String::new(), 0_usize, text);
    while let Some(c) = rest.chars().next() {
        let length = match (rest.get(..2).unwrap_or_default(), depth) {
            ("{{", _) => {
                depth += 1;
                2
            }
            ("}}", 1..) => {
                depth -= 1;
                2
            }
            (_, 0) => {
                out.push(c);
                c.len_utf8()
            }
            _ => c.len_utf8(),
        };
        rest = &rest[length..];
    }
    out
}

/// Checks `cursor`: a capture, a table of one, or several by name.
pub(in crate::scenario) fn cursor(
    file: &str,
    path: &str,
    node: &Node,
) -> Result<(), ScenarioError> {
    let Value::Table(table) = &node.value else {
        return value::<Capture>(file, path, node).map(drop);
    };
    if is_part(table) {
        return part(file, path, table);
    }
    for (name, node) in &table.0 {
        let path = format!("{path}.{name}");
        match &node.value {
            Value::Table(table) if is_part(table) => part(file, &path, table)?,
            Value::Table(table) => {
                part(file, &path, table)?;
                return Err(refused(file, &path, node, "missing; write capture = \"json:/next\""));
            }
            _ => value::<Capture>(file, &path, node).map(drop)?,
        }
    }
    Ok(())
}

fn is_part(table: &Table) -> bool {
    table.get("capture").is_some_and(|node| matches!(node.value, Value::Text(_)))
}

fn part(file: &str, path: &str, table: &Table) -> Result<(), ScenarioError> {
    super::super::read::known(file, path, &["capture", "first"], table)?;
    for (name, node) in &table.0 {
        let path = format!("{path}.{name}");
        match name.as_str() {
            "capture" => value::<Capture>(file, &path, node).map(drop)?,
            _ => value::<Template>(file, &path, node).map(drop)?,
        }
    }
    Ok(())
}

/// A cursor as a table of parts by name; one without a name is called `cursor`.
fn one_form_of_cursor(node: &mut Node) {
    let within = |node: &Node, name: &str| {
        let value = Value::Table(Table(vec![(name.to_owned(), node.clone())]));
        Node { place: node.place.clone(), value }
    };
    match &mut node.value {
        Value::Table(table) if !is_part(table) => {
            for (_, part) in &mut table.0 {
                if matches!(part.value, Value::Text(_)) {
                    *part = within(part, "capture");
                }
            }
        }
        Value::Table(_) => *node = within(node, "cursor"),
        Value::Text(_) => {
            let part = within(node, "capture");
            *node = within(&part, "cursor");
        }
        _ => {}
    }
}

/// One URL as that of everything.
fn one_form_of_url(node: &mut Node) {
    if matches!(node.value, Value::Text(_)) {
        let all = node.clone();
        node.value = Value::Table(Table(vec![("default".to_owned(), all)]));
    }
}
