"""Holds thousands of links of one kind to a server with raw sockets, while its memory is read."""

import base64
import json
import os
import resource
import selectors
import socket
import time

import bench

KEY = base64.b64encode(bytes(range(16))).decode()


def allow(count):
    """Raises the limit of descriptors to what `count` links need, as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 256
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(needed, hard), hard))
    if hard < needed:
        raise bench.Failed(f"{count} links need {needed} descriptors; the limit is {hard}: ulimit -n")


class Links:
    """Links to one path of a server."""

    def __init__(self, port, path, kind):
        self.port, self.path, self.kind = port, path, kind
        self.sockets, self.selector = [], selectors.DefaultSelector()
        # The request that a poll sends next: the answer before says where it continues.
        self.request = self.rendered(path)

    def rendered(self, path, extra=""):
        if self.kind == "websocket":
            extra += f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        if self.kind == "sse":
            extra += "Accept: text/event-stream\r\n"
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{extra}\r\n".encode()

    def open(self, count):
        """Opens links until there are `count`; a stream and a WebSocket have then been answered, and a poll as well unless it is held."""
        fresh = []
        while len(self.sockets) < count:
            link = socket.create_connection(("127.0.0.1", self.port), 10)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.sendall(self.request)
            link.setblocking(False)
            self.selector.register(link, selectors.EVENT_READ)
            self.sockets.append(link)
            fresh.append(link)
        if self.kind == "long-poll":
            time.sleep(0.5)
        else:
            self.gather(fresh, b"\r\n\r\n")

    def gather(self, links, marker, patience=30.0):
        """Reads until each of the links has received the marker; returns what the last one received."""
        texts, until = {link: b"" for link in links}, time.monotonic() + patience
        missing, last = set(links), b""
        while missing:
            if time.monotonic() > until:
                raise bench.Failed(f"{len(missing)} of {len(links)} links received nothing within {patience:.0f} s")
            for key, _ in self.selector.select(1.0):
                link = key.fileobj
                received = link.recv(65536)
                if not received:
                    raise bench.Failed(f"the server closed a link after {texts.get(link, b'')[:200]!r}")
                if link in missing:
                    texts[link] += received
                    if marker in texts[link]:
                        missing.discard(link)
                        last = texts.pop(link)
        return last

    def again(self, answer):
        """Long polls: asks again for what follows the answer."""
        head, _, body = answer.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        fields = {name.lower(): value for name, value in fields.items()}
        if "last-modified" in fields:
            extra = f"If-Modified-Since: {fields['last-modified']}\r\nIf-None-Match: {fields.get('etag', '')}\r\n"
            self.request = self.rendered(self.path, extra)
        else:
            cursor = json.loads(body)["next"]
            self.request = self.rendered(self.path.replace("since=0", f"since={cursor}"))
        for link in self.sockets:
            link.send(self.request)
        time.sleep(0.5)

    def close(self):
        for link in self.sockets:
            self.selector.unregister(link)
            # RST at once: no port is left waiting.
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            link.close()
        self.selector.close()
        self.sockets = []


def marker():
    """A text that no server sends by itself."""
    return os.urandom(12).hex()
