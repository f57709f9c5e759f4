//! The kinds of failure: names, what each means, and what to do about it.

use serde::{Deserialize, Serialize};

use super::{Counter, Counters};

macro_rules! kinds {
    ($($variant:ident $(of $whole:ident)? => $counter:ident, $remedy:literal;)*) => {
        /// Why an operation failed.
        ///
        /// A kind that is a part of another is counted under both.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each is described at its counter")]
        pub enum ErrorKind { $($variant,)* }

        impl ErrorKind {
            /// Every kind; a part comes after the kind that it is a part of.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            /// The counter of this kind.
            pub const fn counter(self) -> Counter {
                match self { $(Self::$variant => Counter::$counter,)* }
            }

            /// The kind that it is a part of; `None` for one that stands alone.
            pub const fn whole(self) -> Option<Self> {
                match self { $(Self::$variant => kinds!(@ $($whole)?),)* }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
    (@) => { None };
    (@ $whole:ident) => { Some(Self::$whole) };
}

kinds! {
    Connect => ErrorConnect,
        "Check that the server runs, and that it listens on the URL's host and port";
    Unreachable of Connect => ErrorUnreachable,
        "Check the address, the route and the firewall; raise the connect time-out if the network is slow";
    Tls of Connect => ErrorTls,
        "Check that the URL's scheme is right, that the port speaks TLS 1.2 or 1.3, and whether the server wants a client \
         certificate: tls = { cert, key }";
    Certificate of Connect => ErrorCertificate,
        "Renew or replace the server's certificate; name its authority with tls.ca, or the name that it is for with \
         tls.server_name. tls.insecure = true accepts any";
    Timeout => ErrorTimeout,
        "Check whether the server is overloaded or never answers this request; lower the load or raise the time-out";
    Endless of Timeout => ErrorEndless,
        "The server begins to answer and does not end: check what it streams; if the answer is an event stream, use the \
         pattern sse";
    Closed => ErrorClosed,
        "Check the server's log for a crash, its limits on connections, and its keep-alive time-out";
    Truncated of Closed => ErrorTruncated,
        "The server or a proxy before it ended in the middle of an answer: check its log for a crash, and its write time-out";
    Reset of Closed => ErrorReset,
        "The server aborted the connection or the stream: check its log, its limits on streams and connections, and its \
         backlog";
    CloseCode of Closed => ErrorCloseCode,
        "The server ended the WebSocket for the reason that its code and text give";
    Status => ErrorStatus,
        "Compare the request with what the server expects: `tidings plan --explain` shows it byte for byte";
    Redirect of Status => ErrorRedirect,
        "Redirects are not followed, so that every request is one exchange with one server: write the location into the URL";
    Denied of Status => ErrorDenied,
        "Send the credentials that the server wants: headers, a log-in under [[target.setup]], or cookies = true";
    NotFound of Status => ErrorNotFound,
        "Check the URL's path and the request's; create what it names under [[target.setup]]";
    NotAllowed of Status => ErrorNotAllowed,
        "Use a method that the server allows on this path";
    TooLarge of Status => ErrorTooLarge,
        "Make the payload smaller, or raise the server's limit on bodies";
    ServerError of Status => ErrorServer,
        "Check the server's log: it failed, or what stands behind it did";
    Refused => ErrorRefused,
        "Lower the rate or the number of clients, or raise the server's limits";
    Protocol => ErrorProtocol,
        "Check that the URL leads to a server of this protocol; `tidings try` prints what it says";
    Oversized of Protocol => ErrorOversized,
        "The server sends more than is taken: smaller pages, messages or headers";
    Encoding of Protocol => ErrorEncoding,
        "Set compression = true for gzip and deflate; let the server send anything else uncompressed";
    Frame of Protocol => ErrorFrame,
        "The server, or a proxy before it, breaks the rules of WebSocket (RFC 6455) or HTTP/2 (RFC 9113): report it to its maker";
    Signature => ErrorSignature,
        "Check that the server signs with the receiver's secret, and that the clocks agree";
}

impl ErrorKind {
    /// The kind of an answer with a status that was not expected.
    pub const fn of_status(status: u16) -> Self {
        match status {
            304 => Self::Status,
            300..=399 => Self::Redirect,
            401 | 403 | 407 => Self::Denied,
            404 | 410 => Self::NotFound,
            405 => Self::NotAllowed,
            413 | 414 | 431 => Self::TooLarge,
            429 | 503 => Self::Refused,
            500..=599 => Self::ServerError,
            _ => Self::Status,
        }
    }

    /// The errors among `counters`, each once, under its narrowest kind; the most frequent kind first.
    pub fn narrowest(counters: &Counters) -> Vec<(Self, u64)> {
        let count = |kind: Self| counters.get(kind.counter());
        let own = |kind: Self| {
            let parts = Self::ALL.into_iter().filter(|part| part.whole() == Some(kind));
            (kind, count(kind).saturating_sub(parts.map(count).sum()))
        };
        let mut kinds: Vec<(Self, u64)> = Self::ALL.into_iter().map(own).collect();
        kinds.retain(|(_, count)| *count > 0);
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kinds
    }

    /// The name in files: that of its counter without `error_`.
    pub fn name(self) -> &'static str {
        let name = self.counter().name();
        name.strip_prefix("error_").unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_as_it_is_counted_and_a_part_follows_its_whole() {
        for (place, kind) in ErrorKind::ALL.into_iter().enumerate() {
            let written = serde_json::to_string(&kind).unwrap();
            assert_eq!(written, format!("\"{}\"", kind.name()), "{kind:?}");
            assert!(kind.counter().name().starts_with("error_"), "{kind:?}");
            assert!(kind.remedy().len() > 20, "{kind:?}");
            if let Some(whole) = kind.whole() {
                let first = ErrorKind::ALL.iter().position(|other| *other == whole);
                assert!(first < Some(place) && whole.whole().is_none(), "{kind:?}");
            }
        }
    }

    #[test]
    fn each_error_counts_once_under_its_narrowest_kind() {
        let mut counters = Counters::default();
        for (kind, count) in [
            (ErrorKind::Closed, 5),
            (ErrorKind::Truncated, 2),
            (ErrorKind::Reset, 3),
            (ErrorKind::Status, 7),
            (ErrorKind::ServerError, 3),
            (ErrorKind::Timeout, 1),
        ] {
            counters.add(kind.counter(), count);
        }
        let kinds = ErrorKind::narrowest(&counters);
        assert_eq!(kinds[0], (ErrorKind::Status, 4));
        assert_eq!(kinds.iter().map(|(_, count)| count).sum::<u64>(), counters.errors());
        assert!(!kinds.iter().any(|(kind, _)| *kind == ErrorKind::Closed), "{kinds:?}");
    }

    #[test]
    fn statuses_are_kinds_by_class() {
        for (status, kind) in [
            (201, ErrorKind::Status),
            (301, ErrorKind::Redirect),
            (304, ErrorKind::Status),
            (308, ErrorKind::Redirect),
            (400, ErrorKind::Status),
            (401, ErrorKind::Denied),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::NotAllowed),
            (413, ErrorKind::TooLarge),
            (429, ErrorKind::Refused),
            (500, ErrorKind::ServerError),
            (502, ErrorKind::ServerError),
            (503, ErrorKind::Refused),
            (999, ErrorKind::Status),
        ] {
            assert_eq!(ErrorKind::of_status(status), kind, "{status}");
        }
    }
}
