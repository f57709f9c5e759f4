//! Which placeholders can have a value where: one that never can is refused in the file, and not when it is sent.

use std::collections::BTreeSet;

use super::super::error::ScenarioError;
use super::super::keys::TARGET;
use super::super::tree::{Table, Value};
use super::NAME;
use super::ports;
use super::texts::{Text, texts};
use crate::dialect::template::{Files, Name, Variable, is_reserved, unknown_capture};

/// What can have a value in a text.
#[derive(Debug, Default)]
struct Scope {
    /// Placeholders of the language.
    variables: Vec<Variable>,
    /// Captured values, and those that the driver of a pattern supplies.
    named: BTreeSet<String>,
}

/// Names that the drivers of patterns supply, beside the placeholders of the language.
const SUPPLIED: [&str; 4] = ["limit", "hold_ms", "due_ns", "body"];

/// Refuses the first placeholder of `own` that can never have a value where it is, and the first capture whose name cannot be used.
pub(super) fn check(file: &str, own: &Table) -> Result<(), ScenarioError> {
    let captures = captures(own);
    for Capture { path, name, place } in &captures {
        let taken = is_reserved(name) || SUPPLIED.contains(&name.as_str());
        let message = if taken && !path.contains(".cursor.") {
            format!("{path}: '{name}' is a placeholder of its own; choose another name")
        } else if !is_name(name) {
            format!(
                "{path}: '{name}' is not a name; write letters, digits, _ and -, beginning with a letter"
            )
        } else {
            continue;
        };
        return Err(ScenarioError::refused(file, place, message));
    }
    let mut read = |path: &str| std::fs::read(path).map_err(|error| error.to_string());
    let mut files = Files::new(&mut read);
    for mut text in texts(NAME, TARGET.keys, own) {
        // Columns and rows of files are what they must be.
        text.template.load(&mut files).map_err(|fault| {
            ScenarioError::refused(file, &text.place, format!("{}: {fault}", text.path))
        })?;
        if let Some(fault) = header_fault(&text) {
            let message = format!("{}: {fault}", text.path);
            return Err(ScenarioError::refused(file, &text.place, message));
        }
        let scope = Scope::of(&text.path, own, &captures);
        if let Some(fault) = scope.fault(&text, own) {
            let message = format!("{}: {fault}", text.path);
            return Err(ScenarioError::refused(file, &text.place, message));
        }
    }
    Ok(())
}

