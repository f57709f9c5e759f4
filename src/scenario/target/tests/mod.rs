//! `[target]` as its users meet it: pages of TOML in, servers or messages out.

mod pages;
mod refused;
mod unfit;

use std::path::PathBuf;

use super::super::{Pattern, PatternKind, Publish, Scenario, dialects, parse};
use super::*;
use crate::dialect::model::{Each, Over, Resume};

/// A server with everything that a stream of events needs; rows add lines to its `[target]`, and tables after it.
const SERVER: &str = r#"question = "Which?"
patterns = ["sse"]
[workload]
clients = 10
rate = "5/s"
[target]
url = "http://127.0.0.1:8080"
publish.request = "POST /"
sse.request = "GET /sse"
"#;

fn read(text: &str, sets: &[&str]) -> Result<Scenario, String> {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    parse(text, "dir/x.toml", &sets, &|_| None).map_err(|error| error.to_string())
}

fn external(text: &str, sets: &[&str]) -> External {
    *read(text, sets).unwrap().external.expect("it is external")
}

/// A folder of its own with these files.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tidings-target-{name}-{}", std::process::id()));
    for (file, text) in files {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn load(folder: &Path, file: &str) -> Result<Scenario, String> {
    let path = folder.join(file);
    super::super::load(&path, &[]).map_err(|error| error.to_string())
}

#[test]
fn every_embedded_page_is_read() {
    for page in dialects::PAGES {
        let dialect =
            dialect_of_page(page).unwrap_or_else(|error| panic!("{}: {error}", page.name));
        assert!(!described(&dialect).is_empty(), "{} describes nothing", page.name);
        let text = format!(
            "question = \"?\"\n[workload]\nclients = 2\nrate = \"5/s\"\n[target]\ndialect = \"{}\"\nurl = \
             \"http://127.0.0.1:{{{{port}}}}\"\n[[target.launch]]\ncommand = [\"x\"]\n",
            page.name
        );
        // A page in which a WebSocket publishes takes its URL for both.
        let scenario = read(&text, &[]).unwrap_or_else(|error| panic!("{}: {error}", page.name));
        assert_eq!(scenario.cases.len(), described(&dialect).len(), "{}", page.name);
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/dialects");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".toml")
                .map(str::to_owned)
        })
        .collect();
    files.sort();
    let mut embedded: Vec<&str> = dialects::PAGES.iter().map(|page| page.name).collect();
    embedded.sort_unstable();
    assert_eq!(files, embedded, "every page is embedded");
}

#[test]
fn without_a_target_there_is_the_built_in_one_and_its_dialect() {
    let text = SERVER.split("[target]").next().unwrap();
    let scenario = read(text, &[]).unwrap();
    assert!(scenario.external.is_none());
    assert_eq!(scenario.cases[0].workload.publish, Publish::Target);
    let dialect = dialects::dialect_of(&scenario);
    assert_eq!(dialect.recognition.by, Mark::Envelope);
    assert_eq!(described(dialect), PatternKind::ALL);
    let json = serde_json::to_value(&scenario).unwrap();
    assert!(json.get("external").is_none(), "run.json is as it was");
}

#[test]
fn old_spellings_of_the_built_in_servers_options_are_read() {
    let text = SERVER.split("[target]").next().unwrap();
    let new =
        read(&format!("{text}[target.builtin]\nshards = 3\nring = 5000\nconnections = 7\n"), &[]);
    let new = new.unwrap().target;
    assert_eq!((new.shards, new.ring, new.limits.connections), (Some(3), 5_000, Some(7)));
    for old in [
        "[target]\nshards = 3\nring = 5000\nconnections = 7\n",
        "[target]\nring = 5000\nconnections = 7\nbuiltin.shards = 3\n",
    ] {
        assert_eq!(read(&format!("{text}{old}"), &[]).unwrap().target, new, "{old}");
    }
    let over =
        |set: &str, file: &str| read(&format!("{text}{file}"), &[set]).unwrap().target.shards;
    assert_eq!(over("target.shards=4", "[target]\nbuiltin.shards = 3\n"), Some(4));
    assert_eq!(over("target.builtin.shards=4", "[target]\nshards = 3\n"), Some(4));
    let both = read(&format!("{text}[target]\nshards = 3\nbuiltin.shards = 3\n"), &[]).unwrap_err();
    assert_eq!(
        both,
        "dir/x.toml:7: target.shards: target.builtin.shards is the same key; keep one of the two"
    );
    let place =
        read(&format!("{text}[target]\nring = 10\n"), &["patterns=[\"short-poll\"]"]).unwrap_err();
    assert!(
        place.starts_with("dir/x.toml:7: target.builtin.ring = 10: a poller can miss"),
        "{place}"
    );
}

