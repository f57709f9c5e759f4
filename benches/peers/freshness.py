#!/usr/bin/env python3
"""How old an event is on arrival: one stream × 50/s × 1,000 subscribers over SSE, at tidings' built-in server and at others.

The floor is the time of as many writes as there are subscribers, one after another, at the CPU time of the null target's write:
the last subscriber cannot have an event earlier."""

import bench
import events
import intervals
from generators import MICROSECONDS, MILLISECONDS, WHOLE


def freshness(options, raw):
    offered = events.Load(clients=options.subscribers, rate=options.events, seconds=options.seconds)
    found = {"null target": lambda: events.null(options, offered)}
    found |= events.programs(options, "sse", offered, ("nchan", "bun", "durable-streams"))
    found = bench.rounds(options, found)
    shown = [
        ("p50", "p50", MILLISECONDS), ("p99", "p99", MILLISECONDS), ("CPU per delivery", "target_cpu", MICROSECONDS), ("delivered", "delivered", WHOLE),
    ]
    compared = [("p50, tidings ÷ it (95 %)", "p50"), ("p99, tidings ÷ it (95 %)", "p99")]
    title = f"Freshness over SSE (null target: over WebSockets), {offered.clients:,} subscribers × {offered.rate:g}/s × {offered.payload} B"
    bench.table((title, "server"), found, "tidings", shown, compared)
    for name in found:
        write = intervals.median(bench.present(bench.column(found, name, "target_cpu")))
        if write:
            print(f"{name}: {offered.clients:,} × {1e6 * write:.2f} µs = {1e3 * offered.clients * write:.2f} ms for an event's writes.")
    events.counts(found)
    raw.add("freshness", found)


def main():
    parser = bench.arguments(__doc__)
    parser.add_argument("--subscribers", type=int, default=1000, help="subscribers of the stream (default 1,000)")
    parser.add_argument("--events", type=float, default=50.0, help="events per second (default 50)")
    options = parser.parse_args()
    bench.begin(options)
    bench.run_tables(options, {"freshness": freshness}, bench.Pairs(options.csv))


if __name__ == "__main__":
    main()
