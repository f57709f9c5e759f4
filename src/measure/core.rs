//! Lists the cores that this process may use, and pins threads to them.

use std::fs;
use std::io;
use std::sync::OnceLock;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Cores that this process was started on, ascending: read once, before any thread is pinned.
pub(super) fn cores() -> &'static [usize] {
    static CORES: OnceLock<Vec<usize>> = OnceLock::new();
    CORES.get_or_init(|| {
        let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
        (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
    })
}

/// Core number `number` of those that this process may use, counted round.
pub(super) fn core(number: usize) -> Option<usize> {
    let cores = cores();
    number.checked_rem(cores.len()).map(|place| cores[place])
}

/// Pins this thread to core number `number` (modulo their count) of those that this process may use.
///
/// Threads that it starts later inherit the pin. If pinning fails, the thread runs on any core.
pub fn pin(number: u32) {
    if let Some(core) = core(number as usize) {
        let mut set = CpuSet::new();
        set.set(core);
        let _ = sched_setaffinity(None, &set);
    }
}

/// Has this thread run only where its core has nothing else to do, for good: any other thread that wakes takes its place.
///
/// If the kernel refuses, the thread runs as before.
pub fn give_way() {
    let parameters = libc::sched_param { sched_priority: 0 };
    #[expect(unsafe_code, reason = "rustix does not wrap sched_setscheduler")]
    // SAFETY: reads one struct through a valid pointer; 0 is the calling thread.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters);
    }
}

/// Numbers of the cores that this process may use, ascending; empty if the kernel does not say.
pub fn allowed_cores() -> &'static [usize] {
    cores()
}

/// Lets every thread of the process `pid` run on `cores` alone. Threads and children that they start later inherit this.
pub fn pin_process(pid: u32, cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores.iter().filter(|core| **core < CpuSet::MAX_CPU) {
        set.set(*core);
    }
    for entry in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let thread = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(thread) = thread.and_then(Pid::from_raw) {
            sched_setaffinity(Some(thread), &set)?;
        }
    }
    Ok(())
}
