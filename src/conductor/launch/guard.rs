//! The guard of a launched server: a process between it and the conductor, so that no process outlives a trial.
//!
//! It adopts every descendant that loses its parent (daemons do so on purpose), and ends when its control stream does,
//! however the conductor ended. Only the server's first process dies with the guard itself, should somebody kill that.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, setsid, wait,
};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::signal::unix::{SignalKind, signal};

use super::job::{Exit, GuardOrder, Job, News, Refusal};
use crate::clock;
use crate::control::{read_frame, write_frame};
use crate::measure::{descendants, processes};

/// Longest wait for killed processes to disappear.
const KILL_NS: u64 = 5 * clock::SECOND_NS;

enum Event {
    Order(GuardOrder),
    /// The conductor is done with this guard, or gone.
    End,
    Child(Pid, Exit),
    /// No descendant is left.
    Childless,
}

/// Runs this process as the guard of one server, ordered over stdin; the server's output goes to stderr.
///
/// # Errors
///
/// The kernel refuses to make it a guard.
pub fn guard() -> anyhow::Result<u8> {
    set_child_subreaper(Some(getpid()))?;
    survive_signals()?;
    let (tell, events) = channel();
    let orders = tell.clone();
    std::thread::Builder::new().name("orders".to_owned()).spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Ok(Some(order)) = read_frame(&mut stdin) {
            let _ = orders.send(Event::Order(order));
        }
        let _ = orders.send(Event::End);
    })?;
    if let Ok(Event::Order(GuardOrder::Start(job))) = events.recv() {
        let mut guard = Guard { job: *job, tell, events, main: None, state: State::default() };
        guard.run();
    }
    Ok(0)
}

/// Handles the signals that a careless `killall` sends. They are not ignored, which the server would inherit.
fn survive_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _context = runtime.enter();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        // The handler stays for the life of the process.
        drop(signal(kind)?);
    }
    Ok(())
}

#[derive(Default)]
struct State {
    /// How the first process ended, or else the last one that did.
    exit: Option<Exit>,
    reported: bool,
    childless: bool,
    /// The conductor is gone.
    abandoned: bool,
    /// What a stop command is, so that its end is not taken for the server's.
    stopper: Option<Pid>,
}

struct Guard {
    job: Job,
    tell: Sender<Event>,
    events: Receiver<Event>,
    main: Option<Pid>,
    state: State,
}

impl Guard {
    fn run(&mut self) {
        if let Some(cores) = &self.job.cores
            && let Err(error) = pin(cores)
        {
            report(&News::Refused(Refusal::Other(format!(
                "it cannot be kept to its cores: {error}"
            ))));
            return;
        }
        match self.spawn(&self.job.command) {
            Ok(pid) => {
                self.main = Some(pid);
                report(&News::Started { pid: pid.as_raw_pid() as u32 });
            }
            Err(refusal) => return report(&News::Refused(refusal)),
        }
        let tell = self.tell.clone();
        std::thread::spawn(move || wait_for_children(&tell));
        let gone = loop {
            match self.events.recv() {
                Ok(Event::Order(GuardOrder::Stop { signal })) => break self.stop(signal),
                Ok(Event::Order(GuardOrder::Kill)) => break self.kill(false),
                Ok(Event::End) | Err(_) => {
                    self.state.abandoned = true;
                    break self.stop(None);
                }
                Ok(event) => self.heed(&event),
            }
            if self.state.reported && !self.state.childless {
                // The server has ended: what it left behind is of no use.
                self.kill(false);
            }
        };
        report(&gone);
        if self.state.abandoned {
            if let Some(scratch) = &self.job.scratch {
                let _ = std::fs::remove_dir_all(scratch);
            }
            return;
        }
        // The account of the CPU time stays until the conductor has read it.
        while !matches!(self.events.recv(), Ok(Event::End) | Err(_)) {}
    }

    /// Takes note of an event that is no order.
    fn heed(&mut self, event: &Event) {
        match *event {
            Event::Child(pid, _) if Some(pid) == self.state.stopper => {}
            Event::Child(pid, exit) => {
                let was_main = Some(pid) == self.main;
                if self.state.exit.is_none_or(Exit::is_success) {
                    self.state.exit = Some(exit);
                }
                // A daemon's first process ends well, and its child serves.
                if was_main && !(exit.is_success() && self.job.may_daemonise) {
                    self.report_end(exit);
                }
            }
            Event::Childless => {
                self.state.childless = true;
                self.report_end(self.state.exit.unwrap_or(Exit::Code(0)));
            }
            Event::End => self.state.abandoned = true,
            Event::Order(_) => {}
        }
    }

