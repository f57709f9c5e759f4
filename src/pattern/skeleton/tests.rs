use proptest::prelude::*;

use super::*;
use crate::net::Endpoint;
use crate::pattern::conversation::Conversation;
use crate::scenario::built_in_dialect;

/// A voice of a dialect with these fields in every request, of a target behind `base`.
fn voice(common: &Headers, base: &str) -> Voice {
    let mut dialect = built_in_dialect().clone();
    dialect.headers = common.clone();
    let mut conversation = Conversation::built_in(dialect);
    let mut endpoint = Endpoint::from_url("http://localhost").unwrap();
    base.clone_into(&mut endpoint.base);
    conversation.endpoint = Some(endpoint);
    Voice::for_tests(conversation, "host:80", 7)
}

fn call(text: &str) -> Call {
    toml::from_str(text).unwrap()
}

fn fields(text: &str) -> Headers {
    toml::from_str(text).unwrap()
}

/// Calls that have a skeleton, with the fields of every request.
const CALLS: [(&str, &str); 9] = [
    ("path = '/items/{{client}}'", ""),
    ("path = '/items?topic={{topic}}&n={{n}}#part'", "accept = 'a/b'"),
    ("method = 'HEAD'\npath = '/{{value}}'", "Authorization = 'Bearer {{value}}'"),
    ("path = '/items/{{random:1-9}}'\nbody = '{\"v\":\"{{value}}\"}'", ""),
    ("path = '/'\nbody = '{{value}}'", "x-empty = ''"),
    (
        "method = 'PUT'\npath = '/{{random:0-99}}/{{random:0-99}}'\nbody = 'b{{random:0-9}}'\n\
         [headers]\nX-A = '{{random:0-99}}'\nx-b = '{{value}}'",
        "x-c = '{{client}}'",
    ),
    ("method = 'DELETE'\npath = '/items/{{value}}'", ""),
    ("path = '{{value}}'", ""),
    ("method = 'POST'\npath = '/'\n[headers]\ncontent-type = 'text/plain'", "\"no name\" = 'x'"),
];

proptest! {
    #[test]
    fn a_rendered_skeleton_is_the_request_of_the_general_form(
        at in 0..CALLS.len(),
        value in prop_oneof!["[a-z0-9/?#%&= ]{0,12}", any::<String>()],
        n in 0..1000_u64,
        base in prop::sample::select(&["", "/api", "/a b"][..]),
        etag in prop::option::of(prop::sample::select(&["\"1\"", "W/\"2\""][..])),
    ) {
        let (call, common) = (call(CALLS[at].0), fields(CALLS[at].1));
        let (mut one, mut other) = (voice(&common, base), voice(&common, base));
        for voice in [&mut one, &mut other] {
            voice.set("value", value.clone());
            voice.n = Some(n);
        }
        let skeleton = Skeleton::of(&call, base, &common).unwrap();
        let etag = etag.map(HeaderValue::from_static);
        for _ in 0..2 {
            let mut request = other.request(&call, None).unwrap();
            if let Some(etag) = &etag {
                request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
            }
            let general = Rendered::of(request);
            let rendered = skeleton.render(&mut one, None, etag.as_ref()).unwrap();
            prop_assert_eq!(
                String::from_utf8_lossy(&rendered.bytes),
                String::from_utf8_lossy(&general.bytes)
            );
            prop_assert_eq!(rendered.is_head, general.is_head);
        }
    }
}

#[test]
fn what_frames_a_body_or_takes_anothers_place_has_no_skeleton() {
    for (field, common) in [
        ("transfer-encoding = 'chunked'", ""),
        ("Content-Length = '1'", ""),
        ("host = 'other'", ""),
        ("", "if-none-match = '*'"),
        ("X-A = '1'", "x-a = '2'"),
        ("x-digest = '{{body}}'", ""),
    ] {
        let call = call(&format!("path = '/'\nbody = 'x'\n[headers]\n{field}"));
        assert!(Skeleton::of(&call, "", &fields(common)).is_none(), "{field} {common}");
    }
}
