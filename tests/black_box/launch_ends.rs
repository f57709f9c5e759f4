//! No process of a launched server outlives its trial, whatever it or anybody else does; and a restart.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tidings::measure::{ProcessStat, descendants, processes};

use crate::launch_support::{Stage, connects, kill};
use crate::support::eventually;

/// Servers that make it hard to end them: `(script, processes)`. Each says `up`.
const STUBBORN: [(&str, usize); 6] = [
    // A daemon that forks twice and leaves the session.
    ("(setsid sh -c 'exec sleep 1001' &) ; echo up; exit 0", 1),
    ("for n in 1 2 3; do sleep 1002 & done; echo up; wait", 4),
    ("trap '' TERM INT HUP QUIT; echo up; while :; do sleep 1003; done", 2),
    ("setsid setsid sh -c \"trap '' TERM; sleep 1004; sleep 1004\" & echo up; wait", 2),
    ("echo up; kill -STOP $$; sleep 1007", 1),
    // Many orphans.
    ("n=0; while [ $n -lt 50 ]; do n=$((n+1)); (sleep 1005 &); done; echo up; exec sleep 1005", 51),
];

fn launch(script: &str) -> String {
    format!(
        "[[launch]]\nname = 'x'\ncommand = ['sh', '-c', '''{script}''']\nready.line = 'up'\n\
         stop.timeout = '300ms'"
    )
}

#[test]
fn no_process_survives_a_stop_or_a_drop() {
    for (script, count) in STUBBORN {
        for graceful in [true, false] {
            let stage = Stage::new();
            let servers = stage.start(&launch(script)).unwrap();
            eventually(script, || (servers.pids().len() >= count).then_some(()));
            if graceful {
                servers.stop();
            } else {
                drop(servers);
            }
            stage.assert_none_left();
        }
    }
}

#[test]
fn a_server_that_ends_when_asked_is_not_killed_and_one_that_does_not_is_named() {
    let stage = Stage::new();
    let polite = |signal: &str| {
        format!(
            "[[launch]]\nname = 'x'\nready.line = 'up'\nstop.signal = '{signal}'\n\
             command = ['sh', '-c', '''trap 'echo goodbye; exit 0' {signal}; echo up\n\
             while :; do sleep 0.02; done''']"
        )
    };
    for signal in ["TERM", "QUIT", "USR1", "INT", "HUP"] {
        assert_eq!(stage.start(&polite(signal)).unwrap().stop(), [""; 0], "{signal}");
        assert_eq!(stage.log("x"), "up\ngoodbye\n", "{signal}");
    }
    // The shell between does not pass the signal on.
    let servers = stage.start(&launch("sh -c 'echo up; sleep 1000; :'; :")).unwrap();
    assert_eq!(servers.stop(), [""; 0]);

    let deaf = "trap '' TERM; echo up; while :; do sleep 0.02; done";
    let remarks = stage.start(&launch(deaf)).unwrap().stop();
    let said = "the server 'x' did not end within 300ms and was killed: raise the timeout of `stop`, or \
                correct its signal or command";
    assert_eq!(remarks, [said]);
    stage.assert_none_left();
}

#[test]
fn a_command_ends_a_server_that_no_signal_ends() {
    let stage = Stage::new();
    let server =
        "trap '' TERM; echo up; while [ ! -e {{directory}}/stop ]; do sleep 0.02; done; echo done";
    let with = |stop: &str| {
        format!(
            "[[launch]]\nname = 'x'\nready.line = 'up'\ncommand = ['sh', '-c', '''{server}''']\n{stop}"
        )
    };
    let servers = stage.start(&with("stop.command = 'touch {{directory}}/stop'")).unwrap();
    assert_eq!(servers.stop(), [""; 0]);
    assert_eq!(stage.log("x"), "up\ndone\n");
    for command in ["false", "no-such-program", "sleep 1000"] {
        let stop = format!("stop = {{ command = '{command}', timeout = '200ms' }}");
        let remarks = stage.start(&with(&stop)).unwrap().stop();
        assert_eq!(remarks.len(), 1, "{command}: {remarks:?}");
        stage.assert_none_left();
    }
}

