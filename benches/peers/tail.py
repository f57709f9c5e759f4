#!/usr/bin/env python3
"""The latency that tidings, oha and h2load report of the same server under the same load, in alternating runs.

Constant arrivals, 1,000 requests per second over 50 connections of nginx. tidings' service time begins when a request is sent,
as theirs does; its response time begins when the request was due."""

import bench
import clients
import hosts
from generators import MILLISECONDS, MICROSECONDS, WHOLE, programs_for


def latencies(options, raw):
    with hosts.static(options.server_core) as server:
        offered = clients.Load(server.url(), options.connections, options.seconds, rate=options.rate)
        found = bench.rounds(options, programs_for(options, offered, "constant"))
    shown = [
        ("p50", "p50", MILLISECONDS), ("p99", "p99", MILLISECONDS), ("p50, response", "response_p50", MILLISECONDS),
        ("p99, response", "response_p99", MILLISECONDS), ("slip p99", "slip_p99", MILLISECONDS),
        ("CPU per request", "cpu", MICROSECONDS), ("per second", "rate", WHOLE),
    ]
    compared = [("p50, tidings ÷ it (95 %)", "p50"), ("p99, tidings ÷ it (95 %)", "p99")]
    title = f"{options.rate:,.0f} requests per second over {options.connections} connections, {options.seconds:g} s per run; tidings: service time"
    bench.table((title, "program"), found, "tidings", shown, compared)
    raw.add("tail", found)


def main():
    parser = bench.arguments(__doc__)
    parser.set_defaults(seconds=4.0, peers="oha,h2load")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests per second (default 1,000)")
    parser.add_argument("--connections", type=int, default=50, help="connections (default 50)")
    options = parser.parse_args()
    bench.begin(options)
    bench.run_tables(options, {"tail": latencies}, bench.Pairs(options.csv))


if __name__ == "__main__":
    main()
