//! RFC 9110 (HTTP semantics): methods, media types, negotiation, conditions, expectations.

use super::{Row, ask, get, post, run, target};
use tidings::server::Options;

fn methods() -> Vec<Row> {
    let json = ["content-type: application/json"];
    vec![
        ask("9.1: methods are of one case", "get /items", &[], "")
            .gives(405)
            .has("allow", "GET, HEAD, POST"),
        ask("9.3.2: HEAD is GET without a body", "HEAD /items", &[], "")
            .gives(200)
            .has("content-length", ""),
        ask("9.3.2: also of what there is not", "HEAD /nowhere", &[], "").gives(404),
        ask("9.3.7: OPTIONS names the methods", "OPTIONS /items/1", &[], "")
            .gives(204)
            .has("allow", "GET, HEAD, PUT, PATCH, DELETE"),
        ask("9.3.7: OPTIONS of the whole server", "OPTIONS *", &[], "")
            .gives(204)
            .has("allow", "OPTIONS"),
        ask(
            "strict, 9.3.8: TRACE would show a page its own secrets",
            "TRACE /items",
            &["x-secret: 1"],
            "",
        )
        .gives(405)
        .has("allow", "GET, HEAD, POST"),
        ask("strict, 9.3.6: CONNECT; this is no proxy", "CONNECT target:80", &[], "").gives(501),
        ask("15.5.6: a method that is not known", "BREW /items", &[], "")
            .gives(405)
            .has("allow", "GET"),
        get("9.3.1: a body of a GET means nothing", "/items", &["content-length: 0"]).gives(200),
        ask("9.3.5: nor does that of a DELETE", "DELETE /items/99", &json, "{}").gives(404),
        ask(
            "10.1.1: what is expected is of any case",
            "POST /items",
            &["content-type: application/json", "expect: 100-Continue"],
            "{}",
        )
        .answers(&[100, 201]),
        ask(
            "10.1.1: a refusal comes in place of 100",
            "POST /items",
            &["content-type: text/plain", "expect: 100-continue"],
            "{}",
        )
        .gives(415),
        ask(
            "strict, 10.1.1: another expectation would be waited for in vain",
            "POST /items",
            &["content-type: application/json", "expect: magic"],
            "{}",
        )
        .gives(417)
        .ends(),
        get(
            "7.8: an upgrade to what is not spoken is passed over",
            "/items",
            &["connection: upgrade", "upgrade: h2c"],
        )
        .gives(200),
        get("14.2: ranges are optional", "/items/1", &["range: bytes=0-0"]).gives(200),
        get("5.1: names of fields are of any case", "/items/1", &["ACCEPT: application/xml"])
            .gives(200)
            .has("content-type", "application/xml"),
        get(
            "5.5: space around a value is none of it",
            "/items/1",
            &["accept: \t application/xml \t"],
        )
        .gives(200)
        .has("content-type", "application/xml"),
    ]
}

