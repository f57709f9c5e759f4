//! Monotonic stamps that every process of a host can compare.
//!
//! A stamp is `CLOCK_MONOTONIC` in nanoseconds: one clock for conductor, target and workers. `std::time::Instant` is opaque
//! across processes, and counters calibrated in each process drift apart.

use std::io;
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds per second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// Monotonic nanoseconds, comparable between the processes of this host.
#[inline]
pub fn now() -> u64 {
    stamp(ClockId::Monotonic)
}

/// CPU time that this process has used so far, over all of its threads, in nanoseconds.
pub fn process_cpu_ns() -> u64 {
    stamp(ClockId::ProcessCPUTime)
}

/// CPU time that the calling thread has used so far, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    stamp(ClockId::ThreadCPUTime)
}

#[inline]
fn stamp(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * SECOND_NS + time.tv_nsec as u64
}

/// Returns what makes this host's clock untrustworthy: a slow or adjusted source, or a time namespace.
///
/// One sentence per finding, none on a sound host; they are printed as warnings and kept with the run.
pub fn findings() -> Vec<String> {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let mut found = Vec::new();
    if let Ok(name) = std::fs::read_to_string(source) {
        let name = name.trim();
        if !matches!(name, "tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" | "arch_sys_counter")
        {
            found.push(format!(
                "the kernel's clock source is '{name}': reading it may cost microseconds; see {source}"
            ));
        }
    }
    if shifted_time_namespace(Path::new("/proc/self/timens_offsets")).unwrap_or(false) {
        found.push(
            "this process runs in a time namespace with an offset: its stamps compare only with those of \
             processes in the same one"
                .to_owned(),
        );
    }
    found
}

fn shifted_time_namespace(offsets: &Path) -> io::Result<bool> {
    let text = std::fs::read_to_string(offsets)?;
    Ok(text.lines().any(|line| line.split_whitespace().skip(1).any(|field| field != "0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_never_run_backwards() {
        let stamps: Vec<u64> = (0..1000).map(|_| now()).collect();
        assert!(stamps.is_sorted());
    }

    #[test]
    fn a_shifted_time_namespace_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            "monotonic           0         0\nboottime            0         0\n",
        )
        .unwrap();
        assert!(!shifted_time_namespace(file.path()).unwrap());
        std::fs::write(
            file.path(),
            "monotonic      86400         0\nboottime            0         0\n",
        )
        .unwrap();
        assert!(shifted_time_namespace(file.path()).unwrap());
    }
}
