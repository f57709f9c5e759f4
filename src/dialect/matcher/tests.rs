//! What matchers recognise, in messages and in streams.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn matcher(toml: &str) -> Result<Matcher, String> {
    #[derive(serde::Deserialize)]
    struct File {
        m: Matcher,
    }
    let file = toml::from_str::<File>(&format!("m = {toml}"));
    file.map(|file| file.m).map_err(|error| error.to_string())
}

fn matches(toml: &str, message: &str, event: Option<&str>) -> bool {
    matcher(toml).unwrap_or_else(|error| panic!("{error}")).matches(message.as_bytes(), event)
}

#[test]
fn the_examples_of_every_condition_match_what_they_say() {
    for word in matchers() {
        assert!(matches(word.example, word.gives, Some("ping")), "{}", word.form);
        assert!(!matches(word.example, "other", Some("other")), "{}", word.form);
        assert!(word.form.contains(word.name));
    }
}

#[test]
fn conditions_hold_or_do_not() {
    for (toml, message, event, expected) in [
        ("'PING'", "PING\n", None, false),
        ("''", "", None, true),
        ("{ prefix = 'a' }", "ba", None, false),
        ("{ contains = 'a' }", "xbx", None, false),
        ("{ regex = '^a.c$' }", "abc", None, true),
        ("{ regex = '(?i)PING' }", "xpingx", None, true),
        ("{ hex = 'C0 00' }", "\u{0}", None, false),
        ("{ json = { '/t' = 'p' } }", "{\"t\":\"p\"}", None, true),
        ("{ json = { '/t' = 'p' } }", "{\"t\":\"\\u0070\"}", None, true),
        ("{ json = { '/t' = '5' } }", "{\"t\":5}", None, false),
        ("{ json = { '/t' = 5 } }", "{\"t\":5.0}", None, true),
        ("{ json = { '/t' = 5 } }", "{\"t\":\"5\"}", None, false),
        ("{ json = { '/t' = 0.5 } }", "{\"t\":5e-1}", None, true),
        ("{ json = { '/t' = true } }", "{\"t\":true}", None, true),
        ("{ json = { '/t' = true } }", "{\"t\":1}", None, false),
        ("{ json = { '/t' = 'p', '/u/0' = 1 } }", "{\"t\":\"p\",\"u\":[1]}", None, true),
        ("{ json = { '/t' = 'p', '/u/0' = 1 } }", "{\"t\":\"p\",\"u\":[2]}", None, false),
        ("{ json = { '/t' = { present = true } } }", "{\"t\":null}", None, false),
        ("{ json = { '/t' = { present = false } } }", "{\"t\":null}", None, true),
        ("{ json = { '/t' = { present = false } } }", "{\"t\":0}", None, false),
        ("{ json = { '/t' = 'p' } }", "p", None, false),
        ("{ event = 'ping' }", "anything", Some("ping"), true),
        ("{ event = 'ping' }", "anything", None, false),
        ("{ event = 'ping', exact = 'x' }", "x", Some("message"), false),
    ] {
        assert_eq!(matches(toml, message, event), expected, "{toml} of {message}");
    }
}

#[test]
fn what_is_no_condition_is_refused_with_a_remedy() {
    for (toml, expected) in [
        ("{}", "an empty table matches nothing; write one of exact, prefix"),
        ("{ prefx = 'a' }", "'prefx' is not a condition for messages; did you mean 'prefix'?"),
        ("{ zzz = 'a' }", "known are exact, prefix, contains, regex, hex, json, event"),
        ("{ exact = 'a', regex = 'b' }", "exact and regex stand together; write one, or two"),
        ("{ contains = '' }", "contains is empty, and would match every message"),
        ("{ prefix = '' }", "prefix is empty"),
        ("{ hex = 'x' }", "'x' is not hexadecimal; write two digits per byte, such as \"d0 00\""),
        ("{ hex = ' ' }", "hex is empty, and would match every message"),
        ("{ regex = '(' }", "'(' is not a regular expression: unclosed group"),
        ("{ json = {} }", "json is empty"),
        ("{ json = { 'type' = 'x' } }", "'type' is not a JSON pointer"),
        ("5", "a text, or a table with one of exact, prefix, contains, regex, hex, json"),
    ] {
        let message = matcher(toml).expect_err(toml);
        assert!(message.contains(expected), "{toml}: {message}");
    }
}

