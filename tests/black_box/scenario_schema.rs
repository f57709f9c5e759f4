//! `tidings generate`: the JSON Schema of scenario files, held against files that the reader takes and refuses, and the tables.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tidings::scenario::{self, SHIPPED};

use crate::schema::check;
use crate::support::text;

fn generate(what: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidings")).arg("generate").args(what).output().unwrap()
}

fn schema() -> Value {
    let output = generate(&["schema"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the schema says of a file, as an editor reads it: variables are not replaced.
fn edited(schema: &Value, file: &str) -> Result<(), String> {
    let table: toml::Table = file.parse().map_err(|error: toml::de::Error| error.to_string())?;
    check(schema, schema, &serde_json::to_value(table).unwrap(), "")
}

fn read(file: &str) -> Result<(), String> {
    let read = scenario::parse(file, "x.toml", &[], &|_| None);
    read.map(drop).map_err(|error| error.to_string())
}

#[test]
fn every_shipped_scenario_and_every_way_to_write_a_value_is_valid() {
    let schema = schema();
    for shipped in SHIPPED {
        edited(&schema, shipped.text).unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
    }
    for lines in [
        "trials = 1e1",
        "name = \"${NAME:-x}\"",
        "objectives = [\"reach >= 1\"]",
        "[workload]\nclients = \"${CLIENTS:-1k}\"\nrate = \"${RATE:-5/s}\"\ntopics = \"per-client\"\npayload = 512",
        "[workload]\nclients = \"2.5k\"\nrate = \"1/10s\"\nlate_after = \"1m30s\"\npayload = \"16 KiB\"",
        "[worker]\nspin = false\nsamples = 0",
        "[faults]\nservice = \"1 ms\"\nservers = 1\ndrop = \"2%\"",
        "[network]\nbandwidth = \"2.5 Gb/s\"\nloss = 0",
        "[request]\nmix = { read = 8, create = \"1\" }",
        "[webhook.receiver]\nfail = 0.1\nfail_status = \"503\"",
        "[sweep]\nrate = [\"1/s\", \"10/s\"]\nshort-poll.interval = [\"100ms\"]\n\"sse.queue\" = [1, \"1k\"]",
        "[sweep]\nwebhook.receiver = [{}, { fail = 0.1 }]\nrequest.mix = [{ read = 1 }]",
    ] {
        let mut file = format!("{HEAD}{lines}\n");
        // Variables are for the reader to replace, and it is not asked here.
        let variables = lines.contains("${");
        edited(&schema, &file).unwrap_or_else(|error| panic!("{lines}: {error}"));
        if !lines.contains("[workload]") {
            file += LOAD;
        } else if !lines.contains("clients =") || !lines.contains("rate =") {
            file = file.replace("[workload]\n", LOAD);
        }
        let file =
            if lines.contains("rate = [") { file.replace("rate = \"5/s\"\n", "") } else { file };
        assert!(variables || read(&file).is_ok(), "{file}{:?}", read(&file));
    }
}

/// Files of servers of the user's own, with every kind of value.
const SERVERS: &[&str] = &[
    "url = \"http://127.0.0.1:1\"",
    "url = { default = \"https://a\", websocket = \"wss://b:{{port}}/x\" }\n[[target.launch]]\ncommand = \"x\"",
    "url = \"http://a\"\nheaders = { a = \"{{client}}\" }\nhttp = \"2\"\ncookies = true\naddresses = \"all\"",
    "url = \"http://a\"\nresolve = [\"a:80:127.0.0.1\"]\ncompression = true\npermission = \"staging\"",
    "url = \"http://a\"\n[[target.setup]]\neach = \"client\"\nrequest = \"PUT /x\"\nexpect = 201\ncapture = { a = \"json:/a\" }",
    "url = \"http://a\"\n[[target.request]]\nweight = 3\nmethod = \"PUT\"\npath = \"/x\"\nbody = \"x\"\ntimeout = \"2s\"",
    "url = \"http://a\"\nshort-poll = { request = \"GET /\", cursor = \"json:/next\", empty = [204, 304], drain = true }",
    "url = \"http://a\"\nlong-poll = { request = { path = \"/\" }, cursor = { a = { capture = \"status\" } }, hold = \"5s\" }",
    "url = \"http://a\"\nsse.resume = \"none\"\nsse.headers = { a = \"{{at}}\" }\nsse.cursor = { at = { capture = \"event:x|json:/at\", first = \"0\" } }\npublish.sign = { query = \"s\", secret = \"k\" }",
    "url = \"http://a\"\nwebsocket = { path = \"/\", subprotocol = \"mqtt\", deliver = [{ contains = \"x\" }], every = [{ span = \"1s\", send = \"p\" }] }",
    "url = \"http://a\"\nwebhook = { register = \"POST /\", handshake = \"echo\", listen = \"127.0.0.1:9\", acknowledge = { status = 200 } }",
    "url = \"http://a\"\n[[target.launch]]\ncommand = [\"x\", \"y\"]\nfiles = { a = \"x\", b = { content = \"y\", repeat = \"client\" } }\ncores = \"0-3\"\nready = { port = 80, line = \"up\" }\nstop = { signal = \"INT\" }",
    "url = \"http://a\"\nprocess = { pid = 5, cgroup = true }",
];

/// What is wrong in such a file, and a word of what is said of it.
const BROKEN_SERVERS: &[(&str, &str)] = &[
    ("urls = \"http://a\"", "urls"),
    ("url = 5", "url"),
    ("url = \"ftp://a\"", "url"),
    ("url = { sse = \"http://a\", see = \"http://b\" }", "url"),
    ("headers = \"a\"", "headers"),
    ("headers = { a = 5 }", "headers"),
    ("cookies = 1", "cookies"),
    ("match = \"tokn\"", "match"),
    ("published_id = \"jsn:/id\"", "published_id"),
    ("each = \"items\"", "each"),
    ("tls = { cacert = \"x\" }", "cacert"),
    ("resolve = [\"a\"]", "resolve"),
    ("setup = { request = \"GET /\" }", "setup"),
    ("setup = [{ requst = \"GET /\" }]", "requst"),
    ("setup = [{ request = \"fetch it\" }]", "request"),
    ("request = [{ request = \"GET /\", weight = -1 }]", "weight"),
    ("publish = { over = \"ftp\" }", "over"),
    ("publish = { request = \"POST /\", connections = 0 }", "connections"),
    ("publish = { request = \"POST /\", expect = 99 }", "expect"),
    ("publish = { request = \"POST /\", timeout = 5 }", "timeout"),
    ("publish = { request = { method = \"post\" } }", "method"),
    ("publish = { request = { path = \"x\" } }", "path"),
    ("sse = { request = \"GET /\", resume = \"id\" }", "resume"),
    ("sse = { request = \"GET /\", steps = [{ snd = \"x\" }] }", "snd"),
    ("websocket = { path = \"/\", binary = 1 }", "binary"),
    ("websocket = { path = \"/\", every = [{ span = 5, send = \"x\" }] }", "span"),
    ("webhook = { handshake = \"ehco\" }", "handshake"),
    ("webhook = { listen = \"9\" }", "listen"),
    ("launch = [{ comand = \"x\" }]", "comand"),
    ("process = { pid = 0 }", "pid"),
];

#[test]
fn what_the_schema_says_of_servers_is_what_the_reader_says() {
    let schema = schema();
    let file = |target: &str| {
        format!(
            "question = \"?\"\npatterns = [\"sse\"]\n[workload]\nclients = 2\nrate = \"5/s\"\n[target]\n{}{target}\n",
            "sse.request = \"GET /\"\npublish.request = \"POST /\"\n"
        )
    };
    for target in SERVERS {
        let file = file(target);
        edited(&schema, &file).unwrap_or_else(|error| panic!("{target}: {error}"));
        read(&file).unwrap_or_else(|error| panic!("{target}: {error}"));
    }
    for (target, word) in BROKEN_SERVERS {
        let url = if target.starts_with("url") { "" } else { "url = \"http://a\"\n" };
        let table = target.split([' ', '.']).next().unwrap();
        let mut file = file(&format!("{url}{target}"));
        for own in ["sse.request = \"GET /\"\n", "publish.request = \"POST /\"\n"] {
            if own.starts_with(table) {
                file = file.replace(own, "");
            }
        }
        for (who, refusal) in [("schema", edited(&schema, &file)), ("reader", read(&file))] {
            let message = refusal.expect_err(&format!("the {who} takes {target}"));
            assert!(message.contains(word), "{target}: the {who} says {message}");
        }
    }
    // The dialect may say which patterns there are.
    let all = file("url = \"http://a\"").replace("patterns = [\"sse\"]\n", "");
    edited(&schema, &all).unwrap();
    read(&all).unwrap();
}

const HEAD: &str = "question = \"?\"\n\
                    patterns = [\"request\", \"short-poll\", \"sse\", \"websocket\", \"webhook\"]\n";
const LOAD: &str = "[workload]\nclients = 10\nrate = \"5/s\"\n";

/// What is wrong with a file, and a word of what is said of it.
const BROKEN: &[(&str, &str)] = &[
    ("[workload]\nclinets = 5", "clinets"),
    ("[worklaod]\nclients = 5", "worklaod"),
    ("trails = 3", "trails"),
    ("trials = 0", "trials"),
    ("trials = 1001", "trials"),
    ("trials = 1.5", "trials"),
    ("trials = \"three\"", "trials"),
    ("seed = -1", "seed"),
    ("floor = \"yes\"", "floor"),
    ("name = 5", "name"),
    ("profile = \"quiet\"", "profile"),
    ("objectives = \"reach >= 1\"", "objectives"),
    ("workload = 5", "workload"),
    ("[workload]\nrate = 5", "rate"),
    ("[workload]\nrate = \"5\"", "rate"),
    ("[workload]\ntopics = \"per-clint\"", "topics"),
    ("[workload]\ntopics = 0", "topics"),
    ("[workload]\npayload = 1", "payload"),
    ("[workload]\npayload = \"16K\"", "payload"),
    ("[workload]\narrivals = \"poison\"", "arrivals"),
    ("[workload]\nlate_after = 5", "late_after"),
    ("[phases]\nmeasure = \"10\"", "measure"),
    ("[target.builtin]\nlimits = { connections = 5 }", "limits"),
    ("[target.builtin]\nconnections = 0", "connections"),
    ("[target.builtin]\nsend_buffer = 1024", "send_buffer"),
    ("[worker]\nspin = \"maybe\"", "spin"),
    ("[worker]\nsamples = 1000001", "samples"),
    ("[transport]\nhttp = \"3\"", "http"),
    ("[transport]\ntls = 1", "tls"),
    ("[request]\nmix = { reed = 1 }", "reed"),
    ("[request]\nmix = { read = 1000001 }", "mix"),
    ("[short-poll]\njitter = 1.5", "jitter"),
    ("[short-poll]\nlimit = 0", "limit"),
    ("[long-poll]\nwait = true", "wait"),
    ("[sse]\nslow_consumer = \"shout\"", "slow_consumer"),
    ("[websocket]\npings = \"1s\"", "pings"),
    ("[webhook]\nattempts = 101", "attempts"),
    ("[webhook.receiver]\nfail_status = 204", "fail_status"),
    ("[webhook.receiver]\nsleepy = true", "sleepy"),
    ("[reconnect]\nsilence = 0", "silence"),
    ("[restart]\nat = \"1s\"\nlog = \"gone\"", "log"),
    ("[consumers]\nslow_share = 2", "slow_share"),
    ("[network]\nloss = 0.3", "loss"),
    ("[network]\nbandwidth = \"10MB/s\"", "bandwidth"),
    ("[faults]\nservice = \"1ms\"\nservers = 2", "servers"),
    ("[faults]\ndrop = 1.1", "drop"),
    ("[faults]\ndorp = 0.1", "dorp"),
    ("[sweep]\nclients = []", "clients"),
    ("[sweep]\nclients = 5", "clients"),
    ("[sweep]\nrates = [\"1/s\"]", "rates"),
    ("[sweep]\ntrials = [1, 2]", "trials"),
    ("[sweep]\nsse.queue = [0]", "queue"),
    ("[sweep]\n\"short-poll.intervall\" = [\"1s\"]", "intervall"),
    ("[sweep]\nphases.measure = [\"1s\"]", "phases"),
];

#[test]
fn what_the_schema_refuses_is_what_the_reader_refuses() {
    let schema = schema();
    for (lines, word) in BROKEN {
        let load = if lines.contains("workload") { "" } else { LOAD };
        let file = format!("{HEAD}{lines}\n{load}");
        for (who, refusal) in [("schema", edited(&schema, &file)), ("reader", read(&file))] {
            let message = refusal.expect_err(&format!("the {who} takes {lines}"));
            assert!(message.contains(word), "{lines}: the {who} says {message}");
        }
    }
    for (file, word) in [
        ("patterns = [\"sse\"]", "question"),
        ("question = \"?\"", "patterns"),
        ("question = \"?\"\npatterns = []", "patterns"),
        ("question = \"?\"\npatterns = [\"sse\", \"sse\"]", "patterns"),
        ("question = \"?\"\npatterns = [\"smoke\"]", "patterns"),
    ] {
        for (who, refusal) in [("schema", edited(&schema, file)), ("reader", read(file))] {
            let message = refusal.expect_err(&format!("the {who} takes {file}"));
            assert!(message.contains(word), "{file}: the {who} says {message}");
        }
    }
}

/// An editor shows a description of every key, and offers the words of those that have some.
#[test]
fn every_property_is_described_and_no_other_is_allowed() {
    fn walk(at: &str, schema: &Value, described: &mut usize) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            let told = property["description"].as_str().unwrap_or_default();
            assert!(told.ends_with('.'), "{at}: {told}");
            for alternative in property["anyOf"].as_array().into_iter().flatten() {
                assert_eq!(alternative["description"], property["description"], "{at}");
            }
            if property["properties"].is_object() {
                assert_eq!(property["additionalProperties"], false, "{at}");
            }
            *described += 1;
            walk(&at, property, described);
        }
    }
    let schema = schema();
    let mut described = 0;
    walk("", &schema, &mut described);
    assert!(described > 300, "{described} properties, those of [sweep] included");
    let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(at("/properties/trials/default"), 3);
    assert_eq!(at("/properties/short-poll/properties/interval/default"), "1s");
    assert_eq!(at("/properties/long-poll/properties/gap/default"), "0s");
    assert_eq!(at("/properties/request/properties/mix/default/read"), 1);
    assert_eq!(at("/properties/sse/properties/slow_consumer/enum/2"), "conflate");
    let drop = at("/properties/faults/properties/drop/description").as_str().unwrap();
    assert!(drop.ends_with("Not for `request`. Default: none."), "{drop}");
    let rate = at("/properties/workload/properties/rate/description").as_str().unwrap();
    assert!(rate.ends_with("Not for `request`. It is required."), "{rate}");
    let cost = at("/properties/faults/properties/write_cost/description").as_str().unwrap();
    assert!(cost.contains("For `sse`, `websocket` and `webhook`."), "{cost}");
}

#[test]
fn tables_of_the_documentation_are_printed() {
    let document =
        |name: &str| fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for (what, document, least) in
        [("keys", document("scenarios/README.md"), 110), ("format", document("FORMAT.md"), 150)]
    {
        let output = generate(&[what]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let printed = text(&output.stdout);
        let rows: Vec<&str> = printed.lines().filter(|line| line.starts_with("| `")).collect();
        assert!(rows.len() >= least, "{what}: {} rows", rows.len());
        for row in rows {
            assert!(document.contains(row), "{what}: {row}");
        }
    }
}

#[test]
fn what_cannot_be_generated_is_refused_with_what_can() {
    for (arguments, words) in [
        (&["schemas"][..], "a similar subcommand exists: 'schema'"),
        (&["everything"], "unrecognized subcommand 'everything'"),
        (&[], "completions"),
        (&["schema", "extra"], "[possible values: scenario, summary]"),
        (&["completions", "cmd"], "[possible values: bash, elvish, fish, powershell, zsh]"),
        (&["keys", "extra"], "unexpected argument 'extra'"),
    ] {
        let output = generate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }
    let help = text(&generate(&["--help"]).stdout);
    for words in ["schema", "keys", "format", "JSON Schema: of scenario files", "Markdown"] {
        assert!(help.contains(words), "{words}: {help}");
    }
}
