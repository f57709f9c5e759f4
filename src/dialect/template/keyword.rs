//! The words of texts: placeholders and filters.

use super::filter::Filter;
use super::part::{Block, Digest, Variable};
use crate::dialect::word::Word;
use crate::prose::nearest;

/// What a word makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Variable(Variable),
    Now,
    Random,
    File,
    Secret,
    Bytes,
    Text,
    Length,
    Digest(Digest),
    Hmac(Digest),
    Block(Block),
}

const fn word(
    form: &'static str,
    meaning: &'static str,
    example: &'static str,
    gives: &'static str,
) -> Word {
    Word { name: "", form, meaning, example, gives }
}

/// The placeholders. Examples are rendered with the values that `tests.rs` and the reference page name.
#[rustfmt::skip]
const KEYWORDS: [(&str, Keyword, Word); 27] = [
    ("client", Keyword::Variable(Variable::Client), word("{{client}}", "the number of the client, from 0", "user-{{client}}", "user-3")),
    ("topic", Keyword::Variable(Variable::Topic), word("{{topic}}", "the name of the topic", "/sub/{{topic}}", "/sub/news-0")),
    ("n", Keyword::Variable(Variable::N), word("{{n}}", "the number of the event in its topic; in a request of `[target.request]`, the number of the client's request", "/items/{{n}}", "/items/17")),
    ("cursor", Keyword::Variable(Variable::Cursor), word("{{cursor}}", "the client's position, as it was captured last", "?since={{cursor}}", "?since=1200-b")),
    ("event", Keyword::Variable(Variable::Event), word("{{event}}", "the payload as a JSON value: a string has its quotes", "{\"data\":{{event}}}", "{\"data\":\"tdX1 hello\"}")),
    ("event.text", Keyword::Variable(Variable::EventText), word("{{event.text}}", "the payload; a JSON string without quotes and escapes", "{{event.text}}", "tdX1 hello")),
    ("token", Keyword::Variable(Variable::Token), word("{{token}}", "the token by which the event is recognised on arrival", "{\"id\":\"{{token}}\"}", "{\"id\":\"tdX1\"}")),
    ("callback_url", Keyword::Variable(Variable::CallbackUrl), word("{{callback_url}}", "the address at which the client receives webhooks", "{\"url\":{{callback_url|json}}}", "{\"url\":\"http://127.0.0.1:9400/3\"}")),
    ("port", Keyword::Variable(Variable::Port), word("{{port}}", "the port that was reserved for the launched server; `{{port:NAME}}` is one of several, in `[[target.launch]]` and in `target.url`", "127.0.0.1:{{port}}", "127.0.0.1:8080")),
    ("seq", Keyword::Variable(Variable::Seq), word("{{seq}}", "the number of the message on its connection, from 0", "{\"id\":{{seq}}}", "{\"id\":1}")),
    ("now", Keyword::Now, word("{{now:s}}", "the wall clock, in UTC: `s`, `ms`, `us`, `ns` since 1970, or `rfc3339`", "{{now:ms}} {{now:rfc3339}}", "1767225600123 2026-01-01T00:00:00.123Z")),
    ("random", Keyword::Random, word("{{random:1-100}}", "a whole number between two, both included; drawn anew at each place", "{{random:7-7}}", "7")),
    ("file", Keyword::File, word("{{file:users.csv:token}}", "the column `token` of a CSV file in the client's row, again from the first after the last. A number counts columns of a file without a header, from 1; without a column, the whole line", "{{file:users.csv:token}}", "t-bob")),
    ("secret", Keyword::Secret, word("{{secret:NAME}}", "the environment variable `NAME`; its value is written to no file, log or report", "Bearer {{secret:API_KEY}}", "Bearer s3cret")),
    ("text", Keyword::Text, word("{{text:…}}", "a text with placeholders, so that filters apply to the whole of it", "Basic {{text:ann:{{secret:API_KEY}}|base64}}", "Basic YW5uOnMzY3JldA==")),
    ("bytes", Keyword::Bytes, word("{{bytes:10 0c}}", "bytes in hexadecimal; also what has a meaning in an argument: `|` is `7c`, `{` is `7b`, `}` is `7d`, `:` is `3a`", "{{bytes:68 69 21}}", "hi!")),
    ("len", Keyword::Length, word("{{len:…}}", "the length of a text in bytes, as a decimal number", "PUB {{topic}} {{len:{{event.text}}}}", "PUB news-0 10")),
    ("md5", Keyword::Digest(Digest::Md5), word("{{md5:…}}", "the MD5 of a text: in hexadecimal, or as `base64`, `base64url` or `raw` follows", "{{md5:{{topic}}}}", "37fabc0ffa1526e89062d1d6bbf5f870")),
    ("sha1", Keyword::Digest(Digest::Sha1), word("{{sha1:…}}", "the SHA-1 of a text, likewise", "{{sha1:abc}}", "a9993e364706816aba3e25717850c26c9cd0d89d")),
    ("sha256", Keyword::Digest(Digest::Sha256), word("{{sha256:…}}", "the SHA-256 of a text, likewise", "{{sha256:abc|base64}}", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")),
    ("hmac-sha1", Keyword::Hmac(Digest::Sha1), word("{{hmac-sha1:SECRET:…}}", "the HMAC-SHA1 of the text behind the second `:`, with the text before it as key, likewise", "{{hmac-sha1:key:The quick brown fox jumps over the lazy dog}}", "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9")),
    ("hmac-sha256", Keyword::Hmac(Digest::Sha256), word("{{hmac-sha256:SECRET:…}}", "the HMAC-SHA256, likewise; the key may be `{{secret:NAME}}` or a captured value", "{{hmac-sha256:{{secret:API_KEY}}:{{now:s}}.{{token}}}}", "ab0c27b55dfe0727730fa5e23cc594058b8c36ee5ce81a02c8a13eda2811c99a")),
    ("u8", Keyword::Block(Block::U8), word("{{u8:…}}", "a text behind its length in one byte", "{{u8:abc}}", "\\x03abc")),
    ("u16", Keyword::Block(Block::U16), word("{{u16:…}}", "a text behind its length in two bytes, the high one first", "{{u16:MQTT}}", "\\x00\\x04MQTT")),
    ("u32", Keyword::Block(Block::U32), word("{{u32:…}}", "a text behind its length in four bytes, the high one first", "{{u32:{{token}}}}", "\\x00\\x00\\x00\\x04tdX1")),
    ("varint", Keyword::Block(Block::Varint), word("{{varint:…}}", "a text behind its length as MQTT writes it: seven bits per byte, the low ones first", "{{bytes:30}}{{varint:{{u16:a/b/c}}{{token}}}}", "0\\x0b\\x00\\x05a/b/ctdX1")),
    ("NAME", Keyword::Text, word("{{NAME}}", "any other name: a value that a step captured under it", "Bearer {{login_token}}", "Bearer eyJ0")),
];

/// The filters.
#[rustfmt::skip]
const FILTERS: [(Filter, Word); 12] = [
    (Filter::Json, word("|json", "as a JSON string, with quotes", "{{event|json}}", "\"\\\"tdX1 hello\\\"\"")),
    (Filter::JsonEscape, word("|json-escape", "as within a JSON string, without quotes", "\"data: {{event|json-escape}}\"", "\"data: \\\"tdX1 hello\\\"\"")),
    (Filter::Url, word("|url", "percent-encoded, for a path or a query", "?q={{event.text|url}}", "?q=tdX1%20hello")),
    (Filter::Xml, word("|xml", "escaped for a text or an attribute of XML", "<a>{{event|xml}}</a>", "<a>&quot;tdX1 hello&quot;</a>")),
    (Filter::Base64, word("|base64", "base64, with padding", "{{token|base64}}", "dGRYMQ==")),
    (Filter::Base64Url, word("|base64url", "base64 in the alphabet for URLs, without padding", "{{token|base64url}}", "dGRYMQ")),
    (Filter::Base64Decode, word("|base64-decode", "the bytes of a base64 text, of either alphabet", "{{text:dGRYMQ|base64-decode}}", "tdX1")),
    (Filter::Hex, word("|hex", "hexadecimal digits, in lower case", "{{token|hex}}", "74645831")),
    (Filter::HexDecode, word("|hex-decode", "the bytes of hexadecimal digits", "{{text:74645831|hex-decode}}", "tdX1")),
    (Filter::Lower, word("|lower", "in lower case", "{{token|lower}}", "tdx1")),
    (Filter::Upper, word("|upper", "in upper case", "{{token|upper}}", "TDX1")),
    (Filter::Raw, word("|raw", "directly behind a digest: its bytes, in place of hexadecimal digits", "{{md5:abc|raw|base64}}", "kAFQmDzST7DWlj99KOF/cg==")),
];

/// The placeholders, in the order of the reference page.
pub fn placeholders() -> impl Iterator<Item = Word> {
    KEYWORDS.iter().map(|(name, _, word)| Word { name, ..*word })
}

/// The filters, in the order of the reference page.
pub fn filters() -> impl Iterator<Item = Word> {
    FILTERS.iter().map(|(filter, word)| Word { name: filter.name(), ..*word })
}

/// Whether `name` is a placeholder of the language: nothing can be captured under it.
pub fn is_reserved(name: &str) -> bool {
    keyword(name).is_some()
}

/// What to say of a placeholder that is none of the language and none of the `captured` names.
pub fn unknown_capture(name: &str, captured: &[&str]) -> String {
    let known = captured.iter().copied().chain(names().map(|name| -> &str { name }));
    let hint = match nearest(name, known) {
        Some(near) => format!("; did you mean {}?", form(near)),
        None if captured.is_empty() => "; nothing is captured before".to_owned(),
        None => format!("; captured before are {}", captured.join(", ")),
    };
    format!("'{{{{{name}}}}}' is neither a placeholder nor a captured value{hint}")
}

fn form(name: &str) -> String {
    let known = placeholders().find(|word| word.name == name);
    known.map_or_else(|| format!("{{{{{name}}}}}"), |word| word.form.to_owned())
}

/// What `name` makes.
pub(super) fn keyword(name: &str) -> Option<Keyword> {
    names_and_keywords().find(|(known, _)| *known == name).map(|(_, keyword)| keyword)
}

/// How `keyword` is written.
pub(super) fn form_of(name: &str) -> &'static str {
    KEYWORDS.iter().find(|(known, ..)| *known == name).map_or("", |(_, _, word)| word.form)
}

/// The names of all placeholders.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    names_and_keywords().map(|(name, _)| name)
}

fn names_and_keywords() -> impl Iterator<Item = (&'static str, Keyword)> {
    // The last row stands for captured values.
    KEYWORDS.iter().take(KEYWORDS.len() - 1).map(|(name, keyword, _)| (*name, *keyword))
}

/// The filter of that name.
pub(super) fn filter(name: &str) -> Option<Filter> {
    FILTERS.iter().map(|(filter, _)| *filter).find(|filter| filter.name() == name)
}

/// The names of all filters.
pub(super) fn filter_names() -> Vec<&'static str> {
    FILTERS.iter().map(|(filter, _)| filter.name()).collect()
}
