//! CPU time, memory and processes of a control group (version 2).

use std::fs;
use std::path::{Path, PathBuf};

/// Where version 2 is mounted: alone, or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// A control group of this host, with all groups below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// The group at `path`: below the mount, as `/proc/PID/cgroup` writes it (`/system.slice/nginx.service`), or the whole
    /// path of its folder.
    pub fn at(path: &str) -> Result<Self, String> {
        let mount = mount()?;
        let below = Path::new(path).strip_prefix(mount).unwrap_or(Path::new(path));
        let below = below.strip_prefix("/").unwrap_or(below);
        if below.as_os_str().is_empty() {
            return Err(
                "the root control group holds every process of this host: give the server a group \
                        of its own, or name its pid"
                    .to_owned(),
            );
        }
        let folder = mount.join(below);
        if !folder.join("cgroup.procs").exists() {
            return Err(format!(
                "there is no control group {}: see `cat /proc/PID/cgroup` for that of a process",
                folder.display()
            ));
        }
        Ok(Self(folder))
    }

    /// The group that the process `pid` is in.
    pub fn of(pid: u32) -> Result<Self, String> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).map_err(|error| {
            format!("the control group of process {pid} cannot be read: {error}")
        })?;
        let path = text.lines().find_map(|line| line.strip_prefix("0::"));
        Self::at(path.ok_or_else(|| format!("process {pid} is in no control group of version 2"))?)
    }

    /// CPU time of all processes that are or were in it, in nanoseconds.
    pub fn cpu_ns(&self) -> Option<u64> {
        Some(number(&fs::read_to_string(self.0.join("cpu.stat")).ok()?, "usage_usec")? * 1000)
    }

    /// Memory in bytes: heap, stacks and shared memory, not the cache of files. `None` without the memory controller.
    pub fn memory_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(self.0.join("memory.stat")).ok()?;
        Some(number(&text, "anon")? + number(&text, "shmem").unwrap_or(0))
    }

    /// The processes in it and in the groups below it.
    pub fn pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        pids
    }
}

fn mount() -> Result<&'static Path, String> {
    let found = MOUNTS.iter().map(Path::new).find(|path| path.join("cgroup.controllers").exists());
    found.ok_or_else(|| {
        "this host has no control groups of version 2 below /sys/fs/cgroup: name a pid or a pidfile".to_owned()
    })
}

/// The number behind `key` in a file of such lines.
fn number(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_and_absent_ones_stay_absent() {
        let folder = tempfile::tempdir().unwrap();
        let group = Cgroup(folder.path().to_owned());
        assert_eq!((group.cpu_ns(), group.memory_bytes()), (None, None));
        assert!(group.pids().is_empty());
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("cpu.stat", "usage_usec 1234\nuser_usec 1000\n");
        write("memory.stat", "anon 4096\nfile 9999\nanon_thp 7\nshmem 512\n");
        write("cgroup.procs", "12\n13\n");
        fs::create_dir_all(folder.path().join("below/further")).unwrap();
        write("below/further/cgroup.procs", "14\n");
        assert_eq!((group.cpu_ns(), group.memory_bytes()), (Some(1_234_000), Some(4608)));
        assert_eq!(group.pids(), [12, 13, 14]);
    }

    #[test]
    fn what_is_no_group_of_the_servers_own_is_refused() {
        for path in ["/", "", "/sys/fs/cgroup", "/no/such/group"] {
            assert!(Cgroup::at(path).is_err(), "{path}");
        }
        assert!(Cgroup::of(u32::MAX).is_err());
    }
}
