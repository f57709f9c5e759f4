#!/usr/bin/env python3
"""tidings as a load generator beside wrk, oha, h2load and hey, on nginx's static answer: what a request costs the client.

Tables (--only): closed, headers, chunked, open, peak, http2, many. README.md says what each shows."""

import functools
import os
import signal
import time

import bench
import clients
import hosts
import load


MICROSECONDS = lambda value: f"{1e6 * value:.2f} µs"
MILLISECONDS = lambda value: f"{1e3 * value:.3f} ms"
WHOLE = lambda value: f"{value:,.0f}"
SHARE = lambda value: f"{value:.2f}"
COST = [("CPU per request", "cpu", MICROSECONDS), ("requests per CPU second", "per_cpu", WHOLE), ("per second", "rate", WHOLE), ("failed", "failed", WHOLE)]
PER_CPU = [("requests per CPU second, tidings ÷ it (95 %)", "per_cpu")]
# The largest p99 slip that a run on a shared host may have (METHODOLOGY.md, the verdict table).
SLIP_LIMIT = 200e-6
# Values of worker.gather beside its default, as names of programs; the last is the tick of oha and h2load.
GATHERED = {f"tidings, gather {span}": span for span in ("50us", "200us", "1ms")}


def programs_for(options, offered, arrivals="poisson"):
    """tidings, the second binary if there is one, and every peer that is installed and can offer the load."""
    core = options.client_core
    found = {"tidings": functools.partial(load.run, options.tidings, offered, core, arrivals)}
    if options.before:
        found["tidings before"] = functools.partial(load.run, options.before, offered, core, arrivals)
    for name in chosen(options):
        path = clients.found(name, options.cache)
        if path is None:
            print(f"{name}: left out, as it is not installed; install.py installs it")
        elif clients.can(name, offered):
            found[name] = functools.partial(clients.run, name, path, offered, core)
    return found


def chosen(options):
    return [name for name in clients.NAMES if not options.peers or name in options.peers.split(",")]


def closed(options, raw, name="closed", path="/", what="nginx's 81 bytes"):
    """64 connections, each of which sends its next request after an answer."""
    with hosts.static(options.server_core) as server:
        offered = clients.Load(server.url(path), 64, options.seconds)
        found = bench.rounds(options, programs_for(options, offered))
    bench.table((f"Closed loop, 64 connections, {what}", "program"), found, "tidings", COST, PER_CPU)
    finish(name, found, raw)


def finish(name, found, raw):
    raw.add(name, found)
    checks = bench.present(bench.column(found, "tidings", "proc_check"))
    if checks:
        low, high = min(checks), max(checks)
        middle = bench.intervals.median(checks)
        print(f"The worker's CPU by /proc ÷ the CPU that its run reports: median {middle:.3f}, {low:.3f} to {high:.3f}.")


def half_the_peak(options, server):
    """Half of what tidings sends in a closed loop here, in hundreds per second; or --rate."""
    if options.rate:
        return options.rate
    with bench.locked(options.lock):
        figures = load.run(options.tidings, clients.Load(server.url(), 64, options.seconds), options.client_core)
    return max(100, round(figures["rate"] / 200) * 100)


def opened(options, raw):
    """An open loop at half the peak: cost per request, and the latencies that each program reports."""
    with hosts.static(options.server_core) as server:
        rate = half_the_peak(options, server)
        offered = clients.Load(server.url(), 64, options.seconds, rate=rate)
        programs = programs_for(options, offered, "constant")
        for name, span in GATHERED.items():
            programs[name] = functools.partial(load.run, options.tidings, offered, options.client_core, "constant", span)
        found = bench.rounds(options, programs)
    shown = [*COST[:1], ("per second", "rate", WHOLE), ("failed", "failed", WHOLE), ("p50", "p50", MILLISECONDS), ("p99", "p99", MILLISECONDS)]
    compared = [("CPU per request, tidings ÷ it (95 %)", "cpu"), ("p50, tidings ÷ it", "p50"), ("p99, tidings ÷ it", "p99")]
    title = (f"Open loop, {rate:,.0f} requests per second over 64 connections (tidings: service time, constant arrivals)", "program")
    bench.table(title, found, "tidings", shown, compared)
    ticking = list(GATHERED)[-1]
    peers = {name: rows for name, rows in found.items() if name == ticking or not name.startswith("tidings")}
    compared = [(head.replace("tidings", ticking), figure) for head, figure in compared]
    bench.table((f"The same, beside {ticking}", "program"), peers, ticking, shown[:1], compared)
    finish("open", found, raw)


