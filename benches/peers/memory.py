#!/usr/bin/env python3
"""User memory per link: (resident memory at 10,000 − at 1,000) ÷ 9,000, after one broadcast to all of them.

Tables (--only): servers (what a link costs a server), clients (what a link costs tidings' worker)."""

import functools

import bench
import events
import hosts
import links
import load
import templates
from servers import post

KIB = lambda value: f"{value / 1024:.2f} KiB"
KINDS = ("sse", "long-poll", "keep-alive", "websocket")
TIDINGS = {
    "sse": "/topics/news-0/stream", "websocket": "/topics/news-0/ws", "keep-alive": "/topics/news-0/events?since=0",
    "long-poll": "/topics/news-0/events?since=0&wait=60s",
}
PATHS = {
    "nchan": {"sse": "/sse/news-0", "websocket": "/ws/news-0", "long-poll": "/hold/news-0", "keep-alive": "/poll/news-0"},
    "bun": {"sse": "/sse/news-0", "websocket": "/ws/news-0"},
    "durable-streams": {"sse": "/news-0?offset=now&live=sse"},
}


def event(name, text):
    """Path and body that publish a text at a server."""
    if name.startswith("tidings"):
        return "/topics/news-0/events", f'{{"data":"{text}"}}'
    return ("/news-0" if name == "durable-streams" else "/pub/news-0"), f'"{text}"'


def per_link(options, name, server, path, kind):
    """Grows one server from the few to the many links, with a broadcast at either count."""
    few, many = options.few, options.many
    with server as host:
        if name == "durable-streams":
            create(host, "/news-0")
        held = links.Links(host.port, path, kind)
        try:
            sizes = []
            for count in (few, many):
                held.open(count)
                broadcast(name, host, held)
                bench.time.sleep(options.settle)
                sizes.append(bench.memory_of(bench.family(host.child.pid)))
        finally:
            held.close()
    return {"per_link": (sizes[1] - sizes[0]) / (many - few), "few": sizes[0], "many": sizes[1]}


def broadcast(name, host, held):
    """One event for all links. A link that is kept between polls asks once more instead: nothing is pushed to it."""
    if held.kind == "keep-alive":
        for link in held.sockets:
            link.send(held.request)
        held.gather(held.sockets, b"\r\n\r\n")
        return
    text = links.marker()
    post(host, *event(name, text))
    answer = held.gather(held.sockets, text.encode())
    if held.kind == "long-poll":
        held.again(answer)


def create(host, path):
    connection = bench.http_connection(host.port)
    connection.request("PUT", path, b"", {"content-type": "application/json"})
    connection.getresponse().read()
    connection.close()


def programs(options, kind):
    core, cache = options.server_core, options.cache
    begin = {"tidings": lambda: hosts.tidings(options.tidings, core)}
    if options.before:
        begin["tidings before"] = lambda: hosts.tidings(options.before, core)
    for name, paths in PATHS.items():
        if kind in paths and (not options.peers or name in options.peers.split(",")):
            begin[name] = functools.partial(events.SERVERS[name][0], core, cache)
    found = {}
    for name, server in begin.items():
        path = TIDINGS[kind] if name.startswith("tidings") else PATHS[name][kind]
        found[name] = lambda name=name, server=server, path=path: per_link(options, name, opened(server), path, kind)
    return found


def opened(server):
    """The server's context; what is missing is a failure of this program alone."""
    return server()


def of_servers(options, raw):
    links.allow(options.many)
    for kind in KINDS:
        found = bench.rounds(options, programs(options, kind))
        shown = [("per link", "per_link", KIB), (f"at {options.few:,}", "few", KIB), (f"at {options.many:,}", "many", KIB)]
        bench.table((f"User memory of the server per link, {kind}", "server"), found, "tidings", shown, [("tidings ÷ it", "per_link")])
        raw.add(f"memory, {kind}", found)


def scenario(pattern, clients):
    """Clients that wait for 3 s, and then receive an event per second."""
    question, connect = "What does a client cost the worker?", max(0.5, clients / 4000)
    text = templates.scenario(question, pattern, clients, 3.0, connect=connect, idle=3.0, warmup=0.5)
    return text + 'rate = "1/s"\narrivals = "constant"\n' + ('[short-poll]\ninterval = "1s"\n' if pattern == "short-poll" else "")


def sizes(options, binary, pattern, clients):
    """The worker's memory in the idle phase, and at most."""
    watch, connect = load.Watch(), max(0.5, clients / 4000)
    load.trial(binary, scenario(pattern, clients), f"{options.server_core},{options.client_core}", 90, watch)
    return watch.size(after=connect + 2.0), watch.largest()


def of_clients(options, raw):
    """The worker's memory between two numbers of clients: when all are connected and nothing has come, and at one event per second."""
    found = {}

    def program(binary, pattern):
        few, many = (sizes(options, binary, pattern, clients) for clients in (options.few, options.many))
        idle, used = ((large - small) / (options.many - options.few) for small, large in zip(few, many))
        return {"idle": idle, "used": used}

    for pattern in ("websocket", "sse", "long-poll", "short-poll", "webhook"):
        found[pattern] = functools.partial(program, options.tidings, pattern)
        if options.before:
            found[f"{pattern}, before"] = functools.partial(program, options.before, pattern)
    found = bench.rounds(options, found)
    bench.table(("User memory of tidings' worker per client", "pattern"), found, "", [("idle", "idle", KIB), ("in use", "used", KIB)], [])
    raw.add("memory of clients", found)


def main():
    parser = bench.arguments(__doc__)
    parser.set_defaults(pairs=3)
    parser.add_argument("--few", type=int, default=1000, help="the smaller number of links (default 1,000)")
    parser.add_argument("--many", type=int, default=10_000, help="the larger one (default 10,000)")
    parser.add_argument("--settle", type=float, default=1.0, help="seconds between the broadcast and the reading (default 1)")
    options = parser.parse_args()
    bench.begin(options)
    bench.run_tables(options, {"servers": of_servers, "clients": of_clients}, bench.Pairs(options.csv))


if __name__ == "__main__":
    main()
