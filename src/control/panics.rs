//! What a panic says, and how a child's reaches its conductor.

use std::any::Any;
use std::panic::PanicHookInfo;

/// The text of a panic's payload.
pub fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// One line: thread, place and message of a panic.
pub fn describe(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let place = panic.location().map_or_else(String::new, |at| format!(" at {at}"));
    let said = panic.payload_as_str().unwrap_or("no message").replace('\n', " | ");
    format!("thread '{}' panicked{place}: {said}", thread.name().unwrap_or("unnamed"))
}

/// Panics where the environment asks for it, to test what becomes of a panic: `TIDINGS_PANIC_AT=place`, in debug builds only.
pub fn mishap(place: &str) {
    if cfg!(debug_assertions) && std::env::var_os("TIDINGS_PANIC_AT").is_some_and(|at| at == place)
    {
        panic!("TIDINGS_PANIC_AT asks for it");
    }
}
