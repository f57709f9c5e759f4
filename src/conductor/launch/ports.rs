//! Ports of this host that are reserved for servers until they bind them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use socket2::{Domain, Protocol, Socket, Type};

use crate::clock;

/// The least port that is handed out: below it are those of well-known servers.
const LEAST: u16 = 10_240;
/// Tries before the kernel is asked for any port.
const TRIES: u64 = 64;

/// Reserved ports by name; the unnamed one has the empty name.
///
/// They lie outside of the range from which the kernel takes the ports of clients: with thousands of clients one of theirs
/// would be taken while a server is down, and a client that dials a port of that range can even connect to itself.
#[derive(Debug, Default)]
pub(super) struct Ports {
    reserved: RefCell<BTreeMap<String, Reserved>>,
}

#[derive(Debug)]
struct Reserved {
    port: u16,
    /// Bound, but not listening: it keeps others away and refuses clients.
    hold: Option<Socket>,
}

impl Ports {
    /// The port of this name, reserved now if it is new.
    pub(super) fn reserve(&self, name: &str) -> io::Result<u16> {
        let mut reserved = self.reserved.borrow_mut();
        if let Some(known) = reserved.get(name) {
            return Ok(known.port);
        }
        let (port, hold) = free_port()?;
        reserved.insert(name.to_owned(), Reserved { port, hold: Some(hold) });
        Ok(port)
    }

    /// The port of this name, if it is reserved.
    pub(super) fn get(&self, name: &str) -> Option<u16> {
        self.reserved.borrow().get(name).map(|reserved| reserved.port)
    }

    /// Every reserved port.
    pub(super) fn all(&self) -> Vec<u16> {
        self.reserved.borrow().values().map(|reserved| reserved.port).collect()
    }

    /// Lets go of the ports, so that servers can bind them.
    pub(super) fn release(&self) {
        for reserved in self.reserved.borrow_mut().values_mut() {
            reserved.hold = None;
        }
    }

    /// Keeps others from the ports while their servers are down. One that cannot be kept is left alone.
    pub(super) fn hold(&self) {
        for reserved in self.reserved.borrow_mut().values_mut() {
            // Connections of the former server may linger, which is no obstacle to a reused address.
            reserved.hold = reserved.hold.take().or_else(|| bind(reserved.port, true).ok());
        }
    }
}

fn free_port() -> io::Result<(u16, Socket)> {
    let clients = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let range = clients.and_then(|text| outside(&text));
    // Processes that start at once begin at different places.
    let mut seed = clock::now() ^ (u64::from(std::process::id()) << 32);
    for _ in 0..range.as_ref().map_or(0, |_| TRIES) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let Some(range) = &range else { break };
        let count = u64::from(range.end() - range.start()) + 1;
        let port = range.start() + ((seed >> 33) % count) as u16;
        if let Ok(hold) = bind(port, false) {
            return Ok((port, hold));
        }
    }
    let hold = bind(0, false)?;
    let address = hold.local_addr()?.as_socket();
    let port = address.map(|address| address.port());
    port.map(|port| (port, hold)).ok_or_else(|| io::Error::other("the kernel gave no port"))
}

/// The wider of the ranges below and above that of the clients; `None` if both are narrow.
fn outside(clients: &str) -> Option<RangeInclusive<u16>> {
    const NARROW: u16 = 1000;
    let (low, high) = clients.trim().split_once(char::is_whitespace)?;
    let (low, high): (u16, u16) = (low.parse().ok()?, high.trim().parse().ok()?);
    let below = LEAST..=low.saturating_sub(1);
    let above = high.saturating_add(1).max(LEAST)..=u16::MAX;
    let width = |range: &RangeInclusive<u16>| range.end().saturating_sub(*range.start());
    [below, above].into_iter().max_by_key(width).filter(|range| width(range) >= NARROW)
}

/// Binds a port of every address of this host.
fn bind(port: u16, reuse: bool) -> io::Result<Socket> {
    let try_with = |domain, address: SocketAddr| {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if domain == Domain::IPV6 {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(reuse)?;
        socket.bind(&address.into())?;
        io::Result::Ok(socket)
    };
    match try_with(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            try_with(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into())
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn ports_are_taken_from_outside_of_the_range_of_clients() {
        for (clients, range) in [
            ("32768\t60999\n", Some(10_240..=32_767)),
            ("1024\t65000\n", None),
            ("1024\t40000\n", Some(40_001..=65_535)),
            ("15000 65535", Some(10_240..=14_999)),
            ("", None),
            ("x y", None),
        ] {
            assert_eq!(outside(clients), range, "{clients:?}");
        }
    }

    #[test]
    fn a_name_has_one_port_and_names_have_different_ones() {
        let ports = Ports::default();
        let names = ["", "admin", "a", "b", "c"];
        let taken: BTreeSet<u16> = names.iter().map(|name| ports.reserve(name).unwrap()).collect();
        assert_eq!(taken.len(), names.len());
        for name in names {
            assert_eq!(ports.get(name), Some(ports.reserve(name).unwrap()));
        }
        assert_eq!(ports.get("other"), None);
        assert_eq!(ports.all().len(), names.len());
    }

    #[test]
    fn a_reserved_port_is_taken_refuses_clients_and_is_free_once_released() {
        let ports = Ports::default();
        let port = ports.reserve("").unwrap();
        let refused = |port| {
            let error = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        };
        for _ in 0..2 {
            assert!(
                TcpListener::bind(("127.0.0.1", port))
                    .is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
                    || bind(port, false).is_err()
            );
            refused(port);
            ports.release();
            let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
            let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
            // The server's end closes first, and lingers.
            drop(listener.accept().unwrap());
            drop(listener);
            drop(client);
            ports.hold();
            assert!(ports.reserved.borrow()[""].hold.is_some());
        }
    }
}
