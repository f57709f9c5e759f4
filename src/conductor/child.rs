//! A child process of a trial: its control stream, its error output, its end.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::control::{FrameError, Order, Report, read_frame, write_frame};
use crate::measure::Process;

/// How much of a child's standard error is kept, from its end, in bytes.
const LAST_WORDS: usize = 2048;

/// A message or event on a child's control stream.
#[derive(Debug)]
pub(super) enum Heard {
    /// A report.
    Report(Box<Report>),
    /// The stream ended: the child has exited or is exiting.
    End,
    /// The stream cannot be understood.
    Broken(FrameError),
    /// Of no child: a signal has come.
    Signal,
}

/// A target or worker process. Dropping it kills it and waits for its end, so none is left behind.
#[derive(Debug)]
pub(super) struct Child {
    /// `"the target"`, `"worker 1"`: for messages.
    pub name: String,
    /// Reads CPU time and memory.
    pub process: Process,
    handle: std::process::Child,
    orders: Option<ChildStdin>,
    last_words: Arc<Mutex<VecDeque<u8>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Child {
    /// Starts `executable verb`; its messages go to `heard`, tagged with `id`.
    ///
    /// Must be called on a thread that outlives the child: the kernel kills the child when that thread ends.
    pub(super) fn spawn(
        executable: &Path,
        verb: &str,
        name: String,
        id: usize,
        heard: Sender<(usize, Heard)>,
    ) -> io::Result<Self> {
        let mut handle = Command::new(executable)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A separate group: Ctrl-C at the terminal reaches only the conductor, which ends the others.
            .process_group(0)
            .spawn()?;
        let process = Process::watch(handle.id()).inspect_err(|_| {
            let _ = handle.kill();
            let _ = handle.wait();
        })?;
        let (orders, stdout, stderr) =
            (handle.stdin.take(), handle.stdout.take(), handle.stderr.take());
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let words = Arc::clone(&last_words);
        let listen = std::thread::spawn(move || {
            let Some(stdout) = stdout else { return };
            let mut stream = BufReader::new(stdout);
            loop {
                let frame = catch_unwind(AssertUnwindSafe(|| read_frame(&mut stream)));
                let unread = || Err(io::Error::other("the thread that reads it panicked").into());
                let (news, last) = match frame.unwrap_or_else(|_| unread()) {
                    Ok(Some(report)) => (Heard::Report(Box::new(report)), false),
                    Ok(None) => (Heard::End, true),
                    Err(error) => (Heard::Broken(error), true),
                };
                if heard.send((id, news)).is_err() || last {
                    return;
                }
            }
        });
        let remember = std::thread::spawn(move || {
            let Some(mut stderr) = stderr else { return };
            let mut piece = [0; 1024];
            while let Ok(n @ 1..) = stderr.read(&mut piece) {
                let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                words.extend(&piece[..n]);
                let excess = words.len().saturating_sub(LAST_WORDS);
                words.drain(..excess);
            }
        });
        Ok(Self { name, process, handle, orders, last_words, threads: vec![listen, remember] })
    }

    /// Sends an order. A child that has exited is noticed by the end of its stream.
    pub(super) fn order(&mut self, order: &Order) {
        if let Some(orders) = &mut self.orders {
            let _ = write_frame(orders, order);
        }
    }

    /// Kills the child and waits for its end; everything it reported has then been passed on. May be called again.
    pub(super) fn end(&mut self) {
        drop(self.orders.take());
        let _ = self.handle.kill();
        let _ = self.handle.wait();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    /// Ends the child and describes its exit with its last error output: for a child that exited by itself.
    pub(super) fn obituary(&mut self) -> String {
        // Its stream has ended, so it is ending; one that hangs all the same is not waited for.
        let status = self.reap(std::time::Duration::from_secs(1));
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let words =
            String::from_utf8_lossy(&words.iter().copied().collect::<Vec<_>>()).into_owned();
        let how = status.map_or_else(|| "did not end".to_owned(), describe);
        match words.trim() {
            "" => format!("{} {how}", self.name),
            words => format!("{} {how}; it said: {}", self.name, words.replace('\n', " | ")),
        }
    }

    fn reap(&mut self, patience: std::time::Duration) -> Option<ExitStatus> {
        let deadline = std::time::Instant::now() + patience;
        loop {
            if let Ok(Some(status)) = self.handle.try_wait() {
                return Some(status);
            }
            if std::time::Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end();
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