def peak(options, raw):
    """The most that one core sends within the slip budget: the rate grows until requests leave late."""
    with hosts.static(options.server_core) as server:
        binaries = {"tidings": options.tidings} | ({"tidings before": options.before} if options.before else {})
        found = {name: [] for name in binaries}
        for _ in range(max(1, options.pairs // 5)):
            for name, binary in binaries.items():
                with bench.locked(options.lock):
                    try:
                        found[name].append(climb(options, binary, server))
                    except bench.Failed as reason:
                        print(f"{name}: no figures in one round. {reason}")
                        found[name].append(None)
    shown = [
        ("closed loop, per second", "closed", WHOLE), ("overloaded", "overloaded", WHOLE), ("÷ closed", "overloaded_share", SHARE),
        ("within the budget", "most", WHOLE), ("÷ closed", "share", SHARE), ("slip p99 there", "slip_p99", MILLISECONDS),
        ("CPU per request there", "cpu", MICROSECONDS),
    ]
    title = f"Open loop, 64 connections: the most that one core sends; budget: a slip p99 of {1e6 * SLIP_LIMIT:.0f} µs, or 5 % of the median response"
    bench.table((title, "program"), found, "tidings", shown, [])
    finish("peak", found, raw)


def climb(options, binary, server):
    """The rates of a closed loop and of an overload of twice as much, and by bisection the highest rate within the slip budget.

    A rate is within it if one of three runs is: a machine that pauses makes requests late at any rate."""
    core, seconds = options.client_core, options.seconds
    loaded = lambda rate=None: load.run(binary, clients.Load(server.url(), 64, seconds, rate=rate), core)
    closed_loop = loaded()["rate"]
    overloaded = loaded(2 * closed_loop)["rate"]
    low, high, best = 0.0, 1.1 * closed_loop, {}
    for _ in range(6):
        rate = round((low + high) / 2)
        runs = (loaded(rate) for _ in range(3))
        found = next((figures for figures in runs if is_in_time(figures)), None)
        if found:
            low, best = rate, found
        else:
            high = rate
    shares = {"share": low / closed_loop, "overloaded_share": overloaded / closed_loop}
    return {"closed": closed_loop, "overloaded": overloaded, "most": low, "slip_p99": best.get("slip_p99"), "cpu": best.get("cpu")} | shares


def is_in_time(figures):
    """Whether everything that was due was sent and answered, with little slip."""
    if figures["failed"] or figures["slip_p99"] is None or figures["requests"] < 0.99 * figures["scheduled"]:
        return False
    return figures["slip_p99"] <= max(SLIP_LIMIT, 0.05 * figures["response_p50"])


def http2(options, raw):
    """HTTP/2 by prior knowledge: 8 connections with 16 streams each."""
    with hosts.static(options.server_core, http2=True) as server:
        offered = clients.Load(server.url(), 8, options.seconds, streams=16)
        found = bench.rounds(options, programs_for(options, offered))
    bench.table(("HTTP/2 (h2c), closed loop, 8 connections × 16 streams, nginx's 81 bytes", "program"), found, "tidings", COST, PER_CPU)
    finish("http2", found, raw)


def many(options, raw):
    """16,384 kept connections in a closed loop, over several loopback addresses: the ports of one would not suffice."""
    seconds = max(options.seconds, 4.0)
    with hosts.static(options.server_core, addresses=hosts.ADDRESSES) as server:
        turns = iter(range(10**6))
        address = lambda: hosts.ADDRESSES[next(turns) % len(hosts.ADDRESSES)]
        offered = lambda: clients.Load(server.url(address=address()), options.connections, seconds)
        found = {"tidings": lambda: load.run(options.tidings, offered(), options.client_core)}
        if options.before:
            found["tidings before"] = lambda: load.run(options.before, offered(), options.client_core)
        path = clients.found("wrk", options.cache)
        if path and "wrk" in chosen(options):
            found["wrk"] = lambda: midway(options, path, offered(), server)
        found = bench.rounds(options, found)
    title = f"Closed loop, {options.connections:,} kept connections, {seconds:g} s (wrk: the middle of its run, without its dialling)"
    bench.table((title, "program"), found, "tidings", COST, PER_CPU)
    finish("many", found, raw)


def midway(options, path, offered, server):
    """wrk between two looks at its CPU time and at nginx's count of requests. It dials within its run, for seconds on a busy machine: the
    first look comes when every connection has been answered twice on average, and what was seen second ends it."""
    looks, whole = [], clients.Load(offered.url, offered.connections, 90)
    before, pause = status(server.port), [time.monotonic() + 1]

    def look(pid):
        if len(looks) == 2 or time.monotonic() < pause[0]:
            return
        pause[0] = time.monotonic() + 0.25
        earlier = bench.cpu_of(bench.family(pid))
        answered = status(server.port)
        if looks or answered - before >= 2 * offered.connections:
            looks.append(((earlier + bench.cpu_of(bench.family(pid))) / 2, answered, time.monotonic()))
            pause[0] = time.monotonic() + offered.seconds
        if len(looks) == 2:
            os.kill(pid, signal.SIGINT)
    words = clients.command("wrk", path, whole)
    output, _, _, _ = bench.measured(options.client_core, words, whole.seconds + 20, look)
    if len(looks) < 2:
        raise bench.Failed("wrk ended before its connections had been answered")
    (cpu, count, when), (later, counted, then) = looks
    figures = clients.parsed("wrk", output)
    return {"failed": figures["failed"], "requests": float(counted - count)} | clients.per_request(counted - count, later - cpu, then - when)


def status(port):
    """Requests that nginx has answered."""
    import urllib.request
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=10) as answer:
        return int(answer.read().split(b"requests")[1].split()[2])


def main():
    parser = bench.arguments(__doc__)
    parser.add_argument("--rate", type=float, help="requests per second of the open loop (default: half of the closed loop's)")
    parser.add_argument("--connections", type=int, default=16_384, help="connections of the table `many`")
    options = parser.parse_args()
    bench.begin(options)
    raw = bench.Pairs(options.csv)
    tables = {
        "closed": closed, "headers": functools.partial(closed, name="headers", path="/headers", what="seven further headers"),
        "chunked": functools.partial(closed, name="chunked", path="/chunked", what="chunked"),
        "open": opened, "peak": peak, "http2": http2, "many": many,
    }
    bench.run_tables(options, tables, raw)


if __name__ == "__main__":
    main()
