//! nginx with nchan: every event reaches every subscriber, by four ways; a buffer that is too small loses some, and the count
//! of the loss is that of the server.

use crate::external_support::{External, Program, are_here, assert_whole, count};
use crate::support::number;

const NCHAN: [Program; 3] = [
    Program { variable: "NGINX", name: "nginx" },
    Program { variable: "NCHAN_MODULE", name: "/usr/lib/nginx/modules/ngx_nchan_module.so" },
    Program { variable: "", name: "curl" },
];
const STATUS: &str = "{{port}}/status";

/// Messages that nchan took, of its page of statistics.
fn taken(page: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix("total published messages: "));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("{page}"))
}

#[test]
fn every_event_reaches_every_client_by_each_pattern() {
    if !are_here("nginx with nchan", &NCHAN) {
        return;
    }
    for pattern in ["short-poll", "long-poll", "sse", "websocket"] {
        let nchan = External::that_reports("nchan.toml", STATUS);
        let trials = nchan.run(&[
            &format!("patterns=[{pattern:?}]"),
            "short-poll.interval=200ms",
            "objectives=[\"reach >= 1\", \"lost == 0\", \"duplicate == 0\", \"reordered == 0\"]",
        ]);
        assert_eq!(trials.len(), 1);
        assert_eq!(trials[0]["pattern"], pattern);
        assert_whole(&trials[0]);
        assert_eq!(count(&trials[0], "expected"), 6 * taken(&nchan.account()), "{pattern}");
        if pattern == "short-poll" {
            // One event per answer: most polls are beside the schedule, and are requests like any other.
            let per_s = number(&trials[0], "target_requests_per_s");
            assert!(per_s * 2.0 > number(&trials[0], "requests"), "{:?}", trials[0]);
        }
        // What only the built-in server tells.
        for empty in ["publish_slip_ns_p50", "written_ns_p50"] {
            assert_eq!(trials[0][empty], "", "{empty}");
        }
    }
}

#[test]
fn what_a_buffer_of_one_event_cannot_hold_is_lost_and_counted() {
    if !are_here("nchan with a buffer of one event", &NCHAN) {
        return;
    }
    let nchan = External::that_reports("nchan.toml", STATUS);
    let mut run = nchan.command(
        "run",
        &[
            "patterns=[\"long-poll\"]",
            "workload.arrivals=burst",
            "workload.rate=20/s",
            // So many that some are always between two polls.
            "workload.clients=100",
            "phases.drain=2s",
            "objectives=[\"lost == 0\"]",
        ],
    );
    let output = run.env("NCHAN_BUFFER", "1").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let trials = crate::support::rows(&nchan.results(&output).join("trials.csv"));
    let (expected, delivered) = (count(&trials[0], "expected"), count(&trials[0], "delivered"));
    assert_eq!(expected, 100 * taken(&nchan.account()));
    assert!(count(&trials[0], "lost") > 0 && delivered > 0, "{:?}", trials[0]);
    assert_eq!(count(&trials[0], "lost"), expected - delivered);
}

/// Each pattern has a position that the server gave: an id of an event, of a frame, or two headers of an answer.
#[test]
fn clients_who_leave_and_come_back_miss_nothing() {
    if !are_here("nchan with churn", &NCHAN) {
        return;
    }
    for pattern in ["long-poll", "sse", "websocket"] {
        let nchan = External::of("scenarios/external/nchan.toml");
        let trials = nchan.run(&[
            &format!("patterns=[{pattern:?}]"),
            "workload.churn=10/s",
            "workload.rate=20/s",
            // Who has received nothing yet has no position: everybody has one when the window begins.
            "phases.warmup=500ms",
        ]);
        assert_eq!(trials[0]["pattern"], pattern);
        assert_whole(&trials[0]);
    }
}
