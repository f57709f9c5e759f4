//! TLS: throw-away authorities, certificates, and the settings of both ends.
//!
//! Between the processes of a trial it is TLS 1.3, and everything is verified: a client trusts exactly the authority of the
//! trial, which the target makes at its start. Keys never reach a disk; they travel over the control stream, the pipes of
//! one host. What clients check of other servers, TLS 1.2 among them, is in [`Credentials`].

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

pub use super::credentials::Credentials;

/// The protocols that a side offers by ALPN, the preferred first.
pub const HTTP_1: &[&[u8]] = &[b"http/1.1"];
/// HTTP/2 alone, so that a client of HTTP/2 never falls back unnoticed.
pub const HTTP_2: &[&[u8]] = &[b"h2"];
/// Whatever the other side prefers.
pub const HTTP_ANY: &[&[u8]] = &[b"h2", b"http/1.1"];

/// Sessions that a client remembers if the number of its servers is unknown.
const SESSIONS: usize = 8 * 1024;

/// Tickets of a server that a client keeps, by the TLS library's own rule.
const TICKETS: usize = 8;

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be created.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Keys or certificates do not fit together.
    #[error("TLS cannot be set up: {0}")]
    Settings(#[from] rustls::Error),
    /// A PEM file could not be read.
    #[error("no usable PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// A key of a target's `tls` table names a file with other content.
    #[error("tls.{key}: the file holds no {wanted} in PEM")]
    Content {
        /// The key.
        key: &'static str,
        /// What the file should hold.
        wanted: &'static str,
    },
    /// One of two keys that need each other.
    #[error("tls.{given} needs tls.{missing}: a client's certificate is of no use without its key")]
    Half {
        /// The key that is there.
        given: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// A name that no certificate can be for.
    #[error("'{0}' is a name that no certificate can be for; set tls.server_name")]
    Name(String),
    /// The system trusts nobody.
    #[error(
        "this system has no certificate authorities to trust. Install them (the package ca-certificates), or name the \
         server's own: tls = {{ ca = \"ca.pem\" }}"
    )]
    NoRoots,
}

/// What the processes of a trial receive so that they trust each other.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// The authority's certificate, in DER.
    pub certificate: Vec<u8>,
    /// The authority's key, in PKCS #8, for processes that issue certificates: webhook receivers.
    pub key: Option<Vec<u8>>,
}

impl fmt::Debug for Trust {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("issues", &self.key.is_some()).finish_non_exhaustive()
    }
}

/// A certificate with its key, read from PEM or generated.
pub struct CertifiedKey {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for CertifiedKey {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertifiedKey")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

impl CertifiedKey {
    /// The certificates and the key in two PEM texts.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>()?;
        if chain.is_empty() {
            return Err(TlsError::Pem(rustls::pki_types::pem::Error::NoItemsFound));
        }
        Ok(Self { chain, key: PrivateKeyDer::from_pem_slice(key)? })
    }
}

/// A certificate authority for one trial.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for Authority {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Creates an authority with a new key.
    pub fn new() -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = authority()?.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(authority()?, key), certificate })
    }

    /// The authority of another process; `None` without its key.
    pub fn entrusted(trust: &Trust) -> Result<Option<Self>, TlsError> {
        let Some(key) = &trust.key else { return Ok(None) };
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(key.as_slice()))?;
        let certificate = CertificateDer::from(trust.certificate.clone());
        Ok(Some(Self { issuer: Issuer::new(authority()?, key), certificate }))
    }

    /// Returns what another process needs to trust this authority and, with `issues`, to issue certificates in its name.
    pub fn trust(&self, issues: bool) -> Trust {
        Trust {
            certificate: self.certificate.to_vec(),
            key: issues.then(|| self.issuer.key().serialize_der()),
        }
    }

    /// A certificate for a server that is reached by these names and addresses.
    pub fn issue(&self, names: &[String]) -> Result<CertifiedKey, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "tidings");
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone()];
        Ok(CertifiedKey { chain, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() })
    }

    /// A certificate for an address of this host.
    pub fn issue_for(&self, address: IpAddr) -> Result<CertifiedKey, TlsError> {
        self.issue(&[address.to_string()])
    }

    /// Its certificate in PEM, for clients to trust.
    pub fn pem(&self) -> String {
        let base64 = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            self.certificate.as_ref(),
        );
        let lines: Vec<&str> = base64
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap_or_default())
            .collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }
}

/// The parameters of every authority's certificate: trials are distinguished by key, not by name.
fn authority() -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "tidings throw-away authority");
    Ok(params)
}

/// Builds a client's settings: its trust, its protocols, and the number of `sessions` that it remembers (0: none).
fn client(
    roots: RootCertStore,
    alpn: &[&[u8]],
    sessions: usize,
) -> Result<Arc<ClientConfig>, TlsError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(with_protocols(config, alpn, sessions))
}

/// The same settings with protocols to offer, and a number of sessions to remember (0: none).
pub(super) fn with_protocols(
    mut config: ClientConfig,
    alpn: &[&[u8]],
    sessions: usize,
) -> Arc<ClientConfig> {
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = match sessions {
        0 => Resumption::disabled(),
        sessions => Resumption::in_memory_sessions(sessions),
    };
    Arc::new(config)
}

/// Returns a client that trusts only `trust`, and remembers the sessions of about that many servers (0: none).
pub fn trusting(
    trust: &Trust,
    alpn: &[&[u8]],
    servers: usize,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(trust.certificate.clone()))?;
    client(roots, alpn, servers * TICKETS)
}

/// A client with this host's certificate authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` override them).
pub fn trusting_the_host() -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    // A certificate that is not understood is one that nothing can be verified by, no reason to refuse the rest.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    client(roots, HTTP_1, SESSIONS)
}

/// A client that accepts every certificate, for what only asks whether a server answers.
pub fn trusting_anyone() -> Result<Arc<ClientConfig>, TlsError> {
    Credentials { insecure: true, ..Credentials::default() }.client(HTTP_1)
}

/// Returns the same settings with a separate session store, so that clients do not share sessions.
pub fn with_own_sessions(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut own = config.clone();
    own.resumption = Resumption::in_memory_sessions(1);
    Arc::new(own)
}

/// A server's settings; where it does not `resume`, it gives no tickets.
pub fn server(
    identity: CertifiedKey,
    alpn: &[&[u8]],
    resume: bool,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    if resume {
        // Without it sessions would be kept in a table of 256, and thousands of clients would push each other out.
        config.ticketer = Ticketer::new()?;
    } else {
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_printed_and_are_sent_only_on_request() {
        let authority = Authority::new().unwrap();
        let (silent, issuing) = (authority.trust(false), authority.trust(true));
        assert_eq!(silent.key, None);
        let key = issuing.key.clone().unwrap();
        assert!(!format!("{issuing:?}").contains(&format!("{}, {}", key[0], key[1])));
        let there = Authority::entrusted(&issuing).unwrap().unwrap();
        assert_eq!(there.trust(true), issuing);
        assert!(Authority::entrusted(&silent).unwrap().is_none());
    }

    #[test]
    fn pem_is_read_back_and_anything_else_refused() {
        let authority = Authority::new().unwrap();
        let key = authority.issuer.key().serialize_pem();
        let identity = CertifiedKey::from_pem(authority.pem().as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(identity.chain.as_slice(), std::slice::from_ref(&authority.certificate));
        assert!(CertifiedKey::from_pem(b"", key.as_bytes()).is_err());
        assert!(CertifiedKey::from_pem(authority.pem().as_bytes(), b"no key").is_err());
    }
}
