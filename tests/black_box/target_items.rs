//! `/items` over real sockets.

use crate::target_support;

use serde_json::json;
use target_support::Target;
use tidings::measure::Metric;
use tidings::server::Options;

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn an_item_lives_from_create_to_delete() {
    let target = Target::start(Options::default());
    let mut client = target.connect();
    let created = client.send("POST", "/items", Some(json!({ "name": "a", "data": [1, 2] })));
    assert_eq!((created.status, created.header("location")), (201, Some("/items/1")));
    assert_eq!(created.json(), json!({ "id": 1, "name": "a", "data": [1, 2] }));
    let first = created.header("etag").unwrap().to_owned();
    assert!(first.starts_with('"'), "a strong entity tag: {first}");

    let read = client.send("GET", "/items/1", None);
    assert_eq!((read.status, read.header("etag")), (200, Some(first.as_str())));
    let unchanged = client.request("GET", "/items/1", &[("if-none-match", &first)], b"");
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, Some(first.as_str())));
    assert_eq!(client.send("HEAD", "/items/1", None).status, 200);

    let body = br#"{"name":"b","data":{"x":1,"y":2}}"#;
    let replaced = client.request("PUT", "/items/1", &[JSON, ("if-match", &first)], body);
    assert_eq!(replaced.status, 200);
    let second = replaced.header("etag").unwrap().to_owned();
    assert_ne!(first, second);
    let too_late = client.request("PUT", "/items/1", &[JSON, ("if-match", &first)], body);
    assert_eq!(too_late.status, 412);
    assert_eq!(too_late.header("content-type"), Some("application/problem+json"));

    let patch = [("content-type", "application/merge-patch+json")];
    let patched = client.request("PATCH", "/items/1", &patch, br#"{"data":{"x":null,"z":3}}"#);
    assert_eq!(patched.json()["data"], json!({ "y": 2, "z": 3 }));
    let again = client.request("GET", "/items/1", &[("if-none-match", &second)], b"");
    assert_eq!(again.status, 200, "the tag of another state is no match");

    assert_eq!(client.request("DELETE", "/items/1", &[("if-match", &second)], b"").status, 412);
    assert_eq!(client.send("DELETE", "/items/1", None).status, 204);
    assert_eq!(client.send("GET", "/items/1", None).status, 404);
    assert_eq!(client.send("DELETE", "/items/1", None).status, 404);
}

#[test]
fn pages_follow_the_cursor_to_the_end() {
    let target = Target::start(Options { shards: 2, ..Options::default() });
    for i in 0..25 {
        target.send("POST", "/items", Some(json!({ "name": i.to_string() })));
    }
    let mut names = Vec::new();
    let mut next = Some("/items?limit=10".to_owned());
    while let Some(path) = next {
        let answer = target.get(&path);
        let page = answer.json();
        let items = page["items"].as_array().unwrap().clone();
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        // The page and its Link say the same.
        next = page["next"].as_str().map(|cursor| format!("/items?limit=10&cursor={cursor}"));
        let link = next.as_ref().map(|path| format!("<{path}>; rel=\"next\""));
        assert_eq!(answer.header("link"), link.as_deref());
    }
    let expected: Vec<String> = (0..25).map(|i| i.to_string()).collect();
    assert_eq!(names, expected);
}

