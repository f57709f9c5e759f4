#!/usr/bin/env python3
"""`tidings probe` beside oha and wrk on one nginx: rate, percentiles and CPU per request; and all of them against a server that
freezes for a second, where theory says what must be measured.

Tables (--only): closed, open, freeze. README.md says what each shows."""

import contextlib
import functools
import json
import os
import re
import signal
import threading
import time

import bench
import clients
import hosts
from generators import MICROSECONDS, MILLISECONDS, WHOLE

PEERS = ("oha", "wrk")
SHOWN = [
    ("per second", "rate", WHOLE), ("CPU per request", "cpu", MICROSECONDS), ("p50", "p50", MILLISECONDS), ("p90", "p90", MILLISECONDS),
    ("p99", "p99", MILLISECONDS), ("p99.9", "p99.9", MILLISECONDS), ("max", "max", MILLISECONDS), ("failed", "failed", WHOLE),
]
COMPARED = [("CPU per request, probe ÷ it (95 %)", "cpu")]
SECONDS = lambda value: f"{value:.3f} s"
# A freeze of so many seconds, so long after a run's begin.
FREEZE, BEFORE = 1.0, 4.0


def probed(text):
    """The figures of `tidings probe -o json`: latencies are counted from when a request was due."""
    begin = text.find("{\n")
    try:
        # Messages of stderr may stand before and behind it.
        document, _ = json.JSONDecoder().raw_decode(text[begin:] if begin >= 0 else "")
        trial = document["trials"][0]
    except (ValueError, LookupError):
        raise bench.Failed(f"tidings probe printed no trial: {text[-300:].strip()}") from None
    row = trial["trial"]
    if row["answered"] is None:
        raise bench.Failed(f"the probe failed: {row['verdict_reasons']}")
    figures = {
        "requests": float(row["answered"]), "failed": float(row["failed"]), "seconds": trial["measured_s"],
        "slip_p99": row["slip_ns_p99"] and row["slip_ns_p99"] / 1e9, "verdict": row["verdict"],
    }
    for percentile in trial["percentiles"]:
        # What failed lies above every value: then there is only a bound.
        if percentile["metric"] == "response" and isinstance(percentile["value_ns"], (int, float)):
            figures[quantile_name(percentile["quantile"])] = percentile["value_ns"] / 1e9
    return figures


def quantile_name(quantile):
    """0.999 as p99.9, and 1 as max."""
    return "max" if quantile == 1 else f"p{100 * quantile:.6g}"


def probe(binary, load, core):
    """Offers the load with `tidings probe`. The CPU is that of all its processes, from its start to its end, as a peer's is."""
    words = [binary, "probe", load.url, "-c", load.connections, "-z", f"{load.seconds:g}s", "--warmup", "0s", "-o", "json", "--quiet"]
    if load.rate:
        words += ["-q", f"{load.rate:g}"]
    output, cpu, _, status = bench.measured(core, words, load.seconds + 30)
    if status not in (0, 3):
        raise bench.Failed(f"tidings probe ended with status {status}: {output[-300:].strip()}")
    figures = probed(output)
    return figures | clients.per_request(figures["requests"], cpu, figures.pop("seconds"))


def oha(path, load, core, more=()):
    """Offers the load with oha."""
    words = [*clients.command("oha", path, load)[:-1], *more, load.url]
    output, cpu, _, _ = bench.measured(core, words, load.seconds + 30)
    figures = clients.oha(output) | oha_latencies(output)
    return figures | clients.per_request(figures["requests"], cpu, figures.pop("seconds") or load.seconds)


def oha_latencies(text):
    report = json.loads(text[text.find("{"):])
    percentiles = report.get("latencyPercentiles") or {}
    figures = {name: value for name, value in percentiles.items() if value is not None}
    slowest = (report.get("summary") or {}).get("slowest")
    return figures | ({"max": slowest} if slowest is not None else {})


def wrk(path, load, core):
    """Offers a closed loop with wrk, which keeps to no rate."""
    words = [*clients.command("wrk", path, load)[:-1], "--latency", load.url]
    output, cpu, _, _ = bench.measured(core, words, load.seconds + 30)
    figures = clients.wrk(output) | wrk_latencies(output)
    return figures | clients.per_request(figures["requests"], cpu, figures.pop("seconds") or load.seconds)


def wrk_latencies(text):
    """The percentiles of `--latency`, and the largest value of the thread statistics."""
    span = r"([\d.]+)(us|ms|s|m)\b"
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
    figures = {f"p{share}": float(number) * unit[name] for share, number, name in re.findall(rf"^\s+(\d+)%\s+{span}", text, re.MULTILINE)}
    largest = re.search(rf"^\s+Latency\s+\S+\s+\S+\s+{span}", text, re.MULTILINE)
    return figures | ({"max": float(largest[1]) * unit[largest[2]]} if largest else {})


def programs(options, load, correction=False):
    """`tidings probe` and the peers that are installed."""
    core = options.client_core
    found = {"tidings probe": functools.partial(probe, options.tidings, load, core)}
    if options.before:
        found["tidings probe before"] = functools.partial(probe, options.before, load, core)
    for name in PEERS:
        path = clients.found(name, options.cache)
        if path is None:
            print(f"{name}: left out, as it is not installed; install.py installs it")
        elif name == "oha":
            found["oha"] = functools.partial(oha, path, load, core)
            if correction:
                found["oha --latency-correction"] = functools.partial(oha, path, load, core, ["--latency-correction"])
        else:
            found["wrk (closed loop)"] = functools.partial(wrk, path, clients.Load(load.url, load.connections, load.seconds), core)
    return found


