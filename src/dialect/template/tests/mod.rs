//! What texts render, as tables.

mod properties;
mod refusals;

use super::*;

/// The world of the examples.
struct Example;

impl World for Example {
    fn unix_ns(&mut self) -> u64 {
        1_767_225_600_123_456_789
    }

    fn random(&mut self, least: u64, most: u64) -> u64 {
        assert!(least <= most);
        least
    }

    fn capture(&self, name: &str) -> Option<&str> {
        match name {
            "login_token" => Some("eyJ0"),
            "session-id" => Some("a b&c"),
            "signing_key" => Some("s3cret"),
            _ => None,
        }
    }

    fn secret(&self, name: &str) -> Option<&str> {
        (name == "API_KEY").then_some("s3cret")
    }
}

const EVENT: &[u8] = b"\"tdX1 hello\"";

fn scope(world: &mut Example) -> Scope<'_> {
    Scope {
        client: Some(3),
        topic: Some("news-0"),
        n: Some(17),
        cursor: Some("1200-b"),
        event: Some(EVENT),
        token: Some("tdX1"),
        callback_url: Some("http://127.0.0.1:9400/3"),
        port: Some(8080),
        seq: Some(1),
        world,
    }
}

fn users(name: &str) -> Result<Vec<u8>, String> {
    match name {
        "users.csv" => Ok(b"name,token\nann,t-ann\nbob,t-bob\n".to_vec()),
        "plain.txt" => Ok(b"one\ntwo\r\nthree,3\n\n".to_vec()),
        "quoted.csv" => Ok(b"\xef\xbb\xbfid,text\n1,\"a,\"\"b\"\"\"\n2,c".to_vec()),
        "ragged.csv" => Ok(b"a,b\n1,2\n3\n".to_vec()),
        "empty.csv" => Ok(b"a,b\n".to_vec()),
        "binary" => Ok(b"a\xff".to_vec()),
        _ => Err("no such file".to_owned()),
    }
}

fn compiled(text: &str) -> Template {
    let mut template = Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    template.load(&mut Files::new(&mut users)).unwrap_or_else(|error| panic!("{text}: {error}"));
    template
}

fn rendered(text: &str) -> Vec<u8> {
    let mut out = b"before".to_vec();
    let template = compiled(text);
    template.render(&mut scope(&mut Example), &mut out).unwrap_or_else(|e| panic!("{text}: {e}"));
    out.split_off(6)
}

fn shown(text: &str) -> String {
    printable(&rendered(text)).into_owned()
}

#[test]
fn the_examples_of_every_word_give_what_they_say() {
    for word in placeholders().chain(filters()) {
        assert_eq!(shown(word.example), word.gives, "{}", word.form);
        let name = word.name;
        assert!(word.form.contains(name) && word.example.contains(name) || name == "NAME");
    }
}

#[test]
fn texts_are_rendered() {
    for (sentence, text, expected) in [
        ("no placeholder", "GET / HTTP", "GET / HTTP"),
        ("nothing", "", ""),
        ("single braces are literal", "{\"a\":{\"b\":{}}}", "{\"a\":{\"b\":{}}}"),
        ("single braces around a placeholder", "{\"a\":{{n}}}", "{\"a\":17}"),
        ("three braces", "{{{n}}}", "{17}"),
        ("a literal pair", "{{{{n}}", "{{n}}"),
        ("a literal pair and a placeholder", "{{{{{{n}}}}", "{{17}}"),
        ("closing braces outside", "}} }", "}} }"),
        ("white space around a name", "{{ n }}{{\tn | json }}", "17\"17\""),
        ("a colon and a bar outside", "a:b|c", "a:b|c"),
        ("a captured value", "{{session-id}}", "a b&c"),
        ("filters in a row", "{{session-id|url|json|base64}}", "ImElMjBiJTI2YyI="),
        ("the first row again after the last", "{{file:users.csv:name}}", "bob"),
        ("a column by its number has no header", "{{file:users.csv:2}}", "token"),
        ("lines of a plain file", "{{file:plain.txt}}", "one"),
        ("a quoted cell behind a byte order mark", "{{file:quoted.csv:text}}", "c"),
        ("filters of a cell", "{{file:users.csv:name|upper}}", "BOB"),
        ("a length in bytes", "{{len:é{{topic}}}}", "8"),
        ("a length of nothing", "{{len:}}", "0"),
        ("balanced braces in an argument", "{{len:{\"a\":{\"b\":{{n}}}}}}", "14"),
        ("a literal pair in an argument", "{{text:{{{{n}}", "{{n"),
        ("bytes for what has a meaning", "{{text:a{{bytes:7c7b 7d3a}}b|upper}}", "A|{}:B"),
        ("colons within an argument", "{{text:a:b:c}}", "a:b:c"),
        ("texts within texts", "{{md5:{{sha1:{{len:abc}}}}}}", "a36abd601b784b2ece294786ee83e834"),
        ("a digest's bytes in base64", "{{md5:abc|base64}}", "kAFQmDzST7DWlj99KOF/cg=="),
        ("a digest's digits in capitals", "{{md5:abc|upper}}", "900150983CD24FB0D6963F7D28E17F72"),
        ("a key that was captured", "{{hmac-sha256:{{signing_key}}:{{token}}}}", HMAC),
        ("a key from the environment", "{{hmac-sha256:{{secret:API_KEY}}:{{token}}}}", HMAC),
        ("a literal key", "{{hmac-sha256:s3cret:tdX1}}", HMAC),
        ("a key with a colon", "{{hmac-sha256:{{bytes:3a}}:}}", EMPTY_HMAC),
        (
            "all clocks",
            "{{now:s}} {{now:ms}} {{now:us}}",
            "1767225600 1767225600123 1767225600123456",
        ),
        ("nanoseconds", "{{now:ns}}", "1767225600123456789"),
        ("letters of two bytes", "{{text:ÄÖß|lower}}{{text:äöß|upper}}", "äößÄÖSS"),
    ] {
        assert_eq!(shown(text), expected, "{sentence}: {text}");
    }
}

