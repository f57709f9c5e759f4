//! Why client and server did not agree on TLS: one message and one remedy for each cause.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, OtherError};

use super::credentials::is_authoritys;
use super::greeting::Greeting;
use crate::measure::ErrorKind;

/// Why there is no TLS between client and server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the TLS handshake failed: {message}")]
pub struct HandshakeError {
    kind: ErrorKind,
    message: String,
}

impl HandshakeError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The kind under which it is counted.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Reads the TLS library's error, on a connection that began with `greeting`.
    pub(super) fn of(error: &Error, greeting: &Greeting) -> Self {
        match error {
            Error::InvalidCertificate(error) => {
                Self::new(ErrorKind::Certificate, certificate(error))
            }
            Error::AlertReceived(alert) => Self::new(ErrorKind::Tls, alert_text(*alert)),
            Error::InvalidMessage(_) if greeting.is_plain() => Self::new(
                ErrorKind::Tls,
                "the port does not speak TLS: its answer is plain text; write http:// or ws://",
            ),
            other => Self::new(ErrorKind::Tls, other.to_string()),
        }
    }

    /// Reads how a handshake ended.
    pub(super) fn of_io(error: &io::Error, greeting: &Greeting) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            Some(inner) => Self::of(inner, greeting),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::new(
                ErrorKind::Tls,
                "the server closed the connection during it; does the port speak TLS? If not, write http:// or ws://",
            ),
            None => Self::new(ErrorKind::Tls, format!("the connection broke ({error})")),
        }
    }
}

/// What is wrong with a certificate, and what to do.
fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let since = match error {
                CertificateError::ExpiredContext { time, not_after } => {
                    ago(time.as_secs().saturating_sub(not_after.as_secs()))
                }
                _ => String::new(),
            };
            format!("the server's certificate has expired{since}. Renew it, or set tls.insecure = true")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet. Check the clocks of both machines, or set tls.insecure = true"
                .to_owned()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let why = match error {
                CertificateError::UnknownIssuer => "unknown issuer",
                _ => "another key than its issuer's signed it",
            };
            format!(
                "the server's certificate is not of the authority that is trusted here ({why}). Name its authority: tls = {{ ca = \
                 \"ca.pem\" }}"
            )
        }
        CertificateError::NotValidForName => {
            "the server's certificate is for another name than the URL's host. Correct the URL, or set tls.server_name"
                .to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| short(name)).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            format!(
                "the server's certificate is for {names}, not for {}. Correct the URL, or set tls.server_name",
                expected.to_str()
            )
        }
        error if is_authoritys(error) => {
            "the server's certificate is signed by itself. Name it: tls = { ca = \"server.pem\" }, or set tls.insecure = true"
                .to_owned()
        }
        CertificateError::Other(OtherError(other)) => {
            format!(
                "the server's certificate cannot be verified ({other}). Name its authority with tls.ca, or set tls.insecure = true"
            )
        }
        other => {
            format!("the server's certificate is not accepted ({other}). Replace it, or set tls.insecure = true")
        }
    }
}

/// `DnsName("a.example")` as people write it.
fn short(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!(" ({seconds} s ago)"),
        120..172_800 => format!(" ({} h ago)", seconds.div_ceil(3600)),
        _ => format!(" ({} days ago)", seconds / 86_400),
    }
}

/// What a server's alert means, and what to do.
fn alert_text(alert: AlertDescription) -> String {
    let told = match alert {
        AlertDescription::CertificateRequired => {
            "the server wants a client certificate. Name one: tls = { cert = \"client.pem\", key = \"client.key\" }"
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => {
            return format!(
                "the server does not accept the client's certificate ({alert:?}). Use one of an authority that the server trusts: \
                 tls = {{ cert, key }}"
            );
        }
        AlertDescription::ProtocolVersion => {
            "the server speaks neither TLS 1.2 nor 1.3. Enable one of them there"
        }
        AlertDescription::NoApplicationProtocol => {
            "the server does not speak this version of HTTP over TLS (ALPN). Set the other one: http = 1 or http = 2"
        }
        AlertDescription::UnrecognisedName => {
            "the server does not know the host's name. Correct the URL, or set tls.server_name"
        }
        AlertDescription::HandshakeFailure => {
            "the server refuses it (handshake_failure): no cipher suite or certificate in common. Check whether it wants a client \
             certificate, tls = { cert, key }, and which versions of TLS it speaks"
        }
        other => return format!("the server sent the alert {other:?}. Check its TLS log"),
    };
    told.to_owned()
}
