//! `tidings plan --explain`: what will be sent to a server, without the server.

use std::process::{Command, Output};

use crate::support::text;

fn explain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(["plan", "--explain"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PLANTED", "correct-horse-battery")
        .env_remove("POCKETBASE")
        .output()
        .expect("the binary was built for this test")
}

#[test]
fn the_publish_request_is_shown_byte_for_byte_and_no_secret_is() {
    let output = explain(&[
        "scenarios/external/pocketbase.toml",
        "--set",
        "target.headers={x-key=\"{{secret:PLANTED}}\",x-digest=\"{{md5:{{secret:PLANTED}}}}\"}",
    ]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    let request = "
  > POST /api/collections/tidings/records HTTP/1.1
  > host: 127.0.0.1:<port>
  > x-digest: <md5 of [secret PLANTED]>
  > x-key: [secret PLANTED]
  > content-type: application/json
  > content-length: @LENGTH
  >
  > @BODY
  = expects status 200
";
    let body = concat!(
        r#"{"topic":"news-0","number":1,"payload":"q947u7ednw0000000001cxjyyz0123456789abcdefghijklmnopqrstuvwxyz"#,
        r#"0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr"}"#
    );
    let request = request.replace("@LENGTH", &body.len().to_string()).replace("@BODY", body);
    assert!(out.contains(&request), "{request}\n{out}");
    assert!(!out.contains("correct-horse") && !err.contains("correct-horse"), "{out}");
    // What is sent after it: the subscription, with the id that the stream will give.
    assert!(out.contains(
        "= waits for a message: event PB_CONNECT; captures {{client_id}} = json:/clientId"
    ));
    assert!(
        out.contains("  > {\"clientId\":\"<client_id>\",\"subscriptions\":[\"tidings/*?"),
        "{out}"
    );
    assert!(out.contains("  > authorization: <login>\n"), "{out}");
}

#[test]
fn every_shipped_page_is_explained() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/external");
    let mut pages = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let output = explain(&[path.to_str().unwrap()]);
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            assert_eq!(output.status.code(), Some(0), "{}: {err}", path.display());
            assert!(out.contains("q947u") && !out.contains("not described"), "{out}");
            pages += 1;
        }
    }
    assert!(pages >= 5, "{pages}");
}

#[test]
fn an_explanation_has_no_other_format() {
    let output = explain(&["quickstart", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--explain"), "{}", text(&output.stderr));
}
