//! What captures take, and what is refused.

use proptest::prelude::*;

use super::*;

const BODY: &str = r#"{"id":17,"data":"{\"id\":\"x9\",\"more\":\"[5]\"}","items":[{"id":1},{"id":2}],"none":null,
    "packed":"eyJpZCI6MTh9","link":"a%20b","text":"id=4 id=5"}"#;

fn headers() -> Vec<(&'static str, &'static str)> {
    vec![
        ("Location", "/items/17?v=1"),
        ("location", "/second"),
        ("Set-Cookie", "session=old; Path=/"),
        ("set-cookie", "theme = dark ; Secure"),
        ("set-cookie", "session=abc; HttpOnly"),
        ("set-cookie", "broken"),
    ]
}

fn taken(capture: &str) -> Option<String> {
    let headers = headers();
    let answer = Answer {
        status: Some(201),
        headers: &headers,
        body: BODY.as_bytes(),
        event: Some("hello"),
    };
    Capture::parse(capture).unwrap_or_else(|error| panic!("{error}")).evaluate(&answer)
}

#[test]
fn the_examples_of_every_kind_give_what_they_say() {
    for word in captures() {
        assert_eq!(taken(word.example).as_deref(), Some(word.gives), "{}", word.form);
        assert!(word.form.contains(word.name) && word.example.contains(word.name));
    }
}

#[test]
fn captures_take_what_is_there() {
    for (capture, expected) in [
        ("json:/id", Some("17")),
        ("/id", Some("17")),
        ("json:", Some(BODY)),
        ("json:/items/0", Some("{\"id\":1}")),
        ("json:/data|/id", Some("x9")),
        ("json:/data|json:/more|/0", Some("5")),
        ("json:/items|/1/id", Some("2")),
        ("json:/none", None),
        ("json:/nothing|/id", None),
        ("json:/id|/id", None),
        ("json:/text|regex:id=(5)", Some("5")),
        ("regex:id=(\\d)|zz(\\w)", Some("4")),
        ("regex:no(\\w)|id=(\\d)", Some("n")),
        ("regex:id=\\d", Some("id=4")),
        ("regex:zzz", None),
        ("header:LOCATION", Some("/items/17?v=1")),
        ("header:location|regex:([0-9]+)", Some("17")),
        ("header:etag", None),
        ("cookie:theme", Some("dark")),
        ("cookie:Session", None),
        ("cookie:broken", None),
        ("event:hello", Some(BODY)),
        ("event:other|json:/id", None),
        ("json:/packed|base64", Some("{\"id\":18}")),
        ("json:/text|base64", None),
        ("body | json:/id", Some("17")),
        ("status|regex:^20", Some("20")),
    ] {
        assert_eq!(taken(capture).as_deref(), expected, "{capture}");
    }
    let message = Answer::message(b"\xff\x00");
    assert_eq!(Capture::parse("status").unwrap().evaluate(&message), None);
    assert_eq!(Capture::parse("header:a").unwrap().evaluate(&message), None);
    assert_eq!(Capture::parse("body").unwrap().evaluate(&message).unwrap(), "\u{fffd}\0");
}

#[test]
fn what_is_no_capture_is_refused_with_a_remedy() {
    for (text, expected) in [
        ("jsn:/id", "'jsn:/id': 'jsn' is not a kind of capture; did you mean 'json'?"),
        ("", "'' is not a kind of capture; known are json, header, cookie, regex, event"),
        ("json", "json needs a pointer; write json:/id"),
        ("json:id", "'id' is not a JSON pointer, which begins with '/'; write /id"),
        ("json:$.a.b", "write /a/b"),
        ("$.a.b", "'$.a.b' is not a JSON pointer, which begins with '/'; write /a/b behind json:"),
        ("header", "header needs a name; write header:location"),
        ("cookie:", "cookie needs a name; write cookie:session"),
        ("event: |json:/x", "event needs a name; write event:NAME"),
        ("status:5", "status takes no argument; write status"),
        ("json:/a|b", "'b' cannot follow '|'; known are json:/…, regex:…, base64, url"),
        ("json:/a|bas64", "did you mean 'base64'?"),
        ("regex:", "regex needs an expression"),
        ("regex:a(b", "'a(b' is not a regular expression: unclosed group"),
    ] {
        let message = Capture::parse(text).expect_err(text).to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
    for (text, expected) in [
        ("base65:/a", "'base65:/a': 'base65' is not an encoding; did you mean 'base64'?"),
        ("zzz", "'zzz' is not an encoding; known are base64, hex, url, json"),
        ("hex:a", "write /a"),
    ] {
        let message = Decode::parse(text).expect_err(text).to_string();
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn events_are_decoded_out_of_messages() {
    for (decode, message, expected) in [
        ("base64:/message/data", r#"{"message":{"data":"dGRYMQ=="}}"#, Some("tdX1")),
        ("base64:/a", r#"{"a":"dGRYMQ"}"#, Some("tdX1")),
        (
            "base64:/list/*/data",
            r#"{"list":[{"data":"YQ=="},{"data":5.5},{},{"data":"Yg=="}]}"#,
            Some("a\nb"),
        ),
        ("base64", "dGRY\r\nMQ==\r\n", Some("tdX1")),
        ("hex:/a", r#"{"a":"74645831"}"#, Some("tdX1")),
        ("hex", "7464583", None),
        ("url", "a%2Fb", Some("a/b")),
        ("url", "a%2", None),
        ("json:/a", r#"{"a":"x\"y"}"#, Some("x\"y")),
        ("json", r#""x\"y""#, Some("x\"y")),
        ("base64:/a", r#"{"b":"dGRYMQ"}"#, None),
        ("base64:/a", "no json", None),
    ] {
        let mut out = b"kept".to_vec();
        let values = Decode::parse(decode).unwrap().decode(message.as_bytes(), &mut out);
        let decoded = std::str::from_utf8(&out[4..]).unwrap();
        assert_eq!(decoded, expected.unwrap_or_default(), "{decode}");
        assert_eq!(values > 0, expected.is_some(), "{decode}");
    }
}

#[test]
fn captures_and_encodings_are_serialized_as_they_were_written() {
    let capture: Capture = serde_json::from_str("\"json:/a|/b\"").unwrap();
    assert_eq!(serde_json::to_string(&capture).unwrap(), "\"json:/a|/b\"");
    assert_eq!(capture, Capture::parse("json:/a|/b").unwrap());
    assert_eq!(capture.origin(), &Origin::Body);
    let decode: Decode = serde_json::from_str("\"base64:/a\"").unwrap();
    assert_eq!(serde_json::to_string(&decode).unwrap(), "\"base64:/a\"");
    let error = serde_json::from_str::<Capture>("\"jsn:/a\"").unwrap_err().to_string();
    assert!(error.contains("did you mean 'json'?"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_a_capture_or_refused(text in "(json:|header:|cookie:|regex:|event:|status|body|base64|\\||/|[a-z(){}é~-]){0,8}", body in "\\PC{0,40}") {
        if let Ok(capture) = Capture::parse(&text) {
            let _ = capture.evaluate(&Answer::message(body.as_bytes()));
        }
    }
}
