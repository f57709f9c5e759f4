"""tidings as a load generator: the scenarios that it is given, and the figures of its results folder."""

import contextlib
import csv
import pathlib
import tempfile
import time

import bench
import clients
import templates

REQUESTS = """[request]
{loop}
timeout = "10s"
{transport}
[target]
url = "{origin}"
[[target.request]]
request = "{method} {path}"
{body}"""


class Watch:
    """Samples CPU time and resident memory of the processes of one role that a run starts (`tidings worker`, `tidings target`), from /proc."""

    def __init__(self, role="worker", threads=False):
        self.role, self.threads, self.next, self.sizes = role, threads, 0.0, []
        # By process, and by thread if those are looked at one by one, in the order in which they were seen first.
        self.samples = {}

    def look(self, pid):
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + 0.05
        for member in bench.family(pid):
            if member in self.samples or self.role in words_of(member)[1:2]:
                times = bench.cpu_of_threads(member) if self.threads else {member: bench.cpu_of([member])}
                series = self.samples.setdefault(member, {})
                for thread, cpu in times.items():
                    series.setdefault(thread, []).append((time.monotonic(), cpu))
                self.sizes.append((time.monotonic(), bench.memory_of([member])))

    def cores(self, seconds, number=0):
        """The most CPU seconds per second of any window of about this length, of the process that was seen as number `number`; of
        its busiest thread, if threads are looked at one by one."""
        series = list(self.samples.values())[number : number + 1]
        found = [busiest(samples, seconds) for samples in series[0].values()] if series else []
        return max(bench.present(found), default=None)

    def size(self, after):
        """Resident memory at the last look within so many seconds of the first one."""
        early = [size for when, size in self.sizes if when - self.sizes[0][0] <= after]
        if not early:
            raise bench.Failed(f"no process 'tidings {self.role}' was seen")
        return early[-1]

    def largest(self):
        return max(size for _, size in self.sizes)


def busiest(samples, seconds):
    """The most CPU seconds per second between two samples that are about `seconds` apart; None if none are."""
    best, begin = 0.0, 0
    for when, cpu in samples:
        while when - samples[begin][0] > seconds:
            begin += 1
        earlier, before = samples[begin]
        if when > earlier and when - earlier > 0.9 * seconds - 0.1:
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
    question, connect = "What does a request cost the client?", max(0.2, links / 4000)
    text = templates.scenario(question, "request", links, load.seconds, connect=connect, idle=0.0, warmup=0.3, drain=1.0)
    return text + REQUESTS.format(
        loop=loop, transport=transport, origin=f"{scheme}://{host}", path=f"/{path}", method="POST" if load.body else "GET",
        body=f"headers = {{ content-type = 'application/json' }}\nbody = '{load.body}'\n" if load.body else "",
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


def run(binary, load, core, arrivals="poisson", gather=None):
    """Offers the load with tidings, and returns its figures under the names of the other programs. `gather` is worker.gather.

    Only a closed loop is sampled, for the check of its CPU time: each look takes some milliseconds of the server's core, which
    would be a part of the latencies of an open loop, of tidings' and not of its peers'."""
    watch = Watch() if load.rate is None else None
    links = load.connections * (load.streams or 1)
    limit = load.seconds + links / 4000 + 20
    text = requests_scenario(load, arrivals)
    if gather:
        text = text.replace("[worker]\n", f'[worker]\ngather = "{gather}"\n')
    row, _, _ = trial(binary, text, core, limit, watch)
    requests, spent = value(row, "delivered"), value(row, "worker_cpu_ns_per_delivery", 1e-9)
    if not requests or not spent:
        raise bench.Failed(f"the trial has no answered requests: {row['verdict_reasons']}")
    cores, share = watch.cores(load.seconds) if watch else None, value(row, "worker_cpu_share")
    figures = {
        "requests": requests, "failed": value(row, "errors"), "scheduled": value(row, "scheduled"),
        "p50": value(row, "service_ns_p50", 1e-9), "p99": value(row, "service_ns_p99", 1e-9),
        "response_p50": value(row, "response_ns_p50", 1e-9), "response_p99": value(row, "response_ns_p99", 1e-9),
        "slip_p99": value(row, "slip_ns_p99", 1e-9), "connections": value(row, "connections"),
        "proc_check": cores / share if cores and share else None,
    }
    return figures | clients.per_request(requests, spent * requests, load.seconds)
