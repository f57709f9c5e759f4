//! Reading a text with placeholders.

use super::error::TemplateError;
use super::filter::Filter;
use super::keyword::{self, Keyword};
use super::part::{FileCell, Moment, Part, Parts, Value, Variable, Varying};
use super::render;
use super::scope::{NoWorld, Scope};
use crate::dialect::encoding;
use crate::prose::{nearest, suggestion};

/// Most texts within each other.
const DEEPEST: usize = 16;
/// The units of `{{now:…}}`, in nanoseconds.
const UNITS: [(&str, u64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];
/// What has a meaning in an argument, and how it is written when it should have none.
const LITERAL: &str = "A literal '|', '{', '}' or ':' in an argument is {{bytes:7c}}, {{bytes:7b}}, {{bytes:7d}} \
                       or {{bytes:3a}}";

/// Compiles `source`.
pub(super) fn parse(source: &str) -> Result<Vec<Part>, TemplateError> {
    Parser { source, at: 0, depth: 0 }.parts(End::Whole, 0)
}

/// What ends a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The end of the source.
    Whole,
    /// `}}` or `|`.
    Argument,
    /// `:`.
    Key,
}

struct Parser<'a> {
    source: &'a str,
    /// The next byte to read.
    at: usize,
    /// Texts around this one.
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn error(&self, from: usize, message: impl Into<String>) -> TemplateError {
        // The whole placeholder is quoted, where it has an end.
        let rest = self.rest().lines().next().unwrap_or_default();
        let more = match rest.find("}}") {
            Some(end) if !self.source[from..self.at].ends_with("}}") => end + 2,
            _ => 0,
        };
        TemplateError::new(self.source, from, self.at + more, message)
    }

    /// Reads a text up to its end, which stays unread. `from` is where its placeholder begins.
    fn parts(&mut self, end: End, from: usize) -> Result<Vec<Part>, TemplateError> {
        let mut parts = Parts::default();
        // Single braces that are open: an argument ends where they balance.
        let mut open = 0_usize;
        loop {
            let rest = self.rest();
            let inside = end != End::Whole;
            let plain = rest.find(['{', '}', '|', ':']).unwrap_or(rest.len());
            if plain > 0 {
                parts.literal(&rest.as_bytes()[..plain]);
                self.at += plain;
                continue;
            }
            let length = match rest.as_bytes() {
                [] if inside => return Err(self.error(from, unclosed(end, open))),
                [] => return Ok(parts.0),
                [b'{', b'{', b'{', b'{', ..] => {
                    parts.literal(b"{{");
                    self.at += 4;
                    continue;
                }
                [b'{', b'{', b'{', ..] => 1,
                [b'{', b'{', ..] => {
                    parts.push(self.placeholder()?);
                    continue;
                }
                [b'}', b'}', ..] if inside && open == 0 => match end {
                    End::Key => return Err(self.error(from, "the ':' behind the key is missing")),
                    _ => return Ok(parts.0),
                },
                [b'}', ..] if inside && open == 0 => {
                    self.at += 1;
                    let message =
                        format!("a '}}' without its '{{'; two close a placeholder. {LITERAL}");
                    return Err(self.error(from, message));
                }
                [b'|', ..] if end == End::Argument && open == 0 => return Ok(parts.0),
                [b':', ..] if end == End::Key && open == 0 => return Ok(parts.0),
                _ => 1,
            };
            match rest.as_bytes()[0] {
                b'{' => open += 1,
                b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            parts.literal(&rest.as_bytes()[..length]);
            self.at += length;
        }
    }

    /// Reads a placeholder, from `{{` to `}}`.
    fn placeholder(&mut self) -> Result<Part, TemplateError> {
        let from = self.at;
        self.at += 2;
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-. \t".contains(c);
        let length = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
        let name = self.rest()[..length].trim();
        self.at += length;
        let has_argument = match self.rest().as_bytes() {
            [] => return Err(self.error(from, unclosed(End::Argument, 0))),
            [b'}', b'}', ..] | [b'|', ..] => false,
            [b':', ..] => true,
            _ => {
                let message =
                    "is not a placeholder such as {{client}}. A literal '{{' is written '{{{{'";
                return Err(self.error(from, message));
            }
        };
        if has_argument {
            self.at += 1;
        }
        let value = self.value(from, name, has_argument)?;
        let filters = self.filters(from, &value)?;
        self.at += 2;
        self.compiled(from, value, filters)
    }

    /// Reads what stands between a name and its filters.
    fn value(
        &mut self,
        from: usize,
        name: &str,
        has_argument: bool,
    ) -> Result<Value, TemplateError> {
        let Some(word) = keyword::keyword(name) else {
            return self.captured(from, name, has_argument);
        };
        let form = keyword::form_of(name);
        if has_argument && word == Keyword::Variable(Variable::Port) {
            return self.port(from);
        }
        if let Keyword::Variable(variable) = word {
            return if has_argument {
                Err(self.error(from, format!("{name} takes no argument; write {form}")))
            } else {
                Ok(Value::Variable(variable))
            };
        }
        if !has_argument {
            return Err(self.error(from, format!("{name} needs an argument; write {form}")));
        }
        Ok(match word {
            Keyword::Variable(_) => unreachable!("handled above"),
            Keyword::Now => self.now(from)?,
            Keyword::Random => self.random(from)?,
            Keyword::File => self.file(from)?,
            Keyword::Secret => self.secret(from)?,
            Keyword::Bytes => self.bytes(from)?,
            Keyword::Text => Value::Text(self.argument(from)?),
            Keyword::Length => Value::Length(self.argument(from)?),
            Keyword::Digest(digest) => Value::Digest(digest, self.argument(from)?),
            Keyword::Block(block) => Value::Block(block, self.argument(from)?),
            Keyword::Hmac(digest) => {
                let key = self.text(End::Key, from)?;
                self.at += 1;
                Value::Hmac(digest, key, self.argument(from)?)
            }
        })
    }

    fn captured(
        &self,
        from: usize,
        name: &str,
        has_argument: bool,
    ) -> Result<Value, TemplateError> {
        if name.is_empty() {
            let message = "a placeholder without a name. A literal '{{' is written '{{{{'";
            return Err(self.error(from, message));
        }
        if has_argument {
            let known = keyword::names().filter(|known| keyword::form_of(known).contains(':'));
            let hint = suggestion(name, &known.collect::<Vec<_>>());
            return Err(self.error(from, format!("'{name}' is not known with an argument{hint}")));
        }
        if let Some(member) = name.strip_prefix("event.") {
            let message = format!(
                "the payload has no '.{member}'; write {{{{event}}}} for its JSON or {{{{event.text}}}} for its text"
            );
            return Err(self.error(from, message));
        }
        let is_identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && !name.contains(['.', ' ', '\t']);
        if !is_identifier {
            let hint = nearest(name, keyword::names())
                .map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
            let message = format!(
                "'{name}' is not a name: it begins with a letter, and has letters, digits, '_' and '-' only{hint}"
            );
            return Err(self.error(from, message));
        }
        Ok(Value::Capture(name.into()))
    }

    /// Reads a nested text.
    fn argument(&mut self, from: usize) -> Result<Box<[Part]>, TemplateError> {
        self.text(End::Argument, from)
    }

    fn text(&mut self, end: End, from: usize) -> Result<Box<[Part]>, TemplateError> {
        if self.depth == DEEPEST {
            let message = format!("more than {DEEPEST} texts within each other");
            return Err(self.error(from, message));
        }
        self.depth += 1;
        let parts = self.parts(end, from)?;
        self.depth -= 1;
        Ok(parts.into())
    }

    /// Reads an argument that is no text of its own.
    fn word(&mut self, from: usize) -> Result<&'a str, TemplateError> {
        let rest = self.rest();
        let end = rest.find("}}").unwrap_or(rest.len());
        let end = rest[..end].find('|').unwrap_or(end);
        let word = &rest[..end];
        self.at += end;
        if self.rest().is_empty() {
            return Err(self.error(from, unclosed(End::Argument, 0)));
        }
        if word.contains("{{") {
            return Err(self.error(from, "takes no placeholder as its argument"));
        }
        Ok(word.trim())
    }

    fn now(&mut self, from: usize) -> Result<Value, TemplateError> {
        let word = self.word(from)?;
        if word == "rfc3339" {
            return Ok(Value::Now(Moment::Rfc3339));
        }
        let unit = UNITS.iter().find(|(name, _)| *name == word);
        let unit = unit.ok_or_else(|| {
            let hint = suggestion(word, &["s", "ms", "us", "ns", "rfc3339"]);
            self.error(from, format!("'{word}' is not a unit of the clock{hint}"))
        })?;
        Ok(Value::Now(Moment::Since(unit.1)))
    }

    fn random(&mut self, from: usize) -> Result<Value, TemplateError> {
        let word = self.word(from)?;
        let bounds = word.split_once('-').and_then(|(least, most)| {
            Some((least.trim().parse().ok()?, most.trim().parse().ok()?))
        });
        match bounds {
            Some((least, most)) if least <= most => Ok(Value::Random(least, most)),
            Some((least, most)) => {
                let message =
                    format!("{least} is more than {most}; write {{{{random:{most}-{least}}}}}");
                Err(self.error(from, message))
            }
            None => {
                let message = "wants two whole numbers; write {{random:1-100}}";
                Err(self.error(from, message))
            }
        }
    }

    fn file(&mut self, from: usize) -> Result<Value, TemplateError> {
        let word = self.word(from)?;
        let (file, column) = match word.split_once(':') {
            Some((file, column)) => (file.trim(), Some(column.trim())),
            None => (word, None),
        };
        if file.is_empty() || column == Some("") {
            return Err(self.error(
                from,
                "wants a file, and one of its columns; write {{file:users.csv:token}}",
            ));
        }
        Ok(Value::File(FileCell { file: file.into(), column: column.map(Into::into), rows: None }))
    }

    fn secret(&mut self, from: usize) -> Result<Value, TemplateError> {
        let name = self.word(from)?;
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_name {
            let message = format!(
                "'{name}' does not name a variable of the environment; write {{{{secret:API_KEY}}}}"
            );
            return Err(self.error(from, message));
        }
        Ok(Value::Secret(name.into()))
    }

    fn port(&mut self, from: usize) -> Result<Value, TemplateError> {
        let name = self.word(from)?;
        if name.is_empty() {
            let message = "names no port; write {{port:admin}}, as in [[target.launch]]";
            return Err(self.error(from, message));
        }
        Ok(Value::Port(name.into()))
    }

    fn bytes(&mut self, from: usize) -> Result<Value, TemplateError> {
        let word = self.word(from)?;
        let mut bytes = Vec::new();
        encoding::hex_decode(word.as_bytes(), &mut bytes).ok_or_else(|| {
            self.error(from, "wants two hexadecimal digits per byte; write {{bytes:10 0c 00 04}}")
        })?;
        Ok(Value::Text(Box::new([Part::Literal(bytes.into())])))
    }

    /// Reads the filters, up to `}}`, which stays unread.
    fn filters(&mut self, from: usize, value: &Value) -> Result<Vec<Filter>, TemplateError> {
        let mut filters = Vec::new();
        while let Some(rest) = self.rest().strip_prefix('|') {
            let end = rest.find("}}").unwrap_or(rest.len());
            let end = rest[..end].find('|').unwrap_or(end);
            let name = rest[..end].trim();
            self.at += 1 + end;
            let filter = keyword::filter(name).ok_or_else(|| {
                let hint = suggestion(name, &keyword::filter_names());
                self.error(from, format!("'{name}' is not a filter{hint}. {LITERAL}"))
            })?;
            filters.push(filter);
        }
        if self.rest().is_empty() {
            return Err(self.error(from, unclosed(End::Argument, 0)));
        }
        let is_digest = matches!(value, Value::Digest(..) | Value::Hmac(..));
        let misplaced = filters.iter().skip(usize::from(is_digest)).any(|it| *it == Filter::Raw);
        if misplaced {
            let message = "|raw stands directly behind a digest only; write {{md5:…|raw}}";
            return Err(self.error(from, message));
        }
        let takes_bytes = [Filter::Hex, Filter::Base64, Filter::Base64Url, Filter::Raw];
        if is_digest && !filters.first().is_some_and(|first| takes_bytes.contains(first)) {
            filters.insert(0, Filter::Hex);
        }
        Ok(filters)
    }

    /// A part, rendered at once where nothing in it varies. The placeholder has been read.
    fn compiled(
        &self,
        from: usize,
        value: Value,
        filters: Vec<Filter>,
    ) -> Result<Part, TemplateError> {
        let literal = |part: &Part| matches!(part, Part::Literal(_));
        let constant = value.is_function() && value.arguments().into_iter().flatten().all(literal);
        let secret = value.is_secret();
        let varying = Varying { value, filters: filters.into(), from, to: self.at, secret };
        let part = Part::Varying(Box::new(varying));
        if !constant {
            return Ok(part);
        }
        let mut bytes = Vec::new();
        let rendered = render::render(&[part], &mut Scope::new(&mut NoWorld), &mut bytes);
        rendered.map_err(|error| self.error(from, error.to_string()))?;
        Ok(Part::Literal(bytes.into()))
    }
}

/// What to say of a placeholder that has no end.
fn unclosed(end: End, open: usize) -> String {
    match (end, open) {
        (End::Key, _) => "the ':' behind the key is missing".to_owned(),
        (_, 0) => "is not closed: '}}' is missing. A literal '{{' is written '{{{{'".to_owned(),
        _ => format!("is not closed: a '{{' in its argument lacks its '}}'. {LITERAL}"),
    }
}
