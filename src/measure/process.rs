//! CPU time and memory of a process, from outside, and this process's own descriptor limit.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::clock::SECOND_NS;

/// A process of this host, watched from outside.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pid: u32,
    cpu_clock: libc::clockid_t,
}

impl Process {
    /// Watches the process `pid`.
    pub fn watch(pid: u32) -> io::Result<Self> {
        let mut cpu_clock = 0;
        #[expect(unsafe_code, reason = "no safe wrapper for clock_getcpuclockid")]
        // SAFETY: writes one clock id through a valid pointer.
        let code = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut cpu_clock) };
        match code {
            0 => Ok(Self { pid, cpu_clock }),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }

    /// The process id.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// CPU time over all threads, user and system, in nanoseconds; `None` once the process has ended.
    pub fn cpu_ns(&self) -> Option<u64> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        #[expect(unsafe_code, reason = "rustix reads only the clocks that it names")]
        // SAFETY: writes one timespec through a valid pointer.
        let code = unsafe { libc::clock_gettime(self.cpu_clock, &raw mut time) };
        (code == 0).then(|| time.tv_sec as u64 * SECOND_NS + time.tv_nsec as u64)
    }

    /// Anonymous memory in bytes (heap and stacks, not mapped files); `None` if the kernel does not report it.
    pub fn anonymous_memory_bytes(&self) -> Option<u64> {
        kib_of(&rollup(self.pid)?, &["Anonymous:"])
    }
}

/// How the memory of a process is counted. None of the kinds includes files that are mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemoryKind {
    /// Anonymous and shared memory, where a page of n processes counts 1/n for each.
    Proportional,
    /// Anonymous and shared memory, where such a page counts for each: what every user may read of every process.
    Resident,
}

impl MemoryKind {
    /// The most exact first.
    pub(super) const ALL: [Self; 2] = [Self::Proportional, Self::Resident];
}

/// Memory of the process `pid` in bytes; `None` if it cannot be read.
pub(super) fn memory_bytes(pid: u32, kind: MemoryKind) -> Option<u64> {
    match kind {
        MemoryKind::Proportional => kib_of(&rollup(pid)?, &["Pss_Anon:", "Pss_Shmem:"]),
        MemoryKind::Resident => {
            let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            kib_of(&text, &["RssAnon:", "RssShmem:"])
        }
    }
}

fn rollup(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()
}

/// The sum of such lines, which are in KiB, in bytes; `None` if one is missing.
fn kib_of(text: &str, names: &[&str]) -> Option<u64> {
    let line = |name: &&str| {
        let line = text.lines().find_map(|line| line.strip_prefix(*name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    names.iter().map(line).sum::<Option<u64>>().map(|kib| kib * 1024)
}

/// Raises the soft limit of open descriptors to the hard one; returns the limit that then holds.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn this_process_has_used_cpu_and_memory() {
        let process = Process::watch(std::process::id()).unwrap();
        let (own, outside) = (clock::process_cpu_ns(), process.cpu_ns().unwrap());
        assert!(outside >= own && own > 0, "{own} {outside}");
        assert!(process.anonymous_memory_bytes().unwrap() > 10_000);
    }

    #[test]
    fn a_process_that_is_gone_has_no_figures() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let gone = Process::watch(child.id());
        assert!(gone.is_err() || gone.unwrap().cpu_ns().is_none());
    }
}
