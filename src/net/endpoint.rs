//! Where a server is, and how its connections are made: what a URL says, with what a URL cannot say.

mod route;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use hyper::Uri;
use serde::{Deserialize, Serialize};

use self::route::Route;
use super::tls::Credentials;
use crate::unit::Span;

/// How a URL is written.
const FORM: &str =
    "write scheme://host:port/path, such as http://localhost:8080 or wss://bench.example/app";

/// Longest wait for a connection unless another is set.
const CONNECT_TIMEOUT: Span = Span::from_secs(10);

/// A server that clients connect to. It travels to the processes that dial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// How the server is spoken to.
    pub scheme: Scheme,
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The value of `Host` and `:authority`: without the port where it is the scheme's own.
    pub authority: String,
    /// The URL's path without a slash at its end, which requests' paths are appended to; empty for the root.
    #[serde(default)]
    pub base: String,
    /// The Unix socket that is dialled in place of an address.
    #[serde(default)]
    pub unix: Option<PathBuf>,
    /// The host's addresses, looked up once: the name service is no part of what is measured. Empty before
    /// [`Endpoint::resolved`], and with a Unix socket.
    #[serde(default)]
    pub addresses: Vec<SocketAddr>,
    /// Which of them are dialled.
    #[serde(default)]
    pub spread: Spread,
    /// Longest wait for a connection; `None` leaves it to the kernel.
    #[serde(default)]
    pub connect_timeout: Option<Span>,
    /// What TLS checks and shows.
    #[serde(default)]
    pub tls: Credentials,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// Plain WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Scheme {
    /// Whether connections use TLS.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }

    /// The port of a URL without one.
    pub const fn default_port(self) -> u16 {
        if self.is_secure() { 443 } else { 80 }
    }

    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "http" => Self::Http,
            "https" => Self::Https,
            "ws" => Self::Ws,
            "wss" => Self::Wss,
            _ => return None,
        })
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Ws => "ws",
            Self::Wss => "wss",
        })
    }
}

/// Which of a server's addresses are dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// The first that accepts a connection.
    #[default]
    First,
    /// All of them, link by link.
    All,
}

/// Why a text is not the URL of a server, or the server has no address. Each says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL that can be dialled.
    #[error("'{url}' {why}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it, and what to write.
        why: String,
    },
    /// An entry of `resolve` that cannot be read.
    #[error(
        "resolve: '{entry}' {why}; write \"host:port:address\", such as \"api.example:443:127.0.0.1\""
    )]
    Resolve {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An entry of `connect_to` that cannot be read.
    #[error(
        "connect_to: '{entry}' is not host:port:host:port; write \"api.example:443:127.0.0.1:8443\", with an empty host or port for \
         any, or for the URL's own"
    )]
    ConnectTo {
        /// The entry.
        entry: String,
    },
    /// The name service knows no address.
    #[error(
        "DNS: the host '{host}' has no address ({reason}). Check the spelling, or name an address: resolve = \
         [\"{host}:{port}:ADDRESS\"]"
    )]
    Dns {
        /// The host.
        host: String,
        /// Its port.
        port: u16,
        /// What the system says.
        reason: String,
    },
}

