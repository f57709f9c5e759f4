//! A client's requests to `/items`, and checks of the answers, without sockets.

use std::borrow::Cow;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, StatusCode};
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::mix::Operation;
use super::poll::get;
use super::xml;
use crate::measure::ErrorKind;
use crate::net::StampedResponse;
use crate::net::fields::MediaType;
use crate::net::h1::Rendered;
use crate::scenario::{Format, RequestOptions};

impl Format {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Asked {
    operation: Operation,
    /// The item that it is about.
    item: String,
    /// Whether it is read only if it has changed.
    conditional: bool,
}

impl Asked {
    /// The name of the operation, as scenarios write it.
    pub(super) const fn name(&self) -> &'static str {
        match self.operation {
            Operation::Create => "create",
            Operation::Read => "read",
            Operation::Head => "head",
            Operation::Replace => "replace",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
            Operation::List => "list",
        }
    }
}

/// A right answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemChange {
    /// Carried out.
    Done,
    /// Nothing has changed.
    NotModified,
}

/// The items of one client: one that is read and changed, and some to be deleted.
#[derive(Debug)]
pub(super) struct Items<'a> {
    options: &'a RequestOptions,
    host: HeaderValue,
    body: Bytes,
    patch: Bytes,
    /// Id of the item that is read and changed; empty until it is created.
    item: String,
    /// Its last entity tag.
    etag: Option<HeaderValue>,
    /// Ids of items to be deleted, created for it.
    disposable: Vec<String>,
}

impl<'a> Items<'a> {
    /// Items with `data`: one JSON value.
    pub(super) fn new(options: &'a RequestOptions, host: HeaderValue, data: &[u8]) -> Self {
        let body = match options.format {
            Format::Json => [b"{\"name\":\"item\",\"data\":", data, b"}"].concat(),
            Format::Xml => {
                let mut document = "<item><name>item</name><data>".to_owned();
                // A payload is JSON that was written here.
                xml::write(&mut document, None, &serde_json::from_slice(data).unwrap_or_default());
                document.push_str("</data></item>");
                document.into_bytes()
            }
        };
        // XML has no merge patch: XML items are patched in JSON, too.
        let patch = [b"{\"data\":", data, b"}"].concat().into();
        let (item, disposable) = (String::new(), Vec::new());
        Self { options, host, body: body.into(), patch, item, etag: None, disposable }
    }

    /// Chooses the item that an operation is about.
    fn choose(&mut self, operation: Operation) -> (Operation, String) {
        match operation {
            // Without an item of its own to delete, it creates one and deletes that next time.
            Operation::Delete => match self.disposable.pop() {
                Some(item) => (Operation::Delete, item),
                None => (Operation::Create, String::new()),
            },
            operation => (operation, self.item.clone()),
        }
    }

    /// The body of a request, with its media type.
    fn body(&self, operation: Operation) -> Option<(&Bytes, &'static str)> {
        match operation {
            Operation::Read | Operation::List | Operation::Head | Operation::Delete => None,
            Operation::Create | Operation::Replace => {
                Some((&self.body, self.options.format.media_type()))
            }
            Operation::Patch => Some((&self.patch, "application/merge-patch+json")),
        }
    }

    /// The tag that a read is made conditional by.
    fn condition(&self, operation: Operation) -> Option<&HeaderValue> {
        let reads =
            self.options.conditional && matches!(operation, Operation::Read | Operation::Head);
        self.etag.as_ref().filter(|_| reads)
    }

    /// The same as [`Self::ask`], as its bytes.
    pub(super) fn ask_rendered(&mut self, operation: Operation) -> (Asked, Rendered) {
        let (operation, item) = self.choose(operation);
        let (method, body) = (method(operation), self.body(operation));
        let mut out = Vec::with_capacity(256 + body.map_or(0, |(body, _)| body.len()));
        let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
        put(&[method.as_str().as_bytes(), b" /items"]);
        match operation {
            Operation::Create => {}
            Operation::List => put(&[b"?limit=20"]),
            _ => put(&[b"/", item.as_bytes()]),
        }
        put(&[b" HTTP/1.1\r\nhost: ", self.host.as_bytes(), b"\r\naccept: "]);
        put(&[self.options.format.media_type().as_bytes(), b"\r\n"]);
        if let Some((_, media)) = body {
            put(&[b"content-type: ", media.as_bytes(), b"\r\n"]);
        }
        let condition = self.condition(operation);
        if let Some(etag) = condition {
            put(&[b"if-none-match: ", etag.as_bytes(), b"\r\n"]);
        }
        match body {
            None => put(&[b"\r\n"]),
            Some((body, _)) => {
                let length = body.len().to_string();
                put(&[b"content-length: ", length.as_bytes(), b"\r\n\r\n", body]);
            }
        }
        let conditional = condition.is_some();
        let rendered = Rendered::new(out, operation == Operation::Head);
        (Asked { operation, item, conditional }, rendered)
    }

