"""The load generators of others: their command lines, and what is read out of their output."""

import json
import os
import pathlib
import re
import shutil
import tempfile

import bench
import intervals

NAMES = ("wrk", "oha", "h2load", "hey")


class Load:
    """One load: where, how many connections, and how it is offered."""

    def __init__(self, url, connections, seconds, rate=None, streams=None, body=None):
        self.url, self.connections, self.seconds = url, connections, seconds
        # Requests per second over all connections, or None in a closed loop.
        self.rate = rate
        # Concurrent streams per connection of HTTP/2, or None for HTTP/1.1.
        self.streams = streams
        # What tidings posts, in place of a GET.
        self.body = body


def found(name, cache):
    """The program's path: in the cache that install.py fills, or else in PATH; None if it is in neither."""
    for place in (pathlib.Path(cache) / "bin" / name, pathlib.Path(cache) / "cargo/bin" / name):
        if os.access(place, os.X_OK):
            return str(place)
    return shutil.which(name)


def can(name, load):
    """Whether the program can offer this load."""
    if name in ("wrk", "hey") and load.streams:
        return False
    return name != "wrk" or load.rate is None


def command(name, path, load, log=None):
    """The command line of the program for a load. One thread, as it has one core."""
    seconds, connections = f"{load.seconds:g}s", str(load.connections)
    if name == "wrk":
        return [path, "-t1", "-c", connections, "-d", f"{max(1, round(load.seconds))}s", load.url]
    if name == "hey":
        rate = ["-q", f"{load.rate / load.connections:g}"] if load.rate else []
        return [path, "-cpus", "1", "-c", connections, "-z", seconds, *rate, load.url]
    if name == "oha":
        rate = ["-q", f"{load.rate:g}"] if load.rate else []
        version = ["--http-version", "2", "-p", str(load.streams)] if load.streams else []
        return [path, "--no-tui", "--output-format", "json", "-c", connections, "-z", seconds, *rate, *version, load.url]
    if name == "h2load":
        rate = ["--rps", f"{load.rate / load.connections:g}"] if load.rate else []
        version = ["-m", str(load.streams)] if load.streams else ["--h1"]
        kept = [f"--log-file={log}"] if log else []
        duration = str(max(1, round(load.seconds)))
        return [path, "-t1", "-c", connections, "-D", duration, *version, *rate, *kept, load.url]
    raise ValueError(name)


def parsed(name, text):
    """Requests that were answered, those that were not, and what latencies the output has (seconds)."""
    return {"wrk": wrk, "oha": oha, "h2load": h2load, "hey": hey}[name](text)


def number(pattern, text, missing=None):
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        if missing is None:
            raise bench.Failed(f"the output has no {pattern!r}: {text[-300:].strip()}")
        return missing
    return float(match[1])


def wrk(text):
    failed = sum(float(count) for count in re.findall(r"(?:connect|read|write|timeout) (\d+)", text))
    failed += number(r"Non-2xx or 3xx responses: (\d+)", text, 0.0)
    seconds = number(r"requests in ([\d.]+)s,", text, 0.0)
    return {"requests": number(r"(\d+) requests in", text), "failed": failed, "seconds": seconds}


def oha(text):
    begin = text.find("{")
    try:
        report = json.loads(text[begin:] if begin >= 0 else "")
    except ValueError:
        raise bench.Failed(f"oha printed no JSON: {text[-300:].strip()}") from None
    statuses = report.get("statusCodeDistribution") or {}
    requests = sum(count for status, count in statuses.items() if status.startswith("2"))
    # Requests in flight at the end are cut off by oha itself, and are no failure.
    errors = sum(count for error, count in (report.get("errorDistribution") or {}).items() if "deadline" not in error)
    percentiles = report.get("latencyPercentiles") or {}
    figures = {"requests": float(requests), "failed": float(sum(statuses.values()) - requests + errors)}
    figures["seconds"] = (report.get("summary") or {}).get("total") or 0.0
    return figures | {key: percentiles[key] for key in ("p50", "p99") if percentiles.get(key) is not None}


def h2load(text):
    requests = number(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded", text)
    failed = number(r"succeeded, (\d+) failed", text, 0.0) + number(r"failed, (\d+) errored", text, 0.0)
    return {"requests": requests, "failed": failed, "seconds": number(r"finished in ([\d.]+)s,", text, 0.0)}


def h2load_log(text):
    """Latencies of the log: start in µs, status, µs until the end of the response."""
    fields = [line.split("\t") for line in text.splitlines()]
    spans = [int(line[2]) / 1e6 for line in fields if len(line) >= 3 and line[1] != "-1"]
    if not spans:
        return {}
    return {"p50": intervals.quantile(spans, 0.5), "p99": intervals.quantile(spans, 0.99)}


def hey(text):
    counts = re.findall(r"^\s+\[(\d{3})\]\s+(\d+) responses", text, re.MULTILINE)
    if not counts:
        raise bench.Failed(f"hey printed no status codes: {text[-300:].strip()}")
    requests = sum(int(count) for status, count in counts if status.startswith("2"))
    errors = sum(int(count) for count in re.findall(r"^\s+\[(\d+)\]\s+(?!\d+ responses)\S", text, re.MULTILINE))
    figures = {"requests": float(requests), "failed": float(sum(int(count) for _, count in counts) - requests + errors)}
    figures["seconds"] = number(r"Total:\s+([\d.]+) secs", text, 0.0)
    for share, key in ((50, "p50"), (99, "p99")):
        match = re.search(rf"^\s+{share}%+ in ([\d.]+) secs", text, re.MULTILINE)
        if match:
            figures[key] = float(match[1])
    return figures


def run(name, path, load, core):
    """Offers the load with one of the programs, and returns its figures."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log" if name == "h2load" and load.rate else None
        words = command(name, path, load, log)
        output, cpu, wall, status = bench.measured(core, words, load.seconds + 15)
        figures = parsed(name, output)
        if log and log.exists():
            figures |= h2load_log(log.read_text())
    if not figures["requests"]:
        raise bench.Failed(f"{name} ended with status {status} and no answered request: {output[-300:].strip()}")
    return figures | per_request(figures["requests"], cpu, figures.pop("seconds") or load.seconds)


def per_request(requests, cpu, seconds):
    """CPU per request, and rates per CPU second and per second."""
    if not cpu or not requests:
        raise bench.Failed("no CPU time was measured")
    return {"cpu": cpu / requests, "per_cpu": requests / cpu, "rate": requests / seconds}
