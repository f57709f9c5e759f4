//! What is explained, for small dialects.

use super::explain;
use super::speaker::Place;
use crate::scenario;

/// The page for one `pattern` of a server that is described by `target`.
fn page(pattern: &str, target: &str, columns: usize) -> String {
    let text = format!(
        "question = \"?\"\npatterns = [\"{pattern}\"]\n[workload]\nclients = 2\nrate = \"1/s\"\npayload = \"40B\"\n{target}"
    );
    let scenario = scenario::parse(&text, "x.toml", &[], &|_| None).unwrap();
    explain(&scenario, columns)
}

/// Checks that `page` has `lines` one after the other.
#[track_caller]
fn assert_has(page: &str, lines: &[&str]) {
    let all = format!("{}\n", lines.join("\n"));
    assert!(page.contains(&all), "missing:\n{all}in:\n{page}");
}

const PUBLISH: &str =
    "[target.publish]\nrequest = \"POST /t/{{topic}}\"\nbody = '{\"n\":{{n}},\"d\":{{event}}}'\n";

#[test]
fn a_request_is_shown_in_the_order_in_which_it_is_sent() {
    let target = format!(
        "[target]\nurl = \"http://localhost:3000/base/\"\nheaders = {{ x-one = \"1\", X-Two = \"2\" }}\n\
         compression = true\n{PUBLISH}headers = {{ x-one = \"own\", x-last = \"{{{{secret:KEY}}}}\" }}\n\
         [target.sse]\nrequest = \"GET /t/{{{{topic}}}}\"\n"
    );
    let page = page("sse", &target, usize::MAX);
    let at = page.find("  > POST").unwrap();
    let lines: Vec<&str> = page[at..].lines().take(6).collect();
    // Header fields come in the order of their names: those of the target, then those of the call.
    let expected = [
        "  > POST /base/t/news-0 HTTP/1.1",
        "  > host: localhost:3000",
        "  > x-two: 2",
        "  > x-one: own",
        "  > x-last: [secret KEY]",
        "  > accept-encoding: gzip, deflate",
    ];
    assert_eq!(lines, expected);
    assert_has(&page, &["  > x-last: [secret KEY]"]);
    assert_has(&page, &["  > accept: text/event-stream", "  > accept-encoding: gzip, deflate"]);
    let body = page.lines().find(|line| line.starts_with("  > {\"n\":1,")).unwrap();
    let length = body.len() - "  > ".len();
    assert_has(&page, &[&format!("  > content-length: {length}"), "  >", body]);
    assert_eq!(length, "{\"n\":1,\"d\":}".len() + 40);
}

#[test]
fn what_is_not_known_yet_is_named_and_its_length_is_left_open() {
    let target = format!(
        "[target]\nurl = \"http://127.0.0.1:{{{{port}}}}\"\n[[target.launch]]\ncommand = [\"srv\", \"--dir\", \"{{{{directory}}}}/a b\", \"{{{{port}}}}\"]\n\
         [[target.setup]]\nrequest = \"POST /login\"\nbody = '{{\"at\":{{{{now:s}}}}}}'\ncapture = {{ login = \"json:/token\" }}\n\
         {PUBLISH}headers = {{ authorization = \"{{{{login}}}}\" }}\n[target.sse]\nrequest = \"GET /t/{{{{topic}}}}\"\nresume = \"none\"\n"
    );
    let page = page("sse", &target, usize::MAX);
    assert_has(&page, &["  starts  srv --dir '<directory>/a b' <port>"]);
    assert_has(
        &page,
        &[
            "  > POST /login HTTP/1.1",
            "  > host: 127.0.0.1:<port>",
            "  > content-length: <length of the body>",
            "  >",
            "  > {\"at\":<now>}",
            "  = expects status 2xx; captures {{login}} = json:/token",
        ],
    );
    assert_has(&page, &["  > authorization: <login>"]);
    assert!(page.contains("nothing is resumed"), "{page}");
}