/// Content types of a body.
#[expect(clippy::too_many_lines, reason = "one table: a row a clause")]
fn content_types() -> Vec<Row> {
    let good = |clause, value: &str| post(clause, &[&format!("content-type: {value}")]).gives(201);
    let bad = |clause, value: &str| {
        post(clause, &[&format!("content-type: {value}")])
            .gives(415)
            .has("accept", "application/json")
    };
    vec![
        good("8.3.1: the type", "application/json"),
        good("8.3.1: of any case", "Application/JSON"),
        good("8.3.2: charset in any case", "application/json; charset=UTF-8"),
        good("WHATWG Encoding, 4.2: another label of UTF-8", "application/json; charset=utf8"),
        good("5.6.6: a quoted value", "application/json; charset=\"utf-8\""),
        good("5.6.4: with a quoted pair", "application/json; charset=\"utf\\-8\""),
        good("5.6.6: names in any case", "application/json; CHARSET=utf8"),
        good("5.6.6: no space", "application/json;charset=utf-8"),
        good("5.6.6: any space", "application/json \t; \t charset=utf-8"),
        good(
            "5.6.3: space around =, which is bad and harmless",
            "application/json; charset = utf-8",
        ),
        good("5.6.6: an empty parameter", "application/json;"),
        good("5.6.6: several of them", "application/json; ; charset=utf-8;"),
        good(
            "RFC 8259, 11: other parameters mean nothing",
            "application/json; version=1; q=\"a;b\"",
        ),
        good("quotes that people write", "application/json; charset='utf-8'"),
        good("ASCII is UTF-8", "application/json; charset=us-ascii"),
        good("a charset of nothing", "application/json; charset="),
        good("RFC 6839: a structured suffix", "application/vnd.api+json"),
        good("RFC 6839: of any case, with parameters", "Application/LD+JSON; profile=\"x\""),
        bad(
            "strict: a body that is said to be another charset's",
            "application/json; charset=latin1",
        ),
        bad("strict: nor UTF-16", "application/json; charset=utf-16"),
        bad(
            "strict: all charsets must be UTF-8",
            "application/json; charset=utf-8; charset=latin1",
        ),
        bad(
            "strict: a form, which a page of any site can send",
            "application/x-www-form-urlencoded",
        ),
        bad("strict: text, likewise", "text/plain"),
        bad("strict: text that has JSON in a parameter", "text/plain; x=application/json"),
        bad(
            "strict: text behind a comma (Fetch 2.2.2 reads the last)",
            "application/json, text/plain",
        ),
        bad("strict: a patch is no item", "application/json-patch+json"),
        bad("strict: nor is a merge patch", "application/merge-patch+json"),
        bad("strict: nor a problem", "application/problem+json"),
        bad("no type", "json"),
        bad("no subtype", "application/"),
        bad("a longer name", "application/jsonp"),
        bad("space in the type", "application / json"),
        bad("an empty field says nothing", ""),
        post("strict, 8.3: what it is must be said: a page can send what says nothing", &[])
            .gives(415),
        post(
            "5.3: twice the same is once",
            &["content-type: application/json", "Content-Type: application/json"],
        )
        .gives(201),
        post(
            "strict, 5.3: two types are none",
            &["content-type: application/json", "content-type: text/plain"],
        )
        .gives(415),
        post(
            "strict, 5.3: in either order",
            &["content-type: text/plain", "content-type: application/json"],
        )
        .gives(415),
        post(
            "8.4: no coding, by its name, in any case",
            &["content-type: application/json", "content-encoding: Identity"],
        )
        .gives(201),
        post(
            "8.4: an empty list of codings",
            &["content-type: application/json", "content-encoding: ,"],
        )
        .gives(201),
        post(
            "8.4: a coding that is not understood",
            &["content-type: application/json", "content-encoding: gzip"],
        )
        .gives(415)
        .has("accept-encoding", "identity"),
        post(
            "8.4: in a second line",
            &[
                "content-type: application/json",
                "content-encoding: identity",
                "content-encoding: br",
            ],
        )
        .gives(415),
        ask(
            "a patch is a merge patch",
            "PATCH /items/1",
            &["content-type: application/merge-patch+json; charset=utf8"],
            "{}",
        )
        .gives(200),
        ask(
            "strict: what another kind of patch means is not known",
            "PATCH /items/1",
            &["content-type: application/json-patch+json"],
            "[]",
        )
        .gives(415)
        .has("accept-patch", "application/merge-patch+json"),
        ask(
            "XML by its suffix",
            "POST /items",
            &["content-type: application/vnd.x+xml"],
            "<item/>",
        )
        .gives(201),
        ask(
            "events are JSON",
            "POST /topics/news-0/events",
            &["content-type: application/json;charset=UTF8"],
            r#"{"data":1}"#,
        )
        .gives(201),
        ask(
            "strict: webhooks are, too; a form of another site registers none",
            "POST /webhooks",
            &["content-type: text/plain"],
            "{}",
        )
        .gives(415),
        ask("nor does what says nothing", "POST /webhooks", &[], "{}").gives(415),
    ]
}

