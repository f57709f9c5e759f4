//! A checker of JSON Schema, of as much of it as the target's description of itself and that of scenario files use.
//!
//! Validators of other makers take longer to compile than the tests that would use them; `$ref` stands alone, as in draft 7.

use serde_json::Value;

/// The value that a reference points to, or the value itself.
pub(crate) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).expect(reference),
        None => value,
    }
}

/// Checks a value against a schema; refuses keywords that the description does not use.
pub(crate) fn check(
    document: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
) -> Result<(), String> {
    let schema =
        resolved(document, schema).as_object().ok_or_else(|| format!("{at}: no schema"))?;
    let members = value.as_object();
    for (keyword, rule) in schema {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "examples" => true,
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is(value, name)),
                name => is(value, name),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "anyOf" => {
                let rules = rule.as_array().unwrap();
                rules.iter().any(|rule| check(document, rule, value, at).is_ok())
            }
            "minItems" => {
                value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap())
            }
            "uniqueItems" => value.as_array().is_none_or(|items| {
                items.iter().enumerate().all(|(n, item)| !items[..n].contains(item))
            }),
            "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
            "required" => members.is_none_or(|members| {
                rule.as_array()
                    .unwrap()
                    .iter()
                    .all(|name| members.contains_key(name.as_str().unwrap()))
            }),
            "properties" => {
                for (name, value) in members.into_iter().flatten() {
                    if let Some(rule) = rule.get(name) {
                        check(document, rule, value, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known =
                    |name: &String| schema.get("properties").is_some_and(|p| p.get(name).is_some());
                for (name, value) in members.into_iter().flatten().filter(|(name, _)| !known(name))
                {
                    if *rule == Value::Bool(false) {
                        return Err(format!("{at}/{name}: not described"));
                    }
                    check(document, rule, value, &format!("{at}/{name}"))?;
                }
                true
            }
            "items" => {
                for (i, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(document, rule, value, &format!("{at}/{i}"))?;
                }
                true
            }
            other => return Err(format!("{at}: this check does not know '{other}'")),
        };
        if !holds {
            return Err(format!("{at}: {keyword} {rule} does not hold"));
        }
    }
    Ok(())
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        // As of draft 6, which 1e3 is one by.
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}
