//! The `Date` of answers, rendered once a second.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;
use rustix::time::{ClockId, clock_gettime};

/// Its field, line end included.
type Line = [u8; 37];

/// The date of the current second.
#[derive(Debug)]
pub(crate) struct Today {
    second: Cell<i64>,
    line: Cell<Line>,
}

impl Default for Today {
    fn default() -> Self {
        Self { second: Cell::new(-1), line: Cell::new([b' '; 37]) }
    }
}

impl Today {
    /// The field now.
    #[inline]
    pub(super) fn line(&self) -> Line {
        // A tick of the kernel's late at most, and cheaper to read than the precise clock.
        let second = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
        if second != self.second.get() {
            self.render(second);
        }
        self.line.get()
    }

    fn render(&self, second: i64) {
        let at = UNIX_EPOCH + Duration::from_secs(second.max(0).unsigned_abs());
        let text = format!("date: {}\r\n", HttpDate::from(at));
        if let Ok(line) = Line::try_from(text.as_bytes()) {
            self.line.set(line);
        }
        self.second.set(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_rendered_anew_each_second() {
        let today = Today::default();
        today.render(784_111_777);
        assert_eq!(&today.line.get(), b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        let line = today.line();
        let text = std::str::from_utf8(&line[6..35]).unwrap();
        let age = httpdate::parse_http_date(text).unwrap().elapsed().unwrap();
        assert!(age < Duration::from_secs(60), "{text}");
        assert!(line.ends_with(b" GMT\r\n"));
    }
}
