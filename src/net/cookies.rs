//! The cookies of one link (RFC 6265, without domains: a link speaks to one host).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::SystemTime;

use cookie::{Cookie, Expiration};
use hyper::header::HeaderValue;

/// Most cookies of a link, and most bytes of each (RFC 6265, section 6.1, asks for that many at least).
const MOST: usize = 50;
const LONGEST: usize = 4096;

/// The jars of a shard's links, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Jars(RefCell<HashMap<u64, Rc<RefCell<Jar>>>>);

impl Jars {
    pub(super) fn of(&self, link: u64) -> Rc<RefCell<Jar>> {
        Rc::clone(self.0.borrow_mut().entry(link).or_default())
    }
}

/// Cookies that a server has set, oldest first.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    name: String,
    value: String,
    path: String,
    secure: bool,
    /// When it expires, in seconds since 1970; `None` with the link.
    until_s: Option<i64>,
}

/// Seconds since 1970.
pub(super) fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() as i64)
}

impl Jar {
    /// Takes the value of a `Set-Cookie` that answers a request for `path`; one that is malformed is left out.
    pub(super) fn set(&mut self, header: &str, path: &str, now_s: i64) {
        if header.len() > LONGEST {
            return;
        }
        let Ok(cookie) = Cookie::parse(header) else { return };
        let (name, value) = cookie.name_value();
        if name.is_empty() {
            return;
        }
        let until_s = match (cookie.max_age(), cookie.expires()) {
            (Some(age), _) => Some(now_s.saturating_add(age.whole_seconds())),
            (None, Some(Expiration::DateTime(at))) => Some(at.unix_timestamp()),
            (None, _) => None,
        };
        let path = match cookie.path() {
            Some(own) if own.starts_with('/') => own,
            _ => default_path(path),
        };
        self.0.retain(|kept| kept.name != name || kept.path != path);
        if until_s.is_some_and(|until_s| until_s <= now_s) {
            return;
        }
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(Kept {
            name: name.to_owned(),
            value: value.to_owned(),
            path: path.to_owned(),
            secure: cookie.secure().unwrap_or(false),
            until_s,
        });
    }

    /// The value of `Cookie` for a request for `path`, the longest paths first; `None` where no cookie is for it.
    pub(super) fn header(&mut self, path: &str, secure: bool, now_s: i64) -> Option<HeaderValue> {
        self.0.retain(|kept| kept.until_s.is_none_or(|until_s| until_s > now_s));
        let fits = |kept: &&Kept| (secure || !kept.secure) && covers(&kept.path, path);
        let mut sent: Vec<&Kept> = self.0.iter().filter(fits).collect();
        sent.sort_by_key(|kept| std::cmp::Reverse(kept.path.len()));
        let pairs: Vec<_> =
            sent.iter().map(|kept| format!("{}={}", kept.name, kept.value)).collect();
        if pairs.is_empty() { None } else { HeaderValue::try_from(pairs.join("; ")).ok() }
    }
}

/// The path of a cookie that names none (RFC 6265, section 5.1.4).
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// Whether a cookie of path `own` is for `path` (the same section).
fn covers(own: &str, path: &str) -> bool {
    path.strip_prefix(own)
        .is_some_and(|rest| rest.is_empty() || own.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(set: &[(&str, &str)], path: &str, secure: bool, now_s: i64) -> String {
        let mut jar = Jar::default();
        for (header, path) in set {
            jar.set(header, path, 1_000);
        }
        jar.header(path, secure, now_s)
            .map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_are_sent_where_and_while_they_hold() {
        let past = "a=1; Expires=Thu, 01 Jan 1970 00:00:10 GMT";
        for (set, path, secure, now_s, expected, why) in [
            (&[("a=1", "/")][..], "/x", false, 1_000, "a=1", "a session's"),
            (&[("a=1; Path=/app", "/")], "/app/x", false, 1_000, "a=1", "below its path"),
            (&[("a=1; Path=/app", "/")], "/apple", false, 1_000, "", "beside its path"),
            (&[("a=1", "/app/login")], "/app/x", false, 1_000, "a=1", "the default path"),
            (&[("a=1", "/app/login")], "/x", false, 1_000, "", "outside of it"),
            (&[("a=1; Path=app", "/")], "/x", false, 1_000, "a=1", "a path that is none"),
            (&[("a=1; Secure", "/")], "/", false, 1_000, "", "secure, over plain HTTP"),
            (&[("a=1; Secure", "/")], "/", true, 1_000, "a=1", "secure, over TLS"),
            (&[("a=1; Max-Age=10", "/")], "/", false, 1_009, "a=1", "before its age"),
            (&[("a=1; Max-Age=10", "/")], "/", false, 1_010, "", "at its age"),
            (&[("a=1; Max-Age=0", "/")], "/", false, 1_000, "", "at once"),
            (&[("a=1", "/"), ("a=; Max-Age=-1", "/")], "/", false, 1_000, "", "taken back"),
            (&[(past, "/")], "/", false, 1_000, "", "a date that has passed"),
            (
                &[("a=1; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:10 GMT", "/")],
                "/",
                false,
                1_000,
                "a=1",
                "the age goes before the date",
            ),
            (&[("a=1", "/"), ("a=2", "/")], "/", false, 1_000, "a=2", "set again"),
            (
                &[("a=1; Path=/", "/"), ("a=2; Path=/x", "/")],
                "/x",
                false,
                1_000,
                "a=2; a=1",
                "the longer path first",
            ),
            (
                &[("a=\"q w\"; HttpOnly; SameSite=Lax", "/")],
                "/",
                false,
                1_000,
                "a=\"q w\"",
                "as it came",
            ),
            (&[("nonsense", "/"), ("=x", "/"), ("", "/")], "/", false, 1_000, "", "malformed"),
        ] {
            assert_eq!(sent(set, path, secure, now_s), expected, "{why}: {set:?}");
        }
    }

    #[test]
    fn a_link_keeps_its_own_cookies_and_a_bounded_number() {
        let jars = Jars::default();
        jars.of(1).borrow_mut().set("a=1", "/", 0);
        assert!(jars.of(1).borrow_mut().header("/", false, 0).is_some());
        assert!(jars.of(2).borrow_mut().header("/", false, 0).is_none());
        let mut jar = Jar::default();
        for n in 0..MOST + 5 {
            jar.set(&format!("n{n}=x"), "/", 0);
        }
        assert_eq!(jar.0.len(), MOST);
        assert_eq!(jar.0[0].name, "n5", "the oldest went");
        jar.set(&format!("long={}", "x".repeat(LONGEST)), "/", 0);
        assert!(jar.0.iter().all(|kept| kept.name != "long"));
    }

    proptest! {
        #[test]
        fn any_header_is_taken_or_left(header in ".{0,80}", path in ".{0,20}") {
            let mut jar = Jar::default();
            jar.set(&header, &path, 0);
            let _ = jar.header(&path, true, 0);
        }
    }
}
