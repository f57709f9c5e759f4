//! The durable outbox of a target that is killed: acknowledged events arrive.

use crate::target_support;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use target_support::{
    Client, Hook, Message, PATIENCE, Target, acknowledge, read_body, read_head, until,
};
use tidings::pace::Rng;
use tidings::scenario::{Outbox, WebhookOptions};
use tidings::server::Options;

/// `tidings serve --data`, killed when dropped.
struct Served {
    process: Child,
    address: SocketAddr,
}

impl Served {
    fn start(data: &Path, listen: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.args(["serve", "--listen", listen, "--rate", "0/s", "--shards", "2"]);
        command.args(["--allow-private-webhooks", "--data"]).arg(data);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let mut why = String::new();
            process.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            panic!("it does not listen: {why}");
        };
        Self { address: address.parse().unwrap(), process }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Publishes until the target is gone, and notes the acknowledged events.
fn publish(
    address: SocketAddr,
    name: &str,
    acknowledged: &Mutex<Vec<(u64, String)>>,
    count: &AtomicU64,
) {
    let Ok(stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    for n in 0.. {
        let data = format!("{name}-{n}");
        let body = json!({ "data": data }).to_string();
        let request = format!(
            "POST /topics/news-0/events HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        if reader.get_mut().write_all(request.as_bytes()).is_err() {
            return;
        }
        let Some(answer) = answer(&mut reader) else { return };
        let receipt: Value = serde_json::from_slice(&answer.body).unwrap();
        acknowledged.lock().unwrap().push((receipt["seq"].as_u64().unwrap(), data));
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// A whole answer of 201; `None` where the connection broke before its end.
fn answer(reader: &mut BufReader<TcpStream>) -> Option<Message> {
    let peek = reader.fill_buf().ok()?;
    if !peek.starts_with(b"HTTP/1.1 201") {
        return None;
    }
    let mut message = read_head(reader)?;
    read_body(reader, &mut message);
    Some(message)
}

#[test]
fn twenty_kills_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let hook = Hook::start(acknowledge);
    let mut rng = Rng::new(7, 7);
    let acknowledged = Mutex::new(Vec::new());
    let mut served = Served::start(&data, "127.0.0.1:0");
    let registration = json!({ "url": hook.url(), "topics": ["news-0"] });
    let registered = Client::connect(served.address).send("POST", "/webhooks", Some(registration));
    assert_eq!(registered.status, 201, "{}", registered.text());
    for kill in 0..20 {
        let (count, after) = (AtomicU64::new(0), 1 + rng.below(60));
        std::thread::scope(|scope| {
            for publisher in 0..3 {
                let (acknowledged, count, address) = (&acknowledged, &count, served.address);
                let name = format!("{kill}-{publisher}");
                scope.spawn(move || publish(address, &name, acknowledged, count));
            }
            // In the middle of what the others have under way.
            until("acknowledgements", || count.load(Ordering::SeqCst) >= after);
            served.kill();
        });
        // Any port: another test may have taken the one before.
        served = Served::start(&data, "127.0.0.1:0");
    }
    let mut acknowledged = acknowledged.into_inner().unwrap();
    acknowledged.sort_unstable();
    assert!(acknowledged.len() > 200, "{}", acknowledged.len());
    assert!(
        acknowledged.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "sequences go on: no two alike"
    );

    let last = acknowledged.last().unwrap().0;
    let mut arrived: BTreeMap<u64, String> = BTreeMap::new();
    let mut ids: HashMap<String, u64> = HashMap::new();
    let (mut twice, mut highest) = (0, 0);
    // Later events than the last acknowledged may have been stored, too; order says when that one must have come.
    while !arrived.contains_key(&last) {
        let delivery = hook.next();
        let event = delivery.json();
        let seq = event["seq"].as_u64().unwrap();
        let id = delivery.header("webhook-id").unwrap().to_owned();
        let data = event["data"].as_str().unwrap().to_owned();
        if ids.insert(id, seq).is_some() {
            twice += 1;
            assert_eq!(arrived[&seq], data, "the same id, the same event");
            continue;
        }
        assert!(seq > highest, "first arrivals come in order: {seq} after {highest}");
        highest = seq;
        assert!(arrived.insert(seq, data).is_none(), "after dedupe exactly once");
    }
    for (seq, data) in &acknowledged {
        assert_eq!(arrived.get(seq), Some(data), "lost, or another event in its place");
    }
    assert!(twice < arrived.len(), "positions are kept: {twice} of {} came twice", arrived.len());
}

/// Stops it as it should be stopped.
fn terminate(served: &mut Served) {
    let process = rustix::process::Pid::from_child(&served.process);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    served.process.wait().unwrap();
}

/// The signature of a delivery, as another maker's library makes it.
fn signature(secret: &str, delivery: &Message) -> String {
    let signer = standardwebhooks::Webhook::new(secret).unwrap();
    let at = delivery.header("webhook-timestamp").unwrap().parse().unwrap();
    signer.sign(delivery.header("webhook-id").unwrap(), at, &delivery.body).unwrap()
}

#[test]
fn a_restarted_target_knows_endpoints_secrets_letters_and_sequences() {
    let folder = tempfile::tempdir().unwrap();
    let hook = Hook::start(acknowledge);
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut served = Served::start(folder.path(), "127.0.0.1:0");
    // Of each process its own port: another test may have taken the one before.
    let address = Cell::new(served.address);
    let send = |method: &str, path: &str, body: Option<Value>| {
        Client::connect(address.get()).send(method, path, body)
    };
    let publish = |topic: &str, data: u32| {
        let answer =
            send("POST", &format!("/topics/{topic}/events"), Some(json!({ "data": data })));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["seq"].clone()
    };
    assert_eq!(publish("lone", 1), 1, "of a topic that nobody subscribed to yet");
    for _ in 0..2 {
        let body = json!({ "url": hook.url(), "topics": ["news-0"], "secret": secret });
        assert_eq!(send("POST", "/webhooks", Some(body)).status, 201);
    }
    assert_eq!(send("DELETE", "/webhooks/2", None).status, 204);
    let poisoned = Hook::start(|message| {
        if message.json()["data"] == "poison" {
            (410, vec![], String::new())
        } else {
            acknowledge(message)
        }
    });
    let body = json!({ "url": poisoned.url(), "topics": ["lone"] });
    assert_eq!(send("POST", "/webhooks", Some(body)).status, 201);
    send("POST", "/topics/lone/events", Some(json!({ "data": "poison" })));
    until("farewell", || send("GET", "/webhooks/3", None).json()["enabled"] == false);
    // Answered once it is on disk, and with it all that was noted before.
    assert_eq!(send("PATCH", "/webhooks/1", Some(json!({ "enabled": false }))).status, 200);
    for data in 0..3 {
        publish("news-0", data);
    }
    served.kill();

    let mut served = Served::start(folder.path(), "127.0.0.1:0");
    address.set(served.address);
    assert_eq!(send("GET", "/webhooks/1", None).json()["disabled"], "by its owner");
    assert_eq!(send("GET", "/webhooks/2", None).status, 404);
    let letters = send("GET", "/webhooks/3/dead-letters", None).json();
    let letter = &letters["dead_letters"][0];
    assert!(letter["webhook_id"].as_str().unwrap().starts_with("msg_lone_2_"), "{letter}");
    assert_eq!(letter["event"]["data"], "poison");
    assert_eq!(publish("lone", 2), 3);
    assert_eq!(publish("news-0", 3), 4);
    assert_eq!(send("PATCH", "/webhooks/1", Some(json!({ "enabled": true }))).status, 200);
    for (seq, data) in (1..=4).zip(0..) {
        let delivery = hook.next();
        assert_eq!(
            (&delivery.json()["seq"], &delivery.json()["data"]),
            (&json!(seq), &json!(data))
        );
        let signature = signature(secret, &delivery);
        assert_eq!(delivery.header("webhook-signature"), Some(signature.as_str()));
    }
    let body = json!({ "url": hook.url(), "topics": ["news-0"] });
    assert_eq!(send("POST", "/webhooks", Some(body)).json()["id"], 4, "numbers are not used again");
    assert_eq!(send("DELETE", "/webhooks/3", None).status, 204);
    // Stopped as it should be, it has written every position: nothing comes twice.
    terminate(&mut served);
    let served = Served::start(folder.path(), "127.0.0.1:0");
    address.set(served.address);
    publish("news-0", 4);
    let seqs = [hook.next().json()["seq"].clone(), hook.next().json()["seq"].clone()];
    assert_eq!(seqs, [5, 5], "to both endpoints");
}

fn durable(ring: u64) -> Options {
    let webhook = WebhookOptions { outbox: Outbox::Durable, ..WebhookOptions::default() };
    Options { ring, webhook, allow_private_webhooks: true, shards: 2, ..Options::default() }
}

#[test]
fn an_endpoint_that_fell_off_the_ring_is_served_from_the_disk() {
    let target = Target::start(durable(4));
    let hook = Hook::start(acknowledge);
    let body = json!({ "url": hook.url(), "topics": ["news-0"] });
    assert_eq!(target.send("POST", "/webhooks", Some(body)).status, 201);
    target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": false })));
    for seq in 1..=600 {
        assert_eq!(target.publish("news-0", json!(seq)), seq);
    }
    target.send("PATCH", "/webhooks/1", Some(json!({ "enabled": true })));
    for seq in 1..=600 {
        assert_eq!(hook.next().json()["seq"], seq);
    }
    assert_eq!(target.get("/webhooks/1").json()["dead_letters"], 0);
}

#[test]
fn an_event_from_any_shard_is_visible_once_it_is_acknowledged() {
    let target = Arc::new(Target::start(durable(1000)));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let target = Arc::clone(&target);
            std::thread::spawn(move || {
                // One connection, and so one shard: it has what it acknowledged, whichever shard is the topic's home.
                let mut client = target.connect();
                for n in 0..25 {
                    let path = format!("/topics/topic-{}/events", (thread + n) % 3);
                    let receipt = client.send("POST", &path, Some(json!({ "data": n }))).json();
                    let seq = receipt["seq"].as_u64().unwrap();
                    let page =
                        client.send("GET", &format!("{path}?since={}", seq - 1), None).json();
                    assert_eq!(page["events"][0]["seq"], seq);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let topics = target.get("/topics").json();
    let newest = |topic: &Value| topic["newest"].as_u64().unwrap();
    assert_eq!(topics["topics"].as_array().unwrap().iter().map(newest).sum::<u64>(), 100);
}
