//! A real browser consumes the target: `EventSource`, `WebSocket` and `fetch` as Chromium implements them.
//!
//! Needs Chromium (`chromium`, `chromium-browser` or `google-chrome` on the PATH); without one, the test prints that it is
//! skipped. `scripts/test` installs it on Debian.

use crate::support::left_out;
use crate::target_support;

use std::io::{BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use target_support::{Target, read_body, read_head};
use tidings::server::{Options, Visitors};

/// A browser on a busy machine takes its time to start.
const PATIENCE: Duration = Duration::from_secs(90);
/// Events that every consumer must see.
const EVENTS: u64 = 5;
/// After this event the stream's connection is cut.
const CUT_AFTER: u64 = 2;

/// A browser, and the processes that it started; killed when dropped.
struct Browser(Child);

impl Browser {
    /// Opens `url`; `None` where no browser is installed.
    fn open(url: &str, profile: &std::path::Path) -> Option<Self> {
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(|name| {
            let mut command = Command::new(name);
            command
                .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
                .args([
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ])
                .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
                .arg(format!("--user-data-dir={}", profile.display()))
                .arg(url)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0);
            command.spawn().ok().map(Self)
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Serves `page` at any GET, and sends what is posted on as (path, body).
fn site(listener: TcpListener, page: String) -> Receiver<(String, String)> {
    let (posted, posts) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (page, posted) = (page.clone(), posted.clone());
            thread::spawn(move || visit(&stream, &page, &posted));
        }
    });
    posts
}

fn visit(stream: &TcpStream, page: &str, posted: &Sender<(String, String)>) {
    let mut reader = BufReader::new(stream);
    let Some(mut request) = read_head(&mut reader) else { return };
    read_body(&mut reader, &mut request);
    let mut words = request.first_line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body = if method == "POST" {
        let _ = posted.send((path.to_owned(), request.text()));
        ""
    } else {
        page
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length:";
    let _ = write!(&mut &*stream, "{head} {}\r\n\r\n{body}", body.len());
}

/// Forwards connections to `target`, cuts the first one that asks after event [`CUT_AFTER`] of a stream has passed, and tells
/// the head of every request.
fn cutting_proxy(target: SocketAddr) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, heads) = channel();
    thread::spawn(move || {
        let asked = Arc::new(AtomicUsize::new(0));
        for client in listener.incoming().flatten() {
            let (heard, asked) = (heard.clone(), Arc::clone(&asked));
            thread::spawn(move || {
                let server = TcpStream::connect(target).unwrap();
                let mut bytes = vec![0; 1 << 16];
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match (&client).read(&mut bytes) {
                        Ok(count @ 1..) => request.extend_from_slice(&bytes[..count]),
                        _ => return,
                    }
                }
                (&server).write_all(&request).unwrap();
                // A browser may open connections that it asks nothing on.
                let turn = asked.fetch_add(1, Ordering::SeqCst);
                let _ = heard.send(String::from_utf8_lossy(&request).to_lowercase());
                let mut passed = Vec::new();
                while let Ok(count @ 1..) = (&server).read(&mut bytes) {
                    let before = passed.len();
                    passed.extend_from_slice(&bytes[..count]);
                    // Several events may come in one read.
                    let cut = if turn == 0 { end_of(CUT_AFTER, &passed) } else { None };
                    let upto = cut.unwrap_or(passed.len());
                    if (&client).write_all(&passed[before..upto]).is_err() || cut.is_some() {
                        break;
                    }
                }
                let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
            });
        }
    });
    (address, heads)
}

/// Where event `seq` of a stream ends in its bytes, if it does.
fn end_of(seq: u64, bytes: &[u8]) -> Option<usize> {
    let find = |bytes: &[u8], wanted: &str| {
        bytes.windows(wanted.len()).position(|window| window == wanted.as_bytes())
    };
    let begin = find(bytes, &format!("\"seq\":{seq},"))?;
    find(&bytes[begin..], "\n\n").map(|at| begin + at + 2)
}

