//! One life of a launched server, from the conductor's side: its guard, and what that reports.

use std::io::{self, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::job::{Exit, GuardOrder, Job, News, Refusal};
use super::output::Output;
use crate::clock::{self, SECOND_NS};
use crate::control::{read_frame, write_frame};

/// Longest wait for a guard beyond what its job allows: it kills within half of it.
const SLACK_NS: u64 = 10 * SECOND_NS;

/// The verb of the executable that makes it a guard.
const VERB: &str = "guard";

/// A server and its guard. Dropping it kills both, with every descendant.
#[derive(Debug)]
pub(super) struct Life {
    guard: Child,
    orders: Option<ChildStdin>,
    news: Receiver<News>,
    /// How the server ended, if it did so by itself.
    ended: Option<Exit>,
    gone: Option<Gone>,
    stop_ns: u64,
    readers: Vec<JoinHandle<()>>,
}

/// How a server ended that was ordered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    /// It was killed, as it did not end when asked.
    pub forced: bool,
    /// Processes that could not be killed.
    pub left: u32,
}

impl Life {
    /// Starts a job; what it prints goes to `output`.
    pub(super) fn begin(
        executable: &Path,
        job: &Job,
        output: &Arc<Output>,
    ) -> io::Result<Result<Self, Refusal>> {
        let mut guard = Command::new(executable)
            .arg(VERB)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Signals of the terminal do not reach it.
            .process_group(0)
            .spawn()?;
        let (mut orders, stdout, stderr) =
            (guard.stdin.take(), guard.stdout.take(), guard.stderr.take());
        let (tell, news) = channel();
        let listen = std::thread::spawn(move || {
            let Some(stdout) = stdout else { return };
            let mut stream = BufReader::new(stdout);
            while let Ok(Some(report)) = read_frame(&mut stream) {
                if tell.send(report).is_err() {
                    return;
                }
            }
        });
        let written = Arc::clone(output);
        let copy = std::thread::spawn(move || {
            let Some(mut stderr) = stderr else { return };
            let mut piece = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = stderr.read(&mut piece) {
                written.push(&piece[..n]);
            }
        });
        let start = GuardOrder::Start(Box::new(job.clone()));
        let told = orders.as_mut().map(|orders| write_frame(orders, &start));
        let readers = vec![listen, copy];
        let stop_ns = job.stop.timeout_ns;
        let mut life = Self { guard, orders, news, ended: None, gone: None, stop_ns, readers };
        if let Some(Err(error)) = told {
            let _ = life.guard.kill();
            return Err(io::Error::other(error));
        }
        match life.news.recv_timeout(Duration::from_nanos(SLACK_NS)) {
            Ok(News::Started { .. }) => Ok(Ok(life)),
            Ok(News::Refused(refusal)) => {
                life.gone = Some(Gone { forced: false, left: 0 });
                Ok(Err(refusal))
            }
            Ok(_) | Err(_) => {
                let _ = life.guard.kill();
                Err(io::Error::other("the process that is to guard it does not answer"))
            }
        }
    }

    /// The guard's process id: below it is every process of the server.
    pub(super) fn guard_pid(&self) -> u32 {
        self.guard.id()
    }

    /// How the server ended, if it has by itself.
    pub(super) fn ended(&mut self) -> Option<Exit> {
        self.hear(Duration::ZERO);
        self.ended
    }

    /// Waits at most `patience` for a report.
    pub(super) fn hear(&mut self, patience: Duration) {
        match self.news.recv_timeout(patience) {
            Ok(News::Ended(exit)) => self.ended = self.ended.or(Some(exit)),
            Ok(News::Gone { forced, left }) => self.gone = Some(Gone { forced, left }),
            Ok(News::Started { .. } | News::Refused(_)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                self.ended = self.ended.or(Some(Exit::Unguarded));
                self.gone = self.gone.or(Some(Gone { forced: true, left: 0 }));
            }
        }
    }

    /// Asks the server to end, by `signal` if it is given, and waits for the end of every process.
    ///
    /// The guard stays until this is dropped, with the account of the CPU time that the server used.
    pub(super) fn stop(&mut self, signal: Option<i32>) -> Gone {
        self.end(&GuardOrder::Stop { signal }, self.stop_ns)
    }

    fn end(&mut self, order: &GuardOrder, patience_ns: u64) -> Gone {
        if let Some(orders) = &mut self.orders {
            let _ = write_frame(orders, order);
        }
        let deadline = clock::now() + patience_ns + SLACK_NS;
        loop {
            if let Some(gone) = self.gone {
                return gone;
            }
            let left = deadline.saturating_sub(clock::now());
            if left == 0 {
                return *self.gone.insert(Gone { forced: true, left: 1 });
            }
            self.hear(Duration::from_nanos(left));
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.gone.is_none() {
            self.end(&GuardOrder::Kill, 0);
        }
        drop(self.orders.take());
        let deadline = clock::now() + SLACK_NS;
        while clock::now() < deadline {
            if !matches!(self.guard.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        for reader in self.readers.drain(..) {
            // A process that the kernel does not let go of keeps the pipe open: its reader is left to it.
            let deadline = clock::now() + SECOND_NS;
            while !reader.is_finished() && clock::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
