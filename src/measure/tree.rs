//! The processes of this host and their descent, from `/proc`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use rustix::param::clock_ticks_per_second;

use super::Process;
use crate::clock::SECOND_NS;

/// A process as `/proc` shows it at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessStat {
    /// The process id.
    pub pid: u32,
    /// The parent's process id.
    pub parent: u32,
    /// When it started, in clock ticks since boot: with the id it names a process for good.
    pub start: u64,
    /// Whether it has ended, and its parent has not taken notice yet.
    pub ended: bool,
    /// CPU time over all threads, to the tick, in nanoseconds.
    ticks_ns: u64,
    /// CPU time of children that ended and were waited for, and of theirs, in nanoseconds.
    pub children_ns: u64,
}

impl ProcessStat {
    /// Reads the process `pid`; `None` once it is gone.
    pub fn read(pid: u32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads a line of `/proc/PID/stat`. The name in it may hold spaces and parentheses.
    fn parse(pid: u32, line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
        let time_ns = |place: usize| {
            Some((number(place)? + number(place + 1)?) * (SECOND_NS / clock_ticks_per_second()))
        };
        Some(Self {
            pid,
            parent: number(1)? as u32,
            start: number(19)?,
            ended: matches!(*fields.first()?, "Z" | "X"),
            ticks_ns: time_ns(11)?,
            children_ns: time_ns(13)?,
        })
    }

    /// CPU time over all threads in nanoseconds; to the tick for a process that has ended.
    pub fn own_ns(&self) -> u64 {
        let exact = Process::watch(self.pid).ok().filter(|_| !self.ended);
        exact.and_then(|process| process.cpu_ns()).unwrap_or(self.ticks_ns)
    }
}

/// Every process of this host that `/proc` shows.
pub fn processes() -> Vec<ProcessStat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(ProcessStat::read).collect()
}

/// The processes that descend from one of `roots`, as [`descendants`] of all processes, without looking at any other: reading
/// all of a host takes milliseconds. `None` where the kernel does not list children.
///
/// The kernel may leave out a child whose sibling ends at that moment.
pub(super) fn below(roots: &[u32]) -> Option<Vec<ProcessStat>> {
    if !Path::new("/proc/thread-self/children").exists() {
        return None;
    }
    let mut seen: HashSet<u32> = HashSet::new();
    let (mut found, mut next) = (Vec::new(), roots.to_vec());
    while let Some(pid) = next.pop() {
        for child in children(pid) {
            if seen.insert(child)
                && let Some(stat) = ProcessStat::read(child)
            {
                found.push(stat);
                next.push(child);
            }
        }
    }
    Some(found)
}

/// The children of all threads of a process; none once it is gone.
fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(list.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    found
}

/// The processes of `all` that descend from one of `roots`; the roots themselves are not among them, unless they descend
/// from another root.
pub fn descendants(all: &[ProcessStat], roots: &[u32]) -> Vec<ProcessStat> {
    let mut parents: HashSet<u32> = roots.iter().copied().collect();
    let mut found: Vec<ProcessStat> = Vec::new();
    let mut left: Vec<ProcessStat> = all.to_vec();
    loop {
        let (new, rest): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|stat| parents.contains(&stat.parent));
        if new.is_empty() {
            return found;
        }
        parents.extend(new.iter().map(|stat| stat.pid));
        found.extend(new);
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: u32, parent: u32) -> ProcessStat {
        ProcessStat { pid, parent, start: 0, ended: false, ticks_ns: 0, children_ns: 0 }
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_is_no_obstacle() {
        let line = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 1 2 3";
        let read = ProcessStat::parse(7, line).unwrap();
        let tick_ns = SECOND_NS / clock_ticks_per_second();
        assert_eq!((read.parent, read.start, read.ended), (3, 99, false));
        assert_eq!((read.ticks_ns, read.children_ns), (11 * tick_ns, 15 * tick_ns));
        assert!(ProcessStat::parse(7, &line.replace(" S ", " Z ")).unwrap().ended);
        for broken in ["", "7 (a", "7 (a) S", "7 (a) S x 7 7"] {
            assert_eq!(ProcessStat::parse(7, broken), None, "{broken}");
        }
    }

    #[test]
    fn descent_is_followed_through_every_generation_in_any_order() {
        let all = [stat(5, 4), stat(4, 3), stat(3, 1), stat(9, 1), stat(2, 1), stat(8, 2)];
        let pids = |roots: &[u32]| {
            let mut pids: Vec<u32> = descendants(&all, roots).iter().map(|stat| stat.pid).collect();
            pids.sort_unstable();
            pids
        };
        assert_eq!(pids(&[3]), [4, 5]);
        assert_eq!(pids(&[3, 2]), [4, 5, 8]);
        assert_eq!(pids(&[3, 4]), [4, 5]);
        assert!(pids(&[5]).is_empty());
    }

    #[test]
    fn what_is_below_a_process_is_what_descends_from_it() {
        let shell = |script: &str| {
            let mut command = std::process::Command::new("sh");
            command.args(["-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap()
        };
        let mut parents = [shell("(sh -c 'sleep 600' & wait) & wait"), shell("read line")];
        let own = std::process::id();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        // The child of another thread is one of the process, too.
        let other = std::thread::spawn(move || {
            let mut child = shell("read line");
            let _ = ended.recv();
            child.kill().and_then(|()| child.wait())
        });
        let pids = |found: &[ProcessStat]| {
            let mut pids: Vec<u32> = found.iter().map(|stat| stat.pid).collect();
            pids.sort_unstable();
            pids
        };
        let roots = [parents[0].id(), parents[1].id()];
        let deadline = crate::clock::now() + 60 * SECOND_NS;
        // The shell's own children come when it gets to them, and so does that of the thread.
        loop {
            let (walked, scanned) = (below(&roots).unwrap(), descendants(&processes(), &roots));
            let all = below(&[own]).unwrap();
            if walked.len() >= 2 && all.len() >= 5 && pids(&walked) == pids(&scanned) {
                break;
            }
            assert!(crate::clock::now() < deadline, "{walked:?} {scanned:?} {all:?}");
            std::thread::yield_now();
        }
        let all = pids(&below(&[own]).unwrap());
        assert!(roots.iter().all(|root| all.contains(root)));
        for pid in pids(&below(&roots).unwrap()) {
            let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        for parent in &mut parents {
            parent.kill().and_then(|()| parent.wait()).unwrap();
        }
        end.send(()).unwrap();
        other.join().unwrap().unwrap();
        assert_eq!(below(&roots), Some(Vec::new()), "nothing is below what is gone");
    }

    #[test]
    fn this_process_is_among_all() {
        let own = std::process::id();
        let all = processes();
        let found = all.iter().find(|stat| stat.pid == own).unwrap();
        assert!(!found.ended && found.own_ns() > 0);
    }
}
