//! The texts of `[target]` that have rules of their own, each checked where it stands.

use super::super::Grammar;
use crate::dialect::capture::{Capture, Decode};
use crate::dialect::matcher::Matcher;
use crate::dialect::model::Resume;
use crate::dialect::template::Template;
use crate::scenario::error::ScenarioError;
use crate::scenario::read::{refused, value};
use crate::scenario::target::{path_fault, signed, split_line, url_fault};
use crate::scenario::tree::{Node, Value};

/// A text with placeholders.
pub(super) static TEMPLATE: Grammar = Grammar {
    name: "text",
    example: "\"x\"",
    pattern: None,
    or_table: false,
    has_placeholders: true,
    check: |file, path, node| value::<Template>(file, path, node).map(drop),
};

/// What is signed: a text with `{{body}}` and `{{header:NAME}}`, which is read as the captured value `header_NAME`.
pub(super) static SIGNED: Grammar = Grammar {
    name: "text",
    example: "\"{{body}}\"",
    pattern: None,
    or_table: false,
    has_placeholders: true,
    check: |file, path, node| {
        let signed = signed(&text(file, path, node)?);
        let node = Node { place: node.place.clone(), value: Value::Text(signed) };
        value::<Template>(file, path, &node).map(drop)
    },
};

/// What is taken out of an answer or a message.
pub(super) static CAPTURE: Grammar = Grammar {
    name: "capture",
    example: "\"json:/id\"",
    pattern: Some("^(json|header|cookie|regex|event|status|body)"),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| value::<Capture>(file, path, node).map(drop),
};

/// How a message is decoded.
pub(super) static DECODE: Grammar = Grammar {
    name: "`\"base64:POINTER\"`",
    example: "\"base64:/message/data\"",
    pattern: Some("^[a-z0-9]+"),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| value::<Decode>(file, path, node).map(drop),
};

/// A condition on a message.
pub(super) static MATCHER: Grammar = Grammar {
    name: "match",
    example: "{ contains = \"x\" }",
    pattern: None,
    or_table: true,
    has_placeholders: false,
    check: |file, path, node| value::<Matcher>(file, path, node).map(drop),
};

/// How a stream is resumed.
pub(super) static RESUME: Grammar = Grammar {
    name: "`\"Last-Event-ID\"`, `\"query:NAME\"` or `\"none\"`",
    example: "\"none\"",
    pattern: Some("^([Ll][Aa][Ss][Tt]-[Ee][Vv][Ee][Nn][Tt]-[Ii][Dd]|query:.+|none)$"),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| value::<Resume>(file, path, node).map(drop),
};

/// `"METHOD PATH"`.
pub(in crate::scenario) static LINE: Grammar = Grammar {
    name: "`\"METHOD PATH\"`",
    example: "\"GET /\"",
    pattern: Some("^([A-Z]+ )?(/|\\{\\{|https?://)"),
    or_table: false,
    has_placeholders: true,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        let (_, line) = split_line(&text).map_err(|fault| refused(file, path, node, &fault))?;
        if let Some(fault) = path_fault(line) {
            return Err(refused(file, path, node, &fault));
        }
        value::<Template>(file, path, node).map(drop)
    },
};

/// A path with its query.
pub(super) static PATH: Grammar = Grammar {
    name: "path",
    example: "\"/\"",
    pattern: Some("^(/|\\{\\{|https?://)"),
    or_table: false,
    has_placeholders: true,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        if !["/", "{{", "http://", "https://"].iter().any(|begin| text.starts_with(begin)) {
            let fault = format!("'{text}' does not begin with a slash; write \"/{text}\"");
            return Err(refused(file, path, node, &fault));
        }
        if let Some(fault) = path_fault(&text) {
            return Err(refused(file, path, node, &fault));
        }
        value::<Template>(file, path, node).map(drop)
    },
};

/// A method of HTTP.
pub(super) static METHOD: Grammar = Grammar {
    name: "method",
    example: "\"PUT\"",
    pattern: Some("^[A-Z]+$"),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            let fault = format!("'{text}' is not a method; write it in capitals, such as \"POST\"");
            return Err(refused(file, path, node, &fault));
        }
        Ok(())
    },
};

