//! Which process of this host listens on an address, from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::tree::{ProcessStat, processes};

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// Programs that listen for another process, as the kernel names them: their CPU time is not the server's.
const FORWARDERS: [&str; 7] =
    ["docker-proxy", "rootlessport", "slirp4netns", "pasta.avx2", "gvproxy", "kubectl", "ssh"];

/// Returns the process that listens on `address`: the one that all others with that socket descend from.
///
/// `None` where none can be seen, where several listen that have no such ancestor, where it only forwards connections, or where
/// this process descends from it.
pub fn listener(address: SocketAddr) -> Option<u32> {
    let sockets: BTreeSet<String> = ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| File::open(format!("/proc/net/{table}")).ok())
        .flat_map(|table| listening(BufReader::new(table), address))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let all: BTreeMap<u32, ProcessStat> =
        processes().into_iter().map(|stat| (stat.pid, stat)).collect();
    let holders: BTreeSet<u32> = all.keys().copied().filter(|pid| holds(*pid, &sockets)).collect();
    let mut roots =
        holders.iter().filter(|pid| !ancestors(&all, **pid).any(|of| holders.contains(&of)));
    let (root, None) = (*roots.next()?, roots.next()) else { return None };
    let name = fs::read_to_string(format!("/proc/{root}/comm")).unwrap_or_default();
    let own = std::process::id();
    let is_above = own == root || ancestors(&all, own).any(|of| of == root);
    (!is_above && !FORWARDERS.contains(&name.trim())).then_some(root)
}

/// The parents of a process, the nearest first.
fn ancestors(all: &BTreeMap<u32, ProcessStat>, pid: u32) -> impl Iterator<Item = u32> {
    let parent = |pid: &u32| all.get(pid).map(|stat| stat.parent).filter(|parent| *parent > 0);
    // No process has more ancestors than there are processes; ids that are used again could make a circle.
    std::iter::successors(parent(&pid), move |pid| parent(pid)).take(all.len())
}

/// The sockets of a table that listen on `address`, each as `/proc/PID/fd` calls it.
///
/// The kernel lists listening sockets first. Connections, often tens of thousands, follow and are not read.
fn listening(table: impl BufRead, address: SocketAddr) -> Vec<String> {
    let rows = table.lines().skip(1).map_while(Result::ok).map_while(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (*state == LISTEN).then(|| ((*local).to_owned(), format!("socket:[{inode}]")))
    });
    let is_of = |local: &str| {
        let (ip, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let ip = ip_of(ip)?.to_canonical();
        let is_host = ip.is_unspecified() || ip == address.ip().to_canonical();
        Some(port == address.port() && is_host)
    };
    rows.filter(|(local, _)| is_of(local) == Some(true)).map(|(_, socket)| socket).collect()
}

/// An address as the kernel writes it: words of 32 bits in the host's order.
fn ip_of(text: &str) -> Option<IpAddr> {
    let words: Vec<[u8; 4]> = (0..text.len() / 8)
        .map(|at| u32::from_str_radix(text.get(8 * at..8 * at + 8)?, 16).ok().map(u32::to_ne_bytes))
        .collect::<Option<_>>()?;
    match words[..] {
        [v4] => Some(Ipv4Addr::from(v4).into()),
        [a, b, c, d] => {
            let bytes: [u8; 16] = [a, b, c, d].concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

/// Whether a process has one of the sockets open; those of another user's process cannot be seen.
fn holds(pid: u32, sockets: &BTreeSet<String>) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|link| link.to_str().is_some_and(|link| sockets.contains(link)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
           0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0\n\
           1: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0\n\
           2: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 1 0\n\
           3: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn only_sockets_that_listen_on_the_address_or_on_all_count() {
        for (address, expected) in [
            ("127.0.0.1:8080", &["socket:[11]"][..]),
            ("127.0.0.1:8081", &["socket:[12]"]),
            ("[::ffff:127.0.0.1]:8080", &["socket:[11]"]),
            ("127.0.0.2:8080", &["socket:[14]"]),
            ("127.0.0.1:50000", &[]),
        ] {
            assert_eq!(
                listening(TABLE.as_bytes(), address.parse().unwrap()),
                expected,
                "{address}"
            );
        }
        assert_eq!(ip_of("00000000000000000000000001000000"), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(ip_of("0100"), None);
    }

    #[test]
    fn the_kernel_lists_sockets_that_listen_before_all_others() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _links: Vec<_> = (0..8)
            .map(|_| (std::net::TcpStream::connect(address).unwrap(), listener.accept()))
            .collect();
        let table = File::open("/proc/net/tcp").map(BufReader::new).unwrap();
        assert_eq!(listening(table, address).len(), 1);
    }

    #[test]
    fn this_process_is_not_the_server_that_it_measures() {
        let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(listener(own.local_addr().unwrap()), None);
    }
}
