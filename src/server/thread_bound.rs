//! A value bound to its thread, inside a type that must be `Send`.
//!
//! hyper stores a connection that may be upgraded as `dyn Io + Send`, though here it never leaves its shard's thread. It is
//! not a way to share: other threads cannot reach the value.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::thread::{self, ThreadId};

/// A value that only its creating thread can use.
pub(super) struct ThreadBound<T> {
    value: ManuallyDrop<T>,
    thread: ThreadId,
}

#[expect(unsafe_code, reason = "hyper demands Send of what it can upgrade")]
// SAFETY: only the creating thread reaches or drops the value, which both paths check.
unsafe impl<T> Send for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    /// Keeps `value` for this thread.
    pub(super) fn here(value: T) -> Self {
        Self { value: ManuallyDrop::new(value), thread: thread::current().id() }
    }
}

impl<T> Deref for ThreadBound<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        assert_eq!(self.thread, thread::current().id(), "it belongs to another thread");
        &self.value
    }
}

impl<T> Drop for ThreadBound<T> {
    fn drop(&mut self) {
        // On another thread it leaks: better than two threads changing one reference count.
        if self.thread == thread::current().id() {
            #[expect(
                unsafe_code,
                reason = "a value whose drop may be left out has to be dropped by hand"
            )]
            // SAFETY: dropped once, here, and not used afterwards.
            unsafe {
                ManuallyDrop::drop(&mut self.value);
            }
        }
    }
}

impl<T> std::fmt::Debug for ThreadBound<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadBound").field("thread", &self.thread).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_thread_bound_value_is_used_and_dropped_on_its_thread_only() {
        let value = Rc::new(5);
        let stay = ThreadBound::here(Rc::clone(&value));
        assert_eq!(**stay, 5);
        drop(stay);
        assert_eq!(Rc::strong_count(&value), 1);
        let stay = ThreadBound::here(Rc::clone(&value));
        assert!(thread::spawn(move || **stay).join().is_err(), "another thread");
        assert_eq!(Rc::strong_count(&value), 2, "left undropped");
    }
}
