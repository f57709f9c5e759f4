//! The null target over raw sockets: a process of the real binary, under the control protocol.

use crate::target_support;

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use target_support::Client;
use target_support::websocket::{text, upgrade};
use tidings::clock;
use tidings::control::{
    Assignment, Order, PROTOCOL_VERSION, Report, TargetAssignment, read_frame, write_frame,
};
use tidings::event::Event;
use tidings::measure::Counter;
use tidings::pace::{ArrivalProcess, Schedule};
use tidings::scenario::{Case, Pattern, Publish, WebSocketOptions, Workload};
use tidings::unit::{ByteSize, Rate, Span};

/// A null target in a separate process; killed when dropped.
struct NullTarget {
    process: Child,
    orders: ChildStdin,
    reports: ChildStdout,
    address: SocketAddr,
}

impl Drop for NullTarget {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two topics at this rate per second for 0.3 s, measured in the middle third.
fn schedule(per_s: f64) -> Schedule {
    let process = ArrivalProcess::Poisson;
    Schedule { seed: 1, topics: 2, per_s, process, until_ns: 300_000_000 }
}

impl NullTarget {
    fn start(per_s: f64, payload: u64) -> Self {
        let workload = Workload {
            clients: 3,
            topics: 2,
            rate: Rate::per_second(per_s),
            arrivals: ArrivalProcess::Poisson,
            payload: ByteSize::new(payload),
            payload_kind: tidings::event::PayloadKind::default(),
            late_after: Span::from_secs(1),
            churn: Rate::per_second(0.0),
            publish: Publish::Target,
            unconnected: tidings::scenario::Unconnected::Fail,
        };
        let pattern = Pattern::WebSocket(WebSocketOptions::default());
        let assignment = Assignment::Target(TargetAssignment {
            observers: tidings::control::Observers::default(),
            case: Case {
                id: "websocket".to_owned(),
                pattern,
                workload,
                transport: tidings::scenario::Transport::default(),
                faults: tidings::scenario::Faults::default(),
                conditions: tidings::scenario::Conditions::default(),
            },
            listen: "127.0.0.1:0".parse().unwrap(),
            shards: 2,
            first_core: 0,
            pinned: false,
            ring: 1000,
            max_concurrent_streams: 200,
            schedule: Some(schedule(per_s)),
            window: 100_000_000..200_000_000,
            null: true,
            seed: 1,
            send_buffer: ByteSize::new(65_536),
            write_timeout: Span::from_secs(30),
            resume: None,
            data: None,
            trust: None,
            limits: tidings::scenario::Limits::default(),
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
        command.arg("target").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut orders = process.stdin.take().unwrap();
        let mut reports = process.stdout.take().unwrap();
        let assignment = Box::new(assignment);
        write_frame(&mut orders, &Order::Prepare { version: PROTOCOL_VERSION, assignment })
            .unwrap();
        let Some(Report::Ready { address: Some(address), trust: None }) =
            read_frame(&mut reports).unwrap()
        else {
            panic!("not ready")
        };
        Self { process, orders, reports, address }
    }

    /// Begins the schedule; returns its start.
    fn publish(&mut self) -> u64 {
        let at_ns = clock::now() + 20_000_000;
        write_frame(&mut self.orders, &Order::Start { at_ns }).unwrap();
        at_ns
    }

    /// Ends it; returns how many events it says it published in the window.
    fn finish(mut self) -> u64 {
        write_frame(&mut self.orders, &Order::Finish).unwrap();
        let Some(Report::Done { snapshot }) = read_frame(&mut self.reports).unwrap() else {
            panic!("not done")
        };
        assert!(self.process.wait().unwrap().success());
        snapshot.counters.get(Counter::Published)
    }

    fn subscribe(&self, topic: u64) -> Client {
        upgrade(Client::connect(self.address), &format!("/topics/news-{topic}/ws?since=0"))
    }
}

/// Reads every event of a topic, and holds each against the schedule.
fn read_topic(client: &mut Client, topic: u64, per_s: f64, at_ns: u64, payload: usize) {
    for (seq, offset_ns) in (1..).zip(schedule(per_s).topic(topic)) {
        let text = text(client);
        let event: Event<'_> = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            (event.topic.as_ref(), event.seq, event.due_ns),
            (format!("news-{topic}").as_str(), seq, at_ns + offset_ns)
        );
        assert!(event.published_ns >= event.due_ns);
        assert_eq!(event.data.get().len(), payload);
    }
}

fn measured(per_s: f64) -> u64 {
    let window = 100_000_000..200_000_000;
    let dues = (0..2).flat_map(|topic| schedule(per_s).topic(topic));
    dues.filter(|at| window.contains(at)).count() as u64
}

#[test]
fn every_operation_on_items_is_answered_as_the_workers_expect() {
    let target = NullTarget::start(10.0, 500);
    let mut client = Client::connect(target.address);
    let item = serde_json::json!({ "name": "item", "data": "x".repeat(300) });
    for round in 0..3 {
        let created = client.send("POST", "/items", Some(item.clone()));
        assert_eq!(created.status, 201, "{round}");
        let path = format!("/items/{}", created.json()["id"].as_str().unwrap());
        assert_eq!(created.json()["data"].as_str().unwrap().len(), 498, "the payload, in quotes");
        assert_eq!(client.send("GET", &path, None).status, 200);
        assert_eq!(client.send("PUT", &path, Some(item.clone())).status, 200);
        assert_eq!(client.send("GET", "/items?limit=20", None).status, 200);
        let deleted = client.send("DELETE", &path, None);
        assert_eq!((deleted.status, deleted.header("content-length")), (204, None));
    }
    // Two pipelined requests, the second in two pieces, are answered in turn.
    client
        .write(b"GET /items/1 HTTP/1.1\r\n\r\nPOST /items HTTP/1.1\r\ncontent-length: 4\r\n\r\n12");
    assert_eq!(client.answer("GET").status, 200);
    client.write(b"34");
    assert_eq!(client.answer("POST").status, 201);
}

#[test]
fn invalid_http_ends_only_its_own_connection() {
    let target = NullTarget::start(10.0, 64);
    let mut sound = Client::connect(target.address);
    for words in [&b"hello there\r\n\r\n"[..], b"GET /topics/news-0/ws HTTP/1.1\r\n\r\n"] {
        let mut client = Client::connect(target.address);
        client.write(words);
        assert_eq!(client.reader.read(&mut [0; 16]).unwrap_or(0), 0, "closed");
        assert_eq!(sound.send("GET", "/items/1", None).status, 200);
    }
}

#[test]
fn every_event_reaches_every_subscriber_of_its_topic_once_and_in_order() {
    let mut target = NullTarget::start(200.0, 100);
    let topics = [0, 1, 0];
    let mut clients: Vec<Client> = topics.iter().map(|&topic| target.subscribe(topic)).collect();
    let at_ns = target.publish();
    for (client, topic) in clients.iter_mut().zip(topics) {
        read_topic(client, topic, 200.0, at_ns, 100);
    }
    assert_eq!(target.finish(), measured(200.0));
    for mut client in clients {
        assert_eq!(client.reader.read(&mut [0; 16]).unwrap_or(0), 0, "and nothing more");
    }
}

#[test]
fn a_slow_subscriber_gets_whole_frames() {
    // Some 3 MB: more than kernels buffer unread, less than the target keeps.
    let (per_s, payload) = (100.0, 100_000);
    let mut target = NullTarget::start(per_s, payload as u64);
    let mut slow = target.subscribe(1);
    let mut quick = target.subscribe(1);
    let at_ns = target.publish();
    read_topic(&mut quick, 1, per_s, at_ns, payload);
    read_topic(&mut slow, 1, per_s, at_ns, payload);
    assert_eq!(target.finish(), measured(per_s));
}