    fn report_end(&mut self, exit: Exit) {
        if !std::mem::replace(&mut self.state.reported, true) {
            report(&News::Ended(exit));
        }
    }

    /// Asks the server to end, and kills it if it does not.
    fn stop(&mut self, other: Option<i32>) -> News {
        // Its end is expected from here on.
        self.state.reported = true;
        let signal = other.unwrap_or(self.job.stop.signal);
        if other.is_none() && self.job.stop.command.is_some() && !self.state.childless {
            let command = self.job.stop.command.clone().unwrap_or_default();
            match self.spawn(&command) {
                Ok(pid) => self.state.stopper = Some(pid),
                Err(_) => return self.kill(true),
            }
        } else if signal == libc::SIGKILL {
            return self.kill(false);
        }
        let by_signal = self.state.stopper.is_none();
        let mut asked = Vec::new();
        let deadline = clock::now() + self.job.stop.timeout_ns;
        while !self.state.childless {
            if by_signal {
                ask(signal, &mut asked);
            }
            let left = Duration::from_nanos(deadline.saturating_sub(clock::now()));
            match self.events.recv_timeout(left) {
                Ok(Event::Order(_)) | Err(RecvTimeoutError::Timeout) => return self.kill(true),
                Ok(event) => self.heed(&event),
                // The stream of orders and the waiting thread hold the other end.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.kill(false)
    }

    /// Kills every descendant and waits for the end of all.
    fn kill(&mut self, forced: bool) -> News {
        let own = getpid().as_raw_pid() as u32;
        let deadline = clock::now() + KILL_NS;
        let mut left = 0;
        loop {
            // The waiting thread may be first: one of the two finds that no child is left.
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
            if matches!(wait(WaitOptions::NOHANG), Err(rustix::io::Errno::CHILD)) {
                self.state.childless = true;
                break;
            }
            if clock::now() > deadline {
                break;
            }
            let all = descendants(&processes(), &[own]);
            let running: Vec<u32> =
                all.iter().filter(|stat| !stat.ended).map(|stat| stat.pid).collect();
            left = running.len() as u32;
            for pid in running {
                send(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        News::Gone { forced, left: if self.state.childless { 0 } else { left } }
    }

    fn spawn(&self, command: &[String]) -> Result<Pid, Refusal> {
        let job = &self.job;
        if !job.directory.is_dir() {
            return Err(Refusal::NoDirectory);
        }
        let other = |error: io::Error| Refusal::Other(error.to_string());
        let (program, arguments) = command.split_first().ok_or(Refusal::NotFound)?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&job.directory).envs(&job.environment);
        command.stdin(Stdio::null()).stdout(output().map_err(other)?);
        command.stderr(output().map_err(other)?);
        let prepare = || {
            setsid()?;
            Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
        };
        #[expect(unsafe_code, reason = "the child must ask the kernel for its death signal itself")]
        // SAFETY: between fork and exec, `prepare` makes two system calls, and neither allocates nor locks.
        unsafe {
            command.pre_exec(prepare);
        }
        let child = command.spawn().map_err(|error| Refusal::of(&error, Path::new(program)))?;
        Pid::from_raw(child.id() as i32).ok_or(Refusal::NotFound)
    }
}

fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores.iter().filter(|core| **core < CpuSet::MAX_CPU) {
        set.set(*core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// The end of the pipe to which the server writes.
#[expect(clippy::disallowed_methods, reason = "the conductor reads it as the server's output")]
fn output() -> io::Result<Stdio> {
    Ok(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
}

#[expect(clippy::disallowed_methods, reason = "a guard's stdout is its control stream")]
fn report(news: &News) {
    // A conductor that is gone need not know.
    let _ = write_frame(&mut io::stdout().lock(), news);
}

fn wait_for_children(tell: &Sender<Event>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                let _ = tell.send(Event::Child(pid, exit_of(status)));
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => {
                let _ = tell.send(Event::Childless);
                return;
            }
        }
    }
}

fn exit_of(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

/// Sends `signal` to every child of this process that has not got it: the first process of the server, or what it left.
fn ask(signal: i32, asked: &mut Vec<(u32, u64)>) {
    let own = getpid().as_raw_pid() as u32;
    let Some(signal) = Signal::from_named_raw(signal) else { return };
    for stat in processes().iter().filter(|stat| stat.parent == own && !stat.ended) {
        if !asked.contains(&(stat.pid, stat.start)) {
            asked.push((stat.pid, stat.start));
            send(stat.pid, signal);
            // One that is stopped would not notice.
            send(stat.pid, Signal::CONT);
        }
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _ = kill_process(pid, signal);
    }
}
