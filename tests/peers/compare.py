#!/usr/bin/env python3
"""Compares the receipts of tidings' clients with those of peers.py, event by event, in one run on one server.

    compare.py SCENARIO KIND [PATTERN] [--tidings PATH] [--clients 10] [--rate 10/s] [--measure 10s] [--json]

SCENARIO is a file of scenarios/external/, KIND a kind of peers.py. The server is started here, as the scenario's
[[target.launch]] says, so that both makes know its port. Half of the other clients subscribe before tidings' and half after
them: a server that writes to its subscribers in the order in which they came favours neither.

For each event the median receipt of the one make is paired with that of the other. Exit status: 0 if the median of the
differences is within max(5 % of the median freshness, 0.3 ms), 1 if it is not, 2 if nothing could be compared.
"""

import argparse
import csv
import json
import os
import pathlib
import re
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
LIMIT_NS, LIMIT_SHARE = 300_000, 0.05


def event_of(token):
    """Topic and number, as src/dialect/token.rs packs them: 15 digits behind the prefix, the run's mark first."""
    value = 0
    for digit in token[5:20]:
        value = value * 32 + DIGITS.index(digit)
    return value >> 32 & 0xFFFFF, value & 0xFFFFFFFF


def substituted(text):
    """${NAME} and ${NAME:-default}, as in every scenario."""
    def value(found):
        return os.environ.get(found[1]) or found[2] or ""
    lines = text.splitlines(keepends=True)
    return "".join(line if line.startswith("#") else re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, line) for line in lines)


class Server:
    """The servers of [[target.launch]], in a scratch folder."""

    def __init__(self, scenario, folder, scratch):
        self.names, self.processes, self.folder = {"directory": str(scratch)}, [], folder
        self.log = open(scratch / "server.log", "wb")
        for launch in scenario["target"]["launch"]:
            for name, content in launch.get("files", {}).items():
                (scratch / name).write_text(self.rendered(content))
            for command in launch.get("prepare", []):
                subprocess.run(self.words(command), cwd=folder, check=True, stdout=self.log, stderr=self.log)
            process = subprocess.Popen(self.words(launch["command"]), cwd=folder, stdout=self.log, stderr=self.log)
            self.processes.append(process)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port()), 1).close()
                break
            except OSError:
                if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                    self.stop()
                    raise SystemExit(f"the server did not start: {(scratch / 'server.log').read_text()}") from None
                time.sleep(0.05)

    def port(self, name="port"):
        if name not in self.names:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.names[name] = str(probe.getsockname()[1])
        return int(self.names[name])

    def rendered(self, text):
        def value(found):
            return str(self.port(found[1])) if found[1].startswith("port") else self.names[found[1]]
        return re.sub(r"\{\{([\w:]+)\}\}", value, text)

    def words(self, command):
        words = shlex.split(command) if isinstance(command, str) else command
        return [self.rendered(word) for word in words]

    def connections(self):
        """Established connections at the server's port."""
        here = f":{self.port():04X}"
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table]
        return sum(row[1].endswith(here) and row[3] == "01" for row in rows)

    def stop(self):
        for process in self.processes:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def own_scenario(args, scenario, server):
    target = scenario["target"]
    url = server.rendered(target["url"])
    return f'''question = "Do two makes of clients receive an event at the same time?"
patterns = ["{args.pattern}"]
trials = 1
floor = false
[workload]
clients = {args.clients}
rate = "{args.rate}"
[worker]
samples = 100000
shards = 1
[phases]
connect = "500ms"
warmup = "3s"
measure = "{args.measure}"
drain = "5s"
[target]
dialect = "{target["dialect"]}"
url = "{url}"
'''


