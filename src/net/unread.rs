//! Bytes of a connection that were read and not looked at: hardly any connection has some, and none needs room for them.

use bytes::Bytes;

/// Those bytes, if there are any.
#[derive(Debug, Default)]
pub(super) struct Unread(Option<Box<Bytes>>);

impl Unread {
    /// Whether there are none.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Keeps `bytes` in their place.
    pub(super) fn put(&mut self, bytes: Bytes) {
        self.0 = (!bytes.is_empty()).then(|| Box::new(bytes));
    }

    /// What there is.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bytes| bytes)
    }

    /// Takes the first `count` of them, or all.
    pub(super) fn split_to(&mut self, count: usize) -> Bytes {
        let Some(mut bytes) = self.0.take() else { return Bytes::new() };
        let first = bytes.split_to(count.min(bytes.len()));
        if !bytes.is_empty() {
            self.0 = Some(bytes);
        }
        first
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> Bytes {
        self.0.take().map_or_else(Bytes::new, |bytes| *bytes)
    }
}
