//! Pages of dialects under scenarios, flags over both, and the files that they name.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a page, a scenario, and what becomes of both")]
fn a_scenario_stands_over_the_page_that_it_starts_from() {
    let page = r#"[target]
headers = { a = "page", b = "page" }
[[target.setup]]
request = "PUT /one"
[[target.setup]]
request = "PUT /two"
[target.publish]
request = "POST /page"
body = "{{event}}"
[target.sse]
request = "GET /page"
steps = [{ request = "GET /a" }, { request = "GET /b" }]
deliver = { contains = "page" }
"#;
    let scenario = r#"question = "?"
[workload]
clients = 4
rate = "2/s"
[target]
dialect = "./pages/my.toml"
url = "http://127.0.0.1:1"
headers = { b = "own", c = "own" }
publish.headers = { d = "own" }
sse.request = { headers = { e = "own" } }
[[target.setup]]
request = "PUT /own"
"#;
    let folder = folder("merge", &[("pages/my.toml", page), ("x.toml", scenario)]);
    let server = load(&folder, "x.toml").unwrap().external.unwrap();
    let sources = |headers: &crate::dialect::model::Headers| {
        headers.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(" ")
    };
    let dialect = &server.dialect;
    assert_eq!(server.name.as_deref(), Some("./pages/my.toml"));
    assert_eq!(sources(&dialect.headers), "a=page b=own c=own", "tables are merged");
    assert_eq!(dialect.setup.len(), 1, "arrays of tables are replaced");
    assert_eq!(dialect.setup[0].call.path.source(), "/own");
    let publish = dialect.publish.as_ref().unwrap().request.as_ref().unwrap();
    assert_eq!((publish.path.source(), sources(&publish.headers).as_str()), ("/page", "d=own"));
    let sse = dialect.sse.as_ref().unwrap();
    assert_eq!(
        (sse.request.path.source(), sources(&sse.request.headers).as_str()),
        ("/page", "e=own")
    );
    assert_eq!((sse.steps.len(), sse.messages.deliver.len()), (2, 1));
    // Another way to publish has nothing of the page's.
    let other = scenario.replace(
        "publish.headers = { d = \"own\" }",
        "publish = { over = \"command\", command = [\"x\"] }",
    );
    std::fs::write(folder.join("x.toml"), other).unwrap();
    let publish = load(&folder, "x.toml").unwrap().external.unwrap().dialect.publish.unwrap();
    assert_eq!((publish.over, publish.request), (Over::Command, None));
    // What is wrong in the page is said of the page.
    std::fs::write(folder.join("x.toml"), scenario).unwrap();
    for (from, to, expected) in [
        (
            "steps = [",
            "stepps = [",
            "pages/my.toml:12: unknown key 'stepps' in [target.sse]; did you mean 'steps'?",
        ),
        (
            "body = \"{{event}}\"",
            "body = \"{{evnt}}\"",
            "pages/my.toml:9: target.publish.request.body: '{{evnt}}' is neither",
        ),
        (
            "[target.publish]",
            "[workload]\n[target.publish]",
            "pages/my.toml:7: unknown key 'workload'",
        ),
        (
            "headers = {",
            "dialect = \"x\"\nheaders = {",
            "pages/my.toml:2: target.dialect: belongs into a scenario",
        ),
    ] {
        std::fs::write(folder.join("pages/my.toml"), page.replace(from, to)).unwrap();
        let error = load(&folder, "x.toml").unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_flag_stands_over_page_and_file() {
    let server = external(
        SERVER,
        &["target.headers.x=1a", "target.url=http://127.0.0.1:9", "target.ws.path=/ws"],
    );
    assert_eq!(server.dialect.headers["x"].source(), "1a");
    assert_eq!(server.reach.url_of("sse").unwrap().source(), "http://127.0.0.1:9");
    assert_eq!(server.dialect.websocket.unwrap().path.source(), "/ws");
    let error = read(SERVER, &["target.sse.request=GET sse"]).unwrap_err();
    assert!(error.starts_with("--set target.sse.request=GET sse: target.sse.request: "), "{error}");
    let built_in = SERVER.split("[target]").next().unwrap();
    let server = external(built_in, &["target.dialect=builtin", "target.url=http://127.0.0.1:1"]);
    assert_eq!(server.dialect.recognition.by, Mark::Envelope);
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let page = "[target]\nheaders = { a = \"{{file:users.csv:name}}\" }\n";
    let scenario = r#"question = "?"
patterns = ["sse"]
[workload]
clients = 4
rate = "2/s"
[target]
dialect = "./pages/my.toml"
url = "https://127.0.0.1:1"
tls.ca = "ca.pem"
publish.request = "POST /"
sse.request = "GET /?u={{len:{{file:names.txt}}}}"
[[target.launch]]
command = "./server --port {{port}}"
[[target.launch]]
command = ["x"]
directory = "pages"
"#;
    let files = [
        ("pages/my.toml", page),
        ("pages/users.csv", "name\nann\n"),
        ("names.txt", "ann\n"),
        ("ca.pem", ""),
        ("x.toml", scenario),
    ];
    let folder = folder("paths", &files);
    let here = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let server = load(&folder, "x.toml").unwrap().external.unwrap();
    assert_eq!(server.reach.tls.ca, Some(here("ca.pem")));
    let text = server.dialect.sse.unwrap().request.path;
    assert_eq!(text.source(), format!("/?u={{{{len:{{{{file:{}}}}}}}}}", here("names.txt")));
    assert_eq!(
        server.dialect.headers["a"].source(),
        format!("{{{{file:{}:name}}}}", folder.join("./pages/users.csv").display())
    );
    let folders: Vec<_> =
        server.launch.iter().map(|spec| spec.directory.clone().unwrap()).collect();
    assert_eq!(folders, [folder.to_string_lossy().into_owned(), here("pages")]);
    for (file, place) in [
        ("ca.pem", "x.toml:9: target.tls.ca: no file is at "),
        ("names.txt", "x.toml:11: target.sse.request.path: no file is at "),
        ("pages/users.csv", "pages/my.toml:2: target.headers.a: no file is at "),
    ] {
        let away = folder.join(file);
        let text = std::fs::read(&away).unwrap();
        std::fs::remove_file(&away).unwrap();
        let error = load(&folder, "x.toml").unwrap_err();
        assert!(error.contains(place) && error.contains(file), "{file}: {error}");
        std::fs::write(&away, text).unwrap();
    }
    std::fs::write(folder.join("pages/users.csv"), "nom\nann\n").unwrap();
    let error = load(&folder, "x.toml").unwrap_err();
    assert!(
        error.contains("pages/my.toml:2: target.headers.a: ") && error.contains("'name'"),
        "{error}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}
