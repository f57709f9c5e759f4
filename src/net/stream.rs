//! A link's connection: the metered socket, with TLS over it if the trial uses it.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::handshake_error::HandshakeError;
use super::manners::Manners;
use super::unread::Unread;
use super::{Meter, Socket};
use crate::clock;
use crate::measure::ErrorKind;

/// A handshake that takes longer is given up, at either end.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// A connected socket, plain or under TLS. What it counts and stamps is the socket's: bytes on the wire.
#[derive(Debug)]
pub struct Stream {
    io: Io,
    /// Bytes that its previous owner has already read.
    unread: Unread,
    manners: Manners,
}

#[derive(Debug)]
enum Io {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl From<Socket> for Stream {
    fn from(socket: Socket) -> Self {
        Self { io: Io::Plain(socket), unread: Unread::default(), manners: Manners::default() }
    }
}

impl Stream {
    /// Shakes hands as a client with a server of that `name`; the time it takes is recorded with the socket's totals.
    pub async fn client(
        socket: Socket,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Self, HandshakeError> {
        let (begun_ns, meter) = (clock::now(), socket.meter());
        let shaking = TlsConnector::from(config).connect(name, socket);
        match tokio::time::timeout(HANDSHAKE_LIMIT, shaking).await {
            Ok(Ok(stream)) => Ok(Self::secured(stream.into(), begun_ns)),
            Ok(Err(error)) => Err(HandshakeError::of_io(&error, meter.greeting())),
            Err(_) => Err(HandshakeError::new(
                ErrorKind::Tls,
                format!(
                    "timed out after {} s; does the port speak TLS? If not, write http:// or ws://",
                    HANDSHAKE_LIMIT.as_secs()
                ),
            )),
        }
    }

    /// Whether the protocol `name` may be spoken: over TLS the handshake must have agreed on it (ALPN).
    pub(super) fn may_speak(&self, name: &[u8]) -> bool {
        match &self.io {
            Io::Plain(_) => true,
            Io::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(name),
        }
    }

    /// Whether what the socket reads is what its peer's protocol says, and no record of TLS.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self.io, Io::Plain(_))
    }

    /// The same connection of a link with these manners.
    pub(super) fn with(self, manners: Manners) -> Self {
        Self { manners, ..self }
    }

    /// How its link behaves.
    pub(super) fn manners(&self) -> Manners {
        self.manners.clone()
    }

    /// Shakes hands as a server.
    pub async fn server(socket: Socket, config: Arc<ServerConfig>) -> io::Result<Self> {
        let begun_ns = clock::now();
        let stream = in_time(TlsAcceptor::from(config).accept(socket)).await?;
        Ok(Self::secured(stream.into(), begun_ns))
    }

    fn secured(stream: TlsStream<Socket>, begun_ns: u64) -> Self {
        let (socket, session) = stream.get_ref();
        let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        // What stands under TLS tells nothing of what is spoken over it.
        socket.meter().greeting().forget();
        socket.meter().shook_hands(clock::now() - begun_ns, resumed);
        let io = Io::Tls(Box::new(stream));
        Self { io, unread: Unread::default(), manners: Manners::default() }
    }

    /// Puts back bytes read beyond an answer's head: the next read returns them first.
    pub fn put_back(&mut self, bytes: Bytes) {
        self.unread.put(bytes);
    }

    /// The meter of the socket.
    pub fn meter(&self) -> Rc<Meter> {
        match &self.io {
            Io::Plain(socket) => socket.meter(),
            Io::Tls(stream) => stream.get_ref().0.meter(),
        }
    }
}

/// Completes a handshake within its time-out; an error says what failed, with the remedy if known.
async fn in_time<T>(handshake: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let failed = |what: String| io::Error::other(format!("the TLS handshake failed: {what}"));
    match tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if is_distrust(&error) => Err(failed(format!(
            "{error}: the other side's certificate is not of the authority that is trusted here"
        ))),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("timed out after {} s", HANDSHAKE_LIMIT.as_secs()))),
    }
}

fn is_distrust(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            buffer.put_slice(&self.unread.split_to(buffer.remaining()));
            return Poll::Ready(Ok(()));
        }
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Io::Tls(stream) => {
                let read = Pin::new(&mut **stream).poll_read(cx, buffer);
                if read.is_pending() {
                    // Session tickets, or a part of a record: not yet the first byte of an answer.
                    stream.get_ref().0.meter().unstamp_first();
                }
                read
            }
        }
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    #[inline]
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
