//! Which messages are calls, answers, or neither.

use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn body_of(request: Request<Full<Bytes>>) -> Bytes {
    let collected = std::pin::pin!(request.into_body().collect());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(whole)) = collected.poll(&mut cx) else { panic!("it is whole") };
    whole.to_bytes()
}

fn head(method: &str, path: &str, headers: &[(HeaderName, &str)]) -> request::Parts {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn a_call_is_an_object_that_says_what_a_request_says() {
    let message = br#" {"path": "/items/7?x=1", "id": "a\"7", "method": "PUT",
        "headers": {"Content-Type": "application/json", "x": "1", "X": "2"}, "body": { "a": 1e5 } }"#;
    let (id, request) = read_call(message).unwrap();
    assert_eq!((id.0.as_str(), request.method()), ("\"a\\\"7\"", &Method::PUT));
    assert_eq!(request.uri(), "/items/7?x=1");
    assert_eq!(request.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(body_of(request), "{ \"a\": 1e5 }", "byte for byte");
}

#[test]
fn an_invalid_call_is_refused_by_its_id_if_it_has_one() {
    let many: serde_json::Map<String, Value> =
        (0..=HEADERS_MAX).map(|n| (format!("h{n}"), "x".into())).collect();
    let many = json!({ "id": 7, "method": "GET", "path": "/", "headers": many }).to_string();
    let long = format!(r#"{{"id":"{}","method":"GET","path":"/"}}"#, "x".repeat(ID_MAX));
    for (message, id, word) in [
        ("", "null", "object"),
        ("{", "null", "EOF"),
        ("[7,\"GET\",\"/items\"]", "null", "object"),
        (r#"{"method":"GET","path":"/"}"#, "null", "missing field `id`"),
        (r#"{"id":null,"method":"GET","path":"/"}"#, "null", "id"),
        (r#"{"id":{},"method":"GET","path":"/"}"#, "null", "id"),
        (&long, "null", "id"),
        (r#"{"id":7,"path":"/"}"#, "7", "method"),
        (r#"{"id":-7.5,"method":"GET"}"#, "-7.5", "path"),
        (r#"{"id":"x","method":"GET","path":"items"}"#, "\"x\"", "slash"),
        (r#"{"id":7,"method":"GET","path":"http://x/items"}"#, "7", "slash"),
        (r#"{"id":7,"method":"GET","path":"/a b"}"#, "7", "path"),
        (r#"{"id":7,"method":"G T","path":"/"}"#, "7", "method"),
        (r#"{"id":7,"method":"GET","path":"/","heads":{}}"#, "7", "heads"),
        (r#"{"id":7,"method":"GET","path":"/","headers":[]}"#, "7", "headers"),
        (r#"{"id":7,"method":"GET","path":"/","headers":{"a b":""}}"#, "7", "'a b'"),
        (r#"{"id":7,"method":"GET","path":"/","headers":{"a":"\n"}}"#, "7", "'a'"),
        (r#"{"id":7,"method":"GET","path":"/","headers":{"a":1}}"#, "7", "string"),
        (&many, "7", "100 headers"),
    ] {
        let refused = read_call(message.as_bytes()).unwrap_err();
        assert_eq!(refused.id.0, id, "{message}");
        assert!(refused.reason.contains(word), "{message}: {}", refused.reason);
    }
}

#[test]
fn json_is_embedded_as_it_is_and_other_text_as_a_string() {
    let xml = (CONTENT_TYPE, "application/xml; charset=utf-8");
    let patch = (CONTENT_TYPE, "application/merge-patch+json");
    for (headers, body, written) in [
        (vec![patch.clone()], "null", ",\"body\":null}"),
        (vec![patch.clone()], "{\"a\":[1]}\n", ",\"body\":{\"a\":[1]}}"),
        (vec![xml.clone()], "<a b=\"c\"/>", ",\"body\":\"<a b=\\\"c\\\"/>\"}"),
        (vec![], "\"x\"", ",\"body\":\"\\\"x\\\"\"}"),
        (vec![patch], "", "\"}}"),
    ] {
        let message = write_call(1, head("PATCH", "/items/1", &headers), body.as_bytes());
        let text = String::from_utf8(message).unwrap();
        assert!(text.ends_with(written), "{text}");
        let (_, request) = read_call(text.as_bytes()).unwrap();
        assert_eq!(body_of(request), body.trim_end(), "{text}");
    }
    // An object sent as XML is refused by the reader of XML, as over HTTP.
    let odd =
        br#"{"id":1,"method":"PUT","path":"/","headers":{"content-type":"text/xml"},"body":{}}"#;
    assert_eq!(body_of(read_call(odd).unwrap().1), "{}");
}

#[test]
fn the_host_is_omitted_and_repeated_headers_are_joined() {
    let head = head("GET", "/items", &[(HOST, "x"), (CONTENT_TYPE, "a/b")]);
    let call: Value = serde_json::from_slice(&write_call(3, head, b"")).unwrap();
    let headers = json!({ "content-type": "a/b" });
    assert_eq!(call, json!({ "id": 3, "method": "GET", "path": "/items", "headers": headers }));
    let mut twice = HeaderMap::new();
    twice.append(hyper::header::VARY, HeaderValue::from_static("accept"));
    twice.append(hyper::header::VARY, HeaderValue::from_static("origin"));
    let answer = write_answer(&Id::none(), StatusCode::NOT_FOUND, twice, b"");
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let headers = json!({ "vary": "accept, origin" });
    assert_eq!(answer, json!({ "id": null, "status": 404, "headers": headers }));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        members in "[ -~]{0,60}",
    ) {
        let _ = read_call(&bytes);
        let _ = read_answer(&bytes);
        for text in [format!("{{{members}}}"), format!("{{\"id\":1,{members}}}")] {
            let _ = read_call(text.as_bytes());
            let _ = read_answer(text.as_bytes());
        }
    }

    #[test]
    fn written_messages_are_read_back(
        number: u64,
        status in 100..1000u16,
        path in "/[a-z0-9/?=&.-]{0,30}",
        pairs in proptest::collection::btree_map("x-[a-z]{1,8}", "[!-~]{0,20}", 0..5),
        text in ".{0,60}",
        json: bool,
    ) {
        let (media, body) = if json {
            ("application/json", Value::from(text).to_string())
        } else {
            ("application/xml", text)
        };
        let mut headers: HeaderMap = pairs
            .iter()
            .map(|(k, v)| (HeaderName::try_from(k).unwrap(), HeaderValue::try_from(v).unwrap()))
            .collect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        let status = StatusCode::from_u16(status).unwrap();

        let answer = write_answer(&Id::number(number), status, headers.clone(), body.as_bytes());
        let whole = (Id::number(number), status, headers.clone(), Bytes::from(body.clone()));
        prop_assert_eq!(read_answer(&answer), Some(whole));

        let mut head = head("POST", &path, &[]);
        head.headers = headers.clone();
        let (id, request) = read_call(&write_call(number, head, body.as_bytes())).unwrap();
        prop_assert_eq!((id, request.headers()), (Id::number(number), &headers));
        prop_assert_eq!(request.uri().to_string(), path);
        prop_assert_eq!(body_of(request), body);
    }
}
