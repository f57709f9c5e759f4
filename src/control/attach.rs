//! A child's end of the control stream: orders on stdin, reports on stdout.

use std::io::{self, Stdout, Write as _};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::sync::mpsc;

use super::panics::describe;
use super::{FrameError, Order, Report, read_frame, write_frame};

/// Exit status of a child that lost its conductor.
const ORPHANED: i32 = 3;

/// Receives the conductor's orders, in order.
#[derive(Debug)]
pub struct Orders(mpsc::UnboundedReceiver<Order>);

impl Orders {
    /// Waits for the next order.
    ///
    /// It never ends without one: when the conductor exits, this process ends.
    pub async fn recv(&mut self) -> Order {
        match self.0.recv().await {
            Some(order) => order,
            // The reader thread never drops its end before it ends the process.
            None => std::future::pending().await,
        }
    }

    /// The next order, blocking this thread.
    pub fn recv_blocking(&mut self) -> Order {
        self.0.blocking_recv().unwrap_or(Order::Abort)
    }
}

/// Sends reports; clones share the stream.
#[derive(Debug, Clone)]
pub struct Reports(Arc<Mutex<Stdout>>);

impl Reports {
    /// Sends one report.
    pub fn send(&self, report: &Report) -> Result<(), FrameError> {
        let mut stdout = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write_frame(&mut *stdout, report)
    }

    /// Sends a report from a thread that may be inside [`Self::send`]: gives up after a second.
    fn send_last(&self, report: &Report) {
        for _ in 0..100 {
            match self.0.try_lock() {
                Ok(mut stdout) => return drop(write_frame(&mut *stdout, report)),
                // The stream may end in half a frame.
                Err(TryLockError::Poisoned(_)) => return,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

/// Makes a panic of any thread or task fail the trial, with its message, and end the process: a runtime would swallow it,
/// and a link that vanished would look like lost events.
#[expect(clippy::disallowed_methods, reason = "the conductor reads it as the child's last words")]
fn fail_on_panic(reports: &Reports) {
    let reports = reports.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let verb = std::env::args().nth(1).unwrap_or_default();
        let reason = format!("internal error in the {verb}: {}", describe(panic));
        // The last words first: they need no lock that this thread may hold.
        let _ = writeln!(io::stderr(), "{reason}");
        reports.send_last(&Report::Failed { reason });
        std::process::abort();
    }));
}

#[expect(clippy::disallowed_methods, reason = "a child's stdout is its control stream")]
fn reports() -> Reports {
    Reports(Arc::new(Mutex::new(io::stdout())))
}

/// Makes this process a child of its conductor: reads orders from stdin on a separate thread.
///
/// The process does not outlive its conductor: the end of stdin ends it, and so does the conductor's death, even while this
/// process is stopped.
pub fn attach() -> io::Result<(Orders, Reports)> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let reports = reports();
    fail_on_panic(&reports);
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Ok(Some(order)) = read_frame::<Order>(&mut stdin) {
            if sender.send(order).is_err() {
                return;
            }
        }
        std::process::exit(ORPHANED);
    })?;
    Ok((Orders(receiver), reports))
}
