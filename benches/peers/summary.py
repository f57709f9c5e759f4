#!/usr/bin/env python3
"""The two tables of goals, from the measurements that the other scripts wrote with --csv.

    summary.py FILE.csv … [--markdown]

Each line names a comparison, its goal, and what was measured: the median ratio of the rounds with its 95 % interval. *met* and
*missed* are said where the whole interval is on one side of the goal, *open* where it is on both. A file that lacks a
table leaves its lines out."""

import argparse
import csv
import sys

import bench
import intervals

PEERS = ("wrk", "oha", "h2load", "hey")


def ratio(what, table, figure, ours, theirs, goal):
    """A line: ours ÷ theirs of one figure in one table."""
    return {"what": what, "table": table, "figure": figure, "ours": ours, "theirs": theirs, "goal": goal}


def absolute(what, table, figure, ours, goal, unit=1.0):
    """A line: one figure in its unit."""
    return {"what": what, "table": table, "figure": figure, "ours": ours, "theirs": None, "goal": goal, "unit": unit}


def generators():
    goals = {"wrk": ("≥", 1.10), "oha": ("≥", 1.5)}
    for table, what in (("closed", "closed loop"), ("headers", "closed loop, more headers"), ("chunked", "closed loop, chunked")):
        for peer in PEERS:
            yield ratio(f"{what}: requests per CPU second ÷ {peer}", table, "per_cpu", "tidings", peer, goals.get(peer))
    yield absolute("open loop: most within the slip budget ÷ closed loop", "peak", "share", "tidings", ("≥", 0.9))
    yield absolute("open loop: sent in an overload ÷ closed loop", "peak", "overloaded_share", "tidings", None)
    for peer in ("oha", "h2load"):
        yield ratio(f"open loop: requests per CPU second ÷ {peer}", "open", "per_cpu", "tidings", peer, ("≥", 1.0))
    for peer, quantile in ((peer, quantile) for peer in ("oha", "h2load") for quantile in ("p50", "p99")):
        yield ratio(f"open loop: {quantile} ÷ {peer}", "open", quantile, "tidings", peer, ("≤", 1.0))
    for peer, goal in (("h2load", ("≥", 1.0)), ("oha", None)):
        yield ratio(f"HTTP/2, 8 × 16: requests per CPU second ÷ {peer}", "http2", "per_cpu", "tidings", peer, goal)
    yield ratio("16,384 connections: requests per CPU second ÷ wrk", "many", "per_cpu", "tidings", "wrk", ("≥", 1.0))
    yield ratio("a received WebSocket message: CPU ÷ bare fastwebsockets", "received", "cpu", "websocket", "floor of websocket", ("≤", 1.1))
    for pattern in ("long-poll", "webhook"):
        yield ratio(f"a received event, {pattern}: CPU ÷ its floor", "received", "cpu", pattern, f"floor of {pattern}", ("≤", 1.2))
    for pattern in ("sse", "long-poll", "webhook"):
        yield ratio(f"a received event, {pattern}: CPU ÷ WebSocket", "received", "cpu", pattern, "websocket", ("≤", 1.2))
    for pattern in ("websocket", "sse", "long-poll", "short-poll", "webhook"):
        yield absolute(f"memory per client, {pattern}, idle (KiB)", "memory of clients", "idle", pattern, ("≤", 1.0), 1024.0)
        yield absolute(f"memory per client, {pattern}, in use (KiB)", "memory of clients", "used", pattern, ("≤", 3.0), 1024.0)
    for peer, quantile in ((peer, quantile) for peer in ("oha", "h2load") for quantile in ("p50", "p99")):
        yield ratio(f"1,000 requests/s: service {quantile} ÷ {peer}", "tail", quantile, "tidings", peer, ("≈", 1.0))