#[test]
fn a_websocket_is_opened_answered_and_published_to_message_by_message() {
    let target = "[target]\nurl = \"ws://localhost/\"\n[target.websocket]\npath = \"/ws\"\nsubprotocol = [\"a\", \"b\"]\n\
        steps = [{ wait = { prefix = \"HI\" } }, { send = \"SUB {{topic}}\\r\\n\" }]\n\
        reply = [{ to = \"PING\", send = \"PONG\" }]\nevery = [{ span = \"5s\", send = \"BEAT\" }]\nignore = [{ exact = \"OK\" }]\n\
        [target.publish]\nover = \"websocket\"\nsend = \"PUB {{topic}} {{event}}\"\n[target.publish.websocket]\npath = \"/in\"\n";
    let page = page("websocket", target, usize::MAX);
    assert_has(
        &page,
        &[
            "  > GET /ws HTTP/1.1",
            "  > host: localhost",
            "  > sec-websocket-protocol: a, b",
            "  > connection: Upgrade",
            "  > upgrade: websocket",
            "  > sec-websocket-version: 13",
            "  > sec-websocket-key: <random>",
            "  = expects status 101",
            "  = waits for a message: prefix \"HI\"",
            "  > SUB news-0\\r\\n",
            "  = to each message exact \"PING\"",
            "  > PONG",
            "  = every 5s",
            "  > BEAT",
            "  = a message without an event: exact \"OK\"",
        ],
    );
    assert!(
        page.contains("  > GET /in HTTP/1.1\n") && page.contains("  > PUB news-0 \"q947u"),
        "{page}"
    );
}

#[test]
fn a_webhook_is_registered_with_the_address_of_its_receiver() {
    let target = format!(
        "[target]\nurl = \"http://localhost\"\n{PUBLISH}sign = {{ preset = \"github\", secret = \"open-sesame\" }}\n[target.webhook]\n\
         register = {{ path = \"/hooks\", body = '{{\"url\":{{{{callback_url|json}}}}}}', capture = {{ id = \"json:/id\" }} }}\n\
         unregister = {{ method = \"DELETE\", path = \"/hooks/{{{{id}}}}\" }}\nlisten = \"127.0.0.1:9400\"\n"
    );
    let page = page("webhook", &target, usize::MAX);
    assert_has(&page, &["  >", "  > {\"url\":\"http://127.0.0.1:9400/\"}"]);
    assert_has(&page, &["  = withdraws", "  > DELETE /hooks/<id> HTTP/1.1"]);
    assert_has(
        &page,
        &["  > x-hub-signature-256: <signature with the secret of target.publish.sign>"],
    );
    assert!(!page.contains("open-sesame"), "{page}");
}

#[test]
fn lines_are_broken_where_the_window_ends_and_nothing_of_them_is_lost() {
    let target = format!(
        "[target]\nurl = \"http://localhost\"\n{PUBLISH}[target.sse]\nrequest = \"GET /{}\"\n",
        "x".repeat(90)
    );
    let page = page("sse", &target, 40);
    assert!(page.lines().all(|line| line.chars().count() <= 40), "{page}");
    let at = page.find("  > GET").unwrap();
    let whole: String = page[at..].lines().take(3).map(|line| &line[4..]).collect();
    assert_eq!(whole, format!("GET /{} HTTP/1.1", "x".repeat(90)));
}

#[test]
fn every_way_to_recognise_an_event_has_a_sentence() {
    for (keys, says) in [
        ("", "by its token, wherever"),
        ("decode = \"base64:/data\"\n", "once base64:/data is decoded"),
        ("events = \"one\"\n", "at most one"),
        ("semantics = \"latest\"\n", "supersedes"),
    ] {
        let target = format!(
            "[target]\nurl = \"http://localhost\"\n{keys}{PUBLISH}[target.sse]\nrequest = \"GET /\"\n"
        );
        let page = page("sse", &target, usize::MAX).replace('\n', " ");
        assert!(page.contains(says), "{says}: {page}");
    }
}

#[test]
fn a_place_is_split_as_an_endpoint_would_be_where_its_port_is_not_known() {
    for (url, authority, base) in [
        ("http://localhost/", "localhost", ""),
        ("http://localhost:80/a/", "localhost", "/a"),
        ("http://127.0.0.1:<port>/a/", "127.0.0.1:<port>", "/a"),
        ("ws://<host>", "<host>", ""),
    ] {
        let place = Place::of(url.to_owned());
        assert_eq!((&*place.authority, &*place.base), (authority, base), "{url}");
    }
}

#[test]
fn the_built_in_target_is_explained_by_its_own_page() {
    let text = "question = \"?\"\npatterns = [\"sse\", \"websocket\", \"webhook\"]\n[workload]\nclients = 2\nrate = \"1/s\"\n";
    let scenario = scenario::parse(text, "x.toml", &[], &|_| None).unwrap();
    let page = explain(&scenario, usize::MAX);
    assert!(page.contains("The target publishes the events by itself."), "{page}");
    for line in [
        "  > GET /topics/news-0/stream?since=0 HTTP/1.1",
        "  > GET /topics/news-0/ws?since=0 HTTP/1.1",
        "  > POST /webhooks HTTP/1.1",
        "  > DELETE /webhooks/<webhook_id> HTTP/1.1",
    ] {
        assert!(page.lines().any(|own| own == line), "{line}: {page}");
    }
}
