//! Describes panics, and reports a child's to its conductor.

use std::any::Any;
use std::panic::PanicHookInfo;

/// The text of a panic's payload.
pub fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// Describes a panic in one line: thread, place and message.
pub fn describe(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
    let said = message(panic.payload()).replace('\n', " | ");
    format!("thread '{}' panicked{place}: {said}", thread.name().unwrap_or("unnamed"))
}

/// Panics if the environment requests it (`TIDINGS_PANIC_AT=place`), to test the handling of panics; in debug builds only.
///
/// # Panics
///
/// If requested.
pub fn mishap(place: &str) {
    let asked = || std::env::var_os("TIDINGS_PANIC_AT").is_some_and(|at| at == place);
    assert!(!(cfg!(debug_assertions) && asked()), "TIDINGS_PANIC_AT asks for it");
}