#[test]
fn the_ways_to_write_the_same_are_one() {
    let one = external(SERVER, &[]);
    assert_eq!(one.reach.url_for(PatternKind::Sse).unwrap().source(), "http://127.0.0.1:8080");
    let call = |scenario: &External| scenario.dialect.publish.clone().unwrap().request.unwrap();
    let written = r#"publish.request = { method = "POST", path = "/a", headers = { a = "b" }, body = "{{event}}", expect = [201] }"#;
    for same in [
        "publish.request = \"POST /a\"\npublish.headers = { a = \"b\" }\npublish.body = \"{{event}}\"\npublish.expect = 201",
        "publish.request.request = \"POST /a\"\npublish.headers.a = \"b\"\npublish.body = \"{{event}}\"\npublish.expect = [\"201\"]",
        "publish.request = \"/a\"\npublish.headers.a = \"b\"\npublish.body = \"{{event}}\"\npublish.expect = [201]",
    ] {
        let text = |lines: &str| SERVER.replace("publish.request = \"POST /\"", lines);
        let (written, same) =
            (call(&external(&text(written), &[])), call(&external(&text(same), &[])));
        assert_eq!((written.method(), &written.path), ("POST", &same.path));
        assert_eq!(
            (&written.headers, &written.body, &written.expect),
            (&same.headers, &same.body, &same.expect)
        );
        assert_eq!(same.method(), "POST");
    }
    let cursor = |lines: &str| {
        let text =
            format!("{SERVER}short-poll.request = \"GET /?since={{{{cursor}}}}\"\n{lines}\n");
        external(&text, &["patterns=[\"short-poll\"]"]).dialect.short_poll.unwrap().cursor
    };
    let named = cursor("short-poll.cursor.cursor = { capture = \"json:/next\" }");
    assert_eq!(named, cursor("short-poll.cursor = \"json:/next\""));
    assert_eq!(named, cursor("short-poll.cursor = { capture = \"json:/next\" }"));
    assert_eq!(named, cursor("short-poll.cursor = { cursor = \"json:/next\" }"));
    let text = format!("{SERVER}websocket.binary = true\n");
    let path = external(&text, &[]).dialect.websocket.unwrap().path;
    assert_eq!(path.source(), "/", "a path that is not named");
    let urls = "url = { default = \"http://a\", websocket = \"ws://b\", publish = \"http://c\" }";
    let urls = external(&SERVER.replace("url = \"http://127.0.0.1:8080\"", urls), &[]).reach;
    assert_eq!(urls.url_of("websocket").unwrap().source(), "ws://b");
    assert_eq!(urls.url_of("sse").unwrap().source(), "http://a");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a page, and what becomes of it")]
fn a_whole_page_becomes_a_dialect() {
    let text = r#"question = "?"
[workload]
clients = 4
rate = "2/s"
[target]
url = "https://chat.example.com/api"
permission = "staging, agreed with the platform team"
headers = { authorization = "Bearer {{login}}" }
cookies = true
addresses = "all"
http = "2"
resolve = "chat.example.com:443:127.0.0.1"
events = "one"
semantics = "latest"
tls = { server_name = "chat", insecure = true }
[[target.setup]]
request = "POST /login"
body = '{"key":"{{secret:KEY}}"}'
capture = { login = "json:/token" }
[[target.setup]]
each = "topic"
request = "PUT /rooms/{{topic}}"
expect = [200, 409]
[[target.teardown]]
each = "topic"
request = "DELETE /rooms/{{topic}}"
[target.publish]
request = "POST /rooms/{{topic}}/messages"
body = '{"text":{{event.text|json}},"n":{{n}},"due":{{due_ns}}}'
connections = 4
timeout = "2s"
rate = "100/s"
sign = { header = "x-sign", signed = "{{header:X-Time}}.{{body}}", secret = "{{secret:SIGN}}" }
[target.sse]
request = "GET /rooms/{{topic}}/stream"
resume = "query:since"
heartbeat = "20s"
ignore = { contains = "hello" }
steps = [
    { request = "GET /ticket", before = true, capture = { ticket = "json:/ticket" } },
    { request = "POST /subscribe", body = "{{ticket}} {{login}}", expect = 204 },
]
[target.long-poll]
request = "GET /rooms/{{topic}}/wait?after={{after}}"
cursor = { after = { capture = "json:/next", first = "0" } }
hold = "25s"
"#;
    let scenario = read(text, &[]).unwrap();
    let server = scenario.external.as_deref().unwrap();
    let kinds: Vec<_> = scenario.cases.iter().map(|case| case.pattern.kind()).collect();
    assert_eq!(kinds, [PatternKind::LongPoll, PatternKind::Sse], "all that is described");
    assert!(scenario.cases.iter().all(|case| case.workload.publish == Publish::Publisher));
    assert!(scenario.cases.iter().all(|case| case.transport.http == super::super::Http::Two));
    let Pattern::LongPoll(options) = &scenario.cases[0].pattern else { panic!() };
    assert_eq!((options.wait, options.limit), ("25s".parse().unwrap(), u64::MAX));
    let Pattern::Sse(options) = &scenario.cases[1].pattern else { panic!() };
    assert_eq!(options.heartbeat, "20s".parse().unwrap());
    let dialect = &server.dialect;
    assert_eq!(dialect.setup[1].each, Each::Topic);
    assert_eq!(dialect.setup[1].call.expect, [200, 409]);
    let publish = dialect.publish.as_ref().unwrap();
    assert_eq!((publish.over, publish.connections), (Over::Http, 4));
    let signed = publish.sign.as_ref().unwrap().signed.as_ref().unwrap();
    assert_eq!(signed.source(), "{{header_x-time}}.{{body}}");
    let sse = dialect.sse.as_ref().unwrap();
    assert_eq!(sse.resume, Resume::Query("since".to_owned()));
    assert_eq!((sse.steps.len(), sse.messages.ignore.len()), (2, 1));
    assert!(
        sse.steps[0].capture.is_empty()
            && !sse.steps[0].request.as_ref().unwrap().capture.is_empty()
    );
    assert_eq!(sse.steps[1].request.as_ref().unwrap().expect, [204]);
    // It is written into run.json and sent to workers, and read again as it was.
    let json = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario);
}

