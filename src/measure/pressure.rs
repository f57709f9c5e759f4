//! Kernel statistics of CPU time taken from a process: steal, throttling, waiting for a core.
//!
//! Each is in nanoseconds, beside the time over which it was watched. If the kernel does not report it, that time is 0 and
//! the figure is unmeasured rather than 0.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Counter, Counters};
use crate::clock::{self, SECOND_NS};

/// Threads of this name watch, and do not work: their waiting is not the process's.
pub(super) const METER: &str = "hiccup";

/// The files that are read.
#[derive(Debug)]
pub(super) struct Sources {
    proc: PathBuf,
    /// `cpu.stat` of this process's control group and of those above it.
    throttling: Vec<PathBuf>,
}

/// Figures so far, at one instant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    at_ns: u64,
    /// Steal over all cores, and how many cores there are.
    steal: Option<(u64, u64)>,
    throttled_ns: Option<u64>,
    /// Waiting for a core, by task.
    run_delay_ns: Option<BTreeMap<u32, u64>>,
}

/// Whether the hypervisor ever took time from this host's cores since it was booted, or a quota from this process's control
/// group: such a host is shared with others.
pub fn was_ever_under_pressure() -> bool {
    let reading = Sources::of_this_process().read();
    reading.steal.is_some_and(|(ns, _)| ns > 0) || reading.throttled_ns.is_some_and(|ns| ns > 0)
}

impl Sources {
    /// The files of this process.
    pub(super) fn of_this_process() -> Self {
        let proc = PathBuf::from("/proc");
        let text = |name: &str| fs::read_to_string(proc.join("self").join(name));
        let throttling = match (text("cgroup"), text("mountinfo")) {
            (Ok(groups), Ok(mounts)) => throttling_files(&groups, &mounts),
            _ => Vec::new(),
        };
        Self { proc, throttling }
    }

    /// Reads the current statistics.
    pub(super) fn read(&self) -> Reading {
        Reading {
            at_ns: clock::now(),
            steal: fs::read_to_string(self.proc.join("stat")).ok().as_deref().and_then(steal),
            throttled_ns: self
                .throttling
                .iter()
                .filter_map(|path| throttled_ns(&fs::read_to_string(path).ok()?))
                .reduce(|sum, ns| sum + ns),
            run_delay_ns: run_delays(&self.proc.join("self/task")),
        }
    }
}

impl Reading {
    /// Returns the time taken since `earlier` from a process that works on `shards` threads.
    pub(super) fn since(&self, earlier: &Self, shards: u32) -> Counters {
        let mut counters = Counters::default();
        let watched_ns = self.at_ns.saturating_sub(earlier.at_ns);
        if let (Some((now, cores)), Some((before, _))) = (self.steal, earlier.steal) {
            counters.add(Counter::Steal, now.saturating_sub(before));
            counters.add(Counter::StealWatched, watched_ns * cores);
        }
        if let (Some(now), Some(before)) = (self.throttled_ns, earlier.throttled_ns) {
            counters.add(Counter::Throttled, now.saturating_sub(before));
            counters.add(Counter::ThrottledWatched, watched_ns);
        }
        if let (Some(now), Some(before)) = (&self.run_delay_ns, &earlier.run_delay_ns) {
            // A task that is new waited all its time in between; one that has ended takes its last moments with it.
            let waited = |(task, ns): (&u32, &u64)| {
                ns.saturating_sub(before.get(task).copied().unwrap_or_default())
            };
            counters.add(Counter::RunDelay, now.iter().map(waited).sum());
            counters.add(Counter::RunDelayWatched, watched_ns * u64::from(shards.max(1)));
        }
        counters
    }
}

/// Steal in nanoseconds over all cores, and the number of cores, of the text of `/proc/stat`.
fn steal(stat: &str) -> Option<(u64, u64)> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    // user nice system idle iowait irq softirq steal
    let ticks: u64 = all.split_whitespace().nth(7)?.parse().ok()?;
    let cores = stat.lines().filter(|line| line.starts_with("cpu")).count() as u64 - 1;
    let tick_ns = SECOND_NS / rustix::param::clock_ticks_per_second().max(1);
    (cores > 0).then_some((ticks * tick_ns, cores))
}

