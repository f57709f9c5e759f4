#!/usr/bin/env python3
"""tidings' built-in server beside nginx, nchan and bun: what an operation costs the server.

Tables (--only): item, poll, websocket, sse. README.md says what each shows."""

import contextlib
import functools
import http.client
import json
import sys

import bench
import clients
import hosts
from generators import MICROSECONDS, WHOLE

TABLES = ("item", "poll")


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
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
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
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
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
    return figures | clients.per_request(figures["requests"], server.cpu() - before, options.seconds)


def item(options, raw):
    answers(options, raw, "item", "/items/1", lambda server: post(server, "/items", json.dumps({"data": hosts.BODY[:43]})))


def poll(options, raw):
    """A short poll that is answered "nothing new": after the newest event of its topic."""
    answers(options, raw, "poll", "/topics/news-0/events?since=0", lambda server: None)


def main():
    parser = bench.arguments(__doc__)
    options = parser.parse_args()
    bench.begin(options)
    raw = bench.Pairs(options.csv)
    tables = {"item": item, "poll": poll}
    try:
        for name in bench.wanted(options, TABLES):
            try:
                tables[name](options, raw)
            except bench.Failed as reason:
                print(f"\n{name}: not measured. {reason}")
            raw.write()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
