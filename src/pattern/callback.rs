//! Where the receivers of webhooks listen, and the URLs under which a server reaches them.

use std::net::Ipv4Addr;

use crate::dialect::template::{NoWorld, Scope, Template};

/// The address of client number `client`'s receiver: each has its own, so that the server sees distinct hosts.
pub fn callback_address(client: u64) -> Ipv4Addr {
    Ipv4Addr::from(0x7f01_0001 + client as u32)
}

/// The URL of client number `client`'s receiver, which listens on `port`; as `advertise` says where the server reaches it
/// otherwise.
pub fn callback_url(advertise: Option<&Template>, client: u64, port: u16) -> String {
    let url = format!("http://{}:{port}/", callback_address(client));
    let Some(advertise) = advertise else { return url };
    let mut world = NoWorld;
    let mut scope = Scope::new(&mut world);
    scope.client = Some(client);
    scope.port = Some(port);
    scope.callback_url = Some(&url);
    let mut out = Vec::new();
    match advertise.render(&mut scope, &mut out) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        // The scenario's reader has refused what has no value here.
        Err(_) => url,
    }
}
