//! Servers that are not ours: started, found ready, watched and ended, by scripts of a plain shell and our own server.

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use tidings::conductor::launch::LaunchError;

use crate::launch_support::{Stage, connects};

/// Not a test: what a launched server does that a shell cannot, in a copy of this program.
#[test]
fn a_server_of_the_tests() {
    let Ok(path) = std::env::var("TIDINGS_TEST_UNIX_SERVER") else { return };
    let listener = UnixListener::bind(path).unwrap();
    for stream in listener.incoming() {
        let _ = stream.unwrap().write_all(b"hello");
    }
}

/// Our server, on a reserved port.
const SERVE: &str = "@BIN@ serve --listen 127.0.0.1:{{port}}";

#[test]
fn a_server_is_ready_by_each_condition_and_by_its_ports_without_any() {
    let own = std::env::current_exe().unwrap();
    let unix = format!(
        "command = ['{}', '--exact', 'launch::a_server_of_the_tests', '--nocapture']\n\
         environment = {{ TIDINGS_TEST_UNIX_SERVER = '{{{{directory}}}}/s' }}\n\
         ready = {{ unix = '{{{{directory}}}}/s' }}",
        own.display()
    );
    let serve = |ready: &str| format!("command = '{SERVE}'\n{ready}");
    for launch in [
        serve(""),
        serve("ready = { port = '{{port}}' }"),
        serve("ready = { url = 'http://127.0.0.1:{{port}}/' }"),
        serve("ready = { url = 'http://localhost:{{port}}/nothing', status = [200, 404] }"),
        serve("ready = { url = 'http://127.0.0.1:{{port}}/', port = '{{port}}' }"),
        "command = '@BIN@ serve --listen 127.0.0.1:{{port:web}}'\nready = { port = 'web' }"
            .to_owned(),
        "command = ['sh', '-c', 'echo booting; echo ready to serve; exec sleep 1000']\n\
         ready = { line = 'ready to' }"
            .to_owned(),
        "command = ['sh', '-c', 'echo booting; printf ready\\> >&2; exec sleep 1000']\n\
         ready = { line = 'ready>' }"
            .to_owned(),
        unix,
        "command = 'sleep 1000'".to_owned(),
    ] {
        let stage = Stage::new();
        let mut servers = stage.start(&format!("[[launch]]\n{launch}")).unwrap();
        for name in ["port", "port:web"] {
            assert!(servers.lookup(name).is_none_or(|port| connects(&port)), "{launch}");
        }
        assert_eq!(servers.check(), Ok(()), "{launch}");
        assert_eq!(servers.pids().len(), 1, "{launch}");
        assert_eq!(servers.stop(), [""; 0], "{launch}");
        stage.assert_none_left();
    }
}

#[test]
fn a_server_that_is_never_ready_is_ended_and_what_was_awaited_is_named() {
    let sleeps = "['sh', '-c', 'echo still thinking; exec sleep 1000']";
    let serve = format!("'{SERVE}'");
    for (command, ready, waited) in [
        (serve.as_str(), "url = 'http://127.0.0.1:{{port}}/nothing'", "(it answers 404)"),
        (
            &serve,
            "url = 'http://127.0.0.1:{{port}}/', status = [204]",
            "to answer with 204 (it answers 200)",
        ),
        (sleeps, "url = 'http://127.0.0.1:{{port}}/'", "a status below 400 (Connection refused"),
        (sleeps, "port = '{{port}}'", "to accept connections; it said: still thinking."),
        (sleeps, "unix = '{{directory}}/none'", "/none to accept connections"),
        (sleeps, "line = 'ready'", "a line of its output that contains 'ready'"),
    ] {
        let stage = Stage::new();
        // With a time-out of 2 s, `sleeps` has printed its line even on a busy machine, or says nothing.
        let said = stage.failure(&format!(
            "[[launch]]\ncommand = {command}\nready = {{ {ready}, timeout = '2s' }}"
        ));
        assert!(said.contains("was not ready within 2s: waited for "), "{said}");
        assert!(said.contains(waited), "{waited}: {said}");
        assert!(said.ends_with("Correct `ready`, or raise its timeout"), "{said}");
    }
}

