use hyper::HeaderMap;

use super::*;
use crate::pace::ArrivalProcess;
use crate::scenario::{Connection, LoopKind, Mix};
use crate::unit::{Rate, Span};

const ITEM: &str = r#"{"id":7,"name":"item","data":"ab"}"#;
const ITEM_XML: &str = r#"<?xml version="1.0"?><item id="7"><name>item</name><data/></item>"#;

fn options(format: Format) -> RequestOptions {
    RequestOptions {
        loop_kind: LoopKind::Open,
        think: Span::default(),
        rate: Rate::per_second(1.0),
        arrivals: ArrivalProcess::Poisson,
        mix: Mix { create: 1, delete: 1, ..Mix::default() },
        format,
        conditional: true,
        timeout: Span::from_secs(1),
        connection: Connection::KeepAlive,
        retry_after: true,
        requests: None,
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> StampedResponse {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    StampedResponse {
        status,
        headers: headers.into(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        sent_ns: 0,
        first_ns: 0,
        done_ns: 0,
    }
}

#[test]
fn an_answer_must_be_the_right_one() {
    let json = [("content-type", "application/json; charset=utf-8"), ("etag", "\"1\"")];
    let xml = [("content-type", "application/xml"), ("etag", "\"1\"")];
    let other = ITEM.replace('7', "8");
    let page = r#"{"items":[],"next":null}"#;
    for (operation, status, headers, body, expected, why) in [
        (Operation::Read, 200, &json[..], ITEM, Ok(ItemChange::Done), "that item"),
        (Operation::Read, 304, &json[1..], "", Ok(ItemChange::NotModified), "nothing new"),
        (Operation::Read, 304, &[("etag", "\"2\"")], "", Err(ErrorKind::Protocol), "another tag"),
        (Operation::Read, 200, &json, &other, Err(ErrorKind::Protocol), "another item"),
        (Operation::Read, 200, &xml, ITEM, Err(ErrorKind::Protocol), "another type"),
        (Operation::Read, 200, &[], ITEM, Err(ErrorKind::Protocol), "no type"),
        (Operation::Read, 404, &json, "", Err(ErrorKind::NotFound), "another status"),
        (Operation::Read, 429, &[], "", Err(ErrorKind::Refused), "too many requests"),
        (Operation::Read, 503, &[], "", Err(ErrorKind::Refused), "not available"),
        (Operation::Replace, 304, &json, "", Err(ErrorKind::Status), "a write is not conditional"),
        (Operation::Replace, 200, &json, ITEM, Ok(ItemChange::Done), "that item"),
        (Operation::Patch, 200, &json, &other, Err(ErrorKind::Protocol), "another item"),
        (Operation::Head, 200, &json, "", Ok(ItemChange::Done), "a head"),
        (Operation::Create, 200, &json, ITEM, Err(ErrorKind::Status), "not created"),
        (Operation::List, 200, &json, page, Ok(ItemChange::Done), "a page"),
        (Operation::List, 200, &json, ITEM, Err(ErrorKind::Protocol), "no page"),
    ] {
        let options = options(Format::Json);
        let mut items = Items::new(&options, HeaderValue::from_static("h"), b"\"ab\"");
        let (asked, _) = items.ask(Operation::Create);
        items.check(asked, &answer(201, &json, ITEM)).unwrap();
        let (asked, _) = items.ask(operation);
        assert_eq!(
            items.check(asked, &answer(status, headers, body)),
            expected,
            "{operation:?}: {why}"
        );
    }
}

#[test]
fn rendered_requests_are_those_of_the_general_form() {
    let json = [("content-type", "application/json"), ("etag", "\"1\"")];
    let xml = [("content-type", "application/xml"), ("etag", "\"1\"")];
    for (format, fields, item) in [(Format::Json, &json, ITEM), (Format::Xml, &xml, ITEM_XML)] {
        let options = options(format);
        // The same twice: each takes an item of its own to delete.
        let [mut general, mut rendered] = [(); 2].map(|()| {
            let mut items = Items::new(&options, HeaderValue::from_static("h:80"), b"\"ab\"");
            for id in ["7", "8"] {
                let (asked, _) = items.ask(Operation::Create);
                items.check(asked, &answer(201, fields, &item.replace('7', id))).unwrap();
            }
            items
        });
        for operation in [
            Operation::Create,
            Operation::Read,
            Operation::Head,
            Operation::Replace,
            Operation::Patch,
            Operation::Delete,
            Operation::Delete,
            Operation::List,
        ] {
            let (asked, request) = general.ask(operation);
            let (also, bytes) = rendered.ask_rendered(operation);
            let expected = Rendered::of(request);
            assert_eq!(
                String::from_utf8_lossy(&bytes.bytes),
                String::from_utf8_lossy(&expected.bytes)
            );
            assert_eq!(bytes.is_head, expected.is_head);
            assert_eq!(format!("{asked:?}"), format!("{also:?}"));
            // What takes no bytes is given the same request.
            let again = Rendered::of(bytes.request().unwrap());
            assert_eq!(again.bytes, bytes.bytes, "{operation:?}");
        }
    }
}

#[test]
fn xml_is_requested_sent_and_read() {
    let options = options(Format::Xml);
    let mut items = Items::new(&options, HeaderValue::from_static("h"), b"\"ab\"");
    let (asked, request) = items.ask(Operation::Create);
    assert_eq!(request.headers()[ACCEPT], "application/xml");
    assert_eq!(request.headers()[CONTENT_TYPE], "application/xml");
    assert_eq!(items.body, "<item><name>item</name><data><string>ab</string></data></item>");
    let xml = [("content-type", "application/xml"), ("etag", "\"1\"")];
    items.check(asked, &answer(201, &xml, ITEM_XML)).unwrap();
    let (_, request) = items.ask(Operation::Read);
    assert_eq!(
        (request.uri().path(), &request.headers()[IF_NONE_MATCH]),
        ("/items/7", &HeaderValue::from_static("\"1\""))
    );
    for (body, expected, why) in [
        (ITEM_XML, Ok(ItemChange::Done), "that item"),
        (&ITEM_XML.replace('7', "8"), Err(ErrorKind::Protocol), "another item"),
        (&ITEM_XML.replace("</item>", ""), Err(ErrorKind::Protocol), "it breaks off"),
        ("<items/>", Err(ErrorKind::Protocol), "no item"),
    ] {
        let (asked, _) = items.ask(Operation::Read);
        assert_eq!(items.check(asked, &answer(200, &xml, body)), expected, "{why}");
    }
    let (asked, request) = items.ask(Operation::Patch);
    assert_eq!(request.headers()[CONTENT_TYPE], "application/merge-patch+json");
    items.check(asked, &answer(200, &xml, ITEM_XML)).unwrap();
}

#[test]
fn a_refused_delete_is_tried_again_later() {
    let options = options(Format::Json);
    let mut items = Items::new(&options, HeaderValue::from_static("h"), b"\"ab\"");
    let json = [("content-type", "application/json")];
    for id in ["7", "8"] {
        let (asked, _) = items.ask(Operation::Create);
        items.check(asked, &answer(201, &json, &ITEM.replace('7', id))).unwrap();
    }
    for _ in 0..2 {
        let (asked, request) = items.ask(Operation::Delete);
        assert_eq!((request.method(), request.uri().path()), (&Method::DELETE, "/items/8"));
        assert_eq!(items.check(asked, &answer(429, &[], "")), Err(ErrorKind::Refused));
    }
}
