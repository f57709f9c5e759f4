"""What every script gives to tidings and to nginx: the text of a scenario with one trial, and of a configuration."""

SCENARIO = """question = "{question}"
patterns = ["{pattern}"]
trials = 1
floor = {floor}
[phases]
connect = "{connect:.2f}s"
idle = "{idle:g}s"
warmup = "{warmup:g}s"
measure = "{seconds:g}s"
drain = "{drain:g}s"
[worker]
processes = 1
shards = 1
[workload]
clients = {clients}
"""
EVENTS = """rate = "{rate:g}/s"
arrivals = "{arrivals}"
payload = "{payload}B"
topics = {topics}
"""

NGINX = """{modules}daemon off;
pid nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    # A connection is kept for as long as a client uses it.
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    default_type application/json;
{servers}}}
"""


def scenario(question, pattern, clients, seconds, floor=False, connect=0.5, idle=0.2, warmup=1.0, drain=3.0):
    """A trial of one pattern with one worker of one shard; it ends in the table `workload`."""
    return SCENARIO.format(
        question=question, pattern=pattern, clients=clients, seconds=seconds, floor=str(floor).lower(), connect=connect, idle=idle,
        warmup=warmup, drain=drain,
    )


def events(rate, arrivals="constant", payload=128, topics="1"):
    """What is published in a trial: further keys of the table `workload`."""
    return EVENTS.format(rate=rate, arrivals=arrivals, payload=payload, topics=topics)


def nginx(servers, modules=""):
    """nginx with one worker; `servers` are its blocks, `modules` its lines for those."""
    return NGINX.format(servers=servers, modules=modules)
