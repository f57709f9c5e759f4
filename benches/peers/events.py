"""Servers of events, and one client for all of them: tidings' worker. A [target] table describes how to speak to each."""

import contextlib
import pathlib
import shutil
import tempfile

import bench
import hosts
import load
import templates

QUESTION = "What does a delivery cost the server, and how old is it on arrival?"
TARGET = """[target]
{dialect}
url = {{ default = "http://127.0.0.1:{port}", websocket = "ws://127.0.0.1:{port}" }}
[target.process]
pid = {pid}
"""
NCHAN = """    nchan_shared_memory_size 128M;
    nchan_message_buffer_length 1000;
    nchan_message_timeout 60s;
    server {{
        listen 127.0.0.1:{port} backlog=8192;
        location ~ ^/pub/(.+)$ {{ nchan_publisher http; nchan_channel_id $1; }}
        location ~ ^/sse/(.+)$ {{ nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest; }}
        location ~ ^/ws/(.+)$ {{ nchan_subscriber websocket; nchan_channel_id $1; nchan_subscriber_first_message newest; }}
        location ~ ^/hold/(.+)$ {{ nchan_subscriber longpoll; nchan_channel_id $1; nchan_subscriber_first_message newest; nchan_subscriber_timeout 600s; }}
        location ~ ^/poll/(.+)$ {{ nchan_subscriber intervalpoll; nchan_channel_id $1; nchan_subscriber_first_message newest; }}
    }}
"""
# As any other server is described, not by the page of the built-in one: the client then looks for tokens here as it does everywhere.
TIDINGS = """[target.publish]
request = "POST /topics/{{topic}}/events"
headers = { content-type = "application/json" }
body = '{"data":{{event}}}'
[target.sse]
request = "GET /topics/{{topic}}/stream"
resume = "none"
[target.websocket]
path = "/topics/{{topic}}/ws"
"""
BUN = """[target.publish]
request = "POST /pub/{{topic}}"
body = "{{event}}"
[target.sse]
request = "GET /sse/{{topic}}"
resume = "none"
[target.websocket]
path = "/ws/{{topic}}"
"""
DURABLE = """[[target.setup]]
each = "topic"
request = "PUT /{{topic}}"
headers = { content-type = "application/json" }
[target.publish]
request = "POST /{{topic}}"
headers = { content-type = "application/json" }
body = "{{event}}"
[target.sse]
request = "GET /{{topic}}?offset=now&live=sse"
resume = "none"
ignore = { event = "control" }
"""


class Load:
    """A broadcast: how many subscribers, how many events per second of how many bytes, for how long."""

    def __init__(self, clients=1000, rate=50.0, payload=128, seconds=2.0, arrivals="constant"):
        self.clients, self.rate, self.payload, self.seconds, self.arrivals = clients, rate, payload, seconds, arrivals

    def scenario(self, pattern, floor=False):
        connect = max(0.5, self.clients / 2000)
        text = templates.scenario(QUESTION, pattern, self.clients, self.seconds, floor=floor, connect=connect)
        return text + templates.events(self.rate, self.arrivals, self.payload)


def nchan(core, _cache):
    if not pathlib.Path(hosts.NCHAN).exists():
        raise bench.Failed("nchan is not installed; install.py installs it")
    return hosts.nginx(core, nchan_configuration)


def nchan_configuration(port):
    return templates.nginx(NCHAN.format(port=port), modules=f"load_module {hosts.NCHAN};\n")


def bun(core, cache):
    program = hosts.bun(cache)
    if not program.exists():
        raise bench.Failed("bun is not installed; install.py installs it")
    return script(core, lambda port: [program, bench.HERE / "services/bun.mjs", port])


def durable_streams(core, cache):
    module, node = hosts.durable_streams(cache), shutil.which("node")
    if not module.exists() or node is None:
        raise bench.Failed("durable-streams' server or node is not installed; install.py installs it")
    return script(core, lambda port: [node, bench.HERE / "services/durable-streams.mjs", module.resolve(), port])


@contextlib.contextmanager
def script(core, command):
    """A server that is a script, which takes its port as an argument."""
    with tempfile.TemporaryDirectory() as folder:
        port, log = bench.free_port(), pathlib.Path(folder) / "output"
        child = bench.start(core, command(port), stdout=log.open("wb"), stderr=bench.subprocess.STDOUT, cwd=folder)
        try:
            try:
                bench.wait_for(port, child)
            except bench.Failed as reason:
                raise bench.Failed(f"{command(port)[0]}: {reason}: {log.read_text()[-300:]}") from None
            yield hosts.Host(child, port)
        finally:
            bench.end(child)


