//! The pieces of what is signed.

use super::{Line, Message};
use crate::dialect::template::{Template, TemplateError};

/// The placeholder of a body in what is signed.
const BODY: &str = "body";
/// The placeholder of the time stamp that the signature's own header carries.
const STAMP: &str = "timestamp";
/// What the placeholders of header fields begin with.
const HEADER: &str = "header_";

/// A part of what is signed.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Literal(Box<[u8]>),
    Text(Template),
    Body,
    Line(Part),
    Header(Box<str>),
    Stamp,
}

/// A part of a request line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Method,
    Path,
    Query,
}

impl Part {
    /// The part that the placeholder `name` stands for.
    fn named(name: &str) -> Option<Self> {
        match name {
            "method" => Some(Self::Method),
            "path" => Some(Self::Path),
            "query" => Some(Self::Query),
            _ => None,
        }
    }

    pub(super) const fn of(self, line: Line<'_>) -> &str {
        match self {
            Self::Method => line.method,
            Self::Path => line.path,
            Self::Query => line.query,
        }
    }
}

/// Cuts a text at the body, the request line, the header fields and the time stamp in it; within arguments these are values like others.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let (mut text, mut at, mut depth) = (0, 0, 0_usize);
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        if depth == 0 && rest.starts_with("{{{{") {
            at += 4;
        } else if depth == 0 && rest.starts_with("{{{") {
            at += 1;
        } else if let Some(inner) = rest.strip_prefix("{{") {
            let own = inner.find("}}").filter(|_| depth == 0);
            let own = own.and_then(|end| Some((piece(inner[..end].trim())?, end + 4)));
            if let Some((piece, length)) = own {
                push_text(&source[text..at], &mut pieces)?;
                pieces.push(piece);
                at += length;
                text = at;
            } else {
                depth += 1;
                at += 2;
            }
        } else if rest.starts_with("}}") {
            depth = depth.saturating_sub(1);
            at += 2;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    push_text(&source[text..], &mut pieces)?;
    Ok(pieces)
}

fn piece(name: &str) -> Option<Piece> {
    match name {
        BODY => Some(Piece::Body),
        STAMP => Some(Piece::Stamp),
        _ => Part::named(name).map(Piece::Line).or_else(|| {
            name.strip_prefix(HEADER).map(|name| Piece::Header(name.to_ascii_lowercase().into()))
        }),
    }
}

fn push_text(text: &str, pieces: &mut Vec<Piece>) -> Result<(), TemplateError> {
    if !text.is_empty() {
        let text = Template::parse(text)?;
        pieces.push(match text.constant() {
            Some(bytes) => Piece::Literal(bytes.into()),
            None => Piece::Text(text),
        });
    }
    Ok(())
}

/// The value of the placeholder `name` in what is signed, where it stands within an argument: the body, a part of the
/// request line, or a header field.
pub fn value_of(name: &str, message: Message<'_>) -> Option<String> {
    if name == BODY {
        return Some(String::from_utf8_lossy(message.body).into_owned());
    }
    if let Some(part) = Part::named(name) {
        return Some(part.of(message.line).to_owned());
    }
    let mut value = None;
    message.headers.each(&name.strip_prefix(HEADER)?.to_ascii_lowercase(), &mut |bytes| {
        value.get_or_insert_with(|| String::from_utf8_lossy(bytes).into_owned());
    });
    value
}
