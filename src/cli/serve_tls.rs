//! TLS options of `tidings serve`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tidings::net::tls::{Authority, CertifiedKey};
use tidings::server::Security;

/// Arguments of TLS.
#[derive(Debug, clap::Args)]
pub(super) struct TlsArguments {
    /// Serve over TLS 1.3, with --cert and --key or a certificate generated at the start
    #[arg(long)]
    tls: bool,
    /// Certificate chain in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    cert: Option<PathBuf>,
    /// Private key in PEM
    #[arg(long, value_name = "FILE", requires_all = ["tls", "cert"])]
    key: Option<PathBuf>,
    /// Write the generated CA certificate, which clients must trust, to this file
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "cert")]
    cert_out: Option<PathBuf>,
}

impl TlsArguments {
    /// Whether it is spoken.
    pub(super) const fn is_on(&self) -> bool {
        self.tls
    }

    /// The path of the written certificate that clients need to trust.
    pub(super) fn written(&self) -> Option<&Path> {
        self.cert_out.as_deref()
    }

    /// Returns the given certificate, or one of a new authority that clients need to trust.
    pub(super) fn security(&self, listen: IpAddr, name: Option<&str>) -> anyhow::Result<Security> {
        if !self.tls {
            return Ok(Security::default());
        }
        let identity = if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            let read = |path: &Path| {
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
            };
            CertifiedKey::from_pem(&read(cert)?, &read(key)?).with_context(|| {
                format!("{} and {} must be PEM files", cert.display(), key.display())
            })?
        } else {
            self.made_now(listen, name)?
        };
        Security::serving(identity)
            .context("the certificate and key cannot be used; give a chain and the private key of its first certificate")
    }

    /// A certificate for the names of this host, and the authority's own where clients will look for it.
    fn made_now(&self, listen: IpAddr, name: Option<&str>) -> anyhow::Result<CertifiedKey> {
        let authority = Authority::new()?;
        if let Some(path) = &self.cert_out {
            std::fs::write(path, authority.pem())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if !listen.is_unspecified() && !names.contains(&listen.to_string()) {
            names.push(listen.to_string());
        }
        if let Some(name) = name.filter(|name| *name != "localhost") {
            names.push(name.to_owned());
        }
        Ok(authority.issue(&names)?)
    }
}
