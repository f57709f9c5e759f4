//! Entries of `connect_to`: another host and port to connect to.

use super::EndpointError;

/// An entry of `connect_to`: `HOST1:PORT1:HOST2:PORT2`, IPv6 addresses in brackets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// The host that it is for; `None` for every host.
    host: Option<String>,
    /// The port that it is for; `None` for every port.
    port: Option<u16>,
    /// The host that is connected to; `None` for the same.
    pub to_host: Option<String>,
    /// The port that is connected to; `None` for the same.
    pub to_port: Option<u16>,
}

impl Route {
    pub(super) fn read(entry: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::ConnectTo { entry: entry.to_owned() };
        let (host, rest) = host(entry.trim()).ok_or_else(wrong)?;
        let (from_port, rest) = rest.split_once(':').ok_or_else(wrong)?;
        let (to_host, to_port) = self::host(rest).ok_or_else(wrong)?;
        let port = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().ok().filter(|port| *port > 0).map(Some).ok_or_else(wrong),
        };
        Ok(Self { host, port: port(from_port)?, to_host, to_port: port(to_port)? })
    }

    /// Whether it is for this host and port.
    pub(super) fn is_for(&self, host: &str, port: u16) -> bool {
        self.host.as_deref().is_none_or(|own| own == host)
            && self.port.is_none_or(|own| own == port)
    }
}

/// The host before a colon, `None` where it is empty, and what follows the colon.
fn host(text: &str) -> Option<(Option<String>, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':')?)
        }
        None => text.split_once(':')?,
    };
    Some(((!host.is_empty()).then(|| host.to_ascii_lowercase()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Endpoint;

    #[test]
    fn routes_are_read_as_curl_reads_them() {
        let route = |host: &str, port, to: &str, to_port| {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Route { host: text(host), port, to_host: text(to), to_port }
        };
        for (entry, read) in [
            (
                "a.example:443:127.0.0.1:8443",
                route("a.example", Some(443), "127.0.0.1", Some(8443)),
            ),
            ("::B.example:", route("", None, "b.example", None)),
            (":80::81", route("", Some(80), "", Some(81))),
            ("[::1]:80:[::2]:81", route("::1", Some(80), "::2", Some(81))),
        ] {
            assert_eq!(Route::read(entry).unwrap(), read, "{entry}");
        }
        for entry in ["", "a", "a:1", "a:1:b", "a:x:b:1", "a:1:b:0", "[::1:1:b:1", "a:1:b:1:2"] {
            assert!(Route::read(entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn the_first_route_that_fits_leads_elsewhere_and_the_name_stays() {
        let url = "https://api.example:444/v1";
        let there = |connect_to: &[&str], resolve: &[&str]| {
            let texts = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let endpoint = Endpoint::from_url(url).unwrap();
            endpoint.routed(&texts(resolve), &texts(connect_to))
        };
        let endpoint = there(
            &["api.example:1:9.9.9.9:9", "api.example:444:127.0.0.2:8", "::1.1.1.1:1"],
            &["api.example:444:1.2.3.4"],
        );
        let endpoint = endpoint.unwrap();
        assert_eq!(endpoint.addresses, ["127.0.0.2:8".parse().unwrap()]);
        assert_eq!(
            (endpoint.host.as_str(), endpoint.authority.as_str()),
            ("api.example", "api.example:444")
        );
        let resolved = there(&["::other.example:5"], &["other.example:5:127.0.0.3"]).unwrap();
        assert_eq!(resolved.addresses, ["127.0.0.3:5".parse().unwrap()], "resolve is asked, too");
        let port_alone = there(&[":::7"], &["api.example:7:127.0.0.4"]).unwrap();
        assert_eq!(port_alone.addresses, ["127.0.0.4:7".parse().unwrap()]);
    }
}
