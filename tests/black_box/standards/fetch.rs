//! WHATWG Fetch (CORS), Private Network Access and RFC 6454: web pages of other sites, with and without leave; and names that
//! were rebound.

use super::{Row, ask, get, run, target};
use tidings::server::{Options, Visitors};

const PAGE: &str = "origin: http://page.example:3000";
const EVIL: &str = "origin: http://evil.example";
const JSON: &str = "content-type: application/json";
const HERE: &str = "host: 127.0.0.1:8080";
const SOCKET: [&str; 4] = [
    "upgrade: websocket",
    "connection: upgrade",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];
const ALLOW_ORIGIN: &str = "access-control-allow-origin";

fn item(clause: &'static str, headers: &[&str]) -> Row {
    ask(clause, "POST /items", &[&[JSON], headers].concat(), "{}")
}

fn socket(clause: &'static str, path: &str, headers: &[&str]) -> Row {
    ask(clause, &format!("GET {path}"), &[&SOCKET, headers].concat(), "")
}

fn preflight(clause: &'static str, headers: &[&str]) -> Row {
    ask(
        clause,
        "OPTIONS /items/1",
        &[&[HERE, "access-control-request-method: PUT"], headers].concat(),
        "",
    )
}

/// Clauses for a target that allows no origin.
#[expect(clippy::too_many_lines, reason = "one table: a row a clause")]
fn closed() -> Vec<Row> {
    let evil = |row: Row| {
        row.gives(403)
            .has("content-type", "application/problem+json")
            .says("--cors")
            .lacks(ALLOW_ORIGIN)
    };
    vec![
        get(
            "4.10: without leave nothing is granted; the page cannot read it",
            "/items",
            &[HERE, EVIL],
        )
        .gives(200)
        .lacks(ALLOW_ORIGIN)
        .lacks("vary: origin"),
        preflight("4.9: a preflight is a plain OPTIONS", &[EVIL])
            .gives(204)
            .lacks(ALLOW_ORIGIN)
            .lacks("access-control-allow-methods"),
        evil(item("strict: a change by a page of another site", &[HERE, EVIL])),
        evil(ask(
            "strict: a page could publish",
            "POST /topics/news-0/events",
            &[HERE, EVIL, JSON],
            r#"{"data":1}"#,
        )),
        evil(ask("strict: or delete", "DELETE /items/1", &[HERE, EVIL], "")),
        evil(ask("strict: or register a webhook", "POST /webhooks", &[HERE, EVIL, JSON], "{}")),
        evil(ask(
            "strict: or have it replayed, which needs no body",
            "POST /webhooks/1/replay",
            &[HERE, EVIL],
            "",
        )),
        evil(socket(
            "strict, 10.2 of RFC 6455: sockets know no CORS; calls",
            "/calls",
            &[HERE, EVIL],
        )),
        evil(socket("strict: events", "/topics/news-0/ws", &[HERE, EVIL])),
        evil(socket("strict: echo", "/echo", &[HERE, EVIL])),
        evil(item(
            "strict, 4.4 of RFC 6454: another port is another origin",
            &[HERE, "origin: http://127.0.0.1:3000"],
        )),
        evil(item(
            "strict: another name is, even of this host",
            &[HERE, "origin: http://localhost:8080"],
        )),
        evil(item(
            "strict: the origin null is anybody's (sandboxed frames)",
            &[HERE, "origin: null"],
        )),
        evil(socket("strict: for a socket, too", "/calls", &[HERE, "origin: null"])),
        evil(item("strict: what is no origin", &[HERE, "origin: 127.0.0.1:8080"])),
        evil(item(
            "strict: an origin that begins like it",
            &[HERE, "origin: http://127.0.0.1:8080.evil.example"],
        )),
        item("strict: two origins", &[HERE, "origin: http://127.0.0.1:8080", EVIL]).gives(403),
        item(
            "strict: browsers tell of other sites without an origin, too",
            &[HERE, "sec-fetch-site: cross-site"],
        )
        .gives(403)
        .says("--cors"),
        item("strict: of another port", &[HERE, "sec-fetch-site: same-site"]).gives(403),
        item(
            "its own page",
            &[HERE, "origin: http://127.0.0.1:8080", "sec-fetch-site: same-origin"],
        )
        .gives(201),
        item(
            "its own page, over TLS in front of it",
            &["host: localhost", "origin: https://localhost"],
        )
        .gives(201),
        item(
            "default ports are left out (RFC 6454, 6.1)",
            &["host: localhost:80", "origin: http://localhost"],
        )
        .gives(201),
        item("an IPv6 address", &["host: [::1]:8080", "origin: http://[::1]:8080"]).gives(201),
        item("a user's own doing", &[HERE, "sec-fetch-site: none"]).gives(201),
        socket("its own page's socket", "/calls", &[HERE, "origin: http://127.0.0.1:8080"])
            .gives(101),
        socket("a program's socket has no origin", "/calls", &[]).gives(101),
        item("a program has no origin, and any name", &["host: rebound.example"]).gives(201),
        get(
            "curl --resolve",
            "/items",
            &["host: rebound.example:8080", "user-agent: curl/8.5.0", "accept: */*"],
        )
        .gives(200),
    ]
}

