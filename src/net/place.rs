//! A host and a port as people write them, and their addresses.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// A place to listen on or connect to: `localhost:8080`, `:8080`, `8080`, `[::1]:8080`, `::1`, `bench.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    host: Host,
    port: Option<u16>,
}

/// The part before the port.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// None was named: only this machine.
    Loopback,
    Address(IpAddr),
    /// A name, or an address with a zone, for the system to look up.
    Name(String),
}

/// Why a text is not a place, with a correction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' {why}; write host:port, such as localhost:8080, [::1]:8080 or :8080")]
pub struct NotAPlace {
    text: String,
    why: &'static str,
}

impl Place {
    /// The name, where the host is one.
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Name(name) => Some(name),
            Host::Loopback | Host::Address(_) => None,
        }
    }

    /// Returns at least one address, in the order to try them, with `port` if the text names none. IPv4 comes first, so
    /// that a client of `127.0.0.1` finds a server on `localhost`.
    ///
    /// # Errors
    ///
    /// The name cannot be looked up, or has no address.
    pub fn addresses(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        let port = self.port.unwrap_or(port);
        let mut addresses = match &self.host {
            Host::Loopback => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
            Host::Address(address) => vec![SocketAddr::new(*address, port)],
            Host::Name(name) => (name.as_str(), port).to_socket_addrs()?.collect(),
        };
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses)
    }
}

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let wrong = |why| NotAPlace { text: text.to_owned(), why };
        let trimmed = text.trim();
        if trimmed.contains("://") {
            return Err(wrong("is a URL, and only a host and a port are needed"));
        }
        if trimmed.contains(['/', '@', '?', '#']) || trimmed.contains(char::is_whitespace) {
            return Err(wrong("is no host and port"));
        }
        let (host, port) = parts(trimmed).map_err(wrong)?;
        let port = match port {
            None => None,
            Some("") => return Err(wrong("has no port after its colon")),
            Some(port) if !port.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(wrong("has a port that is no number"));
            }
            Some(port) => Some(port.parse().map_err(|_| wrong("has a port beyond 65535"))?),
        };
        Ok(Self { host: host_of(host).map_err(wrong)?, port })
    }
}

/// Host and port of a text; a bare number is a port.
fn parts(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("has no ] after its address")?;
        if !host.contains(':') {
            return Err("has brackets around something other than an IPv6 address");
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err("goes on after its ]"),
        };
    }
    match text.matches(':').count() {
        0 if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(("", Some(text)))
        }
        0 if text.is_empty() => Err("is empty"),
        1 => Ok(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))),
        // A host without a port: of IPv6 a port needs brackets, for its colon would be one of the address's.
        _ => Ok((text, None)),
    }
}

fn host_of(host: &str) -> Result<Host, &'static str> {
    if host.is_empty() {
        return Ok(Host::Loopback);
    }
    if host == "*" {
        return Ok(Host::Address(Ipv4Addr::UNSPECIFIED.into()));
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(Host::Address(address));
    }
    if let Some((address, zone)) = host.split_once('%') {
        let known = address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty();
        return known
            .then(|| Host::Name(host.to_owned()))
            .ok_or("has a zone without an IPv6 address");
    }
    if host.contains(':') {
        return Err("is no IPv6 address");
    }
    // What looks like an address of IPv4 and is none (`127.1`, `1.2.3.256`) would be looked up as something else.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is no IPv4 address");
    }
    if !host.is_ascii() {
        return Err("has letters outside ASCII: write its xn-- form");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !host.bytes().all(plain) || host.starts_with('.') || host.len() > 253 {
        return Err("is no host name");
    }
    Ok(Host::Name(host.trim_end_matches('.').to_owned()))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Loopback => f.write_str("loopback")?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Host::Address(address) => write!(f, "{address}")?,
            Host::Name(name) if name.contains(':') => write!(f, "[{name}]")?,
            Host::Name(name) => f.write_str(name)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_people_write_them() {
        for (text, expected, why) in [
            ("8080", "127.0.0.1:8080", "a bare port is on loopback"),
            (":8080", "127.0.0.1:8080", "so is a port with its colon"),
            ("0", "127.0.0.1:0", "the system's choice"),
            ("localhost:8080", "127.0.0.1:8080", "a name"),
            ("LOCALHOST.:8080", "127.0.0.1:8080", "names have no case, and may end with a dot"),
            ("localhost", "127.0.0.1:9", "the default port"),
            ("127.0.0.1:1", "127.0.0.1:1", "IPv4"),
            ("127.0.0.1", "127.0.0.1:9", "without a port"),
            ("0.0.0.0:0", "0.0.0.0:0", "every interface"),
            ("*:80", "0.0.0.0:80", "the same"),
            ("[::1]:8080", "[::1]:8080", "IPv6"),
            ("[::1]", "[::1]:9", "without a port"),
            ("::1", "[::1]:9", "without brackets"),
            ("::", "[::]:9", "every interface"),
            ("[::ffff:127.0.0.1]:7", "[::ffff:127.0.0.1]:7", "mapped"),
            (" localhost:8080 ", "127.0.0.1:8080", "with space around"),
            ("localhost:08080", "127.0.0.1:8080", "leading zeros"),
        ] {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.addresses(9).unwrap()[0].to_string(), expected, "{text}: {why}");
        }
    }

    #[test]
    fn an_invalid_place_is_refused_with_a_correction() {
        for (text, why) in [
            ("", "is empty"),
            (":", "no port after its colon"),
            ("localhost:", "no port after its colon"),
            ("localhost:http", "no number"),
            ("localhost:-1", "no number"),
            ("localhost:65536", "beyond 65535"),
            ("65536", "beyond 65535"),
            ("http://localhost:8080", "is a URL"),
            ("localhost:8080/", "no host and port"),
            ("me@localhost:1", "no host and port"),
            ("[::1", "no ]"),
            ("[::1]8080", "goes on after its ]"),
            ("[localhost]:8080", "other than an IPv6 address"),
            ("1:2:3", "no IPv6 address"),
            ("127.1:80", "no IPv4 address"),
            ("1.2.3.256:80", "no IPv4 address"),
            ("b\u{fc}cher.example:80", "xn--"),
            ("a b:80", "no host and port"),
            ("local\u{0}host", "no host name"),
            ("fe80::1%", "zone"),
        ] {
            let refusal = text.parse::<Place>().unwrap_err().to_string();
            assert!(
                refusal.contains(why) && refusal.contains("localhost:8080"),
                "{text}: {refusal}"
            );
        }
    }
}