/// A URL, whose host and port may be placeholders.
pub(super) static URL: Grammar = Grammar {
    name: "URL",
    example: "\"http://127.0.0.1:8080\"",
    pattern: Some("^(https?|wss?)://.|^\\{\\{"),
    or_table: false,
    has_placeholders: true,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        if let Some(fault) = url_fault(&text) {
            return Err(refused(file, path, node, &fault));
        }
        value::<Template>(file, path, node).map(drop)
    },
};

/// A page of a dialect.
pub(super) static DIALECT: Grammar = Grammar {
    name: "name, or file",
    example: "\"builtin\"",
    pattern: Some("."),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| text(file, path, node).map(drop),
};

/// A path of a file.
pub(super) static FILE: Grammar = Grammar {
    name: "path of a file",
    example: "\"Cargo.toml\"",
    pattern: Some("."),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| {
        let empty = text(file, path, node)?.is_empty();
        if empty {
            Err(refused(file, path, node, "names no file; write a path, or remove it"))
        } else {
            Ok(())
        }
    },
};

/// A JSON pointer.
pub(super) static POINTER: Grammar = Grammar {
    name: "JSON pointer",
    example: "\"/items\"",
    pattern: Some("^(/.*)?$"),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        if text.is_empty() || text.starts_with('/') {
            return Ok(());
        }
        let fault = format!("'{text}' is not a JSON pointer; write \"/{text}\"");
        Err(refused(file, path, node, &fault))
    },
};

/// What the next poll continues from: a capture, a table of one, or several by name.
pub(super) static CURSOR: Grammar = Grammar {
    name: "`{ capture, first }`, or a table of such by name",
    example: "{ capture = \"json:/next\", first = \"0\" }",
    pattern: Some("^[a-z]+"),
    or_table: true,
    has_placeholders: false,
    check: crate::scenario::target::cursor,
};

/// Another host and port to connect to.
pub(super) static CONNECT_TO: Grammar = Grammar {
    name: "`\"host:port:host:port\"`",
    example: "\"example.org:443:127.0.0.1:8443\"",
    pattern: Some("^([^:]*|\\[[^\\]]+\\]):[0-9]*:([^:]*|\\[[^\\]]+\\]):[0-9]*$"),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        // The colons of an IPv6 address are within brackets.
        let outside =
            text.split('[').filter_map(|part| part.rsplit(']').next()).collect::<String>();
        let parts: Vec<&str> = outside.split(':').collect();
        let is_port =
            |text: &str| text.is_empty() || text.parse::<u16>().is_ok_and(|port| port > 0);
        if let [_, from, _, to] = parts[..]
            && is_port(from)
            && is_port(to)
        {
            return Ok(());
        }
        let fault = format!(
            "'{text}' is not host:port:host:port, such as \"example.org:443:127.0.0.1:8443\""
        );
        Err(refused(file, path, node, &fault))
    },
};

/// An address in place of the name service's.
pub(super) static RESOLVE: Grammar = Grammar {
    name: "`\"host:port:address\"`",
    example: "\"example.org:443:127.0.0.1\"",
    pattern: Some("^[^:]+:([0-9]+|\\{\\{port\\}\\}):."),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        let mut parts = text.splitn(3, ':');
        let (host, port, address) = (parts.next(), parts.next(), parts.next());
        let named = host.is_some_and(|host| !host.is_empty());
        let port = port.is_some_and(|port| port == "{{port}}" || port.parse::<u16>().is_ok());
        let is_address =
            |text: &str| text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
        if named && port && address.is_some_and(is_address) {
            return Ok(());
        }
        let fault =
            format!("'{text}' is not host:port:address, such as \"example.org:443:127.0.0.1\"");
        Err(refused(file, path, node, &fault))
    },
};

/// Where receivers listen.
pub(super) static LISTEN: Grammar = Grammar {
    name: "`\"address:port\"`",
    example: "\"127.0.0.1:9400\"",
    pattern: Some("^.+:([0-9]+|\\{\\{.+\\}\\})$"),
    or_table: false,
    has_placeholders: false,
    check: |file, path, node| {
        let text = text(file, path, node)?;
        if text.contains("{{") || text.parse::<std::net::SocketAddr>().is_ok() {
            return Ok(());
        }
        let fault = format!("'{text}' is not an address and a port; write \"127.0.0.1:9400\"");
        Err(refused(file, path, node, &fault))
    },
};

fn text(file: &str, path: &str, node: &Node) -> Result<String, ScenarioError> {
    value(file, path, node)
}