/// A name that was led here by its owner is no name of this target (DNS rebinding).
fn rebound() -> Vec<Row> {
    const NAME: &str = "host: rebound.example:8080";
    let refused = |row: Row| row.gives(403).says("--host rebound.example");
    vec![
        refused(get(
            "strict: a GET has no origin; the browser gives itself away",
            "/items",
            &[NAME, "accept-language: de"],
        )),
        refused(get("strict: by its name", "/items", &[NAME, "user-agent: Mozilla/5.0 (X11)"])),
        refused(get(
            "strict: by a referrer",
            "/items",
            &[NAME, "referer: http://rebound.example:8080/"],
        )),
        refused(get(
            "strict: by what it says of the fetch",
            "/items",
            &[NAME, "sec-fetch-site: same-origin"],
        )),
        refused(item(
            "strict: its origin is the name's own",
            &[NAME, "origin: http://rebound.example:8080"],
        )),
        refused(socket(
            "strict: so is that of a socket",
            "/calls",
            &[NAME, "origin: http://rebound.example:8080"],
        )),
        refused(get("strict: a stream", "/topics/news-0/stream", &[NAME, "accept-language: de"])),
        refused(get(
            "strict: in the absolute form",
            "http://rebound.example:8080/items",
            &[HERE, "accept-language: de"],
        )),
        get(
            "strict: a name that ends like a known one",
            "/items",
            &["host: localhost.evil.example", "accept-language: de"],
        )
        .gives(403),
        get(
            "strict: that begins like an address",
            "/items",
            &["host: 127.0.0.1.evil.example", "accept-language: de"],
        )
        .gives(403),
        get("an address", "/items", &[HERE, "accept-language: de"]).gives(200),
        get("an address of another network", "/items", &["host: 192.0.2.7", "accept-language: de"])
            .gives(200),
        get("an IPv6 address", "/items", &["host: [fe80::1]:8080", "accept-language: de"])
            .gives(200),
        get("localhost in any case", "/items", &["host: LocalHost:8080", "accept-language: de"])
            .gives(200),
        get(
            "a name under it (RFC 6761, 6.3)",
            "/items",
            &["host: app.localhost", "accept-language: de"],
        )
        .gives(200),
        get(
            "a name that was given",
            "/items",
            &["host: Bench.Example:8080", "accept-language: de"],
        )
        .gives(200),
        get("with the root's dot", "/items", &["host: bench.example.", "accept-language: de"])
            .gives(200),
    ]
}