class Peers:
    def __init__(self, kind, port, count):
        command = [sys.executable, HERE / "peers.py", kind, f"127.0.0.1:{port}", "news-0", str(count)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("the other clients could not subscribe")

    def receipts(self):
        self.process.stdin.close()
        lines = [line.split() for line in self.process.stdout]
        self.process.wait()
        return [(event_of(token), int(at)) for token, _, at in lines]


def measured(args, scratch):
    """The receipts of both makes by event, and the freshness of ours."""
    path = pathlib.Path(args.scenario).resolve()
    scenario = tomllib.loads(substituted(path.read_text(encoding="utf-8")))
    server = Server(scenario, path.parent, scratch)
    peers = []
    try:
        (scratch / "compare.toml").write_text(own_scenario(args, scenario, server))
        peers.append(Peers(args.kind, server.port(), args.clients // 2))
        before = server.connections()
        command = [args.tidings, "run", scratch / "compare.toml", "--out", scratch / "results", "--quiet"]
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while run.poll() is None and server.connections() < before + args.clients:
            time.sleep(0.02)
        peers.append(Peers(args.kind, server.port(), args.clients - args.clients // 2))
        if run.wait() not in (0, 3):
            raise SystemExit(f"tidings ended with status {run.returncode}")
        theirs = [receipt for those in peers for receipt in those.receipts()]
    finally:
        server.stop()
        for those in peers:
            those.process.kill()
            those.process.wait()
    table = next((scratch / "results").glob("*/*/deliveries.csv"))
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ours = [((int(row["topic"]), int(row["seq"])), int(row["received_clock_ns"])) for row in rows]
    return ours, theirs, [int(row["received_ns"]) - int(row["due_ns"]) for row in rows]


def by_event(receipts):
    events = {}
    for event, at in receipts:
        events.setdefault(event, []).append(at)
    return events


def interval(values):
    """95 % interval of the median by the order of the values."""
    values, half = sorted(values), 0.98 * len(values) ** 0.5
    middle = len(values) / 2
    return values[max(0, round(middle - half))], values[min(len(values) - 1, round(middle + half))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario")
    parser.add_argument("kind")
    parser.add_argument("pattern", nargs="?")
    parser.add_argument("--tidings", default=str(ROOT / "target/release/tidings"))
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--rate", default="10/s")
    parser.add_argument("--measure", default="10s")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    patterns = {"nchan-long-poll": "long-poll", "nchan-sse": "sse", "pocketbase": "sse"}
    args.pattern = args.pattern or patterns.get(args.kind, "websocket")

    with tempfile.TemporaryDirectory() as scratch:
        ours, theirs, freshness = measured(args, pathlib.Path(scratch))
    ours, theirs = by_event(ours), by_event(theirs)
    full = [event for event, at in ours.items() if len(at) == args.clients and len(theirs.get(event, [])) == args.clients]
    if not full:
        print(f"{args.kind}: no event reached all clients of both makes: {len(ours)} and {len(theirs)} events", file=sys.stderr)
        return 2
    differences = [statistics.median(ours[event]) - statistics.median(theirs[event]) for event in full]
    middle, (low, high) = statistics.median(differences), interval(differences)
    fresh = statistics.median(freshness)
    limit = max(LIMIT_NS, LIMIT_SHARE * fresh)
    agrees = abs(middle) <= limit
    result = {"kind": args.kind, "pattern": args.pattern, "clients": args.clients, "events": len(full),
              "of": len(ours), "freshness_ns_p50": fresh, "difference_ns_p50": middle, "low_ns": low,
              "high_ns": high, "limit_ns": limit, "agrees": agrees}
    if args.json:
        print(json.dumps(result))
    else:
        print(f"{args.kind}: {len(full)} of {len(ours)} events reached {args.clients} clients of each make. tidings' receipt is "
              f"{middle / 1e3:+.0f} us from the other's (95 % interval {low / 1e3:+.0f} to {high / 1e3:+.0f} us), at a freshness of "
              f"{fresh / 1e3:.0f} us; limit {limit / 1e3:.0f} us: {'they agree' if agrees else 'they DISAGREE'}")
    return 0 if agrees else 1


sys.exit(main())
