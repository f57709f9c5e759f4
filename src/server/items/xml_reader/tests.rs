//! Which XML is read, and which is refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::server::answer::{Body, Reply};
use crate::server::items::json;

fn refusal(bytes: &[u8]) -> (u16, Value) {
    let Err(problem) = decode(bytes) else { panic!("read: {}", String::from_utf8_lossy(bytes)) };
    let reply = Reply::from(problem);
    let Body::Whole(body) = reply.body() else { panic!("a whole body") };
    (reply.status().as_u16(), serde_json::from_slice(body).unwrap())
}

#[test]
fn handwritten_xml_is_read() {
    let pretty = "<?xml version='1.0' encoding='utf-8'?>\n<!-- mine -->\n<item>\r\n  <data>\n    <map>\n      \
                  <string key='a&#10;b'>x<![CDATA[<&]]>&#x41;&lt;\r\n</string>\n      <null key=\"n\"/>\n    \
                  </map>\n  </data>\n  <name/>\n</item>\n<?pi?>\n";
    let draft = decode(pretty.as_bytes()).unwrap();
    assert_eq!(draft.data, json!({ "a\nb": "x<&A<\n", "n": null }));
    assert_eq!((draft.id, draft.name.as_str()), (None, ""));
    assert_eq!(decode(b"<item/>").unwrap(), Draft::default());
    assert_eq!(decode(b"<item><data/></item>").unwrap().data, Value::Null);
}

#[test]
fn invalid_xml_is_refused_with_its_place() {
    let bomb =
        "<!DOCTYPE l [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]>\n<item><name>&b;</name></item>";
    let deep = format!("<item><data>{}", "<array>".repeat(200));
    let mut misplaced = Vec::new();
    for (text, line, column, why) in [
        ("", 1, 1, "nothing"),
        ("item", 1, 5, "no element"),
        ("<item>", 1, 7, "no end"),
        ("<item>\n<name>x</nam></item>", 2, 8, "another end"),
        ("<item></item><item/>", 1, 21, "two items"),
        ("<item></item>x", 1, 15, "text behind the item"),
        (bomb, 1, 52, "a document type"),
        ("<item><name>&b;</name></item>", 1, 16, "an entity that nobody knows"),
        ("<item><name>&#0;</name></item>", 1, 17, "a reference to no character"),
        ("<item><name>a & b</name></item>", 1, 15, "an ampersand by itself"),
        ("<item>\n<name>\u{1}</name></item>", 2, 7, "a character that XML has not"),
        ("<item id='1' id='1'/>", 1, 22, "an attribute twice"),
        ("<?xml version='1.0' encoding='latin1'?><item/>", 1, 40, "another encoding"),
        ("<item><?xml version='1.0'?></item>", 1, 28, "a declaration inside"),
        (&deep, 1, 902, "too deep"),
    ] {
        let (status, document) = refusal(text.as_bytes());
        assert_eq!(status, 400, "{why}: {document}");
        let place = (document["line"].as_u64(), document["column"].as_u64());
        if place != (Some(line), Some(column)) {
            misplaced.push(format!("{why}, expected at {line}:{column}: {document}"));
        }
    }
    assert!(misplaced.is_empty(), "{misplaced:#?}");
    assert_eq!(refusal(b"<item>\n\xff</item>").1["line"], 2);
}

#[test]
fn an_invalid_item_is_refused_with_its_member() {
    for (text, pointer, why) in [
        ("<thing/>", "", "another element"),
        ("<item>text</item>", "", "text for an item"),
        ("<item id='x'/>", "/id", "an id that is no number"),
        ("<item nmae='x'/>", "/id", "an attribute that an item has not"),
        ("<item><nmae/></item>", "/nmae", "an element that an item has not"),
        ("<item><name/><name/></item>", "/name", "two names"),
        ("<item><name><b/></name></item>", "/name", "an element in a name"),
        ("<item><data>x</data></item>", "/data", "text for a value"),
        ("<item><data><null/><null/></data></item>", "/data", "two values"),
        ("<item><data><date/></data></item>", "/data", "a value that there is not"),
        ("<item><data><number>1x</number></data></item>", "/data", "no number"),
        ("<item><data><number>NaN</number></data></item>", "/data", "no number"),
        ("<item><data><boolean>yes</boolean></data></item>", "/data", "no truth"),
        ("<item><data><null>x</null></data></item>", "/data", "text in nothing"),
        ("<item><data><map><null/></map></data></item>", "/data", "no key"),
        (
            "<item><data><map><null key='a'/><null key='a'/></map></data></item>",
            "/data",
            "a key twice",
        ),
        ("<item><data><null key='a'/></data></item>", "/data", "a key in no map"),
        ("<item><data><string escaped='true'>\\x</string></data></item>", "/data", "no escape"),
        (
            "<item><data><string escaped='maybe'>x</string></data></item>",
            "/data",
            "neither escaped nor not",
        ),
    ] {
        let (status, document) = refusal(text.as_bytes());
        assert_eq!(status, 422, "{why}: {document}");
        assert_eq!(document["errors"][0]["pointer"], pointer, "{why}: {document}");
    }
}

#[test]
fn both_encodings_are_read_as_deep() {
    for (depth, read) in [(DEPTH_MAX, true), (DEPTH_MAX + 1, false)] {
        let xml = format!(
            "<item><data>{}{}</data></item>",
            "<array>".repeat(depth),
            "</array>".repeat(depth)
        );
        let text = format!("{{\"data\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(decode(xml.as_bytes()).is_ok(), read, "{depth}");
        assert_eq!(json::decode(text.as_bytes()).is_ok(), read, "{depth}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(<|>|/|item|name|data|map|array|string|number| key=\"|\"|&|;|amp|#1|[a-z0-9]|<!--|-->|<\\?|\\?>|<!\\[CDATA\\[|\\]\\]>|\\s){0,30}",
    ) {
        let _ = decode(text.as_bytes());
        let _ = decode(format!("<item><data>{text}</data></item>").as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_document_that_breaks_off_is_refused(end in 0..118usize) {
        let whole = "<item id=\"1\"><name>n &amp; m</name><data><map><string key=\"a\">b</string><array key=\"c\"/></map></data></item>";
        let end = end.min(whole.len() - 1);
        prop_assert!(decode(&whole.as_bytes()[..end]).is_err());
    }
}