/// Not a test: starts servers in the place of a conductor, in a copy of this program, until it is killed.
#[test]
fn a_conductor_of_the_tests() {
    let Ok(script) = std::env::var("TIDINGS_TEST_CONDUCTOR") else { return };
    let stage = Stage::new();
    let servers = stage.start(&launch(&script)).unwrap();
    let line = format!("{}\n", servers.directory().display());
    fs::write(std::env::var("TIDINGS_TEST_STARTED").unwrap(), line).unwrap();
    loop {
        std::thread::park();
    }
}

/// A conductor in another process with one server, and the server's scratch folder.
fn conductor(stage: &Stage, script: &str) -> (std::process::Child, String) {
    let started = stage.path("started");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "launch_ends::a_conductor_of_the_tests", "--nocapture"])
        .env("TIDINGS_TEST_CONDUCTOR", script)
        .env("TIDINGS_TEST_STARTED", &started)
        .stdin(Stdio::null())
        // What it cannot remove, once it is killed, goes with the test's folder.
        .env("TMPDIR", stage.folder.path())
        .env("TIDINGS_CONDUCTOR_MARK", stage.mark())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let line = eventually("the conductor", || {
        fs::read_to_string(&started).ok().filter(|line| line.ends_with('\n'))
    });
    fs::remove_file(&started).unwrap();
    (child, line.trim().to_owned())
}

#[test]
fn no_process_survives_a_conductor_that_is_killed() {
    for (script, count) in STUBBORN {
        let stage = Stage::new();
        let (mut conductor, scratch) = conductor(&stage, script);
        eventually(script, || {
            // The guard is one more.
            (descendants(&processes(), &[conductor.id()]).len() > count).then_some(())
        });
        conductor.kill().unwrap();
        conductor.wait().unwrap();
        stage.wait_until_none_left();
        eventually("the folder's end", || fs::metadata(&scratch).is_err().then_some(()));
    }
}

#[test]
fn the_first_process_of_a_server_dies_with_its_guard() {
    let stage = Stage::new();
    let mut servers = stage.start(&launch("echo up; exec sleep 1006")).unwrap();
    let server = servers.pids()[0];
    let guard = ProcessStat::read(server).unwrap().parent;
    // What a careless killall sends does not end the guard.
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill(guard, signal);
    }
    assert_eq!(servers.check(), Ok(()));
    assert!(ProcessStat::read(server).is_some_and(|stat| !stat.ended));
    kill(guard, Signal::KILL);
    let said = eventually("its end", || servers.check().err());
    assert!(
        said.starts_with("the server 'x' was killed with the process that guards it"),
        "{said}"
    );
    drop(servers);
    stage.wait_until_none_left();
}

#[test]
fn a_server_that_dies_is_noticed_with_its_status_and_last_lines() {
    for (script, how) in [
        (
            "while [ ! -e @DIR@/die ]; do sleep 0.02; done; echo out of luck; exit 3",
            "ended with status 3",
        ),
        (
            "while [ ! -e @DIR@/die ]; do sleep 0.02; done; echo out of luck; kill -ABRT $$",
            "was killed by signal 6",
        ),
        // Its first process left children.
        (
            "sleep 1000 & while [ ! -e @DIR@/die ]; do sleep 0.02; done; echo out of luck; exit 4",
            "ended with status 4",
        ),
        // A daemon: its first process has long ended.
        (
            "(while [ ! -e @DIR@/die ]; do sleep 0.02; done; echo out of luck; exit 5) & exit 0",
            "ended with status 5",
        ),
    ] {
        let stage = Stage::new();
        let launch = format!(
            "[[launch]]\nname = 'x'\ncommand = ['sh', '-c', '''echo up; {script}''']\nready.line = 'up'"
        );
        let mut servers = stage.start(&launch).unwrap();
        let watched = servers.watched();
        assert_eq!(servers.check(), Ok(()));
        let before = watched.cpu_ns().unwrap();
        fs::write(stage.path("die"), "").unwrap();
        let said = eventually("its end", || servers.check().err());
        let expected = format!(
            "the server 'x' {how}; it said: up | out of luck. Its output is in logs/sse-1-x.log."
        );
        assert_eq!(said, expected);
        stage.assert_none_left();
        assert!(watched.cpu_ns().unwrap() >= before, "what was measured is kept");
        drop(servers);
        assert_eq!(stage.log("x"), "up\nout of luck\n");
    }
}

