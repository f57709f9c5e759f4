//! Webhook receivers by a dialect, against scripted servers: registration, handshakes, secrets, and what is counted.

use crate::dialect_support;
use crate::target_support;

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use dialect_support::{Setting, Stage, case, dialect, exchange, payload, send, stage};
use target_support::{Hook, Message, Response};
use tidings::dialect::callback::callback_address;
use tidings::measure::{Counter, Metric};

const WINDOW: Duration = Duration::from_secs(2);

/// A dialect that registers by JSON and captures an id, with more in `[target.webhook]`.
fn registering(more: &str) -> String {
    format!(
        "[target.webhook]\nregister = {{ path = \"/hooks\", body = '{{\"url\":{{{{callback_url|json}}}},\"topic\":\"{{{{topic}}}}\"}}', \
         capture = {{ hook = \"json:/id\" }} }}\n\
         unregister = {{ method = \"DELETE\", path = \"/hooks/{{{{hook}}}}\" }}\n{more}\n"
    )
}

/// The address in the URL that a request registers.
fn address_of(message: &Message) -> SocketAddr {
    let url = message.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap()
}

fn created(id: u64) -> Response {
    (201, vec![], format!("{{\"id\":{id}}}"))
}

fn gone() -> Response {
    (204, vec![], String::new())
}

/// A server that takes registrations, tells where receivers are, and answers as `check` says.
fn server(
    check: impl Fn(SocketAddr) -> Option<Response> + Send + Sync + 'static,
) -> (Hook, mpsc::Receiver<SocketAddr>) {
    let (told, receivers) = mpsc::channel();
    let ids = AtomicU64::new(0);
    let hook = Hook::start(move |message| {
        if message.first_line.starts_with("DELETE") {
            return gone();
        }
        let receiver = address_of(message);
        if let Some(refusal) = check(receiver) {
            return refusal;
        }
        let _ = told.send(receiver);
        created(ids.fetch_add(1, Ordering::SeqCst) + 1)
    });
    (hook, receivers)
}

fn setting(target: SocketAddr, page: &str, more: &str) -> Setting {
    Setting {
        case: case("webhook", 1, "", more),
        dialect: dialect(page),
        target,
        port: None,
        window: WINDOW,
    }
}

/// The first lines of the requests that a server has had.
fn lines(hook: &Hook) -> Vec<String> {
    hook.received.try_iter().map(|message| message.first_line).collect()
}

fn delivered(stage: &Stage) -> u64 {
    stage.context.ledger().delivered
}

fn no_fields() -> Vec<(String, String)> {
    Vec::new()
}

/// A check by a server, from its own thread: whether the receiver consents.
type Check = fn(SocketAddr) -> bool;

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn echoes(receiver: SocketAddr) -> bool {
    let body = br#"{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}"#;
    let answer = exchange(receiver, "POST", "/", &[], body);
    answer.status == 200
        && answer.json()["challenge"] == "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
}

fn allows(receiver: SocketAddr) -> bool {
    let fields =
        [field("WebHook-Request-Origin", "sender.example"), field("WebHook-Request-Rate", "120")];
    let answer = exchange(receiver, "OPTIONS", "/", &fields, b"");
    answer.header("WebHook-Allowed-Origin") == Some("sender.example")
        && answer.header("WebHook-Allowed-Rate") == Some("120")
}

fn verifies(receiver: SocketAddr) -> bool {
    let query = "/?hub.mode=subscribe&hub.topic=t&hub.challenge=a%20b&hub.lease_seconds=864000";
    let answer = exchange(receiver, "GET", query, &[], b"");
    answer.status == 200 && answer.text() == "a b"
}