def servers():
    for kind in ("sse", "long-poll", "keep-alive", "websocket"):
        yield absolute(f"memory per link, {kind} (KiB)", f"memory, {kind}", "per_link", "tidings", ("≤", 1.0), 1024.0)
    sse, websocket = "tidings, sse", "tidings, websocket"
    yield ratio("broadcast: CPU, SSE ÷ WebSocket", "fanout", "target_cpu", sse, websocket, ("≤", 1.05))
    yield ratio("broadcast: CPU, WebSocket ÷ null target", "fanout", "target_cpu", websocket, "null target", ("≤", 1.15))
    for ours in (websocket, sse):
        pattern = ours.partition(", ")[2]
        for peer, goal in (("nchan", 0.7), ("bun", 0.85)):
            yield ratio(f"broadcast, {pattern}: CPU ÷ {peer}", "fanout", "target_cpu", ours, f"{peer}, {pattern}", ("≤", goal))
    for peer, quantile in ((peer, quantile) for peer in ("durable-streams", "bun", "nchan") for quantile in ("p50", "p99")):
        yield ratio(f"freshness over SSE: {quantile} ÷ {peer}", "freshness", quantile, "tidings", peer, ("≤", 1.0))
    for table, what in (("item", "GET /items/1"), ("poll", "a short poll, nothing new")):
        yield ratio(f"{what}: CPU ÷ nginx's static answer", table, "cpu", "tidings", "nginx, static", ("≤", 1.0))
    yield ratio("a signed webhook: CPU ÷ a plain POST", "webhook", "cpu", "tidings, webhook", "tidings, plain POST", ("≤", 1.2))


def before(line):
    """The same line of the binary before, under the names that the scripts give it."""
    renamed = {
        "tidings": "tidings before", "tidings, sse": "tidings before, sse", "tidings, websocket": "tidings before, websocket",
        "tidings, webhook": "webhook before", "tidings, plain POST": "plain POST before",
    }
    patterns = ("websocket", "sse", "long-poll", "short-poll", "webhook")
    name = lambda program: renamed.get(program, f"{program}, before" if program in patterns else program)
    return line | {"ours": name(line["ours"]), "theirs": name(line["theirs"])}


def read(paths):
    """Values by table, program and figure, each by file and round."""
    found = {}
    for path in paths:
        with open(path, newline="") as handle:
            for row in csv.DictReader(handle):
                key = (row["table"], row["program"], row["figure"])
                found.setdefault(key, {})[path, int(row["round"])] = float(row["value"])
    return found


def measured(line, found):
    """Median, interval and confidence of a line; None if nothing was measured for it."""
    ours = found.get((line["table"], line["ours"], line["figure"]), {})
    if line["theirs"] is None:
        values = [value / line["unit"] for value in ours.values()]
        return intervals.ratio(values, [1.0] * len(values))
    theirs = found.get((line["table"], line["theirs"], line["figure"]), {})
    both = sorted(ours.keys() & theirs.keys())
    return intervals.ratio([ours[key] for key in both], [theirs[key] for key in both])


def verdict(goal, result):
    """Whether the goal is met by the whole interval."""
    if goal is None:
        return ""
    sign, limit = goal
    low, high = result["low"], result["high"]
    if sign == "≈":
        return "met" if low <= limit <= high else "missed"
    if sign == "≥":
        low, high, limit = -high, -low, -limit
    return "met" if high <= limit else "missed" if low > limit else "open"


def rows(lines, found):
    for line in lines:
        result = measured(line, found)
        if result is None:
            continue
        earlier = measured(before(line), found) if before(line) != line else None
        goal = f"{line['goal'][0]} {line['goal'][1]:.2f}" if line["goal"] else "-"
        yield [line["what"], intervals.ratio_text(earlier), intervals.ratio_text(result), goal, str(result["pairs"]), verdict(line["goal"], result)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE.csv")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_args()
    try:
        found = read(options.files)
    except (OSError, KeyError, ValueError) as reason:
        sys.exit(f"{type(reason).__name__}: {reason}. The files are those that the other scripts write with --csv.")
    heads = ["what", "before", "now", "goal", "rounds", "verdict"]
    for title, lines in (("The server", servers()), ("The generator", generators())):
        table = list(rows(lines, found))
        if not table:
            continue
        if options.markdown:
            print(f"\n### {title}\n\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
            for row in table:
                print(f"| {' | '.join(row)} |")
        else:
            bench.show(title, heads, table)


if __name__ == "__main__":
    main()
