//! CPU time and memory of a server, however its processes are known: one, a tree, a control group, or not at all.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Process;
use super::cgroup::Cgroup;
use super::process::{MemoryKind, memory_bytes};
use super::tree::{ProcessStat, below, descendants, processes};

/// What is watched of a server; every figure is `None` where it cannot be read.
#[derive(Debug, Clone)]
pub enum Watched {
    /// One process, without its children.
    One(Process),
    /// Processes with all of their children.
    Tree(Arc<Tree>),
    /// A control group.
    Group(Cgroup),
    /// Nothing: the server is elsewhere, or nobody said which process it is.
    Nothing,
}

impl Watched {
    /// The process `pid` with its children, those that it starts later too.
    pub fn pid(pid: u32) -> Result<Self, String> {
        match ProcessStat::read(pid) {
            Some(stat) if !stat.ended => Ok(Self::Tree(Arc::new(Tree::of(Roots::Pids(vec![pid]))))),
            _ => Err(format!("no process has the id {pid}: name one that runs")),
        }
    }

    /// The process that a file names, with its children; another one when the file names another.
    pub fn pidfile(path: &Path) -> Result<Self, String> {
        let pid = read_pidfile(path)?;
        Self::pid(pid).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self::Tree(Arc::new(Tree::of(Roots::Pidfile(path.to_owned())))))
    }

    /// CPU time over all processes and threads, ended ones too, in nanoseconds; it never falls.
    pub fn cpu_ns(&self) -> Option<u64> {
        match self {
            Self::One(process) => process.cpu_ns(),
            Self::Tree(tree) => tree.cpu_ns(),
            Self::Group(group) => group.cpu_ns(),
            Self::Nothing => None,
        }
    }

    /// Heap, stacks and shared memory in bytes, not mapped files; pages that several processes share count once.
    pub fn anonymous_memory_bytes(&self) -> Option<u64> {
        match self {
            Self::One(process) => process.anonymous_memory_bytes(),
            Self::Tree(tree) => tree.memory_bytes(),
            Self::Group(group) => group.memory_bytes(),
            Self::Nothing => None,
        }
    }

    /// The processes that run now.
    pub fn pids(&self) -> Vec<u32> {
        match self {
            Self::One(process) => vec![process.pid()],
            Self::Tree(tree) => tree.pids(),
            Self::Group(group) => group.pids(),
            Self::Nothing => Vec::new(),
        }
    }
}

/// Where a tree begins.
#[derive(Debug)]
enum Roots {
    /// At these processes.
    Pids(Vec<u32>),
    /// At the process that this file names.
    Pidfile(PathBuf),
    /// Below these processes, which adopt every descendant that loses its parent and are not counted themselves.
    Below(Vec<u32>),
}

/// Processes with all of their children, sampled.
///
/// The kernel adds the CPU time of a child to its parent's account when the parent waits for it. Where no parent does, the
/// last figure that was seen is kept.
#[derive(Debug)]
pub struct Tree(Mutex<State>);

#[derive(Debug)]
struct State {
    roots: Roots,
    /// CPU time when last seen, by process id and start.
    known: HashMap<(u32, u64), u64>,
    /// CPU time of ended children in the parents' accounts when it was first read.
    accounts_ns: Option<u64>,
    /// CPU time, as last seen, of processes that are gone.
    gone_ns: u64,
    /// CPU time of ended processes; it never falls.
    ended_ns: u64,
    /// CPU time of former lives.
    retired_ns: u64,
    /// The sum when it was last read; it never falls.
    sum_ns: u64,
    memory: Option<MemoryKind>,
}

impl Tree {
    fn of(roots: Roots) -> Self {
        Self(Mutex::new(State {
            roots,
            known: HashMap::new(),
            accounts_ns: None,
            gone_ns: 0,
            ended_ns: 0,
            retired_ns: 0,
            sum_ns: 0,
            memory: None,
        }))
    }

    /// Everything below `guards`: processes that adopt their descendants (`PR_SET_CHILD_SUBREAPER`) and are not counted.
    pub fn below(guards: Vec<u32>) -> Self {
        Self::of(Roots::Below(guards))
    }

    /// Ends a life of the server, whose guards still are, and keeps its CPU time; [`Self::resume`] begins the next.
    pub fn retire(&self) {
        let _ = self.cpu_ns();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.retired_ns = state.sum_ns;
        state.begin(Roots::Below(Vec::new()));
    }

    /// Begins a life of the server below `guards`.
    pub fn resume(&self, guards: Vec<u32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).begin(Roots::Below(guards));
    }

    fn cpu_ns(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cpu_ns()
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).memory_bytes()
    }

    fn pids(&self) -> Vec<u32> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (live, _) = state.live();
        live.iter().filter(|stat| !stat.ended).map(|stat| stat.pid).collect()
    }
}

