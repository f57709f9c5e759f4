//! Dialling: sockets to one server, spread over addresses, with TLS and HTTP over them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};

use super::cookies::Jars;
use super::emulated::{Opening, QUEUE};
use super::endpoint::{Endpoint, Spread};
use super::error::NetError;
use super::http2::Pool;
use super::manners::Manners;
use super::tls::{self, Authority, TlsError, Trust};
use super::watched::Listener;
use super::{Socket, Stream, WireTotals};
use crate::pace::{Network, Timer};

/// Links that share one source address on loopback: under the number of client ports of any usual kernel.
pub const LINKS_PER_SOURCE: u64 = 20_000;

/// Opens connections to one server.
#[derive(Debug, Clone)]
pub struct Dialer {
    endpoint: Rc<Endpoint>,
    /// Which of the addresses accepted last, where one is enough.
    accepted: Rc<Cell<usize>>,
    totals: Rc<WireTotals>,
    security: Option<Rc<Security>>,
    pool: Option<Rc<Pool>>,
    receive_buffer: Option<u32>,
    emulation: Option<Rc<Emulation>>,
    jars: Option<Rc<Jars>>,
    compression: bool,
}

/// Streams of the seed that belong to connections rather than topics, links or services.
const CONNECTION_STREAM: u64 = 1 << 52;

/// The network that all connections of a shard go through.
#[derive(Debug)]
struct Emulation {
    network: Network,
    timer: Timer,
    seed: u64,
    /// Connections so far.
    opened: Cell<u64>,
}

impl Emulation {
    /// The emulated directions of the shard's next connection.
    fn opening(&self, receive_buffer: Option<u32>) -> Opening {
        let stream = CONNECTION_STREAM + self.opened.replace(self.opened.get() + 1);
        Opening::new(self.network, self.timer.clone(), self.seed, stream, receive_buffer)
    }
}

/// TLS as the links of a shard speak it.
#[derive(Debug)]
struct Security {
    config: Arc<ClientConfig>,
    /// What the server's certificate must be for.
    name: ServerName<'static>,
    resume: bool,
    /// Each link's own settings if it may resume, so that consumers do not share tickets.
    own: RefCell<HashMap<u64, Arc<ClientConfig>>>,
    authority: Option<Authority>,
}

impl Dialer {
    /// A dialler to the plain server at `target` whose sockets add their traffic to `totals`.
    pub fn new(target: SocketAddr, totals: Rc<WireTotals>) -> Self {
        Self::plain(Endpoint::at(target), totals)
    }

    /// A dialler to `endpoint`: over TLS, offering `alpn`, if its scheme says so, checked by its own credentials. `resume` lets
    /// a link resume sessions when it redials.
    pub fn to(
        endpoint: &Endpoint,
        alpn: &[&[u8]],
        resume: bool,
        totals: Rc<WireTotals>,
    ) -> Result<Self, TlsError> {
        let dialer = Self::plain(endpoint.clone(), totals);
        if !endpoint.scheme.is_secure() {
            return Ok(dialer);
        }
        let security = Security {
            config: endpoint.tls.client(alpn)?,
            name: endpoint.tls.name(&endpoint.host)?,
            resume,
            own: RefCell::default(),
            authority: None,
        };
        Ok(Self { security: Some(Rc::new(security)), ..dialer })
    }

    fn plain(endpoint: Endpoint, totals: Rc<WireTotals>) -> Self {
        Self {
            endpoint: Rc::new(endpoint),
            accepted: Rc::default(),
            totals,
            security: None,
            pool: None,
            receive_buffer: None,
            emulation: None,
            jars: None,
            compression: false,
        }
    }

    /// The same, with sockets whose kernel buffers take no more than about `bytes` that are not read.
    #[must_use]
    pub fn with_receive_buffer(self, bytes: u32) -> Self {
        Self { receive_buffer: Some(bytes), ..self }
    }

    /// The same through an emulated network, woken by `timer`, with random numbers of `seed`.
    #[must_use]
    pub fn across(self, network: Network, timer: Timer, seed: u64) -> Self {
        let emulation = Rc::new(Emulation { network, timer, seed, opened: Cell::new(0) });
        Self { emulation: network.is_there().then_some(emulation), ..self }
    }

    /// The same over TLS, trusting only `trust`, offering `alpn`; `resume` lets a link resume sessions when it redials.
    pub fn over_tls(self, trust: &Trust, alpn: &[&[u8]], resume: bool) -> Result<Self, TlsError> {
        let security = Security {
            config: tls::trusting(trust, alpn, 0)?,
            name: self.endpoint.tls.name(&self.endpoint.host)?,
            resume,
            own: RefCell::default(),
            authority: Authority::entrusted(trust)?,
        };
        Ok(Self { security: Some(Rc::new(security)), ..self })
    }

    /// The same, with links that keep the cookies that they are sent, each its own.
    #[must_use]
    pub fn with_cookies(self, keep: bool) -> Self {
        Self { jars: keep.then(Rc::default), ..self }
    }

    /// The same, asking for compressed answers.
    #[must_use]
    pub fn with_compression(self, compression: bool) -> Self {
        Self { compression, ..self }
    }

    /// The same over HTTP/2, `streams` links on each connection.
    #[must_use]
    pub fn over_http2(self, streams: u32) -> Self {
        Self { pool: Some(Rc::new(Pool::new(streams))), ..self }
    }

    /// The connections that links share; `None` where each has its own.
    pub(super) fn pool(&self) -> Option<&Pool> {
        self.pool.as_deref()
    }

