//! `[target]` of a probe: where the server is, and what is sent to it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::args::{Arguments, Connection};
use super::text::{Text, headers, list, quoted};
use super::url::Url;
use super::way::Way;

/// What is published unless `--body` says so.
const EVENT: &str = "{{event}}";
/// What is published carries a JSON value, unless `-T` says what it is.
const JSON: &str = "application/json";

/// Writes the table and its parts.
pub(super) fn write(
    arguments: &Arguments,
    way: Way,
    url: Option<&Url>,
    out: &mut Text,
) -> anyhow::Result<()> {
    let publish = publisher(arguments)?;
    out.table("target");
    let over_log = name_is_builtin(arguments) && matches!(publish, Publisher::Dialect);
    if let Some(name) = arguments.way.dialect.as_ref().filter(|_| !over_log) {
        out.key("dialect", &quoted(name));
    }
    match (url, &publish) {
        (Some(url), Publisher::To(to)) if to.base != url.base => {
            let urls =
                format!("{{ default = {}, publish = {} }}", quoted(&url.base), quoted(&to.base));
            out.key("url", &urls);
        }
        // A WebSocket is opened at an http:// URL as well, and events are published there.
        (Some(url), Publisher::Dialect) if over_log => {
            let base = url.base.replacen("ws", "http", usize::from(url.is_websocket()));
            out.key("url", &quoted(&base));
        }
        (Some(url), _) => out.key("url", &quoted(&url.base)),
        (None, Publisher::To(to)) => out.key("url", &quoted(&to.base)),
        // Nothing is sent to a server whose webhooks are only received.
        (None, _) => out.key("url", "\"http://localhost\""),
    }
    // The content type of a body that is published is written there.
    let sends = way == Way::Request || arguments.request.data.is_some();
    let content_type = arguments.request.content_type.as_deref().filter(|_| sends);
    if let Some(fields) = headers(&arguments.request.headers, content_type)? {
        out.key("headers", &fields);
    }
    if let Some(stamp) = &arguments.way.stamp {
        out.comment("Compares the clocks of two hosts: as good as their synchronisation.");
        out.key("stamp", &quoted(stamp));
        out.key("stamp_unit", &quoted(&arguments.way.stamp_unit));
    }
    let to = if let Publisher::To(to) = &publish { Some(to) } else { None };
    let secure = url.into_iter().chain(to).any(Url::is_secure);
    connection(&arguments.connection, secure, out)?;
    match publish {
        Publisher::To(to) => {
            out.table("target.publish");
            out.key("request", &quoted(&format!("POST {}", to.path())));
            let content_type = arguments.request.content_type.as_deref().unwrap_or(JSON);
            out.key("headers", &format!("{{ content-type = {} }}", quoted(content_type)));
            out.key("body", &quoted(&body(&arguments.publish.body)?));
        }
        Publisher::Dialect | Publisher::Nobody => {}
    }
    if over_log { builtin(arguments, way, url, out) } else { pattern(arguments, way, url, out) }
}

fn name_is_builtin(arguments: &Arguments) -> bool {
    arguments.way.dialect.as_deref() == Some("builtin")
}

/// The built-in server, whose events are recognised by their token. The dialect `builtin` recognises them by their place in the
/// log, which only a log that begins empty tells.
fn builtin(
    arguments: &Arguments,
    way: Way,
    url: Option<&Url>,
    out: &mut Text,
) -> anyhow::Result<()> {
    out.table("target.publish");
    out.key("request", "\"POST /topics/{{topic}}/events\"");
    out.key("headers", "{ content-type = \"application/json\" }");
    let body = match arguments.publish.body.as_str() {
        EVENT => "{\"data\":{{event}}}".to_owned(),
        written => body(written)?,
    };
    out.key("body", &quoted(&body));
    out.key("expect", "201");
    if way != Way::Webhook && url.is_some_and(|url| url.path.is_some()) {
        return pattern(arguments, way, url, out);
    }
    match way {
        Way::Sse => {
            out.table("target.sse");
            out.key("request", "\"GET /topics/{{topic}}/stream\"");
        }
        Way::WebSocket => {
            out.table("target.websocket");
            out.key("path", "\"/topics/{{topic}}/ws\"");
        }
        Way::Poll(_) | Way::LongPoll => {
            out.table(&format!("target.{}", way.pattern()));
            let hold = if way == Way::LongPoll { "&wait={{hold_ms}}ms" } else { "" };
            let path = "/topics/{{topic}}/events?limit=1000&since={{cursor}}";
            out.key("request", &quoted(&format!("GET {path}{hold}")));
            out.key("cursor", "{ capture = \"json:/next\", first = \"0\" }");
        }
        Way::Webhook => {
            out.table("target.webhook");
            let address = listen(arguments.way.webhook.as_deref().unwrap_or_default());
            // Without a port of its own it gets one that is free, and is registered with that.
            if !address.ends_with(":0") {
                out.key("listen", &quoted(&address));
            }
            let register = "{\"url\":\"{{callback_url}}\",\"topics\":[\"{{topic}}\"],\"secret\":\"{{signing_secret}}\"}";
            out.key(
                "register",
                &format!(
                    "{{ path = \"/webhooks\", headers = {{ content-type = \"application/json\" }}, body = {}, expect = [201], capture \
                     = {{ webhook_id = \"json:/id\" }} }}",
                    quoted(register)
                ),
            );
            let unregister =
                "{ method = \"DELETE\", path = \"/webhooks/{{webhook_id}}\", expect = [204] }";
            out.key("unregister", unregister);
            out.key("handshake", "\"echo\"");
            out.key("verify", "{ preset = \"standard\", secret = \"{{signing_secret}}\" }");
        }
        // Refused before: it receives no events.
        Way::Request => {}
    }
    Ok(())
}

