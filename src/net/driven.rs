//! A client connection driven by the task that waits for its answer.

use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

type Body = Full<Bytes>;
type Pinned<T> = Pin<Box<Connection<TokioIo<T>, Body>>>;

/// An HTTP/1.1 connection without a task of its own. Dropping it closes it.
///
/// A separate task would write a request in one turn of the executor and look at an answer in the next, after every other
/// ready connection: with a thousand answers at once, arrival stamps would be milliseconds late, and with a thousand
/// requests the first would leave last.
#[derive(Debug)]
pub struct Driven<T: AsyncRead + AsyncWrite + Unpin> {
    sender: SendRequest<Body>,
    /// `None` once it is over.
    connection: Option<Pinned<T>>,
    /// Why it is, where nobody waited for an answer.
    ended: Option<hyper::Error>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driven<T> {
    /// Speaks HTTP/1.1 over `io`, buffering at most `buffer` bytes each way.
    pub async fn over(io: T, buffer: usize) -> hyper::Result<Self> {
        let mut builder = Builder::new();
        builder.max_buf_size(buffer);
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await?;
        Ok(Self { sender, connection: Some(Box::pin(connection)), ended: None })
    }

    /// Whether the connection was open when it was last used.
    pub fn is_open(&self) -> bool {
        self.connection.is_some() && !self.sender.is_closed()
    }

    /// Waits until a request can be sent; an error where the peer has closed the connection.
    pub async fn ready(&mut self) -> hyper::Result<()> {
        let ready = drive(&mut self.connection, &mut self.ended, self.sender.ready()).await;
        ready.map_err(|closed| self.ended.take().unwrap_or(closed))
    }

    /// Sends a request and waits for the head of its answer; an unsent request returns with the error.
    pub async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        drive(&mut self.connection, &mut self.ended, self.sender.try_send_request(request)).await
    }

    /// Waits for `wanted`, such as the next piece of an answer's body, while driving the connection.
    pub async fn wait<F: Future>(&mut self, wanted: F) -> F::Output {
        drive(&mut self.connection, &mut self.ended, wanted).await
    }
}

/// Waits for `wanted` while driving the connection.
async fn drive<T, F>(
    connection: &mut Option<Pinned<T>>,
    ended: &mut Option<hyper::Error>,
    wanted: F,
) -> F::Output
where
    T: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    let mut wanted = pin!(wanted);
    std::future::poll_fn(|cx| {
        // Twice: taking the head lets the connection release the body that arrived with it.
        for _ in 0..2 {
            if let Some(open) = connection
                && let Poll::Ready(outcome) = open.as_mut().poll(cx)
            {
                // `wanted` learns of the end through its channel; of the reason only while an answer is awaited.
                *ended = outcome.err();
                *connection = None;
            }
            if let Poll::Ready(output) = wanted.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    })
    .await
}
