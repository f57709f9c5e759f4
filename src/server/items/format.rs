//! Which encoding an item is read in and shown in (RFC 9110, section 12).

use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::server::accept;
use crate::server::problem::Problem;

/// An encoding of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/json`
    Json,
    /// `application/xml`
    Xml,
}

impl Format {
    /// The name in entity tags: those of two representations differ.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
        }
    }

    /// The type under which it is shown.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }

    /// Negotiates the response's format; `preferred` breaks ties, and 406 means that neither is acceptable.
    pub(crate) fn accepted(headers: &HeaderMap, preferred: Self) -> Result<Self, Problem> {
        let other = if preferred == Self::Json { Self::Xml } else { Self::Json };
        let offered = [preferred, other].map(|format| (format, format.media_type()));
        accept::best(headers, &offered).ok_or_else(|| {
            let detail =
                "items are shown as application/json and application/xml: accept one of them";
            Problem::new(StatusCode::NOT_ACCEPTABLE, detail)
        })
    }
}

/// Media types of an item, with their formats.
pub(crate) const READ: [(&str, Format); 5] = [
    ("application/json", Format::Json),
    ("application/*+json", Format::Json),
    ("application/*+xml", Format::Xml),
    ("application/xml", Format::Xml),
    ("text/xml", Format::Xml),
];
