"""The servers: nginx as each table needs it, and tidings' own."""

import contextlib
import pathlib
import re
import shutil
import tempfile
import time

import bench
import templates

BODY = "0123456789" * 8 + "1"
ADDRESSES = [f"127.0.0.{number}" for number in range(1, 9)]
NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"

PLAIN = """    server {{
{listen}
        location / {{ return 200 '{body}'; }}
        location /headers {{
            add_header Cache-Control 'private, max-age=0, must-revalidate';
            add_header X-Request-Id '6f1d2c3b-4a59-4867-9a0b-1c2d3e4f5a6b';
            add_header Strict-Transport-Security 'max-age=31536000; includeSubDomains';
            add_header Content-Security-Policy "default-src 'none'; frame-ancestors 'none'";
            add_header Vary 'Accept, Accept-Encoding, Origin';
            add_header Set-Cookie 'session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; SameSite=Lax';
            add_header ETag '"5f3759df-51"';
            return 200 '{body}';
        }}
        # A filter that may change the length makes nginx send chunks.
        location /chunked {{ sub_filter_types *; sub_filter 'never' 'there'; return 200 '{body}'; }}
        location = /status {{ stub_status; }}
    }}
"""


@contextlib.contextmanager
def nginx(core, servers):
    """nginx with one worker on a core; `servers` is a function of a port that returns its configuration."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if program is None:
        raise bench.Failed("nginx is not installed")
    with tempfile.TemporaryDirectory() as folder:
        port = bench.free_port()
        (pathlib.Path(folder) / "nginx.conf").write_text(servers(port))
        log = pathlib.Path(folder) / "stderr"
        child = bench.start(core, [program, "-p", folder, "-c", "nginx.conf", "-e", "stderr"], stdout=log.open("wb"), stderr=bench.subprocess.STDOUT)
        try:
            try:
                bench.wait_for(port, child)
            except bench.Failed as reason:
                raise bench.Failed(f"nginx: {reason}: {log.read_text()[-300:]}") from None
            yield Host(child, port)
        finally:
            bench.end(child)


class Host:
    """A server that runs."""

    def __init__(self, child, port):
        self.child, self.port = child, port
        self.pids = bench.family(child.pid)

    def url(self, path="/", address="127.0.0.1"):
        return f"http://{address}:{self.port}{path}"

    def cpu(self):
        """CPU seconds so far, of all its processes."""
        return bench.cpu_of(self.pids)


def static(core, body=BODY, http2=False, addresses=("127.0.0.1",)):
    """nginx's static answers."""
    def servers(port):
        listen = "\n".join(f"        listen {address}:{port}{' http2' if http2 else ''} backlog=8192;" for address in addresses)
        return templates.nginx(PLAIN.format(listen=listen, body=body))
    return nginx(core, servers)


@contextlib.contextmanager
def tidings(binary, core, rate="0/s", payload="64B", arrivals="poisson"):
    """The built-in server of a binary; by itself it publishes nothing, unless a rate is given."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "output"
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--shards", "1", "--allow-private-webhooks", "--rate", rate, "--payload", payload]
        if arrivals != "poisson":
            command += ["--arrivals", arrivals]
        child = bench.start(core, command, stdout=log.open("wb"), stderr=bench.subprocess.STDOUT)
        try:
            until = time.monotonic() + 10
            while not (match := re.search(r"127\.0\.0\.1:(\d+)", log.read_text())):
                if child.poll() is not None or time.monotonic() > until:
                    raise bench.Failed(f"{binary} serve did not start: {log.read_text()[-300:]}")
                time.sleep(0.02)
            bench.wait_for(int(match[1]), child)
            yield Host(child, int(match[1]))
        finally:
            bench.end(child)


def bun(cache):
    return pathlib.Path(cache) / "npm/node_modules/.bin/bun"


def durable_streams(cache):
    return pathlib.Path(cache) / "npm/node_modules/@durable-streams/server/dist/index.js"
