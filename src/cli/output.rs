//! The one place that writes to stdout and stderr.
//!
//! Each stream has a queue and a writer thread, so a reader that stalls never stalls a measurement. A write that fails never
//! panics: a closed pipe or a terminal that went away ends the output, and any other failure on stdout is reported by [`finish`].

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use tidings::prose::{ascii, fit, harmless};

use super::{exit, screen};

/// Most pieces of progress that wait for a reader; those beyond are dropped.
const PROGRESS: usize = 256;
/// How long the end of the process waits for a reader that accepts nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a wait checks its conditions, and a full non-blocking stream is retried.
const TICK: Duration = Duration::from_millis(10);

/// Whether a panic of any thread ends the process, so that a server with a dead thread does not continue silently.
static PANIC_ENDS: AtomicBool = AtomicBool::new(false);

/// Whether a thread has panicked.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Whether a signal asks the process to end, so that a stalled reader is not waited for.
static HURRY: AtomicBool = AtomicBool::new(false);

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    writing: bool,
    /// Pieces written or given up so far.
    past: u64,
    /// The stream takes nothing any more.
    closed: bool,
    /// Ended because its reader had stalled and a signal asked the process to end.
    stalled: bool,
    /// Why, unless its reader went away.
    failure: Option<io::Error>,
}

/// A queue before a stream.
#[derive(Debug, Default)]
struct Outlet {
    state: Mutex<State>,
    changed: Condvar,
}