#[test]
fn a_load_on_another_host_needs_a_permission() {
    let addresses = |texts: &[&str]| -> Vec<std::net::IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let mut server = external(SERVER, &[]);
    for own in [&["127.0.0.1"][..], &["::1", "127.9.9.9"], &["::ffff:127.0.0.1"], &["0.0.0.0"], &[]]
    {
        assert_eq!(check_permission(&server, "x", &addresses(own), false), Ok(()), "{own:?}");
    }
    for (host, foreign, shown) in [
        ("example.org", &["93.184.216.34"][..], "example.org (93.184.216.34)"),
        ("10.0.0.1", &["10.0.0.1"], "10.0.0.1 is not"),
        ("x", &["127.0.0.1", "fe80::1"], "x (fe80::1)"),
    ] {
        let message = check_permission(&server, host, &addresses(foreign), false).unwrap_err();
        assert!(message.contains(shown) && message.contains("--yes-i-may"), "{message}");
        assert_eq!(check_permission(&server, host, &addresses(foreign), true), Ok(()));
    }
    server.permission = Some("staging, agreed".to_owned());
    assert_eq!(check_permission(&server, "x", &addresses(&["10.0.0.1"]), false), Ok(()));
}

#[test]
fn a_secret_that_is_not_set_is_named_and_one_that_is_set_is_not_kept() {
    let lines = "headers.authorization = \"Bearer {{secret:A_TOKEN}}\"\nsse.headers.x = \"{{hmac-sha256:{{secret:B_KEY}}:{{topic}}}}\"\n";
    let server = external(&format!("{SERVER}{lines}"), &[]);
    let set = |names: &'static [&'static str]| {
        move |name: &str| names.contains(&name).then(|| "hush-hush".to_owned())
    };
    assert_eq!(check_secrets(&server, &set(&["A_TOKEN", "B_KEY"])), Ok(()));
    for (known, path, name) in [
        (&["B_KEY"][..], "target.headers.authorization", "A_TOKEN"),
        (&["A_TOKEN"], "target.sse.request.headers.x", "B_KEY"),
    ] {
        let message = check_secrets(&server, &set(known)).unwrap_err();
        assert!(message.starts_with(&format!("{path}: {{{{secret:{name}}}}}")), "{message}");
    }
    let launched =
        "[[target.launch]]\ncommand = \"x\"\nenvironment = { KEY = \"{{secret:C_KEY}}\" }\n";
    let server = external(&format!("{SERVER}{launched}"), &[]);
    let message = check_secrets(&server, &|_| None).unwrap_err();
    assert!(message.starts_with("target.launch[0].environment.KEY: {{secret:C_KEY}}"), "{message}");
    assert!(!serde_json::to_string(&server).unwrap().contains("hush"));
}
