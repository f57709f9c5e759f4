//! Web pages as callers (WHATWG Fetch; RFC 6454): which pages may use the target, and under which of its names.
//!
//! A browser lets any page send requests to any address that it can reach, this one included, and open a WebSocket to it;
//! only reading the answers needs permission. Requests of a page of another site are therefore refused if they would change
//! something, or open a socket, unless that site is allowed (`--cors`).
//!
//! A page can also have its own name resolve to this target after it was loaded (DNS rebinding). To the browser it then
//! belongs to the same site, and its GETs carry no `Origin`; but `Host` still has the page's name. A browser must therefore
//! use an address, `localhost`, or a configured name (`--host`). Other callers may use any name, as with `curl --resolve`:
//! an attacker who can run a program needs no browser. Browsers are recognised by fields that no page can suppress:
//! `Origin`, `Sec-Fetch-Site` (absent for names without TLS), `Accept-Language`, or else the user agent or a referrer.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use hyper::header::{
    ACCEPT_LANGUAGE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode, Version};

use super::problem::Problem;
use crate::net::fields;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origin of a web page: scheme, host and port, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    text: String,
    host: String,
    /// The scheme's default port if none is written.
    port: Option<u16>,
}

impl Origin {
    /// The origin as browsers write it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn default_port(scheme: &str) -> Option<u16> {
        match scheme {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        }
    }
}

/// The text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an origin: write scheme, host and port only, such as http://localhost:3000")]
pub struct NotAnOrigin(String);

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let not = || NotAnOrigin(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(not)?;
        let scheme = scheme.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(plain) {
            return Err(not());
        }
        // An address copied from a browser ends with a slash.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, written) =
            authority(rest).filter(|(host, _)| !host.is_empty()).ok_or_else(not)?;
        if host.contains('*') {
            return Err(not());
        }
        let host = host.to_ascii_lowercase();
        let default = Self::default_port(&scheme);
        let text = match written.filter(|port| Some(*port) != default) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        Ok(Self { text, host, port: written.or(default) })
    }
}

/// Which web pages may use the target, and by which names it is known to browsers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visitors {
    /// Allows every page.
    pub any: bool,
    /// Pages of these origins may, besides its own.
    pub origins: Vec<Origin>,
    /// Names of the target besides addresses and `localhost`.
    pub hosts: Vec<String>,
}

impl Visitors {
    /// Whether the pages of an origin, as a request names it, may use the target.
    pub fn welcome(&self, origin: &HeaderValue) -> bool {
        self.any || self.origins.iter().any(|known| known.text.as_bytes() == origin.as_bytes())
    }

    /// Whether no page is granted anything that others are not, so that a request which no browser sent needs no check.
    pub(super) fn grant_nothing(&self) -> bool {
        !self.any && self.origins.is_empty()
    }

    /// Checks the caller and the name that it used, and the framing of a request before anything reads it.
    pub fn admit<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let headers = request.headers();
        let given = host(request)?;
        framed(request)?;
        if self.any {
            return Ok(());
        }
        if let Some((host, _)) = given
            && !self.knows(host)
            && from_browser(headers)
        {
            let detail = format!(
                "a browser asks by the name '{host}', which is not known to be this target's: another site may have led its own \
                 name here (DNS rebinding). Use an address or localhost, or start the target with --host {host}"
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        // The browser keeps the answer to a GET from the page, but would give it a socket.
        let safe = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
        );
        if safe && !headers.contains_key(UPGRADE) {
            return Ok(());
        }
        match self.foreign(headers, given) {
            None => Ok(()),
            Some(site) => Err(Problem::new(StatusCode::FORBIDDEN, site)),
        }
    }

