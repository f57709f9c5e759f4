//! The URL of a probe, in the parts that a scenario has.

use anyhow::bail;

/// A URL, in the parts that a scenario has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Scheme, host and port.
    pub base: String,
    /// Path and query, beginning with a slash; `None` where the URL has neither.
    pub path: Option<String>,
}

impl Url {
    /// Takes `text` apart; without a scheme it is `http`.
    pub(super) fn of(text: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if authority.is_empty() {
            bail!("'{text}' has no host; write http://HOST:PORT/PATH");
        }
        if authority.contains('@') {
            bail!(
                "'{text}': credentials in a URL are not sent. Send them as a header: -H 'Authorization: Basic \
                 {{{{text:USER:{{{{secret:PASSWORD}}}}|base64}}}}'"
            );
        }
        let path = path.split('#').next().unwrap_or(path);
        let path = match path {
            "" => None,
            path if path.starts_with('/') => Some(path.to_owned()),
            query => Some(format!("/{query}")),
        };
        Ok(Self { base: format!("{}://{authority}", scheme.to_ascii_lowercase()), path })
    }

    /// Path and query.
    pub(super) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or("/")
    }

    /// Whether it is of TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.base.starts_with("https://") || self.base.starts_with("wss://")
    }

    /// Whether it is of a WebSocket.
    pub(super) fn is_websocket(&self) -> bool {
        self.base.starts_with("ws://") || self.base.starts_with("wss://")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (text, base, path) in [
            ("http://h", "http://h", None),
            ("HTTPS://h:8/", "https://h:8", Some("/")),
            ("h:8/a?b=/c#d", "http://h:8", Some("/a?b=/c")),
            ("ws://[::1]:9?x", "ws://[::1]:9", Some("/?x")),
        ] {
            let url = Url::of(text).unwrap();
            assert_eq!((url.base.as_str(), url.path.as_deref()), (base, path), "{text}");
        }
        for text in ["http://", "http:///x", "http://ann:pw@h/"] {
            assert!(Url::of(text).is_err(), "{text}");
        }
    }
}
