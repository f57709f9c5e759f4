//! The keys of a scenario by the flags of `tidings probe`: its user has typed flags, and messages from below name keys.

/// A key that a probe writes, and the flag that sets it.
struct Flag {
    key: &'static str,
    typed: &'static str,
    /// Whether the flag has a value.
    valued: bool,
}

const fn flag(key: &'static str, flag: &'static str) -> Flag {
    Flag { key, typed: flag, valued: true }
}

const fn switch(key: &'static str, flag: &'static str) -> Flag {
    Flag { key, typed: flag, valued: false }
}

/// Every key that a flag sets. Of two flags for one table the keys below it come first.
const FLAGS: &[Flag] = &[
    flag("workload.clients", "-c"),
    flag("workload.topics", "--topics"),
    flag("workload.rate", "-q"),
    flag("workload.payload", "--payload"),
    flag("request.rate", "-q"),
    flag("request.loop", "-q"),
    flag("request.requests", "-n"),
    switch("request.connection", "--disable-keepalive"),
    switch("request.retry_after", "--retry-after"),
    flag("request.timeout", "-t"),
    flag("short-poll.timeout", "-t"),
    flag("reconnect.timeout", "-t"),
    flag("short-poll.interval", "--poll"),
    flag("phases.measure", "-z"),
    flag("phases.warmup", "--warmup"),
    flag("trials", "--trials"),
    flag("seed", "--seed"),
    switch("transport.http", "--http2"),
    flag("target.url.default", "URL"),
    flag("target.url.publish", "--publish"),
    flag("target.url", "URL"),
    flag("target.dialect", "--dialect"),
    flag("target.headers", "-H"),
    flag("target.stamp_unit", "--stamp-unit"),
    flag("target.stamp", "--stamp"),
    flag("target.tls.ca", "--cacert"),
    flag("target.tls.cert", "--cert"),
    flag("target.tls.key", "--key"),
    switch("target.tls.insecure", "-k"),
    flag("target.tls", "--cacert, --cert, --key or -k"),
    flag("target.unix", "--unix-socket"),
    flag("target.resolve", "--resolve"),
    flag("target.connect_to", "--connect-to"),
    flag("target.publish.body", "--body"),
    flag("target.publish.headers", "-T"),
    flag("target.publish", "--publish"),
    flag("target.websocket.steps", "-d"),
    flag("target.websocket.path", "URL"),
    flag("target.webhook.listen", "--webhook"),
    flag("target.request.body", "-d"),
    flag("target.request.request", "URL or -m"),
    flag("target.short-poll.body", "-d"),
    flag("target.short-poll.request", "URL or -m"),
    flag("target.short-poll.cursor.first", "--cursor-first"),
    flag("target.short-poll.cursor.capture", "--cursor"),
    flag("target.short-poll.cursor", "--cursor"),
    flag("target.long-poll.body", "-d"),
    flag("target.long-poll.request", "URL or -m"),
    flag("target.long-poll.cursor.first", "--cursor-first"),
    flag("target.long-poll.cursor.capture", "--cursor"),
    flag("target.long-poll.cursor", "--cursor"),
    flag("target.sse.body", "-d"),
    flag("target.sse.request", "URL or -m"),
];

/// Words before the last part of a key, where a message leaves out the table.
const DEEDS: [&str; 5] = ["lower", "raise", "lengthen", "shorten", "remove"];

/// Returns `text` with flags in place of the keys of a scenario that they set: `resolve = ["h:80:ADDRESS"]` becomes
/// `--resolve h:80:ADDRESS`, and `lower workload.clients` becomes `lower -c`.
///
/// A key that no flag sets is assigned by `--set`: `worker.spin = true` becomes `--set worker.spin=true`.
pub(super) fn in_flags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = "";
    while let Some(start) = rest.find(is_key_char) {
        let (between, from) = rest.split_at(start);
        out.push_str(between);
        let end = from.find(|c| !is_key_char(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        // A word in quotes was typed by the user; a file's name or an address is no key either.
        let is_own = between.ends_with(['\'', '"', '/', '$', '{', '`']);
        let found = if is_own { None } else { replaced(word, before, after) };
        if let Some((new, taken)) = found {
            // `set worker.spin = true` needs no second word.
            if new.starts_with("--set ") && before == "set" && between == " " {
                out.truncate(out.len() - "set ".len());
            }
            out.push_str(&new);
            rest = &after[taken..];
        } else {
            out.push_str(word);
            rest = after;
        }
        before = word;
    }
    out + rest
}

const fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']')
}

