//! RFC 6455 (WebSockets): the opening handshake. Frames are the affair of `websocket_conformance`.

use super::{Row, ask, run, target};
use tidings::server::Options;

const KEY: &str = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const UPGRADE: &str = "upgrade: websocket";
const CONNECTION: &str = "connection: Upgrade";
const VERSION: &str = "sec-websocket-version: 13";

/// The headers of a handshake with some replaced or added.
fn with(clause: &'static str, replaced: &str, others: &[&str]) -> Row {
    let sound = [UPGRADE, CONNECTION, VERSION, KEY].into_iter().filter(|line| *line != replaced);
    let lines: Vec<&str> = sound.chain(others.iter().copied()).collect();
    ask(clause, "GET /topics/news-0/ws", &lines, "")
}

fn rows() -> Vec<Row> {
    let opens = |row: Row| row.gives(101).has("sec-websocket-accept", "=").lacks("content-length");
    let upgrade =
        |row: Row| row.gives(426).has("upgrade", "websocket").has("sec-websocket-version", "13");
    vec![
        with("1.3: the example", "", &[]).gives(101).has("sec-websocket-accept", PROOF).has("upgrade", "websocket").has("connection", "Upgrade"),
        opens(with("4.2.1: tokens in any case", UPGRADE, &["Upgrade: WebSocket"])),
        opens(with("4.2.1: a list of connection options, as Firefox has it", CONNECTION, &["Connection: keep-alive, Upgrade"])),
        opens(with("5.3 of RFC 9110: in several lines", CONNECTION, &["connection: keep-alive", "connection: UPGRADE"])),
        opens(with("5.6.1 of RFC 9110: empty elements", CONNECTION, &["connection: ,keep-alive,\tupgrade ,"])),
        opens(with("7.8 of RFC 9110: one of several protocols", UPGRADE, &["upgrade: h2c, websocket"])),
        opens(with("11.3.5: space around the version", VERSION, &["sec-websocket-version:  13 "])),
        opens(with("bits over in a key; they mean nothing", KEY, &["sec-websocket-key: dGhlIHNhbXBsZSBub25jZR=="])),
        opens(with("4.2.2: subprotocols are offered, none is taken", "", &["sec-websocket-protocol: chat, news"])).lacks("sec-websocket-protocol"),
        opens(with("9.1: nor are extensions", "", &["sec-websocket-extensions: permessage-deflate; client_max_window_bits"])).lacks("sec-websocket-extensions"),
        opens(with("4.2.1: a cookie is no matter", "", &["cookie: a=b"])),
        upgrade(with("4.2.1: no Upgrade", UPGRADE, &[])),
        upgrade(with("4.2.1: to something else", UPGRADE, &["upgrade: h2c"])),
        upgrade(with("4.2.1: a longer token", UPGRADE, &["upgrade: websockets"])),
        upgrade(with("4.2.1: an empty one", UPGRADE, &["upgrade:"])),
        upgrade(with("4.2.1: no Connection", CONNECTION, &[])),
        upgrade(with("4.2.1: a connection without it", CONNECTION, &["connection: keep-alive"])),
        upgrade(with("4.2.1: a part of an option", CONNECTION, &["connection: x-upgrade"])),
        upgrade(with("4.4: no version", VERSION, &[])),
        upgrade(with("4.4: an older version", VERSION, &["sec-websocket-version: 8"])),
        upgrade(with("4.4: a later one", VERSION, &["sec-websocket-version: 14"])),
        upgrade(with("4.4: clients name one version, and no list", VERSION, &["sec-websocket-version: 13, 8"])),
        upgrade(with("4.4: in digits as they are", VERSION, &["sec-websocket-version: 013"])),
        with("strict, 11.3.5: two versions; which holds, nobody knows", "", &["sec-websocket-version: 8"]).gives(400),
        with("strict, 11.3.1: two keys", "", &["sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA=="]).gives(400),
        with("4.2.1: no key", KEY, &[]).gives(400),
        with("4.2.1: an empty key", KEY, &["sec-websocket-key:"]).gives(400),
        with("4.2.1: a short key", KEY, &["sec-websocket-key: YWJj"]).gives(400),
        with("4.2.1: a long key", KEY, &["sec-websocket-key: dGhlIHNhbXBsZSBub25jZSBvZg=="]).gives(400),
        with("4.2.1: no base64", KEY, &["sec-websocket-key: !!!!!!!!!!!!!!!!!!!!!!=="]).gives(400),
        with("4.2.1: base64 without its end", KEY, &["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ"]).gives(400),
        ask("4.1: with GET only", "POST /topics/news-0/ws", &[UPGRADE, CONNECTION, VERSION, KEY], "").gives(405).has("allow", "GET"),
        ask("4.2.1: HEAD opens nothing", "HEAD /topics/news-0/ws", &[UPGRADE, CONNECTION, VERSION, KEY], "").gives(405),
        ask("4.2.2: of what there is not", "GET /topics/none/ws", &[UPGRADE, CONNECTION, VERSION, KEY], "").gives(404),
        ask("a cursor that is none", "GET /topics/news-0/ws?since=x", &[UPGRADE, CONNECTION, VERSION, KEY], "").gives(400),
        ask("the others shake hands alike", "GET /calls", &[UPGRADE, CONNECTION, VERSION, KEY], "").gives(101).has("sec-websocket-accept", PROOF),
        ask("and this one", "GET /echo", &["upgrade: WEBSOCKET", "connection: a, upgrade", VERSION, KEY], "").gives(101),
        ask("and refuse alike", "GET /calls", &[], "").gives(426),
        super::raw(
            "4.2.1: HTTP/1.0 knows no upgrade",
            format!("GET /calls HTTP/1.0\r\nhost: t\r\n{UPGRADE}\r\n{CONNECTION}\r\n{VERSION}\r\n{KEY}\r\n\r\n"),
        )
        .gives(426),
        // Section 10.2 is the affair of the table of Fetch: who may open one from a page.
    ]
}

#[test]
fn hands_are_shaken_as_rfc_6455_has_it() {
    run(&target(Options::default()), &rows());
}
