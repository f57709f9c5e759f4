//! Requests by the weighted calls of a dialect, against scripted servers.

use crate::dialect_support;
use crate::target_support;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dialect_support::{Setting, case, dialect, stage};
use target_support::{Hook, Message, Response};
use tidings::measure::{Counter, ErrorKind, RequestSample, Snapshot};

/// What a shard that sends the calls of `page` measured, and its samples.
fn run(hook: &Hook, page: &str, clients: u64, more: &str) -> (Snapshot, Vec<RequestSample>) {
    let setting = Setting {
        case: case("request", clients, "", more),
        dialect: dialect(page),
        target: hook.address,
        port: None,
        window: Duration::from_secs(1),
    };
    stage(setting, async |stage| {
        stage.open().await.unwrap();
        let timeline = stage.begin();
        stage.timer.sleep_until(timeline.end_ns).await.unwrap();
        tokio::time::timeout(target_support::PATIENCE, stage.context.complete()).await.unwrap();
        (stage.snapshot(), stage.context.samples.borrow_mut().take())
    })
}

fn ok(body: &str) -> Response {
    (200, vec![], body.to_owned())
}

/// How often each request line came.
fn lines(hook: &Hook) -> BTreeMap<String, u64> {
    let mut lines = BTreeMap::new();
    for message in hook.received.try_iter() {
        *lines.entry(message.first_line).or_default() += 1;
    }
    lines
}

#[test]
fn calls_come_by_their_weights_and_the_same_by_the_same_seed() {
    let page = "[[target.request]]\npath = \"/often\"\nweight = 3\n\
        [[target.request]]\npath = \"/seldom\"\n[[target.request]]\npath = \"/never\"\nweight = 0\n";
    let runs = [(), ()].map(|()| {
        let hook = Hook::start(|_| ok(""));
        let (snapshot, _) = run(&hook, page, 4, "rate = \"1000/s\"");
        (lines(&hook), snapshot)
    });
    assert_eq!(runs[0].0, runs[1].0, "drawn from the seed alone");
    for (lines, snapshot) in runs {
        let count = |path: &str| lines.get(&format!("GET {path} HTTP/1.1")).copied().unwrap_or(0);
        let (often, seldom) = (count("/often"), count("/seldom"));
        assert_eq!((often + seldom, count("/never")), (snapshot.ledger.expected, 0));
        // Five standard deviations of a binomial share.
        let n = (often + seldom) as f64;
        let spread = 5.0 * (n * 0.75 * 0.25).sqrt();
        assert!(n >= 900.0 && (often as f64 - 0.75 * n).abs() < spread, "{often} of {n}");
        assert_eq!(snapshot.ledger.delivered, snapshot.ledger.expected);
        assert_eq!(snapshot.counters.errors(), 0);
    }
}