#[test]
fn a_receiver_consents_by_the_handshake_of_its_dialect_and_by_no_other() {
    let checks: [(&str, Option<Check>); 4] = [
        ("none", None),
        ("echo", Some(echoes)),
        ("cloudevents", Some(allows)),
        ("websub", Some(verifies)),
    ];
    for (asked, check) in checks {
        for (handshake, _) in checks {
            let (hook, receivers) = server(move |receiver| {
                let consents = check.is_none_or(|check| check(receiver));
                (!consents).then(|| (422, vec![], "no consent".to_owned()))
            });
            let wait = if handshake == "websub" { ", timeout = \"300ms\"" } else { "" };
            let page = registering(&format!("handshake = \"{handshake}\""))
                .replacen(
                    "capture = { hook",
                    &format!("timeout = \"20s\"{wait}, capture = {{ hook"),
                    1,
                )
                .replacen("timeout = \"20s\", timeout", "timeout", 1);
            let opened = stage(setting(hook.address, &page, ""), async |stage| {
                let opened = stage.open().await;
                if opened.is_ok() {
                    stage.begin();
                    let receiver = receivers.recv().unwrap();
                    let answer = send(receiver, "POST", "/", no_fields(), payload(1).into()).await;
                    assert_eq!((answer.status, delivered(stage)), (204, 1), "{asked} {handshake}");
                    assert_eq!(stage.snapshot().counters.errors(), 0, "{asked} {handshake}");
                }
                opened
            });
            // A WebSub subscription stands once the hub has asked; a server that asks nothing is taken at its word elsewhere.
            let consents = asked == handshake || (asked == "none" && handshake != "websub");
            match opened {
                Ok(()) => assert!(consents, "{asked} by {handshake}"),
                Err(error) => {
                    assert!(!consents, "{asked} by {handshake}: {error}");
                    let words = if asked == "none" { "did not verify" } else { "422" };
                    assert!(error.contains(words), "{asked} by {handshake}: {error}");
                }
            }
        }
    }
}

