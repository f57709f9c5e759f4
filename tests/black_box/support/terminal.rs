//! A pseudo-terminal: the process on its other end believes that a person watches.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A pseudo-terminal, seen from the side of its window.
pub(crate) struct Terminal {
    window: File,
    device: PathBuf,
    seen: Vec<u8>,
}

impl Terminal {
    /// A terminal of this width in columns; 0 if it does not report one.
    pub(crate) fn new(columns: u16) -> Self {
        let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let window = window.unwrap();
        grantpt(&window).unwrap();
        unlockpt(&window).unwrap();
        let device = ptsname(&window, Vec::new()).unwrap().into_string().unwrap().into();
        let terminal = Self { window: window.into(), device, seen: Vec::new() };
        terminal.resize(columns);
        terminal
    }

    /// The path of its device.
    pub(crate) fn device(&self) -> &str {
        self.device.to_str().unwrap()
    }

    /// The end that a process writes to.
    pub(crate) fn stdio(&self) -> Stdio {
        let flags = (OFlags::NOCTTY | OFlags::CLOEXEC).bits();
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).custom_flags(flags.cast_signed());
        options.open(&self.device).unwrap().into()
    }

    /// Changes the window's width.
    pub(crate) fn resize(&self, columns: u16) {
        // The rows stay unknown, as after `stty cols`.
        let size = Winsize { ws_col: columns, ws_row: 0, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.window, size).unwrap();
    }

    /// Starts a command whose streams are set, with no copy of them left here.
    pub(crate) fn start(mut command: Command) -> Child {
        command.spawn().unwrap()
    }

    /// Reads until `enough` accepts the output so far, or no process has the terminal open.
    pub(crate) fn read_until(&mut self, enough: impl Fn(&str) -> bool) -> String {
        let mut piece = [0; 4096];
        loop {
            let seen = String::from_utf8_lossy(&self.seen).into_owned();
            if enough(&seen) {
                return seen;
            }
            match self.window.read(&mut piece) {
                // EIO: the last one has closed it.
                Ok(0) | Err(_) => return seen,
                Ok(n) => self.seen.extend(&piece[..n]),
            }
        }
    }

    /// Runs a command, set up by `streams`, to its end; returns what was seen.
    pub(crate) fn watch(mut self, command: Command) -> (String, ExitStatus) {
        let mut child = Self::start(command);
        let seen = self.read_until(|_| false);
        (seen, child.wait().unwrap())
    }
}
