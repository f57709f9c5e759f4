//! Tasks that are one caller's affair: a panic in one ends its connection, and not the target.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

use hyper::rt::Executor;
use tokio::task::spawn_local;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Marks what `task` does as one caller's affair: a panic in it ends that task, and needs to end nothing else.
pub async fn contain<T>(task: impl Future<Output = T>) -> T {
    /// A panic leaves the poll as its end does.
    struct Marked;
    impl Drop for Marked {
        fn drop(&mut self) {
            CONTAINED.set(false);
        }
    }
    let mut task = pin!(task);
    poll_fn(|context| {
        CONTAINED.set(true);
        let _marked = Marked;
        task.as_mut().poll(context)
    })
    .await
}

/// Whether this thread is inside of what `contain` marks.
pub fn is_contained() -> bool {
    CONTAINED.get()
}

/// Runs what HTTP/2 needs beside its connection on the same thread, contained.
#[derive(Debug, Clone, Copy)]
pub struct Contained;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Contained {
    fn execute(&self, future: F) {
        spawn_local(contain(future));
    }
}