/// What is wrong with a header field, if the text is one.
fn header_fault(text: &Text) -> Option<String> {
    let (_, name) = text.path.rsplit_once(".headers.")?;
    let of_name = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let computed = ["content-length", "transfer-encoding"];
    match () {
        () if name.is_empty() || !name.chars().all(of_name) => {
            Some(format!("'{name}' is not the name of a header field; write letters, digits and -"))
        }
        () if computed.contains(&name.to_ascii_lowercase().as_str()) => {
            Some("it follows from the body; remove it".to_owned())
        }
        () if text.template.source().contains(['\r', '\n']) => {
            Some("a header field is one line; write it without line feeds".to_owned())
        }
        () => None,
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A captured value.
#[derive(Debug)]
struct Capture {
    /// Its key: `target.setup[0].capture.login`.
    path: String,
    name: String,
    place: super::super::tree::Place,
}

/// Every capture that is described, in the order of the file.
fn captures(own: &Table) -> Vec<Capture> {
    fn walk(path: &str, table: &Table, found: &mut Vec<Capture>) {
        for (name, node) in &table.0 {
            let inner = format!("{path}.{name}");
            match &node.value {
                Value::Table(captures) if name == "capture" || name == "cursor" => {
                    for (name, node) in &captures.0 {
                        let (path, name) = (format!("{inner}.{name}"), name.clone());
                        found.push(Capture { path, name, place: node.place.clone() });
                    }
                }
                Value::Table(table) => walk(&inner, table, found),
                Value::List(items) => {
                    for (n, item) in items.iter().enumerate() {
                        if let Value::Table(table) = &item.value {
                            walk(&format!("{inner}[{n}]"), table, found);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(NAME, own, &mut found);
    found
}

/// Whether the text at `path` is the path or a header field of a request with a body, which it may then name.
fn has_body(path: &str, own: &Table) -> bool {
    let of =
        path.split_once(".headers.").map_or_else(|| path.strip_suffix(".path"), |(of, _)| Some(of));
    let Some(of) = of else { return false };
    let mut table = own;
    for part in of.split('.') {
        let node = table.get(part.split('[').next().unwrap_or(part)).map(|node| &node.value);
        table = match (node, number(part)) {
            (Some(Value::Table(inner)), None) => inner,
            (Some(Value::List(items)), Some(at)) => match items.get(at).map(|item| &item.value) {
                Some(Value::Table(inner)) => inner,
                _ => return false,
            },
            _ => return false,
        };
    }
    table.get("body").is_some()
}

/// The number in `setup[3]`.
fn number(part: &str) -> Option<usize> {
    part.split_once('[')?.1.strip_suffix(']')?.parse().ok()
}

impl Scope {
    /// What can have a value in the text at `path`.
    fn of(path: &str, own: &Table, captures: &[Capture]) -> Self {
        use Variable::{CallbackUrl, Client, Cursor, Event, EventText, N, Port, Seq, Token, Topic};
        let inner = path.strip_prefix("target.").unwrap_or(path);
        let (table, rest) = inner.split_once('.').unwrap_or((inner, ""));
        let head = table.split('[').next().unwrap_or(table);
        let mut scope = Self::default();
        match head {
            // They are in every request, so whatever has a value in some of them may be there.
            "headers" => {
                scope.variables.extend([Client, Topic, N, Event, EventText, Token, Cursor, Seq]);
                scope.named.extend(captures.iter().map(|capture| capture.name.clone()));
            }
            "url" => scope.variables.push(Client),
            "unix" => {}
            "setup" | "teardown" => scope.of_setup(head, table, own, captures),
            "publish" => {
                scope.variables.extend([Topic, N, Event, EventText, Token, Seq]);
                scope.named.insert("due_ns".to_owned());
            }
            "request" => scope.variables.extend([Client, Topic, N, Seq]),
            _ => scope.variables.extend([Client, Topic, Seq]),
        }
        if matches!(head, "short-poll" | "long-poll") {
            scope.named.insert("limit".to_owned());
            if head == "long-poll" {
                scope.named.insert("hold_ms".to_owned());
            }
        }
        if matches!(head, "short-poll" | "long-poll" | "sse" | "websocket") {
            scope.of_cursor(head, own);
        }
        // The built-in server's own protocol has a cursor in every pattern.
        if own.get("match").is_some_and(|node| node.value == Value::Text("envelope".to_owned())) {
            scope.variables.push(Cursor);
            scope.named.insert("since".to_owned());
        }
        if head == "webhook" {
            scope.named.insert("signing_secret".to_owned());
        }
        if inner == "webhook.advertise" {
            scope.named.extend(["listen_address", "listen_port"].map(str::to_owned));
        }
        if head == "webhook" || (matches!(head, "setup" | "teardown") && scope.has(Client)) {
            scope.variables.push(CallbackUrl);
        }
        if rest.ends_with(".signed") || rest == "webhook.acknowledge.body" || has_body(inner, own) {
            scope.named.insert("body".to_owned());
        }
        if inner == "publish.sign.signed" {
            scope.named.extend(["method", "path", "query"].map(str::to_owned));
        }
        if own.get("launch").is_some() {
            scope.variables.push(Port);
        }
        scope.of_steps(head, rest, own, captures);
        scope
    }

    fn has(&self, variable: Variable) -> bool {
        self.variables.contains(&variable)
    }

    /// Set-up and teardown, for whom they are sent.
    fn of_setup(&mut self, head: &str, table: &str, own: &Table, captures: &[Capture]) {
        let Some(at) = number(table) else { return };
        let reach = each(own, head, at);
        if reach >= Reach::Topic {
            self.variables.push(Variable::Topic);
        }
        if reach >= Reach::Client {
            self.variables.push(Variable::Client);
        }
        for capture in captures {
            let inner = capture.path.strip_prefix("target.").unwrap_or_default();
            let table = inner.split('.').next().unwrap_or_default();
            let before = match (table.split('[').next().unwrap_or_default(), number(table)) {
                ("setup", Some(n)) => {
                    (head == "teardown" || n < at) && each(own, "setup", n) <= reach
                }
                ("teardown", Some(n)) => {
                    head == "teardown" && n < at && each(own, "teardown", n) <= reach
                }
                _ => false,
            };
            if before {
                self.named.insert(capture.name.clone());
            }
        }
    }

    /// The parts of a cursor. The one called `cursor` has a placeholder of its own.
    fn of_cursor(&mut self, head: &str, own: &Table) {
        for (name, _) in &own.of(head).of("cursor").0 {
            if name == "cursor" {
                self.variables.push(Variable::Cursor);
            } else {
                self.named.insert(name.clone());
            }
        }
    }

    /// What set-up and the steps before have captured.
    fn of_steps(&mut self, head: &str, rest: &str, own: &Table, captures: &[Capture]) {
        if matches!(head, "setup" | "teardown" | "headers" | "url" | "unix") {
            return;
        }
        let reach = if head == "publish" { Reach::Topic } else { Reach::Client };
        for capture in captures {
            let inner = capture.path.strip_prefix("target.").unwrap_or_default();
            let table = inner.split('.').next().unwrap_or_default();
            let of = table.split('[').next().unwrap_or_default();
            let known = if of == "setup" {
                number(table).is_some_and(|n| each(own, "setup", n) <= reach)
            } else if of == head {
                is_before(inner, rest, head, own)
            } else {
                false
            };
            if known {
                self.named.insert(capture.name.clone());
            }
        }
    }

    /// What is wrong with the first placeholder of a text that is none of these.
    fn fault(&self, text: &Text, own: &Table) -> Option<String> {
        text.template.names().iter().find_map(|name| match name {
            Name::Variable(variable) if !self.has(*variable) => Some(absent(*variable, own)),
            Name::Port(name) => ports::fault(name, text, own),
            // A header field of what is signed.
            Name::Capture(name)
                if name.starts_with("header_") && text.path.ends_with(".signed") =>
            {
                None
            }
            Name::Capture(name) if !self.named.contains(&**name) => {
                let known: Vec<&str> = self.named.iter().map(String::as_str).collect();
                Some(match &**name {
                    "limit" | "hold_ms" => format!("'{{{{{name}}}}}' has a value in polls only"),
                    "due_ns" => "'{{due_ns}}' has a value in [target.publish] only".to_owned(),
                    _ => unknown_capture(name, &known),
                })
            }
            _ => None,
        })
    }
}

/// Whether a capture of the same table has a value in the text at `rest` of it.
fn is_before(capture: &str, rest: &str, head: &str, table: &Table) -> bool {
    let of = capture.split_once('.').map_or("", |(_, of)| of);
    // A response's own captures are for what comes after it.
    let own = of.rsplit_once("capture.").map_or("", |(before, _)| before);
    if head == "request" {
        // One client's requests follow each other in any order.
        return true;
    }
    if own.contains("reply[") {
        return rest.starts_with(own);
    }
    let step = |text: &str| {
        text.split_once("steps[")
            .and_then(|(_, after)| after.split(']').next()?.parse::<usize>().ok())
    };
    match (step(own), step(rest)) {
        (Some(captured), Some(used)) => captured < used,
        // Polls come after all steps; a stream is opened after those that are before it.
        (Some(captured), None) => !opens(head, rest) || comes_before(table, head, own, captured),
        (None, Some(_)) => false,
        (None, None) => !rest.starts_with(own) || own.is_empty(),
    }
}

/// Whether the text at `rest` is of the request that opens a stream.
fn opens(head: &str, rest: &str) -> bool {
    let rest = rest.strip_prefix("websocket.").unwrap_or(rest);
    match head {
        "sse" => rest.starts_with("request"),
        "websocket" | "publish" => ["path", "headers"].iter().any(|key| rest.starts_with(key)),
        _ => false,
    }
}

/// Whether step number `at` is taken before its stream is opened.
fn comes_before(table: &Table, head: &str, own: &str, at: usize) -> bool {
    let of = table.of(head);
    let of = if own.starts_with("websocket.") { of.of("websocket") } else { of };
    let step = match of.get("steps").map(|node| &node.value) {
        Some(Value::List(steps)) => steps.get(at),
        _ => None,
    };
    step.is_some_and(|step| match &step.value {
        Value::Table(step) => {
            step.get("before").is_some_and(|node| node.value == Value::Boolean(true))
        }
        _ => false,
    })
}

/// For whom a request of set-up is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Trial,
    Topic,
    Client,
}

fn each(own: &Table, table: &str, at: usize) -> Reach {
    let item = match own.get(table).map(|node| &node.value) {
        Some(Value::List(items)) => items.get(at),
        _ => None,
    };
    let word = item.and_then(|item| match &item.value {
        Value::Table(table) => table.get("each").map(|node| node.value.clone()),
        _ => None,
    });
    match word {
        Some(Value::Text(word)) if word == "topic" => Reach::Topic,
        Some(Value::Text(word)) if word == "client" => Reach::Client,
        _ => Reach::Trial,
    }
}

/// Why a placeholder has no value, and where it has one.
fn absent(variable: Variable, own: &Table) -> String {
    use Variable::{CallbackUrl, Client, Cursor, Event, EventText, N, Port, Seq, Token, Topic};
    let place = match variable {
        Client => "for a client: in a pattern, or in a step of set-up with each = \"client\"",
        Topic => {
            "for a topic: in a pattern, in [target.publish], or in a step of set-up with each = \"topic\" or \"client\""
        }
        N => "where an event is published, and in [[target.request]]",
        Event | EventText | Token => "where an event is published: in [target.publish]",
        Cursor => {
            "in a pattern that describes a cursor: cursor = { capture = \"json:/next\", first = \"0\" }"
        }
        CallbackUrl => "in [target.webhook], and in set-up with each = \"client\"",
        Port if own.get("launch").is_none() => {
            "with [[target.launch]], for which the port is reserved"
        }
        Port => "where the server is named",
        Seq => "on a connection",
    };
    format!("'{{{{{}}}}}' has no value here; it has one {place}", variable.name())
}