/// Clauses for a target that allows one origin.
#[expect(clippy::too_many_lines, reason = "one table: a row a clause")]
fn opened() -> Vec<Row> {
    let granted = |row: Row| {
        row.has(ALLOW_ORIGIN, "http://page.example:3000")
            .has("vary", "origin")
            .has("access-control-expose-headers", "etag")
    };
    vec![
        granted(get("4.10: an answer may be read", "/items", &[HERE, PAGE]).gives(200))
            .has("vary", "accept"),
        granted(get("also of what there is not", "/nowhere", &[HERE, PAGE]).gives(404)),
        granted(item("a change", &[HERE, PAGE, "sec-fetch-site: cross-site"]).gives(201))
            .has("access-control-expose-headers", "location"),
        granted(
            ask("a refusal", "POST /items", &[HERE, PAGE, "content-type: text/plain"], "{}")
                .gives(415),
        ),
        granted(get("a stream", "/topics/news-0/stream", &[HERE, PAGE]).gives(200))
            .has("content-type", "text/event-stream"),
        granted(
            get("a long poll", "/topics/news-0/events?since=3&wait=5ms", &[HERE, PAGE]).gives(204),
        ),
        granted(
            get(
                "an answer of which nothing has changed",
                "/items/1",
                &[HERE, PAGE, "if-none-match: *"],
            )
            .gives(304),
        ),
        socket("a socket", "/calls", &[HERE, PAGE]).gives(101),
        granted(
            preflight(
                "4.9: a preflight",
                &[PAGE, "access-control-request-headers: content-type,if-match"],
            )
            .gives(204),
        )
        .has("access-control-allow-methods", "PUT")
        .has("access-control-allow-headers", "content-type, if-match")
        .has("access-control-max-age", "600")
        .lacks("access-control-allow-private-network"),
        granted(preflight("of fields, those that are known", &[PAGE]).gives(204))
            .has("access-control-allow-headers", "last-event-id"),
        granted(
            preflight(
                "fields that it does not know do no harm",
                &[PAGE, "access-control-request-headers: traceparent"],
            )
            .gives(204),
        )
        .has("access-control-allow-headers", "traceparent"),
        granted(
            preflight(
                "Private Network Access, 3.2",
                &[PAGE, "access-control-request-private-network: true"],
            )
            .gives(204),
        )
        .has("access-control-allow-private-network", "true"),
        preflight("of what is not there as well: the answer itself tells", &[PAGE]).gives(204),
        ask("without a method it is a plain OPTIONS", "OPTIONS /items", &[HERE, PAGE], "")
            .gives(204)
            .has("allow", "POST")
            .has(ALLOW_ORIGIN, "page"),
        get("4.10: no credentials", "/items", &[HERE, PAGE, "cookie: a=b"])
            .gives(200)
            .lacks("access-control-allow-credentials"),
        get("2.3: caches must know that it depends", "/items", &[HERE])
            .gives(200)
            .has("vary", "origin")
            .lacks(ALLOW_ORIGIN),
        get("strict: another page", "/items", &[HERE, EVIL])
            .gives(200)
            .lacks(ALLOW_ORIGIN)
            .has("vary", "origin"),
        item("strict: its changes", &[HERE, EVIL]).gives(403).lacks(ALLOW_ORIGIN),
        preflight("strict: its preflights", &[EVIL]).gives(204).lacks(ALLOW_ORIGIN),
        socket("strict: its sockets", "/calls", &[HERE, EVIL]).gives(403),
        item("strict: origins are compared whole", &[HERE, "origin: http://page.example:30000"])
            .gives(403),
        item("strict: with their scheme", &[HERE, "origin: https://page.example:3000"]).gives(403),
        item("strict: null is not among them", &[HERE, "origin: null"]).gives(403),
        get(
            "a page's host may be led here by a proxy in front",
            "/items",
            &["host: page.example:3000", "accept-language: de"],
        )
        .gives(200),
    ]
}

