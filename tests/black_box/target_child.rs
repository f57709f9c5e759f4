//! The target as a child of a conductor, and as `tidings serve`: processes of the real binary.

use crate::target_support;

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use target_support::{Client, until};
use tidings::clock;
use tidings::control::{
    Assignment, Order, PROTOCOL_VERSION, Report, TargetAssignment, read_frame, write_frame,
};
use tidings::event::Page;
use tidings::measure::Counter;
use tidings::pace::{ArrivalProcess, PollPace, Schedule};
use tidings::scenario::{
    Case, Conditions, Faults, Limits, Pattern, Publish, ShortPollOptions, Transport, Workload,
};
use tidings::unit::{ByteSize, Rate, Span};

/// A child process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tidings(arguments: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process(command.spawn().unwrap())
}

fn child() -> (Process, ChildStdin, ChildStdout) {
    let mut process = tidings(&["target"]);
    let (stdin, stdout) = (process.0.stdin.take().unwrap(), process.0.stdout.take().unwrap());
    (process, stdin, stdout)
}

fn schedule() -> Schedule {
    let process = ArrivalProcess::Poisson;
    Schedule { seed: 1, topics: 2, per_s: 200.0, process, until_ns: 300_000_000 }
}

fn prepare(version: u32, listen: SocketAddr) -> Order {
    let workload = Workload {
        clients: 2,
        topics: 2,
        rate: Rate::per_second(200.0),
        arrivals: ArrivalProcess::Poisson,
        payload: ByteSize::new(100),
        payload_kind: tidings::event::PayloadKind::default(),
        late_after: Span::from_secs(1),
        churn: Rate::per_second(0.0),
        publish: Publish::Target,
        unconnected: tidings::scenario::Unconnected::Fail,
    };
    let short_poll = ShortPollOptions {
        interval: Span::from_secs(1),
        limit: 100,
        synchronised: false,
        pace: PollPace::FixedRate,
        jitter: 0.0,
        conditional: false,
        cache: false,
        timeout: Span::from_secs(1),
    };
    let case = Case {
        id: "short-poll".to_owned(),
        pattern: Pattern::ShortPoll(short_poll),
        workload,
        transport: Transport::default(),
        faults: Faults::default(),
        conditions: Conditions::default(),
    };
    let assignment = TargetAssignment {
        observers: tidings::control::Observers::default(),
        case,
        listen,
        shards: 2,
        first_core: 0,
        pinned: false,
        ring: 1000,
        max_concurrent_streams: 200,
        limits: Limits::default(),
        send_buffer: ByteSize::new(65_536),
        write_timeout: Span::from_secs(30),
        resume: None,
        data: None,
        trust: None,
        schedule: Some(schedule()),
        window: 100_000_000..200_000_000,
        null: false,
        seed: 1,
    };
    Order::Prepare { version, assignment: Box::new(Assignment::Target(assignment)) }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn a_trial_goes_from_prepare_to_done() {
    let (mut process, mut orders, mut reports) = child();
    write_frame(&mut orders, &prepare(PROTOCOL_VERSION, any_port())).unwrap();
    let Some(Report::Ready { address: Some(address), .. }) = read_frame(&mut reports).unwrap()
    else {
        panic!("not ready")
    };
    let path = "/topics/news-1/events?limit=1000";
    let page = || -> Page {
        serde_json::from_slice(&Client::connect(address).send("GET", path, None).body).unwrap()
    };
    assert_eq!(page().next.seq, 0, "nothing is published before the start");
    let at_ns = clock::now() + 20_000_000;
    write_frame(&mut orders, &Order::Start { at_ns }).unwrap();
    let dues: Vec<u64> = schedule().topic(1).map(|offset| at_ns + offset).collect();
    until("the end of the schedule", || page().next.seq == dues.len() as u64);
    assert_eq!(page().events.iter().map(|event| event.due_ns).collect::<Vec<_>>(), dues);
    assert!(page().events.iter().all(|event| event.published_ns >= event.due_ns));

    write_frame(&mut orders, &Order::Finish).unwrap();
    let Some(Report::Done { snapshot }) = read_frame(&mut reports).unwrap() else {
        panic!("not done")
    };
    let window = 100_000_000..200_000_000u64;
    let inside = (0..2).flat_map(|topic| schedule().topic(topic)).filter(|at| window.contains(at));
    assert_eq!(snapshot.counters.get(Counter::Published), inside.count() as u64);
    assert!(process.0.wait().unwrap().success());
}

#[test]
fn a_target_that_cannot_run_reports_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for (order, word) in [
        (prepare(PROTOCOL_VERSION + 1, any_port()), "version"),
        (prepare(PROTOCOL_VERSION, taken.local_addr().unwrap()), "cannot listen"),
        (Order::Continue, "Prepare"),
    ] {
        let (mut process, mut orders, mut reports) = child();
        write_frame(&mut orders, &order).unwrap();
        match read_frame(&mut reports).unwrap() {
            Some(Report::Failed { reason }) => assert!(reason.contains(word), "{reason}"),
            other => panic!("{word}: {other:?}"),
        }
        assert!(!process.0.wait().unwrap().success());
    }
}

#[test]
fn a_target_does_not_outlive_its_conductor() {
    let (mut process, mut orders, mut reports) = child();
    write_frame(&mut orders, &prepare(PROTOCOL_VERSION, any_port())).unwrap();
    assert!(matches!(read_frame(&mut reports).unwrap(), Some(Report::Ready { .. })));
    drop(orders);
    assert!(!process.0.wait().unwrap().success());
}

#[test]
fn serve_prints_its_address_publishes_and_ends_by_signal() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut process = tidings(&["serve", "--listen", "127.0.0.1:0", "--rate", "100/s"]);
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line);
        let path = "/topics/news-0/events?since=0&wait=20s";
        let news = Client::connect(address.parse().unwrap()).send("GET", path, None);
        assert_eq!(news.status, 200);
        kill_process(Pid::from_child(&process.0), signal).unwrap();
        assert_eq!(process.0.wait().unwrap().code(), Some(status));
    }
}

#[test]
fn serve_refuses_impossible_options_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, word) in [
        (["--listen", address.as_str()], "port 0"),
        (["--listen", "nowhere"], "--listen"),
        (["--topics", "0"], "--topics"),
        (["--rate", "5"], "10k/s"),
        (["--payload", "1B"], "--payload"),
        (
            ["--fault", "dorp=1"],
            "--fault dorp=1: unknown key 'dorp' in [faults]; did you mean 'drop'?",
        ),
    ] {
        let mut process = tidings(&[&["serve"][..], &arguments].concat());
        assert_eq!(process.0.wait().unwrap().code(), Some(2), "{arguments:?}");
        let mut message = String::new();
        process.0.stderr.take().unwrap().read_to_string(&mut message).unwrap();
        assert!(message.contains(word), "{arguments:?}: {message}");
    }
}
