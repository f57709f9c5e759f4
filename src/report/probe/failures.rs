//! The errors of a probe by kind: how many, what one of them said, and what to do about it.

use serde_json::{Value, json};

use super::{Page, grouped};
use crate::measure::{ErrorKind, Snapshot};
use crate::report::group::printable;

/// In whose terms remedies are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedies {
    /// The keys of a scenario.
    Keys,
    /// The flags of `tidings probe`.
    Flags,
}

/// The errors of a kind, without those of a part of it.
#[derive(Debug)]
pub(super) struct Failure {
    kind: ErrorKind,
    count: u64,
    /// What one of them said.
    said: Option<String>,
    remedy: &'static str,
}

impl Failure {
    /// Says it in the words of `word`.
    pub(super) fn word(&mut self, word: &impl Fn(&str) -> String) {
        self.said = self.said.as_deref().map(word);
    }
}

/// The errors of every kind that occurred, the most frequent first.
pub(super) fn of(workers: &Snapshot, remedies: Remedies) -> Vec<Failure> {
    let kinds = ErrorKind::narrowest(&workers.counters).into_iter();
    let failure = |(kind, count)| Failure {
        kind,
        count,
        said: workers.described.get(&kind).map(|text| printable(text)),
        remedy: remedy(kind, remedies),
    };
    kinds.map(failure).collect()
}

/// What to do; where a scenario's keys would help, the flags that set them.
const fn remedy(kind: ErrorKind, remedies: Remedies) -> &'static str {
    let flags = match kind {
        ErrorKind::Tls => {
            "Check that the URL's scheme is right, that the port speaks TLS 1.2 or 1.3, and whether the server wants a \
             client certificate: --cert and --key"
        }
        ErrorKind::Certificate => {
            "Renew or replace the server's certificate, or name its authority with --cacert. -k accepts any"
        }
        ErrorKind::Timeout => {
            "Check whether the server is overloaded or never answers this request; lower the load or raise the time-out"
        }
        ErrorKind::Endless => {
            "The server begins to answer and does not end: check what it streams; if the answer is an event stream, use \
             --sse"
        }
        ErrorKind::Status => {
            "Compare the request with what the server expects: --save FILE, then `tidings plan FILE --explain` shows it \
             byte for byte"
        }
        ErrorKind::Redirect => {
            "Redirects are not followed, so that every request is one exchange with one server: give the location as the \
             URL"
        }
        ErrorKind::Denied => "Send the credentials that the server wants: -H 'Authorization: ...'",
        ErrorKind::NotFound => "Check the URL's path and query",
        ErrorKind::NotAllowed => "Use a method that the server allows on this path: -m",
        ErrorKind::TooLarge => "Make the body smaller, or raise the server's limit on bodies",
        ErrorKind::Protocol => {
            "Check that the URL leads to a server of this protocol, and its scheme: http, https, ws or wss"
        }
        ErrorKind::Refused => {
            "The server answers 429 or 503: lower the rate or the number of clients, or raise the server's limits"
        }
        ErrorKind::Encoding => {
            "Let the server send the answer uncompressed: it uses a content coding that was not asked for"
        }
        other => other.remedy(),
    };
    match remedies {
        Remedies::Flags => flags,
        Remedies::Keys => kind.remedy(),
    }
}

/// Writes a paragraph per kind; `failed` requests of the window failed, where requests are sent.
pub(super) fn write(failures: &[Failure], failed: Option<u64>, page: &mut Page) {
    let all: u64 = failures.iter().map(|failure| failure.count).sum();
    let mut text = grouped(all);
    // Errors are those of the whole trial.
    if failed.is_some_and(|failed| failed < all) {
        text += ", those before the window and of connections included";
    }
    page.field("errors", &text);
    for Failure { kind, count, said, remedy } in failures {
        let said = said.as_ref().map(|text| format!(": {}", text.trim_end_matches('.')));
        let text =
            format!("{} {}{}. {remedy}.", grouped(*count), kind.name(), said.unwrap_or_default());
        page.sentence("  ", &text, 4);
    }
}

/// The kind as data.
pub(super) fn json(failure: &Failure) -> Value {
    let Failure { kind, count, said, remedy } = failure;
    json!({"kind": kind.name(), "count": count, "said": said, "remedy": remedy})
}
