//! How a process of the harness reaches the target, and how it speaks to it.

use std::net::SocketAddr;
use std::rc::Rc;

use crate::control::Access;
use crate::net::tls::{self, Trust};
use crate::net::{Dialer, WireTotals};
use crate::pace::Timer;
use crate::pattern::Conversation;
use crate::scenario::{Case, Http, built_in_dialect};

/// Where the target is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whereabouts<'a> {
    /// What the conversation is called: a pattern, or `publish`.
    pub name: &'a str,
    /// The address of a built-in one.
    pub address: SocketAddr,
    /// The certificates of a built-in one.
    pub trust: Option<&'a Trust>,
    /// How it is reached where it is not the built-in one.
    pub access: Option<&'a Access>,
}

/// The conversation with the target, and the dialler to it: through the case's network where `network` gives it a timer and a
/// seed.
pub(super) fn target(
    whereabouts: Whereabouts<'_>,
    case: &Case,
    totals: Rc<WireTotals>,
    network: Option<(Timer, u64)>,
) -> Result<(Dialer, Conversation), String> {
    let Whereabouts { name, address, trust, access } = whereabouts;
    let transport = case.transport;
    let alpn = if transport.http == Http::Two { tls::HTTP_2 } else { tls::HTTP_1 };
    let (dialer, conversation) = match access {
        None => {
            let dialer = Dialer::new(address, totals);
            let conversation = Conversation::built_in(built_in_dialect().clone());
            let dialer = match (trust, transport.tls) {
                (_, false) => dialer,
                (Some(trust), true) => dialer
                    .over_tls(trust, alpn, transport.resume)
                    .map_err(|error| error.to_string())?,
                (None, true) => {
                    let what = "the case uses TLS, but the target sent no certificate to trust";
                    return Err(what.to_owned());
                }
            };
            (dialer, conversation)
        }
        Some(access) => {
            let conversation = Conversation::of(access, name).map_err(|error| error.to_string())?;
            let endpoint = conversation.endpoint.as_ref().ok_or("the target has no URL")?;
            let dialer = Dialer::to(endpoint, alpn, transport.resume, totals)
                .map_err(|error| error.to_string())?;
            let dialer = dialer.with_cookies(access.cookies).with_compression(access.compression);
            (dialer, conversation)
        }
    };
    let dialer = match network {
        Some((timer, seed)) => dialer.across(case.conditions.network, timer, seed),
        None => dialer,
    };
    let dialer = match transport.http {
        Http::One => dialer,
        Http::Two => dialer.over_http2(transport.streams),
    };
    Ok((dialer, conversation))
}