/// Who publishes.
enum Publisher {
    Nobody,
    /// As the dialect says.
    Dialect,
    /// A POST to this URL.
    To(Url),
}

fn publisher(arguments: &Arguments) -> anyhow::Result<Publisher> {
    match arguments.publish.to.as_deref() {
        None => Ok(Publisher::Nobody),
        Some("") if arguments.way.dialect.is_some() => Ok(Publisher::Dialect),
        Some("") => bail!(
            "--publish needs the URL that events are published to, or --dialect NAME of a server that tidings knows"
        ),
        Some(url) => {
            let url = Url::of(url)?;
            if url.is_websocket() {
                bail!(
                    "--publish {}: events are published by POST. To publish over a WebSocket, write a scenario with \
                     [target.publish] over = \"websocket\" (scenarios/README.md)",
                    url.base
                );
            }
            Ok(Publisher::To(url))
        }
    }
}

/// What is not the pattern's own: TLS, and where connections go.
fn connection(connection: &Connection, secure: bool, out: &mut Text) -> anyhow::Result<()> {
    let mut tls = Vec::new();
    for (key, file) in
        [("ca", &connection.cacert), ("cert", &connection.cert), ("key", &connection.key)]
    {
        if let Some(file) = file {
            tls.push(format!("{key} = {}", quoted(&absolute(file)?)));
        }
    }
    // As with curl it says nothing of http://.
    if connection.insecure && secure {
        tls.push("insecure = true".to_owned());
    }
    if !tls.is_empty() {
        out.key("tls", &format!("{{ {} }}", tls.join(", ")));
    }
    if let Some(path) = &connection.unix_socket {
        out.key("unix", &quoted(path));
    }
    if !connection.resolve.is_empty() {
        out.key("resolve", &list(&connection.resolve));
    }
    if !connection.connect_to.is_empty() {
        out.key("connect_to", &list(&connection.connect_to));
    }
    Ok(())
}

/// A path that means the same wherever the scenario is saved.
fn absolute(file: &Path) -> anyhow::Result<String> {
    let path: PathBuf =
        std::path::absolute(file).with_context(|| format!("cannot find {}", file.display()))?;
    match path.into_os_string().into_string() {
        Ok(path) => Ok(path),
        Err(path) => bail!("{} is not UTF-8, which a scenario cannot name", path.display()),
    }
}

/// The table of the pattern; a dialect's own stays where the URL has no path.
fn pattern(
    arguments: &Arguments,
    way: Way,
    url: Option<&Url>,
    out: &mut Text,
) -> anyhow::Result<()> {
    let request = &arguments.request;
    let data = request.data.as_deref().map(body).transpose()?;
    let written =
        url.is_some_and(|url| url.path.is_some()) || data.is_some() || request.method.is_some();
    if arguments.way.dialect.is_some() && !written && way != Way::Webhook {
        return Ok(());
    }
    let path = url.map_or("/", Url::path);
    match way {
        Way::Request => out.tables("target.request"),
        Way::WebSocket => {
            out.table("target.websocket");
            out.key("path", &quoted(path));
            if let Some(message) = data {
                out.key("steps", &format!("[{{ send = {} }}]", quoted(&message)));
            }
            return Ok(());
        }
        Way::Webhook => {
            out.table("target.webhook");
            let address = arguments.way.webhook.as_deref().unwrap_or_default();
            out.key("listen", &quoted(&listen(address)));
            return Ok(());
        }
        Way::Poll(_) | Way::LongPoll | Way::Sse => out.table(&format!("target.{}", way.pattern())),
    }
    let method = request.method.as_deref().map(str::to_ascii_uppercase);
    let method = method.unwrap_or_else(|| if data.is_some() { "POST" } else { "GET" }.to_owned());
    out.key("request", &quoted(&format!("{method} {path}")));
    if let Some(body) = data {
        out.key("body", &quoted(&body));
    }
    if matches!(way, Way::Poll(_) | Way::LongPoll) {
        if let Some(capture) = &arguments.way.cursor {
            let first = quoted(&arguments.way.cursor_first);
            out.key("cursor", &format!("{{ capture = {}, first = {first} }}", quoted(capture)));
        }
        out.comment("Statuses that say that nothing is new.");
        out.key("empty", "[204, 304]");
    }
    Ok(())
}

/// An address to listen on: without a host on loopback.
fn listen(address: &str) -> String {
    match address.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None if address.bytes().all(|byte| byte.is_ascii_digit()) => format!("127.0.0.1:{address}"),
        None => address.to_owned(),
    }
}

/// A body as a text with placeholders: a flag's value, or the content of the file that it names.
fn body(value: &str) -> anyhow::Result<String> {
    let Some(path) = value.strip_prefix('@') else { return Ok(value.to_owned()) };
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the body {path}"))?;
    // What is no text is written byte by byte.
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| {
        let hex: Vec<String> = error.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{{{{bytes:{}}}}}", hex.join(" "))
    }))
}
