//! WHATWG HTML, section 9.2 (server-sent events): what an `EventSource` needs of an answer, and what it sends.

use super::{Row, ask, get, raw, run, target};
use tidings::server::Options;

const STREAM: &str = "/topics/news-0/stream";

fn rows() -> Vec<Row> {
    vec![
        get("9.2.3: 200 and the type open it", STREAM, &["accept: text/event-stream"])
            .gives(200)
            .has("content-type", "text/event-stream")
            .has("cache-control", "no-store"),
        get("9.2.6: a time to come back after, first", STREAM, &[]).gives(200).says("retry: "),
        get("9.2.2: the last id is a cursor", STREAM, &["last-event-id: 2"])
            .gives(200)
            .says("id: 3-"),
        get("9.2.4: its name in any case", STREAM, &["LAST-EVENT-ID: 2"]).gives(200).says("id: 3-"),
        get("5.5 of RFC 9110: space around it", STREAM, &["last-event-id: \t2 "])
            .gives(200)
            .says("id: 3-"),
        get(
            "9.2.4: it overrules the URL, which is that of the first time",
            "/topics/news-0/stream?since=0",
            &["last-event-id: 2"],
        )
        .gives(200)
        .says("after 2"),
        get("a cursor in the URL", "/topics/news-0/stream?since=1", &[]).gives(200).says("id: 2-"),
        get("an escaped one", "/topics/news-0/stream?%73ince=%31", &[]).gives(200).says("id: 2-"),
        get("an escaped topic", "/topics/%6Eews-0/stream?since=2", &[]).gives(200).says("id: 3-"),
        raw(
            "strict, 9.2.6: no id has a NUL, and no field may",
            "GET /topics/news-0/stream HTTP/1.1\r\nhost: t\r\nlast-event-id: 2\0\r\n\r\n",
        )
        .gives(400)
        .ends(),
        get("what else it accepts is no matter", STREAM, &["accept: application/json"])
            .gives(200)
            .has("content-type", "text/event-stream"),
        get("9.2.3: what there is not ends it for good", "/topics/none/stream", &[]).gives(404),
        ask("it is read with GET", "POST /topics/news-0/stream", &[], "")
            .gives(405)
            .has("allow", "GET"),
        ask("HEAD would hold for nothing", "HEAD /topics/news-0/stream", &[], "").gives(405),
    ]
}

#[test]
fn streams_are_opened_as_whatwg_html_has_it() {
    run(&target(Options::default()), &rows());
}
