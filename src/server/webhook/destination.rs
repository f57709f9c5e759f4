//! Destinations of webhooks: their URLs, and the guard against requests into a private network (server-side request
//! forgery).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::Uri;
use hyper::header::HeaderValue;
use rustls::pki_types::ServerName;

/// A callback URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    text: String,
    host: String,
    port: u16,
    secure: bool,
    path: Uri,
    host_header: HeaderValue,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Destination {
    /// Parses an `http://` or `https://` URL; the error says what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.is_ascii() {
            return Err(format!(
                "'{text}' has letters outside ASCII: write its host in xn-- form, and its path in %-escapes"
            ));
        }
        let uri: Uri =
            text.parse().map_err(|error| format!("'{text}' is not a valid URL: {error}"))?;
        let secure = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(format!("'{text}' must begin with http:// or https://")),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| format!("'{text}' names no host"))?;
        if authority.as_str().contains('@') {
            return Err("a user name in the URL is not used: leave it out".to_owned());
        }
        // An empty port is the default one (RFC 3986, section 3.2.3).
        let named = authority.as_str().strip_suffix(':').unwrap_or(authority.as_str());
        let port = match authority.port_u16() {
            None if named == authority.host() => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(port) if port > 0 => port,
            _ => return Err(format!("'{text}' has no usable port")),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            text: text.to_owned(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port,
            secure,
            path: path.parse().map_err(|error| format!("'{text}': {error}"))?,
            host_header: HeaderValue::from_str(named).map_err(|e| e.to_string())?,
        })
    }

    /// The name that its certificate must have; `None` without TLS.
    pub(crate) fn server_name(&self) -> io::Result<Option<ServerName<'static>>> {
        let name =
            self.secure.then(|| ServerName::try_from(self.host.clone()).map_err(io::Error::other));
        name.transpose()
    }

    /// The request target.
    pub(crate) const fn path(&self) -> &Uri {
        &self.path
    }

    /// The value of the `Host` header.
    pub(crate) const fn host_header(&self) -> &HeaderValue {
        &self.host_header
    }

    /// Returns the addresses to connect to, in order. They are checked here and used as they are, without another lookup; a
    /// name with any forbidden address is refused entirely.
    pub(crate) async fn resolve(&self, allow_private: bool) -> io::Result<Vec<SocketAddr>> {
        let check = |address: SocketAddr| {
            if allow_private || is_public(address.ip()) {
                return Ok(address);
            }
            Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{} is not a public address; start the target with --allow-private-webhooks to call it",
                    address.ip()
                ),
            ))
        };
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![check(SocketAddr::new(ip, self.port))?]);
        }
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        let addresses = found.map(check).collect::<io::Result<Vec<_>>>()?;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses)
    }
}

/// Whether an address belongs to the public internet (IANA's special-purpose registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network; protocol assignments; former 6to4 relays; benchmarks; multicast, reserved, broadcast.
        [0 | 224.., ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => true,
        // Shared by carriers.
        [100, second, ..] => second & 0xc0 == 64,
        _ => ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation(),
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match ip.segments() {
        // Translation to IPv4; 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8, // assignments, documentation
        [0x3fff, second, ..] => second >= 0x1000,                   // documentation
        [first, ..] => first & 0xe000 == 0x2000, // all that is routed globally today
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_read_or_refused_with_a_reason() {
        let parsed = Destination::parse("http://127.0.0.9:81/hook?x=1").unwrap();
        assert_eq!((parsed.host.as_str(), parsed.port), ("127.0.0.9", 81));
        assert_eq!(parsed.path(), "/hook?x=1");
        assert_eq!(parsed.host_header(), "127.0.0.9:81");
        let v6 = Destination::parse("http://[::1]/").unwrap();
        assert_eq!((v6.host.as_str(), v6.port, v6.path().path()), ("::1", 80, "/"));
        let secure = Destination::parse("https://example.org/").unwrap();
        assert_eq!((secure.host.as_str(), secure.port), ("example.org", 443));
        assert_eq!(secure.server_name().unwrap(), Some("example.org".try_into().unwrap()));
        assert_eq!(parsed.server_name().unwrap(), None);
        for (url, word) in [
            ("ftp://example.org/", "http://"),
            ("/hook", "http://"),
            ("http://me:secret@example.org/", "user"),
            ("http://example.org:0/", "port"),
            ("http://example.org:99999/", "port"),
            ("not a url", "URL"),
        ] {
            let reason = Destination::parse(url).unwrap_err();
            assert!(reason.contains(word), "{url}: {reason}");
        }
    }

    #[test]
    fn only_public_addresses_are_public() {
        for public in ["1.1.1.1", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "3fff::1",
            "::7f00:1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn private_addresses_are_resolved_only_if_allowed() {
        for host in ["127.0.0.1", "localhost"] {
            let local = Destination::parse(&format!("http://{host}:9/")).unwrap();
            let refused = local.resolve(false).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{host}");
            assert!(
                local.resolve(true).await.unwrap().iter().all(|address| address.ip().is_loopback())
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_destination_or_refused_without_a_panic(text in "(http://)?[ -~é]{0,60}") {
            if let Ok(destination) = Destination::parse(&text) {
                prop_assert_eq!(destination.to_string(), text);
                prop_assert!(destination.port > 0 && !destination.host.is_empty());
                prop_assert!(destination.path.scheme().is_none(), "the request line names no host");
            }
        }

        #[test]
        fn an_address_hidden_in_another_form_is_no_more_public(ip: [u8; 4]) {
            let plain = Ipv4Addr::from(ip);
            let [a, b, c, d] = ip.map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            let public = is_public(plain.into());
            for hidden in [
                plain.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(is_public(hidden.into()), public, "{}", hidden);
            }
        }
    }
}
