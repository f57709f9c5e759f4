//! Requests that are signed in their query, checked by a server with other code than ours; and answers that refuse in their body.

use crate::socket_support;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use socket_support::{Lab, Log, dialect, serve};

const SECRET: &[u8] = b"s3cret";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// What is wrong with a request, as a server of the Pusher protocol checks it.
fn fault(line: &str, body: &str) -> Option<String> {
    let (method, rest) = line.split_once(' ')?;
    let target = rest.strip_suffix(" HTTP/1.1")?;
    let Some((signed, signature)) = target.rsplit_once("&auth_signature=") else {
        return Some(format!("unsigned: {line}"));
    };
    let Some((path, query)) = signed.split_once('?') else { return Some(line.to_owned()) };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("{method}\n{path}\n{query}").as_bytes());
    let expected = hex(&mac.finalize().into_bytes());
    let digest = format!("body_md5={}", hex(&Md5::digest(body.as_bytes())));
    let right = signature == expected && query.split('&').any(|part| part == digest);
    (!right).then(|| format!("{line} should have {digest} and {expected}"))
}

#[test]
fn a_server_that_checks_query_and_body_takes_every_event_and_refuses_some_by_their_answers() {
    let (faults, refusals) = (Log::default(), Log::default());
    let (wrong, refused) = (faults.clone(), refusals.clone());
    let target = serve(move |number, peer| {
        let body = peer.asked.fields["body"].clone();
        if let Some(fault) = fault(&peer.asked.line, &body) {
            wrong.add(fault);
        }
        // The header field is a text that names the body, too.
        if peer.asked.fields["x-length"] != body.len().to_string() {
            wrong.add(format!("{:?}", peer.asked));
        }
        if number % 2 == 0 {
            peer.answer(200, "{}");
        } else {
            refused.add("");
            peer.answer(200, r#"{"error":"over quota","code":4301}"#);
        }
    });
    let dialect = dialect(
        r#"
        [publish]
        request = { method = "POST", path = "/apps/1/events?auth_key=k&auth_timestamp={{now:s}}&body_md5={{md5:{{body}}}}", headers = { x-length = "{{len:{{body}}}}" }, body = '{"channels":["{{topic}}"],"data":{{event|json}}}' }
        refused = { json = { "/error" = { present = true } } }
        sign = { query = "auth_signature", signed = "{{method}}\n{{path}}\n{{query}}", secret = "s3cret" }
        "#,
    );
    let enough = |published: &socket_support::Published| published.refused.len() == 5;
    let (_, published) =
        Lab::new().publish(dialect, target, |_, published| enough(published).then_some(true));
    assert_eq!(faults.lines(), Vec::<String>::new());
    assert_eq!(refusals.len(), 5);
    // Ten events; every second answer refuses.
    assert_eq!(published.refused, [2, 4, 6, 8, 10].map(|event| (0, event)));
    assert_eq!(published.unanswered, []);
}
