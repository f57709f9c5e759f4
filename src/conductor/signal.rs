//! Ctrl-C, SIGTERM and SIGHUP: noticed here, acted on by the trial loop.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock;
use crate::control::mishap;
use crate::server::ScratchFolder;

/// A second signal this soon after the first is its echo: a shell and a wrapper both pass Ctrl-C on.
const ECHO_NS: u64 = 500_000_000;

/// How often the watch restarts after a panic.
const ATTEMPTS: usize = 8;

/// Remembers the first interrupting signal; a second one ends the process at once, with its reports unwritten.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    received: Arc<AtomicI32>,
    waker: Arc<Mutex<Waker>>,
}

/// Wakes whoever sleeps until something happens.
#[derive(Default)]
struct Waker(Option<Box<dyn Fn() + Send>>);

impl fmt::Debug for Waker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Waker").finish_non_exhaustive()
    }
}

impl Signals {
    /// Watches for SIGINT, SIGTERM and SIGHUP on its own thread.
    pub fn watch() -> io::Result<Self> {
        let signals = Self::default();
        let told = signals.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut interrupt, mut terminate, mut hang_up) = {
            let _context = runtime.enter();
            let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
            // Under nohup it is ignored, and a handler would undo that.
            let hang_up = (!hang_up_is_ignored()).then(|| signal(SignalKind::hangup()));
            (signal(interrupt)?, signal(terminate)?, hang_up.transpose()?)
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut first_ns = None;
            // The hook has reported a panic, which must not disable Ctrl-C.
            for attempt in 0..ATTEMPTS {
                let watching = async {
                    if attempt == 0 {
                        mishap("signals");
                    }
                    loop {
                        let number = tokio::select! {
                            _ = interrupt.recv() => libc::SIGINT,
                            _ = terminate.recv() => libc::SIGTERM,
                            () = next(hang_up.as_mut()) => libc::SIGHUP,
                        };
                        let first_ns = *first_ns.get_or_insert(clock::now());
                        if clock::now() - first_ns > ECHO_NS {
                            // Children end with this process: their control stream does.
                            ScratchFolder::remove_all();
                            std::process::exit(128 + number);
                        }
                        told.receive(number);
                    }
                };
                let _ = catch_unwind(AssertUnwindSafe(|| runtime.block_on(watching)));
            }
        })?;
        Ok(signals)
    }

    /// The signal that was received, if any.
    pub fn received(&self) -> Option<i32> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            number => Some(number),
        }
    }

    /// Has `wake` called at the first signal, in place of what was to be called before.
    pub(super) fn on_signal(&self, wake: impl Fn() + Send + 'static) {
        let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        waker.0 = Some(Box::new(wake));
    }

    /// Takes note of a signal, unless there was one before.
    fn receive(&self, number: i32) {
        let order = Ordering::Relaxed;
        if self.received.compare_exchange(0, number, order, order).is_ok()
            && let Some(wake) = &self.waker.lock().unwrap_or_else(PoisonError::into_inner).0
        {
            wake();
        }
    }
}

/// Waits for the next signal of a kind, for ever where it is not watched.
async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Returns whether this process was started with SIGHUP ignored, as `nohup` does.
pub fn hang_up_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (libc::SIGHUP - 1)) != 0
}

/// The name of a signal that [`Signals`] watches for.
pub const fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGINT => "Ctrl-C",
        libc::SIGTERM => "SIGTERM",
        libc::SIGHUP => "SIGHUP",
        _ => "a signal",
    }
}