impl Outlet {
    /// An outlet to a copy of `stream`, which a lock of the standard library cannot hold up.
    fn to(stream: BorrowedFd<'_>, name: &str) -> &'static Self {
        let outlet: &'static Self = Box::leak(Box::default());
        let started = stream.try_clone_to_owned().map(File::from).and_then(|file| {
            Builder::new().name(name.to_owned()).spawn(move || outlet.write_on(file))
        });
        if let Err(error) = started {
            let mut state = outlet.lock();
            state.closed = true;
            state.failure = Some(error);
        }
        outlet
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `text`, unless `limit` pieces wait already.
    fn queue(&self, text: Vec<u8>, limit: usize) {
        let mut state = self.lock();
        if !state.closed && state.queue.len() < limit {
            state.queue.push_back(text);
            self.changed.notify_all();
        }
    }

    fn write_on(&self, mut file: File) {
        let mut state = self.lock();
        loop {
            while let Some(text) = state.queue.pop_front() {
                state.writing = true;
                drop(state);
                let written = write_all(&mut file, &text);
                state = self.lock();
                state.writing = false;
                state.past += 1;
                if let Err(error) = written {
                    state.closed = true;
                    state.queue.clear();
                    state.failure = Some(error).filter(|error| !reader_is_gone(error));
                }
                self.changed.notify_all();
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until everything is written; while `hurry()`, only as long as the reader takes something within [`PATIENCE`].
    fn settle(&self, hurry: impl Fn() -> bool) {
        let mut state = self.lock();
        let mut last = (state.past, Instant::now());
        while !state.closed && (state.writing || !state.queue.is_empty()) {
            if state.past != last.0 || !hurry() {
                last = (state.past, Instant::now());
            } else if last.1.elapsed() >= PATIENCE {
                // Nor is it waited for again.
                (state.closed, state.stalled) = (true, true);
                state.queue.clear();
                return;
            }
            let waited = self.changed.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Writes everything, even to a non-blocking stream.
fn write_all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(TICK),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A closed pipe, or a terminal that went away.
fn reader_is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe || error.raw_os_error() == Some(libc::EIO)
}

#[expect(clippy::disallowed_methods, reason = "the guarded place")]
fn stdout() -> &'static Outlet {
    static STDOUT: OnceLock<&Outlet> = OnceLock::new();
    STDOUT.get_or_init(|| Outlet::to(io::stdout().as_fd(), "stdout"))
}

#[expect(clippy::disallowed_methods, reason = "the guarded place")]
fn stderr() -> &'static Outlet {
    static STDERR: OnceLock<&Outlet> = OnceLock::new();
    STDERR.get_or_init(|| Outlet::to(io::stderr().as_fd(), "stderr"))
}

/// Returns text in characters that the locale can show, without control characters.
fn shown(text: &str) -> Vec<u8> {
    let text = harmless(text);
    if is_unicode() { text } else { ascii(&text) }.into_bytes()
}

/// Whether the locale is UTF-8, by the first variable that is set.
pub(super) fn is_unicode() -> bool {
    static UNICODE: OnceLock<bool> = OnceLock::new();
    *UNICODE.get_or_init(|| {
        let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os);
        let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.to_string_lossy().to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Prints a result for people to stdout. Returns at once; [`finish`] reports whether it could be written.
pub(super) fn print(text: impl AsRef<str>) {
    stdout().queue(shown(text.as_ref()), usize::MAX);
}

/// Prints bytes as they are, for programs and files.
pub(super) fn print_exactly(text: impl Into<Vec<u8>>) {
    stdout().queue(text.into(), usize::MAX);
}

/// Prints a path on a line of its own, byte by byte, for scripts.
pub(super) fn print_path(path: &Path) {
    let mut line = path.as_os_str().as_bytes().to_vec();
    line.push(b'\n');
    print_exactly(line);
}

/// Says something on stderr that must not be dropped: `tidings: ` and `text`, on a line.
pub(super) fn message(text: impl std::fmt::Display) {
    complain(&format!("tidings: {text}\n"));
}

/// Writes lines for a program to stderr, whole however wide the terminal is.
pub(super) fn command(lines: &str) {
    stderr().queue(shown(lines), usize::MAX);
}

/// Writes text to stderr, as a usage error is worded.
pub(super) fn complain(text: &str) {
    stderr().queue(shown(&fit(text, screen::columns_of_stderr(), false)), usize::MAX);
}

/// Writes a piece of progress to stderr; drops it where the reader has stalled.
pub(super) fn progress(text: String) {
    stderr().queue(text.into_bytes(), PROGRESS);
}

/// Waits until the results are with their reader, or cannot be written; with `hurry()`, not for one that has stalled. Returns
/// whether it was given up.
pub(super) fn settle(hurry: impl Fn() -> bool) -> bool {
    stdout().settle(|| {
        let hurry = hurry();
        HURRY.fetch_or(hurry, Ordering::Relaxed);
        hurry
    });
    stdout().lock().stalled
}

/// Returns why stdout cannot be written; `None` if its reader merely closed it.
pub(super) fn failure() -> Option<String> {
    stdout().lock().failure.as_ref().map(ToString::to_string)
}

/// Waits for the readers and returns the exit status: success becomes 2 if stdout could not be written or a thread has
/// panicked; any other status stays.
pub(super) fn finish(status: u8) -> u8 {
    stdout().settle(|| status >= 128 || HURRY.load(Ordering::Relaxed));
    let failure = failure();
    if let Some(error) = &failure {
        message(format_args!("cannot write to standard output: {error}"));
    }
    stderr().settle(|| true);
    let broken = failure.is_some() || PANICKED.load(Ordering::Relaxed);
    if broken && status == 0 { exit::USAGE } else { status }
}

/// Prints a panic as one line on stderr in place of a backtrace.
pub(super) fn hook_panics() {
    std::panic::set_hook(Box::new(|panic| {
        message(format_args!("internal error: {}", tidings::control::describe_panic(panic)));
        PANICKED.store(true, Ordering::Relaxed);
        // One caller's affair ends with its connection.
        if PANIC_ENDS.load(Ordering::Relaxed) && !tidings::server::is_contained() {
            end_after_panic();
        }
    }));
}

fn end_after_panic() {
    stderr().settle(|| true);
    std::process::exit(i32::from(exit::USAGE));
}

/// Makes a panic of any thread end the process with status 2, except within one connection.
pub(super) fn end_on_panic() {
    PANIC_ENDS.store(true, Ordering::Relaxed);
}
