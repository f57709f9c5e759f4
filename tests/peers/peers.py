#!/usr/bin/env python3
"""Clients of another make: they subscribe as any client would, and write down when each event came.

    peers.py KIND HOST:PORT TOPIC CLIENTS

KIND is nchan-long-poll, nchan-sse, nchan-websocket, nats or pocketbase. When all have subscribed, a line "ready" is printed; when
standard input ends, a line for each event and client: its token, the client, and the time at which the read that
completed it returned, in nanoseconds of CLOCK_MONOTONIC. Standard library only.

All sockets are read before anything that was read is looked at, so that the time of a client does not include the work for
those before it.
"""

import base64
import json
import os
import re
import select
import socket
import sys
import time

# As src/dialect/token.rs makes them.
TOKEN = re.compile(rb"q947u[0-9a-hjkmnp-tv-z]{19}", re.IGNORECASE)
LENGTH = 24


class Client:
    def __init__(self, address, topic):
        self.topic, self.tail, self.seen = topic, b"", {}
        self.socket = connect(address)
        self.address = address
        self.subscribe()
        self.socket.setblocking(False)

    def subscribe(self):
        raise NotImplementedError

    def take(self, at, data):
        """Notes the tokens of what was read at `at`."""
        text = self.tail + data
        for token in TOKEN.findall(text):
            self.seen.setdefault(token.lower().decode(), at)
        self.tail = text[-(LENGTH - 1):]

    def request(self, head, body=b""):
        self.socket.sendall(f"{head}\r\nhost: {self.address[0]}:{self.address[1]}\r\n\r\n".encode() + body)

    def until(self, what):
        """Blocks until `what` has come, and returns all that came."""
        data = b""
        while what not in data:
            piece = self.socket.recv(65536)
            if not piece:
                raise SystemExit(f"the server closed the connection after {data!r}")
            data += piece
        return data


class NchanSse(Client):
    def subscribe(self):
        self.request(f"GET /sse/{self.topic} HTTP/1.1\r\naccept: text/event-stream")
        self.until(b": hi")


class NchanLongPoll(Client):
    def subscribe(self):
        self.answer, self.cursor = b"", ""
        self.poll()

    def poll(self):
        self.request(f"GET /hold/{self.topic} HTTP/1.1{self.cursor}")

    def take(self, at, data):
        super().take(at, data)
        self.answer += data
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(fields[b"content-length"]):
            return
        self.answer, self.tail = b"", b""
        if b"last-modified" in fields:
            time_of = re.search(rb"(?i)last-modified: ([^\r]*)", head)[1].decode()
            self.cursor = f"\r\nif-modified-since: {time_of}\r\nif-none-match: {fields[b'etag'].decode()}"
        self.poll()


class WebSocket(Client):
    path = "/"

    def upgrade(self):
        key = base64.b64encode(os.urandom(16)).decode()
        self.request(f"GET {self.path} HTTP/1.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                     f"sec-websocket-version: 13\r\nsec-websocket-key: {key}")
        return self.until(b"\r\n\r\n")

    def send(self, text):
        """One short frame; a mask of zeros leaves the text as it is."""
        self.socket.sendall(bytes([0x82, 0x80 | len(text), 0, 0, 0, 0]) + text)


class NchanWebSocket(WebSocket):
    def subscribe(self):
        self.path = f"/ws/{self.topic}"
        self.upgrade()


class Nats(WebSocket):
    def subscribe(self):
        if b"INFO " not in self.upgrade():
            self.until(b"INFO ")
        self.send(b'CONNECT {"verbose":false}\r\n')
        self.send(f"SUB {self.topic} 1\r\nPING\r\n".encode())
        self.until(b"PONG\r\n")

    def take(self, at, data):
        super().take(at, data)
        if data.endswith(b"PING\r\n"):
            self.send(b"PONG\r\n")


class PocketBase(Client):
    def subscribe(self):
        self.request("GET /api/realtime HTTP/1.1")
        greeting = self.until(b"clientId")
        while not (found := re.search(rb'"clientId":"([^"]+)"', greeting)):
            greeting += self.socket.recv(65536)
        options = json.dumps({"query": {"filter": f"topic='{self.topic}'"}}, separators=(",", ":"))
        escaped = "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in options)
        wanted = {"clientId": found[1].decode(), "subscriptions": [f"tidings/*?options={escaped}"]}
        body = json.dumps(wanted).encode()
        beside = connect(self.address)
        beside.sendall(f"POST /api/realtime HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
                       f"content-length: {len(body)}\r\n\r\n".encode() + body)
        status = beside.recv(65536).split(b" ")[1]
        if status != b"204":
            raise SystemExit(f"the subscription was answered by {status.decode()}")


KINDS = {"nchan-long-poll": NchanLongPoll, "nchan-sse": NchanSse, "nchan-websocket": NchanWebSocket, "nats": Nats,
         "pocketbase": PocketBase}


def connect(address):
    connection = socket.create_connection(address, timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def main():
    kind, place, topic, count = sys.argv[1:5]
    host, port = place.rsplit(":", 1)
    clients = {}
    for _ in range(int(count)):
        client = KINDS[kind]((host, int(port)), topic)
        clients[client.socket.fileno()] = client
    poll = select.epoll()
    for fd in [*clients, 0]:
        poll.register(fd, select.EPOLLIN)
    print("ready", flush=True)

    ended = False
    while not ended:
        arrived = []
        for fd, _ in poll.poll():
            if fd == 0:
                ended = True
                continue
            try:
                arrived.append((clients[fd], clients[fd].socket.recv(1 << 20), time.monotonic_ns()))
            except BlockingIOError:
                continue
        for client, data, at in arrived:
            if not data:
                poll.unregister(client.socket.fileno())
                print("a connection was closed by the server", file=sys.stderr)
            client.take(at, data)
    for number, client in enumerate(clients.values()):
        for token, at in client.seen.items():
            print(token, number, at)


main()