    /// Returns the request of an operation, and what checking its answer needs.
    pub(super) fn ask(&mut self, operation: Operation) -> (Asked, Request<Full<Bytes>>) {
        let (operation, item) = self.choose(operation);
        let path = match operation {
            Operation::Create => "/items".to_owned(),
            Operation::List => "/items?limit=20".to_owned(),
            _ => format!("/items/{item}"),
        };
        let mut request = get(path, &self.host);
        let media = HeaderValue::from_static(self.options.format.media_type());
        *request.method_mut() = method(operation);
        request.headers_mut().insert(ACCEPT, media);
        if let Some((body, media)) = self.body(operation) {
            *request.body_mut() = Full::new(body.clone());
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
        }
        let etag = self.condition(operation);
        if let Some(etag) = etag {
            request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
        }
        (Asked { operation, item, conditional: etag.is_some() }, request)
    }

    /// Checks an answer: its status, its type, and that it is about the right item.
    pub(super) fn check(
        &mut self,
        asked: Asked,
        answer: &StampedResponse,
    ) -> Result<ItemChange, ErrorKind> {
        if matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
        {
            if asked.operation == Operation::Delete {
                self.disposable.push(asked.item);
            }
            return Err(ErrorKind::Refused);
        }
        if asked.conditional && answer.status == StatusCode::NOT_MODIFIED {
            let other = answer
                .headers
                .get(&ETAG)
                .is_some_and(|etag| self.etag.as_ref().is_none_or(|own| own.as_bytes() != etag));
            return if other || !answer.body.is_empty() {
                Err(ErrorKind::Protocol)
            } else {
                Ok(ItemChange::NotModified)
            };
        }
        let expected = match asked.operation {
            Operation::Create => StatusCode::CREATED,
            Operation::Delete => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        };
        if answer.status != expected {
            return Err(ErrorKind::of_status(answer.status.as_u16()));
        }
        self.take(asked, answer).map(|()| ItemChange::Done).ok_or(ErrorKind::Protocol)
    }

    /// Applies an answer of the right status; `None` if it is not a right answer.
    fn take(&mut self, asked: Asked, answer: &StampedResponse) -> Option<()> {
        let format = self.options.format;
        let Asked { operation, item, .. } = asked;
        if operation == Operation::Delete {
            return answer.body.is_empty().then_some(());
        }
        MediaType::of(&answer.headers, &CONTENT_TYPE)?.is(format.media_type()).then_some(())?;
        match operation {
            Operation::Delete => {}
            Operation::Head => answer.body.is_empty().then_some(())?,
            Operation::List if format == Format::Xml => {
                xml_root(&answer.body, "items")?;
            }
            Operation::List => {
                serde_json::from_slice::<Listed>(&answer.body).ok()?;
            }
            Operation::Create => {
                let id = id(format, &answer.body)?;
                if self.item.is_empty() {
                    self.item = id;
                    self.etag = answer.headers.value(&ETAG);
                } else if self.options.mix.delete > 0 {
                    self.disposable.push(id);
                }
            }
            Operation::Read | Operation::Replace | Operation::Patch => {
                (id(format, &answer.body)? == item).then_some(())?;
                self.etag = answer.headers.value(&ETAG);
            }
        }
        Some(())
    }
}

/// The method of an operation.
const fn method(operation: Operation) -> Method {
    match operation {
        Operation::Read | Operation::List => Method::GET,
        Operation::Head => Method::HEAD,
        Operation::Delete => Method::DELETE,
        Operation::Create => Method::POST,
        Operation::Replace => Method::PUT,
        Operation::Patch => Method::PATCH,
    }
}

/// The part of an item that is needed to name it again.
#[derive(Deserialize)]
struct Shown {
    id: Value,
}

/// The part of a page that is looked at.
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "items")]
    _items: Vec<IgnoredAny>,
}

/// The id of an item.
fn id(format: Format, body: &[u8]) -> Option<String> {
    match format {
        Format::Json => match serde_json::from_slice::<Shown>(body).ok()?.id {
            Value::String(id) => Some(id),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        },
        Format::Xml => xml_root(body, "item").filter(|id| !id.is_empty()),
    }
}

/// Reads a whole document, whose root must have that name; returns its attribute `id`, empty where it has none.
fn xml_root(body: &[u8], name: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(body).ok()?);
    // An element without content is a start and an end, too.
    reader.config_mut().expand_empty_elements = true;
    let mut root = None;
    let mut depth = 0_u32;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if root.is_none() {
                    (start.name().0 == name).then_some(())?;
                    let id = start.try_get_attribute("id").ok()?;
                    let id = id.map(|id| id.normalized_value(XmlVersion::Implicit1_0)).transpose();
                    root = Some(id.ok()?.map_or_else(String::new, Cow::into_owned));
                }
                depth += 1;
            }
            Event::End(_) => depth -= 1,
            Event::Eof if depth == 0 => return root,
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