#[test]
fn a_server_that_ends_before_it_is_ready_is_described_with_its_last_lines() {
    for (script, how, words) in [
        ("echo one; echo two >&2; exit 7", "ended with status 7 before it was ready", "one | two."),
        ("echo a; kill -SEGV $$", "was killed by signal 11 before", "a."),
        (
            "kill -KILL $$",
            "was killed by signal 9 (the kernel does so when memory runs out)",
            "it printed nothing.",
        ),
        ("exit 0", "ended with status 0 before", "it printed nothing."),
        ("printf \"\\033[2Jwiped\\n\"; exit 1", "ended with status 1", "it said: ?[2Jwiped."),
        ("(sleep 1000 &); exit 5", "ended with status 5", "it printed nothing."),
    ] {
        let stage = Stage::new();
        let script = script.replace('\\', "\\\\").replace('"', "\\\"");
        let said = stage.failure(&format!(
            "[[launch]]\nname = 'web'\ncommand = ['sh', '-c', \"\"\"{script}\"\"\"]\nready.line = 'never'"
        ));
        assert!(said.starts_with("the server 'web' ") && said.contains(how), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(said.contains("run it by hand"), "{said}");
        if !words.contains("nothing") {
            assert!(said.contains("Its output is in logs/sse-1-web.log."), "{said}");
            assert!(!stage.log("web").is_empty());
        }
    }
}

#[test]
fn what_cannot_be_started_is_named_with_a_remedy() {
    let stage = Stage::new();
    let script = |name: &str, text: &str, mode: u32| {
        fs::write(stage.path(name), text).unwrap();
        fs::set_permissions(stage.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    script("plain.sh", "#!/bin/sh\nsleep 1000\n", 0o644);
    script("lost.sh", "#!/no/such/interpreter\n", 0o755);
    for (launch, said) in [
        (
            "command = 'no-such-program x'",
            "there is no program 'no-such-program' in PATH: install it",
        ),
        (
            "command = './no-such-file'",
            "there is no file './no-such-file' (from @DIR@): correct `command`",
        ),
        (
            "command = '@DIR@/plain.sh'",
            "plain.sh' may not be executed: make it executable (chmod +x)",
        ),
        ("command = '@DIR@'", "may not be executed"),
        ("command = '@DIR@/lost.sh'", "the interpreter in its first line is missing"),
        (
            "command = 'sleep 1000'\ndirectory = 'none'",
            "there is no directory @DIR@/none: create it",
        ),
        (
            "command = 'sleep 1000'\ncores = [5000]",
            "core 5000 is not among those of this process: ",
        ),
        ("command = 'sleep {{nothing}}'", "command: nothing is named 'nothing'"),
        (
            "command = 'sleep 1000'\nready.port = 'web'",
            "'web' is neither a port nor the name of one",
        ),
        (
            "command = 'sleep 1000'\nready.url = 'ftp://x'",
            "'ftp://x' is not a URL that begins with http",
        ),
        ("command = 'sleep 1000'\n[launch.files]\n'../x' = ''", "outside of the scratch folder"),
        (
            "command = 'sleep 1000'\nprepare = ['no-such-program']",
            "install it, or write its path in `prepare`",
        ),
    ] {
        let error = stage.failure(&format!("[[launch]]\n{launch}"));
        let said = said.replace("@DIR@", stage.folder.path().to_str().unwrap());
        assert!(error.starts_with("cannot ") && error.contains(&said), "{launch}: {error}");
    }
}

#[test]
fn commands_before_the_start_run_in_order_and_to_their_end() {
    let stage = Stage::new();
    let servers = stage.start(
        "[[launch]]\n\
         command = ['sh', '-c', 'cat order; echo started; exec sleep 1000']\n\
         directory = '{{directory}}'\n\
         environment = { WHO = 'me' }\n\
         prepare = [['sh', '-c', 'echo one $WHO >> order'], ['sh', '-c', 'echo two >> order; (sleep 1000 &)']]\n\
         ready.line = 'started'\n",
    );
    let servers = servers.unwrap();
    assert_eq!(servers.pids().len(), 1, "what a command leaves behind ends before the start");
    assert_eq!(servers.stop(), [""; 0]);
    let log = stage.log("sh");
    assert!(log.ends_with("--- start\none me\ntwo\nstarted\n"), "{log}");
    stage.assert_none_left();

    let failed = stage.failure(
        "[[launch]]\ncommand = 'sleep 1000'\nname = 'db'\nprepare = [['sh', '-c', 'echo no disk; exit 4']]",
    );
    let said =
        "cannot prepare 'db': 'sh -c echo no disk; exit 4' ended with status 4; it said: no disk.";
    assert!(failed.starts_with(said), "{failed}");

    let hung = stage.failure(
        "[[launch]]\ncommand = 'sleep 1000'\nprepare = [['sh', '-c', 'sleep 1000 & sleep 1000']]\n\
         prepare_timeout = '200ms'",
    );
    assert!(
        hung.contains("did not end within 200ms; it printed nothing. Raise `prepare_timeout`"),
        "{hung}"
    );
}

#[test]
fn a_port_that_another_program_has_is_not_taken_for_the_servers() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    for ready in [
        format!("port = {port}"),
        format!("url = 'http://127.0.0.1:{port}/'"),
        format!("url = 'http://localhost:{port}/x'"),
    ] {
        let stage = Stage::new();
        let said =
            stage.failure(&format!("[[launch]]\ncommand = 'sleep 1000'\nready = {{ {ready} }}"));
        let expected = format!("another program accepts connections on port {port} already");
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn a_server_may_be_ready_when_an_earlier_one_answers_at_a_port_of_its_own() {
    let stage = Stage::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let servers = stage.start(&format!(
        "[[launch]]\nname = 'web'\ncommand = '@BIN@ serve --listen 127.0.0.1:{free}'\nready.port = {free}\n\
         [[launch]]\nname = 'job'\ncommand = 'sleep 1000'\nready.url = 'http://127.0.0.1:{free}/'"
    ));
    assert_eq!(servers.unwrap().stop(), [""; 0]);
}

#[test]
fn a_reserved_port_that_was_lost_is_replaced_and_not_for_ever() {
    let stage = Stage::new();
    // The first two starts lose their port; all write down which one they were given.
    let script = |losses: u32| {
        format!(
            "[[launch]]\ncommand = ['sh', '-c', '''\n\
             echo {{{{port}}}} >> @DIR@/ports\n\
             if [ $(wc -l < @DIR@/ports) -le {losses} ]; then\n\
               echo \"bind: Address already in use\" >&2; exit 1\n\
             fi\n\
             exec {SERVE}''']"
        )
    };
    let ports = || fs::read_to_string(stage.path("ports")).unwrap();
    let servers = stage.start(&script(2)).unwrap();
    let ports_seen = ports();
    let seen: Vec<&str> = ports_seen.lines().collect();
    assert_eq!(seen.len(), 3);
    assert!(seen[0] != seen[1] && seen[1] != seen[2], "{seen:?}");
    assert_eq!(servers.lookup("port").as_deref(), Some(seen[2]));
    drop(servers);
    stage.assert_none_left();

    fs::remove_file(stage.path("ports")).unwrap();
    let said = stage.failure(&script(1000));
    assert!(
        said.contains("ended with status 1") && said.contains("Address already in use"),
        "{said}"
    );
    assert_eq!(ports().lines().count(), 5);
}

#[test]
fn much_output_is_read_and_its_ends_are_kept() {
    let stage = Stage::new();
    let servers = stage.start(
        "[[launch]]\ncommand = ['sh', '-c', 'yes 0123456789abcde | head -c 10485760; echo at last; exec sleep 1000']\n\
         ready.line = 'at last'",
    );
    assert_eq!(servers.unwrap().stop(), [""; 0]);
    let log = stage.log("sh");
    assert!(log.len() < (1 << 20) + 100, "{}", log.len());
    assert!(log.starts_with("0123456789abcde\n") && log.ends_with("0123456789abcde\nat last\n"));
    let left_out = 10_485_760 + "at last\n".len() - (1 << 20);
    assert!(log.contains(&format!("[... {left_out} bytes left out ...]")));
}

#[test]
fn servers_start_in_order_know_each_others_ports_and_end_in_reverse() {
    let stage = Stage::new();
    let server = |name: &str, more: &str| {
        format!(
            "[[launch]]\nname = '{name}'\ncommand = ['sh', '-c', '''\n\
             trap 'echo end of {name} >> @DIR@/order; exit 0' TERM\n\
             {more}\n\
             echo start of {name} >> @DIR@/order; echo up\n\
             while :; do sleep 0.05; done''']\nready.line = 'up'\n"
        )
    };
    let all = server("origin", "echo {{port:a}}") + &server("proxy", "echo {{port:b}} {{port:a}}");
    let servers = stage.start(&all).unwrap();
    let ports = ["port:a", "port:b"].map(|name| servers.lookup(name).unwrap());
    assert_eq!(servers.lookup("port:c"), None, "nobody listens there");
    assert_eq!(servers.stop(), [""; 0]);
    let order = fs::read_to_string(stage.path("order")).unwrap();
    let expected = "start of origin\nstart of proxy\nend of proxy\nend of origin\n";
    assert_eq!(order, expected);
    assert_eq!(stage.log("origin"), format!("{}\nup\n", ports[0]));
    assert_eq!(stage.log("proxy"), format!("{} {}\nup\n", ports[1], ports[0]));
    stage.assert_none_left();
}

#[test]
fn files_directory_environment_and_cores_reach_the_server() {
    let mut stage = Stage::new();
    stage.clients = 2;
    fs::create_dir(stage.path("work")).unwrap();
    let servers = stage.start(
        "[[launch]]\nname = 'x'\n\
         command = ['sh', '-c', '''pwd; echo $A; cat {{directory}}/a/b.conf {{directory}}/users\n\
           grep Cpus_allowed_list /proc/self/status; echo up; exec sleep 1000''']\n\
         directory = 'work'\n\
         environment = { A = 'port {{port}}' }\n\
         cores = '0'\n\
         files = { 'a/b.conf' = '''listen {{port}};\n''', users = { content = 'user {{client}}', repeat = 'client' } }\n\
         ready.line = 'up'",
    );
    let servers = servers.unwrap();
    let (port, scratch) = (servers.lookup("port").unwrap(), servers.directory().to_owned());
    assert_eq!(scratch.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(servers.stop(), [""; 0]);
    let work = fs::canonicalize(stage.path("work")).unwrap();
    let expected = format!(
        "{}\nport {port}\nlisten {port};\nuser 0\nuser 1\nCpus_allowed_list:\t0\nup\n",
        work.display()
    );
    assert_eq!(stage.log("x"), expected);
    assert!(!scratch.exists());
}

#[test]
fn secrets_are_masked_in_logs_and_messages() {
    let mut stage = Stage::new();
    stage.secrets = vec!["s3cr3t-token".to_owned()];
    let said = stage.failure(
        "[[launch]]\nname = 'x'\ncommand = ['sh', '-c', 'echo using $KEY; exit 1']\n\
         environment = { KEY = 's3cr3t-token' }\nready.line = 'never'",
    );
    assert!(said.contains("it said: using ***."), "{said}");
    assert_eq!(stage.log("x"), "using ***\n");
    let said = stage.failure(
        "[[launch]]\nname = 'x'\ncommand = ['sh', '-c', 'exec sleep 1000', 's3cr3t-token']\n\
         ready = { line = 's3cr3t-token', timeout = '100ms' }",
    );
    assert!(said.contains("that contains '***'"), "{said}");
}

#[test]
fn a_start_that_is_interrupted_is_given_up() {
    for prepare in ["", "prepare = ['sleep 1000']"] {
        let stage = Stage::new();
        let asked = Cell::new(0);
        let interrupted = || asked.replace(asked.get() + 1) > 3;
        let launch = format!("[[launch]]\ncommand = 'sleep 1000'\n{prepare}\nready.line = 'never'");
        let error = stage.start_unless(&launch, &interrupted).unwrap_err();
        assert_eq!(error, LaunchError::Interrupted);
        stage.assert_none_left();
    }
}