/// Clauses for a target that allows every origin.
fn open_to_all() -> Vec<Row> {
    let granted = |row: Row| row.has(ALLOW_ORIGIN, "*").lacks("access-control-allow-credentials");
    vec![
        granted(get("any page", "/items", &[HERE, EVIL]).gives(200)),
        granted(item("its changes", &[HERE, EVIL]).gives(201)),
        granted(item("from a file, too", &[HERE, "origin: null"]).gives(201)),
        granted(preflight("its preflights", &[EVIL]).gives(204)),
        socket("its sockets", "/topics/news-0/ws", &[HERE, "origin: null"]).gives(101),
        granted(
            get("by any name", "/items", &["host: any.example", "accept-language: de"]).gives(200),
        ),
        granted(
            ask(
                "what a page must say of a body, it must say all the same",
                "POST /items",
                &[HERE, EVIL, "content-type: text/plain"],
                "{}",
            )
            .gives(415),
        ),
    ]
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    run(&target(Options::default()), &closed());
}

#[test]
fn a_name_that_was_rebound_leads_a_browser_nowhere() {
    let visitors = Visitors { hosts: vec!["bench.example".to_owned()], ..Visitors::default() };
    run(&target(Options { visitors, ..Options::default() }), &rebound());
}

#[test]
fn pages_are_let_in_by_their_origin() {
    let origins = vec!["HTTP://Page.Example:3000/".parse().unwrap()];
    let visitors = Visitors { origins, ..Visitors::default() };
    run(&target(Options { visitors, ..Options::default() }), &opened());
}

#[test]
fn every_page_is_allowed_if_configured() {
    let visitors = Visitors { any: true, ..Visitors::default() };
    run(&target(Options { visitors, ..Options::default() }), &open_to_all());
}

#[test]
fn refusals_of_a_busy_target_may_be_read_as_well() {
    let limits = tidings::scenario::Limits { requests_per_s: Some(1), connections: None };
    // By this name the test's clients ask.
    let hosts = vec!["target".to_owned()];
    let visitors =
        Visitors { origins: vec!["http://page.example:3000".parse().unwrap()], hosts, any: false };
    let target =
        crate::target_support::Target::start(Options { visitors, limits, ..Options::default() });
    let mut client = target.connect();
    let refusal = loop {
        let answer =
            client.request("GET", "/items", &[("origin", "http://page.example:3000")], b"");
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(
        (refusal.status, refusal.header(ALLOW_ORIGIN)),
        (429, Some("http://page.example:3000"))
    );
    assert!(refusal.header("access-control-expose-headers").unwrap().contains("retry-after"));
    let asked = [("origin", "http://page.example:3000"), ("access-control-request-method", "PUT")];
    assert_eq!(
        client.request("OPTIONS", "/items", &asked, b"").status,
        204,
        "a preflight is let in"
    );
}

/// Origins and names that the command line accepts.
#[test]
fn origins_and_names_are_read_from_the_command_line() {
    let serve = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidings"));
        // An unassigned address: the process ends after reading its arguments.
        command.args(["serve", "--listen", "192.0.2.1:0"]).args(arguments).output().unwrap()
    };
    for (arguments, said) in [
        (&["--cors", "http://localhost:3000"][..], "cannot listen"),
        (&["--cors", "https://Page.example/", "--cors", "tauri://localhost"], "cannot listen"),
        (&["--cors", "*"], "every web page"),
        (&["--host", "bench.example", "--host", "box"], "cannot listen"),
        (&["--cors", "localhost:3000"], "http://localhost:3000"),
        (&["--cors", "http://page.example/app"], "not an origin"),
        (&["--cors", "http://me@page.example"], "not an origin"),
        (&["--cors", "http://*.example"], "not an origin"),
        (&["--cors", "http://page.example:x"], "not an origin"),
        (&["--cors", "null"], "'*'"),
        (&["--cors", ""], "not an origin"),
        (&["--host", "http://bench.example"], "without scheme"),
        (&["--host", ""], "without scheme"),
    ] {
        let output = serve(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(said) && output.status.code() == Some(2), "{arguments:?}: {text}");
    }
}
