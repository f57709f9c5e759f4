//! `PocketBase`: a log-in and a collection before, a stream with a second request, a list that is polled by a number.

use crate::external_support::{External, Program, are_here, assert_whole};

const POCKETBASE: [Program; 1] = [Program { variable: "POCKETBASE", name: "pocketbase" }];

#[test]
fn every_record_reaches_every_client_by_stream_and_by_poll() {
    if !are_here("PocketBase", &POCKETBASE) {
        return;
    }
    for pattern in ["short-poll", "sse"] {
        let pocketbase = External::of("scenarios/external/pocketbase.toml");
        let trials = pocketbase.run(&[
            &format!("patterns=[{pattern:?}]"),
            "workload.topics=2",
            "workload.rate=10/s",
            "short-poll.interval=200ms",
            "objectives=[\"reach >= 1\"]",
        ]);
        assert_eq!(trials.len(), 1);
        assert_whole(&trials[0]);
    }
}
