#!/usr/bin/env python3
"""What a received event costs tidings' worker: a WebSocket message, an SSE event, an answered long poll, an acknowledged webhook.

The built-in target publishes to 1,000 clients. The worker's CPU time per delivery is that of its own process. Floors are printed
beside it if they have been built: programs that do the same reads and writes and record nothing.
cargo build --release --example bare-websocket --example bare-exchanges"""

import functools
import json
import re

import bench
import hosts
import load
import templates
from generators import MICROSECONDS, WHOLE

QUESTION = "What does a received event cost the client?"
# The core that the worker leaves to it.
TARGET = "[target.builtin]\nshards = 1\n"
PATTERNS = ("websocket", "sse", "long-poll", "webhook")


def scenario(pattern, clients, rate, seconds, topics=1, arrivals="constant"):
    text = templates.scenario(QUESTION, pattern, clients, seconds, connect=max(0.5, clients / 2000))
    return text + templates.events(rate, arrivals, topics=json.dumps(topics)) + TARGET


def one(options, binary, pattern, topics=1, arrivals="constant"):
    """One trial on the built-in target: target and worker have a core each."""
    text = scenario(pattern, options.clients, options.events, options.seconds, topics, arrivals)
    row, _, _ = load.trial(binary, text, f"{options.server_core},{options.client_core}", options.seconds + 40)
    figures = {
        "cpu": load.value(row, "worker_cpu_ns_per_delivery", 1e-9), "delivered": load.value(row, "delivered"),
        "missing": load.value(row, "lost"), "server": load.value(row, "target_cpu_ns_per_delivery", 1e-9),
    }
    if not figures["cpu"]:
        raise bench.Failed(f"nothing was delivered: {row['verdict_reasons']}")
    return figures


def floor(options, words, pattern):
    """A program that does no more than it must, on a server that publishes at the same rate; CPU per message from its own clock of CPU time."""
    with hosts.tidings(options.tidings, options.server_core, rate=f"{options.events:g}/s", payload="128B", arrivals="constant") as server:
        words = [*words, f"127.0.0.1:{server.port}", *(["/topics/news-0/ws"] if pattern == "websocket" else []), options.clients, f"{options.seconds:g}"]
        output, _, _, status = bench.measured(options.client_core, words, options.seconds + 40)
    match = re.search(r"(\d+) (?:messages|exchanges), (\d+) ns of CPU", output)
    if match is None or not int(match[1]):
        raise bench.Failed(f"the floor of {pattern} ended with status {status}: {output[-300:].strip()}")
    return {"cpu": int(match[2]) / int(match[1]) / 1e9, "delivered": float(match[1])}


def floors(options):
    """The floors that are built, by pattern: one of its own where a delivery takes more than a read. An event stream's is a WebSocket's."""
    found = {"websocket": [options.bare], "long-poll": [options.exchanges, "poll"], "webhook": [options.exchanges, "webhook"]}
    for program in sorted({words[0] for words in found.values() if not bench.os.access(words[0], bench.os.X_OK)}):
        print(f"{program}: left out, as it is not built: cargo build --release --example {bench.os.path.basename(program)}")
    return {pattern: words for pattern, words in found.items() if bench.os.access(words[0], bench.os.X_OK)}


def received(options, raw):
    found = {pattern: functools.partial(one, options, options.tidings, pattern) for pattern in PATTERNS}
    if options.before:
        found |= {f"{pattern}, before": functools.partial(one, options, options.before, pattern) for pattern in PATTERNS}
    known = floors(options)
    found |= {f"floor of {pattern}": functools.partial(floor, options, words, pattern) for pattern, words in known.items()}
    found = bench.rounds(options, found)
    shown = [("worker's CPU per delivery", "cpu", MICROSECONDS), ("target's", "server", MICROSECONDS), ("delivered", "delivered", WHOLE), ("lost", "missing", WHOLE)]
    title = f"A received event of 128 B, {options.clients:,} clients × {options.events:g}/s"
    bench.table((title, "pattern"), found, "websocket", shown, [("CPU, it ÷ websocket (95 %)", "cpu")], inverse=True)
    rows = []
    for pattern in PATTERNS:
        own = "websocket" if pattern == "sse" else pattern
        if own in known:
            pair = [bench.column(found, name, "cpu") for name in (pattern, f"floor of {own}")]
            rows.append([pattern, f"floor of {own}", bench.intervals.ratio_text(bench.intervals.ratio(*pair))])
    if rows:
        bench.show("Beside what reading and writing cost at least", ["pattern", "floor", "CPU, it ÷ its floor (95 %)"], rows)
    raw.add("received", found)


def main():
    parser = bench.arguments(__doc__)
    parser.add_argument("--clients", type=int, default=1000, help="clients (default 1,000)")
    parser.add_argument("--events", type=float, default=20.0, help="events per second to each (default 20)")
    parser.add_argument("--bare", default=str(bench.ROOT / "target/release/examples/bare-websocket"), help="the binary of a WebSocket's floor")
    parser.add_argument("--exchanges", default=str(bench.ROOT / "target/release/examples/bare-exchanges"), help="the binary of the other floors")
    options = parser.parse_args()
    bench.begin(options)
    bench.run_tables(options, {"received": received}, bench.Pairs(options.csv))


if __name__ == "__main__":
    main()
