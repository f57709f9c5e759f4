//! What a client costs.

use std::net::SocketAddr;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

use super::*;
use crate::net::Dialer;
use crate::pace::{ArrivalProcess, Pacing, Schedule, Timer};
use crate::scenario;

/// Bytes of the state in which a client of `pattern` waits, whatever it waits for.
fn size(pattern: &str) -> usize {
    let text = format!(
        "floor = false\nquestion = \"How large?\"\npatterns = [\"{pattern}\"]\n[workload]\nclients = 10\nrate = \"1/s\"\n"
    );
    let case = scenario::parse(&text, "x.toml", &[], &|_| None).unwrap().cases.remove(0);
    let target: SocketAddr = ([127, 0, 0, 1], 1).into();
    let process = ArrivalProcess::default();
    let schedule = Schedule { seed: 1, topics: 1, per_s: 1.0, process, until_ns: 1_000_000_000 };
    let (_start, timeline) = watch::channel(None);
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build_local(LocalOptions::default()).unwrap().block_on(async {
        let (timer, _drive) = Timer::new(Pacing::default()).unwrap();
        let dialer = Dialer::new(target, Rc::default());
        let context = Context::new(case, dialer, timer, schedule, 0..1_000_000_000, timeline);
        size_of_val(&*driver(Rc::new(context).link(0)))
    })
}

#[test]
fn what_a_client_holds_while_it_waits_stays_small() {
    for (pattern, most) in [
        ("websocket", 360),
        ("sse", 480),
        ("long-poll", 830),
        ("short-poll", 710),
        ("webhook", 370),
        ("request", 1600),
    ] {
        let held = size(pattern);
        assert!(held <= most, "{pattern}: {held} bytes, at most {most}");
    }
}