impl State {
    fn begin(&mut self, roots: Roots) {
        self.roots = roots;
        self.known.clear();
        self.accounts_ns = None;
        (self.gone_ns, self.ended_ns) = (0, 0);
    }

    /// The processes of the tree, and CPU time in the accounts of what guards them.
    fn live(&self) -> (Vec<ProcessStat>, u64) {
        let read = |pids: &[u32]| pids.iter().filter_map(|pid| ProcessStat::read(*pid)).collect();
        let (mut roots, mut found): (Vec<u32>, Vec<ProcessStat>) = (Vec::new(), Vec::new());
        let mut guard_ns = 0;
        match &self.roots {
            Roots::Below(guards) => {
                let guards_now: Vec<ProcessStat> = read(guards);
                guard_ns = guards_now.iter().map(|stat| stat.children_ns).sum();
                roots.clone_from(guards);
            }
            Roots::Pids(pids) => found = read(pids),
            Roots::Pidfile(path) => {
                found = read(&read_pidfile(path).into_iter().collect::<Vec<_>>());
            }
        }
        // A daemon leaves its parent: what was seen once belongs to the tree for good.
        for (pid, start) in self.known.keys() {
            let known = ProcessStat::read(*pid).filter(|stat| stat.start == *start);
            found.extend(known.filter(|stat| found.iter().all(|other| other.pid != stat.pid)));
        }
        roots.extend(found.iter().map(|stat| stat.pid));
        let further = below(&roots).unwrap_or_else(|| descendants(&processes(), &roots));
        for stat in further {
            if !found.iter().any(|other| other.pid == stat.pid) {
                found.push(stat);
            }
        }
        (found, guard_ns)
    }

    fn cpu_ns(&mut self) -> Option<u64> {
        let (live, guard_ns) = self.live();
        let guarded = match &self.roots {
            // Between two lives nothing runs, and the account stands still.
            Roots::Below(guards) if guards.is_empty() => return Some(self.sum_ns),
            Roots::Below(guards) => guards.iter().any(|pid| ProcessStat::read(*pid).is_some()),
            _ => false,
        };
        if live.is_empty() && !guarded {
            return None;
        }
        let mut own_ns = 0;
        let mut accounts_ns = guard_ns;
        let mut known = HashMap::with_capacity(live.len());
        for stat in &live {
            let ns = stat.own_ns();
            own_ns += ns;
            accounts_ns += stat.children_ns;
            known.insert((stat.pid, stat.start), ns);
        }
        let gone = self.known.iter().filter(|(key, _)| !known.contains_key(key));
        self.gone_ns += gone.map(|(_, ns)| ns).sum::<u64>();
        let first_ns = *self.accounts_ns.get_or_insert(accounts_ns);
        // A process that is gone is in its parent's account, or was not waited for: the larger figure never counts it twice.
        self.ended_ns = self.ended_ns.max(accounts_ns).max(first_ns + self.gone_ns);
        self.known = known;
        self.sum_ns = self.sum_ns.max(self.retired_ns + own_ns + self.ended_ns);
        Some(self.sum_ns)
    }

    fn memory_bytes(&mut self) -> Option<u64> {
        let (live, _) = self.live();
        let pids: Vec<u32> = live.iter().filter(|stat| !stat.ended).map(|stat| stat.pid).collect();
        // Figures of two kinds must not be compared, so the first that can be read is kept.
        let kinds = self.memory.map_or(MemoryKind::ALL.to_vec(), |kind| vec![kind]);
        let read = |kind: MemoryKind| Some((kind, sum(&pids, kind)?));
        let (kind, bytes) = kinds.into_iter().find_map(read)?;
        self.memory = Some(kind);
        Some(bytes)
    }
}

/// Sums over processes; `None` if there are none, or one that runs cannot be read.
fn sum(pids: &[u32], kind: MemoryKind) -> Option<u64> {
    let (mut bytes, mut read) = (0, false);
    for pid in pids {
        match memory_bytes(*pid, kind) {
            Some(more) => (bytes, read) = (bytes + more, true),
            // It ended meanwhile.
            None if ProcessStat::read(*pid).is_none_or(|stat| stat.ended) => {}
            None => return None,
        }
    }
    read.then_some(bytes)
}

fn read_pidfile(path: &Path) -> Result<u32, String> {
    let text = fs::read_to_string(path).map_err(|error| {
        format!("the pidfile {} cannot be read: {error}; is the server running?", path.display())
    })?;
    let first = text.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
    first.ok_or_else(|| format!("{} does not begin with a process id", path.display()))
}

#[cfg(test)]
mod tests;