/// A page that consumes topic `t` in four ways and calls `/items`, and posts what it saw.
fn page(target: SocketAddr, proxy: SocketAddr) -> String {
    let script = r#"
const seen = { sse: [], ws: [], long: [], short: [] };
const report = (path, value) => fetch(path, { method: "POST", body: JSON.stringify(value) });
const read = (name, event) => { seen[name].push(event); check(); };
let reported = false;
async function check() {
  if (reported || Object.values(seen).some(list => list.length < EVENTS)) return;
  reported = true;
  try { report("/result", { seen, item: await items() }); } catch (error) { report("/error", String(error)); }
}
const stream = new EventSource(`http://PROXY/topics/t/stream?since=0`);
stream.addEventListener("news", message => {
  read("sse", { ...JSON.parse(message.data), id: message.lastEventId });
  if (seen.sse.length == EVENTS) stream.close();
});
const socket = new WebSocket(`ws://TARGET/topics/t/ws?since=0`);
socket.onmessage = message => {
  const event = JSON.parse(message.data);
  if ("seq" in event) read("ws", event);
};
const opened = [new Promise(done => stream.onopen = done), new Promise(done => socket.onopen = done)];
async function poll(name, wait) {
  for (let since = 0; seen[name].length < EVENTS;) {
    const answer = await fetch(`http://TARGET/topics/t/events?since=${since}${wait}`);
    if (answer.status == 204) continue;
    const page = await answer.json();
    since = page.next;
    page.events.forEach(event => read(name, event));
    if (!wait) await new Promise(done => setTimeout(done, 20));
  }
}
async function items() {
  const url = `http://TARGET/items`;
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ name: "from a browser", data: { n: 1 } });
  const created = await (await fetch(url, { method: "POST", headers, body })).json();
  const read = await fetch(`${url}/${created.id}`);
  const item = await read.json();
  const removed = await fetch(`${url}/${created.id}`, { method: "DELETE" });
  return { name: item.name, read: read.status, removed: removed.status,
           after: (await fetch(`${url}/${created.id}`)).status };
}
poll("long", "&wait=5s");
poll("short", "");
Promise.all(opened).then(() => report("/ready", {}), error => report("/error", String(error)));
"#;
    let script = script
        .replace("EVENTS", &EVENTS.to_string())
        .replace("PROXY", &proxy.to_string())
        .replace("TARGET", &target.to_string());
    format!("<!doctype html><title>news</title><script>{script}</script>")
}

/// A page that tries to use a target that lets no other site in, and posts what came of it.
fn intruder(target: SocketAddr) -> String {
    let script = r#"
const tried = async (name, options) => {
  try { return (await fetch(`http://TARGET/${name}`, options)).status; } catch { return "kept out"; }
};
const socket = path => new Promise(done => {
  const socket = new WebSocket(`ws://TARGET/${path}`);
  socket.onopen = () => done("open");
  socket.onerror = () => done("kept out");
});
(async () => {
  const text = { method: "POST", body: "{}" };
  const result = {
    read: await tried("items"),
    sent: await tried("items", text),
    blind: await fetch("http://TARGET/items", { ...text, mode: "no-cors" }).then(answer => answer.type),
    json: await tried("items", { ...text, headers: { "content-type": "application/json" } }),
    calls: await socket("calls"),
    events: await socket("topics/t/ws"),
  };
  fetch("/result", { method: "POST", body: JSON.stringify(result) });
})();
"#;
    let script = script.replace("TARGET", &target.to_string());
    format!("<!doctype html><title>intruder</title><script>{script}</script>")
}

