//! A streamed body, taken where it was read: an event stream keeps no byte between two events.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::Http1;
use crate::net::error::{NetError, Part, Seen};
use crate::net::h1::Framing;
use crate::net::manners::Manners;
use crate::net::{Meter, scratch};

impl Http1 {
    /// Ready once something of that body has come, each run of which `take` has been passed where it was read; `None` at its end.
    pub fn poll_runs(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&[u8]),
    ) -> Poll<Option<Result<(), NetError>>> {
        if !self.unread.is_empty() {
            // What came with the head.
            let unread = self.unread.take();
            match runs(&mut self.framing, &mut self.manners, &self.meter, &unread, &mut take) {
                Ok(false) => {}
                Ok(true) => return Poll::Ready(Some(Ok(()))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        while !self.framing.is_done() {
            let Self { stream, framing, manners, meter, .. } = self;
            let read = scratch::poll_read(stream, cx, |bytes| match bytes {
                [] if framing.finish().is_ok() => Ok(None),
                [] => Err(NetError::ended(Seen::by(meter, Part::Body))),
                bytes => runs(framing, manners, meter, bytes, &mut take).map(Some),
            });
            let read = match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(read)) => read,
                Poll::Ready(Err(error)) => {
                    Err(NetError::of_io(&error, Seen::by(meter, Part::Body)))
                }
            };
            match read {
                Ok(Some(false)) => {}
                Ok(Some(true)) => return Poll::Ready(Some(Ok(()))),
                Ok(None) => break,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(None)
    }
}

/// Passes the data among `bytes` to `take`, decoded; whether there was any.
#[inline]
fn runs(
    framing: &mut Framing,
    manners: &mut Manners,
    meter: &Meter,
    bytes: &[u8],
    take: &mut impl FnMut(&[u8]),
) -> Result<bool, NetError> {
    let (mut any, mut failed) = (false, None);
    let decoded = framing.decode(bytes, |data| {
        any = true;
        if manners.takes_as_it_is() {
            take(data);
        } else if failed.is_none() {
            match manners.piece(&Bytes::copy_from_slice(data)) {
                Ok(piece) => take(&piece),
                Err(error) => failed = Some(error),
            }
        }
    });
    match (failed, decoded) {
        (Some(error), _) => Err(error),
        (None, Ok(_)) => Ok(any),
        (None, Err(error)) => Err(NetError::of_broken(error.into(), Seen::by(meter, Part::Body))),
    }
}
