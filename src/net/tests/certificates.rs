//! Servers over TLS, with certificates of every kind.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use super::http1::get;
use super::peer::FINE;
use crate::net::tls::{Credentials, HTTP_1, provider};
use crate::net::{Client, Dialer, Endpoint, NetError};

pub(super) const LONG: Duration = Duration::from_secs(60);

/// An authority of the test's own.
pub(super) struct Issuing {
    issuer: Issuer<'static, KeyPair>,
    pub(super) pem: String,
}

/// A certificate and its key, in PEM.
pub(super) struct Issued {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Issuing {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(super) fn issue(&self, names: &[&str], years: (i32, i32)) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Issued { cert, key: key.serialize_pem() }
    }
}

/// A certificate for `name` that is signed by itself, in an authority's form or not.
pub(super) fn self_signed(name: &str, years: (i32, i32), authoritys: bool) -> Issued {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    if authoritys {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let key = KeyPair::generate().unwrap();
    Issued { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// Years in which a certificate is valid today, and will be.
pub(super) const NOW: (i32, i32) = (2020, 2090);

pub(super) static ONLY_12: [&SupportedProtocolVersion; 1] = [&TLS12];
pub(super) static ONLY_13: [&SupportedProtocolVersion; 1] = [&TLS13];

pub(super) struct Server<'a> {
    pub(super) shown: &'a Issued,
    /// Whose clients it lets in; anyone if none.
    pub(super) clients: Option<&'a Issuing>,
    pub(super) versions: &'static [&'static SupportedProtocolVersion; 1],
    pub(super) alpn: &'static [&'static [u8]],
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    roots
}

impl Server<'_> {
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(issuing) => {
                let roots = Arc::new(roots(&issuing.pem));
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(self.shown.cert.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(self.shown.key.as_bytes()).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Answers every request with 200 and `fine`; returns its port.
    pub(super) async fn start(&self) -> u16 {
        let acceptor = self.acceptor();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                spawn_local(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut read = Vec::new();
                    while !read.ends_with(b"\r\n\r\n") {
                        match tokio::io::AsyncReadExt::read_u8(&mut stream).await {
                            Ok(byte) => read.push(byte),
                            Err(_) => return,
                        }
                    }
                    let _ = stream.write_all(FINE.as_bytes()).await;
                    let _ = tokio::io::AsyncReadExt::read_u8(&mut stream).await;
                });
            }
        });
        port
    }
}

/// One exchange with the host at `port` of this machine.
pub(super) async fn exchange(
    host: &str,
    port: u16,
    tls: Credentials,
    scheme: &str,
) -> Result<u16, NetError> {
    let entry = format!("{host}:{port}:127.0.0.1");
    let endpoint = Endpoint::from_url(&format!("{scheme}://{host}:{port}")).unwrap();
    let endpoint = Endpoint { tls, ..endpoint }.resolved(&[entry]).unwrap();
    let dialer = Dialer::to(&endpoint, HTTP_1, false, Rc::default()).unwrap();
    let mut client = Client::connect(&dialer, 0).await?;
    Ok(client.exchange(get("/"), LONG).await?.status.as_u16())
}
