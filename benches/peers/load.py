"""tidings as a load generator: the scenarios that it is given, and the figures of its results folder."""

import contextlib
import csv
import json
import pathlib
import tempfile
import time

import bench
import clients

REQUESTS = """question = "What does a request cost the client?"
patterns = ["request"]
trials = 1
floor = false
[workload]
clients = {links}
[request]
{loop}
timeout = "10s"
[phases]
connect = "{connect:.2f}s"
idle = "0s"
warmup = "{warmup:g}s"
measure = "{seconds:g}s"
drain = "1s"
[worker]
processes = 1
shards = 1
{transport}
[target]
url = "{origin}"
[[target.request]]
request = "GET {path}"
"""


class Worker:
    """Samples the CPU time of a run's worker processes from /proc, as a check on what the run reports."""

    def __init__(self, role="worker"):
        self.role, self.pids, self.samples, self.next = role, [], [], 0.0

    def look(self, pid):
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + 0.05
        if not self.pids:
            self.pids = [member for member in bench.family(pid) if self.role in words_of(member)[1:2]]
        if self.pids:
            self.samples.append((time.monotonic(), bench.cpu_of(self.pids)))

    def cores(self, seconds):
        """The most CPU seconds per second that any window of the measurement's length had."""
        best, begin = 0.0, 0
        for when, cpu in self.samples:
            while when - self.samples[begin][0] > seconds:
                begin += 1
            earlier, before = self.samples[begin]
            if when - earlier > 0.9 * seconds - 0.1:
                best = max(best, (cpu - before) / (when - earlier))
        return best or None


def words_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def requests_scenario(load, arrivals="poisson"):
    """The scenario of a load on a server of somebody else."""
    links = load.connections * (load.streams or 1)
    if load.rate is None:
        loop = 'loop = "closed"'
    else:
        loop = f'rate = "{load.rate:g}/s"\narrivals = "{arrivals}"'
    transport = f'[transport]\nhttp = "2"\nstreams = {load.streams}' if load.streams else ""
    scheme, _, rest = load.url.partition("://")
    host, _, path = rest.partition("/")
    return REQUESTS.format(
        links=links, loop=loop, connect=max(0.2, links / 4000), warmup=0.3, seconds=load.seconds, transport=transport,
        origin=f"{scheme}://{host}", path=f"/{path}",
    )


def trial(binary, scenario, core, limit, watch=None):
    """Runs a scenario of one trial; returns its row of trials.csv, and the folder's path while `keep` is open."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "trial.toml").write_text(scenario)
        words = [binary, "run", folder / "trial.toml", "--quiet", "--out", folder / "out"]
        output, cpu, _, status = bench.measured(core, words, limit, watch.look if watch else None)
        tables = list((folder / "out").glob("*/*/trials.csv"))
        rows = list(csv.DictReader(tables[0].open())) if tables else []
        if not rows or status not in (0, 1, 3):
            raise bench.Failed(f"{binary} ended with status {status}: {output[-600:].strip()}")
        floors = list((folder / "out").glob("*/*/floor.csv"))
        floor = list(csv.DictReader(floors[0].open())) if floors else []
        if rows[0]["verdict"] == "failed":
            raise bench.Failed(f"the trial failed: {rows[0]['verdict_reasons']}")
        return rows[0], floor, cpu


def value(row, name, factor=1.0):
    """A cell as a number, or None: empty, or a quantile among what never arrived."""
    try:
        return float(row[name]) * factor
    except (KeyError, ValueError):
        return None


def run(binary, load, core, arrivals="poisson"):
    """Offers the load with tidings, and returns its figures under the names of the other programs."""
    watch = Worker()
    links = load.connections * (load.streams or 1)
    limit = load.seconds + links / 4000 + 20
    row, _, _ = trial(binary, requests_scenario(load, arrivals), core, limit, watch)
    requests, spent = value(row, "delivered"), value(row, "worker_cpu_ns_per_delivery", 1e-9)
    if not requests or not spent:
        raise bench.Failed(f"the trial has no answered requests: {row['verdict_reasons']}")
    cores, share = watch.cores(load.seconds), value(row, "worker_cpu_share")
    figures = {
        "requests": requests, "failed": value(row, "errors"), "scheduled": value(row, "scheduled"),
        "p50": value(row, "service_ns_p50", 1e-9), "p99": value(row, "service_ns_p99", 1e-9),
        "response_p50": value(row, "response_ns_p50", 1e-9), "response_p99": value(row, "response_ns_p99", 1e-9),
        "slip_p99": value(row, "slip_ns_p99", 1e-9), "connections": value(row, "connections"),
        "proc_check": cores / share if cores and share else None,
    }
    return figures | clients.per_request(requests, spent * requests, load.seconds)


def deliveries(row):
    """The figures of a trial of events."""
    names = {
        "delivered": ("delivered", 1.0), "expected": ("expected", 1.0), "lost": ("lost", 1.0),
        "target_cpu": ("target_cpu_ns_per_delivery", 1e-9), "worker_cpu": ("worker_cpu_ns_per_delivery", 1e-9),
        "p50": ("freshness_ns_p50", 1e-9), "p99": ("freshness_ns_p99", 1e-9), "cores": ("target_cpu_cores", 1.0),
    }
    return {name: value(row, cell, factor) for name, (cell, factor) in names.items()}


def as_json(text):
    return json.dumps(text)
