//! The beginning of an answer that was not expected, for people to read.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};

/// Most bytes of a body that are kept.
pub const SAMPLE_MAX: usize = 200;
/// Longest wait for them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first bytes of a body, as one line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample(String);

impl Sample {
    /// The beginning of `body`.
    pub fn of(body: &[u8]) -> Self {
        let (kept, cut) = match body.get(..SAMPLE_MAX) {
            Some(first) if body.len() > SAMPLE_MAX => (before_a_cut_value(first, body), "…"),
            _ => (body, ""),
        };
        let text = String::from_utf8_lossy(kept);
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        let words: String = shown.collect();
        let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
        Self(line + cut)
    }

    /// Reads as much of a body as is kept, by its pieces, for a second at most.
    pub(super) async fn read<E>(mut piece: impl AsyncFnMut() -> Option<Result<Bytes, E>>) -> Self {
        let mut read = Vec::new();
        let reading = async {
            while read.len() <= SAMPLE_MAX
                && let Some(Ok(piece)) = piece().await
            {
                read.extend_from_slice(&piece);
            }
        };
        // What has come by then is enough.
        let _ = tokio::time::timeout(PATIENCE, reading).await;
        Self::of(&read)
    }

    /// Whether there is nothing to show.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `first`, the beginning of `body`, without the value that its end cuts through: secrets are replaced in what is shown, and
/// half of one would not be recognised.
fn before_a_cut_value<'a>(first: &'a [u8], body: &[u8]) -> &'a [u8] {
    let of_value = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=%".contains(byte);
    if !body.get(first.len()).is_some_and(of_value) {
        return first;
    }
    let whole = first.iter().rposition(|byte| !of_value(byte)).map_or(0, |last| last + 1);
    &first[..whole]
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An answer that was not expected: its status, where it redirects to, and the beginning of its body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Told {
    /// The status.
    pub status: StatusCode,
    location: Option<String>,
    sample: Sample,
}

impl Told {
    /// An answer's head and the beginning of its body.
    pub fn of(status: StatusCode, headers: &HeaderMap, sample: Sample) -> Self {
        let location = headers.get(LOCATION).filter(|_| status.is_redirection());
        // What stands behind a question mark may be a login.
        let shown = |value: &HeaderValue| {
            let text = Sample::of(value.as_bytes()).to_string();
            text.split_once('?').map_or_else(|| text.clone(), |(path, _)| format!("{path}?…"))
        };
        Self { status, location: location.map(shown), sample }
    }

    /// The answer to an upgrade that was refused.
    pub fn of_upgrade(response: &Response<()>) -> Self {
        let sample = response.extensions().get::<Sample>().cloned().unwrap_or_default();
        Self::of(response.status(), response.headers(), sample)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the target answers {}", self.status.as_str())?;
        if let Some(reason) = self.status.canonical_reason() {
            write!(f, " {reason}")?;
        }
        if let Some(location) = &self.location {
            write!(f, " and redirects to {location}, which is not followed")?;
        }
        if self.sample.is_empty() { Ok(()) } else { write!(f, ": {}", self.sample) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unexpected_answer_is_told_with_where_it_leads_and_what_it_says() {
        let headers = |to: &'static str| {
            [(LOCATION, HeaderValue::from_static(to))].into_iter().collect::<HeaderMap>()
        };
        for (status, to, body, expected) in [
            (
                301,
                "https://other.example/a?login=x",
                "",
                "the target answers 301 Moved Permanently and redirects to https://other.example/a?…, which is not followed",
            ),
            (201, "/items/7", "made", "the target answers 201 Created: made"),
            (600, "", "x", "the target answers 600: x"),
            (404, "", "no such topic", "the target answers 404 Not Found: no such topic"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let told = Told::of(status, &headers(to), Sample::of(body.as_bytes()));
            assert_eq!(told.to_string(), expected);
        }
    }

    #[test]
    fn a_sample_is_one_line_of_200_bytes_at_most() {
        for (body, shown) in [
            (&b""[..], ""),
            (b"{\"error\":\r\n\t\"no such\x1b[31m topic\"}", "{\"error\": \"no such [31m topic\"}"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(Sample::of(body).to_string(), shown);
        }
    }

    #[test]
    fn a_sample_ends_between_values_never_within_one() {
        let secret = "c2VjcmV0LXRoYXQtaXMtbG9uZw==";
        for before in SAMPLE_MAX - secret.len() - 1..SAMPLE_MAX + 2 {
            let body = format!("{} {secret} {}", "ab ".repeat(before / 3), "cd ".repeat(100));
            let shown = Sample::of(body.as_bytes()).to_string();
            assert!(shown.ends_with('…') && shown.len() <= SAMPLE_MAX + '…'.len_utf8(), "{shown}");
            assert!(shown.contains(secret) || !shown.contains(&secret[..2]), "{shown}");
        }
        assert_eq!(Sample::of(&[b'x'; SAMPLE_MAX]).to_string().len(), SAMPLE_MAX, "all of it");
        assert_eq!(Sample::of(&[b'x'; 1000]).to_string(), "…", "a value that does not end");
        assert_eq!(Sample::of("あ".repeat(100).as_bytes()).to_string().chars().count(), 68);
    }
}
