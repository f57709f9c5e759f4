//! Properties of every text.

use proptest::prelude::*;

use super::*;

/// `value` behind a filter.
fn filtered(value: &[u8], filter: &str) -> Vec<u8> {
    let mut world = NoWorld;
    let mut scope = Scope { event: Some(value), ..Scope::new(&mut world) };
    let mut out = Vec::new();
    let template = Template::parse(&format!("{{{{event|{filter}}}}}")).unwrap();
    template.render(&mut scope, &mut out).unwrap();
    out
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.iter().copied();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let hex = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        decoded.push(match byte {
            b'%' => hex(bytes.next().unwrap()) * 16 + hex(bytes.next().unwrap()),
            byte => byte,
        });
    }
    decoded
}

proptest! {
    #[test]
    fn filters_are_undone_by_other_decoders(value in proptest::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,40}|[\\x00-\\x7f]{0,20}") {
        for bytes in [&value[..], text.as_bytes()] {
            prop_assert_eq!(percent_decoded(&filtered(bytes, "url")), bytes);
            prop_assert_eq!(filtered(bytes, "base64|base64-decode"), bytes);
            prop_assert_eq!(filtered(bytes, "base64url|base64-decode"), bytes);
            prop_assert_eq!(filtered(bytes, "hex|hex-decode"), bytes);
            let json: String = serde_json::from_slice(&filtered(bytes, "json")).unwrap();
            prop_assert_eq!(json, String::from_utf8_lossy(bytes));
        }
        let escaped = String::from_utf8(filtered(text.as_bytes(), "xml")).unwrap();
        prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        prop_assert_eq!(quick_xml::escape::unescape(&escaped).unwrap(), text.as_str());
        let twice: String = serde_json::from_slice(&filtered(text.as_bytes(), "json|json")).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&twice).unwrap(), text.as_str());
        let ascii: String = text.chars().filter(char::is_ascii).collect();
        prop_assert_eq!(filtered(ascii.as_bytes(), "lower"), ascii.to_ascii_lowercase().into_bytes());
        prop_assert_eq!(filtered(ascii.as_bytes(), "upper"), ascii.to_ascii_uppercase().into_bytes());
    }

    #[test]
    fn any_text_is_compiled_or_refused_and_never_panics(text in "([a-z :|{}\"é\\n0-9-]|\\{\\{|\\}\\}|\\{\\{[a-z0-9]{1,7}[:|]|\\{\\{(n|md5:|u16:|text:|hmac-sha256:|bytes:00|random:1-2|secret:K)){0,24}") {
        if let Ok(template) = Template::parse(&text) {
            let mut out = Vec::new();
            let known = template.render(&mut scope(&mut Example), &mut out).is_ok();
            let mut explained = Vec::new();
            template.render_explained(&mut scope(&mut Example), &mut explained);
            // What is drawn anew each time is explained by its name, as is what depends on it.
            if known && !template.is_secret() && !text.contains("{{random:") {
                prop_assert_eq!(printable(&explained), printable(&out));
            }
            prop_assert_eq!(template.is_constant(), template.names().is_empty());
        }
    }

    #[test]
    fn text_without_double_braces_renders_as_itself(text in "([ -z|~é\\n]|\\{[^{]|\\}){0,40}") {
        prop_assume!(!text.contains("{{"));
        let template = Template::parse(&text).unwrap();
        prop_assert_eq!(template.constant().unwrap(), text.as_bytes());
    }

    #[test]
    fn balanced_braces_pass_through_an_argument(tree in balanced()) {
        prop_assume!(!tree.contains("{{"));
        let text = format!("<{{{{text:{tree}}}}}>");
        prop_assert_eq!(rendered(&text), format!("<{tree}>").into_bytes());
    }
}

/// Text in which single braces balance.
fn balanced() -> impl Strategy<Value = String> {
    "[a-z:,\" ]{0,6}".prop_recursive(4, 24, 4, |inner| {
        proptest::collection::vec((inner, "[a-z:,\" ]{1,4}"), 0..4).prop_map(|parts| {
            let braced = |(inner, between): &(String, String)| format!("{between}{{{inner}}}");
            parts.iter().map(braced).collect::<Vec<_>>().concat()
        })
    })
}