#[test]
fn a_call_waits_for_what_another_captures_and_then_uses_the_clients_own() {
    // Each id is given out once, and returned to whoever created it.
    let given = Arc::new(Mutex::new((0_u64, HashSet::new())));
    let ids = Arc::clone(&given);
    let hook = Hook::start(move |message: &Message| {
        let client = message.header("x-client").unwrap().to_owned();
        let mut ids = ids.lock().unwrap();
        if message.first_line.starts_with("POST") {
            ids.0 += 1;
            let id = ids.0;
            ids.1.insert((client, id.to_string()));
            return (
                201,
                vec![("etag", format!("\"{id}\""))],
                format!("{{\"data\":{{\"id\":{id}}}}}"),
            );
        }
        let path = message.first_line.split(' ').nth(1).unwrap();
        let known = ids.1.contains(&(client, path.trim_start_matches("/things/").to_owned()));
        let tag = message.header("if-none-match");
        let tagged = tag == Some(&format!("\"{}\"", path.trim_start_matches("/things/")));
        if known && tagged { ok("") } else { (404, vec![], String::new()) }
    });
    let page = "[target]\nheaders = { x-client = \"{{client}}\" }\n\
        [[target.request]]\nweight = 5\npath = \"/things/{{id}}\"\nheaders = { if-none-match = \"{{tag}}\" }\n\
        [[target.request]]\nname = \"create\"\npath = \"/things\"\nbody = '{\"n\":{{n}}}'\nexpect = [201]\n\
        capture = { id = \"json:/data/id\", tag = \"header:etag\" }\n";
    let (snapshot, samples) = run(&hook, page, 3, "rate = \"300/s\"");
    assert_eq!(snapshot.counters.errors(), 0, "{:?}", snapshot.counters);
    assert_eq!(snapshot.ledger.delivered, snapshot.ledger.expected);
    let mut first = BTreeMap::new();
    for sample in &samples {
        let named = sample.call.clone().unwrap();
        assert!(["create", "GET /things/{{id}}"].contains(&named.as_str()), "{named}");
        first.entry(sample.link).or_insert(named);
    }
    assert_eq!(samples.len() as u64, snapshot.ledger.expected);
    assert!(first.len() == 3 && first.values().all(|name| name == "create"), "{first:?}");
    let bodies: Vec<Message> = hook.received.try_iter().collect();
    let posts = bodies.iter().filter(|message| message.first_line.starts_with("POST"));
    assert!(posts.clone().count() >= 3 && posts.clone().count() < bodies.len());
    assert!(posts.clone().any(|message| message.json()["n"] == 1), "the client's first request");
}

#[test]
fn every_status_that_is_not_expected_is_a_failure_of_its_kind() {
    for (expect, status, expected) in [
        ("", 200, None),
        ("", 204, None),
        ("expect = [404]", 404, None),
        ("expect = [200, 304]", 304, None),
        ("expect = [503]", 503, None),
        ("expect = [404]", 200, Some(ErrorKind::Status)),
        ("", 404, Some(ErrorKind::NotFound)),
        ("", 302, Some(ErrorKind::Redirect)),
        ("", 500, Some(ErrorKind::ServerError)),
        ("", 401, Some(ErrorKind::Denied)),
        ("", 503, Some(ErrorKind::Refused)),
        ("capture = { id = \"json:/id\" }", 200, Some(ErrorKind::Protocol)),
    ] {
        // Whoever is refused may come back at once.
        let retry = ("retry-after", "0".to_owned());
        let hook = Hook::start(move |_| (status, vec![retry.clone()], String::new()));
        let page = format!("[[target.request]]\npath = \"/x\"\n{expect}\n");
        let (snapshot, samples) = run(&hook, &page, 1, "rate = \"20/s\"");
        let (sent, answered) =
            (snapshot.counters.get(Counter::Sent), snapshot.counters.get(Counter::Answered));
        assert!(sent > 0, "{expect} {status}");
        let failed = if expected.is_some() { sent } else { 0 };
        assert_eq!(answered, sent - failed, "{expect} {status}");
        assert_eq!(snapshot.counters.errors(), failed, "{expect} {status}");
        if let Some(kind) = expected {
            assert_eq!(snapshot.counters.get(kind.counter()), sent, "{expect} {status}");
        }
        assert!(samples.iter().all(|sample| sample.error == expected), "{expect} {status}");
        assert!(samples.iter().all(|sample| sample.status == Some(status)), "{expect} {status}");
    }
}

