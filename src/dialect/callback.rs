//! Where webhook receivers listen and by which URLs servers reach them: the same for whoever registers a URL and for whoever
//! writes it into a server's configuration beforehand.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::model::Callback;
use super::template::{RenderError, Scope, World};

/// Why a receiver has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// The text is none.
    #[error("'{0}' is not an address and a port; write \"127.0.0.1:9400\"")]
    NotOne(String),
    /// Addresses and ports are used up.
    #[error("'{0}' leaves no address and port for client {1}; write a lower one")]
    UsedUp(String, u64),
}

/// The loopback address of a client's receiver, so that servers see distinct hosts.
pub fn callback_address(client: u64) -> Ipv4Addr {
    Ipv4Addr::from(0x7f01_0001 + client as u32)
}

/// Where the receiver of `client` listens.
///
/// Of IPv4 loopback addresses each receiver has one of its own, and all have the same port. On other addresses, which
/// a machine has only once, receivers count up the port. Port 0 leaves it to the system. `reserved` is the port that was
/// reserved for all receivers, where the dialect names none.
pub fn listening(
    callback: &Callback,
    reserved: Option<u16>,
    client: u64,
) -> Result<SocketAddr, NoAddress> {
    let reserved = reserved.unwrap_or(0);
    let Some(listen) = &callback.listen else {
        return Ok((callback_address(client), reserved).into());
    };
    let text = listen.replacen("localhost:", "127.0.0.1:", 1);
    let first: SocketAddr = text.parse().map_err(|_| NoAddress::NotOne(listen.clone()))?;
    let port = if first.port() == 0 { reserved } else { first.port() };
    let used_up = || NoAddress::UsedUp(listen.clone(), client);
    let client32 = u32::try_from(client).map_err(|_| used_up())?;
    match first.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => {
            let own = u32::from(ip).checked_add(client32).map(Ipv4Addr::from);
            let own = own.filter(Ipv4Addr::is_loopback).ok_or_else(used_up)?;
            Ok((own, port).into())
        }
        ip if port == 0 => Ok((ip, 0).into()),
        ip => {
            let own = u32::from(port).checked_add(client32).and_then(|own| own.try_into().ok());
            Ok((ip, own.ok_or_else(used_up)?).into())
        }
    }
}

/// A receiver that listens.
#[derive(Debug, Clone, Copy)]
pub struct Receiving<'a> {
    /// The number of its client.
    pub client: u64,
    /// The name of the client's topic.
    pub topic: &'a str,
    /// Where it listens, the port included.
    pub address: SocketAddr,
    /// Whether it is called over TLS.
    pub secure: bool,
}

/// The URL by which a server reaches `receiver`.
///
/// `advertise` may name `{{listen_address}}` and `{{listen_port}}`, beside what `world` knows.
pub fn callback_url(
    callback: &Callback,
    receiver: Receiving<'_>,
    world: &mut dyn World,
) -> Result<String, RenderError> {
    let Receiving { client, topic, address, secure } = receiver;
    let Some(advertise) = &callback.advertise else {
        let scheme = if secure { "https" } else { "http" };
        let ip = match address.ip() {
            // Every interface: this machine is one of them.
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            ip => ip,
        };
        return Ok(format!("{scheme}://{}/", SocketAddr::new(ip, address.port())));
    };
    let mut listening =
        Listening { address: address.ip().to_string(), port: address.port().to_string(), world };
    let mut scope = Scope::new(&mut listening);
    scope.client = Some(client);
    scope.topic = Some(topic);
    let mut url = Vec::new();
    advertise.render(&mut scope, &mut url)?;
    Ok(String::from_utf8_lossy(&url).into_owned())
}

/// What a URL may name of the place where a receiver listens.
struct Listening<'a> {
    address: String,
    port: String,
    world: &'a mut dyn World,
}

impl World for Listening<'_> {
    fn unix_ns(&mut self) -> u64 {
        self.world.unix_ns()
    }

    fn random(&mut self, least: u64, most: u64) -> u64 {
        self.world.random(least, most)
    }

    fn capture(&self, name: &str) -> Option<&str> {
        match name {
            "listen_address" => Some(&self.address),
            "listen_port" => Some(&self.port),
            _ => self.world.capture(name),
        }
    }

    fn secret(&self, name: &str) -> Option<&str> {
        self.world.secret(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::template::NoWorld;

    #[test]
    fn every_receiver_has_a_place_of_its_own() {
        for (listen, reserved, client, expected) in [
            (None, None, 0, "127.1.0.1:0"),
            (None, Some(9400), 0, "127.1.0.1:9400"),
            (None, Some(9400), 300, "127.1.1.45:9400"),
            (Some("127.0.0.1:9400"), None, 0, "127.0.0.1:9400"),
            (Some("localhost:9400"), Some(1), 2, "127.0.0.3:9400"),
            (Some("127.0.0.1:0"), Some(9400), 2, "127.0.0.3:9400"),
            (Some("0.0.0.0:9400"), None, 2, "0.0.0.0:9402"),
            (Some("[::1]:9400"), None, 5, "[::1]:9405"),
            (Some("10.0.0.1:0"), None, 5, "10.0.0.1:0"),
        ] {
            let callback = Callback { listen: listen.map(str::to_owned), ..Callback::default() };
            let place = listening(&callback, reserved, client).unwrap();
            assert_eq!(place.to_string(), expected, "{listen:?}");
        }
        for (listen, client, words) in [
            ("9400", 0, "127.0.0.1:9400"),
            ("example.org:9400", 0, "not an address"),
            ("0.0.0.0:65535", 1, "client 1"),
            ("127.255.255.255:1", 1, "client 1"),
        ] {
            let callback = Callback { listen: Some(listen.to_owned()), ..Callback::default() };
            let error = listening(&callback, None, client).unwrap_err().to_string();
            assert!(error.contains(words), "{listen}: {error}");
        }
    }

    #[test]
    fn the_url_is_where_it_listens_or_what_the_dialect_advertises() {
        let url = |advertise: Option<&str>, address: &str, secure| {
            let callback = Callback {
                advertise: advertise.map(|text| text.parse().unwrap()),
                ..Callback::default()
            };
            let address = address.parse().unwrap();
            let receiver = Receiving { client: 3, topic: "news-1", address, secure };
            callback_url(&callback, receiver, &mut NoWorld).unwrap()
        };
        assert_eq!(url(None, "127.1.0.4:9400", false), "http://127.1.0.4:9400/");
        assert_eq!(url(None, "127.1.0.4:9400", true), "https://127.1.0.4:9400/");
        assert_eq!(url(None, "0.0.0.0:9400", false), "http://127.0.0.1:9400/");
        let advertise = "http://{{listen_address}}.example:{{listen_port}}/{{client}}/{{topic}}";
        assert_eq!(
            url(Some(advertise), "127.1.0.4:9400", true),
            "http://127.1.0.4.example:9400/3/news-1"
        );
    }
}