    /// Where it dials.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The totals to which sockets add their traffic when they close.
    pub const fn totals(&self) -> &Rc<WireTotals> {
        &self.totals
    }

    /// Whether connections use TLS.
    pub const fn is_secure(&self) -> bool {
        self.security.is_some()
    }

    /// The settings of a server of the links' own at `address`; `None` where it is plain.
    pub fn receiver(&self, address: IpAddr) -> Result<Option<Arc<ServerConfig>>, TlsError> {
        let issuing = |security: &Rc<Security>| {
            let authority = security.authority.as_ref()?;
            let identity = authority.issue_for(address);
            Some(identity.and_then(|identity| tls::server(identity, tls::HTTP_1, security.resume)))
        };
        self.security.as_ref().and_then(issuing).transpose()
    }

    /// Connects link number `link`, with a TLS handshake if configured.
    pub async fn connect(&self, link: u64) -> Result<Stream, NetError> {
        let socket = self.socket(link).await?;
        let stream = match &self.security {
            None => socket.into(),
            Some(security) => {
                Stream::client(socket, security.of(link), security.name.clone()).await?
            }
        };
        Ok(if self.is_plain_spoken() { stream } else { stream.with(self.manners(link)) })
    }

    /// Whether links add nothing to requests.
    fn is_plain_spoken(&self) -> bool {
        self.jars.is_none() && !self.compression
    }

    /// How link number `link` behaves.
    pub(super) fn manners(&self, link: u64) -> Manners {
        let jar = self.jars.as_ref().map(|jars| jars.of(link));
        Manners::new(jar, self.compression, self.is_secure())
    }

    /// Opens a socket for link number `link`: to an address of its own where links are spread, else to the first that
    /// accepts, which all others begin with from then on.
    async fn socket(&self, link: u64) -> Result<Socket, NetError> {
        let Endpoint { addresses, spread, unix, .. } = &*self.endpoint;
        if let Some(path) = unix {
            let failed = |error| NetError::Connect { to: path.display().to_string(), error };
            if self.emulation.is_some() {
                let why = "no network can be emulated on a Unix socket; remove [network]";
                return Err(failed(io::Error::new(io::ErrorKind::Unsupported, why)));
            }
            let stream = UnixStream::connect(path).await.map_err(failed)?;
            return Ok(Socket::unix(stream, &self.totals));
        }
        let count = addresses.len();
        let Some(last) = count.checked_sub(1) else {
            let error = io::Error::new(io::ErrorKind::NotFound, "the server has no address");
            return Err(NetError::Connect { to: self.endpoint.to_string(), error });
        };
        if *spread == Spread::All {
            return self.socket_to(addresses[(link % count as u64) as usize], link).await;
        }
        let first = self.accepted.get();
        for tried in 0..last {
            let at = (first + tried) % count;
            if let Ok(socket) = self.socket_to(addresses[at], link).await {
                self.accepted.set(at);
                return Ok(socket);
            }
        }
        self.socket_to(addresses[(first + last) % count], link).await
    }

    /// Opens a socket to `target`, in the time that the endpoint allows for each of its addresses.
    async fn socket_to(&self, target: SocketAddr, link: u64) -> Result<Socket, NetError> {
        let opened = match self.endpoint.connect_timeout {
            None => self.open(target, link).await,
            Some(limit) => {
                let opened = tokio::time::timeout(limit.std(), self.open(target, link)).await;
                opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
        };
        opened.map_err(|error| NetError::Connect { to: target.to_string(), error })
    }

    /// Opens a socket to `target` for link number `link`.
    ///
    /// On loopback the links are spread over source addresses, [`LINKS_PER_SOURCE`] on each, because a pair of addresses
    /// has only so many client ports.
    async fn open(&self, target: SocketAddr, link: u64) -> io::Result<Socket> {
        let socket = match target {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        let bandwidth = self.emulation.as_ref().and_then(|emulation| emulation.network.bandwidth);
        // Data that the emulated network holds back must wait at the sender, not in this kernel.
        if let Some(bytes) = self.receive_buffer.or(bandwidth.map(|_| QUEUE as u32)) {
            // Before the handshake: the window's scale is agreed there.
            socket.set_recv_buffer_size(bytes)?;
        }
        if let SocketAddr::V4(v4) = target
            && v4.ip().is_loopback()
            && link >= LINKS_PER_SOURCE
        {
            let source = Ipv4Addr::from(0x7f00_0001 + (link / LINKS_PER_SOURCE) as u32);
            socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        }
        let Some(emulation) = &self.emulation else {
            return Socket::new(socket.connect(target).await?, &self.totals);
        };
        let mut opening = emulation.opening(self.receive_buffer);
        opening.open().await?;
        Socket::through(socket.connect(target).await?, opening, &self.totals)
    }

    /// A socket of a connection that the target dialled.
    pub fn accepted(&self, stream: std::net::TcpStream) -> io::Result<Socket> {
        let Some(emulation) = &self.emulation else {
            return Socket::accepted(stream, &self.totals);
        };
        let mut opening = emulation.opening(None);
        opening.opened_by_peer();
        Socket::through(TcpStream::from_std(stream)?, opening, &self.totals)
    }

    /// Listens on `address` for connections that the target dials.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        self.totals.listener(TcpListener::bind(address).await?)
    }
}

impl Security {
    /// The settings of link number `link`.
    fn of(&self, link: u64) -> Arc<ClientConfig> {
        if !self.resume {
            return Arc::clone(&self.config);
        }
        let mut own = self.own.borrow_mut();
        Arc::clone(own.entry(link).or_insert_with(|| tls::with_own_sessions(&self.config)))
    }
}

#[cfg(test)]
mod tests;