const HMAC: &str = "28dd961c918543feb918d1f7186af4e05d1c8feeee5663dc1b3501a7dcbb1ccf";
const EMPTY_HMAC: &str = "99517896fefc76c0159b35b432f8b722f014dae69f44fc130f178e2200e7ead7";

#[test]
fn a_file_is_read_once_and_its_rows_go_round() {
    let mut reads = 0;
    let mut source = |name: &str| {
        reads += 1;
        users(name)
    };
    let mut files = Files::new(&mut source);
    let mut template = Template::parse("{{file:users.csv:name}}-{{file:users.csv:name}}").unwrap();
    template.load(&mut files).unwrap();
    template.clone().load(&mut files).unwrap();
    assert_eq!(reads, 1);
    let of = |client| {
        let mut out = Vec::new();
        let mut world = Example;
        let mut scope = Scope { client: Some(client), ..scope(&mut world) };
        template.render(&mut scope, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!([of(0), of(1), of(2), of(1_000_001)], ["ann-ann", "bob-bob", "ann-ann", "bob-bob"]);
}

#[test]
fn four_packets_of_mqtt_are_written_byte_by_byte() {
    let connect =
        "{{bytes:10}}{{varint:{{u16:MQTT}}{{bytes:04 02 00 3c}}{{u16:client-{{client}}}}}}";
    let subscribe = "{{bytes:82}}{{varint:{{bytes:00 01}}{{u16:{{topic}}}}{{bytes:00}}}}";
    let publish = "{{bytes:30}}{{varint:{{u16:{{topic}}}}{{event.text}}}}";
    for (text, expected) in [
        (connect, &b"\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08client-3"[..]),
        (subscribe, b"\x82\x0b\x00\x01\x00\x06news-0\x00"),
        (publish, b"\x30\x12\x00\x06news-0tdX1 hello"),
        ("{{bytes:c0 00}}", b"\xc0\x00"),
    ] {
        assert_eq!(rendered(text), expected, "{text}");
    }
}

#[test]
fn lengths_are_written_as_their_readers_take_them() {
    let prefix = |block: &str, bytes: usize| {
        let rendered = rendered(&format!("{{{{{block}:{}}}}}", "x".repeat(bytes)));
        assert!(rendered.ends_with(&b"x".repeat(bytes)));
        rendered[..rendered.len() - bytes].to_vec()
    };
    for (block, bytes, expected) in [
        ("u8", 0, &[0][..]),
        ("u8", 255, &[255]),
        ("u16", 258, &[1, 2]),
        ("u16", 65_535, &[255, 255]),
        ("u32", 65_536, &[0, 1, 0, 0]),
        // The limits of MQTT 3.1.1, table 2.4.
        ("varint", 0, &[0]),
        ("varint", 127, &[0x7f]),
        ("varint", 128, &[0x80, 0x01]),
        ("varint", 16_383, &[0xff, 0x7f]),
        ("varint", 16_384, &[0x80, 0x80, 0x01]),
        ("varint", 2_097_152, &[0x80, 0x80, 0x80, 0x01]),
    ] {
        assert_eq!(prefix(block, bytes), expected, "{block} of {bytes}");
    }
}

#[test]
fn a_text_says_what_it_needs() {
    let template = Template::parse(
        "/a/{{topic}}{{md5:{{hmac-sha256:{{secret:K}}:{{login}}{{file:f:c}}}}}}{{now:s}}{{random:1-2}}{{topic}}",
    )
    .unwrap();
    let names: Vec<String> = template.names().iter().map(Name::to_string).collect();
    let expected =
        ["{{topic}}", "{{login}}", "{{secret:K}}", "{{file:f}}", "{{now:…}}", "{{random:…}}"];
    assert_eq!(names, expected);
    assert!(template.uses(Variable::Topic) && !template.uses(Variable::Cursor));
    assert!(template.is_secret() && !template.is_constant());
    assert_eq!(template.literal_prefix(), b"/a/");
    for constant in ["", "abc", "a{{{{b", "{{md5:{{u16:abc}}|base64}}", "{{bytes:00}}x{{len:y}}"] {
        assert!(Template::parse(constant).unwrap().is_constant(), "{constant}");
    }
    for varying in ["{{n}}", "{{now:s}}", "{{md5:{{random:1-1}}}}", "{{secret:K}}", "{{file:f}}"] {
        assert!(!Template::parse(varying).unwrap().is_constant(), "{varying}");
    }
    assert!(is_reserved("client") && is_reserved("u16") && !is_reserved("login"));
}

#[test]
fn what_comes_of_secrets_is_marked() {
    let text = "a{{secret:API_KEY}}b{{n}}{{md5:x{{secret:API_KEY|hex}}}}{{topic}}";
    let (mut out, mut secret) = (b"__".to_vec(), Vec::new());
    compiled(text).render_marked(&mut scope(&mut Example), &mut out, &mut secret).unwrap();
    assert_eq!(secret, [3..9, 12..44]);
    assert_eq!(&out[3..9], b"s3cret");
    assert_eq!(&out[44..], b"news-0");
}

#[test]
fn an_explained_text_shows_no_secret_and_names_what_is_not_known_yet() {
    for (text, expected) in [
        ("/{{topic}}?k={{secret:API_KEY}}", "/news-0?k=[secret API_KEY]"),
        ("{{secret:NOT_SET|url}}", "<url of [secret NOT_SET]>"),
        ("{{session}} {{md5:{{session}}}}", "<session> <md5 of <session>>"),
        ("{{md5:{{topic}}|base64}}", "N/q8D/oVJuiQYtHWu/X4cA=="),
        ("{{hmac-sha256:{{secret:API_KEY}}:{{n}}}}", "<hmac-sha256 with [secret API_KEY] of 17>"),
        ("{{hmac-sha256:s3cret:{{token}}}}", HMAC),
        ("{{len:{{session}}}} {{len:{{topic}}}}", "<length of <session>> 6"),
        ("{{u16:{{session}}}}{{u16:{{topic}}}}", "<u16 length><session>\\x00\\x06news-0"),
        ("{{text:ann:{{secret:API_KEY}}|base64}}", "<base64 of ann:[secret API_KEY]>"),
        ("{{file:users.csv:name}}", "bob"),
        ("{{now:s}} {{random:1-9}} {{len:{{now:s}}}}", "<now> <random> <length of <now>>"),
    ] {
        let mut out = Vec::new();
        compiled(text).render_explained(&mut scope(&mut Example), &mut out);
        let shown = printable(&out);
        assert_eq!(shown, expected, "{text}");
        assert!(!shown.contains("s3cret"));
    }
}

#[test]
fn a_text_is_serialized_as_it_was_written() {
    let template: Template = serde_json::from_str("\"a{{n}}\"").unwrap();
    assert_eq!(template, Template::parse("a{{n}}").unwrap());
    assert_eq!(serde_json::to_string(&template).unwrap(), "\"a{{n}}\"");
    let error = serde_json::from_str::<Template>("\"a{{n\"").unwrap_err().to_string();
    assert!(error.contains("'{{n': is not closed"), "{error}");
    let error = serde_json::from_str::<Template>("5").unwrap_err().to_string();
    assert!(error.contains("a text, which may contain placeholders"), "{error}");
}

#[test]
fn the_text_of_a_payload_is_unquoted() {
    for (json, text) in [
        ("\"plain\"", "plain"),
        ("\"a\\\"b\\u00e9\\n\"", "a\"bé\n"),
        ("{\"a\":\"b\"}", "{\"a\":\"b\"}"),
        ("17", "17"),
        ("\"", "\""),
        ("\"\\x\"", "\"\\x\""),
    ] {
        let mut world = NoWorld;
        let mut scope = Scope { event: Some(json.as_bytes()), ..Scope::new(&mut world) };
        let mut out = Vec::new();
        Template::parse("{{event.text}}").unwrap().render(&mut scope, &mut out).unwrap();
        assert_eq!(printable(&out), printable(text.as_bytes()), "{json}");
    }
}