# Name: how it is started, its dialect, its tables, and the patterns that it has.
SERVERS = {
    "nchan": (nchan, 'dialect = "nchan"', "", ("websocket", "sse")),
    "bun": (bun, "", BUN, ("websocket", "sse")),
    "durable-streams": (durable_streams, "", DURABLE, ("sse",)),
}


def delivered(options, server, dialect, tables, pattern, offered):
    """One trial on a server that was started for it."""
    with server as host:
        scenario = offered.scenario(pattern) + TARGET.format(dialect=dialect, port=host.port, pid=host.child.pid) + tables
        row, _, _ = load.trial(options.tidings, scenario, options.client_core, offered.seconds + 40)
    return whole(row)


def peer(options, name, pattern, offered):
    begin, dialect, tables, _ = SERVERS[name]
    return delivered(options, begin(options.server_core, options.cache), dialect, tables, pattern, offered)


def built_in(options, binary, pattern, offered):
    """The built-in server of a binary, as a server of somebody else: started apart, published to by POST."""
    server = hosts.tidings(binary, options.server_core)
    return delivered(options, server, "", TIDINGS, pattern, offered)


def null(options, offered):
    """The null target, which writes every event to every subscriber's WebSocket and does nothing else: the floor of a run.

    Its shard alone: in a run, a target also has a thread that watches the machine, which a server outside of runs has not."""
    watch = load.Watch("target", threads=True)
    both = f"{options.server_core},{options.client_core}"
    row, floor, _ = load.trial(options.tidings, offered.scenario("websocket", floor=True), both, 2 * offered.seconds + 60, watch)
    if not floor or not floor[0]["delivered"]:
        raise bench.Failed("the run has no noise floor")
    cores = watch.cores(float(floor[0]["measure_s"]), int(floor[0]["after_trials"]))
    if not cores:
        raise bench.Failed("the null target's CPU time was not seen")
    each = cores * float(floor[0]["measure_s"]) / float(floor[0]["delivered"])
    figures = {"target_cpu": each, "p50": load.value(floor[0], "floor_ns_p50", 1e-9), "p99": load.value(floor[0], "floor_ns_p99", 1e-9)}
    return figures | {"delivered": load.value(floor[0], "delivered"), "expected": load.value(floor[0], "expected")}


def whole(row):
    """The figures of a trial in which everything arrived."""
    names = {
        "delivered": ("delivered", 1.0), "expected": ("expected", 1.0), "target_cpu": ("target_cpu_ns_per_delivery", 1e-9),
        "worker_cpu": ("worker_cpu_ns_per_delivery", 1e-9), "p50": ("freshness_ns_p50", 1e-9), "p99": ("freshness_ns_p99", 1e-9),
        "cores": ("target_cpu_cores", 1.0),
    }
    figures = {name: load.value(row, cell, factor) for name, (cell, factor) in names.items()}
    if not figures["delivered"] or figures["target_cpu"] is None:
        raise bench.Failed(f"nothing was delivered, or the server's CPU time was not measured: {row['verdict_reasons']}")
    return figures


def programs(options, pattern, offered, names):
    """The programs of a table by name: tidings, the binary before, and the peers that are here and have the pattern."""
    found = {"tidings": lambda: built_in(options, options.tidings, pattern, offered)}
    if options.before:
        found["tidings before"] = lambda: built_in(options, options.before, pattern, offered)
    for name in names:
        if (options.peers and name not in options.peers.split(",")) or pattern not in SERVERS[name][3]:
            continue
        try:
            with SERVERS[name][0](options.server_core, options.cache):
                pass
        except bench.Failed as reason:
            print(f"{name}: left out. {reason}")
            continue
        found[name] = lambda name=name: peer(options, name, pattern, offered)
    return found


def counts(found):
    """Says whether every server delivered the same events to everybody."""
    expected = {value for name in found if name != "null target" for value in bench.column(found, name, "expected") if value is not None}
    missing = [name for name in found for row in found[name] if row and row["delivered"] != row["expected"]]
    if len(expected) == 1 and not missing:
        print(f"Every server delivered {expected.pop():,.0f} events in each round, none lost.")
    else:
        short = ", ".join(sorted(set(missing))) or "none"
        print(f"Deliveries are not equal: {sorted(expected)} were expected; servers that missed some: {short}.")
