//! What only the built-in server can do, refused for any other.

use super::refused::hold;
use super::*;

/// A server that tidings starts.
const LAUNCHED: &str = "[[target.launch]]\ncommand = \"x\"\n";

/// `(lines after those of `[target]`, the message)`.
const ROWS: &[(&str, &str)] = &[
    (
        "builtin.shards = 2",
        "dir/x.toml:10: target.builtin.shards: only the built-in server has it, and target.url names another",
    ),
    ("ring = 100", "dir/x.toml:10: target.builtin.ring: only the built-in server has it"),
    (
        "[faults]\ndelay = \"1ms\"",
        "dir/x.toml:11: faults.delay: faults are injected into the built-in server; break your own server itself, and remove it",
    ),
    ("[sweep]\nfaults.delay = [\"1ms\"]", "dir/x.toml:11: faults.delay: faults are injected"),
    (
        "[restart]\nat = \"1s\"",
        "dir/x.toml:10: restart: a server that tidings did not start cannot be restarted; start it by [[target.launch]]",
    ),
    ("[transport]\ntls = true", "transport.tls: the scheme of target.url says it; write https://"),
    (
        "[sse]\nqueue = 5",
        "dir/x.toml:11: sse.queue: it configures the built-in server; configure your own server itself, and remove it",
    ),
    (
        "[sse]\nheartbeat = \"5s\"",
        "sse.heartbeat: your server decides how often it sends a heartbeat; say so in target.sse.heartbeat",
    ),
    ("[websocket]\nping = \"5s\"", "websocket.ping: your server decides how often it pings"),
    ("[webhook]\noutbox = \"durable\"", "webhook.outbox: it configures the built-in server"),
    (
        "[request]\nmix = { read = 1 }",
        "request.mix: it is of the built-in server's items; describe your server's calls in [[target.request]]",
    ),
    (
        "short-poll.request = \"GET /\"\n[short-poll]\nlimit = 5",
        "short-poll.limit: target.short-poll.request has no {{limit}}",
    ),
    (
        "long-poll.request = \"GET /\"\n[long-poll]\nwait = \"5s\"",
        "long-poll.wait: target.long-poll.request has no {{hold_ms}}",
    ),
    ("[long-poll]\ncoalesce = \"5ms\"", "long-poll.coalesce: it configures the built-in server"),
    (
        "unix = \"/x\"\n[network]\nlatency = \"1ms\"",
        "network: a Unix socket has no network to emulate",
    ),
];

#[test]
fn what_only_the_built_in_server_has_is_refused_with_the_reason() {
    hold(ROWS);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table: a row a clause")]
fn what_another_server_cannot_do_is_refused_where_it_is_written() {
    let of = |change: &str, to: &str| SERVER.replace(change, to);
    let mut wrong = Vec::new();
    for (text, sets, expected) in [
        (
            SERVER.to_owned(),
            &["workload.publish=target"][..],
            "--set workload.publish=target: workload.publish = \"target\": the built-in server alone publishes by itself; write workload.publish = \"publisher\"",
        ),
        (
            SERVER.to_owned(),
            &["workload.publish=clients"],
            "workload.publish = \"clients\": the clients publish to the built-in server alone",
        ),
        (
            SERVER.to_owned(),
            &["patterns=[\"sse\", \"websocket\"]"],
            "patterns: the dialect does not describe 'websocket'; it describes sse. Remove 'websocket', or describe it in [target.websocket]",
        ),
        (
            SERVER.to_owned(),
            &["target.publish.rate=1/s"],
            "workload.rate = 5/s: 1 topics have 5 events per second, and target.publish.rate = 1/s is the most",
        ),
        (SERVER.to_owned(), &["workload.payload=8"], "workload.payload = 8B: "),
        (
            of("publish.request = \"POST /\"\n", ""),
            &[],
            "dir/x.toml:6: target.publish: missing; sse needs to know how an event is published",
        ),
        (
            of("sse.request = \"GET /sse\"\n", ""),
            &[],
            "target: no pattern is described; write [target.sse]",
        ),
        (
            of("url = \"http://127.0.0.1:8080\"", "headers = {}"),
            &[],
            "dir/x.toml:7: target.headers: describes a server of your own; name it by target.url",
        ),
        (
            of("url = \"http://127.0.0.1:8080\"\n", "") + LAUNCHED,
            &[],
            "target.url: missing; write url = \"http://127.0.0.1:{{port}}\"",
        ),
        (
            of("\"http://127", "\"127"),
            &[],
            "target.url: '127.0.0.1:8080' has no scheme; write \"http://127.0.0.1:8080\"",
        ),
        (
            of("\"http://127", "\"ftp://127"),
            &[],
            "target.url: 'ftp' is not a scheme that is supported",
        ),
        (
            of("\"http://127", "\"http://me:x@127"),
            &[],
            "target.url: a user and a password in a URL would be written into results",
        ),
        (
            of("\"http://127", "\"ws://127"),
            &[],
            "target.url: sse speaks HTTP and not ws; write http://",
        ),
        (of("127.0.0.1:8080", "127.0.0.1:80800"), &[], "target.url: '80800' is not a port"),
        (of("127.0.0.1:8080", ":8080"), &[], "names no host"),
        (of(":8080", ":8080/?a=b"), &[], "target.url: a query belongs to a request"),
        (
            of("\"http://127.0.0.1:8080\"", "{ sse = \"http://a\" }"),
            &["patterns=[\"sse\", \"websocket\"]", "target.websocket.path=/"],
            "target.url.websocket: missing; write it, or target.url.default",
        ),
        (
            of("\"http://127.0.0.1:8080\"", "{ sse = \"http://a\" }"),
            &[],
            "target.url.publish: missing; write it, or target.url.default",
        ),
    ] {
        match read(&text, sets) {
            Ok(_) => wrong.push(format!("{expected}: accepted")),
            Err(error) if !error.contains(expected) => {
                wrong.push(format!("{error}\n  lacks: {expected}"));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let launched = format!("{SERVER}{LAUNCHED}[restart]\nat = \"1s\"\n");
    assert!(read(&launched, &[]).is_ok(), "{:?}", read(&launched, &[]).err());
    let log = read(&launched, &["restart.log=lost"]).unwrap_err();
    assert!(log.contains("restart.log: your server keeps its events as it does"), "{log}");
    assert!(read(SERVER, &["workload.publish=publisher", "sweep.sse=5"]).is_err());
}