#[test]
fn a_matcher_comes_back_from_json_and_is_shown() {
    for (toml, json, shown) in [
        ("'a'", "\"a\"", "exact \"a\""),
        ("{ exact = 'a', event = 'e' }", r#"{"exact":"a","event":"e"}"#, "event e, exact \"a\""),
        ("{ prefix = \"a\\r\\n\" }", r#"{"prefix":"a\r\n"}"#, "prefix \"a\\r\\n\""),
        ("{ contains = 'a' }", r#"{"contains":"a"}"#, "contains \"a\""),
        ("{ regex = 'a+' }", r#"{"regex":"a+"}"#, "regex a+"),
        ("{ hex = 'D0 00' }", r#"{"hex":"d000"}"#, "hex d000"),
        ("{ event = 'e' }", r#"{"event":"e"}"#, "event e"),
        (
            "{ json = { '/a' = 1, '/b' = 'x', '/c' = { present = false }, '/d' = 0.5, '/e' = true } }",
            r#"{"json":{"/a":1,"/b":"x","/c":{"present":false},"/d":0.5,"/e":true}}"#,
            "json /a = 1, /b = \"x\", /c is absent, /d = 0.5, /e = true",
        ),
    ] {
        let matcher = matcher(toml).unwrap();
        assert_eq!(serde_json::to_string(&matcher).unwrap(), json);
        assert_eq!(serde_json::from_str::<Matcher>(json).unwrap(), matcher);
        assert_eq!(matcher.to_string(), shown);
    }
}

fn counted(toml: &str, pieces: &[&[u8]]) -> usize {
    let mut stream = StreamMatcher::new(Arc::new(matcher(toml).unwrap())).unwrap();
    pieces.iter().map(|piece| stream.feed(piece)).sum()
}

#[test]
fn a_stream_is_matched_wherever_its_frames_end() {
    for (toml, stream, expected) in [
        ("\"PING\\r\\n\"", "INFO {}\r\nPING\r\nMSG a 1 6\r\nxPING\r\nPING\r\n", 2),
        ("'PING'", "PING\nPING\r\n PING\nPING", 2),
        ("{ prefix = 'MSG ' }", "MSG a\nxMSG b\nMSG c", 2),
        ("{ prefix = 'MSG ' }", "MSG", 0),
        ("{ contains = 'aba' }", "ababa aba", 2),
        ("{ hex = '00 ff' }", "x\u{0}x", 0),
        ("{ regex = '^-ERR .*x$' }", "-ERR x\r\n-ERR y\r\n", 1),
        ("{ json = { '/a' = 1 } }", "{\"a\":1}\n{\"a\":2}\n\n{\"a\":1}\n", 2),
        ("''", "\n\na\n", 2),
        ("\"a\\nb\\n\"", "a\nb\na\nb\n", 2),
        ("{ exact = 'a' }", "a", 0),
    ] {
        let bytes = stream.as_bytes();
        assert_eq!(counted(toml, &[bytes]), expected, "{toml}");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(counted(toml, &single), expected, "{toml}, byte by byte");
        for cut in 0..bytes.len() {
            let (one, two) = bytes.split_at(cut);
            assert_eq!(counted(toml, &[one, two]), expected, "{toml} at {cut}");
        }
    }
    let named = Arc::new(matcher("{ event = 'e' }").unwrap());
    assert_eq!(StreamMatcher::new(named).unwrap_err(), NoStream);
}

#[test]
fn a_prefix_is_seen_before_its_line_ends_and_a_long_line_takes_bounded_memory() {
    let prefix = Arc::new(matcher("{ prefix = 'MSG ' }").unwrap());
    let mut stream = StreamMatcher::new(prefix).unwrap();
    assert_eq!([stream.feed(b"MS"), stream.feed(b"G "), stream.feed(b"x\nMSG \n")], [0, 1, 1]);
    let mut lines = StreamMatcher::new(Arc::new(matcher("{ regex = 'needle' }").unwrap())).unwrap();
    for _ in 0..100 {
        assert_eq!(lines.feed(&[b'x'; 10_000]), 0);
    }
    assert_eq!(lines.feed(b"\nneedle\n"), 1);
    assert!(format!("{lines:?}").len() < 10_000);
}

proptest! {
    #[test]
    fn cuts_change_nothing(
        needle in "[ab]{1,4}",
        kind in 0..4_usize,
        pieces in proptest::collection::vec("[ab\\n]{0,6}", 0..12),
    ) {
        let toml = ["exact", "prefix", "contains", "regex"][kind];
        let toml = format!("{{ {toml} = '{needle}' }}");
        let whole = pieces.concat();
        let cut: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
        let expected = match kind {
            0 => whole.split_inclusive('\n').filter(|line| *line == format!("{needle}\n")).count(),
            1 => whole.split('\n').filter(|line| line.starts_with(&needle)).count(),
            2 => whole.matches(&needle).count(),
            _ => whole.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.contains(&needle)).count(),
        };
        prop_assert_eq!(counted(&toml, &cut), expected);
        prop_assert_eq!(counted(&toml, &[whole.as_bytes()]), expected);
    }
}
