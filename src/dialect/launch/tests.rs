use super::*;

fn launch(toml: &str) -> Result<LaunchSpec, String> {
    toml::from_str(toml).map_err(|error| error.message().to_owned())
}

#[test]
fn a_command_is_a_list_or_a_text_that_is_split_without_a_shell() {
    for (written, words) in [
        (r#"["nginx", "-g", "daemon off;"]"#, vec!["nginx", "-g", "daemon off;"]),
        (r#""nginx -g 'daemon off;'""#, vec!["nginx", "-g", "daemon off;"]),
        (r#""a  b\\ c \"d e\" ''""#, vec!["a", "b c", "d e", ""]),
        (r#""run $HOME *.js > file | tee""#, vec!["run", "$HOME", "*.js", ">", "file", "|", "tee"]),
        (r#""serve {{port:admin}}""#, vec!["serve", "{{port:admin}}"]),
    ] {
        let read = launch(&format!("command = {written}")).unwrap();
        assert_eq!(read.command.0, words, "{written}");
    }
    for (written, said) in [
        (r#""""#, "needs a program"),
        (r#"" ""#, "needs a program"),
        ("[]", "needs a program"),
        (r#"[""]"#, "needs a program"),
        (r#""a 'b""#, "a quote that is not closed"),
        ("5", "a command"),
    ] {
        let error = launch(&format!("command = {written}")).unwrap_err();
        assert!(error.contains(said), "{written}: {error}");
    }
}

#[test]
fn everything_has_a_default_but_the_command() {
    let read = launch("command = 'x'").unwrap();
    assert_eq!(read, LaunchSpec::new(CommandLine(vec!["x".to_owned()])));
    assert_eq!(read.stop.signal, SignalName(libc::SIGTERM));
    assert!(launch("").unwrap_err().contains("command"));
    assert!(launch("command = 'x'\ncomand = 'y'").unwrap_err().contains("comand"));
}

#[test]
fn what_was_read_is_read_again_from_what_is_written() {
    let read = launch(
        r#"
        name = "web"
        command = "serve {{port}}"
        directory = "x"
        prepare = ["initdb", ["touch", "a b"]]
        prepare_timeout = "5s"
        cores = "0-2,5"
        [environment]
        A = "1"
        [files]
        "a.conf" = "text"
        "users.csv" = { content = "{{client}}", repeat = "client" }
        [ready]
        url = "http://127.0.0.1:{{port}}/"
        status = [200, 401]
        line = "ready"
        port = 8080
        unix = "{{directory}}/s"
        timeout = "3s"
        [stop]
        signal = "quit"
        command = "x -s quit"
        timeout = "1s"
        "#,
    )
    .unwrap();
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<LaunchSpec>(&json).unwrap(), read, "{json}");
    assert_eq!(read.cores, Some(Cores(vec![0, 1, 2, 5])));
    assert_eq!(read.stop.signal, SignalName(libc::SIGQUIT));
    assert_eq!(read.ready.port.as_deref(), Some("8080"));
    assert_eq!(read.files["users.csv"].repeat, Some(Repeat::Client));
    let texts = read.texts();
    for text in [
        "serve",
        "{{port}}",
        "x",
        "initdb",
        "a b",
        "1",
        "a.conf",
        "text",
        "{{client}}",
        "ready",
        "8080",
        "{{directory}}/s",
        "quit",
        "http://127.0.0.1:{{port}}/",
    ] {
        assert!(texts.iter().any(|(_, found)| *found == text), "{text} is not among {texts:?}");
    }
}

#[test]
fn signals_and_cores_are_named_as_people_name_them() {
    for text in ["'TERM'", "'SIGTERM'", "'sigterm'", "'15'", "15"] {
        let read = launch(&format!("command = 'x'\nstop = {{ signal = {text} }}")).unwrap();
        assert_eq!(read.stop.signal.to_string(), "SIGTERM", "{text}");
    }
    let error = launch("command = 'x'\nstop = { signal = 'FOO' }").unwrap_err();
    assert!(error.contains("'FOO' is not a signal: write one of HUP"), "{error}");
    for (text, cores) in [("[1, 0]", vec![0, 1]), ("'3'", vec![3]), ("'2-3, 0'", vec![0, 2, 3])] {
        assert_eq!(
            launch(&format!("command = 'x'\ncores = {text}")).unwrap().cores,
            Some(Cores(cores))
        );
    }
    for text in ["''", "'a'", "'3-1'", "'0-'", "'0-99999999'", "[]"] {
        let error = launch(&format!("command = 'x'\ncores = {text}")).unwrap_err();
        assert!(error.contains("is not a set of cores"), "{text}: {error}");
    }
}

#[test]
fn a_server_is_named_by_its_program() {
    for (command, title) in
        [("nginx -c x", "nginx"), ("/usr/sbin/nginx", "nginx"), ("./a/", "./a/"), ("a.py", "a.py")]
    {
        assert_eq!(LaunchSpec::new(CommandLine::split(command).unwrap()).title(), title);
    }
}

#[test]
fn a_process_is_named_in_three_ways() {
    let read = |text: &str| toml::from_str::<ProcessSpec>(text).unwrap();
    assert_eq!(read("pid = 7").pid, Some(7));
    assert_eq!(read("pidfile = '/run/x.pid'").pidfile.as_deref(), Some("/run/x.pid"));
    assert_eq!(read("cgroup = '/a'").cgroup, Some(CgroupSpec::Path("/a".to_owned())));
    assert_eq!(read("pid = 7\ncgroup = true").cgroup, Some(CgroupSpec::OfProcess(true)));
}
