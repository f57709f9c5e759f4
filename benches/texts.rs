//! Measures what a dialect's texts and captures cost: rendering a request, and taking a value out of an answer.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tidings::dialect::capture::{Answer, Capture};
use tidings::dialect::matcher::Matcher;
use tidings::dialect::secrets::Secrets;
use tidings::dialect::template::{Scope, Template, World};
use tidings::event::filler;

struct Fixed;

impl World for Fixed {
    fn unix_ns(&mut self) -> u64 {
        1_767_225_600_123_456_789
    }

    fn random(&mut self, least: u64, _most: u64) -> u64 {
        least
    }

    fn capture(&self, name: &str) -> Option<&str> {
        (name == "login_token").then_some("eyJhbGciOiJIUzI1NiJ9.e30.signature")
    }

    fn secret(&self, name: &str) -> Option<&str> {
        (name == "KEY").then_some("0123456789abcdef")
    }
}

fn rendering(c: &mut Criterion) {
    let payload = filler(128);
    let texts = [
        (
            "a constant request",
            "GET /items/1 HTTP/1.1\r\nhost: 127.0.0.1:8080\r\naccept: */*\r\n\r\n",
        ),
        (
            "a request of a client",
            "GET /sub/{{topic}}?since={{cursor|url}}&client={{client}} HTTP/1.1\r\nauthorization: Bearer {{login_token}}\r\n\r\n",
        ),
        ("a publish body of 128 B", r#"{"channel":"{{topic}}","id":{{n}},"data":{{event}}}"#),
        ("a publish body as JSON in JSON", r#"{"channel":"{{topic}}","data":{{event|json}}}"#),
        ("an MQTT PUBLISH", "{{bytes:30}}{{varint:{{u16:{{topic}}}}{{event}}}}"),
        ("a signed body", "{{hmac-sha256:{{secret:KEY}}:{{now:s}}.{{event}}|base64}}"),
    ];
    for (name, text) in texts {
        let template = Template::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let mut out = Vec::with_capacity(1024);
        let mut world = Fixed;
        let mut scope = Scope {
            client: Some(3),
            topic: Some("news-0"),
            n: Some(17),
            cursor: Some("1200-b"),
            event: Some(&payload),
            ..Scope::new(&mut world)
        };
        c.bench_function(&format!("render {name}"), |b| {
            b.iter(|| {
                out.clear();
                template.render(&mut scope, &mut out).unwrap_or_else(|error| panic!("{error}"));
                black_box(&out);
            });
        });
    }
}

fn capturing(c: &mut Criterion) {
    let capture = |text: &str| Capture::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let id = capture("json:/id");
    let nested = capture("json:/event/id");
    let last = capture("json:/items/-1/id");
    for size in [128, 64 << 10] {
        let data = String::from_utf8_lossy(&filler(size)).into_owned();
        let first = format!("{{\"id\":17,\"event\":{{\"data\":{data},\"id\":18}}}}");
        let item = format!("{{\"id\":18,\"text\":\"{}\"}}", "x".repeat(100));
        let page = format!("{{\"items\":[{}]}}", vec![item; size / 128].join(","));
        let answer = Answer::message(first.as_bytes());
        c.bench_function(&format!("capture a member before {size} B"), |b| {
            b.iter(|| id.evaluate(black_box(&answer)));
        });
        c.bench_function(&format!("capture a member behind {size} B"), |b| {
            b.iter(|| nested.evaluate(black_box(&answer)));
        });
        let answer = Answer::message(page.as_bytes());
        assert_eq!(last.evaluate(&answer).as_deref(), Some("18"));
        c.bench_function(&format!("capture the last of a page of {size} B"), |b| {
            b.iter(|| last.evaluate(black_box(&answer)));
        });
    }
}

fn recognising(c: &mut Criterion) {
    let ping: Matcher = serde_json::from_str(r#"{"json":{"/type":"ping"}}"#)
        .unwrap_or_else(|error| panic!("{error}"));
    let message =
        format!("{{\"type\":\"event\",\"data\":{}}}", String::from_utf8_lossy(&filler(128)));
    c.bench_function("match a JSON member of 128 B", |b| {
        b.iter(|| ping.matches(black_box(message.as_bytes()), None));
    });
    let secrets = Secrets::new();
    for n in 0..1_000 {
        secrets.register("login", &format!("eyJhbGciOiJIUzI1NiJ9.{n:08}.signature"));
    }
    c.bench_function("search a text of 128 B for 1,000 secrets", |b| {
        b.iter(|| secrets.redact(black_box(&message)).len());
    });
}

criterion_group!(benches, rendering, capturing, recognising);
criterion_main!(benches);
