//! Planted values, and what is left of them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

fn registry(values: &[(&str, &str)]) -> Secrets {
    let secrets = Secrets::new();
    for (name, value) in values {
        secrets.register(name, value);
    }
    secrets
}

#[test]
fn values_are_replaced_by_their_names() {
    let secrets = registry(&[
        ("KEY", "p@ss \"wörd\"/+&"),
        ("TOKEN", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
        ("LONGER", "eyJhbGciOiJIUzI1NiJ9.e30.xyz"),
        ("PIN", "42"),
        ("NOTHING", ""),
    ]);
    for (sentence, text, expected) in [
        ("nothing planted", "all is well: 1,420 events", "all is well: 1,420 events"),
        ("as it is", "key p@ss \"wörd\"/+& here", "key [secret KEY] here"),
        ("twice", "p@ss \"wörd\"/+&p@ss \"wörd\"/+&", "[secret KEY][secret KEY]"),
        ("in JSON", r#"{"k":"p@ss \"wörd\"/+&"}"#, r#"{"k":"[secret KEY]"}"#),
        ("in JSON of ASCII", r#"{"k":"p@ss \"w\u00F6rd\"\/+\u0026"}"#, r#"{"k":"[secret KEY]"}"#),
        (
            "in JSON within JSON",
            r#"{"k":"{\"k\":\"p@ss \\\"wörd\\\"/+&\"}"}"#,
            r#"{"k":"{\"k\":\"[secret KEY]\"}"}"#,
        ),
        ("in a query", "?k=p%40ss%20%22w%C3%B6rd%22%2F%2B%26&n=1", "?k=[secret KEY]&n=1"),
        ("in a query of another encoder", "?k=p@ss%20%22w%c3%b6rd%22/%2b%26", "?k=[secret KEY]"),
        ("in a form", "k=p%40ss+%22w%C3%B6rd%22%2F%2B%26", "k=[secret KEY]"),
        ("in XML", "<k>p@ss &quot;w&#xF6;rd&quot;/+&amp;</k>", "<k>[secret KEY]</k>"),
        ("in XML with numbers", "p@ss &#34;w&#246;rd&#34;/+&#38;", "[secret KEY]"),
        ("as Rust prints it", r#"Some("p@ss \"wörd\"/+&")"#, r#"Some("[secret KEY]")"#),
        ("in capitals", "EYJHBGCIOIJIUZI1NIJ9.E30.X!", "[secret TOKEN]!"),
        ("the longest of two", "a eyJhbGciOiJIUzI1NiJ9.e30.xyz", "a [secret LONGER]"),
        ("the shorter of two", "a eyJhbGciOiJIUzI1NiJ9.e30.xy", "a [secret TOKEN]y"),
        ("a short value alone", "pin=42, (42) 42", "pin=[secret PIN], ([secret PIN]) [secret PIN]"),
        ("a short value in others", "142 42a é42", "142 42a é42"),
    ] {
        assert_eq!(secrets.redact(text), expected, "{sentence}");
    }
    assert!(matches!(secrets.redact("nothing"), Cow::Borrowed(_)));
    assert!(matches!(Secrets::new().redact("p@ss"), Cow::Borrowed(_)));
    assert!(Secrets::new().is_empty() && !secrets.is_empty());
    assert_eq!(format!("{secrets:?}"), "Secrets(4 names)");
}

#[test]
fn values_that_overlap_are_replaced_together() {
    let secrets = registry(&[("A", "abcdef"), ("B", "defghijk"), ("C", "cde1")]);
    assert_eq!(secrets.redact("-abcdefghijk-"), "-[secret B]-");
    assert_eq!(secrets.redact("-abcdef-cde1"), "-[secret A]-[secret C]");
    let again = registry(&[("C", "cde1"), ("B", "defghijk"), ("A", "abcdef"), ("Z", "abcdef")]);
    assert_eq!(again.redact("-abcdefghijk-abcdef"), "-[secret B]-[secret A]");
}

#[test]
fn basic_authentication_hides_the_password_and_its_edges() {
    let secrets = registry(&[("PASSWORD", "correct horse battery")]);
    for user in ["", "a", "an", "ann", "anna"] {
        for tail in ["", "1", "12", "123"] {
            let before = format!("{user}:");
            let header = BASE64_STANDARD.encode(format!("{before}correct horse battery{tail}"));
            // A digit that holds six bits of the password, or two, is a digit of the password.
            let first = 8 * before.len() / 6;
            let last = (8 * (before.len() + "correct horse battery".len())).div_ceil(6);
            let expected = format!("{}[secret PASSWORD]{}", &header[..first], &header[last..]);
            assert_eq!(secrets.redact(&header), expected, "{user}:…{tail}");
        }
    }
}

#[test]
fn thousands_of_logins_are_registered_and_found() {
    let secrets = Secrets::new();
    let login = |n: usize| format!("eyJhbGciOiJIUzI1NiJ9.{n:08}.signature-{}", n * 7);
    (0..5_000).for_each(|n| secrets.register("login", &login(n)));
    let text = format!("<{}|{}>", login(17), login(4_999));
    assert_eq!(secrets.redact(&text), "<[secret login]|[secret login]>");
    assert_eq!(secrets.redact(&login(5_000)), login(5_000));
}

/// Ways in which a value may be written, by encoders that are not this crate's where there is one.
fn written(value: &str, around: &str) -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let bytes = value.as_bytes();
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let percent = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = match byte {
            b' ' => write!(text, "+"),
            byte if byte.is_ascii_alphanumeric() => write!(text, "{}", char::from(*byte)),
            byte => write!(text, "%{byte:02x}"),
        };
        text
    });
    let escaped: String = value.encode_utf16().fold(String::new(), |mut text, unit| {
        let _ = write!(text, "\\u{unit:04x}");
        text
    });
    let embedded = format!("{around}{value}{around}");
    vec![
        embedded.clone(),
        json(&embedded),
        json(&json(&embedded)),
        format!("{embedded:?}"),
        escaped,
        percent,
        hex.to_uppercase(),
        hex,
        quick_xml::escape::escape(&embedded).into_owned(),
        BASE64_STANDARD.encode(&embedded),
        BASE64_URL_SAFE_NO_PAD.encode(&embedded),
        json(&format!("Basic {}", BASE64_STANDARD.encode(&embedded))),
        value.to_lowercase(),
        value.to_uppercase(),
    ]
}

proptest! {
    #[test]
    fn a_planted_value_is_found_however_it_is_written(
        value in "[a-zA-Z0-9 +/&%\"'\\\\<>äöß日.:;=~-]{4,40}",
        around in "[ ,;(){}]{0,5}",
    ) {
        let secrets = registry(&[("PLANTED", &value)]);
        for text in written(&value, &around) {
            let redacted = secrets.redact(&text).into_owned();
            prop_assert!(redacted.contains("[secret PLANTED]"), "{text}: {redacted}");
            // It is found in no further way, and redaction is complete at once.
            let left = redacted.replace("[secret PLANTED]", "\u{0}");
            prop_assert_eq!(secrets.redact(&left), left.as_str());
        }
    }

    #[test]
    fn text_without_a_value_stays_as_it_is(text in "\\PC{0,60}|[%\\\\&;u0-9a-f{}]{0,30}") {
        let secrets = registry(&[("A", "\u{1}\u{2}\u{1}\u{2}\u{1}"), ("B", "\u{fffe}")]);
        prop_assert_eq!(secrets.redact(&text), text.as_str());
    }

    #[test]
    fn any_bytes_are_redacted_without_a_panic(text in proptest::collection::vec(any::<u8>(), 0..80), value in "\\PC{1,6}") {
        let secrets = registry(&[("A", &value)]);
        let _ = secrets.redact_bytes(&text);
        let mut planted = text.clone();
        planted.extend_from_slice(b" ");
        planted.extend_from_slice(value.as_bytes());
        let redacted = secrets.redact_bytes(&planted);
        prop_assert!(redacted.ends_with(b"[secret A]"));
    }
}
