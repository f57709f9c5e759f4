//! Whether a launched server is ready: a line of its output, a port, a socket, a URL.

use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};

use super::output::Output;
use crate::net::tls::trusting_anyone;

/// Longest wait for one answer.
const PROBE: Duration = Duration::from_secs(2);

/// What a server must fulfil to be ready, with its placeholders expanded.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    pub url: Option<Uri>,
    /// The statuses that count; any below 400 if there are none.
    pub status: Vec<u16>,
    pub line: Option<String>,
    pub ports: Vec<u16>,
    pub unix: Option<String>,
    /// Whether it prints its URL.
    pub prints_url: bool,
    pub timeout_ns: u64,
}

impl Conditions {
    /// A port at which something listens already, of those where this server is to listen.
    ///
    /// `reserved` ports are free: of these nothing needs to be asked.
    pub(super) fn taken(&self, reserved: &[u16]) -> Option<u16> {
        let of_url = self.url.as_ref().and_then(|url| {
            let host = host_of(url)?;
            let ip: Option<IpAddr> = host.parse().ok();
            let here = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
            here.then(|| port_of(url))
        });
        let mut ports = self.ports.iter().copied().chain(of_url);
        ports.find(|port| !reserved.contains(port) && accepts(*port))
    }

    /// What is still awaited; `None` once the server is ready.
    pub(super) fn missing(&self, output: &Output) -> Option<String> {
        if let Some(line) = &self.line
            && !output.found()
        {
            return Some(format!("a line of its output that contains '{line}'"));
        }
        if self.prints_url && output.printed_port().is_none() {
            return Some("its output to name its URL, such as http://127.0.0.1:8080".to_owned());
        }
        if let Some(port) = self.ports.iter().find(|port| !accepts(**port)) {
            return Some(format!("port {port} to accept connections"));
        }
        if let Some(path) = &self.unix
            && UnixStream::connect(path).is_err()
        {
            return Some(format!("the socket {path} to accept connections"));
        }
        let url = self.url.as_ref()?;
        let found = match get(url) {
            Ok(status) if self.accepts(status) => return None,
            Ok(status) => format!("it answers {status}"),
            Err(error) => error,
        };
        let wanted = match self.status.as_slice() {
            [] => "a status below 400".to_owned(),
            list => list.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
        };
        Some(format!("{url} to answer with {wanted} ({found})"))
    }

    fn accepts(&self, status: u16) -> bool {
        if self.status.is_empty() { status < 400 } else { self.status.contains(&status) }
    }
}

/// Whether a port of this host accepts connections, over IPv4 or IPv6.
fn accepts(port: u16) -> bool {
    let addresses = [("127.0.0.1", port), ("::1", port)];
    let mut addresses =
        addresses.iter().filter_map(|address| address.to_socket_addrs().ok()).flatten();
    addresses.any(|address| TcpStream::connect_timeout(&address, PROBE).is_ok())
}

fn host_of(url: &Uri) -> Option<&str> {
    Some(url.host()?.trim_start_matches('[').trim_end_matches(']'))
}

fn port_of(url: &Uri) -> u16 {
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    url.port_u16().unwrap_or(usual)
}

/// The status of the answer to a GET. Certificates are not verified: the clients of the trial do that.
fn get(url: &Uri) -> Result<u16, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let answer = runtime.block_on(async { tokio::time::timeout(PROBE, ask(url)).await });
    // A look-up of a name that hangs is not waited for.
    runtime.shutdown_background();
    match answer {
        Ok(answer) => answer.map_err(|error| plain(&*error)),
        Err(_) => Err(format!("no answer within {} s", PROBE.as_secs())),
    }
}

/// The innermost cause: what surrounds it says "connection error" only.
fn plain(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), plain)
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn ask(url: &Uri) -> Result<u16, AnyError> {
    let host = host_of(url).ok_or("the URL has no host")?;
    let tcp = tokio::net::TcpStream::connect((host, port_of(url))).await?;
    if url.scheme_str() != Some("https") {
        return status(url, tcp).await;
    }
    let connector = tokio_rustls::TlsConnector::from(trusting_anyone()?);
    let name = ServerName::try_from(host.to_owned())?;
    status(url, connector.connect(name, tcp).await?).await
}

async fn status<S>(url: &Uri, stream: S) -> Result<u16, AnyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let target = url.path_and_query().map_or("/", |path| path.as_str());
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let request = Request::get(target)
        .header("host", authority)
        .header("connection", "close")
        .header("user-agent", concat!("tidings/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())?;
    // The sender goes with the answer, and the connection with both: a body that never ends is not read.
    let answer = async move { sender.send_request(request).await.map(|answer| answer.status()) };
    let (answer, _) = tokio::join!(answer, connection);
    Ok(answer?.as_u16())
}
