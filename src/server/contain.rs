//! Tasks that are one caller's affair: a panic in one ends its connection, and not the target.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::Executor;
use tokio::task::spawn_local;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Confines a panic in `task` to that task: it ends one caller's connection, and not the process.
pub(super) fn contain<F: Future>(task: F) -> Contain<F> {
    Contain(Box::pin(task))
}

/// A contained task. Boxed: an async function around it would store it twice, which is over 1 KiB per connection.
#[derive(Debug)]
pub(super) struct Contain<F>(Pin<Box<F>>);

impl<F: Future> Future for Contain<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        contained(|| self.0.as_mut().poll(context))
    }
}

/// Marks what `run` does as one caller's affair, for a future or a visit that confines its panics itself.
#[inline]
pub(super) fn contained<R>(run: impl FnOnce() -> R) -> R {
    /// Restores what was before; a panic leaves `run` as its end does.
    struct Marked(bool);
    impl Drop for Marked {
        fn drop(&mut self) {
            CONTAINED.set(self.0);
        }
    }
    let _marked = Marked(CONTAINED.replace(true));
    run()
}

/// Whether this thread is running a contained task.
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Runs HTTP/2's helper tasks on the connection's thread, contained.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contained;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Contained {
    fn execute(&self, future: F) {
        spawn_local(contain(future));
    }
}