/// What stands in place of `word` and of so many bytes of what is `after` it.
fn replaced(word: &str, before: &str, after: &str) -> Option<(String, usize)> {
    // The dot at the end of a sentence.
    let (word, stop) = word.strip_suffix('.').map_or((word, ""), |word| (word, "."));
    let key = plain(word);
    let value = after.strip_prefix(" = ").and_then(value_of).filter(|_| stop.is_empty());
    let lower = before.to_ascii_lowercase();
    // What a server said may hold an assignment, too: one without a table is ours where it is a value of TOML, or leads a refusal.
    let literal = after.strip_prefix(" = ").is_some_and(|text| text.starts_with(['"', '[', '{']));
    let assigned = value.is_some() && (literal || before.is_empty());
    let short = assigned || DEEDS.contains(&lower.as_str());
    let by_last = |flag: &&Flag| short && flag.key.rsplit('.').next() == Some(&key);
    let below = |flag: &&Flag| {
        key.strip_prefix(flag.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // `trials` and `seed` are words, too.
    let known = FLAGS.iter().filter(|flag| flag.key.contains('.') || assigned).find(below);
    let Some(Flag { typed: flag, valued, .. }) = known.or_else(|| FLAGS.iter().find(by_last))
    else {
        let (value, taken) = value?;
        let is_key = key.contains('.') && key.starts_with(|c: char| c.is_ascii_lowercase());
        return is_key.then(|| (format!("--set {key}={value}"), " = ".len() + taken));
    };
    Some(match value {
        Some((_, taken)) if !valued => ((*flag).to_owned(), " = ".len() + taken),
        Some((value, taken)) => {
            let flag = format!("{flag} {value}");
            (flag.trim_end().to_owned(), " = ".len() + taken)
        }
        None => (format!("{flag}{stop}"), 0),
    })
}

/// A key without the places in its lists, and without the brackets of a table.
fn plain(word: &str) -> String {
    let word = word.strip_prefix('[').map_or(word, |word| word.trim_start_matches('['));
    let mut out = String::new();
    for part in word.split(['[', ']']) {
        if !part.is_empty() && !part.bytes().all(|byte| byte.is_ascii_digit()) {
            out.push_str(part);
        }
    }
    out
}

/// A value of TOML at the start of `text` without its quotes, and its length there.
fn value_of(text: &str) -> Option<(&str, usize)> {
    for (open, close) in [("[\"", "\"]"), ("\"", "\"")] {
        if let Some(inner) = text.strip_prefix(open) {
            let (value, _) = inner.split_once(close)?;
            return Some((value, open.len() + value.len() + close.len()));
        }
    }
    if text.starts_with('{') {
        // An inline table is several flags, or none.
        return text.find('}').map(|end| ("", end + 1));
    }
    let end = text.find([' ', ',', ';', ')', ':']).unwrap_or(text.len());
    let value = text[..end].trim_end_matches('.');
    (!value.is_empty()).then_some((value, value.len()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::Arguments;
    use super::super::build;
    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        probe: Arguments,
    }

    /// Keys that a probe writes by itself, and no flag sets.
    const OWN: [&str; 13] = [
        "transport.streams",
        "name",
        "question",
        "patterns",
        "floor",
        "workload.unconnected",
        "workload.publish",
        "request.arrivals",
        "phases.connect",
        "phases.idle",
        "target.publish.request",
        "target.short-poll.empty",
        "target.long-poll.empty",
    ];

    /// Every flag that becomes a key, by patterns.
    const LINES: [&str; 7] = [
        "http://127.0.0.1:1/ -c 2 -q 5 -n 4 -t 1s -z 2s --warmup 1s --trials 2 --seed 3 -m PUT -d x -H a:b -T text/csv --http2 \
         --disable-keepalive --resolve 127.0.0.1:1:127.0.0.1 --connect-to 127.0.0.1:1:127.0.0.1:2 --retry-after",
        "https://127.0.0.1:1/ -k --disable-keepalive",
        "http://127.0.0.1:1/ --unix-socket /tmp/none",
        "http://127.0.0.1:1/?{{cursor}} --poll 1s --cursor json:/a -d x",
        "http://127.0.0.1:1/?{{cursor}} --long-poll --cursor json:/a --stamp json:/t -d x",
        "http://127.0.0.1:1/ --sse -d x --publish http://127.0.0.1:2/ --body {{event}} --payload 64B --topics 2 -T a/b --dialect bun",
        "ws://127.0.0.1:1/ -d x --stamp json:/t --stamp-unit s",
    ];

    fn walk(path: &str, value: &toml::Value, out: &mut Vec<String>) {
        match value {
            toml::Value::Table(table)
                if path != "target.headers" && path != "target.publish.headers" =>
            {
                for (name, value) in table {
                    let dot = if path.is_empty() { "" } else { "." };
                    walk(&format!("{path}{dot}{name}"), value, out);
                }
            }
            toml::Value::Array(all)
                if all.iter().any(toml::Value::is_table) && path == "target.request" =>
            {
                for value in all {
                    walk(path, value, out);
                }
            }
            _ => out.push(path.to_owned()),
        }
    }

    /// The keys of the scenario that a line becomes, with those of inline tables.
    fn keys(line: &str) -> Vec<String> {
        let words = std::iter::once("probe").chain(line.split_ascii_whitespace());
        let arguments = Cli::parse_from(words).probe;
        let text = build::text(&arguments).unwrap();
        let mut out = Vec::new();
        walk("", &toml::Value::Table(toml::from_str(&text).unwrap()), &mut out);
        out
    }

    #[test]
    fn every_key_that_a_probe_writes_has_its_flag() {
        let mut written: Vec<String> = LINES.iter().flat_map(|line| keys(line)).collect();
        written.extend(
            ["target.webhook.listen", "target.tls.ca", "target.tls.cert", "target.tls.key"]
                .map(str::to_owned),
        );
        for key in &written {
            if OWN.contains(&key.as_str()) {
                continue;
            }
            let said = in_flags(&format!("lower {key} to 5, or [{key}] and {key}[0]: 'x'"));
            // A key without a table is a word, too.
            assert!(!said.contains(key.as_str()) || !key.contains('.'), "{said}");
            let assigned = in_flags(&format!("write {key} = \"x\""));
            assert!(assigned.starts_with("write ") && !assigned.contains('='), "{assigned}");
        }
        for Flag { key, .. } in FLAGS {
            let known = written
                .iter()
                .any(|written| written == key || written.starts_with(&format!("{key}.")));
            assert!(
                known
                    || ["target.url", "target.tls"].iter().any(|of| key.starts_with(of))
                    || key.rsplit('.').next() == Some("first"),
                "{key} is written by no flag"
            );
        }
    }

    #[test]
    fn messages_name_flags_and_keep_what_the_user_typed() {
        for (message, expected) in [
            (
                "name an address: resolve = [\"x.invalid:80:ADDRESS\"]",
                "name an address: --resolve x.invalid:80:ADDRESS",
            ),
            (
                "the limit is 64: lower workload.clients to at most 4032",
                "the limit is 64: lower -c to at most 4032",
            ),
            ("HTTP/1.1; remove transport.http = \"2\"", "HTTP/1.1; remove --http2"),
            ("workload.clients = 20000000 exceeds the limit", "-c 20000000 exceeds the limit"),
            (
                "lower workload.clients, workload.topics or target.ring",
                "lower -c, --topics or target.ring",
            ),
            (
                "only 5 clients; lower topics to at most 5",
                "only 5 clients; lower --topics to at most 5",
            ),
            ("target.request[0].body: '{{nope}}' is", "-d: '{{nope}}' is"),
            ("target.headers.bad name: 'bad name'", "-H name: 'bad name'"),
            ("or remove [target.tls]", "or remove --cacert, --cert, --key or -k"),
            ("or set worker.spin = true", "or --set worker.spin=true"),
            ("set transport.resume = false. Then", "--set transport.resume=false. Then"),
            ("'target.url' was typed, target.urls too", "'target.url' was typed, target.urls too"),
            (
                "the server says: timeout = 5, trials = 3",
                "the server says: timeout = 5, trials = 3",
            ),
            ("trials = 0: must be at least 1", "--trials 0: must be at least 1"),
            ("check trials and seeds of the topics", "check trials and seeds of the topics"),
            ("cannot read /etc/target.url", "cannot read /etc/target.url"),
            (
                "a cursor: cursor = { capture = \"json:/next\", first = \"0\" }",
                "a cursor: --cursor",
            ),
            ("Lengthen measure to 5 s", "Lengthen -z to 5 s"),
            ("lower the rate.", "lower the rate."),
            ("see workload.rate.", "see -q."),
        ] {
            assert_eq!(in_flags(message), expected);
        }
    }
}