#[test]
fn a_restarted_server_has_its_ports_and_files_and_its_cpu_time_adds_up() {
    let stage = Stage::new();
    let mut servers = stage
        .start(
            "[[launch]]\nname = 'x'\ndirectory = '{{directory}}'\n\
             command = ['sh', '-c', '''echo life >> lives; sleep 1000 &\n\
             @BIN@ serve --listen 127.0.0.1:{{port}}; :''']",
        )
        .unwrap();
    let (port, lives) = (servers.lookup("port").unwrap(), servers.directory().join("lives"));
    let watched = servers.watched();
    let mut cpu_ns = watched.cpu_ns().unwrap();
    assert!(cpu_ns > 0 && watched.anonymous_memory_bytes().unwrap() > 0);
    for life in 1..4 {
        assert_eq!(fs::read_to_string(&lives).unwrap().lines().count(), life);
        assert!(connects(&port));
        assert_eq!(servers.pids().len(), 3);
        let signal = if life == 2 { None } else { Some(libc::SIGKILL) };
        assert_eq!(servers.stop_now(signal), [""; 0]);
        stage.assert_none_left();
        assert!(!connects(&port) && servers.pids().is_empty());
        assert_eq!(servers.check(), Ok(()), "it is down on purpose");
        let down_ns = watched.cpu_ns().unwrap();
        assert!(down_ns >= cpu_ns, "{cpu_ns} {down_ns}");
        assert_eq!(watched.cpu_ns(), Some(down_ns));
        servers.start_again(&|| false).unwrap();
        assert_eq!(servers.lookup("port").as_deref(), Some(port.as_str()));
        cpu_ns = watched.cpu_ns().unwrap();
        assert!(cpu_ns > down_ns, "the new life adds to the old: {down_ns} {cpu_ns}");
    }
    let scratch = servers.directory().to_owned();
    assert_eq!(servers.stop(), [""; 0]);
    assert!(!scratch.exists());
    assert_eq!(stage.log("x").matches("--- started again\n").count(), 3);
    stage.assert_none_left();
}

#[test]
fn a_restart_waits_for_a_port_that_is_not_free_yet_and_says_why_one_fails() {
    let stage = Stage::new();
    // The second and third start find the port taken; the fifth server is broken.
    let launch = "[[launch]]\nname = 'x'\ncommand = ['sh', '-c', '''\n\
         echo {{port}} >> @DIR@/starts\n\
         case $(wc -l < @DIR@/starts) in\n\
           2|3) echo \"listen EADDRINUSE\"; exit 1;;\n\
           5) echo \"lost my data\"; exit 9;;\n\
         esac\n\
         exec @BIN@ serve --listen 127.0.0.1:{{port}}''']";
    let mut servers = stage.start(launch).unwrap();
    servers.stop_now(Some(libc::SIGKILL));
    servers.start_again(&|| false).unwrap();
    let starts = fs::read_to_string(stage.path("starts")).unwrap();
    assert_eq!(starts.lines().count(), 4);
    assert!(starts.lines().all(|port| Some(port) == servers.lookup("port").as_deref()), "{starts}");
    servers.stop_now(Some(libc::SIGKILL));
    let error = servers.start_again(&|| false).unwrap_err().to_string();
    assert!(
        error.contains("ended with status 9 before it was ready; it said: lost my data."),
        "{error}"
    );
    drop(servers);
    stage.assert_none_left();
}

/// A server that takes any port gets another one when it is restarted, and nobody would find it there.
#[test]
fn a_restart_on_another_printed_port_is_refused_and_on_the_same_one_is_not() {
    let launch = |listen: &str| {
        format!(
            "[[launch]]\nname = 'x'\nready.prints_url = true\n\
             command = ['sh', '-c', 'exec @BIN@ serve --listen 127.0.0.1:{listen}']"
        )
    };
    let stage = Stage::new();
    let mut servers = stage.start(&launch("0")).unwrap();
    let port = servers.lookup("port").unwrap();
    servers.stop_now(None);
    // The system may give the same port again; nobody else can have this one then.
    let held = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let error = servers.start_again(&|| false).unwrap_err().to_string();
    drop(held);
    let expected =
        format!("cannot restart 'x': it listened on port {port}, which its clients know");
    assert!(error.contains(&expected) && error.contains("listen on {{port}}"), "{error}");
    drop(servers);
    let mut servers = stage.start(&launch("{{port}}")).unwrap();
    let port = servers.lookup("port").unwrap();
    servers.stop_now(None);
    servers.start_again(&|| false).unwrap();
    assert!(connects(&port));
    drop(servers);
    stage.assert_none_left();
}
