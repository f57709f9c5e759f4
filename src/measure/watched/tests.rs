use std::process::{Child, Command, Stdio};

use super::*;
use crate::clock;

/// A shell that runs a script; killed with its children when dropped.
struct Shell(Child);

impl Shell {
    fn run(script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped());
        // A test that fails leaves nothing that holds its output open.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn watched(&self) -> Watched {
        Watched::pid(self.0.id()).unwrap()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let all = processes();
        for stat in descendants(&all, &[self.0.id()]) {
            let pid = rustix::process::Pid::from_raw(stat.pid as i32).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A loop of a shell that takes some tens of milliseconds of CPU time.
const BURN: &str = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = clock::now() + 60 * clock::SECOND_NS;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock::now() < deadline, "timed out waiting for {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_tree_counts_children_while_they_run_and_after_they_ended() {
    let shell = Shell::run(&format!("(for n in 1 2 3; do ({BURN}) & done; wait); read line"));
    let (tree, one) = (shell.watched(), Process::watch(shell.0.id()).unwrap());
    until("the children", || (tree.pids().len() > 1).then_some(()));
    let mut last = 0;
    let reaped = until("the children's end", || {
        let now = tree.cpu_ns().unwrap();
        assert!(now >= last, "CPU time fell from {last} to {now}");
        last = now;
        // A child that has ended is in its parent's account once that has waited for it.
        let reaped = ProcessStat::read(shell.0.id()).unwrap().children_ns;
        (tree.pids().len() == 1 && reaped > 0).then_some(reaped)
    });
    let (sum, own) = (tree.cpu_ns().unwrap(), one.cpu_ns().unwrap());
    assert!(sum >= own + reaped, "{sum} ns in all, {own} own, {reaped} of children");
}

#[test]
fn children_that_ended_unseen_are_in_the_account_of_their_parent() {
    let shell = Shell::run(&format!("({BURN}); echo; read line"));
    until("the child's end", || {
        ProcessStat::read(shell.0.id()).filter(|stat| stat.children_ns > 0).map(drop)
    });
    let stat = ProcessStat::read(shell.0.id()).unwrap();
    assert!(shell.watched().cpu_ns().unwrap() >= stat.children_ns + stat.own_ns() / 2);
}

#[test]
fn a_child_that_nobody_waited_for_keeps_its_last_figure() {
    // With SIGCHLD ignored the kernel books no child to its parent.
    let key = (u32::MAX, 1);
    let shell = Shell::run("read line");
    let Watched::Tree(tree) = shell.watched() else { panic!("a tree") };
    let before = tree.cpu_ns().unwrap();
    tree.0.lock().unwrap().known.insert(key, 5_000_000_000);
    let after = tree.cpu_ns().unwrap();
    assert!(after >= before + 5_000_000_000, "{before} {after}");
    assert!(tree.cpu_ns().unwrap() < before + 10_000_000_000, "it is counted once");
}

#[test]
fn a_daemon_that_leaves_its_parent_stays_in_the_tree() {
    let shell = Shell::run("(sleep 600 & sleep 601) & wait; sleep 602");
    let tree = shell.watched();
    let parent_of = |pid| ProcessStat::read(pid).map(|stat| stat.parent);
    let find = || {
        let pids = tree.pids();
        let middle = pids.iter().copied().find(|pid| parent_of(*pid) == Some(shell.0.id()))?;
        let orphan = pids.iter().copied().find(|pid| parent_of(*pid) == Some(middle))?;
        Some((pids, middle, orphan))
    };
    let (seen, middle, orphan) = until("the tree", find);
    tree.cpu_ns();
    let kill = |pid: u32| {
        let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    };
    kill(middle);
    until("a new parent", || parent_of(orphan).filter(|parent| *parent != middle));
    let kept = tree.pids().contains(&orphan);
    seen.into_iter().for_each(kill);
    assert!(kept, "{orphan} was lost");
}

#[test]
fn memory_of_a_tree_is_that_of_all_its_processes() {
    let shell = Shell::run("sleep 600 & wait");
    let tree = shell.watched();
    until("two processes", || (tree.pids().len() == 2).then_some(()));
    let sum = tree.anonymous_memory_bytes().unwrap();
    let Watched::Tree(inner) = &tree else { panic!("a tree") };
    let kind = inner.0.lock().unwrap().memory.unwrap();
    let each: Vec<u64> = tree.pids().iter().map(|pid| memory_bytes(*pid, kind).unwrap()).collect();
    assert_eq!(each.len(), 2);
    assert!(each.iter().all(|bytes| *bytes > 0 && *bytes < sum), "{each:?} {sum}");
}

#[test]
fn what_cannot_be_read_is_absent() {
    assert_eq!(Watched::Nothing.cpu_ns(), None);
    assert_eq!(Watched::Nothing.anonymous_memory_bytes(), None);
    assert!(Watched::Nothing.pids().is_empty());
    assert!(Watched::pid(u32::MAX >> 1).is_err());
    let shell = Shell::run("read line");
    let tree = shell.watched();
    assert!(tree.cpu_ns().is_some());
    drop(shell);
    assert_eq!((tree.cpu_ns(), tree.anonymous_memory_bytes()), (None, None));
    assert!(tree.pids().is_empty());
}

#[test]
fn a_pidfile_is_followed_to_the_process_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.pid");
    assert!(Watched::pidfile(&path).unwrap_err().contains("is the server running?"));
    fs::write(&path, "no number\n").unwrap();
    assert!(Watched::pidfile(&path).unwrap_err().contains("does not begin with a process id"));
    let (one, other) = (Shell::run("read line"), Shell::run("read line"));
    fs::write(&path, format!("{}\n", one.0.id())).unwrap();
    let watched = Watched::pidfile(&path).unwrap();
    assert_eq!(watched.pids(), [one.0.id()]);
    fs::write(&path, other.0.id().to_string()).unwrap();
    assert_eq!(watched.pids(), [other.0.id()]);
}

#[test]
fn lives_of_a_server_add_up() {
    let (first, second) = (Shell::run(&format!("({BURN}); read line")), Shell::run("read line"));
    until("the burning", || {
        ProcessStat::read(first.0.id()).filter(|stat| stat.children_ns > 0).map(drop)
    });
    // A shell stands for the guard: what it did itself is not counted.
    let tree = Arc::new(Tree::below(vec![first.0.id()]));
    let watched = Watched::Tree(Arc::clone(&tree));
    let before = watched.cpu_ns().unwrap();
    assert_eq!(before, ProcessStat::read(first.0.id()).unwrap().children_ns);
    tree.retire();
    drop(first);
    assert_eq!(watched.cpu_ns(), Some(before), "while it is down");
    tree.resume(vec![second.0.id()]);
    assert_eq!(watched.cpu_ns(), Some(before), "a new life begins at zero");
}
