//! TLS of a target: as a server to its clients, and as a client to webhook receivers.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, ServerConfig};

use crate::control::TargetAssignment;
use crate::net::tls::{self, Authority, CertifiedKey, TlsError, Trust};
use crate::scenario::{Http, PatternKind};

/// The target's TLS configuration.
#[derive(Debug, Default)]
pub struct Security {
    server: Option<Arc<ServerConfig>>,
    /// Certificates that webhooks trust; loaded on the first `https` delivery if none were given.
    receivers: OnceLock<Arc<ClientConfig>>,
}

impl Security {
    /// A server with this certificate; webhooks trust the host's authorities.
    pub fn serving(identity: CertifiedKey) -> Result<Self, TlsError> {
        let server = tls::server(identity, tls::HTTP_ANY, true)?;
        Ok(Self { server: Some(server), receivers: OnceLock::new() })
    }

    /// Returns the TLS configuration of a trial and what its workers need; empty for a case without TLS.
    pub fn of_trial(assignment: &TargetAssignment) -> Result<(Self, Option<Trust>), TlsError> {
        let TargetAssignment { case, listen, .. } = assignment;
        if !case.transport.tls {
            return Ok((Self::default(), None));
        }
        // One that takes another's place has its authority: workers trust no other.
        let known = assignment.trust.as_ref().map(Authority::entrusted).transpose()?.flatten();
        let authority = known.map_or_else(Authority::new, Ok)?;
        let resume = case.transport.resume;
        let alpn = match case.transport.http {
            Http::One => tls::HTTP_1,
            Http::Two => tls::HTTP_2,
        };
        let server = tls::server(authority.issue_for(listen.ip())?, alpn, resume)?;
        let servers = if resume { case.workload.clients as usize } else { 0 };
        let issues =
            case.pattern.kind() == PatternKind::Webhook || case.conditions.restart.is_some();
        let trust = authority.trust(issues);
        let receivers = tls::trusting(&trust, tls::HTTP_1, servers)?;
        Ok((Self { server: Some(server), receivers: receivers.into() }, Some(trust)))
    }

    /// The server's configuration; `None` for plain connections.
    pub const fn server(&self) -> Option<&Arc<ServerConfig>> {
        self.server.as_ref()
    }

    /// The client configuration for webhook receivers over `https`.
    pub fn receivers(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.receivers.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::trusting_the_host()?;
        Ok(Arc::clone(self.receivers.get_or_init(|| config)))
    }
}
