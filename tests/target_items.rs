//! `/items` over real sockets.
#![expect(clippy::unwrap_used, reason = "a test ends where a helper of it fails")]

mod target_support;

use serde_json::json;
use target_support::Target;
use tidings::target::Options;

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
    let mut after = json!(0);
    while !after.is_null() {
        let page = target.get(&format!("/items?limit=10&after={after}")).json();
        let items = page["items"].as_array().unwrap().clone();
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        after = page["next"].clone();
    }
    let expected: Vec<String> = (0..25).map(|i| i.to_string()).collect();
    assert_eq!(names, expected);
}

#[test]
fn what_is_wrong_is_refused_with_its_status() {
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
        ("another id", "PUT", "/items/1", &json, "{\"id\":2}", 422),
        ("another type", "POST", "/items", &form, "name=x", 415),
        ("too long a body", "POST", "/items", &json, &large, 413),
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
