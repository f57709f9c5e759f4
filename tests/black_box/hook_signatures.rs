//! Signatures of deliveries and of publishes, made and checked by code of the test.

use crate::dialect_support;
use crate::target_support;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use dialect_support::{Setting, case, dialect, payload, send, stage};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use sha2::Sha256;
use target_support::{Hook, Message};
use tidings::measure::Counter;
use tidings::pattern::publish;

fn sha256(secret: &str, text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// The HMAC-SHA256 in hexadecimal digits.
pub(crate) fn hex_sha256(secret: &str, text: &[u8]) -> String {
    use std::fmt::Write as _;
    sha256(secret, text).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn now_s() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// The header fields by which a preset's provider signs `body` at `at` with a secret.
fn signed(preset: &str, secret: &str, at: i64, body: &str) -> Vec<(String, String)> {
    let field = |name: &str, value: String| (name.to_owned(), value);
    match preset {
        "standard" => {
            let signer = standardwebhooks::Webhook::new(secret).unwrap();
            let id = format!("msg_{at}");
            let signature = signer.sign(&id, at, body.as_bytes()).unwrap();
            vec![
                field("webhook-id", id),
                field("webhook-timestamp", at.to_string()),
                field("webhook-signature", signature),
            ]
        }
        "github" => {
            let signature = hex_sha256(secret, body.as_bytes());
            vec![field("X-Hub-Signature-256", format!("sha256={signature}"))]
        }
        "stripe" => {
            let signature = hex_sha256(secret, format!("{at}.{body}").as_bytes());
            vec![field("Stripe-Signature", format!("t={at},v1={signature},v0=00"))]
        }
        "slack" => {
            let signature = hex_sha256(secret, format!("v0:{at}:{body}").as_bytes());
            vec![
                field("X-Slack-Request-Timestamp", at.to_string()),
                field("X-Slack-Signature", format!("v0={signature}")),
            ]
        }
        _ => vec![field("X-Sign", hex_sha256(secret, format!("{body}!").as_bytes()))],
    }
}

/// Serves nothing: a server that knows its receivers.
fn nobody() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn only_deliveries_with_a_right_and_recent_signature_count() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let own = "header = \"X-Sign\", signed = \"{{body}}!\"";
    for (preset, verify) in [
        ("standard", "preset = \"standard\""),
        ("github", "preset = \"github\""),
        ("stripe", "preset = \"stripe\""),
        ("slack", "preset = \"slack\""),
        ("own", own),
    ] {
        let (_listener, target) = nobody();
        let port = std::net::TcpListener::bind("127.1.0.1:0").unwrap().local_addr().unwrap().port();
        let page = format!("[target.webhook]\nverify = {{ {verify}, secret = \"{SECRET}\" }}\n");
        let setting = Setting {
            case: case("webhook", 1, "", ""),
            dialect: dialect(&page),
            target,
            port: Some(port),
            window: Duration::from_secs(2),
        };
        stage(setting, async |stage| {
            stage.open().await.unwrap();
            stage.begin();
            let receiver = (tidings::dialect::callback::callback_address(0), port).into();
            let stamped = !matches!(preset, "github" | "own");
            let now = now_s();
            let (mut arrived, mut refused) = (0, 0);
            for (what, fields, trusted) in [
                ("right", signed(preset, SECRET, now, &payload(1)), true),
                ("of another body", signed(preset, SECRET, now, &payload(9)), false),
                ("by another secret", signed(preset, OTHER, now, &payload(2)), false),
                ("stale", signed(preset, SECRET, now - 400, &payload(2)), !stamped),
                ("missing", Vec::new(), false),
            ] {
                let seq = if what == "right" { 1 } else { 2 };
                let answer = send(receiver, "POST", "/", fields, payload(seq).into()).await;
                let status = if trusted { 204 } else { 401 };
                assert_eq!(answer.status, status, "{preset}: {what}");
                arrived += u64::from(trusted);
                refused += u64::from(!trusted);
                assert_eq!(stage.context.ledger().delivered, arrived, "{preset}: {what}");
                assert_eq!(stage.count(Counter::ErrorSignature), refused, "{preset}: {what}");
            }
        });
    }
}

/// The requests that publish the events of a window, signed as `sign` says.
fn published(sign: &str) -> Vec<Message> {
    let hook = Hook::start(|_| (201, vec![], String::new()));
    let page = format!(
        "[target.publish]\nrequest = {{ path = \"/{{{{topic}}}}\", body = \"{{{{event}}}}\", headers = {{ x-n = \"{{{{n}}}}\" }} }}\n\
         sign = {{ {sign} }}\n"
    );
    let setting = Setting {
        case: case("sse", 1, "publish = \"publisher\"", ""),
        dialect: dialect(&page),
        target: hook.address,
        port: None,
        window: Duration::from_millis(100),
    };
    stage(setting, async |stage| {
        let link = stage.context.publisher(0);
        let publishing = stage.context.conversation.dialect.publish.clone().unwrap();
        let account = Rc::new(publish::Account::default());
        let shared = Rc::clone(&account);
        let running = tokio::task::spawn_local(async move {
            publish::run(&link, &publishing, 1, &shared).await;
        });
        stage.context.ready(1).await.unwrap();
        stage.begin();
        running.await.unwrap();
        assert!(account.take().is_empty());
        assert_eq!(stage.count(Counter::SendsAcknowledged), 10);
    });
    (0..10).map(|_| hook.received.recv_timeout(target_support::PATIENCE).unwrap()).collect()
}

#[test]
fn publishes_are_signed_as_other_makers_check_it() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let verifier = standardwebhooks::Webhook::new(secret).unwrap();
    let messages = published(&format!("preset = \"standard\", secret = \"{secret}\""));
    let mut ids = std::collections::BTreeSet::new();
    for message in &messages {
        let mut headers = HeaderMap::new();
        for (name, value) in &message.headers {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        verifier.verify(&message.body, &headers).unwrap();
        assert!(verifier.verify(b"{}", &headers).is_err(), "another body");
        ids.insert(message.header("webhook-id").unwrap().to_owned());
    }
    assert_eq!((messages.len(), ids.len()), (10, 10), "an id each");
    for message in published(
        "header = \"X-Sign\", signed = \"{{header_x-n}}.{{body}}\", prefix = \"v=\", secret = \"k\"",
    ) {
        let n = message.header("x-n").unwrap();
        let expected = hex_sha256("k", &[n.as_bytes(), b".", &message.body].concat());
        assert_eq!(message.header("x-sign"), Some(format!("v={expected}").as_str()));
    }
}

#[test]
fn a_signature_that_cannot_be_made_stops_the_publisher() {
    let (told, reasons) = mpsc::channel();
    for (sign, words) in [
        ("secret = \"k\"", "header = "),
        ("preset = \"standard\", secret = \"whsec_!\"", "secret"),
        ("preset = \"github\", secret = \"{{nobody}}\"", "nobody"),
    ] {
        let (_listener, target) = nobody();
        let page = format!(
            "[target.publish]\nrequest = {{ path = \"/\", body = \"{{{{event}}}}\" }}\nsign = {{ {sign} }}\n"
        );
        let setting = Setting {
            case: case("sse", 1, "publish = \"publisher\"", ""),
            dialect: dialect(&page),
            target,
            port: None,
            window: Duration::from_millis(100),
        };
        stage(setting, async |stage| {
            let link = stage.context.publisher(0);
            let publishing = stage.context.conversation.dialect.publish.clone().unwrap();
            publish::run(&link, &publishing, 1, &publish::Account::default()).await;
            told.send(stage.context.failed().unwrap()).unwrap();
        });
        let reason = reasons.recv().unwrap();
        assert!(reason.contains("target.publish.sign") && reason.contains(words), "{reason}");
    }
}
