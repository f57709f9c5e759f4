//! Ports of launched servers by their names: `{{port:NAME}}`.

use super::super::tree::{Table, Value};
use super::texts::Text;

/// What is wrong with `{{port:NAME}}` in `text`: where a launch is described, or how it is reached, it names a port that some
/// server of the launch reserves.
pub(super) fn fault(name: &str, text: &Text, own: &Table) -> Option<String> {
    let path = text.path.strip_prefix("target.").unwrap_or(&text.path);
    let head = path.split(['.', '[']).next().unwrap_or(path);
    if !["url", "unix"].contains(&head) {
        return Some(format!(
            "'{{{{port:{name}}}}}' has no value here; it has one in [[target.launch]] and in target.url"
        ));
    }
    let placeholder = format!("{{{{port:{name}}}}}");
    let is_reserved =
        own.get("launch").is_some_and(|launch| names_port(&launch.value, &placeholder));
    (!is_reserved).then(|| {
        format!("no [[target.launch]] reserves '{placeholder}'; write it where its server is given its port")
    })
}

/// Whether a text within `value` has the placeholder.
fn names_port(value: &Value, placeholder: &str) -> bool {
    match value {
        Value::Text(text) => text.contains(placeholder),
        Value::List(items) => items.iter().any(|item| names_port(&item.value, placeholder)),
        Value::Table(table) => table.0.iter().any(|(_, node)| names_port(&node.value, placeholder)),
        _ => false,
    }
}
