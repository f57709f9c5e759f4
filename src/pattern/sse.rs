//! Server-sent events: one endless answer, resumed by `Last-Event-ID`.

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};

use super::Link;
use super::poll::{get, host};
use super::sse_parser::Parser;
use crate::clock;
use crate::event::decode_head;
use crate::measure::ErrorKind;
use crate::net::{Client, NetError};

/// Why a stream ended or could not be opened.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Net(#[from] NetError),
    #[error("the stream answers {0}")]
    Refused(StatusCode),
    #[error("the answer is no event stream")]
    Foreign,
    #[error("an event was not understood")]
    Protocol,
    #[error("the target ended the stream")]
    Closed,
}

impl Ended {
    const fn kind(&self) -> ErrorKind {
        match self {
            Self::Net(error) => error.kind(),
            Self::Refused(_) => ErrorKind::Status,
            Self::Foreign | Self::Protocol => ErrorKind::Protocol,
            Self::Closed => ErrorKind::Closed,
        }
    }
}

/// Reads the stream; when it ends, opens it again after the last event that came.
pub async fn run(link: &Link) {
    let mut last_id = None;
    let dialled_ns = clock::now();
    let mut stream = match open(link, None).await {
        Ok(stream) => stream,
        Err(error) => return link.cannot_stand(&error),
    };
    link.ready(dialled_ns);
    stream.0.mark();

    let mut rng = link.rng();
    let mut failures = 0;
    loop {
        let ended = read(link, &mut stream, &mut last_id, &mut failures).await;
        link.error(ended.kind());
        stream = loop {
            link.back_off(failures, &mut rng).await;
            failures += 1;
            match open(link, last_id.as_ref()).await {
                Ok(stream) => break stream,
                Err(ended) => link.error(ended.kind()),
            }
        };
    }
}

/// Opens the stream from the log's beginning, or after `last_id`.
async fn open(link: &Link, last_id: Option<&HeaderValue>) -> Result<(Client, Incoming), Ended> {
    let mut connection = Client::connect(&link.context().dialer, link.index()).await?;
    let mut request = get(format!("/topics/{}/stream?since=0", link.topic()), &host(link));
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if let Some(id) = last_id {
        request.headers_mut().insert(HeaderName::from_static("last-event-id"), id.clone());
    }
    let response = connection.stream(request).await?;
    if response.status() != StatusCode::OK {
        return Err(Ended::Refused(response.status()));
    }
    let media = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !media.starts_with(b"text/event-stream") {
        return Err(Ended::Foreign);
    }
    Ok((connection, response.into_body()))
}

/// Reads until the stream ends, and says why it did.
async fn read(
    link: &Link,
    (connection, body): &mut (Client, Incoming),
    last_id: &mut Option<HeaderValue>,
    failures: &mut u32,
) -> Ended {
    let mut parser = Parser::default();
    loop {
        let piece = match connection.frame(body).await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return error.into(),
            None => return Ended::Closed,
        };
        let received_ns = clock::now();
        let mut understood = true;
        let fed = parser.feed(&piece, |message| {
            // The target says with another type that the log no longer reaches back to the cursor.
            if message.event != "news" && message.event != "message" {
                return;
            }
            match decode_head(&message.data) {
                Ok(head) => {
                    link.receive(head, received_ns);
                    *last_id = HeaderValue::from_bytes(&message.last_id).ok();
                    *failures = 0;
                }
                Err(_) => understood = false,
            }
        });
        if fed.is_err() || !understood {
            return Ended::Protocol;
        }
    }
}