/// `Accept` headers of a client.
fn accepting() -> Vec<Row> {
    let json = |clause, lines: &[&str]| {
        get(clause, "/items/1", lines).gives(200).has("content-type", "application/json")
    };
    let xml = |clause, lines: &[&str]| {
        get(clause, "/items/1", lines)
            .gives(200)
            .has("content-type", "application/xml")
            .has("vary", "accept")
    };
    let none = |clause, line: &str| get(clause, "/items/1", &[line]).gives(406);
    vec![
        json("12.5.1: without it everything is welcome", &[]),
        json("12.5.1: an empty one says nothing", &["accept:"]),
        json("5.6.1: nor does a list of nothing", &["accept: , ,"]),
        json("12.5.1: anything", &["accept: */*"]),
        xml("12.5.1: types of any case", &["accept: APPLICATION/Xml"]),
        xml("12.4.2: by weight", &["accept: application/json;q=0.4, application/xml;q=0.5"]),
        xml(
            "12.4.2: weights in any case, with space",
            &["accept: application/json ; Q=0.4, application/xml"],
        ),
        xml("12.4.2: a weight of 0 is no", &["accept: application/json;q=0, */*"]),
        xml(
            "12.5.1: the most specific range decides",
            &["accept: application/*;q=0.1, application/xml;q=0.9"],
        ),
        xml("5.3: several lines are one list", &["accept: text/html", "accept: application/xml"]),
        xml(
            "12.4.2: an extension behind the weight narrows nothing",
            &["accept: application/xml;q=0.5;level=1"],
        ),
        xml("a charset by any label", &["accept: application/xml; charset=utf8"]),
        json(
            "old clients of Java",
            &["accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"],
        ),
        xml(
            "more decimals than the grammar has",
            &["accept: application/xml;q=0.87654, application/json;q=0.5"],
        ),
        xml("what is no range spoils no other", &["accept: garbage, ;;, application/xml"]),
        none("12.5.1: neither", "accept: image/png"),
        none("12.5.1: nothing at all", "accept: */*;q=0"),
        none("12.5.1: a weight of 0 in every form", "accept: application/*;q=0.000"),
        none("12.5.1: a parameter that nothing has", "accept: application/json;version=2"),
        none(
            "5.6.4: a comma in a quoted value is in it",
            "accept: text/plain;x=\"a, application/json\"",
        ),
        get(
            "12.5.1: a page for browsers",
            "/",
            &["accept: text/html,application/xhtml+xml,*/*;q=0.8"],
        )
        .gives(200)
        .has("content-type", "text/html"),
        get("12.4.2: and not for who refuses it", "/", &["accept: text/html;q=0, text/plain"])
            .gives(200)
            .has("content-type", "text/plain"),
        get("12.5.1: by weight", "/", &["accept: text/html;q=0.1, text/plain"])
            .gives(200)
            .has("content-type", "text/plain"),
        get(
            "12.1: what has one representation is shown in it",
            "/topics",
            &["accept: application/xml"],
        )
        .gives(200)
        .has("content-type", "application/json"),
    ]
}

fn conditions() -> Vec<Row> {
    let read = |clause, line: &str, status| get(clause, "/items/1", &[line]).gives(status);
    let json = "content-type: application/json";
    vec![
        read("13.1.2: that tag", "if-none-match: ETAG", 304).has("etag", "\""),
        read("13.1.2: compared weakly", "if-none-match: W/ETAG", 304),
        read("13.1.2: any", "if-none-match: *", 304),
        read("13.1.2: in a list", "if-none-match: \"a,b\", , W/\"c\",\tETAG", 304),
        read("13.1.2: another", "if-none-match: \"other\"", 200),
        read("8.8.3: no tag without quotes", "if-none-match: other", 200),
        read("8.8.3: tags are of one case", "if-none-match: w/ETAG", 200),
        get(
            "5.3: several lines are one list",
            "/items/1",
            &["if-none-match: \"a\"", "if-none-match: ETAG"],
        )
        .gives(304),
        read("13.1.1: that tag", "if-match: ETAG", 200),
        read("13.1.1: any", "if-match: *", 200),
        read("strict, 13.1.1: a weak tag is no leave", "if-match: W/ETAG", 412),
        read("strict, 13.1.1: nor is what is no tag", "if-match: garbage", 412),
        read("strict, 13.1.1: nor is nothing", "if-match:", 412),
        read("13.1.1: another", "if-match: \"other\"", 412),
        ask(
            "13.1.1: a change of another state",
            "PUT /items/1",
            &[json, "if-match: \"other\""],
            "{}",
        )
        .gives(412),
        ask(
            "13.1.1: a change of this one",
            "PUT /items/1",
            &[json, "if-match: \"other\", ETAG"],
            "{}",
        )
        .gives(200),
        ask("13.1.2: what must not be there", "PUT /items/1", &[json, "if-none-match: *"], "{}")
            .gives(412),
        ask(
            "13.2.2: If-Match goes first",
            "DELETE /items/1",
            &["if-match: \"other\"", "if-none-match: \"other\""],
            "",
        )
        .gives(412),
        read(
            "13.1.3: without a date of change its condition is passed over",
            "if-modified-since: Sat, 29 Oct 2044 19:43:31 GMT",
            200,
        ),
        get(
            "13.1.2: pages of events as well",
            "/topics/news-0/events?since=0",
            &["if-none-match: *"],
        )
        .gives(304),
    ]
}

#[test]
fn methods_and_fields_are_read_as_rfc_9110_has_it() {
    run(&target(Options::default()), &methods());
}

#[test]
fn bodies_are_what_they_say_as_rfc_9110_has_it() {
    run(&target(Options::default()), &content_types());
}

#[test]
fn representations_are_chosen_as_rfc_9110_has_it() {
    run(&target(Options::default()), &accepting());
}

#[test]
fn conditions_hold_as_rfc_9110_has_it() {
    run(&target(Options::default()), &conditions());
}
