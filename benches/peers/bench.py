"""What the tables share: options, pinned children that end with the script, rounds in random order, CPU time, and printing."""

import argparse
import atexit
import contextlib
import csv
import ctypes
import fcntl
import http.client
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

import intervals

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
CHILDREN = []
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def arguments(description):
    """The options that every script has; a script adds its own before it parses."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tidings", default=str(ROOT / "target/release/tidings"), help="the binary that is measured")
    parser.add_argument("--before", help="a second binary of tidings, measured beside it as one more peer")
    parser.add_argument("--peers", help="only these peers, separated by commas")
    parser.add_argument("--only", help="only these tables, separated by commas")
    parser.add_argument("--pairs", type=int, default=20, help="rounds; in each, every program runs once (default 20)")
    parser.add_argument("--budget", type=float, help="minutes for each table: no round begins after them, and the table says how many it has")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the order within rounds")
    parser.add_argument("--cache", default=str(ROOT / "target/peers"), help="folder that install.py installed into")
    parser.add_argument("--client-core", default="1", help="core of the client (default 1)")
    parser.add_argument("--server-core", default="0", help="core of the server (default 0)")
    parser.add_argument("--csv", help="write every measurement of every round to this file")
    parser.add_argument("--lock", help="hold this file's lock during each round, on a machine that others build on")
    return parser


def begin(options):
    """Checks the options, and arranges that no child outlives the script."""
    for binary in filter(None, (options.tidings, options.before)):
        if not os.access(binary, os.X_OK):
            sys.exit(f"{binary} is not an executable file. Build it with: cargo build --release")
    if options.pairs < 1 or options.seconds <= 0 or (options.budget is not None and options.budget <= 0):
        sys.exit("--pairs, --seconds and --budget must be greater than 0")
    atexit.register(end_all)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda caught, _frame: sys.exit(128 + caught))
    with contextlib.suppress(OSError, ValueError):
        os.sched_setaffinity(0, {int(options.server_core.split(",")[0])})


def wanted(options, tables):
    """The tables that --only names, or all."""
    names = options.only.split(",") if options.only else list(tables)
    unknown = [name for name in names if name not in tables]
    if unknown:
        sys.exit(f"no table is called {', '.join(unknown)}; these are: {', '.join(tables)}")
    return names


def pinned(core, command):
    return ["taskset", "-c", str(core), *[str(word) for word in command]]


def follow():
    """Lets this process end when the script does, even if that is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def start(core, command, **options):
    """Starts a child on a core, in a process group of its own."""
    child = subprocess.Popen(pinned(core, command), start_new_session=True, stdin=subprocess.DEVNULL, preexec_fn=follow, **options)
    CHILDREN.append(child)
    return child


def end(child):
    """Ends a child and everything that it started: asks first, kills after three seconds."""
    for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    if child in CHILDREN:
        CHILDREN.remove(child)


def end_all():
    for child in list(CHILDREN):
        end(child)


class Failed(Exception):
    """A program could not be measured; the message says why."""


def measured(core, command, limit, during=None):
    """Runs a program to its end: its output, its CPU seconds with those of its children, and the wall-clock time.

    `during(pid)` is called every 20 ms while it runs. Without it the script sleeps until the end, as it shares the server's core."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        child = start(core, command, stdout=output, stderr=subprocess.STDOUT)
        ended = os.pidfd_open(child.pid)
        try:
            while True:
                pid, status, usage = os.wait4(child.pid, os.WNOHANG)
                if pid:
                    child.returncode = os.waitstatus_to_exitcode(status)
                    break
                if time.monotonic() - began > limit:
                    raise Failed(f"{command[0]} did not end within {limit:.0f} s")
                if during:
                    during(child.pid)
                left = max(0.0, limit - (time.monotonic() - began))
                select.select([ended], [], [], 0.02 if during else left + 0.001)
        finally:
            os.close(ended)
            end(child)
        wall = time.monotonic() - began
        output.seek(0)
        return output.read().decode(errors="replace"), usage.ru_utime + usage.ru_stime, wall, child.returncode


def family(pid):
    """A process and all that descend from it, as far as they run."""
    found = [pid]
    for member in found:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{member}/task"):
                text = pathlib.Path(f"/proc/{member}/task/{thread}/children").read_text()
                found.extend(int(child) for child in text.split())
    return found


def cpu_of(pids):
    """CPU seconds of these processes by /proc/PID/stat: user and system, threads that ended included."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def cpu_of_threads(pid):
    """CPU seconds of each thread of a process that still runs."""
    found = {}
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            fields = pathlib.Path(f"/proc/{pid}/task/{thread}/stat").read_text().rpartition(")")[2].split()
            found[int(thread)] = (int(fields[11]) + int(fields[12])) / TICKS
    return found


