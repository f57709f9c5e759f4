//! The standards, clause by clause: what clients may send to the target, and what must result. One table per standard, run
//! over raw sockets.
//!
//! The target is lenient where it is harmless, and strict where it protects something: a clause that begins with "strict:"
//! names what.

mod eventsource;
mod fetch;
mod rfc3986;
mod rfc6202;
mod rfc6455;
mod rfc9110;
mod rfc9112;
mod webhooks;

use std::io::BufRead as _;

use crate::target_support::{Client, Message, Target, read_body, read_head};
use tidings::server::Options;

/// A line of a table.
pub(crate) struct Row {
    /// The clause, or its consequence.
    clause: &'static str,
    input: Vec<u8>,
    right: Right,
}

/// The right outcome.
#[derive(Default)]
struct Right {
    /// Statuses of the answers, in order, interim ones included.
    statuses: Vec<u16>,
    /// Headers of the last answer, with a part of their values.
    has: Vec<(&'static str, &'static str)>,
    lacks: Vec<&'static str>,
    /// A part of the last answer's body.
    says: Option<&'static str>,
    /// The connection ends, and nothing more is answered on it.
    ends: bool,
}

/// A row whose input is sent as it is.
pub(crate) fn raw(clause: &'static str, input: impl Into<Vec<u8>>) -> Row {
    Row { clause, input: input.into(), right: Right::default() }
}

/// A row with a request: its first two words, header lines, and a body whose length is declared.
///
/// Without a line for it, `host` is that of the test's clients.
pub(crate) fn ask(clause: &'static str, request: &str, headers: &[&str], body: &str) -> Row {
    let mut head = format!("{request} HTTP/1.1\r\n");
    let named = |name: &str| headers.iter().any(|line| line.to_lowercase().starts_with(name));
    if !named("host:") {
        head += "host: target\r\n";
    }
    for line in headers {
        head.extend([line, "\r\n"]);
    }
    if !body.is_empty() {
        head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    raw(clause, format!("{head}\r\n{body}"))
}

/// A row with a GET.
pub(crate) fn get(clause: &'static str, path: &str, headers: &[&str]) -> Row {
    ask(clause, &format!("GET {path}"), headers, "")
}

/// A row that creates an item under these headers.
pub(crate) fn post(clause: &'static str, headers: &[&str]) -> Row {
    ask(clause, "POST /items", headers, "{}")
}

impl Row {
    pub(crate) fn gives(self, status: u16) -> Self {
        self.answers(&[status])
    }

    pub(crate) fn answers(mut self, statuses: &[u16]) -> Self {
        self.right.statuses = statuses.to_vec();
        self
    }

    pub(crate) fn has(mut self, header: &'static str, part: &'static str) -> Self {
        self.right.has.push((header, part));
        self
    }

    pub(crate) fn lacks(mut self, header: &'static str) -> Self {
        self.right.lacks.push(header);
        self
    }

    pub(crate) fn says(mut self, part: &'static str) -> Self {
        self.right.says = Some(part);
        self
    }

    pub(crate) fn ends(mut self) -> Self {
        self.right.ends = true;
        self
    }

    /// Returns what is wrong with the result; `None` if it is right.
    fn fault(&self, target: &Target) -> Option<String> {
        let mut input = self.input.clone();
        // Replaces a placeholder by item 1's current tag.
        if let Some(at) = input.windows(4).position(|four| four == b"ETAG") {
            let etag = target.get("/items/1").header("etag").unwrap().to_owned();
            input.splice(at..at + 4, etag.into_bytes());
        }
        let mut client = target.connect();
        client.write(&input);
        let (mut statuses, mut last) = (Vec::<u16>::new(), None);
        while statuses.len() < self.right.statuses.len() {
            let Some(message) = self.read(&mut client) else { break };
            statuses.push(message.first_line.split(' ').nth(1).unwrap().parse().unwrap());
            last = Some(message);
        }
        let Right { has, lacks, says, ends, .. } = &self.right;
        if statuses != self.right.statuses {
            let body = last.map(|last| last.text()).unwrap_or_default();
            return Some(format!("{statuses:?} in place of {:?}: {body}", self.right.statuses));
        }
        let last = last.expect("a row expects an answer");
        for (name, part) in has {
            match last.header(name) {
                Some(value) if value.contains(part) => {}
                other => return Some(format!("{name}: {other:?} has no '{part}'")),
            }
        }
        if let Some(name) = lacks.iter().find(|name| last.header(name).is_some()) {
            return Some(format!("there is {name}"));
        }
        if let Some(part) = says.filter(|part| !last.text().contains(part)) {
            return Some(format!("no '{part}' in {}", last.text()));
        }
        if *ends {
            match client.reader.fill_buf() {
                Ok([]) => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
                other => return Some(format!("the connection goes on: {other:?}")),
            }
        }
        None
    }

    /// Reads the next answer; of a stream, until it contains the expected text.
    fn read(&self, client: &mut Client) -> Option<Message> {
        if !client.reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
            return None;
        }
        let mut message = read_head(&mut client.reader)?;
        if message.header("transfer-encoding").is_some() {
            let wanted = self.right.says.unwrap_or_default();
            while !message.text().contains(wanted) {
                message.body.extend(client.chunk()?);
            }
        } else if !self.input.starts_with(b"HEAD ") && !message.first_line.contains(" 304 ") {
            read_body(&mut client.reader, &mut message);
        }
        Some(message)
    }
}

/// A target with three events in `news-0`, an item, and one topic whose name has every kind of letter.
pub(crate) fn target(options: Options) -> Target {
    let target = Target::start(options);
    for n in 1..=3 {
        target.publish("news-0", n);
    }
    target.publish("a.b_c~D-0", 1);
    assert_eq!(target.send("POST", "/items", Some(serde_json::json!({}))).status, 201);
    target
}

/// Runs a table; every row that fails is named.
pub(crate) fn run(target: &Target, rows: &[Row]) {
    let faults = rows.iter().filter_map(|row| {
        let fault = row.fault(target)?;
        Some(format!("{}\n  {}\n  {fault}\n", row.clause, row.input.escape_ascii()))
    });
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.concat());
    assert_eq!(target.get("/healthz").status, 200, "it serves on");
}
