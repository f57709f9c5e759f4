//! Phoenix channels, at a peer that keeps their rules: no registry that the tests install from has a server of them.
//!
//! The peer speaks the format of version 2 as Phoenix documents it, and notes whatever a client does that Phoenix would not take.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::external_support::{External, assert_whole, count};
use crate::socket_support::{Peer, serve};

/// The writing end of a client's socket: broadcasts come from other threads than its own.
type Writer = Arc<Mutex<TcpStream>>;

#[derive(Default)]
struct Channels {
    members: BTreeMap<String, Vec<Writer>>,
    joins: BTreeMap<String, u64>,
    pushes: u64,
    heartbeats: u64,
    /// The most topics that one socket joined.
    most: usize,
    faults: Vec<String>,
}

type Shared = Arc<Mutex<Channels>>;

/// A channels server that lets nobody into `closed`.
fn phoenix(closed: &'static str) -> (SocketAddr, Shared) {
    let channels = Shared::default();
    let shared = Arc::clone(&channels);
    let address = serve(move |_, peer| speak(peer, &shared, closed));
    (address, channels)
}

fn say(writer: &Writer, message: &Value) {
    let text = message.to_string();
    let mut frame = vec![0x81];
    if let Ok(length @ 0..=125) = u8::try_from(text.len()) {
        frame.push(length);
    } else {
        frame.push(126);
        frame.extend((text.len() as u16).to_be_bytes());
    }
    frame.extend(text.as_bytes());
    let _ = writer.lock().unwrap().write_all(&frame);
}

/// Speaks with one client until it goes.
fn speak(peer: Peer, shared: &Shared, closed: &str) {
    if peer.asked.line != "GET /socket/websocket?vsn=2.0.0 HTTP/1.1" {
        shared.lock().unwrap().faults.push(peer.asked.line.clone());
    }
    let writer = Arc::new(Mutex::new(peer.stream.try_clone().unwrap()));
    let mut socket = peer.open();
    let (mut joined, mut refs) = (BTreeMap::new(), BTreeSet::new());
    while let Ok(message) = socket.read() {
        let Message::Text(said) = message else { continue };
        let mut channels = shared.lock().unwrap();
        let parts: Vec<Value> = serde_json::from_str(said.as_str()).unwrap_or_default();
        let [join_ref, Value::String(number), Value::String(topic), Value::String(event), payload] =
            &parts[..]
        else {
            channels.faults.push(said.to_string());
            continue;
        };
        if !refs.insert(number.clone()) {
            channels.faults.push(format!("a ref that was used before: {said}"));
        }
        let reply = |status: &str, response: &Value| json!([join_ref, number, topic, "phx_reply", { "status": status, "response": response }]);
        match &**event {
            "heartbeat" if topic == "phoenix" && join_ref.is_null() => {
                channels.heartbeats += 1;
                say(&writer, &reply("ok", &json!({})));
            }
            "phx_join" if topic == closed => {
                say(&writer, &reply("error", &json!({ "reason": "the room is closed" })));
            }
            "phx_join" if topic.starts_with("room:") && join_ref.is_string() => {
                joined.insert(topic.clone(), join_ref.clone());
                *channels.joins.entry(topic.clone()).or_default() += 1;
                channels.most = channels.most.max(joined.len());
                channels.members.entry(topic.clone()).or_default().push(Arc::clone(&writer));
                say(&writer, &reply("ok", &json!({})));
                // Presence tracks who has joined; it tells everybody.
                say(&writer, &json!([join_ref, null, topic, "presence_state", {}]));
            }
            // Channels are looked up by their topic, and a join that is not the last one is of a channel that has gone.
            "new_msg" if joined.get(topic) != Some(join_ref) => {
                channels.faults.push(format!("unmatched topic: {said}"));
                say(&writer, &reply("error", &json!({ "reason": "unmatched topic" })));
            }
            "new_msg" => {
                channels.pushes += 1;
                let broadcast = json!([null, null, topic, "new_msg", payload]);
                channels.members[topic].iter().for_each(|member| say(member, &broadcast));
                say(&writer, &reply("ok", payload));
            }
            _ => channels.faults.push(said.to_string()),
        }
    }
}

/// A scenario of the page, at `address`, with heartbeats so often that a short trial has some.
fn scenario(folder: &tempfile::TempDir, address: SocketAddr) -> External {
    let file = folder.path().join("phoenix.toml");
    let lines = format!(
        "question = \"Does everything arrive?\"\npatterns = [\"websocket\"]\ntrials = 1\n\
         objectives = [\"reach >= 1\", \"duplicate == 0\"]\n[workload]\nclients = 6\ntopics = 2\nrate = \"25/s\"\n\
         [target]\ndialect = \"phoenix\"\nurl = \"http://{address}\"\n[[target.websocket.every]]\nspan = \"200ms\"\n\
         send = '[null,\"beat-{{{{seq}}}}\",\"phoenix\",\"heartbeat\",{{}}]'\n"
    );
    std::fs::write(&file, lines).unwrap();
    External::of(file.to_str().unwrap())
}

#[test]
fn every_event_reaches_every_member_of_a_room() {
    let folder = tempfile::tempdir().unwrap();
    let (address, channels) = phoenix("");
    let trials = scenario(&folder, address).run(&[]);
    assert_eq!(trials.len(), 1);
    assert_whole(&trials[0]);
    let channels = channels.lock().unwrap();
    assert!(channels.faults.is_empty(), "{:?}", channels.faults);
    // Three of the six clients are in each of the two rooms, and the publisher is in both, over one socket.
    assert_eq!(channels.pushes, count(&trials[0], "expected") / 3);
    let joins: Vec<_> = channels.joins.iter().map(|(topic, joins)| (&**topic, *joins)).collect();
    assert_eq!(joins, [("room:news-0", 4), ("room:news-1", 4)]);
    assert_eq!(channels.most, 2);
    assert!(channels.heartbeats >= 6, "{}", channels.heartbeats);
}

#[test]
fn a_join_that_is_refused_is_told_with_what_the_server_says() {
    let folder = tempfile::tempdir().unwrap();
    let (address, channels) = phoenix("room:news-1");
    let scenario = scenario(&folder, address);
    let output = scenario.command("run", &[]).output().unwrap();
    assert!(!output.status.success(), "{}", output.status);
    let report = std::fs::read_to_string(scenario.results(&output).join("report.md")).unwrap();
    assert!(report.contains("the room is closed"), "{report}");
    let channels = channels.lock().unwrap();
    assert!(channels.faults.is_empty(), "{:?}", channels.faults);
    assert_eq!(channels.pushes, 0);
}