def memory_of(pids):
    """Resident memory of these processes in bytes: VmRSS."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += 1024 * int(line.split()[1])
    return total


def http_connection(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=10)


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def wait_for(port, child, patience=10.0, address="127.0.0.1"):
    """Waits until a server accepts connections."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if child.poll() is not None:
            raise Failed(f"the server ended with status {child.returncode} before it accepted connections")
        with contextlib.suppress(OSError):
            socket.create_connection((address, port), 1).close()
            return
        time.sleep(0.02)
    raise Failed(f"the server did not accept connections on port {port} within {patience:.0f} s")


def rounds(options, programs):
    """Measures every program once per round, in an order drawn anew for each; returns the figures by program.

    A program is a function without arguments that returns a dict of figures. What fails in a round has no figures there; what
    fails three times in a row is left out from then on. After the budget no round begins; the first always does."""
    order, found = random.Random(options.seed), {name: [] for name in programs}
    failures, reasons = dict.fromkeys(programs, 0), {}
    end, done = time.monotonic() + 60 * (options.budget or float("inf")), 0
    for number in range(options.pairs):
        if number and time.monotonic() > end:
            break
        names = [name for name in programs if failures[name] < 3]
        order.shuffle(names)
        with locked(options.lock):
            for name in names:
                try:
                    found[name].append(programs[name]())
                    failures[name] = 0
                except Failed as reason:
                    found[name].append(None)
                    failures[name] += 1
                    reasons[name] = str(reason)
        for name in programs:
            found[name] += [None] * (number + 1 - len(found[name]))
        done = number + 1
        progress(f"round {done} of {options.pairs}")
    progress("")
    if done < options.pairs:
        print(f"{done} of {options.pairs} rounds: the budget of {options.budget:g} min was used up")
    for name, reason in reasons.items():
        missing = sum(figures is None for figures in found[name])
        print(f"{name}: no figures in {missing} of {done} rounds. {reason}")
    return found


@contextlib.contextmanager
def locked(path):
    if path is None:
        yield
        return
    with open(path, "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def column(found, name, figure):
    """One figure of a program, a value per round; None where it has none."""
    return [figures.get(figure) if figures else None for figures in found.get(name, [])]


def present(values):
    return [value for value in values if value is not None]


def show(title, heads, rows):
    """A plain table: the first column to the left, the others to the right."""
    table = [heads, *rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(heads))]
    print(f"\n{title}\n")
    for number, row in enumerate(table):
        cells = [cell.ljust(width) if index == 0 else cell.rjust(width) for index, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("-" * (sum(widths) + 2 * (len(widths) - 1)))
    sys.stdout.flush()


def table(title, found, ours, figures, compared, inverse=False):
    """Prints medians of `figures`, [(head, name, format)], and for each of `compared`, [(head, name)], the ratio ours ÷ theirs.

    `inverse` prints theirs ÷ ours."""
    heads = [title[1], *[head for head, _, _ in figures], *[head for head, _ in compared]]
    rows = []
    for name in found:
        row = [name]
        for _, figure, form in figures:
            values = present(column(found, name, figure))
            row.append(form(intervals.median(values)) if values else "-")
        for _, figure in compared:
            mine = name == ours
            pair = [column(found, ours, figure), column(found, name, figure)]
            row.append("1" if mine else intervals.ratio_text(intervals.ratio(*(pair[::-1] if inverse else pair))))
        rows.append(row)
    show(title[0], heads, rows)


def run_tables(options, tables, raw):
    """Runs the tables that are wanted, one after another, and keeps what was measured however it ends."""
    try:
        for name in wanted(options, tables):
            try:
                tables[name](options, raw)
            except Failed as reason:
                print(f"\n{name}: not measured. {reason}")
            raw.write()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        raw.write()


class Pairs:
    """The raw measurements, written as CSV when the script ends its tables."""

    def __init__(self, path):
        self.path, self.rows = path, []

    def add(self, table_name, found):
        for program, rounds_of in found.items():
            for number, figures in enumerate(rounds_of):
                measured_ones = ((figure, value) for figure, value in sorted((figures or {}).items()) if value is not None)
                for figure, value in measured_ones:
                    self.rows.append([table_name, number + 1, program, figure, value])

    def write(self):
        if self.path:
            with open(self.path, "w", newline="") as handle:
                writer = csv.writer(handle, lineterminator="\n")
                writer.writerow(["table", "round", "program", "figure", "value"])
                writer.writerows(self.rows)