impl Endpoint {
    /// The plain server at an address, dialled without more ado.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            scheme: Scheme::Http,
            host: address.ip().to_string(),
            port: address.port(),
            authority: address.to_string(),
            base: String::new(),
            unix: None,
            addresses: vec![address],
            spread: Spread::First,
            connect_timeout: None,
            tls: Credentials::default(),
        }
    }

    /// Reads the URL of a server: `https://api.example:8443/v2`. Its addresses are still to be [looked up](Self::resolved).
    pub fn from_url(url: &str) -> Result<Self, EndpointError> {
        let wrong = |why: &str| EndpointError::Url { url: masked(url), why: why.to_owned() };
        let text = url.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong(&format!("has no scheme; {FORM}")));
        };
        let Some(scheme) = Scheme::read(&scheme.to_ascii_lowercase()) else {
            return Err(wrong(
                "has another scheme than http, https, ws or wss; write one of these",
            ));
        };
        if rest.contains('#') {
            return Err(wrong(
                "has a fragment, which is never sent; leave out '#' and what follows",
            ));
        }
        if rest.contains('?') {
            return Err(wrong("has a query; write it in the paths of the requests"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(wrong(
                "holds credentials; send them as a header: headers = { authorization = \"Basic …\" }",
            ));
        }
        let (host, port) =
            host_and_port(authority).map_err(|why| wrong(&format!("{why}; {FORM}")))?;
        // A path that a request line cannot carry would be refused on the wire.
        if !path.is_empty() && path.parse::<Uri>().is_err() {
            return Err(wrong(
                "has a path with characters that a URL cannot carry; write them as %XX",
            ));
        }
        let port = port.unwrap_or(scheme.default_port());
        Ok(Self {
            authority: authority_of(scheme, &host, port),
            scheme,
            host,
            port,
            base: path.trim_end_matches('/').to_owned(),
            unix: None,
            addresses: Vec::new(),
            spread: Spread::First,
            connect_timeout: Some(CONNECT_TIMEOUT),
            tls: Credentials::default(),
        })
    }

    /// The same with its addresses: those that `entries` (`host:port:address[,address]…`, as for curl) name for its host and
    /// port, else those of the name service, which may block for seconds.
    pub fn resolved(mut self, entries: &[String]) -> Result<Self, EndpointError> {
        let entries = entries.iter().map(|entry| Override::read(entry));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        if self.unix.is_some() {
            self.addresses.clear();
            return Ok(self);
        }
        let named = entries.into_iter().find(|entry| entry.is_for(&self.host, self.port));
        self.addresses = match named {
            Some(named) => named.addresses,
            None => self.look_up()?,
        };
        Ok(self)
    }

    /// The same where connections are routed elsewhere: `connect_to` (`host:port:host:port`, as for curl) names other hosts and
    /// ports, whose addresses are looked up as those of any.
    pub fn routed(self, resolve: &[String], connect_to: &[String]) -> Result<Self, EndpointError> {
        let routes = connect_to.iter().map(|entry| Route::read(entry));
        let routes = routes.collect::<Result<Vec<_>, _>>()?;
        let Some(route) = routes.into_iter().find(|route| route.is_for(&self.host, self.port))
        else {
            return self.resolved(resolve);
        };
        let (host, port) = (route.to_host.unwrap_or(self.host.clone()), route.to_port);
        let port = port.unwrap_or(self.port);
        let there = Self { host, port, ..self.clone() }.resolved(resolve)?;
        Ok(Self { addresses: there.addresses, ..self })
    }

    fn look_up(&self) -> Result<Vec<SocketAddr>, EndpointError> {
        let none = |reason: String| EndpointError::Dns {
            host: self.host.clone(),
            port: self.port,
            reason,
        };
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut addresses: Vec<_> = found.map_err(|error| none(error.to_string()))?.collect();
        // As for places: a client of a name finds the server that listens on IPv4 alone.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        if addresses.is_empty() { Err(none("the name exists".to_owned())) } else { Ok(addresses) }
    }

    /// The value of `Host` and `:authority`: the port is left out where it is the scheme's own.
    pub fn host_header(&self) -> &str {
        &self.authority
    }

    /// The path that requests' paths are appended to; empty for the root.
    pub fn base_path(&self) -> &str {
        &self.base
    }

    /// The path and query of a request for `path`, below the URL's own path.
    pub fn path(&self, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{path}", self.base)
    }

    /// Whether it is on this machine for certain: every address is loopback, or it is a Unix socket.
    pub fn is_local(&self) -> bool {
        let local = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
        self.unix.is_some() || (!self.addresses.is_empty() && self.addresses.iter().all(local))
    }
}

impl fmt::Display for Endpoint {
    /// Its URL, with what is dialled if that is not the URL's host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.base)?;
        match &self.unix {
            Some(path) => write!(f, " over {}", path.display()),
            None => Ok(()),
        }
    }
}

fn authority_of(scheme: Scheme, host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == scheme.default_port() { host } else { format!("{host}:{port}") }
}

/// A URL as messages show it: without what stands before an `@` or after a `?`, which may be secret.
fn masked(url: &str) -> String {
    let shown = url.split_once('?').map_or_else(|| url.to_owned(), |(url, _)| format!("{url}?…"));
    let Some((scheme, rest)) = shown.split_once("://") else { return shown };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}"),
        None => shown,
    }
}

/// Host (without brackets, in lower case) and port of an authority.
fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("has no ] after its address")?;
            let address: Ipv6Addr = host
                .parse()
                .map_err(|_| "has brackets around something other than an IPv6 address")?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port),
                None if rest.is_empty() => None,
                None => return Err("goes on after its ]"),
            };
            (address.to_string(), port)
        }
        None => match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("needs brackets around its IPv6 address");
            }
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (authority.to_owned(), None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(number)
            }
            _ => return Err("has a port that is no number from 1 to 65535"),
        },
    };
    if host.is_empty() {
        return Err("has no host");
    }
    if !host.is_ascii() {
        return Err("has a host name that is not ASCII: write its form that begins with xn--");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !authority.starts_with('[') && !host.bytes().all(plain) {
        return Err("has a host with characters that no host name has");
    }
    Ok((host.to_ascii_lowercase(), port))
}

/// An entry of `resolve`.
#[derive(Debug)]
struct Override {
    /// `None` for every host.
    host: Option<String>,
    port: u16,
    addresses: Vec<SocketAddr>,
}

impl Override {
    fn read(entry: &str) -> Result<Self, EndpointError> {
        let wrong = |why| EndpointError::Resolve { entry: entry.to_owned(), why };
        let text = entry.trim();
        // An IPv6 address as the host stands in brackets.
        let colon = match text.strip_prefix('[') {
            Some(rest) => rest.find("]:").map(|end| end + 2),
            None => text.find(':'),
        };
        let (host, rest) = text.split_at(colon.ok_or_else(|| wrong("has no port"))?);
        let (port, addresses) =
            rest[1..].split_once(':').ok_or_else(|| wrong("has no address after its port"))?;
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| wrong("has a port that is no number from 1 to 65535"))?;
        let address = |text: &str| {
            let bare = text.trim();
            let inside = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']'));
            let address: Option<IpAddr> = inside.unwrap_or(bare).parse().ok();
            address.map(|address| SocketAddr::new(address, port))
        };
        let addresses: Option<Vec<_>> = addresses.split(',').map(address).collect();
        let addresses = addresses.ok_or_else(|| wrong("names no IP address after its port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        Ok(Self { host: (host != "*").then_some(host), port, addresses })
    }

    fn is_for(&self, host: &str, port: u16) -> bool {
        self.port == port && self.host.as_deref().is_none_or(|named| named == host)
    }
}

#[cfg(test)]
mod tests;
