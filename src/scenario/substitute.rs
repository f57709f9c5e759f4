//! `${VAR}` and `${VAR:-default}` in a scenario's text, replaced before the text is parsed.

/// A text after substitution, that still knows the lines of the text before.
#[derive(Debug)]
pub(super) struct Substituted {
    /// The text to parse.
    pub text: String,
    /// Where each line of the original begins in `text`.
    starts: Vec<usize>,
}

impl Substituted {
    /// The line of the original, from 1, that `offset` of the substituted text comes from.
    pub(super) fn line(&self, offset: usize) -> u32 {
        self.starts.partition_point(|start| *start <= offset).max(1) as u32
    }
}

/// Replaces every variable by its value, and `$$` by `$`.
///
/// A variable that is unset, or empty, takes its default as in a shell. A line that begins with `#` is
/// a comment and stays as it is. A substitution does not span lines; its value may.
///
/// # Errors
/// The line, from 1, and what is wrong with it.
pub(super) fn substitute(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Substituted, (u32, String)> {
    let mut result = Substituted { text: String::with_capacity(text.len()), starts: Vec::new() };
    for (index, line) in text.split_inclusive('\n').enumerate() {
        result.starts.push(result.text.len());
        if line.trim_start().starts_with('#') {
            result.text.push_str(line);
        } else {
            expand(line, lookup, &mut result.text)
                .map_err(|message| (index as u32 + 1, message))?;
        }
    }
    Ok(result)
}

fn expand(
    line: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    out: &mut String,
) -> Result<(), String> {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = after.strip_prefix('{') {
            let (inside, after) = inside.split_once('}').ok_or(
                "'${' without '}' on the same line; close it, or write '$$' for a dollar sign",
            )?;
            out.push_str(&value(inside, lookup)?);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(())
}

fn value(inside: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !valid {
        return Err(format!(
            "'${{{inside}}}' does not name a variable; write ${{NAME}} or ${{NAME:-default}}, or '$$' for a dollar sign"
        ));
    }
    match (lookup(name), default) {
        (Some(value), _) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (Some(value), None) => Ok(value),
        (None, None) => Err(format!(
            "environment variable '{name}' is not set; set it, or give a default: ${{{name}:-…}}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            "LINES" => Some("one\ntwo\nthree".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_as_in_a_shell() {
        for (sentence, text, expected) in [
            ("a set variable", "a = \"${SET}\"", "a = \"value\""),
            ("a default that is not needed", "${SET:-other}", "value"),
            ("a default that is needed", "${UNSET:-10k}", "10k"),
            ("a default for an empty variable", "${EMPTY:-10k}", "10k"),
            ("an empty variable without default", "[${EMPTY}]", "[]"),
            ("an empty default", "[${UNSET:-}]", "[]"),
            ("an escaped dollar", "$${SET} costs $$5", "${SET} costs $5"),
            ("a lone dollar", "5$ and $x", "5$ and $x"),
            ("a comment", "  # ${UNSET}\n", "  # ${UNSET}\n"),
            ("several on a line", "${SET}${SET}-${UNSET:-b}", "valuevalue-b"),
        ] {
            assert_eq!(substitute(text, &environment).unwrap().text, expected, "{sentence}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_refused_with_its_line() {
        for (sentence, text, line, expected) in [
            (
                "unset without default",
                "a\nb\n${UNSET}",
                3,
                "environment variable 'UNSET' is not set",
            ),
            ("not closed", "${SET\n}", 1, "without '}'"),
            ("no name", "x\n${}", 2, "does not name a variable"),
            ("a name with a space", "${A B}", 1, "does not name a variable"),
        ] {
            let (at, message) = substitute(text, &environment).unwrap_err();
            assert_eq!(at, line, "{sentence}");
            assert!(message.contains(expected), "{sentence}: {message}");
        }
    }

    #[test]
    fn a_value_of_several_lines_moves_no_line() {
        let text = "first\n${LINES}\nthird\n";
        let substituted = substitute(text, &environment).unwrap();
        for (word, line) in [("first", 1), ("one", 2), ("three", 2), ("third", 3)] {
            assert_eq!(substituted.line(substituted.text.find(word).unwrap()), line, "{word}");
        }
        assert_eq!(substituted.line(substituted.text.len()), 3);
    }

    proptest! {
        #[test]
        fn any_text_is_replaced_or_refused_without_a_panic(text in "[ -~\n${}:A-Z#é]{0,60}") {
            let _ = substitute(&text, &environment);
        }

        #[test]
        fn every_line_keeps_its_number(
            lines in proptest::collection::vec("[a-z =]{0,5}(\\$\\{(SET|LINES|UNSET:-x|EMPTY)\\}|\\$\\$)?", 1..20),
        ) {
            let marked: Vec<String> =
                lines.iter().enumerate().map(|(n, line)| format!("{line}@{n};\n")).collect();
            let marked = marked.concat();
            let substituted = substitute(&marked, &environment).unwrap();
            for n in 0..lines.len() {
                let offset = substituted.text.find(&format!("@{n};")).unwrap();
                prop_assert_eq!(substituted.line(offset), n as u32 + 1);
            }
        }
    }
}
