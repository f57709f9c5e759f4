//! RFC 3986 (URIs) and the WHATWG URL standard's form encoding: paths, escapes, queries.

use super::{Row, ask, get, run, target};
use tidings::server::Options;

#[expect(clippy::too_many_lines, reason = "one table: a row a clause")]
fn rows() -> Vec<Row> {
    let json = ["content-type: application/json"];
    vec![
        get(
            "2.3, 6.2.2.2: an escaped unreserved letter is the letter",
            "/topics/%6eews-0/events",
            &[],
        )
        .gives(200)
        .says("\"topic\":\"news-0\""),
        get("2.1: digits of escapes are of any case", "/topics/%4E%65ws-0/events", &[]).gives(404),
        get("2.1: lower and upper digits are the same", "/topics/%6Eew%73%2d0/events", &[])
            .gives(200),
        get("6.2.2.2: so in every segment", "/%69tems/%31", &[]).gives(200),
        get("3.3: unreserved marks need no escape", "/topics/a.b_c~D-0/events", &[]).gives(200),
        get("3.3: nor harm with one", "/topics/a%2Eb%5fc%7ED%2d0/events", &[]).gives(200),
        get("2.2: an escaped slash separates nothing", "/topics%2Fnews-0/events", &[]).gives(404),
        get("2.2: nor does one inside a name", "/topics/news-0%2fevents", &[]).gives(404),
        get("2.4: unescaped once, never twice", "/topics/%256eews-0/events", &[]).gives(404),
        get(
            "strict, 2.1: a % that begins no escape; readers would differ",
            "/topics/%zz/events",
            &[],
        )
        .gives(400)
        .has("content-type", "application/problem+json")
        .says("%25"),
        get("strict, 2.1: half an escape", "/topics/news-0%6/events", &[]).gives(400),
        get("strict, 2.1: a lone %", "/items/%", &[]).gives(400),
        get("strict, 2.5: bytes that are not UTF-8 name nothing", "/topics/%ff%fe/events", &[])
            .gives(400),
        get("an overlong form of a slash is not UTF-8", "/topics/%c0%af/events", &[]).gives(400),
        get("a name outside ASCII, escaped: there is none", "/topics/%C3%A9/events", &[])
            .gives(404),
        get("an escaped NUL is no end of the name", "/topics/news-0%00/events", &[]).gives(404),
        ask("such a name can be no topic's", "POST /topics/a%00b/events", &json, r#"{"data":1}"#)
            .gives(422),
        ask("nor a step of a path (3.3)", "POST /topics/%2e%2e/events", &json, r#"{"data":1}"#)
            .gives(422),
        ask("nor one with a slash", "POST /topics/a%2Fb/events", &json, r#"{"data":1}"#).gives(422),
        ask(
            "an escaped name publishes into the same topic",
            "POST /topics/a%2Eb_c~D-0/events",
            &json,
            r#"{"data":1}"#,
        )
        .gives(201)
        .says("\"topic\":\"a.b_c~D-0\""),
        get("a plus in a path is a plus", "/topics/news+0/events", &[]).gives(404),
        get("5.2.4: steps are for clients to remove", "/topics/../items", &[]).gives(404),
        get("6.2.2.1: paths are of one case", "/Items", &[]).gives(404),
        get("an empty segment is one", "//items", &[]).gives(404),
        get("and so is the last", "/items/", &[]).gives(404),
        get("3.4: an empty query", "/items?", &[]).gives(200),
        get("form: an escaped value", "/items?limit=%31", &[]).gives(200),
        get("form: an escaped name", "/topics/news-0/events?%73ince=2&limit=1", &[])
            .gives(200)
            .says("\"next\":\"3-"),
        get("form: unknown names are passed over", "/items?x=%zz&&=&y&limit=1", &[]).gives(200),
        get(
            "form: of repeated names the first counts",
            "/topics/news-0/events?since=2&since=0",
            &[],
        )
        .gives(200)
        .says("\"seq\":3"),
        get("form: names are of one case", "/items?LIMIT=0", &[]).gives(200),
        get("form: a semicolon separates nothing", "/items?limit=1;cursor=x", &[]).gives(400),
        get("form: what follows the first = is the value", "/items?limit=1=1", &[]).gives(400),
        get(
            "strict: an empty cursor; to begin at 0 would repeat everything",
            "/topics/news-0/events?since=",
            &[],
        )
        .gives(400),
        get("a name without a value has an empty one", "/items?limit", &[]).gives(400),
        get("strict: a plus is a space, and no number", "/items?limit=+1", &[]).gives(400),
        get("strict: nor is an escaped plus", "/items?limit=%2B1", &[]).gives(400),
        get("strict: an invalid escape is no number", "/items?limit=%zz", &[])
            .gives(400)
            .says("%zz"),
        get("strict: double escapes are no number", "/items?limit=%2531", &[]).gives(400),
        get("strict: digits of other scripts are no number", "/items?limit=%D9%A1", &[]).gives(400),
        get("strict: nor is what no number holds", "/items?limit=18446744073709551617", &[])
            .gives(400),
        get("3.4: a query may have slashes and question marks", "/items?x=/?&limit=1", &[])
            .gives(200),
        get("3.5: a fragment is not sent; it is passed over", "/items#part", &[]).gives(200),
    ]
}

#[test]
fn uris_are_read_as_rfc_3986_has_it() {
    run(&target(Options::default()), &rows());
}
