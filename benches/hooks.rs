//! What webhooks and encodings of items cost without a socket, each beside an alternative.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tidings::dialect::model::Signature;
use tidings::dialect::signing::{Message, Scheme};
use tidings::net::h1::read_head;
use tidings::server::EncodedItem;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_news-0_17_0123456789abcdef";
const NOW: u64 = 1_614_265_330;

fn signing(c: &mut Criterion) {
    let signature = format!("preset = \"standard\"\nsecret = \"{SECRET}\"");
    let Ok(signature) = toml::from_str::<Signature>(&signature) else { return };
    let Ok(scheme) = Scheme::of(&signature) else { return };
    let Some(key) = scheme.key(SECRET.as_bytes()) else { return };
    let Ok(theirs) = Webhook::new(SECRET) else { return };
    let body = vec![b'x'; 200];
    let now = NOW.to_string();
    let mut headers = vec![("webhook-id", ID.to_owned()), ("webhook-timestamp", now)];
    let no_text: &mut tidings::dialect::signing::Render<'_> = &mut |_, _| Ok(());
    c.bench_function("sign 200 B", |b| {
        b.iter(|| {
            let message = Message::of(&headers, black_box(&body));
            scheme.sign(&key, message, NOW, no_text)
        });
    });
    c.bench_function("sign 200 B: standardwebhooks", |b| {
        b.iter(|| theirs.sign(ID, NOW as i64, black_box(&body)));
    });
    if let Ok(value) = theirs.sign(ID, NOW as i64, &body) {
        headers.push(("webhook-signature", value));
    }
    let verify = |no_text: &mut _| {
        let message = Message::of(&headers, black_box(&body));
        scheme.verify(&key, message, NOW, no_text)
    };
    assert_eq!(verify(no_text), Ok(()));
    c.bench_function("verify 200 B", |b| b.iter(|| verify(no_text)));
    c.bench_function("read the head of a delivery", |b| {
        let mut head = String::from("POST /hook HTTP/1.1\r\nhost: 127.0.0.1:40000\r\n");
        for (name, value) in &headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head += "content-type: application/json\r\ncontent-length: 200\r\n\r\n";
        b.iter(|| read_head(black_box(head.as_bytes()), |raw| raw.length));
    });
}

/// About a KiB: texts, numbers, and a little depth.
fn item() -> Value {
    let tags: Vec<Value> =
        (0..12).map(|n| json!({ "id": n, "label": format!("tag {n}") })).collect();
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(10);
    json!({ "name": "an item", "data": { "text": text, "price": 12.5, "tags": tags, "sold": false } })
}

fn encodings(c: &mut Criterion) {
    let Some(item) = EncodedItem::of(item().to_string().as_bytes()) else { return };
    let (json, xml) = (item.json(), item.xml());
    let value: Result<Value, _> = serde_json::from_slice(&json);
    assert!(EncodedItem::is_json(&json) && EncodedItem::is_xml(xml.as_bytes()));
    let mut group = c.benchmark_group("items");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("encode JSON", |b| b.iter(|| item.json()));
    group.bench_function("decode JSON", |b| b.iter(|| EncodedItem::is_json(black_box(&json))));
    if let Ok(value) = &value {
        group.bench_function("encode JSON: serde_json alone", |b| {
            b.iter(|| serde_json::to_vec(black_box(value)));
        });
    }
    group.throughput(Throughput::Bytes(xml.len() as u64));
    group.bench_function("encode XML", |b| b.iter(|| item.xml()));
    group.bench_function("decode XML", |b| {
        b.iter(|| EncodedItem::is_xml(black_box(xml.as_bytes())));
    });
    group.bench_function("decode XML: quick-xml's events alone", |b| {
        b.iter(|| {
            let mut reader = Reader::from_str(black_box(&xml));
            let mut events = 0;
            while !matches!(reader.read_event(), Ok(Event::Eof) | Err(_)) {
                events += 1;
            }
            events
        });
    });
    group.finish();
}

criterion_group!(benches, signing, encodings);
criterion_main!(benches);