#[test]
fn invalid_requests_are_refused_with_their_status() {
    let target = Target::start(Options::default());
    target.send("POST", "/items", Some(json!({})));
    let large = format!("{{\"data\":\"{}\"}}", "x".repeat(1 << 20));
    let json = [JSON];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (what, method, path, headers, body, status) in [
        ("no such path", "GET", "/nowhere", &json, "", 404),
        ("no such item", "PUT", "/items/77", &json, "{}", 404),
        ("an id that is no number", "GET", "/items/x", &json, "", 404),
        ("a method of no collection", "PUT", "/items", &json, "{}", 405),
        ("a method of no item", "POST", "/items/1", &json, "{}", 405),
        ("no JSON", "POST", "/items", &json, "{\"name\":", 400),
        ("a misspelt member", "POST", "/items", &json, "{\"nmae\":1}", 422),
        ("a name that is no text", "PUT", "/items/1", &json, "{\"name\":1}", 422),
        ("a patch to what is no item", "PATCH", "/items/1", &json, "[1]", 422),
        ("another id", "PUT", "/items/1", &json, "{\"id\":2}", 409),
        ("a patch to another id", "PATCH", "/items/1", &json, "{\"id\":2}", 409),
        ("an id for what has none yet", "POST", "/items", &json, "{\"id\":2}", 422),
        ("another type", "POST", "/items", &form, "name=x", 415),
        ("too long a body", "POST", "/items", &json, &large, 413),
        ("no cursor", "GET", "/items?cursor=17", &json, "", 400),
        ("a cursor of another life", "GET", "/items?cursor=aXRlbXM-MT4x", &json, "", 410),
        ("a page too large", "GET", "/items?limit=1001", &json, "", 400),
    ] {
        let answer = target.connect().request(method, path, headers, body.as_bytes());
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
        assert_eq!(answer.json()["status"], status, "{what}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{what}");
    }
}

#[test]
fn writers_that_know_the_state_do_not_overwrite_each_other() {
    let target = Target::start(Options { shards: 2, ..Options::default() });
    target.send("POST", "/items", Some(json!({ "data": 0 })));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = target.connect();
                let mut done = 0;
                while done < 25 {
                    let read = client.send("GET", "/items/1", None);
                    let etag = read.header("etag").unwrap().to_owned();
                    let next = json!({ "data": read.json()["data"].as_u64().unwrap() + 1 });
                    let headers = [JSON, ("if-match", etag.as_str())];
                    let body = next.to_string();
                    let written = client.request("PUT", "/items/1", &headers, body.as_bytes());
                    assert!(matches!(written.status, 200 | 412), "{}", written.status);
                    done += usize::from(written.status == 200);
                }
            });
        }
    });
    assert_eq!(target.get("/items/1").json()["data"], 100);
}

const XML: (&str, &str) = ("content-type", "application/xml");
const WANT_XML: (&str, &str) =
    ("accept", "text/html;q=0.9, application/xml, application/json;q=0.8");

#[test]
fn an_item_is_the_same_in_both_encodings() {
    let target = Target::start(Options::default());
    let mut client = target.connect();
    let body = "<item><name>a &lt; b</name><data><map><array key=\"n\"><number>1</number><null/></array></map></data></item>";
    let created = client.request("POST", "/items", &[XML], body.as_bytes());
    assert_eq!(
        (created.status, created.header("content-type")),
        (201, Some("application/xml")),
        "{}",
        created.text()
    );
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}",
        body.replacen("<item>", "<item id=\"1\">", 1)
    );
    assert_eq!(created.text(), text);
    let json = client.send("GET", "/items/1", None);
    assert_eq!(json.json(), json!({ "id": 1, "name": "a < b", "data": { "n": [1, null] } }));
    let xml = client.request("GET", "/items/1", &[WANT_XML], b"");
    assert_eq!(xml.text(), text);
    for answer in [&json, &xml] {
        assert_eq!(answer.header("vary"), Some("accept"));
    }

    // A strong tag belongs to one representation, and does not match the other.
    let (json_tag, xml_tag) = (json.header("etag").unwrap(), xml.header("etag").unwrap());
    assert_ne!(json_tag, xml_tag);
    for (accept, tag, status) in [
        (WANT_XML, xml_tag, 304),
        (WANT_XML, json_tag, 200),
        (("accept", "*/*"), json_tag, 304),
        (("accept", "*/*"), xml_tag, 200),
    ] {
        let answer = client.request("GET", "/items/1", &[accept, ("if-none-match", tag)], b"");
        assert_eq!(answer.status, status, "{accept:?} {tag}");
        assert_eq!(answer.body.is_empty(), status == 304);
    }
    let weak = format!("\"x,y\", W/{json_tag}");
    assert_eq!(client.request("GET", "/items/1", &[("if-none-match", &weak)], b"").status, 304);
    assert_eq!(client.request("PUT", "/items/1", &[JSON, ("if-match", &weak)], b"{}").status, 412);

    // Either tag names the state of the item, so either allows a write; `Accept` chooses the response's encoding.
    let replaced = client.request(
        "PUT",
        "/items/1",
        &[JSON, WANT_XML, ("if-match", xml_tag)],
        br#"{"data":7}"#,
    );
    assert_eq!((replaced.status, replaced.header("content-type")), (200, Some("application/xml")));
    assert!(
        replaced.text().contains("<name></name><data><number>7</number></data>"),
        "{}",
        replaced.text()
    );
    let patched =
        client.request("PATCH", "/items/1", &[JSON, WANT_XML], br#"{"data":{"x":null,"y":true}}"#);
    assert!(
        patched.text().contains("<map><boolean key=\"y\">true</boolean></map>"),
        "{}",
        patched.text()
    );
    let page = client.request("GET", "/items", &[WANT_XML], b"");
    assert!(page.text().contains("<items><item id=\"1\">"), "{}", page.text());
}