#[test]
fn a_hub_may_verify_later_deny_or_grant_for_a_while() {
    let page = "[target.webhook]\nhandshake = \"websub\"\n\
        register = { path = \"/hub\", body = \"hub.mode=subscribe&hub.topic={{topic}}&hub.callback={{callback_url|url}}\", expect = [202] }\n\
        unregister = { path = \"/hub\", body = \"hub.mode=unsubscribe&hub.topic={{topic}}&hub.callback={{callback_url|url}}\", expect = [202] }\n";
    for (denies, lease) in [(false, "864000"), (false, "1"), (true, "0")] {
        let (asked, verified) = mpsc::channel();
        let hook = Hook::start(move |message| {
            let form = message.text();
            let value = |name: &str| {
                let pair = form.split('&').find_map(|pair| pair.strip_prefix(name)).unwrap();
                pair.trim_start_matches('=').replace("%3A", ":").replace("%2F", "/")
            };
            let (mode, topic) = (value("hub.mode"), value("hub.topic"));
            let url = value("hub.callback");
            let receiver: SocketAddr =
                url.strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap();
            let asked = asked.clone();
            // As hubs do: accepted first, verified afterwards.
            std::thread::spawn(move || {
                let query = if denies {
                    format!("/?hub.mode=denied&hub.topic={topic}&hub.reason=no+room")
                } else {
                    format!(
                        "/?hub.mode={mode}&hub.topic={topic}&hub.challenge=42&hub.lease_seconds={lease}"
                    )
                };
                let answer = exchange(receiver, "GET", &query, &[], b"");
                let _ = asked.send((mode, answer.status, answer.text()));
            });
            (202, vec![], String::new())
        });
        let renewals = if lease == "1" { 2 } else { 0 };
        let opened = stage(setting(hook.address, page, ""), async |stage| {
            stage.open().await?;
            for _ in 0..=renewals {
                let mut said = None;
                stage.until("a verification", || true).await;
                while said.is_none() {
                    said = verified.try_recv().ok();
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                assert_eq!(said.unwrap(), ("subscribe".to_owned(), 200, "42".to_owned()));
            }
            assert_eq!(stage.snapshot().counters.errors(), 0);
            Ok::<(), String>(())
        });
        match opened {
            Ok(()) => {
                assert!(!denies);
                // It left in good order: the hub's question was answered.
                let last = verified.recv_timeout(target_support::PATIENCE).unwrap();
                assert_eq!(last, ("unsubscribe".to_owned(), 200, "42".to_owned()));
            }
            Err(error) => {
                assert!(denies && error.contains("denied the subscription: no room"), "{error}");
            }
        }
    }
}

#[test]
fn a_registration_that_fails_says_what_the_server_said() {
    for (answer, words) in [
        (
            (503, "overloaded"),
            "the target answers 503 Service Unavailable to the registration: overloaded",
        ),
        ((200, "{\"name\":\"x\"}"), "does not contain what the dialect captures as 'hook'"),
    ] {
        let (hook, _receivers) = server(move |_| Some((answer.0, vec![], answer.1.to_owned())));
        let error =
            stage(setting(hook.address, &registering(""), ""), async |stage| stage.open().await);
        let error = error.unwrap_err();
        assert!(error.contains(words), "{error}");
        assert_eq!(lines(&hook), ["POST /hooks HTTP/1.1"], "tried once, nothing to withdraw");
    }
}

#[test]
fn what_is_registered_is_withdrawn_at_the_end_and_by_who_leaves() {
    let (hook, _receivers) = server(|_| None);
    let case = case("webhook", 3, "churn = \"25/s\"", "");
    let setting = Setting { case, ..setting(hook.address, &registering(""), "") };
    let seen = Arc::new(Mutex::new(Vec::new()));
    stage(setting, async |stage| {
        stage.open().await.unwrap();
        let timeline = stage.begin();
        tokio::task::spawn_local(Rc::clone(&stage.context).churn(timeline));
        stage
            .until("departures and returns", || {
                seen.lock().unwrap().extend(lines(&hook));
                let seen = seen.lock().unwrap();
                let left = seen.iter().filter(|line| line.starts_with("DELETE")).count();
                left >= 4 && seen.len() - left >= 3 + 4
            })
            .await;
        assert_eq!(stage.snapshot().counters.errors(), 0);
    });
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.extend(lines(&hook));
    let deleted: Vec<&String> = seen.iter().filter(|line| line.starts_with("DELETE")).collect();
    // Each id once: nothing is left at the server, and nothing withdrawn twice.
    let ids: std::collections::BTreeSet<&String> = deleted.iter().copied().collect();
    assert_eq!(ids.len(), deleted.len(), "{seen:?}");
    assert_eq!(deleted.len(), seen.len() - deleted.len(), "{seen:?}");
}

#[test]
fn a_registration_that_is_changing_as_the_trial_ends_is_withdrawn_once() {
    for held in ["DELETE", "POST"] {
        // Once the gate is shut, such a call is answered when it opens, which it does for good.
        let (gate, opened) = mpsc::channel::<()>();
        let opened = Mutex::new(opened);
        let (shut, ids) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
        let (told, waiting) = mpsc::channel();
        let hook = Hook::start({
            let shut = Arc::clone(&shut);
            move |message| {
                let withdraws = message.first_line.starts_with("DELETE");
                if shut.load(Ordering::SeqCst) && message.first_line.starts_with(held) {
                    told.send(()).unwrap();
                    let _ = opened.lock().unwrap().recv();
                }
                if withdraws { gone() } else { created(ids.fetch_add(1, Ordering::SeqCst) + 1) }
            }
        });
        let case = case("webhook", 1, "churn = \"8/s\"", "");
        let setting = Setting { case, ..setting(hook.address, &registering(""), "") };
        stage(setting, async |stage| {
            stage.open().await.unwrap();
            shut.store(true, Ordering::SeqCst);
            let timeline = stage.begin();
            tokio::task::spawn_local(Rc::clone(&stage.context).churn(timeline));
            stage.until("a call that waits", || waiting.try_recv().is_ok()).await;
            let opens = async move {
                tokio::task::yield_now().await;
                drop(gate);
            };
            // The trial has ended before the gate opens.
            tokio::join!(stage.context.farewell(), opens);
            assert_eq!(stage.snapshot().counters.errors(), 0, "{held}");
        });
        let seen = lines(&hook);
        let of = |method: &str| seen.iter().filter(|line| line.starts_with(method)).count();
        let ids: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!((of("DELETE"), ids.len()), (of("POST"), of("DELETE") + 1), "{held}: {seen:?}");
    }
}

#[test]
fn static_endpoints_listen_where_the_server_was_told() {
    // A port that is free on the first address is most likely free on its neighbours.
    let port = TcpListener::bind((callback_address(0), 0)).unwrap().local_addr().unwrap().port();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let setting = Setting {
        case: case("webhook", 2, "", ""),
        port: Some(port),
        ..setting(nobody.local_addr().unwrap(), "[target.webhook]\n", "")
    };
    stage(setting, async |stage| {
        stage.open().await.unwrap();
        stage.begin();
        for client in 0..2 {
            let receiver = (callback_address(client), port).into();
            let answer =
                send(receiver, "POST", "/any/path?x=1", no_fields(), payload(1).into()).await;
            assert_eq!(answer.status, 204);
        }
        assert_eq!(delivered(stage), 2);
        assert_eq!(stage.count(Counter::Dials), 0, "nothing is said to the server");
    });
}

#[test]
fn deliveries_are_acknowledged_as_the_dialect_says() {
    let (hook, receivers) = server(|_| None);
    let page = registering(
        "acknowledge = { status = 202, headers = { x-topic = \"{{topic}}\" }, body = '[ok] {{body}}' }\n\
         ignore = [{ contains = \"resolved\" }, \"ping\"]",
    );
    stage(setting(hook.address, &page, ""), async |stage| {
        stage.open().await.unwrap();
        stage.begin();
        let receiver = receivers.recv().unwrap();
        for (body, ignored, unrecognised, arrived) in [
            (payload(1), 0, 0, 1),
            ("ping".to_owned(), 1, 0, 1),
            ("pings".to_owned(), 1, 1, 1),
            // What is ignored carries no event, even where it contains a token.
            (format!("resolved {}", payload(2)), 2, 1, 1),
            (format!("{},{}", payload(2), payload(3)), 2, 1, 3),
        ] {
            let answer = send(receiver, "POST", "/", no_fields(), body.clone().into()).await;
            assert_eq!((answer.status, answer.header("x-topic")), (202, Some("news-0")), "{body}");
            assert_eq!(answer.text(), format!("[ok] {body}"));
            let counts =
                [Counter::Ignored, Counter::Unrecognised].map(|counter| stage.count(counter));
            assert_eq!(counts, [ignored, unrecognised], "{body}");
            assert_eq!(delivered(stage), arrived, "{body}");
        }
        let refused = send(receiver, "GET", "/", no_fields(), Vec::new()).await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
        assert_eq!(stage.snapshot().counters.errors(), 1);
    });
}

#[test]
fn what_comes_twice_is_counted_by_its_id_where_the_dialect_has_one() {
    for (verify, duplicate, attempts) in [(false, 1, 0), (true, 0, 1)] {
        let (hook, receivers) = server(|_| None);
        let signs = "verify = { preset = \"standard\", secret = \"whsec_AAAA\" }";
        let page = registering(if verify { signs } else { "" });
        stage(setting(hook.address, &page, ""), async |stage| {
            stage.open().await.unwrap();
            stage.begin();
            let receiver = receivers.recv().unwrap();
            let signer = standardwebhooks::Webhook::new("whsec_AAAA").unwrap();
            let now = time::OffsetDateTime::now_utc().unix_timestamp();
            let signature = signer.sign("msg_1", now, payload(1).as_bytes()).unwrap();
            let fields = vec![
                field("webhook-id", "msg_1"),
                field("webhook-timestamp", &now.to_string()),
                field("webhook-signature", &signature),
            ];
            for _ in 0..2 {
                let answer = send(receiver, "POST", "/", fields.clone(), payload(1).into()).await;
                assert_eq!(answer.status, 204);
            }
            let ledger = stage.context.ledger();
            assert_eq!((ledger.delivered, ledger.duplicate), (1, duplicate), "{verify}");
            assert_eq!(stage.count(Counter::DuplicateAttempts), attempts, "{verify}");
        });
    }
}

#[test]
fn a_secret_that_the_registration_brings_checks_what_came_before_it() {
    let (early, answered) = mpsc::channel();
    let hook = Hook::start(move |message| {
        if message.first_line.starts_with("DELETE") {
            return gone();
        }
        let receiver = address_of(message);
        let (sent, statuses) = mpsc::channel();
        std::thread::spawn(move || {
            let body = payload(1);
            let fields =
                [field("x-sign", &crate::hook_signatures::hex_sha256("s3cret", body.as_bytes()))];
            sent.send(exchange(receiver, "POST", "/", &fields, body.as_bytes()).status)
        });
        // Whoever does not wait for the secret answers at once.
        let early = early.clone();
        let first = statuses.recv_timeout(Duration::from_millis(200)).ok();
        std::thread::spawn(move || early.send((first, first.or_else(|| statuses.recv().ok()))));
        (201, vec![], "{\"id\":7,\"secret\":\"s3cret\"}".to_owned())
    });
    let page = registering("verify = { header = \"X-Sign\", secret = \"{{hook_secret}}\" }")
        .replace("capture = { hook", "capture = { hook_secret = \"json:/secret\", hook");
    stage(setting(hook.address, &page, ""), async |stage| {
        stage.begin();
        stage.open().await.unwrap();
        stage.until("the delivery", || delivered(stage) == 1).await;
        assert_eq!(stage.count(Counter::ErrorSignature), 0);
    });
    let said = answered.recv_timeout(target_support::PATIENCE).unwrap();
    assert_eq!(said, (None, Some(204)), "not answered before the secret was known, trusted then");
}

#[test]
fn receivers_in_trouble_are_so_for_any_server() {
    for (more, status, counter) in [
        (
            "receiver = { fail = 1.0, fail_status = 503, retry_after = \"2s\" }",
            503,
            Counter::RefusedAttempts,
        ),
        ("receiver = { slow = \"1ms\" }", 204, Counter::Received),
        ("receiver = { work = \"1ms\" }", 204, Counter::Received),
        ("receiver = { work = \"1ms\", affected = 0.0 }", 204, Counter::Received),
    ] {
        let (hook, receivers) = server(|_| None);
        stage(setting(hook.address, &registering(""), more), async |stage| {
            stage.open().await.unwrap();
            stage.begin();
            let receiver = receivers.recv().unwrap();
            for seq in 1..=3 {
                let answer = send(receiver, "POST", "/", no_fields(), payload(seq).into()).await;
                assert_eq!(answer.status, status, "{more}");
                let retry = (status == 503).then_some("2");
                assert_eq!(answer.header("retry-after"), retry, "{more}");
            }
            assert_eq!(stage.count(counter), 3, "{more}");
            let recorded = |metric| {
                stage
                    .snapshot()
                    .distribution(metric)
                    .map_or(0, tidings::measure::Distribution::count)
            };
            if more.contains("work") {
                stage.until("the work", || recorded(Metric::Work) == 3).await;
            }
            let healthy = if more.contains("affected") { 3 } else { 0 };
            assert_eq!(recorded(Metric::FreshnessHealthy), healthy, "{more}");
        });
    }
}