#[test]
fn closed_loops_and_connections_hold_for_calls() {
    for (more, fresh) in [
        ("loop = \"closed\"\nthink = \"5ms\"", false),
        ("loop = \"closed\"\nthink = \"5ms\"\nconnection = \"per-request\"", true),
        ("connection = \"per-request\"\nrate = \"50/s\"", true),
        ("rate = \"50/s\"", false),
    ] {
        let hook = Hook::start(|_| ok("{}"));
        let page = "[[target.request]]\npath = \"/x?c={{client}}&n={{n}}\"\n";
        let (snapshot, samples) = run(&hook, page, 2, more);
        assert!(snapshot.ledger.balances() && snapshot.ledger.delivered > 0, "{more}");
        assert_eq!(snapshot.counters.errors(), 0, "{more}");
        assert_eq!(snapshot.counters.get(Counter::Sent), samples.len() as u64, "{more}");
        let messages: Vec<Message> = hook.received.try_iter().collect();
        let closes = |message: &&Message| message.header("connection") == Some("close");
        let last = messages.iter().filter(closes).count();
        assert_eq!(last, if fresh { messages.len() } else { 0 }, "{more}");
        // One connection per client, or one per request and the one that opened the link.
        let dials = snapshot.counters.get(Counter::Dials);
        let expected = 2 + if fresh { messages.len() as u64 } else { 0 };
        assert_eq!(dials, expected, "{more}");
        let lines: HashSet<&str> = messages.iter().map(|m| m.first_line.as_str()).collect();
        assert_eq!(lines.len(), messages.len(), "each request of a client has its number");
    }
}

#[test]
fn a_call_may_have_a_time_out_of_its_own() {
    let hook = Hook::start(|message| {
        if message.first_line.contains("/slow") {
            // Longer than any patience of the test: the client's limit ends it.
            std::thread::sleep(Duration::from_secs(60));
        }
        ok("")
    });
    let page = "[[target.request]]\npath = \"/slow\"\ntimeout = \"30ms\"\n";
    let (snapshot, _) = run(&hook, page, 1, "rate = \"5/s\"\ntimeout = \"30s\"");
    let sent = snapshot.counters.get(Counter::Sent);
    assert!(sent > 0);
    assert_eq!(snapshot.counters.get(Counter::ErrorTimeout), sent);
}

#[test]
fn calls_that_can_never_be_sent_fail_the_trial_with_the_reason() {
    let hook = Hook::start(|_| ok(""));
    for (page, words) in [
        ("[[target.request]]\npath = \"/{{id}}\"\n", "'GET /{{id}}' needs {{id}}"),
        (
            "[[target.request]]\nname = \"change\"\npath = \"/{{id}}\"\nbody = \"x\"\ncapture = { id = \"json:/id\" }\n",
            "'change' needs {{id}}",
        ),
        ("[[target.request]]\npath = \"/\"\nweight = 0\n", "weight 0"),
        ("[target]\nmatch = \"token\"\n", "has no [[target.request]]"),
    ] {
        let setting = Setting {
            case: case("request", 1, "", ""),
            dialect: dialect(page),
            target: hook.address,
            port: None,
            window: Duration::from_secs(1),
        };
        let reason = stage(setting, async |stage| stage.open().await).unwrap_err();
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(lines(&hook).len(), 0, "nothing was sent");
}

#[test]
fn what_a_client_logged_in_with_is_not_in_what_failures_say() {
    let hook = Hook::start(|message: &Message| match message.header("authorization") {
        None => (201, vec![], "{\"login\":\"Zx81-hunter2-q\"}".to_owned()),
        Some(login) => (500, vec![], format!("no such user: {login}")),
    });
    let page = "[[target.request]]\npath = \"/login\"\nmethod = \"POST\"\ncapture = { login = \"json:/login\" }\n\
        [[target.request]]\nweight = 9\npath = \"/\"\nheaders = { authorization = \"{{login}}\" }\n";
    let setting = Setting {
        case: case("request", 1, "", "rate = \"50/s\""),
        dialect: dialect(page),
        target: hook.address,
        port: None,
        window: Duration::from_secs(1),
    };
    let said = stage(setting, async |stage| {
        stage.open().await.unwrap();
        let timeline = stage.begin();
        stage.timer.sleep_until(timeline.end_ns).await.unwrap();
        stage.snapshot().described[&ErrorKind::ServerError].clone()
    });
    assert!(said.contains("no such user") && !said.contains("hunter2"), "{said}");
}
