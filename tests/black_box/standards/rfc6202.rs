//! RFC 6202 (long polling): which requests are held, and how long.

use super::{Row, ask, get, run, target};
use tidings::server::Options;

fn rows() -> Vec<Row> {
    vec![
        get("2.2: what there is comes at once", "/topics/news-0/events?since=1&wait=30s", &[])
            .gives(200)
            .says("\"next\":\"3-"),
        get("5.6: no cache may keep it", "/topics/news-0/events?since=1&wait=30s", &[])
            .gives(200)
            .has("cache-control", "no-store"),
        get(
            "5.5: after the time nothing is said, and it is no error",
            "/topics/news-0/events?since=3&wait=20ms",
            &[],
        )
        .gives(204)
        .has("cache-control", "no-store")
        .lacks("content-type"),
        get("a wait in seconds", "/topics/news-0/events?since=3&wait=0", &[]).gives(204),
        get(
            "5.5: strict: so that no connection is held for ever",
            "/topics/news-0/events?since=3&wait=601s",
            &[],
        )
        .gives(400)
        .says("600"),
        get("a wait that is none", "/topics/news-0/events?since=3&wait=soon", &[]).gives(400),
        get("an empty one", "/topics/news-0/events?since=3&wait=", &[]).gives(400),
        get(
            "a condition does not keep it from waiting",
            "/topics/news-0/events?since=3&wait=10ms",
            &["if-none-match: *"],
        )
        .gives(204),
        ask(
            "9.3.2 of RFC 9110: HEAD waits for nothing",
            "HEAD /topics/news-0/events?since=3&wait=600s",
            &[],
            "",
        )
        .gives(204),
        get("without a wait it is a short poll", "/topics/news-0/events?since=3", &[])
            .gives(200)
            .says("\"events\":[]"),
        get(
            "2.2: on a connection that stays",
            "/topics/news-0/events?since=3&wait=5ms",
            &["connection: keep-alive"],
        )
        .gives(204)
        .lacks("connection"),
        get(
            "which the client may end",
            "/topics/news-0/events?since=3&wait=5ms",
            &["connection: close"],
        )
        .gives(204)
        .ends(),
    ]
}

#[test]
fn polls_are_held_as_rfc_6202_has_it() {
    run(&target(Options::default()), &rows());
}
