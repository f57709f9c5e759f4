//! What to type in place of a command line that clap cannot read.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use tidings::scenario::{Shipped, address_advice, any_of, is_key_word, is_url, keys_meant};

/// The verbs that take scenario keys.
const OF_SCENARIOS: [&str; 2] = ["run", "plan"];

/// Flags of curl, wrk, oha, hey, k6 and ab that `tidings probe` calls otherwise, and what to write.
const OF_OTHERS: [(&str, &str); 31] = [
    ("-X", "The method is -m METHOD"),
    ("--request", "The method is -m METHOD"),
    ("-A", "An Accept field is a header: -H 'accept: text/html'"),
    ("--accept", "An Accept field is a header: -H 'accept: text/html'"),
    ("-a", "Credentials are a header: -H 'authorization: Bearer TOKEN'"),
    ("-u", "Credentials are a header: -H 'authorization: Bearer TOKEN'"),
    ("--user", "Credentials are a header: -H 'authorization: Bearer TOKEN'"),
    ("--user-agent", "A User-Agent is a header: -H 'user-agent: NAME'"),
    ("-b", "Cookies are a header: -H 'cookie: NAME=VALUE'"),
    ("--cookie", "Cookies are a header: -H 'cookie: NAME=VALUE'"),
    ("--host", "A Host is a header: -H 'host: NAME'"),
    ("-D", "A body from a file is -d @FILE"),
    ("--body-path", "A body from a file is -d @FILE"),
    ("--data-binary", "A body is -d BODY, and from a file -d @FILE; it is sent byte for byte"),
    ("--data-raw", "A body is -d BODY"),
    ("--json", "A JSON body is -d BODY -T application/json"),
    ("--concurrency", "Clients are -c N"),
    ("--clients", "Clients are -c N"),
    ("--users", "Clients are -c N"),
    ("--vus", "Clients are -c N"),
    ("--iterations", "Requests are -n N"),
    ("--rps", "Requests per second are -q RATE"),
    ("--qps", "Requests per second are -q RATE"),
    ("--rate-limit", "Requests per second are -q RATE"),
    ("--threads", "Threads of the generator are --set worker.shards=N"),
    ("-p", "Each client has a connection of its own: more requests at a time are -c N"),
    ("-x", "Proxies are not supported: --connect-to HOST:PORT:HOST:PORT dials another address"),
    (
        "--proxy",
        "Proxies are not supported: --connect-to HOST:PORT:HOST:PORT dials another address",
    ),
    ("--location", "Redirects are not followed: give the final URL"),
    ("-s", "Progress is silenced by --quiet; scripts are not run: write a scenario (tidings new)"),
    ("--script", "Scripts are not run: write a scenario (tidings new)"),
];

/// One line on what was meant by the `arguments` (without the program's name) that gave `error`; `None` where clap says it well.
pub(super) fn usage_hint(error: &clap::Error, arguments: &[String]) -> Option<String> {
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let flag = invalid(error, ContextKind::InvalidArg)?;
            // A slip of the pen: clap names the flag.
            if arguments.first().is_some_and(|verb| verb == "probe")
                && let Some((_, means)) =
                    OF_OTHERS.iter().find(|(of, _)| flag.split('=').next() == Some(of))
            {
                let flag = flag.split('=').next().unwrap_or_default();
                return Some(format!("unknown option {flag}. {means}"));
            }
            let is_slip = error.get(ContextKind::SuggestedArg).is_some();
            let word = flag.split('=').next()?.trim_start_matches('-');
            (!is_slip || is_key_word(word)).then(|| key_as_flag(&flag, arguments))?
        }
        ErrorKind::InvalidSubcommand => {
            scenario_as_verb(&invalid(error, ContextKind::InvalidSubcommand)?)
        }
        _ => None,
    }
}

fn invalid(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// `--clients 5`: a scenario key that was written as a flag.
fn key_as_flag(flag: &str, arguments: &[String]) -> Option<String> {
    if !OF_SCENARIOS.contains(&arguments.first()?.as_str()) {
        return None;
    }
    let (flag, _) = flag.split_once('=').unwrap_or((flag, ""));
    let word = flag.trim_start_matches('-');
    let keys = keys_meant(word);
    if keys.is_empty() {
        return None;
    }
    let own =
        |argument: &&String| argument.as_str() == flag || argument.starts_with(&format!("{flag}="));
    let at = arguments.iter().position(|argument| own(&argument));
    let value = at.and_then(|at| match arguments[at].split_once('=') {
        Some((_, value)) => Some(value),
        None => arguments.get(at + 1).map(String::as_str).filter(|next| !next.starts_with('-')),
    });
    let written: Vec<String> = keys.iter().map(|key| assignment(key, value)).collect();
    Some(format!("unknown option {flag}. Scenario keys are set by --set: {}", any_of(&written)))
}

/// `--set key=value`, quoted for a shell where it has to be.
fn assignment(key: &str, value: Option<&str>) -> String {
    let value = value.unwrap_or("VALUE");
    let is_list = matches!(key, "patterns" | "objectives");
    if is_list && !value.starts_with('[') {
        let names: Vec<String> =
            value.split(',').map(|name| format!("{:?}", name.trim())).collect();
        return format!("--set '{key}=[{}]'", names.join(", "));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "./:%_-+".contains(c);
    if value.chars().all(plain) {
        format!("--set {key}={value}")
    } else {
        format!("--set '{key}={value}'")
    }
}

/// `tidings quickstart`: a scenario without a verb.
fn scenario_as_verb(word: &str) -> Option<String> {
    let extension = std::path::Path::new(word).extension();
    let is_file = extension.is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let shipped = Shipped::named(word).or_else(|| Shipped::nearest(word));
    let scenario = match shipped {
        _ if is_url(word) => {
            return Some(format!("{word} {}", address_advice(word)));
        }
        Some(shipped) if !is_file => shipped.name,
        _ if is_file => word,
        _ => return None,
    };
    Some(format!("unknown verb '{word}'. To measure a scenario: tidings run {scenario}"))
}