    /// Why a request is from a page of a site that was not named; `None` where it is not.
    fn foreign(&self, headers: &HeaderMap, given: Option<(&str, Option<u16>)>) -> Option<String> {
        let Ok(origin) = fields::agreed(headers, &ORIGIN) else {
            return Some("at most one Origin header is allowed".to_owned());
        };
        let Some(origin) = origin else {
            // Browsers send it beside or without an origin; other callers do not know it.
            let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
            let own = matches!(site, None | Some(b"same-origin" | b"none"));
            return (!own).then(|| {
                "a page of another site may not use this target; start it with --cors and the page's origin to allow \
                 that"
                    .to_owned()
            });
        };
        if self.welcome(origin) {
            return None;
        }
        let text = String::from_utf8_lossy(origin.as_bytes());
        match text.parse::<Origin>() {
            Ok(origin) => {
                let own = given.is_some_and(|(host, port)| {
                    let scheme = origin.text.split(':').next().unwrap_or_default();
                    origin.host.eq_ignore_ascii_case(host)
                        && origin.port == port.or_else(|| Origin::default_port(scheme))
                });
                (!own).then(|| {
                    format!(
                        "a page of {text} may not use this target; start it with --cors {} to allow that",
                        origin.text
                    )
                })
            }
            // A page from a file or in a sandbox has the origin null, which any other site could make its own.
            Err(_) => Some(format!(
                "a page of the origin '{text}' may not use this target; serve the page from a host and name that with \
                 --cors, or start the target with --cors '*' to allow every page"
            )),
        }
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let is = |known: &str| known.eq_ignore_ascii_case(host);
        let local = |host: &str| {
            // RFC 6761, section 6.3: such names lead to this host with every resolver.
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        };
        // A default name is as good as none.
        host.is_empty()
            || host.starts_with('[')
            || host.parse::<Ipv4Addr>().is_ok()
            || local(host)
            || self.hosts.iter().any(|known| is(known))
            || self.origins.iter().any(|origin| is(&origin.host))
    }
}

/// Whether a browser sent the request, as far as its headers show.
fn from_browser(headers: &HeaderMap) -> bool {
    [ORIGIN, SEC_FETCH_SITE, ACCEPT_LANGUAGE, REFERER].iter().any(|name| headers.contains_key(name))
        || headers.get(USER_AGENT).is_some_and(|name| name.as_bytes().starts_with(b"Mozilla/"))
}

/// Host and port that a request is meant for; that of an absolute form, or of HTTP/2, overrules the field.
///
/// RFC 9112, section 3.2: none in HTTP/1.1, several, or a malformed one is refused. Servers on the way that
/// understood another of them would be led elsewhere.
fn host<B>(request: &Request<B>) -> Result<Option<(&str, Option<u16>)>, Problem> {
    let malformed = |what: &str| {
        let detail =
            format!("{what}: send one header Host with the target's name or address and its port");
        Err(Problem::bad_request(detail))
    };
    let Ok(field) = fields::one(request.headers(), &HOST) else {
        return malformed("there are several Host headers");
    };
    if field.is_none() && request.version() == Version::HTTP_11 {
        return malformed("the Host header is missing");
    }
    let field = match field.map(|field| field.to_str().ok().and_then(authority)) {
        Some(None) => return malformed("the Host header is malformed"),
        Some(Some(field)) => Some(field),
        None => None,
    };
    let of_uri = request.uri().authority().map(Authority::as_str);
    Ok(match of_uri.and_then(authority) {
        Some(of_uri) => Some(of_uri),
        None => field,
    })
}

/// Checks the framing of a request: promises that cannot be kept are refused.
fn framed<B>(request: &Request<B>) -> Result<(), Problem> {
    if *request.method() == Method::CONNECT {
        let detail = "CONNECT is not supported: this server is not a proxy";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
    }
    let headers = request.headers();
    // A coding below the chunks would be taken for the body itself (RFC 9112, section 6.1), and so would chunks in chunks.
    if headers.contains_key(TRANSFER_ENCODING) {
        let mut codings = fields::list(headers, &TRANSFER_ENCODING);
        let chunked = codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        if !chunked || codings.next().is_some() {
            let detail = "the only transfer coding understood here is chunked, once";
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail).closing());
        }
    }
    // The client waits for an interim response that would never come (RFC 9110, section 10.1.1).
    let mut expected = fields::list(headers, &EXPECT);
    if expected.any(|expected| !expected.eq_ignore_ascii_case("100-continue")) {
        let detail = "the only expectation that is met here is 100-continue";
        return Err(Problem::new(StatusCode::EXPECTATION_FAILED, detail).closing());
    }
    Ok(())
}

/// Host, in brackets where it is an IPv6 address, and port, as written in a URL (RFC 3986, section 3.2) without a
/// user's name; `None` where the text is malformed.
pub(super) fn authority(text: &str) -> Option<(&str, Option<u16>)> {
    let end = if text.starts_with('[') {
        let end = text.find(']')? + 1;
        text[1..end - 1].parse::<Ipv6Addr>().ok()?;
        end
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let (host, port) = text.split_at(end);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&b);
    if !host.starts_with('[') && !host.bytes().all(plain) {
        return None;
    }
    if port.is_empty() {
        return Some((host, None));
    }
    // The grammar allows an empty port, which means none.
    let digits = port.strip_prefix(':').filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let port = if digits.is_empty() { None } else { Some(digits.parse().ok()?) };
    Some((host, port))
}