/// Time held back by a quota, of the text of a `cpu.stat`; the root group of version 2 has none.
fn throttled_ns(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| match line.split_once(' ')? {
        ("throttled_usec", us) => Some(us.trim().parse::<u64>().ok()? * 1_000),
        ("throttled_time", ns) => ns.trim().parse().ok(),
        _ => None,
    })
}

/// Time that each task below `directory` was runnable without running; `None` if no task reports it.
fn run_delays(directory: &Path) -> Option<BTreeMap<u32, u64>> {
    let mut delays = BTreeMap::new();
    for entry in fs::read_dir(directory).ok()?.flatten() {
        let text = |name: &str| fs::read_to_string(entry.path().join(name)).ok();
        let task = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // A task may end between any two of these lines.
        let (Some(task), Some(name), Some(times)) = (task, text("comm"), text("schedstat")) else {
            continue;
        };
        let delay = times.split_whitespace().nth(1).and_then(|field| field.parse().ok());
        if let (false, Some(delay)) = (name.starts_with(METER), delay) {
            delays.insert(task, delay);
        }
    }
    (!delays.is_empty()).then_some(delays)
}

/// The `cpu.stat` files that limit a process, from the texts of `/proc/self/cgroup` and `/proc/self/mountinfo`: those of
/// its own group and of the visible groups above.
fn throttling_files(groups: &str, mounts: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (mut left, right) = (left.split(' ').skip(3), right.split(' ').collect::<Vec<_>>());
        let (Some(root), Some(mount)) = (left.next(), left.next()) else { continue };
        let [kind, _, options] = right[..] else { continue };
        let has_cpu = |list: &str| list.split(',').any(|word| word == "cpu");
        let group = groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let own = match kind {
                "cgroup2" => controllers.is_empty(),
                "cgroup" => has_cpu(options) && has_cpu(controllers),
                _ => false,
            };
            own.then_some(path)
        });
        let Some(group) = group else { continue };
        // In a container the path may be the host's, and only the part below the mount's root is visible.
        let below = Path::new(group).strip_prefix(root).unwrap_or(Path::new(""));
        let directories = below.ancestors().map(|part| Path::new(mount).join(part));
        files.extend(directories.map(|directory| directory.join("cpu.stat")));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_read_over_all_cores() {
        let tick = SECOND_NS / rustix::param::clock_ticks_per_second();
        for (what, text, expected) in [
            (
                "two cores",
                "cpu  1 0 2 3 4 0 5 7 0 0\ncpu0 0 0 0 0 0 0 0 3 0 0\ncpu1 0 0 0 0 0 0 0 4 0 0\nctxt 9\n",
                Some((7 * tick, 2)),
            ),
            ("a kernel without steal", "cpu  1 0 2 3 4 0 5\ncpu0 1 0 2 3 4 0 5\n", None),
            ("no text at all", "", None),
        ] {
            assert_eq!(steal(text), expected, "{what}");
        }
    }

    #[test]
    fn throttling_is_read_of_both_versions() {
        for (what, text, expected) in [
            ("version 2", "usage_usec 9\nnr_throttled 3\nthrottled_usec 12\n", Some(12_000)),
            ("version 1", "nr_periods 0\nnr_throttled 0\nthrottled_time 345\n", Some(345)),
            ("the root of version 2 has no quota", "usage_usec 9\nuser_usec 8\n", None),
        ] {
            assert_eq!(throttled_ns(text), expected, "{what}");
        }
    }

    #[test]
    fn the_groups_of_a_process_are_found() {
        let v1 = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
                  33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let v2 = "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let container = "41 31 0:38 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        for (what, groups, mounts, expected) in [
            (
                "version 2, and the slice above",
                "0::/a.slice/b\n",
                v2,
                &["/sys/fs/cgroup/a.slice/b", "/sys/fs/cgroup/a.slice", "/sys/fs/cgroup"][..],
            ),
            (
                "version 1",
                "4:memory:/m\n1:cpuacct,cpu:/c\n0::/\n",
                v1,
                &["/sys/fs/cgroup/cpu/c", "/sys/fs/cgroup/cpu"],
            ),
            (
                "a container",
                "0::/docker/ab/x\n",
                container,
                &["/sys/fs/cgroup/x", "/sys/fs/cgroup"],
            ),
            ("a path from elsewhere", "0::/../y\n", container, &["/sys/fs/cgroup"]),
            ("no groups", "", v2, &[]),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|path| Path::new(path).join("cpu.stat")).collect();
            assert_eq!(throttling_files(groups, mounts), expected, "{what}");
        }
    }

    fn reading(at_ns: u64, tasks: &[(u32, u64)]) -> Reading {
        Reading { at_ns, run_delay_ns: Some(tasks.iter().copied().collect()), ..Reading::default() }
    }

    #[test]
    fn tasks_may_come_and_go() {
        let before = reading(1_000, &[(1, 500), (2, 70), (3, 10)]);
        let after = reading(2_000, &[(1, 520), (3, 10), (4, 5)]);
        let counters = after.since(&before, 2);
        assert_eq!(counters.get(Counter::RunDelay), 25, "20 of a task that stayed, 5 of a new one");
        assert_eq!(
            counters.share(Counter::RunDelay, Counter::RunDelayWatched),
            Some(25.0 / 2_000.0)
        );
    }

    #[test]
    fn a_statistic_missing_from_the_kernel_is_unmeasured_and_not_zero() {
        let folder = tempfile::tempdir().unwrap();
        let sources =
            Sources { proc: folder.path().to_owned(), throttling: vec!["/no/such".into()] };
        let nothing = sources.read();
        let counters = sources.read().since(&nothing, 1);
        for (part, watched) in [
            (Counter::Steal, Counter::StealWatched),
            (Counter::Throttled, Counter::ThrottledWatched),
            (Counter::RunDelay, Counter::RunDelayWatched),
        ] {
            assert_eq!(counters.share(part, watched), None, "{part:?}");
        }
    }

    #[test]
    fn files_are_read_and_the_meters_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for (task, name, times) in [
            ("7", "shard-0\n", "900 40 3\n"),
            ("8", "hiccup-0\n", "900 4000 3\n"),
            ("9", "main\n", "1 2 3\n"),
        ] {
            let task = folder.path().join("self/task").join(task);
            fs::create_dir_all(&task).unwrap();
            fs::write(task.join("comm"), name).unwrap();
            fs::write(task.join("schedstat"), times).unwrap();
        }
        let quota = folder.path().join("cpu.stat");
        fs::write(&quota, "throttled_usec 3\n").unwrap();
        fs::write(folder.path().join("stat"), "cpu  0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\n")
            .unwrap();
        let sources =
            Sources { proc: folder.path().to_owned(), throttling: vec![quota.clone(), quota] };
        let reading = sources.read();
        assert_eq!((reading.steal, reading.throttled_ns), (Some((0, 1)), Some(6_000)));
        assert_eq!(reading.run_delay_ns, Some(BTreeMap::from([(7, 40), (9, 2)])));
        let later = Reading { at_ns: reading.at_ns + 500, ..sources.read() };
        let counters = later.since(&reading, 1);
        assert_eq!(
            counters.share(Counter::Steal, Counter::StealWatched),
            Some(0.0),
            "measured, and 0"
        );
    }

    #[test]
    fn this_process_has_statistics() {
        let sources = Sources::of_this_process();
        let (before, after) = (sources.read(), sources.read());
        assert!(before.steal.is_none_or(|(_, cores)| cores > 0));
        let counters = after.since(&before, 1);
        assert!(counters.get(Counter::RunDelay) < 60 * SECOND_NS);
    }
}
