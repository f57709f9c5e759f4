//! The body of a request, as handlers read it.

use std::cell::RefCell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::net::h1::{Framing, FramingError};

/// A request's body.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// None, or one that was read.
    Empty,
    /// It arrived with the head.
    Whole(Bytes),
    /// Its connection reads it while a handler waits for it.
    Coming(Rc<Inlet>),
    /// Of an HTTP/2 stream.
    Http2(Incoming),
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Coming(inlet) => {
                inlet.poll_data().map(|data| data.map(|data| Ok(Frame::data(data?))))
            }
            Self::Http2(incoming) => Pin::new(incoming).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(_) => false,
            Self::Coming(inlet) => inlet.is_over(),
            Self::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Coming(inlet) => inlet.size_hint(),
            Self::Http2(incoming) => incoming.size_hint(),
        }
    }
}

/// A body that comes: its connection puts bytes in, and the handler that it polls takes them out. Both are one task, so
/// nobody has to be woken.
#[derive(Debug)]
pub(crate) struct Inlet(RefCell<Coming>);

#[derive(Debug)]
struct Coming {
    framing: Framing,
    data: BytesMut,
    /// Why there will be no more.
    broken: Option<FramingError>,
    /// The handler waits for more.
    wanted: bool,
    /// The client waits for an interim answer first.
    awaited: bool,
}

impl Inlet {
    /// A body with this framing, of a client that may wait for an interim answer.
    pub(super) fn new(framing: Framing, awaited: bool) -> Self {
        let (data, broken, wanted) = (BytesMut::new(), None, false);
        Self(RefCell::new(Coming { framing, data, broken, wanted, awaited }))
    }

    fn poll_data(&self) -> Poll<Option<Result<Bytes, FramingError>>> {
        let mut coming = self.0.borrow_mut();
        if !coming.data.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut coming.data).freeze())));
        }
        if let Some(error) = coming.broken {
            return Poll::Ready(Some(Err(error)));
        }
        if coming.framing.is_done() {
            return Poll::Ready(None);
        }
        coming.wanted = true;
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        let coming = self.0.borrow();
        let here = coming.data.len() as u64;
        let mut hint = SizeHint::default();
        hint.set_lower(here);
        if let Some(missing) = coming.framing.missing() {
            hint.set_exact(here.saturating_add(missing));
        }
        hint
    }

    fn is_over(&self) -> bool {
        let coming = self.0.borrow();
        coming.framing.is_done() && coming.data.is_empty()
    }

    /// Whether the handler waits for bytes that are to come.
    pub(super) fn is_wanted(&self) -> bool {
        let coming = self.0.borrow();
        coming.wanted && coming.broken.is_none() && !coming.framing.is_done()
    }

    /// Whether an interim answer has to be sent before the client sends the body; it is then taken for sent.
    pub(super) fn take_awaited(&self) -> bool {
        std::mem::take(&mut self.0.borrow_mut().awaited)
    }

    /// Takes the body's part of `bytes`, and returns how many those are.
    pub(super) fn feed(&self, bytes: &[u8]) -> usize {
        let mut coming = self.0.borrow_mut();
        let Coming { framing, data, .. } = &mut *coming;
        let fed = framing.decode(bytes, |bytes| data.extend_from_slice(bytes));
        coming.wanted = false;
        fed.unwrap_or_else(|error| {
            coming.broken = Some(error);
            bytes.len()
        })
    }

    /// No more bytes will come.
    pub(super) fn end(&self) {
        let mut coming = self.0.borrow_mut();
        coming.broken = coming.framing.finish().err();
        coming.wanted = false;
    }

    /// The framing of what is still to come, once the handler has answered; `None` where its end cannot be found.
    pub(super) fn rest(&self) -> Option<Framing> {
        let coming = self.0.borrow();
        Some(coming.framing).filter(|_| coming.broken.is_none() && !coming.awaited)
    }
}