def verdicts(found):
    """What the probes said of themselves."""
    told = [figures["verdict"] for figures in found["tidings probe"] if figures]
    print(f"The probe's verdicts: {', '.join(f'{told.count(name)} {name}' for name in dict.fromkeys(told))}.")


def closed(options, raw):
    """64 connections, each of which sends its next request after an answer."""
    with hosts.static(options.server_core) as server:
        found = bench.rounds(options, programs(options, clients.Load(server.url(), 64, options.seconds)))
    bench.table(("Closed loop, 64 connections, nginx's 81 bytes", "program"), found, "tidings probe", SHOWN, COMPARED)
    verdicts(found)
    raw.add("closed", without_words(found))


def opened(options, raw):
    """A rate that everyone can keep; wrk has none, and is shown beside them."""
    with hosts.static(options.server_core) as server:
        found = bench.rounds(options, programs(options, clients.Load(server.url(), 64, options.seconds, rate=options.rate), correction=True))
    title = f"{options.rate:,.0f} requests per second over 64 connections of nginx"
    bench.table((title, "program"), found, "tidings probe", SHOWN, COMPARED)
    verdicts(found)
    raw.add("open", without_words(found))


class Freezer:
    """Stops processes once, on a thread of its own, and measures for how long they stood."""

    def __init__(self, pids):
        self.pids, self.froze = pids, None

    def run(self, began):
        time.sleep(max(0.0, began + BEFORE - time.monotonic()))
        self.send(signal.SIGSTOP)
        stopped = time.monotonic()
        time.sleep(FREEZE)
        self.send(signal.SIGCONT)
        self.froze = time.monotonic() - stopped

    def send(self, number):
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def theory(rate, seconds, froze):
    """p50, p99 and the largest response, counted from due, where a server that answers at once freezes once for `froze` seconds:
    of the requests that are due meanwhile, one that is due t seconds before its end waits for t."""
    late = froze / seconds
    at = lambda quantile: max(0.0, froze - (1 - quantile) * seconds) if 1 - quantile < late else 0.0
    return {"p50": at(0.5), "p99": at(0.99), "max": froze - 0.5 / rate}


def frozen(server, program, options):
    """Runs a program while the server freezes once; says what theory expects of this very freeze."""
    freezer = Freezer(server.pids)
    thread = threading.Thread(target=freezer.run, args=(time.monotonic(),))
    thread.start()
    try:
        figures = program()
    finally:
        thread.join()
    expected = theory(options.frozen_rate, options.frozen_seconds, freezer.froze)
    off = {f"{name} off": figures[name] - expected[name] for name in ("p99", "max") if name in figures}
    return figures | off | {"froze": freezer.froze}


def freeze(options, raw):
    """200 requests per second at a server that freezes for 1 s in 10 s: p99 is 0.90 s and the longest 1.0 s, counted from due."""
    with hosts.static(options.server_core) as server:
        load = clients.Load(server.url(), 20, options.frozen_seconds, rate=options.frozen_rate)
        found = programs(options, load, correction=True)
        found = {name: functools.partial(frozen, server, program, options) for name, program in found.items()}
        pairs, options.pairs = options.pairs, min(options.pairs, options.freezes)
        try:
            found = bench.rounds(options, found)
        finally:
            options.pairs = pairs
    expected = theory(options.frozen_rate, options.frozen_seconds, FREEZE)
    shown = [
        ("p50", "p50", SECONDS), ("p99", "p99", SECONDS), ("max", "max", SECONDS), ("p99 - theory", "p99 off", SECONDS),
        ("max - theory", "max off", SECONDS), ("per second", "rate", WHOLE), ("failed", "failed", WHOLE), ("froze for", "froze", SECONDS),
    ]
    title = (
        f"{options.frozen_rate:g} requests per second over 20 connections for {options.frozen_seconds:g} s; nginx is stopped for 1 s of them. Theory, from due: "
        f"p50 {expected['p50']:.3f} s, p99 {expected['p99']:.3f} s, max {expected['max']:.3f} s"
    )
    bench.table((title, "program"), found, "tidings probe", shown, [])
    verdicts(found)
    raw.add("freeze", without_words(found))


def without_words(found):
    """The figures that are numbers."""
    numbers = lambda figures: figures and {name: value for name, value in figures.items() if not isinstance(value, str)}
    return {name: [numbers(figures) for figures in rounds] for name, rounds in found.items()}


TABLES = {"closed": closed, "open": opened, "freeze": freeze}


def main():
    parser = bench.arguments(__doc__)
    parser.add_argument("--rate", type=float, default=2000.0, help="requests per second of the table 'open' (default 2,000)")
    parser.add_argument("--frozen-rate", type=float, default=200.0, help="of the table 'freeze' (default 200)")
    parser.add_argument("--frozen-seconds", type=float, default=10.0, help="how long each of its runs takes (default 10)")
    parser.add_argument("--freezes", type=int, default=3, help="most rounds of that table (default 3)")
    options = parser.parse_args()
    bench.begin(options)
    bench.run_tables(options, TABLES, bench.Pairs(options.csv))


if __name__ == "__main__":
    main()
