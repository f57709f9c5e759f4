//! `GET /`: the index, for people with curl or a browser.

use hyper::header::{ACCEPT, HOST, HeaderMap, HeaderName, HeaderValue, VARY};
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode};

use crate::net::fields::{self, MediaType};
use crate::server::accept;
use crate::server::answer::{Reply, typed};
use crate::server::http1::Inbound;
use crate::server::shard::Shard;

/// Stands for the target's address in both pages.
const ADDRESS: &str = "{address}";
/// Placeholder for the injected faults.
const FAULTS: &str = "{faults}";

/// `GET /`
pub(super) fn index(shard: &Shard, request: &Request<Inbound>) -> Reply {
    let (content_type, page) = if wants_html(request.headers()) {
        ("text/html; charset=utf-8", include_str!("index.html"))
    } else {
        ("text/plain; charset=utf-8", include_str!("index.txt"))
    };
    let address = address(request).unwrap_or_else(|| shard.shared.address.to_string());
    let page = if shard.shared.security.server().is_some() {
        secured(page).replace(ADDRESS, &address)
    } else {
        page.replace(ADDRESS, &address)
    };
    let page = page.replace(FAULTS, &shard.options().faults.to_string());
    let mut reply = typed(StatusCode::OK, content_type, page);
    reply.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    reply
}

/// `GET /openapi.json`: every route, for programs.
pub(super) fn openapi() -> Reply {
    typed(StatusCode::OK, "application/json", include_str!("openapi.json"))
}

/// The address by which the reader reached the page, if it is safe to print.
fn address<B>(request: &Request<B>) -> Option<String> {
    // HTTP/2 has it in the URI.
    let authority = request.uri().authority().map(Authority::as_str);
    // RFC 9112, section 3.2.2: it has it also in the absolute form, and then the field does not count.
    let host = authority.or_else(|| text(request.headers(), &HOST))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    host.bytes().all(plain).then(|| host.to_owned())
}

/// A page whose own addresses are those of a target that speaks TLS.
fn secured(page: &str) -> String {
    ["http", "ws"].iter().fold(page.to_owned(), |page, scheme| {
        page.replace(&format!("{scheme}://{ADDRESS}"), &format!("{scheme}s://{ADDRESS}"))
    })
}

fn wants_html(headers: &HeaderMap) -> bool {
    // A client that accepts anything is a program; one that names HTML gets it, unless it prefers text.
    let mut ranges = fields::list(headers, &ACCEPT).filter_map(MediaType::parse);
    ranges.any(|range| range.is("text/html"))
        && accept::best(headers, &[(true, "text/html"), (false, "text/plain")]) == Some(true)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pages_name_every_route() {
        for page in [include_str!("index.html"), include_str!("index.txt")] {
            for route in [
                "/healthz",
                "/openapi.json",
                "/items",
                "/topics",
                "/events",
                "wait=",
                "/stream",
                "/ws",
                "/webhooks",
            ] {
                assert!(page.contains(route), "{route}");
            }
            assert!(page.contains(ADDRESS) && page.contains(FAULTS));
        }
    }

    #[test]
    fn a_host_header_cannot_inject_into_the_page() {
        let host = |value| Request::builder().header(HOST, value).body(()).unwrap();
        assert_eq!(address(&host("localhost:8080")).unwrap(), "localhost:8080");
        assert_eq!(address(&host("<script>")), None);
        let over_http2 = Request::builder().uri("https://localhost:8080/").body(()).unwrap();
        assert_eq!(address(&over_http2).unwrap(), "localhost:8080");
    }

    #[test]
    fn behind_tls_a_page_names_addresses_that_speak_it() {
        for page in [include_str!("index.html"), include_str!("index.txt")] {
            let secured = secured(page);
            let count = |scheme: &str| secured.matches(&format!("{scheme}://{ADDRESS}")).count();
            assert!(count("https") > 10 && count("wss") > 0, "{secured}");
            assert_eq!((count("http"), count("ws")), (0, 0), "{secured}");
            assert!(secured.contains("http://127.0.0.1:9000/hook"), "the consumer's own");
        }
    }
}