#[test]
fn a_page_of_another_site_is_kept_out_by_target_and_browser() {
    let target = Target::start(Options::default());
    target.publish("t", json!("first"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let posts = site(listener, intruder(target.address));
    let profile = tempfile::tempdir().unwrap();
    let Some(_browser) = Browser::open(&format!("http://{address}/"), profile.path()) else {
        return left_out(
            "what a page of another site may do, in a real browser",
            "no Chromium on the PATH",
        );
    };
    let (path, body) = posts.recv_timeout(PATIENCE).expect("the page tells how it goes");
    let result: Value = serde_json::from_str(&body).unwrap();
    let out = "kept out";
    // An opaque answer shows a page nothing: what was sent blindly was refused, as the store tells.
    let expected = json!({ "read": out, "sent": out, "blind": "opaque", "json": out, "calls": out, "events": out });
    assert_eq!((path.as_str(), result), ("/result", expected));
    assert_eq!(target.get("/items").json()["items"], json!([]), "nothing was created");
}

#[test]
fn a_browser_consumes_every_pattern_that_it_can_and_resumes_a_stream_that_was_cut() {
    // The page is another site's, and let in as one.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let origins = vec![format!("http://{address}").parse().unwrap()];
    let visitors = Visitors { origins, ..Visitors::default() };
    let target = Target::start(Options { visitors, ..Options::default() });
    // The topic exists before the page subscribes.
    target.publish("t", json!("first"));
    let (proxy, heads) = cutting_proxy(target.address);
    let posts = site(listener, page(target.address, proxy));
    let profile = tempfile::tempdir().unwrap();
    let Some(_browser) = Browser::open(&format!("http://{address}/"), profile.path()) else {
        return left_out("the target in a real browser", "no Chromium on the PATH");
    };

    let told = |wanted: &str| {
        let (path, body) = posts.recv_timeout(PATIENCE).expect("the page tells how it goes");
        assert_eq!(path, wanted, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    told("/ready");
    for event in 2..=EVENTS {
        target.publish("t", json!({ "event": event }));
    }
    let result = told("/result");

    let sequences = |name: &str| -> Vec<u64> {
        let seen = result["seen"][name].as_array().unwrap();
        seen.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    };
    let all: Vec<u64> = (1..=EVENTS).collect();
    for name in ["long", "short"] {
        assert_eq!(sequences(name), all, "{name}: {result}");
    }
    let epoch = target.epoch();
    let item = json!({ "name": "from a browser", "read": 200, "removed": 204, "after": 404 });
    assert_eq!(result["item"], item);
    assert_eq!(sequences("ws"), all, "{result}");
    assert_eq!(sequences("sse"), all, "{result}");
    for event in result["seen"]["sse"].as_array().unwrap() {
        let cursor = format!("{}-{epoch}", event["seq"]);
        assert_eq!(event["id"], cursor, "an event's id is its cursor");
    }
    let requests: Vec<String> = heads.try_iter().collect();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(!requests[0].contains("last-event-id"), "{}", requests[0]);
    let last_id = format!("last-event-id: {CUT_AFTER}-{epoch}\r\n");
    assert!(requests[1].contains(&last_id), "{}", requests[1]);
}

/// A page that follows topic `t` like any page, and posts what it receives: it knows nothing of restarts.
fn follower(target: SocketAddr) -> String {
    let script = r#"
const report = value => fetch("/seen", { method: "POST", body: JSON.stringify(value) });
const stream = new EventSource(`http://TARGET/topics/t/stream`);
stream.onopen = () => report("open");
stream.onerror = () => { if (stream.readyState == EventSource.CLOSED) report("given up"); };
stream.addEventListener("reset", message => report({ reset: JSON.parse(message.data).reset }));
stream.addEventListener("news", message => report({ data: JSON.parse(message.data).data }));
"#;
    let script = script.replace("TARGET", &target.to_string());
    format!("<!doctype html><title>news</title><script>{script}</script>")
}

#[test]
fn an_event_source_comes_back_by_itself_to_a_target_that_began_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let origins = vec![format!("http://{address}").parse().unwrap()];
    let visitors = Visitors { origins, ..Visitors::default() };
    let options = || Options { visitors: visitors.clone(), ..Options::default() };
    let mut target = Target::start(options());
    target.publish("t", json!("before anybody came"));
    let at = target.address;
    let posts = site(listener, follower(at));
    let profile = tempfile::tempdir().unwrap();
    let Some(_browser) = Browser::open(&format!("http://{address}/"), profile.path()) else {
        return left_out(
            "an EventSource over a restart, in a real browser",
            "no Chromium on the PATH",
        );
    };
    let seen = || {
        let (_, body) = posts.recv_timeout(PATIENCE).expect("the page tells what it sees");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    // The page posts each in a separate request: they may overtake each other.
    let these = |count: usize| {
        let mut seen: Vec<String> = (0..count).map(|_| seen().to_string()).collect();
        seen.sort();
        seen
    };
    let sorted = |seen: &[Value]| {
        let mut seen: Vec<String> = seen.iter().map(Value::to_string).collect();
        seen.sort();
        seen
    };
    assert_eq!(seen(), "open");
    // At first the stream has sent its position and no event; later the browser has the last event's id.
    for round in 0..2 {
        if round == 1 {
            target.publish("t", json!("of the second life"));
            assert_eq!(seen(), json!({ "data": "of the second life" }));
        }
        target.stop();
        target = Target::start_at(at, options(), None, None);
        // Nothing is published before the browser is back: topic t is not there yet.
        let next = format!("0-{}", target.epoch());
        let reset = json!({ "reset": { "oldest": 1, "next": next } });
        assert_eq!(these(2), sorted(&[json!("open"), reset]));
        target.publish("t", json!(round));
        assert_eq!(seen(), json!({ "data": round }));
    }
    // Where events were published before it comes back, it gets them all.
    target.stop();
    target = Target::start_at(at, options(), None, None);
    target.publish("t", json!("first"));
    let next = format!("0-{}", target.epoch());
    let reset = json!({ "reset": { "oldest": 1, "next": next } });
    assert_eq!(these(3), sorted(&[json!("open"), reset, json!({ "data": "first" })]));
    target.stop();
}