#[test]
fn negotiation_and_conditions_are_refused_with_their_status() {
    let target = Target::start(Options::default());
    target.send("POST", "/items", Some(json!({})));
    let patch = ("content-type", "application/merge-patch+json");
    let gzip = ("content-encoding", "gzip");
    for (what, method, path, headers, body, status) in [
        ("neither encoding", "GET", "/items/1", &[("accept", "image/png")][..], "", 406),
        ("neither encoding of a page", "GET", "/items", &[("accept", "*/*;q=0")], "", 406),
        (
            "an answer that nobody wants",
            "POST",
            "/items",
            &[JSON, ("accept", "text/html")],
            "{}",
            406,
        ),
        ("a patch in XML", "PATCH", "/items/1", &[XML], "<item/>", 415),
        ("an item as a patch", "PUT", "/items/1", &[patch], "{}", 415),
        ("a compressed body", "PUT", "/items/1", &[JSON, gzip], "{}", 415),
        (
            "another charset",
            "POST",
            "/items",
            &[("content-type", "application/json; charset=latin1")],
            "{}",
            415,
        ),
        ("what must not be there", "PUT", "/items/1", &[JSON, ("if-none-match", "*")], "{}", 412),
        ("what must not be deleted", "DELETE", "/items/1", &[("if-match", "\"x\"")], "", 412),
        ("no item, whatever its state", "PUT", "/items/9", &[JSON, ("if-match", "*")], "{}", 404),
        ("malformed XML", "POST", "/items", &[XML], "<item>", 400),
        ("no item in XML", "PUT", "/items/1", &[XML], "<item><data>1</data></item>", 422),
    ] {
        let answer = target.connect().request(method, path, headers, body.as_bytes());
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
        assert_eq!(answer.header("accept").is_some(), status == 415, "{what}");
        assert_eq!(answer.header("accept-patch").is_some(), method == "PATCH", "{what}");
        let document = answer.json();
        assert_eq!(document["errors"][0]["pointer"].is_string(), status == 422, "{what}");
        assert_eq!(
            document["line"].is_u64(),
            body.starts_with('<') && matches!(status, 400 | 422),
            "{what}"
        );
    }
    let items = target.get("/items").json();
    assert_eq!(items["items"].as_array().unwrap().len(), 1, "what was refused was not carried out");
    let options = target.send("OPTIONS", "/items/1", None);
    assert_eq!(
        (options.status, options.header("allow")),
        (204, Some("GET, HEAD, PUT, PATCH, DELETE"))
    );
    assert_eq!(target.send("OPTIONS", "/nowhere", None).status, 404);
}

#[test]
fn encoding_is_measured_in_the_window_of_a_trial_only() {
    let target = Target::start(Options::default());
    target.send("POST", "/items", Some(json!({})));
    let now = tidings::clock::now();
    target.handle.begin(now..now + 3_600_000_000_000);
    target.connect().request("POST", "/items", &[XML], b"<item/>");
    target.get("/items/1");
    // Nothing has changed: nothing is written.
    target.connect().request("GET", "/items/1", &[("if-none-match", "*")], b"");
    target.get("/items");
    let snapshot = target.stop();
    let count =
        |metric| snapshot.distribution(metric).map_or(0, tidings::measure::Distribution::count);
    assert_eq!((count(Metric::Decode), count(Metric::Encode)), (1, 3));
}
