//! Whether a load may be sent: to this host always, to another with a permission.

use std::net::IpAddr;

use super::super::external::External;
use crate::dialect::template::{Name, Template};

/// Checks that a load on `addresses`, those of `host`, is allowed: they are of this host, or the scenario says who allowed it, or
/// `--yes-i-may` was given.
///
/// # Errors
///
/// What is missing, in a sentence for people.
pub fn check_permission(
    external: &External,
    host: &str,
    addresses: &[IpAddr],
    yes_i_may: bool,
) -> Result<(), String> {
    let foreign = addresses.iter().find(|address| !is_own(**address));
    let Some(foreign) = foreign.filter(|_| !yes_i_may && external.permission.is_none()) else {
        return Ok(());
    };
    let shown =
        if host == foreign.to_string() { host.to_owned() } else { format!("{host} ({foreign})") };
    Err(format!(
        "target.url: {shown} is not this host, and a load test can look like an attack. Say who allowed it: permission = \"staging, \
         agreed with the platform team\" in [target], or give --yes-i-may"
    ))
}

/// Whether an address is one of loopback; the unspecified one leads there too.
fn is_own(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

/// Checks that every `{{secret:NAME}}` of `external` has a value; `lookup` asks the environment.
///
/// # Errors
///
/// The first that has none, and where it is used.
pub fn check_secrets(
    external: &External,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let described = serde_json::to_value(external).unwrap_or_default();
    match first_without_value(&described, "target", lookup) {
        None => Ok(()),
        Some((path, name)) => Err(format!(
            "{path}: {{{{secret:{name}}}}} needs the environment variable {name}, which is not set; set it, and run again"
        )),
    }
}

fn first_without_value(
    value: &serde_json::Value,
    path: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Option<(String, String)> {
    use serde_json::Value;
    match value {
        Value::String(text) if text.contains("{{") => {
            let template = Template::parse(text).ok()?;
            let missing = |name: &Name| match name {
                Name::Secret(name) if lookup(name).is_none() => Some(name.to_string()),
                _ => None,
            };
            Some((path.to_owned(), template.names().iter().find_map(missing)?))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(n, item)| first_without_value(item, &format!("{path}[{n}]"), lookup)),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            // What is written in `[target]` itself stands in structs of their own.
            let inner = match name.as_str() {
                "dialect" | "reach" if path == "target" => path.to_owned(),
                "" => path.to_owned(),
                _ => format!("{path}.{name}"),
            };
            first_without_value(value, &inner, lookup)
        }),
        _ => None,
    }
}
