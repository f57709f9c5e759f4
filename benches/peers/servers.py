#!/usr/bin/env python3
"""tidings' built-in server beside nginx, nchan and bun: what an operation costs the server.

Tables (--only): item, poll, fanout, webhook. README.md says what each shows."""

import contextlib
import functools
import json

import bench
import clients
import events
import hosts
import intervals
import load
import received
from generators import MICROSECONDS, WHOLE

# About what a webhook of an event of 128 B holds.
WEBHOOK_BODY = 256


def answers(options, raw, name, path, prepare):
    """One answer of the built-in server, asked for by wrk over 64 connections, beside nginx's static answer of as many bytes."""
    driver = clients.found("wrk", options.cache)
    if driver is None:
        raise bench.Failed("wrk drives this table and is not installed; install.py installs it")
    with contextlib.ExitStack() as stack:
        servers, found = {}, {}
        for label, binary in (("tidings", options.tidings), ("tidings before", options.before)):
            if binary:
                servers[label] = stack.enter_context(hosts.tidings(binary, options.server_core))
                prepare(servers[label])
        body = get(servers["tidings"], path)
        servers["nginx, static"] = stack.enter_context(hosts.static(options.server_core, body=body))
        for label, server in servers.items():
            if len(get(server, path)) != len(body):
                raise bench.Failed(f"{label} answers {path} with another length than {len(body)} bytes")
            found[label] = functools.partial(driven, options, driver, server, path)
        found = bench.rounds(options, found)
    shown = [("CPU per request", "cpu", MICROSECONDS), ("requests per CPU second", "per_cpu", WHOLE), ("per second", "rate", WHOLE), ("failed", "failed", WHOLE)]
    bench.table((f"GET {path}, {len(body)} bytes, wrk over 64 connections", "server"), found, "tidings", shown, [("CPU, tidings ÷ it (95 %)", "cpu")])
    raw.add(name, found)


def get(server, path):
    connection = bench.http_connection(server.port)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise bench.Failed(f"GET {path} is answered with {answer.status}: {body[:200]}")
        return body
    finally:
        connection.close()


def post(server, path, body):
    connection = bench.http_connection(server.port)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status not in (200, 201, 202, 204):
            raise bench.Failed(f"POST {path} is answered with {answer.status}: {text[:200]}")
        return text
    finally:
        connection.close()


def driven(options, driver, server, path):
    """CPU of the server while wrk asks it."""
    offered = clients.Load(server.url(path), 64, options.seconds)
    before = server.cpu()
    output, _, _, _ = bench.measured(options.client_core, clients.command("wrk", driver, offered), offered.seconds + 15)
    figures = clients.parsed("wrk", output)
    return figures | clients.per_request(figures["requests"], server.cpu() - before, figures.pop("seconds") or options.seconds)


def item(options, raw):
    answers(options, raw, "item", "/items/1", lambda server: post(server, "/items", json.dumps({"data": hosts.BODY[:43]})))


def poll(options, raw):
    """A short poll that is answered "nothing new": after the newest event of its topic."""
    answers(options, raw, "poll", "/topics/news-0/events?since=0", lambda server: None)


def fanout(options, raw):
    """A broadcast to 1,000 subscribers, over WebSockets and over SSE, all servers in the same rounds."""
    offered = events.Load(clients=options.subscribers, seconds=options.seconds)
    found = {"null target": lambda: events.null(options, offered)}
    for pattern in ("websocket", "sse"):
        for name, program in events.programs(options, pattern, offered, ("nchan", "bun")).items():
            found[f"{name}, {pattern}"] = program
    found = bench.rounds(options, found)
    shown = [("CPU per delivery", "target_cpu", MICROSECONDS), ("client's CPU", "worker_cpu", MICROSECONDS), ("delivered", "delivered", WHOLE)]
    for pattern in ("websocket", "sse"):
        part = {name: rows for name, rows in found.items() if name.endswith(f", {pattern}") or name == "null target"}
        title = f"Broadcast to {offered.clients:,} subscribers × {offered.rate:g}/s × {offered.payload} B, {pattern}"
        bench.table((title, "server"), part, f"tidings, {pattern}", shown, [("CPU, tidings ÷ it (95 %)", "target_cpu")])
    within = intervals.ratio(*(bench.column(found, f"tidings, {pattern}", "target_cpu") for pattern in ("sse", "websocket")))
    print(f"tidings, CPU per delivery: SSE ÷ WebSocket {intervals.ratio_text(within)}.")
    events.counts(found)
    floor(options)
    raw.add("fanout", found)


def floor(options):
    """What the kernel's part of a delivery costs on this machine, by each way to write."""
    if not bench.os.access(options.floor, bench.os.X_OK):
        print("The floor of a write is left out, as it is not built: cargo build --release --example write-floor")
        return
    words = [options.floor, options.subscribers, 50, max(1, round(options.seconds / 2)), min(options.pairs, 10)]
    output, _, _, status = bench.measured(f"{options.server_core},{options.client_core}", words, 40 * options.seconds * options.pairs + 60)
    if status:
        raise bench.Failed(f"{options.floor} ended with status {status}: {output[-300:].strip()}")
    print(f"\nThe floor of a delivery: {output.rstrip()}")


def webhook(options, raw):
    """A signed webhook over a kept connection, beside a plain POST of as many bytes by tidings' own worker at the same rate.

    A topic for each endpoint: a broadcast would send in bursts, and the worker does not."""
    options.clients, options.events = options.subscribers, 20.0
    rate, body = options.clients * options.events, json.dumps({"data": hosts.BODY + "x" * (WEBHOOK_BODY - len(hosts.BODY) - 12)})

    def signed(binary):
        figures = received.one(options, binary, "webhook", "per-client", "poisson")
        return {"cpu": figures["server"], "rate": figures["delivered"] / options.seconds}

    def plain(binary):
        with hosts.static(options.server_core) as server:
            offered = clients.Load(server.url(), options.clients, options.seconds, rate=rate, body=body)
            return load.run(binary, offered, options.client_core)
    found = {"tidings, webhook": functools.partial(signed, options.tidings), "tidings, plain POST": functools.partial(plain, options.tidings)}
    if options.before:
        found["webhook before"] = functools.partial(signed, options.before)
        found["plain POST before"] = functools.partial(plain, options.before)
    found = bench.rounds(options, found)
    shown = [("CPU per request", "cpu", MICROSECONDS), ("per second", "rate", WHOLE)]
    title = f"A POST over a kept connection to each of {options.clients:,} endpoints × {options.events:g}/s: the webhook's sender, and the worker"
    bench.table((title, "sender"), found, "tidings, webhook", shown, [("CPU, webhook ÷ it (95 %)", "cpu")])
    raw.add("webhook", found)


def main():
    parser = bench.arguments(__doc__)
    parser.add_argument("--subscribers", type=int, default=1000, help="subscribers of the broadcast (default 1,000)")
    parser.add_argument("--floor", default=str(bench.ROOT / "target/release/examples/write-floor"), help="binary that measures the kernel's floor")
    options = parser.parse_args()
    bench.begin(options)
    raw = bench.Pairs(options.csv)
    tables = {"item": item, "poll": poll, "fanout": fanout, "webhook": webhook}
    bench.run_tables(options, tables, raw)


if __name__ == "__main__":
    main()
