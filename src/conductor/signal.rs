//! Ctrl-C and SIGTERM: noticed here, acted on by the trial loop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// Remembers the first interrupting signal; a second one ends the process at once.
#[derive(Debug, Clone, Default)]
pub struct Signals(Arc<AtomicI32>);

impl Signals {
    /// Watches for SIGINT and SIGTERM on a thread of its own.
    pub fn watch() -> io::Result<Self> {
        let signals = Self::default();
        let received = Arc::clone(&signals.0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut interrupt, mut terminate) = {
            let _context = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async move {
                loop {
                    let number = tokio::select! {
                        _ = interrupt.recv() => libc::SIGINT,
                        _ = terminate.recv() => libc::SIGTERM,
                    };
                    if received.swap(number, Ordering::Relaxed) != 0 {
                        // Children end with this process: their control stream does.
                        std::process::exit(128 + number);
                    }
                }
            });
        })?;
        Ok(signals)
    }

    /// The signal that was received, if any.
    pub fn received(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            number => Some(number),
        }
    }
}

/// The name of a signal that [`Signals`] watches for.
pub const fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGINT => "Ctrl-C",
        libc::SIGTERM => "SIGTERM",
        _ => "a signal",
    }
}
