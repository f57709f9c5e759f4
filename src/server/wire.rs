//! A connection under its protocol: the socket, or TLS over it.

use std::io::{self, IoSlice};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::measure::{Uptake, uptake_of};
use crate::net::HANDSHAKE_LIMIT;

/// A connection of this target's.
#[derive(Debug)]
pub(super) enum Wire {
    /// Without TLS.
    Plain(TcpStream),
    /// Under TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Completes the TLS handshake with a client, or drops one that is too slow.
    pub(super) async fn accept(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let stream = timeout(HANDSHAKE_LIMIT, TlsAcceptor::from(config).accept(stream)).await??;
        Ok(Self::Tls(Box::new(stream.into())))
    }

    /// Shakes hands with the server of that name.
    pub(super) async fn dial(
        stream: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let shaken = TlsConnector::from(config).connect(name, stream);
        let failed = |what: String| io::Error::other(format!("the TLS handshake failed: {what}"));
        match timeout(HANDSHAKE_LIMIT, shaken).await {
            Ok(Ok(stream)) => Ok(Self::Tls(Box::new(stream.into()))),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("timed out after {} s", HANDSHAKE_LIMIT.as_secs()))),
        }
    }

    /// Whether the peer speaks HTTP/2: as negotiated in the handshake, or by the preface, whose first three bytes must
    /// arrive together (no HTTP/1.1 method begins with them).
    pub(super) async fn begins_http2(&self) -> io::Result<bool> {
        match self {
            Self::Plain(socket) => {
                let mut first = [0; 3];
                Ok(socket.peek(&mut first).await? == first.len() && first == *b"PRI")
            }
            Self::Tls(stream) => Ok(stream.get_ref().1.alpn_protocol() == Some(b"h2")),
        }
    }

    /// Reads arrived bytes without keeping a buffer; 0 is the end.
    #[inline]
    pub(super) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // The runtime spares the read that would find nothing more.
        let mut buffer = ReadBuf::new(bytes);
        ready!(Pin::new(self).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Whether the peer has neither closed the connection nor sent anything that was not read.
    #[inline]
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        match self {
            // Nothing is asked of the kernel unless the runtime has heard of something.
            Self::Plain(socket) => {
                let read = socket.try_read(&mut byte);
                read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            Self::Tls(_) => {
                let mut cx = Context::from_waker(Waker::noop());
                self.poll_take(&mut cx, &mut byte).is_pending()
            }
        }
    }

    /// Gets to the kernel what TLS has taken.
    pub(super) fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        match Pin::new(self).poll_flush(cx) {
            Poll::Ready(flushed) => flushed.map(Poll::Ready),
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Writes once. With TLS the bytes reach the kernel only after a flush.
    #[inline]
    pub(super) fn poll_give(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => loop {
                let written = match slices {
                    [one] => socket.try_write(one),
                    several => socket.try_write_vectored(several),
                };
                match written {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready!(socket.poll_write_ready(cx))?;
                    }
                    written => return Poll::Ready(written),
                }
            },
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    /// How the peer accepts data, if the kernel knows.
    pub(super) fn uptake(&self) -> Option<Uptake> {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
        };
        uptake_of(socket.as_fd())
    }

    /// Sends the end of data, where a layer above TCP has such a message.
    pub(super) async fn farewell(&mut self) {
        if let Self::Tls(stream) = self {
            // Who does not listen any more misses nothing.
            let _ = timeout(HANDSHAKE_LIMIT, stream.shutdown()).await;
        }
    }
}

impl AsyncRead for Wire {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
